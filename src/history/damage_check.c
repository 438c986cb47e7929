/* Unit tests of histories that cannot be read or written: damaged ones are set aside with their log
 * and nothing is overwritten; what is no history is left alone; locked, read-only and full disks
 * are told, and lose nothing. */
#include "history/history.h"

#include "base/process.h"
#include "history/database.h"
#include "history/run_check.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path;

static void set_up(void)
{
    folder_begin();
    path = folder_path("h.db");
}

/* A history of n runs, closed. */
static void make(const char *file, int n)
{
    qg_arena *kept = arena;

    arena = qg_arena_create();
    qg_history *h = history_opened(file, true);
    for (int i = 0; i < n; i++)
        history_put(h, run_made("perf", i), NULL);
    qg_arena_free(arena);
    arena = kept;
}

static void overwrite(const char *file, long at, const char *bytes, size_t n)
{
    FILE *f = fopen(file, "r+");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static bool is_log(const char *name)
{
    return qg_str_ends(qg_str_from(name), QG_STR("-wal")) ||
           qg_str_ends(qg_str_from(name), QG_STR("-shm"));
}

/* The file that was set aside, of which there must be `n`, logs not counted; the last one. */
static const char *aside(size_t n)
{
    char **names;
    size_t n_names, n_found = 0;
    const char *found = NULL;

    ck_ok(qg_dir_list(&names, &n_names, arena, folder, &why));
    for (size_t i = 0; i < n_names; i++)
        if (strstr(names[i], "h.db.corrupt-") == names[i] && !is_log(names[i])) {
            n_found++;
            found = folder_path(names[i]);
        }
    ck_assert_uint_eq(n_found, n);
    return found;
}

static qg_str content(const char *file)
{
    qg_str text;

    ck_ok(qg_file_read(&text, arena, file, 1 << 24, &why));
    return text;
}

/* A write finds the damage, sets the file aside as it was, and goes on in a new one. */
static void is_set_aside(void)
{
    qg_str before = content(path);

    qg_history *h = history_opened(path, true);
    ck_assert_int_eq(history_put(h, run_made("perf", 50), NULL), QG_HISTORY_ADDED);
    const char *where = aside(1);
    ck_assert_str_eq(qg_history_aside(h), where);
    ck_assert(qg_str_eq(content(where), before));
    ck_sound(path, 1);
}

START_TEST(a_torn_page_is_found)
{
    char junk[4096];

    memset(junk, 0x5a, sizeof junk);
    make(path, 200);
    ck_assert_int_gt(qg_file_size(path), 10 * 4096);
    for (long page = 1; page < qg_file_size(path) / 4096; page++)
        overwrite(path, page * 4096, junk, sizeof junk);
    is_set_aside();
}
END_TEST

START_TEST(a_cut_file_is_found)
{
    make(path, 200);
    ck_assert_int_eq(truncate(path, 3 * 4096 + 100), 0);
    is_set_aside();
}
END_TEST

START_TEST(a_broken_head_is_found)
{
    make(path, 1);
    overwrite(path, 0, "not an SQLite header", 20);
    is_set_aside();
}
END_TEST

START_TEST(rubbish_of_that_name_is_set_aside)
{
    folder_put("h.db", "rubbish");
    is_set_aside();
}
END_TEST

START_TEST(rubbish_of_another_name_is_left)
{
    const qg_history_options write = {.write = true}, read = {0};
    const char *record = folder_put("run.json", "{\"schema\":2}\n");
    char **names;
    size_t n;
    qg_history *h;

    ck_refused(qg_history_open(&h, arena, record, &write, &why), QG_EFORMAT, "no SQLite database");
    ck_refused(qg_history_open(&h, arena, record, &read, &why), QG_EFORMAT, "no SQLite database");
    ck_assert(qg_str_is(content(record), "{\"schema\":2}\n"));
    ck_ok(qg_dir_list(&names, &n, arena, folder, &why));
    ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(damage_after_damage_overwrites_nothing)
{
    folder_put("h.db", "first");
    folder_put("h.db-wal", "log of the first");
    make(path, 0);
    const char *first = aside(1), *log = qg_arena_format(arena, "%s-wal", first);
    ck_assert(qg_str_is(content(first), "first"));
    ck_assert(qg_str_is(content(log), "log of the first"));
    ck_assert_int_eq(unlink(path), 0);
    folder_put("h.db", "second");
    make(path, 0);
    ck_assert(qg_str_is(content(aside(2)), "second"));
    ck_assert(qg_str_is(content(first), "first"));
}
END_TEST

START_TEST(readers_move_nothing)
{
    const qg_history_options read = {0};
    qg_findings findings;
    qg_history_state state;
    qg_history *h;

    make(path, 1);
    overwrite(path, 0, "not an SQLite header", 20);
    qg_str before = content(path);
    ck_refused(qg_history_open(&h, arena, path, &read, &why), QG_EFORMAT, "no SQLite database");
    qg_findings_begin(&findings, arena);
    ck_ok(qg_history_check(&findings, &state, path, &why));
    ck_assert_uint_eq(findings.n_errors, 1);
    ck_assert_ptr_nonnull(strstr(findings.at[0].suggestion, "restore a copy"));
    ck_assert(qg_str_eq(content(path), before));
    aside(0);
}
END_TEST

/* What check must find after `sql`, which other programs may run. */
static void is_found(const char *sql, const char *text)
{
    const qg_db_options options = {.write = true, .timeout_ms = 5000};
    const char *file = folder_path("found.db");
    qg_arena *own = qg_arena_create();
    qg_findings findings;
    qg_history_state state;
    qg_db *db;
    bool found = false;

    make(file, 3);
    ck_ok(qg_db_open(&db, own, file, &options, &why));
    ck_ok(qg_db_exec(db, "PRAGMA foreign_keys = OFF", &why));
    ck_ok(qg_db_exec(db, sql, &why));
    qg_arena_free(own);
    qg_findings_begin(&findings, arena);
    ck_ok(qg_history_check(&findings, &state, file, &why));
    for (size_t i = 0; i < findings.n; i++)
        found = found || strstr(findings.at[i].message, text);
    ck_assert_msg(found, "not found: %s; but: %s", text,
                  findings.n ? findings.at[0].message : "nothing");
    unlink(file);
}

START_TEST(check_knows_what_cannot_be)
{
    is_found("DELETE FROM numbers WHERE run = 2 AND series = 1",
             "run 2 was appended with 4 numbers and has 3");
    is_found("DELETE FROM suites", "\"runs\" refers to a row of \"suites\" that is not there");
    is_found("UPDATE numbers SET verdict = 17 WHERE run = 3 AND series = 2",
             "run 3 has a number of series 2 that cannot be");
    is_found("UPDATE runs SET exit_code = -1 WHERE id = 1", "run 1 says what no run can");
    is_found("UPDATE numbers SET value = 9e999 WHERE run = 1 AND series = 1",
             "run 1 has a number of series 1 that cannot be");
}
END_TEST

/* What another hand wrote into the file is not believed. */
static void is_not_believed(const char *sql, const char *text)
{
    const qg_db_options options = {.write = true, .timeout_ms = 5000};
    const qg_history_filter all = {0};
    const char *file = folder_path("other.db");
    qg_arena *own = qg_arena_create();
    qg_history_runs runs = {0};
    qg_history_trends trends;
    qg_history *h;
    qg_db *db;

    make(file, 2);
    ck_ok(qg_db_open(&db, own, file, &options, &why));
    ck_ok(qg_db_exec(db, "PRAGMA foreign_keys = OFF", &why));
    ck_ok(qg_db_exec(db, sql, &why));
    qg_db_close(db);
    h = history_opened(file, false);
    qg_status s = qg_history_runs_find(&runs, arena, h, &all, &why);
    if (s == QG_OK)
        s = qg_history_trends_find(&trends, arena, h, &runs, &all, &why);
    ck_assert_int_eq(s, QG_EFORMAT);
    ck_assert_msg(strstr(why.message, text) != NULL, "%s", why.message);
    qg_arena_free(own);
    unlink(file);
}

START_TEST(other_tables_are_not_believed)
{
    is_not_believed("DROP TABLE remarks", "no such table");
    is_not_believed("ALTER TABLE numbers RENAME COLUMN bound TO lim", "no such column");
    is_not_believed("UPDATE runs SET n_numbers = 4611686018427387904", "says that it has");
    is_not_believed("UPDATE runs SET n_numbers = -1", "says that it has");
    is_not_believed("UPDATE runs SET verdict = 99", "has no verdict");
}
END_TEST

/* ---- locked, read-only, full ---- */

START_TEST(a_locked_file_is_told_and_loses_nothing)
{
    const qg_db_options options = {.write = true, .timeout_ms = 5000};
    const qg_history_options hasty = {.write = true, .timeout_ms = 50};
    qg_history_added added;
    qg_history *h;
    qg_db *other;

    make(path, 2);
    ck_ok(qg_db_open(&other, arena, path, &options, &why));
    ck_ok(qg_db_begin(other, true, &why));
    ck_ok(qg_history_open(&h, arena, path, &hasty, &why));
    ck_refused(qg_history_append(&added, h, run_made("perf", 7), NULL, &why), QG_EIO,
               "was locked by another program for 0.05 s");
    ck_assert_uint_eq(history_runs(h, (qg_history_filter){0}).n, 2); /* readers wait for nobody */
    qg_db_rollback(other);
    ck_ok(qg_history_append(&added, h, run_made("perf", 7), NULL, &why));
    ck_sound(path, 3);
}
END_TEST

START_TEST(a_full_disk_is_told_and_loses_nothing)
{
    const qg_history_options small = {.write = true, .max_pages = 40};
    qg_status s = QG_OK;
    qg_history_added added;
    int n = 0;
    qg_history *h;

    ck_ok(qg_history_open(&h, arena, path, &small, &why));
    while (s == QG_OK && n < 5000) {
        qg_err_clear(&why);
        s = qg_history_append(&added, h, run_made("perf", n), NULL, &why);
        n += s == QG_OK;
    }
    ck_assert_int_eq(s, QG_ENOSPACE);
    ck_assert_int_gt(n, 10);
    ck_assert_ptr_nonnull(strstr(why.message, "no space left"));
    ck_sound(path, n);
    h = history_opened(path, true);
    history_put(h, run_made("perf", n), NULL);
    ck_sound(path, n + 1);
}
END_TEST

/* In a child without root's rights: exit code 0 where `status` and `text` came. */
static void as_nobody(bool write, qg_status status, const char *text, int64_t n_runs)
{
    int result;
    pid_t child = fork();

    if (child == 0) {
        const qg_history_options options = {.write = write};
        const qg_history_filter all = {0};
        qg_history_runs runs = {0};
        qg_history_added added;
        qg_history *h;
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        qg_err_clear(&why);
        qg_status s = qg_history_open(&h, arena, path, &options, &why);
        if (s == QG_OK && write)
            s = qg_history_append(&added, h, run_made("perf", 9), NULL, &why);
        else if (s == QG_OK)
            s = qg_history_runs_find(&runs, arena, h, &all, &why);
        bool fine = s == status && strstr(why.message, text) && (int64_t)runs.n == n_runs;
        if (!fine)
            fprintf(stderr, "%s: %s, %zu runs\n", qg_status_name(s), why.message, runs.n);
        _exit(fine ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    ck_assert_int_eq(result, 0);
}

START_TEST(what_is_read_only_can_be_read)
{
    make(path, 2);
    ck_assert_int_eq(chmod(path, 0444), 0);
    ck_assert_int_eq(chmod(folder, 0555), 0);
    as_nobody(true, QG_EIO, "read-only", 0);
    as_nobody(false, QG_OK, "", 2);
    path = folder_path("new.db");
    as_nobody(true, QG_EIO, "cannot open", 0);
    path = folder_path("new/folder/h.db");
    as_nobody(true, QG_EIO, "Permission denied", 0);
    ck_assert_int_eq(chmod(folder, 0755), 0);
}
END_TEST

START_TEST(names_that_are_none)
{
    const qg_history_options write = {.write = true}, read = {0};
    qg_history *h;

    ck_refused(qg_history_open(&h, arena, folder, &write, &why), QG_EARG, "is a folder");
    ck_refused(qg_history_open(&h, arena, path, &read, &why), QG_ENOTFOUND, "no history");
    ck_refused(qg_history_open(&h, arena, folder_path("no/h.db"), &read, &why), QG_ENOTFOUND,
               "no history");
    folder_put("file", "x");
    ck_refused(qg_history_open(&h, arena, folder_path("file/h.db"), &write, &why), QG_EIO, "file");
    path = folder_path("a?b#c%20.db"); /* nothing of it is taken for a URI */
    make(path, 1);
    ck_sound(path, 1);
    ck_assert_int_eq(chmod(path, 0444), 0);
    ck_assert_int_eq(chmod(folder, 0555), 0);
    as_nobody(false, QG_OK, "", 1);
}
END_TEST

Suite *damage_check(void)
{
    Suite *s = suite_create("damage_check");
    TCase *t = tcase_create("damage");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_torn_page_is_found);
    tcase_add_test(t, a_cut_file_is_found);
    tcase_add_test(t, a_broken_head_is_found);
    tcase_add_test(t, rubbish_of_that_name_is_set_aside);
    tcase_add_test(t, rubbish_of_another_name_is_left);
    tcase_add_test(t, damage_after_damage_overwrites_nothing);
    tcase_add_test(t, readers_move_nothing);
    tcase_add_test(t, check_knows_what_cannot_be);
    tcase_add_test(t, other_tables_are_not_believed);
    tcase_add_test(t, a_locked_file_is_told_and_loses_nothing);
    tcase_add_test(t, a_full_disk_is_told_and_loses_nothing);
    tcase_add_test(t, what_is_read_only_can_be_read);
    tcase_add_test(t, names_that_are_none);
    suite_add_tcase(s, t);
    return s;
}
