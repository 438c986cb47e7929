/* Unit tests of tokenizer/bpe: merge order by hand and against a slow reading of the definition,
 * options, malformed models.
 */
#include "tokenizer/model.h"

#include "tokenizer/fixture_check.h"

static qg_status open_text(qg_model *m, const char *text)
{
    const qg_json *node = json_of_text(text);
    *m = (qg_model){.kind = &qg_model_bpe};
    return m->kind->open(m, arena, node, &err);
}

static qg_status encode(qg_idlist *ids, const qg_model *m, qg_str word)
{
    qg_pieces pieces;
    qg_pieces_begin(&pieces, arena);
    qg_idlist_begin(ids, arena);
    qg_pieces_add(&pieces, (qg_piece){.text = word, .id = QG_ID_NONE});
    return m->kind->encode(ids, m, &pieces, &err);
}

/* Ids as text: "5 2". */
static const char *ids_of(const qg_model *m, const char *word)
{
    qg_idlist ids;
    qg_buf b;

    ck_assert_int_eq(encode(&ids, m, qg_str_from(word)), QG_OK);
    qg_buf_init(&b, arena);
    for (size_t i = 0; i < ids.n; i++)
        qg_buf_format(&b, "%s%d", i ? " " : "", ids.id[i]);
    return b.ptr ? b.ptr : "";
}

#define VOCAB "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"bc\":4,\"abc\":5,\"?\":6,\"aa\":7}"

START_TEST(the_lowest_rank_merges_first)
{
    qg_model m;

    ck_assert_int_eq(open_text(&m, "{" VOCAB ",\"merges\":[\"b c\",\"a b\",\"a bc\",\"a a\"]}"),
                     QG_OK);
    ck_assert_str_eq(ids_of(&m, "abc"), "5"); /* b c, then a bc */
    ck_assert_str_eq(ids_of(&m, "ab"), "3");
    ck_assert_str_eq(ids_of(&m, "abab"), "3 3");
    ck_assert_str_eq(ids_of(&m, "aaa"), "7 0"); /* leftmost of equal rank */
    ck_assert_str_eq(ids_of(&m, "cab"), "2 3");
    ck_assert_str_eq(ids_of(&m, ""), "");
    ck_assert_int_eq(open_text(&m, "{" VOCAB ",\"merges\":[[\"a\",\"b\"],[\"b\",\"c\"]]}"), QG_OK);
    ck_assert_str_eq(ids_of(&m, "abc"), "3 2"); /* a b comes before b c now */
}
END_TEST

START_TEST(pieces_with_an_id_keep_it)
{
    qg_model m;
    qg_pieces pieces;
    qg_idlist ids;

    ck_assert_int_eq(open_text(&m, "{" VOCAB ",\"merges\":[]}"), QG_OK);
    qg_pieces_begin(&pieces, arena);
    qg_pieces_add(&pieces, (qg_piece){.text = QG_STR("a"), .id = QG_ID_NONE});
    qg_pieces_add(&pieces, (qg_piece){.text = QG_STR("b"), .id = 99});
    qg_idlist_begin(&ids, arena);
    ck_assert_int_eq(m.kind->encode(&ids, &m, &pieces, &err), QG_OK);
    ck_assert(ids.n == 2 && ids.id[0] == 0 && ids.id[1] == 99);
}
END_TEST

START_TEST(unknown_characters)
{
    qg_model m;
    qg_idlist ids;

    ck_assert_int_eq(open_text(&m, "{" VOCAB ",\"merges\":[\"a b\"]}"), QG_OK);
    ck_assert_str_eq(ids_of(&m, "axyb"), "3"); /* they vanish, and what is left may merge */
    ck_assert_int_eq(open_text(&m, "{" VOCAB ",\"merges\":[],\"unk_token\":\"?\"}"), QG_OK);
    ck_assert_str_eq(ids_of(&m, "xyaz"), "6 6 0 6");
    ck_assert_int_eq(
        open_text(&m, "{" VOCAB ",\"merges\":[],\"unk_token\":\"?\",\"fuse_unk\":true}"), QG_OK);
    ck_assert_str_eq(ids_of(&m, "xyazz"), "6 0 6");
    ck_assert_int_eq(open_text(&m, "{" VOCAB ",\"merges\":[],\"unk_token\":\"\"}"), QG_OK);
    ck_assert_str_eq(ids_of(&m, "ab"), "0 1");
    ck_assert_int_eq(encode(&ids, &m, QG_STR("ax")), QG_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "unk_token"));
}
END_TEST

