/* Unit tests of record/record: names, ranks and look-ups. */
#include "record/record.h"

#include "base/scratch_check.h"

START_TEST(verdicts_have_names_and_ranks)
{
    static const char *const texts[] = {"pass", "fail",       "inconclusive",
                                        "skip", "known-fail", "error"};
    qg_verdict v;

    ck_assert_int_eq(QG_N_VERDICTS, 6);
    for (int i = 0; i < QG_N_VERDICTS; i++) {
        ck_assert_str_eq(qg_verdict_text((qg_verdict)i), texts[i]);
        ck_assert(qg_verdict_find(qg_str_from(texts[i]), &v));
        ck_assert_int_eq(v, i);
        for (int k = 0; k < i; k++)
            ck_assert_int_ne(qg_verdict_rank((qg_verdict)i), qg_verdict_rank((qg_verdict)k));
    }
    ck_assert(!qg_verdict_find(QG_STR("Pass"), &v));
    ck_assert_str_eq(qg_verdict_text(QG_N_VERDICTS), "unknown");
    ck_assert_int_gt(qg_verdict_rank(QG_VERDICT_ERROR), qg_verdict_rank(QG_VERDICT_FAIL));
    ck_assert_int_gt(qg_verdict_rank(QG_VERDICT_FAIL), qg_verdict_rank(QG_VERDICT_INCONCLUSIVE));
    ck_assert_int_gt(qg_verdict_rank(QG_VERDICT_SKIP), qg_verdict_rank(QG_VERDICT_PASS));
}
END_TEST

START_TEST(look_ups_find_or_say_null)
{
    double samples[] = {1};
    qg_series series[] = {{"ttft", samples, 1}, {"e2e", samples, 1}};
    qg_scalar scalars[] = {{QG_METRIC_PPL, 6.5, 10}};
    qg_measurement m[] = {{.id.id = "a/quality"},
                          {.id.id = "a/perf/b1",
                           .series = series,
                           .n_series = 2,
                           .scalars = scalars,
                           .n_scalars = 1}};
    qg_run run = {.measurements = m, .n_measurements = 2};

    ck_assert_ptr_eq(qg_run_case(&run, "a/perf/b1"), &m[1]);
    ck_assert_ptr_null(qg_run_case(&run, "a/perf"));
    ck_assert_ptr_null(qg_run_case(&run, ""));
    ck_assert_ptr_eq(qg_measurement_series(&m[1], QG_STR("e2e")), &series[1]);
    ck_assert_ptr_null(qg_measurement_series(&m[1], QG_STR("e2")));
    ck_assert_ptr_null(qg_measurement_series(&m[0], QG_STR("ttft")));
    ck_assert_ptr_eq(qg_measurement_scalar(&m[1], QG_METRIC_PPL), scalars);
    ck_assert_ptr_null(qg_measurement_scalar(&m[1], QG_METRIC_NLL));
}
END_TEST

START_TEST(a_notice_is_said_once)
{
    qg_run run = {0};

    ck_assert_int_eq(qg_run_notice(&run, arena, "one", &err), QG_OK);
    ck_assert_int_eq(qg_run_notice(&run, arena, "two", &err), QG_OK);
    ck_assert_int_eq(qg_run_notice(&run, arena, "one", &err), QG_OK);
    ck_assert_uint_eq(run.n_notices, 2);
    ck_assert_str_eq(run.notices[0], "one");
    ck_assert_str_eq(run.notices[1], "two");
    ck_assert_int_eq(qg_run_notice(&run, arena, NULL, &err), QG_ENOMEM);
    ck_assert_uint_eq(run.n_notices, 2);
}
END_TEST

Suite *record_check(void)
{
    Suite *s = suite_create("record_check");
    TCase *t = tcase_create("record");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, verdicts_have_names_and_ranks);
    tcase_add_test(t, look_ups_find_or_say_null);
    tcase_add_test(t, a_notice_is_said_once);
    suite_add_tcase(s, t);
    return s;
}
