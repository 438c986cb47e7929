/* How Gram matrices and their energies are cut into blocks, for the fast tiers: gram_*.c alone.
 *
 * Both are products of a block of at most QGK_GRAM_M rows with a panel of QGK_GRAM_N columns,
 * summed in float32 over at most QGK_GRAM_CHUNK steps, whose results are then added to doubles. A
 * tier brings that product; which block when, packing and the doubles are plain C here, compiled
 * with the tier's flags.
 *
 * Panels are packed, as rows lie k floats apart: where that is a multiple of 4 KiB they would all
 * fall into the same few lines of the first-level cache. Every element is one chain of operations
 * whose order follows from its place alone, so its bits depend neither on the threads nor, for an
 * energy, on the rows beside it.
 */
#ifndef QGK_GRAM_TILE_H
#define QGK_GRAM_TILE_H

#include "kernels/qgk.h"

#include <assert.h>
#include <string.h>

enum {
    QGK_GRAM_CHUNK = 128, /* steps summed in float32, at most                                  */
    QGK_GRAM_M = 24,      /* rows of a block: whole tiles of 8 (AVX-512) or 6 (AVX2)           */
    QGK_GRAM_N = 64,      /* columns of a panel: 32 KiB with all its steps, and wide, as each  */
                          /* panel packs every block that it meets                             */
    QGK_GRAM_STRIP = 480, /* rows of the Gram matrix of a task: 20 blocks on one packed panel  */
    QGK_GRAM_ROWS = 240,  /* rows whose energies a task sums, at most: they share each panel   */
    QGK_GRAM_LANES = 8,   /* partial sums of an energy                                         */
};

/* sum [m][QGK_GRAM_N] = a b over `steps` of panel b [steps][QGK_GRAM_N]; a at row r and step t is
 * a[r * row + t * step]; 1 <= m <= QGK_GRAM_M. One fused multiply-add a step, in order. */
typedef void (*qgk_gram_fn)(float *sum, const float *a, size_t row, size_t step, const float *b,
                            int steps, int m);

static inline int qgk_gram_least(int a, int b)
{
    return a < b ? a : b;
}

/* to [rows][n] = the first `cols` columns of from [rows][stride], zeros behind */
__attribute__((always_inline)) static inline void qgk_gram_pack(float *to, const int n,
                                                                const float *from, size_t stride,
                                                                int rows, int cols)
{
    if (cols == n) { /* a copy of constant size */
        for (int t = 0; t < rows; t++)
            memcpy(to + t * n, from + (size_t)t * stride, (size_t)n * sizeof *to);
        return;
    }
    for (int t = 0; t < rows; t++)
        for (int c = 0; c < n; c++)
            to[t * n + c] = c < cols ? from[(size_t)t * stride + (size_t)c] : 0;
}

/* ---- the Gram matrix ---- */

/* Adds sum [QGK_GRAM_M][QGK_GRAM_N] to gram [k][k] from row i and column j on, where column >= row.
 */
static inline void qgk_gram_add(double *gram, const float *sum, int i, int j, int k)
{
    int end = qgk_gram_least(QGK_GRAM_N, k - j);

    for (int r = 0; r < QGK_GRAM_M && i + r < k; r++, sum += QGK_GRAM_N) {
        double *to = gram + (size_t)(i + r) * (size_t)k + j;
        for (int c = i + r > j ? i + r - j : 0; c < end; c++)
            to[c] += (double)sum[c];
    }
}

/* The part of gram in rows first .. end - 1 and the panel of columns from j on. */
static inline void qgk_gram_strip(double *gram, const float *x, int rows, int k, int first, int end,
                                  int j, qgk_gram_fn multiply)
{
    _Alignas(64) float panel[QGK_GRAM_CHUNK * QGK_GRAM_N], block[QGK_GRAM_CHUNK * QGK_GRAM_M];
    _Alignas(64) float sum[QGK_GRAM_M * QGK_GRAM_N];
    size_t stride = (size_t)k;

    for (int t = 0; t < rows; t += QGK_GRAM_CHUNK) {
        const float *chunk = x + (size_t)t * stride;
        int steps = qgk_gram_least(QGK_GRAM_CHUNK, rows - t);
        qgk_gram_pack(panel, QGK_GRAM_N, chunk + j, stride, steps,
                      qgk_gram_least(QGK_GRAM_N, k - j));
        for (int i = first; i < end; i += QGK_GRAM_M) {
            qgk_gram_pack(block, QGK_GRAM_M, chunk + i, stride, steps,
                          qgk_gram_least(QGK_GRAM_M, k - i));
            multiply(sum, block, 1, QGK_GRAM_M, panel, steps, QGK_GRAM_M);
            qgk_gram_add(gram, sum, i, j, k);
        }
    }
}

/* gram [k][k] += x^T x of x [rows][k] where column >= row; a task takes a strip of a panel over all
 * rows of x, so that its part of gram is fetched once. The longest panels come first. */
