/* SmoothQuant, see smooth.h.
 *
 * Products of floats are formed once, over the sampled rows; each candidate is then packed strip by
 * strip and multiplied as in a forward pass. Invariant: losses are summed a token a thread, then
 * over tokens in their order, so threads change no bit.
 */
#include "quantize/smooth.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <string.h>

enum { N_STRENGTHS = 21, STRIP_ROWS = 64, TOKENS = 4 };

/* ---- scales ---- */

/* The greatest |x_j| and |w_j| [k], those of a tie shared. */
typedef struct maxima {
    double *x, *w;
} maxima;

static qg_status find_maxima(maxima *m, const qg_block *b, qg_arena *arena, qg_err *err)
{
    size_t k = (size_t)b->k;
    float *largest = QG_NEW_N(arena, float, k);

    m->x = QG_NEW_N(arena, double, k);
    m->w = QG_NEW_N(arena, double, k);
    QG_NEED(largest && m->x && m->w, err);
    for (int l = 0; l < b->n_linears; l++)
        for (size_t row = 0; row < (size_t)b->linear[l].n; row++) {
            const float *w = b->linear[l].w + row * k;
#pragma omp simd
            for (size_t j = 0; j < k; j++)
                largest[j] = fabsf(w[j]) > largest[j] ? fabsf(w[j]) : largest[j];
        }
    for (size_t j = 0; j < k; j++) {
        m->x[j] = (double)b->moments->abs_max[j];
        m->w[j] = (double)largest[j];
    }
    QG_PASS(qg_block_tie(m->x, b, QG_BLOCK_MAX, arena, err));
    return qg_block_tie(m->w, b, QG_BLOCK_MAX, arena, err);
}

static void set_scales(float *scales, const maxima *m, int k, double strength)
{
    for (int j = 0; j < k; j++) {
        double s = pow(m->x[j], strength) / pow(m->w[j], 1 - strength);
        scales[j] = m->x[j] > 0 && m->w[j] > 0 ? (float)fmin(fmax(s, 1e-5), 1e5) : 1;
    }
}

/* ---- what they are worth ---- */

/* A thread's room for a strip of scaled weights. */
typedef struct strip {
    float *w; /* [STRIP_ROWS][k] */
    qgk_canon rows;
} strip;

typedef struct trial {
    const qg_block *block;
    const qg_rtn_grid *grid;
    qgk_ctx *ctx;
    maxima maxima;
    float *scales;                  /* [k] of the candidate */
    qgk_weight weight;              /* of all linears, side by side */
    void *packed[QGK_MAX_SEGMENTS]; /* where the segments' data lies */
    strip *strips;                  /* [threads] */
    float *x;                       /* [n_sample][k] scaled */
    float *truth, *y;               /* [n_sample][N] products of floats; of 8 bits */
    double *loss;                   /* [n_sample] */
} trial;

static qgk_shape shape_of(const trial *t, int l)
{
    return (qgk_shape){t->block->linear[l].n, t->block->k, t->block->k, 8};
}

static qg_status make_weight(trial *t, qg_arena *arena, qg_err *err)
{
    const qg_block *b = t->block;
    qgk_weight *w = &t->weight;

    *w = (qgk_weight){.format = QGK_FORMAT_W8A8, .k = b->k, .n_segments = b->n_linears};
    for (int l = 0; l < b->n_linears; w->n += b->linear[l++].n) {
        size_t bytes = t->ctx->table->linear[QGK_FORMAT_W8A8].packed_bytes(shape_of(t, l));
        char *room = qg_arena_alloc(arena, bytes + 63);
        QG_NEED(room, err);
        t->packed[l] = room + (64 - (uintptr_t)room % 64) % 64;
        w->segment[l] =
            (qgk_segment){.n = b->linear[l].n, .at = w->n, .data = t->packed[l], .group = b->k};
    }
    return QG_OK;
}

static qg_status trial_make(trial *t, qg_arena *arena, qg_err *err)
{
    size_t k = (size_t)t->block->k, n_sample = (size_t)t->block->moments->n_sample;

    QG_PASS(find_maxima(&t->maxima, t->block, arena, err));
    QG_PASS(make_weight(t, arena, err));
    t->scales = QG_NEW_N(arena, float, k);
    t->strips = QG_NEW_N(arena, strip, (size_t)t->ctx->n_threads);
    t->x = qg_arena_array(arena, n_sample, k * sizeof(float));
    t->truth = qg_arena_array(arena, n_sample, (size_t)t->weight.n * sizeof(float));
    t->y = qg_arena_array(arena, n_sample, (size_t)t->weight.n * sizeof(float));
    t->loss = QG_NEW_N(arena, double, n_sample);
    QG_NEED(t->scales && t->strips && t->x && t->truth && t->y && t->loss, err);
    for (int i = 0; i < t->ctx->n_threads; i++) {
        strip *s = &t->strips[i];
        s->rows = (qgk_canon){.format = QGK_FORMAT_W8A8, .k = (int)k, .group = (int)k};
        s->w = qg_arena_array(arena, STRIP_ROWS, k * sizeof(float));
        s->rows.codes = qg_arena_array(arena, STRIP_ROWS, k);
        s->rows.scales = QG_NEW_N(arena, float, STRIP_ROWS);
        QG_NEED(s->w && s->rows.codes && s->rows.scales, err);
    }
    return QG_OK;
}

