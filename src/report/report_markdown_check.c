/* Unit tests of report/report_markdown: escapes, links and the size limit. */
#include "report/fixture_check.h"
#include "report/trend.h"

#include <stdio.h>
#include <stdlib.h>

static const char *render(const qg_run *run, const qg_report_options *options)
{
    return render_with(&qg_report_markdown, run, options);
}

START_TEST(texts_are_no_markup)
{
    qg_judgement j = {.case_id = "a|b*c_d`e<f>[g](h)@you#1",
                      .metric = QG_METRIC_PPL,
                      .verdict = QG_VERDICT_FAIL,
                      .exit_class = 1,
                      .message = "line\n| row & ~x~ \\ $y$ \xff",
                      .file = "dir (1)/s#.yaml",
                      .line = 4};
    qg_report_options options = {.link = "https://example.org/blob/0f/"};
    qg_run run = {.suite = "<script>", .judgements = &j, .n_judgements = 1};
    const char *text = render(&run, &options);

    ck_assert_ptr_nonnull(strstr(text, "quantgate: &lt;script&gt;\n"));
    ck_assert_ptr_nonnull(strstr(text, "**a\\|b\\*c\\_d\\`e&lt;f&gt;\\[g\\](h)&#64;you\\#1** "
                                       "line \\| row &amp; \\~x\\~ \\\\ \\$y\\$ \xef\xbf\xbd "));
    ck_assert_ptr_nonnull(strstr(text, "[dir (1)/s\\#.yaml:4]"
                                       "(https://example.org/blob/0f/dir%20%281%29/s%23.yaml#L4)"));
}
END_TEST

/* Inside of HTML no backslash escapes, and Markdown is none. */
START_TEST(folded_titles_are_no_html)
{
    qg_measurement m = {
        .id = {"</summary><b>\n\n# x", "a&\"'@you*c*", "fp16", "cpu", "quality", 4, 64, 16}};
    qg_run run = {.measurements = &m, .n_measurements = 1};

    ck_assert_ptr_nonnull(strstr(
        render(&run, NULL),
        "<details><summary>measured <b>&#60;/summary&#62;&#60;b&#62;  # x</b> "
        "a&#38;&#34;&#39;&#64;you*c* \xc2\xb7 fp16 \xc2\xb7 cpu \xc2\xb7 batch 4, 64 tokens in, 16 "
        "out</summary>\n\n</details>\n"));
}
END_TEST

START_TEST(links_begin_at_the_repository)
{
    qg_judgement j = {.case_id = "a",
                      .metric = QG_METRIC_PPL,
                      .verdict = QG_VERDICT_FAIL,
                      .file = "../s.yaml",
                      .line = 4};
    qg_report_options options = {.root = "/w", .here = "/w/gate", .link = "https://x/blob/0f/"};
    qg_run run = {.judgements = &j, .n_judgements = 1};

    ck_assert_ptr_nonnull(
        strstr(render(&run, &options), "[../s.yaml:4](https://x/blob/0f/s.yaml#L4)"));
}
END_TEST

