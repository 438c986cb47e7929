/* Two arms compared by a series of theirs, as the logarithm of a ratio.
 *
 * Arms of one group were measured in turns, two samples each a round, there and back (record.h): a
 * round is a pair of means of log-samples, and what disturbs a round disturbs both. Their
 * differences go to the signed-rank test and the Hodges-Lehmann estimate (Hollander, Wolfe and
 * Chicken 2014). With ABBA rounds that is calibrated also where the noise has a drift; with AABB
 * rounds it is not. Other arms are compared run by run, by Mann-Whitney. Of itl the mean log-gap of
 * a run is taken. A sample under one unit counts as one (a clock that stood still).
 */
#ifndef QG_JUDGE_ROUNDS_H
#define QG_JUDGE_ROUNDS_H

#include "base/err.h"
#include "record/record.h"
#include "stats/stats.h"

typedef struct qg_rounds {
    const char *test; /* "signed-rank of rounds", "Mann-Whitney" */
    double estimate;  /* log(own / other) */
    qg_interval interval;
    qg_pvalues p;      /* of the limit asked */
    double detectable; /* beyond it, seen with a chance of QG_POWER; INFINITY: nothing is */
    int64_t n;         /* rounds, or samples of the smaller arm */
} qg_rounds;

/* Whether samples of one index belong together. */
bool qg_rounds_are_paired(const qg_measurement *m, const qg_measurement *other);

/* Samples of a series that one run gave: the gaps of itl; of all else 1. */
size_t qg_samples_a_run(const qg_measurement *m, const qg_series *s);

/* `limit` is a logarithm; alpha of each end, fail_alpha of a call. QG_ENOTFOUND: an arm has no such
 * series. Too few rounds give no ends and p = 1. */
qg_status qg_rounds_compare(qg_rounds *out, qg_arena *scratch, const qg_measurement *m,
                            const qg_measurement *other, qg_str series, double limit, double alpha,
                            double fail_alpha, qg_err *err);

#endif
