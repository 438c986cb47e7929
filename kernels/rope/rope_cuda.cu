/* Rotary positions: a thread a pair, blocks over all pairs of a row. */
#include "kernels/cuda.cuh"

enum { THREADS = 128 };

static __global__ void rope_kernel(__half *x, int stride, const float *cos_sin,
                                   const int32_t *row_pos, int heads, int head_dim)
{
    int half_dim = head_dim / 2, i = (int)(blockIdx.x * THREADS + threadIdx.x);
    const float *angles = cos_sin + (size_t)row_pos[blockIdx.y] * (size_t)head_dim;

    if (i >= heads * half_dim)
        return;
    int head = i / half_dim, at = i - head * half_dim;
    __half *low = x + (size_t)blockIdx.y * (size_t)stride + head * head_dim + at;
    __half *high = low + half_dim;
    float a = __half2float(*low), b = __half2float(*high);
    float c = angles[at], s = angles[half_dim + at];
    *low = to_half(a * c - b * s);
    *high = to_half(b * c + a * s);
}

static void rope(qgk_ctx *ctx, qgk_act *x, int stride, const float *cos_sin, const int32_t *row_pos,
                 int rows, int heads, int head_dim)
{
    dim3 grid((unsigned)qgk_ceil_div(heads * head_dim / 2, (int)THREADS), (unsigned)rows);

    if (rows == 0)
        return;
    rope_kernel<<<grid, THREADS, 0, qgk_stream(ctx)>>>((__half *)x, stride, cos_sin, row_pos, heads,
                                                       head_dim);
    qgk_launched(ctx, "rope");
}

extern "C" void qgk_rope_cuda(qgk_table *t)
{
    t->rope = rope;
}
