/* Unit tests of compressed-tensors' packed bits: values by hand from upstream's pack_to_int32,
 * unpack against the oracle over random bits, the way to disk and back, what `check` finds, and
 * mistakes of a decoder that these tests have to notice.
 */
#include "kernels/linear/method_check.h"

#include <math.h>

enum { PACKED, SCALE, ZERO_POINT, SHAPE, G_IDX };

static sample make(const qgk_quant_config *c, int n, int k, int group, int odd)
{
    sample s = {.method = qgk_method_find("compressed-tensors pack-quantized"), .odd = odd};
    const int64_t shape[2] = {n, k};

    s.w.shape = (qgk_shape){n, k, group, c->bits};
    s.w.config = c;
    sample_part(&s, PACKED, QGK_I32);
    sample_scales(&s, SCALE, odd ? QGK_F32 : QGK_BF16);
    if (!c->symmetric)
        sample_part(&s, ZERO_POINT, QGK_I32);
    sample_part(&s, SHAPE, QGK_I64);
    memcpy(s.part[SHAPE], shape, sizeof shape);
    if (c->act_order)
        sample_order(&s, G_IDX);
    return s;
}

START_TEST(known_bits_are_read)
{
    /* one row -8, -7, 0, 1, 7, 6, -1, 2 with scales 0.5 and 2, stored plus 8 from the lowest nibble
     * on; then with zero points -8 of the first group and 3 of the second, of output 0 of eight */
    uint32_t packed[8] = {0xa7ef9810u}, zeros[2] = {0x0u, 0x0000000bu};
    static const float scales[16] = {0.5f, 2};
    static const int64_t shape[2] = {8, 8};
    qgk_quant_config c = {.bits = 4, .group_size = 4, .symmetric = 1};
    qgk_stored w = {.part = {packed, scales, NULL, shape},
                    .dtype = {QGK_I32, QGK_F32, QGK_I32, QGK_I64},
                    .shape = {8, 8, 4, 4},
                    .config = &c};
    static const float symmetric[] = {-4, -3.5f, 0, 0.5f, 14, 12, -2, 4};
    static const float asymmetric[] = {0, 0.5f, 4, 4.5f, 8, 6, -8, -2};
    const qgk_method *m = qgk_method_find("compressed-tensors pack-quantized");
    float row[8];

    m->oracle(row, &w, 0);
    for (int i = 0; i < 8; i++)
        ck_assert(row[i] == symmetric[i]);
    w.part[ZERO_POINT] = zeros;
    m->oracle(row, &w, 0);
    for (int i = 0; i < 8; i++)
        ck_assert(row[i] == asymmetric[i]);
}
END_TEST

START_TEST(known_bits_of_8_bit)
{
    static const uint32_t packed[4] = {0xff7f8000u};
    static const float scales[4] = {2}, expected[] = {-256, 0, -2, 254};
    qgk_quant_config c = {.bits = 8, .group_size = -1, .symmetric = 1};
    qgk_stored w = {
        .part = {packed, scales}, .dtype = {QGK_I32, QGK_F32}, .shape = {4, 4, 4, 8}, .config = &c};
    float row[4];

    qgk_method_find("compressed-tensors pack-quantized")->oracle(row, &w, 0);
    for (int i = 0; i < 4; i++)
        ck_assert(row[i] == expected[i]);
}
END_TEST

static const struct {
    int bits, n, k, group, symmetric, act_order, odd, step;
} forms[] = {
    {4, 64, 96, 32, 1, 0, 0, 64},   {4, 72, 128, 64, 0, 0, 1, 7}, {4, 8, 8, 8, 0, 0, 3, 1},
    {4, 136, 160, 32, 0, 1, 0, 64}, {4, 9, 200, 8, 1, 1, 1, 4},   {8, 64, 96, 96, 0, 0, 1, 64},
    {8, 20, 132, 4, 0, 1, 2, 3},    {8, 7, 68, 68, 1, 0, 0, 100}, {8, 5, 4, 4, 1, 0, 1, 1},
};

START_TEST(unpack_agrees_with_the_oracle_and_encode_with_the_bits)
{
    qgk_quant_config c = {
        .bits = forms[_i].bits, .symmetric = forms[_i].symmetric, .act_order = forms[_i].act_order};

    srand((unsigned)_i + 1);
    sample s = make(&c, forms[_i].n, forms[_i].k, forms[_i].group, forms[_i].odd);
    method_assert_sane(&s);
    method_assert(&s, forms[_i].step);
    sample_free(&s);
}
END_TEST

/* compressed-tensors began g_idx with -1 and filled it where the order was by group. */
START_TEST(an_order_that_was_never_filled_is_none)
{
    qgk_quant_config c = {.bits = 4, .symmetric = 1, .act_order = 1};
    sample s = make(&c, 8, 64, 16, 1);
    int32_t order[64];

    ck_assert(s.method->order(order, &s.w));
    memset(s.part[G_IDX], 0xff, s.bytes[G_IDX]);
    ck_assert(!s.method->order(order, &s.w));
    method_assert_sane(&s);
    ck_assert_uint_eq(method_differences(&s, &s, 8), 0);
    qgk_word_put(s.part[G_IDX], 7, 0);
    method_assert_fault(&s, "g-idx-negative", G_IDX, 0);
    sample_free(&s);
}
END_TEST

