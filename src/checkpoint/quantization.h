/* How a folder says that its linears are quantized: `quantization_config` of config.json, or
 * quantize_config.json (AutoGPTQ, GPTQModel), quant_config.json (AutoAWQ).
 *
 * Reads the dialects of GPTQ, AWQ, compressed-tensors and bitsandbytes into one qgk_quant_config
 * and the name of the method in kernels/linear that reads such bits. What a dialect can say and no
 * method here runs (2 and 3 bit, other layouts, static activations, several groups of settings) is
 * refused by name (QG_ENOSUP); wrong types and contradictions are QG_EFORMAT. A GPTQ folder that
 * does not say whether its zero points are stored less one is judged by the zero points themselves;
 * `guess` tells.
 */
#ifndef QG_CHECKPOINT_QUANTIZATION_H
#define QG_CHECKPOINT_QUANTIZATION_H

#include "checkpoint/config.h"
#include "checkpoint/shards.h"

typedef struct qg_quantization {
    const char *method;   /* of kernels/linear; "fp16" for a plain folder                      */
    const char *declared; /* what the file says: "gptq", "compressed-tensors", ...; NULL: plain */
    qgk_quant_config config;
    const char *guess; /* what was decided by evidence and why, for a notice; NULL: nothing */
    const qg_json
        *skipped; /* names or patterns that the file leaves unquantized; NULL: none said */
} qg_quantization;

/* Constant texts, nodes of `config`. `checkpoint` may be NULL: nothing is judged by evidence. */
qg_status qg_quantization_read(qg_quantization *out, const qg_model_config *config,
                               const qg_checkpoint *checkpoint, qg_err *err);

/* Whether the file says that module `name` is left unquantized. Names and the plain ones of regular
 * expressions (no classes, groups or counts) are understood; what else there may be says nothing.
 */
bool qg_quantization_skips(const qg_quantization *q, const char *name);

#endif
