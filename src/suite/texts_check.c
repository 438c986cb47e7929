/* Unit tests of suite/texts: what is a prompt, what a document. */
#include "suite/texts.h"

#include "base/file.h"
#include "check_suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static qg_arena *arena;
static char path[256];

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");

    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
    snprintf(path, sizeof path, "%s/texts-XXXXXX", tmp ? tmp : "/tmp");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    unlink(path);
    qg_arena_free(arena);
}

static qg_texts read_as(qg_status (*read)(qg_texts *, qg_arena *, const char *, qg_err *),
                        qg_str content)
{
    qg_texts out = {0};
    qg_err err = {0};

    ck_assert_int_eq(qg_file_write(path, content, &err), QG_OK);
    if (read(&out, arena, path, &err) != QG_OK)
        ck_abort_msg("%s", err.message);
    return out;
}

START_TEST(prompts_are_lines_as_they_stand)
{
    qg_texts p = read_as(qg_texts_prompts, QG_STR("one\n  two  \n\n \t\r\nthree\r\nlast"));

    ck_assert_uint_eq(p.n, 4);
    ck_assert(qg_str_is(p.at[0], "one"));
    ck_assert(qg_str_is(p.at[1], "  two  "));
    ck_assert(qg_str_is(p.at[2], "three"));
    ck_assert(qg_str_is(p.at[3], "last"));
}
END_TEST

START_TEST(documents_of_a_text_at_hand)
{
    qg_texts d;
    qg_err err = {0};

    ck_assert_int_eq(qg_texts_documents_of(&d, arena, QG_STR("a\n\nb"), "--text", &err), QG_OK);
    ck_assert_uint_eq(d.n, 2);
    ck_assert(qg_str_is(d.at[1], "b"));
    ck_assert_int_eq(qg_texts_documents_of(&d, arena, QG_STR(" \n"), "--text", &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "'--text' holds no documents");
    qg_err_clear(&err);
    ck_assert_int_eq(qg_texts_documents_of(&d, arena, QG_STR("a\xff"), "--text", &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "'--text' is not valid UTF-8 at byte 1");
}
END_TEST

START_TEST(documents_are_what_blank_lines_separate)
{
    qg_texts d = read_as(qg_texts_documents, QG_STR("\n\na\nb\n \n\n c\r\n\r\nd"));

    ck_assert_uint_eq(d.n, 3);
    ck_assert(qg_str_is(d.at[0], "a\nb"));
    ck_assert(qg_str_is(d.at[1], " c"));
    ck_assert(qg_str_is(d.at[2], "d"));
}
END_TEST

/* Blanks at the ends do not count, order does not, all else does. */
START_TEST(shared_documents_are_counted)
{
    static const qg_str mine[] = {QG_STR("one"), QG_STR("two two "), QG_STR("Three"), QG_STR("")},
                        theirs[] = {QG_STR("three"), QG_STR(" two two"), QG_STR("four"),
                                    QG_STR("one\n")};
    size_t n = 99;

    ck_assert_int_eq(qg_texts_shared(&n, arena, (qg_texts){mine, 4}, (qg_texts){theirs, 4}, NULL),
                     QG_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(qg_texts_shared(&n, arena, (qg_texts){mine, 4}, (qg_texts){0}, NULL), QG_OK);
    ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(bad_files_are_refused)
{
    static const struct {
        qg_str content;
        const char *message;
    } bad[] = {{{"", 0}, "' holds no prompts"},
               {{" \n\t\n", 4}, "' holds no prompts"},
               {{"fine\n\xc3", 6}, "' is not valid UTF-8 at byte 5"}};
    qg_texts out;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        qg_err err = {0};
        ck_assert_int_eq(qg_file_write(path, bad[i].content, &err), QG_OK);
        ck_assert_int_eq(qg_texts_prompts(&out, arena, path, &err), QG_EFORMAT);
        ck_assert_msg(qg_str_ends(qg_str_from(err.message), qg_str_from(bad[i].message)), "%s",
                      err.message);
    }
    ck_assert_int_eq(qg_texts_documents(&out, arena, "/nowhere/x", NULL), QG_ENOTFOUND);
}
END_TEST

Suite *texts_check(void)
{
    Suite *s = suite_create("texts_check");
    TCase *t = tcase_create("texts");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, prompts_are_lines_as_they_stand);
    tcase_add_test(t, documents_of_a_text_at_hand);
    tcase_add_test(t, documents_are_what_blank_lines_separate);
    tcase_add_test(t, shared_documents_are_counted);
    tcase_add_test(t, bad_files_are_refused);
    suite_add_tcase(s, t);
    return s;
}
