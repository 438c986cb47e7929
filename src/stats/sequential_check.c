/* Unit tests of stats/sequential: the spending functions by SciPy's normal
 * (golden/vectors/stats/sequential.jsonl), and that a ledger never gives more than it has. */
#include "stats/sequential.h"

#include "stats/quantile.h"
#include "stats/upstream_check.h"

static const qg_spending kinds[] = {QG_SPENDING_EQUAL, QG_SPENDING_POCOCK,
                                    QG_SPENDING_OBRIEN_FLEMING};

START_TEST(spending_follows_its_formulas)
{
    qg_str text = upstream_open("sequential");
    int n_rows = 0;

    for (const qg_json *row; (row = upstream_next(&text)); n_rows++) {
        static const char *const keys[] = {"equal", "pocock", "obrien_fleming"};
        double alpha = upstream_real(row, "alpha"), t = upstream_real(row, "t");
        for (int k = 0; k < 3; k++)
            ck_near(qg_spending_at(kinds[k], alpha, t), upstream_real(row, keys[k]), 1e-13);
    }
    ck_assert_int_eq(n_rows, 12);
    for (int k = 0; k < 3; k++) {
        ck_assert_double_eq(qg_spending_at(kinds[k], 0.05, 0), 0);
        ck_assert_double_eq(qg_spending_at(kinds[k], 0.05, 1), 0.05);
    }
}
END_TEST

/* Any rising times: what the looks get adds up to the total, never to more on the way. */
START_TEST(looks_never_spend_more_than_the_total)
{
    for (int n_looks = 1; n_looks <= 12; n_looks++) {
        double sum = 0, alpha = 0;
        qg_alpha_ledger l;
        ck_ok(qg_alpha_ledger_open(&l, kinds[_i], 0.05, n_looks, &err));
        for (int look = 1; look <= n_looks; look++) {
            double t = (double)(look * look) / (n_looks * n_looks + 3);
            ck_ok(qg_alpha_ledger_look(&alpha, &l, t, &err));
            ck_assert(alpha >= 0 && alpha == l.last && l.looked == look);
            sum += alpha;
            ck_assert_double_le(l.spent, 0.05);
            ck_assert_double_eq_tol(sum, l.spent, 1e-16);
        }
        ck_assert_double_eq_tol(sum, 0.05, 1e-16);
        ck_refused(qg_alpha_ledger_look(&alpha, &l, 1, &err), QG_EREFUSED, "all of alpha");
    }
}
END_TEST

/* The design's least n for four looks. */
START_TEST(equal_looks_are_those_of_the_design)
{
    static const struct {
        double q;
        int64_t n;
    } want[] = {{0.5, 7}, {0.95, 86}, {0.99, 437}};
    qg_alpha_ledger l;
    double alpha;

    ck_ok(qg_alpha_ledger_open(&l, QG_SPENDING_EQUAL, 0.05, 4, &err));
    for (int look = 1; look <= 4; look++) {
        ck_ok(qg_alpha_ledger_look(&alpha, &l, look * 0.11, &err)); /* t does not matter */
        ck_assert_double_eq_tol(alpha, 0.0125, 1e-16);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(qg_quantile_least_n(want[i].q, alpha, 0), want[i].n);
    }
}
END_TEST

START_TEST(obrien_fleming_keeps_its_alpha_for_the_end)
{
    qg_alpha_ledger l;
    double first, last, alpha;

    ck_ok(qg_alpha_ledger_open(&l, QG_SPENDING_OBRIEN_FLEMING, 0.05, 4, &err));
    ck_ok(qg_alpha_ledger_look(&first, &l, 0.25, &err));
    ck_ok(qg_alpha_ledger_look(&alpha, &l, 0.5, &err));
    ck_ok(qg_alpha_ledger_look(&alpha, &l, 0.75, &err));
    ck_ok(qg_alpha_ledger_look(&last, &l, 1, &err));
    ck_assert_double_lt(first, 1e-4);
    ck_assert_double_gt(last, 0.025);
}
END_TEST

