/* Statistics: what every verdict of the gate stands on. Pure functions on arrays of numbers; each
 * header names its method, the source, and what it assumes; the tests hold it against SciPy or
 * against a full enumeration.
 *
 *   quantile      percentiles of latency: bounds by order statistics, for any distribution
 *   bootstrap     means over tokens, resampled by document; ratios of percentiles, by blocks
 *   ranktest      shifts between two arms: signed-rank, Mann-Whitney, Hodges-Lehmann
 *   mean          means of blocks: Student's t
 *   proportion    shares: Wilson, Clopper-Pearson; flips between two models: McNemar, Tango
 *   multiple      many judgements at once: Holm, Benjamini-Hochberg
 *   sequential    many looks at one judgement: spending of alpha, ledger
 *   changepoint   where a series over runs began to come from elsewhere: E-divisive
 *   power         the smallest change that a judgement can see, and the n that it needs
 *   distribution  normal, t, beta and binomial probabilities underneath
 *   numbers       checks and order of arrays
 *
 * Words that all of them share:
 *
 * alpha is the chance that *one* end of an interval misses the truth, or that a one-sided test
 * calls what is not there. A one-sided 95 % bound has alpha 0.05; the two ends of a 95 % interval
 * have 0.025 each. 0 < alpha < 0.5, else QG_EARG.
 *
 * An interval is closed. An end that the numbers do not support is infinite: nothing is claimed on
 * that side. So a cost passes where "high <= budget", fails where "low > budget", both only where
 * something is known, and where neither holds the verdict is inconclusive.
 *
 * Functions that take samples refuse them with QG_EARG where there are too few to say anything, and
 * with QG_ENONFINITE where one is NaN or infinite (the message has its index); *out is then
 * untouched. QG_ENOMEM: out of memory. What a function takes from a scratch arena is given back
 * before it returns QG_OK. Functions of distributions and of power take numbers that the program
 * chose, and assert that they lie in their domain.
 *
 * Nothing here has state, and the same input gives the same bits in every run and with any number
 * of threads. Ranks, counts, draws, sums and order statistics are the same bits on every machine as
 * well; what passes through exp, log or erfc of the C library (probabilities, quantiles of
 * distributions) may differ in the last digits between two versions of it.
 */
#ifndef QG_STATS_STATS_H
#define QG_STATS_STATS_H

typedef struct qg_interval {
    double low, high; /* -INFINITY, INFINITY: nothing is claimed on this side */
} qg_interval;

/* How surprising the samples are where the tested limit is the truth. */
typedef struct qg_pvalues {
    double less;    /* small: the truth lies below the limit  */
    double greater; /* small: the truth lies above the limit  */
    double both;    /* min(1, 2 min(less, greater))           */
} qg_pvalues;

#endif
