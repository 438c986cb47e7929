/* Unit tests of report/report_openmetrics: escapes, base units, and what the format asks of a file:
 * a family stands together, no sample occurs twice, the last line is the end. */
#include "report/fixture_check.h"

#include <stdlib.h>

static const char *render(const qg_run *run)
{
    return render_with(&qg_report_openmetrics, run, NULL);
}

static double ttft[] = {30e6, 10e6, 20e6};
static const qg_series series[] = {{"ttft", ttft, 3}};
static const qg_scalar scalars[] = {{QG_METRIC_THROUGHPUT, 210.5, 3},
                                    {QG_METRIC_WEIGHTS, 7340544, 1},
                                    {QG_METRIC_WEIGHTS_VS_FP16, 0.25, 1},
                                    {QG_METRIC_PPL, 6.5, 9},
                                    {QG_METRIC_NLL, 1.75, 9},
                                    {QG_METRIC_GREEDY_MATCH, 12, 1},
                                    {QG_METRIC_ACCURACY, 0.5, 9},
                                    {QG_METRIC_ACCURACY_DROP, -1.5, 9}};

static qg_measurement make_case(const char *id, int64_t batch)
{
    return (qg_measurement){.id = {id, "m", "fp16", "cpu", "performance", batch, 0, 0},
                            .series = (qg_series *)series,
                            .n_series = 1,
                            .scalars = (qg_scalar *)scalars,
                            .n_scalars = sizeof scalars / sizeof *scalars};
}

static void has(const char *text, const char *lines)
{
    ck_assert_msg(strstr(text, lines) != NULL, "'%s' is not in\n%s", lines, text);
}

START_TEST(values_are_in_base_units)
{
    qg_measurement m = make_case("c", 4);
    qg_run run = {.suite = "s", .measurements = &m, .n_measurements = 1, .wall_ns = 1500000000};
    const char *text = render(&run);

#define LABELS "{suite=\"s\",case=\"c\",model=\"m\",method=\"fp16\",device=\"cpu\",batch=\"4\""
    has(text, "# TYPE quantgate_ttft_seconds summary\n# UNIT quantgate_ttft_seconds seconds\n"
              "# HELP quantgate_ttft_seconds time from request to first token\n"
              "quantgate_ttft_seconds" LABELS ",quantile=\"0.5\"} 0.02\n"
              "quantgate_ttft_seconds_count" LABELS "} 3\n"
              "quantgate_ttft_seconds_sum" LABELS "} 0.06\n");
    has(text, "\n# TYPE quantgate_weights_bytes gauge\n# UNIT quantgate_weights_bytes bytes\n");
    has(text, "\nquantgate_weights_bytes" LABELS "} 7340544\n");
    has(text, "\nquantgate_throughput_tokens_per_second" LABELS "} 210.5\n");
    has(text, "\nquantgate_weights_vs_fp16_ratio" LABELS "} 0.25\n");
    has(text, "\n# TYPE quantgate_ppl gauge\n# HELP"); /* a number of nothing has no unit */
    has(text, "\nquantgate_ppl" LABELS "} 6.5\n");
    has(text, "\nquantgate_nll_nats" LABELS "} 1.75\n");
    has(text, "\nquantgate_greedy_match_tokens" LABELS "} 12\n");
    has(text, "\nquantgate_accuracy_ratio" LABELS "} 0.5\n");
    has(text, "\nquantgate_accuracy_drop_ratio" LABELS "} -0.015\n");
    has(text, "\nquantgate_run_seconds{suite=\"s\"} 1.5\n");
    ck_assert_ptr_null(strstr(text, "started"));
    run.started = "1970-01-02T00:00:01Z";
    has(render(&run), "\nquantgate_run_started_seconds{suite=\"s\"} 86401\n");
}
END_TEST

START_TEST(labels_are_escaped)
{
    qg_measurement m = make_case("a\"} 1\n# EOF\r\\\xff", 0);
    qg_run run = {.suite = "", .measurements = &m, .n_measurements = 1};

    m.id.model = "\xf0\x9f\x98\x80,b=\"c\"";
    m.id.device = NULL;
    has(render(&run), "\nquantgate_ppl{case=\"a\\\"} 1\\n# EOF \\\\\xef\xbf\xbd\","
                      "model=\"\xf0\x9f\x98\x80,b=\\\"c\\\"\",method=\"fp16\"} 6.5\n");
    ck_assert_ptr_null(strchr(render(&run), '\r'));
}
END_TEST

