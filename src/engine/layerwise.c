/* One layer at a time, see layerwise.h. The decoder is the engine's own, with room for one window
 * and the cache of one layer, which every layer uses in turn. Invariant: nothing grows with the
 * number of layers or windows but the table of layers. */
#include "engine/layerwise.h"

#include <math.h>
#include <string.h>

enum { BLOCK_TOKENS = 16 };

struct qg_layerwise {
    qg_arena *arena;
    qg_weight_source source;
    qg_backend *backend;
    qg_weights weights;
    qg_kvcache kv;
    qg_transformer decoder;
    int layer;    /* that is loaded; -1: none */
    int min_rows; /* that scratch has room for */
    bool ends;    /* what stands behind the layers is there */
    void *slab;   /* of the layer */
    size_t slab_bytes;
    void *put[QG_N_ITEM_KINDS]; /* halves of linears that were put in */
};

static qg_status choose_sizes(qg_layerwise *lw, int window, qg_err *err)
{
    qg_sizes *s = &lw->decoder.sizes;
    int longest = lw->source.config->longest;

    if (window < 1 || window > longest)
        return qg_fail(err, QG_EARG, "a window of %d tokens: the model takes 1 to %d", window,
                       longest);
    lw->kv.block_tokens = BLOCK_TOKENS;
    *s = (qg_sizes){.max_len = window, .max_seqs = 1, .max_rows = window, .logits_rows = 1};
    if (lw->ends)
        s->logits_rows = window < QG_LAYERWISE_ROWS ? window : QG_LAYERWISE_ROWS;
    s->blocks_per_seq = lw->kv.n_blocks = qg_kvcache_blocks_for(&lw->kv, window);
    return QG_OK;
}

/* The cache of one layer, as all layers see it. */
static void lay_out_cache(qg_layerwise *lw, qg_slab *slab)
{
    qg_model_config one = *lw->source.config;

    one.n_layers = 1;
    qg_kvcache_layout(&lw->kv, slab, &one, lw->backend->table.act_bytes);
    for (int i = 1; i < lw->source.config->n_layers; i++)
        lw->kv.layer[i] = lw->kv.layer[0];
}

static qg_status lay_out(qg_layerwise *lw, qg_slab slabs[QG_N_PURPOSES], qg_weight_sums *sums,
                         qg_err *err)
{
    lay_out_cache(lw, &slabs[QG_PURPOSE_KV_CACHE]);
    qg_transformer_layout(&lw->decoder, &slabs[QG_PURPOSE_ACTIVATIONS],
                          &slabs[QG_PURPOSE_WORKSPACE]);
    return (lw->ends ? qg_weights_layout_ends : qg_weights_layout_front)(
        &lw->weights, sums, &slabs[QG_PURPOSE_WEIGHTS], &lw->source, lw->backend, lw->arena, err);
}

/* All rows are one sequence in blocks 0, 1, ...; ids come with each window. */
static void fill_pass(qg_transformer *d)
{
    int window = d->sizes.max_rows;

    d->n_rows = window;
    d->n_seqs = 1;
    for (int i = 0; i < window; i++) {
        d->pass.row_seq[i] = 0;
        d->pass.row_pos[i] = d->pass.wanted[i] = i;
    }
    d->pass.seq_row[0] = 0;
    d->pass.seq_row[1] = d->pass.seq_len[0] = window;
    for (int i = 0; i < d->sizes.blocks_per_seq; i++)
        d->pass.block_table[i] = i;
}

static qg_status allocate(qg_layerwise *lw, unsigned formats, qg_err *err)
{
    qg_slab slabs[QG_N_PURPOSES] = {0};
    qg_weight_sums sums;

    QG_PASS(lay_out(lw, slabs, &sums, err));
    qgk_limits limits = qg_transformer_limits(&lw->decoder);
    limits.max_rows = limits.max_rows > lw->min_rows ? limits.max_rows : lw->min_rows;
    limits.formats = sums.formats | 1u << QGK_FORMAT_F16 | formats;
    for (int p = 0; p < QG_N_PURPOSES; p++) {
        void *base;
        QG_PASS(lw->backend->alloc(&base, lw->backend, slabs[p].used, (qg_purpose)p, err));
        slabs[p] = (qg_slab){.base = base};
    }
    QG_PASS(qg_backend_reserve_scratch(lw->backend, &limits, err));
    return lay_out(lw, slabs, &sums, err);
}

