/* Percentiles by order statistics: bounds that hold for every distribution, with no model of the
 * noise (David and Nagaraja 2003, section 7.1; Conover 1999, section 3.2). Samples must be
 * independent of each other; one batch run is one sample.
 *
 * The q-quantile is the least value that a share q of all possible samples does not exceed. Of n
 * samples it is estimated by nearest rank: number ceil(q n) of the sorted ones, counted from 1
 * (definition 1 of Hyndman and Fan 1996), so it is a sample that occurred.
 *
 * How many of n samples lie at or below the true quantile is binomial with n and q, whatever the
 * distribution (ties only make it safer). So sorted sample number `low` lies above the quantile
 * with probability P(count < low), number `high` below it with P(count >= high), both exact; the
 * ranks are the tightest that keep each within alpha. From too few samples there is no rank: the
 * upper 95 % bound of a median needs 5 samples, of p95 59, of p99 299, and is then the greatest
 * sample.
 *
 * With several planned looks at growing samples, split alpha over them (sequential.h): 4 looks at
 * alpha 0.05 / 4 need 7, 86 and 437 samples at the first. To let one sample lie above the bound
 * takes 93 (p95), 473 (p99). Fewer samples may still show that a budget is broken.
 *
 * q must lie within (0, 1), else QG_EARG.
 */
#ifndef QG_STATS_QUANTILE_H
#define QG_STATS_QUANTILE_H

#include "base/arena.h"
#include "base/err.h"
#include "stats/stats.h"

#include <stdint.h>

/* The rank ceil(q n), from 1 to n; exact where q is written with decimals (0.95 of 100 is 95).
 * n > 0, 0 < q < 1: asserted. */
size_t qg_quantile_rank(size_t n, double q);

typedef struct qg_quantile_ranks {
    size_t low, high;     /* from 1; 0: no sample is a bound on this side            */
    double low_coverage;  /* P(sample number low <= quantile) >= 1 - alpha; 1 for 0   */
    double high_coverage; /* P(quantile <= sample number high) >= 1 - alpha; 1 for 0  */
} qg_quantile_ranks;
qg_status qg_quantile_ranks_of(qg_quantile_ranks *out, size_t n, double q, double alpha,
                               qg_err *err);

typedef struct qg_quantile {
    double estimate;
    qg_interval interval;
} qg_quantile;
/* x [n] in any order, n >= 1. */
qg_status qg_quantile_estimate(qg_quantile *out, qg_arena *scratch, const double *x, size_t n,
                               double q, double alpha, qg_err *err);

/* Is the quantile above or below a limit? Exact, in step with the interval: `greater` <= alpha just
 * where its low end lies above the limit, `less` <= alpha just where its high end is at most the
 * limit (a budget that is met exactly is kept). `both` is 2 min(less, greater). */
qg_status qg_quantile_test(qg_pvalues *out, const double *x, size_t n, double q, double limit,
                           qg_err *err);

/* The same where samples come in clusters of `per_cluster` neighbours that depend on each other
 * (gaps between the tokens of one run): Woodruff's interval (1952). The share of samples above the
 * estimate varies between clusters; its standard error times Student's t with one degree of freedom
 * less than there are clusters, around 1 - q, gives two shares, and the quantiles there are the
 * ends. An end whose share is outside (0, 1), and both from fewer than 10 clusters, are infinite.
 * The test counts the share above the limit in the same way; it agrees with the ends but for ties.
 * n must be a whole number of clusters, at least one. Linear in n but for the sort. */
qg_status qg_quantile_clusters(qg_quantile *out, qg_pvalues *p, qg_arena *scratch, const double *x,
                               size_t n, size_t per_cluster, double q, double limit, double alpha,
                               qg_err *err);
enum { QG_QUANTILE_LEAST_CLUSTERS = 10 };

/* The least n from which the (n - n_above)-th of n sorted samples is an upper bound of the
 * quantile: `n_above` of them lie above it. -1 where more than a billion were needed. Asserted: 0 <
 * q < 1, 0 < alpha < 0.5, n_above >= 0. */
int64_t qg_quantile_least_n(double q, double alpha, int64_t n_above);

#endif
