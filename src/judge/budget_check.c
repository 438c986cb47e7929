/* Unit tests of judge/budget: points against limits, and what is relative to the reference. */
#include "judge/budget.h"

#include "base/scratch_check.h"

#include <math.h>

START_TEST(a_point_is_judged_against_its_limit)
{
    static const struct {
        qg_metric metric;
        double value, limit;
        qg_verdict verdict;
    } rows[] = {
        {QG_METRIC_PPL, 6.4, 6.6, QG_VERDICT_PASS},
        {QG_METRIC_PPL, 6.6, 6.6, QG_VERDICT_PASS},
        {QG_METRIC_PPL, 6.60000001, 6.6, QG_VERDICT_FAIL},
        {QG_METRIC_SAME_TOP, 0.96, 0.96, QG_VERDICT_PASS},
        {QG_METRIC_SAME_TOP, 0.94, 0.96, QG_VERDICT_FAIL},
        {QG_METRIC_MEMORY_PEAK, 9437185, 9437184, QG_VERDICT_FAIL},
    };
    qg_expect budget = {.metric = rows[_i].metric, .limit = rows[_i].limit};
    qg_estimate e = {.value = {true, rows[_i].value, 7}};
    qg_judgement j = {0};

    qg_budget_judge(&j, &budget, &e, 0.05);
    ck_assert_int_eq(j.verdict, rows[_i].verdict);
    ck_assert(j.has_value && j.has_limit && !j.has_p && !j.test);
    ck_assert_double_eq(j.value, rows[_i].value);
    ck_assert_double_eq(j.limit, rows[_i].limit);
    ck_assert_int_eq(j.n, 7);
    ck_assert_int_eq(j.at_least, qg_metric_info_of(rows[_i].metric)->direction == QG_BENEFIT);
}
END_TEST

/* A case and its reference, with one number of everything that is relative. */
typedef struct pair {
    qg_measurement m, reference;
} pair;

static double tpot[] = {3e6, 2e6, 4e6}, reference_tpot[] = {5e6, 6e6};
static qg_series series = {"tpot", tpot, 3}, reference_series = {"tpot", reference_tpot, 2};
static qg_scalar scalars[] = {
    {QG_METRIC_WEIGHTS, 300, 1}, {QG_METRIC_NLL, 2.05, 400}, {QG_METRIC_ACCURACY, 0.75, 40}};
static qg_scalar reference_scalars[] = {
    {QG_METRIC_WEIGHTS, 1200, 1}, {QG_METRIC_NLL, 2.0, 400}, {QG_METRIC_ACCURACY, 0.8, 40}};

static pair make_pair(void)
{
    pair p = {.m = {.id.id = "gptq/perf/b1",
                    .protocol = "a",
                    .series = &series,
                    .n_series = 1,
                    .scalars = scalars,
                    .n_scalars = 3},
              .reference = {.id.id = "fp16/perf/b1",
                            .protocol = "a",
                            .series = &reference_series,
                            .n_series = 1,
                            .scalars = reference_scalars,
                            .n_scalars = 3}};
    return p;
}

START_TEST(relative_values_compare_with_the_reference)
{
    pair p = make_pair();
    qg_value v;

    ck_assert_int_eq(
        qg_budget_value(&v, arena, &p.m, &p.reference, QG_METRIC_WEIGHTS_VS_FP16, &err), QG_OK);
    ck_assert_double_eq(v.value, 0.25);
    ck_assert_int_eq(qg_budget_value(&v, arena, &p.m, &p.reference, QG_METRIC_TPOT_VS_FP16, &err),
                     QG_OK);
    ck_assert_double_eq(v.value, 3.0 / 5.0); /* medians, nearest rank */
    ck_assert_int_eq(v.n, 2);
    ck_assert_int_eq(qg_budget_value(&v, arena, &p.m, &p.reference, QG_METRIC_PPL_INCREASE, &err),
                     QG_OK);
    ck_assert_double_eq_tol(v.value, 0.05127109637602404, 1e-12); /* exp(0.05) - 1 */
    ck_assert_int_eq(qg_budget_value(&v, arena, &p.m, &p.reference, QG_METRIC_ACCURACY_DROP, &err),
                     QG_OK);
    ck_assert_double_eq_tol(v.value, 5, 1e-12);
    ck_assert_int_eq(qg_budget_value(&v, arena, &p.m, NULL, QG_METRIC_WEIGHTS, &err), QG_OK);
    ck_assert_double_eq(v.value, 300);
}
END_TEST

START_TEST(what_cannot_be_compared_is_said)
{
    pair p = make_pair();
    qg_value v;

    ck_assert_int_eq(qg_budget_value(&v, arena, &p.m, &p.reference, QG_METRIC_DEVICE_PEAK, &err),
                     QG_ENOTFOUND);
    ck_assert_str_eq(err.message, "device_peak was not measured in case 'gptq/perf/b1'");
    qg_err_clear(&err);
    ck_assert_int_eq(qg_budget_value(&v, arena, &p.m, &p.reference, QG_METRIC_ITL_VS_FP16, &err),
                     QG_ENOTFOUND);
    qg_err_clear(&err);
    ck_assert_int_eq(qg_budget_value(&v, arena, &p.m, NULL, QG_METRIC_TPOT_VS_FP16, &err),
                     QG_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "reference of case 'gptq/perf/b1' is not in this"));
    qg_err_clear(&err);
    p.reference.protocol = "b";
    ck_assert_int_eq(qg_budget_value(&v, arena, &p.m, &p.reference, QG_METRIC_PPL_INCREASE, &err),
                     QG_EREFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "'a' and 'b'"));
    qg_err_clear(&err);
    p.reference.state = QG_CASE_FAILED;
    p.reference.exit_class = 3;
    qg_status s = qg_budget_value(&v, arena, &p.m, &p.reference, QG_METRIC_WEIGHTS_VS_FP16, &err);
    ck_assert_int_eq(qg_status_exit(s), 3); /* the machine's fault stays the machine's */
    p.reference.exit_class = 2;
    s = qg_budget_value(&v, arena, &p.m, &p.reference, QG_METRIC_WEIGHTS_VS_FP16, NULL);
    ck_assert_int_eq(qg_status_exit(s), 2);
}
END_TEST

START_TEST(a_ratio_to_nothing_is_refused)
{
    qg_scalar nothing = {QG_METRIC_WORKSPACE, 0, 1}, some = {QG_METRIC_WORKSPACE, 5, 1};
    qg_measurement m = {.id.id = "a", .scalars = &some, .n_scalars = 1};
    qg_measurement reference = {.id.id = "b", .scalars = &nothing, .n_scalars = 1};
    qg_value v;

    ck_assert_int_eq(qg_budget_value(&v, arena, &m, &reference, QG_METRIC_WORKSPACE_VS_FP16, &err),
                     QG_EREFUSED);
}
END_TEST

Suite *budget_check(void)
{
    Suite *s = suite_create("budget_check");
    TCase *t = tcase_create("budget");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, a_point_is_judged_against_its_limit, 0, 6);
    tcase_add_test(t, relative_values_compare_with_the_reference);
    tcase_add_test(t, what_cannot_be_compared_is_said);
    tcase_add_test(t, a_ratio_to_nothing_is_refused);
    suite_add_tcase(s, t);
    return s;
}
