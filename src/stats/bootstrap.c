/* Bootstrap: see bootstrap.h.
 *
 * Ratios of sums: with r = x - estimate * w, a draw is estimate + sum r / sum w, and its linearised
 * error comes from the sums of r r, r w and w w: five sums of the drawn clusters, whose products
 * are made once. Ratios of quantiles: samples are sorted once; a draw counts how often each rank
 * was taken and walks up to the wanted count. Invariant: draw b depends on seed and b alone.
 */
#include "stats/bootstrap.h"

#include "stats/numbers.h"
#include "stats/quantile.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static qg_status check_draws(size_t n_draws, qg_err *err)
{
    if (n_draws >= 1 && n_draws <= QG_BOOTSTRAP_MOST_DRAWS)
        return QG_OK;
    return qg_fail(err, QG_EARG, "%zu draws, 1 to %d can be had", n_draws, QG_BOOTSTRAP_MOST_DRAWS);
}

/* ---- ratio of sums ---- */

/* One cluster, or the sums of many. */
typedef struct moments {
    double r, w, rr, rw, ww;
} moments;

static qg_status check_clusters(const double *x, const double *w, size_t n, qg_err *err)
{
    QG_PASS(qg_numbers_check(x, n, 2, "cluster", err));
    QG_PASS(qg_numbers_check(w, n, 2, "weight", err));
    if (n > UINT32_MAX)
        return qg_fail(err, QG_EARG, "%zu clusters, at most %u can be drawn from", n, UINT32_MAX);
    for (size_t i = 0; i < n; i++)
        if (w[i] <= 0)
            return qg_fail(err, QG_EARG, "weight %zu is %g, not above 0", i, w[i]);
    return QG_OK;
}

/* The error of sum r / sum w about its own ratio, which lies `delta` from the r's. */
static double error_of(const moments *sum, double delta, double n)
{
    double squares = sum->rr - 2 * delta * sum->rw + delta * delta * sum->ww;

    return sqrt(fmax(0, squares) * n / (n - 1)) / sum->w;
}

/* The clusters around the ratio of all; fills estimate and error. */
static qg_status centre(qg_bootstrap *out, moments *cluster, const double *x, const double *w,
                        size_t n, qg_err *err)
{
    double sum_x = 0, sum_w = 0;
    moments all = {0};

    for (size_t i = 0; i < n; i++) {
        sum_x += x[i];
        sum_w += w[i];
    }
    out->estimate = sum_x / sum_w;
    for (size_t i = 0; i < n; i++) {
        double r = x[i] - out->estimate * w[i];
        cluster[i] = (moments){r, w[i], r * r, r * w[i], w[i] * w[i]};
        all.rr += cluster[i].rr;
        all.ww += cluster[i].ww;
    }
    if (!isfinite((double)n * all.rr) || !isfinite((double)n * all.ww))
        return qg_fail(err, QG_ENONFINITE, "clusters are too large to be squared");
    all.w = sum_w;
    out->error = error_of(&all, 0, (double)n);
    return QG_OK;
}

static moments draw_clusters(const moments *cluster, size_t n, uint64_t seed, uint64_t first)
{
    moments sum = {0};

    for (size_t i = 0; i < n; i++) {
        const moments *c = &cluster[qg_bootstrap_index(seed, first + i, n)];
        sum.r += c->r;
        sum.w += c->w;
        sum.rr += c->rr;
        sum.rw += c->rw;
        sum.ww += c->ww;
    }
    return sum;
}

qg_status qg_bootstrap_ratio(qg_bootstrap *out, qg_arena *arena, const double *x, const double *w,
                             size_t n, size_t n_draws, uint64_t seed, qg_err *err)
{
    qg_bootstrap result = {.n_draws = n_draws};

    QG_PASS(check_clusters(x, w, n, err));
    QG_PASS(check_draws(n_draws, err));
    double *draw = QG_NEW_N(arena, double, n_draws), *t = QG_NEW_N(arena, double, n_draws);
    qg_arena_mark mark = qg_arena_here(arena);
    moments *cluster = QG_NEW_N(arena, moments, n);
    QG_NEED(draw && t && cluster, err);
    QG_PASS(centre(&result, cluster, x, w, n, err));
    for (size_t b = 0; b < n_draws; b++) {
        moments sum = draw_clusters(cluster, n, seed, (uint64_t)b * n);
        double delta = sum.r / sum.w, error = error_of(&sum, delta, (double)n);
        draw[b] = result.estimate + delta;
        t[b] = delta == 0 ? 0 : delta / error; /* infinite where all drawn are the same */
    }
    qg_numbers_sort(draw, n_draws);
    qg_numbers_sort(t, n_draws);
    qg_arena_rewind(arena, mark);
    result.draw = draw;
    result.t = t;
    *out = result;
    return QG_OK;
}

