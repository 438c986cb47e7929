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

static const qgk_quant_config plain = {0};

static qgk_stored tensor(const void *bits, qgk_dtype dtype, int n, int k)
{
    return (qgk_stored){
        .part = {bits}, .dtype = {dtype}, .shape = {.n = n, .k = k}, .config = &plain};
}

static qgk_canon canonical(qgk_half *codes, int n_rows, int k)
{
    return (qgk_canon){.format = QGK_FORMAT_F16, .n_rows = n_rows, .k = k, .codes = codes};
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
            qgk_stored w = tensor(random_bits(room, odd), dtypes[d], N, K);
            qgk_half codes[N * K];
            size_t n_overflows = 0, expected = 0;
            for (int row = 0; row < N; row += 3) { /* in strips */
                qgk_canon rows = canonical(codes + row * K, N - row < 3 ? N - row : 3, K);
                n_overflows += method()->unpack(&rows, &w, NULL, row);
            }
            for (int n = 0; n < N; n++) {
                float truth[K];
                method()->oracle(truth, &w, n);
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
    qgk_stored w = tensor(f16, QGK_F16, 1, 4);
    float row[4];

    method()->oracle(row, &w, 0);
    ck_assert(row[0] == 1 && row[1] == 0x1p-24f && row[2] == -65504 && isinf(row[3]) && row[3] < 0);
    w = tensor(bf16, QGK_BF16, 1, 4);
    method()->oracle(row, &w, 0);
    ck_assert(row[0] == 1 && row[1] == 3.140625f && row[2] == -0x1p-133f && isinf(row[3]));
    w = tensor(f32, QGK_F32, 1, 2);
    method()->oracle(row, &w, 0);
    ck_assert(row[0] == 3.14159274101257324f && row[1] == 0x1p-149f);
}
END_TEST

START_TEST(overflow_is_counted_not_hidden)
{
    const float values[] = {65504, 65519.996f, 65520, -1e20f, INFINITY, NAN, 1e-30f, 0};
    qgk_stored w = tensor(values, QGK_F32, 2, 4);
    qgk_half codes[8];
    qgk_canon rows = canonical(codes, 2, 4);

    ck_assert_uint_eq(method()->unpack(&rows, &w, NULL, 0), 2);
    ck_assert_uint_eq(codes[0], 0x7bff);
    ck_assert_uint_eq(codes[1], 0x7bff);
    ck_assert_uint_eq(codes[2], 0x7c00);
    ck_assert_uint_eq(codes[3], 0xfc00);
    ck_assert_uint_eq(codes[4], 0x7c00);
    ck_assert_uint_eq(codes[6], 0);
}
END_TEST

START_TEST(encode_then_unpack_gives_the_same_halves)
{
    srand(3);
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        qgk_half codes[N * K], back[N * K];
        unsigned char room[N * K * 4];
        void *part[] = {room};
        qgk_canon rows = canonical(codes, N, K), again = canonical(back, N, K);
        qgk_stored w = tensor(room, dtypes[d], N, K);
        for (int i = 0; i < N * K; i++) /* values that bfloat16 holds too */
            codes[i] = qgk_half_from_float((float)(rand() % 255 - 127) / 64);
        method()->encode(part, &dtypes[d], &rows, NULL, w.shape, &plain);
        ck_assert_uint_eq(method()->unpack(&again, &w, NULL, 0), 0);
        ck_assert_mem_eq(back, codes, sizeof codes);
    }
}
END_TEST

START_TEST(bfloat16_rounds_ties_to_even)
{
    ck_assert_uint_eq(qgk_bf16_from_float(0x1.01p0f), 0x3f80);
    ck_assert_uint_eq(qgk_bf16_from_float(0x1.03p0f), 0x3f82);
    ck_assert_uint_eq(qgk_bf16_from_float(INFINITY), 0x7f80);
    ck_assert(isnan(qgk_float_from_bf16(qgk_bf16_from_float(NAN))));
}
END_TEST

START_TEST(only_halves_are_used_in_place)
{
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        qgk_stored w = tensor("", dtypes[d], 1, 1);
        ck_assert(!method()->in_place(&w) == (dtypes[d] != QGK_F16));
    }
}
END_TEST

START_TEST(a_declared_quantization_is_not_accepted)
{
    ck_assert_ptr_null(method()->accepts(&plain));
    ck_assert_ptr_nonnull(method()->accepts(&(qgk_quant_config){.bits = 4}));
}
END_TEST

Suite *fp16_check(void)
{
    Suite *suite = suite_create("fp16");
    TCase *c = tcase_create("method");

    tcase_add_test(c, unpack_agrees_with_the_oracle);
    tcase_add_test(c, oracle_reads_known_bits);
    tcase_add_test(c, overflow_is_counted_not_hidden);
    tcase_add_test(c, encode_then_unpack_gives_the_same_halves);
    tcase_add_test(c, bfloat16_rounds_ties_to_even);
    tcase_add_test(c, only_halves_are_used_in_place);
    tcase_add_test(c, a_declared_quantization_is_not_accepted);
    suite_add_tcase(suite, c);
    return suite;
}
