/* The gate of SwiGLU (Shazeer 2020): silu(gate) * up, silu(x) = x / (1 + e^-x), in double.
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

void qgk_activation_ref(qgk_table *t)
{
    t->swiglu = swiglu;
}
