/* Unit tests of base/finding: order, bound, format. */
#include "base/finding.h"

#include "check_suites.h"

static qg_arena *arena;
static qg_findings findings;

static void setup(void)
{
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
    qg_findings_begin(&findings, arena);
}

static void teardown(void)
{
    qg_arena_free(arena);
}

static void add(const char *file, int line, int column, const char *message)
{
    qg_finding_add(&findings, QG_SEVERITY_ERROR, (qg_place){file, line, column}, NULL, "%s",
                   message);
}

static const char *formatted(void)
{
    qg_buf out;

    qg_buf_init(&out, arena);
    qg_findings_format(&out, &findings);
    ck_assert(!out.failed);
    return out.ptr;
}

START_TEST(they_sort_by_place_and_stay_stable)
{
    add("b.yaml", 7, 2, "third");
    add("a.yaml", 1, 1, "fifth");
    add("b.yaml", 7, 1, "second");
    add("b.yaml", 2, 9, "first");
    add("b.yaml", 7, 2, "fourth");
    qg_findings_sort(&findings);
    ck_assert_str_eq(formatted(), "b.yaml:2:9: error: first\n"
                                  "b.yaml:7:1: error: second\n"
                                  "b.yaml:7:2: error: third\n"
                                  "b.yaml:7:2: error: fourth\n"
                                  "a.yaml:1:1: error: fifth\n");
}
END_TEST

START_TEST(severity_and_suggestion_are_shown)
{
    qg_finding_add(&findings, QG_SEVERITY_WARNING, (qg_place){"a", 3, 4}, "try 'y'", "'%s' is odd",
                   "x");
    qg_finding_add(&findings, QG_SEVERITY_NOTE, (qg_place){"a", 0, 0}, NULL, "the whole file");
    ck_assert_str_eq(formatted(), "a:3:4: warning: 'x' is odd; try 'y'\na: note: the whole file\n");
    ck_assert_uint_eq(findings.n_errors, 0);
    ck_assert_uint_eq(findings.n_warnings, 1);
}
END_TEST

START_TEST(the_list_is_bounded)
{
    for (int i = 1; i <= QG_FINDINGS_MAX + 12; i++)
        add("a", i, 1, "x");
    ck_assert_uint_eq(findings.n, QG_FINDINGS_MAX);
    ck_assert_uint_eq(findings.n_errors, QG_FINDINGS_MAX + 12);
    ck_assert(qg_str_ends(qg_str_from(formatted()), QG_STR("\n..., and 12 more\n")));
}
END_TEST

START_TEST(a_lost_finding_is_known)
{
    qg_arena_fail_after(1);
    add("a", 1, 1, "x");
    qg_arena_fail_after(0);
    ck_assert(findings.out_of_memory);
    ck_assert_uint_eq(findings.n, 0);
    ck_assert_uint_eq(findings.n_errors, 1);
}
END_TEST

Suite *finding_check(void)
{
    Suite *s = suite_create("finding_check");
    TCase *t = tcase_create("finding");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, they_sort_by_place_and_stay_stable);
    tcase_add_test(t, severity_and_suggestion_are_shown);
    tcase_add_test(t, the_list_is_bounded);
    tcase_add_test(t, a_lost_finding_is_known);
    suite_add_tcase(s, t);
    return s;
}
