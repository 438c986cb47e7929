/* Unit tests of history/history: a run appended and asked for, what is told apart, filters, trends,
 * pruning, checks. Damage is in damage_check.c, many writers in writers_check.c. */
#include "history/history.h"

#include "history/run_check.h"

#include <string.h>

static const char *path;

static void set_up(void)
{
    folder_begin();
    path = folder_path("new/folder/h.db");
}

/* ---- append and query ---- */

START_TEST(a_run_comes_back)
{
    const qg_history_source source = {
        .branch = "main", .commit = "0123456789abcdef", .repository = "https://x/y"};
    qg_history *h = history_opened(path, true);

    ck_assert_int_eq(history_put(h, run_made("perf", 0), &source), QG_HISTORY_ADDED);
    qg_history_runs runs = history_runs(history_opened(path, false), (qg_history_filter){0});
    ck_assert_uint_eq(runs.n, 1);
    const qg_history_run *r = &runs.at[0];
    ck_assert_int_eq(r->id, 1);
    ck_assert_uint_eq(strlen(r->key), 32);
    ck_assert_str_eq(r->suite, "perf");
    ck_assert_str_eq(r->suite_file, "suites/s.yaml");
    ck_assert_str_eq(r->suite_hash, "sh");
    ck_assert_str_eq(r->reference, "fp16");
    ck_assert_str_eq(r->version, "0.1.0");
    ck_assert_str_eq(r->build, "build1");
    ck_assert_str_eq(r->branch, "main");
    ck_assert_str_eq(r->commit, "0123456789abcdef");
    ck_assert_str_eq(r->repository, "https://x/y");
    ck_assert_int_eq(r->started, 1767225600);
    ck_assert_int_eq(r->wall_ns, 77);
    ck_assert_int_eq(r->seed, 7);
    ck_assert_int_eq(r->verdict, QG_VERDICT_FAIL);
    ck_assert_int_eq(r->exit_code, 1);
    ck_assert_int_eq(r->n_cases, 2);
    ck_assert_int_eq(r->n_verdicts[QG_VERDICT_PASS], 1);
    ck_assert_int_eq(r->n_verdicts[QG_VERDICT_FAIL], 1);
    ck_assert_int_eq(r->n_verdicts[QG_VERDICT_SKIP], 1);
    ck_assert_int_eq(r->n_verdicts[QG_VERDICT_ERROR], 0);
    ck_assert(!r->partial && !r->pinned && !r->has_checklist);
    ck_assert_str_eq(r->machine.fingerprint, "f00d");
    ck_assert_str_eq(r->machine.flags, "-O2");
    ck_assert_int_eq(r->machine.memory_bytes, 1 << 30);
    ck_assert_ptr_null(r->machine.host);
    ck_assert_ptr_null(r->machine.gpu);
    ck_assert_uint_eq(r->n_models, 1);
    ck_assert_str_eq(r->models[0].model_hash, "mh");
    ck_assert_int_eq(r->models[0].bytes, 2000);
}
END_TEST

static qg_history_trends trends_of(qg_history *h, const qg_history_runs *runs,
                                   qg_history_filter filter)
{
    qg_history_trends t;

    ck_ok(qg_history_trends_find(&t, arena, h, runs, &filter, &why));
    return t;
}

static const qg_history_trend *trend(const qg_history_trends *t, const char *case_id,
                                     qg_metric metric, qg_basis basis)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->at[i].id.id, case_id) == 0 && t->at[i].metric == metric &&
            t->at[i].basis == basis)
            return &t->at[i];
    ck_abort_msg("no trend of %s", case_id);
}

