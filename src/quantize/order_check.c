/* Unit tests of quantize/order: the order by hand, and no memory. */
#include "quantize/order.h"

#include "check_suites.h"

#include <string.h>

START_TEST(the_largest_comes_first_and_ties_keep_their_order)
{
    static const double sizes[] = {2, 0, 7, 2, -1, 7, 0, 2};
    static const int32_t wanted[] = {2, 5, 0, 3, 7, 1, 6, 4};
    qg_arena *arena = qg_arena_create();
    int32_t *order;

    ck_assert_int_eq(qg_order_falling(&order, sizes, 8, arena, NULL), QG_OK);
    ck_assert_mem_eq(order, wanted, sizeof wanted);
    qg_arena_free(arena);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    static const double sizes[] = {1, 2};
    qg_arena *arena = qg_arena_create();
    int n_failed = 0;

    for (long n = 1;; n++) {
        int32_t *order;
        qg_arena_fail_after(n);
        qg_status s = qg_order_falling(&order, sizes, 2, arena, NULL);
        if (qg_arena_fail_after(0))
            break;
        ck_assert_int_eq(s, QG_ENOMEM);
        n_failed++;
    }
    ck_assert_int_eq(n_failed, 2);
    qg_arena_free(arena);
}
END_TEST

Suite *order_check(void)
{
    Suite *s = suite_create("order_check");
    TCase *c = tcase_create("order");

    suite_add_tcase(s, c);
    tcase_add_test(c, the_largest_comes_first_and_ties_keep_their_order);
    tcase_add_test(c, every_allocation_may_fail);
    return s;
}
