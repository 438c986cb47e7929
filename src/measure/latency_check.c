/* Unit tests of measure/latency: a sample from completions whose times are known. */
#include "measure/latency.h"

#include "check_suites.h"

START_TEST(a_sample_is_what_its_header_says)
{
    qg_arena *arena = qg_arena_create();
    int64_t a[] = {1100, 1300, 1600}, b[] = {1150, 1300, 1650};
    qg_completion done[] = {{.ids = {NULL, 3}, .start_ns = 1000, .token_ns = a},
                            {.ids = {NULL, 3}, .start_ns = 1010, .token_ns = b}};
    qg_sample s;

    ck_assert_int_eq(qg_latency_of(&s, arena, done, 2, 0, NULL), QG_OK);
    ck_assert_double_eq(s.ttft, 150); /* the last first token, from the first start */
    ck_assert_double_eq(s.tpot, (250 + 250) / 2.0);
    ck_assert_double_eq(s.e2e, 650);
    ck_assert_double_eq(s.throughput, 6 / 650e-9);
    ck_assert_uint_eq(s.n_itl, 2);
    ck_assert_double_eq(s.itl[0], 200);
    ck_assert_double_eq(s.itl[1], 300);
    qg_arena_free(arena);
}
END_TEST

START_TEST(one_token_has_no_gaps)
{
    qg_arena *arena = qg_arena_create();
    int64_t t[] = {1500};
    qg_completion done = {.ids = {NULL, 1}, .start_ns = 1000, .token_ns = t};
    qg_sample s;

    ck_assert_int_eq(qg_latency_of(&s, arena, &done, 1, 0, NULL), QG_OK);
    ck_assert_double_eq(s.ttft, 500);
    ck_assert_double_eq(s.tpot, 0);
    ck_assert_uint_eq(s.n_itl, 0);
    qg_arena_free(arena);
}
END_TEST

START_TEST(reading_the_clock_is_taken_out)
{
    qg_arena *arena = qg_arena_create();
    int64_t a[] = {1100, 1300, 1600};
    qg_completion done = {.ids = {NULL, 3}, .start_ns = 1000, .token_ns = a};
    qg_sample s;

    ck_assert_int_eq(qg_latency_of(&s, arena, &done, 1, 30, NULL), QG_OK);
    ck_assert_double_eq(s.ttft, 70);
    ck_assert_double_eq(s.tpot, 220);
    ck_assert_double_eq(s.itl[1], 270);
    ck_assert_double_eq(s.e2e, 600 - 90);
    ck_assert_double_eq(s.throughput, 3 / 510e-9);
    ck_assert_int_eq(qg_latency_of(&s, arena, &done, 1, 500, NULL), QG_OK);
    ck_assert_double_eq(s.ttft, 0);
    qg_arena_free(arena);
}
END_TEST

START_TEST(a_clock_that_goes_back_is_refused)
{
    qg_arena *arena = qg_arena_create();
    int64_t a[] = {1100, 1090}, early[] = {990, 1100};
    qg_completion done = {.ids = {NULL, 2}, .start_ns = 1000, .token_ns = a};
    qg_sample s;
    qg_err err = {0};

    ck_assert_int_eq(qg_latency_of(&s, arena, &done, 1, 0, &err), QG_EWORKER);
    ck_assert_str_eq(err.message, "the clock went back by 10 ns at token 1");
    done.token_ns = early;
    ck_assert_int_eq(qg_latency_of(&s, arena, &done, 1, 0, NULL), QG_EWORKER);
    qg_arena_free(arena);
}
END_TEST

START_TEST(every_sequence_has_blocks_of_its_own)
{
    qg_engine_options o = {.max_model_len = 99};

    qg_latency_room(&o, &(qg_task){.batch = 4, .input_len = 50, .output_len = 8});
    ck_assert_int_eq(o.max_seqs, 4);
    ck_assert_int_eq(o.block_tokens, 16);
    ck_assert_int_eq(o.kv_tokens, 4 * 64); /* 58 tokens end in their fourth block */
    ck_assert_int_eq(o.max_model_len, 99);
}
END_TEST

Suite *latency_check(void)
{
    Suite *s = suite_create("latency_check");
    TCase *t = tcase_create("latency");

    tcase_add_test(t, a_sample_is_what_its_header_says);
    tcase_add_test(t, one_token_has_no_gaps);
    tcase_add_test(t, reading_the_clock_is_taken_out);
    tcase_add_test(t, a_clock_that_goes_back_is_refused);
    tcase_add_test(t, every_sequence_has_blocks_of_its_own);
    suite_add_tcase(s, t);
    return s;
}
