/* AWQ as AutoAWQ writes it, version GEMM (Lin et al. 2023): codes of 4 bits packed along the
 * outputs, with zero points packed the same way and stored as they are.
 *
 * Nibble i of a word, the lowest first, holds column [0, 2, 4, 6, 1, 3, 5, 7][i] of its eight. Rows
 * of the file are inputs and strips are outputs: the bits pass through a small tile that is read by
 * words and written by rows.
 */
#include "kernels/linear/group.h"

#include <assert.h>
#include <stddef.h>

enum { QWEIGHT, QZEROS, SCALES };
enum { PER_WORD = 8, TILE_WORDS = 8, TILE_N = TILE_WORDS * PER_WORD, TILE_K = QGK_TILE_K };

static const int column_of_nibble[PER_WORD] = {0, 2, 4, 6, 1, 3, 5, 7};

static const qgk_part parts[] = {
    {"qweight", 1u << QGK_I32, {QGK_DIM_K, QGK_DIM_N_WORDS}, 0},
    {"qzeros", 1u << QGK_I32, {QGK_DIM_GROUPS, QGK_DIM_N_WORDS}, 0},
    {"scales", 1u << QGK_F16 | 1u << QGK_BF16 | 1u << QGK_F32, {QGK_DIM_GROUPS, QGK_DIM_N}, 0},
    {NULL, 0, {QGK_DIM_NONE, QGK_DIM_NONE}, 0},
};

static qgk_format format(const qgk_quant_config *config)
{
    (void)config;
    return QGK_FORMAT_W4A16;
}

static const char *accepts(const qgk_quant_config *config)
{
    return config->bits == 4 ? NULL : "AWQ has 4 bits";
}

static int check(qgk_fault *out, const qgk_stored *w)
{
    return qgk_group_check_scales(out, w, SCALES, (int64_t)qgk_groups(w->shape) * w->shape.n);
}

/* ---- disk to canonical ---- */

/* Exchanges what lies in the upper places of a and the lower ones of b. */
static inline void exchange(uint64_t *a, uint64_t *b, int shift, uint64_t lower)
{
    uint64_t swap = (*a >> shift ^ *b) & lower;

    *a ^= swap << shift;
    *b ^= swap;
}

/* A matrix of 8 x 8 bytes on its side: its quarters change places, then theirs. */
static inline void transpose(uint64_t m[8])
{
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        exchange(&m[i], &m[i + 4], 32, UINT64_C(0x00000000ffffffff));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        exchange(&m[i + i / 2 * 2], &m[i + i / 2 * 2 + 2], 16, UINT64_C(0x0000ffff0000ffff));
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2)
        exchange(&m[i], &m[i + 1], 8, UINT64_C(0x00ff00ff00ff00ff));
}

/* Codes of the outputs of n_words word columns from `at` on, which share lines of the cache, and of
 * inputs k0 ..: tile [8 n_words][n_cols] */
static void unpack_tile(uint8_t tile[TILE_N][TILE_K], const qgk_stored *w, int at, int n_words,
                        int k0, int n_cols)
{
    size_t stride = (size_t)(w->shape.n / PER_WORD);
    const char *words = w->part[QWEIGHT];

    /* each input's words lie on a page of their own, where no processor looks ahead by itself */
    for (int k = k0 + TILE_K; k < k0 + 2 * TILE_K && k < w->shape.k; k++)
        __builtin_prefetch(words + ((size_t)k * stride + (size_t)at) * 4);
    for (int j = 0; j < n_cols; j += 8)
        for (int a = 0; a < n_words; a++) {
            uint64_t m[8] = {0};
            size_t from = (size_t)(k0 + j) * stride + (size_t)(at + a);
            for (int i = 0; i < 8 && j + i < n_cols; i++)
                m[i] = qgk_spread_nibbles(qgk_word_at(w->part[QWEIGHT], from + (size_t)i * stride));
            transpose(m);
            for (int i = 0; i < PER_WORD; i++)
                memcpy(&tile[a * PER_WORD + column_of_nibble[i]][j], &m[i], sizeof m[i]);
        }
}

/* Scales and zero points of row n: [K / group] each */
static void unpack_groups(float *scales, uint8_t *zeros, const qgk_stored *w, int n)
{
    qgk_shape s = w->shape;
    size_t n_words = (size_t)(s.n / PER_WORD), at = (size_t)(n / PER_WORD);
    int nibble = 0;

    while (column_of_nibble[nibble] != n % PER_WORD)
        nibble++;
    for (int g = 0; g < qgk_groups(s); g++) {
        uint32_t word = qgk_word_at(w->part[QZEROS], (size_t)g * n_words + at);
        zeros[g] = (uint8_t)(word >> 4 * nibble & 15);
        scales[g] =
            qgk_float_at(w->part[SCALES], w->dtype[SCALES], (size_t)g * (size_t)s.n + (size_t)n);
    }
}

