/* Unit tests of judge/golden: two small goldens worked out by hand, KL bounds against sums over a
 * whole vocabulary in double precision. */
#include "judge/golden.h"

#include "base/scratch_check.h"

#include <math.h>
#include <stdlib.h>

/* A golden of one prompt of two tokens and three greedy choices; fresh copies to be spoiled. */
static qg_gold *make_gold(void)
{
    static const qg_gold_entry first[] = {{5, -0.5}, {2, -2.0}, {9, -3.0}};
    static const qg_gold_entry second[] = {{7, -0.25}, {5, -2.5}, {1, -4.0}};
    static const qg_gold_choice greedy[] = {
        {.id = 7, .margin = 2.25}, {.id = 8, .margin = 0.005}, {.id = 9, .margin = 1.0}};
    qg_gold *g = QG_NEW(arena, qg_gold);
    qg_gold_position *p = QG_NEW_N(arena, qg_gold_position, 2);

    *g = (qg_gold){.model_hash = "m",
                   .tokenizer_hash = "t",
                   .prompts_hash = "p",
                   .method = "fp16",
                   .backend = "cpu",
                   .protocol = "greedy 3",
                   .command = "",
                   .prompts = QG_NEW(arena, qg_gold_prompt),
                   .n_prompts = 1};
    p[0] = (qg_gold_position){.id = 1,
                              .top = qg_arena_copy(arena, first, sizeof first),
                              .n_top = 3,
                              .has_tail = true,
                              .tail = -1.5};
    p[1] = (qg_gold_position){.id = 5,
                              .logprob = -0.5,
                              .top = qg_arena_copy(arena, second, sizeof second),
                              .n_top = 3,
                              .has_tail = true,
                              .tail = -2.25};
    g->prompts[0] = (qg_gold_prompt){.name = "p01",
                                     .positions = p,
                                     .n_positions = 2,
                                     .greedy = qg_arena_copy(arena, greedy, sizeof greedy),
                                     .n_greedy = 3};
    return g;
}

static qg_golden_diff compare(const qg_gold *golden, const qg_gold *measured, double tolerance)
{
    qg_golden_diff d;
    ck_assert_int_eq(qg_golden_compare(&d, arena, golden, measured, tolerance, &err), QG_OK);
    return d;
}

START_TEST(a_golden_agrees_with_itself)
{
    qg_gold *g = make_gold();
    qg_golden_diff d = compare(g, g, 0.01);

    ck_assert_double_eq(d.logprob_max, 0);
    ck_assert_double_eq(d.logprob_p99, 0);
    ck_assert_int_eq(d.n_logprobs, 1 + 2 * (3 + 2)); /* a token; tops, rest and entropy, twice */
    ck_assert_double_eq(d.same_top, 1);
    ck_assert_int_eq(d.n_positions, 2);
    ck_assert_double_eq(d.kld_topk, 0);
    ck_assert_int_eq(d.greedy_match, 3);
    ck_assert_int_eq(d.n_choices, 3);
    ck_assert_ptr_null(d.greedy_prompt);
}
END_TEST

START_TEST(every_stored_number_counts)
{
    qg_gold *g = make_gold(), *m = make_gold();

    g->prompts[0].positions[1].logprob = -0.75; /* the token's */
    ck_assert_double_eq_tol(compare(g, m, 0.01).logprob_max, 0.25, 1e-12);
    ck_assert_str_eq(compare(g, m, 0.01).worst_prompt, "p01");
    ck_assert_uint_eq(compare(g, m, 0.01).worst_position, 1);
    g = make_gold();
    g->prompts[0].positions[0].top[2].logprob = -3.5; /* the last of a top list */
    ck_assert_double_eq_tol(compare(g, m, 0.01).logprob_max, 0.5, 1e-12);
    ck_assert_uint_eq(compare(g, m, 0.01).worst_position, 0);
    g = make_gold();
    g->prompts[0].positions[1].tail = -3.0; /* the rest */
    ck_assert_double_eq_tol(compare(g, m, 0.01).logprob_max, 0.75, 1e-12);
    g = make_gold();
    g->prompts[0].positions[0].entropy = 0.125;
    ck_assert_double_eq_tol(compare(g, m, 0.01).logprob_max, 0.125, 1e-12);
    g = make_gold();
    g->prompts[0].positions[1].top[0].id = 70; /* the measured top does not list 70, it has 7 */
    ck_assert_double_eq_tol(compare(g, m, 0.01).logprob_max, 4.0 - 0.25, 1e-12);
    ck_assert_double_eq(compare(g, m, 0.01).same_top, 0.5);
}
END_TEST

