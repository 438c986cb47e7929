/* A layer as floats, see layer.h. */
#include "quantize/layer.h"

#include <math.h>
#include <string.h>

static qg_status read_vector(qg_float_vector *out, qg_arena *arena, const qg_source *source,
                             const qg_item *item, const char *suffix, qg_err *err)
{
    *out = (qg_float_vector){.tensor = qg_source_tensor(source, item, suffix)};
    if (!out->tensor)
        return QG_OK;
    out->v = QG_NEW_N(arena, float, (size_t)out->tensor->n_elements);
    QG_NEED(out->v, err);
    return qg_source_floats(out->v, out->tensor, 1, err);
}

static qg_status read_linear(qg_float_linear *out, qg_arena *arena, const qg_source *source,
                             const qg_item *item, int n_threads, qg_err *err)
{
    out->item = item;
    out->w = QG_NEW_N(arena, float, (size_t)item->n *(size_t)item->k);
    QG_NEED(out->w, err);
    QG_PASS(qg_source_floats(out->w, qg_source_tensor(source, item, "weight"), n_threads, err));
    return read_vector(&out->bias, arena, source, item, "bias", err);
}

static qg_status read_norm(qg_float_norm *out, qg_arena *arena, const qg_source *source,
                           const qg_item *item, qg_err *err)
{
    out->item = item;
    QG_PASS(read_vector(&out->weight, arena, source, item, "weight", err));
    return read_vector(&out->bias, arena, source, item, "bias", err);
}

qg_status qg_float_layer_read(qg_float_layer *out, qg_arena *arena, const qg_source *source,
                              int index, int n_threads, qg_err *err)
{
    const qg_item *items = qg_source_layer(source, index);

    *out = (qg_float_layer){.source = source, .index = index};
    for (size_t i = 0; i < source->inventory.n_per_layer; i++) {
        const qg_item *item = &items[i];
        if (item->kind == QG_ITEM_ATTENTION_NORM)
            QG_PASS(read_norm(&out->attention_norm, arena, source, item, err));
        else if (item->kind == QG_ITEM_MLP_NORM)
            QG_PASS(read_norm(&out->mlp_norm, arena, source, item, err));
        else
            QG_PASS(
                read_linear(&out->linear[out->n_linears++], arena, source, item, n_threads, err));
    }
    return QG_OK;
}

qg_input qg_float_layer_input(qg_item_kind kind)
{
    switch (kind) {
    case QG_ITEM_O:
        return QG_INPUT_O;
    case QG_ITEM_GATE:
    case QG_ITEM_UP:
    case QG_ITEM_FC1:
        return QG_INPUT_MLP;
    case QG_ITEM_DOWN:
    case QG_ITEM_FC2:
        return QG_INPUT_DOWN;
    default:
        return QG_INPUT_QKV;
    }
}

int qg_float_layer_readers(qg_float_layer *l, qg_input input, qg_float_linear **readers)
{
    int n = 0;

    for (int i = 0; i < l->n_linears; i++)
        if (qg_float_layer_input(l->linear[i].item->kind) == input)
            readers[n++] = &l->linear[i];
    return n;
}

int qg_float_layer_width(const qg_float_layer *l, qg_input input)
{
    for (int i = 0; i < l->n_linears; i++)
        if (qg_float_layer_input(l->linear[i].item->kind) == input)
            return l->linear[i].item->k;
    return 0;
}

/* ---- folding ---- */

static const qg_float_linear *find(const qg_float_layer *l, qg_item_kind kind)
{
    for (int i = 0; i < l->n_linears; i++)
        if (l->linear[i].item->kind == kind)
            return &l->linear[i];
    return NULL;
}

static const qg_float_norm *norm_before(const qg_float_layer *l, qg_input input)
{
    return input == QG_INPUT_QKV ? &l->attention_norm : &l->mlp_norm;
}

/* The linear whose outputs these inputs are; NULL: it is a norm, or nothing that is linear. */
static const qg_float_linear *maker_of(const qg_float_layer *l, qg_input input)
{
    const qg_float_linear *fc1 = find(l, QG_ITEM_FC1);

    if (input == QG_INPUT_O)
        return find(l, QG_ITEM_V);
    if (input != QG_INPUT_DOWN)
        return NULL;
    if (fc1)
        return strcmp(l->source->config.hidden_act, "relu") == 0 ? fc1 : NULL;
    return find(l, QG_ITEM_UP);
}

bool qg_float_layer_can_fold(const qg_float_layer *l, qg_input input)
{
    if (input == QG_INPUT_O || input == QG_INPUT_DOWN)
        return maker_of(l, input);
    return !l->source->config.post_norm && norm_before(l, input)->weight.tensor;
}

qg_status qg_float_layer_tie(const int32_t **out, qg_arena *arena, const qg_float_layer *l,
                             qg_input input, qg_err *err)
{
    const qg_model_config *c = &l->source->config;
    int k = qg_float_layer_width(l, input), repeats = c->n_heads / c->n_kv_heads;
    int32_t *tie;

    *out = NULL;
    if (input != QG_INPUT_O || repeats == 1)
        return QG_OK;
    *out = tie = QG_NEW_N(arena, int32_t, (size_t)k);
    QG_NEED(tie, err);
    for (int j = 0; j < k; j++)
        tie[j] = j / c->head_dim / repeats * c->head_dim + j % c->head_dim;
    return QG_OK;
}

static void divide_rows(const qg_float_linear *maker, const float *s, int k, const int32_t *tie)
{
    size_t width = (size_t)maker->item->k;

    /* tied inputs name a row several times: its first reader divides it */
    for (int j = 0, done = 0; j < k; j++) {
        int row = tie ? tie[j] : j;
        if (row < done)
            continue;
        done = row + 1;
        for (size_t i = 0; i < width; i++)
            maker->w[(size_t)row * width + i] /= s[j];
        if (maker->bias.v)
            maker->bias.v[row] /= s[j];
    }
}

/* Of an item as it will be stored: rounded to the tensor's dtype. */
static float rounded(float v, qgk_dtype dtype)
{
    float as_stored[1];

    qgk_float_put(as_stored, dtype, 0, v);
    return qgk_float_at(as_stored, dtype, 0);
}

static void divide_norm(const qg_float_norm *norm, float *s, int k)
{
    qgk_dtype dtype = norm->weight.tensor->dtype;
    float *w = norm->weight.v;

    for (int j = 0; j < k; j++) {
        float after = rounded(w[j] / s[j], dtype);
        /* one that is 0 has no scale, one that would vanish or overflow keeps its own */
        s[j] = w[j] == 0 || after == 0 || !isfinite(after) ? 1 : w[j] / after;
        w[j] = rounded(w[j] / s[j], dtype);
        if (norm->bias.v)
            norm->bias.v[j] /= s[j];
    }
}

void qg_float_layer_divide(qg_float_layer *l, qg_input input, float *s, const int32_t *tie)
{
    const qg_float_linear *maker = maker_of(l, input);
    int k = qg_float_layer_width(l, input);

    if (maker)
        divide_rows(maker, s, k, tie);
    else
        divide_norm(norm_before(l, input), s, k);
}
