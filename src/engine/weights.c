/* Binding weights, see weights.h: one walk over the model's inventory, done twice. The first only
 * checks and adds up; the second, over the slab, also fills it. */
#include "engine/weights.h"

#include "engine/inventory.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256 };

typedef struct loader {
    const qg_weight_source *src;
    qg_inventory inventory;
    qg_placer place;
    qg_norm plain; /* 1 and 0, where norms have no weights; shared by all */
} loader;

static qg_status place_norm(loader *ld, qg_norm *out, int layer, qg_item_kind kind, qg_err *err)
{
    const qg_item *item = qg_inventory_find(&ld->inventory, layer, kind);

    *out = ld->plain;
    if (!item)
        return QG_OK;
    QG_PASS(qg_place_vector(&ld->place, &out->weight, item->name, "weight", item->n, err));
    if (item->bias)
        QG_PASS(qg_place_vector(&ld->place, &out->bias, item->name, "bias", item->n, err));
    return QG_OK;
}

static qg_status place_plain_norm(loader *ld, qg_err *err)
{
    int n = ld->src->config->hidden_size;

    QG_PASS(qg_place_constant(&ld->place, &ld->plain.weight, 1, n, err));
    return qg_place_constant(&ld->place, &ld->plain.bias, 0, n, err);
}

/* Those of the kinds that the model has, side by side: they share their input. */
static qg_status place_linear(loader *ld, qg_linear *out, int layer, const qg_item_kind *kinds,
                              int n_kinds, qg_err *err)
{
    qg_linear_name names[QGK_MAX_SEGMENTS];
    int n = 0, k = 0;

    *out = (qg_linear){0};
    for (int i = 0; i < n_kinds; i++) {
        const qg_item *item = qg_inventory_find(&ld->inventory, layer, kinds[i]);
        if (!item)
            continue;
        names[n++] = (qg_linear_name){item->name, item->n, item->bias};
        k = item->k;
    }
    /* methods leave what stands outside the layers alone */
    return n ? qg_place_linear(&ld->place, out, names, n, k, layer >= 0, err) : QG_OK;
}

#define KINDS(...)                                                                                 \
    (const qg_item_kind[]){__VA_ARGS__},                                                           \
        (int)(sizeof((const qg_item_kind[]){__VA_ARGS__}) / sizeof(qg_item_kind))

static qg_status place_layer(loader *ld, qg_layer *l, int i, qg_err *err)
{
    QG_PASS(place_norm(ld, &l->attention_norm, i, QG_ITEM_ATTENTION_NORM, err));
    QG_PASS(place_linear(ld, &l->qkv, i, KINDS(QG_ITEM_Q, QG_ITEM_K, QG_ITEM_V), err));
    QG_PASS(place_linear(ld, &l->o, i, KINDS(QG_ITEM_O), err));
    QG_PASS(place_norm(ld, &l->mlp_norm, i, QG_ITEM_MLP_NORM, err));
    QG_PASS(place_linear(ld, &l->mlp_in, i, KINDS(QG_ITEM_GATE, QG_ITEM_UP, QG_ITEM_FC1), err));
    return place_linear(ld, &l->mlp_out, i, KINDS(QG_ITEM_DOWN, QG_ITEM_FC2), err);
}

/* A head that the configuration ties may lie in the file all the same, if it is the same. */
static qg_status check_tied_copy(loader *ld, const qg_tensor *embed, qg_err *err)
{
    char name[NAME_MAX_BYTES];
    const qg_tensor *head;

    snprintf(name, sizeof name, "%s.weight", ld->src->family->head);
    head = qg_checkpoint_find(ld->src->checkpoint, name);
    if (!head)
        return QG_OK;
    bool planning = !ld->place.slab->base; /* which reads no data */
    if (head->dtype != embed->dtype || head->n_bytes != embed->n_bytes ||
        (!planning && memcmp(head->data, embed->data, head->n_bytes) != 0))
        return qg_fail(err, QG_EFORMAT,
                       "config.json ties the head to the embedding, but tensors '%s' and '%s' "
                       "differ",
                       head->name, embed->name);
    ld->place.seen[ld->place.n_seen++] = head;
    return QG_OK;
}

static qg_status place_head(loader *ld, qg_weights *w, const qg_tensor *embed, qg_err *err)
{
    const qg_item *item = qg_inventory_find(&ld->inventory, -1, QG_ITEM_EMBED);

    if (!ld->src->config->tie_word_embeddings)
        return place_linear(ld, &w->head, -1, KINDS(QG_ITEM_HEAD), err);
    QG_PASS(check_tied_copy(ld, embed, err));
    return qg_place_tied(&ld->place, &w->head, w->embed, item->name, item->n, item->k, err);
}

