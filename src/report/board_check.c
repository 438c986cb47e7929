/* Unit tests of report/board and board_json: lines out of trends, machines and branches told apart,
 * what the newest run says, and the JSON of it for texts and numbers of every kind. Runs are those
 * of history/run_check.h: day 0 is the first of 2026. */
#include "report/board.h"

#include "history/run_check.h"
#include "report/board_json.h"

#include <math.h>

static qg_history *history;

static void set_up(void)
{
    folder_begin();
    history = history_opened(folder_path("h.db"), true);
}

static qg_board board_of(void)
{
    static qg_history_runs runs;
    qg_board b;

    runs = history_runs(history, (qg_history_filter){0});
    ck_ok(qg_board_read(&b, arena, history, &runs, &why));
    return b;
}

static const qg_json *json_of(void (*put)(qg_json_writer *, const qg_board *,
                                          const qg_board_place *),
                              const qg_board *b);

static const qg_board_line *line_of(const qg_board *b, qg_metric metric)
{
    for (size_t i = 0; i < b->n_lines; i++)
        if (b->lines[i].metric == metric)
            return &b->lines[i];
    ck_abort_msg("no line of %s", qg_metric_info_of(metric)->name);
}

/* ---- lines ---- */

START_TEST(a_line_joins_what_each_basis_says)
{
    history_put(history, run_made("perf", 1), NULL);
    history_put(history, run_made("perf", 0), NULL);
    qg_board b = board_of();

    ck_assert_uint_eq(b.n_lines, 2); /* a case that was skipped has none */
    const qg_board_line *ttft = line_of(&b, QG_METRIC_TTFT_P50);
    ck_assert_str_eq(ttft->id.id, "fp16/perf/b4");
    ck_assert_int_eq(ttft->id.batch, 4);
    ck_assert_uint_eq(ttft->n_points, 2);
    for (size_t i = 0; i < 2; i++) {
        const qg_board_point *p = &ttft->points[i];
        ck_assert_uint_eq(p->run, i);
        ck_assert_double_eq(p->value, 3000 + (double)i); /* third of five samples */
        ck_assert(p->has_base && !p->has_anchor && !p->has_limit && !p->has_low);
        ck_assert_double_eq(p->base, 2400);
        ck_assert(p->judged);
        ck_assert_int_eq(p->verdict, QG_VERDICT_FAIL);
    }
    const qg_board_point *memory = line_of(&b, QG_METRIC_MEMORY_PEAK)->points;
    ck_assert(memory->has_limit && !memory->has_base);
    ck_assert_double_eq(memory->limit, 2097152);
    ck_assert_double_eq(memory[1].value, 1048577);
    ck_assert_int_eq(memory->verdict, QG_VERDICT_PASS);
}
END_TEST

START_TEST(the_anchor_and_the_worst_verdict_are_kept)
{
    qg_run *run = run_made("perf", 0);
    qg_judgement j[4];

    memcpy(j, run->judgements, 3 * sizeof *j);
    j[3] = j[1];
    j[3].basis = QG_BASIS_ANCHOR;
    j[3].verdict = QG_VERDICT_PASS;
    j[3].base = 2000;
    run->judgements = j;
    run->n_judgements = 4;
    history_put(history, run, NULL);
    qg_board b = board_of();
    const qg_board_point *p = line_of(&b, QG_METRIC_TTFT_P50)->points;
    ck_assert(p->has_base && p->has_anchor);
    ck_assert_double_eq(p->base, 2400);
    ck_assert_double_eq(p->anchor, 2000);
    ck_assert_int_eq(p->verdict, QG_VERDICT_FAIL);
}
END_TEST

/* p95 of five samples is no number by itself, but it was held to the baseline: 25 % over 2400. */
START_TEST(a_value_follows_from_base_and_change)
{
    qg_run *run = run_made("perf", 0);

    run->judgements[1].metric = QG_METRIC_TTFT_P95;
    history_put(history, run, NULL);
    run = run_made("perf", 1);
    run->judgements[1].metric = QG_METRIC_TTFT_P95;
    run->judgements[1].is_share = false;
    run->judgements[1].value = -400;
    history_put(history, run, NULL);
    qg_board b = board_of();
    const qg_board_line *p95 = line_of(&b, QG_METRIC_TTFT_P95);
    ck_assert_uint_eq(p95->n_points, 2);
    ck_assert_double_eq(p95->points[0].value, 3000);
    ck_assert_double_eq(p95->points[1].value, 2000);
}
END_TEST

