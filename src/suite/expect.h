/* Expectations: what a case is judged by. Plain data; each knows the place of its budget in the
 * YAML, so that every violated budget in every report points at its line. */
#ifndef QG_SUITE_EXPECT_H
#define QG_SUITE_EXPECT_H

#include "base/finding.h"
#include "record/metric.h"
#include "suite/device.h"

#include <stdint.h>

/* One budget: an upper bound where the metric is a cost, a lower one where it is a benefit (see
 * qg_metric_within). */
typedef struct qg_expect {
    qg_metric metric;
    double limit;        /* canonical unit of the metric            */
    const char *written; /* as in the suite: "60 ms"                */
    int batch;           /* of its row; 0: quality, no batch        */
    qg_device on;    /* the devices that it is for; AUTO: all, but where one of them has its own */
    bool is_default; /* not written: judged where its golden is there */
    qg_place place;  /* of the budget's key, or of the model     */
} qg_expect;

typedef struct qg_expects {
    const qg_expect *at;
    size_t n;
} qg_expects;

/* One line of `regression.allow`: how far a metric may move against the baseline. */
typedef struct qg_allow {
    qg_metric metric;
    bool is_share; /* amount is a fraction of the baseline; else in the metric's own unit */
    double amount;
    qg_place place;
} qg_allow;

/* What a suite forgives, for a reason and up to a day: a judgement that is known to fail, or a case
 * that is not measured (exceptions.h). */
typedef struct qg_exception {
    const char *cases; /* glob over ids of cases, as of --only         */
    const char *metric_name;
    qg_metric metric;    /* that fails; QG_METRIC_N: any                 */
    const char *issue;   /* a link; NULL: none (of a skip)               */
    const char *expires; /* its last day, 2026-12-31; NULL: none (of a skip) */
    const char *reason;  /* NULL: none (of a known failure)              */
    int64_t end_s;       /* the first second after it (base/clock.h)     */
    bool strict;         /* of a known failure: fails where it is mended */
    qg_place place;
} qg_exception;

typedef struct qg_exceptions {
    const qg_exception *at;
    size_t n;
} qg_exceptions;

/* Whether an entry is about a metric of a case. QG_METRIC_N: the case itself, which only an entry
 * without metric is about. */
bool qg_exception_is_of(const qg_exception *e, const char *case_id, qg_metric metric);
bool qg_exception_has_expired(const qg_exception *e); /* by qg_clock_seconds() */

/* What a set of expectations asks of the measurement. */
typedef struct qg_expect_needs {
    bool text;      /* log-probabilities of quality.text                       */
    bool prompts;   /* prompts, continued greedily                             */
    bool golden;    /* prompts against the FP16 golden (same_top: without a text) */
    bool reference; /* the reference live in the same run                      */
    bool tasks;     /* answers of the tasks                                    */
    bool drift;     /* the case's own golden                                   */
} qg_expect_needs;
qg_expect_needs qg_metric_needs(qg_metric m);

/* Fewest samples from which a percentile's 95 % upper bound exists, in one look: 5, 59, 299 for 50,
 * 95, 99 (order statistics: the least n with 1 - q^n >= 0.95); 0 for what is no percentile. */
int qg_percentile_least_samples(int percentile);

#endif
