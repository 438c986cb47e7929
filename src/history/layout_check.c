/* Unit tests of history/layout: a file of the first schema, as it was written then, is migrated
 * with what it holds; in a copy where it may only be read; one of a newer program or of another is
 * refused and left as it is. */
#include "history/layout.h"

#include "base/hash.h"
#include "history/run_check.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first schema, frozen: never changed with layout.c. */
static const char schema_1[] =
    "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; BEGIN;"
    "CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE suites (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE machines (id INTEGER PRIMARY KEY, fingerprint TEXT, os TEXT, cpu TEXT,"
    " n_cpus INTEGER NOT NULL, memory_bytes INTEGER NOT NULL, device TEXT, gpu TEXT, tier TEXT,"
    " n_threads INTEGER NOT NULL, compiler TEXT, flags TEXT) STRICT;"
    "CREATE INDEX machines_by_fingerprint ON machines (fingerprint);"
    "CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL, family TEXT, method TEXT,"
    " model_hash TEXT, tokenizer_hash TEXT, n_params INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " bits INTEGER NOT NULL, group_size INTEGER NOT NULL) STRICT;"
    "CREATE INDEX models_by_hash ON models (model_hash, name);"
    "CREATE TABLE cases (id INTEGER PRIMARY KEY, suite INTEGER NOT NULL REFERENCES suites,"
    " name TEXT NOT NULL, model TEXT, method TEXT, device TEXT, kind TEXT, batch INTEGER NOT NULL,"
    " input_len INTEGER NOT NULL, output_len INTEGER NOT NULL, UNIQUE (suite, name)) STRICT;"
    "CREATE TABLE series (id INTEGER PRIMARY KEY, case_id INTEGER NOT NULL REFERENCES cases,"
    " metric TEXT NOT NULL, basis TEXT NOT NULL, UNIQUE (case_id, metric, basis)) STRICT;"
    "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,"
    " content TEXT NOT NULL, suite INTEGER NOT NULL REFERENCES suites, started INTEGER NOT NULL,"
    " wall_ns INTEGER NOT NULL, seed INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES "
    "machines,"
    " suite_file INTEGER REFERENCES texts, suite_hash INTEGER REFERENCES texts,"
    " reference INTEGER REFERENCES texts, version INTEGER REFERENCES texts,"
    " build INTEGER REFERENCES texts, branch INTEGER REFERENCES texts, commit_hash TEXT,"
    " repository INTEGER REFERENCES texts, checklist INTEGER REFERENCES texts,"
    " verdict INTEGER NOT NULL, exit_code INTEGER NOT NULL, partial INTEGER NOT NULL,"
    " pinned INTEGER NOT NULL, n_cases INTEGER NOT NULL, n_numbers INTEGER NOT NULL,"
    " n_pass INTEGER NOT NULL, n_fail INTEGER NOT NULL, n_inconclusive INTEGER NOT NULL,"
    " n_skip INTEGER NOT NULL, n_known_fail INTEGER NOT NULL, n_error INTEGER NOT NULL) STRICT;"
    "CREATE INDEX runs_by_suite ON runs (suite, started);"
    "CREATE TABLE run_models (run INTEGER NOT NULL REFERENCES runs, place INTEGER NOT NULL,"
    " model INTEGER NOT NULL REFERENCES models, PRIMARY KEY (run, place)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE numbers (run INTEGER NOT NULL REFERENCES runs,"
    " series INTEGER NOT NULL REFERENCES series, verdict INTEGER, value REAL, n INTEGER NOT NULL,"
    " low REAL, high REAL, bound REAL, base REAL, at_least INTEGER NOT NULL,"
    " is_share INTEGER NOT NULL, PRIMARY KEY (run, series)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE remarks (run INTEGER NOT NULL, series INTEGER NOT NULL, message TEXT, issue TEXT,"
    " expires TEXT, PRIMARY KEY (run, series),"
    " FOREIGN KEY (run, series) REFERENCES numbers) STRICT, WITHOUT ROWID;"
    "INSERT INTO texts VALUES (1, 'main'), (2, 'pr;baseline=done;card=missing');"
    "INSERT INTO suites VALUES (1, 'old suite');"
    "INSERT INTO machines VALUES (1, 'f00d', 'Linux', 'EPYC', 2, 1024, 'cpu', NULL, 'avx2', 1,"
    " 'gcc', '-O2');"
    "INSERT INTO models VALUES (1, 'fp16', 'llama', 'fp16', 'mh', 'th', 10, 20, 0, 0);"
    "INSERT INTO cases VALUES (1, 1, 'fp16/perf/b1', 'fp16', 'fp16', 'cpu', 'performance', 1, 8, "
    "4);"
    "INSERT INTO series VALUES (1, 1, 'ttft_p50', 'budget'), (2, 1, 'of a newer program',"
    " 'budget');"
    "INSERT INTO runs VALUES (41, '00112233445566778899aabbccddeeff', 'c', 1, 1767225600, 5, 7, 1,"
    " NULL, NULL, NULL, NULL, NULL, 1, 'abc', NULL, 2, 1, 1, 0, 1, 1, 2, 0, 1, 0, 0, 0, 0);"
    "INSERT INTO run_models VALUES (41, 0, 1);"
    "INSERT INTO numbers VALUES (41, 1, 1, 12.5, 60, 12, 13, 11, NULL, 0, 0),"
    " (41, 2, NULL, 1, 1, NULL, NULL, NULL, NULL, 0, 0);"
    "INSERT INTO remarks VALUES (41, 1, 'too slow', NULL, NULL);"
    "PRAGMA application_id = 1902602355; PRAGMA user_version = 1; COMMIT;";