START_TEST(earlier_runs_are_shown)
{
    qg_scalar scalar = {QG_METRIC_NLL, 2, 7};
    qg_measurement m = {
        .id = {"a", "m", "fp16", "cpu", "quality", 0, 0, 0}, .scalars = &scalar, .n_scalars = 1};
    qg_judgement j[] = {{.case_id = "a",
                         .metric = QG_METRIC_PPL,
                         .verdict = QG_VERDICT_FAIL,
                         .has_value = true,
                         .value = 8,
                         .message = "m"},
                        {.case_id = "a",
                         .metric = QG_METRIC_PPL,
                         .basis = QG_BASIS_BASELINE,
                         .has_value = true,
                         .value = 0.5}};
    static const double ppl[] = {4, 4, 5, 4}, nll[] = {2, 2};
    qg_trend trends[] = {{"a", QG_METRIC_PPL, ppl, 4}, {"a", QG_METRIC_NLL, nll, 2}};
    qg_run run = {.measurements = &m, .n_measurements = 1, .judgements = j, .n_judgements = 2};
    qg_report_options options = {.trends = trends, .n_trends = 2};
    qg_trends_sort(trends, 2);
    const char *text = render(&run, &options);

    ck_assert_ptr_nonnull(strstr(text, "** m<br>earlier runs and this one: ▁▁▃▁█ +100 %\n"));
    ck_assert_ptr_nonnull(strstr(text, "| verdict | where | earlier and now |\n"
                                       "|---|---:|---:|---:|---:|---:|---|---|---|\n"));
    ck_assert_ptr_nonnull(strstr(text, "fail |  | ▁▁▃▁█ +100 % |\n"));
    ck_assert_ptr_nonnull(strstr(text, "pass |  |  |\n")); /* a change is no value */
    ck_assert_ptr_nonnull(strstr(text, "| nll | 2 nats | - | 7 | - | - |  |  | ▅▅▅ +0 % |\n"));
    options.n_trends = 0;
    ck_assert_ptr_null(strstr(render(&run, &options), "earlier"));
}
END_TEST

/* n cases, each with a judgement whose message is long and needs many escapes. */
static qg_run big_run(size_t n)
{
    static char message[1901];
    qg_measurement *m = QG_NEW_N(arena, qg_measurement, n);
    qg_judgement *j = QG_NEW_N(arena, qg_judgement, n);

    memset(message, '&', sizeof message - 1);
    for (size_t i = 0; i < n; i++) {
        m[i].id = (qg_caseid){
            qg_arena_format(arena, "case%zu", i), message, "fp16", "cpu", "quality", 0, 0, 0};
        j[i] = (qg_judgement){.case_id = m[i].id.id,
                              .metric = QG_METRIC_NONE,
                              .verdict = QG_VERDICT_ERROR,
                              .exit_class = 2,
                              .message = message,
                              .file = message,
                              .line = 1};
    }
    return (qg_run){.suite = message,
                    .measurements = m,
                    .n_measurements = n,
                    .judgements = j,
                    .n_judgements = n};
}

START_TEST(a_summary_stays_under_one_mebibyte)
{
    qg_run run = big_run(300);
    const char *text = render(&run, NULL);

    ck_assert_uint_lt(strlen(text), 1024 * 1024);
    ck_assert_uint_gt(strlen(text), 900 * 1000);
    ck_assert_ptr_nonnull(strstr(text, "\n- ... and 2"));
    ck_assert_ptr_nonnull(strstr(text, " error): a summary holds 1 MiB. run.json has them all."));
    ck_assert(qg_str_ends(qg_str_from(text), QG_STR("</details>\n")));
}
END_TEST

/* The place of a text, which must be there. */
static const char *at(const char *text, const char *what)
{
    const char *place = strstr(text, what);

    ck_assert_msg(place != NULL, "'%s' is not there", what);
    return place;
}

/* How many cases are there, and how many the summary says it left out: together all of them. */
static void adds_up(const char *text, long n)
{
    const char *words = at(text, " cases are left out (");
    long shown = 0;

    for (const char *p = text; (p = strstr(p, "<details><summary>")); p++)
        shown++;
    while (words > text && words[-1] >= '0' && words[-1] <= '9')
        words--;
    ck_assert_int_eq(shown - 1 + strtol(words, NULL, 10), n); /* one is the machine */
}

