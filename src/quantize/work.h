/* Work in progress: FOLDER.partial, where the layers that are done wait for the others.
 *
 * It holds `key`, which says what is being made, and a folder a finished layer with its
 * model.safetensors and its report; each appears complete or not at all. A killed process leaves it
 * for the next that makes the same; what was left of something else is dropped.
 */
#ifndef QG_QUANTIZE_WORK_H
#define QG_QUANTIZE_WORK_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

typedef struct qg_work {
    const char *path;
    int n_done;      /* layers that were there: 0 .. n_done - 1 */
    bool is_dropped; /* what was there was of another key */
} qg_work;

/* Waits for another process that makes the same folder. QG_EEXISTS where that is there by then,
 * unless `force`. The lock is held as long as the arena lives. */
qg_status qg_work_open(qg_work *out, qg_arena *arena, const char *folder, bool force,
                       const char *key, qg_err *err);
/* "FOLDER.partial/layer-003"; NULL when out of memory. */
const char *qg_work_layer(const qg_work *w, qg_arena *arena, int layer);
/* The whole is made. */
void qg_work_remove(const qg_work *w);

#endif
