/* Root mean square norm (Zhang and Sennrich 2019) and the residual addition before it.
 *
 * The sum of squares is taken in double, in order of the columns; one rounding to float at the end.
 */
#include "kernels/tiers.h"

#include <assert.h>
#include <math.h>

/* out [rows][cols], x [rows][cols], w [cols] */
static void rmsnorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, int rows,
                    int cols, float eps)
{
    assert(rows >= 0 && cols > 0);
#pragma omp parallel for num_threads(ctx->n_threads) if (rows > 1)
    for (int r = 0; r < rows; r++) {
        const float *from = (const float *)x + (size_t)r * (size_t)cols;
        float *to = (float *)out + (size_t)r * (size_t)cols;
        double sum = 0;
        for (int i = 0; i < cols; i++)
            sum += (double)from[i] * (double)from[i];
        double root = sqrt(sum / cols + (double)eps);
        for (int i = 0; i < cols; i++)
            to[i] = (float)((double)from[i] / root * (double)w[i]);
    }
}

/* x [count], y [count] */
static void add(qgk_ctx *ctx, qgk_act *x, const qgk_act *y, size_t count)
{
    float *to = (float *)x;
    const float *from = (const float *)y;

    (void)ctx;
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

/* out [rows][cols], x [rows][cols], y [rows][cols], w [cols]: of whatever tier the parts are */
static void add_rmsnorm(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                        int rows, int cols, float eps)
{
    ctx->table->add(ctx, x, y, (size_t)rows * (size_t)cols);
    ctx->table->rmsnorm(ctx, out, x, w, rows, cols, eps);
}

void qgk_norm_ref(qgk_table *t)
{
    t->rmsnorm = rmsnorm;
    t->add = add;
    t->add_rmsnorm = add_rmsnorm;
}
