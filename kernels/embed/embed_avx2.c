/* Embedding of token ids: halves widened eight at a time, exact like the reference;
 * and the same added to what is there.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>

/* out [rows][cols], table [vocabulary][cols], ids [rows] */
static void embed(qgk_ctx *ctx, qgk_act *out, const qgk_half *table, const int32_t *ids, int rows,
                  int cols)
{
    (void)ctx;
    assert(rows >= 0 && cols > 0);
    for (int r = 0; r < rows; r++) {
        float *to = (float *)out + (size_t)r * (size_t)cols;
        const qgk_half *from = table + (size_t)ids[r] * (size_t)cols;
        int i = 0;
        for (; i + 8 <= cols; i += 8)
            _mm256_storeu_ps(to + i, qgk_load8_half(from + i));
        if (i < cols)
            _mm256_maskstore_ps(to + i, qgk_first_lanes(cols - i),
                                qgk_load_tail_half(from + i, cols - i));
    }
}

/* x [rows][cols], table [.][cols], ids [rows] */
static void embed_add(qgk_ctx *ctx, qgk_act *x, const qgk_half *table, const int32_t *ids, int rows,
                      int cols)
{
    (void)ctx;
    assert(rows >= 0 && cols > 0);
    for (int r = 0; r < rows; r++) {
        float *to = (float *)x + (size_t)r * (size_t)cols;
        const qgk_half *from = table + (size_t)ids[r] * (size_t)cols;
        int i = 0;
        for (; i + 8 <= cols; i += 8)
            _mm256_storeu_ps(to + i,
                             _mm256_add_ps(_mm256_loadu_ps(to + i), qgk_load8_half(from + i)));
        if (i == cols)
            continue;
        __m256i mask = qgk_first_lanes(cols - i);
        _mm256_maskstore_ps(to + i, mask,
                            _mm256_add_ps(_mm256_maskload_ps(to + i, mask),
                                          qgk_load_tail_half(from + i, cols - i)));
    }
}

void qgk_embed_avx2(qgk_table *t)
{
    t->embed = embed;
    t->embed_add = embed_add;
}