static qg_status open(qg_layerwise *lw, const qg_layerwise_options *o, qg_err *err)
{
    const qg_model_config *config = lw->source.config;
    const qg_storage *storage = &lw->source.storage;
    size_t n_layers = (size_t)config->n_layers;
    qg_transformer *d = &lw->decoder;

    QG_PASS(qg_storage_choose(&lw->source.storage, config, lw->source.checkpoint, o->method,
                              o->activations, err));
    QG_PASS(choose_sizes(lw, o->window, err));
    QG_PASS(qg_backend_open(
        &lw->backend, lw->arena,
        &(qg_backend_options){.device = "cpu", .tier = o->tier, .n_threads = o->n_threads}, err));
    lw->weights.layers = QG_NEW_N(lw->arena, qg_layer, n_layers);
    lw->kv.layer = QG_NEW_N(lw->arena, qgk_kv, n_layers);
    QG_NEED(lw->weights.layers && lw->kv.layer, err);
    d->backend = lw->backend;
    d->config = config;
    d->family = lw->source.family;
    d->weights = &lw->weights;
    d->kv = &lw->kv;
    QG_PASS(allocate(lw, o->formats | 1u << storage->method->format(&storage->config), err));
    QG_PASS(qg_transformer_open(d, lw->arena, err));
    fill_pass(d);
    return QG_OK;
}

qg_status qg_layerwise_open(qg_layerwise **out, qg_arena *arena, const qg_checkpoint *checkpoint,
                            const qg_model_config *config, const qg_family *family,
                            const qg_layerwise_options *options, qg_err *err)
{
    qg_layerwise *lw = QG_NEW(arena, qg_layerwise);

    QG_NEED(lw, err);
    lw->arena = arena;
    lw->layer = -1;
    lw->min_rows = options->rows;
    lw->ends = options->ends;
    lw->source = (qg_weight_source){.checkpoint = checkpoint, .config = config, .family = family};
    QG_PASS(open(lw, options, err));
    *out = lw;
    return QG_OK;
}

/* A slab of at least that size; the layer before is not needed any more. */
static qg_status make_room(qg_layerwise *lw, size_t n_bytes, qg_err *err)
{
    if (n_bytes <= lw->slab_bytes)
        return QG_OK;
    QG_PASS(lw->backend->alloc(&lw->slab, lw->backend, n_bytes, QG_PURPOSE_WEIGHTS, err));
    lw->slab_bytes = n_bytes;
    return QG_OK;
}

qg_status qg_layerwise_load(qg_layerwise *lw, int index, const qg_checkpoint *from,
                            const qg_storage *storage, qg_err *err)
{
    qg_weight_source source = lw->source;
    qg_layer *layer = &lw->weights.layers[index];
    qg_weight_sums sums;
    qg_slab slab = {0};

    source.spelling = source.checkpoint;
    source.checkpoint = from ? from : source.checkpoint;
    source.storage = storage ? *storage : source.storage;
    lw->layer = -1;
    QG_TRY(
        qg_weights_layout_layer(layer, index, &sums, &slab, &source, lw->backend, lw->arena, err),
        err, "layer %d", index);
    QG_PASS(make_room(lw, slab.used, err));
    slab = (qg_slab){.base = lw->slab};
    QG_TRY(
        qg_weights_layout_layer(layer, index, &sums, &slab, &source, lw->backend, lw->arena, err),
        err, "layer %d", index);
    lw->layer = index;
    return QG_OK;
}

static size_t count_states(const qg_layerwise *lw)
{
    return (size_t)lw->decoder.sizes.max_rows * (size_t)lw->source.config->hidden_size;
}

void qg_layerwise_embed(qg_layerwise *lw, float *states, const int32_t *ids)
{
    qg_transformer *d = &lw->decoder;

    memcpy(d->pass.ids, ids, (size_t)d->sizes.max_rows * sizeof *ids);
    qgk_batch batch = qg_transformer_upload(d);
    qg_transformer_embed(d, &batch);
    d->backend->download(d->backend, states, d->x, count_states(lw) * sizeof *states);
}

static qg_status run_layer(qg_layerwise *lw, const float *states, qg_input last,
                           qg_on_input *on_input, void *user, qg_err *err)
{
    qg_transformer *d = &lw->decoder;

    d->on_input = on_input;
    d->user = user;
    d->last_input = last;
    qgk_batch batch = qg_transformer_upload(d); /* the ids of the last window are not looked at */
    d->backend->upload(d->backend, d->x, states, count_states(lw) * sizeof *states);
    qg_transformer_layer(d, lw->layer, &batch);
    return d->backend->sync(d->backend, err);
}

qg_status qg_layerwise_run(qg_layerwise *lw, float *states, qg_on_input *on_input, void *user,
                           qg_err *err)
{
    qg_transformer *d = &lw->decoder;
    size_t n = count_states(lw);
    bool finite = true;

    QG_PASS(run_layer(lw, states, QG_N_INPUTS, on_input, user, err));
    d->backend->download(d->backend, states, d->x, n * sizeof *states);
    for (size_t i = 0; i < n; i++)
        finite = finite && isfinite(states[i]);
    if (!finite)
        return qg_fail(err, QG_ENONFINITE, "layer %d gives infinite or NaN states", lw->layer);
    return QG_OK;
}

