/* Unit tests of suite/defaults: who gets them, who does not, and that the plan judges by them. */
#include "suite/defaults.h"

#include "base/scratch_check.h"
#include "suite/plan.h"

#include <string.h>

static const qg_suite_quality text = {.present = true, .text = "validation.txt"};

static const qg_default_budget *of(qg_suite_model m)
{
    qg_suite s = {.quality = text};
    return qg_default_budgets_of(&s, &m);
}

START_TEST(each_method_has_its_own)
{
    const qg_default_budget *int8 = of((qg_suite_model){.method = "int8"});
    const qg_default_budget *gptq = of((qg_suite_model){.method = "gptq"});
    const qg_default_budget *awq = of((qg_suite_model){.method = "awq"});
    const qg_default_budget *rtn =
        of((qg_suite_model){.method = "gptq", .from = "fp16", .quantize.method = "rtn"});

    ck_assert_int_eq(int8[1].metric, QG_METRIC_KLD_MEAN);
    ck_assert_double_eq(int8[1].limit, 0.01);
    ck_assert_double_eq(gptq[0].limit, 0.05);
    ck_assert_double_eq(awq[0].limit, 0.04);
    ck_assert_double_eq(rtn[2].limit, 0.89);
    for (int i = 0; i < QG_DEFAULT_BUDGETS; i++) { /* what is written is what is judged */
        double limit;
        qg_str number = qg_str_from(int8[i].written), digits;
        qg_str_split(&number, '(', &digits);
        qg_unit unit = qg_metric_info_of(int8[i].metric)->unit;
        ck_assert_int_eq(qg_unit_parse(&limit, unit, qg_str_trim(digits), NULL), QG_OK);
        ck_assert_double_eq_tol(limit, int8[i].limit, 1e-15);
    }
}
END_TEST

START_TEST(others_have_none)
{
    qg_suite no_text = {.quality.present = true};
    qg_suite_model m = {.method = "int8"};

    ck_assert_ptr_null(of((qg_suite_model){.method = "fp16"}));
    ck_assert_ptr_null(of((qg_suite_model){.method = "int8", .is_reference = true}));
    ck_assert_ptr_null(of((qg_suite_model){.method = "int8", .has_quality = true}));
    ck_assert_ptr_null(qg_default_budgets_of(&no_text, &m));
}
END_TEST

START_TEST(the_plan_judges_by_them)
{
    qg_suite_model models[] = {
        {.name = "fp16", .method = "fp16", .is_reference = true, .model = "a"},
        {.name = "int8", .method = "int8", .model = "a"}};
    qg_suite s = {.models = models,
                  .n_models = 2,
                  .reference = &models[0],
                  .quality = text,
                  .engine.device = "cpu"};
    qg_plan_options options = {0};
    qg_plan plan;

    ck_assert_int_eq(qg_plan_make(&plan, arena, &s, &options, &err), QG_OK);
    ck_assert_uint_eq(plan.cases[0].expect.n, 0);
    ck_assert_uint_eq(plan.cases[1].expect.n, QG_DEFAULT_BUDGETS);
    ck_assert_str_eq(plan.cases[1].expect.at[0].written, "1.5 % (default)");
    models[1].has_quality = true;
    ck_assert_int_eq(qg_plan_make(&plan, arena, &s, &options, &err), QG_OK);
    ck_assert_uint_eq(plan.cases[1].expect.n, 0);
}
END_TEST

Suite *defaults_check(void)
{
    Suite *s = suite_create("defaults_check");
    TCase *t = tcase_create("defaults");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, each_method_has_its_own);
    tcase_add_test(t, others_have_none);
    tcase_add_test(t, the_plan_judges_by_them);
    suite_add_tcase(s, t);
    return s;
}
