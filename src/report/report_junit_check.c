/* Unit tests of report/report_junit: escapes, and counts that agree with what is listed. */
#include "report/fixture_check.h"

static const char *render(const qg_run *run, const qg_report_options *options)
{
    return render_with(&qg_report_junit, run, options);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

START_TEST(texts_are_escaped_and_cleaned)
{
    qg_judgement j = {.case_id = "a<b>&\"'\xf0\x9f\x98\x80",
                      .metric = QG_METRIC_PPL,
                      .verdict = QG_VERDICT_FAIL,
                      .exit_class = 1,
                      .message = "]]> <&\x01\xff\nsecond",
                      .file = "a&b.yaml",
                      .line = 4};
    qg_run run = {.suite = "s<", .judgements = &j, .n_judgements = 1};
    const char *text = render(&run, NULL);

    ck_assert_ptr_nonnull(
        strstr(text, "classname=\"s&lt;.a&lt;b&gt;&amp;&quot;'\xf0\x9f\x98\x80\""));
    ck_assert_ptr_nonnull(strstr(text, "message=\"]]&gt; &lt;&amp; \xef\xbf\xbd&#10;second\""));
    ck_assert_ptr_nonnull(strstr(text, ">]]&gt; &lt;&amp; \xef\xbf\xbd\nsecond\na&amp;b.yaml"));
    ck_assert_ptr_nonnull(strstr(text, "file=\"a&amp;b.yaml\" line=\"4\""));
    ck_assert_ptr_null(strchr(text, '\x01'));
}
END_TEST

START_TEST(counts_agree_with_what_is_listed)
{
    qg_judgement j[] = {
        {.case_id = "a", .metric = QG_METRIC_PPL, .verdict = QG_VERDICT_PASS},
        {.case_id = "a", .metric = QG_METRIC_NLL, .verdict = QG_VERDICT_FAIL, .exit_class = 1},
        {.case_id = "a", .metric = QG_METRIC_NLL, .verdict = QG_VERDICT_INCONCLUSIVE},
        {.case_id = "b", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_ERROR, .exit_class = 3},
        {.case_id = "b",
         .metric = QG_METRIC_NONE,
         .verdict = QG_VERDICT_INCONCLUSIVE,
         .exit_class = 4},
        {.case_id = "b",
         .metric = QG_METRIC_NONE,
         .verdict = QG_VERDICT_KNOWN_FAIL,
         .message = "m",
         .issue = "https://x",
         .expires = "2026-12-31"},
        {.case_id = "", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_SKIP},
    };
    qg_measurement m[] = {{.id.id = "a", .wall_ns = 1500000000}, {.id.id = "b"}, {.id.id = "c"}};
    qg_run run = {.measurements = m, .n_measurements = 3, .judgements = j, .n_judgements = 7};
    const char *text = render(&run, NULL);

    ck_assert_ptr_nonnull(strstr(text, "<testsuites name=\"\" tests=\"8\" failures=\"2\" "
                                       "errors=\"1\" skipped=\"3\" time=\"0.000\">"));
    ck_assert_uint_eq(count(text, "<testcase "), 8);
    ck_assert_uint_eq(count(text, "<failure "), 2);
    ck_assert_uint_eq(count(text, "<error "), 1);
    ck_assert_uint_eq(count(text, "<skipped "), 3);
    ck_assert_uint_eq(count(text, "<testsuite "), 4); /* the last is that of the run */
    ck_assert_ptr_nonnull(strstr(text, "<testsuite name=\"a\" tests=\"3\" failures=\"1\" "
                                       "errors=\"0\" skipped=\"1\" time=\"1.500\">"));
    ck_assert_uint_eq(count(text, "time=\"1.500\""), 2); /* the suite and its first testcase */
    ck_assert_ptr_nonnull(strstr(text, "type=\"machine\""));
    ck_assert_ptr_nonnull(strstr(
        text,
        "<skipped type=\"known-fail\" message=\"m; known: https://x, expires 2026-12-31\"/>"));
}
END_TEST

START_TEST(the_shape_is_that_of_pytest)
{
    qg_judgement j[] = {{.case_id = "a",
                         .metric = QG_METRIC_PPL,
                         .verdict = QG_VERDICT_FAIL,
                         .exit_class = 1,
                         .message = "m",
                         .has_value = true,
                         .value = 1.0 / 3,
                         .has_limit = true,
                         .limit = 0.25,
                         .n = 7,
                         .file = "gate/../s.yaml",
                         .line = 3,
                         .column = 4},
                        {.case_id = "a",
                         .metric = QG_METRIC_NONE,
                         .verdict = QG_VERDICT_SKIP,
                         .message = "why",
                         .file = "s.yaml",
                         .line = 5,
                         .column = 6}};
    qg_measurement m = {.id = {"a", "x<y", "fp16", NULL, "quality", 4, 0, 0}};
    qg_run run = {.suite = "s",
                  .measurements = &m,
                  .n_measurements = 1,
                  .judgements = j,
                  .n_judgements = 2,
                  .started = "2026-01-31T23:59:59Z",
                  .machine.host = "runner&7"};

    ck_assert_ptr_nonnull(strstr(
        render(&run, NULL),
        "time=\"0.000\" timestamp=\"2026-01-31T23:59:59Z\" hostname=\"runner&amp;7\">\n"
        "    <properties>\n"
        "      <property name=\"model\" value=\"x&lt;y\"/>\n"
        "      <property name=\"method\" value=\"fp16\"/>\n"
        "      <property name=\"kind\" value=\"quality\"/>\n"
        "      <property name=\"batch\" value=\"4\"/>\n"
        "    </properties>\n"
        "    <testcase classname=\"s.a\" name=\"ppl &lt;= 0.25\" time=\"0.000\" file=\"s.yaml\" "
        "line=\"3\">\n"
        "      <properties>\n"
        "        <property name=\"basis\" value=\"budget\"/>\n"
        "        <property name=\"value\" value=\"0.33333333333333331\"/>\n"
        "        <property name=\"limit\" value=\"0.25\"/>\n"
        "        <property name=\"n\" value=\"7\"/>\n"
        "      </properties>\n"
        "      <failure type=\"fail\" message=\"m\">m\ngate/../s.yaml:3:4</failure>\n"
        "    </testcase>\n"
        "    <testcase classname=\"s.a\" name=\"(case)\" time=\"0.000\" file=\"s.yaml\" "
        "line=\"5\">\n"
        "      <skipped type=\"skip\" message=\"why\">s.yaml:5:6: why</skipped>\n"
        "    </testcase>\n"));
}
END_TEST

Suite *report_junit_check(void)
{
    Suite *s = suite_create("report_junit_check");
    TCase *t = tcase_create("report_junit");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, texts_are_escaped_and_cleaned);
    tcase_add_test(t, the_shape_is_that_of_pytest);
    tcase_add_test(t, counts_agree_with_what_is_listed);
    suite_add_tcase(s, t);
    return s;
}
