/* Shares: k of n, and flips between two models that answered the same questions.
 *
 * Every trial must be independent of the others; tokens of one document are not (bootstrap.h). A
 * count below 0 or above n, or n outside 1 to QG_PROPORTION_MOST, gives QG_EARG.
 */
#ifndef QG_STATS_PROPORTION_H
#define QG_STATS_PROPORTION_H

#include "base/err.h"
#include "stats/stats.h"

#include <stdint.h>

enum { QG_PROPORTION_MOST = 1000000000 };

/* Wilson's score interval (1927): near its promise on average for every n, never outside 0 to 1.
 * For showing. */
qg_status qg_proportion_wilson(qg_interval *out, int64_t k, int64_t n, double alpha, qg_err *err);
/* Clopper and Pearson's (1934): each end misses with at most alpha, whatever the share. For
 * proving. */
qg_status qg_proportion_exact(qg_interval *out, int64_t k, int64_t n, double alpha, qg_err *err);
/* Is the share above or below the limit, 0 <= limit <= 1? Exact binomial tails, in step with
 * qg_proportion_exact. */
qg_status qg_proportion_test(qg_pvalues *out, int64_t k, int64_t n, double limit, qg_err *err);

/* Answers of two models to the same n questions. */
typedef struct qg_flips {
    int64_t lost;   /* right by the reference, wrong by the variant */
    int64_t gained; /* wrong by the reference, right by the variant */
    int64_t n;      /* all questions, those that did not flip too   */
} qg_flips;

typedef struct qg_mcnemar {
    qg_pvalues exact; /* greater: more lost than gained */
    qg_pvalues mid;   /* half the weight of what was seen: less strict, seldom over its alpha */
} qg_mcnemar;

/* Is the variant worse? Of all flips each is a loss with chance 1/2 if it is not (McNemar 1947):
 * exact binomial, and its mid-p (Fagerland, Lydersen and Laake 2013). No flips: p = 1 (mid-p
 * one-sided 0.5). */
qg_status qg_mcnemar_test(qg_mcnemar *out, qg_flips flips, qg_err *err);

typedef struct qg_drop {
    double estimate; /* (lost - gained) / n: how much accuracy fell */
    qg_interval interval;
} qg_drop;

/* How far accuracy fell, with Tango's score interval for paired shares (1998), which holds well
 * from some 20 questions on and at 0 flips; and whether it fell by more or less than a limit, -1 <
 * limit < 1 (greater: by more). At limit 0 the test is McNemar's without correction. */
qg_status qg_drop_estimate(qg_drop *out, qg_flips flips, double alpha, qg_err *err);
qg_status qg_drop_test(qg_pvalues *out, qg_flips flips, double limit, qg_err *err);

#endif