/* ---- ratio of quantiles ---- */

/* A series that can be drawn from. */
typedef struct drawable {
    size_t n, block, n_blocks;
    size_t wanted;   /* the rank of the quantile              */
    double *sorted;  /* [n]                                   */
    uint32_t *rank;  /* [n] of sample i in `sorted`           */
    uint32_t *count; /* [n] how often rank k was drawn        */
} drawable;

typedef struct place {
    double x;
    uint32_t at;
} place;

static int by_value(const void *a, const void *b)
{
    const place *p = a, *q = b;

    return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->at > q->at) - (p->at < q->at);
}

static qg_status check_series(const qg_bootstrap_series *s, size_t block, qg_err *err)
{
    QG_PASS(qg_numbers_check(s->x, s->n, 1, "sample", err));
    if (block < 1 || block > s->n || s->n > UINT32_MAX)
        return qg_fail(err, QG_EARG, "blocks of %zu samples from a series of %zu", block, s->n);
    for (size_t i = 0; i < s->n; i++)
        if (s->x[i] <= 0)
            return qg_fail(err, QG_EARG, "sample %zu is %g, not above 0", i, s->x[i]);
    return QG_OK;
}

static qg_status rank_series(drawable *d, qg_arena *arena, const qg_bootstrap_series *s, double q,
                             size_t block, qg_err *err)
{
    *d = (drawable){.n = s->n,
                    .block = block,
                    .n_blocks = (s->n + block - 1) / block,
                    .wanted = qg_quantile_rank(s->n, q),
                    .sorted = QG_NEW_N(arena, double, s->n),
                    .rank = QG_NEW_N(arena, uint32_t, s->n),
                    .count = QG_NEW_N(arena, uint32_t, s->n)};
    place *places = QG_NEW_N(arena, place, s->n);
    QG_NEED(d->sorted && d->rank && d->count && places, err);
    for (size_t i = 0; i < s->n; i++)
        places[i] = (place){s->x[i], (uint32_t)i};
    qsort(places, s->n, sizeof *places, by_value);
    for (size_t k = 0; k < s->n; k++) {
        d->sorted[k] = places[k].x;
        d->rank[places[k].at] = (uint32_t)k;
    }
    return QG_OK;
}

/* The quantile of one draw, whose blocks start at places first, first + 1, ... */
static double draw_quantile(drawable *d, uint64_t seed, uint64_t first)
{
    size_t left = d->n, seen = 0, k = 0;

    memset(d->count, 0, d->n * sizeof *d->count);
    for (size_t i = 0; i < d->n_blocks; i++) {
        size_t start = qg_bootstrap_index(seed, first + i, d->n - d->block + 1);
        size_t len = d->block < left ? d->block : left;
        for (size_t j = 0; j < len; j++)
            d->count[d->rank[start + j]]++;
        left -= len;
    }
    while ((seen += d->count[k]) < d->wanted)
        k++;
    return d->sorted[k];
}

/* Standard deviation; around the first number, so that equal ones have none. */
static double deviation(const double *x, size_t n)
{
    double rest = 0, squares = 0;

    for (size_t i = 0; i < n; i++)
        rest += x[i] - x[0];
    for (size_t i = 0; i < n; i++)
        squares += pow(x[i] - x[0] - rest / (double)n, 2);
    return n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
}

static void draw_ratios(double *draw, size_t n_draws, drawable *a, drawable *b, bool aligned,
                        uint64_t seed)
{
    uint64_t places = a->n_blocks + (aligned ? 0 : b->n_blocks);

    for (size_t i = 0; i < n_draws; i++) {
        uint64_t first = i * places;
        double top = draw_quantile(a, seed, first);
        draw[i] = top / draw_quantile(b, seed, aligned ? first : first + a->n_blocks);
    }
    qg_numbers_sort(draw, n_draws);
}

