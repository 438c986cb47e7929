/* Log-probabilities of a given text: what `score`, goldens, perplexity and KL are made of.
 *
 * Numerics: logits are float32; the log-sum-exp is accumulated in double over the whole vocabulary.
 */
#ifndef QG_ENGINE_SCORE_H
#define QG_ENGINE_SCORE_H

#include "engine/session.h"

typedef struct qg_candidate {
    int32_t id;
    double logprob;
} qg_candidate;

/* What follows one position. */
typedef struct qg_next {
    const qg_candidate *top; /* best first, ties by lower id; n_top of them */
    int n_top;
    double log_sum_exp; /* of the logits */
    double tail; /* log of the probability that is not in top; -inf (as -1e30) where top is all */
    double entropy; /* nats */
    double margin;  /* logit of the best minus that of the second best */
} qg_next;

typedef struct qg_score {
    int n; /* positions = ids given */
    const int32_t *ids;
    double *logprob; /* [n] of id i given those before it; [0] is 0 and does not count */
    qg_next *next;   /* [n] what follows each position, or NULL where top_k is 0 */
    double nll;      /* -sum of logprob[1..] */
    int n_scored;    /* n - 1 */
} qg_score;

/* Scores n_seqs sequences, each in a session of its own, all closed again: together as far as
 * sessions and KV cache have room, the rest in further batches (the numbers are the same). Results
 * are on the arena. top_k is cut at the vocabulary. */
qg_status qg_score_ids(qg_score *out, qg_arena *arena, qg_engine *e, const qg_ids *seqs, int n_seqs,
                       int top_k, qg_err *err);

/* Pieces that others need too. Logits are finite, n at least 1. */
int32_t qg_argmax(const float *logits, int n); /* ties to the lower index */
/* The best minus the second best; 0 where there is only one. */
double qg_margin(const float *logits, int n);
double qg_log_sum_exp(const float *logits, int n);
/* The k best of logits [n], best first, ties by lower index; returns min(k, n). `best` holds k. */
int qg_top_k(int32_t *best, const float *logits, int n, int k);

#endif
