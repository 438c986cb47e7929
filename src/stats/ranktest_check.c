/* Unit tests of stats/ranktest: SciPy's values, and whole-number counts where SciPy has none
 * (golden/vectors/stats/ranktest.jsonl); every choice of signs and every division into arms of
 * small samples; a published example; all pairs sorted. */
#include "stats/ranktest.h"

#include "base/random.h"
#include "stats/distribution.h"
#include "stats/numbers.h"
#include "stats/upstream_check.h"

/* ---- vectors ---- */

static void compare_test(const qg_ranktest *got, const qg_json *row)
{
    ck_assert_double_eq(got->statistic, upstream_real(row, "statistic"));
    ck_assert_uint_eq(got->n, (size_t)upstream_int(row, "n"));
    ck_assert_int_eq(got->exact, upstream_bool(row, "exact"));
    ck_near_pvalues(got->p, row, 1e-12);
}

static void compare_shift(const qg_json *row, bool paired)
{
    size_t n, n_x, n_y = 0;
    double *alpha = upstream_reals(row, "alpha", &n);
    double *x = upstream_reals(row, paired ? "d" : "x", &n_x);
    double *y = paired ? NULL : upstream_reals(row, "y", &n_y);
    qg_shift s;

    for (size_t i = 0; i < n; i++) {
        if (paired)
            ck_ok(qg_shift_paired(&s, arena, x, n_x, alpha[i], &err));
        else
            ck_ok(qg_shift_between(&s, arena, x, n_x, y, n_y, alpha[i], &err));
        ck_assert_double_eq_tol(s.estimate, upstream_real(row, "estimate"), 1e-15);
        ck_near_interval(s.interval, qg_json_at(qg_json_get(row, "low"), i),
                         qg_json_at(qg_json_get(row, "high"), i), 0);
    }
}

static void compare_level(const qg_json *row)
{
    size_t n;
    double *alpha = upstream_reals(row, "alpha", &n), *level = upstream_reals(row, "level", &n);

    for (size_t i = 0; i < n; i++)
        ck_near(qg_signed_rank_level((size_t)upstream_int(row, "n"), alpha[i]), level[i], 1e-13);
}

static void compare(const qg_json *row)
{
    size_t n, n_x, n_y;
    qg_ranktest r;

    if (upstream_is(row, "test", "signed_rank")) {
        double *d = upstream_reals(row, "d", &n);
        ck_ok(qg_signed_rank(&r, arena, d, n, upstream_real(row, "limit"), &err));
        compare_test(&r, row);
    } else if (upstream_is(row, "test", "mann_whitney")) {
        double *x = upstream_reals(row, "x", &n_x), *y = upstream_reals(row, "y", &n_y);
        ck_ok(qg_mann_whitney(&r, arena, x, n_x, y, n_y, upstream_real(row, "limit"), &err));
        compare_test(&r, row);
    } else if (upstream_is(row, "test", "level")) {
        compare_level(row);
    } else {
        compare_shift(row, upstream_is(row, "test", "shift_paired"));
    }
}

START_TEST(answers_are_those_of_scipy_and_of_counting)
{
    qg_str text = upstream_open("ranktest");
    int n_rows = 0;

    for (const qg_json *row; (row = upstream_next(&text)); n_rows++)
        compare(row);
    ck_assert_int_ge(n_rows, 140);
}
END_TEST

/* ---- enumerations ---- */

/* W+ of d by counting: of each difference above 0, how many sizes are smaller, and half of those
 * equal (its own counts whole). */
static double w_plus(const double *d, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n && d[i] > 0; j++)
            sum += i == j ? 1 : fabs(d[j]) < fabs(d[i]) ? 1 : fabs(d[j]) == fabs(d[i]) ? 0.5 : 0;
    return sum;
}

/* Zeros and ties: each choice of signs of these sizes, and the share that lies as far out. */
START_TEST(signed_rank_counts_all_signs)
{
    static const double size[8] = {0, 2, 2, 0, 5, 1, 5, 5};
    double d[8], e[8];
    qg_ranktest r;

    for (int signs = 0; signs < 256; signs++) {
        int less = 0, greater = 0;
        for (int i = 0; i < 8; i++)
            d[i] = signs >> i & 1 ? size[i] : -size[i];
        for (int other = 0; other < 256; other++) {
            for (int i = 0; i < 8; i++)
                e[i] = other >> i & 1 ? size[i] : -size[i];
            less += w_plus(e, 8) <= w_plus(d, 8);
            greater += w_plus(e, 8) >= w_plus(d, 8);
        }
        ck_ok(qg_signed_rank(&r, arena, d, 8, 0, &err));
        ck_assert_double_eq(r.statistic, w_plus(d, 8));
        ck_assert_uint_eq(r.n, 6);
        ck_assert_double_eq(r.p.less, less / 256.0);
        ck_assert_double_eq(r.p.greater, greater / 256.0);
    }
}
END_TEST

