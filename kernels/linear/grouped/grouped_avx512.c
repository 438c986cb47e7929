/* Products with codes of 4 and 8 bits in groups, by the tiles of tile_avx512.h.
 *
 * A weight is scale * (code - zero), rounded once to float32, and then multiplied as any other: so
 * an output's operations do not depend on how many rows share the weights. Of 4 bits, a group of a
 * row is a table of its 16 possible weights, from which one instruction takes 16 at a time: a step
 * is broadcast, each lane shifts its own nibble down, and only the lowest 4 bits count as an index.
 * Of 8 bits, codes are widened and scaled. One row decodes with 8 columns at a time, so that enough
 * sums are under way, and fetches codes ahead: that keeps it at the speed of memory. Many rows make
 * a block of weights once, in scratch, and share it: the same numbers, so the same bits.
 */
#include "kernels/linear/grouped/grouped.h"
#include "kernels/linear/tile_avx512.h"
#include "kernels/tiers.h"

enum {
    HALVES = QGK_BLOCK_N / QGK_TILE_N,
    FEW = 24,           /* rows: up to here weights are made anew in each tile                  */
    FEW_M = 4,          /* its rows, with tables and scales in registers                        */
    AHEAD = 8192,       /* bytes: what memory delivers while one line is on its way             */
    BLOCK_K = 768,      /* 4 rows of float32 weights, 12 KiB, stay in the first-level cache     */
    X_ROWS = 192,       /* rows of x that share them, at most                                   */
    X_FLOATS = 1 << 17, /* and their size: they stay in the second-level cache                  */
};

_Static_assert((BLOCK_K + X_ROWS * 16) * QGK_TILE_N <= QGK_GROUPED_ROOM, "a thread's own scratch");

/* Even lanes get the lower half of the 8 bytes of a step, odd lanes the upper. */
static const unsigned char place[QGK_STEP] = {0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15};

/* The weights of 4 rows of a block, within one group. */
typedef struct weights {
    const unsigned char *codes;                       /* of the block */
    size_t ahead;                                     /* what is fetched */
    int first;                                        /* row of the block */
    __m512 table[QGK_TILE_N];                         /* 4 bits: the weights of codes 0 .. 15 */
    __m512 scale[QGK_TILE_N], minus_zero[QGK_TILE_N]; /* 8 bits */
} weights;

__attribute__((always_inline)) static inline __m512 load4(const void *p, int j, int i, int n)
{
    const __m512i shifts =
        _mm512_setr_epi32(0, 0, 4, 4, 8, 8, 12, 12, 16, 16, 20, 20, 24, 24, 28, 28);
    const weights *w = p;
    const unsigned char *step = w->codes + (size_t)i * (QGK_BLOCK_N / 2);
    long long row;

    (void)n; /* always 16 */
    if (j == 0 && w->first == 0)
        _mm_prefetch((const char *)step + w->ahead, _MM_HINT_T0);
    memcpy(&row, step + (w->first + j) * 8, sizeof row);
    return _mm512_permutexvar_ps(_mm512_srlv_epi32(_mm512_set1_epi64(row), shifts), w->table[j]);
}

__attribute__((always_inline)) static inline __m512 load8(const void *p, int j, int i, int n)
{
    const weights *w = p;
    const unsigned char *step = w->codes + (size_t)i * QGK_BLOCK_N;
    __m128i row = _mm_loadu_si128((const void *)(step + (w->first + j) * 16));

    (void)n;
    if (j % 2 == 0 && w->first == 0)
        _mm_prefetch((const char *)step + w->ahead + j * 32, _MM_HINT_T0);
    __m512 code = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(row));
    return _mm512_mul_ps(_mm512_add_ps(code, w->minus_zero[j]), w->scale[j]);
}

/* Scales and zero points of group g. */
__attribute__((always_inline)) static inline void enter_group(weights *w, const qgk_grouped *s,
                                                              int g, const int bits)
{
    const unsigned char *zeros = w->codes + s->zeros_at + g * QGK_BLOCK_N + w->first;
    const unsigned char *scales =
        w->codes + s->scales_at + (size_t)(g * QGK_BLOCK_N + w->first) * sizeof(float);

#pragma GCC unroll 4
    for (int j = 0; j < QGK_TILE_N; j++) {
        const float *less_zero = qgk_grouped_ramp + 256 - zeros[j];
        float scale;
        memcpy(&scale, scales + (size_t)j * sizeof scale, sizeof scale);
        w->scale[j] = _mm512_set1_ps(scale);
        if (bits == 4)
            w->table[j] = _mm512_mul_ps(_mm512_loadu_ps(less_zero), w->scale[j]);
        else
            w->minus_zero[j] = _mm512_set1_ps(*less_zero);
    }
}

