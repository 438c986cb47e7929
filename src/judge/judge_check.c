/* Unit tests of judge/judge: whole runs of two cases against a suite, goldens on the disk. */
#include "judge/judge.h"

#include "base/folder_check.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16

static qg_err err;
static char golden_path[300];

static qg_suite_model models[2];
static qg_suite suite;
static qg_measurement measurements[3];
static qg_model_info infos[2];
static qg_run run;
static qg_expects expects[3];

static const qg_expect quality_budgets[] = {
    {.metric = QG_METRIC_PPL, .limit = 6.6, .place = {"s.yaml", 9, 12}},
    {.metric = QG_METRIC_GOLDEN_LOGPROB_MAX, .limit = 0.02, .place = {"s.yaml", 9, 22}},
    {.metric = QG_METRIC_SAME_TOP, .limit = 0.99, .place = {"s.yaml", 10, 12}},
    {.metric = QG_METRIC_GREEDY_MATCH, .limit = 2, .place = {"s.yaml", 11, 12}},
};
static const qg_expect memory_budgets[] = {
    {.metric = QG_METRIC_MEMORY_PEAK, .limit = 1000, .batch = 1, .place = {"s.yaml", 20, 5}},
    {.metric = QG_METRIC_WEIGHTS_VS_FP16, .limit = 0.5, .batch = 1, .place = {"s.yaml", 20, 30}},
};
static qg_scalar ppl = {QG_METRIC_PPL, 6.5, 100};
static qg_scalar memory[] = {{QG_METRIC_MEMORY_PEAK, 900, 1}, {QG_METRIC_WEIGHTS, 400, 1}};
static qg_scalar reference_memory[] = {{QG_METRIC_WEIGHTS, 1000, 1}};

static qg_gold *make_gold(void)
{
    static const qg_gold_entry top[] = {{5, -0.5}, {2, -2.0}};
    static const qg_gold_choice greedy[] = {{.id = 7, .margin = 2}, {.id = 8, .margin = 1}};
    qg_gold *g = QG_NEW(arena, qg_gold);
    qg_gold_position *p = QG_NEW_N(arena, qg_gold_position, 2);

    p[0] = (qg_gold_position){.id = 1, .has_tail = true, .tail = -1.5, .n_top = 2};
    p[0].top = qg_arena_copy(arena, top, sizeof top);
    p[1] = (qg_gold_position){.id = 5, .logprob = -0.5, .has_tail = true, .tail = -1.5, .n_top = 2};
    p[1].top = qg_arena_copy(arena, top, sizeof top);
    *g = (qg_gold){A64, A64, A64, "fp16", "cpu", "greedy 2", "", QG_NEW(arena, qg_gold_prompt), 1};
    g->prompts[0] = (qg_gold_prompt){"p01", p, 2, qg_arena_copy(arena, greedy, sizeof greedy), 2};
    return g;
}

static void set_up(void)
{
    folder_begin();
    qg_err_clear(&err);
    snprintf(golden_path, sizeof golden_path, "%s/fp16/cpu/base.gold", folder);
    models[0] = (qg_suite_model){.name = "base", .method = "fp16", .is_reference = true};
    models[1] = (qg_suite_model){.name = "small", .method = "gptq"};
    suite = (qg_suite){.path = "s.yaml", .models = models, .n_models = 2, .reference = &models[0]};
    suite.quality.golden = folder;
    infos[0] = (qg_model_info){.name = "base", .model_hash = A64};
    infos[1] = (qg_model_info){.name = "small", .model_hash = "ff"};
    measurements[0] =
        (qg_measurement){.id = {"base/quality", "base", "fp16", "cpu", "quality", 0, 0, 0},
                         .file = "s.yaml",
                         .line = 3,
                         .column = 3,
                         .scalars = &ppl,
                         .n_scalars = 1,
                         .gold = make_gold()};
    measurements[1] =
        (qg_measurement){.id = {"base/perf/b1", "base", "fp16", "cpu", "performance", 1, 8, 8},
                         .file = "s.yaml",
                         .line = 3,
                         .column = 3,
                         .scalars = reference_memory,
                         .n_scalars = 1};
    measurements[2] =
        (qg_measurement){.id = {"small/perf/b1", "small", "gptq", "cpu", "performance", 1, 8, 8},
                         .file = "s.yaml",
                         .line = 4,
                         .column = 3,
                         .scalars = memory,
                         .n_scalars = 2};
    expects[0] = (qg_expects){quality_budgets, 4};
    expects[1] = (qg_expects){NULL, 0};
    expects[2] = (qg_expects){memory_budgets, 2};
    run =
        (qg_run){.models = infos, .n_models = 2, .measurements = measurements, .n_measurements = 3};
}

