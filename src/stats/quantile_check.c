/* Unit tests of stats/quantile: SciPy's quantile_test (golden/vectors/stats/quantile.jsonl), every
 * possible sample of small distributions, the numbers of the design, and that record and suite say
 * the same. */
#include "stats/quantile.h"

#include "base/random.h"
#include "record/value.h"
#include "stats/upstream_check.h"
#include "suite/expect.h"

static void compare(const qg_json *row)
{
    size_t n = (size_t)upstream_int(row, "n"), n_alphas;
    double q = upstream_real(row, "q"), *x = QG_NEW_N(arena, double, n);
    double *alpha = upstream_reals(row, "alpha", &n_alphas);
    qg_quantile e;
    qg_pvalues p;

    for (size_t i = 0; i < n; i++)
        x[i] = (double)(n - i);
    for (size_t i = 0; i < n_alphas; i++) {
        ck_ok(qg_quantile_estimate(&e, arena, x, n, q, alpha[i], &err));
        ck_assert_double_eq(e.estimate, upstream_real(row, "estimate"));
        ck_near_interval(e.interval, qg_json_at(qg_json_get(row, "low"), i),
                         qg_json_at(qg_json_get(row, "high"), i), 0);
    }
    ck_ok(qg_quantile_test(&p, x, n, q, upstream_real(row, "limit"), &err));
    ck_near_pvalues(p, row, 1e-11);
}

START_TEST(intervals_and_p_values_are_those_of_scipy)
{
    qg_str text = upstream_open("quantile");
    int n_rows = 0;

    for (const qg_json *row; (row = upstream_next(&text)); n_rows++)
        compare(row);
    ck_assert_int_ge(n_rows, 80);
}
END_TEST

START_TEST(least_n_are_those_of_the_design)
{
    static const struct {
        double q, alpha;
        int64_t n_above, n;
    } want[] = {{0.5, 0.05, 0, 5},      {0.95, 0.05, 0, 59},       {0.99, 0.05, 0, 299},
                {0.5, 0.05 / 4, 0, 7},  {0.95, 0.05 / 4, 0, 86},   {0.99, 0.05 / 4, 0, 437},
                {0.95, 0.05, 1, 93},    {0.99, 0.05, 1, 473},      {0.5, 0.05, 1, 8},
                {0.999, 0.05, 0, 2995}, {0.99999, 0.01, 0, 460515}};

    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        qg_quantile_ranks r;
        int64_t n = qg_quantile_least_n(want[i].q, want[i].alpha, want[i].n_above);
        ck_assert_int_eq(n, want[i].n);
        ck_ok(qg_quantile_ranks_of(&r, (size_t)n, want[i].q, want[i].alpha, &err));
        ck_assert_uint_eq(r.high, (size_t)(n - want[i].n_above));
        ck_ok(qg_quantile_ranks_of(&r, (size_t)n - 1, want[i].q, want[i].alpha, &err));
        ck_assert_uint_eq(r.high, want[i].n_above ? (size_t)n - 1 : 0);
    }
    ck_assert_int_eq(qg_quantile_least_n(1 - 1e-12, 0.05, 0), -1);
    ck_assert_int_eq(qg_quantile_least_n(0.5, 0.05, 999999999), -1);
    for (int p = 50; p < 100; p += p == 50 ? 45 : 4)
        ck_assert_int_eq(qg_quantile_least_n(p / 100.0, 0.05, 0), qg_percentile_least_samples(p));
}
END_TEST

START_TEST(ranks_of_percents_are_whole_number_arithmetic)
{
    for (size_t n = 1; n <= 2000; n++)
        for (size_t percent = 1; percent < 100; percent++)
            if (qg_quantile_rank(n, (double)percent / 100) != (n * percent + 99) / 100)
                ck_abort_msg("%zu %% of %zu", percent, n);
    ck_assert_uint_eq(qg_quantile_rank(1, 1e-300), 1);
    ck_assert_uint_eq(qg_quantile_rank(1000, 1 - 1e-16), 1000);
}
END_TEST

START_TEST(the_record_takes_the_same_sample)
{
    double x[997];
    qg_quantile e;

    for (size_t i = 0; i < 997; i++)
        x[i] = (double)(i * 577 % 997);
    for (int percent = 1; percent < 100; percent++) {
        ck_ok(qg_quantile_estimate(&e, arena, x, 997, percent / 100.0, 0.05, &err));
        double *copy = qg_arena_copy(arena, x, sizeof x);
        ck_assert_double_eq(e.estimate, qg_value_percentile(copy, 997, percent));
    }
}
END_TEST

/* What was promised of one distribution, added up over all its samples. */
typedef struct promise {
    double low_held, high_held;        /* chance that an end does not miss          */
    double called_above, called_below; /* chance of p <= alpha at the quantile      */
} promise;

