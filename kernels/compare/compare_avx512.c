/* What a row of logits says of the token that came next, sixteen columns at a time; else as in
 * compare_avx2.c.
 */
#include "kernels/compare/compare_rows.h"
#include "kernels/simd.h"
#include "kernels/tiers.h"

#define LOWEST -0x1.fffffep127f

/* The sums of columns 0-7 and of 8-15 of sixteen, eight lanes each. */
typedef struct sum16 {
    __m512d low, high;
} sum16;

static inline void add16(sum16 *s, __m512 x)
{
    s->low = _mm512_add_pd(s->low, _mm512_cvtps_pd(_mm512_castps512_ps256(x)));
    s->high = _mm512_add_pd(s->high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)));
}

static inline double fold(sum16 s)
{
    double lane[8];

    _mm512_storeu_pd(lane, _mm512_add_pd(s.low, s.high));
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
           ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* Columns i .. i + 15 of row [cols] less `largest`. */
static inline __m512 below16(const float *row, int i, int cols, __m512 largest)
{
    const __m512 lowest = _mm512_set1_ps(LOWEST);
    __m512 x = _mm512_mask_loadu_ps(lowest, qgk_first_of16(cols - i), row + i);

    return _mm512_max_ps(_mm512_sub_ps(x, largest), lowest);
}

/* row [cols] */
static double sum_alone(const float *row, float largest, int cols)
{
    const __m512 top = _mm512_set1_ps(largest);
    sum16 sum = {_mm512_setzero_pd(), _mm512_setzero_pd()};

    for (int i = 0; i < cols; i += 16)
        add16(&sum, qgk_exp16(below16(row, i, cols, top)));
    return fold(sum);
}

/* of [cols], row [cols] */
static qgk_row_sums sum_pair(const float *of, float of_largest, const float *row, float row_largest,
                             int cols)
{
    const __m512 of_top = _mm512_set1_ps(of_largest), row_top = _mm512_set1_ps(row_largest);
    const __m512d zero = _mm512_setzero_pd();
    sum16 of_sum = {zero, zero}, row_sum = {zero, zero}, weighted = {zero, zero};

    for (int i = 0; i < cols; i += 16) {
        __m512 a = below16(of, i, cols, of_top), b = below16(row, i, cols, row_top);
        __m512 e = qgk_exp16(a);
        add16(&of_sum, e);
        add16(&row_sum, qgk_exp16(b));
        add16(&weighted, _mm512_mul_ps(e, _mm512_sub_ps(a, b)));
    }
    return (qgk_row_sums){fold(of_sum), fold(row_sum), fold(weighted)};
}

static void compare(qgk_ctx *ctx, qgk_comparison *out, const float *logits, const float *reference,
                    const int32_t *next, int rows, int cols)
{
    static const qgk_compare_sums sums = {sum_alone, sum_pair};
    qgk_compare_rows(ctx, out, logits, reference, next, rows, cols, &sums);
}

void qgk_compare_avx512(qgk_table *t)
{
    t->compare = compare;
}
