/* Two models side by side: see contrast.h.
 *
 * Of each layer the truth is run first and its steps are kept; then the other, whose steps are
 * measured against them and overwritten. Invariant: what the other reads in a step is what the
 * truth made, times the scales that were folded, which are 1 on tiers.
 */
#include "engine/contrast_internal.h"

#include <math.h>
#include <string.h>

/* Times the error of many tokens at once from which one alone is another matter. */
#define ALONE       10.0
#define ALONE_LEAST 1e-6

const char *qg_part_name(qg_part part)
{
    static const char *const names[] = {
#define X(item, name) name,
        QG_PART_LIST(X)
#undef X
    };
    return names[part];
}

/* ---- opening ---- */

static qg_status open_side(qg_contrast_side *s, qg_arena *arena, const qg_contrast_model *m,
                           int n_threads, int n_tokens, qg_err *err)
{
    qg_layerwise_options o = {.tier = m->tier,
                              .n_threads = n_threads,
                              .window = n_tokens,
                              .method = m->method,
                              .activations = m->activations,
                              .ends = true};

    s->folder = m->folder;
    QG_PASS(qg_config_read(&s->config, arena, m->folder, qg_family_names(), err));
    s->family = qg_family_find(s->config.model_type);
    QG_PASS(qg_family_check(s->family, &s->config, err));
    QG_PASS(qg_checkpoint_open(&s->checkpoint, arena, m->folder, err));
    QG_PASS(qg_inventory_make(&s->inventory, arena, s->family, &s->config, err));
    qg_inventory_match(&s->inventory, s->checkpoint);
    return qg_layerwise_open(&s->layers, arena, s->checkpoint, &s->config, s->family, &o, err);
}

static qg_status check_shapes(const qg_contrast_side *a, const qg_contrast_side *b, qg_err *err)
{
    const qg_model_config *x = &a->config, *y = &b->config;

    if (a->family == b->family && x->n_layers == y->n_layers && x->hidden_size == y->hidden_size &&
        x->n_heads == y->n_heads && x->n_kv_heads == y->n_kv_heads && x->head_dim == y->head_dim &&
        x->intermediate_size == y->intermediate_size && x->vocab_size == y->vocab_size &&
        x->embed_size == y->embed_size && x->post_norm == y->post_norm &&
        x->no_final_norm == y->no_final_norm && strcmp(x->hidden_act, y->hidden_act) == 0)
        return QG_OK;
    return qg_fail(err, QG_EREFUSED, "'%s' and '%s' are models of two shapes", a->folder,
                   b->folder);
}

static int width_of(const qg_contrast *c, qg_step step)
{
    const qg_model_config *m = &c->truth.config;

    switch (step) {
    case QG_STEP_EMBED:
    case QG_STEP_PROJECT_OUT:
        return m->embed_size;
    case QG_STEP_QKV:
        return (m->n_heads + 2 * m->n_kv_heads) * m->head_dim;
    case QG_STEP_ATTENDED:
        return m->n_heads * m->head_dim;
    case QG_STEP_MLP:
        return m->intermediate_size * (c->truth.family->gate ? 2 : 1);
    case QG_STEP_INNER:
        return m->intermediate_size;
    case QG_STEP_LOGITS:
        return m->vocab_size;
    default:
        return m->hidden_size;
    }
}

int qg_contrast_inputs(const qg_model_config *c, qg_input input)
{
    return input == QG_INPUT_O      ? c->n_heads * c->head_dim
           : input == QG_INPUT_DOWN ? c->intermediate_size
                                    : c->hidden_size;
}

