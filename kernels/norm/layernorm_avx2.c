/* LayerNorm and residual addition, eight columns at a time.
 *
 * Three passes over a row, which lies in the first cache: the sum, the squares around the mean, the
 * result. Sums go to four vectors in turn (so that additions overlap), which are added pairwise at
 * the end. The fused form adds first, in the same order, so it equals its parts bit for bit.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>
#include <math.h>

enum { PARALLEL_FROM = 1 << 15 }; /* elements: below, waking threads costs more than it saves */

static inline float sum_of(const __m256 s[4])
{
    return qgk_sum8(_mm256_add_ps(_mm256_add_ps(s[0], s[1]), _mm256_add_ps(s[2], s[3])));
}

/* x [cols] += y [cols], where there is a y; returns the sum of x. */
__attribute__((always_inline)) static inline float add_and_sum(float *x, const float *y, int cols)
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
            sum[j] = _mm256_add_ps(sum[j], v);
        }
    for (; i < cols; i += 8) {
        __m256i mask = qgk_first_lanes(cols - i);
        __m256 v = _mm256_maskload_ps(x + i, mask);
        if (y) {
            v = _mm256_add_ps(v, _mm256_maskload_ps(y + i, mask));
            _mm256_maskstore_ps(x + i, mask, v);
        }
        sum[turn] = _mm256_add_ps(sum[turn], v);
        turn++;
    }
    return sum_of(sum);
}

/* Sum of (x [cols] - mean)^2. */
static inline float squares(const float *x, float mean, int cols)
{
    __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                     _mm256_setzero_ps()};
    __m256 m = _mm256_set1_ps(mean);
    int i = 0, turn = 0;

    for (; i + 32 <= cols; i += 32)
        for (int j = 0; j < 4; j++) {
            __m256 v = _mm256_sub_ps(_mm256_loadu_ps(x + i + 8 * j), m);
            sum[j] = _mm256_fmadd_ps(v, v, sum[j]);
        }
    for (; i < cols; i += 8) {
        __m256i mask = qgk_first_lanes(cols - i);
        __m256 v = _mm256_sub_ps(_mm256_maskload_ps(x + i, mask), m);
        v = _mm256_and_ps(v, _mm256_castsi256_ps(mask));
        sum[turn] = _mm256_fmadd_ps(v, v, sum[turn]);
        turn++;
    }
    return sum_of(sum);
}

/* out [cols] = (x [cols] - mean) * scale * w [cols] + b [cols] */
static inline void scale_row(float *out, const float *x, const float *w, const float *b, int cols,
                             float mean, float scale)
{
    __m256 s = _mm256_set1_ps(scale), m = _mm256_set1_ps(mean);

    for (int i = 0; i < cols; i += 8) {
        __m256i mask = qgk_first_lanes(cols - i < 8 ? cols - i : 8);
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(_mm256_maskload_ps(x + i, mask), m), s);
        v = _mm256_fmadd_ps(v, _mm256_maskload_ps(w + i, mask), _mm256_maskload_ps(b + i, mask));
        _mm256_maskstore_ps(out + i, mask, v);
    }
}

/* Row r of out [rows][cols] = norm of x [rows][cols], after x += y where there is a y. */
__attribute__((always_inline)) static inline void norm_row(float *out, float *x, const float *y,
                                                           const float *w, const float *b, int r,
                                                           int cols, float eps)
{
    size_t at = (size_t)r * (size_t)cols;
    float mean = add_and_sum(x + at, y ? y + at : NULL, cols) / (float)cols;
    float variance = squares(x + at, mean, cols) / (float)cols;

    scale_row(out + at, x + at, w, b, cols, mean, 1 / sqrtf(variance + eps));
}

/* out [rows][cols], x [rows][cols], w [cols], b [cols] */
static void layernorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, const float *b,
                      int rows, int cols, float eps)
{
    float *to = (float *)out, *from = (float *)(uintptr_t)x; /* only read: there is no y */

    assert(rows >= 0 && cols > 0);
    if ((int64_t)rows * cols < PARALLEL_FROM) {
        for (int r = 0; r < rows; r++)
            norm_row(to, from, NULL, w, b, r, cols, eps);
        return;
    }
#pragma omp parallel for num_threads(ctx->n_threads)
    for (int r = 0; r < rows; r++)
        norm_row(to, from, NULL, w, b, r, cols, eps);
}

/* out [rows][cols], x [rows][cols], y [rows][cols], w [cols], b [cols] */
static void add_layernorm(qgk_ctx *ctx, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                          const float *b, int rows, int cols, float eps)
{
    assert(rows >= 0 && cols > 0);
    if ((int64_t)rows * cols < PARALLEL_FROM) {
        for (int r = 0; r < rows; r++)
            norm_row((float *)out, (float *)x, (const float *)y, w, b, r, cols, eps);
        return;
    }
#pragma omp parallel for num_threads(ctx->n_threads)
    for (int r = 0; r < rows; r++)
        norm_row((float *)out, (float *)x, (const float *)y, w, b, r, cols, eps);
}

void qgk_layernorm_avx2(qgk_table *t)
{
    t->layernorm = layernorm;
    t->add_layernorm = add_layernorm;
}
