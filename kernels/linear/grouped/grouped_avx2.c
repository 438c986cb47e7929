/* Products with codes of 4 and 8 bits in groups, float32 accumulation.
 *
 * A weight is scale * (code - zero), rounded once to float32, and then multiplied as any other: an
 * output is 8 lane sums over k in steps of 8, added by the tree of simd.h, one chain of operations
 * whatever stands beside it. Few rows (decoding) make their weights in registers as they go, one
 * row with 8 columns at a time, so that enough sums are under way. More rows make a block of
 * weights of 4 columns once, in scratch, and share it: the same numbers, so the same bits.
 */
#include "kernels/linear/grouped/grouped.h"
#include "kernels/simd.h"
#include "kernels/tiers.h"

enum {
    TILE_N = 4, /* weight rows of a tile: what one lane-sum tree takes */
    TILE_M = 3, /* rows of x of a tile of wide weights                 */
    HALVES = QGK_BLOCK_N / TILE_N,
    FEW = 2,            /* rows: up to here weights are made anew in each tile               */
    FEW_M = 2,          /* its rows                                                          */
    AHEAD = 8192,       /* bytes: what memory delivers while one line is on its way          */
    BLOCK_K = 1536,     /* 4 rows of float32 weights, 24 KiB, stay in the first-level cache  */
    X_ROWS = 192,       /* rows of x that share them, at most                                */
    X_FLOATS = 1 << 16, /* and their size: they stay in the second-level cache               */
};

_Static_assert((BLOCK_K + X_ROWS * 8) * TILE_N <= QGK_GROUPED_ROOM, "a thread's own scratch");

/* As they stand in 8 bytes. */
static const unsigned char place[QGK_STEP] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* The weights of 4 rows of a block, within one group; or a block of k as floats. */
typedef struct weights {
    const unsigned char *codes; /* of the block */
    int first;                  /* row of the block */
    __m256 scale[TILE_N], minus_zero[TILE_N];
    float *wide; /* [4][BLOCK_K], from column k0 on */
    int k0;
} weights;

/* Weights i + half .. i + half + 7 of row j; i is that of a step, half 0 or 8. */
typedef __m256 (*load8)(const weights *w, int j, int i, int half);

__attribute__((always_inline)) static inline __m256 scaled(const weights *w, int j, __m256i code)
{
    return _mm256_mul_ps(_mm256_add_ps(_mm256_cvtepi32_ps(code), w->minus_zero[j]), w->scale[j]);
}

__attribute__((always_inline)) static inline __m256 load_of4(const weights *w, int j, int i,
                                                             int half)
{
    const __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    const unsigned char *step = w->codes + (size_t)i * (QGK_BLOCK_N / 2);
    int32_t eight;

    if (half == 0 && j == 0 && w->first == 0)
        _mm_prefetch((const char *)step + AHEAD, _MM_HINT_T0);
    memcpy(&eight, step + (w->first + j) * 8 + half / 2, sizeof eight);
    return scaled(w, j,
                  _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(eight), shifts),
                                   _mm256_set1_epi32(15)));
}

__attribute__((always_inline)) static inline __m256 load_of8(const weights *w, int j, int i,
                                                             int half)
{
    const unsigned char *step = w->codes + (size_t)i * QGK_BLOCK_N;

    if (j == 0 && w->first == 0)
        _mm_prefetch((const char *)step + AHEAD + half * 8, _MM_HINT_T0);
    return scaled(
        w, j,
        _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(step + (w->first + j) * 16 + half))));
}

__attribute__((always_inline)) static inline __m256 load_wide(const weights *w, int j, int i,
                                                              int half)
{
    return _mm256_load_ps(w->wide + j * BLOCK_K + i - w->k0 + half);
}

static weights block_of(const qgk_grouped *s, int n)
{
    return (weights){.codes = s->data + (size_t)(n / QGK_BLOCK_N) * s->block_bytes,
                     .first = n % QGK_BLOCK_N};
}

/* Scales and zero points of group g. */
__attribute__((always_inline)) static inline void enter_group(weights *w, const qgk_grouped *s,
                                                              int g)
{
    size_t at = (size_t)(g * QGK_BLOCK_N + w->first);

    for (int j = 0; j < TILE_N; j++) {
        float scale;
        memcpy(&scale, w->codes + s->scales_at + (at + (size_t)j) * sizeof scale, sizeof scale);
        w->scale[j] = _mm256_set1_ps(scale);
        w->minus_zero[j] =
            _mm256_set1_ps(qgk_grouped_ramp[256 - w->codes[s->zeros_at + at + (size_t)j]]);
    }
}