START_TEST(numbers_come_back_as_trends)
{
    qg_history *h = history_opened(path, true);

    for (int day = 2; day >= 0; day--)
        history_put(h, run_made("perf", day), NULL);
    qg_history_runs runs = history_runs(h, (qg_history_filter){0});
    ck_assert_uint_eq(runs.n, 3);
    qg_history_trends t = trends_of(h, &runs, (qg_history_filter){0});
    /* memory judged, ttft_p50 measured and against the baseline, the skipped case itself; p95 and
     * p99 of five samples are only the greatest */
    ck_assert_uint_eq(t.n, 4);
    const qg_history_trend *p50 = trend(&t, "fp16/perf/b4", QG_METRIC_TTFT_P50, QG_BASIS_BUDGET);
    ck_assert_str_eq(p50->suite, "perf");
    ck_assert_str_eq(p50->id.method, "fp16");
    ck_assert_int_eq(p50->id.batch, 4);
    ck_assert_int_eq(p50->id.output_len, 16);
    ck_assert_uint_eq(p50->n_numbers, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(p50->numbers[i].run, i);
        ck_assert_double_eq(p50->numbers[i].value, 3000 + (double)i); /* third of five */
        ck_assert_int_eq(p50->numbers[i].n, 5);
        ck_assert(!p50->numbers[i].judged && !p50->numbers[i].has_limit);
    }
    const qg_history_number *n =
        trend(&t, "fp16/perf/b4", QG_METRIC_TTFT_P50, QG_BASIS_BASELINE)->numbers;
    ck_assert(n->judged && n->is_share && n->has_low && !n->has_high && n->has_base);
    ck_assert_int_eq(n->verdict, QG_VERDICT_FAIL);
    ck_assert_double_eq(n->value, 0.25);
    ck_assert_double_eq(n->low, 0.125);
    ck_assert_double_eq(n->limit, 0.05);
    ck_assert_double_eq(n->base, 2400);
    ck_assert_str_eq(n->message, "slower");
    n = trend(&t, "fp16/perf/b4", QG_METRIC_MEMORY_PEAK, QG_BASIS_BUDGET)->numbers;
    ck_assert(n->judged && n->has_limit && !n->message);
    ck_assert_double_eq(n[2].value, 1048578);
    n = trend(&t, "awq/quality", QG_METRIC_NONE, QG_BASIS_BUDGET)->numbers;
    ck_assert(!n->has_value);
    ck_assert_int_eq(n->verdict, QG_VERDICT_SKIP);
}
END_TEST

START_TEST(trends_are_in_order_and_filtered)
{
    qg_history *h = history_opened(path, true);

    history_put(h, run_made("perf", 0), NULL);
    history_put(h, run_made("a first", 0), NULL);
    qg_history_runs runs = history_runs(h, (qg_history_filter){0});
    ck_assert_str_eq(runs.at[0].suite, "a first");
    qg_history_trends t = trends_of(h, &runs, (qg_history_filter){0});
    ck_assert_uint_eq(t.n, 8);
    ck_assert_str_eq(t.at[0].suite, "a first");
    ck_assert_str_eq(t.at[7].suite, "perf");
    ck_assert_str_eq(t.at[0].id.id, "fp16/perf/b4"); /* the plan has it before awq/quality */
    ck_assert_str_eq(t.at[3].id.id, "awq/quality");
    for (size_t i = 0; i + 1 < t.n; i++)
        if (strcmp(t.at[i].id.id, t.at[i + 1].id.id) == 0)
            ck_assert(t.at[i].metric < t.at[i + 1].metric || t.at[i].basis < t.at[i + 1].basis);
    t = trends_of(h, &runs, (qg_history_filter){.metric = "ttft*"});
    ck_assert_uint_eq(t.n, 4);
    t = trends_of(h, &runs, (qg_history_filter){.case_id = "awq/*"});
    ck_assert_uint_eq(t.n, 2);
    runs.n = 1;
    ck_assert_uint_eq(trends_of(h, &runs, (qg_history_filter){0}).n, 4);
    runs.n = 0;
    ck_assert_uint_eq(trends_of(h, &runs, (qg_history_filter){0}).n, 0);
}
END_TEST

