/* Attention in float32 over the paged cache, three queries at a time that read the same KV head.
 *
 * A task (attention_task.h) takes up to three queries: scores (8 lane sums over the head, four
 * positions at once), softmax, then the weighted sum of the values in order of position. What
 * a query may not see weighs exactly 0; as adding 0 times a value turns -0 into 0, every sum ends
 * with + 0, so that a query's bits do not depend on its neighbours.
 */
#include "kernels/attention/attention_task.h"
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <math.h>

enum {
    TILE = 3,   /* queries of a task: 3 x 4 accumulators, 3 queries and a key fill the registers */
    STEP = 8,   /* positions that the softmax takes at once */
    SHARE = 12, /* queries that a thread takes at once, at most */
};

/* score [n][end - first] = scale q k^T, four positions at a time. */
__attribute__((always_inline)) static inline void scores(const qgk_task *t, float *score,
                                                         const int n)
{
    int dim = t->kv->head_dim, stride = t->end - t->first;

    for (int p = t->first; p < t->end; p += 4) {
        const float *k[4];
        __m256 sum[TILE][4];
        int i = 0;
        qgk_task_keys(k, t, p, 4);
        qgk_task_fetch(qgk_task_next(t->kv->k, t, p), 4 * dim);
        for (int r = 0; r < n; r++)
            for (int j = 0; j < 4; j++)
                sum[r][j] = _mm256_setzero_ps();
        for (; i + 8 <= dim; i += 8)
            for (int j = 0; j < 4; j++) {
                __m256 kj = _mm256_loadu_ps(k[j] + i);
                for (int r = 0; r < n; r++)
                    sum[r][j] = _mm256_fmadd_ps(_mm256_loadu_ps(t->q[r] + i), kj, sum[r][j]);
            }
        if (i < dim) {
            __m256i mask = qgk_first_lanes(dim - i);
            for (int j = 0; j < 4; j++) {
                __m256 kj = _mm256_maskload_ps(k[j] + i, mask);
                for (int r = 0; r < n; r++)
                    sum[r][j] =
                        _mm256_fmadd_ps(_mm256_maskload_ps(t->q[r] + i, mask), kj, sum[r][j]);
            }
        }
        for (int r = 0; r < n; r++)
            _mm_storeu_ps(score + r * stride + (p - t->first),
                          _mm_mul_ps(qgk_sum4x8(sum[r][0], sum[r][1], sum[r][2], sum[r][3]),
                                     _mm_set1_ps(t->scale)));
    }
}

/* score [end - first] to weights that add to 1, in place: 0 outside seen_from .. seen_to - 1. */
static void softmax(float *score, int first, int end, int seen_from, int seen_to)
{
    const __m256 nothing = _mm256_set1_ps(-INFINITY);
    __m256 largest = nothing, total = _mm256_setzero_ps();

    for (int p = first; p < end; p += STEP) {
        __m256i seen =
            _mm256_andnot_si256(qgk_first_lanes(seen_from - p), qgk_first_lanes(seen_to - p));
        __m256 s = _mm256_blendv_ps(nothing, _mm256_loadu_ps(score + p - first),
                                    _mm256_castsi256_ps(seen));
        _mm256_storeu_ps(score + p - first, s);
        largest = _mm256_max_ps(largest, s);
    }
    largest = _mm256_set1_ps(qgk_max8(largest));
    for (int p = first; p < end; p += STEP) {
        __m256 e = qgk_exp8(_mm256_sub_ps(_mm256_loadu_ps(score + p - first), largest));
        _mm256_storeu_ps(score + p - first, e);
        total = _mm256_add_ps(total, e);
    }
    __m256 share = _mm256_set1_ps(1 / qgk_sum8(total));
    for (int p = first; p < end; p += STEP)
        _mm256_storeu_ps(score + p - first,
                         _mm256_mul_ps(_mm256_loadu_ps(score + p - first), share));
}

/* out [n][i .. i + 8 * w - 1] = weights v, in order of position; lanes: which of the last 8. */
__attribute__((always_inline)) static inline void values(const qgk_task *t, const float *score,
                                                         int i, __m256i lanes, const int n,
                                                         const int w)
{
    const qgk_kv *kv = t->kv;
    __m256 sum[TILE][4];
    int stride = t->end - t->first, last = t->end < t->length ? t->end : t->length;

    for (int r = 0; r < n; r++)
        for (int j = 0; j < w; j++)
            sum[r][j] = _mm256_setzero_ps();
    for (int p = t->first; p < last;) {
        int b = p / kv->block_tokens, slot = p - b * kv->block_tokens;
        int stop = (b + 1) * kv->block_tokens < last ? (b + 1) * kv->block_tokens : last;
        const float *v = qgk_task_block(kv->v, t, b) + (size_t)slot * (size_t)kv->head_dim + i;
        const float *next = i == 0 ? qgk_task_next(kv->v, t, p) : NULL;
        for (; p < stop; p++, v += kv->head_dim) {
            if (next) {
                qgk_task_fetch(next, kv->head_dim);
                next += kv->head_dim;
            }
            __m256 weight[TILE];
            for (int r = 0; r < n; r++)
                weight[r] = _mm256_broadcast_ss(score + r * stride + (p - t->first));
            for (int j = 0; j < w; j++) {
                __m256 vj =
                    j == w - 1 ? _mm256_maskload_ps(v + 8 * j, lanes) : _mm256_loadu_ps(v + 8 * j);
                for (int r = 0; r < n; r++)
                    sum[r][j] = _mm256_fmadd_ps(weight[r], vj, sum[r][j]);
            }
        }
    }
    for (int r = 0; r < n; r++)
        for (int j = 0; j < w; j++)
            _mm256_maskstore_ps(t->out[r] + i + 8 * j, j == w - 1 ? lanes : _mm256_set1_epi32(-1),
                                _mm256_add_ps(sum[r][j], _mm256_setzero_ps()));
}

__attribute__((always_inline)) static inline void attend_tile(const qgk_task *t, float *score,
                                                              const int n)
{
    int i = 0, dim = t->kv->head_dim;

    scores(t, score, n);
    for (int r = 0; r < n; r++)
        softmax(score + r * (t->end - t->first), t->first, t->end, t->seen_from[r], t->seen_to[r]);
    for (; i + 32 <= dim; i += 32)
        values(t, score, i, _mm256_set1_epi32(-1), n, 4);
    for (; i < dim; i += 8)
        values(t, score, i, qgk_first_lanes(dim - i), n, 1);
}

static void attend(const qgk_task *t, float *scratch, size_t scratch_bytes)
{
    assert((size_t)(t->end - t->first) * TILE * sizeof(float) <= scratch_bytes);
    if (t->n == 3)
        attend_tile(t, scratch, 3);
    else if (t->n == 2)
        attend_tile(t, scratch, 2);
    else
        attend_tile(t, scratch, 1);
}

/* out [rows][n_heads * head_dim], q [rows][stride] */
static void attention(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride, const qgk_kv *kv,
                      const qgk_batch *batch, int n_heads, float scale, int window)
{
    qgk_queries a = {(float *)out, (const float *)q, stride, n_heads, window, scale, kv, batch};

    qgk_task_run(ctx, &a, TILE, SHARE, STEP, attend);
}

size_t qgk_attention_avx2_scratch(const qgk_limits *limits)
{
    size_t slab = ((size_t)limits->max_len + STEP) * TILE * sizeof(float);
    return (size_t)limits->n_threads * ((slab + 63) / 64 * 64);
}

void qgk_attention_avx2(qgk_table *t)
{
    t->attention = attention;
}
