/* Means of independent numbers, such as the throughputs of blocks or log-ratios of paired blocks:
 * Student's t (1908). Exact where the numbers are normal, good where they are many and not skewed;
 * skewed sums over documents belong to bootstrap.h.
 */
#ifndef QG_STATS_MEAN_H
#define QG_STATS_MEAN_H

#include "base/err.h"
#include "stats/stats.h"

typedef struct qg_mean {
    double estimate, deviation; /* deviation of a single number, n - 1 in its denominator */
    qg_interval interval;
} qg_mean;

/* x [n], n >= 2. Numbers that are all equal give deviation 0 and ends that are the mean. */
qg_status qg_mean_estimate(qg_mean *out, const double *x, size_t n, double alpha, qg_err *err);

/* Does the mean lie above or below the limit? n >= 2. Where all numbers are equal, p is 0 or 1; at
 * the limit itself 1. */
qg_status qg_mean_test(qg_pvalues *out, const double *x, size_t n, double limit, qg_err *err);

#endif
