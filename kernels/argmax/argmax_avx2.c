/* The index of the largest logit of each row, eight columns at a time.
 *
 * Each lane keeps its first largest value and that one's index; the lanes are then compared by
 * value and, among equals, by index. The result is exactly the reference's.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>
#include <math.h>

/* row [cols] */
static int32_t largest(const float *row, int cols)
{
    const __m256 infinity = _mm256_set1_ps(INFINITY), no_sign = _mm256_set1_ps(-0.0f);
    __m256 value = _mm256_set1_ps(-INFINITY), finite = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
    __m256i index = _mm256_setzero_si256(), here = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    int i = 0;

    for (; i + 8 <= cols; i += 8) {
        __m256 v = _mm256_loadu_ps(row + i);
        __m256 more = _mm256_cmp_ps(v, value, _CMP_GT_OQ);
        finite = _mm256_and_ps(finite,
                               _mm256_cmp_ps(_mm256_andnot_ps(no_sign, v), infinity, _CMP_LT_OQ));
        value = _mm256_max_ps(v, value);
        index = _mm256_blendv_epi8(index, here, _mm256_castps_si256(more));
        here = _mm256_add_epi32(here, _mm256_set1_epi32(8));
    }
    if (_mm256_movemask_ps(finite) != 0xff)
        return -1;
    float values[8];
    int32_t indices[8];
    _mm256_storeu_ps(values, value);
    _mm256_storeu_si256((__m256i *)(void *)indices, index);
    float best = -INFINITY;
    int32_t at = 0;
    for (int lane = 0; lane < 8; lane++)
        if (values[lane] > best || (values[lane] == best && indices[lane] < at)) {
            best = values[lane];
            at = indices[lane];
        }
    for (; i < cols; i++) {
        if (!isfinite(row[i]))
            return -1;
        if (row[i] > best) {
            best = row[i];
            at = i;
        }
    }
    return at;
}

/* ids [rows], logits [rows][cols] */
static void argmax(qgk_ctx *ctx, int32_t *ids, const float *logits, int rows, int cols)
{
    (void)ctx;
    assert(rows >= 0 && cols > 0);
    for (int r = 0; r < rows; r++)
        ids[r] = largest(logits + (size_t)r * (size_t)cols, cols);
}

void qgk_argmax_avx2(qgk_table *t)
{
    t->argmax = argmax;
}
