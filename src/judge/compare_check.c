/* Unit tests of judge/compare: changes that are known since one run was made from the other, every
 * reason to claim nothing, and how often runs in which nothing changed are called different. */
#include "judge/compare.h"

#include "base/random.h"
#include "base/scratch_check.h"

#include <math.h>
#include <string.h>

enum { N = 60, DOCS = 40 };

static double samples[2][N], speeds[2][N];
static qg_series series[2][2];
static qg_scalar memory[2][2];
static qg_doc docs[2][DOCS];
static qg_measurement cases[2][2];
static qg_run runs[2];
static qg_compare_options options;
static qg_comparison c;

static double normal(uint64_t *state)
{
    double u = ((double)(qg_random_next(state) >> 11) + 0.5) / 9007199254740992.0;
    double v = (double)(qg_random_next(state) >> 11) / 9007199254740992.0;

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Two runs with the same machine, models and numbers; the times of each are its own. */
static void setup(void)
{
    uint64_t state = 1;

    set_up();
    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < N; i++) {
            samples[s][i] = 1e6 * exp(0.05 * normal(&state));
            speeds[s][i] = 1e9 / samples[s][i];
        }
        for (int i = 0; i < DOCS; i++)
            docs[s][i] = (qg_doc){.n_scored = 100 + i,
                                  .sum_nll = 200 + 3 * i % 17,
                                  .has_reference = true,
                                  .sum_kl = 1 + i % 5,
                                  .sum_dp2 = 0.5 + i % 3,
                                  .flips = 4 + i % 4};
        series[s][0] = (qg_series){"ttft", samples[s], N};
        series[s][1] = (qg_series){"throughput", speeds[s], N};
        memory[s][0] = (qg_scalar){QG_METRIC_MEMORY_PEAK, 1000, 1};
        memory[s][1] = (qg_scalar){QG_METRIC_HOST_PEAK, 5000, 1};
        cases[s][0] = (qg_measurement){.id = {"a/quality", "a", "int8", "cpu", "quality", 0, 0, 0},
                                       .protocol = "p",
                                       .docs = docs[s],
                                       .n_docs = DOCS};
        cases[s][1] =
            (qg_measurement){.id = {"a/perf/b1", "a", "int8", "cpu", "performance", 1, 8, 8},
                             .series = series[s],
                             .n_series = 2,
                             .scalars = memory[s],
                             .n_scalars = 2};
        runs[s] = (qg_run){.version = "1",
                           .suite_hash = "h",
                           .reference = "f",
                           .machine = {.cpu = "EPYC", .tier = "avx2", .fingerprint = "f1"},
                           .measurements = cases[s],
                           .n_measurements = 2};
    }
    options = (qg_compare_options){.name_a = "old", .name_b = "new"};
}

static void again(void)
{
    tear_down();
    setup();
}

static void compare(void)
{
    if (qg_compare_runs(&c, arena, &runs[0], &runs[1], &options, &err) != QG_OK)
        ck_abort_msg("%s", err.message);
}

static const qg_comparison_row *row(qg_metric metric)
{
    for (size_t i = 0; i < c.n_rows; i++)
        if (c.rows[i].metric == metric)
            return &c.rows[i];
    ck_abort_msg("no row of %s", qg_metric_info_of(metric)->name);
}

static bool is_noted(const char *part)
{
    for (size_t i = 0; i < c.n_notes; i++)
        if (strstr(c.notes[i], part))
            return true;
    return false;
}

START_TEST(a_factor_of_latency_is_found)
{
    for (int i = 0; i < N; i++) {
        samples[1][i] = 1.1 * samples[0][N - 1 - i]; /* runs are not paired: order is nothing */
        speeds[1][i] = speeds[0][i] / 1.1;
    }
    compare();
    const qg_comparison_row *r = row(QG_METRIC_TTFT_P50);
    ck_assert_str_eq(r->test, "Mann-Whitney");
    ck_assert(r->is_share && r->has_low && r->has_high && r->has_p);
    ck_assert_double_eq_tol(r->change, 0.1,
                            1e-9); /* the median of differences that are symmetric */
    ck_assert(r->low < 0.1 && r->low > 0.06 && r->high > 0.1 && r->high < 0.14);
    ck_assert_int_eq(r->verdict, QG_CHANGE_WORSE);
    ck_assert_int_eq(r->n_a, N);
    r = row(QG_METRIC_THROUGHPUT);
    ck_assert_double_eq_tol(r->change, 1 / 1.1 - 1, 1e-9);
    ck_assert_double_eq_tol(r->worsening, 1 - 1 / 1.1, 1e-9);
    ck_assert_int_eq(r->verdict, QG_CHANGE_WORSE); /* less of a benefit */
    ck_assert_double_ge(c.rows[0].worsening, c.rows[1].worsening);
    ck_assert_uint_eq(c.n_notes, 1);
    ck_assert_ptr_nonnull(strstr(c.notes[0], "measured apart"));
}
END_TEST

