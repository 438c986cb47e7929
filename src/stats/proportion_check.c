/* Unit tests of stats/proportion: SciPy and statsmodels, and Tango's score with its nuisance share
 * found by maximising the likelihood (golden/vectors/stats/proportion.jsonl); chances summed over
 * every outcome. */
#include "stats/proportion.h"

#include "stats/distribution.h"
#include "stats/upstream_check.h"

static const qg_json *end_of(const qg_json *row, const char *key, size_t i, size_t side)
{
    return qg_json_at(qg_json_at(qg_json_get(row, key), i), side);
}

static void compare_share(const qg_json *row)
{
    int64_t k = upstream_int(row, "k"), n = upstream_int(row, "n");
    size_t n_alphas;
    double *alpha = upstream_reals(row, "alpha", &n_alphas);
    qg_interval i;
    qg_pvalues p;

    for (size_t a = 0; a < n_alphas; a++) {
        ck_ok(qg_proportion_exact(&i, k, n, alpha[a], &err));
        ck_near_interval(i, end_of(row, "exact", a, 0), end_of(row, "exact", a, 1), 1e-11);
        ck_ok(qg_proportion_wilson(&i, k, n, alpha[a], &err));
        ck_near_interval(i, end_of(row, "wilson", a, 0), end_of(row, "wilson", a, 1), 1e-12);
    }
    ck_ok(qg_proportion_test(&p, k, n, upstream_real(row, "limit"), &err));
    ck_near_pvalues(p, row, 1e-11);
}

static void compare_flips(const qg_json *row)
{
    qg_flips f = {upstream_int(row, "lost"), upstream_int(row, "gained"), upstream_int(row, "n")};
    size_t n;
    double *alpha = upstream_reals(row, "alpha", &n);
    qg_mcnemar m;
    qg_drop d;
    qg_pvalues p;

    ck_ok(qg_mcnemar_test(&m, f, &err));
    ck_near_pvalues(m.exact, qg_json_get(row, "exact"), 1e-12);
    ck_near_pvalues(m.mid, qg_json_get(row, "mid"), 1e-12);
    for (size_t a = 0; a < n; a++) { /* the search of the likelihood has some 8 digits */
        ck_ok(qg_drop_estimate(&d, f, alpha[a], &err));
        ck_assert_double_eq_tol(d.estimate, upstream_real(row, "drop"), 1e-15);
        ck_assert_double_eq_tol(d.interval.low, upstream_number(end_of(row, "interval", a, 0), NAN),
                                1e-6);
        ck_assert_double_eq_tol(d.interval.high,
                                upstream_number(end_of(row, "interval", a, 1), NAN), 1e-6);
    }
    double *limit = upstream_reals(row, "limit", &n), *score = upstream_reals(row, "score", &n);
    for (size_t i = 0; i < n; i++) {
        ck_ok(qg_drop_test(&p, f, limit[i], &err));
        ck_assert_double_eq_tol(p.less, qg_normal_cdf(score[i]), 1e-6);
        ck_assert_double_eq_tol(p.greater, qg_normal_cdf(-score[i]), 1e-6);
    }
}

START_TEST(answers_are_those_of_scipy_and_statsmodels)
{
    qg_str text = upstream_open("proportion");
    int n_shares = 0, n_flips = 0;

    for (const qg_json *row; (row = upstream_next(&text));) {
        if (upstream_is(row, "of", "share")) {
            compare_share(row);
            n_shares++;
        } else {
            compare_flips(row);
            n_flips++;
        }
    }
    ck_assert_int_ge(n_shares, 12);
    ck_assert_int_ge(n_flips, 10);
}
END_TEST

/* Each end of the exact interval misses with at most alpha, whatever the share; just where the test
 * calls. */
START_TEST(exact_ends_keep_their_promise)
{
    static const double alphas[] = {0.2, 0.05, 0.01};

    for (int64_t n = 1; n <= 25; n += 4)
        for (int a = 0; a < 3; a++)
            for (double share = 0.0137; share < 1; share += 0.0291) {
                double low_missed = 0, high_missed = 0;
                for (int64_t k = 0; k <= n; k++) {
                    qg_interval i;
                    qg_pvalues p;
                    ck_ok(qg_proportion_exact(&i, k, n, alphas[a], &err));
                    ck_ok(qg_proportion_test(&p, k, n, share, &err));
                    ck_assert((i.low > share) == (p.greater <= alphas[a]));
                    ck_assert((i.high < share) == (p.less <= alphas[a]));
                    low_missed += i.low > share ? qg_binomial_point(k, n, share) : 0;
                    high_missed += i.high < share ? qg_binomial_point(k, n, share) : 0;
                }
                ck_assert_double_le(low_missed, alphas[a] + 1e-12);
                ck_assert_double_le(high_missed, alphas[a] + 1e-12);
            }
}
END_TEST

