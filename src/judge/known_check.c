/* Unit tests of judge/known: each rule of the header on judgements made by hand, with a clock that
 * is set. */
#include "judge/known.h"

#include "base/clock.h"
#include "base/scratch_check.h"
#include "judge/verdict.h"

#include <string.h>

static qg_measurement measurements[2];
static qg_judgement judgements[3];
static qg_exception known[2], skip;
static qg_suite suite;
static qg_run run;
static int64_t now;

static int64_t fake(void)
{
    return now;
}

static void setup(void)
{
    set_up();
    now = 1000;
    qg_clock_replace_wall(fake);
    measurements[0] = (qg_measurement){.id = {.id = "a/quality"}};
    measurements[1] = (qg_measurement){.id = {.id = "b/quality"}};
    judgements[0] = (qg_judgement){.case_id = "a/quality", .metric = QG_METRIC_PPL};
    judgements[1] = (qg_judgement){.case_id = "b/quality", .metric = QG_METRIC_PPL};
    judgements[2] = (qg_judgement){.case_id = "b/quality", .metric = QG_METRIC_KLD_MEAN};
    for (int i = 0; i < 3; i++)
        judgements[i].message = "it is so";
    known[0] = (qg_exception){.cases = "b/*",
                              .metric = QG_METRIC_KLD_MEAN,
                              .issue = "https://example.org/1",
                              .expires = "2026-12-31",
                              .end_s = 2000,
                              .place = {"s.yaml", 7, 5}};
    suite = (qg_suite){.known_failures = {known, 1}};
    run = (qg_run){.measurements = measurements,
                   .n_measurements = 2,
                   .judgements = judgements,
                   .n_judgements = 3};
}

static void teardown(void)
{
    qg_clock_replace_wall(NULL);
    tear_down();
}

static void again(void)
{
    teardown();
    setup();
}

static void fails(qg_judgement *j)
{
    j->verdict = QG_VERDICT_FAIL;
    j->exit_class = 1;
    j->fix = "mend it";
}

static void apply(void)
{
    ck_assert_int_eq(qg_known_apply(&run, arena, &suite, &err), QG_OK);
    qg_verdict_fold(&run);
}

START_TEST(what_is_known_is_forgiven)
{
    fails(&judgements[2]);
    known[0].reason = "outliers in layer 3";
    apply();
    ck_assert_int_eq(judgements[2].verdict, QG_VERDICT_KNOWN_FAIL);
    ck_assert_str_eq(judgements[2].message, "it is so; outliers in layer 3");
    ck_assert_str_eq(judgements[2].issue, "https://example.org/1");
    ck_assert_str_eq(judgements[2].expires, "2026-12-31");
    ck_assert_ptr_null(judgements[2].fix);
    ck_assert_int_eq(run.exit_code, 0);
    ck_assert_int_eq(run.verdict, QG_VERDICT_PASS);
    ck_assert_uint_eq(run.n_notices, 0);
}
END_TEST

START_TEST(others_are_not)
{
    fails(&judgements[0]); /* another case */
    fails(&judgements[1]); /* another metric */
    fails(&judgements[2]);
    apply();
    ck_assert_int_eq(judgements[0].verdict, QG_VERDICT_FAIL);
    ck_assert_int_eq(judgements[1].verdict, QG_VERDICT_FAIL);
    ck_assert_str_eq(judgements[1].fix, "mend it");
    ck_assert_int_eq(judgements[2].verdict, QG_VERDICT_KNOWN_FAIL);
    ck_assert_int_eq(run.exit_code, 1);
}
END_TEST

