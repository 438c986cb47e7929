/* Unit tests of report/blamed: the lines that every report shows, and where the reports put them.
 */
#include "report/blamed.h"

#include "report/document_check.h"
#include "report/fixture_check.h"

static qg_blame_group groups[] = {{3, 192, 255, 0.931}, {0, -1, -1, 0.06}};
static qg_blame_row rows[] = {{17, 0.4}, {2, QG_BLAME_ERROR_MAX}};
static qg_blame_part parts[] = {{-1, "embed", 0},
                                {0, "q", 0.05},
                                {0, "down", 0.2},
                                {1, "q", 0.3},
                                {1, "down", 0.1},
                                {2, "q", 0.4},
                                {2, "down", QG_BLAME_ERROR_MAX},
                                {-1, "lm_head", 0.01}};

static qg_blame full(void)
{
    return (qg_blame){.case_id = "awq/quality",
                      .metric = QG_METRIC_PPL,
                      .cause = QG_CAUSE_CHECKPOINT,
                      .message = "layer 1 down: <b>odd</b>",
                      .fix = "make it again",
                      .prompt = "p03",
                      .n_tokens = 19,
                      .tier = "avx2",
                      .beside = "ref",
                      .layer = 1,
                      .part = "down",
                      .error = 0.25,
                      .usual = 0.125,
                      .n_more = 1,
                      .row = -1,
                      .n_groups = 12,
                      .group_median = 0.0625,
                      .groups = groups,
                      .n_groups_shown = 2,
                      .row_median = 0.03,
                      .rows = rows,
                      .n_rows_shown = 2,
                      .parts = parts,
                      .n_parts = 8,
                      .bundle = "out/bundles/awq-quality"};
}

static const char *lines(const qg_blame *b)
{
    qg_buf out;

    qg_buf_init(&out, arena);
    qg_blamed_lines(&out, b);
    ck_assert(!out.failed);
    return out.ptr;
}

START_TEST(a_part_at_fault_is_told_with_its_groups)
{
    qg_blame b = full();

    ck_assert_str_eq(
        lines(&b),
        "at fault, the checkpoint: layer 1 down: <b>odd</b>\n"
        "make it again\n"
        "seen over prompt p03 (19 tokens), kernels avx2 agree with ref; what it makes errs by 0.25 "
        "of its size, in the other layers by 0.125; 1 part behind it is over a limit as well\n"
        "  group 3, inputs 192 to 255                        0.931\n"
        "  group 0                                            0.06\n"
        "  median of 12 groups                              0.0625\n"
        "  output 17                                           0.4\n"
        "  output 2                                     not finite\n"
        "  median of all outputs                              0.03\n"
        "again: quantgate run out/bundles/awq-quality\n");
    b.row = 7; /* the groups are of one output, others say nothing */
    ck_assert_ptr_nonnull(strstr(lines(&b), "median of 12 groups of output 7"));
    ck_assert_ptr_null(strstr(lines(&b), "output 17"));
}
END_TEST

START_TEST(where_none_stands_out_the_five_worst_are_told)
{
    qg_blame b = full();

    b.cause = QG_CAUSE_METHOD;
    b.part = NULL;
    b.n_more = 0;
    b.n_groups_shown = b.n_rows_shown = 0;
    b.bundle = NULL;
    b.prompt = "document 12";
    ck_assert_str_eq(lines(&b), "at fault, the method: layer 1 down: <b>odd</b>\n"
                                "make it again\n"
                                "seen over document 12 (19 tokens), kernels avx2 agree with ref\n"
                                "  layer 2 down                                 not finite\n"
                                "  layer 2 q                                           0.4\n"
                                "  layer 1 q                                           0.3\n"
                                "  layer 0 down                                        0.2\n"
                                "  layer 1 down                                        0.1\n");
}
END_TEST

START_TEST(kernels_at_fault_do_not_agree)
{
    qg_blame b = full();

    b.cause = QG_CAUSE_KERNEL;
    ck_assert_ptr_null(strstr(lines(&b), "agree"));
    b.cause = "what nobody knows";
    ck_assert_ptr_nonnull(strstr(lines(&b), "at fault, unknown"));
}
END_TEST

START_TEST(reports_tell_it_under_the_judgement)
{
    qg_blame b = full();
    qg_judgement j = {.case_id = "awq/quality",
                      .metric = QG_METRIC_PPL,
                      .verdict = QG_VERDICT_FAIL,
                      .exit_class = 1,
                      .message = "too much"};
    qg_measurement m = {.id = {"awq/quality", "awq", "awq", "cpu", "quality", 0, 0, 0}};
    qg_run run = {.suite = "s",
                  .measurements = &m,
                  .n_measurements = 1,
                  .judgements = &j,
                  .n_judgements = 1,
                  .blames = &b,
                  .n_blames = 1,
                  .verdict = QG_VERDICT_FAIL,
                  .exit_code = 1};
    qg_report_options options = {.width = 80};
    const char *text = render_with(&qg_report_console, &run, &options);
    qg_str rest = qg_str_from(text), line;

    ck_assert_ptr_nonnull(strstr(text, "       at fault, the checkpoint: layer 1 down"));
    ck_assert_ptr_nonnull(strstr(text, "         group 3, inputs 192 to 255"));
    while (qg_str_split(&rest, '\n', &line))
        ck_assert_uint_le(line.len, 80);
    text = render_with(&qg_report_junit, &run, &options);
    ck_assert_ptr_nonnull(strstr(text, "<system-out>at fault, the checkpoint: layer 1 down: "
                                       "&lt;b&gt;odd"));
    text = render_with(&qg_report_markdown, &run, &options);
    ck_assert_ptr_nonnull(strstr(text, "<br>at fault, the checkpoint: layer 1 down: &lt;b&gt;odd"));
    text = render_with(&qg_report_html, &run, &options);
    ck_assert_ptr_nonnull(strstr(text, "<h4>at fault, the checkpoint</h4>"));
    ck_assert_ptr_nonnull(strstr(text, "&lt;b&gt;odd"));
    ck_assert_ptr_nonnull(strstr(text, "error of what each part makes"));
    xmlFreeDoc(page_parse(text));
    j.verdict = QG_VERDICT_PASS;
    ck_assert_ptr_null(strstr(render_with(&qg_report_html, &run, &options), "at fault"));
}
END_TEST

Suite *blamed_check(void)
{
    Suite *s = suite_create("blamed_check");
    TCase *t = tcase_create("blamed");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_part_at_fault_is_told_with_its_groups);
    tcase_add_test(t, where_none_stands_out_the_five_worst_are_told);
    tcase_add_test(t, kernels_at_fault_do_not_agree);
    tcase_add_test(t, reports_tell_it_under_the_judgement);
    suite_add_tcase(s, t);
    return s;
}
