/* Methods, see choose.h: first scales move within the layer and inputs get their plans, then the
 * codes of each linear are chosen, in any order.
 *
 * Invariant: after opening, the floats of the layer and the moments of its inputs belong together:
 * both are in the scale in which codes are chosen, and errors are told in it. */
#include "quantize/choose.h"

#include "quantize/awq_search.h"
#include "quantize/gptq_rounding.h"
#include "quantize/order.h"
#include "quantize/smooth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is known of one input of the layer. */
typedef struct input_state {
    bool is_ready;
    qg_moments *moments;
    bool is_scaled;
    double strength;
    qg_gptq_plan plan;
    float *gram; /* [k][k] mean of x x^T */
    qg_outlier *outliers;
    size_t n_outliers;
    int n_dead;
} input_state;

struct qg_chooser {
    const struct method *method;
    const qg_choice *choice;
    const qg_form *form;
    qg_float_layer *layer;
    qg_calibration *calibration;
    qg_arena *arena;
    int n_threads;
    input_state inputs[QG_N_INPUTS];
};

typedef struct method {
    qg_method_info info;
    qg_status (*prepare)(qg_chooser *c, qg_input input, qg_err *err); /* NULL: nothing to do */
    qg_status (*choose)(qg_chooser *c, qg_float_linear *l, qg_input input, qgk_canon *rows,
                        const int32_t **order, qg_quantized_linear *report, qg_err *err);
} method;

/* ---- rounding to nearest ---- */

static qg_status round_nearest(qg_chooser *c, qg_float_linear *l, qg_input input, qgk_canon *rows,
                               const int32_t **order, qg_quantized_linear *report, qg_err *err)
{
    (void)input, (void)report;
    *order = NULL;
    if (c->form->storage.config.act_order)
        QG_PASS(qg_form_order(order, l->w, l->item->n, l->item->k, c->arena, err));
    qg_rtn_quantize(rows, l->w, &c->form->grid, c->n_threads);
    return QG_OK;
}

/* ---- scales ---- */

static qg_block block_of(qg_chooser *c, qg_input input, const int32_t *tie)
{
    qg_float_linear *readers[QGK_MAX_SEGMENTS];
    int n = qg_float_layer_readers(c->layer, input, readers);
    qg_block b = {
        .k = readers[0]->item->k, .n_linears = n, .moments = c->inputs[input].moments, .tie = tie};

    for (int i = 0; i < n; i++)
        b.linear[i] = (qg_block_linear){readers[i]->w, readers[i]->item->n};
    return b;
}

/* Moves the scales, which are not all 1, out of the input. */
static void move_scales(qg_chooser *c, qg_input input, qg_block *b, float *s, double strength)
{
    qg_float_layer_divide(c->layer, input, s, b->tie);
    qg_block_scale(b, s, c->n_threads);
    c->inputs[input].is_scaled = true;
    c->inputs[input].strength = strength;
}

static qg_status scale_by_awq(qg_chooser *c, qg_input input, qg_block *b, float *s, qg_err *err)
{
    int group = c->form->storage.config.group_size;
    qg_awq_choice found;

    QG_PASS(qg_awq_scale(s, &found, qg_calibration_ctx(c->calibration), b, group > 0 ? group : b->k,
                         &c->form->grid, c->arena, err));
    if (found.duo || found.ratio > 0)
        move_scales(c, input, b, s, found.ratio);
    return QG_OK;
}

/* So that their geometric mean is 1: a factor of all changes no product, but scales of codes keep
 * within float16's range. */
static void centre(float *s, int k)
{
    double sum = 0;

    for (int j = 0; j < k; j++)
        sum += log((double)s[j]);
    for (int j = 0; j < k; j++)
        s[j] = (float)((double)s[j] * exp(-sum / k));
}

static qg_status scale_by_smoothing(qg_chooser *c, qg_input input, qg_block *b, float *s,
                                    qg_err *err)
{
    double strength = c->choice->has_strength ? c->choice->strength : QG_SMOOTH_BEST;
    qg_smooth_choice found;

    QG_PASS(qg_smooth_choose(s, &found, qg_calibration_ctx(c->calibration), b, strength,
                             &c->form->grid, c->arena, err));
    centre(s, b->k);
    if (found.smooth)
        move_scales(c, input, b, s, found.strength);
    return QG_OK;
}

