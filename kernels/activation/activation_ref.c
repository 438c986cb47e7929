/* The gate of SwiGLU (Shazeer 2020): silu(gate) * up, silu(x) = x / (1 + e^-x), in double; ReLU and
 * GELU in place.
 */
#include "kernels/fmath.h"
#include "kernels/tiers.h"

#include <assert.h>

/* out [rows][cols], gate_up [rows][2 * cols] */
static void swiglu(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    assert(rows >= 0 && cols > 0);
#pragma omp parallel for num_threads(ctx->n_threads) if (rows > 1)
    for (int r = 0; r < rows; r++) {
        const float *gate = (const float *)gate_up + (size_t)r * 2 * (size_t)cols;
        const float *up = gate + cols;
        float *to = (float *)out + (size_t)r * (size_t)cols;
        for (int i = 0; i < cols; i++) {
            double g = (double)gate[i];
            to[i] = (float)(g / (1 + qgk_exp(-g)) * (double)up[i]);
        }
    }
}

/* x [count]; NaN stays NaN */
static void relu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    float *to = (float *)x;

    (void)ctx;
    for (size_t i = 0; i < count; i++)
        to[i] = to[i] < 0 ? 0 : to[i];
}

/* x [count] */
static void gelu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    float *to = (float *)x;

#pragma omp parallel for num_threads(ctx->n_threads) if (count > 1024)
    for (size_t i = 0; i < count; i++)
        to[i] = (float)(0.5 * (double)to[i] * qgk_erfc(-(double)to[i] * 0x1.6a09e667f3bcdp-1));
}

void qgk_activation_ref(qgk_table *t)
{
    t->swiglu = swiglu;
    t->relu = relu;
    t->gelu = gelu;
}
