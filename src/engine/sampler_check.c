/* Unit tests of engine/sampler: which tokens a cut leaves is counted by hand; how often each comes
 * is held against its probability by Pearson's chi-square with a fixed seed. */
#include "engine/sampler.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
    qg_err_clear(&err);
}

static void teardown(void)
{
    qg_arena_free(arena);
}

static qg_sampler *open_sampler(qg_sampling o, int n, uint64_t stream)
{
    qg_sampler *s;

    o.top_p = o.top_p != 0 ? o.top_p : 1;
    o.repetition_penalty = o.repetition_penalty != 0 ? o.repetition_penalty : 1;
    ck_assert_int_eq(qg_sampler_open(&s, arena, &o, n, stream, &err), QG_OK);
    return s;
}

enum { N = 6, DRAWS = 20000 };
/* probabilities .4 .25 .15 .1 .07 .03, out of order */
static const double shares[N] = {.1, .4, .03, .25, .15, .07};

static void fill_logits(float logits[N])
{
    for (int i = 0; i < N; i++)
        logits[i] = (float)log(shares[i]) + 3;
}

/* Draws, and compares with probabilities `want`, which may be unnormalised and hold zeros. */
static void assert_distribution(qg_sampling o, const double want[N])
{
    qg_sampler *s = open_sampler(o, N, 0);
    int count[N] = {0}, freedom = -1;
    double total = 0, chi = 0;
    float logits[N];

    fill_logits(logits);
    for (int i = 0; i < DRAWS; i++)
        count[qg_sampler_next(s, logits)]++;
    for (int i = 0; i < N; i++)
        total += want[i];
    for (int i = 0; i < N; i++) {
        double expected = DRAWS * want[i] / total;
        if (expected == 0) {
            ck_assert_int_eq(count[i], 0);
            continue;
        }
        chi += (count[i] - expected) * (count[i] - expected) / expected;
        freedom++;
    }
    /* 99.9 % points of chi-square for 0 .. 5 degrees of freedom */
    static const double limits[] = {1e-9, 10.83, 13.82, 16.27, 18.47, 20.52};
    ck_assert_msg(chi < limits[freedom], "chi-square %g over %d degrees of freedom", chi, freedom);
}

START_TEST(plain_sampling_follows_the_softmax)
{
    double sharp[N], flat[N];

    for (int i = 0; i < N; i++) {
        sharp[i] = pow(shares[i], 2);
        flat[i] = pow(shares[i], 1 / 1.5);
    }
    assert_distribution((qg_sampling){.temperature = 1, .seed = 1}, shares);
    assert_distribution((qg_sampling){.temperature = 0.5, .seed = 2}, sharp);
    assert_distribution((qg_sampling){.temperature = 1.5, .seed = 3}, flat);
}
END_TEST

START_TEST(cuts_leave_what_they_say)
{
    static const double k3[N] = {0, .4, 0, .25, .15, 0}, k1[N] = {0, 1, 0, 0, 0, 0};
    static const double p70[N] = {0, .4, 0, .25, .15, 0}, p60[N] = {0, .4, 0, .25, 0, 0};
    static const double m[N] = {.1, .4, 0, .25, .15, 0};
    static const double k3p60[N] = {0, .4, 0, .25, 0, 0};

    assert_distribution((qg_sampling){.temperature = 1, .top_k = 3, .seed = 4}, k3);
    assert_distribution((qg_sampling){.temperature = 1, .top_k = 1, .seed = 5}, k1);
    assert_distribution((qg_sampling){.temperature = 1, .top_k = 99, .seed = 6}, shares);
    /* the smallest set that reaches the share: .4 + .25 < .7 <= .8 */
    assert_distribution((qg_sampling){.temperature = 1, .top_p = .7, .seed = 7}, p70);
    assert_distribution((qg_sampling){.temperature = 1, .top_p = .6, .seed = 8}, p60);
    assert_distribution((qg_sampling){.temperature = 1, .top_p = 1e-9, .seed = 9}, k1);
    /* .2 of the best is .08 */
    assert_distribution((qg_sampling){.temperature = 1, .min_p = .2, .seed = 10}, m);
    /* after top-k 3 the shares are .5, .3125, .1875: .8 is reached by two */
    assert_distribution((qg_sampling){.temperature = 1, .top_k = 3, .top_p = .8, .seed = 11},
                        k3p60);
}
END_TEST

START_TEST(a_wide_cut_is_ranked_as_far_as_it_reaches)
{
    enum { WIDE = 5000 };
    float logits[WIDE];
    int lowest = WIDE;

    for (int i = 0; i < WIDE; i++)
        logits[i] = -0.0001f * (float)i; /* nearly flat: top-p .5 is about the first 44 % */
    qg_sampler *s = open_sampler((qg_sampling){.temperature = 1, .top_p = .5, .seed = 1}, WIDE, 0);
    double all = 0, kept = 0;
    int limit = 0, highest = 0;
    for (int i = 0; i < WIDE; i++)
        all += exp(logits[i]);
    while (kept < .5 * all)
        kept += exp(logits[limit++]);
    for (int i = 0; i < 2000; i++) {
        int id = qg_sampler_next(s, logits);
        highest = id > highest ? id : highest;
        lowest = id < lowest ? id : lowest;
    }
    ck_assert_int_lt(highest, limit);
    ck_assert_int_gt(highest, limit - 20);
    ck_assert_int_lt(lowest, 20);
}
END_TEST