START_TEST(budgets_and_intervals_have_families)
{
    qg_measurement m = make_case("c", 4);
    qg_judgement j[] = {{.case_id = "c",
                         .metric = QG_METRIC_TTFT_P50,
                         .verdict = QG_VERDICT_FAIL,
                         .has_value = true,
                         .value = 20e6,
                         .has_limit = true,
                         .limit = 15e6,
                         .has_low = true,
                         .low = 10e6,
                         .has_high = true,
                         .high = 30e6},
                        {.case_id = "c",
                         .metric = QG_METRIC_ACCURACY,
                         .has_value = true,
                         .value = 0.5,
                         .has_limit = true,
                         .at_least = true,
                         .limit = 0.25,
                         .has_low = true,
                         .low = 0.375}};
    qg_run run = {.suite = "s",
                  .measurements = &m,
                  .n_measurements = 1,
                  .judgements = j,
                  .n_judgements = 2,
                  .verdict = QG_VERDICT_FAIL,
                  .exit_code = 1};
    const char *text = render(&run);

    has(text, "\nquantgate_ttft_p50_budget_seconds" LABELS ",bound=\"upper\"} 0.015\n");
    has(text, "\nquantgate_ttft_p50_interval_seconds" LABELS ",end=\"low\"} 0.01\n"
              "quantgate_ttft_p50_interval_seconds" LABELS ",end=\"high\"} 0.03\n");
    has(text, "\nquantgate_accuracy_budget_ratio" LABELS ",bound=\"lower\"} 0.25\n");
    has(text, "\nquantgate_accuracy_interval_ratio" LABELS ",end=\"low\"} 0.375\n#");
    has(text, "\nquantgate_verdict{suite=\"s\",verdict=\"fail\"} 1\n");
    has(text, "\nquantgate_verdict{suite=\"s\",verdict=\"inconclusive\"} 0\n");
    has(text, "\nquantgate_exit_code{suite=\"s\"} 1\n");
    has(text, "\nquantgate_judgements" LABELS
              ",metric=\"ttft_p50\",basis=\"budget\",verdict=\"fail\"} 1\n");
}
END_TEST

static int by_text(const void *a, const void *b)
{
    return qg_str_compare(*(const qg_str *)a, *(const qg_str *)b);
}

/* The name of a sample's family: _count and _sum belong to the summary. */
static qg_str family_of(qg_str line)
{
    qg_str name = qg_str_sub(line, 0, (size_t)((char *)memchr(line.ptr, '{', line.len) - line.ptr));

    if (qg_str_ends(name, QG_STR("_seconds_count")))
        name.len -= strlen("_count");
    if (qg_str_ends(name, QG_STR("_seconds_sum")))
        name.len -= strlen("_sum");
    return name;
}

START_TEST(families_stand_together_and_samples_occur_once)
{
    qg_measurement m[] = {make_case("a", 1), make_case("b", 2), make_case("c", 0)};
    qg_judgement j[] = {{.case_id = "b", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_SKIP},
                        {.case_id = "", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_ERROR},
                        {.case_id = "b", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_FAIL},
                        {.case_id = "gone", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_FAIL},
                        {.case_id = "b", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_SKIP},
                        {.case_id = "", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_ERROR}};
    qg_run run = {
        .suite = "s", .measurements = m, .n_measurements = 3, .judgements = j, .n_judgements = 6};
    const char *text = render(&run);
    qg_str rest = qg_str_from(text), line, samples[400], family = QG_STR("");
    size_t n = 0;

    has(text, "case=\"b\",model=\"m\",method=\"fp16\",device=\"cpu\",batch=\"2\","
              "metric=\"(case)\",basis=\"budget\",verdict=\"skip\"} 2\n");
    has(text,
        "{suite=\"s\",case=\"run\",metric=\"(case)\",basis=\"budget\",verdict=\"error\"} 2\n");
    while (qg_str_split(&rest, '\n', &line)) {
        if (qg_str_starts(line, QG_STR("# TYPE "))) {
            family = qg_str_sub(line, 7, line.len);
            family.len = (size_t)((char *)memchr(family.ptr, ' ', family.len) - family.ptr);
        } else if (line.len > 0 && line.ptr[0] != '#') {
            ck_assert(qg_str_eq(family_of(line), family));
            ck_assert_uint_lt(n, 400);
            samples[n++] = qg_str_sub(line, 0, (size_t)(strchr(line.ptr, '}') - line.ptr));
        }
    }
    qsort(samples, n, sizeof *samples, by_text);
    for (size_t i = 1; i < n; i++)
        ck_assert_msg(!qg_str_eq(samples[i - 1], samples[i]), QG_STR_PRI " occurs twice",
                      QG_STR_ARG(samples[i]));
    ck_assert_uint_gt(n, 40);
    ck_assert(qg_str_ends(qg_str_from(text), QG_STR("\n# EOF\n")));
    ck_assert_ptr_eq(strstr(text, "# EOF"), text + strlen(text) - 6);
}
END_TEST

Suite *report_openmetrics_check(void)
{
    Suite *s = suite_create("report_openmetrics_check");
    TCase *t = tcase_create("report_openmetrics");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, values_are_in_base_units);
    tcase_add_test(t, labels_are_escaped);
    tcase_add_test(t, budgets_and_intervals_have_families);
    tcase_add_test(t, families_stand_together_and_samples_occur_once);
    suite_add_tcase(s, t);
    return s;
}