/* A block of k of 4 columns, n .. n + 3, in float32: columns k0 .. k1 - 1 of x. */
typedef struct wide {
    int n, k0, k1;
    float *weights; /* [4][BLOCK_K] */
    float *sums;    /* [X_ROWS][4][16]: lane sums between blocks */
} wide;

__attribute__((always_inline)) static inline __m512 load_wide(const void *p, int j, int i, int n)
{
    const wide *w = p;

    (void)n;
    return _mm512_load_ps(w->weights + j * BLOCK_K + i - w->k0);
}

__attribute__((always_inline)) static inline void widen(const wide *to, const qgk_grouped *s,
                                                        const int bits)
{
    int length = s->group_steps * QGK_STEP;
    weights w = {.codes = s->data + (size_t)(to->n / QGK_BLOCK_N) * s->block_bytes,
                 .ahead = AHEAD,
                 .first = to->n % QGK_BLOCK_N};

    for (int i = to->k0, end; i < to->k1;) {
        enter_group(&w, s, i / length, bits);
        for (end = (i / length + 1) * length; i < end && i < to->k1; i += QGK_STEP)
#pragma GCC unroll 4
            for (int j = 0; j < QGK_TILE_N; j++)
                _mm512_store_ps(to->weights + j * BLOCK_K + i - to->k0,
                                bits == 4 ? load4(&w, j, i, 16) : load8(&w, j, i, 16));
    }
}

/* m rows by the block: from zero or the sums of the last block to sums or outputs. */
__attribute__((always_inline)) static inline void wide_tile_of(const qgk_grouped *s, int row,
                                                               const wide *w, float *sums,
                                                               const int m)
{
    size_t k = qgk_grouped_k(s);
    qgk_columns columns = {s->out, s->bias, s->n, s->stride};
    __m512 sum[QGK_TILE_M][QGK_TILE_N];

    qgk_tile_zero(sum, m);
    if (w->k0 > 0)
#pragma GCC unroll 8
        for (int r = 0; r < m; r++)
#pragma GCC unroll 4
            for (int j = 0; j < QGK_TILE_N; j++)
                sum[r][j] = _mm512_load_ps(sums + (r * QGK_TILE_N + j) * 16);
    qgk_tile_multiply(sum, s->x + (size_t)row * k, k, w, load_wide, w->k0, w->k1, m);
    if (w->k1 == (int)k) {
        qgk_tile_store(&columns, row, w->n, sum, m);
        return;
    }
#pragma GCC unroll 8
    for (int r = 0; r < m; r++)
#pragma GCC unroll 4
        for (int j = 0; j < QGK_TILE_N; j++)
            _mm512_store_ps(sums + (r * QGK_TILE_N + j) * 16, sum[r][j]);
}

static void wide_tile(const qgk_grouped *s, int row, int m, const wide *w, float *sums)
{
    switch (m) {
    case 1:
        wide_tile_of(s, row, w, sums, 1);
        break;
    case 2:
        wide_tile_of(s, row, w, sums, 2);
        break;
    case 3:
        wide_tile_of(s, row, w, sums, 3);
        break;
    case 4:
        wide_tile_of(s, row, w, sums, 4);
        break;
    case 5:
        wide_tile_of(s, row, w, sums, 5);
        break;
    default:
        wide_tile_of(s, row, w, sums, QGK_TILE_M);
    }
}

/* Rows row0 .. row1 - 1 by columns n .. n + 3. */
static void wide_tiles(const qgk_grouped *s, int row0, int row1, int n, float *room)
{
    int k = (int)qgk_grouped_k(s), n_blocks = (k + BLOCK_K - 1) / BLOCK_K;
    int block_k = ((k + n_blocks - 1) / n_blocks + QGK_STEP - 1) / QGK_STEP * QGK_STEP;
    wide w = {.n = n, .weights = room, .sums = room + QGK_TILE_N * BLOCK_K};

    for (w.k0 = 0; w.k0 < k; w.k0 = w.k1) {
        w.k1 = w.k0 + block_k < k ? w.k0 + block_k : k;
        if (s->bits == 4)
            widen(&w, s, 4);
        else
            widen(&w, s, 8);
        for (int row = row0; row < row1; row += QGK_TILE_M)
            wide_tile(s, row, row1 - row < QGK_TILE_M ? row1 - row : QGK_TILE_M, &w,
                      w.sums + (row - row0) * QGK_TILE_N * 16);
    }
}

