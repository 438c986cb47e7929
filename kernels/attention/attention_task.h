/* How the attention of a batch is cut into tasks, for the fast tiers: attention_*.c alone.
 *
 * The queries of a sequence are counted KV head by KV head, and on one of them row by row, in a row
 * the heads of the group. A task takes up to `tile` neighbours, which read the same keys and
 * values. Its range of positions starts and ends at multiples of `step`; what a query in it may not
 * see must weigh exactly 0, so that a query's bits do not depend on its neighbours.
 */
#ifndef QGK_ATTENTION_TASK_H
#define QGK_ATTENTION_TASK_H

#include "kernels/qgk.h"

#include <assert.h>
#include <omp.h>

enum { QGK_TASK_QUERIES = 24 }; /* the largest tile */

/* The queries of one call. */
typedef struct qgk_queries {
    float *out;
    const float *q;
    int stride, n_heads, window;
    float scale;
    const qgk_kv *kv;
    const qgk_batch *batch;
} qgk_queries;

/* n queries on KV head `head` of a sequence, all looking within positions first .. end - 1; those
 * from `length` on are not in the cache. */
typedef struct qgk_task {
    const float *q[QGK_TASK_QUERIES];
    float *out[QGK_TASK_QUERIES];
    int seen_from[QGK_TASK_QUERIES], seen_to[QGK_TASK_QUERIES]; /* half open */
    int n, first, end, length;
    int streams; /* decoding: keys and values come from memory, so the next block is fetched */
    const qgk_kv *kv;
    const int32_t *blocks;
    size_t head_at, block_stride; /* floats to the head in a block; floats of a block */
    float scale;
} qgk_task;

typedef void (*qgk_attend_fn)(const qgk_task *t, float *scratch, size_t scratch_bytes);

/* The head of a task in block number b of its sequence. */
static inline const float *qgk_task_block(const qgk_act *cache, const qgk_task *t, int b)
{
    return (const float *)cache + (size_t)t->blocks[b] * t->block_stride + t->head_at;
}

/* What to fetch while position p is at work: the same slot of the next block, if the sequence has
 * one and it comes from memory; else NULL. */
static inline const float *qgk_task_next(const qgk_act *cache, const qgk_task *t, int p)
{
    int b = p / t->kv->block_tokens, slot = p - b * t->kv->block_tokens;

    if (!t->streams || (b + 1) * t->kv->block_tokens >= t->length)
        return NULL;
    return qgk_task_block(cache, t, b + 1) + (size_t)slot * (size_t)t->kv->head_dim;
}

/* Fetches n floats from `at` on, where there is something to fetch. */
static inline void qgk_task_fetch(const float *at, int n)
{
    if (at)
        for (int i = 0; i < n; i += 16)
            __builtin_prefetch(at + i);
}

/* The keys of positions p .. p + n - 1; where one is not in the cache the last one stands in. */
static inline void qgk_task_keys(const float **k, const qgk_task *t, int p, const int n)
{
    int block_tokens = t->kv->block_tokens, b = p / block_tokens, slot = p - b * block_tokens;
    size_t dim = (size_t)t->kv->head_dim;

    if (slot + n <= block_tokens && p + n <= t->length) {
        const float *at = qgk_task_block(t->kv->k, t, b) + (size_t)slot * dim;
        for (int j = 0; j < n; j++)
            k[j] = at + (size_t)j * dim;
        return;
    }
    for (int j = 0; j < n; j++) {
        int pos = p + j < t->length ? p + j : t->length - 1;
        k[j] = qgk_task_block(t->kv->k, t, pos / block_tokens) + (size_t)(pos % block_tokens) * dim;
    }
}

/* n queries of a sequence on KV head `head`, from number `from` on: rows, and in a row the heads of
 * the group. */
static inline void qgk_task_make(qgk_task *t, const qgk_queries *a, int seq, int head, int from,
                                 int n, int step)
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
    t->first = t->first / step * step;
    t->end = (t->length + step - 1) / step * step;
    t->streams = b->seq_row[seq + 1] - b->seq_row[seq] == 1;
    t->kv = kv;
    t->blocks = b->block_table + (size_t)seq * (size_t)b->table_stride;
    t->block_stride = (size_t)kv->n_kv_heads * (size_t)kv->block_tokens * (size_t)kv->head_dim;
    t->head_at = (size_t)head * (size_t)kv->block_tokens * (size_t)kv->head_dim;
    t->scale = a->scale;
}

/* Runs `attend` on all tasks of the batch; a thread takes at most `share` queries at once. */
static inline void qgk_task_run(qgk_ctx *ctx, const qgk_queries *a, int tile, int share_most,
                                int step, qgk_attend_fn attend)
{
    const qgk_batch *b = a->batch;
    size_t slab_bytes = ctx->scratch_bytes / (size_t)ctx->n_threads / 64 * 64;
    int group = a->n_heads / a->kv->n_kv_heads;

    assert(a->n_heads > 0 && a->n_heads % a->kv->n_kv_heads == 0);
    assert(a->stride >= a->n_heads * a->kv->head_dim && tile <= QGK_TASK_QUERIES);
#pragma omp parallel num_threads(ctx->n_threads)
    for (int seq = 0; seq < b->n_seqs; seq++) {
        char *slab = (char *)ctx->scratch + (size_t)omp_get_thread_num() * slab_bytes;
        int of_head = (b->seq_row[seq + 1] - b->seq_row[seq]) * group;
        int total = of_head * a->kv->n_kv_heads;
        int share = (total + ctx->n_threads - 1) / ctx->n_threads;
        share = share > 0 && share < share_most ? share : share_most;
        /* the last rows first, as they take longest */
#pragma omp for schedule(dynamic) nowait
        for (int i = (total + share - 1) / share - 1; i >= 0; i--) {
            int end = (i + 1) * share < total ? (i + 1) * share : total;
            for (int u = i * share, n; u < end; u += n) {
                qgk_task t;
                int from = u % of_head;
                n = end - u < tile ? end - u : tile;
                n = of_head - from < n ? of_head - from : n;
                qgk_task_make(&t, a, seq, u / of_head, from, n, step);
                attend(&t, (float *)(void *)slab, slab_bytes);
            }
        }
    }
}

#endif
