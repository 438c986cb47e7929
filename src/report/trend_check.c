/* Unit tests of report/trend: heights and changes by hand. */
#include "report/trend.h"

#include "base/scratch_check.h"

#include <math.h>

static const char *line(const double *values, size_t n, double now)
{
    qg_trend trend = {"a", QG_METRIC_PPL, values, n};
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_trend_put(&b, &trend, now);
    return b.ptr ? b.ptr : "";
}

START_TEST(heights_go_from_the_least_to_the_greatest)
{
    static const double up[] = {0, 1, 2, 3, 4, 5, 6};
    static const double costs[] = {20, 10, 20};
    static const double flat[] = {5, 5};
    static const double gaps[] = {NAN, 1, INFINITY, 3};

    ck_assert_str_eq(line(up, 7, 7), "▁▂▃▄▅▆▇█ +133 %"); /* from the median of 0 to 6: 3 */
    ck_assert_str_eq(line(costs, 3, 30), "▅▁▅█ +50 %");
    ck_assert_str_eq(line(costs, 3, 15), "█▁█▅ -25 %");
    ck_assert_str_eq(line(flat, 2, 5), "▅▅▅ +0 %");
    ck_assert_str_eq(line(gaps, 4, 2), "▁█▅ +100 %"); /* nearest rank of 1 and 3 is 1 */
    ck_assert_str_eq(line(up, 1, 1), "▁█");           /* no share of nothing */
    ck_assert_str_eq(line(NULL, 0, 1), "▅");
    ck_assert_str_eq(line(up, 2, NAN), "▁█");
}
END_TEST

START_TEST(only_the_newest_are_shown)
{
    double values[100];

    for (int i = 0; i < 100; i++)
        values[i] = i < 90 ? 1000 : 1;
    const char *text = line(values, 100, 1000);
    ck_assert_uint_eq(strcspn(text, " "), (size_t)QG_TREND_MOST * 3);
    ck_assert(qg_str_starts(qg_str_from(text), QG_STR("█████████▁▁▁▁▁▁▁▁▁▁█ ")));
}
END_TEST

START_TEST(a_trend_is_found_by_case_and_metric)
{
    qg_trend trends[] = {{"b", QG_METRIC_PPL, NULL, 1},
                         {"a", QG_METRIC_PPL, NULL, 2},
                         {"a", QG_METRIC_NLL, NULL, 3},
                         {"a/b", QG_METRIC_PPL, NULL, 4}};

    qg_trends_sort(trends, 4);
    ck_assert_uint_eq(qg_trend_find(trends, 4, "b", QG_METRIC_PPL)->n, 1);
    ck_assert_uint_eq(qg_trend_find(trends, 4, "a", QG_METRIC_PPL)->n, 2);
    ck_assert_uint_eq(qg_trend_find(trends, 4, "a", QG_METRIC_NLL)->n, 3);
    ck_assert_uint_eq(qg_trend_find(trends, 4, "a/b", QG_METRIC_PPL)->n, 4);
    ck_assert_ptr_null(qg_trend_find(trends, 4, "b", QG_METRIC_NLL));
    ck_assert_ptr_null(qg_trend_find(NULL, 0, "b", QG_METRIC_NLL));
}
END_TEST

Suite *trend_check(void)
{
    Suite *s = suite_create("trend_check");
    TCase *t = tcase_create("trend");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, heights_go_from_the_least_to_the_greatest);
    tcase_add_test(t, only_the_newest_are_shown);
    tcase_add_test(t, a_trend_is_found_by_case_and_metric);
    suite_add_tcase(s, t);
    return s;
}
