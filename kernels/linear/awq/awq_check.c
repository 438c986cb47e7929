/* Unit tests of AWQ's bits: values by hand from the definition of the format, unpack against the
 * oracle over random bits, the way to disk and back, what `check` finds, and mistakes of a decoder
 * that these tests have to notice.
 */
#include "kernels/linear/method_check.h"

#include <math.h>

enum { QWEIGHT, QZEROS, SCALES };

static const qgk_quant_config config = {.bits = 4};

static sample make(int n, int k, int group, int odd)
{
    sample s = {.method = qgk_method_find("awq"), .odd = odd};

    s.w.shape = (qgk_shape){n, k, group, 4};
    s.w.config = &config;
    sample_part(&s, QWEIGHT, QGK_I32);
    sample_part(&s, QZEROS, QGK_I32);
    sample_scales(&s, SCALES, odd ? QGK_BF16 : QGK_F16);
    return s;
}

START_TEST(known_bits_are_read)
{
    /* nibble i of a word, from the lowest on, is column 0, 2, 4, 6, 1, 3, 5, 7: here column c of
     * input 0 holds c, of input 1 holds 15 - c */
    static const uint32_t qweight[2] = {0x75316420u, 0x8ace9bdfu};
    static const uint32_t qzeros[1] = {0x00010002u}; /* column 0: 2, column 1: 1 */
    static const float scales[8] = {1, 0.5f, 1, 1, 1, 1, 2, 4};
    static const float expected[8][2] = {{-2, 13}, {0, 6.5f}, {2, 13},  {3, 12},
                                         {4, 11},  {5, 10},   {12, 18}, {28, 32}};
    qgk_stored w = {.part = {qweight, qzeros, scales},
                    .dtype = {QGK_I32, QGK_I32, QGK_F32},
                    .shape = {8, 2, 2, 4},
                    .config = &config};

    for (int n = 0; n < 8; n++) {
        float row[2];
        qgk_method_find("awq")->oracle(row, &w, n);
        ck_assert_mem_eq(row, expected[n], sizeof row);
    }
}
END_TEST

static const struct {
    int n, k, group, odd, step;
} forms[] = {
    {64, 96, 32, 0, 64}, {72, 128, 64, 1, 7},   {8, 1, 1, 3, 1},
    {136, 65, 65, 1, 3}, {136, 192, 32, 0, 64}, {24, 100, 4, 1, 100},
};

START_TEST(unpack_agrees_with_the_oracle_and_encode_with_the_bits)
{
    srand((unsigned)_i + 1);
    sample s = make(forms[_i].n, forms[_i].k, forms[_i].group, forms[_i].odd);
    method_assert_sane(&s);
    method_assert(&s, forms[_i].step);
    sample_free(&s);
}
END_TEST

/* ---- mistakes that must show ---- */

/* Each word with the columns in natural order, as GPTQ packs: a decoder that forgets AWQ's. */
START_TEST(the_natural_order_of_nibbles_is_noticed)
{
    static const int column_of_nibble[] = {0, 2, 4, 6, 1, 3, 5, 7};

    for (int part = QWEIGHT; part <= QZEROS; part++) {
        srand(5);
        sample s = make(16, 64, 16, 0);
        srand(5);
        sample read = make(16, 64, 16, 0);
        ck_assert_uint_eq(method_differences(&read, &s, 16), 0);
        for (size_t at = 0; at < s.bytes[part] / 4; at++) {
            uint32_t word = qgk_word_at(s.part[part], at), natural = 0;
            for (int i = 0; i < 8; i++)
                natural |= (word >> 4 * column_of_nibble[i] & 15) << 4 * i;
            qgk_word_put(read.part[part], at, natural);
        }
        ck_assert_uint_gt(method_differences(&read, &s, 16), 16 * 64 / 2);
        sample_free(&s);
        sample_free(&read);
    }
}
END_TEST

START_TEST(an_offset_of_the_zero_points_is_noticed)
{
    srand(6);
    sample s = make(16, 64, 16, 0);
    srand(6);
    sample read = make(16, 64, 16, 0);

    for (size_t at = 0; at < s.bytes[QZEROS] / 4; at++)
        qgk_word_put(read.part[QZEROS], at, qgk_word_at(s.part[QZEROS], at) + 0x11111111u);
    ck_assert_uint_eq(method_differences(&read, &s, 16), 16 * 64);
    sample_free(&s);
    sample_free(&read);
}
END_TEST

START_TEST(scales_that_are_no_scales)
{
    static const float bad[] = {NAN, INFINITY, 0};

    for (int i = 0; i < 3; i++) {
        sample s = make(40, 64, 8, i & 1);
        qgk_float_put(s.part[SCALES], s.w.dtype[SCALES], 300, bad[i]);
        method_assert_fault(&s, bad[i] == 0 ? "scale-zero" : "scale-not-finite", SCALES, 300);
        sample_free(&s);
    }
}
END_TEST

START_TEST(bits_are_4)
{
    const qgk_method *m = qgk_method_find("awq");

    ck_assert_ptr_null(m->accepts(&config));
    ck_assert_ptr_nonnull(m->accepts(&(qgk_quant_config){.bits = 8}));
    ck_assert_int_eq(m->format(&config), QGK_FORMAT_W4A16);
}
END_TEST

Suite *awq_check(void)
{
    Suite *suite = suite_create("awq");
    TCase *c = tcase_create("method");

    tcase_add_test(c, known_bits_are_read);
    tcase_add_loop_test(c, unpack_agrees_with_the_oracle_and_encode_with_the_bits, 0,
                        sizeof forms / sizeof *forms);
    tcase_add_test(c, the_natural_order_of_nibbles_is_noticed);
    tcase_add_test(c, an_offset_of_the_zero_points_is_noticed);
    tcase_add_test(c, scales_that_are_no_scales);
    tcase_add_test(c, bits_are_4);
    suite_add_tcase(suite, c);
    return suite;
}
