/* Unit tests of base/file: atomic writing, statuses of what cannot be opened, a full disk. */
#include "base/file.h"

#include "base/folder_check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t n_files(void)
{
    char **names;
    size_t n;
    ck_assert_int_eq(qg_dir_list(&names, &n, arena, folder, NULL), QG_OK);
    return n;
}

START_TEST(what_is_written_is_read_and_mapped)
{
    char *path = qg_path_join(arena, folder, "a/b/c.txt");
    qg_str text;

    ck_assert_int_eq(qg_file_write(path, QG_STR("one\0two"), NULL), QG_OK);
    ck_assert_int_eq(qg_file_write(path, QG_STR("second"), NULL), QG_OK);
    ck_assert_int_eq(qg_file_read(&text, arena, path, 6, NULL), QG_OK);
    ck_assert(qg_str_is(text, "second"));
    ck_assert_int_eq(qg_file_map(&text, arena, path, NULL), QG_OK);
    ck_assert(qg_str_is(text, "second"));
    ck_assert_int_eq(qg_file_size(path), 6);
    ck_assert_int_eq(qg_file_write(path, QG_STR(""), NULL), QG_OK);
    ck_assert_int_eq(qg_file_map(&text, arena, path, NULL), QG_OK);
    ck_assert_uint_eq(text.len, 0);
}
END_TEST

START_TEST(what_cannot_be_opened_says_why)
{
    qg_err err = {0};
    qg_str text;
    char *path = qg_path_join(arena, folder, "absent");

    ck_assert_int_eq(qg_file_map(&text, arena, path, &err), QG_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, path));
    ck_assert_int_eq(qg_file_map(&text, arena, folder, NULL), QG_EARG);
    ck_assert_int_eq(qg_file_read(&text, arena, folder, 10, NULL), QG_EARG);
    ck_assert_int_eq(qg_file_write(folder, QG_STR("x"), NULL), QG_EARG);
    ck_assert_int_eq(qg_file_write(path, QG_STR("12345"), NULL), QG_OK);
    ck_assert_int_eq(qg_file_read(&text, arena, path, 4, NULL), QG_EFORMAT);
    ck_assert_int_eq(qg_dir_make(qg_path_join(arena, path, "below-a-file"), NULL), QG_EEXISTS);
    ck_assert_int_eq(chmod(path, 0), 0);
    if (geteuid() != 0)
        ck_assert_int_eq(qg_file_map(&text, arena, path, NULL), QG_EACCESS);
    ck_assert_int_eq(qg_status_of_errno(13), QG_EACCESS);
}
END_TEST

START_TEST(a_failed_write_leaves_the_old_file)
{
    char *path = qg_path_join(arena, folder, "f");
    struct rlimit limit = {100, 100};
    qg_err err = {0};
    qg_str text;
    static char big[4096];

    ck_assert_int_eq(qg_file_write(path, QG_STR("old"), NULL), QG_OK);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(qg_file_write(path, (qg_str){big, sizeof big}, &err), QG_ENOSPACE);
    ck_assert_ptr_nonnull(strstr(err.message, path));
    ck_assert_int_eq(qg_file_read(&text, arena, path, 100, NULL), QG_OK);
    ck_assert(qg_str_is(text, "old"));
    ck_assert_uint_eq(n_files(), 1);
}
END_TEST

START_TEST(an_uncommitted_file_is_gone)
{
    qg_arena *inner = qg_arena_create();
    qg_file_out *f;
    char *path = qg_path_join(arena, folder, "f");

    ck_assert_int_eq(qg_file_out_open(&f, inner, path, NULL), QG_OK);
    ck_assert_int_eq(qg_file_out_write(f, "abc", 3, NULL), QG_OK);
    ck_assert_uint_eq(n_files(), 1);
    qg_arena_free(inner);
    ck_assert_uint_eq(n_files(), 0);
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    char *path = qg_path_join(arena, folder, "f");
    long n = 1;

    for (;; n++) {
        qg_arena_fail_after(n);
        qg_status s = qg_file_write(path, QG_STR("x"), NULL);
        if (qg_arena_fail_after(0)) {
            ck_assert_int_eq(s, QG_OK);
            break;
        }
        ck_assert_int_eq(s, QG_ENOMEM);
        ck_assert_uint_eq(n_files(), 0);
    }
    ck_assert_int_gt(n, 4);
}
END_TEST

START_TEST(paths_are_joined_and_split)
{
    ck_assert_str_eq(qg_path_join(arena, "a", "b"), "a/b");
    ck_assert_str_eq(qg_path_join(arena, "a/", "b"), "a/b");
    ck_assert_str_eq(qg_path_join(arena, "a", "/b"), "/b");
    ck_assert_str_eq(qg_path_join(arena, ".", "b"), "b");
    ck_assert_str_eq(qg_path_dir(arena, "a/b/c"), "a/b");
    ck_assert_str_eq(qg_path_dir(arena, "c"), ".");
    ck_assert_str_eq(qg_path_dir(arena, "/c"), "/");
    ck_assert_str_eq(qg_path_base("a/b"), "b");
}
END_TEST

Suite *file_check(void)
{
    Suite *s = suite_create("file_check");
    TCase *t = tcase_create("file");

    tcase_add_checked_fixture(t, folder_begin, folder_end);
    tcase_add_test(t, what_is_written_is_read_and_mapped);
    tcase_add_test(t, what_cannot_be_opened_says_why);
    tcase_add_test(t, a_failed_write_leaves_the_old_file);
    tcase_add_test(t, an_uncommitted_file_is_gone);
    tcase_add_test(t, every_failed_allocation_is_reported);
    tcase_add_test(t, paths_are_joined_and_split);
    suite_add_tcase(s, t);
    return s;
}
