/* Norms, and the addition to the residual stream before them. A block a row: the row is read once,
 * kept in shared memory as float32, summed, and written. Sums are float32 in a fixed order. */
#include "kernels/cuda.cuh"

enum { THREADS = 256, WARPS = THREADS / QGK_WARP };

typedef struct norm_args {
    __half *out, *x;
    const __half *y; /* added to x first; NULL: nothing is */
    const float *w, *b;
    int cols;
    float eps;
    bool centred; /* layernorm */
} norm_args;

static __global__ void norm_kernel(norm_args a)
{
    extern __shared__ float row[];
    __shared__ float room[2][WARPS];
    size_t at = (size_t)blockIdx.x * (size_t)a.cols;
    float sum = 0, squares = 0, mean = 0;

    for (int i = (int)threadIdx.x; i < a.cols; i += THREADS) {
        __half v = a.x[at + i];
        if (a.y) {
            v = to_half(__half2float(v) + __half2float(a.y[at + i]));
            a.x[at + i] = v;
        }
        row[i] = __half2float(v);
        sum += row[i];
    }
    if (a.centred)
        mean = block_sum(sum, room[0]) / (float)a.cols;
    for (int i = (int)threadIdx.x; i < a.cols; i += THREADS) {
        float centred = row[i] - mean; /* own elements: no barrier is needed */
        squares += centred * centred;
    }
    float scale = rsqrtf(block_sum(squares, room[1]) / (float)a.cols + a.eps);
    for (int i = (int)threadIdx.x; i < a.cols; i += THREADS) {
        float v = (row[i] - mean) * scale * a.w[i];
        a.out[at + i] = to_half(a.b ? v + a.b[i] : v);
    }
}

static void launch(qgk_ctx *ctx, norm_args a, int rows, const char *kernel)
{
    size_t bytes = (size_t)a.cols * sizeof(float);

    if (rows == 0)
        return;
    if (bytes > 48 << 10) /* a row beyond what a block gets unasked */
        cudaFuncSetAttribute(norm_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
    norm_kernel<<<rows, THREADS, bytes, qgk_stream(ctx)>>>(a);
    qgk_launched(ctx, kernel);
}

static void rmsnorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, int rows,
                    int cols, float eps)
{
    norm_args a = {(__half *)out, (__half *)x, NULL, w, NULL, cols, eps, false};
    launch(ctx, a, rows, "rmsnorm");
}

static void add_rmsnorm(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                        int rows, int cols, float eps)
{
    norm_args a = {(__half *)out, (__half *)x, (const __half *)y, w, NULL, cols, eps, false};
    launch(ctx, a, rows, "add_rmsnorm");
}

static void layernorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, const float *b,
                      int rows, int cols, float eps)
{
    norm_args a = {(__half *)out, (__half *)x, NULL, w, b, cols, eps, true};
    launch(ctx, a, rows, "layernorm");
}

static void add_layernorm(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                          const float *b, int rows, int cols, float eps)
{
    norm_args a = {(__half *)out, (__half *)x, (const __half *)y, w, b, cols, eps, true};
    launch(ctx, a, rows, "add_layernorm");
}

static __global__ void add_kernel(__half *x, const __half *y, size_t count)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    if (i < count)
        x[i] = to_half(__half2float(x[i]) + __half2float(y[i]));
}

static void add(qgk_ctx *ctx, qgk_act *x, const qgk_act *y, size_t count)
{
    if (count == 0)
        return;
    add_kernel<<<(unsigned)qgk_ceil_div(count, (size_t)THREADS), THREADS, 0, qgk_stream(ctx)>>>(
        (__half *)x, (const __half *)y, count);
    qgk_launched(ctx, "add");
}

extern "C" void qgk_norm_cuda(qgk_table *t)
{
    t->rmsnorm = rmsnorm;
    t->add = add;
    t->add_rmsnorm = add_rmsnorm;
    t->layernorm = layernorm;
    t->add_layernorm = add_layernorm;
}
