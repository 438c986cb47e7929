/* INT8 made from plain weights while they are loaded: one scale a row, the largest magnitude / 127,
 * codes rounded to nearest, ties to even. For W8A8, or W8A16 where activations stay float.
 *
 * It has no form of its own on disk, so nothing to encode. A row is read twice: its largest
 * magnitude is an integer maximum over the bits, then numbers pass through blocks of a fixed size,
 * in loops that vectorize on any CPU. Infinities and NaN are counted, never hidden.
 */
#include "kernels/linear/linear.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

enum { BLOCK = 128 };

static const qgk_part parts[] = {
    {"weight", 1u << QGK_F16 | 1u << QGK_BF16 | 1u << QGK_F32, {QGK_DIM_N, QGK_DIM_K}, 0},
    {NULL, 0, {QGK_DIM_NONE, QGK_DIM_NONE}, 0},
};

static qgk_format format(const qgk_quant_config *config)
{
    return config->float_inputs ? QGK_FORMAT_W8A16 : QGK_FORMAT_W8A8;
}

static const char *accepts(const qgk_quant_config *config)
{
    return config->bits == 8 && config->group_size == -1 ? NULL
                                                         : "INT8 has 8 bits and a scale a row";
}

/* ---- numbers to canonical ---- */

typedef union block {
    uint16_t half[BLOCK];
    uint32_t bits[BLOCK];
    float number[BLOCK];
} block;

/* n <= BLOCK numbers as they stand, zeros behind them. */
static void take(block *b, const char *from, qgk_dtype d, int n)
{
    size_t bytes = (size_t)n * qgk_dtype_bytes(d);

    memcpy(b, from, bytes);
    memset((char *)b + bytes, 0, BLOCK * qgk_dtype_bytes(d) - bytes);
}

/* The largest of n <= BLOCK numbers without their signs, as bits: in the order of the numbers, NaN
 * on top. */
static uint32_t largest_bits(const char *from, qgk_dtype d, int n)
{
    int16_t max_16 = 0;
    int32_t max_32 = 0;
    block b;

    take(&b, from, d, n);
    for (int i = 0; d == QGK_F32 && i < BLOCK; i++) {
        int32_t magnitude = (int32_t)(b.bits[i] & INT32_MAX);
        max_32 = magnitude > max_32 ? magnitude : max_32;
    }
    for (int i = 0; d != QGK_F32 && i < BLOCK; i++) {
        int16_t magnitude = (int16_t)(b.half[i] & INT16_MAX);
        max_16 = magnitude > max_16 ? magnitude : max_16;
    }
    return (uint32_t)(max_32 | max_16);
}

/* The largest magnitude of a row, and how many of its numbers are not finite. */
static float largest(const char *row, qgk_dtype d, int k, size_t *n_bad)
{
    uint32_t bits = 0;

    for (int at = 0; at < k; at += BLOCK) {
        uint32_t b =
            largest_bits(row + (size_t)at * qgk_dtype_bytes(d), d, k - at < BLOCK ? k - at : BLOCK);
        bits = b > bits ? b : bits;
    }
    uint16_t half = (uint16_t)bits;
    float most = d == QGK_F32 ? qgk_float_from_bits(bits) : qgk_float_at(&half, d, 0);
    if (most < INFINITY)
        return most;
    for (int i = 0; i < k; i++)
        *n_bad +=
            (qgk_bits_from_float(qgk_float_at(row, d, (size_t)i)) & 0x7f800000u) == 0x7f800000u;
    return 0;
}

