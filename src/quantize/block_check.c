/* Unit tests of quantize/block: a scaled block has the outputs that it had and the moments of its
 * scaled inputs, ties join what they should, and inputs that are no numbers are refused. */
#include "quantize/block.h"

#include "quantize/fixture_check.h"

enum { K = 37, TOKENS = 19 };

static qg_block block_of(uint64_t seed)
{
    return made_block(K, TOKENS, 2, (int[]){5, 8}, seed);
}

static float *copy_of(const float *v, size_t n)
{
    float *copy = made_array(n, sizeof *copy);

    memcpy(copy, v, n * sizeof *copy);
    return copy;
}

/* Of all magnitudes that searches give. */
static float *random_scales(uint64_t seed)
{
    float *s = made_array(K, sizeof *s);

    for (int j = 0; j < K; j++)
        s[j] = (float)exp(made_normal(&seed) * 3);
    return s;
}

/* (x / s) (w s) is x w but for two roundings a product, each by at most 2^-24 of it. */
START_TEST(outputs_stay_what_they_were)
{
    qg_block b = block_of((uint64_t)_i + 1);
    float *x = copy_of(b.moments->sample, (size_t)TOKENS * K), *w[2];

    for (int l = 0; l < 2; l++)
        w[l] = copy_of(b.linear[l].w, (size_t)b.linear[l].n * K);
    qg_block_scale(&b, random_scales((uint64_t)_i + 9), 1 + _i);
    for (int l = 0; l < 2; l++)
        for (size_t t = 0; t < TOKENS; t++)
            for (size_t row = 0; row < (size_t)b.linear[l].n; row++) {
                double bound = 0;
                for (size_t j = 0; j < K; j++)
                    bound += fabs((double)x[t * K + j] * (double)w[l][row * K + j]) * 0x1.1p-23;
                double y = made_dot(b.moments->sample + t * K, b.linear[l].w + row * K, K);
                ck_assert_double_le(fabs(y - made_dot(x + t * K, w[l] + row * K, K)), bound);
            }
}
END_TEST

START_TEST(moments_are_those_of_the_scaled_inputs)
{
    qg_block b = block_of(4), again = block_of(4);
    qg_moments *m = b.moments, *n = again.moments;

    qg_block_scale(&b, random_scales(5), 2);
    memcpy(n->sample, m->sample, (size_t)TOKENS * K * sizeof(float));
    made_measure(n);
    for (size_t i = 0; i < K; i++) {
        assert_close(m->abs_sum[i], n->abs_sum[i], 1e-6);
        assert_close((double)m->abs_max[i], (double)n->abs_max[i], 0);
        for (size_t j = 0; j < K; j++)
            ck_assert_double_le(fabs(m->gram[i * K + j] - n->gram[i * K + j]),
                                1e-6 * sqrt(n->gram[i * K + i] * n->gram[j * K + j]));
    }
}
END_TEST

START_TEST(ties_join_means_and_maxima)
{
    static const int32_t tie[6] = {2, 0, 2, 5, 5, 5};
    qg_block b = {.k = 6, .tie = tie};
    double mean[6] = {1, 2, 4, 3, 0, 6}, max[6] = {1, 2, 4, 3, 0, 6}, free_of_ties[6] = {7};

    ck_assert_int_eq(qg_block_tie(mean, &b, QG_BLOCK_MEAN, arena, &err), QG_OK);
    ck_assert_int_eq(qg_block_tie(max, &b, QG_BLOCK_MAX, arena, &err), QG_OK);
    for (int j = 0; j < 6; j++) {
        ck_assert_double_eq(mean[j], ((double[]){2.5, 2, 2.5, 3, 3, 3})[j]);
        ck_assert_double_eq(max[j], ((double[]){4, 2, 4, 6, 6, 6})[j]);
    }
    b.tie = NULL;
    ck_assert_int_eq(qg_block_tie(free_of_ties, &b, QG_BLOCK_MEAN, arena, &err), QG_OK);
    ck_assert(free_of_ties[0] == 7 && free_of_ties[1] == 0);
}
END_TEST

START_TEST(inputs_that_are_no_numbers_are_refused)
{
    static const double bad[] = {INFINITY, -INFINITY, NAN};
    qg_block b = block_of(6);

    ck_assert_int_eq(qg_block_check(&b, &err), QG_OK);
    if (_i % 2)
        b.moments->abs_sum[K - 1] = bad[_i / 2];
    else
        b.moments->abs_max[K - 1] = (float)bad[_i / 2];
    assert_refusal(qg_block_check(&b, &err), QG_ENONFINITE, "input 36 is infinite or NaN", NULL);
}
END_TEST

static qg_block large;
static double *values_of_large;

static qg_status tie_large(qg_arena *own)
{
    return qg_block_tie(values_of_large, &large, QG_BLOCK_MAX, own, &err);
}

START_TEST(every_allocation_may_fail)
{
    large = (qg_block){.k = 4096, .tie = made_tie(4096, 64)};
    values_of_large = made_array(4096, sizeof *values_of_large);
    fail_each_allocation(tie_large);
}
END_TEST

Suite *block_check(void)
{
    Suite *s = suite_create("block_check");
    TCase *c = tcase_create("block");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, folder_end);
    tcase_add_loop_test(c, outputs_stay_what_they_were, 0, 3);
    tcase_add_test(c, moments_are_those_of_the_scaled_inputs);
    tcase_add_test(c, ties_join_means_and_maxima);
    tcase_add_loop_test(c, inputs_that_are_no_numbers_are_refused, 0, 6);
    tcase_add_test(c, every_allocation_may_fail);
    return s;
}
