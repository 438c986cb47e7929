/* Unit tests of stats/multiple: statsmodels' Holm and SciPy's Benjamini-Hochberg
 * (golden/vectors/stats/multiple.jsonl), and both procedures as their papers tell them. */
#include "stats/multiple.h"

#include "base/random.h"
#include "stats/upstream_check.h"

START_TEST(adjusted_values_are_those_of_others)
{
    qg_str text = upstream_open("multiple");
    int n_rows = 0;

    for (const qg_json *row; (row = upstream_next(&text)); n_rows++) {
        size_t n;
        double *p = upstream_reals(row, "p", &n), *holm = upstream_reals(row, "holm", &n);
        double *bh = upstream_reals(row, "bh", &n), *got = QG_NEW_N(arena, double, n);
        ck_ok(qg_multiple_holm(got, arena, p, n, &err));
        for (size_t i = 0; i < n; i++)
            ck_near(got[i], holm[i], 1e-14);
        ck_ok(qg_multiple_bh(p, arena, p, n, &err)); /* in place */
        for (size_t i = 0; i < n; i++)
            ck_near(p[i], bh[i], 1e-14);
    }
    ck_assert_int_ge(n_rows, 7);
}
END_TEST

/* How many of `sorted` [n] the procedure calls at alpha: Holm goes up while p_k <= alpha / (n - k +
 * 1), Benjamini-Hochberg takes the last k with p_k <= alpha k / n. */
static size_t calls(const double *sorted, size_t n, double alpha, bool holm)
{
    size_t n_calls = 0;

    for (size_t k = 1; k <= n; k++) {
        if (sorted[k - 1] <= (holm ? alpha / (double)(n - k + 1) : alpha * (double)k / (double)n))
            n_calls = k;
        else if (holm)
            break;
    }
    return n_calls;
}

START_TEST(procedures_call_what_adjusted_values_say)
{
    uint64_t state = 12;

    for (int round = 0; round < 50; round++) {
        double sorted[9], holm[9], bh[9];
        size_t n = 1 + qg_random_next(&state) % 9;
        for (size_t i = 0; i < n; i++)
            sorted[i] = (i ? sorted[i - 1] : 0) + (double)(qg_random_next(&state) % 5) / 200;
        ck_ok(qg_multiple_holm(holm, arena, sorted, n, &err));
        ck_ok(qg_multiple_bh(bh, arena, sorted, n, &err));
        for (double alpha = 0.0013; alpha < 1; alpha += 0.0107) /* on no edge */
            for (size_t k = 0; k < n; k++) {
                ck_assert_int_eq(holm[k] <= alpha, k < calls(sorted, n, alpha, true));
                ck_assert_int_eq(bh[k] <= alpha, k < calls(sorted, n, alpha, false));
            }
    }
}
END_TEST

START_TEST(order_does_not_matter_nor_do_ties)
{
    const double p[] = {0.03, 0.01, 0.03, 0.002, 0.03}, q[] = {0.03, 0.03, 0.002, 0.03, 0.01};
    double a[5], b[5];

    ck_ok(qg_multiple_holm(a, arena, p, 5, &err));
    ck_ok(qg_multiple_holm(b, arena, q, 5, &err));
    ck_assert(a[0] == 0.09 && a[2] == 0.09 && a[4] == 0.09); /* 3 * 0.03 */
    ck_assert(a[1] == 0.04 && a[3] == 0.01);
    ck_assert(b[0] == a[0] && b[1] == a[2] && b[2] == a[3] && b[3] == a[4] && b[4] == a[1]);
    ck_ok(qg_multiple_bh(a, arena, p, 5, &err));
    ck_assert(a[0] == 0.03 && a[2] == 0.03 && a[4] == 0.03);
}
END_TEST

START_TEST(no_judgement_is_no_error_and_bad_values_are)
{
    const double over[] = {0.5, 1.01}, minus[] = {-0.1, 0.5}, nan[] = {0.5, 0.5, NAN},
                 fine[300] = {0};
    double a[300] = {42};

    ck_ok(qg_multiple_holm(a, arena, fine, 0, &err));
    ck_ok(qg_multiple_bh(a, arena, fine, 0, &err));
    ck_refused(qg_multiple_holm(a, arena, over, 2, &err), QG_EARG, "p-value 1 is 1.01");
    ck_refused(qg_multiple_bh(a, arena, minus, 2, &err), QG_EARG, "p-value 0 is -0.1");
    ck_refused(qg_multiple_holm(a, arena, nan, 3, &err), QG_ENONFINITE, "p-value 2");
    ck_refused(qg_multiple_bh(a, arena, nan, 3, &err), QG_ENONFINITE, "p-value 2");
    ck_assert_double_eq(a[0], 42);
    ck_out_of_memory(1, qg_multiple_holm(a, fresh, fine, 300, &err));
    ck_out_of_memory(1, qg_multiple_bh(a, fresh, fine, 300, &err));
}
END_TEST

Suite *multiple_check(void)
{
    Suite *s = suite_create("multiple_check");
    TCase *t = tcase_create("multiple");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, adjusted_values_are_those_of_others);
    tcase_add_test(t, procedures_call_what_adjusted_values_say);
    tcase_add_test(t, order_does_not_matter_nor_do_ties);
    tcase_add_test(t, no_judgement_is_no_error_and_bad_values_are);
    suite_add_tcase(s, t);
    return s;
}
