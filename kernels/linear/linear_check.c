/* Unit tests of the numbers that every method stands on (qgk_types.h), the list of methods, and
 * the names of tiers. Expected values come from the definition of the formats.
 */
#include "kernels/linear/linear.h"
#include "kernels/qgk.h"

#include "check_suites.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* By the definition of binary16. */
static double half_value(unsigned h)
{
    unsigned e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? (m ? (double)NAN : (double)INFINITY)
               : e     ? ldexp(1024 + m, (int)e - 25)
                       : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

START_TEST(every_half_becomes_the_float_of_its_value)
{
    for (unsigned h = 0; h < 1 << 16; h++) {
        double expected = half_value(h);
        float f = qgk_float_from_half((qgk_half)h);
        if (isnan(expected))
            ck_assert_msg(isnan(f), "half %04x is no NaN", h);
        else
            ck_assert_msg((double)f == expected && !signbit(f) == !(h & 0x8000), "half %04x is %a",
                          h, (double)f);
    }
}
END_TEST

START_TEST(every_half_survives_a_round_trip)
{
    for (unsigned h = 0; h < 1 << 16; h++) {
        qgk_half back = qgk_half_from_float(qgk_float_from_half((qgk_half)h));
        if ((h & 0x7fffu) > 0x7c00u) /* a signalling NaN becomes quiet */
            ck_assert_uint_eq(back, h | 0x200u);
        else
            ck_assert_uint_eq(back, h);
    }
}
END_TEST

/* The nearest half of x >= 0 by bisection over the finite halves, ties to the even one. */
static unsigned nearest_half(double x)
{
    unsigned low = 0, high = 0x7bff;

    if (x >= 65520)
        return 0x7c00;
    if (x >= 65504)
        return 0x7bff;
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        if (half_value(middle) <= x)
            low = middle;
        else
            high = middle;
    }
    double below = x - half_value(low), above = half_value(high) - x;
    if (below == above)
        return low & 1 ? high : low;
    return below < above ? low : high;
}

START_TEST(floats_round_to_the_nearest_half)
{
    static const float edges[] = {
        0,       0x1p-25f,        0x1.000002p-25f, 0x1.8p-24f,   0x1p-14f,
        65504,   65519.996f,      65520,           1e30f,        0x1p-149f,
        2047.5f, 0x1.fffffep-15f, 1.00048828125f,  3.0009765625f};

    srand(1);
    for (size_t i = 0; i < 300000; i++) {
        uint32_t bits = (uint32_t)rand() << 8 ^ (uint32_t)rand();
        float f = i < sizeof edges / sizeof *edges
                      ? edges[i]
                      : qgk_float_from_bits(0x32000000u + bits % 0x16000000u);
        unsigned expected = nearest_half((double)f);
        if (qgk_half_from_float(f) != expected || qgk_half_from_float(-f) != (expected | 0x8000))
            ck_abort_msg("+-%a became %04x and %04x, not %04x", (double)f, qgk_half_from_float(f),
                         qgk_half_from_float(-f), expected);
    }
}
END_TEST

START_TEST(dtypes_have_names_and_sizes)
{
    ck_assert_str_eq(qgk_dtype_name(QGK_BF16), "BF16");
    ck_assert_uint_eq(qgk_dtype_bytes(QGK_BF16), 2);
    ck_assert_str_eq(qgk_dtype_name(QGK_F64), "F64");
    ck_assert_uint_eq(qgk_dtype_bytes(QGK_F64), 8);
    ck_assert_str_eq(qgk_dtype_name(QGK_BOOL), "BOOL");
    ck_assert_uint_eq(qgk_dtype_bytes(QGK_BOOL), 1);
}
END_TEST

START_TEST(methods_are_found_by_name)
{
    size_t n = 0;

    for (; qgk_methods()[n]; n++)
        ck_assert_ptr_eq(qgk_method_find(qgk_methods()[n]->name), qgk_methods()[n]);
    ck_assert_uint_ge(n, 1);
    ck_assert_str_eq(qgk_method_find("fp16")->name, "fp16");
    ck_assert_ptr_null(qgk_method_find("fp"));
    ck_assert_ptr_null(qgk_method_find(""));
}
END_TEST

START_TEST(tiers_are_named)
{
    ck_assert_uint_eq(qgk_features_parse("ref"), 0);
    ck_assert_uint_eq(qgk_features_parse("avx2"), QGK_CPU_AVX2);
    ck_assert_uint_eq(qgk_features_parse("avx512"),
                      QGK_CPU_AVX2 | QGK_CPU_AVX512 | QGK_CPU_AVX512_VNNI);
    ck_assert_uint_eq(qgk_features_parse("auto") & qgk_cpu_features(), qgk_cpu_features());
    ck_assert_uint_eq(qgk_features_parse("auto") & QGK_PORTABLE, 0);
    ck_assert_uint_eq(qgk_features_parse("portable") & QGK_PORTABLE, QGK_PORTABLE);
    ck_assert_uint_eq(qgk_features_parse("AVX2"), UINT_MAX);
    ck_assert_uint_eq(qgk_features_parse(""), UINT_MAX);
    ck_assert_uint_ne(qgk_cpu_features(), UINT_MAX);
}
END_TEST

/* Walks the slots as pointers: a table is numbers, then function pointers. */
START_TEST(no_slot_is_left_empty)
{
    static const unsigned features[] = {0,
                                        QGK_CPU_AVX2,
                                        QGK_CPU_AVX512,
                                        QGK_CPU_AVX2 | QGK_CPU_AVX512,
                                        ~(unsigned)QGK_PORTABLE,
                                        QGK_PORTABLE};

    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        qgk_table t;
        qgk_table_init(&t, features[i]);
        ck_assert_ptr_nonnull(t.tier);
        ck_assert_int_eq(t.act_bytes, 4);
        for (size_t at = offsetof(qgk_table, embed); at < sizeof t; at += sizeof(void (*)(void))) {
            void (*slot)(void);
            memcpy(&slot, (const char *)&t + at, sizeof slot);
            ck_assert_msg(slot != NULL, "tier %s: the slot at %zu is empty", t.tier, at);
        }
        for (int f = 0; f < QGK_N_FORMATS; f++) {
            ck_assert(t.linear[f].product != NULL);
            ck_assert(t.linear[f].pack != NULL);
            ck_assert(t.linear[f].packed_bytes != NULL);
        }
        unsigned used = features[i] & qgk_cpu_features();
        ck_assert_str_eq(t.tier, features[i] & QGK_PORTABLE ? "portable"
                                 : !(used & QGK_CPU_AVX2)   ? "ref"
                                 : !(used & QGK_CPU_AVX512) ? "avx2"
                                                            : "avx512");
    }
}
END_TEST

Suite *linear_check(void)
{
    Suite *suite = suite_create("linear");
    TCase *numbers = tcase_create("numbers"), *lists = tcase_create("lists");

    tcase_add_test(numbers, every_half_becomes_the_float_of_its_value);
    tcase_add_test(numbers, every_half_survives_a_round_trip);
    tcase_add_test(numbers, floats_round_to_the_nearest_half);
    tcase_add_test(numbers, dtypes_have_names_and_sizes);
    tcase_add_test(lists, methods_are_found_by_name);
    tcase_add_test(lists, tiers_are_named);
    tcase_add_test(lists, no_slot_is_left_empty);
    suite_add_tcase(suite, numbers);
    suite_add_tcase(suite, lists);
    return suite;
}
