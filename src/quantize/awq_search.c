/* AWQ's searches, see awq_search.h.
 *
 * Each candidate is a matrix of changes d = Q(w s) / s - w, rounded a strip of rows at a time and
 * handed to the tier's gram_energy, which does nearly all of the work. Invariant: a change is
 * computed by one thread and sums over rows are formed in their order, so threads change no bit.
 */
#include "quantize/awq_search.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { N_STEPS = 20, N_LIMITS = 10, STRIP_ROWS = 1024, STRIP_BYTES = 2 << 20 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of |w| [n]. */
static float largest_of(const float *w, int n)
{
    float largest = 0;

#pragma omp simd reduction(max : largest)
    for (int j = 0; j < n; j++) {
        float size = fabsf(w[j]);
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* to [n][n]: the square of the Gram matrix that begins at `from`, per token. */
static void load_gram(float *to, const qg_moments *m, int from, int n, int n_threads)
{
    size_t k = (size_t)m->k, size = (size_t)n;

#pragma omp parallel for num_threads(n_threads)
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < size; j++)
            to[i * size + j] =
                (float)(m->gram[((size_t)from + i) * k + (size_t)from + j] / (double)m->n);
}

/* ---- scales ---- */

typedef struct search {
    const qg_block *block;
    const qg_rtn_grid *grid;
    int group;
    qgk_ctx *ctx;
    double *x, *w;   /* [k] the means that awq_search.h speaks of */
    float *scale;    /* [k] of the candidate */
    double *inverse; /* [k] 1 / scale */
    float *gram;     /* [k][k] */
    float *changes;  /* [strip][k] */
    double *energy;  /* [strip] */
} search;

static qg_status search_make(search *s, qg_arena *arena, qg_err *err)
{
    size_t k = (size_t)s->block->k, most_rows = 0;

    for (int l = 0; l < s->block->n_linears; l++) {
        size_t n = (size_t)s->block->linear[l].n;
        most_rows = n > most_rows ? n : most_rows;
    }
    size_t strip = smaller(most_rows, STRIP_ROWS);
    s->x = QG_NEW_N(arena, double, k);
    s->w = QG_NEW_N(arena, double, k);
    s->scale = QG_NEW_N(arena, float, k);
    s->inverse = QG_NEW_N(arena, double, k);
    s->gram = qg_arena_array(arena, k, k * sizeof(float));
    s->changes = qg_arena_array(arena, strip, k * sizeof(float));
    s->energy = QG_NEW_N(arena, double, strip);
    QG_NEED(s->x && s->w && s->scale && s->inverse && s->gram && s->changes && s->energy, err);
    return QG_OK;
}

/* Adds |w| / max |w| of a group to sum [group]. */
static void add_shares(double *sum, const float *w, int group)
{
    double whole = (double)largest_of(w, group) + 1e-6; /* AutoAWQ's guard of groups of zeros */

#pragma omp simd
    for (int j = 0; j < group; j++)
        sum[j] += (double)fabsf(w[j]) / whole;
}

static qg_status find_means(search *s, qg_arena *arena, qg_err *err)
{
    const qg_block *b = s->block;
    size_t k = (size_t)b->k;
    int n_rows = 0;

    for (int l = 0; l < b->n_linears; n_rows += b->linear[l++].n) {
#pragma omp parallel for num_threads(s->ctx->n_threads)
        for (int at = 0; at < b->k; at += s->group)
            for (size_t row = 0; row < (size_t)b->linear[l].n; row++)
                add_shares(s->w + at, b->linear[l].w + row * k + at, s->group);
    }
    for (size_t j = 0; j < k; j++) {
        s->x[j] = b->moments->abs_sum[j] / (double)b->moments->n;
        s->w[j] /= n_rows;
    }
    QG_PASS(qg_block_tie(s->x, b, QG_BLOCK_MEAN, arena, err));
    return qg_block_tie(s->w, b, QG_BLOCK_MEAN, arena, err);
}

/* The candidate's scales and their inverses, which first hold the scales as they are before the
 * middle is known; 0: of no account. */
static void set_scales(search *s, double ratio, bool duo)
{
    double low = INFINITY, high = 0;

    for (int j = 0; j < s->block->k; j++) {
        bool counts = s->x[j] > 0 && s->w[j] > 0;
        double scale = pow(s->x[j], ratio);
        if (duo)
            scale /= pow(s->w[j], 1 - ratio) + 1e-4;
        s->inverse[j] = counts ? fmax(scale, 1e-4) : 0;
        low = counts ? fmin(low, s->inverse[j]) : low;
        high = fmax(high, s->inverse[j]);
    }
    double middle = sqrt(low * high);
    for (int j = 0; j < s->block->k; j++) {
        float scale = (float)(s->inverse[j] / middle);
        s->scale[j] = scale > 0 && isfinite(scale) ? scale : 1;
        s->inverse[j] = 1 / (double)s->scale[j];
    }
}

/* d [group] = Q(w scale) / scale - w, of the group whose scales these are. */
static void round_scaled(float *d, const float *w, const float *scale, const double *inverse,
                         int group, const qg_rtn_grid *grid)
{
#pragma omp simd
    for (int j = 0; j < group; j++)
        d[j] = w[j] * scale[j];
    qg_rtn_scale fit = qg_rtn_fit(d, group, 1, grid);
    qg_rtn_round(d, d, group, fit, grid);
    double value = (double)fit.value;
#pragma omp simd
    for (int j = 0; j < group; j++)
        d[j] = (float)(value * (double)d[j] * inverse[j] - (double)w[j]);
}

/* Of n_rows rows from w on, at most a strip. */
static double loss_of_rows(const search *s, const float *w, int n_rows)
{
    size_t k = (size_t)s->block->k;
    double loss = 0;

#pragma omp parallel for num_threads(s->ctx->n_threads)
    for (int row = 0; row < n_rows; row++)
        for (size_t at = 0; at < k; at += (size_t)s->group)
            round_scaled(s->changes + (size_t)row * k + at, w + (size_t)row * k + at, s->scale + at,
                         s->inverse + at, s->group, s->grid);
    s->ctx->table->gram_energy(s->ctx, s->energy, s->changes, s->gram, n_rows, s->block->k);
    for (int row = 0; row < n_rows; row++)
        loss += s->energy[row];
    return loss;
}

static double loss_of_scales(const search *s)
{
    const qg_block *b = s->block;
    double loss = 0;

    for (int l = 0; l < b->n_linears; l++)
        for (int row = 0; row < b->linear[l].n; row += STRIP_ROWS) {
            int left = b->linear[l].n - row;
            loss += loss_of_rows(s, b->linear[l].w + (size_t)row * (size_t)b->k,
                                 left < STRIP_ROWS ? left : STRIP_ROWS);
        }
    return loss;
}

qg_status qg_awq_scale(float *scales, qg_awq_choice *out, qgk_ctx *ctx, const qg_block *b,
                       int group, const qg_rtn_grid *grid, qg_arena *arena, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    search s = {.block = b, .grid = grid, .group = group, .ctx = ctx};

    assert(group > 0 && b->k % group == 0);
    QG_PASS(qg_block_check(b, err));
    QG_PASS(search_make(&s, arena, err));
    QG_PASS(find_means(&s, arena, err));
    load_gram(s.gram, b->moments, 0, b->k, ctx->n_threads);
    for (int i = 0; i < 2 * N_STEPS; i++) {
        bool duo = i >= N_STEPS;
        double ratio = (double)(i % N_STEPS) / N_STEPS;
        set_scales(&s, ratio, duo);
        double loss = loss_of_scales(&s);
        if (i == 0 && !isfinite(loss))
            return qg_fail(err, QG_ENONFINITE, "the errors of rounded weights are not finite");
        if (i == 0)
            *out = (qg_awq_choice){.loss = loss, .loss_unscaled = loss};
        if (i == 0 || loss < out->loss) {
            *out = (qg_awq_choice){duo, ratio, loss, out->loss_unscaled};
            memcpy(scales, s.scale, (size_t)b->k * sizeof *scales);
        }
    }
    qg_arena_rewind(arena, mark);
    return QG_OK;
}

/* ---- clipping ---- */

typedef struct clipping {
    float *w; /* [n][k] */
    size_t n, k;
    const qg_rtn_grid *grid;
    int group;
    qgk_ctx *ctx;
    size_t strip;   /* rows */
    float *gram;    /* [group][group] */
    float *changes; /* [strip][N_LIMITS][group] */
    double *energy; /* [strip][N_LIMITS] */
} clipping;

static void cut(float *to, const float *w, int n, float limit)
{
#pragma omp simd
    for (int j = 0; j < n; j++) {
        float x = w[j] > limit ? limit : w[j];
        to[j] = x < -limit ? -limit : x;
    }
}

/* Of limit i, against max |w|. */
static double factor_of(int i)
{
    return 1 - (double)i / N_STEPS;
}

/* d [N_LIMITS][group]: what cutting and rounding change. */
static void try_limits(float *d, const float *w, int group, const qg_rtn_grid *grid)
{
    float largest = largest_of(w, group);

    for (int i = 0; i < N_LIMITS; i++, d += group) {
        cut(d, w, group, (float)((double)largest * factor_of(i)));
        qg_rtn_scale fit = qg_rtn_fit(d, group, 1, grid);
        qg_rtn_round(d, d, group, fit, grid);
        double value = (double)fit.value;
#pragma omp simd
        for (int j = 0; j < group; j++)
            d[j] = (float)(value * (double)d[j] - (double)w[j]);
    }
}

/* Cuts one group as its energies [N_LIMITS] say. */
static void apply_best(qg_awq_clipping *out, float *w, const double *energy, int group)
{
    int best = 0;

    for (int i = 1; i < N_LIMITS; i++)
        best = energy[i] < energy[best] ? i : best;
    if (best)
        cut(w, w, group, (float)((double)largest_of(w, group) * factor_of(best)));
    out->n_groups++;
    out->n_clipped += best > 0;
    out->mean_factor += factor_of(best);
    out->loss += energy[best];
    out->loss_unclipped += energy[0];
}

/* Group g of all rows. */
static void clip_groups(const clipping *c, qg_awq_clipping *out, size_t g)
{
    size_t at = g * (size_t)c->group, step = N_LIMITS * (size_t)c->group;

    for (size_t row0 = 0, n; row0 < c->n; row0 += n) {
        float *w = c->w + row0 * c->k + at;
        n = smaller(c->n - row0, c->strip);
#pragma omp parallel for num_threads(c->ctx->n_threads)
        for (size_t row = 0; row < n; row++)
            try_limits(c->changes + row * step, w + row * c->k, c->group, c->grid);
        c->ctx->table->gram_energy(c->ctx, c->energy, c->changes, c->gram, (int)(n * N_LIMITS),
                                   c->group);
        for (size_t row = 0; row < n; row++)
            apply_best(out, w + row * c->k, c->energy + row * N_LIMITS, c->group);
    }
}

qg_status qg_awq_clip(float *w, qg_awq_clipping *out, qgk_ctx *ctx, int n, const qg_moments *m,
                      int group, const qg_rtn_grid *grid, qg_arena *arena, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    size_t row_bytes = N_LIMITS * (size_t)group * sizeof(float);
    clipping c = {w, (size_t)n, (size_t)m->k, grid, group, ctx, .strip = STRIP_BYTES / row_bytes};

    assert(group > 0 && m->k % group == 0 && n > 0 && m->n > 0);
    c.strip = smaller(c.strip + 1, c.n);
    c.gram = qg_arena_array(arena, (size_t)group, (size_t)group * sizeof(float));
    c.changes = qg_arena_array(arena, c.strip, row_bytes);
    c.energy = QG_NEW_N(arena, double, c.strip *N_LIMITS);
    QG_NEED(c.gram && c.changes && c.energy, err);
    *out = (qg_awq_clipping){0};
    for (int g = 0; g < m->k / group; g++) {
        load_gram(c.gram, m, g * group, group, ctx->n_threads);
        clip_groups(&c, out, (size_t)g);
    }
    out->mean_factor /= (double)out->n_groups;
    qg_arena_rewind(arena, mark);
    if (!isfinite(out->loss_unclipped))
        return qg_fail(err, QG_ENONFINITE, "the errors of rounded weights are not finite");
    return QG_OK;
}
