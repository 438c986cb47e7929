/* Unit tests of base/process: lines both ways, and every way in which a child can disappoint. */
#include "base/process.h"

#include "base/clock.h"
#include "check_suites.h"

#include <signal.h>
#include <sys/time.h>

static qg_arena *arena;

static void setup(void)
{
    arena = qg_arena_create();
}

static void teardown(void)
{
    qg_arena_free(arena);
}

static qg_process *shell(const char *script)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    qg_process *p;
    ck_assert_int_eq(qg_process_start(&p, arena, argv, NULL), QG_OK);
    return p;
}

static const int64_t patient_ns = 10000000000;

START_TEST(lines_go_both_ways)
{
    qg_process *p = shell("while read line; do printf 'got %s\\nand' \"$line\"; echo; done");
    qg_str line;

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(qg_process_send(p, QG_STR("hello"), NULL), QG_OK);
        ck_assert_int_eq(qg_process_line(&line, arena, p, patient_ns, NULL), QG_OK);
        ck_assert(qg_str_is(line, "got hello"));
        ck_assert_int_eq(qg_process_line(&line, arena, p, patient_ns, NULL), QG_OK);
        ck_assert(qg_str_is(line, "and"));
    }
}
END_TEST

START_TEST(long_lines_come_whole)
{
    qg_process *p = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end");
    qg_str line;

    ck_assert_int_eq(qg_process_line(&line, arena, p, patient_ns, NULL), QG_OK);
    ck_assert_uint_eq(line.len, 3000000);
    ck_assert_int_eq(qg_process_line(&line, arena, p, patient_ns, NULL), QG_OK);
    ck_assert(qg_str_is(line, "end"));
}
END_TEST

static void disappoints(const char *script, int64_t timeout_ns, const char *message)
{
    qg_err err = {0};
    qg_str line;
    qg_process *p = shell(script);

    ck_assert_int_eq(qg_process_line(&line, arena, p, timeout_ns, &err), QG_EWORKER);
    ck_assert_msg(strstr(err.message, message), "%s", err.message);
}

START_TEST(the_way_it_ended_is_told)
{
    disappoints("exit 7", patient_ns, "exit code 7");
    disappoints("kill -SEGV $$", patient_ns, "killed by signal 11");
    disappoints("kill -KILL $$", patient_ns, "killed by signal 9");
    disappoints("echo cut short >&2; printf half", patient_ns, "exit code 0 before it answered");
}
END_TEST

START_TEST(a_hanging_child_is_killed_in_time)
{
    int64_t start_ns = qg_clock_ns();
    disappoints("sleep 100", 300000000, "no sign of life");
    ck_assert_int_lt(qg_clock_ns() - start_ns, 5000000000);
}
END_TEST

START_TEST(writing_to_a_dead_child_is_an_error)
{
    qg_process *p = shell("exec </dev/null >/dev/null; exit 3");
    qg_err err = {0};
    qg_status s = QG_OK;

    for (int i = 0; i < 10000 && s == QG_OK; i++)
        s = qg_process_send(p, QG_STR("is anybody there"), &err);
    ck_assert_int_eq(s, QG_EWORKER);
    ck_assert_msg(strstr(err.message, "exit code 3"), "%s", err.message);
}
END_TEST

START_TEST(a_missing_program_shows)
{
    const char *argv[] = {"/nowhere/program", NULL};
    qg_process *p;
    qg_str line;

    ck_assert_int_eq(qg_process_start(&p, arena, argv, NULL), QG_OK);
    ck_assert_int_eq(qg_process_line(&line, arena, p, patient_ns, NULL), QG_EWORKER);
    ck_assert_ptr_nonnull(strstr(qg_process_log(arena, p, 5), "cannot start '/nowhere/program'"));
}
END_TEST

START_TEST(the_log_gives_its_last_lines)
{
    qg_process *p = shell("for i in 1 2 3 4; do echo line $i >&2; done; echo done");
    qg_str line;

    ck_assert_int_eq(qg_process_line(&line, arena, p, patient_ns, NULL), QG_OK);
    ck_assert_str_eq(qg_process_log(arena, p, 2), "line 3\nline 4");
    ck_assert_str_eq(qg_process_log(arena, p, 9), "line 1\nline 2\nline 3\nline 4");
}
END_TEST

static volatile sig_atomic_t flag;

static void raise_flag(int number)
{
    flag = number;
}

START_TEST(a_signal_ends_the_wait)
{
    struct sigaction action = {.sa_handler = raise_flag};
    struct itimerval soon = {.it_value = {.tv_usec = 100000}};
    qg_process *p = shell("trap '' PIPE; sleep 20; echo late");
    int64_t start_ns = qg_clock_ns();
    qg_err err = {0};
    qg_str line;

    flag = 0;
    qg_process_stop_on(&flag);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    ck_assert_int_eq(qg_process_line(&line, arena, p, patient_ns, &err), QG_ESTOPPED);
    ck_assert_str_eq(err.message, "stopped by a signal");
    ck_assert_int_lt(qg_clock_ns() - start_ns, patient_ns / 2);
    qg_process_stop_on(NULL);
    qg_process_end(p); /* does not wait for the 20 s */
    ck_assert_int_lt(qg_clock_ns() - start_ns, patient_ns / 2);
}
END_TEST

START_TEST(a_flag_that_is_up_lets_nobody_wait)
{
    qg_process *p = shell("echo here; exit 3");
    qg_err err = {0};
    qg_str line;

    flag = SIGTERM;
    qg_process_stop_on(&flag);
    while (qg_process_line(&line, arena, p, patient_ns, &err) == QG_OK)
        ck_assert(qg_str_is(line, "here"));  /* what is there may be taken */
    ck_assert_int_eq(err.code, QG_ESTOPPED); /* not how it ended: the signal was for both */
    qg_process_stop_on(NULL);
    qg_err_clear(&err);
    ck_assert_int_ne(qg_process_line(&line, arena, shell("exit 3"), patient_ns, &err), QG_OK);
    ck_assert_int_eq(err.code, QG_EWORKER);
}
END_TEST

START_TEST(the_child_leaves_the_terminal_s_interrupt_to_its_parent)
{
    qg_process *p = shell("kill -INT $$; echo alive");
    qg_str line;

    ck_assert_int_eq(qg_process_line(&line, arena, p, patient_ns, NULL), QG_OK);
    ck_assert(qg_str_is(line, "alive"));
}
END_TEST

Suite *process_check(void)
{
    Suite *s = suite_create("process_check");
    TCase *t = tcase_create("process");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, lines_go_both_ways);
    tcase_add_test(t, long_lines_come_whole);
    tcase_add_test(t, the_way_it_ended_is_told);
    tcase_add_test(t, a_hanging_child_is_killed_in_time);
    tcase_add_test(t, writing_to_a_dead_child_is_an_error);
    tcase_add_test(t, a_missing_program_shows);
    tcase_add_test(t, the_log_gives_its_last_lines);
    tcase_add_test(t, a_signal_ends_the_wait);
    tcase_add_test(t, a_flag_that_is_up_lets_nobody_wait);
    tcase_add_test(t, the_child_leaves_the_terminal_s_interrupt_to_its_parent);
    suite_add_tcase(s, t);
    return s;
}
