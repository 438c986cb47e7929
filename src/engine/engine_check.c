/* Unit tests of engine/engine: what opening refuses and how it says so, the memory that was planned
 * against the memory that is held, and every allocation failing in turn. */
#include "engine/engine.h"

#include "base/file.h"
#include "engine/reference_check.h"
#include "engine/score.h"

#include "check_suites.h"

#include <stdio.h>
#include <string.h>

static qg_arena *arena;
static qg_err err;
static const char *folder;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    folder = fixture_model("m", &(qg_synth_options){.seed = 51});
    qg_err_clear(&err);
}

static void assert_refused(qg_engine_options o, qg_status status, const char *message)
{
    qg_engine *e;

    qg_err_clear(&err);
    ck_assert_int_eq(qg_engine_open(&e, arena, folder, &o, &err), status);
    ck_assert_ptr_nonnull(strstr(err.context, folder));
    ck_assert_msg(strstr(err.message, message), "'%s' instead of '%s'", err.message, message);
}

START_TEST(it_says_what_was_opened)
{
    qg_engine_options o = {.device = "cpu", .tier = "ref", .n_threads = 3, .max_seqs = 2};
    qg_engine_info info = qg_engine_describe(fixture_open(folder, &o));

    ck_assert_str_eq(info.folder, folder);
    ck_assert_str_eq(info.family, "llama");
    ck_assert_str_eq(info.method, "fp16");
    ck_assert_str_eq(info.dtype, "float16");
    ck_assert_str_eq(info.device, "cpu");
    ck_assert_str_eq(info.tier, "ref");
    ck_assert_int_eq(info.n_threads, 3);
    ck_assert_int_eq(info.n_layers, 2);
    ck_assert_int_eq(info.hidden_size, 72);
    ck_assert_int_eq(info.vocab_size, 307);
    ck_assert_int_eq(info.max_model_len, 256);
    ck_assert_int_eq(info.max_seqs, 2);
}
END_TEST

START_TEST(options_that_make_no_sense_are_named)
{
    typedef qg_engine_options o;

    assert_refused((o){.device = "tpu"}, QG_EARG,
                   "unknown device 'tpu', expected cpu, cuda, cuda:N or auto");
    assert_refused((o){.tier = "sse"}, QG_EARG, "unknown kernel tier 'sse'");
    assert_refused((o){.n_threads = -1}, QG_EARG, "-1 threads");
    assert_refused((o){.dtype = "bfloat16"}, QG_ENOSUP, "dtype 'bfloat16' is not supported");
    assert_refused((o){.max_model_len = 257}, QG_EARG,
                   "max_model_len 257 exceeds the model's 256 positions");
    assert_refused((o){.max_model_len = -5}, QG_EARG, "max_model_len -5 lies outside 1 to 256");
    assert_refused((o){.max_seqs = -1}, QG_EARG, "max_seqs -1 lies outside");
    assert_refused((o){.max_rows = 1 << 20}, QG_EARG, "max_rows 1048576 lies outside");
    assert_refused((o){.block_tokens = -1}, QG_EARG, "block_tokens -1 lies outside");
    assert_refused((o){.kv_tokens = -1}, QG_EARG, "kv_tokens -1 is negative");
}
END_TEST

START_TEST(a_wrong_method_is_caught_with_what_to_write)
{
    typedef qg_engine_options o;

    assert_refused((o){.quantization = "gptq"}, QG_EREFUSED,
                   "found a plain float16 folder, declared 'gptq'; write 'quantization: fp16' or "
                   "leave it out");
    fixture_open(folder, &(o){.quantization = "fp16", .dtype = "float16"});
    fixture_set(folder, "config.json", "quantization_config",
                "{\"quant_method\":\"awq\",\"bits\":4}");
    assert_refused((o){0}, QG_EFORMAT,
                   "found plain weights, declared is the method 'awq' (config.json); remove the "
                   "declaration");
    assert_refused((o){.quantization = "gptq"}, QG_EREFUSED,
                   "found a folder quantized by method 'awq' (config.json), declared 'gptq'; write "
                   "'quantization: awq'");
    assert_refused((o){.quantization = "fp16"}, QG_EREFUSED, "declared 'fp16'");
}
END_TEST

START_TEST(what_the_family_lacks_is_named)
{
    static const struct {
        const char *key, *json, *message;
    } cases[] = {
        {"rope_scaling", "{\"rope_type\":\"longrope\",\"factor\":4}",
         "rope scaling 'longrope' is not supported, only default, linear, dynamic, yarn and "
         "llama3"},
        {"hidden_act", "\"gelu\"", "hidden_act 'gelu' is not supported for family 'llama'"},
        {"sliding_window", "128", "sliding_window 128 is not supported for family 'llama'"},
        {"model_type", "\"mamba\"", "mamba"},
    };

    fixture_set(folder, "config.json", cases[_i].key, cases[_i].json);
    assert_refused((qg_engine_options){0}, QG_ENOSUP, cases[_i].message);
}
END_TEST

