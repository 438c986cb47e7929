/* What the gate's commands share: from a suite to its plan, from a measured run to verdict and
 * reports. */
#ifndef QG_CLI_OUTCOME_H
#define QG_CLI_OUTCOME_H

#include "cli/cli.h"
#include "record/noise.h"
#include "record/record.h"
#include "suite/plan.h"

/* What --report takes: the names of sinks.def. */
#define QG_OUTCOME_FORMS                                                                           \
    "which: console, junit, json, annotations, markdown, csv, html, sarif, openmetrics, ghbench, " \
    "bmf (all)"

typedef struct qg_outcome_options {
    const char *out;     /* folder of the reports, NULL: none are written */
    const char *report;  /* "junit,sarif"; NULL or "": all                */
    bool json;           /* stdout gets the record instead of the table   */
    const char *history; /* whose earlier runs the summary shows; NULL: none */
    bool no_verdict;     /* the exit code says only whether all was written */
} qg_outcome_options;

/* Reads a suite; prints its findings to stderr (errors always, notes only where the suite is
 * refused). */
qg_status qg_outcome_read_suite(qg_suite **out, qg_cli *cli, const char *path, qg_err *err);

/* Folders of what runs are compared with. */
typedef struct qg_compared {
    const char *baseline; /* of stored baselines; NULL: the suite's   */
    const char *noise;    /* of calibrated floors; NULL: golden/noise */
} qg_compared;

/* The floors of one machine; *out NULL where it was not calibrated. */
qg_status qg_outcome_noise(const qg_noise **out, qg_cli *cli, const char *dir, const char *suite,
                           const char *fingerprint, qg_err *err);

/* Judges the run against the cases of the plan: matched by id; a case of the plan that the run
 * lacks is added as failed (exit class 3). Measurements that the plan lacks are kept unjudged.
 * Of what is compared with, that of the run's machine is taken; where there is no baseline, a
 * notice says so. */
qg_status qg_outcome_judge(qg_run *run, qg_cli *cli, const qg_suite *suite, const qg_plan *plan,
                           const qg_compared *compared, qg_err *err);

/* What stands for a case of the plan that a run lacks: skipped where the plan skips it, else failed
 * (exit class 3) for the reason given, which is not copied. */
qg_measurement qg_outcome_missing(const qg_case *c, const char *why);

/* Prints the console table (or JSON), writes the reports, speaks to GitHub where GITHUB_ACTIONS is
 * set (annotations on stdout, summary appended to GITHUB_STEP_SUMMARY), and sets the exit code. */
qg_status qg_outcome_report(const qg_run *run, qg_cli *cli, const qg_outcome_options *options,
                            qg_err *err);

#endif