START_TEST(lists_with_nothing_in_common_are_compared)
{
    qg_gold *g = make_gold(), *m = make_gold();

    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 3; i++)
            g->prompts[0].positions[k].top[i].id += 100;
    qg_golden_diff d = compare(g, m, 0.01);
    ck_assert_int_eq(d.n_logprobs, 1 + 2 * (3 + 3 + 2));
    ck_assert_double_eq(d.same_top, 0);
    ck_assert_double_eq_tol(d.logprob_max, 4.0 - 0.25, 1e-12);
}
END_TEST

START_TEST(the_order_of_a_top_list_does_not_matter)
{
    qg_gold *g = make_gold(), *m = make_gold();
    qg_gold_entry *top = g->prompts[0].positions[0].top, swap = top[0];

    top[0] = top[2];
    top[2] = swap;
    qg_golden_diff d = compare(g, m, 0.01);
    ck_assert_double_eq(d.logprob_max, 0);
    ck_assert_double_eq(d.same_top, 1);
    top[0].logprob = top[2].logprob; /* a tie of 9 and 5: the lower id is best */
    ck_assert_double_eq(compare(g, m, 0.01).same_top, 1);
    top[0].id = 3;
    ck_assert_double_eq(compare(g, m, 0.01).same_top, 0.5);
}
END_TEST

START_TEST(percentiles_of_differences)
{
    qg_gold *g = make_gold(), *m = make_gold();

    m->prompts[0].positions[1].logprob -= 0.125;
    /* of 11 differences the 99th percentile is the greatest */
    ck_assert_double_eq(compare(g, m, 0.01).logprob_p99, 0.125);
}
END_TEST

static int64_t match(qg_gold *g, qg_gold *m, double tolerance, qg_golden_diff *d)
{
    *d = compare(g, m, tolerance);
    return d->greedy_match;
}

START_TEST(greedy_choices_count_where_the_margin_is_clear)
{
    qg_gold *g = make_gold(), *m = make_gold();
    qg_gold_choice *choice = m->prompts[0].greedy;
    qg_golden_diff d;

    choice[2].id = 99; /* margin 1.0 */
    ck_assert_int_eq(match(g, m, 0.01, &d), 2);
    ck_assert_str_eq(d.greedy_prompt, "p01");
    ck_assert_int_eq(d.n_choices, 3);
    choice[1].id = 98; /* margin 0.005: a near-tie, and what follows it is another text */
    ck_assert_int_eq(match(g, m, 0.01, &d), 3);
    ck_assert_ptr_null(d.greedy_prompt);
    ck_assert_int_eq(d.n_near_ties, 1);
    ck_assert_int_eq(match(g, m, 0.001, &d), 1); /* under a stricter tolerance it counts */
    choice[0].id = 97;
    ck_assert_int_eq(match(g, m, 0.01, &d), 0);
    ck_assert_int_eq(match(g, m, 3, &d), 3);
}
END_TEST

START_TEST(a_continuation_that_stops_early_differs)
{
    qg_gold *g = make_gold(), *m = make_gold();
    qg_golden_diff d;

    m->prompts[0].n_greedy = 2;
    ck_assert_int_eq(match(g, m, 0.01, &d), 2);
    ck_assert_str_eq(d.greedy_prompt, "p01");
    ck_assert_int_eq(match(m, g, 0.01, &d), 2); /* and one that goes on */
    m->prompts[0].n_greedy = 1;
    ck_assert_int_eq(match(g, m, 0.01, &d), 3); /* it ended at the near-tie */
}
END_TEST

START_TEST(the_worst_prompt_decides_greedy_match)
{
    qg_gold *g = make_gold(), *m = make_gold();
    qg_gold_prompt two[2], other[2];
    qg_golden_diff d;

    two[0] = g->prompts[0];
    two[1] = make_gold()->prompts[0];
    two[1].name = "p02";
    other[0] = m->prompts[0];
    other[1] = make_gold()->prompts[0];
    g->prompts = two;
    m->prompts = other;
    g->n_prompts = m->n_prompts = 2;
    other[1].greedy[0].id = 55;
    ck_assert_int_eq(match(g, m, 0.01, &d), 0);
    ck_assert_str_eq(d.greedy_prompt, "p02");
    ck_assert_int_eq(d.n_choices, 3 + 1);
}
END_TEST

enum { VOCABULARY = 60, TRIALS = 300 };

static double uniform(void)
{
    return (double)random() / RAND_MAX;
}