static double u_of(const double *pool, int in_y)
{
    double u = 0;

    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            if (!(in_y >> i & 1) && in_y >> j & 1)
                u += pool[j] > pool[i] ? 1 : pool[j] == pool[i] ? 0.5 : 0;
    return u;
}

/* Each division of these numbers into arms of 3 and 5 (and of 5 and 3). */
START_TEST(mann_whitney_counts_all_divisions)
{
    static const double pool[8] = {1, 1, 2, 3, 3, 3, 7, 9};
    int n_y = _i, n_all = 0;

    for (int y = 0; y < 256; y++) {
        double x_arm[8], y_arm[8];
        int n_x = 0, n = 0, less = 0, greater = 0, total = 0;
        qg_ranktest r;
        if (__builtin_popcount((unsigned)y) != n_y)
            continue;
        for (int i = 0; i < 8; i++)
            *(y >> i & 1 ? &y_arm[n++] : &x_arm[n_x++]) = pool[i];
        for (int other = 0; other < 256; other++)
            if (__builtin_popcount((unsigned)other) == n_y) {
                total++;
                less += u_of(pool, other) <= u_of(pool, y);
                greater += u_of(pool, other) >= u_of(pool, y);
            }
        ck_ok(qg_mann_whitney(&r, arena, x_arm, (size_t)n_x, y_arm, (size_t)n, 0, &err));
        ck_assert_double_eq(r.statistic, u_of(pool, y));
        ck_assert_double_eq_tol(r.p.less, (double)less / total, 1e-15);
        ck_assert_double_eq_tol(r.p.greater, (double)greater / total, 1e-15);
        n_all++;
    }
    ck_assert_int_eq(n_all, 56);
}
END_TEST

/* ---- by hand ---- */

/* Hollander and Wolfe (1973), pages 29 and 35: a depression scale before and after tranquilizers.
 */
START_TEST(the_example_of_the_book_comes_out)
{
    static const double before[] = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
    static const double after[] = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
    double d[9];
    qg_ranktest r;
    qg_shift s;

    for (int i = 0; i < 9; i++)
        d[i] = after[i] - before[i];
    ck_ok(qg_signed_rank(&r, arena, d, 9, 0, &err));
    ck_assert_double_eq(r.statistic, 5);
    ck_assert_double_eq_tol(r.p.less, 0.01953125, 1e-15);
    ck_ok(qg_shift_paired(&s, arena, d, 9, 0.02, &err));
    ck_assert_double_eq_tol(s.estimate, -0.46, 1e-12);
    ck_assert_double_eq_tol(s.interval.low, -0.786, 1e-12);
    ck_assert_double_eq_tol(s.interval.high, -0.010, 1e-12);
}
END_TEST

START_TEST(single_samples_say_little)
{
    const double zero[] = {0}, one[] = {3}, zeros[] = {0, 0, 0};
    qg_ranktest r;
    qg_shift s;

    ck_ok(qg_signed_rank(&r, arena, one, 1, 0, &err));
    ck_assert(r.p.greater == 0.5 && r.p.less == 1 && r.p.both == 1);
    ck_ok(qg_signed_rank(&r, arena, zeros, 3, 0, &err));
    ck_assert(r.n == 0 && r.p.greater == 1 && r.p.less == 1 && r.p.both == 1);
    ck_ok(qg_mann_whitney(&r, arena, zero, 1, one, 1, 0, &err));
    ck_assert(r.p.greater == 0.5 && r.p.less == 1);
    ck_ok(qg_mann_whitney(&r, arena, one, 1, one, 1, 0, &err));
    ck_assert(r.p.greater == 1 && r.p.less == 1 && r.statistic == 0.5);
    ck_ok(qg_shift_paired(&s, arena, one, 1, 0.05, &err));
    ck_assert(s.estimate == 3 && s.interval.low == -INFINITY && s.interval.high == INFINITY);
    ck_ok(qg_shift_between(&s, arena, one, 1, zero, 1, 0.05, &err));
    ck_assert(s.estimate == -3 && s.interval.low == -INFINITY && s.interval.high == INFINITY);
}
END_TEST

