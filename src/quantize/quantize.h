/* An FP16 folder in, a quantized folder out.
 *
 * Every linear of the layers is quantized, one at a time; embedding, positions, norms, biases and
 * head are copied as they are stored. The new folder holds config.json with its
 * `quantization_config`, model.safetensors, and the tokenizer's and generation's files of the old
 * one; it appears complete or not at all. The same recipe gives the same bytes whatever the number
 * of threads. Memory: the largest linear as float32, its codes, and its bits on disk.
 *
 * Statuses: QG_EEXISTS (the folder exists), QG_EREFUSED (inside the input, or already quantized),
 * QG_EARG (the recipe), QG_EFORMAT, QG_ENONFINITE, QG_ENOSUP as for loading; QG_ENOSPACE, QG_EIO.
 */
#ifndef QG_QUANTIZE_QUANTIZE_H
#define QG_QUANTIZE_QUANTIZE_H

#include "quantize/form.h"

typedef struct qg_quantize_options {
    qg_recipe recipe;
    int n_threads; /* 0: all that this process may use */
    /* Told the linear at hand and how much is done, from 0 to 1; NULL: nobody */
    void (*on_progress)(void *user, const char *linear, double done);
    void *user;
} qg_quantize_options;

/* Of what was made. */
typedef struct qg_quantize_result {
    const char *format; /* of the form: "gptq", ... */
    int bits, group_size, n_linears;
    int64_t bytes_before, bytes_after; /* of all tensors */
    /* sqrt(sum (w - w')^2 / sum w^2) over all quantized weights: error against their size */
    double relative_error;
} qg_quantize_result;

qg_status qg_quantize_folder(qg_quantize_result *out, const char *model, const char *folder,
                             const qg_quantize_options *options, qg_err *err);

#endif
