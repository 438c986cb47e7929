/* The weights of one linear as float32, read from the folder by its method's oracle: slow, obvious,
 * and no code shared with what multiplies. For looking at what a checkpoint holds: INT8 made while
 * loading is no part of it, then these are the plain weights.
 */
#ifndef QG_ENGINE_DEQUANTIZE_H
#define QG_ENGINE_DEQUANTIZE_H

#include "checkpoint/shards.h"
#include "engine/inventory.h"
#include "engine/storage.h"

/* A linear [n][k] as it is stored. Lives as long as the checkpoint and the storage that it was
 * found in. */
typedef struct qg_dequantizer {
    const qgk_method *method;
    qgk_stored bits;
    int group;            /* inputs that share a scale; k where all do, or where there are none */
    const int32_t *order; /* [k] inputs group by group, on the arena; NULL: as they stand */
    int stored_bits;      /* of a code on disk; 0: plain numbers */
    int runs_bits;        /* of a code that is multiplied; 0: plain numbers */
    bool rounds_inputs;   /* W8A8: so are they, by token */
} qg_dequantizer;

/* `item` is one of the linears. Statuses are those of engine/place.h. */
qg_status qg_dequantizer_find(qg_dequantizer *out, qg_arena *arena, const qg_checkpoint *checkpoint,
                              const qg_storage *storage, const qg_item *item, qg_err *err);

/* Output n: [k], in the order of the inputs. Threads may call it at once. */
void qg_dequantize_row(float *row, const qg_dequantizer *d, int n);

#endif
