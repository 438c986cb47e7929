/* Unit tests of GPTQ's bits: values by hand from the definition of the format, unpack against the
 * oracle over random bits, the way to disk and back, what `check` finds, and mistakes of a decoder
 * that these tests have to notice.
 */
#include "kernels/linear/method_check.h"

#include <math.h>

enum { QWEIGHT, QZEROS, SCALES, G_IDX };

static sample make(const qgk_quant_config *c, int n, int k, int group, int act_order, int odd)
{
    sample s = {.method = qgk_method_find("gptq"), .odd = odd};

    s.w.shape = (qgk_shape){n, k, group, c->bits};
    s.w.config = c;
    sample_part(&s, QWEIGHT, QGK_I32);
    sample_part(&s, QZEROS, QGK_I32);
    sample_scales(&s, SCALES, odd ? QGK_F32 : act_order ? QGK_BF16 : QGK_F16);
    if (act_order)
        sample_order(&s, G_IDX);
    return s;
}

START_TEST(known_bits_are_read)
{
    /* 8 inputs in groups of 4, 8 outputs; word n of qweight holds inputs 0 to 7 of output n, the
     * lowest nibble first */
    uint32_t qweight[8] = {0x76543210u, 0xfedcba98u}, qzeros[2] = {0x00000021u, 0x000000f3u};
    float scales[16] = {[0] = 0.5f, [1] = 0.25f, [8] = 2, [9] = 1};
    static const float first[] = {-0.5f, 0, 0.5f, 1, 2, 4, 6, 8};
    static const float second[] = {1.5f, 1.75f, 2, 2.25f, -3, -2, -1, 0};
    qgk_quant_config v2 = {.bits = 4, .group_size = 4}, v1 = {4, 4, .zeros_less_one = 1};
    qgk_stored w = {.part = {qweight, qzeros, scales},
                    .dtype = {QGK_I32, QGK_I32, QGK_F32},
                    .shape = {8, 8, 4, 4},
                    .config = &v2};
    const qgk_method *m = qgk_method_find("gptq");
    float row[8];

    m->oracle(row, &w, 0);
    ck_assert_mem_eq(row, first, sizeof row);
    m->oracle(row, &w, 1);
    ck_assert_mem_eq(row, second, sizeof row);
    w.config =
        &v1; /* the same zero points, less one in each lane: 0x21 is 0x11111110 short of it */
    qzeros[0] = 0x21u - 0x11111111u;
    qzeros[1] = 0xf3u - 0x11111111u;
    m->oracle(row, &w, 0);
    ck_assert_mem_eq(row, first, sizeof row);
    m->oracle(row, &w, 1);
    ck_assert_mem_eq(row, second, sizeof row);
}
END_TEST

START_TEST(known_bits_of_8_bit_with_order)
{
    /* inputs 0 and 3 are group 1, 1 and 2 group 0 */
    static const uint32_t qweight[4] = {0xff804000u}, g_idx[4] = {1, 0, 0, 1};
    uint32_t qzeros[2] = {0x00000080u, 0x00000000u};
    float scales[8] = {[0] = 1, [4] = 2};
    qgk_quant_config v2 = {.bits = 8, .group_size = 2, .act_order = 1};
    qgk_stored w = {.part = {qweight, qzeros, scales, g_idx},
                    .dtype = {QGK_I32, QGK_I32, QGK_F32, QGK_I32},
                    .shape = {4, 4, 2, 8},
                    .config = &v2};
    const qgk_method *m = qgk_method_find("gptq");
    static const float expected[] = {0, 0x40 - 0x80, 0, 0xff * 2};
    static const int32_t sorted[] = {1, 2, 0, 3};
    int32_t order[4];
    float row[4];

    m->oracle(row, &w, 0);
    ck_assert_mem_eq(row, expected, sizeof row);
    ck_assert(m->order(order, &w));
    ck_assert_mem_eq(order, sorted, sizeof order);
}
END_TEST

static const struct {
    int bits, n, k, group, act_order, less_one, odd, step;
} forms[] = {
    {4, 64, 96, 32, 0, 1, 0, 64},   {4, 72, 128, 64, 0, 0, 1, 7},  {4, 8, 8, 8, 0, 1, 3, 1},
    {4, 136, 160, 32, 1, 1, 0, 64}, {4, 24, 200, 8, 1, 0, 1, 5},   {8, 64, 96, 96, 0, 1, 1, 64},
    {8, 20, 132, 4, 1, 1, 2, 3},    {8, 68, 64, 64, 0, 0, 0, 100}, {4, 16, 64, 1, 1, 1, 1, 16},
    {4, 80, 72, 24, 1, 1, 1, 17},
};

START_TEST(unpack_agrees_with_the_oracle_and_encode_with_the_bits)
{
    qgk_quant_config c = {forms[_i].bits, forms[_i].group, .zeros_less_one = forms[_i].less_one};

    srand((unsigned)_i + 1);
    sample s =
        make(&c, forms[_i].n, forms[_i].k, forms[_i].group, forms[_i].act_order, forms[_i].odd);
    method_assert_sane(&s);
    method_assert(&s, forms[_i].step);
    sample_free(&s);
}
END_TEST

