/* Products with half weights where they lie, float32 accumulation.
 *
 * An output is 8 lane sums over k in steps of 8, added by the tree of simd.h: one chain of
 * operations, whatever stands beside it, so a row's bits depend neither on the other rows nor on
 * the threads. A tile is 3 rows of x by 4 rows of the weight: 12 accumulators, 3 vectors of x and
 * one of weights, widened as it is loaded, fill the 16 registers. Where a tile touches its weights
 * for the first time it fetches the next tile's, a cache line a step: that keeps decoding (1 row)
 * at the speed of memory. Long rows are cut in blocks of k; lane sums wait in scratch between them,
 * which changes no bit.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>
#include <omp.h>

enum {
    TILE_N = 4,     /* weight rows of a tile: what one lane-sum tree takes                     */
    TILE_M = 3,     /* rows of x of a tile                                                     */
    BLOCK_K = 1536, /* a tile's weights are at most 12 KiB: they stay in the first-level cache */
    BLOCK_M = 96,   /* 96 x 1536 floats of x are 576 KiB: they stay in the second-level cache  */
    BLOCK_N = 32,   /* columns whose lane sums wait in scratch                                 */
    FEW = 12,       /* rows: up to here weights are streamed, and blocks of k do not pay       */
};

/* Lane sums that wait, of one thread: [BLOCK_M][BLOCK_N][8]. */
enum { LANES = BLOCK_M * BLOCK_N * 8 };

/* The columns of one segment: where their weights, outputs and biases are. */
typedef struct columns {
    const qgk_half *w; /* [n][k] */
    float *out;        /* [rows][stride] */
    const float *bias; /* [n] or NULL */
    int n, k;
    size_t stride;
} columns;

/* Stores the outputs of columns n .. n + 3, as far as they exist. */
static inline void store4(const columns *c, int row, int n, __m128 sum)
{
    float *to = c->out + (size_t)row * c->stride + n;

    if (n + TILE_N <= c->n) {
        if (c->bias)
            sum = _mm_add_ps(sum, _mm_loadu_ps(c->bias + n));
        _mm_storeu_ps(to, sum);
        return;
    }
    float four[TILE_N];
    _mm_storeu_ps(four, sum);
    for (int i = 0; n + i < c->n; i++)
        to[i] = c->bias ? four[i] + c->bias[n + i] : four[i];
}

/* Weight row n + i of a tile; past the end the last one stands in and its sum is dropped. */
static inline const qgk_half *weight_row(const columns *c, int n, int i)
{
    int row = n + i < c->n ? n + i : c->n - 1;
    return c->w + (size_t)row * (size_t)c->k;
}

/* Adds to sum [m][4] the products of m rows x [.][stride] and 4 rows w over `length` of k; fetches
 * as many bytes from `next` on as it reads of w, if there is a next. */
__attribute__((always_inline)) static inline void multiply(__m256 sum[TILE_M][TILE_N],
                                                           const float *x, size_t stride,
                                                           const qgk_half *const w[TILE_N],
                                                           int length, const char *next,
                                                           const int m)
{
    int i = 0;

    for (; i + 8 <= length; i += 8) {
        __m256 xi[TILE_M];
        if (next) /* 8 halves of 4 rows are one line */
            _mm_prefetch(next + 8 * i, _MM_HINT_T0);
        for (int r = 0; r < m; r++)
            xi[r] = _mm256_loadu_ps(x + (size_t)r * stride + i);
        for (int j = 0; j < TILE_N; j++) {
            __m256 wj = qgk_load8_half(w[j] + i);
            for (int r = 0; r < m; r++)
                sum[r][j] = _mm256_fmadd_ps(xi[r], wj, sum[r][j]);
        }
    }
    if (i == length)
        return;
    for (int j = 0; j < TILE_N; j++) {
        __m256 wj = qgk_load_tail_half(w[j] + i, length - i);
        for (int r = 0; r < m; r++)
            sum[r][j] = _mm256_fmadd_ps(
                _mm256_maskload_ps(x + (size_t)r * stride + i, qgk_first_lanes(length - i)), wj,
                sum[r][j]);
    }
}

/* A tile of m rows x [.][K] from `row` on and columns n .. n + 3, over k0 .. k0 + length - 1:
 * starts at zero or from lanes [m][.][8], ends there or in the output. */
