/* Unit tests of base/clock: texts of times; the seconds are those of `date -u -d TEXT +%s`. */
#include "base/clock.h"

#include "check_suites.h"

START_TEST(times_and_days_are_read)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {{"1970-01-01T00:00:00Z", 0},
                {"2026-01-31T23:59:59Z", 1769903999},
                {"2024-02-29", 1709164800},
                {"2038-01-19T03:14:08Z", 2147483648}};
    char text[21];
    int64_t t;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert(qg_clock_read(&t, qg_str_from(good[i].text)));
        ck_assert_int_eq(t, good[i].seconds);
        qg_clock_print(text, t);
        ck_assert(strncmp(text, good[i].text, strlen(good[i].text)) == 0);
    }
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-02-30",
                                      "2025-02-29",
                                      "2026-13-01",
                                      "2026-00-10",
                                      "2026-01-00",
                                      "26-01-01",
                                      "2026-1-1",
                                      "2026/01/01",
                                      "1969-12-31",
                                      "2026-01-31 23:59:59Z",
                                      "2026-01-31T23:59:59",
                                      "2026-01-31T24:00:00Z",
                                      "2026-01-31T23:60:00Z",
                                      "2026-01-31T23:59:60Z",
                                      "2026-01-31T23:59:59+01:00",
                                      "2026-01-3x",
                                      " 2026-01-31"};
    int64_t t = 7;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!qg_clock_read(&t, qg_str_from(bad[i])), "'%s' was read", bad[i]);
    ck_assert_int_eq(t, 7);
}
END_TEST

START_TEST(now_reads_back)
{
    char text[21];
    int64_t before = qg_clock_seconds(), now;

    qg_clock_utc(text);
    ck_assert(qg_clock_read(&now, qg_str_from(text)));
    ck_assert(now >= before && now <= qg_clock_seconds());
}
END_TEST

static int64_t fake_day(void)
{
    return 1709164800;
}

START_TEST(today_can_be_another_day)
{
    qg_clock_replace_wall(fake_day);
    ck_assert_int_eq(qg_clock_seconds(), 1709164800);
    qg_clock_replace_wall(NULL);
    ck_assert_int_gt(qg_clock_seconds(), 1709164800);
}
END_TEST

Suite *clock_check(void)
{
    Suite *s = suite_create("clock_check");
    TCase *t = tcase_create("clock");

    tcase_add_test(t, times_and_days_are_read);
    tcase_add_test(t, what_is_no_time_is_refused);
    tcase_add_test(t, now_reads_back);
    tcase_add_test(t, today_can_be_another_day);
    suite_add_tcase(s, t);
    return s;
}