START_TEST(a_run_without_the_metric_is_a_gap)
{
    history_put(history, run_made("perf", 0), NULL);
    qg_run *run = run_made("perf", 1);
    run->measurements[0].n_series = 0;
    run->n_judgements = 1;
    history_put(history, run, NULL);
    history_put(history, run_made("perf", 2), NULL);
    qg_board b = board_of();
    const qg_board_line *ttft = line_of(&b, QG_METRIC_TTFT_P50);
    ck_assert_uint_eq(b.n_runs, 3);
    ck_assert_uint_eq(ttft->n_points, 2);
    ck_assert_uint_eq(ttft->points[0].run, 0);
    ck_assert_uint_eq(ttft->points[1].run, 2);
}
END_TEST

START_TEST(machines_and_branches_are_numbered)
{
    const char *branches[] = {"main", NULL, "main", "next"};
    const char *fingerprints[] = {"f00d", "f00d", "cafe", NULL};
    const size_t branch_of[] = {0, 1, 0, 2}, machine_of[] = {0, 0, 1, 2};

    for (int day = 0; day < 4; day++) {
        qg_run *run = run_made("perf", day);
        run->machine.fingerprint = fingerprints[day];
        history_put(history, run, &(qg_history_source){.branch = branches[day]});
    }
    qg_board b = board_of();
    ck_assert_uint_eq(b.n_machines, 3);
    ck_assert_uint_eq(b.n_branches, 3);
    ck_assert_mem_eq(b.branch_of, branch_of, sizeof branch_of);
    ck_assert_mem_eq(b.machine_of, machine_of, sizeof machine_of);
    ck_assert_uint_eq(b.machines[1], 2);
    ck_assert_uint_eq(b.branches[2], 3);
}
END_TEST

/* ---- change points ---- */

/* A run of that day whose ttft_p50 is `value`, and its memory that of all days. */
static qg_run *run_of(int day, double value, const char *fingerprint)
{
    qg_run *run = run_made("perf", day);

    for (int i = 0; i < 5; i++)
        run->measurements[0].series->samples[i] = value;
    run->judgements[0].value = run->measurements[0].scalars->value = 1048576;
    run->machine.fingerprint = fingerprint;
    return run;
}

START_TEST(a_step_is_a_change_of_level)
{
    for (int day = 0; day < 30; day++)
        history_put(history, run_of(day, (day < 17 ? 1000 : 1100) + day % 3, "f00d"), NULL);
    qg_board b = board_of();
    const qg_board_line *ttft = line_of(&b, QG_METRIC_TTFT_P50);
    ck_assert_uint_eq(ttft->n_changes, 1);
    ck_assert_uint_eq(ttft->changes[0].run, 17);
    ck_assert_double_eq(ttft->changes[0].before, 1001);
    ck_assert_double_eq(ttft->changes[0].after, 1101);
}
END_TEST

/* Machine beef is slower, and both keep their level: by turns they would look like anything. */
START_TEST(machines_are_not_mixed)
{
    for (int day = 0; day < 40; day++)
        history_put(history,
                    day < 20 ? run_of(day, 1000 + day % 3, "f00d")
                             : run_of(day, 2000 + day % 3, "beef"),
                    NULL);
    qg_board b = board_of();
    ck_assert_uint_eq(line_of(&b, QG_METRIC_TTFT_P50)->n_changes, 0);
}
END_TEST

START_TEST(changes_of_two_branches_are_in_order)
{
    for (int day = 0; day < 60; day++) {
        bool next = day % 2;
        double level = next ? (day < 21 ? 500 : 600) : (day < 40 ? 1000 : 900);
        history_put(history, run_of(day, level + day % 3, "f00d"),
                    &(qg_history_source){.branch = next ? "next" : "main"});
    }
    qg_board b = board_of();
    const qg_board_line *ttft = line_of(&b, QG_METRIC_TTFT_P50);
    ck_assert_uint_eq(ttft->n_changes, 2);
    ck_assert_uint_eq(ttft->changes[0].run, 21);
    ck_assert_double_eq(ttft->changes[0].after, 601);
    ck_assert_uint_eq(ttft->changes[1].run, 40);
    ck_assert_double_eq(ttft->changes[1].before, 1001);
    /* both are in the entry, the newest first */
    const qg_json *changes = qg_json_get(json_of(qg_board_put_entry, &b), "changes");
    int64_t at;
    ck_assert_uint_eq(qg_json_len(changes), 2);
    ck_assert(qg_json_int(qg_json_get(qg_json_at(changes, 0), "at"), &at));
    ck_assert_int_eq(at, 1767225600 + 40 * 86400);
}
END_TEST

