/* Unit tests of tokenizer/detoken: every filter, alone and in chains, and what a stream may show
 * when. U+FFFD stands for maximal ill-formed sequences as in the Unicode standard (section 3.9,
 * table 3-8), except in runs of byte tokens, where upstream writes one for each.
 */
#include "tokenizer/detoken.h"

#include "tokenizer/fixture_check.h"
#include "tokenizer/normalize.h"

static qg_status open_text(const qg_decoder **d, const char *json)
{
    const qg_json *node = json_of_text(json);
    return qg_decoder_open(d, arena, node, &err);
}

/* Tokens are split at "/"; in the answer "/" marks what each push and the end gave. */
static void gives(const char *json, const char *tokens, const char *want)
{
    const qg_decoder *d;
    qg_decoding *x;
    qg_buf text, shown;
    qg_str rest = qg_str_from(tokens), token;

    ck_assert_msg(open_text(&d, json) == QG_OK, "%s: %s", json, err.message);
    ck_assert_int_eq(qg_decoding_begin(&x, arena, d, &err), QG_OK);
    qg_buf_init(&text, arena);
    qg_buf_init(&shown, arena);
    while (tokens[0] && qg_str_split(&rest, '/', &token)) {
        text.len = 0;
        ck_assert_int_eq(qg_decoding_push(x, token, &text, &err), QG_OK);
        qg_buf_str(&shown, qg_buf_view(&text));
        qg_buf_char(&shown, '/');
    }
    text.len = 0;
    ck_assert_int_eq(qg_decoding_end(x, &text, &err), QG_OK);
    qg_buf_str(&shown, qg_buf_view(&text));
    ck_assert_msg(qg_str_is(qg_buf_view(&shown), want), "%s of '%s' is '" QG_STR_PRI "', not '%s'",
                  json, tokens, QG_STR_ARG(qg_buf_view(&shown)), want);
}

#define TYPE(t) "{\"type\":\"" t "\"}"
#define STRIP(c, start, stop)                                                                      \
    "{\"type\":\"Strip\",\"content\":\"" c "\",\"start\":" #start ",\"stop\":" #stop "}"
#define REPLACE(from, to)                                                                          \
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"" from "\"},\"content\":\"" to "\"}"
#define CHAIN(...) "{\"type\":\"Sequence\",\"decoders\":[" __VA_ARGS__ "]}"
#define FFFD       "\xef\xbf\xbd"

START_TEST(byte_level_streams_characters)
{
    gives(TYPE("ByteLevel"),
          "\xc4\xa0"
          "a/b",
          " a/b/");
    gives(TYPE("ByteLevel"), "\xc3\x83/\xc2\xa9", "/\xc3\xa9/");
    gives(TYPE("ByteLevel"), "\xc3\x83/a", "/" FFFD "a/");
    gives(TYPE("ByteLevel"), "a/\xc3\x83", "a//" FFFD);
    gives(TYPE("ByteLevel"), "a b/\xe4\xb8\x80", "a b/\xe4\xb8\x80/"); /* no letters of bytes */
    gives(TYPE("ByteLevel"), "", "");
}
END_TEST

/* Bytes through ByteLevel, one token each; the text at the end, without marks. */
static const char *lossy(const char *bytes)
{
    const qg_decoder *d;
    qg_decoding *x;
    qg_buf text;

    ck_assert_int_eq(open_text(&d, TYPE("ByteLevel")), QG_OK);
    ck_assert_int_eq(qg_decoding_begin(&x, arena, d, &err), QG_OK);
    qg_buf_init(&text, arena);
    for (size_t i = 0; bytes[i]; i++) {
        qg_str letter;
        ck_assert_int_eq(qg_byte_letters(&letter, arena, (qg_str){bytes + i, 1}, &err), QG_OK);
        ck_assert_int_eq(qg_decoding_push(x, letter, &text, &err), QG_OK);
    }
    ck_assert_int_eq(qg_decoding_end(x, &text, &err), QG_OK);
    return text.ptr ? text.ptr : "";
}

