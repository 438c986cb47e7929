/* The weights of a model as the decoder multiplies them.
 *
 * Every tensor that the family's formula asks for is found by name and placed (engine/place); one
 * that is absent, of another shape or left over is refused with what was found and what was
 * expected.
 */
#ifndef QG_ENGINE_WEIGHTS_H
#define QG_ENGINE_WEIGHTS_H

#include "checkpoint/config.h"
#include "engine/family.h"
#include "engine/place.h"

typedef struct qg_layer {
    const float *attention_norm, *mlp_norm; /* [hidden] */
    qg_linear qkv, o, gate_up, down;        /* fused: q, k, v and gate, up share their input */
} qg_layer;

/* Views: the bytes lie in the backend's slab or in the mapped file. */
typedef struct qg_weights {
    const qgk_half *embed; /* [vocabulary][hidden] */
    qg_layer *layers;      /* [n_layers] */
    const float *norm;     /* [hidden] */
    qg_linear head;        /* shares the embedding's bytes where tied and the tier reads them */
} qg_weights;

/* Where weights come from. */
typedef struct qg_weight_source {
    const qg_checkpoint *checkpoint;
    const qg_model_config *config;
    const qg_family *family;
    qg_storage storage;
} qg_weight_source;

/* With slab->base NULL: checks names, dtypes and shapes, and adds up. Over a buffer of that size:
 * fills it and `out`. `out->layers` has room for every layer. `arena` is for scratch, given back.
 */
qg_status qg_weights_layout(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                            const qg_weight_source *source, const qg_backend *backend,
                            qg_arena *arena, qg_err *err);

#endif
