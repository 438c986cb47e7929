/* How a folder stores its linears: which method of kernels/linear reads them, with what settings.
 *
 * What a caller declares ("gptq") must be what the folder says; "int8" over a plain folder is the
 * one method that is made while loading. A pair that does not fit is refused with what was found,
 * what was declared and what to write (QG_EREFUSED, id "method-mismatch").
 */
#ifndef QG_ENGINE_STORAGE_H
#define QG_ENGINE_STORAGE_H

#include "checkpoint/quantization.h"
#include "kernels/linear/linear.h"

typedef struct qg_storage {
    const qgk_method *method; /* of the quantized linears; fp16 for a plain folder */
    qgk_quant_config config;
    qg_quantization said; /* by the folder: what it leaves unquantized */
} qg_storage;

/* declared: a method as suites call it, or NULL; activations: of int8 made while loading, "int8" or
 * NULL for W8A8, "float" for W8A16. checkpoint NULL: nothing is judged by its zero points. */
qg_status qg_storage_choose(qg_storage *out, const qg_model_config *config,
                            const qg_checkpoint *checkpoint, const char *declared,
                            const char *activations, qg_err *err);

/* The shape of linear `name` [n][k] in that storage. QG_EFORMAT where the groups do not divide k,
 * or codes do not fill words: says what would. QG_ENOSUP above QGK_W8A8_MAX_K inputs of W8A8. */
qg_status qg_storage_shape(qgk_shape *out, const qg_storage *storage, const char *name, int n,
                           int k, qg_err *err);

#endif
