/* Unit tests of report/report_bmf: names, measures and ends, read back as JSON. */
#include "base/json.h"
#include "report/fixture_check.h"

static const qg_json *document(const qg_run *run)
{
    const char *text = render_with(&qg_report_bmf, run, NULL);
    const qg_json *root;

    ck_assert_int_eq(qg_json_parse(&root, arena, qg_str_from(text), "bmf", &err), QG_OK);
    ck_assert_int_eq(qg_json_type_of(root), QG_JSON_OBJECT);
    return root;
}

static void is_number(const qg_json *measure, const char *key, double expected)
{
    double v;

    ck_assert_msg(qg_json_real(qg_json_get(measure, key), &v), "no number '%s'", key);
    ck_assert_double_eq(v, expected);
}

START_TEST(a_measure_has_value_and_ends)
{
    qg_scalar scalars[] = {{QG_METRIC_THROUGHPUT, 210.5, 1}, {QG_METRIC_KV_CACHE, 4096, 1}};
    qg_measurement m[] = {{.id = {.id = "a/perf/b1"}, .scalars = scalars, .n_scalars = 2},
                          {.id = {.id = "b/perf/b1"}}};
    qg_judgement j[] = {{.case_id = "a/perf/b1",
                         .metric = QG_METRIC_TPOT_P95,
                         .has_value = true,
                         .value = 7e6,
                         .has_low = true,
                         .low = 6e6,
                         .has_high = true,
                         .high = 9e6},
                        {.case_id = "a/perf/b1",
                         .metric = QG_METRIC_TPOT_P95,
                         .basis = QG_BASIS_BASELINE,
                         .has_value = true,
                         .value = 0.5},
                        {.case_id = "a/perf/b1", .metric = QG_METRIC_PPL}};
    qg_run run = {
        .suite = "s", .measurements = m, .n_measurements = 2, .judgements = j, .n_judgements = 3};
    const qg_json *root = document(&run), *benchmark = qg_json_get(root, "s: a/perf/b1");

    ck_assert_uint_eq(qg_json_len(root), 1); /* nothing was measured of b */
    ck_assert_uint_eq(qg_json_len(benchmark), 3);
    is_number(qg_json_get(benchmark, "throughput"), "value", 210.5);
    is_number(qg_json_get(benchmark, "kv-cache"), "value", 4096);
    ck_assert_uint_eq(qg_json_len(qg_json_get(benchmark, "kv-cache")), 1);
    is_number(qg_json_get(benchmark, "tpot-p95"), "value", 7e6);
    is_number(qg_json_get(benchmark, "tpot-p95"), "lower_value", 6e6);
    is_number(qg_json_get(benchmark, "tpot-p95"), "upper_value", 9e6);
}
END_TEST

START_TEST(names_are_cut_between_characters)
{
    qg_scalar scalar = {QG_METRIC_PPL, 6.5, 1};
    char id[1101];
    qg_measurement m = {.id = {.id = id}, .scalars = &scalar, .n_scalars = 1};
    qg_run run = {.suite = "s", .measurements = &m, .n_measurements = 1};
    qg_json_iter it = {0};

    for (size_t i = 0; i < 1100; i += 2)
        memcpy(id + i, "\xc3\xa4", 3);
    ck_assert(qg_json_next(document(&run), &it));
    ck_assert_uint_eq(it.key.len, 1023); /* "s: " and 510 whole letters */
    strcpy(id, "a\"b\n\x01\xff");
    it = (qg_json_iter){0};
    ck_assert(qg_json_next(document(&run), &it));
    ck_assert(qg_str_is(it.key, "s: a\"b  \xef\xbf\xbd"));
}
END_TEST

Suite *report_bmf_check(void)
{
    Suite *s = suite_create("report_bmf_check");
    TCase *t = tcase_create("report_bmf");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_measure_has_value_and_ends);
    tcase_add_test(t, names_are_cut_between_characters);
    suite_add_tcase(s, t);
    return s;
}
