/* Unit tests of stats/bootstrap: draws, ends and p-values as numpy makes them of the same indices
 * (golden/vectors/stats/bootstrap.jsonl, which ships the indices), every resample of a small
 * sample, and what must be refused. */
#include "stats/bootstrap.h"

#include "stats/upstream_check.h"

/* ---- vectors ---- */

static void compare_array(const double *got, const qg_json *row, const char *key)
{
    size_t n;
    double *want = upstream_reals(row, key, &n);

    for (size_t i = 0; i < n; i++)
        ck_assert_double_eq_tol(got[i], want[i], 1e-11 * fmax(1, fabs(want[i])));
}

/* The indices of every draw: `places` of them, at places `first`, ... of a draw of `stride`. */
static void compare_indices(const qg_json *draws, uint64_t seed, size_t stride, size_t n)
{
    double index;

    for (size_t b = 0; b < qg_json_len(draws); b++)
        for (size_t i = 0; i < qg_json_len(qg_json_at(draws, b)); i++) {
            ck_assert(qg_json_real(qg_json_at(qg_json_at(draws, b), i), &index));
            ck_assert_uint_eq(qg_bootstrap_index(seed, b * stride + i, n), (size_t)index);
        }
}

/* The same of blocks: where each block starts. */
static void compare_starts(const qg_json *draws, uint64_t seed, size_t stride, size_t first,
                           size_t n, size_t block)
{
    double index;

    for (size_t b = 0; b < qg_json_len(draws); b++)
        for (size_t i = 0; i * block < n; i++) {
            ck_assert(qg_json_real(qg_json_at(qg_json_at(draws, b), i * block), &index));
            ck_assert_uint_eq(qg_bootstrap_index(seed, b * stride + first + i, n - block + 1),
                              (size_t)index);
        }
}

static uint64_t seed_of(const qg_json *row)
{
    return (uint64_t)upstream_int(row, "seed");
}

static void compare_ends(const qg_bootstrap *b, const qg_json *row, const char *key,
                         qg_interval ends(const qg_bootstrap *, double))
{
    size_t n;
    double *alpha = upstream_reals(row, "alpha", &n);

    for (size_t i = 0; i < n; i++) {
        const qg_json *want = qg_json_at(qg_json_get(row, key), i);
        ck_near_interval(ends(b, alpha[i]), qg_json_at(want, 0), qg_json_at(want, 1), 1e-11);
    }
}

static void compare_ratio(const qg_json *row)
{
    size_t n, n_limits, n_draws = (size_t)upstream_int(row, "n_draws");
    double *x = upstream_reals(row, "x", &n), *w = upstream_reals(row, "w", &n);
    double *limit = upstream_reals(row, "limit", &n_limits);
    qg_bootstrap b;

    ck_ok(qg_bootstrap_ratio(&b, arena, x, w, n, n_draws, seed_of(row), &err));
    ck_near(b.estimate, upstream_real(row, "estimate"), 1e-13);
    ck_near(b.error, upstream_real(row, "error"), 1e-12);
    compare_ends(&b, row, "percentile", qg_bootstrap_percentile);
    compare_ends(&b, row, "studentized", qg_bootstrap_studentized);
    for (size_t i = 0; i < n_limits; i++) {
        qg_pvalues p = qg_bootstrap_percentile_test(&b, limit[i]);
        qg_pvalues t = qg_bootstrap_studentized_test(&b, limit[i]);
        ck_near(p.less, upstream_number(qg_json_at(qg_json_get(row, "less"), i), 0), 1e-14);
        ck_near(p.greater, upstream_number(qg_json_at(qg_json_get(row, "greater"), i), 0), 1e-14);
        ck_near(t.less, upstream_number(qg_json_at(qg_json_get(row, "t_less"), i), 0), 1e-14);
        ck_near(t.greater, upstream_number(qg_json_at(qg_json_get(row, "t_greater"), i), 0), 1e-14);
    }
    if (qg_json_get(row, "index")) {
        compare_indices(qg_json_get(row, "index"), seed_of(row), n, n);
        compare_array(b.draw, row, "draw");
        compare_array(b.t, row, "t");
    }
}