static void random_distribution(double *logprob, double sharpness)
{
    double sum = 0;
    for (int i = 0; i < VOCABULARY; i++)
        sum += exp(logprob[i] = sharpness * uniform());
    for (int i = 0; i < VOCABULARY; i++)
        logprob[i] -= log(sum);
}

/* The k best of a distribution as one position. */
static qg_gold_position top_of(const double *logprob, size_t k)
{
    qg_gold_position p = {.top = QG_NEW_N(arena, qg_gold_entry, k)};
    bool used[VOCABULARY] = {false};
    double rest = 0;

    while (p.n_top < k) {
        int best = -1;
        for (int i = 0; i < VOCABULARY; i++)
            if (!used[i] && (best < 0 || logprob[i] > logprob[best]))
                best = i;
        used[best] = true;
        p.top[p.n_top++] = (qg_gold_entry){best, logprob[best]};
    }
    for (int i = 0; i < VOCABULARY; i++)
        rest += used[i] ? 0 : exp(logprob[i]);
    p.has_tail = k < VOCABULARY;
    p.tail = p.has_tail ? log(rest) : 0;
    return p;
}

static double kl_topk(const double *p, const double *q, size_t k)
{
    qg_gold_position a = top_of(p, k), b = top_of(q, k);
    qg_gold_prompt one = {.name = "p", .positions = &a, .n_positions = 1};
    qg_gold_prompt two = {.name = "p", .positions = &b, .n_positions = 1};
    qg_gold g = {.prompts = &one, .n_prompts = 1}, m = {.prompts = &two, .n_prompts = 1};
    return compare(&g, &m, 0.01).kld_topk;
}

START_TEST(kld_topk_is_a_lower_bound_and_exact_with_all)
{
    double p[VOCABULARY], q[VOCABULARY];

    srandom(7);
    for (int trial = 0; trial < TRIALS; trial++) {
        random_distribution(p, 1 + 12 * uniform());
        random_distribution(q, 1 + 12 * uniform());
        double exact = 0;
        for (int i = 0; i < VOCABULARY; i++)
            exact += exp(p[i]) * (p[i] - q[i]);
        ck_assert_double_eq_tol(kl_topk(p, q, VOCABULARY), exact, 1e-9);
        double last = 0;
        for (size_t k = 1; k < VOCABULARY; k *= 4) {
            double bound = kl_topk(p, q, k);
            ck_assert_double_ge(bound, 0);
            ck_assert_double_le(bound, exact + 1e-9);
            last = bound;
        }
        ck_assert(exact < 0.5 || last > 0); /* and says something where there is much to say */
    }
}
END_TEST

START_TEST(a_senseless_golden_gives_finite_numbers)
{
    qg_gold *g = make_gold(), *m = make_gold();

    g->prompts[0].positions[0].top[0].logprob = 1e9;
    g->prompts[0].positions[0].top[1].logprob = -1e9;
    g->prompts[0].positions[0].tail = 1e9;
    g->prompts[0].positions[1].n_top = 0;
    qg_golden_diff d = compare(g, m, 0.01);
    ck_assert(isfinite(d.logprob_max) && isfinite(d.kld_topk) && isfinite(d.logprob_p99));
    ck_assert_double_ge(d.logprob_max, 1e9 - 10);
    g->prompts[0].n_positions = m->prompts[0].n_positions = 0; /* nothing at all */
    g->prompts[0].n_greedy = m->prompts[0].n_greedy = 0;
    d = compare(g, m, 0.01);
    ck_assert_int_eq(d.n_positions, 0);
    ck_assert(!qg_golden_value(&d, QG_METRIC_GOLDEN_LOGPROB_MAX).known);
    ck_assert(!qg_golden_value(&d, QG_METRIC_GREEDY_MATCH).known);
    ck_assert(!qg_golden_value(&d, QG_METRIC_SAME_TOP).known);
}
END_TEST

