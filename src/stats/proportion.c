/* Shares: see proportion.h.
 *
 * Tango's score: under a drop of `limit` the likeliest share of gains solves a quadratic equation,
 * and the flips' surplus over n * limit is divided by its deviation there. The ends of the interval
 * are where that score equals the normal quantile; it falls as the limit rises, so they are found
 * by halving.
 */
#include "stats/proportion.h"

#include "stats/distribution.h"
#include "stats/numbers.h"

#include <math.h>

static qg_status check_count(int64_t k, int64_t n, const char *what, qg_err *err)
{
    if (n < 1 || n > QG_PROPORTION_MOST)
        return qg_fail(err, QG_EARG, "%lld %ss, 1 to %d can be judged", (long long)n, what,
                       QG_PROPORTION_MOST);
    if (k < 0 || k > n)
        return qg_fail(err, QG_EARG, "%lld of %lld %ss", (long long)k, (long long)n, what);
    return QG_OK;
}

qg_status qg_proportion_wilson(qg_interval *out, int64_t k, int64_t n, double alpha, qg_err *err)
{
    QG_PASS(check_count(k, n, "trial", err));
    QG_PASS(qg_alpha_check(alpha, err));
    double m = (double)n, p = (double)k / m, z = -qg_normal_quantile(alpha), zz = z * z;
    double centre = (p + zz / (2 * m)) / (1 + zz / m);
    double half = z * sqrt(p * (1 - p) / m + zz / (4 * m * m)) / (1 + zz / m);
    *out = (qg_interval){k == 0 ? 0 : fmax(0, centre - half), k == n ? 1 : fmin(1, centre + half)};
    return QG_OK;
}

qg_status qg_proportion_exact(qg_interval *out, int64_t k, int64_t n, double alpha, qg_err *err)
{
    QG_PASS(check_count(k, n, "trial", err));
    QG_PASS(qg_alpha_check(alpha, err));
    double a = (double)k, b = (double)(n - k);
    *out = (qg_interval){k == 0 ? 0 : qg_beta_quantile(alpha, a, b + 1),
                         k == n ? 1 : qg_beta_quantile_upper(alpha, a + 1, b)};
    return QG_OK;
}

qg_status qg_proportion_test(qg_pvalues *out, int64_t k, int64_t n, double limit, qg_err *err)
{
    QG_PASS(check_count(k, n, "trial", err));
    if (!(limit >= 0 && limit <= 1))
        return qg_fail(err, QG_EARG, "share %g lies outside 0 to 1", limit);
    *out = qg_pvalues_of(qg_binomial_at_most(k, n, limit), qg_binomial_at_least(k, n, limit));
    return QG_OK;
}

/* ---- flips ---- */

static qg_status check_flips(qg_flips f, qg_err *err)
{
    QG_PASS(check_count(f.lost, f.n, "question", err));
    QG_PASS(check_count(f.gained, f.n, "question", err));
    return check_count(f.lost + f.gained, f.n, "question", err);
}

qg_status qg_mcnemar_test(qg_mcnemar *out, qg_flips flips, qg_err *err)
{
    QG_PASS(check_flips(flips, err));
    int64_t n = flips.lost + flips.gained;
    double less = qg_binomial_at_most(flips.lost, n, 0.5);
    double greater = qg_binomial_at_least(flips.lost, n, 0.5);
    double half = qg_binomial_point(flips.lost, n, 0.5) / 2;
    out->exact = qg_pvalues_of(less, greater);
    out->mid = qg_pvalues_of(less - half, greater - half);
    return QG_OK;
}

/* Above 0 where more was lost than the limit says. */
static double tango_score(qg_flips f, double limit)
{
    double n = (double)f.n, lost = (double)f.lost, gained = (double)f.gained;
    double surplus = lost - gained - n * limit;
    double b = -lost - gained + (2 * n - lost + gained) * limit;
    double c = -gained * limit * (1 - limit);
    double root = sqrt(fmax(0, b * b - 8 * n * c));
    /* the share of gains; of the two forms of the root the one that does not cancel */
    double share = b <= 0 ? (root - b) / (4 * n) : -2 * c / (root + b);
    double variance = n * (2 * share + limit * (1 - limit));

    return variance > 0 ? surplus / sqrt(variance) : surplus == 0 ? 0 : copysign(INFINITY, surplus);
}

/* The drop at which the score is z. */
static double tango_end(qg_flips f, double z)
{
    double low = -1, high = 1; /* the score is over z at low, at most z at high */

    for (int i = 0; i < 60; i++) {
        double middle = low + (high - low) / 2;
        if (tango_score(f, middle) > z)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}

qg_status qg_drop_estimate(qg_drop *out, qg_flips flips, double alpha, qg_err *err)
{
    QG_PASS(check_flips(flips, err));
    QG_PASS(qg_alpha_check(alpha, err));
    double z = -qg_normal_quantile(alpha), n = (double)flips.n;
    *out = (qg_drop){(double)(flips.lost - flips.gained) / n,
                     {tango_end(flips, z), tango_end(flips, -z)}};
    return QG_OK;
}

qg_status qg_drop_test(qg_pvalues *out, qg_flips flips, double limit, qg_err *err)
{
    QG_PASS(check_flips(flips, err));
    if (!(limit > -1 && limit < 1))
        return qg_fail(err, QG_EARG, "drop %g lies outside -1 to 1", limit);
    double z = tango_score(flips, limit);
    *out = qg_pvalues_of(qg_normal_cdf(z), qg_normal_cdf(-z));
    return QG_OK;
}
