/* Root mean square norm and residual addition, eight columns at a time.
 *
 * The squares go to four vectors in turn (so that additions overlap), which are added pairwise at
 * the end. The fused form adds first, in the same order, so it equals its parts bit for bit.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>
#include <math.h>

enum { PARALLEL_FROM = 1 << 15 }; /* elements: below, waking threads costs more than it saves */

/* x [cols] += y [cols], where there is a y; returns the sum of squares of x. */
__attribute__((always_inline)) static inline float squares(float *x, const float *y, int cols)
{
    __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                     _mm256_setzero_ps()};
    int i = 0, turn = 0;

    for (; i + 32 <= cols; i += 32)
        for (int j = 0; j < 4; j++) {
            __m256 v = _mm256_loadu_ps(x + i + 8 * j);
            if (y) {
                v = _mm256_add_ps(v, _mm256_loadu_ps(y + i + 8 * j));
                _mm256_storeu_ps(x + i + 8 * j, v);
            }
            sum[j] = _mm256_fmadd_ps(v, v, sum[j]);
        }
    for (; i < cols; i += 8) {
        __m256i mask = qgk_first_lanes(cols - i);
        __m256 v = _mm256_maskload_ps(x + i, mask);
        if (y) {
            v = _mm256_add_ps(v, _mm256_maskload_ps(y + i, mask));
            _mm256_maskstore_ps(x + i, mask, v);
        }
        sum[turn] = _mm256_fmadd_ps(v, v, sum[turn]);
        turn++;
    }
    return qgk_sum8(_mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
}

/* out [cols] = x [cols] * scale * w [cols] */
static inline void scale_row(float *out, const float *x, const float *w, int cols, float scale)
{
    __m256 s = _mm256_set1_ps(scale);
    int i = 0;

    for (; i + 8 <= cols; i += 8)
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), s),
                                                _mm256_loadu_ps(w + i)));
    for (; i < cols; i++)
        out[i] = x[i] * scale * w[i];
}

/* Row r of out [rows][cols] = norm of x [rows][cols], after x += y where there is a y. */
__attribute__((always_inline)) static inline void norm_row(float *out, float *x, const float *y,
                                                           const float *w, int r, int cols,
                                                           float eps)
{
    size_t at = (size_t)r * (size_t)cols;
    float sum = squares(x + at, y ? y + at : NULL, cols);
    scale_row(out + at, x + at, w, cols, 1 / sqrtf(sum / (float)cols + eps));
}

/* out [rows][cols], x [rows][cols], w [cols] */
static void rmsnorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, int rows,
                    int cols, float eps)
{
    float *to = (float *)out, *from = (float *)(uintptr_t)x; /* only read: there is no y */

    assert(rows >= 0 && cols > 0);
    if ((int64_t)rows * cols < PARALLEL_FROM) {
        for (int r = 0; r < rows; r++)
            norm_row(to, from, NULL, w, r, cols, eps);
        return;
    }
#pragma omp parallel for num_threads(ctx->n_threads)
    for (int r = 0; r < rows; r++)
        norm_row(to, from, NULL, w, r, cols, eps);
}

/* out [rows][cols], x [rows][cols], y [rows][cols], w [cols] */
static void add_rmsnorm(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                        int rows, int cols, float eps)
{
    assert(rows >= 0 && cols > 0);
    if ((int64_t)rows * cols < PARALLEL_FROM) {
        for (int r = 0; r < rows; r++)
            norm_row((float *)out, (float *)x, (const float *)y, w, r, cols, eps);
        return;
    }
#pragma omp parallel for num_threads(ctx->n_threads)
    for (int r = 0; r < rows; r++)
        norm_row((float *)out, (float *)x, (const float *)y, w, r, cols, eps);
}

/* x [count], y [count] */
static void add(qgk_ctx *ctx, qgk_act *x, const qgk_act *y, size_t count)
{
    float *to = (float *)x;
    const float *from = (const float *)y;

    if (count < PARALLEL_FROM) {
        for (size_t i = 0; i < count; i++)
            to[i] += from[i];
        return;
    }
#pragma omp parallel for simd num_threads(ctx->n_threads)
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

void qgk_norm_avx2(qgk_table *t)
{
    t->rmsnorm = rmsnorm;
    t->add_rmsnorm = add_rmsnorm;
    t->add = add;
}
