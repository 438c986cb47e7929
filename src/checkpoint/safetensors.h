/* One safetensors file: tensor views on a read-only mapping, and a writer.
 *
 * Format (github.com/huggingface/safetensors, "Format"): a little-endian u64 header length, a JSON
 * object {"NAME": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}, "__metadata__": ...},
 * then the data. Opening checks all that the header claims: it is at most 100,000,000 bytes and
 * inside the file, every tensor's bytes equal shape times dtype, and the tensors cover the data
 * exactly, with no overlap, hole or rest (as upstream refuses them). The contents of the tensors
 * are not looked at.
 *
 * Statuses: QG_ENOTFOUND, QG_EACCESS, QG_EARG (a folder), QG_EFORMAT (anything malformed),
 * QG_ENOSUP (FP8 and other dtypes that qgk_dtype does not have). Messages name file and tensor.
 */
#ifndef QG_CHECKPOINT_SAFETENSORS_H
#define QG_CHECKPOINT_SAFETENSORS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "kernels/qgk_types.h"

enum { QG_TENSOR_MAX_DIMS = 8, QG_SAFETENSORS_MAX_HEADER = 100000000 };

/* A view; lives as long as the arena that the file was opened on. */
typedef struct qg_tensor {
    const char *name;
    qgk_dtype dtype;
    int n_dims; /* 0: a scalar */
    int64_t shape[QG_TENSOR_MAX_DIMS];
    int64_t n_elements; /* product of shape; 0 for an empty tensor, 1 for a scalar */
    const void *data;   /* row-major, little-endian; NULL only in what is imagined, see shards.h */
    size_t n_bytes;
    bool aligned; /* data is aligned to its element and no other tensor's: may be used in place,
                     else copy it */
} qg_tensor;

/* "[2, 3]" for messages, cut where it does not fit; returns buf. */
const char *qg_tensor_shape_text(const qg_tensor *t, char *buf, size_t size);

typedef struct qg_safetensors qg_safetensors;

/* The file stays mapped as long as the arena lives. */
qg_status qg_safetensors_open(const qg_safetensors **out, qg_arena *arena, const char *path,
                              qg_err *err);
const char *qg_safetensors_path(const qg_safetensors *st);
qg_str qg_safetensors_bytes(const qg_safetensors *st); /* the whole file, header included */
size_t qg_safetensors_count(const qg_safetensors *st);
/* In the order of their data; i < count. */
const qg_tensor *qg_safetensors_at(const qg_safetensors *st, size_t i);

/* Writer: announce every tensor, then hand over their data in the same order and in pieces of any
 * size. Header and data offsets are those that upstream's reader accepts; data starts at a multiple
 * of 8. The file appears under its name at the end only (base/file.h); a writer that was not ended
 * leaves nothing when its arena ends. */
typedef struct qg_tensor_spec {
    const char *name; /* unique, not "__metadata__" */
    qgk_dtype dtype;
    int n_dims;
    int64_t shape[QG_TENSOR_MAX_DIMS];
} qg_tensor_spec;

/* What announces a tensor as it is; the name is the tensor's own. */
static inline qg_tensor_spec qg_tensor_spec_of(const qg_tensor *t)
{
    qg_tensor_spec spec = {.name = t->name, .dtype = t->dtype, .n_dims = t->n_dims};

    memcpy(spec.shape, t->shape, sizeof spec.shape);
    return spec;
}

typedef struct qg_safetensors_writer qg_safetensors_writer;

/* Bytes of one tensor's data; false where the shape is negative, has too many dimensions or
 * overflows. */
bool qg_tensor_spec_bytes(const qg_tensor_spec *spec, size_t *n_bytes);
/* `specs` is only read during the call. Metadata is {"format": "pt"}, which transformers wants. */
qg_status qg_safetensors_write_begin(qg_safetensors_writer **out, qg_arena *arena, const char *path,
                                     const qg_tensor_spec *specs, size_t n_specs, qg_err *err);
/* QG_EARG when more is written than was announced. */
qg_status qg_safetensors_write_data(qg_safetensors_writer *w, const void *data, size_t n,
                                    qg_err *err);
/* QG_EARG when less was written than was announced; then nothing is left. */
qg_status qg_safetensors_write_end(qg_safetensors_writer *w, qg_err *err);

#endif
