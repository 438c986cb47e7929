/* GPTQ, see gptq_rounding.h.
 *
 * Rows know nothing of each other: threads take tiles of TILE rows, in double precision. In a tile
 * the inputs go by in blocks. Within a block each row is brought up to date every STEP inputs; what
 * the block does to all inputs after it follows for the whole tile at once, strip by strip, so that
 * the factor is read from memory once a tile and the work is done in the first cache. An element
 * sees the same numbers in the same order in every tile and thread.
 *
 * Invariant: whoever reads weight i of a row has all corrections by inputs before i. For the fit of
 * a scale that goes for the whole group: a step never reaches over the start of a group, nor a
 * block over that of a group which does not end in it.
 */
#include "quantize/gptq_rounding.h"

#include "quantize/order.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <string.h>

enum {
    TILE = 32,   /* rows */
    BLOCK = 128, /* inputs, as upstream */
    STEP = 8,    /* inputs whose corrections are added at once */
    STRIP = 64,  /* weights of a row that a step corrects at once: with STEP rows of the factor 4
                    KiB,  with those of the tile 16 KiB */
    PAD = 8 /* doubles between rows of a tile, lest they all fall on the same lines of a cache */
};

/* ---- the plan ---- */

static qg_status check(const qg_moments *m, const qg_gptq_options *o, qg_err *err)
{
    size_t n = (size_t)m->k * (size_t)m->k, n_bad = 0;

    if (!(o->damp >= 0 && o->damp <= 1))
        return qg_fail(err, QG_EARG, "a damping of %g: expected 0 to 1", o->damp);
    if (!(o->damp_step > 0 && o->damp_step <= 1))
        return qg_fail(err, QG_EARG, "a step of damping of %g: expected more than 0, to 1",
                       o->damp_step);
    if (m->n <= 0)
        return qg_fail(err, QG_EARG, "calibration without a token");
    for (size_t i = 0; i < n; i++)
        n_bad += !isfinite(m->gram[i]);
    if (n_bad)
        return qg_fail(err, QG_ENONFINITE, "%zu of %zu sums of activations are not finite", n_bad,
                       n);
    return QG_OK;
}

typedef struct inputs {
    double *square; /* [k] mean of x_i^2 */
    bool *is_dead;
    int n_dead;
    double mean; /* of the live ones' squares; 1 where there are none */
} inputs;

static qg_status inputs_make(inputs *out, const qg_moments *m, qg_arena *arena, qg_err *err)
{
    size_t k = (size_t)m->k;
    double sum = 0;

    *out = (inputs){.square = QG_NEW_N(arena, double, k), .is_dead = QG_NEW_N(arena, bool, k)};
    QG_NEED(out->square && out->is_dead, err);
    for (size_t i = 0; i < k; i++) {
        out->square[i] = m->gram[i * k + i] / (double)m->n;
        out->is_dead[i] = out->square[i] == 0;
        out->n_dead += out->is_dead[i];
        sum += out->square[i];
    }
    out->mean = out->n_dead < m->k ? sum / (m->k - out->n_dead) : 1;
    return QG_OK;
}

/* The mean of x x^T in the order in which inputs come, `added` on its diagonal. */
static void fill(double *h, const qg_moments *m, const inputs *in, const int32_t *order,
                 double added, int n_threads)
{
    size_t k = (size_t)m->k;

#pragma omp parallel for num_threads(n_threads)
    for (size_t i = 0; i < k; i++) {
        size_t from = order ? (size_t)order[i] : i;
        for (size_t j = 0; j < k; j++) {
            size_t to = order ? (size_t)order[j] : j;
            bool none = in->is_dead[from] || in->is_dead[to];
            h[i * k + j] = none ? 0 : m->gram[from * k + to] / (double)m->n;
        }
        h[i * k + i] = (in->is_dead[from] ? in->mean : in->square[from]) + added;
    }
}

/* Raises plan->damp until it is enough. */
static qg_status invert(qg_gptq_plan *plan, double *h, const qg_moments *m, const inputs *in,
                        const qg_gptq_options *o, const qg_lapack *lapack, qg_arena *arena,
                        qg_err *err)
{
    bool is_definite = false;

    for (;;) {
        plan->added = plan->damp * in->mean;
        fill(h, m, in, plan->order, plan->added, o->n_threads);
        QG_PASS(qg_factor_inverse(h, m->k, &is_definite, lapack, o->n_threads, arena, err));
        if (is_definite)
            return QG_OK;
        if (plan->damp >= 1)
            return qg_fail(err, QG_EFORMAT,
                           "the sums of activations are not positive definite, even damped by %g",
                           plan->damp);
        plan->damp = fmin(plan->damp + o->damp_step, 1);
    }
}

