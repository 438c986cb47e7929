/* Unit tests of record/baseline: its way out and back, what is left out, and files that are none.
 */
#include "record/baseline.h"

#include "base/folder_check.h"

static double samples[1200];

static qg_run *run_of(const char *fingerprint)
{
    qg_run *run = QG_NEW(arena, qg_run);
    qg_measurement *m = QG_NEW(arena, qg_measurement);
    qg_series *series = QG_NEW_N(arena, qg_series, 2);
    qg_doc *docs = QG_NEW_N(arena, qg_doc, 3);

    for (int i = 0; i < 1200; i++)
        samples[i] = i + 1;
    series[0] = (qg_series){"ttft", samples, 1200};
    series[1] = (qg_series){"itl", samples, 1200};
    *m = (qg_measurement){.id = {"a/perf/b1", "a", "fp16", "cpu", "performance", 1, 8, 4},
                          .series = series,
                          .n_series = 2,
                          .docs = docs,
                          .n_docs = 3};
    *run = (qg_run){.measurements = m, .n_measurements = 1, .machine.fingerprint = fingerprint};
    return run;
}

static const char *written(const char *fingerprint, const char *declared)
{
    qg_run *runs[] = {run_of(fingerprint), run_of(fingerprint)};
    qg_baseline b = {.suite = "my suite/x",
                     .fingerprint = declared,
                     .current = {.why = "faster attention",
                                 .command = "quantgate baseline update s.yaml",
                                 .device = "cuda",
                                 .gpu = "H100, driver 580",
                                 .runs = runs,
                                 .n_runs = 2},
                     .anchor = {.why = "first", .commit = "abc", .runs = runs, .n_runs = 1}};
    const char *path = qg_baseline_path(arena, folder, b.suite, b.fingerprint);

    ck_assert_int_eq(qg_baseline_write(&b, arena, path, NULL), QG_OK);
    return path;
}

/* Whoever opens a file sees at once of what it is. */
START_TEST(the_head_tells_device_driver_and_command)
{
    qg_str text, head;
    const char *const facts[] = {"\"command\":\"quantgate baseline update s.yaml\"",
                                 "\"device\":\"cuda\"", "\"gpu\":\"H100, driver 580\""};

    ck_assert_int_eq(qg_file_read(&text, arena, written("f00d", "f00d"), 1 << 24, NULL), QG_OK);
    ck_assert(qg_str_split(&text, '[', &head)); /* up to the runs */
    const char *begin = qg_str_dup(arena, head);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        ck_assert_msg(strstr(begin, facts[i]), "'%s' lacks '%s'", begin, facts[i]);
}
END_TEST

START_TEST(a_baseline_comes_back)
{
    qg_baseline *b;
    const char *path = written("f00d", "f00d");

    ck_assert_str_eq(qg_path_base(path), "my-suite-x-f00d.json");
    ck_assert_int_eq(qg_baseline_read(&b, arena, path, NULL), QG_OK);
    ck_assert_str_eq(b->suite, "my suite/x");
    ck_assert_str_eq(b->current.why, "faster attention");
    ck_assert_str_eq(b->current.gpu, "H100, driver 580");
    ck_assert_ptr_null(b->anchor.gpu); /* of a file that was written before there was a head */
    ck_assert_uint_eq(b->current.n_runs, 2);
    ck_assert_str_eq(b->anchor.commit, "abc");
    ck_assert_uint_eq(b->anchor.n_runs, 1);
    const qg_measurement *m = qg_run_case(b->current.runs[1], "a/perf/b1");
    ck_assert_uint_eq(m->n_series, 1); /* gaps are too many */
    ck_assert_uint_eq(m->series[0].n_samples, QG_BASELINE_SAMPLES);
    ck_assert_double_eq(m->series[0].samples[999], 1000);
    ck_assert_uint_eq(m->n_docs, 0);
}
END_TEST

static void is_refused(const char *text, const char *message)
{
    qg_err err = {0};
    qg_baseline *b;
    char said[1024];
    const char *path = qg_path_join(arena, folder, "b.json");

    ck_assert_int_eq(qg_file_write(path, qg_str_from(text), NULL), QG_OK);
    ck_assert_int_eq(qg_baseline_read(&b, arena, path, &err), QG_EFORMAT);
    qg_err_format(&err, said, sizeof said);
    ck_assert_msg(strstr(said, message), "'%s' lacks '%s'", said, message);
}

START_TEST(other_files_are_refused)
{
    qg_err err = {0};
    qg_baseline *b;

    ck_assert_int_eq(qg_baseline_read(&b, arena, qg_path_join(arena, folder, "none.json"), &err),
                     QG_ENOTFOUND);
    qg_err_clear(&err);
    is_refused("", "JSON");
    is_refused("[]", "not a stored baseline");
    is_refused("{\"schema\":2,\"verdict\":\"pass\"}", "not a stored baseline");
    is_refused("{\"schema\":9,\"kind\":\"baseline\"}", "schema 9");
    is_refused("{\"schema\":1,\"kind\":\"baseline\",\"suite\":\"a\"}", "'fingerprint' is absent");
    is_refused("{\"schema\":1,\"kind\":\"baseline\",\"suite\":\"a\",\"fingerprint\":\"f\","
               "\"current\":{\"why\":null}}",
               "'why' is null");
    is_refused("{\"schema\":1,\"kind\":\"baseline\",\"suite\":\"a\",\"fingerprint\":\"f\","
               "\"current\":{\"why\":\"x\",\"runs\":[{}]}}",
               "no 'schema'");
    const char *path = written("f00d", "beef");
    ck_assert_int_eq(qg_baseline_read(&b, arena, path, &err), QG_EFORMAT);
    char said[1024];
    qg_err_format(&err, said, sizeof said);
    ck_assert_ptr_nonnull(strstr(said, "run 0 is of another machine"));
}
END_TEST

START_TEST(cut_files_are_refused)
{
    qg_str text;
    qg_baseline *b;
    const char *path = written("f00d", "f00d");

    ck_assert_int_eq(qg_file_read(&text, arena, path, 1 << 24, NULL), QG_OK);
    for (size_t n = 0; n + 2 < text.len; n += text.len / 40) {
        ck_assert_int_eq(qg_file_write(path, qg_str_sub(text, 0, n), NULL), QG_OK);
        ck_assert_int_eq(qg_baseline_read(&b, arena, path, NULL), QG_EFORMAT);
    }
}
END_TEST

Suite *baseline_check(void)
{
    Suite *s = suite_create("baseline_check");
    TCase *t = tcase_create("baseline");

    tcase_add_checked_fixture(t, folder_begin, folder_end);
    tcase_add_test(t, the_head_tells_device_driver_and_command);
    tcase_add_test(t, a_baseline_comes_back);
    tcase_add_test(t, other_files_are_refused);
    tcase_add_test(t, cut_files_are_refused);
    suite_add_tcase(s, t);
    return s;
}