#define BYTES                                                                                      \
    "{\"vocab\":{\"?\":0,\"a\":1,\"<0xC3>\":2,\"<0xA9>\":3,\"<0x23>\":4,\"<0x62>\":5,\"<0xC3><"    \
    "0xA9>"                                                                                        \
    "\":6},\"byte_fallback\":true,"

START_TEST(unknown_characters_fall_back_to_bytes)
{
    qg_model m;
    qg_idlist ids;

    need(open_text(&m, BYTES "\"merges\":[]}"), "opening");
    ck_assert_str_eq(ids_of(&m, "a\xc3\xa9"), "1 2 3");
    ck_assert_str_eq(ids_of(&m, "\xc3\xa9\xc3\xa9"), "2 3 2 3");
    ck_assert_str_eq(ids_of(&m, "a\xc3\xbc"), "1"); /* a byte has no token, nor is there another */
    need(open_text(&m, BYTES "\"merges\":[\"<0xC3> <0xA9>\"],\"unk_token\":\"?\"}"), "opening");
    ck_assert_str_eq(ids_of(&m, "a\xc3\xa9"), "1 6");
    /* an unknown character waits for the next known one: the bytes overtake it, as upstream */
    ck_assert_str_eq(ids_of(&m, "\xc3\xbc\xc3\xa9"
                                "a"),
                     "6 0 1");
    /* the affixes fall back as well; "##" and "b" */
    need(open_text(&m, BYTES "\"merges\":[],\"continuing_subword_prefix\":\"##\"}"), "opening");
    ck_assert_str_eq(ids_of(&m, "ab"), "1 4 4 5");
    need(open_text(&m, BYTES "\"merges\":[],\"unk_token\":\"no\"}"), "opening");
    ck_assert_int_eq(encode(&ids, &m, QG_STR("\xc3\xbc")), QG_EFORMAT);
}
END_TEST

START_TEST(affixes_are_part_of_the_symbols)
{
    qg_model m;

    ck_assert_int_eq(open_text(&m, "{\"vocab\":{\"a\":0,\"##b\":1,\"##b</w>\":2,\"a</w>\":3,"
                                   "\"ab\":4,\"ab</w>\":5},"
                                   "\"merges\":[\"a ##b\",\"a ##b</w>\"],"
                                   "\"continuing_subword_prefix\":\"##\","
                                   "\"end_of_word_suffix\":\"</w>\"}"),
                     QG_OK);
    ck_assert_str_eq(ids_of(&m, "a"), "3");
    ck_assert_str_eq(ids_of(&m, "ab"), "5");
    ck_assert_str_eq(ids_of(&m, "abb"), "4 2");
}
END_TEST

START_TEST(whole_words_go_before_merges_where_asked)
{
    qg_model m;

    ck_assert_int_eq(open_text(&m, "{" VOCAB ",\"merges\":[],\"ignore_merges\":true}"), QG_OK);
    ck_assert_str_eq(ids_of(&m, "abc"), "5");
    ck_assert_str_eq(ids_of(&m, "abca"), "0 1 2 0");
}
END_TEST

/* The definition, read slowly: merge the leftmost pair of lowest rank until there is none. */
typedef struct rule {
    int32_t left, right, made;
} rule;

static size_t merge_slowly(int32_t *id, size_t n, const rule *rules, size_t n_rules)
{
    for (size_t r = 0; r < n_rules;) {
        size_t i = 0;
        while (i + 1 < n && (id[i] != rules[r].left || id[i + 1] != rules[r].right))
            i++;
        if (i + 1 >= n) {
            r++;
            continue;
        }
        id[i] = rules[r].made;
        memmove(id + i + 1, id + i + 2, (n - i - 2) * sizeof *id);
        n--;
        r = 0;
    }
    return n;
}

static uint32_t seed = 12345;

static size_t draw(size_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (size_t)(seed >> 8) % below;
}