START_TEST(five_blocks_give_an_end)
{
    const double d[] = {4, 1, 3, 2, 5, 6, 7};
    qg_shift s;

    ck_ok(qg_shift_paired(&s, arena, d, 4, 0.05, &err));
    ck_assert(isinf(s.interval.low));
    ck_ok(qg_shift_paired(&s, arena, d, 5, 0.05, &err));
    ck_assert(s.interval.low == 1 && s.interval.high == 5);
    ck_ok(qg_shift_paired(&s, arena, d, 6, 0.01, &err));
    ck_assert(isinf(s.interval.low));
    ck_ok(qg_shift_paired(&s, arena, d, 7, 0.01, &err));
    ck_assert(s.interval.low == 1 && s.interval.high == 7);
}
END_TEST

/* Many equal samples: nothing varies, nothing is called; beyond the exact sizes too. */
START_TEST(equal_samples_are_no_difference)
{
    double x[300] = {0};
    qg_ranktest r;
    qg_shift s;

    ck_ok(qg_mann_whitney(&r, arena, x, 300, x, 300, 0, &err));
    ck_assert(!r.exact && r.p.less == 1 && r.p.greater == 1);
    ck_ok(qg_signed_rank(&r, arena, x, 300, 0, &err));
    ck_assert(!r.exact && r.p.less == 1 && r.p.greater == 1);
    ck_ok(qg_shift_between(&s, arena, x, 300, x, 300, 0.05, &err));
    ck_assert(s.estimate == 0 && s.interval.low == 0 && s.interval.high == 0);
}
END_TEST

/* Without ties a limit beyond an end is called at alpha, and one within is not. */
START_TEST(ends_and_p_values_agree)
{
    uint64_t state = 77;
    double d[230], y[60];

    for (int i = 0; i < 230; i++)
        d[i] = (double)(int64_t)(qg_random_next(&state) >> 20) * 0x1p-43 - 0.4;
    for (int i = 0; i < 60; i++)
        y[i] = (double)(int64_t)(qg_random_next(&state) >> 20) * 0x1p-43;
    static const size_t sizes[] = {6, 13, 60, 200, 230};
    for (int i = 0; i < 5; i++)
        for (double alpha = 0.02; alpha < 0.5; alpha += 0.06) {
            size_t n = sizes[i], n_y = n < 60 ? n + 1 : 60;
            double step = 1e-9;
            qg_ranktest in, out;
            qg_shift s;
            ck_ok(qg_shift_paired(&s, arena, d, n, alpha, &err));
            ck_ok(qg_signed_rank(&out, arena, d, n, s.interval.low - step, &err));
            ck_ok(qg_signed_rank(&in, arena, d, n, s.interval.low + step, &err));
            ck_assert(out.p.greater <= alpha && in.p.greater > alpha);
            ck_ok(qg_signed_rank(&out, arena, d, n, s.interval.high + step, &err));
            ck_ok(qg_signed_rank(&in, arena, d, n, s.interval.high - step, &err));
            ck_assert(out.p.less <= alpha && in.p.less > alpha);
            ck_ok(qg_shift_between(&s, arena, d, n, y, n_y, alpha, &err));
            ck_ok(qg_mann_whitney(&out, arena, d, n, y, n_y, s.interval.low - step, &err));
            ck_ok(qg_mann_whitney(&in, arena, d, n, y, n_y, s.interval.low + step, &err));
            ck_assert(out.p.greater <= alpha && in.p.greater > alpha);
        }
}
END_TEST

/* Pairs of any size and sign, against all of them sorted. */
START_TEST(medians_are_those_of_all_pairs)
{
    static const double x[] = {-1e300, -3, -1e-310, 0, 0, 2.5, 1e300, 1e300};
    double pair[64];
    qg_shift s;

    for (size_t n = 1; n <= 8; n++) {
        size_t k = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = i; j < n; j++)
                pair[k++] = 0.5 * x[i] + 0.5 * x[j];
        qg_numbers_sort(pair, k);
        ck_ok(qg_shift_paired(&s, arena, x, n, 0.05, &err));
        ck_assert_double_eq(s.estimate, 0.5 * pair[(k - 1) / 2] + 0.5 * pair[k / 2]);
        k = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < 8; j++)
                pair[k++] = x[j] - x[i];
        qg_numbers_sort(pair, k);
        ck_ok(qg_shift_between(&s, arena, x, n, x, 8, 0.05, &err));
        ck_assert_double_eq(s.estimate, 0.5 * pair[(k - 1) / 2] + 0.5 * pair[k / 2]);
    }
}
END_TEST

