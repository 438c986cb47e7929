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

/* Rounds to nearest, ties to even; NaN stays quiet. */
static inline qgk_bf16 qgk_bf16_from_float(float f)
{
    uint32_t bits = qgk_bits_from_float(f);

    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (qgk_bf16)(bits >> 16 | 0x40u);
    return (qgk_bf16)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
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

/* Element i of a tensor of F16, BF16 or F32 that may start at any byte. */
static inline float qgk_float_at(const void *data, qgk_dtype d, size_t i)
{
    uint32_t bits = 0;
    size_t width = d == QGK_F32 ? 4 : 2;

    memcpy(&bits, (const char *)data + i * width, width);
    return d == QGK_F32   ? qgk_float_from_bits(bits)
           : d == QGK_F16 ? qgk_float_from_half((qgk_half)bits)
                          : qgk_float_from_bf16((qgk_bf16)bits);
}

/* The inverse: rounds to nearest, ties to even. */
static inline void qgk_float_put(void *data, qgk_dtype d, size_t i, float f)
{
    uint32_t bits = d == QGK_F32   ? qgk_bits_from_float(f)
                    : d == QGK_F16 ? qgk_half_from_float(f)
                                   : qgk_bf16_from_float(f);
    size_t width = d == QGK_F32 ? 4 : 2;

    memcpy((char *)data + i * width, &bits, width);
}

/* Element i of a tensor of I32, likewise; as bits, or as a number by a cast. */
static inline uint32_t qgk_word_at(const void *data, size_t i)
{
    uint32_t bits;
    memcpy(&bits, (const char *)data + i * sizeof bits, sizeof bits);
    return bits;
}

static inline void qgk_word_put(void *data, size_t i, uint32_t bits)
{
    memcpy((char *)data + i * sizeof bits, &bits, sizeof bits);
}

/* A linear's weight has N outputs and K inputs: y[N] = W[N][K] x[K]. `group` inputs share a scale
 * (K: all of them) and divide K; a code has `bits`. Both are 0 where there are no codes (F16). */
typedef struct qgk_shape {
    int n, k, group, bits;
} qgk_shape;

/* Groups of a row. */
static inline int qgk_groups(qgk_shape s)
{
    return s.group ? s.k / s.group : 0;
}

/* What the canonical form holds, and with it which product kernel runs. */
typedef enum qgk_format {
    QGK_FORMAT_F16,   /* halves                                                                */
    QGK_FORMAT_W8A8,  /* signed 8-bit codes, a scale a row; activations become 8 bit, per token */
    QGK_FORMAT_W8A16, /* 8-bit codes with scale and zero point a group; float activations      */
    QGK_FORMAT_W4A16, /* 4-bit codes, the same                                                 */
    QGK_N_FORMATS,
} qgk_format;

/* Inputs up to which sums of codes of W8A8 (of -128 .. 127, times -127 .. 127) fit in int32. */
enum { QGK_W8A8_MAX_K = 1 << 17 };

/* A strip of rows in canonical form, row-major; the caller owns the memory. A weight is
 * scale * (code - zero). W8A16 and W4A16: column j holds input order[j] of the linear, so that the
 * inputs of a group stand together; group g is columns g * group .. */
typedef struct qgk_canon {
    qgk_format format;
    int n_rows, k, group; /* group: 0 in F16, k in W8A8 */
    /* F16: qgk_half [n_rows][k]; W8A8: int8_t [n_rows][k], -128 .. 127; W8A16, W4A16: uint8_t
     * [n_rows][k], 0 .. 255 or 0 .. 15, one code a byte */
    void *codes;
    float *scales;  /* [n_rows][k / group], finite; not in F16     */
    uint8_t *zeros; /* [n_rows][k / group]; W8A16 and W4A16 alone  */
} qgk_canon;

/* Bytes of a canonical code. */
static inline size_t qgk_code_bytes(qgk_format f)
{
    return f == QGK_FORMAT_F16 ? sizeof(qgk_half) : 1;
}

/* What a folder declares of its quantized linears; zero for a plain folder. */
typedef struct qgk_quant_config {
    int bits;           /* of a weight's code: 4 or 8                                     */
    int group_size;     /* inputs that share a scale; -1: all                             */
    int symmetric;      /* zero points are the middle of the range                        */
    int act_order;      /* groups are formed in the order of activations, see g_idx       */
    int zeros_less_one; /* GPTQ v1: stored zero points are one less, word by word         */
    int float_inputs;   /* INT8 weights: multiplied with float activations, not W8A8      */
} qgk_quant_config;

/* One tensor on disk that a method wants for a linear called "<name>.<suffix>". */
typedef enum qgk_dim {
    QGK_DIM_NONE,
    QGK_DIM_N,
    QGK_DIM_K,
    QGK_DIM_N_WORDS, /* N * bits / 32: codes packed along the outputs */
    QGK_DIM_K_WORDS, /* K * bits / 32: codes packed along the inputs  */
    QGK_DIM_GROUPS,  /* K / group                                     */
    QGK_DIM_ONE,
    QGK_DIM_TWO,
} qgk_dim;
typedef struct qgk_part {
    const char *suffix;
    unsigned dtypes; /* bit 1 << dtype for each that is accepted */
    qgk_dim shape[2];
    int optional; /* may be absent */
} qgk_part;
enum { QGK_MAX_PARTS = 6 };

/* What a dimension of a part is for a linear of this shape; 0 for QGK_DIM_NONE. */
static inline int64_t qgk_dim_of(qgk_dim d, qgk_shape s)
{
    switch (d) {
    case QGK_DIM_NONE:
        return 0;
    case QGK_DIM_N:
        return s.n;
    case QGK_DIM_K:
        return s.k;
    case QGK_DIM_N_WORDS:
        return (int64_t)s.n * s.bits / 32;
    case QGK_DIM_K_WORDS:
        return (int64_t)s.k * s.bits / 32;
    case QGK_DIM_GROUPS:
        return qgk_groups(s);
    case QGK_DIM_ONE:
        return 1;
    case QGK_DIM_TWO:
        return 2;
    }
    return 0;
}

/* A linear as it lies on disk. */
typedef struct qgk_stored {
    const void *part[QGK_MAX_PARTS]; /* bits of method->parts[i], at any byte; NULL: absent */
    qgk_dtype dtype[QGK_MAX_PARTS];
    qgk_shape shape;
    const qgk_quant_config *config;
} qgk_stored;

/* A weight as a tier multiplies it: one or more matrices that share their input ("fused" q, k, v or
 * gate, up), whose outputs stand side by side in one row of N columns. Views only: the backend owns
 * the bytes. */
enum { QGK_MAX_SEGMENTS = 3 };
typedef struct qgk_segment {
    int n;                /* outputs                                                       */
    int at;               /* column of the first one                                       */
    const void *data;     /* the tier's layout; F16 in place: the canonical rows           */
    int group;            /* W8A16, W4A16: inputs that share a scale                       */
    const int32_t *order; /* [K] in backend memory: column j multiplies input order[j]; NULL: j */
} qgk_segment;
typedef struct qgk_weight {
    qgk_format format;
    int n, k, n_segments; /* n: columns of an output row, of which the segments fill theirs */
    qgk_segment segment[QGK_MAX_SEGMENTS];
    const float *bias; /* [N] in backend memory, or NULL */
} qgk_weight;

#endif