START_TEST(a_run_that_ends_early_spends_the_rest)
{
    qg_alpha_ledger l;
    double alpha;

    ck_ok(qg_alpha_ledger_open(&l, kinds[_i], 0.05, 4, &err));
    ck_ok(qg_alpha_ledger_look(&alpha, &l, 0.3, &err));
    ck_ok(qg_alpha_ledger_look(&alpha, &l, 1.2, &err));
    ck_assert_double_eq(l.spent, 0.05);
    ck_assert_double_eq(l.t, 1);
    ck_refused(qg_alpha_ledger_look(&alpha, &l, 1.3, &err), QG_EREFUSED, "in 2 looks");
}
END_TEST

START_TEST(p_values_of_looks_compare_with_the_total)
{
    qg_alpha_ledger l;
    double alpha;

    ck_ok(qg_alpha_ledger_open(&l, QG_SPENDING_EQUAL, 0.05, 4, &err));
    ck_ok(qg_alpha_ledger_look(&alpha, &l, 0.25, &err));
    ck_assert_double_eq_tol(qg_alpha_ledger_adjust(&l, 0.0125), 0.05, 1e-16);
    ck_assert_double_eq_tol(qg_alpha_ledger_adjust(&l, 0.001), 0.004, 1e-16);
    ck_assert_double_eq(qg_alpha_ledger_adjust(&l, 0.3), 1);
    ck_ok(qg_alpha_ledger_open(&l, QG_SPENDING_OBRIEN_FLEMING, 0.05, 4, &err));
    ck_ok(qg_alpha_ledger_look(&alpha, &l, 1e-6, &err));
    ck_assert_double_eq(alpha, 0); /* too early: nothing can be called */
    ck_assert_double_eq(qg_alpha_ledger_adjust(&l, 0), 1);
}
END_TEST

START_TEST(bad_plans_and_times_are_refused)
{
    qg_alpha_ledger l = {.total = 42};
    double alpha;

    ck_refused(qg_alpha_ledger_open(&l, QG_SPENDING_EQUAL, 0, 4, &err), QG_EARG, "alpha 0");
    ck_refused(qg_alpha_ledger_open(&l, QG_SPENDING_EQUAL, 0.5, 4, &err), QG_EARG, "alpha 0.5");
    ck_refused(qg_alpha_ledger_open(&l, QG_SPENDING_EQUAL, 0.05, 0, &err), QG_EARG, "0 looks");
    ck_refused(qg_alpha_ledger_open(&l, QG_SPENDING_EQUAL, 0.05, 1001, &err), QG_EARG, "1001");
    ck_assert_double_eq(l.total, 42);
    ck_ok(qg_alpha_ledger_open(&l, QG_SPENDING_POCOCK, 0.05, 4, &err));
    ck_refused(qg_alpha_ledger_look(&alpha, &l, 0, &err), QG_EARG, "a look at 0");
    ck_refused(qg_alpha_ledger_look(&alpha, &l, NAN, &err), QG_EARG, "a look at nan");
    ck_ok(qg_alpha_ledger_look(&alpha, &l, 0.5, &err));
    ck_refused(qg_alpha_ledger_look(&alpha, &l, 0.5, &err), QG_EARG, "after one at 0.5");
    ck_refused(qg_alpha_ledger_look(&alpha, &l, 0.4, &err), QG_EARG, "after one at 0.5");
    ck_assert_int_eq(l.looked, 1);
}
END_TEST

Suite *sequential_check(void)
{
    Suite *s = suite_create("sequential_check");
    TCase *t = tcase_create("sequential");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, spending_follows_its_formulas);
    tcase_add_loop_test(t, looks_never_spend_more_than_the_total, 0, 3);
    tcase_add_test(t, equal_looks_are_those_of_the_design);
    tcase_add_test(t, obrien_fleming_keeps_its_alpha_for_the_end);
    tcase_add_loop_test(t, a_run_that_ends_early_spends_the_rest, 0, 3);
    tcase_add_test(t, p_values_of_looks_compare_with_the_total);
    tcase_add_test(t, bad_plans_and_times_are_refused);
    suite_add_tcase(s, t);
    return s;
}