START_TEST(seeds_and_streams_decide)
{
    float logits[N];
    int same = 0, same_stream = 0;
    qg_sampling o = {.temperature = 1, .seed = 42};
    qg_sampler *a = open_sampler(o, N, 3), *b = open_sampler(o, N, 3),
               *other = open_sampler(o, N, 4);

    o.seed = 43;
    qg_sampler *another = open_sampler(o, N, 3);
    fill_logits(logits);
    for (int i = 0; i < 1000; i++) {
        int id = qg_sampler_next(a, logits);
        ck_assert_int_eq(id, qg_sampler_next(b, logits));
        same += id == qg_sampler_next(another, logits);
        same_stream += id == qg_sampler_next(other, logits);
    }
    ck_assert_int_lt(same, 400); /* sum of squares of the shares is .26 */
    ck_assert_int_lt(same_stream, 400);
}
END_TEST

START_TEST(greedy_takes_the_best_and_the_penalty_moves_it)
{
    static const float logits[] = {1.0f, 2.0f, 1.9f, -1.0f};
    qg_sampler *plain = open_sampler((qg_sampling){.seed = 1}, 4, 0);
    qg_sampler *penal = open_sampler((qg_sampling){.repetition_penalty = 2}, 4, 0);

    ck_assert_int_eq(qg_sampler_next(plain, logits), 1);
    ck_assert_int_eq(qg_sampler_next(plain, logits), 1);
    qg_sampler_saw(penal, 1);                            /* 1.0, 1.0, 1.9, -1 */
    ck_assert_int_eq(qg_sampler_next(penal, logits), 2); /* then 1.0, 1.0, 0.95, -1: a tie */
    ck_assert_int_eq(qg_sampler_next(penal, logits), 0); /* then 0.5, 1.0 */
    ck_assert_int_eq(qg_sampler_next(penal, logits), 1);
    static const float negative[] = {-1.0f, -1.5f, -9.0f, -9.0f};
    ck_assert_int_eq(qg_sampler_next(open_sampler((qg_sampling){0}, 4, 0), negative), 0);
    penal = open_sampler((qg_sampling){.repetition_penalty = 2}, 4, 0);
    qg_sampler_saw(penal, 0); /* -1 becomes -2 */
    ck_assert_int_eq(qg_sampler_next(penal, negative), 1);
}
END_TEST

START_TEST(extreme_numbers_choose_the_best)
{
    static const float logits[] = {-3e38f, 3e38f, 0};
    qg_sampler *cold = open_sampler((qg_sampling){.temperature = 1e-300, .seed = 1}, 3, 0);
    qg_sampler *cold_p =
        open_sampler((qg_sampling){.temperature = 1e-300, .top_p = .9, .seed = 1}, 3, 0);

    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(qg_sampler_next(cold, logits), 1);
        ck_assert_int_eq(qg_sampler_next(cold_p, logits), 1);
    }
}
END_TEST

START_TEST(options_out_of_range_are_named)
{
    static const struct {
        qg_sampling s;
        const char *message;
    } bad[] = {
        {{-0.1, 0, 1, 0, 1, 0}, "temperature -0.1 lies outside 0 to 100"},
        {{1, -1, 1, 0, 1, 0}, "top-k -1 is negative; 0 takes all"},
        {{1, 0, 1.5, 0, 1, 0}, "top-p 1.5 lies outside 0 to 1"},
        {{1, 0, 0, 0, 1, 0}, "top-p 0 would leave no token; 1 takes all"},
        {{1, 0, 1, 2, 1, 0}, "min-p 2 lies outside 0 to 1"},
        {{1, 0, 1, 0, 0, 0}, "repetition-penalty 0 lies outside 0.01 to 100"},
        {{NAN, 0, 1, 0, 1, 0}, "temperature nan lies outside 0 to 100"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        qg_err_clear(&err);
        ck_assert_int_eq(qg_sampling_check(&bad[i].s, &err), QG_EARG);
        ck_assert_str_eq(err.message, bad[i].message);
    }
    qg_err_clear(&err);
    ck_assert_int_eq(qg_sampling_check(&QG_SAMPLING_GREEDY, &err), QG_OK);
}
END_TEST

Suite *sampler_check(void)
{
    Suite *s = suite_create("sampler_check");
    TCase *c = tcase_create("sampler");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 30);
    tcase_add_test(c, plain_sampling_follows_the_softmax);
    tcase_add_test(c, cuts_leave_what_they_say);
    tcase_add_test(c, a_wide_cut_is_ranked_as_far_as_it_reaches);
    tcase_add_test(c, seeds_and_streams_decide);
    tcase_add_test(c, greedy_takes_the_best_and_the_penalty_moves_it);
    tcase_add_test(c, extreme_numbers_choose_the_best);
    tcase_add_test(c, options_out_of_range_are_named);
    return s;
}
