/* Unit tests of suite/expect: sample sizes from their definition, needs from the design. */
#include "suite/expect.h"

#include "check_suites.h"

#include <math.h>

START_TEST(least_samples_follow_from_order_statistics)
{
    static const int percentiles[] = {50, 95, 99};

    for (int i = 0; i < 3; i++) {
        int n = qg_percentile_least_samples(percentiles[i]);
        double q = percentiles[i] / 100.0;
        ck_assert(1 - pow(q, n) >= 0.95);
        ck_assert(1 - pow(q, n - 1) < 0.95);
    }
    ck_assert_int_eq(qg_percentile_least_samples(0), 0);
}
END_TEST

START_TEST(needs_are_told)
{
    ck_assert(qg_metric_needs(QG_METRIC_PPL).text && !qg_metric_needs(QG_METRIC_PPL).reference);
    ck_assert(qg_metric_needs(QG_METRIC_KLD_MEAN).text);
    ck_assert(qg_metric_needs(QG_METRIC_KLD_MEAN).reference);
    ck_assert(qg_metric_needs(QG_METRIC_DLOGPROB_P99).text);
    ck_assert(qg_metric_needs(QG_METRIC_GREEDY_SAME).prompts);
    ck_assert(!qg_metric_needs(QG_METRIC_GREEDY_SAME).golden);
    ck_assert(qg_metric_needs(QG_METRIC_GREEDY_SAME).reference);
    ck_assert(qg_metric_needs(QG_METRIC_GREEDY_MATCH).golden);
    ck_assert(qg_metric_needs(QG_METRIC_ACCURACY_DROP).tasks);
    ck_assert(qg_metric_needs(QG_METRIC_DRIFT_SAME_TOP).drift);
    ck_assert(qg_metric_needs(QG_METRIC_WEIGHTS_VS_FP16).reference);
    ck_assert(!qg_metric_needs(QG_METRIC_TTFT_P95).reference);
}
END_TEST

START_TEST(every_metric_of_quality_needs_something)
{
    for (int m = 0; m < QG_METRIC_N; m++) {
        qg_expect_needs n = qg_metric_needs((qg_metric)m);
        bool input = n.text || n.prompts || n.golden || n.tasks || n.drift;
        ck_assert_msg(input == (qg_metric_info_of((qg_metric)m)->section == QG_QUALITY), "%s",
                      qg_metric_info_of((qg_metric)m)->name);
    }
}
END_TEST

Suite *expect_check(void)
{
    Suite *s = suite_create("expect_check");
    TCase *t = tcase_create("expect");

    tcase_add_test(t, least_samples_follow_from_order_statistics);
    tcase_add_test(t, needs_are_told);
    tcase_add_test(t, every_metric_of_quality_needs_something);
    suite_add_tcase(s, t);
    return s;
}