/* Adds to sum [m][4] the products of m rows x [.][k] and 4 rows of weights over columns from .. to
 * - 1, `stride` at a time: a step, or 8 where that saves registers. */
__attribute__((always_inline)) static inline void accumulate(__m256 sum[TILE_M][TILE_N],
                                                             const float *x, size_t k,
                                                             const weights *w, load8 load, int from,
                                                             int to, const int stride, const int m)
{
    for (int i = from; i < to; i += stride)
        for (int half = 0; half < stride; half += 8) {
            __m256 xi[TILE_M];
            for (int r = 0; r < m; r++)
                xi[r] = _mm256_loadu_ps(x + (size_t)r * k + i + half);
            for (int j = 0; j < TILE_N; j++) {
                __m256 wj = load(w, j, i, half);
                for (int r = 0; r < m; r++)
                    sum[r][j] = _mm256_fmadd_ps(xi[r], wj, sum[r][j]);
            }
        }
}

/* Stores the outputs of columns n .. n + 3, as far as they exist. */
static inline void store4(const qgk_grouped *s, int row, int n, __m128 sum)
{
    float four[TILE_N], *to = s->out + (size_t)row * s->stride + n;

    _mm_storeu_ps(four, sum);
    for (int i = 0; i < TILE_N && n + i < s->n; i++)
        to[i] = s->bias ? four[i] + s->bias[n + i] : four[i];
}

/* Rows row .. row + m - 1 by columns n .. n + 3, or .. n + 7 where `halves` is 2, group by group.
 */
__attribute__((always_inline)) static inline void tile(const qgk_grouped *s, int row, int n,
                                                       const int m, const int halves, load8 load)
{
    size_t k = qgk_grouped_k(s);
    int length = s->group_steps * QGK_STEP;
    const float *x = s->x + (size_t)row * k;
    weights w[HALVES];
    __m256 sum[HALVES][TILE_M][TILE_N];

    for (int h = 0; h < halves; h++) {
        w[h] = block_of(s, n);
        w[h].first = halves > 1 ? h * TILE_N : w[h].first;
        for (int r = 0; r < m; r++)
            for (int j = 0; j < TILE_N; j++)
                sum[h][r][j] = _mm256_setzero_ps();
    }
    for (int g = 0; g < s->n_groups; g++) {
        for (int h = 0; h < halves; h++)
            enter_group(&w[h], s, g);
        for (int i = g * length; i < (g + 1) * length; i += QGK_STEP)
            for (int h = 0; h < halves; h++)
                accumulate(sum[h], x, k, &w[h], load, i, i + QGK_STEP, QGK_STEP, m);
    }
    for (int h = 0; h < halves; h++)
        for (int r = 0; r < m; r++)
            store4(s, row + r, n + h * TILE_N,
                   qgk_sum4x8(sum[h][r][0], sum[h][r][1], sum[h][r][2], sum[h][r][3]));
}

/* m <= FEW_M rows by 4 columns; one row alone by 8. */
__attribute__((always_inline)) static inline void few_rows(const qgk_grouped *s, int row, int n,
                                                           int m, int alone, load8 load)
{
    if (alone)
        tile(s, row, n, 1, HALVES, load);
    else if (m == 1)
        tile(s, row, n, 1, 1, load);
    else
        tile(s, row, n, FEW_M, 1, load);
}

/* Not inlined, as their loops want all registers. */
__attribute__((noinline)) static void few4(const qgk_grouped *s, int row, int n, int m, int alone)
{
    few_rows(s, row, n, m, alone, load_of4);
}

__attribute__((noinline)) static void few8(const qgk_grouped *s, int row, int n, int m, int alone)
{
    few_rows(s, row, n, m, alone, load_of8);
}

static void multiply_few(const qgk_grouped *s, int rows, int n0, int n1)
{
    for (int n = n0; n < n1; n += rows == 1 ? QGK_BLOCK_N : TILE_N)
        for (int row = 0; row < rows; row += FEW_M)
            (s->bits == 4 ? few4 : few8)(s, row, n, rows - row, rows == 1);
}

