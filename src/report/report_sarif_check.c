/* Unit tests of report/report_sarif: which judgements are results, at which level and place, what
 * is suppressed, and fingerprints that stay. The official schema is held against it in ci. */
#include "base/json.h"
#include "report/fixture_check.h"

static const qg_json *run_of(const qg_run *run, const qg_report_options *options)
{
    const char *text = render_with(&qg_report_sarif, run, options);
    const qg_json *root;

    ck_assert_int_eq(qg_json_parse(&root, arena, qg_str_from(text), "sarif", &err), QG_OK);
    ck_assert_uint_eq(qg_json_len(qg_json_get(root, "runs")), 1);
    return qg_json_at(qg_json_get(root, "runs"), 0);
}

static const qg_json *rule(const qg_json *run, size_t i)
{
    return qg_json_at(qg_json_get(qg_json_get(qg_json_get(run, "tool"), "driver"), "rules"), i);
}

static const qg_json *result(const qg_json *run, size_t i)
{
    return qg_json_at(qg_json_get(run, "results"), i);
}

static void is_text(const qg_json *object, const char *key, const char *expected)
{
    qg_str text;

    ck_assert_msg(qg_json_str(qg_json_get(object, key), &text), "no text '%s'", key);
    ck_assert_msg(qg_str_is(text, expected), "'%s' is '" QG_STR_PRI "', not '%s'", key,
                  QG_STR_ARG(text), expected);
}

static void is_int(const qg_json *object, const char *key, int64_t expected)
{
    int64_t v;

    ck_assert_msg(qg_json_int(qg_json_get(object, key), &v), "no number '%s'", key);
    ck_assert_int_eq(v, expected);
}

static const qg_json *physical(const qg_json *result)
{
    return qg_json_get(qg_json_at(qg_json_get(result, "locations"), 0), "physicalLocation");
}

static const char *fingerprint(const qg_json *result)
{
    const qg_json *prints = qg_json_get(result, "partialFingerprints");
    qg_str a, b;

    ck_assert(qg_json_str(qg_json_get(prints, "primaryLocationLineHash"), &a));
    ck_assert(qg_json_str(qg_json_get(prints, "quantgate/v1"), &b));
    ck_assert(qg_str_eq(a, b));
    return qg_str_dup(arena, a);
}

START_TEST(what_did_not_pass_is_a_result)
{
    qg_judgement j[] = {
        {.case_id = "a", .metric = QG_METRIC_PPL},
        {.case_id = "a", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_SKIP},
        {.case_id = "a", .metric = QG_METRIC_NLL, .verdict = QG_VERDICT_INCONCLUSIVE},
        {.case_id = "b",
         .metric = QG_METRIC_NLL,
         .verdict = QG_VERDICT_INCONCLUSIVE,
         .exit_class = 4},
        {.case_id = "a",
         .metric = QG_METRIC_TTFT_P95,
         .basis = QG_BASIS_BASELINE,
         .verdict = QG_VERDICT_FAIL,
         .exit_class = 1,
         .message = "slow",
         .fix = "mend it"},
        {.case_id = "b", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_ERROR, .exit_class = 3}};
    static const char *const rules[] = {"case", "baseline/ttft_p95", "budget/nll", "budget/nll"};
    static const char *const levels[] = {"error", "error", "warning", "error"};
    qg_run run = {.judgements = j, .n_judgements = 6, .version = "1.2.3"};
    const qg_json *r = run_of(&run, NULL);

    ck_assert_uint_eq(qg_json_len(qg_json_get(r, "results")), 4);
    for (size_t i = 0; i < 4; i++) {
        int64_t index;
        is_text(result(r, i), "ruleId", rules[i]);
        is_text(result(r, i), "level", levels[i]);
        ck_assert(qg_json_int(qg_json_get(result(r, i), "ruleIndex"), &index));
        is_text(rule(r, (size_t)index), "id", rules[i]);
    }
    ck_assert_ptr_null(rule(r, 3)); /* each once */
    is_text(qg_json_get(result(r, 1), "message"), "text", "a: slow\nmend it");
    is_text(qg_json_get(rule(r, 0), "help"), "text",
            "time from request to first token, 95th percentile. The limit is a change from the "
            "stored baseline of the machine.");
    ck_assert_ptr_null(qg_json_get(result(r, 0), "locations")); /* nobody says where */
    ck_assert_ptr_null(qg_json_get(result(r, 0), "suppressions"));
}
END_TEST

