/* Unit tests of report/report_console: columns, colours and long texts. */
#include "report/fixture_check.h"
#include "report/text.h"

#include <stdio.h>

static const char *render(const qg_run *run, const qg_report_options *options)
{
    return render_with(&qg_report_console, run, options);
}

static const qg_measurement measured = {
    .id = {"fp16/perf/b4", "fp16", "fp16", "cpu", "performance", 4, 64, 16}};

/* No line is wider than `width` columns; every byte of a line counted as one at least. */
static void fits(const char *text, size_t width)
{
    qg_str all = qg_str_from(text), line;

    while (qg_str_split(&all, '\n', &line))
        ck_assert_msg(qg_text_width(line) <= width, "%zu columns: " QG_STR_PRI, qg_text_width(line),
                      QG_STR_ARG(line));
}

START_TEST(colours_are_there_only_when_asked_for)
{
    qg_judgement j = {.case_id = "a",
                      .metric = QG_METRIC_PPL,
                      .verdict = QG_VERDICT_FAIL,
                      .exit_class = 1,
                      .message = "\x1b[31mm"};
    qg_run run = {.suite = "s\x1b[2J",
                  .judgements = &j,
                  .n_judgements = 1,
                  .verdict = QG_VERDICT_FAIL,
                  .exit_code = 1};
    qg_report_options options = {.width = 80};

    ck_assert_ptr_null(strchr(render(&run, &options), '\x1b')); /* nor those of a message */
    options.colour = true;
    const char *text = render(&run, &options);
    ck_assert_ptr_nonnull(strstr(text, "\x1b[1;31mFAIL\x1b[0m"));
    ck_assert_ptr_null(strstr(text, "\x1b[2J"));
}
END_TEST

START_TEST(a_narrow_terminal_cuts_the_case)
{
    static const char name[] = "a-model-with-quite-a-long-name/quality/and-more";
    qg_measurement m = measured;
    qg_judgement j = {.case_id = name,
                      .metric = QG_METRIC_GOLDEN_LOGPROB_MAX,
                      .verdict = QG_VERDICT_PASS,
                      .has_value = true,
                      .value = 0.015,
                      .has_limit = true,
                      .limit = 0.02};
    qg_run run = {
        .suite = "s", .measurements = &m, .n_measurements = 1, .judgements = &j, .n_judgements = 1};
    qg_report_options options = {.width = 80};

    m.id.id = name;
    const char *text = render(&run, &options);
    fits(text, 80);
    ck_assert_ptr_nonnull(
        strstr(text, "\xe2\x80\xa6  golden_logprob_max  0.015 nats  <= 0.02 nats"));
    options.width = 120;
    ck_assert_ptr_nonnull(strstr(render(&run, &options), name));
    options.width = 1; /* senseless, yet no crash */
    render(&run, &options);
}
END_TEST

START_TEST(the_table_of_models_fits_every_width)
{
    static const char *const names[] = {"fp16", "a-model-with-quite-a-long-name"};
    enum { N_BATCHES = 5, N = 2 * (N_BATCHES + 1) };
    double tpot = 1.5e6, speed = 1234.5;
    qg_series series[] = {{"tpot", &tpot, 1}, {"throughput", &speed, 1}};
    qg_scalar scalars[] = {{QG_METRIC_WEIGHTS, 1 << 24, 1},   {QG_METRIC_PPL, 12.345, 9},
                           {QG_METRIC_PPL_INCREASE, 0.05, 9}, {QG_METRIC_KLD_MEAN, 0.0123, 9},
                           {QG_METRIC_SAME_TOP, 0.9876, 9},   {QG_METRIC_DP_RMS, 0.01, 9}};
    qg_measurement cases[N];
    qg_run run = {.suite = "s", .reference = "fp16", .measurements = cases, .n_measurements = N};

    for (int i = 0; i < N; i++) {
        int batch = i / 2;
        cases[i] = (qg_measurement){
            .id = {"x", names[i % 2], "m", "cpu", batch ? "performance" : "quality", batch, 4, 4}};
        cases[i].scalars = scalars, cases[i].n_scalars = batch ? 0 : 6;
        cases[i].series = series, cases[i].n_series = batch ? 2 : 0;
    }
    for (int width = 60; width <= 200; width += 10) {
        qg_report_options options = {.width = width};
        const char *text = render(&run, &options);
        fits(text, (size_t)width);
        for (int batch = 1; batch <= N_BATCHES; batch++) {
            char head[16];
            snprintf(head, sizeof head, "TPOT B%d ", batch);
            ck_assert_ptr_nonnull(strstr(text, head));
        }
    }
    ck_assert_ptr_nonnull(strstr(render(&run, &(qg_report_options){.width = 80}),
                                 "\n  a-model-with-quite-a-lo\xe2\x80\xa6  12.35  +5 %"));
}
END_TEST

START_TEST(the_last_words_are_verdict_and_counts)
{
    qg_judgement j[] = {{.case_id = "a", .metric = QG_METRIC_PPL, .has_value = true, .value = 6},
                        {.case_id = "a", .metric = QG_METRIC_NLL, .has_value = true, .value = 2}};
    qg_run run = {.suite = "smoke", .judgements = j, .n_judgements = 2};
    qg_report_options options = {.width = 80, .dir = "out"};

    ck_assert(
        qg_str_ends(qg_str_from(render(&run, &options)),
                    QG_STR("\nPASS  2 judgements: 2 pass \xc2\xb7 exit 0\n  report in out\n")));
    run.n_judgements = 0;
    options.dir = NULL;
    ck_assert(qg_str_ends(qg_str_from(render(&run, &options)),
                          QG_STR("\nPASS  0 judgements \xc2\xb7 exit 0\n")));
}
END_TEST

START_TEST(many_failures_are_summed_up)
{
    static qg_judgement j[70];
    qg_run run = {.suite = "s", .judgements = j, .n_judgements = 70, .exit_code = 1};

    for (int i = 0; i < 70; i++)
        j[i] = (qg_judgement){.case_id = "a",
                              .metric = QG_METRIC_PPL,
                              .verdict = QG_VERDICT_FAIL,
                              .exit_class = 1,
                              .message = "too much"};
    ck_assert_ptr_nonnull(strstr(render(&run, NULL), "\n  ... and 20 more\n"));
}
END_TEST

Suite *report_console_check(void)
{
    Suite *s = suite_create("report_console_check");
    TCase *t = tcase_create("report_console");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, colours_are_there_only_when_asked_for);
    tcase_add_test(t, a_narrow_terminal_cuts_the_case);
    tcase_add_test(t, the_table_of_models_fits_every_width);
    tcase_add_test(t, the_last_words_are_verdict_and_counts);
    tcase_add_test(t, many_failures_are_summed_up);
    suite_add_tcase(s, t);
    return s;
}