START_TEST(a_record_is_one_row)
{
    const qg_history_source main_branch = {.branch = "main"};
    qg_history *h = history_opened(path, true);
    qg_run *run = run_made("perf", 0);

    ck_assert_int_eq(history_put(h, run, &main_branch), QG_HISTORY_ADDED);
    ck_assert_int_eq(history_put(h, run, &main_branch), QG_HISTORY_KNOWN);
    ck_assert_int_eq(history_put(h, run, NULL), QG_HISTORY_KNOWN);
    /* judged again: the same row with other judgements, and what was known of its source */
    run->judgements[0].verdict = QG_VERDICT_FAIL;
    run->judgements[0].message = "over";
    run->n_judgements = 1;
    run->notices = NULL;
    ck_assert_int_eq(history_put(h, run, NULL), QG_HISTORY_REPLACED);
    qg_history_runs runs = history_runs(h, (qg_history_filter){0});
    ck_assert_uint_eq(runs.n, 1);
    ck_assert_int_eq(runs.at[0].id, 1);
    ck_assert_str_eq(runs.at[0].branch, "main");
    ck_assert_int_eq(runs.at[0].n_verdicts[QG_VERDICT_FAIL], 1);
    ck_assert_uint_eq(trends_of(h, &runs, (qg_history_filter){0}).n, 2);
    /* another source is taken over */
    ck_assert_int_eq(history_put(h, run, &(qg_history_source){.commit = "c0ffee"}),
                     QG_HISTORY_REPLACED);
    runs = history_runs(h, (qg_history_filter){0});
    ck_assert_str_eq(runs.at[0].commit, "c0ffee");
    ck_assert_str_eq(runs.at[0].branch, "main");
    ck_sound(path, 1);
}
END_TEST

START_TEST(other_measurements_are_other_runs)
{
    qg_history *h = history_opened(path, true);
    qg_run *run = run_made("perf", 0);

    history_put(h, run, NULL);
    run->measurements[0].series[0].samples[4] += 1e-9;
    ck_assert_int_eq(history_put(h, run, NULL), QG_HISTORY_ADDED);
    run->measurements[0].scalars[0].value += 1;
    ck_assert_int_eq(history_put(h, run, NULL), QG_HISTORY_ADDED);
    run->machine.fingerprint = "beef";
    ck_assert_int_eq(history_put(h, run, NULL), QG_HISTORY_ADDED);
    run->wall_ns++;
    ck_assert_int_eq(history_put(h, run, NULL), QG_HISTORY_ADDED);
    run->suite = "other";
    ck_assert_int_eq(history_put(h, run, NULL), QG_HISTORY_ADDED);
    /* a case without numbers comes from judging */
    run->n_measurements = 1;
    ck_assert_int_eq(history_put(h, run, NULL), QG_HISTORY_REPLACED);
    ck_sound(path, 6);
}
END_TEST

START_TEST(what_the_newest_run_knows_of_a_case_stands)
{
    qg_history *h = history_opened(path, true);
    qg_run *run = run_made("perf", 0), *next = run_made("perf", 1);

    history_put(h, run, NULL);
    next->measurements[0].id.input_len = 0;
    next->measurements[0].id.batch = 8;
    history_put(h, next, NULL);
    qg_history_runs runs = history_runs(h, (qg_history_filter){0});
    qg_history_trends t = trends_of(h, &runs, (qg_history_filter){.metric = "memory_peak"});
    ck_assert_uint_eq(t.n, 1);
    ck_assert_uint_eq(t.at[0].n_numbers, 2);
    ck_assert_int_eq(t.at[0].id.batch, 8);
    ck_assert_int_eq(t.at[0].id.input_len, 64);
}
END_TEST

