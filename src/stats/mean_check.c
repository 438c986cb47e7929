/* Unit tests of stats/mean: SciPy's ttest_1samp (golden/vectors/stats/mean.jsonl), and what has no
 * spread. */
#include "stats/mean.h"

#include "stats/upstream_check.h"

START_TEST(answers_are_those_of_scipy)
{
    qg_str text = upstream_open("mean");
    int n_rows = 0;

    for (const qg_json *row; (row = upstream_next(&text)); n_rows++) {
        size_t n, n_alphas;
        double *x = upstream_reals(row, "x", &n), *alpha = upstream_reals(row, "alpha", &n_alphas);
        qg_mean m;
        qg_pvalues p;
        for (size_t i = 0; i < n_alphas; i++) {
            const qg_json *want = qg_json_at(qg_json_get(row, "interval"), i);
            ck_ok(qg_mean_estimate(&m, x, n, alpha[i], &err));
            ck_near_interval(m.interval, qg_json_at(want, 0), qg_json_at(want, 1), 1e-12);
        }
        ck_near(m.estimate, upstream_real(row, "mean"), 1e-14);
        ck_near(m.deviation, upstream_real(row, "deviation"), 1e-12);
        ck_ok(qg_mean_test(&p, x, n, upstream_real(row, "limit"), &err));
        ck_near_pvalues(p, row, 1e-9); /* the mean loses digits to a limit that lies near */
    }
    ck_assert_int_eq(n_rows, 5);
}
END_TEST

/* Sleep of ten patients (Student 1908): hours gained with one drug more than with the other. */
START_TEST(student_s_example_comes_out)
{
    static const double d[] = {1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4};
    qg_mean m;
    qg_pvalues p;

    ck_ok(qg_mean_test(&p, d, 10, 0, &err));
    ck_assert_double_eq_tol(p.both, 0.00283289, 1e-8);
    ck_ok(qg_mean_estimate(&m, d, 10, 0.025, &err));
    ck_assert_double_eq_tol(m.estimate, 1.58, 1e-12);
    ck_assert_double_eq_tol(m.interval.low, 0.7001142, 1e-6);
    ck_assert_double_eq_tol(m.interval.high, 2.4598858, 1e-6);
}
END_TEST

START_TEST(equal_numbers_have_no_spread)
{
    const double x[] = {0.1, 0.1, 0.1};
    qg_mean m;
    qg_pvalues p;

    ck_ok(qg_mean_estimate(&m, x, 3, 0.05, &err));
    ck_assert(m.estimate == 0.1 && m.deviation == 0);
    ck_assert(m.interval.low == 0.1 && m.interval.high == 0.1);
    ck_ok(qg_mean_test(&p, x, 3, 0.1, &err));
    ck_assert(p.less == 1 && p.greater == 1);
    ck_ok(qg_mean_test(&p, x, 3, 0.2, &err));
    ck_assert(p.less == 0 && p.greater == 1);
}
END_TEST

START_TEST(bad_input_is_refused)
{
    const double x[] = {1, 2}, nan[] = {NAN, 1}, huge[] = {1e200, -1e200};
    qg_mean m = {.estimate = 42};
    qg_pvalues p;

    ck_refused(qg_mean_estimate(&m, x, 0, 0.05, &err), QG_EARG, "0 numbers");
    ck_refused(qg_mean_estimate(&m, x, 1, 0.05, &err), QG_EARG, "1 numbers");
    ck_refused(qg_mean_estimate(&m, nan, 2, 0.05, &err), QG_ENONFINITE, "number 0");
    ck_refused(qg_mean_estimate(&m, huge, 2, 0.05, &err), QG_ENONFINITE, "too large");
    ck_refused(qg_mean_estimate(&m, x, 2, 0.5, &err), QG_EARG, "alpha 0.5");
    ck_refused(qg_mean_test(&p, x, 1, 0, &err), QG_EARG, "1 numbers");
    ck_refused(qg_mean_test(&p, x, 2, NAN, &err), QG_ENONFINITE, "limit");
    ck_assert_double_eq(m.estimate, 42);
}
END_TEST

Suite *mean_check(void)
{
    Suite *s = suite_create("mean_check");
    TCase *t = tcase_create("mean");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, answers_are_those_of_scipy);
    tcase_add_test(t, student_s_example_comes_out);
    tcase_add_test(t, equal_numbers_have_no_spread);
    tcase_add_test(t, bad_input_is_refused);
    suite_add_tcase(s, t);
    return s;
}
