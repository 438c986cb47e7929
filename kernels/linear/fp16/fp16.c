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
    {"weight", 1u << QGK_F16 | 1u << QGK_BF16 | 1u << QGK_F32, {QGK_DIM_N, QGK_DIM_K}},
    {NULL, 0, {QGK_DIM_NONE, QGK_DIM_NONE}},
};

static const char *accepts(const qgk_quant_config *config)
{
    return !config->method || strcmp(config->method, "fp16") == 0
               ? NULL
               : "the folder declares a quantization";
}

static int in_place(const qgk_dtype *dtype)
{
    return dtype[0] == QGK_F16;
}

static float read_wide(const char *at, qgk_dtype dtype)
{
    uint32_t bits = 0;

    if (dtype == QGK_F32) {
        memcpy(&bits, at, 4);
        return qgk_float_from_bits(bits);
    }
    qgk_bf16 b;
    memcpy(&b, at, sizeof b);
    return qgk_float_from_bf16(b);
}

/* part[0] [N][K], rows->codes [n_rows][K] */
static size_t unpack(qgk_canon *rows, const void *const part[], const qgk_dtype dtype[],
                     qgk_shape s, int row0)
{
    size_t count = (size_t)rows->n_rows * (size_t)s.k, n_overflows = 0;
    size_t width = qgk_dtype_bytes(dtype[0]);
    const char *from = (const char *)part[0] + (size_t)row0 * (size_t)s.k * width;
    qgk_half *to = rows->codes;

    assert(rows->format == QGK_FORMAT_F16 && rows->k == s.k);
    assert(row0 >= 0 && rows->n_rows >= 0 && row0 + rows->n_rows <= s.n);
    if (dtype[0] == QGK_F16) {
        memcpy(to, from, count * sizeof *to);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        float f = read_wide(from + i * width, dtype[0]);
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
static void oracle(float *row, const void *const part[], const qgk_dtype dtype[], qgk_shape s,
                   int n)
{
    int width = dtype[0] == QGK_F32 ? 4 : 2;
    const unsigned char *from =
        (const unsigned char *)part[0] + (size_t)n * (size_t)s.k * (size_t)width;

    for (int i = 0; i < s.k; i++) {
        uint32_t bits = 0;
        for (int b = 0; b < width; b++)
            bits |= (uint32_t)*from++ << 8 * b;
        row[i] = dtype[0] == QGK_F32   ? value_of_bits(bits, 8, 23)
                 : dtype[0] == QGK_F16 ? value_of_bits(bits, 5, 10)
                                       : value_of_bits(bits, 8, 7);
    }
}

/* Rounds to nearest, ties to even; NaN stays quiet. */
static qgk_bf16 bf16_from_float(float f)
{
    uint32_t bits = qgk_bits_from_float(f);

    if (isnan(f))
        return (qgk_bf16)(bits >> 16 | 0x40u);
    return (qgk_bf16)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

/* w [N][K] to part[0] [N][K] */
static void encode(void *const part[], const qgk_dtype dtype[], const float *w, qgk_shape s)
{
    size_t count = (size_t)s.n * (size_t)s.k;
    char *to = part[0];

    if (dtype[0] == QGK_F32) {
        memcpy(to, w, count * sizeof *w);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t bits = dtype[0] == QGK_F16 ? qgk_half_from_float(w[i]) : bf16_from_float(w[i]);
        memcpy(to + 2 * i, &bits, sizeof bits);
    }
}

extern const qgk_method qgk_method_fp16;
const qgk_method qgk_method_fp16 = {
    .name = "fp16",
    .parts = parts,
    .format = QGK_FORMAT_F16,
    .accepts = accepts,
    .in_place = in_place,
    .unpack = unpack,
    .oracle = oracle,
    .encode = encode,
};