START_TEST(checklist_known_failures_and_floors_are_kept)
{
    qg_noise_row row = {.case_id = "fp16/perf/b4", .metric = QG_METRIC_TTFT_P50, .paired = 0.01};
    qg_noise noise = {.rows = &row, .n_rows = 1};
    qg_checklist list = {.gate = "release"};
    qg_history *h = history_opened(path, true);
    qg_run *run = run_made("perf", 0);

    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        list.items[i].item = (qg_checkitem)i;
    list.items[QG_CHECKITEM_CARD].state = QG_CHECKITEM_IS_OTHER_HASH;
    run->checklist = &list;
    run->judgements[0].verdict = QG_VERDICT_KNOWN_FAIL;
    run->judgements[0].issue = "https://x/1";
    run->judgements[0].expires = "2026-12-31";
    history_put(h, run, &(qg_history_source){.noise = &noise});
    qg_history_runs runs = history_runs(h, (qg_history_filter){0});
    ck_assert(runs.at[0].has_checklist);
    ck_assert_str_eq(runs.at[0].gate, "release");
    ck_assert_int_eq(runs.at[0].checklist[QG_CHECKITEM_CARD], QG_CHECKITEM_IS_OTHER_HASH);
    ck_assert_int_eq(runs.at[0].checklist[QG_CHECKITEM_AB], QG_CHECKITEM_IS_DONE);
    qg_history_trends t = trends_of(h, &runs, (qg_history_filter){0});
    const qg_history_number *n =
        trend(&t, "fp16/perf/b4", QG_METRIC_MEMORY_PEAK, QG_BASIS_BUDGET)->numbers;
    ck_assert_str_eq(n->issue, "https://x/1");
    ck_assert_str_eq(n->expires, "2026-12-31");
    ck_assert_double_eq(n->floor, 0);
    n = trend(&t, "fp16/perf/b4", QG_METRIC_TTFT_P50, QG_BASIS_BUDGET)->numbers;
    ck_assert_double_eq_tol(n->floor, 0.03, 1e-12); /* three deviations */
}
END_TEST

START_TEST(texts_of_any_bytes_are_kept)
{
    qg_history *h = history_opened(path, true);
    qg_run *run = run_made("<script>'\"; DROP TABLE runs; --\xff", 0);
    char *longest = qg_arena_alloc(arena, 3002);

    for (int i = 0; i < 3000; i += 2)
        memcpy(longest + i, "\xc3\xa9", 2);
    run->judgements[1].message = longest;
    history_put(h, run, &(qg_history_source){.branch = "a'b\"c\n"});
    qg_history_runs runs = history_runs(h, (qg_history_filter){.branch = "a'b\"c\n"});
    ck_assert_uint_eq(runs.n, 1);
    ck_assert_str_eq(runs.at[0].suite, run->suite);
    qg_history_trends t = trends_of(h, &runs, (qg_history_filter){0});
    const qg_history_number *n =
        trend(&t, "fp16/perf/b4", QG_METRIC_TTFT_P50, QG_BASIS_BASELINE)->numbers;
    ck_assert_uint_eq(strlen(n->message), 1000);
    ck_assert_uint_eq(qg_utf8_valid(qg_str_from(n->message)), 1000);
}
END_TEST

START_TEST(a_run_that_cannot_be_placed_is_refused)
{
    qg_history *h = history_opened(path, true);
    qg_history_added added;
    qg_run *run = run_made("perf", 0);

    run->n_shards = 3;
    run->shard = 2;
    ck_refused(qg_history_append(&added, h, run, NULL, &why), QG_EREFUSED, "merge");
    run->n_shards = run->shard = 0;
    run->started = "yesterday";
    ck_refused(qg_history_append(&added, h, run, NULL, &why), QG_EFORMAT, "when it started");
    run->started = NULL;
    ck_refused(qg_history_append(&added, h, run, NULL, &why), QG_EFORMAT, "when it started");
    run = run_made(NULL, 0);
    ck_refused(qg_history_append(&added, h, run, NULL, &why), QG_EFORMAT, "which suite");
    run = run_made("perf", 0);
    run->measurements[0].series[0].samples[2] = 0.0 / 0.0;
    ck_assert_int_eq(qg_history_append(&added, h, run, NULL, NULL), QG_ENONFINITE);
    ck_sound(path, 0);
}
END_TEST

/* ---- filters ---- */

static size_t n_found(qg_history *h, qg_history_filter filter)
{
    return history_runs(h, filter).n;
}

