/* Unit tests of cli/checkout: GitHub's variables, the files of git in each of their forms, as git
 * itself leaves them, and what is neither. */
#include "cli/checkout.h"

#include "base/folder_check.h"

#include <stdlib.h>
#include <string.h>

#define HASH  "0123456789abcdef0123456789abcdef01234567"
#define OTHER "89abcdef0123456789abcdef0123456789abcdef"

static void set_up(void)
{
    static const char *const names[] = {"GITHUB_HEAD_REF", "GITHUB_REF_NAME", "GITHUB_SHA",
                                        "GITHUB_SERVER_URL", "GITHUB_REPOSITORY"};

    folder_begin();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

/* "branch commit repository", "-" of what is not known. */
static const char *found(const char *where)
{
    qg_checkout c;

    ck_assert_int_eq(qg_checkout_find(&c, arena, where, NULL), QG_OK);
    return qg_arena_format(arena, "%s %s %s", c.branch ? c.branch : "-", c.commit ? c.commit : "-",
                           c.repository ? c.repository : "-");
}

START_TEST(github_s_variables_come_first)
{
    folder_put(".git/HEAD", OTHER "\n");
    setenv("GITHUB_REF_NAME", "5/merge", 1);
    setenv("GITHUB_HEAD_REF", "", 1);
    ck_assert_str_eq(found(folder), "5/merge " OTHER " -");
    setenv("GITHUB_HEAD_REF", "feature/$(id)", 1);
    setenv("GITHUB_SHA", HASH, 1);
    ck_assert_str_eq(found(folder), "feature/$(id) " HASH " -");
    setenv("GITHUB_REPOSITORY", "o/r", 1);
    ck_assert_str_eq(found(folder), "feature/$(id) " HASH " -");
    setenv("GITHUB_SERVER_URL", "https://github.com", 1);
    ck_assert_str_eq(found(folder), "feature/$(id) " HASH " https://github.com/o/r");
}
END_TEST

START_TEST(a_branch_is_followed)
{
    folder_put(".git/HEAD", "ref: refs/heads/release/1.0\n");
    folder_put(".git/refs/heads/release/1.0", HASH "\n");
    folder_put("a/b/file", "");
    ck_assert_str_eq(found(folder_path("a/b")), "release/1.0 " HASH " -");
}
END_TEST

START_TEST(packed_references_are_read)
{
    folder_put(".git/HEAD", "ref: refs/heads/main\n");
    folder_put(".git/packed-refs",
               "# pack-refs with: peeled fully-peeled sorted\n" OTHER " refs/heads/mai\n" OTHER
               " refs/heads/main2\n" HASH " refs/heads/main\n^" OTHER "\n");
    ck_assert_str_eq(found(folder), "main " HASH " -");
}
END_TEST

START_TEST(a_detached_head_has_no_branch)
{
    folder_put(".git/HEAD", HASH "\n");
    ck_assert_str_eq(found(folder), "- " HASH " -");
}
END_TEST

START_TEST(a_worktree_shares_references)
{
    folder_put("main/.git/refs/heads/topic", HASH "\n");
    folder_put("main/.git/worktrees/t/HEAD", "ref: refs/heads/topic\n");
    folder_put("main/.git/worktrees/t/commondir", "../..\n");
    folder_put("t/.git", "gitdir: ../main/.git/worktrees/t\n");
    ck_assert_str_eq(found(folder_path("t")), "topic " HASH " -");
    folder_put("t/.git", qg_arena_format(arena, "gitdir: %s/main/.git/worktrees/t\n", folder));
    ck_assert_str_eq(found(folder_path("t")), "topic " HASH " -");
}
END_TEST

START_TEST(what_is_no_checkout_is_not_known)
{
    static const char *const heads[] = {"",
                                        "ref: ",
                                        "ref: refs/heads/.invalid\n",
                                        "rubbish",
                                        "ref: refs/heads/main\n",
                                        "0123456789abcdef\n",
                                        "ref: ../../../../../etc/passwd\n"};

    ck_assert_str_eq(found(folder_path("absent")), "- - -");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        folder_put(".git/HEAD", heads[i]);
        ck_assert_str_eq(found(folder), "- - -");
    }
    folder_put("x/.git", "gitdir: \n");
    ck_assert_str_eq(found(folder_path("x")), "- - -");
}
END_TEST

/* What git says of a repository that it made itself. */
START_TEST(git_says_the_same)
{
    const char *command = qg_arena_format(
        arena,
        "cd '%s' && git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty "
        "-m x && git checkout -q -b tip/top && git pack-refs --all && git rev-parse HEAD >.said",
        folder);
    qg_str said;

    if (system("command -v git >/dev/null 2>&1") != 0)
        return;
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(qg_file_read(&said, arena, folder_path(".said"), 100, NULL), QG_OK);
    said = qg_str_trim(said);
    ck_assert_str_eq(found(folder),
                     qg_arena_format(arena, "tip/top " QG_STR_PRI " -", QG_STR_ARG(said)));
}
END_TEST

Suite *checkout_check(void)
{
    Suite *s = suite_create("checkout_check");
    TCase *t = tcase_create("checkout");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_add_test(t, github_s_variables_come_first);
    tcase_add_test(t, a_branch_is_followed);
    tcase_add_test(t, packed_references_are_read);
    tcase_add_test(t, a_detached_head_has_no_branch);
    tcase_add_test(t, a_worktree_shares_references);
    tcase_add_test(t, what_is_no_checkout_is_not_known);
    tcase_add_test(t, git_says_the_same);
    suite_add_tcase(s, t);
    return s;
}
