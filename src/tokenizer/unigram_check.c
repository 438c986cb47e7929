/* Unit tests of tokenizer/unigram: the example of upstream's documentation, ties and unknown
 * characters by hand, the search against trying every way, malformed models.
 */
#include "tokenizer/model.h"

#include "tokenizer/fixture_check.h"

#include <math.h>

static qg_status open_text(qg_model *m, const char *text)
{
    *m = (qg_model){.kind = &qg_model_unigram};
    return m->kind->open(m, arena, json_of_text(text), &err);
}

static qg_status encode(qg_idlist *ids, const qg_model *m, qg_str word)
{
    qg_pieces pieces;
    qg_pieces_begin(&pieces, arena);
    qg_idlist_begin(ids, arena);
    qg_pieces_add(&pieces, (qg_piece){.text = word, .id = QG_ID_NONE});
    return m->kind->encode(ids, m, &pieces, &err);
}

static void gives(const char *json, const char *word, const char *want)
{
    qg_model m;
    qg_idlist ids;
    qg_buf b;

    need(open_text(&m, json), json);
    need(encode(&ids, &m, qg_str_from(word)), word);
    qg_buf_init(&b, arena);
    for (size_t i = 0; i < ids.n; i++)
        qg_buf_format(&b, "%s%d", i ? " " : "", ids.id[i]);
    ck_assert_msg(qg_str_is(qg_buf_view(&b), want), "%s of '%s' is '%s', not '%s'", json, word,
                  b.ptr, want);
}

#define UNIGRAM(options, ...) "{\"unk_id\":0" options ",\"vocab\":[[\"?\",0.0]," __VA_ARGS__ "]}"
#define ENTRY(text, score)    "[\"" text "\"," #score "]"

START_TEST(the_best_sum_wins)
{
    /* the example in the documentation of upstream's Unigram::encode */
    const char *doc = UNIGRAM(
        "", ENTRY("a", 0.0) "," ENTRY("b", 0.0) "," ENTRY("c", 0.0) "," ENTRY("d", 0.0) "," ENTRY(
                "cd", 1.0) "," ENTRY("ab", 2.0) "," ENTRY("abc", 5.0) "," ENTRY("abcd", 10.0));
    gives(doc, "abcdacdxx", "8 1 5 0");
    gives(doc, "", "");
    gives(doc, "x", "0");
    gives(doc, "xaxx", "0 1 0");
    gives(doc, "?a?x", "0 1 0"); /* the unknown token's own text fuses as well */
}
END_TEST

START_TEST(of_equal_sums_the_first_found_stays)
{
    /* aab: "aa b" and "a ab" are both -2; the way that is found first is that whose last token
     * starts first */
    gives(UNIGRAM("", ENTRY("a", -1) "," ENTRY("b", -1) "," ENTRY("aa", -1) "," ENTRY("ab", -1)),
          "aab", "1 4");
    gives(UNIGRAM("", ENTRY("a", -1) "," ENTRY("aa", -2)), "aa", "2");
}
END_TEST

START_TEST(the_later_of_two_equal_tokens_counts)
{
    gives(UNIGRAM("", ENTRY("a", -1) "," ENTRY("b", -1) "," ENTRY("a", -5)), "ab", "3 2");
}
END_TEST

START_TEST(unknown_characters)
{
    qg_model m;
    qg_idlist ids;
    const char *two = ENTRY("a", -1) "," ENTRY("<0xC3>", -9) "," ENTRY("<0xA9>", -9);

    gives(UNIGRAM("", ENTRY("a", -1) "," ENTRY("<0xC3>", -9) "," ENTRY("<0xA9>", -9)), "a\xc3\xa9",
          "1 0");
    gives(qg_arena_format(arena, "{\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[[\"?\",0],%s]}",
                          two),
          "a\xc3\xa9\xc3\xa9", "1 2 3 2 3");
    /* one byte that has no token makes the whole run unknown */
    gives(qg_arena_format(arena, "{\"unk_id\":0,\"byte_fallback\":true,\"vocab\":[[\"?\",0],%s]}",
                          two),
          "\xc3\xa9\xc3\xbc", "0");
    need(open_text(&m, "{\"unk_id\":null,\"vocab\":[[\"a\",0.0]]}"), "no unknown token");
    ck_assert_int_eq(encode(&ids, &m, QG_STR("ab")), QG_EFORMAT);
    message_has("'unk_id' is not set");
    need(encode(&ids, &m, QG_STR("aa")), "known characters");
}
END_TEST

static uint32_t seed = 99;

static size_t draw(size_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (size_t)(seed >> 8) % below;
}

/* The most that any way to spell the rest can reach. */
static double best_sum(const char *rest, char *const *text, const double *score, size_t n)
{
    double most = *rest ? -INFINITY : 0;
    for (size_t i = 0; *rest && i < n; i++) {
        size_t len = strlen(text[i]);
        if (strncmp(rest, text[i], len) == 0)
            most = fmax(most, score[i] + best_sum(rest + len, text, score, n));
    }
    return most;
}