START_TEST(the_other_way_round_it_is_better)
{
    for (int i = 0; i < N; i++)
        samples[1][i] = samples[0][i] / 1.25;
    compare();
    ck_assert_double_eq_tol(row(QG_METRIC_TTFT_P50)->change, -0.2, 1e-9);
    ck_assert_int_eq(row(QG_METRIC_TTFT_P50)->verdict, QG_CHANGE_BETTER);
    ck_assert_int_eq(c.rows[c.n_rows - 1].metric, QG_METRIC_TTFT_P50); /* the last */
}
END_TEST

START_TEST(rounds_in_turns_see_what_runs_apart_cannot)
{
    for (int i = 0; i < N; i++) { /* a drift that both felt, and 2 % between them */
        samples[0][i] = 1e6 * (1 + 0.02 * i);
        samples[1][i] = 1.02 * samples[0][i];
    }
    compare();
    ck_assert_int_eq(row(QG_METRIC_TTFT_P50)->verdict, QG_CHANGE_UNCLEAR);
    cases[0][1].group = cases[1][1].group = "b1"; /* a name, that two runs may both have */
    compare();
    ck_assert_str_eq(row(QG_METRIC_TTFT_P50)->test, "Mann-Whitney");
    options.in_turns = true;
    compare();
    ck_assert_str_eq(row(QG_METRIC_TTFT_P50)->test, "signed-rank of rounds");
    ck_assert_int_eq(row(QG_METRIC_TTFT_P50)->verdict, QG_CHANGE_WORSE);
    ck_assert_double_eq_tol(row(QG_METRIC_TTFT_P50)->change, 0.02, 1e-9);
}
END_TEST

START_TEST(far_percentiles_need_samples_beyond_them)
{
    static double many[2][400];

    compare();
    ck_assert_str_eq(row(QG_METRIC_TTFT_P95)->why, "few samples");
    ck_assert_int_eq(row(QG_METRIC_TTFT_P95)->verdict, QG_CHANGE_NONE);
    for (int i = 0; i < 400; i++) {
        many[0][i] = 1e6 + 1000 * (i * 37 % 400);
        many[1][i] = 2 * many[0][i];
    }
    for (int s = 0; s < 2; s++)
        series[s][0] = (qg_series){"ttft", many[s], 400};
    compare();
    const qg_comparison_row *r = row(QG_METRIC_TTFT_P95);
    ck_assert_str_eq(r->test, "block bootstrap");
    ck_assert_double_eq(r->change, 1);
    ck_assert(r->low <= 1 && r->low > 0.8 && r->high >= 1 && r->high < 1.2);
    ck_assert_int_eq(r->verdict, QG_CHANGE_WORSE);
    ck_assert_str_eq(row(QG_METRIC_TTFT_P99)->why, "few samples"); /* 4 beyond it */
    many[1][7] = 0;                                                /* a ratio needs times */
    compare();
    ck_assert_str_eq(row(QG_METRIC_TTFT_P95)->why, "few samples");
}
END_TEST

START_TEST(quality_is_paired_by_document)
{
    for (int i = 0; i < DOCS; i++) {
        docs[1][i].sum_nll += 0.01 * (double)docs[1][i].n_scored;
        docs[1][i].sum_kl *= 2;
        docs[1][i].sum_dp2 *= 1.21;
        docs[1][i].flips += i % 2;
    }
    compare();
    const qg_comparison_row *r = row(QG_METRIC_PPL);
    ck_assert_str_eq(r->test, "cluster bootstrap");
    ck_assert_double_eq_tol(r->change, expm1(0.01), 1e-9);
    ck_assert_double_eq_tol(r->low, expm1(0.01), 1e-6); /* the same in each: no doubt is left */
    ck_assert_double_eq_tol(r->high, expm1(0.01), 1e-6);
    ck_assert_int_eq(r->verdict, QG_CHANGE_WORSE);
    ck_assert_double_eq_tol(row(QG_METRIC_KLD_MEAN)->change, 1, 1e-9);
    ck_assert_double_eq_tol(row(QG_METRIC_DP_RMS)->change, 0.1, 1e-9);
    /* 20 more flips of sum (100 + i) = 4780 tokens */
    r = row(QG_METRIC_SAME_TOP);
    ck_assert(!r->is_share);
    ck_assert_double_eq_tol(r->change, -20.0 / 4780, 1e-12);
    ck_assert(r->low < r->change && r->change < r->high && r->high < 0);
    ck_assert_int_eq(r->verdict, QG_CHANGE_WORSE);
}
END_TEST

