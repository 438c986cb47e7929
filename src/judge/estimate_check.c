/* Unit tests of judge/estimate: which statistic judges which metric, its direction, and what is
 * claimed of little. */
#include "judge/estimate.h"

#include "base/random.h"
#include "base/scratch_check.h"

#include <math.h>

enum { N = 80 };
static double ttft[N], own_tpot[N], reference_tpot[N], speed[N], itl[N * 5];
static qg_series own[] = {
    {"ttft", ttft, N}, {"tpot", own_tpot, N}, {"throughput", speed, N}, {"itl", itl, N * 5}};
static qg_series others[] = {{"ttft", ttft, N}, {"tpot", reference_tpot, N}};
static qg_doc docs[60];

static double noise(uint64_t *state)
{
    return (double)(qg_random_next(state) >> 11) * 0x1p-53;
}

/* Both arms share a disturbance of a factor up to 3; the ratio of the arms is 0.5 within 1 %. */
static void fill(void)
{
    uint64_t state = 3;

    for (int i = 0; i < N; i++) {
        double both = 1 + 2 * noise(&state);
        ttft[i] = 1e6 * (i + 1);
        reference_tpot[i] = 2e6 * both;
        own_tpot[i] = 1e6 * both * (1 + 0.01 * (noise(&state) - 0.5));
        speed[i] = 100 + i % 2;
    }
    for (int i = 0; i < N * 5; i++)
        itl[i] = 1e6 + i / 5;
    for (int i = 0; i < 60; i++)
        docs[i] = (qg_doc){.n_scored = 100,
                           .has_reference = true,
                           .sum_nll = 200,
                           .sum_dnll = 1 + noise(&state),
                           .sum_kl = 0.5 + noise(&state),
                           .sum_dp2 = 0.0625,
                           .flips = 2 + i % 3};
}

static qg_measurement case_of(const char *group)
{
    return (qg_measurement){
        .id.id = "int8/perf/b1", .group = group, .series = own, .n_series = 4, .n_docs = 0};
}

static qg_measurement reference_of(const char *group)
{
    return (qg_measurement){
        .id.id = "fp16/perf/b1", .group = group, .series = others, .n_series = 2};
}

static qg_measurement text_case(size_t n_docs)
{
    return (qg_measurement){.id.id = "int8/quality", .docs = docs, .n_docs = n_docs};
}

static qg_estimate make(const qg_measurement *m, const qg_measurement *r, qg_metric metric,
                        double limit)
{
    qg_asked asked = {metric, limit, 0.05, 0.01, 2000};
    qg_estimate e;

    ck_assert_int_eq(qg_estimate_make(&e, arena, m, r, &asked, &err), QG_OK);
    if (e.test)
        ck_assert(e.interval.low <= e.value.value && e.value.value <= e.interval.high);
    return e;
}

START_TEST(percentiles_stand_on_order_statistics)
{
    qg_measurement m = case_of(NULL);

    fill();
    /* 80 samples: the bounds are sorted samples 33 and 48 (binomial tails by hand: P(B(80, 1/2) <=
     * 32) = 0.0465, of 33 0.0729), counted from 1. */
    qg_estimate e = make(&m, NULL, QG_METRIC_TTFT_P50, 50e6);
    ck_assert_str_eq(e.test, "order statistics");
    ck_assert_double_eq(e.value.value, 40e6);
    ck_assert_double_eq(e.interval.low, 33e6);
    ck_assert_double_eq(e.interval.high, 48e6);
    ck_assert_double_gt(e.p, 0.9);
    ck_assert(e.detectable > 5e6 && e.detectable < 30e6);
    ck_assert_double_lt(make(&m, NULL, QG_METRIC_TTFT_P50, 20e6).p, 1e-5);
    /* p95 of 80: the greatest is an upper bound (0.95^80 = 0.0165), p99 has none. */
    ck_assert_double_eq(make(&m, NULL, QG_METRIC_TTFT_P95, 90e6).interval.high, 80e6);
    ck_assert(isinf(make(&m, NULL, QG_METRIC_TTFT_P99, 90e6).interval.high));
}
END_TEST

START_TEST(a_benefit_is_judged_from_below)
{
    qg_measurement m = case_of(NULL);

    fill();
    qg_estimate e = make(&m, NULL, QG_METRIC_THROUGHPUT, 100);
    ck_assert_double_ge(e.interval.low, 100);
    ck_assert_double_gt(e.p, 0.5); /* met exactly */
    ck_assert_double_lt(make(&m, NULL, QG_METRIC_THROUGHPUT, 101.5).p, 1e-10);
}
END_TEST

START_TEST(gaps_of_one_run_are_a_cluster)
{
    qg_measurement m = case_of(NULL);

    fill();
    qg_estimate e = make(&m, NULL, QG_METRIC_ITL_P50, 2e6);
    ck_assert_str_eq(e.test, "clustered quantile");
    ck_assert_int_eq(e.value.n, N * 5);
    /* Gaps of a run are equal here, so the interval is that of 80 samples, not of 400: as wide as
     * some 1.66 * sqrt(80) / 2 runs to each side. */
    ck_assert_double_lt(e.interval.low, e.value.value - 6);
    ck_assert_double_gt(e.interval.high, e.value.value + 6);
}
END_TEST

