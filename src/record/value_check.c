/* Unit tests of record/value: order statistics and sums against values worked out by hand. */
#include "record/value.h"

#include "base/scratch_check.h"

#include <math.h>

static qg_value value_of(const qg_measurement *m, qg_metric metric)
{
    qg_value v;
    ck_assert_int_eq(qg_value_of(&v, arena, m, metric, &err), QG_OK);
    return v;
}

START_TEST(percentiles_are_nearest_ranks)
{
    double one[] = {7}, two[] = {9, 4}, hundred[100], many[1000];

    ck_assert_double_eq(qg_value_percentile(one, 1, 50), 7);
    ck_assert_double_eq(qg_value_percentile(one, 1, 99), 7);
    ck_assert_double_eq(qg_value_percentile(two, 2, 50), 4);
    ck_assert_double_eq(qg_value_percentile(two, 2, 51), 9);
    for (int i = 0; i < 100; i++)
        hundred[i] = (i * 37) % 100 + 1; /* 1..100, shuffled */
    ck_assert_double_eq(qg_value_percentile(hundred, 100, 50), 50);
    ck_assert_double_eq(qg_value_percentile(hundred, 100, 95), 95);
    ck_assert_double_eq(qg_value_percentile(hundred, 99, 99), 99); /* ceil(98.01) of 1..99 */
    ck_assert_double_eq(qg_value_percentile(hundred, 100, 100), 100);
    for (int i = 0; i < 1000; i++)
        many[i] = (i * 7) % 1000 + 1;
    ck_assert_double_eq(qg_value_percentile(many, 1000, 99), 990);
    ck_assert_double_eq(qg_value_percentile(many, 1000, 1), 10);
}
END_TEST

START_TEST(series_give_percentiles_and_medians)
{
    double ttft[] = {5e6, 1e6, 3e6, 2e6, 4e6}, speed[] = {100, 300, 200};
    qg_series series[] = {{"ttft", ttft, 5}, {"throughput", speed, 3}, {"itl", NULL, 0}};
    qg_measurement m = {.id.id = "x", .series = series, .n_series = 3};

    ck_assert_double_eq(value_of(&m, QG_METRIC_TTFT_P50).value, 3e6);
    ck_assert_int_eq(value_of(&m, QG_METRIC_TTFT_P50).n, 5);
    ck_assert_double_eq(value_of(&m, QG_METRIC_TTFT_P95).value, 5e6);
    ck_assert_double_eq(value_of(&m, QG_METRIC_THROUGHPUT).value, 200);
    ck_assert(!value_of(&m, QG_METRIC_ITL_P50).known);
    ck_assert(!value_of(&m, QG_METRIC_TPOT_P50).known);
    ck_assert(!value_of(&m, QG_METRIC_WEIGHTS).known);
    ck_assert_double_eq(ttft[0], 5e6); /* the record keeps its order */
}
END_TEST

START_TEST(documents_are_weighed_by_tokens)
{
    qg_doc docs[] = {{.n_scored = 3,
                      .sum_nll = 6,
                      .has_reference = true,
                      .sum_dnll = 0.25,
                      .sum_kl = 0.5,
                      .sum_dp2 = 0.09,
                      .flips = 1},
                     {.n_scored = 1,
                      .sum_nll = 4,
                      .has_reference = true,
                      .sum_dnll = -0.05,
                      .sum_kl = 0.1,
                      .sum_dp2 = 0.07,
                      .flips = 0}};
    qg_measurement m = {.id.id = "x", .docs = docs, .n_docs = 2};

    ck_assert_double_eq(value_of(&m, QG_METRIC_NLL).value, 2.5);
    ck_assert_int_eq(value_of(&m, QG_METRIC_NLL).n, 4);
    ck_assert_double_eq_tol(value_of(&m, QG_METRIC_PPL).value, 12.182493960703473, 1e-12);
    ck_assert_double_eq_tol(value_of(&m, QG_METRIC_PPL_INCREASE).value, 0.05127109637602404, 1e-12);
    ck_assert_double_eq_tol(value_of(&m, QG_METRIC_KLD_MEAN).value, 0.15, 1e-12);
    ck_assert_double_eq(value_of(&m, QG_METRIC_SAME_TOP).value, 0.75);
    ck_assert_double_eq_tol(value_of(&m, QG_METRIC_DP_RMS).value, 0.2, 1e-12); /* of 0.16 / 4 */
    ck_assert(!value_of(&m, QG_METRIC_KLD_MAX).known);
    docs[1].has_reference = false; /* then only what needs none */
    ck_assert(value_of(&m, QG_METRIC_PPL).known);
    ck_assert(!value_of(&m, QG_METRIC_KLD_MEAN).known);
    ck_assert(!value_of(&m, QG_METRIC_DP_RMS).known);
    ck_assert(!value_of(&m, QG_METRIC_SAME_TOP).known);
    ck_assert(!value_of(&m, QG_METRIC_PPL_INCREASE).known);
    docs[0].n_scored = docs[1].n_scored = 0;
    ck_assert(!value_of(&m, QG_METRIC_PPL).known);
}
END_TEST

