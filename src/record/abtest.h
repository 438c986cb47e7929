/* The result of an A/B test as evidence: a JSON file that whoever ran the test writes.
 *
 * Both arms (control is the plain model, treatment the quantized one) with their sample sizes and
 * the hash of what ran, the primary metric with interval and decision rule, guardrails of the same
 * form, start and end, and who made the file. suites/README.md explains every key; it is printed by
 * qg_abtest_markdown() from the table that the reader uses.
 *
 * Reading finds every mistake in one pass, and looks at the sense as well: the test has ended, and
 * after it started; counts are positive; an interval holds its estimate; each decision is the one
 * that its rule makes of its interval; the decision as a whole is the one that the parts make.
 *
 * The rule (ICH E9, section 3.3.2, for both): with `better` put right and the margin m >= 0, an
 * effect e (treatment minus control, or their ratio minus 1) passes
 *     non-inferiority   where the interval lies above -m; fails where it lies below -m
 *     superiority       where the interval lies above +m; fails where it lies below +m
 * and is inconclusive where the interval holds that bound. "ship" is a primary metric and
 * guardrails that all pass; "reject" one that fails; all else is "hold".
 */
#ifndef QG_RECORD_ABTEST_H
#define QG_RECORD_ABTEST_H

#include "base/arena.h"
#include "base/finding.h"
#include "base/str.h"

#include <stdint.h>

#define QG_ABTEST_FORMAT "quantgate-abtest"
enum { QG_ABTEST_VERSION = 1, QG_ABTEST_GUARDRAILS = 100 };
#define QG_ABTEST_BYTES_MAX ((size_t)1 << 20)

typedef struct qg_ab_arm {
    const char *model;      /* its name in the suite                         */
    const char *checkpoint; /* as qg_hash_is_named() wants it; that of the plain model, too, where
                               int8 is made while loading */
    int64_t n;              /* units that were assigned to it: users, requests */
} qg_ab_arm;

typedef struct qg_ab_result {
    const char *metric;
    const char *better;         /* "higher", "lower"                        */
    const char *effect;         /* "difference", "ratio"                    */
    const char *rule;           /* "non-inferiority", "superiority"         */
    double margin;              /* >= 0, in the unit of the effect          */
    double estimate, low, high; /* treatment minus control, or over control */
    double confidence;          /* of the interval, two-sided: 0.95         */
    const char *decision;       /* "pass", "fail", "inconclusive"           */
} qg_ab_result;

typedef struct qg_abtest {
    const char *format;
    int64_t version;
    const char *name, *made_by; /* made_by: person or program */
    const char *started, *ended;
    int64_t started_s, ended_s; /* seconds since 1970 */
    const char *unit;           /* what was assigned at random: "user" */
    double split;               /* planned share of the treatment; 0: not said */
    qg_ab_arm control, treatment;
    qg_ab_result primary;
    qg_ab_result *guardrails;
    size_t n_guardrails;
    const char *decision; /* "ship", "hold", "reject" */
    const char *notes;
} qg_abtest;

/* What the rule makes of the interval: "pass", "fail", "inconclusive". */
const char *qg_ab_decide(const qg_ab_result *r);

/* *out is NULL where a finding is an error. `path` is for the findings, `now_s` the time that no
 * test ends after (a minute of difference between clocks is forgiven). QG_ENOMEM only. */
qg_status qg_abtest_parse(qg_abtest **out, qg_findings *findings, qg_arena *arena, qg_str text,
                          const char *path, int64_t now_s, qg_err *err);

/* A file to fill in: what is not known is null, which the reader refuses. Members of the arms may
 * be NULL. */
void qg_abtest_template(qg_buf *out, const qg_ab_arm *control, const qg_ab_arm *treatment);
/* The keys as Markdown tables, and an example. */
void qg_abtest_markdown(qg_buf *out);

#endif
