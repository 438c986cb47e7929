/* Unit tests of bitsandbytes' 8-bit weights: values by hand, unpack against the oracle over random
 * bits, the way to disk and back, and what `check` finds.
 */
#include "kernels/linear/method_check.h"

#include <math.h>

enum { WEIGHT, SCB, WEIGHT_FORMAT };

static const qgk_quant_config config = {
    .bits = 8, .group_size = -1, .symmetric = 1, .float_inputs = 1};

static sample make(int n, int k, int odd)
{
    sample s = {.method = qgk_method_find("bitsandbytes"), .odd = odd};

    s.w.shape = (qgk_shape){n, k, k, 8};
    s.w.config = &config;
    sample_part(&s, WEIGHT, QGK_I8);
    sample_scales(&s, SCB, QGK_F32);
    for (int i = 0; i < n; i++) /* so that 127ths are exact, and come back */
        qgk_float_put(s.part[SCB], QGK_F32, (size_t)i,
                      qgk_float_at(s.part[SCB], QGK_F32, (size_t)i) * 127);
    return s;
}

START_TEST(known_bits_are_read)
{
    static const uint8_t codes[] = {0x81, 0x7f, 0x00, 0x01};
    static const float scb[] = {0.5f, 254};
    qgk_stored w = {
        .part = {codes, scb}, .dtype = {QGK_I8, QGK_F32}, .shape = {2, 2, 2, 8}, .config = &config};
    float row[2];

    qgk_method_find("bitsandbytes")->oracle(row, &w, 0);
    ck_assert(fabsf(row[0] + 0.5f) < 1e-7f && fabsf(row[1] - 0.5f) < 1e-7f);
    qgk_method_find("bitsandbytes")->oracle(row, &w, 1);
    ck_assert(row[0] == 0 && row[1] == 2);
}
END_TEST

START_TEST(unpack_agrees_with_the_oracle_and_encode_with_the_bits)
{
    srand((unsigned)_i + 1);
    sample s = make(64 + _i, 96 - 5 * _i, _i);
    if (_i == 2) {
        sample_part(&s, WEIGHT_FORMAT, QGK_U8);
        ck_assert_uint_eq(s.bytes[WEIGHT_FORMAT], 1);
        s.part[WEIGHT_FORMAT][0] = 0;
    }
    method_assert_sane(&s);
    method_assert(&s, _i ? 7 : 64);
    sample_free(&s);
}
END_TEST

START_TEST(any_scale_is_that_of_the_oracle)
{
    sample s = make(64, 8, 1);

    srand(9);
    for (size_t i = 0; i < 64; i++)
        qgk_float_put(s.part[SCB], QGK_F32, i, (float)rand() / (float)(rand() + 1));
    ck_assert_uint_eq(method_differences(&s, &s, 64), 0);
    sample_free(&s);
}
END_TEST

START_TEST(faults_are_found)
{
    sample s = make(30, 8, 1);

    qgk_float_put(s.part[SCB], QGK_F32, 12, 0); /* a row of zeros */
    method_assert_sane(&s);
    qgk_float_put(s.part[SCB], QGK_F32, 29, INFINITY);
    method_assert_fault(&s, "scale-not-finite", SCB, 29);
    sample_part(&s, WEIGHT_FORMAT, QGK_U8);
    s.part[WEIGHT_FORMAT][0] = 2;
    method_assert_fault(&s, "weight-layout", WEIGHT_FORMAT, 0);
    sample_free(&s);
}
END_TEST

START_TEST(bits_are_8)
{
    const qgk_method *m = qgk_method_find("bitsandbytes");

    ck_assert_ptr_null(m->accepts(&config));
    ck_assert_ptr_nonnull(m->accepts(&(qgk_quant_config){.bits = 4}));
    ck_assert_int_eq(m->format(&config), QGK_FORMAT_W8A16);
}
END_TEST

Suite *bitsandbytes_check(void)
{
    Suite *suite = suite_create("bitsandbytes");
    TCase *c = tcase_create("method");

    tcase_add_test(c, known_bits_are_read);
    tcase_add_loop_test(c, unpack_agrees_with_the_oracle_and_encode_with_the_bits, 0, 4);
    tcase_add_test(c, any_scale_is_that_of_the_oracle);
    tcase_add_test(c, faults_are_found);
    tcase_add_test(c, bits_are_8);
    suite_add_tcase(suite, c);
    return suite;
}
