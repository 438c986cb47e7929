/* Unit tests of tokenizer/pretoken: the behaviours by the example in upstream's documentation ("The
 * final countdown"), the other pre-tokenizers by hand.
 */
#include "tokenizer/pretoken.h"

#include "tokenizer/fixture_check.h"

static qg_status open_text(const qg_pretokenizer **p, const char *json)
{
    const qg_json *node = json_of_text(json);
    return qg_pretokenizer_open(p, arena, node, &err);
}

/* Pieces joined by "/". */
static void gives(const char *json, const char *text, const char *want)
{
    const qg_pretokenizer *p;
    qg_pieces pieces;
    qg_buf b;

    ck_assert_msg(open_text(&p, json) == QG_OK, "%s: %s", json, err.message);
    qg_pieces_begin(&pieces, arena);
    qg_pieces_add(&pieces, (qg_piece){.text = qg_str_from(text), .id = QG_ID_NONE, .head = 1});
    ck_assert_int_eq(qg_pretokenize(&pieces, p, &err), QG_OK);
    qg_buf_init(&b, arena);
    for (size_t i = 0; i < pieces.n; i++) {
        qg_buf_text(&b, i ? "/" : "");
        qg_buf_str(&b, pieces.at[i].text);
    }
    ck_assert_msg(qg_str_is(qg_buf_view(&b), want), "%s of '%s' is '" QG_STR_PRI "', not '%s'",
                  json, text, QG_STR_ARG(qg_buf_view(&b)), want);
}

#define SPLIT(behavior, invert)                                                                    \
    "{\"type\":\"Split\",\"pattern\":{\"String\":\"-\"},\"behavior\":\"" behavior                  \
    "\",\"invert\":" #invert "}"
#define COUNTDOWN "the-final--countdown"

START_TEST(behaviours)
{
    gives(SPLIT("Removed", false), COUNTDOWN, "the/final/countdown");
    gives(SPLIT("Isolated", false), COUNTDOWN, "the/-/final/-/-/countdown");
    gives(SPLIT("MergedWithPrevious", false), COUNTDOWN, "the-/final-/-/countdown");
    gives(SPLIT("MergedWithNext", false), COUNTDOWN, "the/-final/-/-countdown");
    gives(SPLIT("Contiguous", false), COUNTDOWN, "the/-/final/--/countdown");
    gives(SPLIT("Removed", true), COUNTDOWN, "-/-/-");
    gives(SPLIT("Isolated", true), "-", "-");
    gives(SPLIT("MergedWithNext", false), "-", "-");
}
END_TEST

START_TEST(other_pre_tokenizers)
{
    gives("{\"type\":\"Whitespace\"}", "Hey, you_2  \xc3\xa9!? b", "Hey/,/you_2/\xc3\xa9/!?/b");
    gives("{\"type\":\"WhitespaceSplit\"}", " Hey,\xe3\x80\x80you ", "Hey,/you");
    gives("{\"type\":\"Digits\",\"individual_digits\":true}", "a12 3", "a/1/2/ /3");
    gives("{\"type\":\"Digits\",\"individual_digits\":false}", "a12 3", "a/12/ /3");
    gives("{\"type\":\"Punctuation\"}", "a,,b", "a/,/,/b");
    gives("{\"type\":\"Punctuation\",\"behavior\":\"Contiguous\"}", "a,,b", "a/,,/b");
    gives("{\"type\":\"CharDelimiterSplit\",\"delimiter\":\"|\"}", "|a||b", "a/b");
    gives("null", "a b", "a b");
}
END_TEST

START_TEST(byte_level_spells_bytes)
{
    gives("{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true}",
          "I'll go,  12\n",
          "I/'ll/\xc4\xa0go/,/\xc4\xa0/\xc4\xa0"
          "12/\xc4\x8a");
    gives("{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"use_regex\":false}", "a b",
          "\xc4\xa0"
          "a\xc4\xa0"
          "b");
    gives("{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"use_regex\":false}", " a",
          "\xc4\xa0"
          "a");
    gives("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":"
          "true},{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}",
          "a1 2", "a/1/\xc4\xa0/2");
}
END_TEST

