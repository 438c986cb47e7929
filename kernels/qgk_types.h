/* Numbers and weights: dtypes, half and bfloat16 conversion, what a quantization method reads and
 * what a product kernel multiplies.
 *
 * The way of a weight: disk bits (named by qgk_part, found by engine/weights.c) are unpacked by the
 * method to the canonical form of its format (qgk_canon), a strip of rows at a time, and packed by
 * the tier that will multiply into its own layout (qgk_weight). Plain data, no functions with
 * state, C11 only.
 */
#ifndef QGK_TYPES_H
#define QGK_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* name as in safetensors, bytes an element */
#define QGK_DTYPE_LIST(X)                                                                          \
    X(F64, 8)                                                                                      \
    X(F32, 4) X(F16, 2) X(BF16, 2) X(I64, 8) X(I32, 4) X(I16, 2) X(I8, 1) X(U8, 1) X(BOOL, 1)

typedef enum qgk_dtype {
#define X(name, bytes) QGK_##name,
    QGK_DTYPE_LIST(X)
#undef X
} qgk_dtype;

static inline size_t qgk_dtype_bytes(qgk_dtype d)
{
    static const unsigned char bytes[] = {
#define X(name, bytes) bytes,
        QGK_DTYPE_LIST(X)
#undef X
    };
    return bytes[d];
}

static inline const char *qgk_dtype_name(qgk_dtype d)
{
    static const char *const names[] = {
#define X(name, bytes) #name,
        QGK_DTYPE_LIST(X)
#undef X
    };
    return names[d];
}

typedef uint16_t qgk_half; /* IEEE 754 binary16, as bits */
typedef uint16_t qgk_bf16; /* the upper half of a binary32 */

static inline float qgk_float_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t qgk_bits_from_float(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float qgk_float_from_bf16(qgk_bf16 b)
{
    return qgk_float_from_bits((uint32_t)b << 16);
}

/* Exact: every binary16 is a binary32. */
static inline float qgk_float_from_half(qgk_half h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ffu;

    if (exponent == 31) /* infinity and NaN */
        return qgk_float_from_bits(sign | 0x7f800000u | mantissa << 13);
    if (exponent == 0) { /* zero and denormals: mantissa * 2^-24 */
        float f = (float)mantissa * 0x1p-24f;
        return sign ? -f : f;
    }
    return qgk_float_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

/* Rounds to nearest, ties to even; above 65520 becomes infinity, as the hardware does. */
static inline qgk_half qgk_half_from_float(float f)
{
    uint32_t bits = qgk_bits_from_float(f), sign = bits >> 16 & 0x8000u,
             magnitude = bits & 0x7fffffffu;

    if (magnitude > 0x7f800000u) /* NaN stays quiet and keeps its top bits */
        return (qgk_half)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u)
        return (qgk_half)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { /* denormal: let the addition round at 2^-24 */
        float rounded = qgk_float_from_bits(magnitude) + 0.5f;
        return (qgk_half)(sign | (qgk_bits_from_float(rounded) - 0x3f000000u));
    }
    return (qgk_half)(sign | ((magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1)) >> 13));
}

/* A linear's weight has N outputs and K inputs: y[N] = W[N][K] x[K]. */
typedef struct qgk_shape {
    int n, k;
} qgk_shape;

/* What the canonical form holds, and with it which product kernel runs. */
typedef enum qgk_format {
    QGK_FORMAT_F16, /* qgk_half [N][K] */
    QGK_N_FORMATS,
} qgk_format;

/* A strip of rows in canonical form, row-major; the caller owns the memory. */
typedef struct qgk_canon {
    qgk_format format;
    int n_rows, k;
    void *codes; /* F16: qgk_half [n_rows][k] */
} qgk_canon;

/* One tensor on disk that a method wants for a linear called "<name>.<suffix>". */
typedef enum qgk_dim { QGK_DIM_NONE, QGK_DIM_N, QGK_DIM_K } qgk_dim;
typedef struct qgk_part {
    const char *suffix;
    unsigned dtypes; /* bit 1 << dtype for each that is accepted */
    qgk_dim shape[2];
} qgk_part;
enum { QGK_MAX_PARTS = 6 };

/* The quantization that a folder declares, as far as methods look at it; all zero for a plain
 * folder. */
typedef struct qgk_quant_config {
    const char *method; /* "fp16" for a plain folder */
} qgk_quant_config;

/* A weight as a tier multiplies it: one or more matrices that share their input ("fused" q, k, v or
 * gate, up), whose outputs stand side by side in one row of N = sum of n. Views only: the backend
 * owns the bytes. */
enum { QGK_MAX_SEGMENTS = 3 };
typedef struct qgk_segment {
    int n;
    const void *data; /* the tier's layout of this segment; F16 in place: the canonical rows */
} qgk_segment;
typedef struct qgk_weight {
    qgk_format format;
    int n, k, n_segments;
    qgk_segment segment[QGK_MAX_SEGMENTS];
    const float *bias; /* [N] in backend memory, or NULL */
} qgk_weight;

#endif
