/* Power: the smallest change that a judgement can see, and how many samples it needs.
 *
 * All tests are one-sided with the given alpha; `power` is the chance that the test calls a change
 * that is there, 0.8 where nothing else is asked. An *effect* is how far the truth lies from the
 * tested limit. A function that finds no answer says so with -1 (an n over a billion) or an
 * infinite effect (n too small to call anything).
 *
 * Asserted: alpha within (0, 0.5), power within (alpha, 1), n >= 1.
 */
#ifndef QG_STATS_POWER_H
#define QG_STATS_POWER_H

#include <stdint.h>

/* ---- an estimate with a standard error ---- */

/* The effect seen by any estimate that is nearly normal with this standard error, such as a
 * bootstrap's: error (z(1 - alpha) + z(power)). An error falls with the root of n: for half the
 * effect four times the documents. */
double qg_power_error_effect(double error, double alpha, double power);

/* ---- a mean of paired differences: Student's t ---- */

/* Effects in deviations of a single difference. Exact for normal differences: non-central t with n
 * - 1 degrees of freedom (Cohen 1988; Harrison and Brady 2004). n = 1 sees nothing. Effects over
 * 1000 / sqrt(n) count as that. */
double qg_power_mean(double effect, int64_t n, double alpha);
double qg_power_mean_effect(int64_t n, double alpha, double power);
int64_t qg_power_mean_n(double effect, double alpha, double power);

/* ---- signed-rank on log-ratios of blocks ---- */

/* Effects in deviations of a single log-ratio. Approximation: the t-test above with 3 / pi of the
 * samples (the asymptotic relative efficiency for normal log-ratios, Hodges and Lehmann 1956), at
 * the level that the exact test has (qg_signed_rank_level). scripts/make-vectors/check_power.py
 * simulates it: within 2 points for normal log-ratios from 6 blocks on (3 at 5); with heavier tails
 * of the same deviation more is seen than this says, but for effects over 1.2 deviations, where it
 * is up to 5 points less. */
double qg_power_signed_rank(double effect, int64_t n, double alpha);
double qg_power_signed_rank_effect(int64_t n, double alpha, double power);
/* The n from which on the power is reached (it falls back by a little where the level does). */
int64_t qg_power_signed_rank_n(double effect, double alpha, double power);

/* ---- a share against a limit: exact binomial test ---- */

/* The chance that qg_proportion_test calls a true share: above the limit where share >= limit, else
 * below it. Exact. Flips (McNemar) are shares of losses among flips against 1/2. 0 <= share <= 1,
 * 0 < limit < 1: asserted. */
double qg_power_proportion(double share, int64_t n, double limit, double alpha);
/* The share nearest to the limit that is seen, above or below it; infinite where n is too small. */
double qg_power_proportion_above(int64_t n, double limit, double alpha, double power);
double qg_power_proportion_below(int64_t n, double limit, double alpha, double power);
/* The least n with that power. Power is a saw in n, so a few larger n may miss it again; exact
 * while the critical count is under 250, beyond that within some teeth. -1 where share == limit. */
int64_t qg_power_proportion_n(double share, double limit, double alpha, double power);

/* ---- a percentile against a budget: order statistics ---- */

/* The same for a budget on the q-quantile, which is a limit 1 - q on the share of samples above it:
 * `above` < 1 - q is the chance that the gate can tell that the budget is kept, otherwise that it
 * is broken. In milliseconds: the (1 - above)-quantile of the samples is the budget that is meant.
 */
double qg_power_quantile(double above, int64_t n, double q, double alpha);
/* The greatest share above the budget at which it is still passed with that power: to pass from n
 * samples, the budget must lie at the quantile 1 minus this. -INFINITY: n is too small to pass. */
double qg_power_quantile_pass(int64_t n, double q, double alpha, double power);
/* The least share above the budget that is failed with that power. */
double qg_power_quantile_fail(int64_t n, double q, double alpha, double power);
int64_t qg_power_quantile_n(double above, double q, double alpha, double power);

#endif
