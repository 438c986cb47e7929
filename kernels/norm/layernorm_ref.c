/* LayerNorm (Ba et al. 2016) and the residual addition before it.
 *
 * Mean and variance are sums in double, in order of the columns, the variance around the mean
 * itself; one rounding to float at the end.
 */
#include "kernels/tiers.h"

#include <assert.h>
#include <math.h>

/* out [rows][cols], x [rows][cols], w [cols], b [cols] */
static void layernorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, const float *b,
                      int rows, int cols, float eps)
{
    assert(rows >= 0 && cols > 0);
#pragma omp parallel for num_threads(ctx->n_threads) if (rows > 1)
    for (int r = 0; r < rows; r++) {
        const float *from = (const float *)x + (size_t)r * (size_t)cols;
        float *to = (float *)out + (size_t)r * (size_t)cols;
        double sum = 0, squares = 0;
        for (int i = 0; i < cols; i++)
            sum += (double)from[i];
        double mean = sum / cols;
        for (int i = 0; i < cols; i++)
            squares += ((double)from[i] - mean) * ((double)from[i] - mean);
        double root = sqrt(squares / cols + (double)eps);
        for (int i = 0; i < cols; i++)
            to[i] = (float)(((double)from[i] - mean) / root * (double)w[i] + (double)b[i]);
    }
}

/* out [rows][cols], x [rows][cols], y [rows][cols], w [cols], b [cols]: of whatever tier the parts
 * are */
static void add_layernorm(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                          const float *b, int rows, int cols, float eps)
{
    ctx->table->add(ctx, x, y, (size_t)rows * (size_t)cols);
    ctx->table->layernorm(ctx, out, x, w, b, rows, cols, eps);
}

void qgk_layernorm_ref(qgk_table *t)
{
    t->layernorm = layernorm;
    t->add_layernorm = add_layernorm;
}