START_TEST(arms_in_turns_cancel_what_both_felt)
{
    qg_measurement m = case_of("b1"), r = reference_of("b1"), apart = case_of(NULL);

    fill();
    qg_estimate e = make(&m, &r, QG_METRIC_TPOT_VS_FP16, 0.6);
    ck_assert_str_eq(e.test, "signed-rank of rounds");
    ck_assert_int_eq(e.value.n, N / 2);
    ck_assert_double_eq_tol(e.value.value, 0.5, 0.001);
    ck_assert_double_lt(e.interval.high - e.interval.low, 0.003);
    ck_assert(e.detectable > 0 && e.detectable < 0.005);
    ck_assert_double_lt(make(&m, &r, QG_METRIC_TPOT_VS_FP16, 0.49).p, 1e-6);
    qg_estimate wide = make(&apart, &r, QG_METRIC_TPOT_VS_FP16, 0.6);
    ck_assert_str_eq(wide.test, "Mann-Whitney");
    ck_assert_double_gt(wide.interval.high - wide.interval.low, 0.05);
}
END_TEST

START_TEST(means_over_tokens_are_resampled_by_document)
{
    qg_measurement m = text_case(60);

    fill();
    qg_estimate e = make(&m, NULL, QG_METRIC_KLD_MEAN, 0.02);
    ck_assert_str_eq(e.test, "cluster bootstrap");
    ck_assert_double_eq_tol(e.value.value, 0.01, 0.001);
    /* standard error of 60 documents with a uniform of width 0.01: 0.01 / sqrt(12 * 60) */
    ck_assert_double_eq_tol(e.interval.high - e.value.value, 1.67 * 0.01 / sqrt(720), 1.5e-4);
    ck_assert_double_lt(make(&m, NULL, QG_METRIC_KLD_MEAN, 0.008).p, 0.001);
    e = make(&m, NULL, QG_METRIC_SAME_TOP, 0.9);
    ck_assert_double_eq_tol(e.value.value, 0.97, 1e-9);
    ck_assert_double_gt(e.interval.low, 0.967);
    ck_assert_double_lt(e.interval.high, 0.973);
    ck_assert_double_lt(make(&m, NULL, QG_METRIC_SAME_TOP, 0.98).p, 0.001);
    e = make(&m, NULL, QG_METRIC_PPL_INCREASE, 0.02);
    ck_assert_double_eq_tol(e.value.value, expm1(0.015), 1e-3);
    e = make(&m, NULL, QG_METRIC_DP_RMS, 0.05); /* no document differs */
    ck_assert_double_eq_tol(e.interval.high, 0.025, 1e-12);
    ck_assert_double_eq(e.p, 1);
    ck_assert_double_eq(make(&m, NULL, QG_METRIC_DP_RMS, 0.02).p, 1.0 / 2001);
}
END_TEST

START_TEST(few_documents_claim_nothing)
{
    qg_measurement m = text_case(29);

    fill();
    qg_estimate e = make(&m, NULL, QG_METRIC_KLD_MEAN, 1e-9);
    ck_assert(isinf(e.interval.low) && isinf(e.interval.high) && isinf(e.detectable));
    ck_assert_double_eq(e.p, 1);
}
END_TEST

START_TEST(looks_share_alpha)
{
    qg_measurement m = case_of(NULL);

    fill();
    qg_estimate one = make(&m, NULL, QG_METRIC_TTFT_P50, 30e6);
    m.n_looks = 4;
    qg_estimate four = make(&m, NULL, QG_METRIC_TTFT_P50, 30e6);
    ck_assert_double_eq_tol(four.p, 4 * one.p, 1e-12);
    ck_assert_double_lt(four.interval.low, one.interval.low);
    ck_assert_double_gt(four.interval.high, one.interval.high);
    ck_assert_double_gt(four.detectable, one.detectable);
}
END_TEST

START_TEST(what_is_exact_is_a_point)
{
    qg_scalar scalars[] = {{QG_METRIC_MEMORY_PEAK, 5e6, 1}, {QG_METRIC_PPL, 6.5, 400}};
    qg_measurement m = {.id.id = "a", .scalars = scalars, .n_scalars = 2};

    ck_assert_ptr_null(make(&m, NULL, QG_METRIC_MEMORY_PEAK, 1).test);
    ck_assert_ptr_null(make(&m, NULL, QG_METRIC_PPL, 1).test);
    ck_assert_uint_eq(qg_estimate_draws(3), 10000);
    ck_assert_uint_eq(qg_estimate_draws(500), 100000);
    ck_assert_uint_eq(qg_estimate_draws(100000), 1000000);
}
END_TEST

Suite *estimate_check(void)
{
    Suite *s = suite_create("estimate_check");
    TCase *t = tcase_create("estimate");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, percentiles_stand_on_order_statistics);
    tcase_add_test(t, a_benefit_is_judged_from_below);
    tcase_add_test(t, gaps_of_one_run_are_a_cluster);
    tcase_add_test(t, arms_in_turns_cancel_what_both_felt);
    tcase_add_test(t, means_over_tokens_are_resampled_by_document);
    tcase_add_test(t, few_documents_claim_nothing);
    tcase_add_test(t, looks_share_alpha);
    tcase_add_test(t, what_is_exact_is_a_point);
    suite_add_tcase(s, t);
    return s;
}