static void bless(void)
{
    ck_assert_int_eq(qg_gold_write(golden_path, make_gold(), &err), QG_OK);
}

static const qg_judgement *judge(size_t n_expected)
{
    ck_assert_int_eq(qg_judge_run(&run, arena, &suite, expects, NULL, &err), QG_OK);
    ck_assert_uint_eq(run.n_judgements, n_expected);
    return run.judgements;
}

START_TEST(a_good_run_passes)
{
    bless();
    const qg_judgement *j = judge(6);
    for (size_t i = 0; i < 6; i++)
        ck_assert_msg(j[i].verdict == QG_VERDICT_PASS && j[i].exit_class == 0, "%s", j[i].message);
    ck_assert_str_eq(j[0].case_id, "base/quality");
    ck_assert_str_eq(j[4].case_id, "small/perf/b1");
    ck_assert_double_eq(j[1].value, 0);
    ck_assert_double_eq(j[3].value, 2);
    ck_assert_double_eq(j[5].value, 0.4);
    ck_assert_int_eq(run.verdict, QG_VERDICT_PASS);
    ck_assert_int_eq(run.exit_code, 0);
    ck_assert_uint_eq(run.n_notices, 0);
    judge(6); /* judging again replaces */
}
END_TEST

START_TEST(a_violated_budget_fails_at_its_line)
{
    bless();
    ppl.value = 6.75;
    const qg_judgement *j = judge(6);
    ppl.value = 6.5;
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_FAIL);
    ck_assert_str_eq(j[0].file, "s.yaml");
    ck_assert_int_eq(j[0].line, 9);
    ck_assert_int_eq(j[0].column, 12);
    ck_assert_str_eq(j[0].message, "ppl is 6.75 over 100 tokens, the budget is at most 6.6");
    ck_assert_str_eq(j[0].fix, "if the change is meant, move the budget at s.yaml:9");
    ck_assert_int_eq(run.exit_code, 1);
    ck_assert_int_eq(run.verdict, QG_VERDICT_FAIL);
}
END_TEST

START_TEST(an_edited_golden_fails)
{
    qg_gold *g = make_gold();

    g->prompts[0].positions[1].logprob = -0.75;
    g->prompts[0].greedy[1].id = 9;
    g->prompts[0].positions[0].top[0].id = 6;
    ck_assert_int_eq(qg_gold_write(golden_path, g, &err), QG_OK);
    const qg_judgement *j = judge(6);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_PASS);
    for (int i = 1; i < 4; i++) {
        ck_assert_int_eq(j[i].verdict, QG_VERDICT_FAIL);
        ck_assert_int_eq(j[i].exit_class, 1);
        ck_assert_int_eq(j[i].line, quality_budgets[i].place.line);
        ck_assert_ptr_nonnull(strstr(j[i].fix, "'quantgate bless s.yaml'"));
    }
    ck_assert_ptr_nonnull(strstr(j[1].message, "the greatest is at token 0 of prompt 'p01'"));
    ck_assert_ptr_nonnull(strstr(j[3].message, "prompt 'p01' differs first"));
    ck_assert_int_eq(run.exit_code, 1);
}
END_TEST

