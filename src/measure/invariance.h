/* Whether what a model says depends on chance, or on what it is asked together with.
 *
 * Sequences of random tokens are read alone and continued greedily; then the same tokens are given
 * again to batches, prompts together and continuations in common steps. At each place (the end of
 * the prompt and every token after it but the last) the logits are held against those of the
 * sequence alone, and of the same batch once more: their bits, the log-probability of the token
 * that the sequence alone chose, and the best token. The sequences alone can also be held against
 * those of another engine of the same model, such as that of another device.
 */
#ifndef QG_MEASURE_INVARIANCE_H
#define QG_MEASURE_INVARIANCE_H

#include "engine/session.h"

typedef struct qg_invariance_task {
    int64_t seed;
    int input_len, output_len; /* at least 1 each */
    const int *batches;        /* [n_batches] at least 1 each */
    int n_batches;
} qg_invariance_task;

/* What was said at one place. */
typedef struct qg_said {
    uint64_t bits;  /* hash of the logits */
    int32_t best;   /* the lower id of two that are alike */
    double logprob; /* of the token that the sequence alone chose */
} qg_said;

/* A batch beside its sequences alone, over all their places. */
typedef struct qg_invariance {
    int batch;
    int64_t n;            /* places */
    int64_t n_unlike;     /* with other bits than alone */
    int64_t n_same_best;  /* with the same best token */
    double logprob_max;   /* greatest difference of log-probabilities */
    int64_t n_unrepeated; /* with other bits when the batch ran again */
} qg_invariance;

/* The room that an engine needs. */
void qg_invariance_room(qg_engine_options *o, const qg_invariance_task *task);

/* out [task->n_batches]. on_progress gets 0 .. 1; may be NULL. Errors are those of qg_forward(). */
qg_status qg_invariance_measure(qg_invariance *out, qg_arena *arena, qg_engine *e,
                                const qg_invariance_task *task,
                                void (*on_progress)(void *user, double done), void *user,
                                qg_err *err);

/* An engine beside a reference, over all places of the sequences alone. */
typedef struct qg_likeness {
    int64_t n, n_same_best; /* places; those with the same best token */
    double logprob_max;     /* greatest difference of log-probabilities */
    /* sqrt(sum |h - r|^2 / sum |r|^2) of final hidden states h and those of the reference r, over
     * all places, and at the worst of them. */
    double state_error, state_worst;
} qg_likeness;

/* As many sequences as the first batch has, which the reference continues. Errors are those of
 * qg_forward(). */
qg_status qg_likeness_measure(qg_likeness *out, qg_arena *arena, qg_engine *e, qg_engine *reference,
                              const qg_invariance_task *task,
                              void (*on_progress)(void *user, double done), void *user,
                              qg_err *err);

/* What places are beside those of a reference, with states [n][hidden]; pure. */
qg_likeness qg_likeness_of(const qg_said *said, const float *states, const qg_said *reference,
                           const float *reference_states, int64_t n, int hidden);

/* What n places of a batch make beside the same places alone; pure. n_unrepeated stays 0. */
qg_invariance qg_invariance_of(const qg_said *batch, const qg_said *alone, int64_t n);

#endif
