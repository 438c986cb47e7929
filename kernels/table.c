/* Which kernel runs: the references first, then a ladder on which each tier that the CPU allows
 * overrides the slots that it has.
 *
 * Built for the oldest CPU, as it runs before anyone has asked which CPU this is. Invariant: every
 * slot is filled after the first rung.
 */
#include "kernels/tiers.h"

#include <stddef.h>

#ifdef __AVX__
#error "table.c must be built for the oldest CPU"
#endif

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Scratch of the products of a format: none where no weight has it. */
static size_t of_format(const qgk_limits *limits, qgk_format f,
                        size_t (*scratch)(const qgk_limits *))
{
    return limits->formats >> f & 1 ? scratch(limits) : 0;
}

static size_t of_groups(const qgk_limits *limits, size_t (*scratch)(const qgk_limits *))
{
    return larger(of_format(limits, QGK_FORMAT_W8A16, scratch),
                  of_format(limits, QGK_FORMAT_W4A16, scratch));
}

static size_t scratch_ref(const qgk_limits *limits)
{
    size_t linear = larger(of_format(limits, QGK_FORMAT_F16, qgk_f16_ref_scratch),
                           of_format(limits, QGK_FORMAT_W8A8, qgk_i8_ref_scratch));

    return larger(qgk_attention_ref_scratch(limits),
                  larger(linear, of_groups(limits, qgk_grouped_ref_scratch)));
}

static void fill_ref(qgk_table *t)
{
    t->tier = "ref";
    t->act_bytes = (int)sizeof(float);
    t->scratch_bytes = scratch_ref;
    qgk_embed_ref(t);
    qgk_norm_ref(t);
    qgk_layernorm_ref(t);
    qgk_rope_ref(t);
    qgk_attention_ref(t);
    qgk_activation_ref(t);
    qgk_argmax_ref(t);
    qgk_compare_ref(t);
    qgk_f16_ref(t);
    qgk_i8_ref(t);
    qgk_grouped_ref(t);
    qgk_gram_ref(t);
}

static size_t scratch_avx2(const qgk_limits *limits)
{
    size_t linear = larger(of_format(limits, QGK_FORMAT_F16, qgk_f16_avx2_scratch),
                           larger(of_format(limits, QGK_FORMAT_W8A8, qgk_i8_avx2_scratch),
                                  of_groups(limits, qgk_grouped_scratch)));

    return larger(larger(scratch_ref(limits), qgk_attention_avx2_scratch(limits)), linear);
}

static void fill_avx2(qgk_table *t)
{
    t->tier = "avx2";
    t->scratch_bytes = scratch_avx2;
    qgk_embed_avx2(t);
    qgk_norm_avx2(t);
    qgk_layernorm_avx2(t);
    qgk_rope_avx2(t);
    qgk_attention_avx2(t);
    qgk_activation_avx2(t);
    qgk_argmax_avx2(t);
    qgk_compare_avx2(t);
    qgk_f16_avx2(t);
    qgk_i8_avx2(t);
    qgk_grouped_avx2(t);
    qgk_gram_avx2(t);
}

static size_t scratch_avx512(const qgk_limits *limits)
{
    return larger(scratch_avx2(limits),
                  larger(qgk_attention_avx512_scratch(limits),
                         of_format(limits, QGK_FORMAT_W8A8, qgk_i8_avx512_scratch)));
}

static void fill_avx512(qgk_table *t, unsigned features)
{
    t->tier = "avx512";
    t->scratch_bytes = scratch_avx512;
    qgk_attention_avx512(t);
    qgk_activation_avx512(t);
    qgk_compare_avx512(t);
    qgk_f16_avx512(t);
    qgk_grouped_avx512(t);
    qgk_gram_avx512(t);
    if (features & QGK_CPU_AVX512_VNNI)
        qgk_i8_avx512(t);
}

static void climb(qgk_table *table, unsigned features)
{
    features &= qgk_cpu_features();
    *table = (qgk_table){0};
    fill_ref(table);
    if (!(features & QGK_CPU_AVX2))
        return;
    fill_avx2(table);
    if (!(features & QGK_CPU_AVX512))
        return;
    fill_avx512(table, features);
}

void qgk_table_init(qgk_table *table, unsigned features)
{
    /* products of the portable tier read what the best one packed */
    climb(table, features & QGK_PORTABLE ? QGK_CPU_ALL : features);
    if (features & QGK_PORTABLE)
        qgk_portable(table);
}