/* Adds the sample that `digits` spells in base 3, of values 0, 1, 2 with the given chances. */
static void add_sample(promise *sum, int digits, size_t n, const double chance[3], double q,
                       double alpha, double truth)
{
    double x[8], weight = 1;
    qg_quantile e;
    qg_pvalues p, below;

    for (size_t i = 0; i < n; i++, digits /= 3) {
        x[i] = digits % 3;
        weight *= chance[digits % 3];
    }
    ck_ok(qg_quantile_estimate(&e, arena, x, n, q, alpha, &err));
    ck_ok(qg_quantile_test(&p, x, n, q, truth, &err));
    ck_ok(qg_quantile_test(&below, x, n, q, truth - 0.5, &err)); /* the truth lies above it */
    sum->low_held += e.interval.low <= truth ? weight : 0;
    sum->high_held += e.interval.high >= truth ? weight : 0;
    sum->called_above += p.greater <= alpha ? weight : 0;
    sum->called_below += below.less <= alpha ? weight : 0;
    ck_assert(isinf(e.interval.low) || (p.greater <= alpha) == (e.interval.low > truth));
    ck_assert(isinf(e.interval.high) || (p.less <= alpha) == (e.interval.high <= truth));
}

/* Ties and all: with each sample of a three-valued distribution, weighed by its chance. */
START_TEST(promises_hold_over_every_sample)
{
    static const double chances[][3] = {{0.5, 0.3, 0.2}, {0.1, 0.8, 0.1}, {0.05, 0.05, 0.9}};
    static const double quantiles[] = {0.3, 0.5, 0.9};
    static const double alphas[] = {0.3, 0.13, 0.02};
    static const int n_samples[] = {3, 27, 729}, n[] = {1, 3, 6};
    const double *c = chances[_i % 3], q = quantiles[_i / 3];
    double truth = q <= c[0] ? 0 : q <= c[0] + c[1] ? 1 : 2;

    for (int a = 0; a < 3; a++)
        for (int m = 0; m < 3; m++) {
            promise sum = {0};
            for (int digits = 0; digits < n_samples[m]; digits++)
                add_sample(&sum, digits, (size_t)n[m], c, q, alphas[a], truth);
            ck_assert_double_ge(sum.low_held, 1 - alphas[a] - 1e-12);
            ck_assert_double_ge(sum.high_held, 1 - alphas[a] - 1e-12);
            ck_assert_double_le(sum.called_above, alphas[a] + 1e-12);
            ck_assert_double_le(sum.called_below, alphas[a] + 1e-12);
        }
}
END_TEST

START_TEST(coverage_is_told)
{
    qg_quantile_ranks r;

    ck_ok(qg_quantile_ranks_of(&r, 59, 0.95, 0.05, &err));
    ck_assert_uint_eq(r.high, 59);
    ck_assert_double_eq_tol(r.high_coverage, 1 - pow(0.95, 59), 1e-14);
    ck_ok(qg_quantile_ranks_of(&r, 5, 0.5, 0.05, &err));
    ck_assert_uint_eq(r.low, 1);
    ck_assert_double_eq_tol(r.low_coverage, 1 - pow(0.5, 5), 1e-14);
    ck_ok(qg_quantile_ranks_of(&r, 4, 0.5, 0.05, &err));
    ck_assert(r.low == 0 && r.high == 0 && r.low_coverage == 1 && r.high_coverage == 1);
    ck_ok(qg_quantile_ranks_of(&r, 0, 0.5, 0.05, &err));
    ck_assert(r.low == 0 && r.high == 0);
}
END_TEST

START_TEST(bad_input_is_refused)
{
    const double x[] = {1, 2}, nan[] = {1, NAN};
    const double bad_q[] = {0, 1, -0.1, 1.5, NAN};
    qg_quantile e = {.estimate = 42};
    qg_quantile_ranks r;
    qg_pvalues p;

    ck_refused(qg_quantile_estimate(&e, arena, x, 0, 0.5, 0.05, &err), QG_EARG, "0 samples");
    ck_refused(qg_quantile_estimate(&e, arena, nan, 2, 0.5, 0.05, &err), QG_ENONFINITE, "sample 1");
    ck_refused(qg_quantile_estimate(&e, arena, x, 2, 0.5, 0.7, &err), QG_EARG, "alpha 0.7");
    ck_refused(qg_quantile_test(&p, x, 0, 0.5, 1, &err), QG_EARG, "0 samples");
    ck_refused(qg_quantile_test(&p, nan, 2, 0.5, 1, &err), QG_ENONFINITE, "sample 1");
    ck_refused(qg_quantile_test(&p, x, 2, 0.5, INFINITY, &err), QG_ENONFINITE, "limit");
    for (int i = 0; i < 5; i++) {
        ck_refused(qg_quantile_estimate(&e, arena, x, 2, bad_q[i], 0.05, &err), QG_EARG,
                   "quantile");
        ck_refused(qg_quantile_ranks_of(&r, 2, bad_q[i], 0.05, &err), QG_EARG, "quantile");
        ck_refused(qg_quantile_test(&p, x, 2, bad_q[i], 1, &err), QG_EARG, "quantile");
    }
    ck_assert_double_eq(e.estimate, 42);
    ck_out_of_memory(1, qg_quantile_estimate(&e, fresh, x, 2, 0.5, 0.05, &err));
}
END_TEST

