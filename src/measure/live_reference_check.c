/* Unit tests of measure/live_reference: what is refused before and while it is opened, and who is
 * named. */
#include "measure/live_reference.h"

#include "engine/reference_check.h"

#include "check_suites.h"

#include <string.h>

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    fixture_begin();
    arena = fixture_arena();
    qg_err_clear(&err);
}

static const qg_tokenizer *tokenizer_of(const char *folder)
{
    const qg_tokenizer *t;

    ck_assert_int_eq(qg_tokenizer_open(&t, arena, folder, &err), QG_OK);
    return t;
}

START_TEST(it_opens_like_the_model_beside_it)
{
    const char *folder = fixture_path("golden/models/tiny-llama");
    qg_reference r = {.folder = folder, .quantization = "int8", .activations = "float"};
    qg_engine_options like = {
        .device = "cpu", .tier = "ref", .n_threads = 1, .max_model_len = 64, .kv_tokens = 32};

    ck_assert_int_eq(qg_reference_prepare(&r, arena, tokenizer_of(folder), folder, &err), QG_OK);
    ck_assert_msg(qg_reference_open(&r, arena, &like, &err) == QG_OK, "%s", err.message);
    qg_engine_info info = qg_engine_describe(r.engine);
    ck_assert_str_eq(info.method, "int8");
    ck_assert_str_eq(info.tier, "ref");
    ck_assert_int_eq(info.max_model_len, 64);
    ck_assert_ptr_eq(qg_engine_tokenizer(r.engine), r.tokenizer);
}
END_TEST

START_TEST(another_tokenizer_is_refused_and_both_are_named)
{
    const char *llama = fixture_path("golden/models/tiny-llama");
    qg_reference r = {.folder = fixture_path("golden/models/tiny-opt")};

    ck_assert_int_eq(qg_reference_prepare(&r, arena, tokenizer_of(llama), llama, &err),
                     QG_EREFUSED);
    ck_assert_ptr_nonnull(strstr(err.message, "tiny-llama' has tokenizer "));
    ck_assert_ptr_nonnull(strstr(err.message, "tiny-opt' has "));
}
END_TEST

START_TEST(what_cannot_be_opened_is_called_the_reference)
{
    const char *folder = fixture_path("golden/models/tiny-llama");
    const qg_tokenizer *t = tokenizer_of(folder);
    qg_reference absent = {.folder = "no/such/folder"}, wrong = {.folder = folder},
                 large = {.folder = folder};

    ck_assert_int_eq(qg_reference_prepare(&absent, arena, t, folder, &err), QG_ENOTFOUND);
    ck_assert_str_eq(err.message, "there is no folder 'no/such/folder' of the reference");
    qg_err_clear(&err);
    wrong.quantization = "gptq";
    ck_assert_int_eq(qg_reference_prepare(&wrong, arena, t, folder, &err), QG_OK);
    ck_assert_int_ne(qg_reference_open(&wrong, arena, &(qg_engine_options){0}, &err), QG_OK);
    ck_assert_ptr_nonnull(strstr(err.context, "the reference, which is opened beside the model"));
    qg_err_clear(&err);
    ck_assert_int_eq(qg_reference_prepare(&large, arena, t, folder, &err), QG_OK);
    ck_assert_int_eq(
        qg_reference_open(&large, arena, &(qg_engine_options){.kv_tokens = INT64_C(1) << 34}, &err),
        QG_ENOMEM);
    ck_assert_ptr_nonnull(strstr(err.context, "the reference, which is opened beside the model"));
    ck_assert_ptr_nonnull(strstr(err.message, "not enough memory: weights 7.009 MiB + KV cache "));
}
END_TEST

Suite *live_reference_check(void)
{
    Suite *s = suite_create("live_reference_check");
    TCase *c = tcase_create("live_reference");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, setup, fixture_end);
    tcase_add_test(c, it_opens_like_the_model_beside_it);
    tcase_add_test(c, another_tokenizer_is_refused_and_both_are_named);
    tcase_add_test(c, what_cannot_be_opened_is_called_the_reference);
    return s;
}
