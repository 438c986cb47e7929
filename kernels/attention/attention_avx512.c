/* Attention in float32 over the paged cache, up to 24 queries at a time on one KV head.
 *
 * 32 keys at a time are transposed into scratch, so that a vector holds 16 positions: a score is
 * one chain over the head, without lane sums, and the transposition serves all queries of the task.
 * Then softmax, and the weighted sum of the values in order of position. Ranges start at multiples
 * of 16 positions and what a query may not see weighs exactly 0, so a query's bits do not depend on
 * its neighbours; as adding 0 times a value turns -0 into 0, every sum ends with + 0.
 */
#include "kernels/attention/attention_task.h"
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <math.h>

enum {
    TILE = QGK_TASK_QUERIES,
    STEP = 16,   /* positions of a vector                                                        */
    QUERIES = 8, /* of one pass over two panels of keys: 16 accumulators, no latency left to see */
    OUTPUTS = 6, /* queries of one pass over the values: 6 x 4 accumulators                      */
};

/* panel [head_dim][16] = the keys of positions p .. p + 15 */
static void transpose_keys(float *panel, const qgk_task *t, int p)
{
    const float *k[STEP];
    int i = 0, dim = t->kv->head_dim;

    const float *next = qgk_task_next(t->kv->k, t, p);
    qgk_task_keys(k, t, p, STEP);
    for (; i + 4 <= dim; i += 4) {
        qgk_task_fetch(next ? next + i * STEP : NULL, 4 * STEP);
        __m512 a[4]; /* 4 elements of keys r, r + 4, r + 8, r + 12 */
        for (int r = 0; r < 4; r++) {
            a[r] = _mm512_castps128_ps512(_mm_loadu_ps(k[r] + i));
            a[r] = _mm512_mask_broadcast_f32x4(a[r], 0x00f0, _mm_loadu_ps(k[r + 4] + i));
            a[r] = _mm512_mask_broadcast_f32x4(a[r], 0x0f00, _mm_loadu_ps(k[r + 8] + i));
            a[r] = _mm512_mask_broadcast_f32x4(a[r], 0xf000, _mm_loadu_ps(k[r + 12] + i));
        }
        __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(a[0], a[1]));
        __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(a[0], a[1]));
        __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(a[2], a[3]));
        __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(a[2], a[3]));
        float *to = panel + i * STEP;
        _mm512_store_ps(to, _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23)));
        _mm512_store_ps(to + 16, _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23)));
        _mm512_store_ps(to + 32, _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23)));
        _mm512_store_ps(to + 48, _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23)));
    }
    for (; i < dim; i++)
        for (int j = 0; j < STEP; j++)
            panel[i * STEP + j] = k[j][i];
}

/* score [n][stride] = scale q k^T for 16 positions, or 32 where there are two panels
 * [2][dim][16]; q [dim][QUERIES] */
