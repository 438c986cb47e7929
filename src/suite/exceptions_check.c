/* Unit tests of suite/exceptions: what is read, whom an entry is about, days by a clock that is
 * set; the seconds are those of `date -u -d 2026-06-15 +%s`. What is refused:
 * suites/bad/exceptions.yaml.
 */
#include "suite/exceptions.h"

#include "base/clock.h"
#include "base/folder_check.h"

enum { JUNE_15 = 1781481600, DAY = 86400 };

static qg_findings findings;
static int64_t now;

static int64_t fake(void)
{
    return now;
}

static void setup(void)
{
    folder_begin();
    folder_put("m/config.json", "{}");
    now = JUNE_15;
    qg_clock_replace_wall(fake);
}

static void teardown(void)
{
    qg_clock_replace_wall(NULL);
    folder_end();
}

/* A suite with a quality budget, rows of batch 1 and these lines. */
static const qg_suite *with(const char *lines)
{
    qg_suite *s = NULL;
    qg_err err = {0};
    const char *text = qg_arena_format(
        arena,
        "version: 1\nname: x\nmodels: {a: {model: m}, b: {model: m}}\nreference: a\n"
        "quality: {text: m/config.json, budgets: {a: {ppl: 9}, b: {ppl: 9, kld_mean: 1}}}\n"
        "performance: {production: {batch: [1, 32]}, budgets: {b: [{batch: 1, tpot_p50: 1 s}]}}\n"
        "%s",
        lines);

    if (qg_suite_read(&s, &findings, arena, folder_put("x.yaml", text), &err) != QG_OK)
        ck_abort_msg("%d:%d %s", err.line, err.column, err.message);
    return s;
}

#define LINK "issue: https://example.org/1"

START_TEST(entries_are_read_with_their_place)
{
    const qg_suite *s = with("known_failures:\n"
                             "  - {case: b/quality, metric: kld_mean, " LINK
                             ", expires: 2026-12-31, reason: outliers, strict: true}\n"
                             "  - case: b/*\n"
                             "    issue: http://example.org/2\n"
                             "    expires: 2026-07-01\n"
                             "skip:\n  - {case: '*/perf/b32', reason: too big}\n");
    const qg_exception *e = s->known_failures.at;

    ck_assert_uint_eq(findings.n, 0);
    ck_assert_uint_eq(s->known_failures.n, 2);
    ck_assert_str_eq(e[0].cases, "b/quality");
    ck_assert_int_eq(e[0].metric, QG_METRIC_KLD_MEAN);
    ck_assert_str_eq(e[0].issue, "https://example.org/1");
    ck_assert_str_eq(e[0].expires, "2026-12-31");
    ck_assert_str_eq(e[0].reason, "outliers");
    ck_assert(e[0].strict && !e[1].strict);
    ck_assert_int_eq(e[0].place.line, 8);
    ck_assert_int_eq(e[0].place.column, 5);
    ck_assert_int_eq(e[1].metric, QG_METRIC_N);
    ck_assert_ptr_null(e[1].reason);
    ck_assert_int_eq(e[1].place.line, 9);
    ck_assert_uint_eq(s->skips.n, 1);
    ck_assert_ptr_null(s->skips.at[0].expires);
}
END_TEST

START_TEST(an_entry_is_about_cases_and_metrics)
{
    const qg_exception one = {.cases = "b/*", .metric = QG_METRIC_KLD_MEAN},
                       any = {.cases = "b/quality", .metric = QG_METRIC_N};

    ck_assert(qg_exception_is_of(&one, "b/quality", QG_METRIC_KLD_MEAN));
    ck_assert(!qg_exception_is_of(&one, "b/quality", QG_METRIC_PPL));
    ck_assert(!qg_exception_is_of(&one, "b/quality", QG_METRIC_N));
    ck_assert(!qg_exception_is_of(&one, "bb/quality", QG_METRIC_KLD_MEAN));
    ck_assert(qg_exception_is_of(&any, "b/quality", QG_METRIC_PPL));
    ck_assert(qg_exception_is_of(&any, "b/quality", QG_METRIC_N));
    ck_assert(!qg_exception_is_of(&any, "b/quality2", QG_METRIC_PPL));
}
END_TEST

