/* Unit tests of base/arena: alignment, ends, rewinding, the fault counter. */
#include "base/arena.h"

#include "check_suites.h"

static int order[4], n_ended;

static void ended(void *data)
{
    order[n_ended++] = *(int *)data;
}

START_TEST(memory_is_zeroed_aligned_and_apart)
{
    qg_arena *a = qg_arena_create();
    unsigned char *last = NULL;

    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = qg_arena_alloc(a, n);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            if (p[i] != 0)
                ck_abort_msg("byte %zu of %zu is %d", i, n, p[i]);
        memset(p, 0xff, n);
        ck_assert_ptr_ne(p, last);
        last = p;
    }
    ck_assert_ptr_nonnull(qg_arena_alloc(a, 8 << 20));
    ck_assert_ptr_null(qg_arena_alloc(a, SIZE_MAX - 8));
    ck_assert_ptr_null(qg_arena_array(a, SIZE_MAX / 2, 3));
    qg_arena_free(a);
}
END_TEST

START_TEST(deferred_calls_run_last_in_first_out)
{
    int one = 1, two = 2, three = 3;
    qg_arena *a = qg_arena_create();

    n_ended = 0;
    ck_assert(qg_arena_defer(a, ended, &one));
    qg_arena_mark mark = qg_arena_here(a);
    ck_assert(qg_arena_defer(a, ended, &two));
    ck_assert_ptr_nonnull(qg_arena_alloc(a, 1 << 20));
    qg_arena_rewind(a, mark);
    ck_assert_int_eq(n_ended, 1);
    ck_assert_int_eq(order[0], 2);
    ck_assert(qg_arena_defer(a, ended, &three));
    qg_arena_free(a);
    ck_assert_int_eq(n_ended, 3);
    ck_assert_int_eq(order[1], 3);
    ck_assert_int_eq(order[2], 1);
}
END_TEST

START_TEST(rewinding_gives_the_same_memory_again)
{
    qg_arena *a = qg_arena_create();
    char *p = qg_arena_format(a, "%d-%s", 12, "x");
    ck_assert_str_eq(p, "12-x");
    qg_arena_mark mark = qg_arena_here(a);
    void *first = qg_arena_copy(a, "secret", 7);
    qg_arena_rewind(a, mark);
    char *second = qg_arena_alloc(a, 7);
    ck_assert_ptr_eq(first, second);
    ck_assert_int_eq(second[0], 0);
    ck_assert_str_eq(p, "12-x");
    qg_arena_free(a);
}
END_TEST

START_TEST(the_nth_allocation_fails_once)
{
    qg_arena *a = qg_arena_create();

    qg_arena_fail_after(2);
    ck_assert_ptr_nonnull(qg_arena_alloc(a, 1));
    ck_assert_ptr_null(qg_arena_alloc(a, 1));
    ck_assert_ptr_nonnull(qg_arena_alloc(a, 1));
    ck_assert(!qg_arena_fail_after(100));
    ck_assert(qg_arena_fail_after(0));
    qg_arena_fail_after(1);
    ck_assert_ptr_null(qg_arena_create());
    qg_arena_free(a);
    qg_arena_free(NULL);
}
END_TEST

Suite *arena_check(void)
{
    Suite *s = suite_create("arena_check");
    TCase *t = tcase_create("arena");

    tcase_add_test(t, memory_is_zeroed_aligned_and_apart);
    tcase_add_test(t, deferred_calls_run_last_in_first_out);
    tcase_add_test(t, rewinding_gives_the_same_memory_again);
    tcase_add_test(t, the_nth_allocation_fails_once);
    suite_add_tcase(s, t);
    return s;
}
