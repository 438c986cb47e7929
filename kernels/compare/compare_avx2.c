/* What a row of logits says of the token that came next, eight columns at a time: exponentials in
 * float32 (within 2^-22), all sums in double, in lanes that are folded in one order.
 *
 * Differences from the largest are cut at the lowest float, so that no sum meets an infinity, and
 * columns behind the end stand there: their e^x is 0 and their difference 0.
 */
#include "kernels/compare/compare_rows.h"
#include "kernels/simd.h"
#include "kernels/tiers.h"

#define LOWEST -0x1.fffffep127f

/* The sums of columns 0-3 and of 4-7 of eight, four lanes each. */
typedef struct sum8 {
    __m256d low, high;
} sum8;

static inline void add8(sum8 *s, __m256 x)
{
    s->low = _mm256_add_pd(s->low, _mm256_cvtps_pd(_mm256_castps256_ps128(x)));
    s->high = _mm256_add_pd(s->high, _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)));
}

static inline double fold(sum8 s)
{
    double lane[4];

    _mm256_storeu_pd(lane, _mm256_add_pd(s.low, s.high));
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

/* Columns i .. i + 7 of row [cols] less `largest`. */
static inline __m256 below8(const float *row, int i, int cols, __m256 largest)
{
    const __m256 lowest = _mm256_set1_ps(LOWEST);
    __m256 x;

    if (i + 8 <= cols) {
        x = _mm256_loadu_ps(row + i);
    } else {
        __m256i mask = qgk_first_lanes(cols - i);
        x = _mm256_blendv_ps(lowest, _mm256_maskload_ps(row + i, mask), _mm256_castsi256_ps(mask));
    }
    return _mm256_max_ps(_mm256_sub_ps(x, largest), lowest);
}

/* row [cols] */
static double sum_alone(const float *row, float largest, int cols)
{
    const __m256 top = _mm256_set1_ps(largest);
    sum8 sum = {_mm256_setzero_pd(), _mm256_setzero_pd()};

    for (int i = 0; i < cols; i += 8)
        add8(&sum, qgk_exp8(below8(row, i, cols, top)));
    return fold(sum);
}

/* of [cols], row [cols] */
static qgk_row_sums sum_pair(const float *of, float of_largest, const float *row, float row_largest,
                             int cols)
{
    const __m256 of_top = _mm256_set1_ps(of_largest), row_top = _mm256_set1_ps(row_largest);
    const __m256d zero = _mm256_setzero_pd();
    sum8 of_sum = {zero, zero}, row_sum = {zero, zero}, weighted = {zero, zero};

    for (int i = 0; i < cols; i += 8) {
        __m256 a = below8(of, i, cols, of_top), b = below8(row, i, cols, row_top);
        __m256 e = qgk_exp8(a);
        add8(&of_sum, e);
        add8(&row_sum, qgk_exp8(b));
        add8(&weighted, _mm256_mul_ps(e, _mm256_sub_ps(a, b)));
    }
    return (qgk_row_sums){fold(of_sum), fold(row_sum), fold(weighted)};
}

static void compare(qgk_ctx *ctx, qgk_comparison *out, const float *logits, const float *reference,
                    const int32_t *next, int rows, int cols)
{
    static const qgk_compare_sums sums = {sum_alone, sum_pair};
    qgk_compare_rows(ctx, out, logits, reference, next, rows, cols, &sums);
}

void qgk_compare_avx2(qgk_table *t)
{
    t->compare = compare;
}
