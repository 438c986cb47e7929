/* Unit tests of engine/misfit: weights that are off by known amounts, in steps worked out by hand.
 */
#include "engine/misfit.h"

#include "base/scratch_check.h"

#include <math.h>

enum { N = 3, K = 8, GROUP = 4 };

static float plain[N * K], other[N * K];
static double size[K];
static float f_in[K], f_out[N];

/* Weights between -1 and 1, with 1 in each group: a step of 4 bits is 2/15. */
static qg_fold_pair pair_of(int bits, int group)
{
    qg_fold_pair p = {.n = N, .k = K};

    p.plain = (qg_dequantizer){.method = qgk_method_find("fp16"), .group = K};
    p.plain.bits.shape = (qgk_shape){.n = N, .k = K};
    p.plain.bits.dtype[0] = QGK_F32;
    p.other = p.plain;
    p.other.runs_bits = bits;
    p.other.group = group;
    p.plain.bits.part[0] = plain;
    p.other.bits.part[0] = other;
    for (int i = 0; i < N * K; i++)
        plain[i] = other[i] = i % GROUP == 0 ? 1 : 0.25f * (float)(i % 3) - 0.25f;
    for (int j = 0; j < K; j++) {
        size[j] = 1;
        f_in[j] = 1;
    }
    for (int i = 0; i < N; i++)
        f_out[i] = 1;
    return p;
}

static qg_misfit measure(const qg_fold_pair *p, double noise)
{
    qg_misfit_inputs in = {.size = size, .noise = noise, .f_in = f_in, .f_out = f_out};
    qg_arena *scratch = qg_arena_create();
    qg_misfit m;

    ck_assert_int_eq(qg_misfit_measure(&m, arena, scratch, p, &in, 2, &err), QG_OK);
    qg_arena_free(scratch);
    return m;
}

START_TEST(whole_weights_fit)
{
    qg_fold_pair p = pair_of(4, GROUP);
    qg_misfit m = measure(&p, 0);

    ck_assert_double_eq(m.error, 0);
    ck_assert_double_eq(m.cell.steps, 0);
    ck_assert_double_eq(m.shift.steps, 0);
    ck_assert_double_eq(m.input.steps, 0);
    ck_assert_int_eq(m.n_groups, 2);
    /* 8 inputs of size 1, each with a step of 2/15 */
    ck_assert_double_eq_tol(m.noise[1], sqrt(8 * (2.0 / 15) * (2.0 / 15) / 12), 1e-7);
}
END_TEST

START_TEST(a_cell_off_by_a_step_is_found)
{
    qg_fold_pair p = pair_of(4, GROUP);

    for (int j = 4; j < 8; j++)
        other[2 * K + j] += 2.0f / 15; /* output 2, group 1 */
    qg_misfit m = measure(&p, 0);
    ck_assert_double_eq_tol(m.shift.steps, 1, 1e-5);
    ck_assert_double_eq_tol(m.cell.steps, 1, 1e-5);
    ck_assert_int_eq(m.shift.row, 2);
    ck_assert_int_eq(m.shift.group, 1);
    ck_assert_double_eq(m.shift.groups[0], 0);
    double squares = 0;
    for (int j = 4; j < 8; j++)
        squares += (double)plain[2 * K + j] * (double)plain[2 * K + j];
    ck_assert_double_eq_tol(m.shift.groups[1], sqrt(4 * 4.0 / 225 / squares), 1e-6);
    ck_assert_double_eq(m.row_error[0], 0);
    ck_assert_double_gt(m.row_error[2], 0);
    ck_assert_double_eq(m.group_error[0], 0);
    /* each of its inputs is off in one of three outputs */
    ck_assert_double_eq_tol(m.input.steps, sqrt(1.0 / N), 1e-5);
}
END_TEST

START_TEST(errors_that_cancel_are_no_shift)
{
    qg_fold_pair p = pair_of(4, GROUP);

    for (int j = 0; j < 4; j++)
        other[j] += (j % 2 ? 1 : -1) * 2.0f / 15;
    qg_misfit m = measure(&p, 0);
    ck_assert_double_eq_tol(m.shift.steps, 0, 1e-5);
    ck_assert_double_eq_tol(m.cell.steps, 1, 1e-5);
}
END_TEST

START_TEST(an_input_that_hardly_fires_hardly_counts)
{
    qg_fold_pair p = pair_of(4, GROUP);

    size[5] = 0.1;
    for (int i = 0; i < N; i++)
        other[i * K + 5] += 4 * 2.0f / 15;
    qg_misfit m = measure(&p, 0);
    /* 4 steps, by a weight of 1/100 */
    ck_assert_double_eq_tol(m.input.steps, 0.4, 1e-5);
    ck_assert_int_eq(m.input.input, 5);
    ck_assert_double_eq_tol(m.cell.steps, sqrt(16 * 0.01 / 3.01), 1e-5);
}
END_TEST