static const char *path;

static void set_up(void)
{
    folder_begin();
    path = folder_path("h.db");
}

/* Runs SQL on a file as another program would. */
static void write_with(const char *file, const char *sql)
{
    const qg_db_options options = {.write = true, .timeout_ms = 5000};
    qg_arena *own = qg_arena_create();
    qg_db *db;

    ck_ok(qg_db_open(&db, own, file, &options, &why));
    ck_ok(qg_db_exec(db, sql, &why));
    qg_arena_free(own);
}

static int64_t read_with(const char *file, const char *sql)
{
    const qg_db_options options = {.timeout_ms = 5000};
    qg_arena *own = qg_arena_create();
    int64_t v;
    qg_db *db;

    ck_ok(qg_db_open(&db, own, file, &options, &why));
    ck_ok(qg_db_int(&v, db, sql, &why));
    qg_arena_free(own);
    return v;
}

static void is_the_old_run(qg_history *h)
{
    qg_history_runs runs = history_runs(h, (qg_history_filter){.id = 41});
    const qg_history_filter all = {0};
    qg_history_trends t;

    ck_assert_uint_eq(runs.n, 1);
    ck_assert_str_eq(runs.at[0].suite, "old suite");
    ck_assert_str_eq(runs.at[0].branch, "main");
    ck_assert(runs.at[0].pinned && runs.at[0].has_checklist);
    ck_assert_str_eq(runs.at[0].gate, "pr");
    ck_assert_int_eq(runs.at[0].checklist[QG_CHECKITEM_CARD], QG_CHECKITEM_IS_MISSING);
    ck_assert_int_eq(runs.at[0].verdict, QG_VERDICT_FAIL);
    ck_ok(qg_history_trends_find(&t, arena, h, &runs, &all, &why));
    ck_assert_uint_eq(t.n, 1); /* the other metric is not known here */
    ck_assert_double_eq(t.at[0].numbers[0].value, 12.5);
    ck_assert_double_eq(t.at[0].numbers[0].limit, 11);
    ck_assert_double_eq(t.at[0].numbers[0].floor, 0);
    ck_assert_str_eq(t.at[0].numbers[0].message, "too slow");
}

START_TEST(a_file_of_the_first_schema_is_migrated)
{
    write_with(path, schema_1);
    ck_assert_int_eq(read_with(path, "PRAGMA user_version"), 1);
    qg_history *h = history_opened(path, true);
    ck_assert_int_eq(read_with(path, "PRAGMA user_version"), QG_HISTORY_SCHEMA);
    is_the_old_run(h);
    ck_assert_int_eq(history_put(h, run_made("old suite", 1), NULL), QG_HISTORY_ADDED);
    ck_assert_uint_eq(history_runs(h, (qg_history_filter){.id = 42}).n, 1);
    ck_sound(path, 2);
}
END_TEST

START_TEST(a_migrated_file_is_as_a_new_one)
{
    static const char tables[] =
        "SELECT sum(length(sql)) + count(*) FROM sqlite_master WHERE sql NOT NULL";
    const char *fresh = folder_path("new.db");

    write_with(path, schema_1);
    history_opened(path, true);
    history_opened(fresh, true);
    ck_assert_int_eq(read_with(path, tables), read_with(fresh, tables));
    ck_assert_int_gt(read_with(path, tables), 2000);
    ck_assert_int_eq(read_with(fresh, "PRAGMA auto_vacuum"), 2);
    ck_assert_int_eq(read_with(fresh, "PRAGMA application_id"), 1902602355);
}
END_TEST

static const char *hash_of(const char *file)
{
    char *hex = qg_arena_alloc(arena, QG_HASH_HEX);

    ck_ok(qg_hash_file(hex, file, &why));
    return hex;
}

