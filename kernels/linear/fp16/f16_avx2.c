/* Products with half weights where they lie, float32 accumulation.
 *
 * An output is 8 lane sums over k in steps of 8, added by the tree of simd.h: the same chain of
 * operations in every path below, so a row's bits depend neither on the other rows nor on the
 * threads. Decode (1 row) streams the weights, 4 rows of them at a time; more rows widen 4 weight
 * rows to a float32 panel that fits the first-level cache, and multiply it with 3 rows of x at a
 * time: 12 accumulators, 3 rows and 1 column fill the 16 registers. Long rows are cut in blocks of
 * k; lane sums wait in scratch between them, which changes no bit.
 */
#include "kernels/simd.h"
#include "kernels/tiers.h"

#include <assert.h>
#include <omp.h>

enum {
    TILE_N = 4,      /* weight rows of a tile: what one lane-sum tree takes                      */
    TILE_M = 3,      /* rows of x of a tile                                                      */
    BLOCK_K = 1536,  /* a panel of 4 x 1536 floats is 24 KiB: half of the first-level cache      */
    BLOCK_M = 96,    /* 96 x 1536 floats of x are 576 KiB: they stay in the second-level cache   */
    BLOCK_N = 32,    /* columns whose lane sums wait in scratch                                  */
    PREFETCH = 4096, /* bytes ahead of the stream of weights: measured                           */
};

/* What a thread needs: a panel and the waiting lane sums. */
typedef struct slab {
    float panel[BLOCK_K * TILE_N];
    float lanes[BLOCK_M * BLOCK_N * 8];
} slab;

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

/* One row x [k] times columns n .. n + 3, straight from the halves. */
static void one_row(const columns *c, int row, int n, const float *x)
{
    const qgk_half *w[TILE_N];
    __m256 sum[TILE_N];
    int i = 0;

    for (int j = 0; j < TILE_N; j++) {
        w[j] = weight_row(c, n, j);
        sum[j] = _mm256_setzero_ps();
    }
    for (; i + 32 <= c->k; i += 32) {
        for (int j = 0; j < TILE_N; j++)
            _mm_prefetch((const char *)(w[j] + i) + PREFETCH, _MM_HINT_T0);
        for (int u = i; u < i + 32; u += 8) {
            __m256 xu = _mm256_loadu_ps(x + u);
            for (int j = 0; j < TILE_N; j++)
                sum[j] = _mm256_fmadd_ps(xu, qgk_load8_half(w[j] + u), sum[j]);
        }
    }
    for (; i + 8 <= c->k; i += 8)
        for (int j = 0; j < TILE_N; j++)
            sum[j] = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), qgk_load8_half(w[j] + i), sum[j]);
    if (i < c->k) {
        __m256 xi = _mm256_maskload_ps(x + i, qgk_first_lanes(c->k - i));
        for (int j = 0; j < TILE_N; j++)
            sum[j] = _mm256_fmadd_ps(xi, qgk_load_tail_half(w[j] + i, c->k - i), sum[j]);
    }
    store4(c, row, n, qgk_sum4x8(sum[0], sum[1], sum[2], sum[3]));
}

/* Columns n .. n + 3, k0 .. k0 + length - 1, to panel [length / 8 rounded up][4][8], zeros behind.
 */
static void widen(float *panel, const columns *c, int n, int k0, int length)
{
    const qgk_half *w[TILE_N];
    int i = 0;

    for (int j = 0; j < TILE_N; j++)
        w[j] = weight_row(c, n, j) + k0;
    for (; i + 8 <= length; i += 8)
        for (int j = 0; j < TILE_N; j++) {
            if (i % 32 == 0)
                _mm_prefetch((const char *)(w[j] + i + TILE_N * c->k), _MM_HINT_T0);
            _mm256_storeu_ps(panel + i * TILE_N + j * 8, qgk_load8_half(w[j] + i));
        }
    if (i < length)
        for (int j = 0; j < TILE_N; j++)
            _mm256_storeu_ps(panel + i * TILE_N + j * 8, qgk_load_tail_half(w[j] + i, length - i));
}

/* Adds to sum [m][4] the products of m rows x [.][stride] and the panel, over `length` of k. */
__attribute__((always_inline)) static inline void multiply(__m256 sum[TILE_M][TILE_N],
                                                           const float *x, size_t stride,
                                                           const float *panel, int length,
                                                           const int m)
{
    int i = 0;

    for (; i + 8 <= length; i += 8, panel += 8 * TILE_N) {
        __m256 xi[TILE_M];
        for (int r = 0; r < m; r++)
            xi[r] = _mm256_loadu_ps(x + (size_t)r * stride + i);
        for (int j = 0; j < TILE_N; j++) {
            __m256 w = _mm256_load_ps(panel + 8 * j);
            for (int r = 0; r < m; r++)
                sum[r][j] = _mm256_fmadd_ps(xi[r], w, sum[r][j]);
        }
    }
    if (i == length)
        return;
    for (int r = 0; r < m; r++) {
        __m256 xi = _mm256_maskload_ps(x + (size_t)r * stride + i, qgk_first_lanes(length - i));
        for (int j = 0; j < TILE_N; j++)
            sum[r][j] = _mm256_fmadd_ps(xi, _mm256_load_ps(panel + 8 * j), sum[r][j]);
    }
}