START_TEST(what_was_folded_is_taken_out)
{
    qg_fold_pair p = pair_of(4, GROUP);

    for (int j = 0; j < K; j++)
        f_in[j] = j % 2 ? 0.5f : 2;
    for (int i = 0; i < N; i++)
        f_out[i] = (float)(i + 1);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < K; j++)
            other[i * K + j] *= f_out[i] / f_in[j];
    ck_assert_double_eq_tol(measure(&p, 0).error, 0, 1e-7);
    f_in[1] = 1;
    ck_assert_double_gt(measure(&p, 0).error, 0.1);
}
END_TEST

START_TEST(one_scale_a_row_has_one_step)
{
    qg_fold_pair p = pair_of(8, K);

    for (int j = 4; j < 8; j++) {
        plain[j] /= 100; /* a weak half of output 0, whose step is still 2/255 */
        other[j] = plain[j] + 2.0f / 255;
    }
    qg_misfit m = measure(&p, 0);
    ck_assert_int_eq(m.n_groups, 1);
    ck_assert_double_eq_tol(m.shift.steps, 0.5, 1e-4);
    ck_assert_double_eq_tol(m.cell.steps, sqrt(0.5), 1e-4);
}
END_TEST

START_TEST(groups_follow_the_order)
{
    static const int32_t order[K] = {0, 2, 4, 6, 1, 3, 5, 7};
    qg_fold_pair p = pair_of(4, GROUP);

    p.other.order = order;
    for (int i = 0; i < K; i += 2)
        other[i] += 0.1f;
    qg_misfit m = measure(&p, 0);
    ck_assert_int_eq(m.cell.group, 0);
    ck_assert_double_eq(m.cell.groups[1], 0);
}
END_TEST

START_TEST(rounded_inputs_add_their_noise)
{
    qg_fold_pair p = pair_of(8, K);
    double squares = 0, step = 2.0 / 255;

    for (int j = 0; j < K; j++)
        squares += (double)plain[j] * (double)plain[j];
    ck_assert_double_eq_tol(measure(&p, 0.01).noise[0], sqrt(8 * step * step / 12 + squares * 1e-4),
                            1e-7);
}
END_TEST

START_TEST(what_is_not_finite_is_the_greatest)
{
    qg_fold_pair p = pair_of(4, GROUP);

    other[K + 1] = NAN;
    qg_misfit m = measure(&p, 0);
    ck_assert(isinf(m.error) && isinf(m.cell.steps) && isinf(m.shift.steps));
    ck_assert_int_eq(m.cell.row, 1);
    ck_assert_int_eq(m.cell.group, 0);
    ck_assert(isinf(m.input.steps));
    ck_assert_double_eq(m.cell_median, 0);
}
END_TEST

START_TEST(zeros_fit_zeros_alone)
{
    qg_fold_pair p = pair_of(4, GROUP);

    for (int j = 0; j < K; j++)
        plain[j] = other[j] = 0;
    ck_assert_double_eq(measure(&p, 0).cell.steps, 0);
    other[0] = 0.1f;
    ck_assert_double_gt(measure(&p, 0).cell.steps, 1e6);
}
END_TEST

START_TEST(memory_may_run_out)
{
    qg_fold_pair p = pair_of(4, GROUP);
    qg_misfit_inputs in = {.size = size, .f_in = f_in};
    qg_misfit m;
    long n = 0;
    qg_status s;

    do {
        qg_arena *fresh = qg_arena_create(), *scratch = qg_arena_create();
        qg_arena_fail_after(++n);
        s = qg_misfit_measure(&m, fresh, scratch, &p, &in, 1, NULL);
        ck_assert(s == QG_OK || s == QG_ENOMEM);
        qg_arena_free(scratch);
        qg_arena_free(fresh);
    } while (!qg_arena_fail_after(0));
    ck_assert_int_eq(s, QG_OK);
}
END_TEST

Suite *misfit_check(void)
{
    Suite *s = suite_create("misfit_check");
    TCase *t = tcase_create("misfit");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, whole_weights_fit);
    tcase_add_test(t, a_cell_off_by_a_step_is_found);
    tcase_add_test(t, errors_that_cancel_are_no_shift);
    tcase_add_test(t, an_input_that_hardly_fires_hardly_counts);
    tcase_add_test(t, what_was_folded_is_taken_out);
    tcase_add_test(t, one_scale_a_row_has_one_step);
    tcase_add_test(t, groups_follow_the_order);
    tcase_add_test(t, rounded_inputs_add_their_noise);
    tcase_add_test(t, what_is_not_finite_is_the_greatest);
    tcase_add_test(t, zeros_fit_zeros_alone);
    tcase_add_test(t, memory_may_run_out);
    suite_add_tcase(s, t);
    return s;
}
