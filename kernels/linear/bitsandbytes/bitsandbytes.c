/* The weights of LLM.int8() as bitsandbytes stores them (Dettmers et al. 2022): signed codes of 8
 * bits, row by row, and SCB, the largest magnitude of each row: a weight is code * SCB / 127.
 *
 * Their mixed multiplication with float outliers is about activations: here the weights meet float
 * activations. A row of zeros has an SCB of 0, which is right.
 */
#include "kernels/linear/linear.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

enum { WEIGHT, SCB, WEIGHT_FORMAT };

static const qgk_part parts[] = {
    {"weight", 1u << QGK_I8, {QGK_DIM_N, QGK_DIM_K}, 0},
    {"SCB", 1u << QGK_F32, {QGK_DIM_N, QGK_DIM_NONE}, 0},
    {"weight_format", 1u << QGK_U8, {QGK_DIM_NONE, QGK_DIM_NONE}, 1},
    {NULL, 0, {QGK_DIM_NONE, QGK_DIM_NONE}, 0},
};

static qgk_format format(const qgk_quant_config *config)
{
    (void)config;
    return QGK_FORMAT_W8A16;
}

static const char *accepts(const qgk_quant_config *config)
{
    return config->bits == 8 ? NULL : "bitsandbytes weights have 8 bits here";
}

static int check(qgk_fault *out, const qgk_stored *w)
{
    const unsigned char *layout = w->part[WEIGHT_FORMAT];

    if (layout && *layout != 0) {
        *out = (qgk_fault){.id = "weight-layout",
                           .part = WEIGHT_FORMAT,
                           .what = "says that the codes are in the layout of one kind of GPU",
                           .fix = "save the model again with a newer bitsandbytes"};
        return 0;
    }
    for (int n = 0; n < w->shape.n; n++)
        if (!isfinite(qgk_float_at(w->part[SCB], QGK_F32, (size_t)n))) {
            *out = (qgk_fault){.id = "scale-not-finite",
                               .part = SCB,
                               .at = n,
                               .what = "holds a scale that is infinite or NaN",
                               .fix = "quantize again from the original weights"};
            return 0;
        }
    return 1;
}

static size_t unpack(qgk_canon *rows, const qgk_stored *w, const int32_t *order, int row0)
{
    size_t count = (size_t)rows->n_rows * (size_t)w->shape.k;
    const uint8_t *from = (const uint8_t *)w->part[WEIGHT] + (size_t)row0 * (size_t)w->shape.k;
    uint8_t *to = rows->codes;

    (void)order;
    assert(rows->format == QGK_FORMAT_W8A16 && rows->k == w->shape.k && rows->group == rows->k);
    assert(row0 >= 0 && rows->n_rows >= 0 && row0 + rows->n_rows <= w->shape.n);
    memcpy(to, from, count);
    for (size_t i = 0; i < count; i++)
        to[i] ^= 0x80; /* plus 128 */
    for (int r = 0; r < rows->n_rows; r++)
        rows->scales[r] = qgk_float_at(w->part[SCB], QGK_F32, (size_t)(row0 + r)) / 127;
    memset(rows->zeros, 128, (size_t)rows->n_rows);
    return 0;
}

static void oracle(float *row, const qgk_stored *w, int n)
{
    int k = w->shape.k;
    const signed char *codes = (const signed char *)w->part[WEIGHT] + (size_t)n * (size_t)k;
    double unit = (double)qgk_float_at(w->part[SCB], w->dtype[SCB], (size_t)n) / 127.0;

    for (int i = 0; i < k; i++)
        row[i] = (float)unit * (float)codes[i];
}

static void encode(void *const part[], const qgk_dtype dtype[], const qgk_canon *rows,
                   const int32_t *order, qgk_shape s, const qgk_quant_config *config)
{
    size_t count = (size_t)s.n * (size_t)s.k;
    const uint8_t *from = rows->codes;
    uint8_t *to = part[WEIGHT];

    (void)config;
    assert(!order);
    for (size_t i = 0; i < count; i++)
        to[i] = from[i] ^ 0x80;
    for (int n = 0; n < s.n; n++) {
        assert(rows->zeros[n] == 128);
        qgk_float_put(part[SCB], dtype[SCB], (size_t)n, rows->scales[n] * 127);
    }
    if (part[WEIGHT_FORMAT])
        memset(part[WEIGHT_FORMAT], 0, 1);
}

extern const qgk_method qgk_method_bitsandbytes;
const qgk_method qgk_method_bitsandbytes = {
    .name = "bitsandbytes",
    .runs_as = "int8",
    .parts = parts,
    .marker = SCB,
    .format = format,
    .accepts = accepts,
    .check = check,
    .unpack = unpack,
    .oracle = oracle,
    .encode = encode,
};
