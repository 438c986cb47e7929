/* GPTQ as AutoGPTQ and GPTQModel write it (Frantar et al. 2022): codes of 4 or 8 bits packed along
 * the inputs, zero points along the outputs, the lowest bits of a word first.
 *
 * With act-order, g_idx names the group of each input. Format v1 stores every word of zero points
 * less 0x11111111 (8 bit: 0x01010101), as one subtraction: a zero point of 0 borrows from its
 * neighbour, so it is the word that is mended before it is taken apart. Words run along K and
 * strips along N: the bits pass through a small tile that is read by words and written by rows.
 */
#include "kernels/linear/group.h"

#include <assert.h>
#include <stddef.h>

enum { QWEIGHT, QZEROS, SCALES, G_IDX };
enum { TILE_K = QGK_TILE_K, TILE_N = 64, LINE_WORDS = 16 };

static const qgk_part parts[] = {
    {"qweight", 1u << QGK_I32, {QGK_DIM_K_WORDS, QGK_DIM_N}, 0},
    {"qzeros", 1u << QGK_I32, {QGK_DIM_GROUPS, QGK_DIM_N_WORDS}, 0},
    {"scales", 1u << QGK_F16 | 1u << QGK_BF16 | 1u << QGK_F32, {QGK_DIM_GROUPS, QGK_DIM_N}, 0},
    {"g_idx", 1u << QGK_I32, {QGK_DIM_K, QGK_DIM_NONE}, 1},
    {NULL, 0, {QGK_DIM_NONE, QGK_DIM_NONE}, 0},
};

static qgk_format format(const qgk_quant_config *config)
{
    return config->bits == 8 ? QGK_FORMAT_W8A16 : QGK_FORMAT_W4A16;
}

static const char *accepts(const qgk_quant_config *config)
{
    if (config->bits == 2 || config->bits == 3)
        return "GPTQ with 2 or 3 bits is not supported, only 4 and 8";
    return config->bits == 4 || config->bits == 8 ? NULL : "GPTQ has 4 or 8 bits here";
}

/* What format v1 takes off a word of zero points. */
static uint32_t ones(int bits)
{
    return bits == 8 ? 0x01010101u : 0x11111111u;
}

/* A word of symmetric zero points, as it is stored. */
static uint32_t middle(int bits, int less_one)
{
    return ones(bits) * (1u << (bits - 1)) - (less_one ? ones(bits) : 0);
}

/* ---- checks ---- */

static int check_zeros(qgk_fault *out, const qgk_stored *w)
{
    int less_one = w->config->zeros_less_one, bits = w->shape.bits;
    size_t count = (size_t)qgk_groups(w->shape) * (size_t)w->shape.n * (size_t)bits / 32, at = 0;

    if (!w->config->symmetric)
        return 1;
    while (at < count && qgk_word_at(w->part[QZEROS], at) == middle(bits, less_one))
        at++;
    if (at == count)
        return 1;
    *out = (qgk_fault){.id = "zero-point-not-symmetric",
                       .part = QZEROS,
                       .at = (int64_t)at,
                       .what = "holds zero points off the middle, but 'sym' is declared",
                       .fix = "write \"sym\": false"};
    if (qgk_word_at(w->part[QZEROS], at) == middle(bits, !less_one)) {
        out->id = "gptq-zeros-v1-v2";
        out->what = less_one ? "holds the zero points of format v2, declared is v1"
                             : "holds the zero points of format v1, declared is v2";
        out->fix = less_one ? "write \"checkpoint_format\": \"gptq_v2\""
                            : "write \"checkpoint_format\": \"gptq\"";
    }
    return 0;
}

static int check(qgk_fault *out, const qgk_stored *w)
{
    return qgk_group_check_scales(out, w, SCALES, (int64_t)qgk_groups(w->shape) * w->shape.n) &&
           qgk_group_check_order(out, w, G_IDX) && check_zeros(out, w);
}

static int order_of(int32_t *order, const qgk_stored *w)
{
    return qgk_group_order(order, w, G_IDX);
}

/* ---- disk to canonical ---- */

/* Asks for the words of the tile of columns from j0 on: each row of words lies on a page of its
 * own, where no processor looks ahead by itself. */
static inline void prefetch_words(const qgk_stored *w, int j0, int n0, int n_rows)
{
    int per_word = 32 / w->shape.bits;
    const char *words = w->part[QWEIGHT];

    for (int j = j0; j < j0 + TILE_K && j < w->shape.k; j += per_word) {
        size_t at = (size_t)(j / per_word) * (size_t)w->shape.n + (size_t)n0;
        for (int r = 0; r < n_rows; r += LINE_WORDS)
            __builtin_prefetch(words + (at + (size_t)r) * 4);
    }
}

