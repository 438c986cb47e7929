/* Gram matrices and energies by the blocks of gram_tile.h, in tiles of 6 rows by 16 columns.
 *
 * 12 accumulators cover the latency of both multipliers; with two vectors of the panel and one of a
 * broadcast element they take 15 of the 16 registers.
 */
#include "kernels/gram/gram_tile.h"
#include "kernels/tiers.h"

#include <immintrin.h>

/* 16 columns of sum [m][QGK_GRAM_N] = a b over all steps, in registers. */
__attribute__((always_inline)) static inline void tile(float *sum, const float *a, size_t row,
                                                       size_t step, const float *b, int steps,
                                                       const int m)
{
    __m256 s[6][2];

#pragma GCC unroll 8
    for (int r = 0; r < m; r++)
        s[r][0] = s[r][1] = _mm256_setzero_ps();
    for (int t = 0; t < steps; t++, a += step, b += QGK_GRAM_N) {
        __m256 b0 = _mm256_load_ps(b), b1 = _mm256_load_ps(b + 8);
#pragma GCC unroll 8
        for (int r = 0; r < m; r++) {
            __m256 ar = _mm256_broadcast_ss(a + (size_t)r * row);
            s[r][0] = _mm256_fmadd_ps(ar, b0, s[r][0]);
            s[r][1] = _mm256_fmadd_ps(ar, b1, s[r][1]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < m; r++) {
        _mm256_store_ps(sum + r * QGK_GRAM_N, s[r][0]);
        _mm256_store_ps(sum + r * QGK_GRAM_N + 8, s[r][1]);
    }
}

static void multiply(float *sum, const float *a, size_t row, size_t step, const float *b, int steps,
                     int m)
{
    for (int c = 0; c < QGK_GRAM_N; c += 16) {
        int r = 0;
        for (; r + 6 <= m; r += 6)
            tile(sum + r * QGK_GRAM_N + c, a + (size_t)r * row, row, step, b + c, steps, 6);
        for (; r + 2 <= m; r += 2)
            tile(sum + r * QGK_GRAM_N + c, a + (size_t)r * row, row, step, b + c, steps, 2);
        if (r < m)
            tile(sum + r * QGK_GRAM_N + c, a + (size_t)r * row, row, step, b + c, steps, 1);
    }
}

static void gram(qgk_ctx *ctx, double *out, const qgk_act *x, int rows, int k)
{
    qgk_gram_run(ctx, out, (const float *)x, rows, k, multiply);
}

static void gram_energy(qgk_ctx *ctx, double *out, const float *d, const float *g, int n, int k)
{
    qgk_gram_energy_run(ctx, out, d, g, n, k, multiply);
}

void qgk_gram_avx2(qgk_table *t)
{
    t->gram = gram;
    t->gram_energy = gram_energy;
}