START_TEST(quality_that_does_not_pair_is_shown_and_not_compared)
{
    docs[1][3].sum_kl = 99;
    docs[1][3].sum_nll += 5;
    cases[1][0].protocol = "q";
    compare();
    ck_assert_str_eq(row(QG_METRIC_PPL)->why, "other protocol");
    ck_assert_int_eq(row(QG_METRIC_PPL)->verdict, QG_CHANGE_NONE);
    cases[1][0].protocol = "p";
    cases[0][0].n_docs = cases[1][0].n_docs = 29;
    compare();
    ck_assert_str_eq(row(QG_METRIC_PPL)->why, "few documents");
    cases[0][0].n_docs = cases[1][0].n_docs = DOCS;
    runs[1].reference = "g"; /* perplexity does not ask for it */
    compare();
    ck_assert_str_eq(row(QG_METRIC_KLD_MEAN)->why, "other model");
    ck_assert_ptr_null(row(QG_METRIC_PPL)->why);
    runs[1].reference = "f";
    docs[0][0].sum_kl = docs[1][0].sum_kl = 0;
    compare();
    ck_assert_str_eq(row(QG_METRIC_KLD_MEAN)->why, "divides by 0");
    docs[1][9].n_scored++;
    compare();
    ck_assert_str_eq(row(QG_METRIC_PPL)->why, "other tokens");
}
END_TEST

START_TEST(memory_is_exact)
{
    compare();
    ck_assert_int_eq(row(QG_METRIC_MEMORY_PEAK)->verdict, QG_CHANGE_SAME);
    memory[1][0].value = 1001;
    memory[1][1].value = 5001; /* as the kernel counts: not exact */
    compare();
    ck_assert_int_eq(row(QG_METRIC_MEMORY_PEAK)->verdict, QG_CHANGE_WORSE);
    ck_assert_double_eq(row(QG_METRIC_MEMORY_PEAK)->change, 1);
    ck_assert_ptr_null(row(QG_METRIC_MEMORY_PEAK)->test);
    ck_assert_int_eq(row(QG_METRIC_HOST_PEAK)->verdict, QG_CHANGE_NONE);
    memory[1][0].value = 999;
    compare();
    ck_assert_int_eq(row(QG_METRIC_MEMORY_PEAK)->verdict, QG_CHANGE_BETTER);
    cases[1][1].id.input_len = 9;
    compare();
    ck_assert_str_eq(row(QG_METRIC_MEMORY_PEAK)->why, "other shape");
    ck_assert_int_eq(row(QG_METRIC_MEMORY_PEAK)->verdict, QG_CHANGE_NONE);
}
END_TEST

START_TEST(times_of_other_machines_are_not_compared)
{
    for (int i = 0; i < N; i++)
        samples[1][i] *= 3;
    runs[1].machine.fingerprint = "f2";
    runs[1].machine.cpu = "Xeon";
    compare();
    ck_assert_str_eq(row(QG_METRIC_TTFT_P50)->why, "other machine");
    ck_assert_int_eq(row(QG_METRIC_TTFT_P50)->verdict, QG_CHANGE_NONE);
    ck_assert_double_gt(row(QG_METRIC_TTFT_P50)->change, 1.5); /* and yet shown */
    ck_assert(is_noted("other machines, times do not compare: A EPYC"));
    runs[1].machine.fingerprint = NULL;
    compare();
    ck_assert_str_eq(row(QG_METRIC_TTFT_P50)->why, "no machine");
    ck_assert(is_noted("the machine of 'new' is not known"));
    again();
    cases[0][1].pressure = (qg_pressure){.sampled_ns = 1000, .delay_ns = 300};
    compare();
    ck_assert_str_eq(row(QG_METRIC_TTFT_P50)->why, "busy machine");
}
END_TEST

