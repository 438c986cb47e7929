/* Unit tests of measure/cpus: what is chosen may be used, and binding binds. */
#include "measure/cpus.h"

#include "base/scratch_check.h"

#include <sched.h>
#include <stdlib.h>

START_TEST(a_choice_can_be_bound_to)
{
    cpu_set_t before, after;
    const char *all = NULL;

    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    ck_assert_ptr_null(qg_cpus_choose(arena, CPU_COUNT(&before)));
    ck_assert_ptr_null(qg_cpus_choose(arena, 0));
    all = qg_cpus_choose(arena, 1);
    if (CPU_COUNT(&before) == 1) {
        ck_assert_ptr_null(all);
        return;
    }
    ck_assert_ptr_nonnull(all);
    ck_assert_int_eq(qg_cpus_bind(all, &err), QG_OK);
    ck_assert_int_eq(sched_getaffinity(0, sizeof after, &after), 0);
    ck_assert_int_eq(CPU_COUNT(&after), 1);
    ck_assert(CPU_ISSET(atoi(all), &after) && CPU_ISSET(atoi(all), &before));
}
END_TEST

START_TEST(what_is_no_list_is_refused)
{
    static const char *const lists[] = {"", "a", "1,", "-1", "99999", "1 2"};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        ck_assert_int_eq(qg_cpus_bind(lists[i], &err), QG_EARG);
    ck_assert_int_eq(qg_cpus_bind("1023", &err), QG_EIO); /* no machine of ours has so many */
}
END_TEST

Suite *cpus_check(void)
{
    Suite *s = suite_create("cpus_check");
    TCase *t = tcase_create("cpus");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_choice_can_be_bound_to);
    tcase_add_test(t, what_is_no_list_is_refused);
    suite_add_tcase(s, t);
    return s;
}