qg_status qg_gptq_plan_make(qg_gptq_plan *out, const qg_moments *m, const qg_gptq_options *o,
                            const qg_lapack *lapack, qg_arena *arena, qg_err *err)
{
    int32_t *order = NULL;
    inputs in;

    assert(m->k > 0 && o->n_threads > 0);
    QG_PASS(check(m, o, err));
    QG_PASS(inputs_make(&in, m, arena, err));
    if (o->act_order)
        QG_PASS(qg_order_falling(&order, in.square, m->k, arena, err));
    double *h = QG_NEW_N(arena, double, (size_t)m->k *(size_t)m->k);
    QG_NEED(h, err);
    *out = (qg_gptq_plan){.k = m->k,
                          .order = order,
                          .inverse = h,
                          .is_dead = in.is_dead,
                          .n_dead = in.n_dead,
                          .damp = o->damp,
                          .static_groups = o->static_groups};
    return invert(out, h, m, &in, o, lapack, arena, err);
}

/* ---- scales ---- */

typedef struct job {
    qgk_canon *rows;
    const qg_gptq_plan *plan;
    const qg_rtn_grid *grid;
    const float *w;
    bool fits_first;       /* all scales before all codes, columns in natural order */
    qg_gptq_error *errors; /* [n_rows] */
} job;

static bool fits_first(const qg_gptq_plan *plan, int group)
{
    return plan->static_groups || group == plan->k;
}

const int32_t *qg_gptq_order(const qg_gptq_plan *plan, int group)
{
    return fits_first(plan, group) ? NULL : plan->order;
}

static size_t input_of(const qg_gptq_plan *plan, int i)
{
    return plan->order ? (size_t)plan->order[i] : (size_t)i;
}

static double weight_of(const job *t, int row, size_t input)
{
    return t->plan->is_dead[input] ? 0 : (double)t->w[(size_t)row * (size_t)t->plan->k + input];
}

/* Its extremes say all that a fit wants of a group. */
static void put_scale(const job *t, int row, int group, double low, double high)
{
    const float ends[] = {(float)low, (float)high};

    qg_rtn_put_scale(t->rows, row, group, qg_rtn_fit(ends, 2, 1, t->grid));
}

static void fit_row(const job *t, int row)
{
    int size = t->rows->group;

    for (int g = 0; g < t->plan->k / size; g++) {
        double low = 0, high = 0;
        for (int i = g * size; i < (g + 1) * size; i++) {
            double w = weight_of(t, row, (size_t)i);
            low = w < low ? w : low;
            high = w > high ? w : high;
        }
        put_scale(t, row, g, low, high);
    }
}

/* To the weights w of the group, as they are now. */
static void fit_group(const job *t, int row, int group, const double *w)
{
    double low = 0, high = 0;

    for (int i = 0; i < t->rows->group; i++) {
        low = w[i] < low ? w[i] : low;
        high = w[i] > high ? w[i] : high;
    }
    put_scale(t, row, group, low, high);
}

/* ---- codes ---- */

/* w[n] -= the sum of e[i] u[i][..], of `count` rows of u, at most STEP. */
static void correct(double *restrict w, int n, const double *restrict u, size_t k,
                    const double *restrict e, int count)
{
    double f[STEP] = {0};
    const double *v[STEP];

    for (int i = 0; i < STEP; i++) {
        f[i] = i < count ? e[i] : 0;
        v[i] = i < count ? u + (size_t)i * k : u;
    }
#pragma omp simd
    for (int j = 0; j < n; j++)
        w[j] -= f[0] * v[0][j] + f[1] * v[1][j] + f[2] * v[2][j] + f[3] * v[3][j] + f[4] * v[4][j] +
                f[5] * v[5][j] + f[6] * v[6][j] + f[7] * v[7][j];
}

/* The i-th weight, w with its corrections, gets its code; returns the quotient e. */
static double round_weight(const job *t, int row, int i, double w)
{
    const qg_gptq_plan *p = t->plan;
    qg_gptq_error *error = &t->errors[row];
    size_t input = input_of(p, i), k = (size_t)p->k;
    int column = t->fits_first ? (int)input : i;
    qg_rtn_scale s = qg_rtn_scale_at(t->rows, row, column / t->rows->group);
    int code = qg_rtn_code(w, s, t->grid);
    double value = qg_rtn_value(code, s), e = (w - value) / p->inverse[(size_t)i * (k + 1)];
    double before = (double)t->w[(size_t)row * k + input], moved = before - value;

    qg_rtn_put_code(t->rows, row, column, code);
    error->of_weights += before * before;
    error->of_error += moved * moved;
    error->of_outputs += e * e;
    if (!p->is_dead[input])
        error->of_outputs -= p->added * moved * moved; /* what e owes to the damping */
    return e;
}

