/* Distributions underneath the tests: normal, beta, binomial, Student's t.
 *
 * Small probabilities keep their digits: each tail is computed by itself, never as 1 minus the
 * other; the upper tails of the normal and of t are the lower ones of the negative. Accuracy, held
 * against SciPy and mpmath in the tests: relative 1e-12 for probabilities from 1e-100 up and for
 * quantiles at probabilities from 1e-20 up, with n, a, b and degrees of freedom up to 1e9;
 * quantiles of t near the median to 1e-12 absolute.
 *
 * Arguments are asserted to lie in the domain that is written beside them; NaN is in none.
 */
#ifndef QG_STATS_DISTRIBUTION_H
#define QG_STATS_DISTRIBUTION_H

#include <stdint.h>

/* P(Z <= x): the complementary error function of the C library. Any x, infinities too. */
double qg_normal_cdf(double x);
/* Its inverse: algorithm AS 241, PPND16 (Wichura 1988). 0 <= p <= 1; 0 and 1 give infinities. */
double qg_normal_quantile(double p);

/* I_x(a, b), the regularised incomplete beta function: the probability that a beta variable lies
 * below x. By the continued fraction of DiDonato and Morris (TOMS 708, 1992, equation 9), the
 * even part of DLMF 8.17.22 without its cancellation, for the tail beyond the mean (8.17.4), with
 * Lentz's method (Thompson and Barnett 1986); the factor before it in Loader's saddle-point form
 * (2000), which keeps its digits where gamma functions would lose them. a, b > 0; 0 <= x <= 1. */
double qg_beta_cdf(double x, double a, double b);
/* The least x with I_x(a, b) >= p, and the x with 1 - I_x(a, b) = p: bisection over the numbers
 * that exist. 0 <= p <= 1. */
double qg_beta_quantile(double p, double a, double b);
double qg_beta_quantile_upper(double p, double a, double b);

/* A binomial count of n trials with success p is k; at most k; at least k. Through I_x(a, b) (DLMF
 * 8.17.5), the first by Loader (2000). Any k: below 0 and above n is simply impossible. n >= 0,
 * 0 <= p <= 1. */
double qg_binomial_point(int64_t k, int64_t n, double p);
double qg_binomial_at_most(int64_t k, int64_t n, double p);
double qg_binomial_at_least(int64_t k, int64_t n, double p);
/* Counts too few and too many for such a variable: the greatest k with P(count <= k) <= alpha, or
 * -1; the least k with P(count >= k) <= alpha, or n + 1. 0 < alpha < 1. */
int64_t qg_binomial_few(int64_t n, double p, double alpha);
int64_t qg_binomial_many(int64_t n, double p, double alpha);

/* Student's t with df > 0 degrees of freedom, P(T <= t), through I_x(a, b) (Abramowitz and Stegun
 * 26.7.1), and its inverse. Any t; 0 <= p <= 1. */
double qg_t_cdf(double t, double df);
double qg_t_quantile(double p, double df);
/* P(T <= t) of the non-central t, that of (Z + shift) / sqrt(chi2 / df): the power of a t-test.
 * Lenth's series (algorithm AS 243, 1989), summed over the terms that matter. Absolute accuracy
 * 1e-12 (both tails); |shift| <= 1000. */
double qg_t_noncentral_cdf(double t, double df, double shift);

#endif
