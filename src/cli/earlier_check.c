/* Unit tests of cli/earlier: which runs of a history count as earlier ones, and in which order. */
#include "cli/earlier.h"

#include "base/folder_check.h"
#include "history/history.h"
#include "report/trend.h"

#include <unistd.h>

static qg_err err;
static const char *db;

static void set_up(void)
{
    folder_begin();
    qg_err_clear(&err);
    db = qg_path_join(arena, folder, "runs.db");
}

static qg_scalar weights = {QG_METRIC_WEIGHTS, 0, 1};
static qg_measurement one_case = {.id = {"a/perf/b1", "a", "fp16", "cpu", "performance", 1, 4, 2},
                                  .scalars = &weights,
                                  .n_scalars = 1};
static qg_judgement ppl = {.case_id = "a/perf/b1", .metric = QG_METRIC_PPL, .has_value = true};

static qg_run make_run(const char *suite, const char *started, const char *fingerprint,
                       double value)
{
    weights.value = value;
    ppl.value = 2 * value;
    return (qg_run){.suite = suite,
                    .started = started,
                    .machine.fingerprint = fingerprint,
                    .machine.device = "cpu",
                    .measurements = &one_case,
                    .n_measurements = 1,
                    .judgements = &ppl,
                    .n_judgements = 1};
}

static void append(const char *suite, const char *started, const char *fingerprint, double value)
{
    const qg_history_options options = {.write = true};
    const qg_history_source source = {0};
    qg_arena *own = qg_arena_create();
    qg_run run = make_run(suite, started, fingerprint, value);
    qg_history_added added;
    qg_history *h;

    ck_assert_int_eq(qg_history_open(&h, own, db, &options, &err), QG_OK);
    ck_assert_int_eq(qg_history_append(&added, h, &run, &source, &err), QG_OK);
    qg_arena_free(own);
}

static void fill(void)
{
    append("s*", "2026-01-03T00:00:00Z", "f", 3);
    append("s*", "2026-01-01T00:00:00Z", "f", 1);
    append("s*", "2026-01-02T00:00:00Z", "f", 2);
    append("s*", "2026-01-04T00:00:00Z", "f", 4);
    append("s*", "2026-01-05T00:00:00Z", "f", 5);
    append("s2", "2026-01-02T00:00:00Z", "f", 6);
    append("s*", "2026-01-02T12:00:00Z", "g", 7);
}

START_TEST(earlier_runs_of_suite_and_machine_count)
{
    qg_run run = make_run("s*", "2026-01-04T00:00:00Z", "f", 4);
    qg_report_options options = {0};

    fill();
    ck_assert_int_eq(qg_earlier_find(&options, arena, db, &run, &err), QG_OK);
    ck_assert_uint_eq(options.n_trends, 2);
    const qg_trend *t = qg_trend_find(options.trends, 2, "a/perf/b1", QG_METRIC_WEIGHTS);
    ck_assert_uint_eq(t->n, 3); /* the run itself and later ones are none */
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(t->values[i], i + 1);
    t = qg_trend_find(options.trends, 2, "a/perf/b1", QG_METRIC_PPL);
    ck_assert_uint_eq(t->n, 3);
    ck_assert_double_eq(t->values[2], 6);
}
END_TEST

START_TEST(without_a_history_there_are_none)
{
    static const char *const starts[] = {NULL, "yesterday", "2026-01-01T00:00:00Z"};
    qg_report_options options = {0};
    qg_run run = make_run("s*", "2026-01-04T00:00:00Z", "f", 4);

    ck_assert_int_eq(qg_earlier_find(&options, arena, NULL, &run, &err), QG_OK);
    ck_assert_int_eq(qg_earlier_find(&options, arena, db, &run, &err), QG_OK);
    ck_assert(!qg_file_exists(db)); /* looking makes none */
    ck_assert_int_eq(qg_file_write(db, QG_STR("no history"), &err), QG_OK);
    ck_assert_int_eq(qg_earlier_find(&options, arena, db, &run, &err), QG_OK);
    unlink(db);
    fill();
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        run.started = starts[i];
        ck_assert_int_eq(qg_earlier_find(&options, arena, db, &run, &err), QG_OK);
    }
    run = make_run("s*", "2026-01-04T00:00:00Z", "h", 4);
    ck_assert_int_eq(qg_earlier_find(&options, arena, db, &run, &err), QG_OK);
    run = make_run(NULL, "2026-01-04T00:00:00Z", NULL, 4);
    ck_assert_int_eq(qg_earlier_find(&options, arena, db, &run, &err), QG_OK);
    ck_assert_uint_eq(options.n_trends, 0);
    ck_assert_int_eq(err.code, QG_OK);
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    qg_run run = make_run("s*", "2026-01-04T00:00:00Z", "f", 4);
    qg_report_options options;
    qg_status s;
    long n = 1;

    fill();
    do {
        qg_arena *a = qg_arena_create();
        options = (qg_report_options){0};
        qg_arena_fail_after(n++);
        s = qg_earlier_find(&options, a, db, &run, NULL);
        bool waiting = qg_arena_fail_after(0);
        ck_assert_msg(waiting ? s == QG_OK : s == QG_ENOMEM, "allocation %ld gives %d", n - 1, s);
        qg_arena_free(a);
    } while (s != QG_OK);
    ck_assert_uint_eq(options.n_trends, 2);
}
END_TEST

Suite *earlier_check(void)
{
    Suite *s = suite_create("earlier_check");
    TCase *t = tcase_create("earlier");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, earlier_runs_of_suite_and_machine_count);
    tcase_add_test(t, without_a_history_there_are_none);
    tcase_add_test(t, lack_of_memory_is_said);
    suite_add_tcase(s, t);
    return s;
}
