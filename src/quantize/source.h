/* The plain folder that is quantized: its configuration and its tensors by layer.
 *
 * Statuses of opening: QG_EREFUSED (quantized already), else as for loading.
 */
#ifndef QG_QUANTIZE_SOURCE_H
#define QG_QUANTIZE_SOURCE_H

#include "engine/inventory.h"

typedef struct qg_source {
    const char *folder;
    qg_model_config config;
    const qg_family *family;
    const qg_checkpoint *checkpoint;
    qg_inventory inventory; /* names as the folder spells them */
} qg_source;

/* Every linear of the layers must be there, plain and of config.json's shape. Lives as long as the
 * arena. */
qg_status qg_source_open(qg_source *out, qg_arena *arena, const char *folder, qg_err *err);

/* "ITEM.SUFFIX", NULL where it is absent. */
const qg_tensor *qg_source_tensor(const qg_source *s, const qg_item *item, const char *suffix);
/* The items of a layer: inventory.n_per_layer of them. */
const qg_item *qg_source_layer(const qg_source *s, int layer);
/* The item of a layer whose weight or bias this is; NULL: it stands outside the layers. */
const qg_item *qg_source_owner(const qg_source *s, const qg_tensor *t);

/* All elements. QG_ENONFINITE names a tensor with infinities, NaN, or values that float16 cannot
 * hold, which loading refuses too. */
qg_status qg_source_floats(float *to, const qg_tensor *t, int n_threads, qg_err *err);

#endif
