/* Activations, element by element, in float32; eight halves at a time where they allow. */
#include "kernels/cuda.cuh"

enum { THREADS = 256 };

struct relu_of {
    static __device__ float at(float v)
    {
        return v < 0 ? 0 : v; /* NaN stays */
    }
};

struct gelu_of {
    static __device__ float at(float v)
    {
        return v * 0.5f * (1 + erff(v * 0.70710678118654752f));
    }
};

/* A thread VEC neighbours of out [count / cols][cols]. */
template <int VEC>
static __global__ void swiglu_kernel(__half *out, const __half *gate_up, size_t count, int cols)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * VEC;
    alignas(16) __half gate[VEC], up[VEC];

    let_next_start();
    wait_for_others();
    if (i >= count)
        return;
    size_t row = i / (size_t)cols, at = i + row * (size_t)cols;
    load_halves<VEC>(gate, gate_up + at);
    load_halves<VEC>(up, gate_up + at + (size_t)cols);
    for (int j = 0; j < VEC; j++) {
        float g = __half2float(gate[j]);
        gate[j] = to_half(g / (1 + expf(-g)) * __half2float(up[j]));
    }
    store_halves<VEC>(out + i, gate);
}

template <typename F, int VEC> static __global__ void in_place(__half *x, size_t count)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * VEC;
    alignas(16) __half v[VEC];

    let_next_start();
    wait_for_others();
    if (i >= count)
        return;
    load_halves<VEC>(v, x + i);
    for (int j = 0; j < VEC; j++)
        v[j] = to_half(F::at(__half2float(v[j])));
    store_halves<VEC>(x + i, v);
}

static dim3 blocks_for(size_t count, int vec)
{
    return dim3((unsigned)qgk_ceil_div(count, (size_t)(THREADS * vec)));
}

static void swiglu(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    size_t count = (size_t)rows * (size_t)cols;
    int vec = cols % 8 == 0 ? 8 : 1;

    if (count > 0)
        qgk_launch(ctx, "swiglu", vec == 8 ? swiglu_kernel<8> : swiglu_kernel<1>,
                   blocks_for(count, vec), THREADS, 0, (__half *)out, (const __half *)gate_up,
                   count, cols);
}

template <typename F> static void launch(qgk_ctx *ctx, const char *name, qgk_act *x, size_t count)
{
    int vec = count % 8 == 0 ? 8 : 1;

    if (count > 0)
        qgk_launch(ctx, name, vec == 8 ? in_place<F, 8> : in_place<F, 1>, blocks_for(count, vec),
                   THREADS, 0, (__half *)x, count);
}

static void relu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    launch<relu_of>(ctx, "relu", x, count);
}

static void gelu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    launch<gelu_of>(ctx, "gelu", x, count);
}

extern "C" void qgk_activation_cuda(qgk_table *t)
{
    t->swiglu = swiglu;
    t->relu = relu;
    t->gelu = gelu;
}
