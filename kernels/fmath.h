/* exp, erfc, log, sin and cos in double with the same bits from every compiler and C library: plain
 * IEEE operations in a fixed order, to be compiled with -ffp-contract=off.
 *
 * Reduction and constants as in fdlibm (Sun Microsystems 1993), then the Taylor series, long enough
 * that its remainder is under 2^-56; the results are within 2 ulp in the ranges named (erfc: as it
 * says). libm differs
 * between versions and may not be used where results are promised bit for bit.
 */
#ifndef QGK_FMATH_H
#define QGK_FMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define QGK_FMATH static __host__ __device__ inline
#else
#define QGK_FMATH static inline
#endif

/* 2^n for -1022 <= n <= 1023. */
QGK_FMATH double qgk_exp2i(int n)
{
    uint64_t bits = (uint64_t)(n + 1023) << 52;
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* e^x; 0 below -708, where results would be denormal, and infinity above 709. */
QGK_FMATH double qgk_exp(double x)
{
    static const double reciprocal_factorial[] = {1.0 / 6227020800,
                                                  1.0 / 479001600,
                                                  1.0 / 39916800,
                                                  1.0 / 3628800,
                                                  1.0 / 362880,
                                                  1.0 / 40320,
                                                  1.0 / 5040,
                                                  1.0 / 720,
                                                  1.0 / 120,
                                                  1.0 / 24,
                                                  1.0 / 6,
                                                  1.0 / 2,
                                                  1,
                                                  1};

    if (x < -708)
        return 0;
    if (x > 709)
        return (double)INFINITY;
    if (x != x)
        return x;
    int n = (int)(x * 0x1.71547652b82fep0 + (x < 0 ? -0.5 : 0.5));
    double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33; /* |r| <= ln(2) / 2 */
    double sum = reciprocal_factorial[0];
    for (int i = 1; i < 14; i++)
        sum = sum * r + reciprocal_factorial[i];
    return sum * qgk_exp2i(n);
}

/* 1 - erf(x), within 2^-36 relative where it is over 2^-300, else within 2^-300. Up to 3 the series
 * of erf whose terms are all positive, from there the continued fraction of Laplace. */
QGK_FMATH double qgk_erfc(double x)
{
    double z = x < 0 ? -x : x, tail = 0;

    if (z != z || z > 15)
        return z != z ? z : x < 0 ? 2 : 0;
    if (z < 3) {
        double term = z * 0x1.20dd750429b6dp0 * qgk_exp(-z * z), sum = 0; /* 2 / sqrt(pi) */
        for (int i = 1; i < 60; i++) {
            sum += term;
            term *= 2 * z * z / (2 * i + 1);
        }
        return x < 0 ? 1 + sum : 1 - sum;
    }
    for (int i = 60; i > 0; i--)
        tail = 0.5 * i / (z + tail);
    tail = qgk_exp(-z * z) * 0x1.20dd750429b6dp-1 / (z + tail);
    return x < 0 ? 2 - tail : tail;
}

/* ln x of a positive normal number. */
QGK_FMATH double qgk_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int n = (int)(bits >> 52) - 1023;
    double m = x * qgk_exp2i(n == 1023 ? -1022 : -n) * (n == 1023 ? 0.5 : 1);
    if (m > 0x1.6a09e667f3bcdp0) {
        m *= 0.5;
        n++;
    }
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0; /* ln m = 2 artanh s, |s| < 0.172 */
    for (int i = 21; i > 1; i -= 2)
        sum = (sum + 1.0 / i) * s2;
    return n * 0x1.62e42feep-1 + (2 * s + (2 * s * sum + n * 0x1.a39ef35793c76p-33));
}

/* x less the nearest multiple n of pi/2, for |x| < 2^20; returns n. */
QGK_FMATH int qgk_reduce_half_pi(double *r, double x)
{
    int n = (int)(x * 0x1.45f306dc9c883p-1 + (x < 0 ? -0.5 : 0.5));
    *r = ((x - n * 0x1.921fb544p0) - n * 0x1.0b4611a6p-34) - n * 0x1.3198a2e037073p-69;
    return n;
}

QGK_FMATH double qgk_sin_reduced(double r)
{
    double r2 = r * r, sum = 0;
    for (int i = 17; i > 1; i -= 2)
        sum = (1 + sum) * -r2 / (i * (i - 1));
    return r + r * sum;
}

QGK_FMATH double qgk_cos_reduced(double r)
{
    double r2 = r * r, sum = 0;
    for (int i = 18; i > 0; i -= 2)
        sum = (1 + sum) * -r2 / (i * (i - 1));
    return 1 + sum;
}

/* sin x and cos x for |x| < 2^20, in radians. */
QGK_FMATH double qgk_sin(double x)
{
    double r;
    switch (qgk_reduce_half_pi(&r, x) & 3) {
    case 0:
        return qgk_sin_reduced(r);
    case 1:
        return qgk_cos_reduced(r);
    case 2:
        return -qgk_sin_reduced(r);
    default:
        return -qgk_cos_reduced(r);
    }
}

QGK_FMATH double qgk_cos(double x)
{
    double r;
    switch (qgk_reduce_half_pi(&r, x) & 3) {
    case 0:
        return qgk_cos_reduced(r);
    case 1:
        return -qgk_sin_reduced(r);
    case 2:
        return -qgk_cos_reduced(r);
    default:
        return qgk_sin_reduced(r);
    }
}

#endif
