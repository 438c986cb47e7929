/* One forward pass over a batch of tokens: the only place that orders kernels.
 *
 * A *pass* is what the host says of the batch: the ids, whose they are and where they stand, which
 * blocks their sequences own and which rows want logits. qg_transformer_run() computes the hidden
 * states of all rows and appends to the cache; qg_transformer_logits() then multiplies the head
 * with a slice of the wanted rows, so that logits never take more than logits_rows rows. Nothing is
 * allocated after opening.
 */
#ifndef QG_ENGINE_DECODER_H
#define QG_ENGINE_DECODER_H

#include "backend/backend.h"
#include "engine/kvcache.h"
#include "engine/weights.h"

/* The sizes that an engine was opened for. */
typedef struct qg_sizes {
    int max_len, max_seqs, max_rows; /* positions of a session, sessions, rows of a pass */
    int blocks_per_seq;              /* of the longest session */
    int logits_rows;                 /* rows of a slice of logits */
} qg_sizes;

/* Integers of a pass: the same layout on the host, where it is written, and in backend memory. */
typedef struct qg_pass_tables {
    int32_t *ids, *row_seq, *row_pos; /* [max_rows] */
    int32_t *wanted;                  /* [max_rows] rows that want logits, ascending */
    int32_t *seq_row;                 /* [max_seqs + 1] */
    int32_t *seq_len;                 /* [max_seqs] */
    int32_t *block_table;             /* [max_seqs][blocks_per_seq] */
} qg_pass_tables;

/* What the linears of a layer read, in the order in which a layer makes it; name as in reports */
#define QG_INPUT_LIST(X)                                                                           \
    X(QKV, "qkv") /* of q, k, v */                                                                 \
    X(O, "o")                                                                                      \
    X(MLP, "mlp")   /* of gate, up or fc1 */                                                       \
    X(DOWN, "down") /* of down or fc2 */

typedef enum qg_input {
#define X(input, name) QG_INPUT_##input,
    QG_INPUT_LIST(X)
#undef X
        QG_N_INPUTS
} qg_input;

/* x [rows][k] in backend memory, while the layer waits. */
typedef void qg_on_input(void *user, qg_input input, const qgk_act *x, int rows, int k);

/* What a forward pass makes, in this order; the steps of a layer are QKV_INPUT to LAYER. Each
 * depends on the one before and on weights of its own, so that a pass whose steps are overwritten
 * with those of another pass shows the differences of each alone. */
typedef enum qg_step {
    QG_STEP_EMBED,      /* rows of the embedding, where it is projected as narrow as it is */
    QG_STEP_PROJECT_IN, /* only where there is such a projection */
    QG_STEP_POSITIONS,  /* with learned positions added; only where there are any */
    QG_STEP_QKV_INPUT,  /* norm of the stream; the stream itself where norms come after */
    QG_STEP_QKV,
    QG_STEP_ATTENDED, /* rotated, and attended */
    QG_STEP_O,
    QG_STEP_MLP_INPUT, /* added and normed */
    QG_STEP_MLP,       /* gate and up side by side, or fc1 */
    QG_STEP_INNER,     /* the activation of it */
    QG_STEP_DOWN,
    QG_STEP_LAYER,       /* added; normed where norms come after: the stream */
    QG_STEP_FINAL_NORM,  /* only where there is one; from here on the rows that want logits */
    QG_STEP_PROJECT_OUT, /* only where there is such a projection */
    QG_STEP_LOGITS,      /* float32 on every backend */
    QG_N_STEPS
} qg_step;

/* x [rows][k] in backend memory, which may be changed: what comes after reads it then. */
typedef void qg_on_step(void *user, qg_step step, qgk_act *x, int rows, int k);

typedef struct qg_transformer {
    qg_backend *backend;
    const qg_model_config *config;
    const qg_family *family;
    const qg_weights *weights;
    const qg_kvcache *kv;
    qg_sizes sizes;
    /* The pass: filled by the caller before qg_transformer_run(). */
    qg_pass_tables pass;
    int n_rows, n_seqs, n_wanted;
    qg_on_input *on_input; /* told what linears read; NULL: nobody */
    void *user;
    qg_on_step *on_step; /* told each step; NULL: nobody. qg_transformer_run() does not */
    void *step_user;
    qg_input last_input; /* qg_transformer_layer() ends when it has made this; QG_N_INPUTS: never */
    /* In backend memory. */
    qg_pass_tables device;
    float *cos_sin;           /* [max_len][head_dim], where the family rotates */
    qgk_act *x, *normed;      /* [max_rows][hidden] the residual stream, and its norm */
    qgk_act *qkv;             /* [max_rows][(n_heads + 2 n_kv_heads) * head_dim] */
    qgk_act *attended;        /* [max_rows][n_heads * head_dim] */
    qgk_act *delta;           /* [max_rows][hidden] what a block adds to the stream */
    qgk_act *gate_up, *inner; /* [max_rows][2 * ffn], where there is a gate; [max_rows][ffn] */
    qgk_act *narrow;          /* [max_rows][embed_size], where the embedding is projected */
    qgk_act *picked;          /* [logits_rows][hidden] */
    float *logits;            /* [logits_rows][vocabulary] */
    int32_t *best;            /* [logits_rows] */
    int n_ready;              /* rows of logits that the pass has made already */
    float *host_logits;       /* [vocabulary], where the backend's memory is its own */
} qg_transformer;

/* Lays all buffers into the two slabs; backend, config, family and sizes are set. */
void qg_transformer_layout(qg_transformer *d, qg_slab *activations, qg_slab *workspace);
/* After the slabs have their buffers: the host's side of the pass and the rotary table. */
qg_status qg_transformer_open(qg_transformer *d, qg_arena *arena, qg_err *err);
/* All but the formats, which the weights know. */
qgk_limits qg_transformer_limits(const qg_transformer *d);

/* The pass, and the first slice of logits with it: on a device that records, one graph. */
void qg_transformer_run(qg_transformer *d);
/* The same in steps: the pass to the backend, its embedding to x, then each layer from x to x. */
qgk_batch qg_transformer_upload(qg_transformer *d);
void qg_transformer_embed(qg_transformer *d, const qgk_batch *batch);
void qg_transformer_layer(qg_transformer *d, int index, const qgk_batch *batch);
/* Logits of wanted rows first .. first + n - 1 (n at most logits_rows) and the index of each
 * largest, -1 where a row is not finite, to best [n] on the host. */
qg_status qg_transformer_logits(qg_transformer *d, int32_t *best, int first, int n, qg_err *err);
/* Row i of the slice just computed, on the host; valid until the next call. */
const float *qg_transformer_logits_row(qg_transformer *d, int i);
/* What it is made of, after the last norm: out [hidden] on the host. */
void qg_transformer_final_state(const qg_transformer *d, float *out, int i);

#endif