START_TEST(reading_an_old_file_leaves_it)
{
    write_with(path, schema_1);
    const char *before = hash_of(path);
    is_the_old_run(history_opened(path, false));
    ck_sound(path, 1);
    ck_assert_str_eq(hash_of(path), before);
}
END_TEST

/* Opening is refused, for reading and for writing, and nothing changes or appears. */
static void is_refused(qg_status status, const char *text)
{
    const char *before = hash_of(path);
    char **names;
    size_t n;
    qg_history *h;

    for (int write = 0; write < 2; write++) {
        const qg_history_options options = {.write = write};
        qg_arena *own = qg_arena_create();
        ck_refused(qg_history_open(&h, own, path, &options, &why), status, text);
        qg_arena_free(own);
    }
    ck_assert_str_eq(hash_of(path), before);
    ck_ok(qg_dir_list(&names, &n, arena, folder, &why));
    ck_assert_uint_eq(n, 1);
}

START_TEST(a_newer_schema_is_refused)
{
    write_with(path, schema_1);
    write_with(path, "PRAGMA user_version = 3");
    is_refused(QG_ENOSUP, "has schema 3, this program knows those up to 2: use the quantgate that "
                          "wrote it, or name another file");
}
END_TEST

START_TEST(the_database_of_another_program_is_refused)
{
    write_with(path, "CREATE TABLE cookies (a); PRAGMA user_version = 1");
    is_refused(QG_EFORMAT, "another program");
}
END_TEST

START_TEST(a_database_without_a_schema_is_refused)
{
    write_with(path, "CREATE TABLE x (a)");
    is_refused(QG_EFORMAT, "another program");
}
END_TEST

START_TEST(an_empty_file_becomes_a_history)
{
    const qg_history_options read_only = {0};
    qg_history *h;

    folder_put("h.db", "");
    ck_refused(qg_history_open(&h, arena, path, &read_only, &why), QG_EFORMAT, "empty");
    h = history_opened(path, true);
    history_put(h, run_made("perf", 0), NULL);
    ck_sound(path, 1);
}
END_TEST

/* Many processes find no file, or an old one, at once: each of them ends with a history. */
static void all_at_once(void)
{
    enum { N = 6 };
    pid_t children[N];
    int status;

    for (int i = 0; i < N; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            const qg_history_options options = {.write = true};
            qg_history_added added;
            qg_history *h;
            qg_run *run = run_made("perf", i);
            bool fine = qg_history_open(&h, arena, path, &options, &why) == QG_OK &&
                        qg_history_append(&added, h, run, NULL, &why) == QG_OK;
            if (!fine)
                fprintf(stderr, "%s\n", why.message);
            _exit(fine ? 0 : 1);
        }
    }
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
}

START_TEST(many_may_make_it)
{
    all_at_once();
    ck_sound(path, 6);
}
END_TEST

START_TEST(many_may_migrate_it)
{
    write_with(path, schema_1);
    all_at_once();
    ck_sound(path, 7);
}
END_TEST

START_TEST(verdicts_have_numbers_of_their_own)
{
    qg_verdict v;

    ck_assert_int_eq(qg_layout_verdict_number(QG_VERDICT_PASS), 0);
    ck_assert_int_eq(qg_layout_verdict_number(QG_VERDICT_FAIL), 1);
    ck_assert_int_eq(qg_layout_verdict_number(QG_VERDICT_INCONCLUSIVE), 2);
    ck_assert_int_eq(qg_layout_verdict_number(QG_VERDICT_SKIP), 3);
    ck_assert_int_eq(qg_layout_verdict_number(QG_VERDICT_KNOWN_FAIL), 4);
    ck_assert_int_eq(qg_layout_verdict_number(QG_VERDICT_ERROR), 5);
    ck_assert(qg_layout_verdict(&v, 4) && v == QG_VERDICT_KNOWN_FAIL);
    ck_assert(!qg_layout_verdict(&v, 6));
    ck_assert(!qg_layout_verdict(&v, -1));
}
END_TEST

Suite *layout_check(void)
{
    Suite *s = suite_create("layout_check");
    TCase *t = tcase_create("layout");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_file_of_the_first_schema_is_migrated);
    tcase_add_test(t, a_migrated_file_is_as_a_new_one);
    tcase_add_test(t, reading_an_old_file_leaves_it);
    tcase_add_test(t, a_newer_schema_is_refused);
    tcase_add_test(t, the_database_of_another_program_is_refused);
    tcase_add_test(t, a_database_without_a_schema_is_refused);
    tcase_add_test(t, an_empty_file_becomes_a_history);
    tcase_add_test(t, many_may_make_it);
    tcase_add_test(t, many_may_migrate_it);
    tcase_add_test(t, verdicts_have_numbers_of_their_own);
    suite_add_tcase(s, t);
    return s;
}
