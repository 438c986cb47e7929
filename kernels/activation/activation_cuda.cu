/* Activations, element by element, in float32. */
#include "kernels/cuda.cuh"

enum { THREADS = 256 };

static __global__ void swiglu_kernel(__half *out, const __half *gate_up, size_t count, int cols)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    if (i >= count)
        return;
    size_t row = i / (size_t)cols, at = row * 2 * (size_t)cols + i % (size_t)cols;
    float gate = __half2float(gate_up[at]), up = __half2float(gate_up[at + (size_t)cols]);
    out[i] = to_half(gate / (1 + expf(-gate)) * up);
}

static __global__ void relu_kernel(__half *x, size_t count)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    if (i < count && __half2float(x[i]) < 0) /* NaN stays */
        x[i] = to_half(0);
}

static __global__ void gelu_kernel(__half *x, size_t count)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    if (i < count) {
        float v = __half2float(x[i]);
        x[i] = to_half(v * 0.5f * (1 + erff(v * 0.70710678118654752f)));
    }
}

static unsigned blocks_for(size_t count)
{
    return (unsigned)qgk_ceil_div(count, (size_t)THREADS);
}

static void swiglu(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    size_t count = (size_t)rows * (size_t)cols;

    if (count == 0)
        return;
    swiglu_kernel<<<blocks_for(count), THREADS, 0, qgk_stream(ctx)>>>(
        (__half *)out, (const __half *)gate_up, count, cols);
    qgk_launched(ctx, "swiglu");
}

static void relu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    if (count == 0)
        return;
    relu_kernel<<<blocks_for(count), THREADS, 0, qgk_stream(ctx)>>>((__half *)x, count);
    qgk_launched(ctx, "relu");
}

static void gelu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    if (count == 0)
        return;
    gelu_kernel<<<blocks_for(count), THREADS, 0, qgk_stream(ctx)>>>((__half *)x, count);
    qgk_launched(ctx, "gelu");
}

extern "C" void qgk_activation_cuda(qgk_table *t)
{
    t->swiglu = swiglu;
    t->relu = relu;
    t->gelu = gelu;
}