START_TEST(a_result_is_at_its_budget)
{
    qg_judgement j[] = {
        {.case_id = "a",
         .metric = QG_METRIC_PPL,
         .verdict = QG_VERDICT_FAIL,
         .exit_class = 1,
         .file = "../suites/a b.yaml",
         .line = 31,
         .column = 14},
        {.case_id = "", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_FAIL, .exit_class = 1}};
    qg_run run = {.suite_file = "../suites/s.yaml", .judgements = j, .n_judgements = 2};
    qg_report_options options = {.root = "/w/repo", .here = "/w/repo/gate"};
    const qg_json *r = run_of(&run, &options);
    const qg_json *place = physical(result(r, 0)), *region = qg_json_get(place, "region");

    is_text(qg_json_get(place, "artifactLocation"), "uri", "suites/a%20b.yaml");
    is_int(region, "startLine", 31);
    is_int(region, "startColumn", 14);
    place = physical(result(r, 1)); /* of the run as a whole: its suite */
    is_text(qg_json_get(place, "artifactLocation"), "uri", "suites/s.yaml");
    ck_assert_ptr_null(qg_json_get(place, "region"));
}
END_TEST

START_TEST(a_known_failure_is_suppressed)
{
    qg_judgement j = {.case_id = "a",
                      .metric = QG_METRIC_PPL,
                      .verdict = QG_VERDICT_KNOWN_FAIL,
                      .issue = "https://x/1",
                      .expires = "2026-12-31"};
    qg_run run = {.judgements = &j, .n_judgements = 1};
    const qg_json *r = run_of(&run, NULL);
    const qg_json *suppression = qg_json_at(qg_json_get(result(r, 0), "suppressions"), 0);

    is_text(result(r, 0), "level", "warning");
    is_text(suppression, "kind", "external");
    is_text(suppression, "status", "accepted");
    is_text(suppression, "justification", "known: https://x/1, expires 2026-12-31");
}
END_TEST

/* The same alert while number and line change, another for another case, metric, basis or suite. */
START_TEST(fingerprints_stay)
{
    qg_judgement j = {.case_id = "a", .metric = QG_METRIC_PPL, .verdict = QG_VERDICT_FAIL};
    qg_run run = {.suite = "s", .judgements = &j, .n_judgements = 1};
    const char *first = fingerprint(result(run_of(&run, NULL), 0));

    j.value = 7;
    j.line = 12;
    j.file = "s.yaml";
    j.message = "m";
    ck_assert_str_eq(fingerprint(result(run_of(&run, NULL), 0)), first);
    j.case_id = "b";
    ck_assert_str_ne(fingerprint(result(run_of(&run, NULL), 0)), first);
    j.case_id = "a";
    j.metric = QG_METRIC_NLL;
    ck_assert_str_ne(fingerprint(result(run_of(&run, NULL), 0)), first);
    j.metric = QG_METRIC_PPL;
    j.basis = QG_BASIS_ANCHOR;
    ck_assert_str_ne(fingerprint(result(run_of(&run, NULL), 0)), first);
    j.basis = QG_BASIS_BUDGET;
    run.suite = "t";
    ck_assert_str_ne(fingerprint(result(run_of(&run, NULL), 0)), first);
}
END_TEST

