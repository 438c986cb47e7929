/* Where a token's keys and values lie in the paged cache (qgk_kv), for kernels that write and read
 * it. */
#ifndef QGK_PAGED_CUH
#define QGK_PAGED_CUH

#include "kernels/cuda.cuh"

typedef struct kv_paging {
    int n_kv_heads, head_dim, block_tokens;
    int block_shift; /* block_tokens as a power of two; -1: it is none */
} kv_paging;

static inline kv_paging paging_of(const qgk_kv *kv)
{
    int shift = 0;

    while (1 << shift < kv->block_tokens)
        shift++;
    return {kv->n_kv_heads, kv->head_dim, kv->block_tokens,
            1 << shift == kv->block_tokens ? shift : -1};
}

/* Blocks of a sequence, in order. */
static __device__ inline const int32_t *blocks_of(const qgk_batch &b, int seq)
{
    return b.block_table + (size_t)seq * (size_t)b.table_stride;
}

/* The first element of a head at a position. */
static __device__ inline size_t token_at(const kv_paging &p, const int32_t *blocks, int head,
                                         int pos)
{
    int in_row = p.block_shift < 0 ? pos / p.block_tokens : pos >> p.block_shift;
    size_t block = (size_t)blocks[in_row];

    return ((block * (size_t)p.n_kv_heads + (size_t)head) * (size_t)p.block_tokens +
            (size_t)(pos - in_row * p.block_tokens)) *
           (size_t)p.head_dim;
}

#endif
