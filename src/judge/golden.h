/* Goldens as judges: a measured qg_gold against the blessed one, position by position.
 *
 *   golden_logprob_max, _p99   differences of log-probabilities, over all that the golden stores:
 *                      each prompt token, each entry of its top-k, the mass that is left, and the
 *                      entropy (a mean of log-probabilities). An entry that the other side does
 *                      not list counts with the least difference that is certain: it lies below
 *                      the last entry listed there.
 *   same_top           share of positions with the same best token (ties: the lower id)
 *   greedy_match       greedy tokens before the first difference, least of the prompts that differ;
 *                      where none does, the longest continuation compared. A difference counts only
 *                      where the golden's margin exceeds the tolerance: below it either token is
 *                      right, and the comparison of that prompt ends there, in its favour.
 *   kld_topk           mean over positions of KL(golden || measured) on the partition {each token
 *                      that both list, everything else}: by the log-sum inequality never above the
 *                      KL divergence over the whole vocabulary.
 *   drift_logprob_max, drift_same_top, drift_kld_topk   the same against the case's own golden
 *
 * Goldens of another tokenizer, other prompts, backend class or protocol do not compare and are
 * refused with the command that renews them. Other weights do compare: showing the damage of a
 * changed checkpoint is what a golden is for; `other_weights` tells the reader.
 */
#ifndef QG_JUDGE_GOLDEN_H
#define QG_JUDGE_GOLDEN_H

#include "base/err.h"
#include "record/gold.h"
#include "record/value.h"

typedef struct qg_golden_diff {
    double logprob_max, logprob_p99;
    int64_t n_logprobs;
    const char *worst_prompt; /* where logprob_max is */
    size_t worst_position;
    double same_top, kld_topk;
    int64_t n_positions;
    int64_t greedy_match;
    int64_t n_choices;         /* greedy tokens that were compared */
    const char *greedy_prompt; /* the one that differs first, NULL where none does */
    int64_t n_near_ties;       /* prompts whose comparison ended at one */
} qg_golden_diff;

/* QG_EREFUSED, naming what differs, where the two do not compare. `suite` is for the command that
 * renews the golden. */
qg_status qg_golden_fits(const qg_gold *golden, const qg_gold *measured, const char *suite,
                         qg_err *err);

/* Compares two that fit. Names in `out` point into the golden. QG_ENOMEM only. */
qg_status qg_golden_compare(qg_golden_diff *out, qg_arena *scratch, const qg_gold *golden,
                            const qg_gold *measured, double tolerance, qg_err *err);

/* Whether a metric is judged from a golden alone; then its value in `diff`. */
bool qg_golden_has(qg_metric metric);
/* Whether that golden is the case's own; else the reference's. */
bool qg_golden_is_drift(qg_metric metric);
qg_value qg_golden_value(const qg_golden_diff *diff, qg_metric metric);

#endif
