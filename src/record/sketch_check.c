/* Unit tests of record/sketch: percentiles against sorted arrays on distributions that are meant to
 * break it, and merging against one sketch of all. */
#include "record/sketch.h"

#include "base/random.h"
#include "base/scratch_check.h"
#include "record/value.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { N = 5000 };

static double uniform(uint64_t *state)
{
    return (double)(qg_random_next(state) >> 11) * 0x1p-53;
}

/* Number i of distribution `kind`. */
static double draw(int kind, int i, uint64_t *state)
{
    double u = uniform(state);

    switch (kind) {
    case 0: /* what divergences look like */
        return exp(-7 + 4 * (u + uniform(state) + uniform(state) - 1.5));
    case 1:
        return 0;
    case 2: /* the 99th percentile is the first that is not 0 */
        return i < N / 100 * 99 - 1 ? 0 : 0.125;
    case 3: /* and the last that is */
        return i < N / 100 * 99 ? 0 : 1e300;
    case 4: /* denormal, in double and in float */
        return u < 0.5 ? 0x1p-1074 * (double)(1 + qg_random_next(state) % 1000) : 0x1p-149 * u;
    case 5: /* all magnitudes there are */
        return ldexp(0.5 + u / 2, (int)(qg_random_next(state) % 2000) - 1000);
    case 6: /* the ends of the range, side by side at the percentile */
        return i % 100 == 7 ? DBL_MAX * u : 0x1p-1074;
    case 7: /* borders of buckets, and their neighbours */
        return nextafter(ldexp(64 + (double)(i % 64), i % 40 - 30), i % 3 ? 0 : INFINITY);
    case 8:
        return 0.7310585786300049;
    default: /* two heaps far apart */
        return u < 0.99 ? 1e-12 * (1 + u) : 3e38 * u;
    }
}

static void assert_close(const qg_sketch *s, double *all, size_t n, const char *what)
{
    static const int percents[] = {1, 25, 50, 90, 95, 99, 100};

    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        double exact = qg_value_percentile(all, n, percents[i]);
        double told = qg_sketch_percentile(s, percents[i]);
        ck_assert_msg(fabs(told - exact) <= 0.01 * exact, "%s: p%d of %zu is %.17g, told %.17g",
                      what, percents[i], n, exact, told);
    }
    ck_assert_double_eq(s->greatest, all[n - 1]); /* sorted by now */
    ck_assert_double_eq(qg_sketch_percentile(s, 100), all[n - 1]);
    ck_assert(qg_sketch_is_sound(s));
    ck_assert_int_eq(s->n, (int64_t)n);
}

START_TEST(percentiles_are_within_one_in_a_hundred)
{
    static const size_t sizes[] = {1, 2, 3, 99, 100, 101, 1000, N};
    uint64_t state = (uint64_t)_i;
    double *all = QG_NEW_N(arena, double, N);

    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        qg_sketch s = {0};
        for (size_t i = 0; i < sizes[k]; i++) {
            all[i] = draw(_i, (int)i, &state);
            ck_assert(qg_sketch_add(&s, arena, all[i]));
        }
        assert_close(&s, all, sizes[k], qg_arena_format(arena, "kind %d", _i));
    }
}
END_TEST

static void assert_equal(const qg_sketch *a, const qg_sketch *b)
{
    ck_assert_int_eq(a->n, b->n);
    ck_assert_int_eq(a->zeros, b->zeros);
    ck_assert_double_eq(a->greatest, b->greatest);
    ck_assert_uint_eq(a->n_buckets, b->n_buckets);
    for (size_t i = 0; i < a->n_buckets; i++) {
        ck_assert_int_eq(a->buckets[i].index, b->buckets[i].index);
        ck_assert_int_eq(a->buckets[i].count, b->buckets[i].count);
    }
}

START_TEST(what_does_not_fit_together_is_not_sound)
{
    qg_bucket two[] = {{-100, 2}, {7, 1}};
    double in_seven = ldexp(0.5 + 0.5 * 7.5 / 64, 0);
    const qg_sketch good = {
        .n = 5, .zeros = 2, .greatest = in_seven, .buckets = two, .n_buckets = 2};
    qg_sketch s = good;

    ck_assert(qg_sketch_is_sound(&s));
    s.n = 6;
    ck_assert(!qg_sketch_is_sound(&s));
    s = good, s.zeros = -1;
    ck_assert(!qg_sketch_is_sound(&s));
    s = good, s.zeros = 6;
    ck_assert(!qg_sketch_is_sound(&s));
    s = good, s.greatest = 1e9;
    ck_assert(!qg_sketch_is_sound(&s));
    s = good, s.greatest = INFINITY;
    ck_assert(!qg_sketch_is_sound(&s));
    s = good, s.greatest = 0;
    ck_assert(!qg_sketch_is_sound(&s));
    s = (qg_sketch){.n = 1, .zeros = 1, .greatest = 1};
    ck_assert(!qg_sketch_is_sound(&s));
    s = good, two[0].index = 7;
    ck_assert(!qg_sketch_is_sound(&s));
    two[0] = (qg_bucket){-100, 0}, s.n = 3;
    ck_assert(!qg_sketch_is_sound(&s));
    two[0].count = INT64_MAX, s.n = INT64_MIN;
    ck_assert(!qg_sketch_is_sound(&s));
}
END_TEST

START_TEST(lack_of_memory_changes_nothing)
{
    qg_sketch s = {0}, before;
    double x = 1;
    bool added = true;

    while (s.n_buckets < 64)
        ck_assert(qg_sketch_add(&s, arena, x *= 1.5));
    before = s;
    qg_arena *full = qg_arena_create();
    for (int i = 0; added && i < 10000; i++) { /* until the arena's block is used up */
        qg_arena_fail_after(1);
        s = before;
        added = qg_sketch_add(&s, full, 0.25);
        qg_arena_fail_after(0);
    }
    ck_assert(!added);
    assert_equal(&s, &before);
    qg_arena_free(full);
}
END_TEST

Suite *sketch_check(void)
{
    Suite *s = suite_create("sketch_check");
    TCase *t = tcase_create("sketch");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, percentiles_are_within_one_in_a_hundred, 0, 10);
    tcase_add_test(t, what_does_not_fit_together_is_not_sound);
    tcase_add_test(t, lack_of_memory_changes_nothing);
    suite_add_tcase(s, t);
    return s;
}
