/* A model run one layer at a time over windows of tokens: what calibration is made of.
 *
 * Only the embedding and one layer are loaded. The caller keeps the hidden states of its windows
 * ([window][hidden] floats each), embeds them once, then loads layer after layer and runs every
 * window through it; a layer may come from another checkpoint and be quantized, as the ones before
 * it already are. A window is a sequence of its own from position 0. Runs on the CPU.
 *
 *     qg_layerwise_embed(lw, states, ids);
 *     qg_layerwise_load(lw, 0, NULL, NULL, err);
 *     qg_layerwise_run(lw, states, on_input, user, err);      states of layer 1
 */
#ifndef QG_ENGINE_LAYERWISE_H
#define QG_ENGINE_LAYERWISE_H

#include "engine/decoder.h"
#include "engine/inventory.h"

typedef struct qg_layerwise qg_layerwise;

typedef struct qg_layerwise_options {
    const char *tier; /* highest kernel tier; NULL: the best of this CPU */
    int n_threads;    /* 0: all that this process may use */
    int window;       /* tokens of every window; QG_EARG above what the model can */
    int rows;         /* of products that the caller makes with the context, where more */
    unsigned formats; /* bit f: layers with weights of qgk_format f will be loaded, beside F16 and
                         the folder's own */
    /* How the folder is stored, as in qg_engine_options; method NULL: as it says. */
    const char *method, *activations;
    bool ends; /* also what stands behind the layers is loaded, for qg_layerwise_logits() */
} qg_layerwise_options;

/* Of a folder. Checkpoint, config and family outlive it; it lives as long as the arena. */
qg_status qg_layerwise_open(qg_layerwise **out, qg_arena *arena, const qg_checkpoint *checkpoint,
                            const qg_model_config *config, const qg_family *family,
                            const qg_layerwise_options *options, qg_err *err);

/* Layer `index` of `from`, stored as `storage` says; both NULL: of the folder. Names are
 * spelled as the folder does. `from` must outlive the runs of this layer. */
qg_status qg_layerwise_load(qg_layerwise *lw, int index, const qg_checkpoint *from,
                            const qg_storage *storage, qg_err *err);

/* ids [window], within the vocabulary, to states [window][hidden]. */
void qg_layerwise_embed(qg_layerwise *lw, float *states, const int32_t *ids);
/* States through the layer that is loaded, in place. on_input, or NULL, is told what its linears
 * read, float32 on the CPU. QG_ENONFINITE where the new states are not finite. */
qg_status qg_layerwise_run(qg_layerwise *lw, float *states, qg_on_input *on_input, void *user,
                           qg_err *err);
/* The same up to the input `last`, and no further: states are as before. */
qg_status qg_layerwise_peek(qg_layerwise *lw, const float *states, qg_input last,
                            qg_on_input *on_input, void *user, qg_err *err);
/* Its last token alone, as a decode step takes it: state [hidden] of that token, on the cache that
 * the run before left of the others. There is nothing to get but what the steps tell. */
qg_status qg_layerwise_step(qg_layerwise *lw, const float *state, qg_err *err);
/* Rows row0 .. row0 + n - 1 through what stands behind the layers, n at most QG_LAYERWISE_ROWS;
 * states are as before. There is nothing to get but what the steps tell. Opened with `ends`. */
enum { QG_LAYERWISE_ROWS = 16 };
qg_status qg_layerwise_logits(qg_layerwise *lw, const float *states, int row0, int n, qg_err *err);
/* Tells the steps of all that is run from now on (engine/decoder.h); NULL: nobody. */
void qg_layerwise_watch(qg_layerwise *lw, qg_on_step *on_step, void *user);
/* The layer that is loaded. */
const qg_layer *qg_layerwise_layer(const qg_layerwise *lw);
/* How the folder is stored. */
const qg_storage *qg_layerwise_storage(const qg_layerwise *lw);

/* Puts other weights w [n][k], within float16's range, into linear `kind` of the plain layer that
 * is loaded; they are rounded to halves. The next load forgets them. QG_ENOMEM. */
qg_status qg_layerwise_put(qg_layerwise *lw, qg_item_kind kind, const float *w, qg_err *err);

/* Kernels and threads that it runs with. */
qgk_ctx *qg_layerwise_ctx(qg_layerwise *lw);
/* "avx2", ... */
const char *qg_layerwise_tier(const qg_layerwise *lw);

#endif