START_TEST(what_differs_besides_is_noted)
{
    qg_model_info one = {.name = "a", .model_hash = "aa"}, two = {.name = "a", .model_hash = "bb"};
    qg_measurement more[3] = {
        cases[1][0], cases[1][1], {.id = {"b/quality", "b", "awq", "cpu", "quality", 0, 0, 0}}};

    runs[0].models = &one;
    runs[1].models = &two;
    runs[0].n_models = runs[1].n_models = 1;
    runs[1].suite_hash = "i";
    runs[1].version = "2";
    runs[1].commit = "c";
    runs[0].partial = true;
    runs[1].measurements = more;
    runs[1].n_measurements = 3;
    compare();
    ck_assert(is_noted("other suites: A h, B i"));
    ck_assert(is_noted("other versions: A 1, B 2"));
    ck_assert(is_noted("other commits: A none, B c"));
    ck_assert(is_noted("model 'a' has other weights: A aa, B bb"));
    ck_assert(is_noted("'old' is partial"));
    ck_assert(is_noted("only in B: b/quality"));
    ck_assert_uint_eq(c.n_notes, 7); /* the last: times were measured apart */
}
END_TEST

START_TEST(cases_are_chosen)
{
    options.only = "*/quality";
    compare();
    for (size_t i = 0; i < c.n_rows; i++)
        ck_assert_str_eq(c.rows[i].case_id, "a/quality");
    options.only = "z/*";
    ck_assert_int_eq(qg_compare_runs(&c, arena, &runs[0], &runs[1], &options, &err), QG_EARG);
    ck_assert_str_eq(err.message, "no case that both runs measured matches 'z/*'");
    options.only = NULL;
    cases[0][0].state = QG_CASE_FAILED;
    cases[0][1].id.id = "other";
    qg_err_clear(&err);
    ck_assert_int_eq(qg_compare_runs(&c, arena, &runs[0], &runs[1], &options, &err), QG_EARG);
    ck_assert_str_eq(err.message, "'old' and 'new' have measured no case in common");
}
END_TEST

/* Of 200 pairs of runs in which nothing changed, each with two comparisons by chance, at most 5 %
 * may be called different: more than 18 come by chance 1 in 200 times. */
START_TEST(chance_is_seldom_called_a_change)
{
    uint64_t state = 42;
    int n_called = 0;

    options.only = "a/perf/b1";
    for (int trial = 0; trial < 200; trial++) {
        for (int s = 0; s < 2; s++) {
            for (int i = 0; i < N; i++) {
                samples[s][i] = 1e6 * exp(0.1 * normal(&state));
                speeds[s][i] = 1e3 * exp(0.1 * normal(&state));
            }
        }
        qg_arena_mark mark = qg_arena_here(arena);
        compare();
        n_called += c.rows[0].verdict == QG_CHANGE_WORSE ||
                    c.rows[c.n_rows - 1].verdict == QG_CHANGE_BETTER;
        qg_arena_rewind(arena, mark);
    }
    ck_assert_int_le(n_called, 18);
    ck_assert_int_ge(n_called, 2); /* and it does look */
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    bool unharmed = false;

    runs[1].machine.fingerprint = "f2";
    runs[1].suite_hash = "i";
    options.only = "a/quality";
    docs[1][3].sum_kl = 99;
    for (long n = 1; !unharmed; n++) {
        qg_arena *own = qg_arena_create();
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_compare_runs(&c, own, &runs[0], &runs[1], &options, &err);
        unharmed = qg_arena_fail_after(0);
        ck_assert_int_eq(s, unharmed ? QG_OK : QG_ENOMEM);
        qg_arena_free(own);
    }
}
END_TEST

Suite *compare_check(void)
{
    Suite *s = suite_create("compare_check");
    TCase *t = tcase_create("compare");

    tcase_add_checked_fixture(t, setup, tear_down);
    tcase_add_test(t, a_factor_of_latency_is_found);
    tcase_add_test(t, the_other_way_round_it_is_better);
    tcase_add_test(t, rounds_in_turns_see_what_runs_apart_cannot);
    tcase_add_test(t, far_percentiles_need_samples_beyond_them);
    tcase_add_test(t, quality_is_paired_by_document);
    tcase_add_test(t, quality_that_does_not_pair_is_shown_and_not_compared);
    tcase_add_test(t, memory_is_exact);
    tcase_add_test(t, times_of_other_machines_are_not_compared);
    tcase_add_test(t, what_differs_besides_is_noted);
    tcase_add_test(t, cases_are_chosen);
    tcase_add_test(t, chance_is_seldom_called_a_change);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