static inline void qgk_gram_run(qgk_ctx *ctx, double *gram, const float *x, int rows, int k,
                                qgk_gram_fn multiply)
{
    assert(rows >= 0 && k > 0);
#pragma omp parallel for num_threads(ctx->n_threads) schedule(dynamic) collapse(2)
    for (int j = (k - 1) / QGK_GRAM_N * QGK_GRAM_N; j >= 0; j -= QGK_GRAM_N)
        for (int i = 0; i < k; i += QGK_GRAM_STRIP) {
            int end = qgk_gram_least(j + QGK_GRAM_N, k); /* the diagonal ends here */
            if (i < end)
                qgk_gram_strip(gram, x, rows, k, i, qgk_gram_least(i + QGK_GRAM_STRIP, end), j,
                               multiply);
        }
}

/* ---- energies ---- */

/* panel [steps][QGK_GRAM_N] = u from row i and column j on, zeros beyond column k, where u has
 * twice what is above the diagonal of g, the diagonal itself, and zeros below: d g d^T = d u d^T,
 * as g is symmetric. */
static inline void qgk_gram_pack_upper(float *panel, const float *g, int i, int j, int steps, int k)
{
    int cols = qgk_gram_least(QGK_GRAM_N, k - j);

    qgk_gram_pack(panel, QGK_GRAM_N, g + (size_t)i * (size_t)k + j, (size_t)k, steps, cols);
    for (int at = 0; at < steps * QGK_GRAM_N; at++)
        panel[at] *= 2;
    for (int t = j - i; t < steps; t++) { /* this row of the panel meets the diagonal */
        float *row = panel + t * QGK_GRAM_N;
        int diagonal = t - (j - i);
        row[diagonal] = g[(size_t)(i + t) * (size_t)k + (size_t)(i + t)];
        for (int c = 0; c < diagonal; c++)
            row[c] = 0;
    }
}

/* Adds the products of `count` sums with d to the lanes of a row's energy. */
static inline void qgk_gram_dot(double lane[QGK_GRAM_LANES], const float *sum, const float *d,
                                int count)
{
    int c = 0;

    for (; c + QGK_GRAM_LANES <= count; c += QGK_GRAM_LANES)
        for (int l = 0; l < QGK_GRAM_LANES; l++)
            lane[l] += (double)sum[c + l] * (double)d[c + l];
    for (int l = 0; c < count; c++, l++)
        lane[l] += (double)sum[c] * (double)d[c];
}

/* out [n], n <= QGK_GRAM_ROWS, of d [n][k]: each panel of u is packed once and passes all rows. */
static inline void qgk_gram_energies(double *out, const float *d, const float *g, int n, int k,
                                     qgk_gram_fn multiply)
{
    _Alignas(64) float panel[QGK_GRAM_CHUNK * QGK_GRAM_N], sum[QGK_GRAM_M * QGK_GRAM_N];
    _Alignas(64) double lanes[QGK_GRAM_ROWS][QGK_GRAM_LANES] = {{0}};
    size_t stride = (size_t)k;

    for (int i = 0; i < k; i += QGK_GRAM_CHUNK)
        for (int j = i; j < k; j += QGK_GRAM_N) {
            int cols = qgk_gram_least(QGK_GRAM_N, k - j);
            int steps = qgk_gram_least(QGK_GRAM_CHUNK, j + cols - i);
            qgk_gram_pack_upper(panel, g, i, j, steps, k);
            for (int row = 0, m; row < n; row += m) {
                const float *from = d + (size_t)row * stride;
                m = qgk_gram_least(QGK_GRAM_M, n - row);
                multiply(sum, from + i, stride, 1, panel, steps, m);
                for (int r = 0; r < m; r++)
                    qgk_gram_dot(lanes[row + r], sum + r * QGK_GRAM_N,
                                 from + (size_t)r * stride + j, cols);
            }
        }
    for (int row = 0; row < n; row++) {
        const double *l = lanes[row];
        out[row] = ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]));
    }
}

/* out [n] = d g d^T of each row of d [n][k]; the float32 sums of d u are added up in double. Tasks
 * are equal shares of the rows, as many for each thread. */
static inline void qgk_gram_energy_run(qgk_ctx *ctx, double *out, const float *d, const float *g,
                                       int n, int k, qgk_gram_fn multiply)
{
    int round = ctx->n_threads * QGK_GRAM_ROWS;
    int n_tasks = qgk_gram_least((n + round - 1) / round * ctx->n_threads, n);

    assert(n >= 0 && k > 0);
#pragma omp parallel for num_threads(ctx->n_threads) schedule(dynamic)
    for (int task = 0; task < n_tasks; task++) {
        int row = (int)((int64_t)n * task / n_tasks),
            end = (int)((int64_t)n * (task + 1) / n_tasks);
        qgk_gram_energies(out + row, d + (size_t)row * (size_t)k, g, end - row, k, multiply);
    }
}

#endif
