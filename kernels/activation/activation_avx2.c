/* The gate of SwiGLU, ReLU and GELU, eight columns at a time. Every element is computed alone, a
 * tail through the same vector code.
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

static inline __m256 relu8(__m256 x)
{
    return _mm256_max_ps(_mm256_setzero_ps(), x); /* of NaN and zero the second operand: NaN */
}

/* erf by Abramowitz and Stegun 7.1.26, within 1.5e-7: the result within 4 units of |x|. */
static inline __m256 gelu8(__m256 x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f), one = _mm256_set1_ps(1);
    __m256 z = _mm256_mul_ps(_mm256_andnot_ps(sign, x), _mm256_set1_ps(0x1.6a09e6p-1f));
    __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(z, _mm256_set1_ps(0.3275911f), one));
    __m256 y = _mm256_set1_ps(1.061405429f);
    y = _mm256_fmadd_ps(y, t, _mm256_set1_ps(-1.453152027f));
    y = _mm256_fmadd_ps(y, t, _mm256_set1_ps(1.421413741f));
    y = _mm256_fmadd_ps(y, t, _mm256_set1_ps(-0.284496736f));
    y = _mm256_fmadd_ps(y, t, _mm256_set1_ps(0.254829592f));
    __m256 e = qgk_exp8(_mm256_xor_ps(_mm256_mul_ps(z, z), sign));
    y = _mm256_fnmadd_ps(_mm256_mul_ps(y, t), e, one); /* erf |x / sqrt(2)| */
    y = _mm256_or_ps(y, _mm256_and_ps(x, sign));
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_set1_ps(0.5f)), _mm256_add_ps(one, y));
}

/* x [n] = f(x), each element alone, a tail through the same vector code */
__attribute__((always_inline)) static inline void map(float *x, size_t n, __m256 (*f)(__m256))
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(x + i, f(_mm256_loadu_ps(x + i)));
    if (i == n)
        return;
    __m256i mask = qgk_first_lanes((int)(n - i));
    _mm256_maskstore_ps(x + i, mask, f(_mm256_maskload_ps(x + i, mask)));
}

static void relu_span(float *x, size_t n)
{
    map(x, n, relu8);
}

static void gelu_span(float *x, size_t n)
{
    map(x, n, gelu8);
}

static void over_threads(qgk_ctx *ctx, float *x, size_t count, void (*span)(float *, size_t))
{
    if (count < 2 * PARALLEL_FROM) {
        span(x, count);
        return;
    }
#pragma omp parallel for num_threads(ctx->n_threads)
    for (size_t i = 0; i < count; i += PARALLEL_FROM)
        span(x + i, count - i < PARALLEL_FROM ? count - i : PARALLEL_FROM);
}

static void relu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    over_threads(ctx, (float *)x, count, relu_span);
}

static void gelu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    over_threads(ctx, (float *)x, count, gelu_span);
}

void qgk_activation_avx2(qgk_table *t)
{
    t->swiglu = swiglu;
    t->relu = relu;
    t->gelu = gelu;
}
