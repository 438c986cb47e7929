/* The forward pass of a decoder, top to bottom. Norms before their blocks (Llama; Touvron et al.
 * 2023; most of OPT):
 *
 *     x = embed(ids)                     OPT: x = project_in(embed(ids)) + positions
 *     a layer:  x += o(attention(rope(qkv(norm(x)))));  x += down(swiglu(gate_up(norm(x))))
 *                                        OPT: no rope; x += fc2(relu(fc1(norm(x))))
 *     logits = head(norm(x)) of the rows that want them; OPT: head(project_out(norm(x)))
 *
 * or after (OPT-350m): x = norm(x + o(...(x))); x = norm(x + fc2(...(x))), and none at the end.
 * Invariant: every value depends on its own row and the cache of its sequence alone, so how tokens
 * are cut into passes changes no bit.
 */
#include "engine/decoder.h"

#include "engine/rope.h"

#include <math.h>
#include <string.h>

/* ---- memory ---- */

static int32_t *deal(int32_t **next, size_t count)
{
    int32_t *at = *next;

    *next = at ? at + count : NULL;
    return at;
}

static size_t tables_count(const qg_sizes *s)
{
    size_t rows = (size_t)s->max_rows, seqs = (size_t)s->max_seqs;

    return 4 * rows + 2 * seqs + 1 + seqs * (size_t)s->blocks_per_seq;
}

static void deal_tables(qg_pass_tables *t, int32_t *base, const qg_sizes *s)
{
    size_t rows = (size_t)s->max_rows, seqs = (size_t)s->max_seqs;

    t->ids = deal(&base, rows);
    t->row_seq = deal(&base, rows);
    t->row_pos = deal(&base, rows);
    t->wanted = deal(&base, rows);
    t->seq_row = deal(&base, seqs + 1);
    t->seq_len = deal(&base, seqs);
    t->block_table = deal(&base, seqs * (size_t)s->blocks_per_seq);
}

static bool projects(const qg_transformer *d)
{
    return d->config->embed_size != d->config->hidden_size;
}

static int qkv_width(const qg_model_config *c)
{
    return (c->n_heads + 2 * c->n_kv_heads) * c->head_dim;
}

void qg_transformer_layout(qg_transformer *d, qg_slab *activations, qg_slab *workspace)
{
    const qg_model_config *c = d->config;
    const qg_sizes *s = &d->sizes;
    size_t act = (size_t)d->backend->table.act_bytes, rows = (size_t)s->max_rows;
    size_t hidden = (size_t)c->hidden_size, ffn = (size_t)c->intermediate_size;
    size_t slice = (size_t)s->logits_rows;

    d->x = qg_slab_take(activations, rows * hidden, act);
    d->normed = qg_slab_take(activations, rows * hidden, act);
    d->qkv = qg_slab_take(activations, rows * (size_t)qkv_width(c), act);
    d->attended = qg_slab_take(activations, rows * (size_t)(c->n_heads * c->head_dim), act);
    d->delta = qg_slab_take(activations, rows * hidden, act);
    d->gate_up = d->family->gate ? qg_slab_take(activations, rows * 2 * ffn, act) : NULL;
    d->inner = qg_slab_take(activations, rows * ffn, act);
    if (projects(d))
        d->narrow = qg_slab_take(activations, rows * (size_t)c->embed_size, act);
    d->picked = qg_slab_take(activations, slice * hidden, act);
    d->logits = qg_slab_take(activations, slice * (size_t)c->vocab_size, sizeof(float));
    d->best = qg_slab_take(activations, slice, sizeof(int32_t));
    deal_tables(&d->device, qg_slab_take(workspace, tables_count(s), sizeof(int32_t)), s);
    if (!d->family->positions)
        d->cos_sin =
            qg_slab_take(workspace, (size_t)s->max_len * (size_t)c->head_dim, sizeof(float));
}

/* The angles of every position; they are scratch on the host. */
static qg_status fill_rotation(qg_transformer *d, qg_arena *arena, qg_err *err)
{
    int head_dim = d->config->head_dim;
    const qg_rope_config *rope = &d->config->rope;
    float *inv_freq = QG_NEW_N(arena, float, (size_t)head_dim);
    float *row = QG_NEW_N(arena, float, (size_t)head_dim);

    QG_NEED(inv_freq && row, err);
    qg_rope_frequencies(inv_freq, rope, head_dim, d->sizes.max_len);
    for (int i = 0; i < d->sizes.max_len; i++) {
        qg_rope_angles(row, inv_freq, head_dim, i, qg_rope_scale(rope));
        d->backend->upload(d->backend, d->cos_sin + (size_t)i * (size_t)head_dim, row,
                           (size_t)head_dim * sizeof *row);
    }
    return QG_OK;
}

