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

/* out [rows][cols], gate_up [rows][2 * cols] */
static void swiglu(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    assert(rows >= 0 && cols > 0);
#pragma omp parallel for num_threads(ctx->n_threads) if ((int64_t)rows * cols >= PARALLEL_FROM)
    for (int r = 0; r < rows; r++) {
        const float *gate = (const float *)gate_up + (size_t)r * 2 * (size_t)cols;
        const float *up = gate + cols;
        float *to = (float *)out + (size_t)r * (size_t)cols;
        int i = 0;
        for (; i + 8 <= cols; i += 8)
            _mm256_storeu_ps(to + i,
                             silu_times(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
        if (i < cols) {
            __m256i mask = qgk_first_lanes(cols - i);
            _mm256_maskstore_ps(
                to + i, mask,
                silu_times(_mm256_maskload_ps(gate + i, mask), _mm256_maskload_ps(up + i, mask)));
        }
    }
}

void qgk_activation_avx2(qgk_table *t)
{
    t->swiglu = swiglu;
}
