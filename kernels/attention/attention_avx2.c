/* Attention in float32 over the paged cache, three queries at a time that read the same KV head.
 *
 * The queries of a sequence are counted KV head by KV head, and on one of them row by row, in a row
 * the heads of the group. A task takes up to three neighbours: scores (8 lane sums over the head,
 * four positions at once), softmax, then the weighted sum of the values in order of position. Every
 * range starts at a multiple of 8 positions and what a query may not see weighs exactly 0, so a
 * query's bits do not depend on its neighbours.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>
#include <math.h>
#include <omp.h>

enum {
    TILE = 3,   /* queries of a task: 3 x 4 accumulators, 3 queries and a key fill the registers */
    STEP = 8,   /* positions that the softmax takes at once */
    SHARE = 12, /* queries that a thread takes at once, at most */
};

/* One task: n queries on KV head `head` of a sequence, all looking within positions first .. end -
 * 1. Both are multiples of STEP; positions from `length` on are not in the cache. */
typedef struct task {
    const float *q[TILE];
    float *out[TILE];
    int seen_from[TILE], seen_to[TILE]; /* half open */
    int n, first, end, length;
    int streams; /* decoding: keys and values come from memory, so the next block is fetched */
    const int32_t *blocks;
    size_t head_at, block_stride; /* floats to the head in a block; floats of a block */
    float *score;                 /* [TILE][end - first] */
} task;

/* The head of a task in block number b of its sequence. */
static inline const float *block_at(const qgk_act *cache, const task *t, int b)
{
    return (const float *)cache + (size_t)t->blocks[b] * t->block_stride + t->head_at;
}

/* Fetches n tokens of the block behind b, from a slot on, if the sequence has it. */
static inline void fetch_ahead(const qgk_act *cache, const task *t, const qgk_kv *kv, int b,
                               int slot, int n)
{
    if ((b + 1) * kv->block_tokens >= t->length)
        return;
    const float *at = block_at(cache, t, b + 1) + (size_t)slot * (size_t)kv->head_dim;
    for (int i = 0; i < n * kv->head_dim; i += 16)
        _mm_prefetch((const char *)(at + i), _MM_HINT_T0);
}

/* The keys of positions p .. p + 3; where one is not in the cache the last one stands in. */
static inline void four_keys(const float *k[4], const task *t, const qgk_kv *kv, int p)
{
    int b = p / kv->block_tokens, slot = p - b * kv->block_tokens;
    size_t dim = (size_t)kv->head_dim;

    if (slot + 4 <= kv->block_tokens && p + 4 <= t->length) {
        const float *at = block_at(kv->k, t, b) + (size_t)slot * dim;
        for (size_t j = 0; j < 4; j++)
            k[j] = at + j * dim;
        return;
    }
    for (int j = 0; j < 4; j++) {
        int pos = p + j < t->length ? p + j : t->length - 1;
        k[j] = block_at(kv->k, t, pos / kv->block_tokens) + (size_t)(pos % kv->block_tokens) * dim;
    }
}

