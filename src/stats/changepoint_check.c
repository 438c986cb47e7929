/* Unit tests of stats/changepoint: held against the definition, summed over all distances in numpy
 * (golden/vectors/stats/changepoint.jsonl); how often it calls what is not there, and misses what
 * is. */
#include "stats/changepoint.h"

#include "stats/bootstrap.h"
#include "stats/upstream_check.h"

START_TEST(the_definition_is_followed)
{
    qg_str text = upstream_open("changepoint");
    const qg_json *row;
    int n_cases = 0, n_found = 0;

    while ((row = upstream_next(&text)) != NULL) {
        size_t n;
        double *x = upstream_reals(row, "x", &n);
        const qg_json *kept = qg_json_get(row, "kept");
        const qg_changepoint_options o = {.least = (size_t)upstream_int(row, "least"),
                                          .level = upstream_real(row, "level"),
                                          .permutations = (size_t)upstream_int(row, "permutations"),
                                          .seed = (uint64_t)upstream_int(row, "seed")};
        qg_changepoints c;
        ck_ok(qg_changepoint_find(&c, arena, x, n, &o, &err));
        ck_assert_uint_eq(c.n, qg_json_len(kept));
        for (size_t i = 0; i < c.n; i++) {
            const qg_json *want = qg_json_at(kept, 0);
            for (size_t k = 0; k < c.n; k++)
                if ((size_t)upstream_int(qg_json_at(kept, k), "at") == c.at[i].at)
                    want = qg_json_at(kept, k);
            ck_assert_uint_eq(c.at[i].at, (size_t)upstream_int(want, "at"));
            ck_near(c.at[i].statistic, upstream_real(want, "q"), 1e-9);
            ck_near(c.at[i].p, upstream_real(want, "p"), 1e-12);
            ck_assert(i == 0 || c.at[i - 1].at < c.at[i].at);
        }
        n_cases++;
        n_found += (int)c.n;
    }
    ck_assert_int_eq(n_cases, 10);
    ck_assert_int_eq(n_found, 8);
}
END_TEST

/* A level so high that every candidate is kept shows p of the one that was not. */
START_TEST(candidates_that_are_not_kept_have_the_p_of_the_definition)
{
    qg_str text = upstream_open("changepoint");
    const qg_json *row;
    int n_seen = 0;

    while ((row = upstream_next(&text)) != NULL) {
        const qg_json *last = qg_json_get(row, "last");
        size_t n;
        double *x = upstream_reals(row, "x", &n);
        if (qg_json_is_null(last) || upstream_real(last, "p") >= 0.49)
            continue;
        const qg_changepoint_options o = {.least = (size_t)upstream_int(row, "least"),
                                          .level = 0.49,
                                          .permutations = (size_t)upstream_int(row, "permutations"),
                                          .seed = (uint64_t)upstream_int(row, "seed")};
        qg_changepoints c;
        bool found = false;
        ck_ok(qg_changepoint_find(&c, arena, x, n, &o, &err));
        for (size_t i = 0; i < c.n; i++)
            if (c.at[i].at == (size_t)upstream_int(last, "at")) {
                ck_near(c.at[i].p, upstream_real(last, "p"), 1e-12);
                ck_near(c.at[i].statistic, upstream_real(last, "q"), 1e-9);
                found = true;
            }
        ck_assert(found);
        n_seen++;
    }
    ck_assert_int_ge(n_seen, 2);
}
END_TEST

START_TEST(permutations_are_as_documented)
{
    qg_str text = upstream_open("changepoint");
    const qg_json *row = upstream_next(&text);
    size_t n;
    double *want = upstream_reals(row, "first_permutation", &n), order[64];
    uint64_t seed = (uint64_t)upstream_int(row, "seed");

    for (size_t i = 0; i < n; i++)
        order[i] = (double)i;
    for (size_t i = n; i-- > 1;) {
        size_t j = qg_bootstrap_index(seed, i, i + 1);
        double v = order[i];
        order[i] = order[j];
        order[j] = v;
    }
    for (size_t i = 0; i < n; i++)
        ck_assert_double_eq(order[i], want[i]);
}
END_TEST

/* By hand: pieces {0, 0} and {1, 1}: q = 4/4 (2 * 1 - 0 - 0) = 2; {0, 2} and {5, 9}: between
 * (5 + 9 + 3 + 7) / 4 = 6, within 2 and 4: q = 12 - 2 - 4 = 6. */
START_TEST(a_split_by_hand)
{
    const double steps[] = {0, 0, 1, 1}, spread[] = {0, 2, 5, 9};
    double scratch[16];
    size_t at;

    ck_assert_double_eq(qg_changepoint_split(&at, steps, 4, 2, scratch), 2);
    ck_assert_uint_eq(at, 2);
    ck_assert_double_eq_tol(qg_changepoint_split(&at, spread, 4, 2, scratch), 6, 1e-12);
    ck_assert_double_eq(qg_changepoint_split(&at, steps, 3, 2, scratch), 0);
    ck_assert_uint_eq(at, 0);
}
END_TEST

/* Sum of twelve uniform numbers less six: normal enough, and the same everywhere. */
static double noise(uint64_t *state)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += (double)(qg_random_next(state) >> 11) * 0x1p-53;
    return sum;
}

/* In how many of 400 series of 40 with a step of `step` deviations at 20 something was called, and
 * how often within two of it. */