/* ---- mistakes that must show ---- */

START_TEST(mistakes_are_noticed)
{
    for (int part = PACKED; part <= ZERO_POINT; part += ZERO_POINT) {
        qgk_quant_config c = {.bits = 4};
        srand(5);
        sample s = make(&c, 16, 64, 16, 0);
        srand(5);
        sample read = make(&c, 16, 64, 16, 0);
        ck_assert_uint_eq(method_differences(&read, &s, 16), 0);
        for (size_t i = 0; i < s.bytes[part]; i++)
            read.part[part][i] = (unsigned char)(s.part[part][i] << 4 | s.part[part][i] >> 4);
        ck_assert_uint_gt(method_differences(&read, &s, 16), 16 * 64 / 2);
        memcpy(read.part[part], s.part[part], s.bytes[part]);
        for (size_t i = 0; i < s.bytes[part]; i++) /* signed numbers without the offset of 8 */
            read.part[part][i] ^= 0x88;
        ck_assert_uint_gt(method_differences(&read, &s, 16), 16 * 64 / 2);
        sample_free(&s);
        sample_free(&read);
    }
}
END_TEST

START_TEST(an_order_that_is_ignored_is_noticed)
{
    qgk_quant_config c = {.bits = 8, .symmetric = 1, .act_order = 1};
    sample s = make(&c, 16, 64, 16, 0), read = s;

    read.w.part[G_IDX] = NULL;
    ck_assert_uint_gt(method_differences(&read, &s, 16), 16 * 64 / 2);
    sample_free(&s);
}
END_TEST

/* ---- check ---- */

START_TEST(faults_are_found)
{
    qgk_quant_config c = {.bits = 4, .act_order = 1}, symmetric = {.bits = 4, .symmetric = 1};
    const int64_t wrong[2] = {24, 63}, right[2] = {24, 64};
    sample s = make(&c, 24, 64, 16, 1);

    method_assert_sane(&s);
    qgk_float_put(s.part[SCALE], QGK_F32, 95, NAN);
    method_assert_fault(&s, "scale-not-finite", SCALE, 95);
    qgk_float_put(s.part[SCALE], QGK_F32, 95, 0);
    method_assert_fault(&s, "scale-zero", SCALE, 95);
    qgk_float_put(s.part[SCALE], QGK_F32, 95, 1);
    qgk_word_put(s.part[G_IDX], 3, 4);
    method_assert_fault(&s, "g-idx-range", G_IDX, 3);
    memset(s.part[G_IDX], 0, s.bytes[G_IDX]);
    method_assert_fault(&s, "g-idx-not-a-grouping", G_IDX, 16);
    s.w.part[G_IDX] = NULL;
    memcpy(s.part[SHAPE], wrong, sizeof wrong);
    method_assert_fault(&s, "weight-shape", SHAPE, 1);
    memcpy(s.part[SHAPE], right, sizeof right);
    s.w.config = &symmetric;
    memset(s.part[ZERO_POINT], 0x88, s.bytes[ZERO_POINT]);
    method_assert_sane(&s);
    qgk_word_put(s.part[ZERO_POINT], 7, 0x88888889u);
    method_assert_fault(&s, "zero-point-not-symmetric", ZERO_POINT, 7);
    s.w.config = &c;
    s.w.part[ZERO_POINT] = NULL;
    method_assert_fault(&s, "zero-point-missing", PACKED, 0);
    sample_free(&s);
}
END_TEST

START_TEST(bits_are_4_or_8)
{
    const qgk_method *m = qgk_method_find("compressed-tensors pack-quantized");

    ck_assert_ptr_null(m->accepts(&(qgk_quant_config){.bits = 4}));
    ck_assert_ptr_nonnull(m->accepts(&(qgk_quant_config){.bits = 2}));
    ck_assert_int_eq(m->format(&(qgk_quant_config){.bits = 4}), QGK_FORMAT_W4A16);
    ck_assert_int_eq(m->format(&(qgk_quant_config){.bits = 8}), QGK_FORMAT_W8A16);
}
END_TEST

Suite *compressed_packed_check(void)
{
    Suite *suite = suite_create("compressed_packed");
    TCase *c = tcase_create("method");

    tcase_add_test(c, known_bits_are_read);
    tcase_add_test(c, known_bits_of_8_bit);
    tcase_add_loop_test(c, unpack_agrees_with_the_oracle_and_encode_with_the_bits, 0,
                        sizeof forms / sizeof *forms);
    tcase_add_test(c, an_order_that_was_never_filled_is_none);
    tcase_add_test(c, mistakes_are_noticed);
    tcase_add_test(c, an_order_that_is_ignored_is_noticed);
    tcase_add_test(c, faults_are_found);
    tcase_add_test(c, bits_are_4_or_8);
    suite_add_tcase(suite, c);
    return suite;
}
