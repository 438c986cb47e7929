/* Unit tests of compressed-tensors' 8-bit codes: values by hand, unpack against the oracle over
 * random bits, with codes of both kinds, the way to disk and back, and what `check` finds.
 */
#include "kernels/linear/method_check.h"

#include <math.h>

enum { WEIGHT, SCALE, ZERO_POINT };

static const qgk_quant_config configs[2] = {
    {.bits = 8, .group_size = -1, .symmetric = 1},
    {.bits = 8, .group_size = -1, .symmetric = 1, .float_inputs = 1},
};

static sample make(int n, int k, int float_inputs, int odd)
{
    sample s = {.method = qgk_method_find("compressed-tensors int-quantized"), .odd = odd};

    s.w.shape = (qgk_shape){n, k, k, 8};
    s.w.config = &configs[float_inputs];
    sample_part(&s, WEIGHT, QGK_I8);
    sample_scales(&s, SCALE, odd ? QGK_F16 : QGK_BF16);
    return s;
}

START_TEST(known_bits_are_read)
{
    static const uint8_t codes[] = {0x80, 0xff, 0x00, 0x7f};
    static const float scales[] = {0.5f, 2};
    qgk_stored w = {.part = {codes, scales},
                    .dtype = {QGK_I8, QGK_F32},
                    .shape = {2, 2, 2, 8},
                    .config = &configs[0]};
    const qgk_method *m = qgk_method_find("compressed-tensors int-quantized");
    float row[2];

    m->oracle(row, &w, 0);
    ck_assert(row[0] == -64 && row[1] == -0.5f);
    m->oracle(row, &w, 1);
    ck_assert(row[0] == 0 && row[1] == 254);
}
END_TEST

START_TEST(unpack_agrees_with_the_oracle_and_encode_with_the_bits)
{
    for (int float_inputs = 0; float_inputs < 2; float_inputs++) {
        srand((unsigned)_i + 1);
        sample s = make(64 + _i, 96 - 5 * _i, float_inputs, _i);
        if (_i == 2) {
            sample_part(&s, ZERO_POINT, QGK_I8);
            memset(s.part[ZERO_POINT], 0, s.bytes[ZERO_POINT]);
        }
        method_assert_sane(&s);
        method_assert(&s, _i ? 7 : 64);
        sample_free(&s);
    }
}
END_TEST

START_TEST(a_scale_of_another_row_is_noticed)
{
    sample s = make(8, 64, 0, 0), read = s;

    read.w.part[SCALE] = s.part[SCALE] + 2;
    read.w.shape.n = 7;
    ck_assert_uint_gt(method_differences(&read, &s, 7), 7 * 64 / 2);
    sample_free(&s);
}
END_TEST

START_TEST(faults_are_found)
{
    sample s = make(300, 8, 0, 1);

    qgk_float_put(s.part[SCALE], QGK_F16, 299, INFINITY);
    method_assert_fault(&s, "scale-not-finite", SCALE, 299);
    qgk_float_put(s.part[SCALE], QGK_F16, 299, 0);
    method_assert_fault(&s, "scale-zero", SCALE, 299);
    sample_part(&s, ZERO_POINT, QGK_I8);
    memset(s.part[ZERO_POINT], 0, s.bytes[ZERO_POINT]);
    s.part[ZERO_POINT][17] = 1;
    method_assert_fault(&s, "zero-point-not-symmetric", ZERO_POINT, 17);
    sample_free(&s);
}
END_TEST

START_TEST(bits_are_8)
{
    const qgk_method *m = qgk_method_find("compressed-tensors int-quantized");

    ck_assert_ptr_null(m->accepts(&configs[0]));
    ck_assert_ptr_nonnull(m->accepts(&(qgk_quant_config){.bits = 4, .group_size = -1}));
    ck_assert_ptr_nonnull(m->accepts(&(qgk_quant_config){.bits = 8, .group_size = 128}));
    ck_assert_int_eq(m->format(&configs[0]), QGK_FORMAT_W8A8);
    ck_assert_int_eq(m->format(&configs[1]), QGK_FORMAT_W8A16);
}
END_TEST

Suite *compressed_int_check(void)
{
    Suite *suite = suite_create("compressed_int");
    TCase *c = tcase_create("method");

    tcase_add_test(c, known_bits_are_read);
    tcase_add_loop_test(c, unpack_agrees_with_the_oracle_and_encode_with_the_bits, 0, 4);
    tcase_add_test(c, a_scale_of_another_row_is_noticed);
    tcase_add_test(c, faults_are_found);
    tcase_add_test(c, bits_are_8);
    suite_add_tcase(suite, c);
    return suite;
}