START_TEST(changed_weights_are_judged_and_named)
{
    bless();
    infos[0].model_hash = "bb";
    judge(6);
    ck_assert_int_eq(run.exit_code, 0); /* they do the same: no failure */
    ck_assert_uint_eq(run.n_notices, 1);
    ck_assert_ptr_nonnull(strstr(run.notices[0], "blessed for other weights"));
    judge(6);
    ck_assert_uint_eq(run.n_notices, 1); /* said once */
    measurements[0].gold->prompts[0].positions[1].logprob = -0.6;
    const qg_judgement *j = judge(6);
    ck_assert_int_eq(run.exit_code, 1);
    ck_assert_ptr_nonnull(strstr(j[1].message, "the weights are not those that were blessed"));
}
END_TEST

START_TEST(a_missing_golden_is_an_error_with_its_remedy)
{
    const qg_judgement *j = judge(6);

    ck_assert_int_eq(j[0].verdict, QG_VERDICT_PASS); /* perplexity needs none */
    for (int i = 1; i < 4; i++) {
        ck_assert_int_eq(j[i].verdict, QG_VERDICT_ERROR);
        ck_assert_int_eq(j[i].exit_class, 2);
        ck_assert(!j[i].has_value);
        ck_assert_ptr_nonnull(strstr(j[i].message, golden_path));
        ck_assert_ptr_nonnull(strstr(j[i].message, "'quantgate bless s.yaml'"));
        ck_assert_int_eq(j[i].line, quality_budgets[i].place.line);
    }
    ck_assert_int_eq(j[4].verdict, QG_VERDICT_PASS); /* other cases go on */
    ck_assert_int_eq(run.exit_code, 2);
    ck_assert_int_eq(run.verdict, QG_VERDICT_ERROR);
    suite.quality.golden = NULL;
    j = judge(6);
    ck_assert_ptr_nonnull(strstr(j[1].message, "add 'golden:' under 'quality'"));
}
END_TEST

START_TEST(a_golden_that_does_not_fit_is_refused)
{
    qg_gold *g = make_gold();

    g->protocol = "greedy 64";
    ck_assert_int_eq(qg_gold_write(golden_path, g, &err), QG_OK);
    const qg_judgement *j = judge(6);
    ck_assert_int_eq(j[1].verdict, QG_VERDICT_ERROR);
    ck_assert_int_eq(j[1].exit_class, 2);
    ck_assert_ptr_nonnull(strstr(j[1].message, "another protocol ('greedy 64', this run has"));
    ck_assert_ptr_nonnull(strstr(j[1].message, golden_path));
}
END_TEST

START_TEST(a_broken_golden_names_its_line)
{
    char where[400];

    ck_assert_int_eq(qg_file_write(golden_path, QG_STR("quantgate-gold 1\nmodel x\n"), &err),
                     QG_OK);
    const qg_judgement *j = judge(6);
    snprintf(where, sizeof where, "%s:2: 'model' is not", golden_path);
    ck_assert_int_eq(j[1].exit_class, 2);
    ck_assert_msg(strstr(j[1].message, where), "%s", j[1].message);
}
END_TEST

