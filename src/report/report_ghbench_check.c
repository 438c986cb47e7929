/* Unit tests of report/report_ghbench: directions, units and names, read back as JSON. */
#include "base/json.h"
#include "report/fixture_check.h"

static const qg_json *document(const qg_sink *sink, const qg_run *run)
{
    const char *text = render_with(sink, run, NULL);
    const qg_json *root;

    ck_assert_int_eq(qg_json_parse(&root, arena, qg_str_from(text), "ghbench", &err), QG_OK);
    ck_assert_int_eq(qg_json_type_of(root), QG_JSON_ARRAY);
    return root;
}

static void is_entry(const qg_json *entry, const char *name, const char *unit, double value,
                     const char *range, const char *extra)
{
    qg_str text;
    double v;

    ck_assert(qg_json_str(qg_json_get(entry, "name"), &text) && qg_str_is(text, name));
    ck_assert(qg_json_str(qg_json_get(entry, "unit"), &text) && qg_str_is(text, unit));
    ck_assert(qg_json_real(qg_json_get(entry, "value"), &v));
    ck_assert_double_eq(v, value);
    ck_assert(qg_json_str(qg_json_get(entry, "range"), &text) == (range != NULL));
    ck_assert(!range || qg_str_is(text, range));
    ck_assert(qg_json_str(qg_json_get(entry, "extra"), &text));
    ck_assert_msg(qg_str_is(text, extra), QG_STR_PRI, QG_STR_ARG(text));
}

START_TEST(costs_and_benefits_are_two_files)
{
    qg_scalar scalars[] = {{QG_METRIC_THROUGHPUT, 210.5, 5},
                           {QG_METRIC_WEIGHTS, 4096, 1},
                           {QG_METRIC_KLD_MEAN, 0.5, 7},
                           {QG_METRIC_SAME_TOP, 0.975, 7}};
    qg_measurement m = {.id = {"a", "m", "gptq", "cpu", "performance", 1, 0, 0},
                        .scalars = scalars,
                        .n_scalars = 4};
    qg_judgement j = {.case_id = "a",
                      .metric = QG_METRIC_TTFT_P50,
                      .verdict = QG_VERDICT_FAIL,
                      .has_value = true,
                      .value = 21.5e6,
                      .has_limit = true,
                      .limit = 20e6,
                      .n = 60,
                      .has_low = true,
                      .low = 21.25e6,
                      .has_high = true,
                      .high = 23.75e6};
    qg_run run = {.measurements = &m, .n_measurements = 1, .judgements = &j, .n_judgements = 1};
    const qg_json *costs = document(&qg_report_ghbench_smaller, &run);
    const qg_json *benefits = document(&qg_report_ghbench_bigger, &run);

#define WHO "m \xc2\xb7 gptq \xc2\xb7 cpu"
    ck_assert_uint_eq(qg_json_len(costs), 3);
    is_entry(qg_json_at(costs, 0), "a ttft_p50", "ms", 21.5, "\xc2\xb1 2.25",
             WHO "\nn = 60\nbudget <= 20 ms\nfail");
    is_entry(qg_json_at(costs, 1), "a weights", "bytes", 4096, NULL, WHO);
    is_entry(qg_json_at(costs, 2), "a kld_mean", "nats", 0.5, NULL, WHO "\nn = 7");
    ck_assert_uint_eq(qg_json_len(benefits), 2);
    is_entry(qg_json_at(benefits, 0), "a throughput", "tok/s", 210.5, NULL, WHO "\nn = 5");
    is_entry(qg_json_at(benefits, 1), "a same_top", "%", 97.5, NULL, WHO "\nn = 7");
    j.has_low = false; /* of one end alone nothing is said */
    ck_assert_ptr_null(
        qg_json_get(qg_json_at(document(&qg_report_ghbench_smaller, &run), 0), "range"));
}
END_TEST

/* The action writes | `NAME` | into a comment. */
START_TEST(names_end_no_cell)
{
    qg_scalar scalar = {QG_METRIC_PPL, 6.5, 1};
    qg_measurement m = {
        .id = {.id = "a`| <img src=x>\n\n@you`"}, .scalars = &scalar, .n_scalars = 1};
    qg_run run = {.measurements = &m, .n_measurements = 1};
    qg_str name;

    ck_assert(qg_json_str(
        qg_json_get(qg_json_at(document(&qg_report_ghbench_smaller, &run), 0), "name"), &name));
    ck_assert(qg_str_is(name, "a'/ <img src=x>  @you' ppl"));
}
END_TEST

Suite *report_ghbench_check(void)
{
    Suite *s = suite_create("report_ghbench_check");
    TCase *t = tcase_create("report_ghbench");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, costs_and_benefits_are_two_files);
    tcase_add_test(t, names_end_no_cell);
    suite_add_tcase(s, t);
    return s;
}
