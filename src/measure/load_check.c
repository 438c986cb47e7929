/* Unit tests of measure/load: what is asked, and what is told of the answers. */
#include "measure/load.h"

#include "base/clock.h"
#include "engine/reference_check.h"

#include "check_suites.h"

#include <math.h>

static qg_arena *arena;
static qg_err err;
static qg_engine *engine;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    engine = fixture_open(fixture_model("m", &(qg_synth_options){.seed = 5}),
                          &(qg_engine_options){.max_seqs = 4});
    qg_err_clear(&err);
}

static qg_load_result run(const qg_load *load)
{
    qg_load_result r;

    ck_assert_int_eq(qg_load_run(&r, arena, engine, load, NULL, NULL, &err), QG_OK);
    return r;
}

START_TEST(every_request_is_answered_and_told)
{
    qg_load load = {.seed = 1,
                    .n_requests = 40,
                    .concurrency = 4,
                    .input_len = 20,
                    .output_len = 8,
                    .spread = 0.5};
    qg_load_result r = run(&load);

    ck_assert_uint_eq(r.n, 40);
    ck_assert_int_eq(qg_load_longest(&load), 30 + 12);
    ck_assert_int_ge(r.input_tokens, 40 * 10);
    ck_assert_int_le(r.input_tokens, 40 * 30);
    ck_assert_int_ge(r.output_tokens, 40 * 4);
    ck_assert_int_le(r.output_tokens, 40 * 12);
    ck_assert_int_ne(r.output_tokens, 40 * 8); /* lengths are mixed */
    ck_assert_uint_eq(r.n_itl, (size_t)r.output_tokens - 40);
    ck_assert_int_ge(r.most_running, 2);
    ck_assert_int_le(r.most_running, 4);
    for (size_t i = 0; i < r.n; i++) {
        ck_assert(r.wait[i] >= 0 && r.wait[i] <= r.ttft[i]);
        ck_assert(r.ttft[i] > 0 && r.ttft[i] <= r.e2e[i]);
        ck_assert(r.e2e[i] <= (double)r.wall_ns);
    }
}
END_TEST

START_TEST(the_seed_says_what_is_asked)
{
    qg_load load = {.seed = 7,
                    .n_requests = 25,
                    .concurrency = 3,
                    .input_len = 9,
                    .output_len = 5,
                    .spread = 1};
    qg_load_result a = run(&load), b = run(&load);

    ck_assert_int_eq(a.input_tokens, b.input_tokens);
    ck_assert_int_eq(a.output_tokens, b.output_tokens);
    load.seed = 8;
    b = run(&load);
    ck_assert(a.input_tokens != b.input_tokens || a.output_tokens != b.output_tokens);
    load.spread = 0;
    b = run(&load);
    ck_assert_int_eq(b.input_tokens, 25 * 9);
    ck_assert_int_eq(b.output_tokens, 25 * 5);
}
END_TEST

static int64_t ticks;
static int64_t tick(void)
{
    return ticks += 1000; /* a microsecond a reading */
}

/* 400 gaps of 1 ms on average have a mean within 5 standard errors of it: 5 % each. */
START_TEST(arrivals_keep_the_rate)
{
    qg_load load = {.seed = 3, .n_requests = 400, .rate = 1000, .input_len = 2, .output_len = 1};

    qg_clock_replace(tick);
    qg_load_result r = run(&load);
    qg_clock_replace(NULL);
    ck_assert_double_eq_tol((double)r.wall_ns / 399, 1e6, 5 * 1e6 / sqrt(399));
    for (size_t i = 0; i < r.n; i++)
        ck_assert(r.tpot[i] == 0);
    ck_assert_uint_eq(r.n_itl, 0);
}
END_TEST

static int64_t backwards(void)
{
    ticks++;
    return ticks == 9 ? 2000 : 100000 + ticks * 1000;
}

START_TEST(a_clock_that_goes_back_is_told)
{
    qg_load load = {.n_requests = 1, .concurrency = 1, .input_len = 3, .output_len = 20};
    qg_load_result r;

    ticks = 0;
    qg_clock_replace(backwards);
    ck_assert_int_eq(qg_load_run(&r, arena, engine, &load, NULL, NULL, &err), QG_EWORKER);
    qg_clock_replace(NULL);
    ck_assert_str_eq(err.message, "the clock went back during request 0");
}
END_TEST

START_TEST(what_never_fits_is_refused)
{
    qg_load load = {.n_requests = 2, .concurrency = 1, .input_len = 3, .output_len = 100000};
    qg_load_result r;

    load.input_len = qg_engine_describe(engine).max_model_len;
    ck_assert_int_ne(qg_load_run(&r, arena, engine, &load, NULL, NULL, &err), QG_OK);
}
END_TEST

Suite *load_check(void)
{
    Suite *s = suite_create("load_check");
    TCase *t = tcase_create("load");

    tcase_add_checked_fixture(t, setup, fixture_end);
    tcase_add_test(t, every_request_is_answered_and_told);
    tcase_add_test(t, the_seed_says_what_is_asked);
    tcase_add_test(t, arrivals_keep_the_rate);
    tcase_add_test(t, a_clock_that_goes_back_is_told);
    tcase_add_test(t, what_never_fits_is_refused);
    suite_add_tcase(s, t);
    return s;
}
