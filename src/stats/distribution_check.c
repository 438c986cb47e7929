/* Unit tests of stats/distribution: SciPy's values (golden/vectors/stats/distribution.jsonl), sums
 * of all outcomes, closed forms, and inverses taken back. */
#include "stats/distribution.h"

#include "stats/upstream_check.h"

static double call(qg_str f, const double a[3])
{
    int64_t k = (int64_t)a[0], n = (int64_t)a[1];

    if (qg_str_is(f, "normal_cdf"))
        return qg_normal_cdf(a[0]);
    if (qg_str_is(f, "normal_quantile"))
        return qg_normal_quantile(a[0]);
    if (qg_str_is(f, "beta_cdf"))
        return qg_beta_cdf(a[0], a[1], a[2]);
    if (qg_str_is(f, "beta_quantile"))
        return qg_beta_quantile(a[0], a[1], a[2]);
    if (qg_str_is(f, "beta_quantile_upper"))
        return qg_beta_quantile_upper(a[0], a[1], a[2]);
    if (qg_str_is(f, "binomial_point"))
        return qg_binomial_point(k, n, a[2]);
    if (qg_str_is(f, "binomial_at_most"))
        return qg_binomial_at_most(k, n, a[2]);
    if (qg_str_is(f, "binomial_at_least"))
        return qg_binomial_at_least(k, n, a[2]);
    if (qg_str_is(f, "t_cdf"))
        return qg_t_cdf(a[0], a[1]);
    if (qg_str_is(f, "t_quantile"))
        return qg_t_quantile(a[0], a[1]);
    ck_assert(qg_str_is(f, "t_noncentral"));
    return qg_t_noncentral_cdf(a[0], a[1], a[2]);
}

/* Relative 1e-12; where an answer passes 0 (a median), and for the non-central t, absolute. */
static void compare(qg_str f, const double a[3], double want)
{
    bool absolute = qg_str_is(f, "t_noncentral") || (qg_str_is(f, "t_quantile") && fabs(want) < 1);
    double got = call(f, a), room = 1e-12 * (absolute ? 1 : fabs(want));

    ck_assert_msg(fabs(got - want) <= room || fabs(want) < 1e-100,
                  QG_STR_PRI "(%.17g, %.17g, %.17g) is %.17g, not %.17g", QG_STR_ARG(f), a[0], a[1],
                  a[2], got, want);
}

START_TEST(values_are_those_of_scipy)
{
    qg_str text = upstream_open("distribution"), f;
    size_t n, n_functions = 0, n_values = 0;

    for (const qg_json *row; (row = upstream_next(&text)); n_functions++) {
        const qg_json *args = qg_json_get(row, "args");
        double *want = upstream_reals(row, "want", &n);
        ck_assert(qg_json_str(qg_json_get(row, "f"), &f));
        for (size_t i = 0; i < n; i++, n_values++) {
            double a[3] = {0};
            for (size_t j = 0; j < qg_json_len(args); j++)
                a[j] = upstream_number(qg_json_at(qg_json_at(args, j), i), NAN);
            compare(f, a, want[i]);
        }
    }
    ck_assert_uint_eq(n_functions, 11);
    ck_assert_uint_ge(n_values, 600);
}
END_TEST

START_TEST(tails_are_sums_of_all_outcomes)
{
    static const double shares[] = {0, 1e-9, 0.05, 0.3, 0.5, 0.95, 1};

    for (int n = 0; n <= 24; n++)
        for (size_t s = 0; s < 7; s++) {
            double choose = 1, at_most = 0, p = shares[s];
            for (int k = 0; k <= n; k++) {
                double point = choose * pow(p, k) * pow(1 - p, n - k);
                ck_assert_double_eq_tol(qg_binomial_point(k, n, p), point, 1e-14);
                ck_assert_double_eq_tol(qg_binomial_at_least(k, n, p), 1 - at_most, 1e-14);
                at_most += point;
                ck_assert_double_eq_tol(qg_binomial_at_most(k, n, p), at_most, 1e-14);
                choose = choose * (n - k) / (k + 1);
            }
        }
}
END_TEST

START_TEST(impossible_counts_have_no_chance)
{
    ck_assert_double_eq(qg_binomial_at_most(-1, 5, 0.5), 0);
    ck_assert_double_eq(qg_binomial_at_most(5, 5, 0.5), 1);
    ck_assert_double_eq(qg_binomial_at_most(99, 5, 0.5), 1);
    ck_assert_double_eq(qg_binomial_at_least(0, 5, 0.5), 1);
    ck_assert_double_eq(qg_binomial_at_least(-7, 5, 0.5), 1);
    ck_assert_double_eq(qg_binomial_at_least(6, 5, 0.5), 0);
    ck_assert_double_eq(qg_binomial_point(-1, 5, 0.5), 0);
    ck_assert_double_eq(qg_binomial_point(6, 5, 0.5), 0);
}
END_TEST

