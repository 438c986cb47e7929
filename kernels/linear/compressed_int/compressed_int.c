/* compressed-tensors "int-quantized", as llm-compressor writes W8A8: signed codes of 8 bits, row by
 * row, one scale an output, no zero points but 0.
 *
 * Without 8-bit activations the same bits are multiplied as W8A16, whose codes are unsigned.
 */
#include "kernels/linear/group.h"

#include <assert.h>
#include <stddef.h>

enum { WEIGHT, SCALE, ZERO_POINT };

static const qgk_part parts[] = {
    {"weight", 1u << QGK_I8, {QGK_DIM_N, QGK_DIM_K}, 0},
    {"weight_scale", 1u << QGK_F16 | 1u << QGK_BF16 | 1u << QGK_F32, {QGK_DIM_N, QGK_DIM_ONE}, 0},
    {"weight_zero_point", 1u << QGK_I8, {QGK_DIM_N, QGK_DIM_ONE}, 1},
    {NULL, 0, {QGK_DIM_NONE, QGK_DIM_NONE}, 0},
};

static qgk_format format(const qgk_quant_config *config)
{
    return config->float_inputs ? QGK_FORMAT_W8A16 : QGK_FORMAT_W8A8;
}

static const char *accepts(const qgk_quant_config *config)
{
    if (config->bits != 8)
        return "int-quantized weights have 8 bits here";
    return config->group_size == -1 ? NULL : "int-quantized weights have one scale an output here";
}

static int check(qgk_fault *out, const qgk_stored *w)
{
    const int8_t *zeros = w->part[ZERO_POINT];

    for (int n = 0; zeros && n < w->shape.n; n++)
        if (zeros[n]) {
            *out = (qgk_fault){.id = "zero-point-not-symmetric",
                               .part = ZERO_POINT,
                               .at = n,
                               .what = "holds a zero point that is not 0",
                               .fix = "quantize the weights symmetrically"};
            return 0;
        }
    return qgk_group_check_scales(out, w, SCALE, w->shape.n);
}

static size_t unpack(qgk_canon *rows, const qgk_stored *w, const int32_t *order, int row0)
{
    size_t count = (size_t)rows->n_rows * (size_t)w->shape.k;
    const uint8_t *from = (const uint8_t *)w->part[WEIGHT] + (size_t)row0 * (size_t)w->shape.k;
    uint8_t *to = rows->codes;

    (void)order;
    assert(rows->format == format(w->config) && rows->k == w->shape.k && rows->group == rows->k);
    assert(row0 >= 0 && rows->n_rows >= 0 && row0 + rows->n_rows <= w->shape.n);
    memcpy(to, from, count);
    for (int r = 0; r < rows->n_rows; r++)
        rows->scales[r] = qgk_float_at(w->part[SCALE], w->dtype[SCALE], (size_t)(row0 + r));
    if (rows->format == QGK_FORMAT_W8A8)
        return 0;
    for (size_t i = 0; i < count; i++)
        to[i] ^= 0x80; /* plus 128 */
    memset(rows->zeros, 128, (size_t)rows->n_rows);
    return 0;
}

static void oracle(float *row, const qgk_stored *w, int n)
{
    int k = w->shape.k;
    float scale = qgk_float_at(w->part[SCALE], w->dtype[SCALE], (size_t)n);

    for (int i = 0; i < k; i++)
        row[i] =
            scale * (float)((const int8_t *)w->part[WEIGHT])[(size_t)n * (size_t)k + (size_t)i];
}

static void encode(void *const part[], const qgk_dtype dtype[], const qgk_canon *rows,
                   const int32_t *order, qgk_shape s, const qgk_quant_config *config)
{
    size_t count = (size_t)s.n * (size_t)s.k;
    uint8_t *to = part[WEIGHT];

    (void)config;
    assert(!order);
    memcpy(to, rows->codes, count);
    for (size_t i = 0; rows->format == QGK_FORMAT_W8A16 && i < count; i++)
        to[i] ^= 0x80;
    for (int n = 0; n < s.n; n++) {
        assert(rows->format == QGK_FORMAT_W8A8 || rows->zeros[n] == 128);
        qgk_float_put(part[SCALE], dtype[SCALE], (size_t)n, rows->scales[n]);
    }
    if (part[ZERO_POINT])
        memset(part[ZERO_POINT], 0, (size_t)s.n);
}

extern const qgk_method qgk_method_compressed_int;
const qgk_method qgk_method_compressed_int = {
    .name = "compressed-tensors int-quantized",
    .runs_as = "int8",
    .parts = parts,
    .marker = SCALE,
    .format = format,
    .accepts = accepts,
    .check = check,
    .unpack = unpack,
    .oracle = oracle,
    .encode = encode,
};
