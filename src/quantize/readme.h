/* The README.md of a quantized folder: a stub of a model card, with the recipe as it was run. */
#ifndef QG_QUANTIZE_README_H
#define QG_QUANTIZE_README_H

#include "base/str.h"
#include "record/quantized.h"

/* `model` is the plain folder; its last part is named. `hash` is that of the quantized checkpoint,
 * as run records have it. The front matter is that of Hugging Face's model cards (base_model,
 * base_model_relation), and all that the production checklist asks of one. */
void qg_readme_write(qg_buf *out, const char *model, const char *hash, const qg_quantized *q);

#endif