START_TEST(critical_counts_are_the_last_within_alpha)
{
    static const double alphas[] = {0.3, 0.05, 0.01, 1e-6};

    for (int n = 0; n <= 60; n++)
        for (int i = 0; i < 4; i++)
            for (double p = 0.05; p < 1; p += 0.15) {
                int64_t few = qg_binomial_few(n, p, alphas[i]);
                int64_t many = qg_binomial_many(n, p, alphas[i]);
                ck_assert(qg_binomial_at_most(few, n, p) <= alphas[i]);
                ck_assert(qg_binomial_at_most(few + 1, n, p) > alphas[i]);
                ck_assert(qg_binomial_at_least(many, n, p) <= alphas[i]);
                ck_assert(qg_binomial_at_least(many - 1, n, p) > alphas[i]);
            }
}
END_TEST

START_TEST(beta_has_its_closed_forms)
{
    for (double x = 0; x <= 1; x += 0.0625) {
        ck_assert_double_eq_tol(qg_beta_cdf(x, 1, 1), x, 1e-15);
        ck_assert_double_eq_tol(qg_beta_cdf(x, 4, 1), pow(x, 4), 1e-15);
        ck_assert_double_eq_tol(qg_beta_cdf(x, 1, 4), 1 - pow(1 - x, 4), 1e-15);
        ck_assert_double_eq_tol(qg_beta_cdf(x, 0.5, 0.5), asin(sqrt(x)) / asin(1), 2e-15);
        ck_assert_double_eq_tol(qg_beta_cdf(x, 2.5, 7) + qg_beta_cdf(1 - x, 7, 2.5), 1, 2e-15);
    }
    ck_assert_double_eq(qg_beta_quantile(0, 3, 2), 0);
    ck_assert_double_eq(qg_beta_quantile(1, 3, 2), 1);
    ck_assert_double_eq(qg_beta_quantile_upper(0, 3, 2), 1);
    ck_assert_double_eq(qg_beta_quantile_upper(1, 3, 2), 0);
    ck_near(qg_beta_quantile(1e-90, 1, 1), 1e-90, 1e-14);
    ck_near(qg_beta_quantile_upper(0.05, 1, 1e9), -expm1(log(0.05) / 1e9), 1e-12);
}
END_TEST

START_TEST(t_is_cauchy_at_1_and_normal_at_the_end)
{
    static const double t[] = {-1e6, -40, -3, -1, -1e-4, 0, 0.3, 2, 17};

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        double cauchy = t[i] < -1 ? -atan(1 / t[i]) : atan(t[i]) + asin(1);
        ck_near(qg_t_cdf(t[i], 1), cauchy / (2 * asin(1)), 1e-14);
        ck_assert_double_eq_tol(qg_t_cdf(t[i], 1e9), qg_normal_cdf(t[i]), 1e-9);
        ck_assert_double_eq_tol(qg_t_noncentral_cdf(t[i], 7, 0), qg_t_cdf(t[i], 7), 1e-15);
    }
    ck_assert_double_eq(qg_t_cdf(-INFINITY, 3), 0);
    ck_assert_double_eq(qg_t_cdf(INFINITY, 3), 1);
    ck_assert_double_eq(qg_t_quantile(0, 3), -INFINITY);
    ck_assert_double_eq(qg_t_quantile(1, 3), INFINITY);
    ck_assert_double_eq(qg_t_quantile(0.5, 3), 0);
    ck_assert_double_eq(qg_t_noncentral_cdf(INFINITY, 3, 5), 1);
    ck_assert_double_eq(qg_t_noncentral_cdf(-INFINITY, 3, 5), 0);
    ck_assert_double_eq_tol(qg_t_noncentral_cdf(0, 3, 1), qg_normal_cdf(-1), 1e-15);
}
END_TEST

START_TEST(normal_has_its_ends)
{
    ck_assert_double_eq(qg_normal_cdf(0), 0.5);
    ck_assert_double_eq(qg_normal_cdf(-INFINITY), 0);
    ck_assert_double_eq(qg_normal_cdf(INFINITY), 1);
    ck_assert_double_eq(qg_normal_quantile(0.5), 0);
    ck_assert_double_eq(qg_normal_quantile(0), -INFINITY);
    ck_assert_double_eq(qg_normal_quantile(1), INFINITY);
}
END_TEST

START_TEST(quantiles_are_inverses)
{
    for (double p = 1e-9; p < 1; p = p < 0.01 ? p * 7 : p + 0.01) {
        ck_near(qg_normal_cdf(qg_normal_quantile(p)), p, 1e-14);
        ck_near(qg_t_cdf(qg_t_quantile(p, 4.5), 4.5), p, 1e-13);
        ck_near(qg_beta_cdf(qg_beta_quantile(p, 3, 900), 3, 900), p, 1e-13);
        ck_near(qg_beta_cdf(1 - qg_beta_quantile_upper(p, 900, 3), 3, 900), p, 1e-9);
    }
}
END_TEST

Suite *distribution_check(void)
{
    Suite *s = suite_create("distribution_check");
    TCase *t = tcase_create("distribution");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, values_are_those_of_scipy);
    tcase_add_test(t, tails_are_sums_of_all_outcomes);
    tcase_add_test(t, impossible_counts_have_no_chance);
    tcase_add_test(t, critical_counts_are_the_last_within_alpha);
    tcase_add_test(t, beta_has_its_closed_forms);
    tcase_add_test(t, t_is_cauchy_at_1_and_normal_at_the_end);
    tcase_add_test(t, normal_has_its_ends);
    tcase_add_test(t, quantiles_are_inverses);
    suite_add_tcase(s, t);
    return s;
}