/* y[i * stride] = x[i] w of TOKENS rows x [.][k]: a weight that was loaded serves all of them. */
static void dot_tokens(float *y, size_t stride, const float *x, const float *w, size_t k)
{
    float a = 0, b = 0, c = 0, d = 0;

#pragma omp simd reduction(+ : a, b, c, d)
    for (size_t j = 0; j < k; j++) {
        a += x[j] * w[j];
        b += x[k + j] * w[j];
        c += x[2 * k + j] * w[j];
        d += x[3 * k + j] * w[j];
    }
    y[0] = a;
    y[stride] = b;
    y[2 * stride] = c;
    y[3 * stride] = d;
}

static float dot(const float *x, const float *w, size_t k)
{
    float a = 0;

#pragma omp simd reduction(+ : a)
    for (size_t j = 0; j < k; j++)
        a += x[j] * w[j];
    return a;
}

/* Products of floats, a thread an output. */
static void find_truth(trial *t)
{
    const qg_moments *m = t->block->moments;
    size_t k = (size_t)t->block->k, stride = (size_t)t->weight.n;

    for (int l = 0; l < t->block->n_linears; l++) {
        float *y = t->truth + t->weight.segment[l].at;
#pragma omp parallel for num_threads(t->ctx->n_threads)
        for (size_t n = 0; n < (size_t)t->block->linear[l].n; n++) {
            const float *w = t->block->linear[l].w + n * k;
            size_t r = 0;
            for (; r + TOKENS <= (size_t)m->n_sample; r += TOKENS)
                dot_tokens(y + r * stride + n, stride, m->sample + r * k, w, k);
            for (; r < (size_t)m->n_sample; r++)
                y[r * stride + n] = dot(m->sample + r * k, w, k);
        }
    }
}

/* Scales, rounds and packs rows row0 .. of linear l. */
static void pack_strip(const trial *t, int l, int row0)
{
    strip *s = &t->strips[omp_get_thread_num()];
    size_t k = (size_t)t->block->k;
    const float *w = t->block->linear[l].w + (size_t)row0 * k;
    int left = t->block->linear[l].n - row0;

    s->rows.n_rows = left < STRIP_ROWS ? left : STRIP_ROWS;
    for (size_t row = 0; row < (size_t)s->rows.n_rows; row++)
        for (size_t j = 0; j < k; j++)
            s->w[row * k + j] = w[row * k + j] * t->scales[j];
    qg_rtn_quantize(&s->rows, s->w, t->grid, 1);
    t->ctx->table->linear[QGK_FORMAT_W8A8].pack(t->packed[l], shape_of(t, l), &s->rows, row0);
}

/* Of the candidate's scales. */
static double find_loss(const trial *t)
{
    const qg_moments *m = t->block->moments;
    size_t k = (size_t)t->block->k, n = (size_t)t->weight.n;
    double loss = 0;

    for (int l = 0; l < t->block->n_linears; l++) {
#pragma omp parallel for num_threads(t->ctx->n_threads)
        for (int row0 = 0; row0 < t->block->linear[l].n; row0 += STRIP_ROWS)
            pack_strip(t, l, row0);
    }
    for (size_t r = 0; r < (size_t)m->n_sample; r++)
        for (size_t j = 0; j < k; j++)
            t->x[r * k + j] = m->sample[r * k + j] / t->scales[j];
    t->ctx->table->linear[QGK_FORMAT_W8A8].product(t->ctx, t->y, (const qgk_act *)t->x, &t->weight,
                                                   m->n_sample, 1);
#pragma omp parallel for num_threads(t->ctx->n_threads)
    for (size_t r = 0; r < (size_t)m->n_sample; r++) {
        t->loss[r] = 0;
        for (size_t i = r * n; i < (r + 1) * n; i++) {
            double error = (double)t->y[i] - (double)t->truth[i];
            t->loss[r] += error * error;
        }
    }
    for (int r = 0; r < m->n_sample; r++)
        loss += t->loss[r];
    return loss / m->n_sample;
}

/* ---- the search ---- */

qg_status qg_smooth_choose(float *scales, qg_smooth_choice *out, qgk_ctx *ctx, const qg_block *b,
                           double strength, const qg_rtn_grid *grid, qg_arena *arena, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    trial t = {.block = b, .grid = grid, .ctx = ctx};
    bool search = strength == QG_SMOOTH_BEST;

    assert(ctx->table->act_bytes == sizeof(float) && b->moments->n_sample > 0);
    assert(search || (strength >= 0 && strength <= 1));
    QG_PASS(qg_block_check(b, err));
    QG_PASS(trial_make(&t, arena, err));
    find_truth(&t);
    for (int j = 0; j < b->k; j++)
        scales[j] = t.scales[j] = 1;
    double loss = find_loss(&t);
    if (!isfinite(loss))
        return qg_fail(err, QG_ENONFINITE, "the errors of 8-bit products are not finite");
    *out = (qg_smooth_choice){.loss = loss, .loss_unsmoothed = loss};
    for (int i = 0; i < (search ? N_STRENGTHS : 1); i++) {
        double a = search ? (double)i / (N_STRENGTHS - 1) : strength;
        set_scales(t.scales, &t.maxima, b->k, a);
        loss = find_loss(&t);
        if (search && !(loss < out->loss))
            continue;
        *out = (qg_smooth_choice){true, a, loss, out->loss_unsmoothed};
        memcpy(scales, t.scales, (size_t)b->k * sizeof *scales);
    }
    qg_arena_rewind(arena, mark);
    return QG_OK;
}
