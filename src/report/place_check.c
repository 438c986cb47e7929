/* Unit tests of report/place: paths by hand, as a shell would resolve them without links. */
#include "report/place.h"

#include "base/scratch_check.h"

static const struct {
    const char *root, *here, *file, *expected;
} places[] = {
    {NULL, NULL, "suites/x.yaml", "suites/x.yaml"},
    {NULL, NULL, "./suites//x.yaml", "suites/x.yaml"},
    {NULL, NULL, "a/../suites/./x.yaml", "suites/x.yaml"},
    {NULL, NULL, "../x.yaml", "../x.yaml"},
    {NULL, NULL, "/w/x.yaml", "/w/x.yaml"},
    {"/w/repo", "/w/repo", "suites/x.yaml", "suites/x.yaml"},
    {"/w/repo", "/w/repo/gate", "x.yaml", "gate/x.yaml"},
    {"/w/repo/", "/w/repo/gate/", "../suites/x.yaml", "suites/x.yaml"},
    {"/w/repo", "/w/repo", "/w/repo/suites/x.yaml", "suites/x.yaml"},
    {"/w/repo", "/w/repo", "/w/repo/a/../suites/x.yaml", "suites/x.yaml"},
    {"/w/repo", "/w/repo", "/w/repository/x.yaml", "/w/repository/x.yaml"},
    {"/w/repo", "/w/repo", "../../x.yaml", "../../x.yaml"},
    {"/w/repo", "/w/repo", "../../../../x.yaml", "../../../../x.yaml"},
    {"/w/repo", "/w/repo", "/x.yaml", "/x.yaml"},
    {"/w/repo", "/tmp", "x.yaml", "x.yaml"},
    {"/", "/w", "x.yaml", "w/x.yaml"},
    {"/w/repo", NULL, "./x.yaml", "x.yaml"},
    {"/w/repo", NULL, "/w/repo/x.yaml", "x.yaml"},
};

START_TEST(paths_begin_at_the_root_of_the_repository)
{
    const char *place = qg_place_in(arena, places[_i].root, places[_i].here, places[_i].file);

    ck_assert_str_eq(place, places[_i].expected);
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    const char *place;
    long n = 1;

    do {
        qg_arena *a = qg_arena_create();
        qg_arena_fail_after(n++);
        place = qg_place_in(a, "/w/repo", "/w/repo/gate", "x.yaml");
        bool waiting = qg_arena_fail_after(0);
        ck_assert_msg(waiting == (place != NULL), "allocation %ld", n - 1);
        if (place)
            ck_assert_str_eq(place, "gate/x.yaml");
        qg_arena_free(a);
    } while (!place);
}
END_TEST

Suite *place_check(void)
{
    Suite *s = suite_create("place_check");
    TCase *t = tcase_create("place");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, paths_begin_at_the_root_of_the_repository, 0,
                        sizeof places / sizeof *places);
    tcase_add_test(t, lack_of_memory_is_said);
    suite_add_tcase(s, t);
    return s;
}
