/* What the tests of methods share: a linear of random bits, at odd addresses too; the comparison of
 * unpack, strip by strip, with the oracle; the way to disk and back.
 *
 * A test that must notice a mistake makes it on one side: `method_differs` then has to find it.
 */
#ifndef QGK_LINEAR_METHOD_CHECK_H
#define QGK_LINEAR_METHOD_CHECK_H

#include "kernels/linear/linear.h"

#include "check_suites.h"

#include <stdlib.h>

/* A linear whose parts lie in rooms of their own, `odd` bytes behind an aligned address. */
typedef struct sample {
    const qgk_method *method;
    qgk_stored w;
    size_t bytes[QGK_MAX_PARTS];
    unsigned char *part[QGK_MAX_PARTS]; /* w.part, to write to */
    void *room[QGK_MAX_PARTS];
    int odd;
} sample;

static inline size_t sample_count(const sample *s, int part)
{
    int64_t count = 1;

    for (int d = 0; d < 2; d++)
        if (s->method->parts[part].shape[d] != QGK_DIM_NONE)
            count *= qgk_dim_of(s->method->parts[part].shape[d], s->w.shape);
    return (size_t)count;
}

/* Begins a part: random bits of `dtype`. */
static inline void sample_part(sample *s, int part, qgk_dtype dtype)
{
    s->bytes[part] = sample_count(s, part) * qgk_dtype_bytes(dtype);
    s->room[part] = malloc(s->bytes[part] + 16);
    ck_assert_ptr_nonnull(s->room[part]);
    s->part[part] = (unsigned char *)s->room[part] + s->odd;
    for (size_t i = 0; i < s->bytes[part]; i++)
        s->part[part][i] = (unsigned char)(rand() >> 4);
    s->w.part[part] = s->part[part];
    s->w.dtype[part] = dtype;
}

/* Scales such as models have, of both signs: multiples of 1/1024, exact in each dtype. */
static inline void sample_scales(sample *s, int part, qgk_dtype dtype)
{
    sample_part(s, part, dtype);
    for (size_t i = 0; i < sample_count(s, part); i++)
        qgk_float_put(s->part[part], dtype, i,
                      (float)(rand() % 127 + 1) / (rand() % 4 ? 1024.0f : -1024.0f));
}

/* A g_idx [K] that is a grouping in random order. */
static inline void sample_order(sample *s, int part)
{
    int k = s->w.shape.k;

    sample_part(s, part, QGK_I32);
    for (int i = 0; i < k; i++)
        qgk_word_put(s->part[part], (size_t)i, (uint32_t)(i / s->w.shape.group));
    for (int i = k - 1; i > 0; i--) {
        size_t other = (size_t)(rand() % (i + 1));
        uint32_t word = qgk_word_at(s->part[part], (size_t)i);
        qgk_word_put(s->part[part], (size_t)i, qgk_word_at(s->part[part], other));
        qgk_word_put(s->part[part], other, word);
    }
}

static inline void sample_free(sample *s)
{
    for (int i = 0; i < QGK_MAX_PARTS; i++)
        free(s->room[i]);
}

/* ---- canonical form ---- */

static inline qgk_canon canon_make(const sample *s)
{
    qgk_shape shape = s->w.shape;
    size_t n = (size_t)shape.n, groups = (size_t)qgk_groups(shape);
    qgk_canon c = {s->method->format(s->w.config),
                   shape.n,
                   shape.k,
                   shape.group,
                   malloc(n * (size_t)shape.k),
                   malloc(n * groups * sizeof(float)),
                   malloc(n * groups)};

    ck_assert(c.codes && c.scales && c.zeros);
    return c;
}

static inline void canon_free(qgk_canon *c)
{
    free(c->codes);
    free(c->scales);
    free(c->zeros);
}

/* The order of the sample in `room` [K], or NULL. */
static inline const int32_t *sample_find_order(const sample *s, int32_t *room)
{
    return s->method->order && s->method->order(room, &s->w) ? room : NULL;
}

