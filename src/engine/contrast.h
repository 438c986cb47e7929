/* Two models of one shape side by side over a few tokens, step by step: where do they differ?
 *
 * The first of them is the *truth*. Every step of the other (engine/decoder.h) reads what the truth
 * made in the step before, so that differences do not pile up: what is said of a part is its own.
 * The two are either one checkpoint on two kernel tiers, or a checkpoint and the one that it was
 * made of. Of the latter also the weights are compared (engine/misfit), and scales that were folded
 * into norms and linears are found again and taken out (engine/fold).
 *
 * Layer by layer, so that memory holds one layer of each. Runs on the CPU.
 *
 * Error of a part: sqrt of the mean over tokens of |y' - y|^2 / |y - bias|^2, so that no token
 * counts more than another and a large bias hides nothing.
 */
#ifndef QG_ENGINE_CONTRAST_H
#define QG_ENGINE_CONTRAST_H

#include "engine/layerwise.h"
#include "engine/misfit.h"

/* What a difference can lie in; name as in reports */
#define QG_PART_LIST(X)                                                                            \
    X(EMBED, "embed")                                                                              \
    X(PROJECT_IN, "project_in")                                                                    \
    X(POSITIONS, "positions")                                                                      \
    X(ATTENTION_NORM, "attention_norm")                                                            \
    X(Q, "q")                                                                                      \
    X(K, "k")                                                                                      \
    X(V, "v")                                                                                      \
    X(ATTENTION, "attention") /* rotation, cache and softmax */                                    \
    X(O, "o")                                                                                      \
    X(MLP_NORM, "mlp_norm")                                                                        \
    X(GATE, "gate")                                                                                \
    X(UP, "up")                                                                                    \
    X(FC1, "fc1")                                                                                  \
    X(ACTIVATION, "activation")                                                                    \
    X(DOWN, "down")                                                                                \
    X(FC2, "fc2")                                                                                  \
    X(RESIDUAL, "residual") /* the addition at the end of a layer */                               \
    X(FINAL_NORM, "final_norm")                                                                    \
    X(PROJECT_OUT, "project_out")                                                                  \
    X(HEAD, "lm_head")

typedef enum qg_part {
#define X(part, name) QG_PART_##part,
    QG_PART_LIST(X)
#undef X
        QG_N_PARTS
} qg_part;

const char *qg_part_name(qg_part part);

/* One part of one layer. */
typedef struct qg_contrast_entry {
    qg_part part;
    int layer;            /* -1 outside the layers */
    const char *name;     /* of its tensors ("model.layers.0.mlp.down_proj"); NULL: it has none */
    double error;         /* of what it makes; INFINITY where that is not finite */
    int channel;          /* the output whose error, relative to itself, is the greatest, */
    double channel_error; /* and that error */
    bool is_alone;        /* on tiers: it is a token run alone, as in a decode step, that errs */
    /* Of a linear of the layers beside what it was made of. */
    bool has_weights;
    qg_misfit misfit;
    double excess;          /* error of an output relative to misfit.noise, mean of all outputs, */
    double excess_greatest; /* and the greatest, */
    int excess_row;         /* which is this output's */
    int n, k, group;        /* outputs, inputs, and how many share a scale (or stand in a block) */
    bool has_order;         /* groups are not the inputs as they stand (g_idx) */
} qg_contrast_entry;

typedef struct qg_contrast_model {
    const char *folder, *method, *activations, *tier; /* as in qg_engine_options */
} qg_contrast_model;

typedef struct qg_contrast qg_contrast;

/* Both are opened for windows of n_tokens. QG_EREFUSED where their shapes differ, else what opening
 * says. It lives as long as the arena. */
qg_status qg_contrast_open(qg_contrast **out, qg_arena *arena, const qg_contrast_model *truth,
                           const qg_contrast_model *other, int n_threads, int n_tokens,
                           qg_err *err);
/* The other's layers: its tier, and its kernels for tests that plant faults. */
qg_layerwise *qg_contrast_other(qg_contrast *c);

/* Runs ids [n_tokens], within the vocabulary, once. Entries in the order of the pass, on the arena.
 * done is in [0, 1]; on_progress may be NULL. */
typedef void qg_on_contrast(void *user, double done);
qg_status qg_contrast_run(const qg_contrast_entry **out, size_t *n, qg_contrast *c,
                          const int32_t *ids, qg_on_contrast *on_progress, void *user, qg_err *err);

#endif