static void compare_quantiles(const qg_json *row)
{
    size_t n_draws = (size_t)upstream_int(row, "n_draws");
    size_t block = (size_t)upstream_int(row, "block");
    bool aligned = upstream_bool(row, "aligned");
    qg_bootstrap_series a, b;
    qg_bootstrap out;

    a.x = upstream_reals(row, "a", &a.n);
    b.x = upstream_reals(row, "b", &b.n);
    ck_ok(qg_bootstrap_quantile_ratio(&out, arena, a, b, aligned, upstream_real(row, "q"), block,
                                      n_draws, seed_of(row), &err));
    ck_near(out.estimate, upstream_real(row, "estimate"), 1e-15);
    ck_near(out.error, upstream_real(row, "error"), 1e-12);
    ck_assert_ptr_null(out.t);
    compare_ends(&out, row, "percentile", qg_bootstrap_percentile);
    if (qg_json_get(row, "draw")) {
        size_t n_a = (a.n + block - 1) / block, n_b = aligned ? 0 : (b.n + block - 1) / block;
        compare_starts(qg_json_get(row, "index_a"), seed_of(row), n_a + n_b, 0, a.n, block);
        compare_starts(qg_json_get(row, "index_b"), seed_of(row), n_a + n_b, aligned ? 0 : n_a, b.n,
                       block);
        compare_array(out.draw, row, "draw");
    }
}

START_TEST(draws_are_those_of_numpy)
{
    qg_str text = upstream_open("bootstrap");
    int n_ratios = 0, n_quantiles = 0;

    for (const qg_json *row; (row = upstream_next(&text));) {
        if (upstream_is(row, "of", "ratio")) {
            compare_ratio(row);
            n_ratios++;
        } else {
            compare_quantiles(row);
            n_quantiles++;
        }
    }
    ck_assert_int_ge(n_ratios, 4);
    ck_assert_int_ge(n_quantiles, 5);
}
END_TEST

/* ---- by hand ---- */

/* Clusters 1/1 and 5/1: a draw is 1, 3 or 5, where half are 3; a draw of one cluster has no error.
 */
START_TEST(two_clusters_are_counted_by_hand)
{
    const double x[] = {1, 5}, w[] = {1, 1};
    enum { N = 999 };
    int ones = 0, fives = 0;
    qg_bootstrap b;

    ck_ok(qg_bootstrap_ratio(&b, arena, x, w, 2, N, 11, &err));
    for (uint64_t draw = 0; draw < N; draw++) {
        size_t first = qg_bootstrap_index(11, 2 * draw, 2);
        size_t second = qg_bootstrap_index(11, 2 * draw + 1, 2);
        ones += first == 0 && second == 0;
        fives += first == 1 && second == 1;
    }
    ck_assert_int_gt(ones, 200); /* a quarter each: 250 give or take 14 */
    ck_assert_int_gt(fives, 200);
    for (int i = 0; i < N; i++) {
        ck_assert_double_eq(b.draw[i], i < ones ? 1 : i < N - fives ? 3 : 5);
        ck_assert_double_eq(b.t[i], i < ones ? -INFINITY : i < N - fives ? 0 : INFINITY);
    }
    ck_assert_double_eq(b.estimate, 3);
    ck_assert_double_eq(b.error, 2); /* sqrt((4 + 4) * 2 / 1) / 2 */
    qg_interval i = qg_bootstrap_studentized(&b, 0.05);
    ck_assert(i.low == -INFINITY && i.high == INFINITY);
    i = qg_bootstrap_percentile(&b, 0.05);
    ck_assert(i.low == 1 && i.high == 5);
}
END_TEST

/* All 27 resamples of three clusters, each as often as chance has it: 1/27 of 27,000 draws is 1,000
 * give or take 31. */
