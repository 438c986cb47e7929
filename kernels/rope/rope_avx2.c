/* Rotary position embedding, eight pairs at a time. Every element is computed alone.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>

enum { PARALLEL_FROM = 1 << 15 }; /* elements: below, waking threads costs more than it saves */

/* head [2 * half], c [half], s [half] */
static inline void rotate(float *head, const float *c, const float *s, int half)
{
    for (int i = 0; i < half; i += 8) {
        __m256i mask = qgk_first_lanes(half - i);
        __m256 a = _mm256_maskload_ps(head + i, mask),
               b = _mm256_maskload_ps(head + half + i, mask);
        __m256 ci = _mm256_maskload_ps(c + i, mask), si = _mm256_maskload_ps(s + i, mask);
        _mm256_maskstore_ps(head + i, mask, _mm256_fmsub_ps(a, ci, _mm256_mul_ps(b, si)));
        _mm256_maskstore_ps(head + half + i, mask, _mm256_fmadd_ps(b, ci, _mm256_mul_ps(a, si)));
    }
}

/* row [heads][head_dim], turned by c_s [head_dim]: cosines, then sines */
static inline void rotate_heads(float *row, const float *c_s, int heads, int head_dim)
{
    for (int h = 0; h < heads; h++)
        rotate(row + (size_t)h * (size_t)head_dim, c_s, c_s + head_dim / 2, head_dim / 2);
}

/* x [rows][stride], cos_sin [max_len][head_dim], row_pos [rows] */
static void rope(qgk_ctx *ctx, qgk_act *x, int stride, const float *cos_sin, const int32_t *row_pos,
                 int rows, int heads, int head_dim)
{
    float *to = (float *)x;

    assert(rows >= 0 && heads > 0 && head_dim > 0 && head_dim % 2 == 0);
    assert(stride >= heads * head_dim);
    if ((int64_t)rows * heads * head_dim < PARALLEL_FROM) {
        for (int r = 0; r < rows; r++)
            rotate_heads(to + (size_t)r * (size_t)stride,
                         cos_sin + (size_t)row_pos[r] * (size_t)head_dim, heads, head_dim);
        return;
    }
#pragma omp parallel for num_threads(ctx->n_threads)
    for (int r = 0; r < rows; r++)
        rotate_heads(to + (size_t)r * (size_t)stride,
                     cos_sin + (size_t)row_pos[r] * (size_t)head_dim, heads, head_dim);
}

void qgk_rope_avx2(qgk_table *t)
{
    t->rope = rope;
}
