/* compressed-tensors "pack-quantized", as llm-compressor writes it: signed codes of 4 or 8 bits,
 * stored plus half their range and packed along the inputs, row by row; zero points the same way
 * along the outputs, where the scheme is asymmetric.
 *
 * Old files with actorder "group" bring weight_g_idx; one that is -1 throughout was never filled
 * and means nothing, as in upstream's forward.
 */
#include "kernels/linear/group.h"

#include <assert.h>
#include <stddef.h>

enum { PACKED, SCALE, ZERO_POINT, SHAPE, G_IDX };

static const qgk_part parts[] = {
    {"weight_packed", 1u << QGK_I32, {QGK_DIM_N, QGK_DIM_K_WORDS}, 0},
    {"weight_scale",
     1u << QGK_F16 | 1u << QGK_BF16 | 1u << QGK_F32,
     {QGK_DIM_N, QGK_DIM_GROUPS},
     0},
    {"weight_zero_point", 1u << QGK_I32, {QGK_DIM_N_WORDS, QGK_DIM_GROUPS}, 1},
    {"weight_shape", 1u << QGK_I64, {QGK_DIM_TWO, QGK_DIM_NONE}, 0},
    {"weight_g_idx", 1u << QGK_I32, {QGK_DIM_K, QGK_DIM_NONE}, 1},
    {NULL, 0, {QGK_DIM_NONE, QGK_DIM_NONE}, 0},
};

static qgk_format format(const qgk_quant_config *config)
{
    return config->bits == 8 ? QGK_FORMAT_W8A16 : QGK_FORMAT_W4A16;
}

static const char *accepts(const qgk_quant_config *config)
{
    return config->bits == 4 || config->bits == 8 ? NULL
                                                  : "pack-quantized weights have 4 or 8 bits here";
}

/* ---- checks ---- */

static int64_t dimension_at(const qgk_stored *w, int i)
{
    int64_t v;

    memcpy(&v, (const char *)w->part[SHAPE] + (size_t)i * sizeof v, sizeof v);
    return v;
}

static int check_shape(qgk_fault *out, const qgk_stored *w)
{
    for (int i = 0; i < 2; i++)
        if (dimension_at(w, i) != (i ? w->shape.k : w->shape.n)) {
            *out = (qgk_fault){.id = "weight-shape",
                               .part = SHAPE,
                               .at = i,
                               .what = "names another shape than config.json gives this weight",
                               .fix = "the file is of another model, copy it again"};
            return 0;
        }
    return 1;
}

static int check_zeros(qgk_fault *out, const qgk_stored *w)
{
    int bits = w->shape.bits;
    uint32_t middle = bits == 8 ? 0x80808080u : 0x88888888u;
    size_t count = (size_t)qgk_groups(w->shape) * (size_t)w->shape.n * (size_t)bits / 32;

    *out = (qgk_fault){.id = "zero-point-missing",
                       .part = PACKED,
                       .what = "has no weight_zero_point beside it, but the scheme is asymmetric",
                       .fix = "write \"symmetric\": true if it is not"};
    if (!w->part[ZERO_POINT])
        return w->config->symmetric;
    for (size_t i = 0; w->config->symmetric && i < count; i++)
        if (qgk_word_at(w->part[ZERO_POINT], i) != middle) {
            *out = (qgk_fault){.id = "zero-point-not-symmetric",
                               .part = ZERO_POINT,
                               .at = (int64_t)i,
                               .what = "holds zero points off the middle, but the scheme is "
                                       "symmetric",
                               .fix = "write \"symmetric\": false"};
            return 0;
        }
    return 1;
}

/* Without a g_idx that was never filled. */
static qgk_stored used_parts(const qgk_stored *w)
{
    qgk_stored used = *w;

    for (int k = 0; used.part[G_IDX] && k < w->shape.k; k++)
        if (qgk_word_at(w->part[G_IDX], (size_t)k) != UINT32_MAX)
            return *w;
    used.part[G_IDX] = NULL;
    return used;
}

static int check(qgk_fault *out, const qgk_stored *w)
{
    qgk_stored used = used_parts(w);

    return check_shape(out, w) &&
           qgk_group_check_scales(out, w, SCALE, (int64_t)qgk_groups(w->shape) * w->shape.n) &&
           qgk_group_check_order(out, &used, G_IDX) && check_zeros(out, w);
}

static int order_of(int32_t *order, const qgk_stored *w)
{
    qgk_stored used = used_parts(w);

    return qgk_group_order(order, &used, G_IDX);
}

/* ---- disk to canonical ---- */

/* Codes of row n: [K] */
static void unpack_codes(uint8_t *to, const qgk_stored *w, const int32_t *order, int n)
{
    int k = w->shape.k;
    const uint8_t *row =
        (const uint8_t *)w->part[PACKED] + (size_t)n * (size_t)(k * w->shape.bits / 32) * 4;

    if (w->shape.bits == 8 && !order)
        memcpy(to, row, (size_t)k);
    else if (w->shape.bits == 8)
        for (int j = 0; j < k; j++)
            to[j] = row[order[j]];
    else if (order)
        for (int j = 0; j < k; j++)
            to[j] = row[order[j] / 2] >> order[j] % 2 * 4 & 15;
    else
        for (int j = 0; j < k / 2; j++) {
            to[2 * j] = row[j] & 15;
            to[2 * j + 1] = row[j] >> 4;
        }
}