START_TEST(every_resample_is_as_likely)
{
    const double x[] = {1, 10, 100}, w[] = {1, 1, 1};
    enum { N = 27000 };
    int count[301] = {0};
    qg_bootstrap b;

    ck_ok(qg_bootstrap_ratio(&b, arena, x, w, 3, N, 20250101, &err));
    for (int i = 0; i < N; i++)
        count[(int)(b.draw[i] * 3 + 0.5)]++;
    for (int digits = 0, sum; digits < 27; digits++) {
        static const int value[] = {1, 10, 100};
        sum = value[digits % 3] + value[digits / 3 % 3] + value[digits / 9];
        int ways = 0; /* orders that give the same sum */
        for (int other = 0; other < 27; other++)
            ways += value[other % 3] + value[other / 3 % 3] + value[other / 9] == sum;
        ck_assert_int_gt(count[sum], ways * 1000 - 160);
        ck_assert_int_lt(count[sum], ways * 1000 + 160);
    }
}
END_TEST

START_TEST(equal_ratios_have_no_error)
{
    const double x[] = {2, 6, 4, 10}, w[] = {1, 3, 2, 5};
    qg_bootstrap b;

    ck_ok(qg_bootstrap_ratio(&b, arena, x, w, 4, 199, 3, &err));
    qg_interval p = qg_bootstrap_percentile(&b, 0.05), t = qg_bootstrap_studentized(&b, 0.05);
    ck_assert_double_eq(b.error, 0);
    ck_assert(p.low == 2 && p.high == 2 && t.low == 2 && t.high == 2);
    ck_assert_double_eq(qg_bootstrap_studentized_test(&b, 2).less, 0.005); /* equality is kept */
    ck_assert_double_eq(qg_bootstrap_studentized_test(&b, 2).greater, 1);
    ck_assert_double_eq(qg_bootstrap_studentized_test(&b, 1.9).greater, 0.005);
    ck_assert_double_eq(qg_bootstrap_studentized_test(&b, 1.9).less, 1);
    ck_assert_double_eq(qg_bootstrap_percentile_test(&b, 2).less, 0.005);
}
END_TEST

/* p is at most alpha just where the limit lies beyond the end. */
START_TEST(ends_and_p_values_agree)
{
    double x[25], w[25];
    uint64_t state = 5;
    qg_bootstrap b;

    for (int i = 0; i < 25; i++) {
        w[i] = 1 + (double)(qg_random_next(&state) % 100);
        x[i] = w[i] * (double)(qg_random_next(&state) % 7); /* few values: ties among draws */
    }
    ck_ok(qg_bootstrap_ratio(&b, arena, x, w, 25, 499, 9, &err));
    for (double alpha = 0.002; alpha < 0.5; alpha += 0.0173) {
        qg_interval p = qg_bootstrap_percentile(&b, alpha), t = qg_bootstrap_studentized(&b, alpha);
        for (double limit = 2; limit < 4; limit += 0.0137) {
            qg_pvalues pp = qg_bootstrap_percentile_test(&b, limit);
            qg_pvalues pt = qg_bootstrap_studentized_test(&b, limit);
            ck_assert((pp.greater <= alpha) == (p.low > limit));
            ck_assert((pp.less <= alpha) == (p.high <= limit));
            ck_assert((pt.greater <= alpha) == (t.low > limit));
            ck_assert((pt.less <= alpha) == (t.high <= limit));
        }
    }
}
END_TEST

START_TEST(too_few_draws_claim_nothing)
{
    const double x[] = {1, 2, 4}, w[] = {1, 1, 1};
    qg_bootstrap b;

    ck_ok(qg_bootstrap_ratio(&b, arena, x, w, 3, 18, 3, &err)); /* 19 * 0.05 < 1 */
    ck_assert(qg_bootstrap_percentile(&b, 0.05).low == -INFINITY);
    ck_assert(qg_bootstrap_studentized(&b, 0.05).high == INFINITY);
    ck_assert_double_ge(qg_bootstrap_percentile_test(&b, 100).less, 1.0 / 19);
    ck_ok(qg_bootstrap_ratio(&b, arena, x, w, 3, 19, 3, &err));
    ck_assert(isfinite(qg_bootstrap_percentile(&b, 0.05).low));
}
END_TEST