/* The chance that an end of Tango's interval misses, over every outcome of n questions. */
static void missed_of(double missed[2], int64_t n, double drop, double gain, double alpha)
{
    double lost_share = gain + drop, choose_lost, rest = 1 - lost_share - gain;
    qg_drop d;

    missed[0] = missed[1] = 0;
    for (int64_t lost = 0; lost <= n; lost++)
        for (int64_t gained = 0; gained + lost <= n; gained++) {
            choose_lost = lgamma((double)n + 1) - lgamma((double)lost + 1) -
                          lgamma((double)gained + 1) - lgamma((double)(n - lost - gained) + 1);
            double chance = exp(choose_lost) * pow(lost_share, (double)lost) *
                            pow(gain, (double)gained) * pow(rest, (double)(n - lost - gained));
            ck_ok(qg_drop_estimate(&d, (qg_flips){lost, gained, n}, alpha, &err));
            missed[0] += d.interval.low > drop ? chance : 0;
            missed[1] += d.interval.high < drop ? chance : 0;
        }
}

/* It is no exact interval: near its promise, as Tango's own tables show. */
START_TEST(drops_are_covered_about_as_promised)
{
    static const double drops[] = {0, 0.02, 0.1}, gains[] = {0.01, 0.05, 0.2};
    double missed[2];

    for (int d = 0; d < 3; d++)
        for (int g = 0; g < 3; g++) {
            missed_of(missed, 40, drops[d], gains[g], 0.05);
            ck_assert_double_lt(missed[0], 0.075);
            ck_assert_double_lt(missed[1], 0.075);
        }
}
END_TEST

START_TEST(a_limit_of_no_drop_is_mcnemar_s_score)
{
    qg_pvalues p;

    ck_ok(qg_drop_test(&p, (qg_flips){12, 4, 220}, 0, &err)); /* (12 - 4) / sqrt(12 + 4) = 2 */
    ck_assert_double_eq_tol(p.greater, qg_normal_cdf(-2), 1e-15);
    ck_ok(qg_drop_test(&p, (qg_flips){0, 0, 50}, 0, &err));
    ck_assert(p.greater == 0.5 && p.less == 0.5);
}
END_TEST

START_TEST(no_flips_bound_the_drop_as_wilson_does)
{
    qg_drop d;
    double z = qg_normal_quantile(0.95);

    ck_ok(qg_drop_estimate(&d, (qg_flips){0, 0, 100}, 0.05, &err));
    ck_assert_double_eq_tol(d.interval.high, z * z / (100 + z * z), 1e-12);
    ck_assert_double_eq_tol(d.interval.low, -z * z / (100 + z * z), 1e-12);
}
END_TEST

START_TEST(bad_counts_are_refused)
{
    static const struct {
        int64_t k, n;
        const char *text;
    } bad[] = {{0, 0, "0 trials"},
               {1, -3, "-3 trials"},
               {-1, 5, "-1 of 5"},
               {6, 5, "6 of 5"},
               {1, (int64_t)QG_PROPORTION_MOST + 1, "1000000001 trials"}};
    qg_interval i;
    qg_pvalues p;
    qg_mcnemar m;
    qg_drop d;

    for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
        ck_refused(qg_proportion_wilson(&i, bad[b].k, bad[b].n, 0.05, &err), QG_EARG, bad[b].text);
        ck_refused(qg_proportion_exact(&i, bad[b].k, bad[b].n, 0.05, &err), QG_EARG, bad[b].text);
        ck_refused(qg_proportion_test(&p, bad[b].k, bad[b].n, 0.5, &err), QG_EARG, bad[b].text);
    }
    ck_refused(qg_proportion_wilson(&i, 1, 2, 0.5, &err), QG_EARG, "alpha");
    ck_refused(qg_proportion_exact(&i, 1, 2, NAN, &err), QG_EARG, "alpha");
    ck_refused(qg_proportion_test(&p, 1, 2, 1.1, &err), QG_EARG, "share 1.1");
    ck_refused(qg_proportion_test(&p, 1, 2, NAN, &err), QG_EARG, "share nan");
    ck_refused(qg_mcnemar_test(&m, (qg_flips){3, 3, 5}, &err), QG_EARG, "6 of 5 questions");
    ck_refused(qg_mcnemar_test(&m, (qg_flips){-1, 3, 5}, &err), QG_EARG, "-1 of 5");
    ck_refused(qg_drop_estimate(&d, (qg_flips){0, 0, 0}, 0.05, &err), QG_EARG, "0 questions");
    ck_refused(qg_drop_estimate(&d, (qg_flips){0, 0, 5}, 0, &err), QG_EARG, "alpha");
    ck_refused(qg_drop_test(&p, (qg_flips){0, 6, 5}, 0, &err), QG_EARG, "6 of 5");
    ck_refused(qg_drop_test(&p, (qg_flips){0, 1, 5}, 1, &err), QG_EARG, "drop 1");
}
END_TEST

Suite *proportion_check(void)
{
    Suite *s = suite_create("proportion_check");
    TCase *t = tcase_create("proportion");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, answers_are_those_of_scipy_and_statsmodels);
    tcase_add_test(t, exact_ends_keep_their_promise);
    tcase_add_test(t, drops_are_covered_about_as_promised);
    tcase_add_test(t, a_limit_of_no_drop_is_mcnemar_s_score);
    tcase_add_test(t, no_flips_bound_the_drop_as_wilson_does);
    tcase_add_test(t, bad_counts_are_refused);
    suite_add_tcase(s, t);
    return s;
}