/* Scales and zero points of row n: [K / group] each */
static void unpack_groups(float *scales, uint8_t *zeros, const qgk_stored *w, int n)
{
    int bits = w->shape.bits, groups = qgk_groups(w->shape), per_word = 32 / bits;
    size_t at = (size_t)(n / per_word) * (size_t)groups;

    for (int g = 0; g < groups; g++) {
        scales[g] =
            qgk_float_at(w->part[SCALE], w->dtype[SCALE], (size_t)n * (size_t)groups + (size_t)g);
        zeros[g] = (uint8_t)(1u << (bits - 1));
        if (w->part[ZERO_POINT])
            zeros[g] =
                (uint8_t)(qgk_word_at(w->part[ZERO_POINT], at + (size_t)g) >> n % per_word * bits &
                          ((1u << bits) - 1));
    }
}

static size_t unpack(qgk_canon *rows, const qgk_stored *w, const int32_t *order, int row0)
{
    size_t k = (size_t)w->shape.k, groups = (size_t)qgk_groups(w->shape);

    assert(rows->format == format(w->config) && rows->k == w->shape.k &&
           rows->group == w->shape.group);
    assert(row0 >= 0 && rows->n_rows >= 0 && row0 + rows->n_rows <= w->shape.n);
    for (int r = 0; r < rows->n_rows; r++) {
        unpack_codes((uint8_t *)rows->codes + (size_t)r * k, w, order, row0 + r);
        unpack_groups(rows->scales + (size_t)r * groups, rows->zeros + (size_t)r * groups, w,
                      row0 + r);
    }
    return 0;
}

/* ---- the truth ---- */

/* Number i of those packed into a run of words, as the signed number that it was. */
static int signed_at(const void *words, size_t stride, size_t i, int bits)
{
    size_t per_word = (size_t)(32 / bits);
    uint64_t word = qgk_word_at(words, i / per_word * stride);

    for (size_t lane = i % per_word; lane > 0; lane--)
        word /= 1u << bits;
    return (int)(word % (1u << bits)) - (1 << bits) / 2;
}

static void oracle(float *row, const qgk_stored *w, int n)
{
    qgk_shape s = w->shape;
    size_t groups = (size_t)qgk_groups(s);
    const char *codes =
        (const char *)w->part[PACKED] + (size_t)n * (size_t)qgk_dim_of(QGK_DIM_K_WORDS, s) * 4;

    for (int k = 0; k < s.k; k++) {
        int g = k / s.group, zero = 0;
        if (w->part[G_IDX] && (int32_t)qgk_word_at(w->part[G_IDX], 0) >= 0)
            g = (int)qgk_word_at(w->part[G_IDX], (size_t)k);
        if (w->part[ZERO_POINT]) /* [N_WORDS][groups]: the words of a group stand `groups` apart */
            zero = signed_at((const char *)w->part[ZERO_POINT] + (size_t)g * 4, groups, (size_t)n,
                             s.bits);
        float scale = qgk_float_at(w->part[SCALE], w->dtype[SCALE], (size_t)n * groups + (size_t)g);
        row[k] = scale * (float)(signed_at(codes, 1, (size_t)k, s.bits) - zero);
    }
}

/* ---- canonical to disk ---- */

/* Puts a number of `bits` at place i of a run of words `stride` apart, which begin as zeros. */
static void put_code(void *words, size_t stride, size_t i, int bits, uint32_t code)
{
    size_t per_word = (size_t)(32 / bits), at = i / per_word * stride;

    qgk_word_put(words, at, qgk_word_at(words, at) | code << i % per_word * (size_t)bits);
}

static void encode(void *const part[], const qgk_dtype dtype[], const qgk_canon *rows,
                   const int32_t *order, qgk_shape s, const qgk_quant_config *config)
{
    size_t groups = (size_t)qgk_groups(s), n_words = (size_t)qgk_dim_of(QGK_DIM_K_WORDS, s);
    const uint8_t *codes = rows->codes;
    const int64_t shape[2] = {s.n, s.k};

    (void)config;
    memset(part[PACKED], 0, (size_t)s.n * n_words * 4);
    if (part[ZERO_POINT])
        memset(part[ZERO_POINT], 0, (size_t)qgk_dim_of(QGK_DIM_N_WORDS, s) * groups * 4);
    for (int n = 0; n < s.n; n++) {
        void *row = (char *)part[PACKED] + (size_t)n * n_words * 4;
        for (int j = 0; j < s.k; j++)
            put_code(row, 1, (size_t)(order ? order[j] : j), s.bits, *codes++);
        for (size_t g = 0; g < groups; g++) {
            size_t at = (size_t)n * groups + g;
            qgk_float_put(part[SCALE], dtype[SCALE], at, rows->scales[at]);
            if (part[ZERO_POINT])
                put_code((char *)part[ZERO_POINT] + g * 4, groups, (size_t)n, s.bits,
                         rows->zeros[at]);
        }
    }
    memcpy(part[SHAPE], shape, sizeof shape);
    if (part[G_IDX])
        qgk_group_encode_order(part[G_IDX], order, s);
}

extern const qgk_method qgk_method_compressed_packed;
const qgk_method qgk_method_compressed_packed = {
    .name = "compressed-tensors pack-quantized",
    .runs_as = "gptq",
    .parts = parts,
    .marker = PACKED,
    .format = format,
    .accepts = accepts,
    .check = check,
    .order = order_of,
    .unpack = unpack,
    .oracle = oracle,
    .encode = encode,
};
