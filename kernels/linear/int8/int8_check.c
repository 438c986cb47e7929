/* Unit tests of INT8 made at load: codes by hand, ties, unpack against the oracle over random
 * numbers of each dtype, rows that are zero or hardly more, and numbers that are none.
 */
#include "kernels/linear/method_check.h"

#include <math.h>

static const qgk_quant_config configs[2] = {
    {.bits = 8, .group_size = -1, .symmetric = 1},
    {.bits = 8, .group_size = -1, .symmetric = 1, .float_inputs = 1},
};
static const qgk_dtype dtypes[] = {QGK_F16, QGK_BF16, QGK_F32};

static sample make(int n, int k, qgk_dtype d, int float_inputs, int odd)
{
    sample s = {.method = qgk_method_find("int8"), .odd = odd};

    s.w.shape = (qgk_shape){n, k, k, 8};
    s.w.config = &configs[float_inputs];
    sample_part(&s, 0, d);
    for (size_t i = 0; i < (size_t)n * (size_t)k; i++) /* of all magnitudes */
        qgk_float_put(s.part[0], d, i, (float)(rand() % 4001 - 2000) * ldexpf(1, -(rand() % 20)));
    return s;
}

START_TEST(known_numbers_become_known_codes)
{
    /* the scale is 2: ties go to even */
    static const float row[] = {254, -254, 1, 3, -1, -3, 0, 5.5f};
    static const int8_t expected[] = {127, -127, 0, 2, 0, -2, 0, 3};
    for (int float_inputs = 0; float_inputs < 2; float_inputs++) {
        qgk_stored w = {.part = {row},
                        .dtype = {QGK_F32},
                        .shape = {1, 8, 8, 8},
                        .config = &configs[float_inputs]};
        const qgk_method *m = qgk_method_find("int8");
        int8_t codes[8];
        float scale;
        uint8_t zero = 0;
        qgk_canon rows = {m->format(w.config), 1, 8, 8, codes, &scale, &zero};
        ck_assert_uint_eq(m->unpack(&rows, &w, NULL, 0), 0);
        ck_assert(scale == 2 && zero == (float_inputs ? 128 : 0));
        for (int i = 0; i < 8; i++)
            ck_assert_int_eq((uint8_t)codes[i], (uint8_t)(expected[i] + zero));
    }
}
END_TEST

START_TEST(unpack_agrees_with_the_oracle)
{
    for (int i = 0; i < 4; i++) {
        srand((unsigned)(4 * _i + i));
        sample s = make(65, i % 2 ? 300 : 128, dtypes[_i], i / 2, i);
        ck_assert_uint_eq(method_differences(&s, &s, 64), 0);
        sample_free(&s);
    }
}
END_TEST

/* No more than half a step from the numbers themselves. */
START_TEST(the_oracle_is_near_the_numbers)
{
    sample s = make(16, 200, dtypes[_i], 0, 1);
    float row[200];

    for (int n = 0; n < 16; n++) {
        float largest = 0;
        s.method->oracle(row, &s.w, n);
        for (int k = 0; k < 200; k++)
            largest = fmaxf(
                largest, fabsf(qgk_float_at(s.part[0], dtypes[_i], (size_t)n * 200 + (size_t)k)));
        for (int k = 0; k < 200; k++)
            ck_assert_float_le(
                fabsf(row[k] - qgk_float_at(s.part[0], dtypes[_i], (size_t)n * 200 + (size_t)k)),
                largest / 253);
    }
    sample_free(&s);
}
END_TEST

START_TEST(rows_of_nearly_nothing)
{
    static const float rows[][4] = {
        {0, -0.0f, 0, 0}, {0x1p-149f, 0, -0x1p-149f, 0}, {0x96p-149f, -0x96p-149f, 1e-45f, 0}};

    for (int i = 0; i < 3; i++) {
        qgk_stored w = {
            .part = {rows[i]}, .dtype = {QGK_F32}, .shape = {1, 4, 4, 8}, .config = &configs[0]};
        int8_t codes[4];
        float scale;
        qgk_canon canon = {QGK_FORMAT_W8A8, 1, 4, 4, codes, &scale, NULL};
        ck_assert_uint_eq(qgk_method_find("int8")->unpack(&canon, &w, NULL, 0), 0);
        ck_assert(isfinite(scale));
        if (i < 2)
            ck_assert(!codes[0] && !codes[1] && !codes[2] && !codes[3]);
        else
            ck_assert(codes[0] == 127 && codes[1] == -127);
    }
}
END_TEST

START_TEST(what_is_not_finite_is_counted)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};

    for (int i = 0; i < 3; i++)
        for (int n_bad = 1; n_bad < 3; n_bad++) {
            sample s = make(3, 200, dtypes[_i], 0, 1);
            qgk_canon c = canon_make(&s);
            qgk_float_put(s.part[0], dtypes[_i], 201, bad[i]);
            qgk_float_put(s.part[0], dtypes[_i], n_bad == 1 ? 201 : 599, bad[i]);
            ck_assert_uint_eq(s.method->unpack(&c, &s.w, NULL, 0), (size_t)n_bad);
            canon_free(&c);
            sample_free(&s);
        }
}
END_TEST

START_TEST(it_has_no_form_on_disk)
{
    const qgk_method *m = qgk_method_find("int8");

    ck_assert_int_eq(m->marker, -1);
    ck_assert(!m->encode && !m->check && !m->order && !m->in_place);
    ck_assert_ptr_null(m->accepts(&configs[1]));
    ck_assert_ptr_nonnull(m->accepts(&(qgk_quant_config){.bits = 4, .group_size = -1}));
    ck_assert_int_eq(m->format(&configs[0]), QGK_FORMAT_W8A8);
    ck_assert_int_eq(m->format(&configs[1]), QGK_FORMAT_W8A16);
}
END_TEST

Suite *int8_check(void)
{
    Suite *suite = suite_create("int8");
    TCase *c = tcase_create("method");

    tcase_add_test(c, known_numbers_become_known_codes);
    tcase_add_loop_test(c, unpack_agrees_with_the_oracle, 0, 3);
    tcase_add_loop_test(c, the_oracle_is_near_the_numbers, 0, 3);
    tcase_add_test(c, rows_of_nearly_nothing);
    tcase_add_loop_test(c, what_is_not_finite_is_counted, 0, 3);
    tcase_add_test(c, it_has_no_form_on_disk);
    suite_add_tcase(suite, c);
    return suite;
}