START_TEST(a_vocabulary_larger_than_the_embedding_is_refused)
{
    const char *larger = fixture_model("v", &(qg_synth_options){.seed = 1, .vocab_size = 308});
    qg_str text;

    ck_assert_int_eq(
        qg_file_read(&text, arena, qg_path_join(arena, larger, "tokenizer.json"), 1 << 24, &err),
        QG_OK);
    ck_assert_int_eq(qg_file_write(qg_path_join(arena, folder, "tokenizer.json"), text, &err),
                     QG_OK);
    assert_refused((qg_engine_options){0}, QG_EFORMAT,
                   "the tokenizer has ids up to 307, but the embedding has only 307 rows");
    ck_assert_int_eq(
        qg_file_write(qg_path_join(arena, folder, "tokenizer.json"), QG_STR("{"), &err), QG_OK);
    assert_refused((qg_engine_options){0}, QG_EFORMAT, "");
    /* the smaller vocabulary is fine: embeddings are often padded */
    ck_assert_int_eq(
        qg_file_read(&text, arena, qg_path_join(arena, larger, "tokenizer.json"), 1 << 24, &err),
        QG_OK);
    folder = fixture_model("w", &(qg_synth_options){.seed = 1, .vocab_size = 320});
    ck_assert_int_eq(qg_file_write(qg_path_join(arena, folder, "tokenizer.json"), text, &err),
                     QG_OK);
    fixture_open(folder, &(qg_engine_options){0});
}
END_TEST

START_TEST(a_tokenizer_that_is_open_serves)
{
    qg_engine_options o = {0};

    ck_assert_int_eq(qg_tokenizer_open(&o.tokenizer, arena, folder, &err), QG_OK);
    ck_assert_int_eq(remove(qg_path_join(arena, folder, "tokenizer.json")), 0);
    ck_assert_ptr_eq(qg_engine_tokenizer(fixture_open(folder, &o)), o.tokenizer);
    fixture_set(folder, "config.json", "vocab_size", "300"); /* and is checked like any other */
    assert_refused(o, QG_EFORMAT, "the tokenizer has ids up to 306");
}
END_TEST

START_TEST(a_folder_that_is_not_there)
{
    folder = qg_path_join(arena, folder, "nowhere");
    assert_refused((qg_engine_options){0}, QG_ENOTFOUND, "");
}
END_TEST

/* ---- memory ---- */

START_TEST(what_was_planned_is_what_is_held)
{
    static const qg_engine_options ways[] = {
        {0},
        {.tier = "ref", .n_threads = 3},
        {.max_seqs = 3, .max_model_len = 100, .block_tokens = 7, .max_rows = 11},
        {.kv_tokens = 1000, .max_rows = 1},
    };
    const char *at[] = {folder, fixture_model("b", &(qg_synth_options){.seed = 1,
                                                                       .tied = -1,
                                                                       .dtype = "bfloat16",
                                                                       .attention_bias = true})};

    for (int f = 0; f < 2; f++) {
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            qg_ledger planned, held, again;
            ck_assert_int_eq(qg_engine_plan_memory(&planned, at[f], &ways[i], &err), QG_OK);
            held = qg_engine_describe(fixture_open(at[f], &ways[i])).ledger;
            again = qg_engine_describe(fixture_open(at[f], &ways[i])).ledger;
            ck_assert_int_eq(memcmp(&planned, &held, sizeof held), 0);
            ck_assert_int_eq(memcmp(&again, &held, sizeof held), 0);
            ck_assert_int_eq(held.peak, qg_ledger_total(&held));
        }
    }
}
END_TEST

START_TEST(the_pool_is_a_formula)
{
    /* 2 layers of k and v, 1 KV head of 24 floats; blocks of 16: 3 sessions of 100 take 7 each */
    qg_engine_options o = {.max_seqs = 3, .max_model_len = 100};
    qg_ledger l = qg_engine_describe(fixture_open(folder, &o)).ledger;

    ck_assert_int_eq(l.bytes[QG_PURPOSE_KV_CACHE], 2 * 2 * 24 * 4 * (3 * 7 * 16));
    o.kv_tokens = 17;
    l = qg_engine_describe(fixture_open(folder, &o)).ledger;
    ck_assert_int_eq(l.bytes[QG_PURPOSE_KV_CACHE], 2 * 2 * 24 * 4 * 32);
}
END_TEST

