/* Unit tests of judge/regression: each basis and kind of metric, in both directions. */
#include "judge/regression.h"

#include "base/random.h"
#include "base/scratch_check.h"

#include <math.h>

enum { N = 60, RUNS = 6 };

typedef struct arm {
    double ttft[N], tpot[N], speed[N];
    qg_series series[3];
    qg_scalar scalars[2];
    qg_measurement m;
} arm;

static arm arms[RUNS + 1];
static uint64_t state;

static double noise(void)
{
    return (double)(qg_random_next(&state) >> 11) * 0x1p-53 - 0.5;
}

/* An arm whose times are `factor` times those of the others, within 1 %, after a disturbance that
 * all of one index feel. */
static const qg_measurement *make(arm *a, double factor, double bytes)
{
    for (int i = 0; i < N; i++) {
        double both = 1 + 0.5 * (i % 7);
        a->ttft[i] = 9e6 * both * factor * (1 + 0.01 * noise());
        a->tpot[i] = 2e6 * both * factor * (1 + 0.01 * noise());
        a->speed[i] = 500 / both / factor * (1 + 0.01 * noise());
    }
    a->series[0] = (qg_series){"ttft", a->ttft, N};
    a->series[1] = (qg_series){"tpot", a->tpot, N};
    a->series[2] = (qg_series){"throughput", a->speed, N};
    a->scalars[0] = (qg_scalar){QG_METRIC_MEMORY_PEAK, bytes, 1};
    a->scalars[1] = (qg_scalar){QG_METRIC_KLD_MEAN, 0.01 * factor, 500};
    a->m = (qg_measurement){.id.id = "a/perf/b1",
                            .group = "perf/b1/cpu",
                            .series = a->series,
                            .n_series = 3,
                            .scalars = a->scalars,
                            .n_scalars = 2};
    return &a->m;
}

static qg_judgement judge(const qg_measurement *m, const qg_others *others, qg_metric metric,
                          double amount, bool is_share)
{
    qg_allow allow = {.metric = metric, .amount = amount, .is_share = is_share};
    qg_allowed allowed = {.allow = &allow, .alpha = 0.05, .fail_alpha = 0.01, .n_draws = 2000};
    qg_judgement j = {0};
    bool applies;

    ck_assert_int_eq(qg_regression_judge(&j, &applies, arena, m, others, &allowed, &err), QG_OK);
    ck_assert(applies);
    ck_assert_int_eq(j.basis, others->basis);
    return j;
}

START_TEST(another_program_is_compared_by_rounds)
{
    state = 5;
    const qg_measurement *theirs = make(&arms[0], 1, 100);
    qg_others others = {QG_BASIS_AGAINST, &theirs, 1};
    const qg_measurement *slow = make(&arms[1], 1.06, 100), *same = make(&arms[2], 1, 100);

    qg_judgement j = judge(slow, &others, QG_METRIC_TPOT_P50, 0.02, true);
    ck_assert_str_eq(j.test, "signed-rank of rounds");
    ck_assert_double_eq_tol(j.value, 0.06, 0.005);
    ck_assert_double_eq_tol(j.limit, 0.02, 1e-12);
    ck_assert_double_lt(j.p, 1e-6);
    ck_assert_int_eq(j.n, N / 2);
    ck_assert(j.has_detectable && j.detectable > 0 && j.detectable < 0.01);
    j = judge(slow, &others, QG_METRIC_THROUGHPUT, 0.02, true);
    ck_assert(j.at_least && j.value < -0.04 && j.p < 1e-6);
    j = judge(same, &others, QG_METRIC_TPOT_P50, 0.02, true);
    ck_assert_int_eq(j.verdict, QG_VERDICT_PASS);
    ck_assert_double_gt(j.p, 0.99);
    j = judge(same, &others, QG_METRIC_THROUGHPUT, 0.02, true);
    ck_assert_int_eq(j.verdict, QG_VERDICT_PASS);
    /* an allowance under the floor is raised, one in the metric's unit is taken as such */
    ck_assert_double_eq(judge(same, &others, QG_METRIC_TPOT_P50, 0.001, true).limit,
                        QG_FLOOR_SHARE);
    j = judge(same, &others, QG_METRIC_TPOT_P50, 1e6, false);
    ck_assert_double_eq_tol(j.limit, 1e6 / j.base, 1e-12);
}
END_TEST

START_TEST(far_percentiles_need_many_samples)
{
    state = 6;
    const qg_measurement *theirs = make(&arms[0], 1, 100), *m = make(&arms[1], 2, 100);
    qg_others others = {QG_BASIS_AGAINST, &theirs, 1};

    qg_judgement j = judge(m, &others, QG_METRIC_TTFT_P95, 0.1, true); /* 60 samples, 200 needed */
    ck_assert_str_eq(j.test, "block bootstrap");
    ck_assert(!j.has_low && !j.has_high && j.p == 1);
    ck_assert_double_eq_tol(j.value, 1, 0.05);
}
END_TEST

