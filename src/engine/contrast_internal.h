/* What a contrast is inside: for contrast.c, which runs both models, and contrast_weights.c, which
 * compares what a layer of them holds. */
#ifndef QG_ENGINE_CONTRAST_INTERNAL_H
#define QG_ENGINE_CONTRAST_INTERNAL_H

#include "engine/contrast.h"

typedef struct qg_contrast_side {
    const char *folder;
    qg_model_config config;
    const qg_checkpoint *checkpoint;
    const qg_family *family;
    qg_inventory inventory;
    qg_layerwise *layers;
} qg_contrast_side;

/* Inputs of linears that scales may have been moved away from, and what made them: both are f times
 * those of the truth. */
typedef struct qg_contrast_fold {
    float *inputs;  /* [k] of the readers */
    float *outputs; /* [n] of the maker: the same, once a row where several inputs read it */
} qg_contrast_fold;

struct qg_contrast {
    qg_arena *arena, *scratch;
    qg_contrast_side truth, other;
    bool same;  /* one checkpoint, two tiers */
    bool alone; /* the last token is run once more, as in a decode step */
    int n_tokens, n_threads;
    float *states; /* [n_tokens][hidden] in front of the layer at hand */
    float
        *kept[QG_N_STEPS]; /* the truth's [n_tokens][width]; behind the layers QG_LAYERWISE_ROWS */
    qg_contrast_fold folds[QG_N_INPUTS];
    qg_contrast_entry *entries;
    size_t n_entries;
    int layer;                 /* at hand, -1: outside */
    double *delta[QG_N_PARTS]; /* of the layer: root mean square error of each output, in scratch */
    double sum[QG_N_PARTS], n_rows[QG_N_PARTS]; /* behind the layers, where rows come in slices */
};

/* What the folder calls a part; NULL: it has no tensors. */
const qg_item *qg_contrast_item(const qg_contrast_side *s, int layer, qg_part part);
/* The entry of a part of the layer at hand, begun where there is none. */
qg_contrast_entry *qg_contrast_entry_of(qg_contrast *c, qg_part part);
int qg_contrast_inputs(const qg_model_config *c, qg_input input);

/* Before the layer is run: what was folded. Behind it: its weights. */
qg_status qg_contrast_find_folds(qg_contrast *c, qg_err *err);
qg_status qg_contrast_weigh(qg_contrast *c, qg_err *err);

#endif
