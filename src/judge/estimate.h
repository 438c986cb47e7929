/* What is known of a metric: its value, an interval where it is not exact, and how likely a value
 * beyond the limit would come by chance.
 *
 * metric                                   how (stats.h)
 * latency percentiles, throughput          order statistics of the samples (one batch run each)
 * itl percentiles                          gaps of one run depend on each other: runs are clusters
 * *_vs_fp16 of latency and throughput      log-ratios of rounds where both were measured in turns,
 *                                          signed-rank and Hodges-Lehmann; else Mann-Whitney
 * kld_mean, ppl_increase, dp_rms,          sums per document, resampled by document: studentized
 * same_top over a text                     cluster bootstrap; under 30 documents nothing is claimed
 * everything else                          a point: memory, maxima, what is pinned by a golden, the
 *                                          perplexity of the very text
 *
 * So the value of a ratio of latencies is the typical ratio of neighbouring samples, not that of
 * two medians: what disturbs both arms cancels.
 */
#ifndef QG_JUDGE_ESTIMATE_H
#define QG_JUDGE_ESTIMATE_H

#include "record/value.h"
#include "stats/stats.h"

/* Chance of a false failure in a whole run (after Holm's adjustment). */
#define QG_FAIL_ALPHA 0.01
/* Chance that a change is seen for which `detectable` is given. */
#define QG_POWER 0.95

typedef struct qg_estimate {
    qg_value value;
    const char *test; /* "order statistics"; NULL: a point, and what follows is not set */
    qg_interval interval;
    double p;          /* that the samples look so bad while the limit is kept; at most 1      */
    double detectable; /* seen beyond the limit with a chance of QG_POWER; INFINITY: nothing is */
} qg_estimate;

/* How an estimate is to be made. */
typedef struct qg_asked {
    qg_metric metric;
    double limit;      /* in the metric's unit                                   */
    double alpha;      /* of each end of the interval, all looks together        */
    double fail_alpha; /* that a failure takes, for `detectable`; all looks   */
    size_t n_draws;    /* of a bootstrap                                         */
} qg_asked;

/* The metric of a case; `reference` as in qg_budget_value, whose errors this has. The p-value and
 * alpha are adjusted for the planned looks of the case. */
qg_status qg_estimate_make(qg_estimate *out, qg_arena *scratch, const qg_measurement *m,
                           const qg_measurement *reference, const qg_asked *asked, qg_err *err);

/* Whether the metric is judged with an interval where it was measured as it usually is. */
bool qg_estimate_varies(qg_metric metric);

/* Draws that let the smallest p-value be told from QG_FAIL_ALPHA among so many judgements. */
size_t qg_estimate_draws(size_t n_judgements);

#endif