#define METASPACE(more) "{\"type\":\"Metaspace\",\"replacement\":\"_\"" more "}"
#define SCHEME(name)    ",\"prepend_scheme\":\"" name "\""

START_TEST(metaspace_keeps_blanks)
{
    gives(METASPACE(""), "a b  c", "_a/_b/_/_c");
    gives(METASPACE(SCHEME("always")), " a", "_a");
    gives(METASPACE(SCHEME("always")), "_a", "_a");
    gives(METASPACE(SCHEME("never")), "a b", "a/_b");
    gives(METASPACE(SCHEME("never") ",\"add_prefix_space\":false"), "a", "a");
    gives(METASPACE(SCHEME("first") ",\"split\":false"), "a b", "_a_b");
    gives("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"}," METASPACE(
              SCHEME("first")) "]}",
          "a b", "_a/b");
    gives("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"}," METASPACE(
              SCHEME("first")) "]}",
          " a b", "a/b");
    gives("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"}," METASPACE(
              "") "]}",
          " a b", "_a/_b");
}
END_TEST

START_TEST(added_tokens_are_left_alone)
{
    const qg_pretokenizer *p;
    qg_pieces pieces;

    ck_assert_int_eq(open_text(&p, SPLIT("Removed", false)), QG_OK);
    qg_pieces_begin(&pieces, arena);
    qg_pieces_add(&pieces, (qg_piece){.text = QG_STR("a-b"), .id = 7});
    qg_pieces_add(&pieces, (qg_piece){.text = QG_STR("a-b"), .id = QG_ID_NONE});
    ck_assert_int_eq(qg_pretokenize(&pieces, p, &err), QG_OK);
    ck_assert_uint_eq(pieces.n, 3);
    ck_assert(pieces.at[0].id == 7 && qg_str_is(pieces.at[0].text, "a-b"));
    ck_assert(pieces.at[1].id == QG_ID_NONE && qg_str_is(pieces.at[1].text, "a"));
}
END_TEST

START_TEST(bad_pre_tokenizers_are_refused)
{
    static const struct {
        const char *json, *message;
        qg_status status;
    } cases[] = {
        {"{\"type\":\"Digits\"}", "'Digits' lacks 'individual_digits'", QG_EFORMAT},
        {"{\"type\":\"Split\"}", "neither a 'Regex' nor a 'String'", QG_EFORMAT},
        {"{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"}}", "lacks 'behavior'", QG_EFORMAT},
        {"{\"type\":\"Punctuation\",\"behavior\":\"x\"}", "unknown behavior 'x'", QG_EFORMAT},
        {"{\"type\":\"CharDelimiterSplit\",\"delimiter\":\"ab\"}", "one character", QG_EFORMAT},
        {"{\"type\":\"CharDelimiterSplit\",\"delimiter\":\"\"}", "one character", QG_EFORMAT},
        {METASPACE(",\"add_prefix_space\":false"), "write 'never'", QG_EFORMAT},
        {METASPACE(SCHEME("last")), "unknown prepend_scheme 'last'", QG_EFORMAT},
        {METASPACE(",\"split\":1"), "'split' of pre_tokenizer 'Metaspace'", QG_EFORMAT},
        {"{\"type\":\"Metaspace\",\"replacement\":\"\"}", "is not one character", QG_EFORMAT},
        {"{\"type\":\"Metaspace\",\"replacement\":\"__\"}", "is not one character", QG_EFORMAT},
        {"{\"type\":\"BertPreTokenizer\"}", "'BertPreTokenizer' is not supported", QG_ENOSUP},
    };
    const qg_pretokenizer *p;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(open_text(&p, cases[i].json), cases[i].status);
        message_has(cases[i].message);
    }
}
END_TEST

Suite *pretoken_check(void)
{
    Suite *s = suite_create("pretoken_check");
    TCase *t = tcase_create("pretoken");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, behaviours);
    tcase_add_test(t, other_pre_tokenizers);
    tcase_add_test(t, byte_level_spells_bytes);
    tcase_add_test(t, metaspace_keeps_blanks);
    tcase_add_test(t, added_tokens_are_left_alone);
    tcase_add_test(t, bad_pre_tokenizers_are_refused);
    suite_add_tcase(s, t);
    return s;
}