START_TEST(running_allocates_nothing)
{
    qg_engine *e = fixture_open(folder, &(qg_engine_options){0});
    qg_ledger before = qg_engine_describe(e).ledger, after;
    qg_score s;

    qg_engine_reset_peak(e);
    ck_assert_int_eq(
        qg_score_ids(&s, arena, e, &(qg_ids){fixture_ids(200, 300, 1), 200}, 1, 4, &err), QG_OK);
    after = qg_engine_describe(e).ledger;
    ck_assert_int_eq(memcmp(&before, &after, sizeof after), 0);
}
END_TEST

START_TEST(what_does_not_fit_is_refused_with_the_arithmetic)
{
    qg_ledger planned;
    qg_engine_options o = {.kv_tokens = (int64_t)1 << 40};

    assert_refused(o, QG_ENOMEM, "KV cache of 68719476736 blocks does not fit in any memory");
    o.kv_tokens = (int64_t)1 << 34; /* 6 TiB */
    assert_refused(o, QG_ENOMEM, "not enough memory: weights ");
    ck_assert_ptr_nonnull(strstr(err.message, " + KV cache 6"));
    ck_assert_ptr_nonnull(strstr(err.message, ", available are "));
    ck_assert_int_eq(qg_status_exit(QG_ENOMEM), 3);
    /* planning only says how much */
    qg_err_clear(&err);
    ck_assert_int_eq(qg_engine_plan_memory(&planned, folder, &o, &err), QG_OK);
    ck_assert_int_eq(planned.bytes[QG_PURPOSE_KV_CACHE], ((int64_t)1 << 34) * 2 * 2 * 24 * 4);
}
END_TEST

/* The n-th allocation fails, for every n that there is. The tokenizer's regexes do without their
 * just-in-time compiler where that lacks memory; nothing else can be done without. */
START_TEST(every_allocation_may_fail)
{
    qg_engine_options o = {.tier = "auto", .n_threads = 1, .max_rows = 8, .max_model_len = 32};

    int n_done_without = 0;

    if (_i)
        folder = fixture_model("b", &(qg_synth_options){.seed = 2, .dtype = "bfloat16"});
    for (long n = 1;; n++) {
        qg_engine *e;
        qg_arena *own = qg_arena_create();
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status status = qg_engine_open(&e, own, folder, &o, &err);
        bool reached = !qg_arena_fail_after(0);
        qg_arena_free(own);
        if (!reached) {
            ck_assert_int_eq(status, QG_OK);
            ck_assert_int_gt(n, 50);
            return;
        }
        n_done_without += status == QG_OK;
        ck_assert_msg(status == QG_ENOMEM || (status == QG_OK && n_done_without <= 16),
                      "allocation %ld: %s: %s", n, qg_status_name(status), err.message);
    }
}
END_TEST

START_TEST(planning_survives_failing_allocations)
{
    qg_ledger l;

    for (long n = 1;; n++) {
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status status = qg_engine_plan_memory(&l, folder, &(qg_engine_options){0}, &err);
        if (qg_arena_fail_after(0)) {
            ck_assert_int_eq(status, QG_OK);
            return;
        }
        ck_assert_int_eq(status, QG_ENOMEM);
    }
}
END_TEST

START_TEST(hashes_tell_models_apart)
{
    char a[65], b[65], c[65];

    ck_assert_int_eq(qg_engine_hash_folder(a, folder, &err), QG_OK);
    ck_assert_int_eq(qg_engine_hash_folder(b, folder, &err), QG_OK);
    ck_assert_str_eq(a, b);
    ck_assert_uint_eq(strlen(a), 64);
    fixture_set(folder, "config.json", "rms_norm_eps", "1e-6");
    ck_assert_int_eq(qg_engine_hash_folder(c, folder, &err), QG_OK);
    ck_assert_str_ne(a, c);
    ck_assert_int_eq(qg_engine_hash_folder(c, "/nonexistent", &err), QG_ENOTFOUND);
}
END_TEST

Suite *engine_check(void)
{
    Suite *s = suite_create("engine_check");
    TCase *c = tcase_create("engine");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, it_says_what_was_opened);
    tcase_add_test(c, options_that_make_no_sense_are_named);
    tcase_add_test(c, a_wrong_method_is_caught_with_what_to_write);
    tcase_add_loop_test(c, what_the_family_lacks_is_named, 0, 4);
    tcase_add_test(c, a_vocabulary_larger_than_the_embedding_is_refused);
    tcase_add_test(c, a_tokenizer_that_is_open_serves);
    tcase_add_test(c, a_folder_that_is_not_there);
    tcase_add_test(c, what_was_planned_is_what_is_held);
    tcase_add_test(c, the_pool_is_a_formula);
    tcase_add_test(c, running_allocates_nothing);
    tcase_add_test(c, what_does_not_fit_is_refused_with_the_arithmetic);
    tcase_add_loop_test(c, every_allocation_may_fail, 0, 2);
    tcase_add_test(c, planning_survives_failing_allocations);
    tcase_add_test(c, hashes_tell_models_apart);
    return s;
}
