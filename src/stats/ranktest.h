/* Shifts between two arms by ranks: no model of the noise, little harm from single outliers
 * (Hollander, Wolfe and Chicken 2014, chapters 3 and 4; Lehmann 1975).
 *
 *   paired      d_i, one difference (or log-ratio) a block of ABBA: Wilcoxon's signed-rank test and
 *               the Hodges-Lehmann estimate with its interval. Assumes that the d_i are independent
 *               and symmetric about their centre; log-ratios of blocks are where the arms differ by
 *               a factor, differences of skewed times need not be.
 *   unpaired    x and y: the Mann-Whitney (Wilcoxon rank-sum) test and the shift of y against x.
 *               Assumes that the arms differ by a shift alone.
 *
 * Ties share their mean rank. Zeros of the signed-rank test are ranked with the others and their
 * ranks then left out (Pratt 1959), so that moving a limit never moves a p-value the wrong way.
 *
 * Exact up to QG_SIGNED_RANK_EXACT differences, and for two arms while the smaller times the cube
 * of both together is at most QG_RANK_SUM_EXACT (39 + 39, 10 + 110, 5 + 150): the distribution of
 * the statistic given these very ranks, ties and zeros included, where all signs (all divisions
 * into arms) are equally likely, by dynamic programming. Beyond, the normal approximation with its
 * variance corrected for ties and zeros and the statistic moved by half a rank towards its mean
 * (continuity). There p-values near 0.05 are right to 1 %, and smaller ones come out too large,
 * which is the safe side: of 201 differences by 1 % near 0.01 and 5 % near 0.001, of two equal arms
 * by 3 % and 14 %, of arms as unequal as 5 + 200 by 17 % and 112 %.
 *
 * Intervals are order statistics of all pairwise means or differences, found by halving over the
 * numbers that exist: at most 64 passes over the sorted samples, exact, no memory for the pairs.
 * Their ranks come from the distribution without ties; with ties they cover at least as often. Few
 * samples give no end: the interval of a paired shift with alpha 0.05 needs 5 (0.01: 7).
 */
#ifndef QG_STATS_RANKTEST_H
#define QG_STATS_RANKTEST_H

#include "base/arena.h"
#include "base/err.h"
#include "stats/stats.h"

#include <stdint.h>

enum { QG_SIGNED_RANK_EXACT = 200, QG_RANK_SUM_EXACT = 20000000 };

typedef struct qg_ranktest {
    double statistic; /* signed-rank: W+, the sum of ranks of d_i above the limit; Mann-Whitney: U,
                       * the pairs with y - x above the limit, pairs at it counted half */
    size_t n; /* numbers that took part: differences that are not 0; samples of both arms  */
    bool exact;
    qg_pvalues p;
} qg_ranktest;

/* Does the centre of d [n] lie above or below the limit? All differences at the limit: p = 1. n
 * from 1 to QG_RANK_MOST. */
qg_status qg_signed_rank(qg_ranktest *out, qg_arena *scratch, const double *d, size_t n,
                         double limit, qg_err *err);
/* Does y lie above x by more, or less, than the limit? At least one sample each. */
qg_status qg_mann_whitney(qg_ranktest *out, qg_arena *scratch, const double *x, size_t n_x,
                          const double *y, size_t n_y, double limit, qg_err *err);

/* The true alpha of the signed-rank test with n differences that are neither ties nor 0: at most
 * alpha, since W+ is a whole number, and 0 where n is too small to call anything. Exact up to n =
 * 50; beyond it is alpha itself (at 0.05 and 0.01 within 3 %). 0 < alpha < 0.5: asserted. */
double qg_signed_rank_level(size_t n, double alpha);

typedef struct qg_shift {
    double estimate;
    qg_interval interval;
} qg_shift;

/* The centre of d [n]: the median of (d_i + d_j) / 2 over i <= j. */
qg_status qg_shift_paired(qg_shift *out, qg_arena *scratch, const double *d, size_t n, double alpha,
                          qg_err *err);
/* How far y lies above x: the median of y_j - x_i over all pairs. */
qg_status qg_shift_between(qg_shift *out, qg_arena *scratch, const double *x, size_t n_x,
                           const double *y, size_t n_y, double alpha, qg_err *err);

/* More samples than this in an arm are refused (QG_EARG): sums of ranks stay exact. */
enum { QG_RANK_MOST = 1000000 };

#endif