__attribute__((always_inline)) static inline void scores_of(float *score, int stride,
                                                            const float *q, const float *panel,
                                                            int dim, float scale, const int n,
                                                            const int panels)
{
    __m512 sum[QUERIES][2];

#pragma GCC unroll 8
    for (int r = 0; r < n; r++)
        sum[r][0] = sum[r][1] = _mm512_setzero_ps();
    for (int i = 0; i < dim; i++) {
        __m512 k0 = _mm512_load_ps(panel + i * STEP);
        __m512 k1 = panels > 1 ? _mm512_load_ps(panel + (dim + i) * STEP) : k0;
#pragma GCC unroll 8
        for (int r = 0; r < n; r++) {
            __m512 qr = _mm512_set1_ps(q[i * QUERIES + r]);
            sum[r][0] = _mm512_fmadd_ps(qr, k0, sum[r][0]);
            if (panels > 1)
                sum[r][1] = _mm512_fmadd_ps(qr, k1, sum[r][1]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < n; r++)
        for (int j = 0; j < panels; j++)
            _mm512_storeu_ps(score + r * stride + j * STEP,
                             _mm512_mul_ps(sum[r][j], _mm512_set1_ps(scale)));
}

/* The same for a number of queries that is known only now. */
static void scores(float *score, int stride, const float *q, const float *panel, int dim,
                   float scale, int n, int panels)
{
#define CASE(m)                                                                                    \
    case m:                                                                                        \
        if (panels > 1)                                                                            \
            scores_of(score, stride, q, panel, dim, scale, m, 2);                                  \
        else                                                                                       \
            scores_of(score, stride, q, panel, dim, scale, m, 1);                                  \
        return;
    switch (n) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
    }
#undef CASE
}

/* score [end - first] to weights that add to 1, in place: 0 outside seen_from .. seen_to - 1. */
static void softmax(float *score, int first, int end, int seen_from, int seen_to)
{
    const __m512 nothing = _mm512_set1_ps(-INFINITY);
    __m512 largest = nothing, total = _mm512_setzero_ps();

    for (int p = first; p < end; p += STEP) {
        __mmask16 seen = (__mmask16)(qgk_first_of16(seen_to > p ? seen_to - p : 0) &
                                     ~qgk_first_of16(seen_from > p ? seen_from - p : 0));
        __m512 s = _mm512_mask_loadu_ps(nothing, seen, score + p - first);
        _mm512_storeu_ps(score + p - first, s);
        largest = _mm512_max_ps(largest, s);
    }
    largest = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
    for (int p = first; p < end; p += STEP) {
        __m512 e = qgk_exp16(_mm512_sub_ps(_mm512_loadu_ps(score + p - first), largest));
        _mm512_storeu_ps(score + p - first, e);
        total = _mm512_add_ps(total, e);
    }
    __m512 share = _mm512_set1_ps(1 / qgk_sum8(qgk_halve16(total)));
    for (int p = first; p < end; p += STEP)
        _mm512_storeu_ps(score + p - first,
                         _mm512_mul_ps(_mm512_loadu_ps(score + p - first), share));
}

/* out [n][i .. i + 16 * w - 1] of queries r0 .. = weights v, in order of position; lanes: which of
 * the last 16. */
__attribute__((always_inline)) static inline void values_of(const qgk_task *t, int r0,
                                                            const float *weights, int i,
                                                            __mmask16 lanes, const int n,
                                                            const int w)
{
    const qgk_kv *kv = t->kv;
    __m512 sum[OUTPUTS][4];
    int stride = t->end - t->first, last = t->end < t->length ? t->end : t->length;

#pragma GCC unroll 8
    for (int r = 0; r < n; r++)
#pragma GCC unroll 8
        for (int j = 0; j < w; j++)
            sum[r][j] = _mm512_setzero_ps();
    for (int p = t->first; p < last;) {
        int b = p / kv->block_tokens, slot = p - b * kv->block_tokens;
        int stop = (b + 1) * kv->block_tokens < last ? (b + 1) * kv->block_tokens : last;
        const float *v = qgk_task_block(kv->v, t, b) + (size_t)slot * (size_t)kv->head_dim + i;
        const float *next = r0 == 0 && i == 0 ? qgk_task_next(kv->v, t, p) : NULL;
        for (; p < stop; p++, v += kv->head_dim) {
            if (next) {
                qgk_task_fetch(next, kv->head_dim);
                next += kv->head_dim;
            }
            __m512 vj[4];
#pragma GCC unroll 8
            for (int j = 0; j < w; j++)
                vj[j] = j < w - 1 || lanes == 0xffff ? _mm512_loadu_ps(v + 16 * j)
                                                     : _mm512_maskz_loadu_ps(lanes, v + 16 * j);
#pragma GCC unroll 8
            for (int r = 0; r < n; r++) {
                __m512 weight = _mm512_set1_ps(weights[r * stride + (p - t->first)]);
#pragma GCC unroll 8
                for (int j = 0; j < w; j++)
                    sum[r][j] = _mm512_fmadd_ps(weight, vj[j], sum[r][j]);
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < n; r++)
#pragma GCC unroll 8
        for (int j = 0; j < w; j++)
            _mm512_mask_storeu_ps(t->out[r0 + r] + i + 16 * j,
                                  j == w - 1 ? lanes : (__mmask16)0xffff,
                                  _mm512_add_ps(sum[r][j], _mm512_setzero_ps()));
}

/* The outputs of queries r0 .. r0 + n - 1; weights [n][end - first] */
__attribute__((always_inline)) static inline void values(const qgk_task *t, int r0,
                                                         const float *weights, const int n)
{
    int i = 0, dim = t->kv->head_dim;

    for (; i + 64 <= dim; i += 64)
        values_of(t, r0, weights, i, 0xffff, n, 4);
    for (; i < dim; i += 16)
        values_of(t, r0, weights, i, qgk_first_of16(dim - i), n, 1);
}

/* Floats of the queries [TILE / QUERIES][dim][QUERIES] and of two panels of keys [2][dim][16]. */
static size_t fixed_floats(int dim)
{
    return (size_t)dim * (TILE + 2 * STEP);
}

/* scratch: queries, keys, then scores [n][end - first] */
static void attend(const qgk_task *t, float *scratch, size_t scratch_bytes)
{
    int dim = t->kv->head_dim, stride = t->end - t->first;
    float *panels = scratch, *q = panels + dim * 2 * STEP, *score = scratch + fixed_floats(dim);

    assert((fixed_floats(dim) + (size_t)stride * (size_t)t->n) * sizeof(float) <= scratch_bytes);
    for (int r = 0; r < t->n; r++)
        for (int i = 0; i < dim; i++)
            q[(r / QUERIES * dim + i) * QUERIES + r % QUERIES] = t->q[r][i];
    for (int p = t->first, n_panels; p < t->end; p += n_panels * STEP) {
        n_panels = p + 2 * STEP <= t->end ? 2 : 1;
        for (int j = 0; j < n_panels; j++)
            transpose_keys(panels + j * dim * STEP, t, p + j * STEP);
        for (int r = 0; r < t->n; r += QUERIES)
            scores(score + r * stride + (p - t->first), stride, q + r * dim, panels, dim, t->scale,
                   t->n - r < QUERIES ? t->n - r : QUERIES, n_panels);
    }
    for (int r = 0; r < t->n; r++)
        softmax(score + r * stride, t->first, t->end, t->seen_from[r], t->seen_to[r]);
    for (int r = 0; r < t->n; r += OUTPUTS)
        switch (t->n - r) {
        case 1:
            values(t, r, score + r * stride, 1);
            break;
        case 2:
            values(t, r, score + r * stride, 2);
            break;
        case 3:
            values(t, r, score + r * stride, 3);
            break;
        case 4:
            values(t, r, score + r * stride, 4);
            break;
        case 5:
            values(t, r, score + r * stride, 5);
            break;
        default:
            values(t, r, score + r * stride, OUTPUTS);
        }
}

/* out [rows][n_heads * head_dim], q [rows][stride] */
static void attention(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride, const qgk_kv *kv,
                      const qgk_batch *batch, int n_heads, float scale, int window)
{
    qgk_queries a = {(float *)out, (const float *)q, stride, n_heads, window, scale, kv, batch};

    qgk_task_run(ctx, &a, TILE, TILE, STEP, attend);
}

size_t qgk_attention_avx512_scratch(const qgk_limits *limits)
{
    size_t slab =
        (fixed_floats(limits->head_dim) + ((size_t)limits->max_len + STEP) * TILE) * sizeof(float);
    return (size_t)limits->n_threads * ((slab + 63) / 64 * 64);
}

void qgk_attention_avx512(qgk_table *t)
{
    t->attention = attention;
}
