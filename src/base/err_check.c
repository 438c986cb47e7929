/* Unit tests of base/err: the first error stays, context is put in front, long texts are cut, not
 * overrun. */
#include "base/err.h"

#include "check_suites.h"

#include <string.h>

static qg_status inner(qg_err *err)
{
    return qg_fail(err, QG_EFORMAT, "tensor '%s' ends at %d", "w", 12);
}

static qg_status outer(qg_err *err)
{
    QG_TRY(inner(err), err, "loading shard '%s'", "a");
    return QG_OK;
}

START_TEST(context_goes_in_front_of_the_message)
{
    qg_err err = {0};
    char text[1024];

    ck_assert_int_eq(outer(&err), QG_EFORMAT);
    qg_note(&err, "opening model 'm'");
    ck_assert_str_eq(qg_err_format(&err, text, sizeof text),
                     "opening model 'm': loading shard 'a': tensor 'w' ends at 12");
    qg_err_at(&err, "suite.yaml", 3, 7);
    qg_err_at(&err, "other.yaml", 9, 9);
    ck_assert_str_eq(qg_err_format(&err, text, sizeof text),
                     "suite.yaml:3:7: opening model 'm': loading shard 'a': tensor 'w' ends at 12");
    qg_fail(&err, QG_EIO, "later");
    ck_assert_int_eq(err.code, QG_EFORMAT);
    qg_err_clear(&err);
    qg_note(&err, "nothing to note on");
    ck_assert_str_eq(err.context, "");
    ck_assert_int_eq(outer(NULL), QG_EFORMAT);
}
END_TEST

START_TEST(long_texts_are_cut)
{
    static char longest[4096];
    qg_err err = {0};
    char text[64];

    memset(longest, 'x', sizeof longest - 1);
    qg_fail(&err, QG_EARG, "%s", longest);
    for (int i = 0; i < 10; i++)
        qg_note(&err, "step %d %.200s", i, longest);
    ck_assert_uint_lt(strlen(err.context), sizeof err.context);
    ck_assert_ptr_nonnull(strstr(err.context, "step 0"));
    qg_err_format(&err, text, sizeof text);
    ck_assert_uint_eq(strlen(text), sizeof text - 1);
}
END_TEST

START_TEST(statuses_tell_who_acts)
{
    ck_assert_str_eq(qg_status_name(QG_EFORMAT), "EFORMAT");
    ck_assert_str_eq(qg_status_text(QG_ENOMEM), "out of memory");
    ck_assert_int_eq(qg_status_exit(QG_OK), 0);
    ck_assert_int_eq(qg_status_exit(QG_EACCESS), 2);
    ck_assert_int_eq(qg_status_exit(QG_ENOSPACE), 3);
}
END_TEST

Suite *err_check(void)
{
    Suite *s = suite_create("err_check");
    TCase *t = tcase_create("err");

    tcase_add_test(t, context_goes_in_front_of_the_message);
    tcase_add_test(t, long_texts_are_cut);
    tcase_add_test(t, statuses_tell_who_acts);
    suite_add_tcase(s, t);
    return s;
}