/* Searches the scales of an input, where something can absorb them, and moves them. */
static qg_status scale(qg_chooser *c, qg_input input,
                       qg_status (*search)(qg_chooser *c, qg_input input, qg_block *b, float *s,
                                           qg_err *err),
                       qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(c->arena);
    const int32_t *tie;

    if (!qg_float_layer_can_fold(c->layer, input))
        return QG_OK;
    QG_PASS(qg_float_layer_tie(&tie, c->arena, c->layer, input, err));
    qg_block b = block_of(c, input, tie);
    float *s = QG_NEW_N(c->arena, float, (size_t)b.k);
    QG_NEED(s, err);
    QG_PASS(search(c, input, &b, s, err));
    qg_arena_rewind(c->arena, mark);
    return QG_OK;
}

/* ---- int8 ---- */

/* Behind norms alone, as in the paper: through v and up the sampled products of o and down become
 * better and the model worse. */
static qg_status smooth(qg_chooser *c, qg_input input, qg_err *err)
{
    bool is_w8a8 = c->form->grid.bits == 8 && !c->form->storage.config.float_inputs;
    bool behind_norm = input == QG_INPUT_QKV || input == QG_INPUT_MLP;

    if (!c->calibration || !is_w8a8 || !behind_norm)
        return QG_OK;
    return scale(c, input, scale_by_smoothing, err);
}

/* ---- awq ---- */

static qg_status scale_for_awq(qg_chooser *c, qg_input input, qg_err *err)
{
    return scale(c, input, scale_by_awq, err);
}

static qg_status clip_and_round(qg_chooser *c, qg_float_linear *l, qg_input input, qgk_canon *rows,
                                const int32_t **order, qg_quantized_linear *report, qg_err *err)
{
    bool is_clipped = l->item->kind != QG_ITEM_Q && l->item->kind != QG_ITEM_K;
    qg_awq_clipping clipping;

    if (is_clipped) {
        QG_PASS(qg_awq_clip(l->w, &clipping, qg_calibration_ctx(c->calibration), l->item->n,
                            c->inputs[input].moments, rows->group, &c->form->grid, c->arena, err));
        report->clipped = (double)clipping.n_clipped / (double)clipping.n_groups;
    }
    return round_nearest(c, l, input, rows, order, report, err);
}

/* ---- gptq ---- */

static qg_status plan_gptq(qg_chooser *c, qg_input input, qg_err *err)
{
    const qg_choice *choice = c->choice;
    qg_gptq_options o = {.damp = choice->damp != 0 ? choice->damp : QG_GPTQ_DAMP,
                         .damp_step = QG_GPTQ_DAMP_STEP,
                         .act_order = !choice->natural_order,
                         .static_groups = !choice->natural_order && !choice->recipe.act_order,
                         .n_threads = c->n_threads};
    qg_lapack lapack;

    QG_PASS(qg_lapack_open(&lapack, NULL, err));
    return qg_gptq_plan_make(&c->inputs[input].plan, c->inputs[input].moments, &o, &lapack,
                             c->arena, err);
}

static qg_status round_by_plan(qg_chooser *c, qg_float_linear *l, qg_input input, qgk_canon *rows,
                               const int32_t **order, qg_quantized_linear *report, qg_err *err)
{
    const qg_gptq_plan *plan = &c->inputs[input].plan;
    qg_gptq_error error;

    *order = qg_gptq_order(plan, rows->group);
    QG_PASS(
        qg_gptq_quantize(rows, &error, plan, l->w, &c->form->grid, c->n_threads, c->arena, err));
    report->damp = plan->damp;
    return QG_OK;
}

/* ---- the table ---- */

static const method methods[] = {
    {{"rtn", false, false, false, false}, NULL, round_nearest},
    {{"int8", false, true, false, false}, smooth, round_nearest},
    {{"gptq", true, true, true, true}, plan_gptq, round_by_plan},
    {{"awq", true, true, false, true}, scale_for_awq, clip_and_round},
};

static const method *find_method(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].info.name, name) == 0)
            return &methods[i];
    return NULL;
}

const qg_method_info *qg_method_info_of(const char *name)
{
    const method *m = find_method(name);

    return m ? &m->info : NULL;
}

static qg_status check_choice(const qg_choice *choice, const char *name, qg_err *err)
{
    bool is_gptq = strcmp(name, "gptq") == 0, is_int8 = strcmp(name, "int8") == 0;

    if (!is_gptq && (choice->damp != 0 || choice->natural_order))
        return qg_fail(err, QG_EARG, "%s belongs to method gptq, not to %s",
                       choice->damp != 0 ? "damping" : "a natural order", name);
    if (!(choice->damp >= 0 && choice->damp <= 1))
        return qg_fail(err, QG_EARG, "a damping of %g: expected a share from 0 to 1", choice->damp);
    if (choice->natural_order && choice->recipe.act_order)
        return qg_fail(err, QG_EARG,
                       "a natural order and an order of activations exclude each other");
    if (choice->has_strength && !is_int8)
        return qg_fail(err, QG_EARG, "a strength belongs to method int8, not to %s", name);
    if (!(choice->strength >= 0 && choice->strength <= 1))
        return qg_fail(err, QG_EARG, "a strength of %g: expected 0 to 1", choice->strength);
    if (strcmp(name, "awq") == 0 && choice->recipe.act_order)
        return qg_fail(err, QG_EARG, "method awq has no order of activations, gptq has");
    if (!is_int8 && strcmp(name, "rtn") != 0 && choice->recipe.activations &&
        strcmp(choice->recipe.activations, "int8") == 0)
        return qg_fail(err, QG_EARG, "8-bit activations belong to method int8, not to %s", name);
    return QG_OK;
}

