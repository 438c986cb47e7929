/* Unit tests of judge/decide: Holm over a run, busy machines, policies, and the sentences of it. */
#include "judge/decide.h"

#include "base/scratch_check.h"
#include "judge/sentence.h"

#include <math.h>
#include <string.h>

static qg_measurement cases[2];
static qg_judgement at[40];
static qg_run run;

static qg_judgement *make(size_t n)
{
    memset(cases, 0, sizeof cases);
    memset(at, 0, sizeof at);
    cases[0].id = (qg_caseid){.id = "fp16/perf/b1", .kind = "performance"};
    cases[1].id = (qg_caseid){.id = "int8/quality", .kind = "quality"};
    for (size_t i = 0; i < n; i++)
        at[i] = (qg_judgement){.case_id = "fp16/perf/b1",
                               .metric = QG_METRIC_TPOT_P50,
                               .has_value = true,
                               .has_limit = true,
                               .value = 5e6,
                               .limit = 4e6,
                               .n = 60};
    run = (qg_run){.measurements = cases, .n_measurements = 2, .judgements = at, .n_judgements = n};
    return at;
}

static void decide(bool fail_inconclusive, size_t family)
{
    qg_policy policy = {fail_inconclusive, family};
    ck_assert_int_eq(qg_decide(&run, arena, &policy, &err), QG_OK);
}

static void give(qg_judgement *j, double low, double high, double p)
{
    qg_estimate e = {
        .test = "order statistics", .interval = {low, high}, .p = p, .detectable = 3e5};
    qg_decide_by(j, &e, 0.05);
}

START_TEST(an_interval_passes_fails_or_neither)
{
    qg_judgement *j = make(4);

    give(&j[0], 3e6, 4e6, 1);
    give(&j[1], 4.1e6, 6e6, 0.002);
    give(&j[2], 3.9e6, 4.2e6, 0.3);
    give(&j[3], -INFINITY, INFINITY, 1);
    decide(false, 0);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_PASS);
    ck_assert_int_eq(j[1].verdict, QG_VERDICT_FAIL);
    ck_assert_int_eq(j[1].exit_class, 1);
    ck_assert_double_eq(j[1].p_holm, 0.008); /* the least of four */
    ck_assert_int_eq(j[2].verdict, QG_VERDICT_INCONCLUSIVE);
    ck_assert_int_eq(j[2].exit_class, 0);
    ck_assert(!j[2].softened && !j[3].has_low && !j[3].has_high);
    decide(true, 0);
    ck_assert_int_eq(j[2].exit_class, 4);
    ck_assert_int_eq(j[0].exit_class, 0);
}
END_TEST

START_TEST(a_benefit_passes_above_its_limit)
{
    qg_judgement *j = make(2);

    j[0].at_least = j[1].at_least = true;
    give(&j[0], 4e6, 9e6, 1);
    give(&j[1], 3e6, 9e6, 0.2);
    decide(false, 0);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_PASS);
    ck_assert_int_eq(j[1].verdict, QG_VERDICT_INCONCLUSIVE);
}
END_TEST

START_TEST(holm_takes_back_what_many_would_bring_by_chance)
{
    qg_judgement *j = make(20);

    for (int i = 0; i < 20; i++)
        give(&j[i], 4.1e6, 6e6, i == 0 ? 0.0001 : i == 1 ? 0.004 : 0.5);
    decide(true, 0);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_FAIL); /* 20 * 0.0001 */
    ck_assert_double_eq_tol(j[1].p_holm, 19 * 0.004, 1e-12);
    ck_assert_int_eq(j[1].verdict, QG_VERDICT_INCONCLUSIVE);
    ck_assert(j[1].softened && !j[2].softened);
    ck_assert_int_eq(qg_sentence_write(&j[1], arena, &run, &err), QG_OK);
    ck_assert_str_eq(j[1].message,
                     "tpot_p50 is 5 ms over 60 samples (95 %: 4.1 ms to 6 ms), the budget is at "
                     "most 4 ms; alone it would fail (p 0.004), among all judgements it may be "
                     "chance (0.076)");
    decide(true, 1000); /* as if more were to come */
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_INCONCLUSIVE);
}
END_TEST

START_TEST(points_and_errors_stay_as_they_are)
{
    qg_judgement *j = make(3);

    j[0].verdict = QG_VERDICT_FAIL;
    j[1].verdict = QG_VERDICT_ERROR;
    j[1].exit_class = 3;
    j[2].verdict = QG_VERDICT_SKIP;
    decide(true, 500);
    ck_assert_int_eq(j[0].exit_class, 1);
    ck_assert_int_eq(j[1].exit_class, 3);
    ck_assert_int_eq(j[2].exit_class, 0);
}
END_TEST

