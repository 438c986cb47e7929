/* The list of a model's tensors, see inventory.h: the formula of a decoder walked once, from the
 * embedding to the head. Invariant: all layers have the same kinds in the same order, so that an
 * item of any layer is found in one step from those of the first.
 */
#include "engine/inventory.h"

#include <stdio.h>
#include <string.h>

enum { OUTSIDE_MAX = 6, PER_LAYER_MAX = 9 };

typedef struct builder {
    qg_arena *arena;
    const qg_family *family;
    const qg_model_config *config;
    qg_item *items;
    qg_inventory made;
    bool failed; /* out of memory */
    int layer;   /* of the items to come */
} builder;

static void add(builder *b, qg_item_kind kind, const char *name, int n, int k, bool bias)
{
    qg_item *item = &b->items[b->made.n_items];

    if (!name)
        return;
    *item = (qg_item){.kind = kind, .name = name, .layer = b->layer, .n = n, .k = k, .bias = bias};
    if (b->layer >= 0) {
        const char *prefix = qg_arena_format(b->arena, b->family->layer, b->layer);
        item->name = prefix ? qg_arena_format(b->arena, "%s%s", prefix, name) : NULL;
    }
    b->failed = b->failed || !item->name;
    b->made.n_items++;
}

static void add_norm(builder *b, qg_item_kind kind, const char *name)
{
    if (!b->config->norms_are_plain)
        add(b, kind, name, b->config->hidden_size, 0, b->family->layer_norm);
}

static void add_layer(builder *b, int layer)
{
    const qg_family *f = b->family;
    const qg_model_config *c = b->config;
    int hidden = c->hidden_size, ffn = c->intermediate_size;
    int q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;

    b->layer = layer;
    add_norm(b, QG_ITEM_ATTENTION_NORM, f->attention_norm);
    add(b, QG_ITEM_Q, f->q, q, hidden, c->attention_bias);
    add(b, QG_ITEM_K, f->k, kv, hidden, c->attention_bias);
    add(b, QG_ITEM_V, f->v, kv, hidden, c->attention_bias);
    add(b, QG_ITEM_O, f->o, hidden, q, c->attention_bias && !f->no_o_bias);
    add_norm(b, QG_ITEM_MLP_NORM, f->mlp_norm);
    add(b, QG_ITEM_GATE, f->gate, ffn, hidden, c->mlp_bias);
    add(b, QG_ITEM_UP, f->up, ffn, hidden, c->mlp_bias);
    add(b, QG_ITEM_DOWN, f->down, hidden, ffn, c->mlp_bias);
    add(b, QG_ITEM_FC1, f->fc1, ffn, hidden, c->mlp_bias);
    add(b, QG_ITEM_FC2, f->fc2, hidden, ffn, c->mlp_bias);
    b->layer = -1;
}

static void add_all(builder *b)
{
    const qg_family *f = b->family;
    const qg_model_config *c = b->config;
    int hidden = c->hidden_size, embed = c->embed_size;

    add(b, QG_ITEM_EMBED, f->embed, c->vocab_size, embed, false);
    add(b, QG_ITEM_POSITIONS, f->positions, c->max_positions + f->position_offset, hidden, false);
    if (embed != hidden)
        add(b, QG_ITEM_PROJECT_IN, f->project_in, hidden, embed, false);
    b->made.first_of_layer = b->made.n_items;
    for (int i = 0; i < c->n_layers; i++)
        add_layer(b, i);
    b->made.n_per_layer = (b->made.n_items - b->made.first_of_layer) / (size_t)c->n_layers;
    if (!c->no_final_norm)
        add_norm(b, QG_ITEM_FINAL_NORM, f->norm);
    if (embed != hidden)
        add(b, QG_ITEM_PROJECT_OUT, f->project_out, embed, hidden, false);
    if (!c->tie_word_embeddings)
        add(b, QG_ITEM_HEAD, f->head, c->vocab_size, embed, false);
}

qg_status qg_inventory_make(qg_inventory *out, qg_arena *arena, const qg_family *f,
                            const qg_model_config *config, qg_err *err)
{
    size_t room = OUTSIDE_MAX + (size_t)config->n_layers * PER_LAYER_MAX;
    builder b = {.arena = arena,
                 .family = f,
                 .config = config,
                 .items = QG_NEW_N(arena, qg_item, room),
                 .layer = -1};

    QG_NEED(b.items, err);
    add_all(&b);
    QG_NEED(!b.failed, err);
    *out = b.made;
    out->items = b.items;
    return QG_OK;
}

void qg_inventory_match(qg_inventory *inventory, const qg_checkpoint *checkpoint)
{
    static const char prefix[] = "model.";
    const qg_item *embed = &inventory->items[0];
    char name[128];

    if (strncmp(embed->name, prefix, strlen(prefix)) != 0)
        return;
    snprintf(name, sizeof name, "%s.weight", embed->name);
    if (qg_checkpoint_find(checkpoint, name) ||
        !qg_checkpoint_find(checkpoint, name + strlen(prefix)))
        return;
    for (size_t i = 0; i < inventory->n_items; i++)
        if (strncmp(inventory->items[i].name, prefix, strlen(prefix)) == 0)
            inventory->items[i].name += strlen(prefix);
}

const qg_item *qg_inventory_find(const qg_inventory *inventory, int layer, qg_item_kind kind)
{
    size_t from = 0, end = inventory->n_items;

    if (layer >= 0) {
        from = inventory->first_of_layer + (size_t)layer * inventory->n_per_layer;
        end = from + inventory->n_per_layer;
    }
    for (size_t i = from; i < end; i++)
        if (inventory->items[i].kind == kind && inventory->items[i].layer == layer)
            return &inventory->items[i];
    return NULL;
}

const char *qg_item_kind_name(qg_item_kind kind)
{
    static const char *const names[] = {
#define X(item, name) name,
        QG_ITEM_LIST(X)
#undef X
    };
    return names[kind];
}
