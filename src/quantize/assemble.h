/* The finished folder out of its layers: config.json, weights, tokenizer, README.md, report. */
#ifndef QG_QUANTIZE_ASSEMBLE_H
#define QG_QUANTIZE_ASSEMBLE_H

#include "quantize/form.h"
#include "quantize/source.h"
#include "record/quantized.h"

/* Where layer i lies; NULL when out of memory. */
typedef struct qg_layer_places {
    const char *(*at)(const void *user, qg_arena *arena, int layer);
    const void *user;
} qg_layer_places;

/* Writes `folder`, complete or not at all; with `replace` in the place of one that exists. Layers
 * are folders with a model.safetensors each. bytes_before and bytes_after of the report are filled
 * in. Tensors of layers that belong to none of its linears and norms are dropped where the family
 * ignores them, others are copied. */
qg_status qg_assemble(const char *folder, const qg_source *source, const qg_form *form,
                      const qg_layer_places *places, qg_quantized *report, bool replace,
                      qg_err *err);

#endif
