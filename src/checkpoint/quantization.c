/* Dialects of quantization, see quantization.h. */
#include "checkpoint/quantization.h"

qg_status qg_quantization_read(qg_quantization *out, const qg_model_config *config,
                               const qg_checkpoint *checkpoint, qg_err *err)
{
    const qg_quantization_config *q = &config->quantization;

    (void)checkpoint;
    *out = (qg_quantization){.method = "fp16"};
    if (!q->present)
        return QG_OK;
    return qg_fail(err, QG_ENOSUP, "quantization method '%s' (%s) is not supported",
                   q->method ? q->method : "unnamed", q->source);
}