static int n_called(double step, int *n_near)
{
    uint64_t state = 5;
    int n = 0;

    *n_near = 0;
    for (int i = 0; i < 400; i++) {
        const qg_changepoint_options o = {5, 0.05, 199, (uint64_t)i};
        double x[40];
        qg_changepoints c;
        bool near = false;
        for (int k = 0; k < 40; k++)
            x[k] = 100 + noise(&state) + (k < 20 ? 0 : step);
        ck_ok(qg_changepoint_find(&c, arena, x, 40, &o, &err));
        for (size_t k = 0; k < c.n; k++)
            near = near || (c.at[k].at >= 18 && c.at[k].at <= 22);
        n += c.n > 0;
        *n_near += near;
    }
    return n;
}

/* Each test is exact, so 20 of 400 are called by chance: 9 to 34 with a chance of 99.8 %. */
START_TEST(false_alarms_are_as_rare_as_promised)
{
    int n_near, n = n_called(0, &n_near);

    ck_assert_int_ge(n, 9);
    ck_assert_int_le(n, 34);
}
END_TEST

START_TEST(steps_are_found_where_they_are)
{
    int n_near;

    ck_assert_int_ge(n_called(1, &n_near), 200);
    ck_assert_int_ge(n_called(2, &n_near), 396);
    ck_assert_int_ge(n_near, 340);
}
END_TEST

START_TEST(a_level_that_comes_back_is_two_changes)
{
    const qg_changepoint_options o = {5, 0.01, 499, 1};
    double x[60];
    qg_changepoints c;
    uint64_t state = 11;

    for (int i = 0; i < 60; i++)
        x[i] = noise(&state) + (i >= 25 && i < 40 ? 4 : 0);
    ck_ok(qg_changepoint_find(&c, arena, x, 60, &o, &err));
    ck_assert_uint_eq(c.n, 2);
    ck_assert_uint_eq(c.at[0].at, 25);
    ck_assert_uint_eq(c.at[1].at, 40);
}
END_TEST

/* Another unit, another sign, another zero: the same changes. */
START_TEST(units_do_not_matter)
{
    const qg_changepoint_options o = {5, 0.05, 199, 3};
    double x[40], y[40];
    qg_changepoints a, b;
    uint64_t state = 2;

    for (int i = 0; i < 40; i++) {
        x[i] = noise(&state) + (i < 22 ? 0 : 3);
        y[i] = 1e9 - 1e6 * x[i];
    }
    ck_ok(qg_changepoint_find(&a, arena, x, 40, &o, &err));
    ck_ok(qg_changepoint_find(&b, arena, y, 40, &o, &err));
    ck_assert_uint_eq(a.n, 1);
    ck_assert_uint_eq(b.n, 1);
    ck_assert_uint_eq(a.at[0].at, b.at[0].at);
    ck_near(b.at[0].statistic, 1e6 * a.at[0].statistic, 1e-6);
    ck_near(b.at[0].p, a.at[0].p, 1e-12);
}
END_TEST

START_TEST(what_cannot_be_looked_at_is_refused)
{
    static double many[QG_CHANGEPOINT_MOST + 1];
    const qg_changepoint_options good = {5, 0.05, 199, 1};
    qg_changepoint_options o = good;
    const double x[] = {1, NAN, 3}, huge[] = {1e300, 1, 2};
    qg_changepoints c;

    ck_ok(qg_changepoint_find(&c, arena, x, 0, &good, &err));
    ck_assert_uint_eq(c.n, 0);
    ck_refused(qg_changepoint_find(&c, arena, x, 3, &good, &err), QG_ENONFINITE, "number 1");
    ck_refused(qg_changepoint_find(&c, arena, huge, 3, &good, &err), QG_ENONFINITE, "too large");
    ck_refused(qg_changepoint_find(&c, arena, many, QG_CHANGEPOINT_MOST + 1, &good, &err), QG_EARG,
               "10001 numbers");
    o.least = 1;
    ck_refused(qg_changepoint_find(&c, arena, many, 9, &o, &err), QG_EARG, "at least 2");
    o = good;
    o.level = 0.5;
    ck_refused(qg_changepoint_find(&c, arena, many, 9, &o, &err), QG_EARG, "alpha");
    o = good;
    o.permutations = 18;
    ck_refused(qg_changepoint_find(&c, arena, many, 9, &o, &err), QG_EARG, "18 permutations");
    ck_out_of_memory(3, qg_changepoint_find(&c, fresh, many, 9, &good, &err));
}
END_TEST

Suite *changepoint_check(void)
{
    Suite *s = suite_create("changepoint_check");
    TCase *t = tcase_create("changepoint");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_definition_is_followed);
    tcase_add_test(t, candidates_that_are_not_kept_have_the_p_of_the_definition);
    tcase_add_test(t, permutations_are_as_documented);
    tcase_add_test(t, a_split_by_hand);
    tcase_add_test(t, false_alarms_are_as_rare_as_promised);
    tcase_add_test(t, steps_are_found_where_they_are);
    tcase_add_test(t, a_level_that_comes_back_is_two_changes);
    tcase_add_test(t, units_do_not_matter);
    tcase_add_test(t, what_cannot_be_looked_at_is_refused);
    suite_add_tcase(s, t);
    return s;
}
