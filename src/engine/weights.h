/* The weights of a model as the decoder multiplies them.
 *
 * Every tensor that the family's formula asks for is found by name and held to its dtype and shape;
 * one that is absent, of another shape or left over is refused with what was found and what was
 * expected. A linear goes the way of kernels/qgk_types.h: unpacked by its method, packed by the
 * tier; where disk, canonical and the tier's form are the same bytes, the mapped file is used in
 * place. Numbers that no half can hold, infinities and NaN are errors that name the tensor.
 */
#ifndef QG_ENGINE_WEIGHTS_H
#define QG_ENGINE_WEIGHTS_H

#include "backend/backend.h"
#include "checkpoint/config.h"
#include "checkpoint/shards.h"
#include "engine/family.h"
#include "engine/slab.h"

typedef struct qg_layer {
    const float *attention_norm, *mlp_norm; /* [hidden] */
    qgk_weight qkv, o, gate_up, down;       /* fused: q, k, v and gate, up share their input */
} qg_layer;

/* Views: the bytes lie in the backend's slab or in the mapped file. */
typedef struct qg_weights {
    const qgk_half *embed; /* [vocabulary][hidden] */
    qg_layer *layers;      /* [n_layers] */
    const float *norm;     /* [hidden] */
    qgk_weight head;       /* shares the embedding's bytes where tied and the tier reads them */
} qg_weights;

/* Where weights come from. */
typedef struct qg_weight_source {
    const qg_checkpoint *checkpoint;
    const qg_model_config *config;
    const qg_family *family;
    const qgk_method *method;
} qg_weight_source;

typedef struct qg_weight_sums {
    size_t mapped_bytes; /* used in place, beside what the slab holds */
    int64_t n_params;    /* numbers in the tensors, a tied head counted once */
} qg_weight_sums;

/* With slab->base NULL: checks names, dtypes and shapes, and adds up. Over a buffer of that size:
 * fills it and `out`. `out->layers` has room for every layer. `arena` is for scratch, given back.
 */
qg_status qg_weights_layout(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                            const qg_weight_source *source, const qg_backend *backend,
                            qg_arena *arena, qg_err *err);

#endif
