/* One layer of the plain model as floats, and moving a scale from what a linear reads into what
 * makes it.
 *
 * A linear's inputs may be divided by s and its columns multiplied by s without changing what it
 * computes (Xiao et al. 2022, Lin et al. 2023), where whatever makes the inputs can absorb the
 * division:
 *
 *     q, k, v            the norm before them
 *     o                  v, row by row; query heads that read one KV head share its scales
 *     gate, up or fc1    the norm before them
 *     down or fc2        up (silu(gate) * up is linear in it), or fc1 through a relu
 *
 * Not where norms come after their blocks (what they give is the residual stream, too), where they
 * have no weights, or through a gelu.
 */
#ifndef QG_QUANTIZE_LAYER_H
#define QG_QUANTIZE_LAYER_H

#include "engine/decoder.h"
#include "quantize/source.h"

enum { QG_LAYER_LINEARS = 7 };

/* A vector of the folder, whether or not it is there. */
typedef struct qg_float_vector {
    const qg_tensor *tensor; /* NULL: absent */
    float *v;                /* [tensor->n_elements] */
} qg_float_vector;

typedef struct qg_float_linear {
    const qg_item *item;
    float *w; /* [item->n][item->k] */
    qg_float_vector bias;
} qg_float_linear;

typedef struct qg_float_norm {
    const qg_item *item; /* NULL: norms have no weights */
    qg_float_vector weight, bias;
} qg_float_norm;

typedef struct qg_float_layer {
    const qg_source *source;
    int index;
    qg_float_norm attention_norm, mlp_norm;
    qg_float_linear linear[QG_LAYER_LINEARS]; /* in the order of the inventory */
    int n_linears;
} qg_float_layer;

/* On the arena. */
qg_status qg_float_layer_read(qg_float_layer *out, qg_arena *arena, const qg_source *source,
                              int index, int n_threads, qg_err *err);

/* Which input of the layer a linear of this kind reads. */
qg_input qg_float_layer_input(qg_item_kind kind);
/* The linears that read an input; returns how many, at most QGK_MAX_SEGMENTS. */
int qg_float_layer_readers(qg_float_layer *l, qg_input input, qg_float_linear **readers);
/* Inputs of these linears. */
int qg_float_layer_width(const qg_float_layer *l, qg_input input);

/* Whether a scale of this input can be absorbed. */
bool qg_float_layer_can_fold(const qg_float_layer *l, qg_input input);
/* Which output of the maker input j is, for o under grouped queries; NULL on *tie: j itself. */
qg_status qg_float_layer_tie(const int32_t **tie, qg_arena *arena, const qg_float_layer *l,
                             qg_input input, qg_err *err);
/* Divides what makes the input by s [width], equal where tied; the readers' columns are to be
 * multiplied by s then. A norm is rounded to the dtype that the folder stores it in first, and s
 * becomes what that leaves, so that nothing is lost. */
void qg_float_layer_divide(qg_float_layer *l, qg_input input, float *s, const int32_t *tie);

#endif
