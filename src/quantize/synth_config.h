/* The config.json of a synthetic model: a preset's shape, with what the options change of it. */
#ifndef QG_QUANTIZE_SYNTH_CONFIG_H
#define QG_QUANTIZE_SYNTH_CONFIG_H

#include "quantize/synth.h"

/* Appends the file's text; form NULL: plain. An unknown preset is QG_EARG, a family QG_ENOSUP; the
 * numbers are for checkpoint/config to judge. */
qg_status qg_synth_config(qg_buf *b, const qg_synth_options *o, const qg_form *form, qg_err *err);

#endif