START_TEST(bad_input_is_refused)
{
    double *many = QG_NEW_N(arena, double, QG_RANK_MOST + 1);
    const double x[] = {1, 2}, nan[] = {1, NAN}, infinite[] = {INFINITY, 1};
    qg_ranktest r = {.n = 42};
    qg_shift s = {.estimate = 42};

    ck_refused(qg_signed_rank(&r, arena, x, 0, 0, &err), QG_EARG, "0 differences");
    ck_refused(qg_signed_rank(&r, arena, nan, 2, 0, &err), QG_ENONFINITE, "difference 1");
    ck_refused(qg_signed_rank(&r, arena, x, 2, NAN, &err), QG_ENONFINITE, "limit");
    ck_refused(qg_signed_rank(&r, arena, many, QG_RANK_MOST + 1, 0, &err), QG_EARG, "1000001");
    ck_refused(qg_mann_whitney(&r, arena, x, 0, x, 2, 0, &err), QG_EARG, "0 samples");
    ck_refused(qg_mann_whitney(&r, arena, x, 2, x, 0, 0, &err), QG_EARG, "0 samples");
    ck_refused(qg_mann_whitney(&r, arena, infinite, 2, x, 2, 0, &err), QG_ENONFINITE, "sample 0");
    ck_refused(qg_mann_whitney(&r, arena, x, 2, nan, 2, 0, &err), QG_ENONFINITE, "sample 1");
    ck_refused(qg_mann_whitney(&r, arena, x, 2, x, 2, INFINITY, &err), QG_ENONFINITE, "limit");
    ck_refused(qg_shift_paired(&s, arena, nan, 2, 0.05, &err), QG_ENONFINITE, "difference 1");
    ck_refused(qg_shift_paired(&s, arena, x, 0, 0.05, &err), QG_EARG, "0 differences");
    ck_refused(qg_shift_paired(&s, arena, x, 2, 0, &err), QG_EARG, "alpha 0");
    ck_refused(qg_shift_between(&s, arena, x, 2, x, 0, 0.05, &err), QG_EARG, "0 samples");
    ck_refused(qg_shift_between(&s, arena, x, 2, infinite, 2, 0.05, &err), QG_ENONFINITE, "sample");
    ck_refused(qg_shift_between(&s, arena, x, 2, x, 2, 0.6, &err), QG_EARG, "alpha 0.6");
    ck_assert_uint_eq(r.n, 42);
    ck_assert_double_eq(s.estimate, 42);
}
END_TEST

START_TEST(a_full_arena_is_told)
{
    double x[150];
    qg_ranktest r;
    qg_shift s;

    for (int i = 0; i < 150; i++)
        x[i] = i - 20;
    ck_out_of_memory(3, qg_signed_rank(&r, fresh, x, 150, 0, &err));
    ck_out_of_memory(2, qg_mann_whitney(&r, fresh, x, 35, x + 40, 40, 0, &err));
    ck_out_of_memory(1, qg_mann_whitney(&r, fresh, x, 75, x + 75, 75, 0, &err));
    ck_out_of_memory(2, qg_shift_paired(&s, fresh, x, 150, 0.05, &err));
    ck_out_of_memory(2, qg_shift_between(&s, fresh, x, 35, x + 40, 40, 0.05, &err));
}
END_TEST

Suite *ranktest_check(void)
{
    Suite *s = suite_create("ranktest_check");
    TCase *t = tcase_create("ranktest");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, answers_are_those_of_scipy_and_of_counting);
    tcase_add_test(t, signed_rank_counts_all_signs);
    tcase_add_loop_test(t, mann_whitney_counts_all_divisions, 3, 4);
    tcase_add_loop_test(t, mann_whitney_counts_all_divisions, 5, 6);
    tcase_add_test(t, the_example_of_the_book_comes_out);
    tcase_add_test(t, single_samples_say_little);
    tcase_add_test(t, five_blocks_give_an_end);
    tcase_add_test(t, equal_samples_are_no_difference);
    tcase_add_test(t, ends_and_p_values_agree);
    tcase_add_test(t, medians_are_those_of_all_pairs);
    tcase_add_test(t, bad_input_is_refused);
    tcase_add_test(t, a_full_arena_is_told);
    suite_add_tcase(s, t);
    return s;
}
