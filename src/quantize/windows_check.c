/* Unit tests of quantize/windows: which tokens of a text stand in which window, counted by hand
 * with a tokenizer that has a token a byte. */
#include "quantize/windows.h"

#include "base/folder_check.h"
#include "quantize/synth.h"

#include <string.h>

static qg_err err;
static const qg_tokenizer *tokenizer;

static void setup(void)
{
    folder_begin();
    qg_err_clear(&err);
    ck_assert_int_eq(qg_synth_write(&(qg_synth_options){.n_layers = 1}, folder_path("m"), &err),
                     QG_OK);
    ck_assert_int_eq(qg_tokenizer_open(&tokenizer, arena, folder_path("m"), &err), QG_OK);
}

static qg_windows cut(const char *const *texts, size_t n, int window, int n_wanted)
{
    qg_str documents[8];
    qg_windows w;

    for (size_t i = 0; i < n; i++)
        documents[i] = qg_str_from(texts[i]);
    ck_assert_int_eq(qg_windows_cut(&w, arena, tokenizer, documents, n, window, n_wanted, &err),
                     QG_OK);
    return w;
}

/* The tokens of all texts in a row, each with the special tokens of its own. */
static qg_ids all_tokens(const char *const *texts, size_t n)
{
    qg_ids all = {QG_NEW_N(arena, int32_t, 4096), 0};

    for (size_t i = 0; i < n; i++) {
        qg_ids ids;
        ck_assert_int_eq(
            qg_tokenizer_encode(&ids, arena, tokenizer, qg_str_from(texts[i]), 0, &err), QG_OK);
        memcpy(all.id + all.n, ids.id, ids.n * sizeof *ids.id);
        all.n += ids.n;
    }
    return all;
}

static const char *const texts[] = {"one document", "", "and another, which is longer",
                                    "the last of them"};

START_TEST(documents_are_joined_and_cut)
{
    qg_ids all = all_tokens(texts, 4);
    qg_windows w = cut(texts, 4, 8, 100);

    ck_assert_int_eq(w.n_all, (int64_t)all.n / 8);
    ck_assert_int_eq(w.n, w.n_all);
    ck_assert_int_eq(w.window, 8);
    ck_assert_mem_eq(w.ids, all.id, (size_t)w.n * 8 * sizeof *all.id);
}
END_TEST

/* Of 8 windows 3: 0, floor(8 / 3) = 2, floor(16 / 3) = 5. */
START_TEST(windows_are_spread_over_the_text)
{
    static const int picked[] = {0, 2, 5};
    qg_ids all = all_tokens(texts, 4);
    int window = (int)all.n / 8;
    qg_windows w = cut(texts, 4, window, 3);

    ck_assert_int_eq(w.n_all, (int64_t)all.n / window);
    ck_assert_int_eq(w.n_all, 8);
    ck_assert_int_eq(w.n, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_mem_eq(w.ids + i * window, all.id + picked[i] * window,
                         (size_t)window * sizeof *all.id);
}
END_TEST

START_TEST(the_hash_is_of_the_tokens)
{
    qg_windows a = cut(texts, 4, 8, 4), b = cut(texts, 4, 8, 4), c = cut(texts, 4, 8, 3);

    ck_assert_str_eq(a.hash, b.hash);
    ck_assert_str_ne(a.hash, c.hash);
}
END_TEST

START_TEST(a_text_that_is_too_short_is_refused)
{
    qg_str documents[] = {QG_STR("short")};
    size_t n = all_tokens((const char *const[]){"short"}, 1).n;
    qg_windows w;

    ck_assert_int_eq(qg_windows_cut(&w, arena, tokenizer, documents, 1, 512, 128, &err), QG_EARG);
    ck_assert_str_eq(err.message,
                     qg_arena_format(arena,
                                     "the calibration text has %zu tokens, a window takes 512: "
                                     "give a longer text or a shorter window",
                                     n));
    qg_err_clear(&err);
    ck_assert_int_eq(qg_windows_cut(&w, arena, tokenizer, NULL, 0, 4, 1, &err), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.message, "has 0 tokens"));
}
END_TEST

START_TEST(a_text_that_is_no_utf8_is_refused)
{
    qg_str documents[] = {QG_STR("good enough"), QG_STR("bad \xff byte")};
    qg_windows w;

    ck_assert_int_eq(qg_windows_cut(&w, arena, tokenizer, documents, 2, 4, 1, &err), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.context, "calibration document 2"));
}
END_TEST

START_TEST(failing_allocations_are_told)
{
    qg_str documents[] = {QG_STR("a text of some length, enough for a window")};
    qg_status s = QG_ENOMEM;
    qg_windows w;

    for (int n = 1; s == QG_ENOMEM; n++) {
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        s = qg_windows_cut(&w, arena, tokenizer, documents, 1, 8, 2, &err);
        qg_arena_fail_after(0);
        ck_assert_int_lt(n, 1000);
    }
    ck_assert_int_eq(s, QG_OK);
}
END_TEST

Suite *windows_check(void)
{
    Suite *s = suite_create("windows_check");
    TCase *t = tcase_create("windows");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, documents_are_joined_and_cut);
    tcase_add_test(t, windows_are_spread_over_the_text);
    tcase_add_test(t, the_hash_is_of_the_tokens);
    tcase_add_test(t, a_text_that_is_too_short_is_refused);
    tcase_add_test(t, a_text_that_is_no_utf8_is_refused);
    tcase_add_test(t, failing_allocations_are_told);
    suite_add_tcase(s, t);
    return s;
}