START_TEST(only_comparable_goldens_fit)
{
    qg_gold *g = make_gold(), *m = make_gold();
    const char **fields[] = {&g->tokenizer_hash, &g->backend, &g->protocol, &g->prompts_hash};
    static const char *const names[] = {"tokenizer", "backend", "protocol", "prompts"};

    ck_assert_int_eq(qg_golden_fits(g, m, "s.yaml", &err), QG_OK);
    g->model_hash = "other"; /* other weights are what a golden is there to judge */
    ck_assert_int_eq(qg_golden_fits(g, m, "s.yaml", &err), QG_OK);
    for (size_t i = 0; i < 4; i++) {
        const char *old = *fields[i];
        *fields[i] = "zzz";
        qg_err_clear(&err);
        ck_assert_int_eq(qg_golden_fits(g, m, "s.yaml", &err), QG_EREFUSED);
        ck_assert_msg(strstr(err.message, names[i]), "%s", err.message);
        ck_assert_ptr_nonnull(strstr(err.message, "'zzz'"));
        ck_assert_ptr_nonnull(strstr(err.message, "'quantgate bless s.yaml'"));
        *fields[i] = old;
    }
    g->prompts[0].positions[1].id = 6; /* ids that the hash does not know of */
    qg_err_clear(&err);
    ck_assert_int_eq(qg_golden_fits(g, m, "s.yaml", &err), QG_EREFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "prompts that its hash names"));
    g = make_gold();
    g->prompts[0].n_positions = 1;
    ck_assert_int_eq(qg_golden_fits(g, m, "s.yaml", NULL), QG_EREFUSED);
    g = make_gold();
    g->n_prompts = 0;
    ck_assert_int_eq(qg_golden_fits(g, m, "s.yaml", NULL), QG_EREFUSED);
}
END_TEST

START_TEST(values_are_those_of_the_comparison)
{
    qg_golden_diff d = {.logprob_max = 3,
                        .logprob_p99 = 2,
                        .n_logprobs = 9,
                        .same_top = 0.5,
                        .kld_topk = 0.1,
                        .n_positions = 4,
                        .greedy_match = 6,
                        .n_choices = 8};

    ck_assert_double_eq(qg_golden_value(&d, QG_METRIC_GOLDEN_LOGPROB_MAX).value, 3);
    ck_assert_double_eq(qg_golden_value(&d, QG_METRIC_DRIFT_LOGPROB_MAX).value, 3);
    ck_assert_double_eq(qg_golden_value(&d, QG_METRIC_GOLDEN_LOGPROB_P99).value, 2);
    ck_assert_int_eq(qg_golden_value(&d, QG_METRIC_GOLDEN_LOGPROB_P99).n, 9);
    ck_assert_double_eq(qg_golden_value(&d, QG_METRIC_SAME_TOP).value, 0.5);
    ck_assert_double_eq(qg_golden_value(&d, QG_METRIC_DRIFT_SAME_TOP).value, 0.5);
    ck_assert_double_eq(qg_golden_value(&d, QG_METRIC_KLD_TOPK).value, 0.1);
    ck_assert_double_eq(qg_golden_value(&d, QG_METRIC_GREEDY_MATCH).value, 6);
    ck_assert_int_eq(qg_golden_value(&d, QG_METRIC_GREEDY_MATCH).n, 8);
    ck_assert(!qg_golden_value(&d, QG_METRIC_PPL).known);
    ck_assert(qg_golden_has(QG_METRIC_KLD_TOPK) && qg_golden_has(QG_METRIC_DRIFT_SAME_TOP));
    ck_assert(!qg_golden_has(QG_METRIC_SAME_TOP) && !qg_golden_has(QG_METRIC_PPL));
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    qg_gold *g = make_gold();
    qg_golden_diff d;

    qg_arena_fail_after(1);
    while (qg_arena_alloc(arena, 1000)) /* until the block at hand is full */
        qg_arena_fail_after(1);
    for (long n = 1; n < 3; n++) {
        qg_arena *a = qg_arena_create();
        qg_arena_fail_after(n);
        qg_status s = qg_golden_compare(&d, a, g, g, 0.01, NULL);
        bool waiting = qg_arena_fail_after(0);
        ck_assert_int_eq(s, waiting ? QG_OK : QG_ENOMEM);
        qg_arena_free(a);
    }
}
END_TEST

Suite *golden_check(void)
{
    Suite *s = suite_create("golden_check");
    TCase *t = tcase_create("golden");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_golden_agrees_with_itself);
    tcase_add_test(t, every_stored_number_counts);
    tcase_add_test(t, lists_with_nothing_in_common_are_compared);
    tcase_add_test(t, the_order_of_a_top_list_does_not_matter);
    tcase_add_test(t, percentiles_of_differences);
    tcase_add_test(t, greedy_choices_count_where_the_margin_is_clear);
    tcase_add_test(t, a_continuation_that_stops_early_differs);
    tcase_add_test(t, the_worst_prompt_decides_greedy_match);
    tcase_add_test(t, kld_topk_is_a_lower_bound_and_exact_with_all);
    tcase_add_test(t, a_senseless_golden_gives_finite_numbers);
    tcase_add_test(t, only_comparable_goldens_fit);
    tcase_add_test(t, values_are_those_of_the_comparison);
    tcase_add_test(t, lack_of_memory_is_said);
    suite_add_tcase(s, t);
    return s;
}
