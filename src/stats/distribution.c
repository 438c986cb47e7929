/* Distributions: see distribution.h.
 *
 * All but the normal rest on one function, beta_tail(a, b, x, y) = I_x(a, b) with y = 1 - x given
 * as well, so that neither of a small x and a small y loses digits. The density in front of its
 * continued fraction is a binomial probability with real counts, written with Stirling errors and
 * deviances (Loader 2000): all terms are small where the probability is not, for any n.
 */
#include "stats/distribution.h"

#include "stats/numbers.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define LOG_SQRT_2PI 0.91893853320467274178
#define TWO_PI       6.28318530717958647693

/* ---- normal ---- */

double qg_normal_cdf(double x)
{
    assert(!isnan(x));
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

/* c[0] + c[1] r + ... + c[7] r^7. */
static double polynomial(const double c[8], double r)
{
    double sum = c[7];

    for (int i = 6; i >= 0; i--)
        sum = sum * r + c[i];
    return sum;
}

double qg_normal_quantile(double p)
{
    static const double centre[2][8] = {
        {3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
         45921.953931549871457, 67265.770927008700853, 33430.575583588128105,
         2509.0809287301226727},
        {1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
         21213.794301586595867, 39307.895800092710610, 28729.085735721942674,
         5226.4952788528545610}};
    static const double middle[2][8] = {
        {1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
         3.64784832476320460504, 1.27045825245236838258, 0.241780725177450611770,
         0.0227238449892691845833, 7.74545014278341407640e-4},
        {1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
         0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4,
         1.05075007164441684324e-9}};
    static const double far[2][8] = {
        {6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
         0.296560571828504891230, 0.0265321895265761230930, 0.00124266094738807843860,
         2.71155556874348757815e-5, 2.01033439929228813265e-7},
        {1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525,
         7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
         2.04426310338993978564e-15}};
    double q = p - 0.5, r;

    assert(p >= 0 && p <= 1);
    if (fabs(q) <= 0.425) {
        r = 0.180625 - q * q;
        return q * polynomial(centre[0], r) / polynomial(centre[1], r);
    }
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;
    r = sqrt(-log(q < 0 ? p : 1 - p));
    const double(*tail)[8] = r <= 5 ? middle : far;
    r -= r <= 5 ? 1.6 : 5;
    double x = polynomial(tail[0], r) / polynomial(tail[1], r);
    return q < 0 ? -x : x;
}

/* ---- binomial and Poisson probabilities with real counts (Loader 2000) ---- */

/* log gamma(x + 1) minus Stirling's formula for it; x > 0. */
static double stirling_error(double x)
{
    static const double c[] = {1.0 / 12, 1.0 / 360, 1.0 / 1260, 1.0 / 1680, 1.0 / 1188};
    double r = 1 / (x * x);
    int sign;

    if (x < 15)
        return lgamma_r(x + 1, &sign) - (x + 0.5) * log(x) + x - LOG_SQRT_2PI;
    return (c[0] - (c[1] - (c[2] - (c[3] - c[4] * r) * r) * r) * r) / x;
}

/* k log(k / m) + m - k, without cancellation where d = k - m is small. */
static double deviance(double k, double m, double d)
{
    double v = d / (k + m), sum = d * v, term = 2 * k * v, before;

    if (fabs(v) >= 0.1)
        return k * log(k / m) - d;
    for (int j = 3;; j += 2) {
        term *= v * v;
        before = sum;
        sum += term / j;
        if (sum == before)
            return sum;
    }
}

/* k - n x to all digits, from whichever of x and y = 1 - x is smaller; l = n - k. */
static double excess(double k, double l, double x, double y)
{
    double n = k + l, m = n * (x <= y ? x : y), rest = fma(n, x <= y ? x : y, -m);

    return x <= y ? (k - m) - rest : rest - (l - m);
}

/* x^k y^l times the binomial coefficient of k among k + l; k, l > 0, real; d is their excess. */
static double binomial_density(double k, double l, double x, double y, double d)
{
    double n = k + l;
    double e = stirling_error(n) - stirling_error(k) - stirling_error(l) - deviance(k, n * x, d) -
               deviance(l, n * y, -d);

    return exp(e) * sqrt(n / (TWO_PI * k * l));
}

/* m^k exp(-m) / gamma(k + 1); k >= 0 real, m > 0. */
static double poisson_density(double k, double m)
{
    if (k == 0)
        return exp(-m);
    return exp(-stirling_error(k) - deviance(k, m, k - m)) / sqrt(TWO_PI * k);
}

/* ---- incomplete beta ---- */

/* I_x(a, b) by its own fraction, for d = a - (a + b) x >= 0: x^a y^b / B(a, b), which is a b / (a +
 * b) times the density of a among a + b, over B1 + A2 / (B2 + A3 / (B3 + ...)). Ends after some
 * sqrt(max(a, b)) steps. */
static double beta_below(double a, double b, double x, double y, double d)
{
    enum { MOST_STEPS = 10000000 };
    static const double tiny = 1e-300, end = 2.3e-16;
    double f = a * (d + 1) / (a + 1), c = f, e = 0, change = 0;

    for (int m = 1; m < MOST_STEPS && fabs(change - 1) > end; m++) {
        double t = a + 2.0 * m, w = m * (b - m) * x / (t - 1);
        double top = (a + m - 1) * ((a + b + m - 1) / (t - 1)) * w * x;
        double bottom = m + w + (a + m) * (d + 1 + m * (1 + y)) / (t + 1);
        e = bottom + top * e;
        c = bottom + top / c;
        e = 1 / (fabs(e) < tiny ? tiny : e);
        c = fabs(c) < tiny ? tiny : c;
        change = c * e;
        f *= change;
    }
    return a / (a + b) * b * binomial_density(a, b, x, y, d) / f;
}

/* I_x(a, b) with y = 1 - x. */
static double beta_tail(double a, double b, double x, double y)
{
    assert(a > 0 && b > 0 && x >= 0 && y >= 0);
    if (x == 0 || y == 0)
        return x == 0 ? 0 : 1;
    double d = excess(a, b, x, y);
    return d >= 0 ? fmin(1, beta_below(a, b, x, y, d)) : fmax(0, 1 - beta_below(b, a, y, x, -d));
}

double qg_beta_cdf(double x, double a, double b)
{
    return beta_tail(a, b, x, 1 - x);
}

/* Where I_x(a, b) reaches p: x and y = 1 - x, the smaller of them to all digits. The bits of
 * positive doubles are in the order of the numbers, so halving the range of bits ends within 62
 * steps. */
static void beta_solve(double *x, double *y, double a, double b, double p)
{
    bool small_x = p <= beta_tail(a, b, 0.5, 0.5);
    double half = 0.5, z;
    uint64_t low = 0, high; /* for x: below p, at least p; for y: at least p, below p */

    memcpy(&high, &half, sizeof high);
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        memcpy(&z, &middle, sizeof z);
        bool reached = (small_x ? beta_tail(a, b, z, 1 - z) : beta_tail(a, b, 1 - z, z)) >= p;
        if (reached == small_x)
            high = middle;
        else
            low = middle;
    }
    memcpy(&z, small_x ? &high : &low, sizeof z);
    *x = small_x ? z : 1 - z;
    *y = small_x ? 1 - z : z;
}

