/* The inventory of a model: every tensor that its family's formula and its config.json ask for, in
 * one list that the loader, the doctor, `quantize` and `synth` share.
 *
 * An item is what stands under one name. A linear has its tensors "NAME.*" as its method stores
 * them (plain: "NAME.weight" [n, k]) and, where `bias`, "NAME.bias" [n]; a table (embedding,
 * positions) has "NAME.weight" [n, k]; a norm "NAME.weight" [n] and, where `bias`, "NAME.bias" [n].
 * What is not listed is not in the file: the head where it is tied to the embedding, OPT's
 * projections where the embedding is as wide as the model, norms without weights.
 *
 * Order: the embedding, positions and projection in; the layers, each attention norm, q, k, v, o,
 * MLP norm, then gate, up, down or fc1, fc2; last norm, projection out, head.
 */
#ifndef QG_ENGINE_INVENTORY_H
#define QG_ENGINE_INVENTORY_H

#include "base/arena.h"
#include "checkpoint/shards.h"
#include "engine/family.h"

/* name as messages and taps call it */
#define QG_ITEM_LIST(X)                                                                            \
    X(EMBED, "embed")                                                                              \
    X(POSITIONS, "positions")                                                                      \
    X(ATTENTION_NORM, "attention_norm")                                                            \
    X(MLP_NORM, "mlp_norm")                                                                        \
    X(FINAL_NORM, "final_norm")                                                                    \
    X(Q, "q")                                                                                      \
    X(K, "k")                                                                                      \
    X(V, "v")                                                                                      \
    X(O, "o")                                                                                      \
    X(GATE, "gate")                                                                                \
    X(UP, "up")                                                                                    \
    X(DOWN, "down")                                                                                \
    X(FC1, "fc1")                                                                                  \
    X(FC2, "fc2")                                                                                  \
    X(PROJECT_IN, "project_in")                                                                    \
    X(PROJECT_OUT, "project_out")                                                                  \
    X(HEAD, "lm_head")

typedef enum qg_item_kind {
#define X(kind, name) QG_ITEM_##kind,
    QG_ITEM_LIST(X)
#undef X
        QG_N_ITEM_KINDS
} qg_item_kind;

typedef struct qg_item {
    qg_item_kind kind;
    const char *name; /* without ".weight"; lives as long as the inventory's arena */
    int layer;        /* -1 outside the layers */
    int n, k;         /* outputs and inputs, rows and columns; a norm's k is 0 */
    bool bias;
} qg_item;

typedef struct qg_inventory {
    qg_item *items; /* [n_items] */
    size_t n_items;
    size_t first_of_layer, n_per_layer; /* where layer 0 starts, items of each layer */
} qg_inventory;

/* `config` is one that qg_family_check() accepts for `f`. QG_ENOMEM is the only failure. */
qg_status qg_inventory_make(qg_inventory *out, qg_arena *arena, const qg_family *f,
                            const qg_model_config *config, qg_err *err);
/* Names as the folder spells them: old files leave out the leading "model.". */
void qg_inventory_match(qg_inventory *inventory, const qg_checkpoint *checkpoint);
/* NULL where the model has none; layer -1: outside the layers, else one of the model's layers. */
const qg_item *qg_inventory_find(const qg_inventory *inventory, int layer, qg_item_kind kind);

const char *qg_item_kind_name(qg_item_kind kind);
static inline bool qg_item_is_linear(const qg_item *item)
{
    return item->kind >= QG_ITEM_Q;
}
static inline bool qg_item_is_norm(const qg_item *item)
{
    return item->kind >= QG_ITEM_ATTENTION_NORM && item->kind <= QG_ITEM_FINAL_NORM;
}
/* The linears that quantization methods store their own way: those of the layers. */
static inline bool qg_item_is_quantizable(const qg_item *item)
{
    return item->layer >= 0 && qg_item_is_linear(item);
}

#endif
