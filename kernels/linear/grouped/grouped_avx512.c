/* Products with codes of 4 and 8 bits in groups, by the tiles of tile_avx512.h.
 *
 * A weight is scale * (code - zero), rounded once to float32, and then multiplied as any other: so
 * an output's operations do not depend on how many rows share the weights. Of 4 bits, a group of a
 * row is a table of its 16 possible weights, from which one instruction takes 16 at a time: a step
 * is broadcast, each lane shifts its own nibble down, and only the lowest 4 bits count as an index.
 * Of 8 bits, codes are widened and scaled. One row decodes with 8 columns at a time, so that enough
 * sums are under way, and fetches codes ahead: that keeps it at the speed of memory.
 */
#include "kernels/linear/grouped/grouped.h"
#include "kernels/linear/tile_avx512.h"
#include "kernels/tiers.h"

#include <assert.h>

enum {
    AHEAD = 8192, /* bytes: what memory delivers while one line is on its way */
    HALVES = QGK_BLOCK_N / QGK_TILE_N,
};

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

__attribute__((always_inline)) static inline void tile_of_rows(const qgk_grouped *s, int row, int n,
                                                               int m, int first, const int bits)
{
    switch (m) {
    case 1:
        tile_of(s, row, n, first, 1, 1, bits);
        break;
    case 2:
        tile_of(s, row, n, first, 2, 1, bits);
        break;
    case 3:
        tile_of(s, row, n, first, 3, 1, bits);
        break;
    case 4:
        tile_of(s, row, n, first, 4, 1, bits);
        break;
    case 5:
        tile_of(s, row, n, first, 5, 1, bits);
        break;
    default:
        tile_of(s, row, n, first, QGK_TILE_M, 1, bits);
    }
}

static void tile4(const void *s, int row, int n, int m, int first)
{
    tile_of_rows(s, row, n, m, first, 4);
}

static void tile8(const void *s, int row, int n, int m, int first)
{
    tile_of_rows(s, row, n, m, first, 8);
}

static void decode4(const qgk_grouped *s, int n0, int n1)
{
    for (int n = n0; n < n1; n += QGK_BLOCK_N)
        tile_of(s, 0, n, 1, 1, HALVES, 4);
}

static void decode8(const qgk_grouped *s, int n0, int n1)
{
    for (int n = n0; n < n1; n += QGK_BLOCK_N)
        tile_of(s, 0, n, 1, 1, HALVES, 8);
}

static void multiply(const qgk_grouped *s, int rows, int n0, int n1, float *wide)
{
    (void)wide;
    if (rows > 1)
        qgk_tile_walk(s->bits == 4 ? tile4 : tile8, s, rows, n0, n1, s->block_bytes / QGK_BLOCK_N);
    else if (s->bits == 4)
        decode4(s, n0, n1);
    else
        decode8(s, n0, n1);
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
