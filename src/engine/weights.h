/* The weights of a model as the decoder multiplies them.
 *
 * Every tensor of the model's inventory is found by name and placed (engine/place); one that is
 * absent, of another shape or left over is refused with what was found and what was expected.
 */
#ifndef QG_ENGINE_WEIGHTS_H
#define QG_ENGINE_WEIGHTS_H

#include "checkpoint/config.h"
#include "engine/family.h"
#include "engine/place.h"

typedef struct qg_norm {
    const float *weight, *bias; /* [hidden]; bias: of LayerNorm alone */
} qg_norm;

typedef struct qg_layer {
    qg_norm attention_norm, mlp_norm;
    qg_linear qkv, o;          /* q, k, v share their input and are one row */
    qg_linear mlp_in, mlp_out; /* gate and up as one row, down; or fc1, fc2 */
} qg_layer;

/* Views: the bytes lie in the backend's slab or in the mapped file. A linear that the model lacks
 * has no weights (n_weights 0), other things are NULL. */
typedef struct qg_weights {
    const qgk_half *embed;     /* [vocabulary][embed_size] */
    const qgk_half *positions; /* [max_positions][hidden] from position 0 */
    qg_linear project_in, project_out;
    qg_layer *layers; /* [n_layers] */
    qg_norm norm;     /* the last */
    qg_linear head;   /* shares the embedding's bytes where tied and the tier reads them */
} qg_weights;

/* Where weights come from. */
typedef struct qg_weight_source {
    const qg_checkpoint *checkpoint;
    const qg_checkpoint *spelling; /* whose way of spelling names counts; NULL: checkpoint's */
    const qg_model_config *config;
    const qg_family *family;
    qg_storage storage;
} qg_weight_source;

/* With slab->base NULL: checks names, dtypes and shapes, and adds up. Over a buffer of that size:
 * fills it and `out`. `out->layers` has room for every layer. `arena` is for scratch, given back.
 */
qg_status qg_weights_layout(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                            const qg_weight_source *source, qg_backend *backend, qg_arena *arena,
                            qg_err *err);

/* The parts of it alone, for a model that is run layer by layer: what stands before the layers,
 * what stands before and behind them, and layer `index`. What else is in the checkpoint does not
 * matter. */
qg_status qg_weights_layout_front(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                                  const qg_weight_source *source, qg_backend *backend,
                                  qg_arena *arena, qg_err *err);
qg_status qg_weights_layout_ends(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                                 const qg_weight_source *source, qg_backend *backend,
                                 qg_arena *arena, qg_err *err);
qg_status qg_weights_layout_layer(qg_layer *out, int index, qg_weight_sums *sums, qg_slab *slab,
                                  const qg_weight_source *source, qg_backend *backend,
                                  qg_arena *arena, qg_err *err);

#endif
