/* Power: see power.h. Power rises with the effect, so effects are found by halving; it rises with n
 * but for the saws of counts, which have their teeth where the critical count changes. */
#include "stats/power.h"

#include "stats/distribution.h"
#include "stats/numbers.h"
#include "stats/ranktest.h"

#include <assert.h>
#include <math.h>

static const int64_t most_n = 1000000000;

static void check_alpha(double alpha, int64_t n)
{
    assert(alpha > 0 && alpha < 0.5 && n >= 1);
}

static void check(double alpha, double power, int64_t n)
{
    check_alpha(alpha, n);
    assert(power > alpha && power < 1);
}

double qg_power_error_effect(double error, double alpha, double power)
{
    check(alpha, power, 1);
    assert(error >= 0);
    return error * (qg_normal_quantile(power) - qg_normal_quantile(alpha));
}

/* ---- mean, signed-rank ---- */

/* The t-test of m numbers, not necessarily whole. */
static double power_t(double effect, double m, double alpha)
{
    assert(!isnan(effect));
    if (m <= 1 || alpha == 0)
        return 0;
    double shift = fmin(1000, fmax(-1000, effect * sqrt(m)));
    return qg_t_noncentral_cdf(qg_t_quantile(alpha, m - 1), m - 1, -shift);
}

double qg_power_mean(double effect, int64_t n, double alpha)
{
    check_alpha(alpha, n);
    return power_t(effect, (double)n, alpha);
}

double qg_power_signed_rank(double effect, int64_t n, double alpha)
{
    static const double efficiency = 0.95492965855137201461; /* 3 / pi */

    check_alpha(alpha, n);
    return power_t(effect, (double)n * efficiency, qg_signed_rank_level((size_t)n, alpha));
}

typedef double power_of(double effect, int64_t n, double alpha);

typedef struct search {
    power_of *of;
    double effect, alpha, power;
} search;