START_TEST(no_other_way_is_better)
{
    for (int round = 0; round < 300; round++) {
        char *text[14], word[13] = "";
        double score[14], sum = 0;
        qg_buf json, joined;
        qg_idlist ids;
        qg_model m;
        size_t n = 0, len = 1 + draw(12);

        qg_buf_init(&json, arena);
        qg_buf_init(&joined, arena);
        qg_buf_text(&json, "{\"vocab\":[");
        for (size_t tries = 0; tries < 14; tries++) {
            char *t = qg_arena_format(arena, "%.*s", (int)(n < 2 ? 1 : 1 + draw(4)),
                                      (const char *const[]){"abba", "baab", "aaab", "bbba"}[n % 4]);
            bool known = false;
            for (size_t i = 0; i < n; i++)
                known = known || strcmp(text[i], t) == 0;
            if (known)
                continue;
            text[n] = t;
            score[n] = -(double)draw(40) / 4; /* quarters are exact, so sums are as well */
            qg_buf_format(&json, "%s[\"%s\",%.2f]", n ? "," : "", t, score[n]);
            n++;
        }
        qg_buf_text(&json, "]}");
        for (size_t i = 0; i < len; i++)
            word[i] = "ab"[draw(2)];
        need(open_text(&m, json.ptr), json.ptr);
        need(encode(&ids, &m, qg_str_from(word)), word);
        for (size_t i = 0; i < ids.n; i++) {
            sum += score[ids.id[i]];
            qg_buf_text(&joined, text[ids.id[i]]);
        }
        ck_assert_str_eq(joined.ptr, word);
        ck_assert_double_eq(sum, best_sum(word, text, score, n));
    }
}
END_TEST

START_TEST(long_words_are_not_quadratic)
{
    qg_model m;
    qg_idlist ids;
    size_t n = 1 << 20;
    char *text = qg_arena_alloc(arena, n);

    memset(text, 'a', n);
    need(open_text(&m, UNIGRAM("", ENTRY("a", -1) "," ENTRY("aaaa", -2))), "opening");
    need(encode(&ids, &m, (qg_str){text, n}), "a long word");
    ck_assert_uint_eq(ids.n, n / 4);
}
END_TEST

START_TEST(bad_models_are_refused)
{
    static const struct {
        const char *json, *message;
        qg_status status;
    } cases[] = {
        {"{}", "model 'Unigram' lacks 'vocab'", QG_EFORMAT},
        {"{\"vocab\":{\"a\":0}}", "'vocab' of model 'Unigram' is an object", QG_EFORMAT},
        {"{\"vocab\":[7]}", "entry 0 of 'vocab' is not a token and its score", QG_EFORMAT},
        {"{\"vocab\":[[\"a\",0],[\"b\"]]}", "entry 1", QG_EFORMAT},
        {"{\"vocab\":[[\"a\",0,0]]}", "entry 0", QG_EFORMAT},
        {"{\"vocab\":[[0,\"a\"]]}", "entry 0", QG_EFORMAT},
        {"{\"vocab\":[[\"a\",null]]}", "entry 0", QG_EFORMAT},
        {"{\"vocab\":[[\"a\",\"NaN\"]]}", "entry 0", QG_EFORMAT},
        {"{\"unk_id\":1,\"vocab\":[[\"a\",0]]}",
         "'unk_id' of model 'Unigram' is 1, but there are 1", QG_EFORMAT},
        {"{\"unk_id\":0,\"vocab\":[]}", "but there are 0 tokens", QG_EFORMAT},
        {"{\"unk_id\":-1,\"vocab\":[[\"a\",0]]}", "'unk_id' of model 'Unigram' is negative",
         QG_EFORMAT},
        {"{\"unk_id\":\"a\",\"vocab\":[[\"a\",0]]}", "'unk_id' of model 'Unigram' is a string",
         QG_EFORMAT},
        {"{\"byte_fallback\":1,\"vocab\":[[\"a\",0]]}", "'byte_fallback'", QG_EFORMAT},
    };
    static const char *const no_json[] = {"{\"vocab\":[[\"a\",NaN]]}",
                                          "{\"vocab\":[[\"a\",-Infinity]]}",
                                          "{\"vocab\":[[\"a\",-1e999]]}"};
    const qg_json *node;
    qg_model m;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(open_text(&m, cases[i].json), cases[i].status);
        message_has(cases[i].message);
    }
    for (size_t i = 0; i < sizeof no_json / sizeof *no_json; i++)
        ck_assert_int_eq(qg_json_parse(&node, arena, qg_str_from(no_json[i]), "model", NULL),
                         QG_EFORMAT);

    char *text = qg_arena_alloc(arena, 1100);
    memset(text, 'a', 1099);
    ck_assert_int_eq(open_text(&m, qg_arena_format(arena, "{\"vocab\":[[\"%s\",0]]}", text)),
                     QG_ENOSUP);
    message_has("token 0 has 1099 bytes");
}
END_TEST

Suite *unigram_check(void)
{
    Suite *s = suite_create("unigram_check");
    TCase *t = tcase_create("unigram");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_best_sum_wins);
    tcase_add_test(t, of_equal_sums_the_first_found_stays);
    tcase_add_test(t, the_later_of_two_equal_tokens_counts);
    tcase_add_test(t, unknown_characters);
    tcase_add_test(t, no_other_way_is_better);
    tcase_add_test(t, long_words_are_not_quadratic);
    tcase_add_test(t, bad_models_are_refused);
    suite_add_tcase(s, t);
    return s;
}