START_TEST(the_same_call_gives_the_same_bits)
{
    double x[31], w[31];
    qg_bootstrap first, second, other;

    for (int i = 0; i < 31; i++) {
        x[i] = sin(i) + 1.1;
        w[i] = 1.5 + cos(i);
    }
    ck_ok(qg_bootstrap_ratio(&first, arena, x, w, 31, 500, 1, &err));
    ck_ok(qg_bootstrap_ratio(&second, arena, x, w, 31, 500, 1, &err));
    ck_ok(qg_bootstrap_ratio(&other, arena, x, w, 31, 500, 2, &err));
    ck_assert_mem_eq(first.draw, second.draw, 500 * sizeof(double));
    ck_assert_mem_eq(first.t, second.t, 500 * sizeof(double));
    ck_assert_mem_ne(first.draw, other.draw, 500 * sizeof(double));
}
END_TEST

/* Aligned series with one common disturbance: their ratio hardly moves; apart it does. */
START_TEST(aligned_blocks_cancel_what_both_felt)
{
    double a[120], b[120];
    uint64_t state = 3;
    qg_bootstrap together, apart;

    for (int i = 0; i < 120; i++) {
        b[i] = 100 + 20 * sin(i / 9.0);
        a[i] = 1.05 * b[i] + (double)(qg_random_next(&state) % 100) / 500;
    }
    qg_bootstrap_series sa = {a, 120}, sb = {b, 120};
    ck_ok(qg_bootstrap_quantile_ratio(&together, arena, sa, sb, true, 0.5, 6, 999, 1, &err));
    ck_ok(qg_bootstrap_quantile_ratio(&apart, arena, sa, sb, false, 0.5, 6, 999, 1, &err));
    ck_assert_double_lt(together.error, apart.error / 5);
    ck_assert_double_lt(qg_bootstrap_percentile(&together, 0.01).high, 1.06);
    ck_assert_double_gt(qg_bootstrap_percentile(&together, 0.01).low, 1.04);
}
END_TEST

START_TEST(blocks_grow_with_the_cube_root)
{
    for (size_t n = 1; n < 3000; n++) {
        size_t block = 1;
        while (block * block * block < n)
            block++;
        ck_assert_uint_eq(qg_bootstrap_block_of(n), block);
    }
    ck_assert_uint_eq(qg_bootstrap_block_of(1000000), 100);
}
END_TEST

START_TEST(indices_reach_both_ends)
{
    bool seen[7] = {false};

    for (uint64_t at = 0; at < 100; at++)
        seen[qg_bootstrap_index(0, at, 7)] = true;
    for (int i = 0; i < 7; i++)
        ck_assert(seen[i]);
    for (uint64_t at = 0; at < 100; at++)
        ck_assert_uint_lt(qg_bootstrap_index(9, at, UINT32_MAX), UINT32_MAX);
}
END_TEST

/* ---- refusals ---- */