qg_status qg_choice_form(qg_form *out, const qg_choice *choice, qg_err *err)
{
    const char *name = choice->method ? choice->method : "rtn";
    qg_recipe r = choice->recipe;

    QG_PASS(check_choice(choice, name, err));
    if (strcmp(name, "int8") == 0) {
        if (r.bits && r.bits != 8)
            return qg_fail(err, QG_EARG, "method int8 has 8 bits, not %d", r.bits);
        r.bits = 8;
        r.activations = r.activations ? r.activations : "int8";
    }
    if (strcmp(name, "awq") == 0 && !r.format)
        r.format = "awq";
    if (strcmp(name, "gptq") == 0 && !r.format)
        r.format = r.symmetric < 0 ? "gptq_v2" : "gptq";
    return qg_form_choose(out, &r, err);
}

/* ---- inputs ---- */

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

enum { N_OUTLIERS = 3 };

/* The inputs of greatest magnitude, against the median of all. */
static qg_status find_outliers(input_state *in, qg_arena *arena, qg_err *err)
{
    const qg_moments *m = in->moments;
    size_t k = (size_t)m->k;
    float *sorted = QG_NEW_N(arena, float, k);

    in->outliers = QG_NEW_N(arena, qg_outlier, N_OUTLIERS);
    QG_NEED(sorted && in->outliers, err);
    memcpy(sorted, m->abs_max, k * sizeof *sorted);
    qsort(sorted, k, sizeof *sorted, by_size);
    for (size_t i = 0; i < k; i++)
        in->n_dead += m->abs_max[i] == 0;
    double median = (double)sorted[k / 2];
    for (int n = 0; n < N_OUTLIERS && median > 0; n++) {
        int best = -1;
        for (int i = 0; i < m->k; i++) {
            bool taken = false;
            for (size_t o = 0; o < in->n_outliers; o++)
                taken = taken || in->outliers[o].input == i;
            if (!taken && (best < 0 || m->abs_max[i] > m->abs_max[best]))
                best = i;
        }
        if (best >= 0)
            in->outliers[in->n_outliers++] = (qg_outlier){best, (double)m->abs_max[best] / median};
    }
    return QG_OK;
}

static qg_status make_gram(input_state *in, qg_arena *arena, qg_err *err)
{
    size_t n = (size_t)in->moments->k * (size_t)in->moments->k;

    in->gram = QG_NEW_N(arena, float, n);
    QG_NEED(in->gram, err);
    for (size_t i = 0; i < n; i++)
        in->gram[i] = (float)(in->moments->gram[i] / (double)in->moments->n);
    return QG_OK;
}

static qg_status prepare_input(qg_chooser *c, qg_input input, qg_err *err)
{
    input_state *in = &c->inputs[input];

    if (c->calibration) {
        in->moments = qg_calibration_moments(c->calibration, input);
        QG_PASS(find_outliers(in, c->arena, err));
    }
    if (c->method->prepare)
        QG_PASS(c->method->prepare(c, input, err));
    if (c->calibration)
        QG_PASS(make_gram(in, c->arena, err));
    in->is_ready = true;
    return QG_OK;
}

/* Of a sequential method, when the linears before have their codes. */
static qg_status collect_input(qg_chooser *c, qg_input input, qg_err *err)
{
    QG_PASS(qg_calibration_collect_one(c->calibration, input, err));
    return prepare_input(c, input, err);
}

qg_status qg_chooser_open(qg_chooser **out, qg_arena *arena, const qg_choice *choice,
                          const qg_form *form, qg_float_layer *layer, qg_calibration *calibration,
                          int n_threads, qg_err *err)
{
    qg_chooser *c = QG_NEW(arena, qg_chooser);

    QG_NEED(c, err);
    *c = (qg_chooser){.method = find_method(choice->method ? choice->method : "rtn"),
                      .choice = choice,
                      .form = form,
                      .layer = layer,
                      .calibration = calibration,
                      .arena = arena,
                      .n_threads = n_threads};
    for (int i = 0; i < QG_N_INPUTS && !c->method->info.is_sequential; i++)
        QG_PASS(prepare_input(c, (qg_input)i, err));
    *out = c;
    return QG_OK;
}