/* Uniform noise of one sample plus that of its cluster; the true quantiles are those of the sum of
 * two uniforms, known in closed form: for q >= 1/2 of 2 u + v, see below. */
static double noise(uint64_t *state)
{
    return (double)(qg_random_next(state) >> 11) * 0x1p-53;
}

/* The clusters' share of the variance is 4/5, so samples of one cluster are nearly one. */
START_TEST(clusters_keep_their_promise_where_single_samples_do_not)
{
    enum { N = 40 * 12, TIMES = 1500 };
    /* 2 u + v <= y for y from 2 to 3 with chance 1 - (3 - y)^2 / 4 */
    const double q = 0.9, truth = 3 - sqrt(4 * (1 - q));
    int missed = 0, missed_naively = 0, called = 0;
    uint64_t state = 11;
    double x[N];

    for (int time = 0; time < TIMES; time++) {
        qg_quantile with, without;
        qg_pvalues p;
        double cluster = 0;
        for (int i = 0; i < N; i++) {
            cluster = i % 12 == 0 ? noise(&state) : cluster;
            x[i] = 2 * cluster + noise(&state);
        }
        ck_ok(qg_quantile_clusters(&with, &p, arena, x, N, 12, q, truth, 0.05, &err));
        ck_ok(qg_quantile_estimate(&without, arena, x, N, q, 0.05, &err));
        ck_assert_double_eq(with.estimate, without.estimate);
        ck_assert(with.interval.low <= with.estimate && with.estimate <= with.interval.high);
        missed += with.interval.high < truth;
        missed_naively += without.interval.high < truth;
        called += p.greater <= 0.01;
    }
    ck_assert_int_gt(missed, TIMES / 50); /* 2 to 9 % of the time: 5 % are promised */
    ck_assert_int_lt(missed, TIMES * 9 / 100);
    ck_assert_int_gt(missed_naively, TIMES * 15 / 100);
    ck_assert_int_lt(called, TIMES * 3 / 100);
}
END_TEST

START_TEST(clusters_that_are_few_or_broken_say_nothing)
{
    double x[40] = {0};
    qg_quantile e;
    qg_pvalues p;

    ck_ok(qg_quantile_clusters(&e, &p, arena, x, 36, 4, 0.5, 0, 0.05, &err));
    ck_assert(isinf(e.interval.low) && isinf(e.interval.high) && p.greater == 1 && p.less == 1);
    for (int i = 0; i < 40; i++)
        x[i] = i % 4; /* every cluster the same: as if it were one sample */
    ck_ok(qg_quantile_clusters(&e, &p, arena, x, 40, 4, 0.5, 5, 0.05, &err));
    ck_assert_double_eq(e.estimate, 1);
    ck_assert(p.less < 0.01 && p.greater > 0.99);
    ck_refused(qg_quantile_clusters(&e, &p, arena, x, 39, 4, 0.5, 0, 0.05, &err), QG_EARG,
               "clusters of 4");
    ck_refused(qg_quantile_clusters(&e, &p, arena, x, 40, 0, 0.5, 0, 0.05, &err), QG_EARG,
               "clusters of 0");
    ck_refused(qg_quantile_clusters(&e, &p, arena, x, 40, 4, 1, 0, 0.05, &err), QG_EARG,
               "quantile");
    x[7] = NAN;
    ck_refused(qg_quantile_clusters(&e, &p, arena, x, 40, 4, 0.5, 0, 0.05, &err), QG_ENONFINITE,
               "sample 7");
}
END_TEST

Suite *quantile_check(void)
{
    Suite *s = suite_create("quantile_check");
    TCase *t = tcase_create("quantile");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, intervals_and_p_values_are_those_of_scipy);
    tcase_add_test(t, least_n_are_those_of_the_design);
    tcase_add_test(t, ranks_of_percents_are_whole_number_arithmetic);
    tcase_add_test(t, the_record_takes_the_same_sample);
    tcase_add_loop_test(t, promises_hold_over_every_sample, 0, 9);
    tcase_add_test(t, coverage_is_told);
    tcase_add_test(t, clusters_keep_their_promise_where_single_samples_do_not);
    tcase_add_test(t, clusters_that_are_few_or_broken_say_nothing);
    tcase_add_test(t, bad_input_is_refused);
    suite_add_tcase(s, t);
    return s;
}