qg_status qg_bootstrap_quantile_ratio(qg_bootstrap *out, qg_arena *arena, qg_bootstrap_series a,
                                      qg_bootstrap_series b, bool aligned, double q, size_t block,
                                      size_t n_draws, uint64_t seed, qg_err *err)
{
    drawable top, bottom;

    QG_PASS(check_series(&a, block, err));
    QG_PASS(check_series(&b, block, err));
    QG_PASS(check_draws(n_draws, err));
    if (!(q > 0 && q < 1))
        return qg_fail(err, QG_EARG, "quantile %g lies outside 0 to 1", q);
    if (aligned && a.n != b.n)
        return qg_fail(err, QG_EARG, "aligned series have %zu and %zu samples", a.n, b.n);
    double *draw = QG_NEW_N(arena, double, n_draws);
    qg_arena_mark mark = qg_arena_here(arena);
    QG_NEED(draw, err);
    QG_PASS(rank_series(&top, arena, &a, q, block, err));
    QG_PASS(rank_series(&bottom, arena, &b, q, block, err));
    if (!isfinite(top.sorted[a.n - 1] / bottom.sorted[0]))
        return qg_fail(err, QG_ENONFINITE, "the ratio of %g and %g is too large",
                       top.sorted[a.n - 1], bottom.sorted[0]);
    draw_ratios(draw, n_draws, &top, &bottom, aligned, seed);
    *out = (qg_bootstrap){.estimate = top.sorted[top.wanted - 1] / bottom.sorted[bottom.wanted - 1],
                          .error = deviation(draw, n_draws),
                          .draw = draw,
                          .n_draws = n_draws};
    qg_arena_rewind(arena, mark);
    return QG_OK;
}

size_t qg_bootstrap_block_of(size_t n)
{
    size_t block = (size_t)cbrt((double)n);

    while (block > 1 && (block - 1) * (block - 1) * (block - 1) >= n)
        block--;
    while (block < 1 || block * block * block < n)
        block++;
    return block;
}

/* ---- ends and p-values ---- */

/* How many draws an end cuts off, itself included; 0: too few draws for it. */
static size_t cut(const qg_bootstrap *b, double alpha)
{
    assert(alpha > 0 && alpha < 0.5);
    return (size_t)floor((double)(b->n_draws + 1) * alpha);
}

/* How many of n rising numbers are below v, or at most v. */
static size_t count_below(const double *x, size_t n, double v, bool or_equal)
{
    size_t low = 0, high = n; /* x[low - 1] counts, x[high] does not */

    while (low < high) {
        size_t i = low + (high - low) / 2;
        if (x[i] < v || (or_equal && x[i] == v))
            low = i + 1;
        else
            high = i;
    }
    return low;
}

static double share(const qg_bootstrap *b, size_t beyond)
{
    return (double)(beyond + 1) / (double)(b->n_draws + 1);
}

qg_interval qg_bootstrap_percentile(const qg_bootstrap *b, double alpha)
{
    size_t k = cut(b, alpha);

    if (k == 0)
        return (qg_interval){-INFINITY, INFINITY};
    return (qg_interval){b->draw[k - 1], b->draw[b->n_draws - k]};
}

qg_interval qg_bootstrap_studentized(const qg_bootstrap *b, double alpha)
{
    size_t k = cut(b, alpha);

    assert(b->t);
    if (k == 0)
        return (qg_interval){-INFINITY, INFINITY};
    if (b->error == 0)
        return (qg_interval){b->estimate, b->estimate};
    return (qg_interval){b->estimate - b->t[b->n_draws - k] * b->error,
                         b->estimate - b->t[k - 1] * b->error};
}

qg_pvalues qg_bootstrap_percentile_test(const qg_bootstrap *b, double limit)
{
    size_t within = count_below(b->draw, b->n_draws, limit, true);

    assert(isfinite(limit));
    return qg_pvalues_of(share(b, b->n_draws - within), share(b, within));
}

qg_pvalues qg_bootstrap_studentized_test(const qg_bootstrap *b, double limit)
{
    assert(b->t && isfinite(limit));
    double d = b->estimate - limit;
    double t = b->error > 0 ? d / b->error : d > 0 ? INFINITY : -INFINITY;
    size_t below = count_below(b->t, b->n_draws, t, false);
    return qg_pvalues_of(share(b, below), share(b, b->n_draws - below));
}
