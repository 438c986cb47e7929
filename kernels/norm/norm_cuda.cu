/* Norms, and the addition to the residual stream before them. A block a row: the row is read once,
 * eight halves at a time where it allows, kept in shared memory as float32, summed, and written.
 * Sums are float32 in a fixed order. */
#include "kernels/cuda.cuh"

enum { THREADS = 512, WARPS = THREADS / QGK_WARP };

typedef struct norm_args {
    __half *out, *x;
    const __half *y; /* added to x first; NULL: nothing is */
    const float *w, *b;
    int cols;
    float eps;
    bool centred; /* layernorm */
} norm_args;

/* VEC neighbours of the row to shared memory, with y added to the stream; their sum. */
template <int VEC>
static __device__ inline float read_piece(float *row, const norm_args &a, size_t at, int i)
{
    alignas(16) __half own[VEC], more[VEC];
    float sum = 0;

    load_halves<VEC>(own, a.x + at + i);
    if (a.y) {
        load_halves<VEC>(more, a.y + at + i);
        for (int j = 0; j < VEC; j++)
            own[j] = to_half(__half2float(own[j]) + __half2float(more[j]));
        store_halves<VEC>(a.x + at + i, own);
    }
    for (int j = 0; j < VEC; j++) {
        row[i + j] = __half2float(own[j]);
        sum += row[i + j];
    }
    return sum;
}

template <int VEC> static __global__ void __launch_bounds__(THREADS) norm_kernel(norm_args a)
{
    extern __shared__ float row[];
    __shared__ float room[2][WARPS];
    size_t at = (size_t)blockIdx.x * (size_t)a.cols;
    float sum = 0, squares = 0, mean = 0;

    let_next_start();
    if (threadIdx.x == 0) {
        prefetch(a.w, (size_t)a.cols * sizeof(float));
        prefetch(a.b, a.b ? (size_t)a.cols * sizeof(float) : 0);
    }
    wait_for_others();
    for (int i = (int)threadIdx.x * VEC; i < a.cols; i += THREADS * VEC)
        sum += read_piece<VEC>(row, a, at, i);
    if (a.centred)
        mean = block_sum(sum, room[0]) / (float)a.cols;
    for (int i = (int)threadIdx.x * VEC; i < a.cols; i += THREADS * VEC)
        for (int j = 0; j < VEC; j++) {
            float centred = row[i + j] - mean; /* own elements: no barrier is needed */
            squares += centred * centred;
        }
    float scale = rsqrtf(block_sum(squares, room[1]) / (float)a.cols + a.eps);
    for (int i = (int)threadIdx.x * VEC; i < a.cols; i += THREADS * VEC) {
        alignas(16) __half made[VEC];
        for (int j = 0; j < VEC; j++) {
            float v = (row[i + j] - mean) * scale * a.w[i + j];
            made[j] = to_half(a.b ? v + a.b[i + j] : v);
        }
        store_halves<VEC>(a.out + at + i, made);
    }
}

static void launch(qgk_ctx *ctx, norm_args a, int rows, const char *kernel)
{
    size_t bytes = (size_t)a.cols * sizeof(float);
    auto run = a.cols % 8 == 0 ? norm_kernel<8> : norm_kernel<1>;

    if (rows == 0)
        return;
    if (bytes > 40 << 10) /* a row beyond what a block gets unasked */
        cudaFuncSetAttribute(run, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
    qgk_launch(ctx, kernel, run, rows, THREADS, bytes, a);
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

    let_next_start();
    wait_for_others();
    if (i < count)
        x[i] = to_half(__half2float(x[i]) + __half2float(y[i]));
}

static void add(qgk_ctx *ctx, qgk_act *x, const qgk_act *y, size_t count)
{
    if (count > 0)
        qgk_launch(ctx, "add", add_kernel, (unsigned)qgk_ceil_div(count, (size_t)THREADS), THREADS,
                   0, (__half *)x, (const __half *)y, count);
}

extern "C" void qgk_norm_cuda(qgk_table *t)
{
    t->rmsnorm = rmsnorm;
    t->add = add;
    t->add_rmsnorm = add_rmsnorm;
    t->layernorm = layernorm;
    t->add_layernorm = add_layernorm;
}