START_TEST(a_busy_machine_proves_nothing_about_time)
{
    qg_judgement *j = make(4);

    for (int i = 0; i < 4; i++)
        give(&j[i], 4.1e6, 6e6, 1e-6);
    j[1].metric = QG_METRIC_TPOT_VS_FP16;
    j[2].basis = QG_BASIS_AGAINST;
    j[3].case_id = "int8/quality";
    j[3].metric = QG_METRIC_KLD_MEAN;
    cases[0].pressure = (qg_pressure){.sampled_ns = 1000, .delay_ns = 15, .steal_ns = 6};
    cases[1].pressure = cases[0].pressure;
    decide(false, 0);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_INCONCLUSIVE);
    ck_assert_int_eq(qg_sentence_write(&j[0], arena, &run, &err), QG_OK);
    ck_assert_ptr_nonnull(
        strstr(j[0].message, "the machine was busy: it kept the case waiting 2.1 %"));
    ck_assert_str_eq(j[0].fix, "run again on a quiet machine");
    for (int i = 1; i < 4; i++)
        ck_assert_int_eq(j[i].verdict, QG_VERDICT_FAIL);
    cases[0].pressure = (qg_pressure){.sampled_ns = 1000, .delay_ns = 20};
    j[0].verdict = QG_VERDICT_INCONCLUSIVE;
    decide(false, 0);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_FAIL); /* 2 % are allowed */
    cases[0].pressure = (qg_pressure){.sampled_ns = 1000, .others_ns = 1000, .neighbours_ns = 150};
    run.machine.n_cpus = 16;
    j[0].verdict = QG_VERDICT_INCONCLUSIVE;
    decide(false, 0);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_INCONCLUSIVE);
    ck_assert_int_eq(qg_sentence_write(&j[0], arena, &run, &err), QG_OK);
    ck_assert_ptr_nonnull(
        strstr(j[0].message, "the machine was busy: other processes used 1.00 of 16 processors"));
    run.machine.n_cpus = 128; /* one of so many, on another core */
    decide(false, 0);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_FAIL);
    cases[0].pressure.neighbours_ns = 900;
    j[0].verdict = QG_VERDICT_INCONCLUSIVE;
    decide(false, 0);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_INCONCLUSIVE);
    cases[0].pressure = (qg_pressure){.sampled_ns = 1000, .throttles = 1};
    j[0].verdict = QG_VERDICT_INCONCLUSIVE;
    decide(false, 0);
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_INCONCLUSIVE);
}
END_TEST

typedef struct row {
    qg_metric metric;
    double value, limit;
    int64_t n;
    const char *message;
} row;

static const row rows[] = {
    {QG_METRIC_PPL, 6.4, 6.6, 1200, "ppl is 6.4 over 1200 tokens, the budget is at most 6.6"},
    {QG_METRIC_PPL, 6.60000001, 6.6, 1200,
     "ppl is 6.60000001 over 1200 tokens, the budget is at most 6.6"},
    {QG_METRIC_SAME_TOP, 0.94, 0.96, 50,
     "same_top is 94 % over 50 positions, the budget is at least 96 %"},
    {QG_METRIC_MEMORY_PEAK, 9437185, 9437184, 1,
     "memory_peak is 9437185 B, the budget is at most 9437184 B"},
    {QG_METRIC_PPL_INCREASE, -0.02, 0.015, 1200,
     "ppl_increase is -2 % over 1200 tokens, the budget is at most 1.5 %"},
    {QG_METRIC_GREEDY_MATCH, 12, 32, 64,
     "greedy_match is 12 tokens over 64 choices, the budget is at least 32 tokens"},
};

START_TEST(points_are_said)
{
    const row *r = &rows[_i];
    qg_judgement j = {.case_id = "fp16/perf/b1",
                      .metric = r->metric,
                      .value = r->value,
                      .limit = r->limit,
                      .n = r->n,
                      .at_least = qg_metric_info_of(r->metric)->direction == QG_BENEFIT,
                      .verdict = QG_VERDICT_FAIL,
                      .file = "s.yaml",
                      .line = 7};

    make(0);
    ck_assert_int_eq(qg_sentence_write(&j, arena, &run, &err), QG_OK);
    ck_assert_str_eq(j.message, r->message);
    ck_assert_str_eq(j.fix, "if the change is meant, move the budget at s.yaml:7");
}
END_TEST

START_TEST(changes_are_said)
{
    qg_judgement j = {.case_id = "fp16/perf/b1",
                      .metric = QG_METRIC_TPOT_P50,
                      .basis = QG_BASIS_AGAINST,
                      .is_share = true,
                      .has_base = true,
                      .base = 2e6,
                      .value = 0.06,
                      .limit = 0.02,
                      .n = 30,
                      .test = "signed-rank of rounds",
                      .has_low = true,
                      .low = 0.05,
                      .confidence = 0.95,
                      .verdict = QG_VERDICT_FAIL};

    make(0);
    ck_assert_int_eq(qg_sentence_write(&j, arena, &run, &err), QG_OK);
    ck_assert_str_eq(j.message,
                     "tpot_p50 is 6 % more than the other program, 2.12 ms after 2 ms over "
                     "30 rounds (95 %: at least +5 %), allowed is up to 2 %");
    ck_assert_ptr_null(j.fix);
    j = (qg_judgement){.case_id = "fp16/perf/b1",
                       .metric = QG_METRIC_MEMORY_PEAK,
                       .basis = QG_BASIS_BASELINE,
                       .has_base = true,
                       .base = 1048576,
                       .value = -1024,
                       .n = 1,
                       .verdict = QG_VERDICT_PASS};
    ck_assert_int_eq(qg_sentence_write(&j, arena, &run, &err), QG_OK);
    ck_assert_str_eq(j.message,
                     "memory_peak is 1 KiB less than the baseline, 1023 KiB after 1 MiB, "
                     "allowed is up to 0 B");
}
END_TEST

Suite *decide_check(void)
{
    Suite *s = suite_create("decide_check");
    TCase *t = tcase_create("decide");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, an_interval_passes_fails_or_neither);
    tcase_add_test(t, a_benefit_passes_above_its_limit);
    tcase_add_test(t, holm_takes_back_what_many_would_bring_by_chance);
    tcase_add_test(t, points_and_errors_stay_as_they_are);
    tcase_add_test(t, a_busy_machine_proves_nothing_about_time);
    tcase_add_loop_test(t, points_are_said, 0, (int)(sizeof rows / sizeof *rows));
    tcase_add_test(t, changes_are_said);
    suite_add_tcase(s, t);
    return s;
}
