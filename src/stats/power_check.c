/* Unit tests of stats/power: SciPy's non-central t and binomials, least n by trying one after
 * another (golden/vectors/stats/power.jsonl); effects and n taken back; and that what power says of
 * a test is what the test does, over every outcome. */
#include "stats/power.h"

#include "stats/distribution.h"
#include "stats/proportion.h"
#include "stats/quantile.h"
#include "stats/upstream_check.h"

static void compare_mean(const qg_json *row)
{
    double effect = upstream_real(row, "effect"), alpha = upstream_real(row, "alpha");
    double power = upstream_real(row, "power");
    size_t k;
    double *n = upstream_reals(row, "n", &k), *chance = upstream_reals(row, "chance", &k);
    double *rank_chance = upstream_reals(row, "rank_chance", &k);

    for (size_t i = 0; i < k; i++) {
        ck_assert_double_eq_tol(qg_power_mean(effect, (int64_t)n[i], alpha), chance[i], 1e-11);
        ck_assert_double_eq_tol(qg_power_signed_rank(effect, (int64_t)n[i], alpha), rank_chance[i],
                                1e-11);
    }
    ck_assert_int_eq(qg_power_mean_n(effect, alpha, power), upstream_int(row, "least"));
    ck_assert_int_eq(qg_power_signed_rank_n(effect, alpha, power), upstream_int(row, "rank_least"));
}

static void compare_share(const qg_json *row)
{
    double share = upstream_real(row, "share"), limit = upstream_real(row, "limit");
    double alpha = upstream_real(row, "alpha"), power = upstream_real(row, "power");
    size_t k;
    double *n = upstream_reals(row, "n", &k), *chance = upstream_reals(row, "chance", &k);

    for (size_t i = 0; i < k; i++)
        ck_assert_double_eq_tol(qg_power_proportion(share, (int64_t)n[i], limit, alpha), chance[i],
                                1e-11);
    ck_assert_int_eq(qg_power_proportion_n(share, limit, alpha, power), upstream_int(row, "least"));
}

START_TEST(answers_are_those_of_scipy_and_of_trying)
{
    qg_str text = upstream_open("power");
    int n_rows = 0;

    for (const qg_json *row; (row = upstream_next(&text)); n_rows++) {
        if (upstream_is(row, "of", "mean"))
            compare_mean(row);
        else
            compare_share(row);
    }
    ck_assert_int_eq(n_rows, 15);
}
END_TEST

START_TEST(effects_have_the_power_they_promise)
{
    static const int64_t n[] = {2, 3, 5, 7, 10, 50, 51, 1000, 1000000};

    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++) {
        double mean = qg_power_mean_effect(n[i], 0.05, 0.8);
        double rank = qg_power_signed_rank_effect(n[i], 0.05, 0.8);
        ck_assert_double_eq_tol(qg_power_mean(mean, n[i], 0.05), 0.8, 1e-9);
        if (n[i] < 5) /* W+ cannot reach 5 % */
            ck_assert(rank == INFINITY && qg_power_signed_rank(9, n[i], 0.05) == 0);
        else
            ck_assert_double_eq_tol(qg_power_signed_rank(rank, n[i], 0.05), 0.8, 1e-9);
    }
    ck_assert(qg_power_mean_effect(1, 0.05, 0.8) == INFINITY);
    ck_assert(qg_power_mean_effect(2, 1e-6, 0.8) == INFINITY); /* over 1000 / sqrt(2) */
    ck_assert_double_eq(qg_power_mean(1, 1, 0.05), 0);
    ck_assert_double_eq_tol(qg_power_mean(0, 20, 0.05), 0.05, 1e-12);
    ck_assert_double_lt(qg_power_mean(-1, 20, 0.05), 1e-6);
}
END_TEST

START_TEST(the_least_n_is_the_least)
{
    static const double effects[] = {3, 0.8, 0.3, 0.1, 0.01, 0.001};

    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        int64_t mean = qg_power_mean_n(effects[i], 0.05, 0.8);
        int64_t rank = qg_power_signed_rank_n(effects[i], 0.05, 0.8);
        ck_assert_double_ge(qg_power_mean(effects[i], mean, 0.05), 0.8);
        ck_assert_double_ge(qg_power_signed_rank(effects[i], rank, 0.05), 0.8);
        ck_assert_double_lt(qg_power_signed_rank(effects[i], rank - 1, 0.05), 0.8);
        ck_assert(mean == 2 || qg_power_mean(effects[i], mean - 1, 0.05) < 0.8);
    }
    ck_assert_int_eq(qg_power_mean_n(0, 0.05, 0.8), -1);
    ck_assert_int_eq(qg_power_mean_n(-1, 0.05, 0.8), -1);
    ck_assert_int_eq(qg_power_mean_n(1e-9, 0.05, 0.8), -1);
    ck_assert_int_eq(qg_power_signed_rank_n(0, 0.05, 0.8), -1);
    ck_assert_int_eq(qg_power_signed_rank_n(1e-9, 0.05, 0.8), -1);
}
END_TEST

