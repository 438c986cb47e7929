/* Two runs side by side: each number that both have, how it changed from A to B, and how sure that
 * is. For people: nothing here is a verdict of the gate.
 *
 * metric                            change            how (stats.h)
 * latency p50, throughput           share             log-samples: Mann-Whitney and Hodges-Lehmann,
 *                                                     of rounds (signed-rank) where both arms were
 *                                                     measured in turns (judge/rounds.h)
 * latency p95, p99                  share             ratio of quantiles, block bootstrap; whole
 * runs of itl; not claimed from fewer than 10 / (1 - q) samples an arm ppl, kld_mean, dp_rms share
 * paired by document, cluster bootstrap; not same_top                          difference claimed
 * under 30 documents memory of the ledger              difference        exact everything else
 * difference        shown, nothing is claimed
 *
 * Times compare only where both machines have the same fingerprint and neither was busy
 * (judge/decide.h), quality only where both protocols (and for what is relative to the reference,
 * its weights) are the same: else both values are shown, with the reason why nothing is claimed.
 * Perplexity is compared, so nll and ppl_increase, which say the same, are left out, and so are
 * ratios to the reference, whose parts are here.
 *
 * Each interval has the confidence given, by itself. What is called better or worse is adjusted for
 * the number of comparisons (Benjamini and Hochberg 1995): of all that are called, the expected
 * share of false calls is at most 1 - confidence. Samples of two runs say nothing of what else
 * changed between the two: only `run --against` measures both in turns.
 */
#ifndef QG_JUDGE_COMPARE_H
#define QG_JUDGE_COMPARE_H

#include "base/err.h"
#include "record/record.h"

typedef enum qg_change {
    QG_CHANGE_NONE, /* nothing is claimed: see `why` */
    QG_CHANGE_SAME, /* equal to the last bit */
    QG_CHANGE_BETTER,
    QG_CHANGE_UNCLEAR, /* measured, and may be chance */
    QG_CHANGE_WORSE,
} qg_change;
const char *qg_change_text(qg_change c); /* "-", "same", "better", "unclear", "worse" */

typedef struct qg_comparison_row {
    const char *case_id;
    qg_metric metric;
    double a, b; /* in the metric's unit */
    int64_t n_a, n_b;
    bool is_share; /* change and ends are shares of A (b / a - 1), else in the metric's unit */
    double change;
    const char *test; /* NULL: a point */
    bool has_low, has_high;
    double low, high;
    bool has_p;
    double p; /* two-sided, adjusted for all comparisons */
    qg_change verdict;
    const char *why;  /* of QG_CHANGE_NONE: "other machine", "few documents" */
    double worsening; /* share by which B is worse; below 0: better. What rows are sorted by */
} qg_comparison_row;

typedef struct qg_comparison {
    qg_comparison_row
        *rows; /* worst first: what is worse, what is not claimed or unclear, same, better */
    size_t n_rows;
    const char **notes; /* what differs between the runs besides the numbers */
    size_t n_notes;
    double confidence;
    bool in_turns; /* both were measured in turns, by one run */
} qg_comparison;

typedef struct qg_compare_options {
    const char *only;            /* glob over ids of cases; NULL: all */
    const char *name_a, *name_b; /* for notes: "old.json" */
    bool in_turns;               /* A is what B was measured against (qg_run.against) */
    double confidence;           /* 0: 0.95 */
} qg_compare_options;

/* Lives on the arena, texts of the runs are pointed into. QG_EARG: `only` matches no case of both,
 * or the runs have no case in common. QG_ENOMEM. */
qg_status qg_compare_runs(qg_comparison *out, qg_arena *arena, const qg_run *a, const qg_run *b,
                          const qg_compare_options *options, qg_err *err);

#endif
