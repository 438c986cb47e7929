/* The README.md of a quantized folder: a stub of a model card, with the recipe as it was run. */
#ifndef QG_QUANTIZE_README_H
#define QG_QUANTIZE_README_H

#include "base/str.h"
#include "record/quantized.h"

/* `model` is the plain folder; its last part is named. The front matter is that of Hugging Face's
 * model cards (base_model, base_model_relation). */
void qg_readme_write(qg_buf *out, const char *model, const qg_quantized *q);

#endif