static void multiply_wide(const qgk_grouped *s, int rows, int n0, int n1, float *room)
{
    int share = (int)(X_FLOATS / qgk_grouped_k(s)) / QGK_TILE_M * QGK_TILE_M;

    share = share < 4 * QGK_TILE_M ? 4 * QGK_TILE_M : share > X_ROWS ? X_ROWS : share;
    for (int row = 0; row < rows; row += share)
        for (int n = n0; n < n1; n += QGK_TILE_N)
            wide_tiles(s, row, row + share < rows ? row + share : rows, n, room);
}

/* m rows by columns n .. n + 3, or .. n + 7 where `halves` is 2. */
__attribute__((always_inline)) static inline void tile_of(const qgk_grouped *s, int row, int n,
                                                          int fetch, const int m, const int halves,
                                                          const int bits)
{
    size_t k = qgk_grouped_k(s);
    int length = s->group_steps * QGK_STEP;
    const float *x = s->x + (size_t)row * k;
    qgk_columns columns = {s->out, s->bias, s->n, s->stride};
    __m512 sum[HALVES][QGK_TILE_M][QGK_TILE_N];
    weights w[HALVES];

#pragma GCC unroll 2
    for (int h = 0; h < halves; h++) {
        w[h].codes = s->data + (size_t)(n / QGK_BLOCK_N) * s->block_bytes;
        w[h].first = halves > 1 ? h * QGK_TILE_N : n % QGK_BLOCK_N;
        w[h].ahead = fetch ? AHEAD : 0;
        qgk_tile_zero(sum[h], m);
    }
    for (int g = 0; g < s->n_groups; g++) {
#pragma GCC unroll 2
        for (int h = 0; h < halves; h++)
            enter_group(&w[h], s, g, bits);
        for (int i = g * length; i < (g + 1) * length; i += QGK_STEP)
#pragma GCC unroll 2
            for (int h = 0; h < halves; h++)
                qgk_tile_multiply(sum[h], x, k, &w[h], bits == 4 ? load4 : load8, i, i + QGK_STEP,
                                  m);
    }
#pragma GCC unroll 2
    for (int h = 0; h < halves; h++)
        if (n + h * QGK_TILE_N < s->n)
            qgk_tile_store(&columns, row, n + h * QGK_TILE_N, sum[h], m);
}

/* m <= FEW_M rows by 4 columns; one row alone by 8. */
__attribute__((always_inline)) static inline void tile_of_rows(const qgk_grouped *s, int row, int n,
                                                               int m, int alone, const int bits)
{
    if (alone)
        tile_of(s, row, n, 1, 1, HALVES, bits);
    else if (m == 1)
        tile_of(s, row, n, 0, 1, 1, bits);
    else if (m == 2)
        tile_of(s, row, n, row == 0, 2, 1, bits);
    else if (m == 3)
        tile_of(s, row, n, row == 0, 3, 1, bits);
    else
        tile_of(s, row, n, row == 0, FEW_M, 1, bits);
}

/* Not inlined, as their loops want all registers. */
__attribute__((noinline)) static void tile4(const qgk_grouped *s, int row, int n, int m, int alone)
{
    tile_of_rows(s, row, n, m, alone, 4);
}

__attribute__((noinline)) static void tile8(const qgk_grouped *s, int row, int n, int m, int alone)
{
    tile_of_rows(s, row, n, m, alone, 8);
}

static void multiply_few(const qgk_grouped *s, int rows, int n0, int n1)
{
    int n_tiles = (rows + FEW_M - 1) / FEW_M, share = (rows + n_tiles - 1) / n_tiles;

    for (int n = n0; n < n1; n += rows == 1 ? QGK_BLOCK_N : QGK_TILE_N)
        for (int row = 0; row < rows; row += share) {
            int m = rows - row < share ? rows - row : share;
            if (s->bits == 4)
                tile4(s, row, n, m, rows == 1);
            else
                tile8(s, row, n, m, rows == 1);
        }
}

static void multiply(const qgk_grouped *s, int rows, int n0, int n1, float *room)
{
    if (rows > FEW)
        multiply_wide(s, rows, n0, n1, room);
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

void qgk_grouped_avx512(qgk_table *t)
{
    t->linear[QGK_FORMAT_W4A16] = t->linear[QGK_FORMAT_W8A16] =
        (qgk_linear){.packed_bytes = qgk_grouped_bytes, .pack = pack, .product = product};
}
