/* Unit tests of quantize/work: what is kept for the next process, what is dropped, and who waits
 * for whom. */
#include "quantize/work.h"

#include "base/folder_check.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static qg_err err;

static void setup(void)
{
    folder_begin();
    qg_err_clear(&err);
}

static qg_status open_on(qg_work *out, qg_arena *on, const char *key, bool force)
{
    return qg_work_open(out, on, folder_path("made"), force, key, &err);
}

/* As one process does it: everything is given back at the end. */
static qg_work work_of(const char *key, int n_layers)
{
    qg_arena *on = qg_arena_create();
    qg_work w;

    ck_assert_int_eq(open_on(&w, on, key, false), QG_OK);
    for (int i = 0; i < n_layers; i++)
        ck_assert_int_eq(qg_dir_make(qg_work_layer(&w, arena, i), &err), QG_OK);
    w.path = NULL; /* lived on the arena */
    qg_arena_free(on);
    return w;
}

START_TEST(layers_wait_for_the_next_process)
{
    ck_assert_int_eq(work_of("a", 3).n_done, 0);
    qg_work next = work_of("a", 0);
    ck_assert_int_eq(next.n_done, 3);
    ck_assert(!next.is_dropped);
}
END_TEST

START_TEST(layers_of_something_else_are_dropped)
{
    work_of("a", 3);
    qg_work other = work_of("b", 1);
    ck_assert_int_eq(other.n_done, 0);
    ck_assert(other.is_dropped);
    ck_assert_int_eq(work_of("b", 0).n_done, 1);
}
END_TEST

START_TEST(layers_without_a_key_are_dropped)
{
    work_of("a", 2);
    ck_assert_int_eq(remove(folder_path("made.partial/key")), 0);
    ck_assert_int_eq(work_of("a", 0).n_done, 0);
}
END_TEST

START_TEST(removed_work_leaves_nothing)
{
    qg_work w;

    ck_assert_int_eq(open_on(&w, arena, "a", false), QG_OK);
    ck_assert_str_eq(w.path, folder_path("made.partial"));
    qg_work_remove(&w);
    ck_assert(!qg_dir_exists(w.path));
}
END_TEST

START_TEST(a_folder_made_meanwhile_is_told)
{
    qg_work w;

    ck_assert_int_eq(qg_dir_make(folder_path("made"), &err), QG_OK);
    ck_assert_int_eq(open_on(&w, arena, "a", false), QG_EEXISTS);
    ck_assert(!qg_dir_exists(folder_path("made.partial")));
    qg_err_clear(&err);
    ck_assert_int_eq(open_on(&w, arena, "a", true), QG_OK);
}
END_TEST

/* The child holds the work until it has made the folder; we wait, and then are told. */
START_TEST(another_process_is_waited_for)
{
    int ready[2];
    char byte;
    qg_work w;

    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        qg_arena *on = qg_arena_create();
        bool good = open_on(&w, on, "a", false) == QG_OK && write(ready[1], "x", 1) == 1;
        usleep(200000);
        good = good && qg_dir_make(folder_path("made"), NULL) == QG_OK;
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(open_on(&w, arena, "a", false), QG_EEXISTS);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

Suite *work_check(void)
{
    Suite *s = suite_create("work_check");
    TCase *t = tcase_create("work");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, layers_wait_for_the_next_process);
    tcase_add_test(t, layers_of_something_else_are_dropped);
    tcase_add_test(t, layers_without_a_key_are_dropped);
    tcase_add_test(t, removed_work_leaves_nothing);
    tcase_add_test(t, a_folder_made_meanwhile_is_told);
    tcase_add_test(t, another_process_is_waited_for);
    suite_add_tcase(s, t);
    return s;
}