START_TEST(bad_clusters_are_refused)
{
    const double x[] = {1, 2, 3}, w[] = {1, 2, 1}, zero[] = {1, 0, 1}, minus[] = {1, 1, -1};
    const double nan[] = {1, NAN, 1}, infinite[] = {1, 1, INFINITY}, huge[] = {1e200, -1e200, 3};
    qg_bootstrap b = {.estimate = 42};

    ck_refused(qg_bootstrap_ratio(&b, arena, x, w, 0, 99, 1, &err), QG_EARG, "0 clusters");
    ck_refused(qg_bootstrap_ratio(&b, arena, x, w, 1, 99, 1, &err), QG_EARG, "1 clusters");
    ck_refused(qg_bootstrap_ratio(&b, arena, nan, w, 3, 99, 1, &err), QG_ENONFINITE, "cluster 1");
    ck_refused(qg_bootstrap_ratio(&b, arena, x, infinite, 3, 99, 1, &err), QG_ENONFINITE,
               "weight 2");
    ck_refused(qg_bootstrap_ratio(&b, arena, x, zero, 3, 99, 1, &err), QG_EARG, "weight 1 is 0");
    ck_refused(qg_bootstrap_ratio(&b, arena, x, minus, 3, 99, 1, &err), QG_EARG, "weight 2 is -1");
    ck_refused(qg_bootstrap_ratio(&b, arena, huge, w, 3, 99, 1, &err), QG_ENONFINITE, "too large");
    ck_refused(qg_bootstrap_ratio(&b, arena, x, w, 3, 0, 1, &err), QG_EARG, "0 draws");
    ck_refused(qg_bootstrap_ratio(&b, arena, x, w, 3, 1000001, 1, &err), QG_EARG, "1000001 draws");
    ck_assert_double_eq(b.estimate, 42);
    ck_out_of_memory(3, qg_bootstrap_ratio(&b, fresh, x, w, 3, 2000, 1, &err));
}
END_TEST

START_TEST(bad_series_are_refused)
{
    double x[300], zero[] = {1, 0, 1}, nan[] = {1, 1, NAN}, far[] = {1e-300, 1e300, 1};
    qg_bootstrap_series s = {x, 300}, few = {x, 3}, none = {x, 0};
    qg_bootstrap b = {.estimate = 42};

    for (int i = 0; i < 300; i++)
        x[i] = 1 + i;
#define RATIO(first, second, aligned, q, block)                                                    \
    qg_bootstrap_quantile_ratio(&b, arena, first, second, aligned, q, block, 2000, 1, &err)
    ck_refused(RATIO(none, s, false, 0.5, 1), QG_EARG, "0 samples");
    ck_refused(RATIO(s, few, true, 0.5, 1), QG_EARG, "aligned series have 300 and 3");
    ck_refused(RATIO(s, few, false, 0.5, 4), QG_EARG, "blocks of 4 samples from a series of 3");
    ck_refused(RATIO(s, few, false, 0.5, 0), QG_EARG, "blocks of 0");
    ck_refused(RATIO(s, s, true, 1, 3), QG_EARG, "quantile 1");
    ck_refused(RATIO(s, s, true, NAN, 3), QG_EARG, "quantile nan");
    ck_refused(RATIO(s, ((qg_bootstrap_series){zero, 3}), false, 0.5, 1), QG_EARG, "sample 1 is 0");
    ck_refused(RATIO(((qg_bootstrap_series){nan, 3}), s, false, 0.5, 1), QG_ENONFINITE, "sample 2");
    ck_refused(
        RATIO(((qg_bootstrap_series){far, 3}), ((qg_bootstrap_series){far, 3}), false, 0.5, 1),
        QG_ENONFINITE, "too large");
    ck_assert_double_eq(b.estimate, 42);
#undef RATIO
    ck_out_of_memory(4, qg_bootstrap_quantile_ratio(&b, fresh, s, s, true, 0.5, 7, 2000, 1, &err));
}
END_TEST

Suite *bootstrap_check(void)
{
    Suite *s = suite_create("bootstrap_check");
    TCase *t = tcase_create("bootstrap");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, draws_are_those_of_numpy);
    tcase_add_test(t, two_clusters_are_counted_by_hand);
    tcase_add_test(t, every_resample_is_as_likely);
    tcase_add_test(t, equal_ratios_have_no_error);
    tcase_add_test(t, ends_and_p_values_agree);
    tcase_add_test(t, too_few_draws_claim_nothing);
    tcase_add_test(t, the_same_call_gives_the_same_bits);
    tcase_add_test(t, aligned_blocks_cancel_what_both_felt);
    tcase_add_test(t, blocks_grow_with_the_cube_root);
    tcase_add_test(t, indices_reach_both_ends);
    tcase_add_test(t, bad_clusters_are_refused);
    tcase_add_test(t, bad_series_are_refused);
    suite_add_tcase(s, t);
    return s;
}
