/* Binding weights, see weights.h: one walk over the family's formula, done twice. The first only
 * checks and adds up; the second, over the slab, also fills it. */
#include "engine/weights.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256 };

typedef struct loader {
    const qg_weight_source *src;
    qg_placer place;
} loader;

static qg_status place_norm(loader *ld, const float **out, const char *prefix, const char *name,
                            qg_err *err)
{
    char full[NAME_MAX_BYTES];

    snprintf(full, sizeof full, "%s%s", prefix, name);
    return qg_place_vector(&ld->place, out, full, "weight", ld->src->config->hidden_size, err);
}

/* Linears of a layer that share their input k, side by side; `bias`: each has one. */
static qg_status place_linear(loader *ld, qg_linear *out, const char *prefix,
                              const qg_linear_name *linears, int n, int k, qg_err *err)
{
    char names[QGK_MAX_SEGMENTS][NAME_MAX_BYTES];
    qg_linear_name full[QGK_MAX_SEGMENTS];

    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "%s%s", prefix, linears[i].name);
        full[i] = (qg_linear_name){names[i], linears[i].n, linears[i].bias};
    }
    return qg_place_linear(&ld->place, out, full, n, k, true, err);
}

static qg_status place_layer(loader *ld, qg_layer *layer, int index, qg_err *err)
{
    const qg_model_config *c = ld->src->config;
    const qg_family *f = ld->src->family;
    int q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    int hidden = c->hidden_size, ffn = c->intermediate_size;
    bool a = c->attention_bias, m = c->mlp_bias;
    const qg_linear_name qkv[] = {{f->q, q, a}, {f->k, kv, a}, {f->v, kv, a}},
                         o[] = {{f->o, hidden, a && !f->no_o_bias}};
    const qg_linear_name gate_up[] = {{f->gate, ffn, m}, {f->up, ffn, m}},
                         down[] = {{f->down, hidden, m}};
    char at[NAME_MAX_BYTES];

    snprintf(at, sizeof at, f->layer, index);
    QG_PASS(place_norm(ld, &layer->attention_norm, at, f->attention_norm, err));
    QG_PASS(place_linear(ld, &layer->qkv, at, qkv, 3, hidden, err));
    QG_PASS(place_linear(ld, &layer->o, at, o, 1, q, err));
    QG_PASS(place_norm(ld, &layer->mlp_norm, at, f->mlp_norm, err));
    QG_PASS(place_linear(ld, &layer->gate_up, at, gate_up, 2, hidden, err));
    return place_linear(ld, &layer->down, at, down, 1, ffn, err);
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

static qg_status place_ends(loader *ld, qg_weights *w, qg_err *err)
{
    const qg_model_config *c = ld->src->config;
    const qg_family *f = ld->src->family;
    int n = c->vocab_size, k = c->hidden_size;
    const qg_tensor *embed;

    QG_PASS(qg_place_halves(&ld->place, &w->embed, &embed, f->embed, n, k, err));
    QG_PASS(place_norm(ld, &w->norm, "", f->norm, err));
    if (!c->tie_word_embeddings)
        return qg_place_linear(&ld->place, &w->head, (const qg_linear_name[]){{f->head, n, false}},
                               1, k, false, err);
    QG_PASS(check_tied_copy(ld, embed, err));
    return qg_place_tied(&ld->place, &w->head, w->embed, f->embed, n, k, err);
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

qg_status qg_weights_layout(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                            const qg_weight_source *source, const qg_backend *backend,
                            qg_arena *arena, qg_err *err)
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
    qg_status status = walk(&ld, out, err);
    *sums = ld.place.sums;
    qg_arena_rewind(arena, mark);
    return status;
}
