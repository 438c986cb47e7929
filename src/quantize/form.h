/* Forms: how a quantized checkpoint is written, so that vLLM, transformers and this engine read it.
 *
 * A form is a storage method of kernels/linear with its settings, and the words of
 * `quantization_config` that its tool writes:
 *
 *     gptq                4, 8 bit         AutoGPTQ, GPTQModel: zero points less one
 *     gptq_v2             4, 8 bit         GPTQModel: zero points as they are
 *     awq                 4 bit            AutoAWQ, GEMM layout
 *     compressed-tensors  4, 8 bit         llm-compressor: pack-quantized (W4A16, W8A16), or with
 *                                          8-bit activations int-quantized (W8A8)
 *     bitsandbytes        8 bit, group -1  LLM.int8() weights
 */
#ifndef QG_QUANTIZE_FORM_H
#define QG_QUANTIZE_FORM_H

#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "engine/place.h"
#include "quantize/rtn.h"

/* What is asked for; 0 or NULL: the default of the form. */
typedef struct qg_recipe {
    const char
        *format;    /* NULL: gptq for 4 bit, gptq_v2 with zero points, compressed-tensors for 8 */
    int bits;       /* 4 or 8; 0: 4, bitsandbytes 8 */
    int group_size; /* -1: all inputs; 0: 128, W8A8 and bitsandbytes -1 */
    int symmetric;  /* 1 yes, -1 no, 0: yes, awq no */
    bool act_order; /* groups in an order of their own (gptq forms): see g_idx */
    const char *activations; /* "int8": W8A8; NULL, "float": weights alone */
} qg_recipe;

typedef struct qg_form {
    const char *name;
    qg_storage storage;
    qg_rtn_grid grid; /* what codes and scales the form can hold */
} qg_form;

/* QG_EARG where the settings make no sense together, with what would. */
qg_status qg_form_choose(qg_form *out, const qg_recipe *recipe, qg_err *err);
/* Writes the value of `quantization_config`. */
void qg_form_write_config(const qg_form *f, qg_json_writer *w);

/* The tensors of linear `name` [n][k] in the order of their data below; names on
 * `arena`. At most QGK_MAX_PARTS. QG_EFORMAT where the groups do not divide k. */
qg_status qg_form_specs(const qg_form *f, qg_tensor_spec *specs, size_t *n_specs, qg_arena *arena,
                        const char *name, int n, int k, qg_err *err);
/* Canonical room for a whole linear. */
qg_status qg_form_canon(const qg_form *f, qgk_canon *out, qg_arena *arena, int n, int k,
                        qg_err *err);
/* A whole linear as it is stored: the data of its tensors. */
typedef struct qg_form_data {
    size_t n;
    void *part[QGK_MAX_PARTS];
    size_t n_bytes[QGK_MAX_PARTS];
} qg_form_data;

/* Encodes a whole linear, onto `arena`. order as in qgk_canon, or NULL. */
qg_status qg_form_encode(const qg_form *f, qg_form_data *out, const qgk_canon *rows,
                         const int32_t *order, qg_arena *arena, qg_err *err);
/* Encodes and writes. `arena` is for scratch. */
qg_status qg_form_write(const qg_form *f, qg_safetensors_writer *w, const qgk_canon *rows,
                        const int32_t *order, qg_arena *arena, qg_err *err);

/* The order in which rounding to nearest forms groups, where a form stores one: the columns of w
 * [n][k] by their norms, largest first, for it knows no activations. w is permuted. On `arena`. */
qg_status qg_form_order(const int32_t **out, float *w, int n, int k, qg_arena *arena, qg_err *err);
/* Rounds weights [n][k] to the nearest codes, in that order where the form wants one, and encodes
 * them, onto `arena`; `scratch`, another one, is given back. */
qg_status qg_form_encode_floats(const qg_form *f, qg_form_data *out, float *weights, int n, int k,
                                int n_threads, qg_arena *arena, qg_arena *scratch, qg_err *err);

#endif