START_TEST(filters_choose_runs)
{
    qg_history *h = history_opened(path, true);
    const int64_t day = 86400, first = 1767225600;
    qg_run *other = run_made("perf", 3);

    history_put(h, run_made("perf", 0), &(qg_history_source){.branch = "main", .commit = "aa1"});
    history_put(h, run_made("perf", 1), &(qg_history_source){.branch = "x", .commit = "aa2"});
    history_put(h, run_made("quality", 2), NULL);
    other->machine.fingerprint = "beef";
    history_put(h, other, &(qg_history_source){.commit = "ab"});
    ck_assert_uint_eq(n_found(h, (qg_history_filter){0}), 4);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.suite = "p*"}), 3);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.suite = "perf", .branch = "main"}), 1);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.commit = "aa"}), 2);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.commit = "aa2"}), 1);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.fingerprint = "beef"}), 1);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.since = first + day}), 3);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.until = first + day}), 1);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.since = first + 9 * day}), 0);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.id = 3}), 1);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.id = 99}), 0);
    qg_history_runs last = history_runs(h, (qg_history_filter){.last = 2});
    ck_assert_uint_eq(last.n, 3); /* two of each suite, oldest first */
    ck_assert_int_eq(last.at[0].started, first + day);
    ck_assert_int_eq(last.at[1].started, first + 3 * day);
    ck_assert_str_eq(last.at[2].suite, "quality");
}
END_TEST

/* ---- prune ---- */

static qg_history_pruned pruned(qg_history *h, qg_history_limits limits)
{
    qg_history_pruned p;

    ck_ok(qg_history_prune(&p, h, &limits, &why));
    return p;
}

START_TEST(pruning_keeps_what_it_must)
{
    qg_history *h = history_opened(path, true);
    const int64_t day = 86400, first = 1767225600;

    for (int i = 0; i < 10; i++)
        history_put(h, run_made("perf", i), &(qg_history_source){.pinned = i == 2});
    history_put(h, run_made("rare", 0), NULL);
    qg_history_pruned p =
        pruned(h, (qg_history_limits){.before = first + 5 * day, .dry_run = true});
    ck_assert_int_eq(p.n_runs, 4); /* days 0, 1, 3, 4; day 2 is pinned, rare has one run only */
    ck_assert_int_eq(p.n_pinned, 1);
    ck_assert_int_eq(p.n_left, 7);
    ck_sound(path, 11);
    p = pruned(h, (qg_history_limits){.before = first + 5 * day});
    ck_assert_int_eq(p.n_runs, 4);
    ck_sound(path, 7);
    p = pruned(h, (qg_history_limits){.suite = "perf", .most = 2});
    ck_assert_int_eq(p.n_runs, 3);
    ck_sound(path, 4);
    qg_history_runs runs = history_runs(h, (qg_history_filter){0});
    ck_assert_int_eq(runs.at[0].started, first + 2 * day);
    ck_assert_int_eq(runs.at[1].started, first + 8 * day);
    ck_assert_int_eq(runs.at[2].started, first + 9 * day);
    ck_assert_str_eq(runs.at[3].suite, "rare");
    ck_assert_uint_eq(trends_of(h, &runs, (qg_history_filter){0}).n, 8);
    ck_ok(qg_history_pin(h, runs.at[0].id, false, &why));
    ck_assert_int_eq(pruned(h, (qg_history_limits){.most = 1}).n_runs, 2);
    ck_sound(path, 2);
    ck_refused(qg_history_pin(h, 12345, true, &why), QG_ENOTFOUND, "no run 12345");
    /* what was taken out can be appended again, under a new number */
    ck_assert_int_eq(history_put(h, run_made("perf", 4), NULL), QG_HISTORY_ADDED);
    ck_assert_uint_eq(n_found(h, (qg_history_filter){.id = 12}), 1);
}
END_TEST

START_TEST(pruning_gives_room_back)
{
    qg_history *h = history_opened(path, true);
    qg_run *run = run_made("perf", 0);
    char hash[16];

    for (int i = 0; i < 300; i++) {
        run->wall_ns = i;
        snprintf(hash, sizeof hash, "hash-%d", i);
        run->models[0].model_hash = hash; /* a model of its own, which ends with its run */
        history_put(h, run, NULL);
    }
    qg_history_pruned p = pruned(h, (qg_history_limits){.most = 10});
    ck_assert_int_eq(p.n_runs, 290);
    ck_assert_int_lt(p.bytes_after, p.bytes_before * 7 / 10);
    ck_assert_int_eq(qg_file_size(path), p.bytes_after);
    ck_sound(path, 10);
}
END_TEST

/* ---- memory ---- */

