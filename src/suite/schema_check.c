/* Unit tests of the table of keys and what is made from it. The readers are tested through whole
 * suites in suite_check.c. */
#include "suite/schema.h"

#include "base/file.h"
#include "base/json.h"
#include "check_suites.h"
#include "suite/suite.h"

#include <stdlib.h>

static qg_arena *arena;

static void setup(void)
{
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
    qg_arena_free(arena);
}

START_TEST(defaults_are_those_of_the_table)
{
    qg_findings findings;
    qg_schema_reader r = {arena, &findings};
    qg_suite s = {0};

    qg_findings_begin(&findings, arena);
    qg_schema_read(&r, qg_suite_keys, NULL, &s);
    ck_assert_uint_eq(findings.n, 0);
    ck_assert_str_eq(s.engine.device, "auto");
    ck_assert_double_eq(s.engine.gpu_memory_utilization, 0.9);
    ck_assert_int_eq(s.engine.seed, 7);
    ck_assert_int_eq(s.quality.window, 512);
    ck_assert_int_eq(s.performance.input_len, 512);
    ck_assert_int_eq(s.performance.output_len, 128);
    ck_assert_int_eq(s.performance.samples_min, 60);
    ck_assert_int_eq(s.performance.samples_max, 400);
    ck_assert_int_eq(s.performance.samples_warmup, 5);
    ck_assert_double_eq(s.regression.confidence, 0.95);
    ck_assert_int_eq(s.regression.inconclusive, QG_INCONCLUSIVE_RERUN);
    ck_assert_int_eq(s.regression.inconclusive_final, QG_INCONCLUSIVE_WARN);
    ck_assert_double_eq(s.checklist.max_age_days, 30);
}
END_TEST

static void check_rows(const qg_key *keys)
{
    for (const qg_key *k = keys; k->name; k++) {
        ck_assert_msg(k->help && k->help[0], "%s", k->name);
        ck_assert_msg(k->keys || k->example, "%s", k->name);
        if (k->type != QG_KEY_NAMES) /* which may be any */
            ck_assert_msg((k->choices != NULL) ==
                              (k->type == QG_KEY_WORD || k->type == QG_KEY_CHOICE ||
                               k->type == QG_KEY_WAIVERS),
                          "%s", k->name);
        if (k->keys)
            check_rows(k->keys);
    }
}

START_TEST(every_row_is_explained)
{
    check_rows(qg_suite_keys);
}
END_TEST

START_TEST(the_nearest_name_is_found)
{
    static const char *const names[] = {"ttft_p50", "ttft_p95", "throughput", "ppl"};
    qg_findings findings;
    qg_schema_reader r = {arena, &findings};

    qg_findings_begin(&findings, arena);
    ck_assert_str_eq(qg_schema_nearest(&r, QG_STR("troughput"), names, 4),
                     "did you mean 'throughput'?");
    ck_assert_str_eq(qg_schema_nearest(&r, QG_STR("ttft"), names, 4), "did you mean 'ttft_p50'?");
    ck_assert_ptr_null(qg_schema_nearest(&r, QG_STR("memory"), names, 4));
    ck_assert_ptr_null(qg_schema_nearest(&r, QG_STR(""), names, 0));
}
END_TEST

START_TEST(the_manual_is_current)
{
    const char *root = getenv("QG_ROOT");
    qg_str page = {0};
    qg_buf out;
    qg_err err = {0};

    qg_buf_init(&out, arena);
    qg_schema_markdown(&out);
    ck_assert(!out.failed);
    char *path = qg_arena_format(arena, "%s/suites/README.md", root ? root : ".");
    if (qg_file_read(&page, arena, path, 1 << 20, &err) != QG_OK)
        ck_abort_msg("%s", err.message);
    ck_assert_msg(qg_str_eq(page, qg_buf_view(&out)),
                  "suites/README.md is stale: quantgate lint --keys >suites/README.md");
}
END_TEST

START_TEST(the_json_schema_knows_every_key)
{
    const qg_json *schema, *top, *metrics, *row;
    qg_buf out;
    qg_err err = {0};

    qg_buf_init(&out, arena);
    ck_assert_int_eq(qg_schema_json(&out, &err), QG_OK);
    ck_assert_int_eq(qg_json_parse(&schema, arena, qg_buf_view(&out), "schema", &err), QG_OK);
    top = qg_json_get(schema, "properties");
    size_t n = 0;
    for (const qg_key *k = qg_suite_keys; k->name; k++, n++)
        ck_assert_msg(qg_json_get(top, k->name) != NULL, "%s", k->name);
    ck_assert_uint_eq(qg_json_len(top), n);
    metrics = qg_json_get(qg_json_get(qg_json_get(top, "quality"), "properties"), "budgets");
    metrics = qg_json_get(qg_json_get(metrics, "additionalProperties"), "properties");
    ck_assert_ptr_nonnull(qg_json_get(metrics, "same_top"));
    ck_assert_ptr_null(qg_json_get(metrics, "tpot_p50"));
    row = qg_json_get(qg_json_get(qg_json_get(top, "performance"), "properties"), "budgets");
    row = qg_json_get(qg_json_get(qg_json_get(row, "additionalProperties"), "items"), "properties");
    ck_assert_ptr_nonnull(qg_json_get(row, "batch"));
    ck_assert_ptr_nonnull(qg_json_get(row, "tpot_p50"));
    ck_assert_ptr_null(qg_json_get(row, "same_top"));
}
END_TEST

Suite *schema_check(void)
{
    Suite *s = suite_create("schema_check");
    TCase *t = tcase_create("schema");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, defaults_are_those_of_the_table);
    tcase_add_test(t, every_row_is_explained);
    tcase_add_test(t, the_nearest_name_is_found);
    tcase_add_test(t, the_manual_is_current);
    tcase_add_test(t, the_json_schema_knows_every_key);
    suite_add_tcase(s, t);
    return s;
}