static qg_status allocate(qg_contrast *c, qg_err *err)
{
    const qg_model_config *m = &c->truth.config;
    size_t rows = (size_t)c->n_tokens;

    for (int s = 0; s < QG_N_STEPS; s++) {
        size_t width = (size_t)width_of(c, (qg_step)s);
        size_t n = s >= QG_STEP_FINAL_NORM ? QG_LAYERWISE_ROWS : rows;
        c->kept[s] = QG_NEW_N(c->arena, float, n *width);
        QG_NEED(c->kept[s], err);
    }
    for (int i = 0; i < QG_N_INPUTS; i++) {
        size_t k = (size_t)qg_contrast_inputs(m, (qg_input)i);
        c->folds[i].inputs = QG_NEW_N(c->arena, float, k);
        c->folds[i].outputs = QG_NEW_N(c->arena, float, k);
        QG_NEED(c->folds[i].inputs && c->folds[i].outputs, err);
    }
    c->states = QG_NEW_N(c->arena, float, rows *(size_t)m->hidden_size);
    c->entries = QG_NEW_N(c->arena, qg_contrast_entry, ((size_t)m->n_layers + 1) * QG_N_PARTS);
    QG_NEED(c->states && c->entries, err);
    return QG_OK;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static void release(void *data)
{
    qg_arena_free(data);
}

qg_status qg_contrast_open(qg_contrast **out, qg_arena *arena, const qg_contrast_model *truth,
                           const qg_contrast_model *other, int n_threads, int n_tokens, qg_err *err)
{
    qg_contrast *c = QG_NEW(arena, qg_contrast);

    QG_NEED(c, err);
    c->arena = arena;
    c->scratch = qg_arena_create();
    QG_NEED(c->scratch, err);
    if (!qg_arena_defer(arena, release, c->scratch)) {
        qg_arena_free(c->scratch);
        return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    c->n_tokens = n_tokens;
    c->same = same_text(truth->folder, other->folder) && same_text(truth->method, other->method) &&
              same_text(truth->activations, other->activations);
    QG_TRY(open_side(&c->truth, arena, truth, n_threads, n_tokens, err), err, "opening model '%s'",
           truth->folder);
    QG_TRY(open_side(&c->other, arena, other, n_threads, n_tokens, err), err, "opening model '%s'",
           other->folder);
    QG_PASS(check_shapes(&c->truth, &c->other, err));
    c->n_threads = qg_layerwise_ctx(c->truth.layers)->n_threads;
    QG_PASS(allocate(c, err));
    *out = c;
    return QG_OK;
}

qg_layerwise *qg_contrast_other(qg_contrast *c)
{
    return c->other.layers;
}

/* ---- what parts have in the folder ---- */

const qg_item *qg_contrast_item(const qg_contrast_side *s, int layer, qg_part part)
{
    static const int kinds[QG_N_PARTS] = {
        [QG_PART_EMBED] = QG_ITEM_EMBED,
        [QG_PART_PROJECT_IN] = QG_ITEM_PROJECT_IN,
        [QG_PART_POSITIONS] = QG_ITEM_POSITIONS,
        [QG_PART_ATTENTION_NORM] = QG_ITEM_ATTENTION_NORM,
        [QG_PART_Q] = QG_ITEM_Q,
        [QG_PART_K] = QG_ITEM_K,
        [QG_PART_V] = QG_ITEM_V,
        [QG_PART_ATTENTION] = -1,
        [QG_PART_O] = QG_ITEM_O,
        [QG_PART_MLP_NORM] = QG_ITEM_MLP_NORM,
        [QG_PART_GATE] = QG_ITEM_GATE,
        [QG_PART_UP] = QG_ITEM_UP,
        [QG_PART_FC1] = QG_ITEM_FC1,
        [QG_PART_ACTIVATION] = -1,
        [QG_PART_DOWN] = QG_ITEM_DOWN,
        [QG_PART_FC2] = QG_ITEM_FC2,
        [QG_PART_RESIDUAL] = -1,
        [QG_PART_FINAL_NORM] = QG_ITEM_FINAL_NORM,
        [QG_PART_PROJECT_OUT] = QG_ITEM_PROJECT_OUT,
        [QG_PART_HEAD] = QG_ITEM_HEAD,
    };
    const qg_item *item =
        kinds[part] < 0 ? NULL : qg_inventory_find(&s->inventory, layer, (qg_item_kind)kinds[part]);

    if (!item && part == QG_PART_HEAD) /* tied */
        item = qg_inventory_find(&s->inventory, -1, QG_ITEM_EMBED);
    return item;
}

qg_contrast_entry *qg_contrast_entry_of(qg_contrast *c, qg_part part)
{
    const qg_item *item = qg_contrast_item(&c->other, c->layer, part);

    for (size_t i = c->n_entries; i-- > 0 && c->entries[i].layer == c->layer;)
        if (c->entries[i].part == part)
            return &c->entries[i];
    c->entries[c->n_entries] = (qg_contrast_entry){.part = part,
                                                   .layer = c->layer,
                                                   .name = item ? item->name : NULL,
                                                   .channel = -1,
                                                   .excess_row = -1};
    return &c->entries[c->n_entries++];
}

/* ---- measuring a step ---- */

/* Columns at .. at + n - 1 of a step. */
typedef struct piece {
    qg_part part;
    int at, n;
    const float *fold; /* [n] what the other's are times; NULL: 1 */
    const float *bias; /* [n] of the truth, NULL: none */
} piece;

/* Whether a piece is a linear of the layers. */
static bool is_product(qg_step step)
{
    return step == QG_STEP_QKV || step == QG_STEP_O || step == QG_STEP_MLP || step == QG_STEP_DOWN;
}

static const qg_linear *linear_of(const qg_layer *l, qg_step step)
{
    return step == QG_STEP_QKV   ? &l->qkv
           : step == QG_STEP_O   ? &l->o
           : step == QG_STEP_MLP ? &l->mlp_in
                                 : &l->mlp_out;
}

/* What a product of the layer at hand consists of; their number. */
static int pieces_of_product(piece out[3], const qg_contrast *c, qg_step step)
{
    const qg_model_config *m = &c->truth.config;
    const qg_linear *l = linear_of(qg_layerwise_layer(c->truth.layers), step);
    const float *bias = l->n_weights ? l->weight[0].bias : NULL;
    const float *inner = c->folds[QG_INPUT_DOWN].outputs;
    int q = m->n_heads * m->head_dim, kv = m->n_kv_heads * m->head_dim, ffn = m->intermediate_size;
    bool gate = c->truth.family->gate;
    int n = 1;

    if (step == QG_STEP_QKV) {
        out[0] = (piece){QG_PART_Q, 0, q, NULL, NULL};
        out[1] = (piece){QG_PART_K, q, kv, NULL, NULL};
        out[2] = (piece){QG_PART_V, q + kv, kv, c->folds[QG_INPUT_O].outputs, NULL};
        n = 3;
    } else if (step == QG_STEP_MLP && gate) {
        out[0] = (piece){QG_PART_GATE, 0, ffn, NULL, NULL};
        out[1] = (piece){QG_PART_UP, ffn, ffn, inner, NULL};
        n = 2;
    } else if (step == QG_STEP_MLP) {
        out[0] = (piece){QG_PART_FC1, 0, ffn, inner, NULL};
    } else {
        qg_part down = gate ? QG_PART_DOWN : QG_PART_FC2;
        out[0] = (piece){step == QG_STEP_O ? QG_PART_O : down, 0, m->hidden_size, NULL, NULL};
    }
    for (int i = 0; i < n; i++)
        out[i].bias = bias ? bias + out[i].at : NULL;
    return n;
}

/* The same of any step. Where norms come after, they are other steps' than where they come before,
 * and what q, k and v read is made by nobody. */
static int pieces_of(piece out[3], const qg_contrast *c, qg_step step)
{
    static const struct {
        qg_part part, post_norm;
        int input; /* that was made; -1: no input of linears of the layer */
    } made[QG_N_STEPS] = {
        [QG_STEP_EMBED] = {QG_PART_EMBED, QG_PART_EMBED, -1},
        [QG_STEP_PROJECT_IN] = {QG_PART_PROJECT_IN, QG_PART_PROJECT_IN, -1},
        [QG_STEP_POSITIONS] = {QG_PART_POSITIONS, QG_PART_POSITIONS, -1},
        [QG_STEP_QKV_INPUT] = {QG_PART_ATTENTION_NORM, QG_N_PARTS, QG_INPUT_QKV},
        [QG_STEP_ATTENDED] = {QG_PART_ATTENTION, QG_PART_ATTENTION, QG_INPUT_O},
        [QG_STEP_MLP_INPUT] = {QG_PART_MLP_NORM, QG_PART_ATTENTION_NORM, QG_INPUT_MLP},
        [QG_STEP_INNER] = {QG_PART_ACTIVATION, QG_PART_ACTIVATION, QG_INPUT_DOWN},
        [QG_STEP_LAYER] = {QG_PART_RESIDUAL, QG_PART_MLP_NORM, -1},
        [QG_STEP_FINAL_NORM] = {QG_PART_FINAL_NORM, QG_PART_FINAL_NORM, -1},
        [QG_STEP_PROJECT_OUT] = {QG_PART_PROJECT_OUT, QG_PART_PROJECT_OUT, -1},
        [QG_STEP_LOGITS] = {QG_PART_HEAD, QG_PART_HEAD, -1},
    };

    if (is_product(step))
        return pieces_of_product(out, c, step);
    qg_part part = c->truth.config.post_norm ? made[step].post_norm : made[step].part;
    int input = made[step].input;
    out[0] = (piece){part, 0, width_of(c, step), input < 0 ? NULL : c->folds[input].inputs, NULL};
    return part != QG_N_PARTS;
}

static double relative(double error, double size)
{
    if (!isfinite(error))
        return INFINITY;
    return size > 0 ? error / size : error > 0 ? INFINITY : 0;
}

/* Square error and size of element j of a row. */
static void add_element(double *error, double *size, const piece *p, const float *truth,
                        const float *x, int j)
{
    double want = (double)truth[p->at + j];
    double d = (double)x[p->at + j] / (p->fold ? (double)p->fold[j] : 1) - want;

    want -= p->bias ? (double)p->bias[j] : 0;
    *error += d * d;
    *size += want * want;
}

/* Square errors of rows, each relative to its row: their sum. */
static double rows_error(const piece *p, const float *truth, const float *x, int rows, int width)
{
    double sum = 0;

    for (size_t r = 0; r < (size_t)rows; r++) {
        double error = 0, size = 0;
        for (int j = 0; j < p->n; j++)
            add_element(&error, &size, p, truth + r * (size_t)width, x + r * (size_t)width, j);
        sum += relative(error, size);
    }
    return sum;
}

static void measure_outputs(qg_contrast_entry *e, double *delta, const piece *p, const float *truth,
                            const float *x, int rows, int width)
{
    for (int j = 0; j < p->n; j++) {
        double error = 0, size = 0;
        for (size_t r = 0; r < (size_t)rows; r++)
            add_element(&error, &size, p, truth + r * (size_t)width, x + r * (size_t)width, j);
        double ratio = sqrt(relative(error, size));
        if (delta)
            delta[j] = sqrt(error / rows);
        if (e->channel < 0 || ratio > e->channel_error) {
            e->channel = j;
            e->channel_error = ratio;
        }
    }
}

static void measure_piece(qg_contrast *c, const piece *p, const float *truth, const float *x,
                          int rows, int width)
{
    qg_contrast_entry *e = qg_contrast_entry_of(c, p->part);

    if (c->layer >= 0)
        c->sum[p->part] = c->n_rows[p->part] = 0;
    c->sum[p->part] += rows_error(p, truth, x, rows, width);
    c->n_rows[p->part] += rows;
    e->error = sqrt(c->sum[p->part] / c->n_rows[p->part]);
    measure_outputs(e, c->layer >= 0 ? c->delta[p->part] : NULL, p, truth, x, rows, width);
}

/* One token goes another way through the kernels than many at once, and has to come out the same.
 */
static void measure_alone(qg_contrast *c, const piece *p, const float *truth, const float *x,
                          int width)
{
    qg_contrast_entry *e = qg_contrast_entry_of(c, p->part);
    double alone = sqrt(rows_error(p, truth, x, 1, width));

    if (alone > ALONE * e->error && alone > ALONE_LEAST) {
        e->error = alone;
        e->is_alone = true;
    }
}

static void keep_step(void *user, qg_step step, qgk_act *x, int rows, int k)
{
    qg_contrast *c = user;

    memcpy(c->kept[step], x, (size_t)rows * (size_t)k * sizeof(float));
}

/* What the other reads next. */
static void overwrite(const float *truth, const piece *pieces, int n, float *x, int rows, int width)
{
    memcpy(x, truth, (size_t)rows * (size_t)width * sizeof *x);
    for (int i = 0; i < n; i++)
        for (int r = 0; pieces[i].fold && r < rows; r++)
            for (int j = 0; j < pieces[i].n; j++)
                x[(size_t)r * (size_t)width + (size_t)(pieces[i].at + j)] *= pieces[i].fold[j];
}

static void measure_step(void *user, qg_step step, qgk_act *act, int rows, int k)
{
    qg_contrast *c = user;
    float *x = (float *)act; /* on the CPU */
    size_t first = c->alone ? (size_t)(c->n_tokens - 1) : 0;
    const float *truth = c->kept[step] + first * (size_t)k;
    piece pieces[3];
    int n = pieces_of(pieces, c, step);

    for (int i = 0; i < n; i++)
        if (c->alone)
            measure_alone(c, &pieces[i], truth, x, k);
        else
            measure_piece(c, &pieces[i], truth, x, rows, k);
    overwrite(truth, pieces, n, x, rows, k);
}

/* ---- the pass ---- */

/* What is not finite is measured, not refused. */
static qg_status run_layer(qg_layerwise *lw, float *states, qg_err *err)
{
    qg_err why = {0};
    qg_status s = qg_layerwise_run(lw, states, NULL, NULL, &why);

    if (s == QG_OK || s == QG_ENONFINITE)
        return QG_OK;
    if (err)
        *err = why;
    return s;
}

static qg_status make_deltas(qg_contrast *c, qg_err *err)
{
    for (int p = 0; p < QG_N_PARTS; p++) {
        const qg_item *item = qg_contrast_item(&c->truth, c->layer, (qg_part)p);
        c->delta[p] = NULL;
        if (!item || !qg_item_is_quantizable(item))
            continue;
        c->delta[p] = QG_NEW_N(c->scratch, double, (size_t)item->n);
        QG_NEED(c->delta[p], err);
    }
    return QG_OK;
}

static qg_status contrast_layer(qg_contrast *c, int layer, qg_err *err)
{
    size_t hidden = (size_t)c->truth.config.hidden_size, n = (size_t)c->n_tokens * hidden;
    qg_arena_mark mark = qg_arena_here(c->scratch);

    c->layer = layer;
    QG_PASS(qg_layerwise_load(c->truth.layers, layer, NULL, NULL, err));
    QG_PASS(qg_layerwise_load(c->other.layers, layer, NULL, NULL, err));
    QG_PASS(qg_contrast_find_folds(c, err));
    QG_PASS(make_deltas(c, err));
    float *before = qg_arena_copy(c->scratch, c->states, n * sizeof *before);
    QG_NEED(before, err);
    QG_PASS(run_layer(c->truth.layers, c->states, err));
    const float *last = qg_arena_copy(c->scratch, before + n - hidden, hidden * sizeof *before);
    QG_NEED(last, err);
    QG_PASS(run_layer(c->other.layers, before, err));
    c->alone = c->same;
    qg_status s =
        c->same ? qg_layerwise_step(c->other.layers, last, err) : qg_contrast_weigh(c, err);
    c->alone = false;
    qg_arena_rewind(c->scratch, mark);
    return s;
}

/* The last tokens alone: a head is as large as many layers. */
static qg_status contrast_ends(qg_contrast *c, qg_err *err)
{
    int most = 4 * QG_LAYERWISE_ROWS, first = c->n_tokens > most ? c->n_tokens - most : 0;

    c->layer = -1;
    for (int row = first; row < c->n_tokens; row += QG_LAYERWISE_ROWS) {
        int n = c->n_tokens - row < QG_LAYERWISE_ROWS ? c->n_tokens - row : QG_LAYERWISE_ROWS;
        QG_PASS(qg_layerwise_logits(c->truth.layers, c->states, row, n, err));
        QG_PASS(qg_layerwise_logits(c->other.layers, c->states, row, n, err));
    }
    return QG_OK;
}

qg_status qg_contrast_run(const qg_contrast_entry **out, size_t *n, qg_contrast *c,
                          const int32_t *ids, qg_on_contrast *on_progress, void *user, qg_err *err)
{
    int n_layers = c->truth.config.n_layers;
    size_t n_states = (size_t)c->n_tokens * (size_t)c->truth.config.hidden_size;
    float *unused = QG_NEW_N(c->scratch, float, n_states);

    QG_NEED(unused, err);
    c->layer = -1;
    qg_layerwise_watch(c->truth.layers, keep_step, c);
    qg_layerwise_watch(c->other.layers, measure_step, c);
    qg_layerwise_embed(c->truth.layers, c->states, ids);
    qg_layerwise_embed(c->other.layers, unused, ids);
    for (int i = 0; i < n_layers; i++) {
        QG_TRY(contrast_layer(c, i, err), err, "layer %d", i);
        if (on_progress)
            on_progress(user, (double)(i + 1) / (n_layers + 1));
    }
    QG_PASS(contrast_ends(c, err));
    *out = c->entries;
    *n = c->n_entries;
    return QG_OK;
}