static double least_effect(power_of *of, int64_t n, double alpha, double power)
{
    double low = 0, high = 1 / sqrt((double)n), most = 1000 / sqrt((double)n);

    check(alpha, power, n);
    while (of(high, n, alpha) < power) {
        if (high >= most)
            return INFINITY;
        low = high;
        high = fmin(2 * high, most);
    }
    for (int i = 0; i < 50; i++) {
        double middle = low + (high - low) / 2;
        if (of(middle, n, alpha) < power)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static bool sees(int64_t n, const void *what)
{
    const search *s = what;
    return s->of(s->effect, n, s->alpha) >= s->power;
}

double qg_power_mean_effect(int64_t n, double alpha, double power)
{
    return least_effect(qg_power_mean, n, alpha, power);
}

int64_t qg_power_mean_n(double effect, double alpha, double power)
{
    check(alpha, power, 1);
    if (!(effect > 0))
        return -1;
    int64_t n = qg_least_where(2, most_n, sees, &(search){qg_power_mean, effect, alpha, power});
    return n <= most_n ? n : -1;
}

double qg_power_signed_rank_effect(int64_t n, double alpha, double power)
{
    return least_effect(qg_power_signed_rank, n, alpha, power);
}

int64_t qg_power_signed_rank_n(double effect, double alpha, double power)
{
    enum { LEVELLED = 50 }; /* up to here the level moves with n */
    search s = {qg_power_signed_rank, effect, alpha, power};
    int64_t n = LEVELLED;

    check(alpha, power, 1);
    if (!(effect > 0))
        return -1;
    while (n > 0 && sees(n, &s))
        n--;
    n = n < LEVELLED ? n + 1 : qg_least_where(LEVELLED + 1, most_n, sees, &s);
    return n <= most_n ? n : -1;
}

/* ---- proportion ---- */

static void check_share(double share, double limit)
{
    assert(share >= 0 && share <= 1 && limit > 0 && limit < 1);
}

double qg_power_proportion(double share, int64_t n, double limit, double alpha)
{
    check_alpha(alpha, n);
    check_share(share, limit);
    if (share >= limit)
        return qg_binomial_at_least(qg_binomial_many(n, limit, alpha), n, share);
    return qg_binomial_at_most(qg_binomial_few(n, limit, alpha), n, share);
}

double qg_power_proportion_above(int64_t n, double limit, double alpha, double power)
{
    check(alpha, power, n);
    check_share(0, limit);
    int64_t k = qg_binomial_many(n, limit, alpha);
    return k > n ? INFINITY : qg_beta_quantile(power, (double)k, (double)(n - k) + 1);
}

double qg_power_proportion_below(int64_t n, double limit, double alpha, double power)
{
    check(alpha, power, n);
    check_share(0, limit);
    int64_t k = qg_binomial_few(n, limit, alpha);
    return k < 0 ? -INFINITY : qg_beta_quantile_upper(power, (double)k + 1, (double)(n - k));
}

typedef struct saw {
    double share, limit, alpha, power;
    int64_t k; /* the critical count of a tooth */
} saw;

/* Whether n is too many for k to be critical: k of n are no longer too many for the limit. */
static bool is_past(int64_t n, const void *what)
{
    const saw *s = what;
    return qg_binomial_at_least(s->k, n, s->limit) > s->alpha;
}

/* Whether n is enough for k to be too few. */
static bool is_enough(int64_t n, const void *what)
{
    const saw *s = what;
    return qg_binomial_at_most(s->k, n, s->limit) <= s->alpha;
}

/* The n at the tip of the tooth of k, where its power is greatest; over most_n where k can be
 * called for no n. */
static int64_t tip(const saw *s)
{
    if (s->share < s->limit)
        return qg_least_where(s->k + 1, most_n, is_enough, s);
    return qg_least_where(s->k, most_n, is_past, s) - 1;
}

/* Whether the tooth of k reaches the power at its tip, or lies beyond all n. */
static bool tooth_sees(int64_t k, const void *what)
{
    saw s = *(const saw *)what;

    s.k = k;
    int64_t n = tip(&s);
    if (n > most_n)
        return true;
    if (s.share < s.limit)
        return qg_binomial_at_most(k, n, s.share) >= s.power;
    return n >= k && qg_binomial_at_least(k, n, s.share) >= s.power;
}

static bool on_tooth_sees(int64_t n, const void *what)
{
    const saw *s = what;
    return qg_binomial_at_least(s->k, n, s->share) >= s->power;
}

/* The normal approximation of that n: what is far over most_n need not be searched for. */
static double rough_n(const saw *s)
{
    double root = qg_normal_quantile(s->power) * sqrt(s->share * (1 - s->share)) -
                  qg_normal_quantile(s->alpha) * sqrt(s->limit * (1 - s->limit));
    return pow(root / (s->share - s->limit), 2);
}

int64_t qg_power_proportion_n(double share, double limit, double alpha, double power)
{
    enum { ONE_BY_ONE = 250 };
    saw s = {share, limit, alpha, power, share < limit ? 0 : 1};

    check(alpha, power, 1);
    check_share(share, limit);
    if (share == limit || rough_n(&s) > 4 * (double)most_n)
        return -1;
    while (s.k < ONE_BY_ONE && !tooth_sees(s.k, &s))
        s.k++;
    if (s.k == ONE_BY_ONE)
        s.k = qg_least_where(ONE_BY_ONE, most_n, tooth_sees, &s);
    int64_t n = s.k > most_n ? s.k : tip(&s);
    if (n > most_n)
        return -1;
    return share < limit ? n : qg_least_where(s.k, n, on_tooth_sees, &s);
}

/* ---- percentile ---- */

double qg_power_quantile(double above, int64_t n, double q, double alpha)
{
    return qg_power_proportion(above, n, 1 - q, alpha);
}

double qg_power_quantile_pass(int64_t n, double q, double alpha, double power)
{
    return qg_power_proportion_below(n, 1 - q, alpha, power);
}

double qg_power_quantile_fail(int64_t n, double q, double alpha, double power)
{
    return qg_power_proportion_above(n, 1 - q, alpha, power);
}

int64_t qg_power_quantile_n(double above, double q, double alpha, double power)
{
    return qg_power_proportion_n(above, 1 - q, alpha, power);
}