/* Older than the newest QG_BOARD_CHANGE_RUNS. */
START_TEST(old_changes_are_forgotten)
{
    for (int day = 0; day < QG_BOARD_CHANGE_RUNS + 20; day++)
        history_put(history, run_of(day, day < 20 ? 1000 : 2000, "f00d"), NULL);
    qg_board b = board_of();
    ck_assert_uint_eq(line_of(&b, QG_METRIC_TTFT_P50)->n_changes, 0);
}
END_TEST

/* ---- what the newest run says ---- */

START_TEST(the_newest_run_alone_asks_for_somebody)
{
    history_put(history, run_made("perf", 0), NULL); /* fails, but it is old */
    qg_run *run = run_made("perf", 1);
    run->judgements[0].verdict = QG_VERDICT_INCONCLUSIVE;
    run->judgements[2].verdict = QG_VERDICT_ERROR;
    history_put(history, run, NULL);
    qg_board b = board_of();
    ck_assert_uint_eq(b.n_bad, 3);
    ck_assert_int_eq(b.bad[0].verdict, QG_VERDICT_ERROR);
    ck_assert_int_eq(b.bad[0].metric, QG_METRIC_NONE);
    ck_assert_str_eq(b.bad[0].case_id, "awq/quality");
    ck_assert_int_eq(b.bad[1].verdict, QG_VERDICT_FAIL);
    ck_assert_str_eq(b.bad[1].message, "slower");
    ck_assert_int_eq(b.bad[2].verdict, QG_VERDICT_INCONCLUSIVE);
    ck_assert_uint_eq(b.n_known, 0);
}
END_TEST

START_TEST(known_failures_come_with_issue_and_day)
{
    qg_run *run = run_made("perf", 0);

    run->judgements[1].verdict = QG_VERDICT_KNOWN_FAIL;
    run->judgements[1].issue = "https://x/1";
    run->judgements[1].expires = "2026-03-01";
    run->judgements[0].verdict = QG_VERDICT_FAIL; /* its day is over */
    run->judgements[0].expires = "2025-12-31";
    history_put(history, run, NULL);
    qg_board b = board_of();
    ck_assert_uint_eq(b.n_known, 2);
    ck_assert_uint_eq(b.n_bad, 1);
    ck_assert_str_eq(b.bad[0].expires, "2025-12-31");
    const qg_board_notice *k = b.known[0].issue ? &b.known[0] : &b.known[1];
    ck_assert_str_eq(k->issue, "https://x/1");
    ck_assert_str_eq(k->expires, "2026-03-01");
    ck_assert_int_eq(k->metric, QG_METRIC_TTFT_P50);
}
END_TEST

START_TEST(memory_may_end_anywhere)
{
    bool reached = true;

    history_put(history, run_made("perf", 0), NULL);
    history_put(history, run_made("perf", 1), NULL);
    qg_history_runs runs = history_runs(history, (qg_history_filter){0});
    for (long n = 1; reached; n++) {
        qg_arena *fresh = qg_arena_create();
        qg_board b;
        qg_arena_fail_after(n);
        qg_status s = qg_board_read(&b, fresh, history, &runs, NULL);
        reached = !qg_arena_fail_after(0);
        ck_assert_int_eq(s, reached ? QG_ENOMEM : QG_OK);
        ck_assert(reached || n > 10);
        qg_arena_free(fresh);
    }
}
END_TEST

/* ---- JSON ---- */

static const qg_json *json_of(void (*put)(qg_json_writer *, const qg_board *,
                                          const qg_board_place *),
                              const qg_board *b)
{
    const qg_board_place place = {"suite-0", "https://x/commit/", 1000};
    const qg_json *root;
    qg_json_writer w;
    qg_buf buf;

    qg_buf_init(&buf, arena);
    qg_json_write_begin(&w, &buf);
    put(&w, b, &place);
    ck_ok(qg_json_write_end(&w, &why));
    ck_assert_ptr_null(strchr(buf.ptr, '\n'));
    ck_ok(qg_json_parse(&root, arena, qg_buf_view(&buf), "board", &why));
    return root;
}