/* Columns as they stand: all codes of a word at once. Tiles begin and end with a word. */
static void read_words(uint8_t tile[TILE_N][TILE_K], const qgk_stored *w, int j0, int n_cols,
                       int n0, int n_rows)
{
    int per_word = 32 / w->shape.bits;

    for (int j = 0; j < n_cols; j += per_word) {
        size_t at = (size_t)((j0 + j) / per_word) * (size_t)w->shape.n + (size_t)n0;
        for (int r = 0; r < n_rows; r++) {
            uint32_t word = qgk_word_at(w->part[QWEIGHT], at + (size_t)r);
            uint64_t codes = qgk_spread_nibbles(word);
            if (w->shape.bits == 4)
                memcpy(&tile[r][j], &codes, sizeof codes);
            else
                memcpy(&tile[r][j], &word, sizeof word);
        }
    }
}

/* Columns in an order of their own: code by code. */
static void read_codes(uint8_t tile[TILE_N][TILE_K], const qgk_stored *w, const int32_t *order,
                       int n_cols, int n0, int n_rows)
{
    int bits = w->shape.bits, per_word = 32 / bits;
    uint32_t mask = (1u << bits) - 1;

    for (int j = 0; j < n_cols; j++) {
        int k = order[j], shift = k % per_word * bits;
        size_t at = (size_t)(k / per_word) * (size_t)w->shape.n + (size_t)n0;
        for (int r = 0; r < n_rows; r++)
            tile[r][j] = (uint8_t)(qgk_word_at(w->part[QWEIGHT], at + (size_t)r) >> shift & mask);
    }
}

/* Codes of columns j0 .. of rows n0 ..: to [n_rows][K] */
static void unpack_tile(uint8_t *to, const qgk_stored *w, const int32_t *order, int j0, int n_cols,
                        int n0, int n_rows)
{
    uint8_t tile[TILE_N][TILE_K];

    if (order)
        read_codes(tile, w, order + j0, n_cols, n0, n_rows);
    else {
        prefetch_words(w, j0 + TILE_K, n0, n_rows);
        read_words(tile, w, j0, n_cols, n0, n_rows);
    }
    for (int r = 0; r < n_rows; r++, to += w->shape.k)
        qgk_copy_codes(to, tile[r], n_cols);
}

/* Scales and zero points of row n: [K / group] each */
static void unpack_groups(float *scales, uint8_t *zeros, const qgk_stored *w, int n)
{
    qgk_shape s = w->shape;
    int per_word = 32 / s.bits, shift = n % per_word * s.bits;
    uint32_t add = w->config->zeros_less_one ? ones(s.bits) : 0, mask = (1u << s.bits) - 1;
    size_t n_words = (size_t)(s.n / per_word), at = (size_t)(n / per_word);

    for (int g = 0; g < qgk_groups(s); g++) {
        uint32_t word = qgk_word_at(w->part[QZEROS], (size_t)g * n_words + at) + add;
        zeros[g] = (uint8_t)(word >> shift & mask);
        scales[g] =
            qgk_float_at(w->part[SCALES], w->dtype[SCALES], (size_t)g * (size_t)s.n + (size_t)n);
    }
}

static size_t unpack(qgk_canon *rows, const qgk_stored *w, const int32_t *order, int row0)
{
    qgk_shape s = w->shape;
    uint8_t *codes = rows->codes;
    size_t groups = (size_t)qgk_groups(s);

    assert(rows->format == format(w->config) && rows->k == s.k && rows->group == s.group);
    assert(row0 >= 0 && rows->n_rows >= 0 && row0 + rows->n_rows <= s.n);
    for (int r = 0; r < rows->n_rows; r += TILE_N) {
        int n_rows = rows->n_rows - r < TILE_N ? rows->n_rows - r : TILE_N;
        for (int j = 0; j < s.k; j += TILE_K)
            unpack_tile(codes + (size_t)r * (size_t)s.k + j, w, order, j,
                        s.k - j < TILE_K ? s.k - j : TILE_K, row0 + r, n_rows);
    }
    for (int r = 0; r < rows->n_rows; r++)
        unpack_groups(rows->scales + (size_t)r * groups, rows->zeros + (size_t)r * groups, w,
                      row0 + r);
    return 0;
}

/* ---- the truth ---- */

