/* Products with codes of 4 and 8 bits in groups, float32 accumulation.
 *
 * A weight is scale * (code - zero), rounded once to float32, and then multiplied as any other: an
 * output is 8 lane sums over k in steps of 8, added by the tree of simd.h, one chain of operations
 * whatever stands beside it. A tile is 3 rows of x by 4 rows of the weight. Up to 3 rows (decoding)
 * make their weights in registers, as they go; more rows make those of 4 columns once, in scratch,
 * and share them: the same numbers, so the same bits.
 */
#include "kernels/linear/grouped/grouped.h"
#include "kernels/simd.h"
#include "kernels/tiers.h"

enum {
    TILE_N = 4,         /* weight rows of a tile: what one lane-sum tree takes           */
    TILE_M = 3,         /* rows of x of a tile                                           */
    AHEAD = 2048,       /* bytes: what memory delivers while one line is on its way      */
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

/* Weights i .. i + 7 of row j. */
typedef __m256 (*load8)(const weights *w, int j, int i);

__attribute__((always_inline)) static inline __m256 scaled(const weights *w, int j, __m256i code)
{
    return _mm256_mul_ps(_mm256_add_ps(_mm256_cvtepi32_ps(code), w->minus_zero[j]), w->scale[j]);
}

__attribute__((always_inline)) static inline __m256 load_of4(const weights *w, int j, int i)
{
    const __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    const unsigned char *step = w->codes + (size_t)(i / QGK_STEP) * QGK_BLOCK_N * 8;
    int32_t eight;

    if (j == 0)
        _mm_prefetch((const char *)step + AHEAD, _MM_HINT_T0);
    memcpy(&eight, step + (w->first + j) * 8 + i % QGK_STEP / 2, sizeof eight);
    return scaled(w, j,
                  _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(eight), shifts),
                                   _mm256_set1_epi32(15)));
}

__attribute__((always_inline)) static inline __m256 load_of8(const weights *w, int j, int i)
{
    const unsigned char *step = w->codes + (size_t)(i / QGK_STEP) * QGK_BLOCK_N * 16;

    if (j == 0)
        _mm_prefetch((const char *)step + AHEAD + i % QGK_STEP * 8, _MM_HINT_T0);
    return scaled(w, j,
                  _mm256_cvtepu8_epi32(
                      _mm_loadl_epi64((const void *)(step + (w->first + j) * 16 + i % QGK_STEP))));
}

__attribute__((always_inline)) static inline __m256 load_wide(const weights *w, int j, int i)
{
    return _mm256_load_ps(w->wide + j * BLOCK_K + i - w->k0);
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
 * - 1. */
__attribute__((always_inline)) static inline void accumulate(__m256 sum[TILE_M][TILE_N],
                                                             const float *x, size_t k,
                                                             const weights *w, load8 load, int from,
                                                             int to, const int m)
{
    for (int i = from; i < to; i += 8) {
        __m256 xi[TILE_M];
        for (int r = 0; r < m; r++)
            xi[r] = _mm256_loadu_ps(x + (size_t)r * k + i);
        for (int j = 0; j < TILE_N; j++) {
            __m256 wj = load(w, j, i);
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

/* Rows row .. row + m - 1 by columns n .. n + 3, group by group. */
__attribute__((always_inline)) static inline void tile(const qgk_grouped *s, int row, int n,
                                                       const int m, load8 load)
{
    size_t k = qgk_grouped_k(s);
    int length = s->group_steps * QGK_STEP;
    weights w = block_of(s, n);
    __m256 sum[TILE_M][TILE_N];

    for (int r = 0; r < m; r++)
        for (int j = 0; j < TILE_N; j++)
            sum[r][j] = _mm256_setzero_ps();
    for (int g = 0; g < s->n_groups; g++) {
        enter_group(&w, s, g);
        accumulate(sum, s->x + (size_t)row * k, k, &w, load, g * length, (g + 1) * length, m);
    }
    for (int r = 0; r < m; r++)
        store4(s, row + r, n, qgk_sum4x8(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
}

/* Columns k0 .. k1 - 1 of w's rows to w->wide. */
__attribute__((always_inline)) static inline void widen(weights *w, const qgk_grouped *s, int k1,
                                                        load8 load)
{
    int length = s->group_steps * QGK_STEP;

    for (int i = w->k0, end; i < k1;) {
        enter_group(w, s, i / length);
        for (end = (i / length + 1) * length; i < end && i < k1; i += 8)
            for (int j = 0; j < TILE_N; j++)
                _mm256_store_ps(w->wide + j * BLOCK_K + i - w->k0, load(w, j, i));
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
    accumulate(sum, s->x + (size_t)row * k, k, w, load_wide, w->k0, k1, m);
    for (int r = 0; r < m; r++)
        if (k1 == (int)k)
            store4(s, row + r, n, qgk_sum4x8(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
        else
            for (int j = 0; j < TILE_N; j++)
                _mm256_store_ps(sums + (r * TILE_N + j) * 8, sum[r][j]);
}

/* Rows row .. row1 - 1 by columns n .. n + 3. */
__attribute__((always_inline)) static inline void wide_tiles(const qgk_grouped *s, int row0,
                                                             int row1, int n, float *room,
                                                             load8 load)
{
    int k = (int)qgk_grouped_k(s), n_blocks = (k + BLOCK_K - 1) / BLOCK_K;
    int block_k = ((k + n_blocks - 1) / n_blocks + QGK_STEP - 1) / QGK_STEP * QGK_STEP;
    weights w = block_of(s, n);

    w.wide = room;
    for (int k1; w.k0 < k; w.k0 = k1) {
        float *sums = room + TILE_N * BLOCK_K;
        int row = row0;
        k1 = w.k0 + block_k < k ? w.k0 + block_k : k;
        widen(&w, s, k1, load);
        for (; row + TILE_M <= row1; row += TILE_M, sums += TILE_M * TILE_N * 8)
            wide_tile(s, row, n, &w, k1, sums, TILE_M);
        if (row1 - row == 2)
            wide_tile(s, row, n, &w, k1, sums, 2);
        else if (row1 - row == 1)
            wide_tile(s, row, n, &w, k1, sums, 1);
    }
}

__attribute__((always_inline)) static inline void multiply_by(const qgk_grouped *s, int rows,
                                                              int n0, int n1, float *room,
                                                              load8 load)
{
    int share = (int)(X_FLOATS / qgk_grouped_k(s)) / TILE_M * TILE_M;

    share = share < 8 * TILE_M ? 8 * TILE_M : share > X_ROWS ? X_ROWS : share;
    for (int n = n0; n < n1 && rows <= TILE_M; n += TILE_N)
        if (rows == 1)
            tile(s, 0, n, 1, load);
        else if (rows == 2)
            tile(s, 0, n, 2, load);
        else
            tile(s, 0, n, TILE_M, load);
    for (int row = 0; row < rows && rows > TILE_M; row += share)
        for (int n = n0; n < n1; n += TILE_N)
            wide_tiles(s, row, row + share < rows ? row + share : rows, n, room, load);
}

static void multiply(const qgk_grouped *s, int rows, int n0, int n1, float *room)
{
    if (s->bits == 4)
        multiply_by(s, rows, n0, n1, room, load_of4);
    else
        multiply_by(s, rows, n0, n1, room, load_of8);
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