static void ck_text(const qg_json *object, const char *key, const char *expected)
{
    qg_str text;

    ck_assert_msg(qg_json_str(qg_json_get(object, key), &text), "no text '%s'", key);
    ck_assert_msg(qg_str_is(text, expected), "'%s' is '" QG_STR_PRI "'", key, QG_STR_ARG(text));
}

static double number_at(const qg_json *array, size_t i)
{
    double v;

    ck_assert(qg_json_real(qg_json_at(array, i), &v));
    return v;
}

START_TEST(points_are_columns)
{
    history_put(history, run_made("perf", 0), &(qg_history_source){.commit = "abc"});
    history_put(history, run_made("perf", 1), NULL);
    qg_board b = board_of();
    const qg_json *root = json_of(qg_board_put_data, &b), *series = qg_json_get(root, "series");

    ck_text(root, "name", "perf");
    ck_text(root, "commit_url", "https://x/commit/");
    ck_text(qg_json_at(qg_json_get(root, "machines"), 0), "text", "EPYC, avx2, 2 threads");
    ck_text(qg_json_at(qg_json_get(root, "runs"), 0), "commit", "abc");
    ck_text(qg_json_at(qg_json_get(root, "runs"), 1), "commit", "");
    ck_assert_uint_eq(qg_json_len(series), b.n_lines);
    for (size_t i = 0; i < b.n_lines; i++) {
        const qg_json *line = qg_json_at(series, i);
        const qg_json *value = qg_json_get(line, "value");
        int64_t metric;
        ck_assert(qg_json_int(qg_json_get(line, "metric"), &metric));
        ck_assert_int_eq(metric, b.lines[i].metric);
        ck_text(line, "model", "fp16");
        ck_assert_uint_eq(qg_json_len(value), 2);
        ck_assert_uint_eq(qg_json_len(qg_json_get(line, "verdict")), 2);
        ck_assert_double_eq(number_at(value, 1), metric == QG_METRIC_TTFT_P50 ? 3001 : 1048577);
        /* what no point has is no column */
        ck_assert_uint_eq(qg_json_len(qg_json_get(line, "base")),
                          metric == QG_METRIC_TTFT_P50 ? 2 : 0);
        ck_assert(qg_json_is_null(qg_json_get(line, "low")));
        ck_assert(qg_json_is_null(qg_json_get(line, "anchor")));
    }
}
END_TEST

/* The history holds no such numbers; the writer keeps JSON whole all the same. */
START_TEST(numbers_of_every_kind)
{
    const double values[] = {NAN, INFINITY, 0.1234567891, 12345678901234.0, -0.5, 1e300};
    qg_board_point points[6] = {{0}};
    qg_board_line line = {
        .id = {.id = "c"}, .metric = QG_METRIC_PPL, .points = points, .n_points = 6};

    history_put(history, run_made("perf", 0), NULL);
    qg_board b = board_of();
    for (size_t i = 0; i < 6; i++)
        points[i].value = values[i];
    b.lines = &line;
    b.n_lines = 1;
    const qg_json *root = json_of(qg_board_put_data, &b);
    const qg_json *value = qg_json_get(qg_json_at(qg_json_get(root, "series"), 0), "value");
    ck_assert(qg_json_is_null(qg_json_at(value, 0)) && qg_json_is_null(qg_json_at(value, 1)));
    ck_assert_double_eq(number_at(value, 2), 0.1234568);
    ck_assert_double_eq(number_at(value, 3), 12345678901234.0);
    ck_assert_double_eq(number_at(value, 4), -0.5);
    ck_assert_double_eq(number_at(value, 5), 1e300);
    ck_assert_ptr_nonnull(json_of(qg_board_put_entry, &b)); /* the spark of it too */
}
END_TEST

START_TEST(texts_of_every_kind_are_values)
{
    static const char name[] = "__proto__</script>\xff\x01\"";
    qg_run *run = run_made(name, 0);

    run->measurements[0].id.model = name;
    run->judgements[1].message = name;
    history_put(history, run, &(qg_history_source){.branch = name});
    qg_board b = board_of();
    const qg_json *entry = json_of(qg_board_put_entry, &b), *data = json_of(qg_board_put_data, &b);
    static const char shown[] = "__proto__</script>\xef\xbf\xbd\x01\"";
    ck_text(entry, "name", shown);
    ck_text(qg_json_get(entry, "last"), "branch", shown);
    ck_text(qg_json_at(qg_json_get(entry, "bad"), 0), "message", shown);
    ck_text(qg_json_at(qg_json_get(data, "series"), 0), "model", shown);
    qg_str branch;
    ck_assert(qg_json_str(qg_json_at(qg_json_get(data, "branches"), 0), &branch));
    ck_assert(qg_str_is(branch, shown));
}
END_TEST