/* score [n][end - first] = scale q k^T, four positions at a time. */
__attribute__((always_inline)) static inline void scores(const task *t, const qgk_kv *kv,
                                                         float scale, const int n)
{
    int dim = kv->head_dim, stride = t->end - t->first;

    for (int p = t->first; p < t->end; p += 4) {
        const float *k[4];
        __m256 sum[TILE][4];
        int i = 0;
        four_keys(k, t, kv, p);
        if (t->streams)
            fetch_ahead(kv->k, t, kv, p / kv->block_tokens, p % kv->block_tokens, 4);
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
            _mm_storeu_ps(t->score + r * stride + (p - t->first),
                          _mm_mul_ps(qgk_sum4x8(sum[r][0], sum[r][1], sum[r][2], sum[r][3]),
                                     _mm_set1_ps(scale)));
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
__attribute__((always_inline)) static inline void values(const task *t, const qgk_kv *kv, int i,
                                                         __m256i lanes, const int n, const int w)
{
    __m256 sum[TILE][4];
    int stride = t->end - t->first, last = t->end < t->length ? t->end : t->length;

    for (int r = 0; r < n; r++)
        for (int j = 0; j < w; j++)
            sum[r][j] = _mm256_setzero_ps();
    for (int p = t->first; p < last;) {
        int b = p / kv->block_tokens, slot = p - b * kv->block_tokens;
        int stop = (b + 1) * kv->block_tokens < last ? (b + 1) * kv->block_tokens : last;
        const float *v = block_at(kv->v, t, b) + (size_t)slot * (size_t)kv->head_dim + i;
        for (; p < stop; p++, v += kv->head_dim) {
            if (t->streams && i == 0)
                fetch_ahead(kv->v, t, kv, b, p - b * kv->block_tokens, 1);
            __m256 weight[TILE];
            for (int r = 0; r < n; r++)
                weight[r] = _mm256_broadcast_ss(t->score + r * stride + (p - t->first));
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
                                sum[r][j]);
}

__attribute__((always_inline)) static inline void attend(const task *t, const qgk_kv *kv,
                                                         float scale, const int n)
{
    int i = 0, dim = kv->head_dim;

    scores(t, kv, scale, n);
    for (int r = 0; r < n; r++)
        softmax(t->score + r * (t->end - t->first), t->first, t->end, t->seen_from[r],
                t->seen_to[r]);
    for (; i + 32 <= dim; i += 32)
        values(t, kv, i, _mm256_set1_epi32(-1), n, 4);
    for (; i < dim; i += 8)
        values(t, kv, i, qgk_first_lanes(dim - i), n, 1);
}

/* The queries of one call, so that a task can be made of any few of them. */
typedef struct queries {
    float *out;
    const float *q;
    int stride, n_heads, window;
    const qgk_kv *kv;
    const qgk_batch *batch;
} queries;

/* n queries of a sequence on KV head `head`, from number `from` on: rows, and in a row the heads of
 * the group. */
static void make_task(task *t, const queries *a, int seq, int head, int from, int n)
{
    const qgk_kv *kv = a->kv;
    const qgk_batch *b = a->batch;
    int group = a->n_heads / kv->n_kv_heads;

    t->n = n;
    t->first = INT32_MAX;
    t->length = 0;
    for (int r = 0; r < n; r++) {
        int row = b->seq_row[seq] + (from + r) / group, h = head * group + (from + r) % group;
        int pos = b->row_pos[row];
        t->q[r] = a->q + (size_t)row * (size_t)a->stride + (size_t)h * (size_t)kv->head_dim;
        t->out[r] = a->out + ((size_t)row * (size_t)a->n_heads + (size_t)h) * (size_t)kv->head_dim;
        t->seen_to[r] = pos + 1;
        t->seen_from[r] = a->window > 0 && pos >= a->window ? pos - a->window + 1 : 0;
        if (t->seen_from[r] < t->first)
            t->first = t->seen_from[r];
        if (t->seen_to[r] > t->length)
            t->length = t->seen_to[r];
    }
    t->first = t->first / STEP * STEP;
    t->end = (t->length + STEP - 1) / STEP * STEP;
    t->streams = b->seq_row[seq + 1] - b->seq_row[seq] == 1;
    t->blocks = b->block_table + (size_t)seq * (size_t)b->table_stride;
    t->block_stride = (size_t)kv->n_kv_heads * (size_t)kv->block_tokens * (size_t)kv->head_dim;
    t->head_at = (size_t)head * (size_t)kv->block_tokens * (size_t)kv->head_dim;
}

/* Queries u .. end - 1 of a sequence, counted over all KV heads, in tiles. */
static void run_share(const queries *a, int seq, int u, int end, float *score, size_t score_bytes,
                      float scale)
{
    int group = a->n_heads / a->kv->n_kv_heads;
    int of_head = (a->batch->seq_row[seq + 1] - a->batch->seq_row[seq]) * group;

    for (int n; u < end; u += n) {
        task t = {.score = score};
        int from = u % of_head;
        n = end - u < TILE ? end - u : TILE;
        n = of_head - from < n ? of_head - from : n;
        make_task(&t, a, seq, u / of_head, from, n);
        assert((size_t)(t.end - t.first) * TILE * sizeof(float) <= score_bytes);
        if (n == 3)
            attend(&t, a->kv, scale, 3);
        else if (n == 2)
            attend(&t, a->kv, scale, 2);
        else
            attend(&t, a->kv, scale, 1);
    }
}

/* out [rows][n_heads * head_dim], q [rows][stride] */
static void attention(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride, const qgk_kv *kv,
                      const qgk_batch *batch, int n_heads, float scale, int window)
{
    queries a = {(float *)out, (const float *)q, stride, n_heads, window, kv, batch};
    size_t slab_bytes = ctx->scratch_bytes / (size_t)ctx->n_threads / 64 * 64;

    assert(n_heads > 0 && n_heads % kv->n_kv_heads == 0 && stride >= n_heads * kv->head_dim);
#pragma omp parallel num_threads(ctx->n_threads)
    for (int seq = 0; seq < batch->n_seqs; seq++) {
        char *slab = (char *)ctx->scratch + (size_t)omp_get_thread_num() * slab_bytes;
        int total = (batch->seq_row[seq + 1] - batch->seq_row[seq]) * n_heads;
        int share = (total + ctx->n_threads - 1) / ctx->n_threads;
        share = share > 0 && share < SHARE ? share : SHARE;
        /* the last rows first, as they take longest */
#pragma omp for schedule(dynamic) nowait
        for (int i = (total + share - 1) / share - 1; i >= 0; i--)
            run_share(&a, seq, i * share, (i + 1) * share < total ? (i + 1) * share : total,
                      (float *)(void *)slab, slab_bytes, scale);
    }
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