/* ---- what it cost ---- */

/* w' - w in the natural order of inputs, over w. Returns the sum of squares. */
static double take_differences(float *w, const qgk_canon *rows, const int32_t *order, int n_threads)
{
    size_t k = (size_t)rows->k;
    double sum = 0;

#pragma omp parallel for num_threads(n_threads)
    for (int r = 0; r < rows->n_rows; r++)
        for (int j = 0; j < rows->k; j++) {
            qg_rtn_scale s = qg_rtn_scale_at(rows, r, j / rows->group);
            float *at = w + (size_t)r * k + (size_t)(order ? order[j] : j);
            *at = (float)(qg_rtn_value(qg_rtn_code_at(rows, r, j), s) - (double)*at);
        }
    for (size_t i = 0; i < (size_t)rows->n_rows * k; i++)
        sum += (double)w[i] * (double)w[i];
    return sum;
}

static double sum_of_squares(const float *w, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)w[i] * (double)w[i];
    return sum;
}

static double energy(qg_chooser *c, const input_state *in, double *of_row, const float *d, int n)
{
    qgk_ctx *ctx = qg_calibration_ctx(c->calibration);
    double sum = 0;

    ctx->table->gram_energy(ctx, of_row, d, in->gram, n, in->moments->k);
    for (int i = 0; i < n; i++)
        sum += of_row[i];
    return sum;
}

static qg_status report_errors(qg_chooser *c, float *w, const float *before, const input_state *in,
                               const qgk_canon *rows, const int32_t *order,
                               qg_quantized_linear *report, qg_err *err)
{
    int n = rows->n_rows;
    double weights = sum_of_squares(before, (size_t)n * (size_t)rows->k);
    double error = take_differences(w, rows, order, c->n_threads);

    report->weight_norm = sqrt(weights);
    report->weight_error = weights > 0 ? sqrt(error / weights) : 0;
    if (!c->calibration)
        return QG_OK;
    double *of_row = QG_NEW_N(c->arena, double, (size_t)n);
    QG_NEED(of_row, err);
    double outputs = energy(c, in, of_row, before, n), of_error = energy(c, in, of_row, w, n);
    report->is_calibrated = true;
    report->output_error = outputs > 0 ? sqrt(fmax(of_error, 0) / outputs) : 0;
    return QG_OK;
}

/* w' for the linears behind it, from the differences that are left in l->w. */
static qg_status put_in_place(qg_chooser *c, const qg_float_linear *l, const float *before,
                              qg_err *err)
{
    size_t n = (size_t)l->item->n * (size_t)l->item->k;

    if (!c->method->info.is_sequential)
        return QG_OK;
    for (size_t i = 0; i < n; i++)
        l->w[i] += before[i];
    return qg_calibration_put(c->calibration, l->item->kind, l->w, err);
}

static qg_quantized_linear blank_report(const qg_item *item, const input_state *in)
{
    return (qg_quantized_linear){.name = item->name,
                                 .projection = qg_item_kind_name(item->kind),
                                 .layer = item->layer,
                                 .n = item->n,
                                 .k = item->k,
                                 .is_scaled = in->is_scaled,
                                 .strength = in->strength,
                                 .n_dead = in->n_dead,
                                 .outliers = in->outliers,
                                 .n_outliers = in->n_outliers};
}

qg_status qg_chooser_choose(qg_chooser *c, int i, qgk_canon *rows, const int32_t **order,
                            qg_quantized_linear *report, qg_err *err)
{
    qg_float_linear *l = &c->layer->linear[i];
    qg_input input = qg_float_layer_input(l->item->kind);
    input_state *in = &c->inputs[input];
    size_t n_weights = (size_t)l->item->n * (size_t)l->item->k;
    float *before = QG_NEW_N(c->arena, float, n_weights);

    QG_NEED(before, err);
    *report = blank_report(l->item, in);
    memcpy(before, l->w, n_weights * sizeof *before);
    QG_PASS(c->method->choose(c, l, input, rows, order, report, err));
    memcpy(l->w, before, n_weights * sizeof *before);
    QG_PASS(report_errors(c, l->w, before, in, rows, *order, report, err));
    return put_in_place(c, l, before, err);
}

qg_status qg_chooser_prepare(qg_chooser *c, int i, qg_err *err)
{
    qg_input input = qg_float_layer_input(c->layer->linear[i].item->kind);

    return c->inputs[input].is_ready ? QG_OK : collect_input(c, input, err);
}
