/* Calibration, see calibrate.h. Invariant: moments depend on ids, layers and kernel tier alone, not
 * on threads: every element is summed by one thread, window after window. */
#include "quantize/calibrate.h"

#include <math.h>
#include <string.h>

struct qg_calibration {
    qg_layerwise *layers;
    const qg_source *source;
    const qg_windows *windows;
    qg_calibration_options options;
    float *states;   /* [n][window][hidden] */
    qg_input wanted; /* the one whose moments are taken; QG_N_INPUTS: all */
    qg_moments moments[QG_N_INPUTS];
};

static int width_of(const qg_model_config *c, qg_input input)
{
    return input == QG_INPUT_O      ? c->n_heads * c->head_dim
           : input == QG_INPUT_DOWN ? c->intermediate_size
                                    : c->hidden_size;
}

static qg_status make_moments(qg_moments *m, qg_arena *arena, int width, qg_err *err)
{
    size_t k = (size_t)width;

    *m = (qg_moments){.k = width,
                      .gram = qg_arena_array(arena, k * k, sizeof *m->gram),
                      .abs_sum = QG_NEW_N(arena, double, k),
                      .abs_max = QG_NEW_N(arena, float, k),
                      .sample = QG_NEW_N(arena, float, QG_MOMENTS_SAMPLE *k)};
    QG_NEED(m->gram && m->abs_sum && m->abs_max && m->sample, err);
    return QG_OK;
}

static void clear_moments(qg_moments *m)
{
    size_t k = (size_t)m->k;

    memset(m->gram, 0, k * k * sizeof *m->gram);
    memset(m->abs_sum, 0, k * sizeof *m->abs_sum);
    memset(m->abs_max, 0, k * sizeof *m->abs_max);
    m->n = m->n_sample = 0;
}

static qg_status check_ids(const qg_calibration *c, qg_err *err)
{
    const qg_windows *w = c->windows;

    for (size_t i = 0; i < (size_t)w->n * (size_t)w->window; i++)
        if (w->ids[i] < 0 || w->ids[i] >= c->source->config.vocab_size)
            return qg_fail(err, QG_EARG, "token id %d lies outside the vocabulary of %d", w->ids[i],
                           c->source->config.vocab_size);
    return QG_OK;
}

static size_t states_of_window(const qg_calibration *c)
{
    return (size_t)c->windows->window * (size_t)c->source->config.hidden_size;
}

qg_status qg_calibration_open(qg_calibration **out, qg_arena *arena, const qg_source *source,
                              const qg_windows *windows, const qg_calibration_options *options,
                              qg_err *err)
{
    qg_calibration *c = QG_NEW(arena, qg_calibration);
    qg_layerwise_options run = {.method = "fp16",
                                .tier = options->tier,
                                .n_threads = options->n_threads,
                                .window = windows->window,
                                .rows = QG_MOMENTS_SAMPLE,
                                .formats = options->formats};

    QG_NEED(c, err);
    *c = (qg_calibration){.source = source, .windows = windows, .options = *options};
    QG_PASS(check_ids(c, err));
    QG_PASS(qg_layerwise_open(&c->layers, arena, source->checkpoint, &source->config,
                              source->family, &run, err));
    for (int i = 0; i < QG_N_INPUTS; i++)
        QG_PASS(make_moments(&c->moments[i], arena, width_of(&source->config, (qg_input)i), err));
    size_t n = states_of_window(c);
    c->states = qg_arena_array(arena, (size_t)windows->n, n * sizeof *c->states);
    QG_NEED(c->states, err);
    for (size_t i = 0; i < (size_t)windows->n; i++)
        qg_layerwise_embed(c->layers, c->states + i * n,
                           windows->ids + i * (size_t)windows->window);
    *out = c;
    return QG_OK;
}

/* ---- moments ---- */

/* Rows of this window that belong to the sample: every (tokens / size)-th of all. */
static void keep_sample(qg_moments *m, const float *x, int rows, int64_t n_tokens)
{
    size_t k = (size_t)m->k;

    for (; m->n_sample < QG_MOMENTS_SAMPLE; m->n_sample++) {
        int64_t at = m->n_sample * n_tokens / QG_MOMENTS_SAMPLE - m->n;
        if (n_tokens <= QG_MOMENTS_SAMPLE)
            at = m->n_sample - m->n;
        if (at >= rows)
            return;
        memcpy(m->sample + (size_t)m->n_sample * k, x + (size_t)at * k, k * sizeof *x);
    }
}

enum { COLUMNS = 64, ROWS = 16 }; /* a block of columns; rows that are summed in float32 */

/* Of at most COLUMNS columns from x on. */
static void add_block(double *abs_sum, float *abs_max, const float *x, int rows, int n, size_t k)
{
    for (int row0 = 0; row0 < rows; row0 += ROWS) {
        int end = row0 + ROWS < rows ? row0 + ROWS : rows;
        float sum[COLUMNS] = {0};
        for (int row = row0; row < end; row++)
            for (int j = 0; j < n; j++) {
                float v = fabsf(x[(size_t)row * k + (size_t)j]);
                sum[j] += v;
                abs_max[j] = v > abs_max[j] ? v : abs_max[j];
            }
        for (int j = 0; j < n; j++)
            abs_sum[j] += (double)sum[j];
    }
}