START_TEST(of_ten_thousand_cases_the_worst_are_shown)
{
    enum { N = 10000 };
    qg_measurement *m = QG_NEW_N(arena, qg_measurement, N);
    qg_judgement *j = QG_NEW_N(arena, qg_judgement, N);
    qg_run run = {
        .suite = "s", .measurements = m, .n_measurements = N, .judgements = j, .n_judgements = N};

    for (size_t i = 0; i < N; i++) {
        m[i].id = (qg_caseid){
            qg_arena_format(arena, "case%zu", i), "m", "fp16", "cpu", "quality", 0, 0, 0};
        j[i] = (qg_judgement){.case_id = m[i].id.id,
                              .metric = QG_METRIC_PPL,
                              .has_value = true,
                              .value = 6.5,
                              .message = "ppl is 6.5",
                              .file = "suites/s.yaml",
                              .line = 1};
    }
    for (size_t i = 0; i < 7; i++)
        j[9000 + i].verdict = i ? QG_VERDICT_FAIL : QG_VERDICT_ERROR;
    const char *text = render(&run, NULL);
    ck_assert_uint_lt(strlen(text), 1024 * 1024);
    ck_assert_uint_gt(strlen(text), 900 * 1000);
    adds_up(text, N);
    ck_assert_ptr_null(strstr(text, "more (")); /* all that failed is listed */
    ck_assert(at(text, "error <b>case9000</b>") < at(text, "fail <b>case9001</b>"));
    ck_assert(at(text, "fail <b>case9006</b>") < at(text, "pass <b>case0</b>"));
    ck_assert_ptr_nonnull(strstr(text, " pass): a summary holds 1 MiB."));
}
END_TEST

/* Every text that a run has, as long as a report takes it, in characters that grow most. */
START_TEST(no_text_outgrows_the_room)
{
    static const size_t rooms[] = {0, 300 * 1000, 100 * 1000, 20 * 1000};
    enum { N = 60 };
    qg_run run = big_run(N);
    const char *message = run.suite;
    qg_model_info models[N];
    const char *notices[N];

    for (size_t i = 0; i < N; i++) {
        models[i] = (qg_model_info){.name = message, .path = message, .model_hash = message};
        notices[i] = message;
        run.measurements[i].id =
            (qg_caseid){run.measurements[i].id.id, message, message, message, message, 1, 1, 1};
        run.measurements[i].log = message;
    }
    run.models = models;
    run.n_models = N;
    run.notices = notices;
    run.n_notices = N;
    run.suite = "s";
    run.suite_file = run.command = run.started = run.version = run.commit = message;
    run.machine = (qg_machine){.cpu = message,
                               .gpu = message,
                               .tier = message,
                               .os = message,
                               .compiler = message,
                               .flags = message};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        qg_report_options options = {.room = rooms[i]};
        size_t n = strlen(render(&run, &options));
        ck_assert_uint_lt(n, rooms[i] ? rooms[i] : 1000 * 1000);
    }
}
END_TEST

START_TEST(what_is_left_out_is_counted)
{
    enum { N = 5000 };
    qg_judgement *j = QG_NEW_N(arena, qg_judgement, N);
    qg_run run = {.judgements = j, .n_judgements = N};
    long shown = 0, left, fails, skips;

    for (size_t i = 0; i < N; i++)
        j[i] = (qg_judgement){.case_id = "a case",
                              .metric = QG_METRIC_PPL,
                              .verdict = i < 200 ? QG_VERDICT_SKIP : QG_VERDICT_FAIL,
                              .message = "a message of some sixty letters, which takes its place, "
                                         "and a few letters more"};
    const char *text = render(&run, NULL), *words = at(text, "\n- ... and ");
    for (const char *p = text; (p = strstr(p, "** a message")); p++)
        shown++;
    ck_assert_int_eq(
        sscanf(words, "\n- ... and %ld more (%ld fail, %ld skip)", &left, &fails, &skips), 3);
    ck_assert_int_eq(shown + left, N);
    ck_assert_int_eq(fails + skips, left);
    ck_assert_int_eq(skips, 200);
}
END_TEST

Suite *report_markdown_check(void)
{
    Suite *s = suite_create("report_markdown_check");
    TCase *t = tcase_create("report_markdown");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, texts_are_no_markup);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, folded_titles_are_no_html);
    tcase_add_test(t, links_begin_at_the_repository);
    tcase_add_test(t, earlier_runs_are_shown);
    tcase_add_test(t, of_ten_thousand_cases_the_worst_are_shown);
    tcase_add_test(t, no_text_outgrows_the_room);
    tcase_add_test(t, what_is_left_out_is_counted);
    tcase_add_test(t, a_summary_stays_under_one_mebibyte);
    suite_add_tcase(s, t);
    return s;
}