START_TEST(an_error_sees_what_two_normal_quantiles_say)
{
    ck_assert_double_eq_tol(qg_power_error_effect(2, 0.05, 0.8), 2 * (1.6448536 + 0.8416212), 1e-6);
    ck_assert_double_eq(qg_power_error_effect(0, 0.05, 0.8), 0);
}
END_TEST

/* The chance that qg_proportion_test calls, over all counts of n. */
static double called(double share, int64_t n, double limit, double alpha)
{
    double chance = 0;
    qg_pvalues p;

    for (int64_t k = 0; k <= n; k++) {
        ck_ok(qg_proportion_test(&p, k, n, limit, &err));
        if ((share >= limit ? p.greater : p.less) <= alpha)
            chance += qg_binomial_point(k, n, share);
    }
    return chance;
}

START_TEST(power_of_shares_is_what_the_test_does)
{
    static const double shares[] = {0, 0.02, 0.05, 0.2, 0.5, 0.9, 1},
                        limits[] = {0.05, 0.3, 0.5, 0.99};

    for (int64_t n = 1; n <= 90; n += 11)
        for (int s = 0; s < 7; s++)
            for (int l = 0; l < 4; l++)
                ck_assert_double_eq_tol(qg_power_proportion(shares[s], n, limits[l], 0.05),
                                        called(shares[s], n, limits[l], 0.05), 1e-12);
}
END_TEST

START_TEST(shares_seen_have_the_power_they_promise)
{
    for (int64_t n = 1; n <= 4000; n = n * 3 + 1) {
        double above = qg_power_proportion_above(n, 0.05, 0.05, 0.8);
        double below = qg_power_proportion_below(n, 0.05, 0.05, 0.8);
        if (isfinite(above))
            ck_assert_double_eq_tol(qg_power_proportion(above, n, 0.05, 0.05), 0.8, 1e-11);
        if (isfinite(below))
            ck_assert_double_eq_tol(qg_power_proportion(below, n, 0.05, 0.05), 0.8, 1e-11);
        ck_assert_int_eq(isfinite(below), n >= 59);
    }
    ck_assert(qg_power_proportion_above(3, 0.5, 0.05, 0.8) == INFINITY); /* 1 / 8 */
}
END_TEST

/* Long searches, beyond one tooth after another: the power is there, and not with a tenth less. */
START_TEST(large_n_have_the_power_too)
{
    static const double pairs[][2] = {{0.049, 0.05}, {0.051, 0.05}, {0.501, 0.5}, {0.0009, 0.001}};

    for (int i = 0; i < 4; i++) {
        double share = pairs[i][0], limit = pairs[i][1];
        int64_t n = qg_power_proportion_n(share, limit, 0.05, 0.8);
        ck_assert_int_gt(n, 10000);
        ck_assert_double_ge(qg_power_proportion(share, n, limit, 0.05), 0.8);
        ck_assert_double_lt(qg_power_proportion(share, n * 9 / 10, limit, 0.05), 0.8);
    }
    ck_assert_int_eq(qg_power_proportion_n(0.5, 0.5, 0.05, 0.8), -1);
    ck_assert_int_eq(qg_power_proportion_n(0.50001, 0.5, 0.05, 0.8), -1);
    ck_assert_int_eq(qg_power_proportion_n(0.49999, 0.5, 0.05, 0.8), -1);
}
END_TEST

/* Passing p95 from samples of which none may lie above the budget takes 59; and the other numbers
 * of the design. */
START_TEST(percentiles_are_shares_above_the_budget)
{
    ck_assert_int_eq(qg_power_quantile_n(0, 0.95, 0.05, 0.8), 59);
    ck_assert_int_eq(qg_power_quantile_n(0, 0.99, 0.05, 0.8), 299);
    ck_assert_double_eq_tol(qg_power_quantile(0.01, 59, 0.95, 0.05), pow(0.99, 59), 1e-13);
    ck_assert_double_eq_tol(qg_power_quantile_pass(59, 0.95, 0.05, 0.8), 1 - pow(0.8, 1.0 / 59),
                            1e-13);
    ck_assert(qg_power_quantile_pass(58, 0.95, 0.05, 0.8) == -INFINITY);
    ck_assert_double_eq_tol(qg_power_quantile_fail(1, 0.96, 0.05, 0.8), 0.8, 1e-13);
    /* one exceedance allowed from 93 */
    ck_assert_double_eq_tol(qg_power_quantile(0.01, 93, 0.95, 0.05),
                            pow(0.99, 93) + 93 * 0.01 * pow(0.99, 92), 1e-13);
}
END_TEST

Suite *power_check(void)
{
    Suite *s = suite_create("power_check");
    TCase *t = tcase_create("power");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, answers_are_those_of_scipy_and_of_trying);
    tcase_add_test(t, effects_have_the_power_they_promise);
    tcase_add_test(t, the_least_n_is_the_least);
    tcase_add_test(t, an_error_sees_what_two_normal_quantiles_say);
    tcase_add_test(t, power_of_shares_is_what_the_test_does);
    tcase_add_test(t, shares_seen_have_the_power_they_promise);
    tcase_add_test(t, large_n_have_the_power_too);
    tcase_add_test(t, percentiles_are_shares_above_the_budget);
    suite_add_tcase(s, t);
    return s;
}