START_TEST(cases_that_were_not_measured_have_one_judgement)
{
    bless();
    measurements[0].state = QG_CASE_FAILED;
    measurements[0].exit_class = 3;
    measurements[0].message = "worker was killed by signal 9";
    measurements[2].state = QG_CASE_SKIPPED;
    measurements[2].message = "no CUDA device";
    const qg_judgement *j = judge(2);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_ERROR);
    ck_assert_int_eq(j[0].metric, QG_METRIC_NONE);
    ck_assert_int_eq(j[0].exit_class, 3);
    ck_assert_int_eq(j[0].line, 3);
    ck_assert_str_eq(j[0].message, "worker was killed by signal 9");
    ck_assert_int_eq(j[1].verdict, QG_VERDICT_SKIP);
    ck_assert_int_eq(run.exit_code, 3);
    measurements[0].exit_class = 2;
    judge(2);
    ck_assert_int_eq(run.exit_code, 2);
    measurements[0].exit_class = 0; /* a failed case never passes */
    measurements[0].message = NULL;
    judge(2);
    ck_assert_int_eq(run.exit_code, 3);
    measurements[0].state = QG_CASE_SKIPPED;
    judge(2);
    ck_assert_int_eq(run.exit_code, 0);
    ck_assert_int_eq(run.verdict, QG_VERDICT_SKIP);
    ck_assert_str_eq(run.notices[run.n_notices - 1], "every case was skipped");
}
END_TEST

START_TEST(a_reference_that_failed_is_said)
{
    bless();
    measurements[1].state = QG_CASE_FAILED;
    measurements[1].exit_class = 3;
    const qg_judgement *j = judge(7);
    ck_assert_int_eq(j[6].metric, QG_METRIC_WEIGHTS_VS_FP16);
    ck_assert_int_eq(j[6].exit_class, 3);
    ck_assert_ptr_nonnull(strstr(j[6].message, "'base/perf/b1' was not measured"));
    ck_assert_int_eq(run.exit_code, 3);
}
END_TEST

START_TEST(non_finite_and_unmeasured_numbers_are_errors)
{
    bless();
    ppl.value = NAN;
    memory[0].metric = QG_METRIC_HOST_PEAK;
    const qg_judgement *j = judge(6);
    ppl.value = 6.5;
    memory[0].metric = QG_METRIC_MEMORY_PEAK;
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_ERROR);
    ck_assert_int_eq(j[0].exit_class, 2);
    ck_assert(!j[0].has_value);
    ck_assert_int_eq(j[4].verdict, QG_VERDICT_ERROR);
    ck_assert_ptr_nonnull(strstr(j[4].message, "memory_peak was not measured"));
}
END_TEST

START_TEST(nothing_to_judge_is_said)
{
    expects[0].n = expects[2].n = 0;
    judge(0);
    ck_assert_int_eq(run.exit_code, 0);
    ck_assert_ptr_nonnull(strstr(run.notices[0], "nothing was judged"));
}
END_TEST

START_TEST(drift_compares_with_the_cases_own_golden)
{
    static const qg_expect drift[] = {
        {.metric = QG_METRIC_DRIFT_LOGPROB_MAX, .limit = 0.002, .place = {"s.yaml", 30, 1}}};
    char own[300];

    bless();
    measurements[0].id.model = "small";
    measurements[0].id.method = "gptq";
    expects[0] = (qg_expects){drift, 1};
    const qg_judgement *j = judge(3);
    snprintf(own, sizeof own, "%s/gptq/cpu/small.gold", folder);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_ERROR); /* FP16's golden is there, its own is not */
    ck_assert_ptr_nonnull(strstr(j[0].message, own));
    ck_assert_int_eq(qg_gold_write(own, make_gold(), &err), QG_OK);
    ck_assert_int_eq(judge(3)[0].verdict, QG_VERDICT_PASS);
    unlink(own);
    for (int i = 0; i < 2; i++) {
        *strrchr(own, '/') = '\0';
        rmdir(own);
    }
}
END_TEST

