/* The tile of the AVX-512 products: 6 rows of x by 4 rows of the weight, for *_avx512.c alone.
 *
 * An output is 16 lane sums over k in steps of 16, added by the tree of simd.h: one chain of
 * operations, whatever stands beside it. 24 accumulators, 6 vectors of x and one of weights fill
 * the 32 registers; 24 products for 10 loads keep both multipliers busy. How 16 weights become
 * floats is the format's own: it gives a function that is inlined into the loop, where unpacking
 * runs beside the products. A format whose scale changes along k multiplies range by range into the
 * same sums.
 *
 * A product is then three functions: `load` (16 weights), `tile` (sums to outputs, through
 * qgk_tile_zero, qgk_tile_multiply and qgk_tile_store) and the call of qgk_tile_walk on each
 * thread.
 */
#ifndef QGK_TILE_AVX512_H
#define QGK_TILE_AVX512_H

#include "kernels/simd.h"

#include <stddef.h>

enum {
    QGK_TILE_M = 6,            /* rows of x of a tile, at most                            */
    QGK_TILE_N = 4,            /* weight rows of a tile: what one lane-sum tree takes     */
    QGK_FEW = 24,              /* rows: up to here each tile's weights are read only once */
    QGK_BLOCK_BYTES = 1 << 18, /* weights that stay in the second-level cache while all rows pass */
};

/* Where the outputs of a segment go. */
typedef struct qgk_columns {
    float *out;        /* [rows][stride] from the segment's first column on */
    const float *bias; /* [n] or NULL */
    int n;
    size_t stride;
} qgk_columns;

/* The tile of rows row .. row + m - 1 and columns n .. n + 3, of which some may be past the end;
 * `first`: these weights come from memory, so that fetching the next tile's pays. */
typedef void (*qgk_tile_fn)(const void *product, int row, int n, int m, int first);

/* All tiles of `rows` rows and columns n0 .. n1 - 1, n0 a multiple of QGK_TILE_N; row_bytes: what a
 * weight row takes. Many rows pass over blocks of weights that stay in cache, few rows over one
 * tile at a time, so that weights stream. */
static inline void qgk_tile_walk(qgk_tile_fn tile, const void *product, int rows, int n0, int n1,
                                 size_t row_bytes)
{
    size_t fit = QGK_BLOCK_BYTES / row_bytes / QGK_TILE_N * QGK_TILE_N;
    int block = rows <= QGK_FEW || fit < QGK_TILE_N ? QGK_TILE_N
                : fit > (1 << 20)                   ? 1 << 20
                                                    : (int)fit;

    for (int nb = n0; nb < n1; nb += block)
        for (int row = 0, m; row < rows; row += m) {
            m = rows - row < QGK_TILE_M ? rows - row : QGK_TILE_M;
            for (int n = nb; n < nb + block && n < n1; n += QGK_TILE_N)
                tile(product, row, n, m, row == 0);
        }
}

#ifdef __AVX512F__ /* so that the header also compiles alone */

/* The first n of 16 weights of tile row j from column i on as floats, zeros behind; n is a constant
 * 16 but at the end of a range. Always inline. */
typedef __m512 (*qgk_load16)(const void *weights, int j, int i, int n);

__attribute__((always_inline)) static inline void qgk_tile_zero(__m512 sum[QGK_TILE_M][QGK_TILE_N],
                                                                const int m)
{
#pragma GCC unroll 8
    for (int r = 0; r < m; r++)
#pragma GCC unroll 8
        for (int j = 0; j < QGK_TILE_N; j++)
            sum[r][j] = _mm512_setzero_ps();
}

/* Adds to sum [m][4] the products of m rows x [.][stride] and 4 rows of weights over columns from
 * .. to - 1. */
__attribute__((always_inline)) static inline void qgk_tile_multiply(
    __m512 sum[QGK_TILE_M][QGK_TILE_N], const float *x, size_t stride, const void *weights,
    qgk_load16 load, int from, int to, const int m)
{
    int i = from;

    for (; i + 16 <= to; i += 16) {
        __m512 xi[QGK_TILE_M];
#pragma GCC unroll 8
        for (int r = 0; r < m; r++)
            xi[r] = _mm512_loadu_ps(x + (size_t)r * stride + i);
#pragma GCC unroll 8
        for (int j = 0; j < QGK_TILE_N; j++) {
            __m512 wj = load(weights, j, i, 16);
#pragma GCC unroll 8
            for (int r = 0; r < m; r++)
                sum[r][j] = _mm512_fmadd_ps(xi[r], wj, sum[r][j]);
        }
    }
    if (i == to)
        return;
#pragma GCC unroll 8
    for (int j = 0; j < QGK_TILE_N; j++) {
        __m512 wj = load(weights, j, i, to - i);
#pragma GCC unroll 8
        for (int r = 0; r < m; r++)
            sum[r][j] = _mm512_fmadd_ps(
                _mm512_maskz_loadu_ps(qgk_first_of16(to - i), x + (size_t)r * stride + i), wj,
                sum[r][j]);
    }
}

/* Stores the m x 4 outputs, with their biases, as far as the columns exist. */
__attribute__((always_inline)) static inline void qgk_tile_store(const qgk_columns *c, int row,
                                                                 int n,
                                                                 __m512 sum[QGK_TILE_M][QGK_TILE_N],
                                                                 const int m)
{
    __mmask8 exist = (__mmask8)(c->n - n < QGK_TILE_N ? (1 << (c->n - n)) - 1 : 15);

#pragma GCC unroll 8
    for (int r = 0; r < m; r++) {
        __m128 four = qgk_sum4x16(sum[r][0], sum[r][1], sum[r][2], sum[r][3]);
        if (c->bias)
            four = _mm_add_ps(four, _mm_maskz_loadu_ps(exist, c->bias + n));
        _mm_mask_storeu_ps(c->out + (size_t)(row + r) * c->stride + n, exist, four);
    }
}

#endif
#endif