START_TEST(ill_formed_bytes_become_replacements)
{
    /* table 3-8 of the standard, and neighbours */
    ck_assert_str_eq(lossy("a\xf1\x80\x80\xe1\x80\xc2"
                           "b\x80"
                           "c\x80\xbf"
                           "d"),
                     "a" FFFD FFFD FFFD "b" FFFD "c" FFFD FFFD "d");
    ck_assert_str_eq(lossy("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82"
                           "A"),
                     FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A");
    ck_assert_str_eq(lossy("\xed\xa0\x80\xf4\x91\x92\x93\xff"
                           "A"),
                     FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A");
    ck_assert_str_eq(lossy("\xf0\x9f\x98\x80\xf0\x9f\x98"), "\xf0\x9f\x98\x80" FFFD);
    ck_assert_str_eq(lossy("\xe1\x80\xe2\xf0\x91\x92"), FFFD FFFD FFFD);
}
END_TEST

#define METASPACE(scheme)                                                                          \
    "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"" scheme "\"}"

START_TEST(metaspace_drops_the_first_tokens_blanks)
{
    gives(METASPACE("always"), "_a_b/_c/d_", "ab/ c/d /");
    gives(METASPACE("first"), "_/_/a", "/ /a/");
    gives(METASPACE("never"), "_a/_b", " a/ b/");
    gives(CHAIN(METASPACE("always") "," TYPE("Fuse") "," STRIP(" ", 1, 0)), "_a/_b", "a/ b/");
    gives(CHAIN(TYPE("ByteFallback") "," METASPACE("always")), "<0x5F>/<0x61>/_b", "//a b/");
}
END_TEST

START_TEST(byte_fallback_waits_for_the_run)
{
    gives(TYPE("ByteFallback"), "a/<0xC3>/<0xA9>/b",
          "a///\xc3\xa9"
          "b/");
    gives(TYPE("ByteFallback"), "<0x61>/<0xC3>/b", "//" FFFD FFFD "b/");
    gives(TYPE("ByteFallback"), "<0x0a>", "/\n");
    gives(TYPE("ByteFallback"), "<0xZZ>/<0x0>/<0x+5>", "<0xZZ>/<0x0>//\x05");
}
END_TEST

START_TEST(filters_of_single_tokens)
{
    gives(REPLACE("_", " "), "_a_/b_", " a /b /");
    gives(STRIP("x", 2, 0), "xxxa/xb/c", "xa/b/c/");
    gives(STRIP("x", 0, 1), "axx/x/", "ax///");
    gives(STRIP("\xc3\xa9", 1, 1),
          "\xc3\xa9"
          "a\xc3\xa9",
          "a/");
    gives(TYPE("Fuse"), "a/b", "a/b/");
    gives("null", "a/b//c", "a/ b/ / c/");
}
END_TEST

START_TEST(chains_hold_back_what_may_change)
{
    /* Llama-2's: bytes, then one blank off the start of all */
    gives(CHAIN(REPLACE("_", " ") "," TYPE("ByteFallback") "," TYPE("Fuse") "," STRIP(" ", 1, 0)),
          "_a/<0x0A>/_b", "a//\n b/");
    gives(CHAIN(TYPE("Fuse") "," STRIP(" ", 2, 0)), " / / a/ b", "// a/ b/");
    gives(CHAIN(TYPE("ByteLevel") "," TYPE("Fuse") "," STRIP(" ", 1, 0)),
          "\xc4\xa0"
          "a/\xc4\xa0",
          "a/ /");
    /* an ill-formed end may still change what follows, so all waits */
    gives(CHAIN(TYPE("ByteLevel") "," REPLACE("ab", "x")), "a/b", "//x");
    gives(CHAIN(TYPE("Fuse") "," STRIP("b", 0, 1)), "a/b", "//a");
    gives(CHAIN(TYPE("Fuse") "," TYPE("ByteLevel")), "\xc4\xa0/\xe4\xb8\x80",
          "//\xc4\xa0\xe4\xb8\x80");
    gives(CHAIN(""), "a/b", "a/b/");
}
END_TEST

START_TEST(bytes_of_one_token)
{
    static const struct {
        const char *json, *token, *want;
    } cases[] = {
        {TYPE("ByteLevel"),
         "\xc4\xa0"
         "a",
         " a"},
        {TYPE("ByteLevel"), "\xc3\x83", "\xc3"},
        {CHAIN(REPLACE("_", " ") "," TYPE("ByteFallback") "," TYPE("Fuse") "," STRIP(" ", 1, 0)),
         "_a", " a"},
        {CHAIN(REPLACE("_", " ") "," TYPE("ByteFallback")), "<0xFF>", "\xff"},
        {METASPACE("always"), "_a_", " a "},
        {"null", "a", "a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const qg_decoder *d;
        qg_str out;
        ck_assert_int_eq(open_text(&d, cases[i].json), QG_OK);
        ck_assert_int_eq(qg_decoder_bytes(&out, arena, d, qg_str_from(cases[i].token), &err),
                         QG_OK);
        ck_assert_msg(qg_str_is(out, cases[i].want), "%s of '%s'", cases[i].json, cases[i].token);
    }
}
END_TEST

START_TEST(bad_decoders_are_refused)
{
    static const struct {
        const char *json, *message;
        qg_status status;
    } cases[] = {
        {STRIP("", 1, 0), "not one character", QG_EFORMAT},
        {"{\"type\":\"Strip\",\"content\":\"a\"}", "lacks 'start'", QG_EFORMAT},
        {"{\"type\":\"Strip\",\"content\":\"a\",\"start\":0.5,\"stop\":0}", "'start'", QG_EFORMAT},
        {"{\"type\":\"Replace\",\"content\":\"a\"}", "neither", QG_EFORMAT},
        {"{\"type\":\"Sequence\",\"decoders\":7}", "'decoders'", QG_EFORMAT},
        {TYPE("Metaspace"), "decoder 'Metaspace' lacks 'replacement'", QG_EFORMAT},
        {TYPE("BPEDecoder"), "decoder 'BPEDecoder' is not supported", QG_ENOSUP},
    };
    const qg_decoder *d;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(open_text(&d, cases[i].json), cases[i].status);
        message_has(cases[i].message);
    }
}
END_TEST

Suite *detoken_check(void)
{
    Suite *s = suite_create("detoken_check");
    TCase *t = tcase_create("detoken");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, byte_level_streams_characters);
    tcase_add_test(t, ill_formed_bytes_become_replacements);
    tcase_add_test(t, metaspace_drops_the_first_tokens_blanks);
    tcase_add_test(t, byte_fallback_waits_for_the_run);
    tcase_add_test(t, filters_of_single_tokens);
    tcase_add_test(t, chains_hold_back_what_may_change);
    tcase_add_test(t, bytes_of_one_token);
    tcase_add_test(t, bad_decoders_are_refused);
    suite_add_tcase(s, t);
    return s;
}