qg_status qg_transformer_open(qg_transformer *d, qg_arena *arena, qg_err *err)
{
    int32_t *tables = QG_NEW_N(arena, int32_t, tables_count(&d->sizes));

    QG_NEED(tables, err);
    deal_tables(&d->pass, tables, &d->sizes);
    if (!d->backend->reads_host_memory) {
        d->host_logits = QG_NEW_N(arena, float, (size_t)d->config->vocab_size);
        QG_NEED(d->host_logits, err);
    }
    return d->family->positions ? QG_OK : fill_rotation(d, arena, err);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

qgk_limits qg_transformer_limits(const qg_transformer *d)
{
    const qg_model_config *c = d->config;
    int hidden = larger(c->hidden_size, c->embed_size), ffn = c->intermediate_size;
    int q = c->n_heads * c->head_dim;

    return (qgk_limits){
        .n_threads = d->backend->ctx.n_threads,
        .max_rows = d->sizes.max_rows,
        .max_seqs = d->sizes.max_seqs,
        .max_k = larger(larger(hidden, ffn), q),
        .max_n = larger(larger(qkv_width(c), 2 * ffn), larger(hidden, c->vocab_size)),
        .max_len = d->sizes.max_len,
        .n_heads = c->n_heads,
        .head_dim = c->head_dim,
    };
}

/* ---- the pass ---- */

static void linear(qg_transformer *d, void *out, const qgk_act *x, const qg_linear *l, int rows,
                   int f32_out)
{
    qgk_ctx *ctx = &d->backend->ctx;

    for (int i = 0; i < l->n_weights; i++)
        ctx->table->linear[l->weight[i].format].product(ctx, out, x, &l->weight[i], rows, f32_out);
}

/* Tells what a linear reads. Whether that is all that is wanted of the layer. */
static bool tap(qg_transformer *d, qg_input input, const qgk_act *x, int rows, int k)
{
    if (d->on_input)
        d->on_input(d->user, input, x, rows, k);
    return d->on_input && d->last_input == input;
}

static void made(qg_transformer *d, qg_step step, void *x, int rows, int k)
{
    if (d->on_step)
        d->on_step(d->step_user, step, x, rows, k);
}

static void norm(qg_transformer *d, qgk_act *out, const qgk_act *x, const qg_norm *n, int rows)
{
    const qgk_table *t = &d->backend->table;
    qgk_ctx *ctx = &d->backend->ctx;
    int hidden = d->config->hidden_size;
    float eps = (float)d->config->norm_eps;

    if (d->family->layer_norm)
        t->layernorm(ctx, out, x, n->weight, n->bias, rows, hidden, eps);
    else
        t->rmsnorm(ctx, out, x, n->weight, rows, hidden, eps);
}

/* x += delta, then out, which may be x, = its norm. */
static void add_norm(qg_transformer *d, qgk_act *out, const qg_norm *n, int rows)
{
    const qgk_table *t = &d->backend->table;
    qgk_ctx *ctx = &d->backend->ctx;
    int hidden = d->config->hidden_size;
    float eps = (float)d->config->norm_eps;

    if (d->family->layer_norm)
        t->add_layernorm(ctx, out, d->x, d->delta, n->weight, n->bias, rows, hidden, eps);
    else
        t->add_rmsnorm(ctx, out, d->x, d->delta, n->weight, rows, hidden, eps);
}

/* From `in` to `delta`; false where it ended before. */
static bool attention_block(qg_transformer *d, int index, qgk_act *in, const qgk_batch *batch)
{
    const qg_layer *layer = &d->weights->layers[index];
    const qgk_kv *kv = &d->kv->layer[index];
    const qg_model_config *c = d->config;
    const qgk_table *t = &d->backend->table;
    qgk_ctx *ctx = &d->backend->ctx;
    int width = qkv_width(c), rows = batch->n_rows;
    size_t q = (size_t)(c->n_heads * c->head_dim), k = (size_t)(c->n_kv_heads * c->head_dim);
    float scale = (float)(1 / sqrt(c->head_dim));
    int window = c->is_windowed[index] ? c->sliding_window : 0;

    made(d, QG_STEP_QKV_INPUT, in, rows, c->hidden_size);
    if (tap(d, QG_INPUT_QKV, in, rows, c->hidden_size))
        return false;
    linear(d, d->qkv, in, &layer->qkv, rows, 0);
    made(d, QG_STEP_QKV, d->qkv, rows, width);
    if (d->cos_sin)
        t->rope_append(ctx, kv, d->qkv, width, d->cos_sin, batch, c->n_heads);
    else
        t->kv_append(ctx, kv, qgk_act_at(t, d->qkv, q), qgk_act_at(t, d->qkv, q + k), width, batch);
    t->attention(ctx, d->attended, d->qkv, width, kv, batch, c->n_heads, scale, window);
    made(d, QG_STEP_ATTENDED, d->attended, rows, (int)q);
    if (tap(d, QG_INPUT_O, d->attended, rows, (int)q))
        return false;
    linear(d, d->delta, d->attended, &layer->o, rows, 0);
    made(d, QG_STEP_O, d->delta, rows, c->hidden_size);
    return true;
}

/* The same for the feed-forward block. */
static bool mlp_block(qg_transformer *d, const qg_layer *layer, qgk_act *in, int rows)
{
    const qgk_table *t = &d->backend->table;
    qgk_ctx *ctx = &d->backend->ctx;
    int hidden = d->config->hidden_size, ffn = d->config->intermediate_size;

    made(d, QG_STEP_MLP_INPUT, in, rows, hidden);
    if (tap(d, QG_INPUT_MLP, in, rows, hidden))
        return false;
    if (d->gate_up) {
        linear(d, d->gate_up, in, &layer->mlp_in, rows, 0);
        made(d, QG_STEP_MLP, d->gate_up, rows, 2 * ffn);
        t->swiglu(ctx, d->inner, d->gate_up, rows, ffn);
    } else {
        bool is_gelu = strcmp(d->config->hidden_act, "gelu") == 0;
        linear(d, d->inner, in, &layer->mlp_in, rows, 0);
        made(d, QG_STEP_MLP, d->inner, rows, ffn);
        (is_gelu ? t->gelu : t->relu)(ctx, d->inner, (size_t)rows * (size_t)ffn);
    }
    made(d, QG_STEP_INNER, d->inner, rows, ffn);
    if (tap(d, QG_INPUT_DOWN, d->inner, rows, ffn))
        return false;
    linear(d, d->delta, d->inner, &layer->mlp_out, rows, 0);
    made(d, QG_STEP_DOWN, d->delta, rows, hidden);
    return true;
}

/* The pass as kernels read it: one upload of all integers, up to the last table in use. */
qgk_batch qg_transformer_upload(qg_transformer *d)
{
    size_t used = (size_t)(d->pass.block_table - d->pass.ids) +
                  (size_t)d->n_seqs * (size_t)d->sizes.blocks_per_seq;

    d->n_ready = 0;
    d->backend->upload(d->backend, d->device.ids, d->pass.ids, used * sizeof(int32_t));
    return (qgk_batch){
        .n_rows = d->n_rows,
        .n_seqs = d->n_seqs,
        .row_seq = d->device.row_seq,
        .row_pos = d->device.row_pos,
        .seq_row = d->device.seq_row,
        .seq_len = d->device.seq_len,
        .block_table = d->device.block_table,
        .table_stride = d->sizes.blocks_per_seq,
    };
}

void qg_transformer_embed(qg_transformer *d, const qgk_batch *batch)
{
    const qg_weights *w = d->weights;
    const qgk_table *t = &d->backend->table;
    qgk_ctx *ctx = &d->backend->ctx;
    int rows = batch->n_rows, hidden = d->config->hidden_size;
    qgk_act *embedded = d->narrow ? d->narrow : d->x;

    t->embed(ctx, embedded, w->embed, d->device.ids, rows, d->config->embed_size);
    made(d, QG_STEP_EMBED, embedded, rows, d->config->embed_size);
    if (d->narrow) {
        linear(d, d->x, d->narrow, &w->project_in, rows, 0);
        made(d, QG_STEP_PROJECT_IN, d->x, rows, hidden);
    }
    if (w->positions) {
        t->embed_add(ctx, d->x, w->positions, batch->row_pos, rows, hidden);
        made(d, QG_STEP_POSITIONS, d->x, rows, hidden);
    }
}

/* What the blocks read: the norm of x, or x itself where norms come after. */
static qgk_act *block_input(qg_transformer *d)
{
    return d->config->post_norm ? d->x : d->normed;
}

/* Both blocks of a layer but the last addition; false where it ended before. */
static bool blocks(qg_transformer *d, int index, const qgk_batch *batch)
{
    const qg_layer *l = &d->weights->layers[index];
    qgk_act *in = block_input(d);

    if (!attention_block(d, index, in, batch))
        return false;
    add_norm(d, in, d->config->post_norm ? &l->attention_norm : &l->mlp_norm, batch->n_rows);
    return mlp_block(d, l, in, batch->n_rows);
}

static void add_delta(qg_transformer *d, int rows)
{
    d->backend->table.add(&d->backend->ctx, d->x, d->delta,
                          (size_t)rows * (size_t)d->config->hidden_size);
}

void qg_transformer_layer(qg_transformer *d, int index, const qgk_batch *batch)
{
    const qg_layer *l = &d->weights->layers[index];
    bool post = d->config->post_norm;

    if (!post)
        norm(d, d->normed, d->x, &l->attention_norm, batch->n_rows);
    if (!blocks(d, index, batch))
        return;
    if (post)
        add_norm(d, d->x, &l->mlp_norm, batch->n_rows);
    else
        add_delta(d, batch->n_rows);
    made(d, QG_STEP_LAYER, d->x, batch->n_rows, d->config->hidden_size);
}

/* As layer by layer, but the last addition of a layer is fused with the norm of the next. */
static void run(qg_transformer *d, const qgk_batch *batch)
{
    const qg_layer *layers = d->weights->layers;
    int n_layers = d->config->n_layers, rows = batch->n_rows;
    bool post = d->config->post_norm;
    qgk_act *in = block_input(d);

    qg_transformer_embed(d, batch);
    if (!post)
        norm(d, in, d->x, &layers[0].attention_norm, rows);
    for (int i = 0; i < n_layers; i++) {
        blocks(d, i, batch);
        if (post || i + 1 < n_layers)
            add_norm(d, in, post ? &layers[i].mlp_norm : &layers[i + 1].attention_norm, rows);
    }
    if (!post)
        add_delta(d, rows);
}

/* Kernels of a decode step depend on these numbers alone: what else they read lies in tables whose
 * place stays. Passes of prompts differ from each other too much to be worth a record. */
static bool begin(qg_transformer *d, int n_rows, int first, int n)
{
    uint64_t key = (uint64_t)n_rows << 42 | (uint64_t)first << 21 | (uint64_t)n;
    qg_backend *b = d->backend;

    return !b->begin || d->n_rows != d->n_seqs || b->begin(b, key);
}

static void end(qg_transformer *d)
{
    if (d->backend->end)
        d->backend->end(d->backend);
}

/* To logits and best, on the device. */
static void run_head(qg_transformer *d, int first, int n)
{
    const qg_weights *w = d->weights;
    const qgk_table *t = &d->backend->table;
    qgk_ctx *ctx = &d->backend->ctx;
    int hidden = d->config->hidden_size, embed = d->config->embed_size;
    const qgk_act *last = d->picked;

    t->gather(ctx, d->picked, d->x, d->device.wanted + first, n, hidden);
    if (w->norm.weight) {
        norm(d, d->normed, d->picked, &w->norm, n);
        made(d, QG_STEP_FINAL_NORM, d->normed, n, hidden);
        last = d->normed;
    }
    if (d->narrow) {
        linear(d, d->narrow, last, &w->project_out, n, 0);
        made(d, QG_STEP_PROJECT_OUT, d->narrow, n, embed);
        last = d->narrow;
    }
    linear(d, d->logits, last, &w->head, n, 1);
    made(d, QG_STEP_LOGITS, d->logits, n, d->config->vocab_size);
    t->argmax(ctx, d->best, d->logits, n, d->config->vocab_size);
}

void qg_transformer_run(qg_transformer *d)
{
    qgk_batch batch = qg_transformer_upload(d);
    int n = d->n_wanted < d->sizes.logits_rows ? d->n_wanted : d->sizes.logits_rows;

    d->n_ready = n;
    if (!begin(d, batch.n_rows, 0, n))
        return;
    run(d, &batch);
    if (n > 0)
        run_head(d, 0, n);
    end(d);
}

qg_status qg_transformer_logits(qg_transformer *d, int32_t *best, int first, int n, qg_err *err)
{
    bool is_ready = first == 0 && n == d->n_ready;

    if (!is_ready && begin(d, 0, first, n)) {
        run_head(d, first, n);
        end(d);
    }
    d->backend->download(d->backend, best, d->best, (size_t)n * sizeof *best);
    return d->backend->sync(d->backend, err);
}

const float *qg_transformer_logits_row(qg_transformer *d, int i)
{
    size_t vocabulary = (size_t)d->config->vocab_size;
    const float *row = d->logits + (size_t)i * vocabulary;

    if (d->backend->reads_host_memory)
        return row;
    d->backend->download(d->backend, d->host_logits, row, vocabulary * sizeof *row);
    return d->host_logits;
}

void qg_transformer_final_state(const qg_transformer *d, float *out, int i)
{
    const qgk_table *t = &d->backend->table;
    size_t hidden = (size_t)d->config->hidden_size;
    qgk_act *states = d->weights->norm.weight ? d->normed : d->picked;
    qgk_half *halves = (qgk_half *)out + hidden; /* the upper half of out */
    bool is_half = t->act_bytes == sizeof *halves;

    d->backend->download(d->backend, is_half ? (void *)halves : out,
                         qgk_act_at(t, states, (size_t)i * hidden), hidden * (size_t)t->act_bytes);
    for (size_t k = 0; is_half && k < hidden; k++)
        out[k] = qgk_float_from_half(halves[k]);
}
