/* Unit tests of tokenizer/vocab: look-ups both ways, ids with holes, what is refused. */
#include "tokenizer/vocab.h"

#include "tokenizer/fixture_check.h"
#include "tokenizer/pieces.h"

static qg_status read_text(qg_vocab *v, const char *text)
{
    const qg_json *node = json_of_text(text);
    return qg_vocab_read(v, arena, node, &err);
}

START_TEST(texts_and_ids_are_found)
{
    qg_vocab v;

    ck_assert_int_eq(read_text(&v, "{\"b\":1,\"\":2,\"ab\":7,\"a\":0}"), QG_OK);
    ck_assert_uint_eq(v.n, 4);
    ck_assert_int_eq(qg_vocab_find(&v, QG_STR("a")), 0);
    ck_assert_int_eq(qg_vocab_find(&v, QG_STR("b")), 1);
    ck_assert_int_eq(qg_vocab_find(&v, QG_STR("")), 2);
    ck_assert_int_eq(qg_vocab_find(&v, QG_STR("ab")), 7);
    ck_assert_int_eq(qg_vocab_find(&v, QG_STR("abc")), QG_ID_NONE);
    ck_assert_uint_eq(qg_vocab_index(&v, 0), 0);
    ck_assert_uint_eq(qg_vocab_index(&v, 7), 3);
    ck_assert_uint_eq(qg_vocab_index(&v, 3), v.n);
    ck_assert_uint_eq(qg_vocab_index(&v, 8), v.n);
    ck_assert_uint_eq(qg_vocab_index(&v, -1), v.n);
}
END_TEST

START_TEST(many_texts_are_found)
{
    enum { N = 20000 };
    qg_vocab_entry *e = QG_NEW_N(arena, qg_vocab_entry, N);
    qg_vocab v;

    for (int i = 0; i < N; i++)
        e[i] = (qg_vocab_entry){qg_str_from(qg_arena_format(arena, "t%d", i)), (N - i) * 3};
    ck_assert_int_eq(qg_vocab_open(&v, arena, e, N, &err), QG_OK);
    for (int i = 0; i < N; i++) {
        char *text = qg_arena_format(arena, "t%d", i);
        ck_assert_int_eq(qg_vocab_find(&v, qg_str_from(text)), (N - i) * 3);
        ck_assert_uint_eq(qg_vocab_index(&v, (N - i) * 3), (size_t)(N - i - 1));
        ck_assert_uint_eq(qg_vocab_index(&v, (N - i) * 3 + 1), v.n);
    }
}
END_TEST

START_TEST(an_empty_vocabulary_finds_nothing)
{
    qg_vocab v, zero = {0};

    ck_assert_int_eq(read_text(&v, "{}"), QG_OK);
    ck_assert_int_eq(qg_vocab_find(&v, QG_STR("a")), QG_ID_NONE);
    ck_assert_uint_eq(qg_vocab_index(&v, 0), 0);
    ck_assert_int_eq(qg_vocab_find(&zero, QG_STR("a")), QG_ID_NONE);
}
END_TEST

START_TEST(large_ids_cost_no_memory)
{
    qg_vocab v;
    ck_assert_int_eq(read_text(&v, "{\"a\":16777215,\"b\":0}"), QG_OK);
    ck_assert_uint_lt(v.mask, 16);
}
END_TEST

START_TEST(bad_ids_are_refused)
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{\"a\":1,\"b\":1}", "tokens 'a' and 'b' have the same id 1"},
        {"{\"a\":-1}", "token 'a' has id -1, outside 0 to 16777215"},
        {"{\"a\":16777216}", "token 'a' has id 16777216"},
        {"{\"a\":9223372036854775807}", "token 'a' has id 9223372036854775807"},
        {"{\"a\":1.5}", "id of token 'a' is a number, not an integer"},
        {"{\"a\":\"1\"}", "id of token 'a' is a string"},
        {"[1]", "'vocab' is an array, not an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        qg_vocab v;
        ck_assert_int_eq(read_text(&v, cases[i].json), QG_EFORMAT);
        message_has(cases[i].message);
    }
}
END_TEST

Suite *vocab_check(void)
{
    Suite *s = suite_create("vocab_check");
    TCase *t = tcase_create("vocab");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, texts_and_ids_are_found);
    tcase_add_test(t, many_texts_are_found);
    tcase_add_test(t, an_empty_vocabulary_finds_nothing);
    tcase_add_test(t, large_ids_cost_no_memory);
    tcase_add_test(t, bad_ids_are_refused);
    suite_add_tcase(s, t);
    return s;
}