START_TEST(stored_runs_are_counted_not_their_samples)
{
    const qg_measurement *stored[RUNS];
    qg_others others = {QG_BASIS_BASELINE, stored, RUNS};

    state = 7;
    for (int i = 0; i < RUNS; i++) /* runs differ by up to 3 %, whatever their samples say */
        stored[i] = make(&arms[i], 1 + 0.006 * i, 100);
    qg_judgement j = judge(make(&arms[RUNS], 1.03, 100), &others, QG_METRIC_TPOT_P50, 0.02, true);
    ck_assert_str_eq(j.test, "prediction from runs");
    ck_assert_int_eq(j.n, RUNS);
    ck_assert_double_eq_tol(j.value, 0.0148, 0.006);
    ck_assert_double_gt(j.p, 0.3);
    ck_assert_double_lt(j.low, -0.005);
    /* deviation of 0, .6, ... 3 % is 1.12 %, t(0.95; 5) 2.015, sqrt(1 + 1 / 6) 1.080: 2.44 % */
    ck_assert_double_eq_tol(j.high - j.value, 0.0247, 0.006);
    j = judge(make(&arms[RUNS], 1.2, 100), &others, QG_METRIC_TPOT_P50, 0.02, true);
    ck_assert_double_lt(j.p, 1e-4);
    others.n = 4; /* too few runs say nothing */
    j = judge(&arms[RUNS].m, &others, QG_METRIC_TPOT_P50, 0.02, true);
    ck_assert(!j.has_low && !j.has_high && j.p == 1);
}
END_TEST

START_TEST(memory_and_quality_are_points)
{
    state = 8;
    const qg_measurement *theirs = make(&arms[0], 1, 100);
    qg_others others = {QG_BASIS_AGAINST, &theirs, 1};
    const qg_measurement *m = make(&arms[1], 1.05, 101);

    qg_judgement j = judge(m, &others, QG_METRIC_MEMORY_PEAK, 0, false);
    ck_assert_ptr_null(j.test);
    ck_assert_int_eq(j.verdict, QG_VERDICT_FAIL);
    ck_assert_double_eq(j.value, 1);
    ck_assert_int_eq(judge(m, &others, QG_METRIC_MEMORY_PEAK, 1, false).verdict, QG_VERDICT_PASS);
    ck_assert_int_eq(judge(m, &others, QG_METRIC_MEMORY_PEAK, 0.01, true).verdict, QG_VERDICT_PASS);
    ck_assert_int_eq(judge(m, &others, QG_METRIC_MEMORY_PEAK, 0.009, true).verdict,
                     QG_VERDICT_FAIL);
    ck_assert_int_eq(judge(m, &others, QG_METRIC_KLD_MEAN, 0.06, true).verdict, QG_VERDICT_PASS);
    ck_assert_int_eq(judge(m, &others, QG_METRIC_KLD_MEAN, 0.04, true).verdict, QG_VERDICT_FAIL);
    m = make(&arms[1], 1, 99); /* less is better */
    ck_assert_int_eq(judge(m, &others, QG_METRIC_MEMORY_PEAK, 0, false).verdict, QG_VERDICT_PASS);
}
END_TEST

START_TEST(what_was_not_measured_does_not_apply)
{
    state = 9;
    const qg_measurement *theirs = make(&arms[0], 1, 100), *m = make(&arms[1], 1, 100);
    qg_others others = {QG_BASIS_AGAINST, &theirs, 1};
    qg_allow allow = {.metric = QG_METRIC_WEIGHTS, .is_share = true};
    qg_allowed allowed = {.allow = &allow, .alpha = 0.05, .fail_alpha = 0.01, .n_draws = 2000};
    qg_judgement j;
    bool applies = true;

    ck_assert_int_eq(qg_regression_judge(&j, &applies, arena, m, &others, &allowed, &err), QG_OK);
    ck_assert(!applies);
    allow.metric = QG_METRIC_TPOT_P50;
    arms[0].m.state = QG_CASE_FAILED;
    ck_assert_int_eq(qg_regression_judge(&j, &applies, arena, m, &others, &allowed, &err), QG_OK);
    ck_assert(!applies);
    arms[0].m.state = QG_CASE_MEASURED;
    for (int i = 0; i < N; i++)
        arms[0].tpot[i] = 0;
    ck_assert_int_eq(qg_regression_judge(&j, &applies, arena, m, &others, &allowed, &err),
                     QG_ENONFINITE);
}
END_TEST

Suite *regression_check(void)
{
    Suite *s = suite_create("regression_check");
    TCase *t = tcase_create("regression");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, another_program_is_compared_by_rounds);
    tcase_add_test(t, far_percentiles_need_many_samples);
    tcase_add_test(t, stored_runs_are_counted_not_their_samples);
    tcase_add_test(t, memory_and_quality_are_points);
    tcase_add_test(t, what_was_not_measured_does_not_apply);
    suite_add_tcase(s, t);
    return s;
}
