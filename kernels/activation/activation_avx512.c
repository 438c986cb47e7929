/* The gate of SwiGLU, sixteen columns at a time. Every element is computed alone, a tail through
 * the same vector code.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>

enum { PARALLEL_FROM = 1 << 13 }; /* elements: below, waking threads costs more than it saves */

static inline __m512 silu_times(__m512 gate, __m512 up)
{
    __m512 e = qgk_exp16(_mm512_sub_ps(_mm512_setzero_ps(), gate));
    return _mm512_mul_ps(_mm512_div_ps(gate, _mm512_add_ps(_mm512_set1_ps(1), e)), up);
}

/* out [cols], gate [cols], up [cols] */
static inline void swiglu_row(float *out, const float *gate, const float *up, int cols)
{
    int i = 0;

    for (; i + 16 <= cols; i += 16)
        _mm512_storeu_ps(out + i, silu_times(_mm512_loadu_ps(gate + i), _mm512_loadu_ps(up + i)));
    if (i == cols)
        return;
    __mmask16 lanes = qgk_first_of16(cols - i);
    _mm512_mask_storeu_ps(
        out + i, lanes,
        silu_times(_mm512_maskz_loadu_ps(lanes, gate + i), _mm512_maskz_loadu_ps(lanes, up + i)));
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

void qgk_activation_avx512(qgk_table *t)
{
    t->swiglu = swiglu;
}
