/* Regression: how far a metric of a case moved from another run, and whether that is more than
 * `regression.allow` grants.
 *
 * Against another program measured in turns with this one (AGAINST):
 *   p50 of latencies, throughput   log-ratios of rounds: signed-rank, Hodges-Lehmann (rounds.h)
 *   p95, p99                       ratio of the quantiles, moving blocks (bootstrap.h); needs
 *                                  10 / (1 - q) samples, under them nothing is claimed
 * Against stored runs of the same machine (BASELINE, and the pinned ANCHOR):
 *   all of these                   the logarithm of this run's value beside those of the stored
 *                                  runs: Student's t for one more draw (prediction interval,
 *                                  Hahn and Meeker 1991, chapter 4). Samples of one run share what
 *                                  differs between runs (layout of memory, clock, neighbours), so
 *                                  the runs are what is counted, not the samples
 * Memory and quality are points in both: exact for the same program, machine and text.
 *
 * An allowance below what the machine can tell is raised to it: QG_FLOOR_SHARE and QG_FLOOR_NS, or
 * the calibrated floor. A change in the good direction never fails.
 */
#ifndef QG_JUDGE_REGRESSION_H
#define QG_JUDGE_REGRESSION_H

#include "judge/estimate.h"
#include "suite/expect.h"

#define QG_FLOOR_SHARE 0.02 /* of latencies and throughput */
#define QG_FLOOR_NS    1000.0
enum { QG_BASELINE_LEAST = 5 }; /* runs of a stored baseline */

/* The same case in other runs: one (another program), or several (stored). */
typedef struct qg_others {
    qg_basis basis;
    const qg_measurement *const *at;
    size_t n;
} qg_others;

typedef struct qg_allowed {
    const qg_allow *allow;
    double floor; /* calibrated share; 0: QG_FLOOR_SHARE */
    double alpha, fail_alpha;
    size_t n_draws;
} qg_allowed;

/* *applies is false where the metric is not one of this case (KL of the reference, ...), or not
 * measured in the others: then nothing is judged. Else numbers and, of points, the verdict; the
 * rest is decided among all judgements (decide.h). QG_ENONFINITE, QG_ENOMEM. */
qg_status qg_regression_judge(qg_judgement *out, bool *applies, qg_arena *scratch,
                              const qg_measurement *m, const qg_others *others,
                              const qg_allowed *allowed, qg_err *err);

#endif