static qg_status place_positions(loader *ld, qg_weights *w, qg_err *err)
{
    const qg_item *item = qg_inventory_find(&ld->inventory, -1, QG_ITEM_POSITIONS);
    size_t offset = (size_t)ld->src->family->position_offset;

    w->positions = NULL;
    if (!item)
        return QG_OK;
    QG_PASS(qg_place_halves(&ld->place, &w->positions, NULL, item->name, item->n, item->k, err));
    if (w->positions)
        w->positions += offset * (size_t)item->k;
    return QG_OK;
}

/* What stands before the layers. */
static qg_status place_front(loader *ld, qg_weights *w, const qg_tensor **embed, qg_err *err)
{
    const qg_item *item = qg_inventory_find(&ld->inventory, -1, QG_ITEM_EMBED);

    QG_PASS(qg_place_halves(&ld->place, &w->embed, embed, item->name, item->n, item->k, err));
    QG_PASS(place_positions(ld, w, err));
    return place_linear(ld, &w->project_in, -1, KINDS(QG_ITEM_PROJECT_IN), err);
}

/* What stands outside the layers. */
static qg_status place_ends(loader *ld, qg_weights *w, qg_err *err)
{
    const qg_tensor *embed;

    QG_PASS(place_front(ld, w, &embed, err));
    QG_PASS(place_norm(ld, &w->norm, -1, QG_ITEM_FINAL_NORM, err));
    if (ld->src->config->no_final_norm)
        w->norm = (qg_norm){0};
    QG_PASS(place_linear(ld, &w->project_out, -1, KINDS(QG_ITEM_PROJECT_OUT), err));
    return place_head(ld, w, embed, err);
}

static qg_status walk(loader *ld, qg_weights *w, qg_err *err)
{
    QG_PASS(place_ends(ld, w, err));
    for (int i = 0; i < ld->src->config->n_layers; i++)
        QG_PASS(place_layer(ld, &w->layers[i], i, err));
    /* A tensor that nothing asked for, such as a layer too many, is a contradiction, not a rest. */
    return ld->place.slab->base
               ? QG_OK
               : qg_place_check_rest(&ld->place, ld->src->family->ignored_suffix, err);
}

/* `out` of the places below: all, or a part of it. */
typedef struct wanted {
    qg_weights *all, *front, *ends;
    qg_layer *layer;
    int index;
} wanted;

static qg_status place(loader *ld, const wanted *w, qg_err *err)
{
    const qg_tensor *embed;

    if (ld->src->config->norms_are_plain)
        QG_PASS(place_plain_norm(ld, err));
    if (w->front)
        return place_front(ld, w->front, &embed, err);
    if (w->ends)
        return place_ends(ld, w->ends, err);
    return w->layer ? place_layer(ld, w->layer, w->index, err) : walk(ld, w->all, err);
}

static qg_status lay_out(const wanted *w, qg_weight_sums *sums, qg_slab *slab,
                         const qg_weight_source *source, qg_backend *backend, qg_arena *arena,
                         qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    size_t n_tensors = qg_checkpoint_count(source->checkpoint);
    loader ld = {.src = source,
                 .place = {.checkpoint = source->checkpoint,
                           .storage = &source->storage,
                           .backend = backend,
                           .slab = slab,
                           .arena = arena}};

    ld.place.seen = QG_NEW_N(arena, const qg_tensor *, n_tensors + 1);
    QG_NEED(ld.place.seen, err);
    qg_status status = qg_inventory_make(&ld.inventory, arena, source->family, source->config, err);
    if (status == QG_OK) {
        qg_inventory_match(&ld.inventory, source->spelling ? source->spelling : source->checkpoint);
        status = place(&ld, w, err);
    }
    qg_place_end(&ld.place);
    *sums = ld.place.sums;
    qg_arena_rewind(arena, mark);
    return status;
}

qg_status qg_weights_layout(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                            const qg_weight_source *source, qg_backend *backend, qg_arena *arena,
                            qg_err *err)
{
    return lay_out(&(wanted){.all = out}, sums, slab, source, backend, arena, err);
}

qg_status qg_weights_layout_front(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                                  const qg_weight_source *source, qg_backend *backend,
                                  qg_arena *arena, qg_err *err)
{
    return lay_out(&(wanted){.front = out}, sums, slab, source, backend, arena, err);
}

qg_status qg_weights_layout_ends(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                                 const qg_weight_source *source, qg_backend *backend,
                                 qg_arena *arena, qg_err *err)
{
    return lay_out(&(wanted){.ends = out}, sums, slab, source, backend, arena, err);
}

qg_status qg_weights_layout_layer(qg_layer *out, int index, qg_weight_sums *sums, qg_slab *slab,
                                  const qg_weight_source *source, qg_backend *backend,
                                  qg_arena *arena, qg_err *err)
{
    return lay_out(&(wanted){.layer = out, .index = index}, sums, slab, source, backend, arena,
                   err);
}
