/* Unit tests of stats/numbers: order and refusals; searching against trying one after another. */
#include "stats/numbers.h"

#include "stats/upstream_check.h"

START_TEST(numbers_are_checked_before_use)
{
    const double fine[] = {1, -2, 0}, nan[] = {1, NAN, INFINITY}, infinite[] = {0, 0, -INFINITY};

    ck_ok(qg_numbers_check(fine, 3, 3, "sample", &err));
    ck_ok(qg_numbers_check(NULL, 0, 0, "sample", &err));
    ck_refused(qg_numbers_check(fine, 3, 4, "sample", &err), QG_EARG,
               "3 samples, at least 4 needed");
    ck_refused(qg_numbers_check(nan, 3, 1, "sample", &err), QG_ENONFINITE, "sample 1 is nan");
    ck_refused(qg_numbers_check(infinite, 3, 1, "limit", &err), QG_ENONFINITE, "limit 2 is -inf");
}
END_TEST

START_TEST(alpha_lies_between_0_and_a_half)
{
    const double bad[] = {0, -0.01, 0.5, 1, NAN, INFINITY};

    ck_ok(qg_alpha_check(0.05, &err));
    ck_ok(qg_alpha_check(0.4999, &err));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_refused(qg_alpha_check(bad[i], &err), QG_EARG, "lies outside 0 to 0.5");
}
END_TEST

START_TEST(a_sorted_copy_leaves_the_original_and_has_one_zero)
{
    const double x[] = {3, -0.0, 7, 0.0, -5, 3}, want[] = {-5, 0, 0, 3, 3, 7};
    double *sorted = qg_numbers_sorted(arena, x, 6);

    ck_assert_double_eq(x[0], 3);
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq(sorted[i], want[i]);
    ck_assert(!signbit(sorted[1]) && !signbit(sorted[2]));
    qg_arena_fail_after(1);
    ck_assert_ptr_null(qg_numbers_sorted(arena, x, 1000)); /* never read: the arena is full */
    qg_arena_fail_after(0);
}
END_TEST

static bool reaches(int64_t i, const void *what)
{
    return i >= *(const int64_t *)what;
}

START_TEST(the_least_is_found_or_none)
{
    for (int64_t from = -3; from < 4; from++)
        for (int64_t most = from - 1; most < 40; most++)
            for (int64_t want = -5; want < 45; want++) {
                int64_t least = want < from ? from : want > most ? most + 1 : want;
                ck_assert_int_eq(qg_least_where(from, most, reaches, &want), least);
            }
    int64_t far = 987654321;
    ck_assert_int_eq(qg_least_where(1, 1000000000, reaches, &far), far);
}
END_TEST

START_TEST(two_sides_are_twice_the_smaller)
{
    qg_pvalues p = qg_pvalues_of(0.02, 0.99), q = qg_pvalues_of(1.0000000000000002, 0.7);

    ck_assert_double_eq(p.less, 0.02);
    ck_assert_double_eq(p.both, 0.04);
    ck_assert_double_eq(q.less, 1);
    ck_assert_double_eq(q.both, 1);
}
END_TEST

Suite *numbers_check(void)
{
    Suite *s = suite_create("numbers_check");
    TCase *t = tcase_create("numbers");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, numbers_are_checked_before_use);
    tcase_add_test(t, alpha_lies_between_0_and_a_half);
    tcase_add_test(t, a_sorted_copy_leaves_the_original_and_has_one_zero);
    tcase_add_test(t, the_least_is_found_or_none);
    tcase_add_test(t, two_sides_are_twice_the_smaller);
    suite_add_tcase(s, t);
    return s;
}
