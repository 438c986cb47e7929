/* Unit tests of suite/expand: the rules of its header, as a POSIX shell has them for ${}. */
#include "suite/expand.h"

#include "check_suites.h"

#include <stdlib.h>

static qg_arena *arena;

static void setup(void)
{
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
    setenv("QG_CHECK_SET", "va:lue", 1);
    setenv("QG_CHECK_EMPTY", "", 1);
    unsetenv("QG_CHECK_UNSET");
}

static void teardown(void)
{
    qg_arena_free(arena);
}

START_TEST(variables_and_defaults_expand)
{
    static const char *const pairs[][2] = {
        {"plain $5 $ $NAME {x}", "plain $5 $ $NAME {x}"},
        {"x${QG_CHECK_SET}y${QG_CHECK_SET}", "xva:lueyva:lue"},
        {"${QG_CHECK_SET:-no}", "va:lue"},
        {"${QG_CHECK_UNSET:-d e}", "d e"},
        {"${QG_CHECK_UNSET:-}", ""},
        {"${QG_CHECK_UNSET:-a:-b}", "a:-b"},
        {"<${QG_CHECK_EMPTY}>${QG_CHECK_EMPTY:-full}", "<>full"},
        {"$${QG_CHECK_SET}$$", "${QG_CHECK_SET}$$"},
        {"$$${QG_CHECK_SET}", "$${QG_CHECK_SET}"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        qg_str out;
        qg_err err = {0};
        if (qg_expand(&out, arena, qg_str_from(pairs[i][0]), &err) != QG_OK)
            ck_abort_msg("'%s': %s", pairs[i][0], err.message);
        ck_assert_msg(qg_str_is(out, pairs[i][1]), "'%s' became '" QG_STR_PRI "'", pairs[i][0],
                      QG_STR_ARG(out));
    }
}
END_TEST

static void refused(const char *text, const char *message)
{
    qg_str out;
    qg_err err = {0};

    ck_assert_int_eq(qg_expand(&out, arena, qg_str_from(text), &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, message);
}

START_TEST(mistakes_are_told)
{
    refused("${QG_CHECK_UNSET}", "environment variable 'QG_CHECK_UNSET' is not set; set it, or "
                                 "give a default: ${QG_CHECK_UNSET:-...}");
    refused("${}", "cannot expand '${}'; write ${NAME} or ${NAME:-default}");
    refused("${1X}", "cannot expand '${1X}'; write ${NAME} or ${NAME:-default}");
    refused("${A-b}", "cannot expand '${A-b}'; write ${NAME} or ${NAME:-default}");
    refused("a ${QG_CHECK_SET", "'${' without '}'; write $${ for a literal ${");
    setenv("QG_CHECK_SET", "\xff", 1);
    refused("${QG_CHECK_SET}", "environment variable 'QG_CHECK_SET' is not valid UTF-8");
}
END_TEST

START_TEST(the_result_is_bounded)
{
    static char huge[40000];

    memset(huge, 'x', sizeof huge - 1);
    setenv("QG_CHECK_SET", huge, 1);
    refused("${QG_CHECK_SET}${QG_CHECK_SET}", "expands to more than 65536 bytes");
}
END_TEST

Suite *expand_check(void)
{
    Suite *s = suite_create("expand_check");
    TCase *t = tcase_create("expand");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, variables_and_defaults_expand);
    tcase_add_test(t, mistakes_are_told);
    tcase_add_test(t, the_result_is_bounded);
    suite_add_tcase(s, t);
    return s;
}