START_TEST(a_day_ends_at_midnight_utc)
{
    const qg_suite *s = with("known_failures: [{case: b/quality, " LINK ", expires: 2026-06-15}]\n"
                             "skip: [{case: a/quality, reason: x, expires: 2026-06-15},\n"
                             "       {case: '*/quality', reason: y, expires: 2026-06-16},\n"
                             "       {case: b/perf/b1, reason: z}]\n");
    const qg_exception *e = s->known_failures.at;

    now = JUNE_15 + DAY - 1;
    ck_assert(!qg_exception_has_expired(e));
    ck_assert_str_eq(qg_exceptions_skip(s, "a/quality")->reason, "x");
    now = JUNE_15 + DAY;
    ck_assert(qg_exception_has_expired(e));
    ck_assert_str_eq(qg_exceptions_skip(s, "a/quality")->reason, "y");
    now = JUNE_15 + 2 * DAY;
    ck_assert_ptr_null(qg_exceptions_skip(s, "a/quality"));
    ck_assert_ptr_null(qg_exceptions_skip(s, "a/perf/b1"));
    now = INT64_MAX - 1; /* without a day it holds for good */
    ck_assert_str_eq(qg_exceptions_skip(s, "b/perf/b1")->reason, "z");
}
END_TEST

/* The only finding, which must be a warning. */
static const qg_finding *warned(const char *lines)
{
    with(lines);
    ck_assert_uint_eq(findings.n, 1);
    ck_assert_int_eq(findings.at[0].severity, QG_SEVERITY_WARNING);
    return findings.at;
}

START_TEST(two_weeks_before_its_end_lint_warns)
{
    static const char known[] = "known_failures: [{case: b/*, " LINK ", expires: 2026-06-28}]\n";
    static const char skip[] = "skip: [{case: b/quality, reason: x, expires: 2026-06-14}]\n";

    /* the 29th is 14 days after the 15th, the 30th is 15 */
    ck_assert_str_eq(warned(known)->message,
                     "the entry for 'b/*' holds up to 2026-06-28, 14 days from now: then what it "
                     "forgives fails again");
    ck_assert_int_eq(findings.at[0].place.line, 7);
    now -= 1;
    with(known);
    ck_assert_uint_eq(findings.n, 0);
    now = JUNE_15 + 14 * DAY;
    ck_assert_str_eq(warned(known)->message, "the entry for 'b/*' expired on 2026-06-28: what it "
                                             "forgives fails again");
    now = JUNE_15;
    ck_assert_str_eq(warned(skip)->message, "the entry for 'b/quality' expired on 2026-06-14: its "
                                            "cases are measured again");
}
END_TEST

START_TEST(what_is_not_judged_needs_no_forgiving)
{
    ck_assert_str_eq(warned("known_failures: [{case: a/quality, metric: kld_mean, " LINK
                            ", expires: 2027-01-01}]\n")
                         ->message,
                     "'kld_mean' of 'a/quality' is not judged: the entry forgives nothing");
    /* a row is of one batch */
    warned("known_failures: [{case: b/perf/b32, metric: tpot_p50, " LINK
           ", expires: 2027-01-01}]\n");
    with("known_failures: [{case: b/perf/*, metric: tpot_p50, " LINK ", expires: 2027-01-01}]\n");
    ck_assert_uint_eq(findings.n, 0);
    /* a baseline judges each case */
    with("regression: {baseline: g, allow: {ttft_p50: 5 %}}\n"
         "known_failures: [{case: a/perf/b1, metric: ttft_p50, " LINK ", expires: 2027-01-01}]\n");
    ck_assert_uint_eq(findings.n, 0);
}
END_TEST

Suite *exceptions_check(void)
{
    Suite *s = suite_create("exceptions_check");
    TCase *t = tcase_create("exceptions");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, entries_are_read_with_their_place);
    tcase_add_test(t, an_entry_is_about_cases_and_metrics);
    tcase_add_test(t, a_day_ends_at_midnight_utc);
    tcase_add_test(t, two_weeks_before_its_end_lint_warns);
    tcase_add_test(t, what_is_not_judged_needs_no_forgiving);
    suite_add_tcase(s, t);
    return s;
}
