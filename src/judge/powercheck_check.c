/* Unit tests of judge/powercheck: budgets and allowances beside what was calibrated. */
#include "judge/powercheck.h"

#include "base/scratch_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* 60 samples tell 4 ms within 5 %. */
static qg_noise_row rows[] = {
    {"a/perf/b1", QG_METRIC_TPOT_P50, 10, 60, 4e6, 0.05, 0.01, 0.01, 2},
    {"a/perf/b1", QG_METRIC_THROUGHPUT, 10, 60, 500, 0.05, 0.01, 0.002, 3}};
static const qg_noise noise = {.path = "n.csv", .head = "x", .rows = rows, .n_rows = 2};

static const qg_findings *check(qg_metric metric, double limit, int64_t samples_max, double allow,
                                const qg_noise *with)
{
    static qg_findings findings;
    qg_expect e = {.metric = metric, .limit = limit, .batch = 1, .place = {"s.yaml", 9, 4}};
    qg_allow a = {.metric = metric, .is_share = true, .amount = allow, .place = {"s.yaml", 20, 4}};
    qg_suite_model m = {.name = "a", .performance = {&e, 1}};
    qg_suite s = {.path = "s.yaml",
                  .models = &m,
                  .n_models = 1,
                  .performance.samples_max = samples_max,
                  .regression = {.allow = &a, .n_allow = 1}};

    qg_findings_begin(&findings, arena);
    qg_powercheck(&findings, &s, with, arena);
    return &findings;
}

START_TEST(a_margin_that_is_told_is_fine)
{
    ck_assert_uint_eq(check(QG_METRIC_TPOT_P50, 4.3e6, 60, 0.05, &noise)->n, 0);
    ck_assert_uint_eq(check(QG_METRIC_THROUGHPUT, 470, 60, 0.05, &noise)->n, 0);
    /* 2 % takes (5 / 2)^2 times the samples: 375 */
    ck_assert_uint_eq(check(QG_METRIC_TPOT_P50, 4.08e6, 376, 0.05, &noise)->n, 0);
    ck_assert_uint_eq(check(QG_METRIC_MEMORY_PEAK, 1, 60, 0, &noise)->n, 0);
}
END_TEST

START_TEST(a_budget_under_the_machine_is_an_error)
{
    const qg_findings *f = check(QG_METRIC_TPOT_P50, 3.9e6, 60, 0.05, &noise);
    ck_assert_uint_eq(f->n_errors, 1);
    ck_assert_str_eq(f->at[0].message,
                     "'tpot_p50' of 3.9 ms cannot be met: this machine was calibrated at 4 ms");
    ck_assert_int_eq(f->at[0].place.line, 9);
    ck_assert_uint_eq(check(QG_METRIC_THROUGHPUT, 510, 60, 0.05, &noise)->n_errors, 1);
}
END_TEST

START_TEST(a_margin_too_small_names_the_samples)
{
    const qg_findings *f = check(QG_METRIC_TPOT_P50, 4.08e6, 60, 0.05, &noise);
    ck_assert_uint_eq(f->n_errors, 1);
    ck_assert_ptr_nonnull(strstr(f->at[0].message, "gate too weak"));
    int n = 0;
    ck_assert_int_eq(sscanf(f->at[0].suggestion, "raise 'max' of 'samples' to %d", &n), 1);
    ck_assert(n >= 375 && n <= 376);
}
END_TEST

START_TEST(an_allowance_under_the_floor_is_an_error)
{
    const qg_findings *f = check(QG_METRIC_TPOT_P50, 9e6, 60, 0.02, &noise); /* floor 3 % */
    ck_assert_uint_eq(f->n_errors, 1);
    ck_assert_int_eq(f->at[0].place.line, 20);
    ck_assert_ptr_nonnull(strstr(f->at[0].message, "below the calibrated noise of 3 %"));
    ck_assert_uint_eq(check(QG_METRIC_TPOT_P50, 9e6, 60, 0.03, &noise)->n, 0);
}
END_TEST

START_TEST(no_calibration_is_a_note)
{
    const qg_findings *f = check(QG_METRIC_TPOT_P50, 3.9e6, 60, 0.001, NULL);
    ck_assert_uint_eq(f->n_errors, 0);
    ck_assert_uint_eq(f->n, 1);
    ck_assert_ptr_nonnull(strstr(f->at[0].message, "quantgate calibrate s.yaml"));
    ck_assert_uint_eq(check(QG_METRIC_WEIGHTS, 5, 60, 0.001, NULL)->n, 0);
}
END_TEST

Suite *powercheck_check(void)
{
    Suite *s = suite_create("powercheck_check");
    TCase *t = tcase_create("powercheck");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_margin_that_is_told_is_fine);
    tcase_add_test(t, a_budget_under_the_machine_is_an_error);
    tcase_add_test(t, a_margin_too_small_names_the_samples);
    tcase_add_test(t, an_allowance_under_the_floor_is_an_error);
    tcase_add_test(t, no_calibration_is_a_note);
    suite_add_tcase(s, t);
    return s;
}
