/* The model that another is read beside, live in the same process.
 *
 * It is prepared first, which refuses another tokenizer before any weights are loaded, and opened
 * behind the other, so that what no longer fits in memory is the reference and is called that. Its
 * memory is on its own engine's ledger, never on the other's.
 */
#ifndef QG_MEASURE_LIVE_REFERENCE_H
#define QG_MEASURE_LIVE_REFERENCE_H

#include "engine/engine.h"

typedef struct qg_reference {
    const char *folder, *quantization, *activations, *dtype; /* as in qg_engine_options */
    const char *device, *tier;                               /* NULL: as the other's */
    const qg_tokenizer *tokenizer;
    qg_engine *engine;
} qg_reference;

/* Opens the tokenizer. QG_EREFUSED where it is another than `own` of folder `beside`, with both. */
qg_status qg_reference_prepare(qg_reference *r, qg_arena *arena, const qg_tokenizer *own,
                               const char *beside, qg_err *err);

/* Opens the engine, with threads and sizes of `like`, and its device and tier but where it has its
 * own. */
qg_status qg_reference_open(qg_reference *r, qg_arena *arena, const qg_engine_options *like,
                            qg_err *err);

#endif