/* n <= BLOCK finite numbers as float32, zeros behind them. */
static void load(block *to, const char *from, qgk_dtype d, int n)
{
    block b;

    if (d == QGK_F32) {
        take(to, from, d, n);
        return;
    }
    take(&b, from, d, n);
    for (int i = 0; d == QGK_BF16 && i < BLOCK; i++)
        to->bits[i] = (uint32_t)b.half[i] << 16;
    for (int i = 0; d == QGK_F16 && i < BLOCK; i++) /* 2^-112 of a half */
        to->bits[i] = (uint32_t)(b.half[i] & 0x8000) << 16 | (uint32_t)(b.half[i] & 0x7fff) << 13;
    for (int i = 0; d == QGK_F16 && i < BLOCK; i++)
        to->number[i] *= 0x1p112f;
}

/* Codes of a row, signed, plus `offset`: [K]. */
static void quantize(uint8_t *to, const char *row, qgk_dtype d, int k, float scale, int offset)
{
    uint8_t codes[BLOCK];
    block b;

    for (int at = 0; at < k; at += BLOCK) {
        int n = k - at < BLOCK ? k - at : BLOCK;
        load(&b, row + (size_t)at * qgk_dtype_bytes(d), d, n);
        for (int i = 0; i < BLOCK; i++) /* the sum ends in the nearest integer */
            b.number[i] = b.number[i] / scale + 0x1.8p23f;
        for (int i = 0; i < BLOCK; i++) {
            int32_t code = (int32_t)b.bits[i] - 0x4b400000;
            code = code > 127 ? 127 : code; /* a denormal scale is coarse */
            code = code < -127 ? -127 : code;
            codes[i] = (uint8_t)(code + offset);
        }
        memcpy(to + at, codes, (size_t)n);
    }
}

/* part[0] [N][K], rows->codes [n_rows][K] */
static size_t unpack(qgk_canon *rows, const qgk_stored *w, const int32_t *order, int row0)
{
    size_t n_bad = 0, k = (size_t)w->shape.k;
    qgk_dtype d = w->dtype[0];
    int offset = rows->format == QGK_FORMAT_W8A16 ? 128 : 0;

    (void)order;
    assert(rows->format == format(w->config) && rows->k == w->shape.k && rows->group == rows->k);
    assert(row0 >= 0 && rows->n_rows >= 0 && row0 + rows->n_rows <= w->shape.n);
    for (int r = 0; r < rows->n_rows; r++) {
        const char *row = (const char *)w->part[0] + (size_t)(row0 + r) * k * qgk_dtype_bytes(d);
        uint8_t *codes = (uint8_t *)rows->codes + (size_t)r * k;
        float scale = largest(row, d, w->shape.k, &n_bad) / 127;
        rows->scales[r] = scale;
        if (scale > 0)
            quantize(codes, row, d, w->shape.k, scale, offset);
        else
            memset(codes, offset, k);
        if (offset)
            rows->zeros[r] = 128;
    }
    return n_bad;
}

/* ---- the truth ---- */

/* The code nearest to a quotient, the even one of two; q is NaN where the row is zero. */
static int nearest(float q)
{
    int best = 0;

    for (int code = -127; code <= 127; code++) {
        double off = (double)q - code, off_best = (double)q - best;
        off = off < 0 ? -off : off;
        off_best = off_best < 0 ? -off_best : off_best;
        if (off < off_best || (off == off_best && code % 2 == 0))
            best = code;
    }
    return best;
}

static void oracle(float *row, const qgk_stored *w, int n)
{
    int k = w->shape.k;
    float scale = 0;

    for (int i = 0; i < k; i++) {
        row[i] = qgk_float_at(w->part[0], w->dtype[0], (size_t)n * (size_t)k + (size_t)i);
        if (row[i] > scale || -row[i] > scale)
            scale = row[i] > 0 ? row[i] : -row[i];
    }
    scale /= 127;
    for (int i = 0; i < k; i++)
        row[i] = scale * (float)nearest(row[i] / scale);
}

extern const qgk_method qgk_method_int8;
const qgk_method qgk_method_int8 = {
    .name = "int8",
    .runs_as = "int8",
    .parts = parts,
    .marker = -1,
    .format = format,
    .accepts = accepts,
    .unpack = unpack,
    .oracle = oracle,
};