START_TEST(every_allocation_may_fail)
{
    qg_run *run = run_made("perf", 0);
    const char *file;
    bool waiting = false;

    for (long n = 1; !waiting; n++) {
        qg_arena *fresh = qg_arena_create();
        const qg_history_options options = {.write = true};
        const qg_history_filter all = {0};
        qg_history *h;
        qg_history_added added;
        qg_history_runs runs;
        qg_history_trends trends;
        file = qg_arena_format(arena, "%s/oom-%ld.db", folder, n);
        qg_arena_fail_after(n);
        qg_status s = qg_history_open(&h, fresh, file, &options, NULL);
        if (s == QG_OK)
            s = qg_history_append(&added, h, run, NULL, NULL);
        if (s == QG_OK)
            s = qg_history_runs_find(&runs, fresh, h, &all, NULL);
        if (s == QG_OK)
            s = qg_history_trends_find(&trends, fresh, h, &runs, &all, NULL);
        waiting = qg_arena_fail_after(0);
        ck_assert_int_eq(s, waiting ? QG_OK : QG_ENOMEM);
        ck_assert(!waiting || n > 60);
        qg_arena_free(fresh);
        if (qg_file_exists(file))
            ck_assert_uint_le(history_runs(history_opened(file, true), all).n, 1);
    }
}
END_TEST

START_TEST(runs_of_a_suite_are_counted)
{
    const char *const branches[] = {"main", "main", NULL, "next"};
    qg_history *h = history_opened(path, true);
    int64_t n;

    for (int day = 0; day < 4; day++)
        history_put(h, run_made("perf*", day), &(qg_history_source){.branch = branches[day]});
    history_put(h, run_made("perform", 0), NULL); /* names are no globs here */
    ck_ok(qg_history_count(&n, h, "perf*", NULL, &why));
    ck_assert_int_eq(n, 4);
    ck_ok(qg_history_count(&n, h, "perf*", "main", &why));
    ck_assert_int_eq(n, 2);
    ck_ok(qg_history_count(&n, h, "absent", NULL, &why));
    ck_assert_int_eq(n, 0);
}
END_TEST

/* ---- check ---- */

START_TEST(check_counts_and_changes_nothing)
{
    qg_findings findings;
    qg_history_state state;
    qg_history *h = history_opened(path, true);

    history_put(h, run_made("perf", 0), NULL);
    qg_findings_begin(&findings, arena);
    ck_ok(qg_history_check(&findings, &state, path, &why));
    ck_assert_uint_eq(findings.n, 0);
    ck_assert_int_eq(state.schema, QG_HISTORY_SCHEMA);
    ck_assert_int_eq(state.n_suites, 1);
    ck_assert_int_eq(state.n_runs, 1);
    ck_assert_int_eq(state.n_numbers, 4);
    ck_assert_int_gt(state.bytes, 4096);
    ck_ok(qg_history_check(&findings, &state, folder_path("none.db"), &why));
    ck_assert_uint_eq(findings.n_errors, 1);
    ck_assert(!qg_file_exists(folder_path("none.db")));
}
END_TEST

Suite *history_check(void)
{
    Suite *s = suite_create("history_check");
    TCase *t = tcase_create("history");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_run_comes_back);
    tcase_add_test(t, numbers_come_back_as_trends);
    tcase_add_test(t, trends_are_in_order_and_filtered);
    tcase_add_test(t, a_record_is_one_row);
    tcase_add_test(t, other_measurements_are_other_runs);
    tcase_add_test(t, what_the_newest_run_knows_of_a_case_stands);
    tcase_add_test(t, checklist_known_failures_and_floors_are_kept);
    tcase_add_test(t, texts_of_any_bytes_are_kept);
    tcase_add_test(t, a_run_that_cannot_be_placed_is_refused);
    tcase_add_test(t, filters_choose_runs);
    tcase_add_test(t, pruning_keeps_what_it_must);
    tcase_add_test(t, pruning_gives_room_back);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_add_test(t, runs_of_a_suite_are_counted);
    tcase_add_test(t, check_counts_and_changes_nothing);
    suite_add_tcase(s, t);
    return s;
}