/* Bits from .. from + bits - 1 of a little-endian tensor, one by one. */
static int bits_at(const void *data, size_t from, int bits)
{
    const unsigned char *bytes = data;
    int value = 0;

    for (int b = 0; b < bits; b++)
        value += (bytes[(from + (size_t)b) / 8] >> (from + (size_t)b) % 8 & 1) << b;
    return value;
}

/* Zero point of output n in group g: what is stored there, and in v1 one more with the carry of the
 * lanes below it in the word. */
static int zero_point(const qgk_stored *w, int g, int n)
{
    int bits = w->shape.bits, per_word = 32 / bits, carry = 0, zero = 0;

    for (int lane = n - n % per_word; lane <= n; lane++) {
        size_t at = ((size_t)g * (size_t)w->shape.n + (size_t)lane) * (size_t)bits;
        zero = bits_at(w->part[QZEROS], at, bits) + (w->config->zeros_less_one ? 1 + carry : 0);
        carry = zero >= 1 << bits;
        zero -= carry << bits;
    }
    return zero;
}

static void oracle(float *row, const qgk_stored *w, int n)
{
    qgk_shape s = w->shape;
    int per_word = 32 / s.bits;

    for (int k = 0; k < s.k; k++) {
        size_t word = (size_t)(k / per_word) * (size_t)s.n + (size_t)n;
        int code = bits_at(w->part[QWEIGHT], word * 32 + (size_t)(k % per_word * s.bits), s.bits);
        int g = w->part[G_IDX] ? bits_at(w->part[G_IDX], (size_t)k * 32, 31) : k / s.group;
        float scale =
            qgk_float_at(w->part[SCALES], w->dtype[SCALES], (size_t)g * (size_t)s.n + (size_t)n);
        row[k] = scale * (float)(code - zero_point(w, g, n));
    }
}

/* ---- canonical to disk ---- */

/* Codes from [N][K] to words along K: to [K_WORDS][N] */
static void encode_codes(void *to, const uint8_t *from, const int32_t *order, qgk_shape s)
{
    int per_word = 32 / s.bits;

    memset(to, 0, (size_t)(s.k / per_word) * (size_t)s.n * 4);
    for (int j = 0; j < s.k; j++) {
        int k = order ? order[j] : j;
        for (int n = 0; n < s.n; n++) {
            size_t at = (size_t)(k / per_word) * (size_t)s.n + (size_t)n;
            uint32_t code = from[(size_t)n * (size_t)s.k + (size_t)j];
            qgk_word_put(to, at, qgk_word_at(to, at) | code << k % per_word * s.bits);
        }
    }
}

/* Zero points from [N][G] to words along N: to [G][N_WORDS] */
static void encode_zeros(void *to, const uint8_t *from, qgk_shape s, int less_one)
{
    int per_word = 32 / s.bits, n_words = s.n / per_word, groups = qgk_groups(s);

    for (int g = 0; g < groups; g++)
        for (int i = 0; i < n_words; i++) {
            uint32_t word = 0;
            for (int lane = 0; lane < per_word; lane++) {
                int n = i * per_word + lane;
                word |= (uint32_t)from[(size_t)n * (size_t)groups + (size_t)g] << lane * s.bits;
            }
            qgk_word_put(to, (size_t)g * (size_t)n_words + (size_t)i,
                         word - (less_one ? ones(s.bits) : 0));
        }
}

static void encode(void *const part[], const qgk_dtype dtype[], const qgk_canon *rows,
                   const int32_t *order, qgk_shape s, const qgk_quant_config *config)
{
    int groups = qgk_groups(s);

    encode_codes(part[QWEIGHT], rows->codes, order, s);
    encode_zeros(part[QZEROS], rows->zeros, s, config->zeros_less_one);
    for (int g = 0; g < groups; g++)
        for (int n = 0; n < s.n; n++)
            qgk_float_put(part[SCALES], dtype[SCALES], (size_t)g * (size_t)s.n + (size_t)n,
                          rows->scales[(size_t)n * (size_t)groups + (size_t)g]);
    if (part[G_IDX])
        qgk_group_encode_order(part[G_IDX], order, s);
}

extern const qgk_method qgk_method_gptq;
const qgk_method qgk_method_gptq = {
    .name = "gptq",
    .runs_as = "gptq",
    .parts = parts,
    .marker = QWEIGHT,
    .format = format,
    .accepts = accepts,
    .check = check,
    .order = order_of,
    .unpack = unpack,
    .oracle = oracle,
    .encode = encode,
};