START_TEST(the_entry_counts_and_cuts)
{
    for (int day = 0; day < QG_BOARD_STRIP + 3; day++)
        history_put(history, run_made("perf", day), NULL);
    qg_board b = board_of();
    const qg_json *entry = json_of(qg_board_put_entry, &b);
    const qg_json *last = qg_json_get(entry, "last"), *spark = qg_json_get(entry, "spark");
    int64_t v;

    ck_assert(qg_json_int(qg_json_get(entry, "n_runs"), &v) && v == 1000);
    ck_assert(qg_json_int(qg_json_get(entry, "n_kept"), &v) && v == QG_BOARD_STRIP + 3);
    ck_assert_uint_eq(qg_json_len(qg_json_get(entry, "verdicts")), QG_BOARD_STRIP);
    ck_assert_uint_eq(qg_json_len(qg_json_get(spark, "values")), QG_BOARD_STRIP);
    ck_assert(qg_json_int(qg_json_get(last, "at"), &v));
    ck_assert_int_eq(v, 1767225600 + (QG_BOARD_STRIP + 2) * 86400);
    ck_assert_uint_eq(qg_json_len(qg_json_get(last, "counts")), QG_N_VERDICTS);
    ck_assert_double_eq(number_at(qg_json_get(last, "counts"), QG_VERDICT_FAIL), 1);
    ck_assert(qg_json_is_null(qg_json_get(entry, "checklist")));
    ck_assert_uint_eq(qg_json_len(qg_json_get(entry, "noise")), 0);
}
END_TEST

START_TEST(floors_are_those_of_the_newest_calibration)
{
    qg_noise_row row = {.case_id = "fp16/perf/b4", .metric = QG_METRIC_TTFT_P50, .paired = 0.01};
    qg_noise noise = {.rows = &row, .n_rows = 1};

    history_put(history, run_made("perf", 0), &(qg_history_source){.noise = &noise});
    row.paired = 0.02;
    history_put(history, run_made("perf", 1), &(qg_history_source){.noise = &noise});
    history_put(history, run_made("perf", 2), NULL);
    qg_board b = board_of();
    const qg_json *list = qg_json_get(json_of(qg_board_put_entry, &b), "noise");
    ck_assert_uint_eq(qg_json_len(list), 1);
    ck_text(qg_json_at(list, 0), "fingerprint", "f00d");
    const qg_json *rows = qg_json_get(qg_json_at(list, 0), "rows");
    double floor;
    ck_assert_uint_eq(qg_json_len(rows), 1);
    ck_assert(qg_json_real(qg_json_get(qg_json_at(rows, 0), "floor"), &floor));
    ck_assert_double_eq_tol(floor, 0.06, 1e-9); /* three deviations */
}
END_TEST

Suite *board_check(void)
{
    Suite *s = suite_create("board_check");
    TCase *t = tcase_create("board");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_add_test(t, a_line_joins_what_each_basis_says);
    tcase_add_test(t, the_anchor_and_the_worst_verdict_are_kept);
    tcase_add_test(t, a_value_follows_from_base_and_change);
    tcase_add_test(t, a_run_without_the_metric_is_a_gap);
    tcase_add_test(t, machines_and_branches_are_numbered);
    tcase_add_test(t, a_step_is_a_change_of_level);
    tcase_add_test(t, machines_are_not_mixed);
    tcase_add_test(t, changes_of_two_branches_are_in_order);
    tcase_add_test(t, old_changes_are_forgotten);
    tcase_add_test(t, the_newest_run_alone_asks_for_somebody);
    tcase_add_test(t, known_failures_come_with_issue_and_day);
    tcase_add_test(t, memory_may_end_anywhere);
    tcase_add_test(t, points_are_columns);
    tcase_add_test(t, numbers_of_every_kind);
    tcase_add_test(t, texts_of_every_kind_are_values);
    tcase_add_test(t, the_entry_counts_and_cuts);
    tcase_add_test(t, floors_are_those_of_the_newest_calibration);
    suite_add_tcase(s, t);
    return s;
}