/* Columns k0 .. k1 - 1 of w's rows to w->wide. */
__attribute__((always_inline)) static inline void widen(weights *w, const qgk_grouped *s, int k1,
                                                        load8 load)
{
    int length = s->group_steps * QGK_STEP;

    for (int i = w->k0, end; i < k1;) {
        enter_group(w, s, i / length);
        for (end = (i / length + 1) * length; i < end && i < k1; i += QGK_STEP)
            for (int j = 0; j < TILE_N; j++) {
                float *to = w->wide + j * BLOCK_K + i - w->k0;
                _mm256_store_ps(to, load(w, j, i, 0));
                _mm256_store_ps(to + 8, load(w, j, i, 8));
            }
    }
}

/* The same over columns k0 .. k1 - 1 of wide weights: from zero or the sums [m][4][8] of the last
 * block to sums or outputs. */
__attribute__((always_inline)) static inline void wide_tile(const qgk_grouped *s, int row, int n,
                                                            const weights *w, int k1, float *sums,
                                                            const int m)
{
    size_t k = qgk_grouped_k(s);
    __m256 sum[TILE_M][TILE_N];

    for (int r = 0; r < m; r++)
        for (int j = 0; j < TILE_N; j++)
            sum[r][j] =
                w->k0 > 0 ? _mm256_load_ps(sums + (r * TILE_N + j) * 8) : _mm256_setzero_ps();
    accumulate(sum, s->x + (size_t)row * k, k, w, load_wide, w->k0, k1, 8, m);
    for (int r = 0; r < m; r++)
        if (k1 == (int)k)
            store4(s, row + r, n, qgk_sum4x8(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
        else
            for (int j = 0; j < TILE_N; j++)
                _mm256_store_ps(sums + (r * TILE_N + j) * 8, sum[r][j]);
}

/* Rows row .. row1 - 1 by columns n .. n + 3. */
static void wide_tiles(const qgk_grouped *s, int row0, int row1, int n, float *room)
{
    int k = (int)qgk_grouped_k(s), n_blocks = (k + BLOCK_K - 1) / BLOCK_K;
    int block_k = ((k + n_blocks - 1) / n_blocks + QGK_STEP - 1) / QGK_STEP * QGK_STEP;
    weights w = block_of(s, n);

    w.wide = room;
    for (int k1; w.k0 < k; w.k0 = k1) {
        float *sums = room + TILE_N * BLOCK_K;
        int row = row0;
        k1 = w.k0 + block_k < k ? w.k0 + block_k : k;
        if (s->bits == 4)
            widen(&w, s, k1, load_of4);
        else
            widen(&w, s, k1, load_of8);
        for (; row + TILE_M <= row1; row += TILE_M, sums += TILE_M * TILE_N * 8)
            wide_tile(s, row, n, &w, k1, sums, TILE_M);
        if (row1 - row == 2)
            wide_tile(s, row, n, &w, k1, sums, 2);
        else if (row1 - row == 1)
            wide_tile(s, row, n, &w, k1, sums, 1);
    }
}

static void multiply_many(const qgk_grouped *s, int rows, int n0, int n1, float *room)
{
    int share = (int)(X_FLOATS / qgk_grouped_k(s)) / TILE_M * TILE_M;

    share = share < 8 * TILE_M ? 8 * TILE_M : share > X_ROWS ? X_ROWS : share;
    for (int row = 0; row < rows; row += share)
        for (int n = n0; n < n1; n += TILE_N)
            wide_tiles(s, row, row + share < rows ? row + share : rows, n, room);
}

static void multiply(const qgk_grouped *s, int rows, int n0, int n1, float *room)
{
    if (rows > FEW)
        multiply_many(s, rows, n0, n1, room);
    else
        multiply_few(s, rows, n0, n1);
}

/* out [rows][N] = x [rows][K] W^T + bias; activations are float32 on the CPU, so f32_out changes
 * nothing */
static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    (void)f32_out;
    qgk_grouped_product(ctx, out, (const float *)x, w, rows, multiply);
}

static void pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    qgk_grouped_pack(packed, s, rows, row0, place);
}

void qgk_grouped_avx2(qgk_table *t)
{
    t->linear[QGK_FORMAT_W4A16] = t->linear[QGK_FORMAT_W8A16] =
        (qgk_linear){.packed_bytes = qgk_grouped_bytes, .pack = pack, .product = product};
}
