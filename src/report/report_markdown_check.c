/* Unit tests of report/report_markdown: escapes, links and the size limit. */
#include "report/fixture_check.h"

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
    ck_assert_ptr_nonnull(strstr(text, " cases are left out: a summary holds 1 MiB."));
    ck_assert(qg_str_ends(qg_str_from(text), QG_STR("</details>\n")));
}
END_TEST

Suite *report_markdown_check(void)
{
    Suite *s = suite_create("report_markdown_check");
    TCase *t = tcase_create("report_markdown");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, texts_are_no_markup);
    tcase_add_test(t, a_summary_stays_under_one_mebibyte);
    suite_add_tcase(s, t);
    return s;
}