START_TEST(groups_in_order_need_none)
{
    qgk_quant_config c = {.bits = 4, .group_size = 16};
    sample s = make(&c, 8, 64, 16, 1, 1);
    int32_t order[64];

    ck_assert(s.method->order(order, &s.w));
    for (int k = 0; k < 64; k++)
        qgk_word_put(s.part[G_IDX], (size_t)k, (uint32_t)k / 16);
    ck_assert(!s.method->order(order, &s.w));
    s.w.part[G_IDX] = NULL;
    ck_assert(!s.method->order(order, &s.w));
    sample_free(&s);
}
END_TEST

/* ---- mistakes that must show ---- */

START_TEST(the_wrong_version_is_noticed)
{
    for (int bits = 4; bits <= 8; bits += 4) {
        qgk_quant_config v1 = {.bits = bits, .zeros_less_one = 1}, v2 = {.bits = bits};
        sample s = make(&v1, 16, 64, 32, 0, 0), read = s;
        read.w.config = &v2;
        ck_assert_uint_eq(method_differences(&read, &s, 16), 16 * 64);
        sample_free(&s);
    }
}
END_TEST

START_TEST(a_zero_point_of_0_borrows_from_its_neighbour)
{
    /* true zero points 0, 5, 0, 0, 15, 1, 0, 2 from the lowest lane on */
    uint32_t truth = 0x201f0050u, stored = truth - 0x11111111u, naive = 0;
    qgk_quant_config c = {4, 8, .zeros_less_one = 1};
    sample s = make(&c, 8, 8, 8, 0, 0);
    qgk_canon canon = canon_make(&s);
    float row[8];

    qgk_word_put(s.part[QZEROS], 0, stored);
    sample_unpack(&s, &canon, NULL, 8);
    for (int n = 0; n < 8; n++) {
        uint32_t zero = truth >> 4 * n & 15;
        ck_assert_uint_eq(canon.zeros[n], zero);
        s.method->oracle(row, &s.w, n);
        ck_assert(row[0] == canon.scales[n] *
                                (float)((int)((const uint8_t *)canon.codes)[8 * n] - (int)zero));
        naive |= (((stored >> 4 * n & 15) + 1) & 15) << 4 * n;
    }
    ck_assert_uint_ne(naive, truth); /* one more in each lane is another answer */
    canon_free(&canon);
    sample_free(&s);
}
END_TEST

START_TEST(another_order_of_nibbles_is_noticed)
{
    for (int part = QWEIGHT; part <= QZEROS; part++) {
        qgk_quant_config c = {.bits = 4, .group_size = 16};
        srand(5);
        sample s = make(&c, 16, 64, 16, 0, 0);
        srand(5);
        sample read = make(&c, 16, 64, 16, 0, 0);
        ck_assert_uint_eq(method_differences(&read, &s, 16), 0);
        for (size_t i = 0; i < s.bytes[part]; i++)
            read.part[part][i] = (unsigned char)(s.part[part][i] << 4 | s.part[part][i] >> 4);
        ck_assert_uint_gt(method_differences(&read, &s, 16), 16 * 64 / 2);
        sample_free(&s);
        sample_free(&read);
    }
}
END_TEST

START_TEST(an_order_that_is_ignored_is_noticed)
{
    qgk_quant_config c = {.bits = 4, .group_size = 16, .act_order = 1};
    sample s = make(&c, 16, 64, 16, 1, 0), read = s;

    read.w.part[G_IDX] = NULL;
    ck_assert_uint_gt(method_differences(&read, &s, 16), 16 * 64 / 2);
    ck_assert_uint_eq(method_differences(&s, &s, 16), 0);
    sample_free(&s);
}
END_TEST

/* ---- check ---- */

START_TEST(scales_that_are_no_scales)
{
    static const qgk_dtype dtypes[] = {QGK_F16, QGK_BF16, QGK_F32};
    static const float bad[] = {NAN, INFINITY, -INFINITY, 0, -0.0f};
    qgk_quant_config c = {.bits = 4, .group_size = 8};

    for (int d = 0; d < 3; d++)
        for (int i = 0; i < 5; i++) {
            sample s = make(&c, 40, 64, 8, 0, 1);
            free(s.room[SCALES]);
            sample_scales(&s, SCALES, dtypes[d]);
            method_assert_sane(&s);
            qgk_float_put(s.part[SCALES], dtypes[d], 319, bad[i]);
            method_assert_fault(&s, bad[i] == 0 ? "scale-zero" : "scale-not-finite", SCALES, 319);
            qgk_float_put(s.part[SCALES], dtypes[d], 261, bad[i]);
            method_assert_fault(&s, bad[i] == 0 ? "scale-zero" : "scale-not-finite", SCALES, 261);
            sample_free(&s);
        }
}
END_TEST

