/* Methods: how the codes of one layer are chosen.
 *
 *     rtn    the nearest codes (quantize/rtn.h); needs no text
 *     int8   W8A8: with a text scales are moved from activations to weights first (SmoothQuant,
 *            quantize/smooth.h), between norms and what reads them; then the nearest codes
 *     gptq   column by column, errors made good by later columns (quantize/gptq.h)
 *     awq    scales by activations, ranges cut (quantize/awq.h), then the nearest codes
 */
#ifndef QG_QUANTIZE_CHOOSE_H
#define QG_QUANTIZE_CHOOSE_H

#include "quantize/calibrate.h"
#include "quantize/form.h"
#include "quantize/layer.h"
#include "record/quantized.h"

/* What a user chooses; 0 or NULL: the default. */
typedef struct qg_choice {
    const char *method; /* "rtn", "int8", "gptq", "awq"; NULL: rtn */
    qg_recipe recipe;
    double damp;        /* gptq: share of the mean diagonal; 0: 0.01 */
    bool natural_order; /* gptq: works on the inputs as they stand, not by falling activation */
    bool has_strength;  /* int8: else the strength is searched */
    double strength;    /* of SmoothQuant, 0 .. 1 */
} qg_choice;

typedef struct qg_method_info {
    const char *name;
    bool needs_text, takes_text;
    bool is_sequential; /* linears read what the quantized ones before them make */
    bool needs_gram;    /* of all tokens; else those of a sample tell errors well enough */
} qg_method_info;

/* NULL: the name is unknown. */
const qg_method_info *qg_method_info_of(const char *name);
/* The form with the method's defaults: int8 is W8A8, awq the awq format, else as form.h says.
 * QG_EARG where settings make no sense together. */
qg_status qg_choice_form(qg_form *out, const qg_choice *choice, qg_err *err);

/* One layer at work. */
typedef struct qg_chooser qg_chooser;

/* Moves scales within the layer, and plans. calibration holds the moments of its inputs, which
 * change; of a sequential method it has begun with the layer, and the moments of an input are taken
 * when the first linear that reads it is chosen. NULL: there is no text. Everything lives as long
 * as the arena. */
qg_status qg_chooser_open(qg_chooser **out, qg_arena *arena, const qg_choice *choice,
                          const qg_form *form, qg_float_layer *layer, qg_calibration *calibration,
                          int n_threads, qg_err *err);
/* Before the codes of linear i: what a sequential method has to know of its input, which is kept on
 * the arena for the linears that share it. */
qg_status qg_chooser_prepare(qg_chooser *c, int i, qg_err *err);
/* In their order: the codes of linear i of the layer to `rows` (qg_form_canon), the order of their
 * columns to *order (NULL: natural), and what it cost to `report`, whose name is the item's. The
 * floats of the linear may change. */
qg_status qg_chooser_choose(qg_chooser *c, int i, qgk_canon *rows, const int32_t **order,
                            qg_quantized_linear *report, qg_err *err);
#endif