/* A tile of m rows x [.][K] from `row` on and columns n .. n + 3, over k0 .. k0 + length - 1:
 * starts at zero or from lanes [m][.][8], ends there or in the output. */
__attribute__((always_inline)) static inline void tile(const columns *c, int row, int n,
                                                       const float *x, const float *panel, int k0,
                                                       int length, float *lanes, const int m)
{
    __m256 sum[TILE_M][TILE_N];

    for (int r = 0; r < m; r++)
        for (int j = 0; j < TILE_N; j++)
            sum[r][j] =
                k0 == 0 ? _mm256_setzero_ps() : _mm256_load_ps(lanes + (r * BLOCK_N + j) * 8);
    multiply(sum, x + (size_t)row * (size_t)c->k + k0, (size_t)c->k, panel, length, m);
    if (k0 + length == c->k) {
        for (int r = 0; r < m; r++)
            store4(c, row + r, n, qgk_sum4x8(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
        return;
    }
    for (int r = 0; r < m; r++)
        for (int j = 0; j < TILE_N; j++)
            _mm256_store_ps(lanes + (r * BLOCK_N + j) * 8, sum[r][j]);
}

/* Rows row0 .. row1 - 1 times columns n .. n + 3 over a block of k; lanes as tile() has them. */
static void panel_rows(const columns *c, int row0, int row1, int n, const float *x,
                       const float *panel, int k0, int length, float *lanes)
{
    int row = row0;

    for (; row + TILE_M <= row1; row += TILE_M)
        tile(c, row, n, x, panel, k0, length, lanes + (row - row0) * BLOCK_N * 8, TILE_M);
    if (row1 - row == 2)
        tile(c, row, n, x, panel, k0, length, lanes + (row - row0) * BLOCK_N * 8, 2);
    else if (row1 - row == 1)
        tile(c, row, n, x, panel, k0, length, lanes + (row - row0) * BLOCK_N * 8, 1);
}

/* All rows times columns n0 .. n1 - 1. */
static void many_rows(const columns *c, int rows, int n0, int n1, const float *x, slab *s)
{
    int n_blocks = (c->k + BLOCK_K - 1) / BLOCK_K;
    int block_k = ((c->k + n_blocks - 1) / n_blocks + 7) / 8 * 8;

    for (int row0 = 0; row0 < rows; row0 += BLOCK_M) {
        int row1 = row0 + BLOCK_M < rows ? row0 + BLOCK_M : rows;
        for (int nb = n0; nb < n1; nb += BLOCK_N)
            for (int k0 = 0; k0 < c->k; k0 += block_k) {
                int length = k0 + block_k < c->k ? block_k : c->k - k0;
                for (int n = nb; n < nb + BLOCK_N && n < n1; n += TILE_N) {
                    widen(s->panel, c, n, k0, length);
                    panel_rows(c, row0, row1, n, x, s->panel, k0, length, s->lanes + (n - nb) * 8);
                }
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
    assert((size_t)ctx->n_threads * sizeof(slab) <= ctx->scratch_bytes);
#pragma omp parallel num_threads(ctx->n_threads)
    {
        int me = omp_get_thread_num(), n_threads = omp_get_num_threads(), before = 0;
        for (int s = 0; s < w->n_segments; s++) {
            columns c = {w->segment[s].data,
                         (float *)out + before,
                         w->bias ? w->bias + before : NULL,
                         w->segment[s].n,
                         w->k,
                         (size_t)w->n};
            int n_tiles = (c.n + TILE_N - 1) / TILE_N;
            int n0 = (int)((int64_t)n_tiles * me / n_threads) * TILE_N;
            int n1 = (int)((int64_t)n_tiles * (me + 1) / n_threads) * TILE_N;
            if (rows == 1)
                for (int n = n0; n < n1; n += TILE_N)
                    one_row(&c, 0, n, (const float *)x);
            else
                many_rows(&c, rows, n0, n1, (const float *)x, (slab *)ctx->scratch + me);
            before += c.n;
        }
    }
}

size_t qgk_f16_avx2_scratch(const qgk_limits *limits)
{
    return (size_t)limits->n_threads * sizeof(slab);
}

void qgk_f16_avx2(qgk_table *t)
{
    t->linear[QGK_FORMAT_F16].product = product;
}