qg_status qg_layerwise_peek(qg_layerwise *lw, const float *states, qg_input last,
                            qg_on_input *on_input, void *user, qg_err *err)
{
    return run_layer(lw, states, last, on_input, user, err);
}

qg_status qg_layerwise_step(qg_layerwise *lw, const float *state, qg_err *err)
{
    qg_transformer *d = &lw->decoder;
    size_t hidden = (size_t)lw->source.config->hidden_size;

    d->n_rows = d->pass.seq_row[1] = 1;
    d->pass.row_pos[0] = d->sizes.max_rows - 1;
    d->on_input = NULL;
    d->last_input = QG_N_INPUTS;
    qgk_batch batch = qg_transformer_upload(d);
    d->backend->upload(d->backend, d->x, state, hidden * sizeof *state);
    qg_transformer_layer(d, lw->layer, &batch);
    fill_pass(d);
    return d->backend->sync(d->backend, err);
}

qg_status qg_layerwise_logits(qg_layerwise *lw, const float *states, int row0, int n, qg_err *err)
{
    qg_transformer *d = &lw->decoder;
    int32_t best[QG_LAYERWISE_ROWS];

    qg_transformer_upload(d);
    d->backend->upload(d->backend, d->x, states, count_states(lw) * sizeof *states);
    return qg_transformer_logits(d, best, row0, n, err);
}

void qg_layerwise_watch(qg_layerwise *lw, qg_on_step *on_step, void *user)
{
    lw->decoder.on_step = on_step;
    lw->decoder.step_user = user;
}

const qg_layer *qg_layerwise_layer(const qg_layerwise *lw)
{
    return &lw->weights.layers[lw->layer];
}

const qg_storage *qg_layerwise_storage(const qg_layerwise *lw)
{
    return &lw->source.storage;
}

/* The segment of the loaded layer that holds the linear. */
static qgk_segment *segment_of(qg_layer *l, qg_item_kind kind)
{
    switch (kind) {
    case QG_ITEM_Q:
    case QG_ITEM_K:
    case QG_ITEM_V:
        return &l->qkv.weight[0].segment[kind - QG_ITEM_Q];
    case QG_ITEM_O:
        return &l->o.weight[0].segment[0];
    case QG_ITEM_GATE:
    case QG_ITEM_FC1:
        return &l->mlp_in.weight[0].segment[0];
    case QG_ITEM_UP:
        return &l->mlp_in.weight[0].segment[1];
    default:
        return &l->mlp_out.weight[0].segment[0];
    }
}

static int inputs_of(const qg_layer *l, qg_item_kind kind)
{
    const qg_linear *linear = kind <= QG_ITEM_V                             ? &l->qkv
                              : kind == QG_ITEM_O                           ? &l->o
                              : kind == QG_ITEM_DOWN || kind == QG_ITEM_FC2 ? &l->mlp_out
                                                                            : &l->mlp_in;
    return linear->weight[0].k;
}

/* Room for the halves of the linear, kept from layer to layer: all layers have the same shapes. */
static qg_status make_place(qg_layerwise *lw, qg_item_kind kind, size_t n_bytes, qg_err *err)
{
    if (lw->put[kind])
        return QG_OK;
    return lw->backend->alloc(&lw->put[kind], lw->backend, n_bytes, QG_PURPOSE_WEIGHTS, err);
}

qg_status qg_layerwise_put(qg_layerwise *lw, qg_item_kind kind, const float *w, qg_err *err)
{
    const qgk_linear *f16 = &lw->backend->table.linear[QGK_FORMAT_F16];
    qg_layer *layer = &lw->weights.layers[lw->layer];
    qgk_segment *segment = segment_of(layer, kind);
    qgk_shape shape = {.n = segment->n, .k = inputs_of(layer, kind)};
    size_t n = (size_t)shape.n * (size_t)shape.k;
    size_t n_bytes = f16->in_place ? n * sizeof(qgk_half) : f16->packed_bytes(shape);

    QG_PASS(make_place(lw, kind, n_bytes, err));
    qg_arena_mark mark = qg_arena_here(lw->arena);
    qgk_half *halves = f16->in_place ? lw->put[kind] : QG_NEW_N(lw->arena, qgk_half, n);
    QG_NEED(halves, err);
#pragma omp parallel for num_threads(lw->backend->ctx.n_threads)
    for (size_t i = 0; i < n; i++)
        halves[i] = qgk_half_from_float(w[i]);
    if (!f16->in_place)
        f16->pack(lw->put[kind], shape,
                  &(qgk_canon){QGK_FORMAT_F16, shape.n, shape.k, 0, halves, NULL, NULL}, 0);
    segment->data = lw->put[kind];
    qg_arena_rewind(lw->arena, mark);
    return QG_OK;
}

qgk_ctx *qg_layerwise_ctx(qg_layerwise *lw)
{
    return &lw->backend->ctx;
}

const char *qg_layerwise_tier(const qg_layerwise *lw)
{
    return lw->backend->table.tier;
}