START_TEST(only_failures_are_forgiven)
{
    static const struct {
        qg_verdict verdict;
        int exit_class;
    } cases[] = {{QG_VERDICT_ERROR, 2},
                 {QG_VERDICT_ERROR, 3},
                 {QG_VERDICT_INCONCLUSIVE, 4},
                 {QG_VERDICT_INCONCLUSIVE, 0},
                 {QG_VERDICT_SKIP, 0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        judgements[2].verdict = cases[i].verdict;
        judgements[2].exit_class = cases[i].exit_class;
        apply();
        ck_assert_int_eq(judgements[2].verdict, cases[i].verdict);
        ck_assert_int_eq(run.exit_code, cases[i].exit_class);
        ck_assert_uint_eq(run.n_notices, 0); /* nothing was shown to be mended either */
    }
}
END_TEST

START_TEST(an_expired_entry_forgives_nothing_and_is_named)
{
    fails(&judgements[2]);
    now = 2000;
    apply();
    ck_assert_int_eq(judgements[2].verdict, QG_VERDICT_FAIL);
    ck_assert_str_eq(judgements[2].message, "it is so; it was forgiven up to 2026-12-31 by "
                                            "s.yaml:7, which has expired");
    ck_assert_str_eq(judgements[2].issue, "https://example.org/1");
    ck_assert_int_eq(run.exit_code, 1);
    /* another entry that still holds */
    known[1] = known[0];
    known[1].end_s = 2001;
    suite.known_failures.n = 2;
    judgements[2].message = "it is so";
    apply();
    ck_assert_int_eq(judgements[2].verdict, QG_VERDICT_KNOWN_FAIL);
    ck_assert_str_eq(judgements[2].message, "it is so");
}
END_TEST

START_TEST(what_is_mended_is_to_be_removed)
{
    apply();
    ck_assert_int_eq(run.exit_code, 0);
    ck_assert_uint_eq(run.n_notices, 1);
    ck_assert_str_eq(run.notices[0], "kld_mean of 'b/*' passes and was known to fail; fixed: "
                                     "remove the entry at s.yaml:7");
    apply();
    ck_assert_uint_eq(run.n_notices, 1); /* judged again, said once */
}
END_TEST

START_TEST(strict_entries_fail_when_mended)
{
    known[0].strict = true;
    apply();
    ck_assert_int_eq(judgements[2].verdict, QG_VERDICT_FAIL);
    ck_assert_str_eq(judgements[2].message, "it is so: it passes, and is known to fail (strict)");
    ck_assert_str_eq(judgements[2].fix, "fixed: remove the entry at s.yaml:7");
    ck_assert_int_eq(run.exit_code, 1);
    again(); /* while it fails, strict is like others; when it has expired, it is void */
    known[0].strict = true;
    fails(&judgements[2]);
    apply();
    ck_assert_int_eq(run.exit_code, 0);
    again();
    known[0].strict = true;
    now = 2000;
    apply();
    ck_assert_int_eq(run.exit_code, 0);
    ck_assert_uint_eq(run.n_notices, 1);
}
END_TEST

START_TEST(an_entry_for_several_is_mended_when_all_pass)
{
    known[0].metric = QG_METRIC_N;
    known[0].cases = "*/quality";
    known[0].strict = true;
    fails(&judgements[1]);
    apply();
    ck_assert_int_eq(judgements[0].verdict, QG_VERDICT_PASS);
    ck_assert_int_eq(judgements[1].verdict, QG_VERDICT_KNOWN_FAIL);
    ck_assert_uint_eq(run.n_notices, 0);
    again();
    known[0].metric = QG_METRIC_N;
    known[0].cases = "*/quality";
    apply();
    ck_assert_str_eq(run.notices[0], "'*/quality' passes and was known to fail; fixed: remove the "
                                     "entry at s.yaml:7");
}
END_TEST

START_TEST(an_entry_without_judgement_is_noticed_where_its_case_ran)
{
    known[0].metric = QG_METRIC_DP_RMS;
    apply();
    ck_assert_str_eq(run.notices[0], "dp_rms of 'b/*' is not judged: the known failure at s.yaml:7 "
                                     "forgives nothing");
    again(); /* another shard's */
    known[0].cases = "c/quality";
    apply();
    ck_assert_uint_eq(run.n_notices, 0);
}
END_TEST

START_TEST(a_skip_that_expired_is_noticed)
{
    skip = (qg_exception){.cases = "a/quality",
                          .metric = QG_METRIC_N,
                          .reason = "too big",
                          .expires = "2026-01-31",
                          .end_s = 500,
                          .place = {"s.yaml", 9, 5}};
    suite = (qg_suite){.skips = {&skip, 1}};
    apply();
    ck_assert_str_eq(run.notices[0], "'a/quality' was skipped up to 2026-01-31 by s.yaml:9, which "
                                     "has expired: it is measured again");
    again();
    suite = (qg_suite){.skips = {&skip, 1}};
    measurements[0].state = QG_CASE_SKIPPED;
    apply();
    ck_assert_uint_eq(run.n_notices, 0);
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    bool unharmed = false;

    for (long n = 1; !unharmed; n++) {
        again();
        known[0].reason = "why";
        known[1] = known[0];
        known[1].metric = QG_METRIC_PPL;
        known[1].cases = "a/*";
        suite.known_failures.n = 2;
        fails(&judgements[2]);
        qg_arena_fail_after(n);
        qg_status s = qg_known_apply(&run, arena, &suite, &err);
        unharmed = qg_arena_fail_after(0);
        ck_assert_int_eq(s, unharmed ? QG_OK : QG_ENOMEM);
    }
}
END_TEST

Suite *known_check(void)
{
    Suite *s = suite_create("known_check");
    TCase *t = tcase_create("known");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_known_is_forgiven);
    tcase_add_test(t, others_are_not);
    tcase_add_test(t, only_failures_are_forgiven);
    tcase_add_test(t, an_expired_entry_forgives_nothing_and_is_named);
    tcase_add_test(t, what_is_mended_is_to_be_removed);
    tcase_add_test(t, strict_entries_fail_when_mended);
    tcase_add_test(t, an_entry_for_several_is_mended_when_all_pass);
    tcase_add_test(t, an_entry_without_judgement_is_noticed_where_its_case_ran);
    tcase_add_test(t, a_skip_that_expired_is_noticed);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
