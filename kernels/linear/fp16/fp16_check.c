/* Unit tests of the plain method: disk bits to halves against its oracle and against values by
 * hand, what does not fit, misaligned tensors, strips, and the way back to disk.
 */
#include "kernels/linear/linear.h"

#include "check_suites.h"

#include <math.h>
#include <stdlib.h>

enum { N = 7, K = 37 };

static const qgk_dtype dtypes[] = {QGK_F16, QGK_BF16, QGK_F32};

static const qgk_method *method(void)
{
    return qgk_method_find("fp16");
}

/* Random bits of a tensor [N][K], at an odd address where asked. */
static unsigned char *random_bits(unsigned char room[static N * K * 4 + 1], int odd)
{
    for (size_t i = 0; i < (size_t)N * K * 4 + 1; i++)
        room[i] = (unsigned char)(rand() >> 4);
    return room + odd;
}

START_TEST(unpack_agrees_with_the_oracle)
{
    srand(7);
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
        for (int odd = 0; odd < 2; odd++) {
            unsigned char room[N * K * 4 + 1];
            const void *part[] = {random_bits(room, odd)};
            qgk_half codes[N * K];
            size_t n_overflows = 0, expected = 0;
            for (int row = 0; row < N; row += 3) { /* in strips */
                qgk_canon rows = {QGK_FORMAT_F16, N - row < 3 ? N - row : 3, K, codes + row * K};
                n_overflows += method()->unpack(&rows, part, &dtypes[d], (qgk_shape){N, K}, row);
            }
            for (int n = 0; n < N; n++) {
                float truth[K];
                method()->oracle(truth, part, &dtypes[d], (qgk_shape){N, K}, n);
                for (int k = 0; k < K; k++) {
                    float got = qgk_float_from_half(codes[n * K + k]);
                    if (isnan(truth[k])) {
                        ck_assert(isnan(got));
                        continue;
                    }
                    ck_assert(got == qgk_float_from_half(qgk_half_from_float(truth[k])));
                    expected += isfinite(truth[k]) && isinf(got);
                }
            }
            ck_assert_uint_eq(n_overflows, expected);
            ck_assert(dtypes[d] == QGK_F16 ? expected == 0 : expected > 0);
        }
}
END_TEST

START_TEST(oracle_reads_known_bits)
{
    static const unsigned char f16[] = {0x00, 0x3c, 0x01, 0x00, 0xff, 0xfb, 0x00, 0xfc};
    static const unsigned char bf16[] = {0x80, 0x3f, 0x49, 0x40, 0x01, 0x80, 0x80, 0x7f};
    static const unsigned char f32[] = {0xdb, 0x0f, 0x49, 0x40, 0x01, 0, 0, 0};
    const void *part[] = {f16};
    float row[4];

    method()->oracle(row, part, &dtypes[0], (qgk_shape){1, 4}, 0);
    ck_assert(row[0] == 1 && row[1] == 0x1p-24f && row[2] == -65504 && isinf(row[3]) && row[3] < 0);
    part[0] = bf16;
    method()->oracle(row, part, &dtypes[1], (qgk_shape){1, 4}, 0);
    ck_assert(row[0] == 1 && row[1] == 3.140625f && row[2] == -0x1p-133f && isinf(row[3]));
    part[0] = f32;
    method()->oracle(row, part, &dtypes[2], (qgk_shape){1, 2}, 0);
    ck_assert(row[0] == 3.14159274101257324f && row[1] == 0x1p-149f);
}
END_TEST

START_TEST(overflow_is_counted_not_hidden)
{
    const float values[] = {65504, 65519.996f, 65520, -1e20f, INFINITY, NAN, 1e-30f, 0};
    const void *part[] = {values};
    qgk_half codes[8];
    qgk_canon rows = {QGK_FORMAT_F16, 2, 4, codes};

    ck_assert_uint_eq(method()->unpack(&rows, part, &dtypes[2], (qgk_shape){2, 4}, 0), 2);
    ck_assert_uint_eq(codes[0], 0x7bff);
    ck_assert_uint_eq(codes[1], 0x7bff);
    ck_assert_uint_eq(codes[2], 0x7c00);
    ck_assert_uint_eq(codes[3], 0xfc00);
    ck_assert_uint_eq(codes[4], 0x7c00);
    ck_assert_uint_eq(codes[6], 0);
}
END_TEST

START_TEST(encode_then_oracle_gives_the_nearest)
{
    static const int mantissa_bits[] = {10, 7, 23};

    srand(3);
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        float w[N * K], row[K];
        unsigned char room[N * K * 4];
        void *part[] = {room};
        for (int i = 0; i < N * K; i++)
            w[i] = (float)(rand() % 20001 - 10000) / 3000;
        method()->encode(part, &dtypes[d], w, (qgk_shape){N, K});
        for (int n = 0; n < N; n++) {
            method()->oracle(row, (const void *const *)part, &dtypes[d], (qgk_shape){N, K}, n);
            for (int k = 0; k < K; k++) { /* half a unit in the last place */
                double x = (double)w[n * K + k];
                double step = ldexp(1, (x != 0 ? ilogb(x) : 0) - mantissa_bits[d]);
                if (step < 0x1p-24 && d == 0)
                    step = 0x1p-24;
                ck_assert_double_le(fabs((double)row[k] - x), d == 2 ? 0 : step / 2);
            }
        }
    }
}
END_TEST

START_TEST(encode_rounds_ties_to_even)
{
    const float w[] = {0x1.01p0f, 0x1.03p0f, INFINITY, NAN}; /* ties of bfloat16 */
    qgk_bf16 b[4];
    void *part[] = {b};

    method()->encode(part, &dtypes[1], w, (qgk_shape){1, 4});
    ck_assert_uint_eq(b[0], 0x3f80);
    ck_assert_uint_eq(b[1], 0x3f82);
    ck_assert_uint_eq(b[2], 0x7f80);
    ck_assert(isnan(qgk_float_from_bf16(b[3])));
}
END_TEST

START_TEST(only_halves_are_used_in_place)
{
    ck_assert(method()->in_place(&dtypes[0]));
    ck_assert(!method()->in_place(&dtypes[1]));
    ck_assert(!method()->in_place(&dtypes[2]));
}
END_TEST

START_TEST(a_declared_quantization_is_not_accepted)
{
    ck_assert_ptr_null(method()->accepts(&(qgk_quant_config){NULL}));
    ck_assert_ptr_null(method()->accepts(&(qgk_quant_config){"fp16"}));
    ck_assert_ptr_nonnull(method()->accepts(&(qgk_quant_config){"gptq"}));
}
END_TEST

Suite *fp16_check(void)
{
    Suite *suite = suite_create("fp16");
    TCase *c = tcase_create("method");

    tcase_add_test(c, unpack_agrees_with_the_oracle);
    tcase_add_test(c, oracle_reads_known_bits);
    tcase_add_test(c, overflow_is_counted_not_hidden);
    tcase_add_test(c, encode_then_oracle_gives_the_nearest);
    tcase_add_test(c, encode_rounds_ties_to_even);
    tcase_add_test(c, only_halves_are_used_in_place);
    tcase_add_test(c, a_declared_quantization_is_not_accepted);
    suite_add_tcase(suite, c);
    return suite;
}
