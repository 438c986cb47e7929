/* Attention over the paged cache: append keys and values, then softmax(scale q k^T) v for each row
 * and head.
 *
 * Two passes over the cache: all scores of a row and head into scratch, their softmax, then the
 * weighted sum of the values, everything in double and in order of position.
 */
#include "kernels/fmath.h"
#include "kernels/tiers.h"

#include <assert.h>
#include <omp.h>

/* Where head h of token `pos` of a sequence with these blocks lies in kv->k and kv->v. */
static size_t token_at(const qgk_kv *kv, const int32_t *blocks, int h, int pos)
{
    size_t block = (size_t)blocks[pos / kv->block_tokens];
    return ((block * (size_t)kv->n_kv_heads + (size_t)h) * (size_t)kv->block_tokens +
            (size_t)(pos % kv->block_tokens)) *
           (size_t)kv->head_dim;
}

/* k, v [rows][stride] into kv at row_pos of row_seq */
static void kv_append(qgk_ctx *ctx, const qgk_kv *kv, const qgk_act *k, const qgk_act *v,
                      int stride, const qgk_batch *batch)
{
    size_t head_bytes = (size_t)kv->head_dim * sizeof(float);

    (void)ctx;
    assert(kv->n_kv_heads > 0 && kv->head_dim > 0 && kv->block_tokens > 0);
    assert(stride >= kv->n_kv_heads * kv->head_dim);
    for (int r = 0; r < batch->n_rows; r++) {
        int pos = batch->row_pos[r];
        const int32_t *blocks =
            batch->block_table + (size_t)batch->row_seq[r] * (size_t)batch->table_stride;
        for (int h = 0; h < kv->n_kv_heads; h++) {
            size_t to = token_at(kv, blocks, h, pos);
            size_t from = (size_t)r * (size_t)stride + (size_t)h * (size_t)kv->head_dim;
            memcpy((float *)kv->k + to, (const float *)k + from, head_bytes);
            memcpy((float *)kv->v + to, (const float *)v + from, head_bytes);
        }
    }
}

/* out [head_dim] of one query q [head_dim] on KV head h, positions first .. last; score [last -
 * first + 1] and sum [head_dim] are scratch. */
static void attend(float *out, const float *q, const qgk_kv *kv, const int32_t *blocks, int h,
                   int first, int last, double scale, double *score, double *sum)
{
    double largest = -(double)INFINITY, total = 0;

    for (int p = first; p <= last; p++) {
        const float *k = (const float *)kv->k + token_at(kv, blocks, h, p);
        double dot = 0;
        for (int i = 0; i < kv->head_dim; i++)
            dot += (double)q[i] * (double)k[i];
        score[p - first] = dot * scale;
        if (score[p - first] > largest)
            largest = score[p - first];
    }
    for (int i = 0; i < kv->head_dim; i++)
        sum[i] = 0;
    for (int p = first; p <= last; p++) {
        const float *v = (const float *)kv->v + token_at(kv, blocks, h, p);
        double weight = qgk_exp(score[p - first] - largest);
        total += weight;
        for (int i = 0; i < kv->head_dim; i++)
            sum[i] += weight * (double)v[i];
    }
    for (int i = 0; i < kv->head_dim; i++)
        out[i] = (float)(sum[i] / total);
}

/* out [rows][n_heads * head_dim], q [rows][stride] */
static void attention(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride, const qgk_kv *kv,
                      const qgk_batch *batch, int n_heads, float scale, int window)
{
    int group = n_heads / kv->n_kv_heads, dim = kv->head_dim;
    size_t slab_bytes = ctx->scratch_bytes / (size_t)ctx->n_threads / 64 * 64;

    assert(n_heads > 0 && n_heads % kv->n_kv_heads == 0 && stride >= n_heads * dim);
#pragma omp parallel for num_threads(ctx->n_threads) schedule(dynamic, 4)
    for (int i = 0; i < batch->n_rows * n_heads; i++) {
        int r = i / n_heads, h = i % n_heads, last = batch->row_pos[r];
        int first = window > 0 && last >= window ? last - window + 1 : 0;
        const int32_t *blocks =
            batch->block_table + (size_t)batch->row_seq[r] * (size_t)batch->table_stride;
        double *sum =
            (double *)(void *)((char *)ctx->scratch + (size_t)omp_get_thread_num() * slab_bytes);
        assert((size_t)(dim + last - first + 1) * sizeof(double) <= slab_bytes);
        attend((float *)out + (size_t)i * (size_t)dim,
               (const float *)q + (size_t)r * (size_t)stride + (size_t)h * (size_t)dim, kv, blocks,
               h / group, first, last, (double)scale, sum + dim, sum);
    }
}

size_t qgk_attention_ref_scratch(const qgk_limits *limits)
{
    size_t slab = ((size_t)limits->head_dim + (size_t)limits->max_len) * sizeof(double);
    return (size_t)limits->n_threads * ((slab + 63) / 64 * 64);
}

void qgk_attention_ref(qgk_table *t)
{
    t->kv_append = kv_append;
    t->attention = attention;
}
