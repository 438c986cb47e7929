/* Percentiles by order statistics: see quantile.h. A binomial tail is monotone in the count
 * and in n, so ranks and least n are found by halving. */
#include "stats/quantile.h"

#include "stats/distribution.h"
#include "stats/numbers.h"

#include <assert.h>
#include <math.h>

size_t qg_quantile_rank(size_t n, double q)
{
    assert(n > 0 && q > 0 && q < 1);
    double count = (double)n;
    size_t rank = (size_t)ceil(q * count);

    /* q is a rounded number, and so is the product: what counts is which shares reach q. */
    while (rank > 1 && (double)(rank - 1) / count >= q)
        rank--;
    while (rank < n && (double)rank / count < q)
        rank++;
    return rank < 1 ? 1 : rank;
}

static qg_status check_q(double q, qg_err *err)
{
    if (q > 0 && q < 1)
        return QG_OK;
    return qg_fail(err, QG_EARG, "quantile %g lies outside 0 to 1", q);
}

qg_status qg_quantile_ranks_of(qg_quantile_ranks *out, size_t n, double q, double alpha,
                               qg_err *err)
{
    QG_PASS(check_q(q, err));
    QG_PASS(qg_alpha_check(alpha, err));
    int64_t count = (int64_t)n;
    int64_t low = qg_binomial_few(count, q, alpha) + 1, high = qg_binomial_many(count, q, alpha);
    *out = (qg_quantile_ranks){
        .low = (size_t)low,
        .high = high > count ? 0 : (size_t)high,
        .low_coverage = qg_binomial_at_least(low, count, q),
        .high_coverage = qg_binomial_at_most(high - 1, count, q),
    };
    return QG_OK;
}

qg_status qg_quantile_estimate(qg_quantile *out, qg_arena *scratch, const double *x, size_t n,
                               double q, double alpha, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    qg_quantile_ranks ranks;

    QG_PASS(qg_numbers_check(x, n, 1, "sample", err));
    QG_PASS(qg_quantile_ranks_of(&ranks, n, q, alpha, err));
    double *sorted = qg_numbers_sorted(scratch, x, n);
    QG_NEED(sorted, err);
    *out = (qg_quantile){
        .estimate = sorted[qg_quantile_rank(n, q) - 1],
        .interval = {ranks.low > 0 ? sorted[ranks.low - 1] : -INFINITY,
                     ranks.high > 0 ? sorted[ranks.high - 1] : INFINITY},
    };
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

qg_status qg_quantile_test(qg_pvalues *out, const double *x, size_t n, double q, double limit,
                           qg_err *err)
{
    int64_t within = 0;

    QG_PASS(qg_numbers_check(x, n, 1, "sample", err));
    QG_PASS(qg_numbers_check(&limit, 1, 1, "limit", err));
    QG_PASS(check_q(q, err));
    for (size_t i = 0; i < n; i++)
        within += x[i] <= limit;
    *out = qg_pvalues_of(qg_binomial_at_least(within, (int64_t)n, q),
                         qg_binomial_at_most(within, (int64_t)n, q));
    return QG_OK;
}

/* ---- clusters ---- */

/* Standard error of the share of samples above `edge`, from how it varies between clusters of one
 * size. Where all clusters agree, that of as many independent samples as there are clusters. */
static double share_error(const double *x, size_t n, size_t per_cluster, double edge, double q)
{
    size_t n_clusters = n / per_cluster;
    double sum = 0, squares = 0;

    for (size_t c = 0; c < n_clusters; c++) {
        double above = 0;
        for (size_t i = 0; i < per_cluster; i++)
            above += x[c * per_cluster + i] > edge;
        above /= (double)per_cluster;
        sum += above;
        squares += above * above;
    }
    double k = (double)n_clusters, mean = sum / k;
    double variance = (squares / k - mean * mean) * k / (k - 1);
    return variance > 1e-15 ? sqrt(variance / k) : sqrt(q * (1 - q) / k);
}

/* The quantile above which a share lies; infinite where the share is outside (0, 1). */
static double quantile_above(const double *sorted, size_t n, double share)
{
    if (share <= 0)
        return INFINITY;
    return share >= 1 ? -INFINITY : sorted[qg_quantile_rank(n, 1 - share) - 1];
}

static size_t count_above(const double *x, size_t n, double limit)
{
    size_t above = 0;

    for (size_t i = 0; i < n; i++)
        above += x[i] > limit;
    return above;
}

qg_status qg_quantile_clusters(qg_quantile *out, qg_pvalues *p, qg_arena *scratch, const double *x,
                               size_t n, size_t per_cluster, double q, double limit, double alpha,
                               qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);

    QG_PASS(qg_numbers_check(x, n, 1, "sample", err));
    QG_PASS(qg_numbers_check(&limit, 1, 1, "limit", err));
    QG_PASS(check_q(q, err));
    QG_PASS(qg_alpha_check(alpha, err));
    if (per_cluster == 0 || n % per_cluster != 0)
        return qg_fail(err, QG_EARG, "%zu samples are not clusters of %zu", n, per_cluster);
    double *sorted = qg_numbers_sorted(scratch, x, n);
    QG_NEED(sorted, err);
    size_t n_clusters = n / per_cluster;
    *out = (qg_quantile){sorted[qg_quantile_rank(n, q) - 1], {-INFINITY, INFINITY}};
    *p = (qg_pvalues){1, 1, 1};
    if (n_clusters >= QG_QUANTILE_LEAST_CLUSTERS) {
        double df = (double)(n_clusters - 1),
               error = share_error(x, n, per_cluster, out->estimate, q);
        double half = -qg_t_quantile(alpha, df) * error;
        out->interval = (qg_interval){quantile_above(sorted, n, 1 - q + half),
                                      quantile_above(sorted, n, 1 - q - half)};
        double t = ((double)count_above(x, n, limit) / (double)n - (1 - q)) / error;
        *p = qg_pvalues_of(qg_t_cdf(t, df), qg_t_cdf(-t, df));
    }
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

typedef struct bound {
    int64_t n_above;
    double share_above, alpha;
} bound;

static bool is_bound(int64_t n, const void *what)
{
    const bound *b = what;
    return qg_binomial_at_most(b->n_above, n, b->share_above) <= b->alpha;
}

int64_t qg_quantile_least_n(double q, double alpha, int64_t n_above)
{
    static const int64_t most = 1000000000;

    assert(q > 0 && q < 1 && alpha > 0 && alpha < 0.5 && n_above >= 0);
    int64_t n = qg_least_where(n_above + 1, most, is_bound, &(bound){n_above, 1 - q, alpha});
    return n <= most ? n : -1;
}