START_TEST(a_case_is_relative_to_its_models_own_reference)
{
    qg_suite_model three[3] = {models[0], models[1], {.name = "there", .method = "gptq"}};
    qg_measurement four[4];
    qg_scalar there = {QG_METRIC_WEIGHTS, 800, 1};
    qg_expects all[4] = {{0}, {0}, expects[2], {0}};

    memcpy(four, measurements, sizeof measurements);
    four[3] =
        (qg_measurement){.id = {"there/perf/b1", "there", "gptq", "cuda", "performance", 1, 8, 8},
                         .scalars = &there,
                         .n_scalars = 1};
    three[1].reference = &three[2];
    suite.models = three;
    suite.n_models = 3;
    suite.reference = three;
    run.measurements = four;
    run.n_measurements = 4;
    ck_assert_int_eq(qg_judge_run(&run, arena, &suite, all, NULL, &err), QG_OK);
    ck_assert_uint_eq(run.n_judgements, 2);
    ck_assert_double_eq(run.judgements[1].value, 0.5); /* of 800, not of 1000 */
    three[1].reference = NULL;
    ck_assert_int_eq(qg_judge_run(&run, arena, &suite, all, NULL, &err), QG_OK);
    ck_assert_double_eq(run.judgements[1].value, 0.4);
}
END_TEST

START_TEST(goldens_of_cuda_are_its_own)
{
    char *cuda = qg_gold_path(arena, folder, "fp16", "cuda", "base");
    qg_gold *g = make_gold();

    bless(); /* the CPU's */
    measurements[0].id.device = "cuda";
    measurements[0].gold->backend = "cuda";
    const qg_judgement *j = judge(6);
    ck_assert_int_eq(j[1].verdict, QG_VERDICT_ERROR);
    ck_assert_ptr_nonnull(strstr(j[1].message, "there is no golden '"));
    ck_assert_ptr_nonnull(strstr(j[1].message, "/fp16/cuda/base.gold'"));
    ck_assert_ptr_nonnull(strstr(j[1].message, "bless s.yaml'"));
    suite.engine.device = "cpu"; /* so --device said it */
    j = judge(6);
    ck_assert_ptr_nonnull(strstr(j[1].message, "bless s.yaml --device cuda'"));
    g->backend = "cuda";
    g->prompts[0].positions[1].logprob = -0.51;
    ck_assert_int_eq(qg_gold_write(cuda, g, &err), QG_OK);
    j = judge(6);
    ck_assert_int_eq(j[1].verdict, QG_VERDICT_PASS);
    ck_assert_double_eq_tol(j[1].value, 0.01, 1e-9);
}
END_TEST

START_TEST(lack_of_memory_ends_judging)
{
    qg_status s;
    long n = 1;

    bless();
    do {
        qg_arena *a = qg_arena_create();
        qg_run copy = run;
        qg_arena_fail_after(n++);
        s = qg_judge_run(&copy, a, &suite, expects, NULL, NULL);
        bool waiting = qg_arena_fail_after(0);
        ck_assert_msg(waiting ? s == QG_OK : s == QG_ENOMEM, "allocation %ld gives %d", n - 1, s);
        qg_arena_free(a);
    } while (s != QG_OK);
}
END_TEST

Suite *judge_check(void)
{
    Suite *s = suite_create("judge_check");
    TCase *t = tcase_create("judge");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_add_test(t, a_good_run_passes);
    tcase_add_test(t, a_violated_budget_fails_at_its_line);
    tcase_add_test(t, an_edited_golden_fails);
    tcase_add_test(t, changed_weights_are_judged_and_named);
    tcase_add_test(t, a_missing_golden_is_an_error_with_its_remedy);
    tcase_add_test(t, a_golden_that_does_not_fit_is_refused);
    tcase_add_test(t, a_broken_golden_names_its_line);
    tcase_add_test(t, cases_that_were_not_measured_have_one_judgement);
    tcase_add_test(t, a_reference_that_failed_is_said);
    tcase_add_test(t, non_finite_and_unmeasured_numbers_are_errors);
    tcase_add_test(t, nothing_to_judge_is_said);
    tcase_add_test(t, drift_compares_with_the_cases_own_golden);
    tcase_add_test(t, a_case_is_relative_to_its_models_own_reference);
    tcase_add_test(t, goldens_of_cuda_are_its_own);
    tcase_add_test(t, lack_of_memory_ends_judging);
    suite_add_tcase(s, t);
    return s;
}
