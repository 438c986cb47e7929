/* Unit tests of record/metric: directions and units against the design's definitions. */
#include "record/metric.h"

#include "check_suites.h"

#include <math.h>

static qg_metric found(const char *name)
{
    qg_metric m = QG_METRIC_N;

    if (!qg_metric_find(&m, qg_str_from(name)))
        ck_abort_msg("no metric '%s'", name);
    return m;
}

START_TEST(names_are_found_and_unique)
{
    for (int i = 0; i < QG_METRIC_N; i++)
        ck_assert_int_eq(found(qg_metric_info_of((qg_metric)i)->name), i);
    qg_metric m;
    ck_assert(!qg_metric_find(&m, QG_STR("ttft")));
    ck_assert(!qg_metric_find(&m, QG_STR("")));
    ck_assert_int_eq(found("tpot_p95"), QG_METRIC_TPOT_P95);
    ck_assert_int_eq(found("kv_cache_vs_fp16"), QG_METRIC_KV_CACHE_VS_FP16);
}
END_TEST

START_TEST(benefits_are_these_and_no_others)
{
    static const char *const benefits[] = {"throughput",     "throughput_vs_fp16", "same_top",
                                           "drift_same_top", "greedy_match",       "greedy_same",
                                           "accuracy"};
    int n = 0;

    for (int i = 0; i < QG_METRIC_N; i++)
        n += qg_metric_info_of((qg_metric)i)->direction == QG_BENEFIT;
    ck_assert_int_eq(n, 7);
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(qg_metric_info_of(found(benefits[i]))->direction, QG_BENEFIT);
}
END_TEST

START_TEST(every_row_is_filled_in)
{
    for (int i = 0; i < QG_METRIC_N; i++) {
        const qg_metric_info *info = qg_metric_info_of((qg_metric)i);
        ck_assert_msg(info->least < info->greatest && info->text[0] && info->word, "%s",
                      info->name);
        ck_assert_msg(info->word[0] == '\0' || info->unit == QG_UNIT_PLAIN, "%s", info->name);
    }
    ck_assert_int_eq(qg_metric_info_of(QG_METRIC_E2E_P99)->percentile, 99);
    ck_assert_int_eq(qg_metric_info_of(QG_METRIC_ACCURACY_DROP)->unit, QG_UNIT_POINTS);
}
END_TEST

START_TEST(ratios_know_what_they_compare)
{
    qg_metric m;

    ck_assert(qg_metric_compared(&m, QG_METRIC_TPOT_VS_FP16) && m == QG_METRIC_TPOT_P50);
    ck_assert(qg_metric_compared(&m, QG_METRIC_WEIGHTS_VS_FP16) && m == QG_METRIC_WEIGHTS);
    ck_assert(!qg_metric_compared(&m, QG_METRIC_WEIGHTS));
    for (int i = 0; i < QG_METRIC_N; i++) {
        bool ratio = qg_metric_info_of((qg_metric)i)->unit == QG_UNIT_RATIO;
        ck_assert_int_eq(qg_metric_compared(&m, (qg_metric)i), ratio);
        if (ratio)
            ck_assert_int_eq(qg_metric_info_of(m)->direction,
                             qg_metric_info_of((qg_metric)i)->direction);
    }
}
END_TEST

START_TEST(a_budget_is_kept_at_equality)
{
    ck_assert(qg_metric_within(QG_METRIC_TTFT_P50, 5, 5));
    ck_assert(!qg_metric_within(QG_METRIC_TTFT_P50, 5.1, 5));
    ck_assert(qg_metric_within(QG_METRIC_THROUGHPUT, 5, 5));
    ck_assert(!qg_metric_within(QG_METRIC_THROUGHPUT, 4.9, 5));
    ck_assert(!qg_metric_within(QG_METRIC_THROUGHPUT, NAN, 5));
    ck_assert(!qg_metric_within(QG_METRIC_PPL, NAN, 5));
}
END_TEST

START_TEST(prints_carry_their_word)
{
    char out[QG_UNIT_TEXT];

    ck_assert_str_eq(qg_metric_print(out, QG_METRIC_KLD_MEAN, 0.0123), "0.0123 nats");
    ck_assert_str_eq(qg_metric_print(out, QG_METRIC_GREEDY_MATCH, 64), "64 tokens");
    ck_assert_str_eq(qg_metric_print(out, QG_METRIC_SAME_TOP, 0.5), "50 %");
}
END_TEST

Suite *metric_check(void)
{
    Suite *s = suite_create("metric_check");
    TCase *t = tcase_create("metric");

    tcase_add_test(t, names_are_found_and_unique);
    tcase_add_test(t, benefits_are_these_and_no_others);
    tcase_add_test(t, every_row_is_filled_in);
    tcase_add_test(t, ratios_know_what_they_compare);
    tcase_add_test(t, a_budget_is_kept_at_equality);
    tcase_add_test(t, prints_carry_their_word);
    suite_add_tcase(s, t);
    return s;
}
