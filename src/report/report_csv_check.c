/* Unit tests of report/report_csv: quoting after RFC 4180, and numbers that read back. */
#include "report/fixture_check.h"

static const char *render(const qg_run *run, const qg_report_options *options)
{
    return render_with(&qg_report_csv, run, options);
}

/* What follows the header line. */
static const char *rows(const qg_run *run)
{
    return strchr(render(run, NULL), '\n') + 1;
}

START_TEST(cells_are_quoted_where_they_must_be)
{
    qg_judgement j = {.case_id = "a \"b\", c",
                      .metric = QG_METRIC_SAME_TOP,
                      .verdict = QG_VERDICT_PASS,
                      .has_value = true,
                      .value = 0.1,
                      .has_limit = true,
                      .limit = 0.3,
                      .at_least = true,
                      .n = 7,
                      .message = "two\nlines",
                      .file = "=cmd()",
                      .line = 2,
                      .issue = "https://x",
                      .expires = "2026-12-31"};
    qg_run run = {.judgements = &j, .n_judgements = 1};

    ck_assert_str_eq(rows(&run),
                     "\"a \"\"b\"\", c\",,,,,,,,same_top,fraction,0.1,0.3,>=,pass,7,"
                     "'=cmd(),2,0,\"two\nlines\",https://x,2026-12-31,budget,,,,,,,,\n");
}
END_TEST

static const struct {
    const char *text, *cell;
} cells[] = {
    {"=cmd()", "'=cmd()"},
    {"+1", "'+1"},
    {"-2", "'-2"}, /* a text: numbers have columns of their own */
    {"@SUM(A1)", "'@SUM(A1)"},
    {"\t=1", "' =1"},
    {"\r=1", "' =1"},
    {"  =1", "'  =1"},
    {"\n=1", "\"'\n=1\""},
    {"\xef\xbc\x9d"
     "1",
     "'\xef\xbc\x9d"
     "1"},
    {"\xef\xbc\xa0x", "'\xef\xbc\xa0x"},
    {"\"=1", "\"\"\"=1\""},
    {"a;=1", "\"a;=1\""},
    {"a=1-2", "a=1-2"},
    {"", ""},
};

START_TEST(no_text_is_a_formula)
{
    qg_judgement j = {.case_id = "c", .metric = QG_METRIC_NONE, .issue = cells[_i].text};
    qg_run run = {.judgements = &j, .n_judgements = 1};

    ck_assert_str_eq(
        rows(&run),
        qg_arena_format(arena, "c,,,,,,,,,,,,,pass,0,,,,,%s,,budget,,,,,,,,\n", cells[_i].cell));
}
END_TEST

START_TEST(a_negative_number_is_one)
{
    qg_judgement j = {.case_id = "c",
                      .metric = QG_METRIC_ACCURACY_DROP,
                      .has_value = true,
                      .value = -1.5,
                      .has_limit = true,
                      .limit = -1};
    qg_run run = {.judgements = &j, .n_judgements = 1};

    ck_assert_ptr_nonnull(strstr(rows(&run), ",accuracy_drop,pp,-1.5,-1,<=,pass,"));
}
END_TEST

START_TEST(numbers_read_back_equal)
{
    qg_scalar scalars[] = {{QG_METRIC_NLL, 1.0 / 3, 3}, {QG_METRIC_WEIGHTS, 7340544, 1}};
    qg_measurement m = {.id = {"x/quality", "x", "fp16", "cpu", "quality", 0, 0, 0},
                        .scalars = scalars,
                        .n_scalars = 2};
    qg_run run = {.measurements = &m, .n_measurements = 1};

    ck_assert_str_eq(
        rows(&run),
        "x/quality,x,fp16,cpu,quality,,,,weights,B,7340544,,,measured,1,,,,,,,,,,,,,,,\n"
        "x/quality,x,fp16,cpu,quality,,,,nll,,0.33333333333333331,,,measured,3,,,,,,,,,,,,,,,\n");
}
END_TEST

Suite *report_csv_check(void)
{
    Suite *s = suite_create("report_csv_check");
    TCase *t = tcase_create("report_csv");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, cells_are_quoted_where_they_must_be);
    tcase_add_loop_test(t, no_text_is_a_formula, 0, sizeof cells / sizeof *cells);
    tcase_add_test(t, a_negative_number_is_one);
    tcase_add_test(t, numbers_read_back_equal);
    suite_add_tcase(s, t);
    return s;
}