double qg_beta_quantile(double p, double a, double b)
{
    double x, y;

    assert(p >= 0 && p <= 1);
    if (p == 0 || p == 1)
        return p;
    beta_solve(&x, &y, a, b, p);
    return x;
}

double qg_beta_quantile_upper(double p, double a, double b)
{
    double x, y;

    assert(p >= 0 && p <= 1);
    if (p == 0 || p == 1)
        return 1 - p;
    beta_solve(&y, &x, b, a, p);
    return x;
}

/* ---- binomial ---- */

double qg_binomial_point(int64_t k, int64_t n, double p)
{
    assert(n >= 0 && p >= 0 && p <= 1);
    if (k < 0 || k > n)
        return 0;
    if (k == 0 || k == n) {
        double all = k == 0 ? 1 - p : p;
        return n == 0 ? 1 : k == 0 && p < 0.5 ? exp((double)n * log1p(-p)) : pow(all, (double)n);
    }
    double a = (double)k, b = (double)(n - k);
    return p == 0 || p == 1 ? 0 : binomial_density(a, b, p, 1 - p, excess(a, b, p, 1 - p));
}

double qg_binomial_at_most(int64_t k, int64_t n, double p)
{
    assert(n >= 0 && p >= 0 && p <= 1);
    if (k < 0 || k >= n)
        return k < 0 ? 0 : 1;
    return beta_tail((double)(n - k), (double)k + 1, 1 - p, p);
}