static void add_magnitudes(qg_moments *m, const float *x, int rows, int n_threads)
{
#pragma omp parallel for num_threads(n_threads)
    for (int j = 0; j < m->k; j += COLUMNS)
        add_block(m->abs_sum + j, m->abs_max + j, x + j, rows,
                  m->k - j < COLUMNS ? m->k - j : COLUMNS, (size_t)m->k);
}

static void take_input(void *user, qg_input input, const qgk_act *x, int rows, int k)
{
    qg_calibration *c = user;
    qg_moments *m = &c->moments[input];
    qgk_ctx *ctx = qg_layerwise_ctx(c->layers);

    if (c->wanted != QG_N_INPUTS && c->wanted != input)
        return;
    if (!c->options.only_sample)
        ctx->table->gram(ctx, m->gram, x, rows, k);
    add_magnitudes(m, (const float *)x, rows, ctx->n_threads);
    keep_sample(m, (const float *)x, rows, (int64_t)c->windows->n * c->windows->window);
    m->n += rows;
}

/* The Gram matrix of the sample, as if it were of all tokens. */
static void take_sample(qg_calibration *c, qg_moments *m)
{
    qgk_ctx *ctx = qg_layerwise_ctx(c->layers);
    double share = (double)m->n / m->n_sample;

    ctx->table->gram(ctx, m->gram, (const qgk_act *)m->sample, m->n_sample, m->k);
    for (size_t i = 0; i < (size_t)m->k * (size_t)m->k; i++)
        m->gram[i] *= share;
}

static void mirror(qg_moments *m)
{
    size_t k = (size_t)m->k;

    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < i; j++)
            m->gram[i * k + j] = m->gram[j * k + i];
}

/* ---- passes ---- */

static qg_status run_window(qg_calibration *c, float *states, qg_input last, qg_on_input *on_input,
                            qg_err *err)
{
    if (last == QG_N_INPUTS)
        return qg_layerwise_run(c->layers, states, on_input, c, err);
    return qg_layerwise_peek(c->layers, states, last, on_input, c, err);
}

/* All windows up to that input; QG_N_INPUTS: through the layer. */
static qg_status run_windows(qg_calibration *c, qg_input last, qg_on_input *on_input, qg_err *err)
{
    size_t n = states_of_window(c);

    for (int i = 0; i < c->windows->n; i++) {
        QG_TRY(run_window(c, c->states + (size_t)i * n, last, on_input, err), err,
               "calibration window %d", i + 1);
        if (c->options.on_progress)
            c->options.on_progress(c->options.user, (double)(i + 1) / c->windows->n);
    }
    return QG_OK;
}

static void complete(qg_calibration *c, qg_moments *m)
{
    if (c->options.only_sample)
        take_sample(c, m);
    mirror(m);
}

qg_status qg_calibration_collect(qg_calibration *c, int index, qg_err *err)
{
    for (int i = 0; i < QG_N_INPUTS; i++)
        clear_moments(&c->moments[i]);
    c->wanted = QG_N_INPUTS;
    QG_PASS(qg_layerwise_load(c->layers, index, NULL, NULL, err));
    QG_PASS(run_windows(c, QG_N_INPUTS, take_input, err));
    for (int i = 0; i < QG_N_INPUTS; i++)
        complete(c, &c->moments[i]);
    return QG_OK;
}

qg_status qg_calibration_begin(qg_calibration *c, int index, qg_err *err)
{
    return qg_layerwise_load(c->layers, index, NULL, NULL, err);
}

qg_status qg_calibration_put(qg_calibration *c, qg_item_kind kind, const float *w, qg_err *err)
{
    return qg_layerwise_put(c->layers, kind, w, err);
}

qg_status qg_calibration_collect_one(qg_calibration *c, qg_input input, qg_err *err)
{
    clear_moments(&c->moments[input]);
    c->wanted = input;
    QG_PASS(run_windows(c, input, take_input, err));
    complete(c, &c->moments[input]);
    return QG_OK;
}

qg_moments *qg_calibration_moments(qg_calibration *c, qg_input input)
{
    return &c->moments[input];
}

qg_status qg_calibration_advance(qg_calibration *c, int index, const qg_checkpoint *from,
                                 const qg_storage *storage, qg_err *err)
{
    QG_PASS(qg_layerwise_load(c->layers, index, from, storage, err));
    return run_windows(c, QG_N_INPUTS, NULL, err);
}

qgk_ctx *qg_calibration_ctx(qg_calibration *c)
{
    return qg_layerwise_ctx(c->layers);
}

const char *qg_calibration_tier(const qg_calibration *c)
{
    return qg_layerwise_tier(c->layers);
}
