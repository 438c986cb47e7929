/* How the models of a run were made: what `quantize` left in their folders. */
#ifndef QG_CLI_PROVENANCE_H
#define QG_CLI_PROVENANCE_H

#include "base/err.h"
#include "record/record.h"

/* Sets `quantized` of every model whose folder holds a QG_QUANTIZED_FILE. A model is judged by what
 * it says, not by that file: one that is broken becomes a notice of the run. Fails only when out of
 * memory. Everything is on the arena. */
qg_status qg_provenance_read(qg_run *run, qg_arena *arena, qg_err *err);

#endif