START_TEST(groups_that_are_no_groups)
{
    qgk_quant_config c = {.bits = 4, .group_size = 8, .act_order = 1};
    sample s = make(&c, 8, 64, 8, 1, 1);

    qgk_word_put(s.part[G_IDX], 63, 8);
    method_assert_fault(&s, "g-idx-range", G_IDX, 63);
    qgk_word_put(s.part[G_IDX], 40, INT32_MAX);
    method_assert_fault(&s, "g-idx-range", G_IDX, 40);
    qgk_word_put(s.part[G_IDX], 40, (uint32_t)-1);
    method_assert_fault(&s, "g-idx-negative", G_IDX, 40);
    for (int k = 0; k < 64; k++)
        qgk_word_put(s.part[G_IDX], (size_t)k, (uint32_t)k / 8);
    method_assert_sane(&s);
    qgk_word_put(s.part[G_IDX], 60, 3);
    method_assert_fault(&s, "g-idx-not-a-grouping", G_IDX, 60);
    sample_free(&s);
}
END_TEST

/* More groups than the check counts at a time. */
START_TEST(many_groups_are_counted)
{
    qgk_quant_config c = {.bits = 4, .group_size = 1, .act_order = 1};
    sample s = make(&c, 8, 20000, 1, 1, 0);

    method_assert_sane(&s);
    for (int k = 0; k < 20000; k++)
        qgk_word_put(s.part[G_IDX], (size_t)k, (uint32_t)k);
    qgk_word_put(s.part[G_IDX], 19999, 18000);
    method_assert_fault(&s, "g-idx-not-a-grouping", G_IDX, 19999);
    sample_free(&s);
}
END_TEST

START_TEST(symmetric_zero_points_tell_the_version)
{
    for (int i = 0; i < 4; i++) {
        int bits = i / 2 ? 8 : 4, less_one = i % 2;
        static const uint32_t v1[] = {0x77777777u, 0x7f7f7f7fu}, v2[] = {0x88888888u, 0x80808080u};
        qgk_quant_config c = {bits, 16, .symmetric = 1, .zeros_less_one = less_one};
        sample s = make(&c, 32, 64, 16, 0, 1);
        size_t words = s.bytes[QZEROS] / 4;
        for (size_t at = 0; at < words; at++)
            qgk_word_put(s.part[QZEROS], at, less_one ? v1[bits / 8] : v2[bits / 8]);
        method_assert_sane(&s);
        qgk_word_put(s.part[QZEROS], 5, 0x12345678u);
        method_assert_fault(&s, "zero-point-not-symmetric", QZEROS, 5);
        for (size_t at = 0; at < words; at++)
            qgk_word_put(s.part[QZEROS], at, less_one ? v2[bits / 8] : v1[bits / 8]);
        method_assert_fault(&s, "gptq-zeros-v1-v2", QZEROS, 0);
        sample_free(&s);
    }
}
END_TEST

START_TEST(bits_are_4_or_8)
{
    const qgk_method *m = qgk_method_find("gptq");

    ck_assert_ptr_null(m->accepts(&(qgk_quant_config){.bits = 4}));
    ck_assert_ptr_null(m->accepts(&(qgk_quant_config){.bits = 8}));
    ck_assert_ptr_nonnull(strstr(m->accepts(&(qgk_quant_config){.bits = 3}), "2 or 3 bits"));
    ck_assert_ptr_nonnull(strstr(m->accepts(&(qgk_quant_config){.bits = 2}), "2 or 3 bits"));
    ck_assert_ptr_nonnull(m->accepts(&(qgk_quant_config){.bits = 16}));
    ck_assert_int_eq(m->format(&(qgk_quant_config){.bits = 4}), QGK_FORMAT_W4A16);
    ck_assert_int_eq(m->format(&(qgk_quant_config){.bits = 8}), QGK_FORMAT_W8A16);
}
END_TEST

Suite *gptq_check(void)
{
    Suite *suite = suite_create("gptq");
    TCase *bits = tcase_create("bits"), *mistakes = tcase_create("mistakes"),
          *faults = tcase_create("faults");

    tcase_add_test(bits, known_bits_are_read);
    tcase_add_test(bits, known_bits_of_8_bit_with_order);
    tcase_add_loop_test(bits, unpack_agrees_with_the_oracle_and_encode_with_the_bits, 0,
                        sizeof forms / sizeof *forms);
    tcase_add_test(bits, groups_in_order_need_none);
    tcase_add_test(mistakes, the_wrong_version_is_noticed);
    tcase_add_test(mistakes, a_zero_point_of_0_borrows_from_its_neighbour);
    tcase_add_test(mistakes, another_order_of_nibbles_is_noticed);
    tcase_add_test(mistakes, an_order_that_is_ignored_is_noticed);
    tcase_add_test(faults, scales_that_are_no_scales);
    tcase_add_test(faults, groups_that_are_no_groups);
    tcase_add_test(faults, many_groups_are_counted);
    tcase_add_test(faults, symmetric_zero_points_tell_the_version);
    tcase_add_test(faults, bits_are_4_or_8);
    suite_add_tcase(suite, bits);
    suite_add_tcase(suite, mistakes);
    suite_add_tcase(suite, faults);
    return suite;
}
