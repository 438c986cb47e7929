/* The gate of SwiGLU, eight columns at a time. Every element is computed alone, a tail through the
 * same vector code.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>

enum { PARALLEL_FROM = 1 << 13 }; /* elements: below, waking threads costs more than it saves */

static inline __m256 silu_times(__m256 gate, __m256 up)
{
    __m256 e = qgk_exp8(_mm256_sub_ps(_mm256_setzero_ps(), gate));
    return _mm256_mul_ps(_mm256_div_ps(gate, _mm256_add_ps(_mm256_set1_ps(1), e)), up);
}

/* out [cols], gate [cols], up [cols] */
static inline void swiglu_row(float *out, const float *gate, const float *up, int cols)
{
    int i = 0;

    for (; i + 8 <= cols; i += 8)
        _mm256_storeu_ps(out + i, silu_times(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
    if (i == cols)
        return;
    __m256i mask = qgk_first_lanes(cols - i);
    _mm256_maskstore_ps(
        out + i, mask,
        silu_times(_mm256_maskload_ps(gate + i, mask), _mm256_maskload_ps(up + i, mask)));
}

/* out [rows][cols], gate_up [rows][2 * cols] */
static void swiglu(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    const float *from = (const float *)gate_up;
    float *to = (float *)out;
    size_t n = (size_t)cols;

    assert(rows >= 0 && cols > 0);
    if (rows == 1 || (int64_t)rows * cols < PARALLEL_FROM) {
        for (size_t r = 0; r < (size_t)rows; r++)
            swiglu_row(to + r * n, from + r * 2 * n, from + r * 2 * n + n, cols);
        return;
    }
#pragma omp parallel for num_threads(ctx->n_threads)
    for (int r = 0; r < rows; r++)
        swiglu_row(to + (size_t)r * n, from + (size_t)r * 2 * n, from + (size_t)r * 2 * n + n,
                   cols);
}

void qgk_activation_avx2(qgk_table *t)
{
    t->swiglu = swiglu;
}