/* Token i of a model of 4 letters and 60 merges; no two merges make the same text. */
static size_t draw_model(qg_buf *json, rule *rules)
{
    char *text[64];
    size_t n = 4, n_rules = 0;

    for (size_t i = 0; i < 4; i++)
        text[i] = qg_arena_format(arena, "%c", (int)('a' + i));
    qg_buf_text(json, "{\"merges\":[");
    for (size_t tries = 0; tries < 500 && n < 64; tries++) {
        size_t a = draw(n), b = draw(n), known = 0;
        char *made = qg_arena_format(arena, "%s%s", text[a], text[b]);
        while (known < n && strcmp(text[known], made) != 0)
            known++;
        if (known < n)
            continue;
        qg_buf_format(json, "%s\"%s %s\"", n_rules ? "," : "", text[a], text[b]);
        rules[n_rules++] = (rule){(int32_t)a, (int32_t)b, (int32_t)n};
        text[n++] = made;
    }
    qg_buf_text(json, "],\"vocab\":{");
    for (size_t i = 0; i < n; i++)
        qg_buf_format(json, "%s\"%s\":%zu", i ? "," : "", text[i], i);
    qg_buf_text(json, "}}");
    return n_rules;
}

START_TEST(the_heap_merges_as_the_definition)
{
    for (int round = 0; round < 200; round++) {
        rule rules[64];
        int32_t want[200];
        char word[201];
        qg_model m;
        qg_buf json;
        qg_idlist got;

        qg_buf_init(&json, arena);
        size_t n_rules = draw_model(&json, rules), n = 1 + draw(200);
        ck_assert_int_eq(open_text(&m, json.ptr), QG_OK);
        for (size_t i = 0; i < n; i++) {
            want[i] = (int32_t)draw(4);
            word[i] = (char)('a' + want[i]);
        }
        ck_assert_int_eq(encode(&got, &m, (qg_str){word, n}), QG_OK);
        size_t n_want = merge_slowly(want, n, rules, n_rules);
        ck_assert_uint_eq(got.n, n_want);
        ck_assert_int_eq(memcmp(got.id, want, n_want * sizeof *want), 0);
    }
}
END_TEST

START_TEST(bad_models_are_refused)
{
    static const struct {
        const char *json, *message;
        qg_status status;
    } cases[] = {
        {"{" VOCAB ",\"merges\":{}}", "'merges' of model 'BPE' is an object", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[\"ab\"]}", "merge 0 is not a pair", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[\"a b c\"]}", "merge 0 is not a pair", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[\"\"]}", "merge 0 is not a pair", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[\"a b\",[\"a\"]]}", "merge 1 is not a pair", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[7]}", "merge 0 is not a pair", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[\"a x\"]}", "merge 0 names 'x'", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[\"x a\"]}", "merge 0 names 'x'", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[\"c a\"]}", "merge 0 names 'ca'", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[\"a b\"],\"continuing_subword_prefix\":\"##\"}",
         "'b' lacks the subword prefix", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[],\"unk_token\":7}", "'unk_token'", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[],\"fuse_unk\":7}", "'fuse_unk'", QG_EFORMAT},
        {"{" VOCAB ",\"merges\":[],\"dropout\":0.1}", "'dropout'", QG_ENOSUP},
        {"{" VOCAB ",\"merges\":[],\"byte_fallback\":7}", "'byte_fallback'", QG_EFORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        qg_model m;
        ck_assert_int_eq(open_text(&m, cases[i].json), cases[i].status);
        message_has(cases[i].message);
    }
}
END_TEST

Suite *bpe_check(void)
{
    Suite *s = suite_create("bpe_check");
    TCase *t = tcase_create("bpe");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_lowest_rank_merges_first);
    tcase_add_test(t, pieces_with_an_id_keep_it);
    tcase_add_test(t, unknown_characters);
    tcase_add_test(t, unknown_characters_fall_back_to_bytes);
    tcase_add_test(t, affixes_are_part_of_the_symbols);
    tcase_add_test(t, whole_words_go_before_merges_where_asked);
    tcase_add_test(t, the_heap_merges_as_the_definition);
    tcase_add_test(t, bad_models_are_refused);
    suite_add_tcase(s, t);
    return s;
}
