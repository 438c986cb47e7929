/* Rotary positions: a thread VEC pairs, blocks over a row; and the same on the way into the cache,
 * where further threads take the values along. */
#include "kernels/attention/paged.cuh"
#include "kernels/rope/rope.cuh"

enum { THREADS = 128 };

/* Turns VEC elements at `low` with those half_dim behind, into both places of `to`. */
template <int VEC>
static __device__ inline void turn(__half *to, const __half *low, const float *angles, int half_dim)
{
    alignas(16) __half a[VEC], b[VEC];

    load_halves<VEC>(a, low);
    load_halves<VEC>(b, low + half_dim);
    for (int i = 0; i < VEC; i++) {
        float x = __half2float(a[i]), y = __half2float(b[i]);
        float c = angles[i], s = angles[half_dim + i];
        a[i] = to_half(x * c - y * s);
        b[i] = to_half(y * c + x * s);
    }
    store_halves<VEC>(to, a);
    store_halves<VEC>(to + half_dim, b);
}

template <int VEC>
static __global__ void rope_kernel(__half *x, int stride, const float *cos_sin,
                                   const int32_t *row_pos, int heads, int head_dim)
{
    int half_dim = head_dim / 2, i = (int)(blockIdx.x * THREADS + threadIdx.x) * VEC;

    let_next_start();
    wait_for_others();
    if (i >= heads * half_dim)
        return;
    rope_pairs p = rope_at(x, stride, cos_sin, row_pos, head_dim, i);
    turn<VEC>(p.low, p.low, p.angles, half_dim);
}

static int vec_of(int head_dim, int stride)
{
    return head_dim % 16 == 0 && stride % 8 == 0 ? 8 : 1;
}

static dim3 grid_of(int elements, int vec, int rows)
{
    return dim3((unsigned)qgk_ceil_div(elements / vec, (int)THREADS), (unsigned)rows);
}

static void rope(qgk_ctx *ctx, qgk_act *x, int stride, const float *cos_sin, const int32_t *row_pos,
                 int rows, int heads, int head_dim)
{
    int vec = (size_t)x % 16 == 0 ? vec_of(head_dim, stride) : 1;

    if (rows > 0)
        qgk_launch(ctx, "rope", vec == 8 ? rope_kernel<8> : rope_kernel<1>,
                   grid_of(heads * head_dim / 2, vec, rows), THREADS, 0, (__half *)x, stride,
                   cos_sin, row_pos, heads, head_dim);
}

/* ---- into the cache ---- */

typedef struct append_args {
    __half *qkv, *k_cache, *v_cache;
    const float *cos_sin;
    int stride, n_heads;
    kv_paging paging;
    qgk_batch batch;
} append_args;

template <int VEC> static __global__ void rope_append_kernel(append_args a)
{
    int dim = a.paging.head_dim, half_dim = dim / 2, row = (int)blockIdx.y;
    int i = (int)(blockIdx.x * THREADS + threadIdx.x) * VEC;
    int n_turned = (a.n_heads + a.paging.n_kv_heads) * half_dim;
    int pos = a.batch.row_pos[row];
    const int32_t *blocks = blocks_of(a.batch, a.batch.row_seq[row]);
    __half *from = a.qkv + (size_t)row * (size_t)a.stride;

    let_next_start();
    wait_for_others();
    if (i < n_turned) {
        int head = i / half_dim, at = i - head * half_dim, kv_head = head - a.n_heads;
        __half *low = from + head * dim + at, *to = low;
        if (kv_head >= 0)
            to = a.k_cache + token_at(a.paging, blocks, kv_head, pos) + at;
        turn<VEC>(to, low, a.cos_sin + (size_t)pos * (size_t)dim + at, half_dim);
    } else if (i - n_turned < a.paging.n_kv_heads * dim) {
        int head = (i - n_turned) / dim, at = i - n_turned - head * dim;
        alignas(16) __half v[VEC];
        load_halves<VEC>(v, from + (a.n_heads + a.paging.n_kv_heads + head) * dim + at);
        store_halves<VEC>(a.v_cache + token_at(a.paging, blocks, head, pos) + at, v);
    }
}

static void rope_append(qgk_ctx *ctx, const qgk_kv *kv, qgk_act *qkv, int stride,
                        const float *cos_sin, const qgk_batch *batch, int n_heads)
{
    int vec = (size_t)qkv % 16 == 0 ? vec_of(kv->head_dim, stride) : 1;
    int turned = (n_heads + kv->n_kv_heads) * kv->head_dim / 2,
        copied = kv->n_kv_heads * kv->head_dim;
    append_args a = {(__half *)qkv, (__half *)kv->k, (__half *)kv->v, cos_sin,
                     stride,        n_heads,         paging_of(kv),   *batch};

    if (batch->n_rows > 0)
        qgk_launch(ctx, "rope_append", vec == 8 ? rope_append_kernel<8> : rope_append_kernel<1>,
                   grid_of(turned + copied, vec, batch->n_rows), THREADS, 0, a);
}

extern "C" void qgk_rope_cuda(qgk_table *t)
{
    t->rope = rope;
    t->rope_append = rope_append;
}