START_TEST(texts_are_no_links)
{
    qg_judgement j = {.case_id = "[a](https://x)",
                      .metric = QG_METRIC_PPL,
                      .verdict = QG_VERDICT_FAIL,
                      .message = "see [b](1)\x01\xff"};
    qg_run run = {.suite = "a/b", .judgements = &j, .n_judgements = 1, .started = "never"};
    const qg_json *r = run_of(&run, NULL);

    is_text(qg_json_get(result(r, 0), "message"), "text",
            "[a] (https://x): see [b] (1) \xef\xbf\xbd");
    is_text(qg_json_get(r, "automationDetails"), "id", "quantgate/a-b/any/never");
    ck_assert_ptr_null(qg_json_get(qg_json_at(qg_json_get(r, "invocations"), 0), "startTimeUtc"));
}
END_TEST

START_TEST(the_invocation_says_how_it_ended)
{
    const char *notices[] = {"the baseline is stale"};
    qg_run run = {.command = "quantgate run s.yaml",
                  .started = "2026-01-31T23:59:59Z",
                  .exit_code = 3,
                  .notices = notices,
                  .n_notices = 1,
                  .suite = "s",
                  .machine.device = "cuda"};
    const qg_json *r = run_of(&run, NULL);
    const qg_json *invocation = qg_json_at(qg_json_get(r, "invocations"), 0);
    const qg_json *notice = qg_json_at(qg_json_get(invocation, "toolExecutionNotifications"), 0);
    bool fine;

    is_int(invocation, "exitCode", 3);
    ck_assert(qg_json_bool(qg_json_get(invocation, "executionSuccessful"), &fine) && !fine);
    is_text(invocation, "commandLine", "quantgate run s.yaml");
    is_text(invocation, "startTimeUtc", "2026-01-31T23:59:59Z");
    is_text(notice, "level", "note");
    is_text(qg_json_get(notice, "message"), "text", "the baseline is stale");
    is_text(qg_json_get(r, "automationDetails"), "id", "quantgate/s/cuda/2026-01-31T23:59:59Z");
    run.exit_code = 1; /* a verdict: the program did what it is for */
    invocation = qg_json_at(qg_json_get(run_of(&run, NULL), "invocations"), 0);
    ck_assert(qg_json_bool(qg_json_get(invocation, "executionSuccessful"), &fine) && fine);
}
END_TEST

START_TEST(results_beyond_the_limit_are_counted)
{
    enum { N = 25003 };
    qg_judgement *j = QG_NEW_N(arena, qg_judgement, N);
    qg_run run = {.judgements = j, .n_judgements = N};

    for (size_t i = 0; i < N; i++)
        j[i] = (qg_judgement){.case_id = "a", .metric = QG_METRIC_PPL, .verdict = QG_VERDICT_FAIL};
    j[N - 1].verdict = QG_VERDICT_ERROR; /* the worst is among those that stay */
    const qg_json *r = run_of(&run, NULL);
    const qg_json *invocation = qg_json_at(qg_json_get(r, "invocations"), 0);

    ck_assert_uint_eq(qg_json_len(qg_json_get(r, "results")), 25000);
    is_text(qg_json_get(result(r, 0), "properties"), "verdict", "error");
    is_text(qg_json_get(qg_json_at(qg_json_get(invocation, "toolExecutionNotifications"), 0),
                        "message"),
            "text", "3 results are left out, run.json has them all");
}
END_TEST

Suite *report_sarif_check(void)
{
    Suite *s = suite_create("report_sarif_check");
    TCase *t = tcase_create("report_sarif");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, what_did_not_pass_is_a_result);
    tcase_add_test(t, a_result_is_at_its_budget);
    tcase_add_test(t, a_known_failure_is_suppressed);
    tcase_add_test(t, fingerprints_stay);
    tcase_add_test(t, texts_are_no_links);
    tcase_add_test(t, the_invocation_says_how_it_ended);
    tcase_add_test(t, results_beyond_the_limit_are_counted);
    suite_add_tcase(s, t);
    return s;
}
