/* Unit tests of many writers: eight processes append to one history while the one that is busiest
 * is killed again and again. What a process was told to be in the history is there, once; what is
 * there was asked for; the file is sound. */
#include "history/history.h"

#include "history/run_check.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_WRITERS = 8, RUNS_EACH = 60, N_KILLS = 60 };

/* What the writers tell, in memory that all share: how many of its runs each began and how many
 * were acknowledged. */
typedef struct told {
    atomic_int begun, done;
} told;

static const char *path;
static told *writers;

static void set_up(void)
{
    folder_begin();
    path = folder_path("h.db");
    writers = mmap(NULL, N_WRITERS * sizeof *writers, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(writers, MAP_FAILED);
}

static void tear_down(void)
{
    munmap(writers, N_WRITERS * sizeof *writers);
    folder_end();
}

/* The suite is of the writer, so what it told can be counted. */
static qg_run *run_of(int writer, int i)
{
    return run_made(qg_arena_format(arena, "writer %d", writer), i);
}

/* Appends what is left of its runs, each with a connection of its own, as programs do. A run that
 * was begun by a process that was killed may be there already. */
static void write_all(int writer)
{
    while (writers[writer].done < RUNS_EACH) {
        const qg_history_options options = {.write = true};
        qg_arena *own = qg_arena_create();
        qg_history_added added;
        qg_history *h;
        int i = writers[writer].done;
        writers[writer].begun = i + 1;
        if (qg_history_open(&h, own, path, &options, &why) != QG_OK ||
            qg_history_append(&added, h, run_of(writer, i), NULL, &why) != QG_OK) {
            fprintf(stderr, "writer %d: %s\n", writer, why.message);
            _exit(1);
        }
        writers[writer].done = i + 1;
        qg_arena_free(own);
    }
    _exit(0);
}

/* A process that does what a writer does, and ends there. */
static pid_t start(void (*act)(int writer), int writer)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        act(writer);
    return pid;
}

/* One that is not done is killed, in the middle of whatever it does, and begun anew. */
static bool kill_one(pid_t *pids, int turn)
{
    int status;

    for (int k = 0; k < N_WRITERS; k++) {
        int writer = (turn + k) % N_WRITERS;
        if (writers[writer].done == RUNS_EACH)
            continue;
        kill(pids[writer], SIGKILL);
        ck_assert_int_eq(waitpid(pids[writer], &status, 0), pids[writer]);
        ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "a writer failed");
        bool killed = WIFSIGNALED(status);
        pids[writer] = start(write_all, writer);
        return killed;
    }
    return false;
}

START_TEST(a_kill_loses_nothing)
{
    pid_t pids[N_WRITERS];
    int n_killed = 0, status;

    for (int w = 0; w < N_WRITERS; w++)
        pids[w] = start(write_all, w);
    for (int i = 0; i < N_KILLS; i++) {
        usleep(1000 + 977 * (i * 7 % 13));
        n_killed += kill_one(pids, i);
    }
    for (int w = 0; w < N_WRITERS; w++) {
        ck_assert_int_eq(waitpid(pids[w], &status, 0), pids[w]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_int_gt(n_killed, 5);
    ck_sound(path, N_WRITERS * RUNS_EACH);
    qg_history_runs runs = history_runs(history_opened(path, false), (qg_history_filter){0});
    for (size_t i = 0; i < runs.n; i++) {
        const qg_run *asked = run_of((int)(i / RUNS_EACH), (int)(i % RUNS_EACH));
        int64_t started;
        ck_assert(qg_clock_read(&started, qg_str_from(asked->started)));
        ck_assert_str_eq(runs.at[i].suite, asked->suite);
        ck_assert_int_eq(runs.at[i].started, started);
        ck_assert_int_eq(runs.at[i].n_numbers, 4);
    }
}
END_TEST

/* Opens the file once all writers are there. */
static void open_together(int writer)
{
    const qg_history_options options = {.write = true};
    atomic_int *n_there = &writers[0].begun;
    qg_history *h;

    (*n_there)++;
    while (*n_there < N_WRITERS)
        sched_yield();
    qg_status s = qg_history_open(&h, arena, path, &options, &why);
    if (s != QG_OK)
        fprintf(stderr, "writer %d: %s\n", writer, why.message);
    _exit(s != QG_OK);
}

/* While the file is not there yet: whoever is first makes it, the others find it. */
START_TEST(a_new_file_may_be_opened_by_many)
{
    enum { N_FILES = 40 };
    pid_t pids[N_WRITERS];
    int status, failed = 0;

    for (int i = 0; i < N_FILES; i++) {
        path = folder_path(qg_arena_format(arena, "new%d.db", i));
        writers[0].begun = 0;
        for (int w = 0; w < N_WRITERS; w++)
            pids[w] = start(open_together, w);
        for (int w = 0; w < N_WRITERS; w++) {
            ck_assert_int_eq(waitpid(pids[w], &status, 0), pids[w]);
            failed += status != 0;
        }
        ck_sound(path, 0);
    }
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* Killed at every turn and never begun anew: all that was acknowledged is there, and at most the
 * one that was begun besides. */
START_TEST(what_was_not_acknowledged_is_whole_or_absent)
{
    pid_t pids[N_WRITERS];
    int status;

    for (int w = 0; w < N_WRITERS; w++)
        pids[w] = start(write_all, w);
    for (int w = 0; w < N_WRITERS; w++) {
        usleep(20000);
        kill(pids[w], SIGKILL);
        ck_assert_int_eq(waitpid(pids[w], &status, 0), pids[w]);
    }
    qg_history *h = history_opened(path, false);
    int64_t n = 0;
    for (int w = 0; w < N_WRITERS; w++) {
        const char *suite = qg_arena_format(arena, "writer %d", w);
        int n_there = (int)history_runs(h, (qg_history_filter){.suite = suite}).n;
        ck_assert_int_ge(n_there, writers[w].done);
        ck_assert_int_le(n_there, writers[w].begun);
        n += n_there;
    }
    ck_sound(path, n);
}
END_TEST

Suite *writers_check(void)
{
    Suite *s = suite_create("writers_check");
    TCase *t = tcase_create("writers");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 240);
    tcase_add_test(t, a_kill_loses_nothing);
    tcase_add_test(t, a_new_file_may_be_opened_by_many);
    tcase_add_test(t, what_was_not_acknowledged_is_whole_or_absent);
    suite_add_tcase(s, t);
    return s;
}