/* Unpacks all rows, `step` at a time. */
static inline void sample_unpack(const sample *s, qgk_canon *all, const int32_t *order, int step)
{
    int n = s->w.shape.n, groups = qgk_groups(s->w.shape);

    for (int row = 0; row < n; row += step) {
        qgk_canon strip = *all;
        strip.n_rows = n - row < step ? n - row : step;
        strip.codes = (uint8_t *)all->codes + (size_t)row * (size_t)all->k;
        strip.scales = all->scales + row * groups;
        strip.zeros = all->zeros + row * groups;
        ck_assert_uint_eq(s->method->unpack(&strip, &s->w, order, row), 0);
    }
}

/* Weight of row n, canonical column j: scale * (code - zero). */
static inline float canon_value(const qgk_canon *c, int n, int j)
{
    size_t at = (size_t)n * (size_t)c->k + (size_t)j;
    size_t g = (size_t)n * (size_t)(c->k / c->group) + (size_t)(j / c->group);

    if (c->format == QGK_FORMAT_W8A8)
        return c->scales[g] * (float)((const int8_t *)c->codes)[at];
    return c->scales[g] * (float)(((const uint8_t *)c->codes)[at] - c->zeros[g]);
}

/* How many weights of the canonical form are not those of `truth`'s oracle. */
static inline size_t canon_differences(const qgk_canon *c, const int32_t *order,
                                       const sample *truth)
{
    float *row = malloc((size_t)c->k * sizeof *row);
    size_t n_different = 0;

    ck_assert_ptr_nonnull(row);
    for (int n = 0; n < c->n_rows; n++) {
        truth->method->oracle(row, &truth->w, n);
        for (int j = 0; j < c->k; j++)
            n_different += canon_value(c, n, j) != row[order ? order[j] : j];
    }
    free(row);
    return n_different;
}

/* ---- what every method must do ---- */

/* Weights where `read`, unpacked in strips, is not what the oracle of `truth` says. */
static inline size_t method_differences(const sample *read, const sample *truth, int step)
{
    int32_t *room = malloc((size_t)read->w.shape.k * sizeof *room);
    qgk_canon c = canon_make(read);
    const int32_t *order = sample_find_order(read, room);

    sample_unpack(read, &c, order, step);
    size_t n_different = canon_differences(&c, order, truth);
    canon_free(&c);
    free(room);
    return n_different;
}

/* Unpack agrees with the oracle, and encode writes the bits that unpack read. */
static inline void method_assert(const sample *s, int step)
{
    int32_t *room = malloc((size_t)s->w.shape.k * sizeof *room);
    qgk_canon c = canon_make(s);
    const int32_t *order = sample_find_order(s, room);
    void *part[QGK_MAX_PARTS] = {NULL}, *to[QGK_MAX_PARTS] = {NULL};

    sample_unpack(s, &c, order, step);
    ck_assert_uint_eq(canon_differences(&c, order, s), 0);
    for (int i = 0; s->method->parts[i].suffix; i++) {
        part[i] = calloc(1, s->bytes[i] + 16);
        to[i] = s->w.part[i] ? (char *)part[i] + s->odd : NULL;
    }
    s->method->encode(to, s->w.dtype, &c, order, s->w.shape, s->w.config);
    for (int i = 0; s->method->parts[i].suffix; i++) {
        ck_assert_msg(!to[i] || memcmp(to[i], s->part[i], s->bytes[i]) == 0,
                      "part '%s' is not what was read", s->method->parts[i].suffix);
        free(part[i]);
    }
    canon_free(&c);
    free(room);
}

/* `check` has to find that, at that element. */
static inline void method_assert_fault(const sample *s, const char *id, int part, int64_t at)
{
    qgk_fault fault = {0};

    ck_assert_msg(!s->method->check(&fault, &s->w), "nothing found instead of '%s'", id);
    ck_assert_str_eq(fault.id, id);
    ck_assert_int_eq(fault.part, part);
    ck_assert_int_eq(fault.at, at);
    ck_assert(fault.what && *fault.what && fault.fix && *fault.fix);
}

static inline void method_assert_sane(const sample *s)
{
    qgk_fault fault = {0};

    ck_assert_msg(s->method->check(&fault, &s->w), "'%s' at %lld", fault.id, (long long)fault.at);
}

#endif