static size_t unpack(qgk_canon *rows, const qgk_stored *w, const int32_t *order, int row0)
{
    qgk_shape s = w->shape;
    uint8_t *codes = rows->codes, tile[TILE_N][TILE_K];
    size_t groups = (size_t)qgk_groups(s);
    int end = row0 + rows->n_rows;

    (void)order;
    assert(rows->format == QGK_FORMAT_W4A16 && rows->k == s.k && rows->group == s.group);
    assert(row0 >= 0 && rows->n_rows >= 0 && end <= s.n);
    int end_word = (end + PER_WORD - 1) / PER_WORD;
    for (int at = row0 / PER_WORD; at < end_word; at += TILE_WORDS)
        for (int j = 0; j < s.k; j += TILE_K) {
            int n_cols = s.k - j < TILE_K ? s.k - j : TILE_K;
            int n_words = end_word - at < TILE_WORDS ? end_word - at : TILE_WORDS;
            unpack_tile(tile, w, at, n_words, j, n_cols);
            for (int i = 0; i < n_words * PER_WORD; i++) {
                int n = at * PER_WORD + i;
                if (n >= row0 && n < end)
                    qgk_copy_codes(codes + (size_t)(n - row0) * (size_t)s.k + j, tile[i], n_cols);
            }
        }
    for (int r = 0; r < rows->n_rows; r++)
        unpack_groups(rows->scales + (size_t)r * groups, rows->zeros + (size_t)r * groups, w,
                      row0 + r);
    return 0;
}

/* ---- the truth ---- */

/* Column n of a row of codes, as AutoAWQ's kernels read it: even columns stand in the lower half of
 * a word, odd ones in the upper half. */
static int code_at(const void *data, size_t row, int n_columns, int n)
{
    const unsigned char *word =
        (const unsigned char *)data + (row * (size_t)n_columns + (size_t)(n - n % 8)) / 2;
    int pair = n % 8 / 2;
    unsigned char byte = word[(n % 2 ? 2 : 0) + pair / 2];

    return pair % 2 ? byte / 16 : byte % 16;
}

static void oracle(float *row, const qgk_stored *w, int n)
{
    qgk_shape s = w->shape;

    for (int k = 0; k < s.k; k++) {
        size_t g = (size_t)(k / s.group);
        float scale = qgk_float_at(w->part[SCALES], w->dtype[SCALES], g * (size_t)s.n + (size_t)n);
        row[k] = scale * (float)(code_at(w->part[QWEIGHT], (size_t)k, s.n, n) -
                                 code_at(w->part[QZEROS], g, s.n, n));
    }
}

/* ---- canonical to disk ---- */

/* Numbers from [N][rows] to words along N: to [rows][N_WORDS] */
static void encode_words(void *to, const uint8_t *from, int n, int rows)
{
    int n_words = n / PER_WORD;

    for (int r = 0; r < rows; r++)
        for (int at = 0; at < n_words; at++) {
            uint32_t word = 0;
            for (int i = 0; i < PER_WORD; i++) {
                size_t output = (size_t)(at * PER_WORD + column_of_nibble[i]);
                word |= (uint32_t)from[output * (size_t)rows + (size_t)r] << 4 * i;
            }
            qgk_word_put(to, (size_t)r * (size_t)n_words + (size_t)at, word);
        }
}

static void encode(void *const part[], const qgk_dtype dtype[], const qgk_canon *rows,
                   const int32_t *order, qgk_shape s, const qgk_quant_config *config)
{
    int groups = qgk_groups(s);

    (void)config;
    assert(!order);
    encode_words(part[QWEIGHT], rows->codes, s.n, s.k);
    encode_words(part[QZEROS], rows->zeros, s.n, groups);
    for (int g = 0; g < groups; g++)
        for (int n = 0; n < s.n; n++)
            qgk_float_put(part[SCALES], dtype[SCALES], (size_t)g * (size_t)s.n + (size_t)n,
                          rows->scales[(size_t)n * (size_t)groups + (size_t)g]);
}

extern const qgk_method qgk_method_awq;
const qgk_method qgk_method_awq = {
    .name = "awq",
    .runs_as = "awq",
    .parts = parts,
    .marker = QWEIGHT,
    .format = format,
    .accepts = accepts,
    .check = check,
    .unpack = unpack,
    .oracle = oracle,
    .encode = encode,
};