/* Inputs from .. end of one row w [k]; leaves their quotients in e, corrects w within the block. */
static void round_block(const job *t, int row, double *w, double *e, int from, int end)
{
    const double *u = t->plan->inverse;
    int group = t->rows->group;
    size_t k = (size_t)t->plan->k;

    for (int at = from, stop; at < end; at = stop) {
        stop = at + STEP < end ? at + STEP : end;
        if (!t->fits_first) {
            int next = (at / group + 1) * group;
            stop = next < stop ? next : stop;
            if (at % group == 0)
                fit_group(t, row, at / group, w + at);
        }
        for (int i = at; i < stop; i++) {
            e[i - from] = round_weight(t, row, i, w[i]);
            for (int j = i + 1; j < stop; j++)
                w[j] -= e[i - from] * u[(size_t)i * k + (size_t)j];
        }
        correct(w + stop, end - stop, u + (size_t)at * k + stop, k, e + (at - from), stop - at);
    }
}

/* What the block from .. end does to the inputs after it. */
static void correct_rest(const job *t, double *w, size_t stride, const double *e, int n_rows,
                         int from, int end)
{
    int k = t->plan->k;

    for (int at = end; at < k; at += STRIP)
        for (int i = from; i < end; i += STEP) {
            const double *u = t->plan->inverse + (size_t)i * (size_t)k + at;
            int n = k - at < STRIP ? k - at : STRIP, count = end - i < STEP ? end - i : STEP;
            for (int r = 0; r < n_rows; r++)
                correct(w + (size_t)r * stride + at, n, u, (size_t)k, e + r * BLOCK + (i - from),
                        count);
        }
}

static int end_of_block(const job *t, int from)
{
    int group = t->rows->group, k = t->plan->k, end = from + BLOCK;

    if (!t->fits_first && group < BLOCK)
        end = from + BLOCK / group * group;
    else if (!t->fits_first && (from / group + 1) * group < end)
        end = (from / group + 1) * group;
    return end < k ? end : k;
}

static size_t stride_of(int k)
{
    return ((size_t)k + 7) / 8 * 8 + PAD;
}

/* Doubles. */
static size_t scratch_size(int k)
{
    return TILE * (stride_of(k) + BLOCK);
}

static void round_tile(const job *t, double *scratch, int row0, int n_rows)
{
    int k = t->plan->k;
    size_t stride = stride_of(k);
    double *w = scratch, *e = scratch + TILE * stride;

    for (int r = 0; r < n_rows; r++) {
        if (t->fits_first)
            fit_row(t, row0 + r);
        for (int i = 0; i < k; i++)
            w[(size_t)r * stride + (size_t)i] = weight_of(t, row0 + r, input_of(t->plan, i));
    }
    for (int from = 0, end; from < k; from = end) {
        end = end_of_block(t, from);
        for (int r = 0; r < n_rows; r++)
            round_block(t, row0 + r, w + (size_t)r * stride, e + r * BLOCK, from, end);
        correct_rest(t, w, stride, e, n_rows, from, end);
    }
}

qg_status qg_gptq_quantize(qgk_canon *rows, qg_gptq_error *error, const qg_gptq_plan *plan,
                           const float *w, const qg_rtn_grid *grid, int n_threads, qg_arena *arena,
                           qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    int n = rows->n_rows;
    job t = {rows,
             plan,
             grid,
             w,
             fits_first(plan, rows->group),
             QG_NEW_N(arena, qg_gptq_error, (size_t)n)};
    double *scratch = QG_NEW_N(arena, double, (size_t)n_threads *scratch_size(plan->k));

    assert(rows->format != QGK_FORMAT_F16 && rows->group > 0 && rows->k % rows->group == 0);
    assert(rows->format != QGK_FORMAT_W8A8 || (grid->symmetric && grid->bits == 8));
    assert(rows->k == plan->k && n_threads > 0);
    QG_NEED(t.errors && scratch, err);
#pragma omp parallel for num_threads(n_threads) schedule(dynamic)
    for (int row = 0; row < n; row += TILE)
        round_tile(&t, scratch + (size_t)omp_get_thread_num() * scratch_size(plan->k), row,
                   n - row < TILE ? n - row : TILE);
    *error = (qg_gptq_error){0};
    for (int row = 0; row < n; row++) {
        error->of_error += t.errors[row].of_error;
        error->of_weights += t.errors[row].of_weights;
        error->of_outputs += fmax(t.errors[row].of_outputs, 0);
    }
    qg_arena_rewind(arena, mark);
    return QG_OK;
}