__attribute__((always_inline)) static inline void tile(const columns *c, int row, int n,
                                                       const float *x, int k0, int length,
                                                       float *lanes, const char *next, const int m)
{
    const qgk_half *w[TILE_N];
    __m256 sum[TILE_M][TILE_N];

    for (int j = 0; j < TILE_N; j++)
        w[j] = weight_row(c, n, j) + k0;
    for (int r = 0; r < m; r++)
        for (int j = 0; j < TILE_N; j++)
            sum[r][j] =
                k0 == 0 ? _mm256_setzero_ps() : _mm256_load_ps(lanes + (r * BLOCK_N + j) * 8);
    multiply(sum, x + (size_t)row * (size_t)c->k + k0, (size_t)c->k, w, length, next, m);
    if (k0 + length == c->k) {
        for (int r = 0; r < m; r++)
            store4(c, row + r, n, qgk_sum4x8(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
        return;
    }
    for (int r = 0; r < m; r++)
        for (int j = 0; j < TILE_N; j++)
            _mm256_store_ps(lanes + (r * BLOCK_N + j) * 8, sum[r][j]);
}

/* Rows row0 .. row1 - 1 times columns n .. n + 3 over k0 .. k0 + length - 1; lanes as in tile(). */
static void tile_rows(const columns *c, int row0, int row1, int n, const float *x, int k0,
                      int length, float *lanes)
{
    int row = row0;
    const char *next = length == c->k ? (const char *)weight_row(c, n + TILE_N, 0) : NULL;

    for (; row + TILE_M <= row1; row += TILE_M, next = NULL)
        tile(c, row, n, x, k0, length, lanes + (row - row0) * BLOCK_N * 8, next, TILE_M);
    if (row1 - row == 2)
        tile(c, row, n, x, k0, length, lanes + (row - row0) * BLOCK_N * 8, next, 2);
    else if (row1 - row == 1)
        tile(c, row, n, x, k0, length, lanes + (row - row0) * BLOCK_N * 8, next, 1);
}

/* All rows times columns n0 .. n1 - 1. */
static void multiply_columns(const columns *c, int rows, int n0, int n1, const float *x,
                             float *lanes)
{
    int n_blocks = (c->k + BLOCK_K - 1) / BLOCK_K;
    int block_k = ((c->k + n_blocks - 1) / n_blocks + 7) / 8 * 8;

    if (rows <= FEW)
        block_k = c->k;
    for (int row0 = 0; row0 < rows; row0 += BLOCK_M) {
        int row1 = row0 + BLOCK_M < rows ? row0 + BLOCK_M : rows;
        for (int nb = n0; nb < n1; nb += BLOCK_N)
            for (int k0 = 0; k0 < c->k; k0 += block_k) {
                int length = k0 + block_k < c->k ? block_k : c->k - k0;
                for (int n = nb; n < nb + BLOCK_N && n < n1; n += TILE_N)
                    tile_rows(c, row0, row1, n, x, k0, length, lanes + (n - nb) * 8);
            }
    }
}

/* out [rows][N] = x [rows][K] W^T + bias; activations are float32 on the CPU, so f32_out changes
 * nothing */
static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    (void)f32_out;
    assert(w->format == QGK_FORMAT_F16 && rows >= 0 && w->k > 0);
    assert((size_t)ctx->n_threads * LANES * sizeof(float) <= ctx->scratch_bytes);
#pragma omp parallel num_threads(ctx->n_threads)
    {
        int me = omp_get_thread_num(), n_threads = omp_get_num_threads();
        for (int s = 0; s < w->n_segments; s++) {
            int at = w->segment[s].at;
            columns c = {w->segment[s].data,
                         (float *)out + at,
                         w->bias ? w->bias + at : NULL,
                         w->segment[s].n,
                         w->k,
                         (size_t)w->n};
            int n_tiles = (c.n + TILE_N - 1) / TILE_N;
            int n0 = (int)((int64_t)n_tiles * me / n_threads) * TILE_N;
            int n1 = (int)((int64_t)n_tiles * (me + 1) / n_threads) * TILE_N;
            multiply_columns(&c, rows, n0, n1, (const float *)x,
                             (float *)ctx->scratch + (size_t)me * LANES);
        }
    }
}

size_t qgk_f16_avx2_scratch(const qgk_limits *limits)
{
    return (size_t)limits->n_threads * LANES * sizeof(float);
}

void qgk_f16_avx2(qgk_table *t)
{
    t->linear[QGK_FORMAT_F16].product = product;
}