double qg_binomial_at_least(int64_t k, int64_t n, double p)
{
    assert(n >= 0 && p >= 0 && p <= 1);
    if (k <= 0 || k > n)
        return k <= 0 ? 1 : 0;
    return beta_tail((double)k, (double)(n - k) + 1, p, 1 - p);
}

typedef struct tail_query {
    int64_t n;
    double p, alpha;
} tail_query;

static bool is_not_few(int64_t k, const void *what)
{
    const tail_query *t = what;
    return qg_binomial_at_most(k, t->n, t->p) > t->alpha;
}

static bool is_many(int64_t k, const void *what)
{
    const tail_query *t = what;
    return qg_binomial_at_least(k, t->n, t->p) <= t->alpha;
}

int64_t qg_binomial_few(int64_t n, double p, double alpha)
{
    assert(alpha > 0 && alpha < 1);
    return qg_least_where(0, n, is_not_few, &(tail_query){n, p, alpha}) - 1;
}

int64_t qg_binomial_many(int64_t n, double p, double alpha)
{
    assert(alpha > 0 && alpha < 1);
    return qg_least_where(0, n, is_many, &(tail_query){n, p, alpha});
}

/* ---- Student's t ---- */

double qg_t_cdf(double t, double df)
{
    assert(!isnan(t) && df > 0);
    if (isinf(t))
        return t > 0 ? 1 : 0;
    double s = t * t, tail = 0.5 * beta_tail(df / 2, 0.5, df / (df + s), s / (df + s));
    return t < 0 ? tail : 1 - tail;
}

double qg_t_quantile(double p, double df)
{
    double x, y, tail = p < 0.5 ? p : 1 - p;

    assert(p >= 0 && p <= 1 && df > 0);
    if (tail == 0 || tail == 0.5)
        return tail > 0 ? 0 : p < 0.5 ? -INFINITY : INFINITY;
    if (tail < 0.25) /* df / (df + t^2) is x */
        beta_solve(&x, &y, df / 2, 0.5, 2 * tail);
    else
        beta_solve(&y, &x, 0.5, df / 2, 1 - 2 * tail);
    double t = sqrt(df * y / x);
    return p < 0.5 ? -t : t;
}

double qg_t_noncentral_cdf(double t, double df, double shift)
{
    assert(!isnan(t) && df > 0 && fabs(shift) <= 1000);
    if (t < 0)
        return 1 - qg_t_noncentral_cdf(-t, df, -shift);
    double m = shift * shift / 2, width = 9 * sqrt(m) + 30;
    double x = t * t / (df + t * t), y = df / (df + t * t), sum = 0;
    if (m == 0 || t == INFINITY)
        return t == INFINITY ? 1 : qg_t_cdf(t, df);
    for (double j = fmax(0, floor(m - width)); j <= m + width; j++) {
        sum += poisson_density(j, m) * beta_tail(j + 0.5, df / 2, x, y);
        sum += copysign(poisson_density(j + 0.5, m), shift) * beta_tail(j + 1, df / 2, x, y);
    }
    return fmin(1, fmax(0, qg_normal_cdf(-shift) + sum / 2));
}
