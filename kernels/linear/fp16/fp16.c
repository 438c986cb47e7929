/* The plain method: one tensor "weight" [N][K] of F16, BF16 or F32, that becomes halves.
 *
 * F16 is the canonical form already and may be used in place. A mapped tensor may start at any
 * byte, so every number is read through memcpy. Finite values that no half can hold are counted,
 * never hidden.
 */
#include "kernels/linear/linear.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

static const qgk_part parts[] = {
    {"weight", 1u << QGK_F16 | 1u << QGK_BF16 | 1u << QGK_F32, {QGK_DIM_N, QGK_DIM_K}, 0},
    {NULL, 0, {QGK_DIM_NONE, QGK_DIM_NONE}, 0},
};

static qgk_format format(const qgk_quant_config *config)
{
    (void)config;
    return QGK_FORMAT_F16;
}

static const char *accepts(const qgk_quant_config *config)
{
    return config->bits == 0 ? NULL : "the folder declares a quantization";
}

static int in_place(const qgk_stored *w)
{
    return w->dtype[0] == QGK_F16;
}

/* part[0] [N][K], rows->codes [n_rows][K] */
static size_t unpack(qgk_canon *rows, const qgk_stored *w, const int32_t *order, int row0)
{
    qgk_shape s = w->shape;
    size_t count = (size_t)rows->n_rows * (size_t)s.k, n_overflows = 0;
    size_t from = (size_t)row0 * (size_t)s.k;
    qgk_half *to = rows->codes;

    (void)order;
    assert(rows->format == QGK_FORMAT_F16 && rows->k == s.k);
    assert(row0 >= 0 && rows->n_rows >= 0 && row0 + rows->n_rows <= s.n);
    if (w->dtype[0] == QGK_F16) {
        memcpy(to, (const char *)w->part[0] + from * sizeof *to, count * sizeof *to);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        float f = qgk_float_at(w->part[0], w->dtype[0], from + i);
        to[i] = qgk_half_from_float(f);
        n_overflows += isfinite(f) && (to[i] & 0x7fffu) == 0x7c00u;
    }
    return n_overflows;
}

/* The value of a format of `exponent_bits` and `mantissa_bits`, by the definition in IEEE 754
 * section 3.4. */
static float value_of_bits(uint32_t bits, int exponent_bits, int mantissa_bits)
{
    int e = (int)(bits >> mantissa_bits & ((1u << exponent_bits) - 1));
    int bias = (1 << (exponent_bits - 1)) - 1;
    double m = (double)(bits & ((1u << mantissa_bits) - 1));
    double v;

    if (e == (1 << exponent_bits) - 1)
        v = m == 0 ? HUGE_VAL : NAN;
    else if (e == 0)
        v = ldexp(m, 1 - bias - mantissa_bits);
    else
        v = ldexp(m + ldexp(1, mantissa_bits), e - bias - mantissa_bits);
    return (float)(bits >> (exponent_bits + mantissa_bits) & 1 ? -v : v);
}

/* row [K] of part[0] [N][K]: bytes read one by one, little-endian */
static void oracle(float *row, const qgk_stored *w, int n)
{
    int width = w->dtype[0] == QGK_F32 ? 4 : 2, k = w->shape.k;
    const unsigned char *from =
        (const unsigned char *)w->part[0] + (size_t)n * (size_t)k * (size_t)width;

    for (int i = 0; i < k; i++) {
        uint32_t bits = 0;
        for (int b = 0; b < width; b++)
            bits |= (uint32_t)*from++ << 8 * b;
        row[i] = w->dtype[0] == QGK_F32   ? value_of_bits(bits, 8, 23)
                 : w->dtype[0] == QGK_F16 ? value_of_bits(bits, 5, 10)
                                          : value_of_bits(bits, 8, 7);
    }
}

/* rows->codes [N][K] to part[0] [N][K] of dtype[0] */
static void encode(void *const part[], const qgk_dtype dtype[], const qgk_canon *rows,
                   const int32_t *order, qgk_shape s, const qgk_quant_config *config)
{
    size_t count = (size_t)s.n * (size_t)s.k;
    const qgk_half *from = rows->codes;
    char *to = part[0];

    (void)order, (void)config;
    for (size_t i = 0; i < count; i++) {
        float f = qgk_float_from_half(from[i]);
        qgk_bf16 b = qgk_bf16_from_float(f);
        if (dtype[0] == QGK_F32)
            memcpy(to + 4 * i, &f, sizeof f);
        else
            memcpy(to + 2 * i, dtype[0] == QGK_F16 ? &from[i] : &b, sizeof b);
    }
}

extern const qgk_method qgk_method_fp16;
const qgk_method qgk_method_fp16 = {
    .name = "fp16",
    .runs_as = "fp16",
    .parts = parts,
    .marker = -1,
    .format = format,
    .accepts = accepts,
    .in_place = in_place,
    .unpack = unpack,
    .oracle = oracle,
    .encode = encode,
};
