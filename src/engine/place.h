/* From disk to the backend's memory: one linear, one matrix of halves, one vector at a time.
 *
 * A placer walks over a checkpoint twice (see slab.h): with slab->base NULL it only checks names,
 * dtypes, shapes, the order of groups, and adds up; over a buffer it also fills. A linear is stored
 * by the folder's method where that method's marker tensor is there, else plainly: modules left
 * unquantized need no list. It goes the way of kernels/qgk_types.h: unpacked by its method, packed
 * by the tier; where disk, canonical and the tier's form are the same bytes, the mapped file is
 * used in place. Numbers that no half can hold, infinities and NaN are errors that name the tensor.
 *
 * Statuses: QG_EFORMAT (absent, other shape or dtype, contradiction), QG_ENONFINITE, QG_ENOSUP,
 * QG_ENOMEM.
 */
#ifndef QG_ENGINE_PLACE_H
#define QG_ENGINE_PLACE_H

#include "backend/backend.h"
#include "checkpoint/shards.h"
#include "engine/slab.h"
#include "engine/storage.h"

/* Linears that share their input, as the kernels multiply them: one weight where all are stored the
 * same way, else one a format. Together they fill a row of N columns. */
typedef struct qg_linear {
    int n_weights;
    qgk_weight weight[QGK_MAX_SEGMENTS];
} qg_linear;

/* One of them. */
typedef struct qg_linear_name {
    const char *name; /* its tensors are "NAME.*" */
    int n;            /* outputs */
    bool bias;        /* "NAME.bias" must be there */
} qg_linear_name;

typedef struct qg_weight_sums {
    size_t mapped_bytes; /* used in place, beside what the slab holds */
    int64_t n_params;    /* numbers in the model: weights, biases, norms; scales do not count */
    int n_quantized;     /* linears that lie there as the folder's method stores them */
    unsigned formats;    /* bit f: a linear has weights of qgk_format f */
} qg_weight_sums;

typedef struct qg_placer {
    const qg_checkpoint *checkpoint;
    const qg_storage *storage;
    qg_backend *backend;
    qg_slab *slab;
    qg_weight_sums sums;
    qg_arena *arena; /* scratch, given back after each call */
    /* Used again by each piece, for new pages cost more than what is written to them, until
     * qg_place_end(): [room_bytes] of the piece at hand where the backend's memory is its own, and
     * [strips_bytes] of rows between disk and pack, a part of it a thread. */
    void *room, *strips;
    size_t room_bytes, strips_bytes;
    const qg_tensor **seen; /* [n_seen] all that was asked for; room for every tensor */
    size_t n_seen;
} qg_placer;

/* Linears over the same k inputs. `quantized` false: whatever the method, these are stored plainly
 * (the head). A bias that a quantized linear brings although its family has none is used too. */
qg_status qg_place_linear(qg_placer *p, qg_linear *out, const qg_linear_name *linears, int n, int k,
                          bool quantized, qg_err *err);

/* NAME.weight [n][k] as halves: the mapped bytes where they are that, else a piece of the slab.
 * tensor: where it came from, may be NULL. */
qg_status qg_place_halves(qg_placer *p, const qgk_half **out, const qg_tensor **tensor,
                          const char *name, int n, int k, qg_err *err);
/* The head that shares those halves [n][k], which qg_place_halves() took from NAME.weight. */
qg_status qg_place_tied(qg_placer *p, qg_linear *out, const qgk_half *halves, const char *name,
                        int n, int k, qg_err *err);

/* NAME.SUFFIX [n] as float32. */
qg_status qg_place_vector(qg_placer *p, const float **out, const char *name, const char *suffix,
                          int n, qg_err *err);
/* [n] times the same number, which no tensor holds. */
qg_status qg_place_constant(qg_placer *p, const float **out, float value, int n, qg_err *err);

/* Frees what pieces were made in. */
void qg_place_end(qg_placer *p);

/* Whether every tensor was asked for, but those whose name ends in `ignored_suffix` (or NULL). */
qg_status qg_place_check_rest(const qg_placer *p, const char *ignored_suffix, qg_err *err);

#endif