START_TEST(divergences_have_percentile_and_greatest)
{
    qg_sketch kld = {0};
    qg_measurement m = {.id.id = "x", .kld = &kld};

    ck_assert(!value_of(&m, QG_METRIC_KLD_P99).known);
    ck_assert(!value_of(&m, QG_METRIC_KLD_MAX).known);
    for (int i = 1; i <= 1000; i++)
        ck_assert(qg_sketch_add(&kld, arena, i / 1000.0));
    ck_assert_double_eq_tol(value_of(&m, QG_METRIC_KLD_P99).value, 0.99, 0.0099);
    ck_assert_int_eq(value_of(&m, QG_METRIC_KLD_P99).n, 1000);
    ck_assert_double_eq(value_of(&m, QG_METRIC_KLD_MAX).value, 1);
    ck_assert(!value_of(&m, QG_METRIC_KLD_MEAN).known);
}
END_TEST

START_TEST(changes_of_log_probability_have_a_percentile)
{
    qg_sketch changes = {0};
    qg_measurement m = {.id.id = "x", .dlogprob = &changes};

    ck_assert(!value_of(&m, QG_METRIC_DLOGPROB_P99).known);
    for (int i = 1; i <= 200; i++) /* rank 198 of 200 */
        ck_assert(qg_sketch_add(&changes, arena, i <= 198 ? 0.04 : 9));
    ck_assert_double_eq_tol(value_of(&m, QG_METRIC_DLOGPROB_P99).value, 0.04, 0.0004);
    ck_assert_int_eq(value_of(&m, QG_METRIC_DLOGPROB_P99).n, 200);
    ck_assert(!value_of(&m, QG_METRIC_KLD_P99).known);
    ck_assert(qg_sketch_add(&changes, arena, 9)); /* rank 199 of 201 */
    ck_assert_double_eq_tol(value_of(&m, QG_METRIC_DLOGPROB_P99).value, 9, 0.09);
}
END_TEST

START_TEST(continuations_are_counted)
{
    qg_measurement m = {.id.id = "x", .n_continued = 100, .n_same = 95};

    ck_assert_double_eq(value_of(&m, QG_METRIC_GREEDY_SAME).value, 0.95);
    ck_assert_int_eq(value_of(&m, QG_METRIC_GREEDY_SAME).n, 100);
    m.n_continued = m.n_same = 0;
    ck_assert(!value_of(&m, QG_METRIC_GREEDY_SAME).known);
}
END_TEST

START_TEST(a_measured_scalar_comes_first)
{
    qg_doc doc = {.n_scored = 2, .sum_nll = 4};
    qg_scalar scalar = {QG_METRIC_PPL, 6.25, 99};
    qg_measurement m = {
        .id.id = "x", .docs = &doc, .n_docs = 1, .scalars = &scalar, .n_scalars = 1};

    ck_assert_double_eq(value_of(&m, QG_METRIC_PPL).value, 6.25);
    ck_assert_int_eq(value_of(&m, QG_METRIC_PPL).n, 99);
    scalar.value = NAN;
    qg_value v;
    ck_assert_int_eq(qg_value_of(&v, arena, &m, QG_METRIC_PPL, &err), QG_ENONFINITE);
    ck_assert_ptr_nonnull(strstr(err.message, "ppl of case 'x'"));
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    double *samples = QG_NEW_N(arena, double, 100000);
    qg_series series = {"e2e", samples, 100000};
    qg_measurement m = {.id.id = "x", .series = &series, .n_series = 1};
    qg_value v;

    qg_arena_fail_after(1);
    ck_assert_int_eq(qg_value_of(&v, arena, &m, QG_METRIC_E2E_P50, &err), QG_ENOMEM);
    qg_arena_fail_after(0);
}
END_TEST

Suite *value_check(void)
{
    Suite *s = suite_create("value_check");
    TCase *t = tcase_create("value");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, percentiles_are_nearest_ranks);
    tcase_add_test(t, series_give_percentiles_and_medians);
    tcase_add_test(t, documents_are_weighed_by_tokens);
    tcase_add_test(t, divergences_have_percentile_and_greatest);
    tcase_add_test(t, changes_of_log_probability_have_a_percentile);
    tcase_add_test(t, continuations_are_counted);
    tcase_add_test(t, a_measured_scalar_comes_first);
    tcase_add_test(t, lack_of_memory_is_said);
    suite_add_tcase(s, t);
    return s;
}
