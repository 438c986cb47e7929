/* Unit tests of tokenizer/tokenizer: what Hugging Face tokenizers answers
 * (golden/vectors/tokenizer, made by scripts/make-vectors/tokenizers_vectors.py), streaming,
 * malformed and unsupported files, memory that runs out.
 */
#include "tokenizer/tokenizer.h"

#include "tokenizer/fixture_check.h"

#include <stdio.h>

/* -- what upstream answers --------------------------------------------------------------------- */

static const char *vectors(void)
{
    const char *root = getenv("QG_ROOT");
    char *path = qg_path_join(arena, root ? root : ".", "golden/vectors/tokenizer");
    ck_assert_ptr_nonnull(path);
    return path;
}

static const qg_json *next_line(qg_str *rest, qg_arena *a)
{
    qg_str line;
    const qg_json *node = NULL;
    if (!qg_str_split(rest, '\n', &line) || line.len == 0)
        return NULL;
    need(qg_json_parse(&node, a, line, "a line", &err), "parsing a line");
    return node;
}

static qg_ids ids_of(const qg_json *list, qg_arena *a)
{
    qg_ids ids = {QG_NEW_N(a, int32_t, qg_json_len(list)), qg_json_len(list)};
    for (size_t i = 0; i < ids.n; i++) {
        int64_t id;
        if (!qg_json_int(qg_json_at(list, i), &id))
            ck_abort_msg("id %zu is no number", i);
        ids.id[i] = (int32_t)id;
    }
    return ids;
}

/* [first, count] of ids; NULL: all. */
static qg_ids cut_of(const qg_json *cut, qg_ids ids, qg_arena *a)
{
    qg_ids at = ids_of(cut, a);
    if (at.n == 0)
        return ids;
    ck_assert(at.n == 2 && (size_t)at.id[0] + (size_t)at.id[1] <= ids.n);
    return (qg_ids){ids.id + at.id[0], (size_t)at.id[1]};
}

static void same_ids(const char *name, size_t line, const char *what, qg_ids got, qg_ids want)
{
    ck_assert_msg(got.n == want.n, "%s line %zu: %s has %zu ids, not %zu", name, line, what, got.n,
                  want.n);
    for (size_t i = 0; i < got.n; i++)
        if (got.id[i] != want.id[i])
            ck_abort_msg("%s line %zu: %s[%zu] is %d, not %d", name, line, what, i, got.id[i],
                         want.id[i]);
}

static void same_text(const char *name, size_t line, const char *what, qg_str got, qg_str want)
{
    ck_assert_msg(qg_str_eq(got, want), "%s line %zu: %s is '" QG_STR_PRI "', not '" QG_STR_PRI "'",
                  name, line, what, QG_STR_ARG(got), QG_STR_ARG(want));
}

/* Decodes at once and token by token; every piece must be whole characters. */
static void check_decode(const char *name, size_t line, const qg_tokenizer *t, qg_ids ids,
                         unsigned flags, qg_str want, qg_arena *a)
{
    qg_str text, piece;
    qg_detok *d;
    qg_buf joined;

    need(qg_tokenizer_decode(&text, a, t, ids.id, ids.n, flags, &err), "decoding");
    same_text(name, line, flags ? "skipped" : "text", text, want);

    qg_buf_init(&joined, a);
    need(qg_detok_open(&d, a, t, flags, &err), "opening a stream");
    for (size_t i = 0; i <= ids.n; i++) {
        need(i < ids.n ? qg_detok_push(d, ids.id[i], &piece, &err)
                       : qg_detok_finish(d, &piece, &err),
             "streaming");
        if (qg_utf8_valid(piece) != piece.len)
            ck_abort_msg("%s line %zu: a character is split", name, line);
        qg_buf_str(&joined, piece);
    }
    same_text(name, line, "stream", qg_buf_view(&joined), want);
}

static void check_line(const char *name, size_t line, const qg_tokenizer *t, const qg_json *answer,
                       qg_str text, qg_arena *a)
{
    const qg_json *drawn = qg_json_get(answer, "decode");
    qg_ids ids, with = ids_of(qg_json_get(answer, "ids"), a), plain = with;

    if (drawn) {
        plain = ids_of(drawn, a);
    } else {
        plain = cut_of(qg_json_get(answer, "cut"), with, a);
        need(qg_tokenizer_encode(&ids, a, t, text, 0, &err), name);
        same_ids(name, line, "ids", ids, with);
        need(qg_tokenizer_encode(&ids, a, t, text, QG_ENCODE_NO_SPECIAL, &err), name);
        same_ids(name, line, "plain", ids, plain);
    }
    qg_json_str(qg_json_get(answer, "text"), &text);
    check_decode(name, line, t, plain, 0, text, a);
    qg_json_str(qg_json_get(answer, "skipped"), &text);
    check_decode(name, line, t, plain, QG_DECODE_SKIP_SPECIAL, text, a);
}

/* Lines that were compared. */
static size_t check_folder(const char *name, const char *path, qg_str strings)
{
    const qg_tokenizer *t;
    const qg_json *answer;
    qg_str answers;
    size_t line = 0;

    need(qg_tokenizer_open(&t, arena, path, &err), path);
    need(qg_file_read(&answers, arena, qg_path_join(arena, path, "answers.jsonl"), 1 << 24, &err),
         path);
    for (;; line++) {
        qg_arena *a = qg_arena_create();
        qg_str text = QG_STR("");
        answer = next_line(&answers, a);
        if (!answer) {
            qg_arena_free(a);
            return line;
        }
        if (!qg_json_get(answer, "decode"))
            ck_assert(qg_json_str(qg_json_get(next_line(&strings, a), "text"), &text));
        check_line(name, line + 1, t, answer, text, a);
        qg_arena_free(a);
    }
}

START_TEST(every_vector_is_met)
{
    qg_str strings;
    char **names;
    size_t n, folders = 0, lines = 0;

    need(qg_file_read(&strings, arena, qg_path_join(arena, vectors(), "strings.jsonl"), 1 << 24,
                      &err),
         "strings");
    need(qg_dir_list(&names, &n, arena, vectors(), &err), "vectors");
    for (size_t i = 0; i < n; i++) {
        char *path = qg_path_join(arena, vectors(), names[i]);
        if (!qg_dir_exists(path))
            continue;
        lines += check_folder(names[i], path, strings);
        folders++;
    }
    ck_assert_uint_ge(folders, 40);
    ck_assert_uint_ge(lines, 4 * 1000 + 40 * 200);
}
END_TEST

/* -- small tokenizers of our own --------------------------------------------------------------- */

/* A whole byte-level tokenizer over "a" to "d" and blank; each part can be replaced. */
typedef struct parts {
    const char *added, *normalizer, *pre, *post, *decoder, *model;
} parts;

#define MODEL                                                                                      \
    "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"d\":3,\"\\u0120\":4,\"ab\":5,"         \
    "\"\\u00c3\":6,\"\\u00a9\":7},\"merges\":[\"a b\"]}"
#define BYTE_LEVEL                                                                                 \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true}"
#define ADDED(id, content, special)                                                                \
    "{\"id\":" #id ",\"content\":\"" content "\",\"single_word\":false,\"lstrip\":false,"          \
    "\"rstrip\":false,\"normalized\":false,\"special\":" #special "}"

static char *json_of(parts p)
{
    return qg_arena_format(
        arena,
        "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":%s,"
        "\"normalizer\":%s,\"pre_tokenizer\":%s,\"post_processor\":%s,\"decoder\":%s,\"model\":%s}",
        p.added ? p.added : "[" ADDED(8, "<s>", true) "," ADDED(9, "<u>", false) "]",
        p.normalizer ? p.normalizer : "null", p.pre ? p.pre : BYTE_LEVEL, p.post ? p.post : "null",
        p.decoder ? p.decoder : BYTE_LEVEL, p.model ? p.model : MODEL);
}

static const qg_tokenizer *open_parts(parts p)
{
    const qg_tokenizer *t;
    need(qg_tokenizer_parse(&t, arena, qg_str_from(json_of(p)), "test.json", &err), "opening");
    return t;
}

static void refused(qg_status want, const char *message, const char *json)
{
    const qg_tokenizer *t;
    qg_err_clear(&err);
    qg_status st = qg_tokenizer_parse(&t, arena, qg_str_from(json), "test.json", &err);
    ck_assert_msg(st == want, "%s instead of %s for %.200s", qg_status_name(st),
                  qg_status_name(want), json);
    message_has(message);
    message_has("test.json");
}

START_TEST(questions_about_tokens)
{
    const qg_tokenizer *t = open_parts((parts){0});
    int32_t id = -1;

    ck_assert_uint_eq(qg_tokenizer_size(t), 10);
    ck_assert(qg_str_is(qg_tokenizer_bytes(t, 4), " "));
    ck_assert(qg_str_is(qg_tokenizer_bytes(t, 5), "ab"));
    ck_assert(qg_str_is(qg_tokenizer_bytes(t, 6), "\xc3"));
    ck_assert(qg_str_is(qg_tokenizer_bytes(t, 8), "<s>"));
    ck_assert_uint_eq(qg_tokenizer_bytes(t, 10).len, 0);
    ck_assert_uint_eq(qg_tokenizer_bytes(t, -1).len, 0);
    ck_assert(qg_tokenizer_has(t, 9) && !qg_tokenizer_has(t, 10) && !qg_tokenizer_has(t, -1));
    ck_assert(qg_tokenizer_is_special(t, 8) && !qg_tokenizer_is_special(t, 9) &&
              !qg_tokenizer_is_special(t, 0) && !qg_tokenizer_is_special(t, 99));
    ck_assert(qg_tokenizer_find(t, QG_STR("<s>"), &id) && id == 8);
    ck_assert(qg_tokenizer_find(t, QG_STR("ab"), &id) && id == 5);
    ck_assert(!qg_tokenizer_find(t, QG_STR("ba"), &id));
}
END_TEST

START_TEST(the_hash_is_that_of_the_file)
{
    /* printf '{"model":{"vocab":{"a":0},"merges":[]}}' | sha256sum */
    const qg_tokenizer *t;
    need(qg_tokenizer_parse(&t, arena, QG_STR("{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}"),
                            "test.json", &err),
         "opening");
    ck_assert_str_eq(qg_tokenizer_hash(t),
                     "dc48b278c4ef8f87734070a78239c579833f78e845137fa799432bcf48620a31");
}
END_TEST

START_TEST(byte_fallback_tokens_are_bytes)
{
    const qg_tokenizer *t = open_parts((parts){
        .added = "[]",
        .model = "{\"type\":\"BPE\",\"vocab\":{\"<0x0A>\":0,\"\\u2581a\":1,\"<0xC3>\":2},"
                 "\"merges\":[]}",
        .decoder = "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":"
                   "{\"String\":\"\\u2581\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},"
                   "{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":1,"
                   "\"stop\":0}]}"});
    ck_assert(qg_str_is(qg_tokenizer_bytes(t, 0), "\n"));
    ck_assert(qg_str_is(qg_tokenizer_bytes(t, 1), " a"));
    ck_assert(qg_str_is(qg_tokenizer_bytes(t, 2), "\xc3"));
}
END_TEST

START_TEST(a_stream_holds_back_half_a_character)
{
    const qg_tokenizer *t = open_parts((parts){0});
    qg_detok *d;
    qg_str a, b, c, rest;

    need(qg_detok_open(&d, arena, t, 0, &err), "stream");
    need(qg_detok_push(d, 0, &a, &err), "a");
    need(qg_detok_push(d, 6, &b, &err), "first half");
    need(qg_detok_push(d, 7, &c, &err), "second half");
    ck_assert(qg_str_is(a, "a") && qg_str_is(b, "") && qg_str_is(c, "\xc3\xa9"));
    need(qg_detok_push(d, 6, &b, &err), "first half");
    need(qg_detok_push(d, 0, &c, &err), "no second half");
    ck_assert(qg_str_is(b, "") && qg_str_is(c, "\xef\xbf\xbd"
                                               "a"));
    need(qg_detok_push(d, 6, &b, &err), "first half");
    need(qg_detok_finish(d, &rest, &err), "end");
    ck_assert(qg_str_is(rest, "\xef\xbf\xbd"));
    ck_assert_msg(qg_str_is(a, "a"), "a view was overwritten");
}
END_TEST

START_TEST(text_may_be_empty_or_hold_nul)
{
    const qg_tokenizer *t = open_parts((parts){.post = "{\"type\":\"BertProcessing\",\"sep\":"
                                                       "[\"<u>\",9],\"cls\":[\"<s>\",8]}"});
    qg_ids ids;

    need(qg_tokenizer_encode(&ids, arena, t, QG_STR(""), 0, &err), "empty");
    ck_assert(ids.n == 2 && ids.id[0] == 8 && ids.id[1] == 9);
    need(qg_tokenizer_encode(&ids, arena, t, QG_STR(""), QG_ENCODE_NO_SPECIAL, &err), "empty");
    ck_assert_uint_eq(ids.n, 0);
    /* U+0000 is no symbol of this vocabulary and vanishes; <s> is matched all the same */
    need(qg_tokenizer_encode(&ids, arena, t, QG_STR("a\0b<s>"), QG_ENCODE_NO_SPECIAL, &err), "nul");
    ck_assert(ids.n == 3 && ids.id[0] == 0 && ids.id[1] == 1 && ids.id[2] == 8);
}
END_TEST

/* Upstream asks whether a token is special by the text that it decodes to. */
START_TEST(a_special_token_of_another_form_is_not_skipped)
{
    const qg_tokenizer *t =
        open_parts((parts){.normalizer = "{\"type\":\"Lowercase\"}",
                           .added = "[{\"id\":8,\"content\":\"<S>\",\"single_word\":false,"
                                    "\"lstrip\":false,\"rstrip\":false,\"normalized\":true,"
                                    "\"special\":true}," ADDED(9, "<u>", true) "]"});
    const int32_t ids[] = {8, 9};
    qg_str text;

    need(qg_tokenizer_decode(&text, arena, t, ids, 2, QG_DECODE_SKIP_SPECIAL, &err), "decoding");
    ck_assert(qg_str_is(text, "<s>"));
    need(qg_tokenizer_decode(&text, arena, t, ids, 2, 0, &err), "decoding");
    ck_assert(qg_str_is(text, "<s><u>"));
    ck_assert(qg_tokenizer_is_special(t, 8));
    ck_assert(qg_str_is(qg_tokenizer_bytes(t, 8), "<S>"));
}
END_TEST

START_TEST(bad_text_and_bad_ids_are_refused)
{
    const qg_tokenizer *t = open_parts((parts){0});
    const int32_t bad[] = {10, -1, INT32_MAX, INT32_MIN};
    qg_ids ids;
    qg_str text;

    ck_assert_int_eq(qg_tokenizer_encode(&ids, arena, t, QG_STR("ab\xff"), 0, &err), QG_EARG);
    ck_assert_str_eq(err.message, "text is no valid UTF-8 at byte 2");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        qg_err_clear(&err);
        ck_assert_int_eq(qg_tokenizer_decode(&text, arena, t, &bad[i], 1, 0, &err), QG_EARG);
    }
}
END_TEST

START_TEST(ids_may_have_holes)
{
    const qg_tokenizer *t = open_parts(
        (parts){.added = "[]",
                .model = "{\"type\":\"BPE\",\"vocab\":{\"b\":16777215,\"a\":3},\"merges\":[]}"});
    const int32_t hole = 4;
    qg_ids ids;
    qg_str text;

    ck_assert_uint_eq(qg_tokenizer_size(t), 16777216);
    need(qg_tokenizer_encode(&ids, arena, t, QG_STR("ab"), 0, &err), "encoding");
    ck_assert(ids.n == 2 && ids.id[0] == 3 && ids.id[1] == 16777215);
    need(qg_tokenizer_decode(&text, arena, t, ids.id, ids.n, 0, &err), "decoding");
    ck_assert(qg_str_is(text, "ab"));
    ck_assert_int_eq(qg_tokenizer_decode(&text, arena, t, &hole, 1, 0, &err), QG_EARG);
}
END_TEST

START_TEST(malformed_files_are_refused)
{
    static const struct {
        const char *json, *message;
    } whole[] = {
        {"", "no valid JSON"},
        {"{\"model\":", "no valid JSON"},
        {"[]", "an array"},
        {"{}", "lacks 'model'"},
        {"{\"model\":7}", "'model' is an integer"},
        {"{\"model\":{}}", "'model' lacks 'type'"},
        {"{\"model\":{\"type\":\"BPE\"}}", "'vocab' is absent"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}", "lacks 'merges'"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", "vocabulary is empty"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}",
         "no valid JSON"},
        {"{\"version\":1,\"model\":{}}", "'version' of the file is an integer"},
    };
    static const struct {
        parts parts;
        const char *message;
    } part[] = {
        {{.added = "7"}, "'added_tokens' is an integer"},
        {{.added = "[7]"}, "an added token is an integer"},
        {{.added = "[{\"id\":8}]"}, "lacks 'content'"},
        {{.added = "[{\"id\":8,\"content\":\"x\"}]"}, "lacks 'single_word'"},
        {{.added = "[" ADDED(9, "<s>", true) "]"}, "declares id 9, but its place is 8"},
        {{.added = "[" ADDED(1, "a", true) "]"}, "declares id 1, but its place is 0"},
        {{.added = "[" ADDED(8, "x", true) "," ADDED(8, "x", true) "]"}, "its place is 9"},
        {{.added = "[" ADDED(0, "a", true) "," ADDED(0, "a", true) "]"}, "same id 0"},
        {{.added = "[" ADDED(1, "x", true) "]",
          .model = "{\"type\":\"BPE\",\"vocab\":{\"a\":1},\"merges\":[]}"},
         "which the vocabulary uses"},
        {{.post = "{\"type\":\"BertProcessing\",\"sep\":[\"x\",99],\"cls\":[\"<s>\",8]}"},
         "id 99, which no token has"},
        {{.normalizer = "[]"}, "normalizer is an array"},
        {{.pre = "{}"}, "pre_tokenizer lacks 'type'"},
        {{.pre = "{\"type\":\"ByteLevel\"}"}, "lacks 'add_prefix_space'"},
        {{.pre = "{\"type\":\"Sequence\"}"}, "lacks 'pretokenizers'"},
        {{.pre = "{\"type\":\"Sequence\",\"pretokenizers\":[null]}"}, "entry 0"},
        {{.pre = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Odd\","
                 "\"invert\":false}"},
         "unknown behavior 'Odd'"},
        {{.decoder = "{\"type\":\"Strip\",\"content\":\"ab\",\"start\":0,\"stop\":0}"},
         "is not one character"},
        {{.decoder = "{\"type\":\"Strip\",\"content\":\"a\",\"start\":-1,\"stop\":0}"},
         "'start' of decoder 'Strip' is negative"},
    };

    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        refused(QG_EFORMAT, whole[i].message, whole[i].json);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        refused(QG_EFORMAT, part[i].message, json_of(part[i].parts));
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    for (int i = 0; i < 100000; i++)
        qg_buf_text(&b, "{\"type\":\"Sequence\",\"normalizers\":[");
    refused(QG_EFORMAT, "nests deeper", json_of((parts){.normalizer = b.ptr}));
}
END_TEST

START_TEST(what_is_unknown_is_refused_by_name)
{
    static const struct {
        parts parts;
        const char *message;
    } cases[] = {
        {{.model = "{\"type\":\"WordPiece\",\"vocab\":{}}"}, "tokenizer model 'WordPiece'"},
        {{.normalizer = "{\"type\":\"BertNormalizer\"}"}, "normalizer 'BertNormalizer'"},
        {{.normalizer = "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},"
                        "{\"type\":\"BertNormalizer\"}]}"},
         "normalizer 'BertNormalizer'"},
        {{.pre = "{\"type\":\"UnicodeScripts\"}"}, "pre_tokenizer 'UnicodeScripts'"},
        {{.post = "{\"type\":\"Odd\"}"}, "post_processor 'Odd'"},
        {{.decoder = "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}"},
         "decoder 'WordPiece'"},
        {{.decoder = "{\"type\":\"CTC\"}"}, "decoder 'CTC'"},
        {{.pre = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[a&&b]\"},\"behavior\":"
                 "\"Isolated\",\"invert\":false}"},
         "'&&' at byte 2 is not supported"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(QG_ENOSUP, cases[i].message, json_of(cases[i].parts));
    refused(QG_ENOSUP, "version '2.0'", "{\"version\":\"2.0\",\"model\":{}}");
}
END_TEST

START_TEST(a_folder_without_the_file_is_named)
{
    const qg_tokenizer *t;
    ck_assert_int_eq(qg_tokenizer_open(&t, arena, vectors(), &err), QG_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "tokenizer.json"));
}
END_TEST

/* Everything once: opening, encoding, decoding. */
static qg_status round_trip(qg_arena *a, const char *json)
{
    const qg_tokenizer *t;
    qg_ids ids;
    qg_str text;

    QG_PASS(qg_tokenizer_parse(&t, a, qg_str_from(json), "test.json", &err));
    QG_PASS(qg_tokenizer_encode(&ids, a, t, QG_STR("ab <s> e\xcc\x81 cd<u>"), 0, &err));
    return qg_tokenizer_decode(&text, a, t, ids.id, ids.n, QG_DECODE_SKIP_SPECIAL, &err);
}

START_TEST(every_allocation_may_fail)
{
    const char *json = json_of((parts){
        .normalizer = "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":"
                      "\"Lowercase\"},{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"x\"},"
                      "\"content\":\"y\"}]}",
        .post = "{\"type\":\"BertProcessing\",\"sep\":[\"<u>\",9],\"cls\":[\"<s>\",8]}"});
    bool failed = true;

    for (long n = 1; failed; n++) {
        qg_arena *a = qg_arena_create();
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status st = round_trip(a, json);
        failed = !qg_arena_fail_after(0);
        /* only machine code for a regex can do without its memory */
        ck_assert_msg(st == QG_ENOMEM || st == QG_OK, "allocation %ld: %s", n, err.message);
        ck_assert_msg(failed || st == QG_OK, "no allocation failed, yet: %s", err.message);
        qg_arena_free(a);
        ck_assert_int_lt(n, 10000);
    }
}
END_TEST

START_TEST(long_words_are_not_quadratic)
{
    const qg_tokenizer *t = open_parts((parts){0});
    size_t n = 1 << 20;
    char *text = qg_arena_alloc(arena, n);
    qg_ids ids;

    for (size_t i = 0; i < n; i++)
        text[i] = "abab"[i % 4];
    need(qg_tokenizer_encode(&ids, arena, t, (qg_str){text, n}, 0, &err), "a long word");
    ck_assert_uint_eq(ids.n, n / 2);
    for (size_t i = 0; i < ids.n; i++)
        if (ids.id[i] != 5)
            ck_abort_msg("id %zu is %d", i, ids.id[i]);
}
END_TEST

Suite *tokenizer_check(void)
{
    Suite *s = suite_create("tokenizer_check");
    TCase *t = tcase_create("tokenizer");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_vector_is_met);
    tcase_add_test(t, questions_about_tokens);
    tcase_add_test(t, the_hash_is_that_of_the_file);
    tcase_add_test(t, byte_fallback_tokens_are_bytes);
    tcase_add_test(t, a_stream_holds_back_half_a_character);
    tcase_add_test(t, text_may_be_empty_or_hold_nul);
    tcase_add_test(t, a_special_token_of_another_form_is_not_skipped);
    tcase_add_test(t, bad_text_and_bad_ids_are_refused);
    tcase_add_test(t, ids_may_have_holes);
    tcase_add_test(t, malformed_files_are_refused);
    tcase_add_test(t, deep_nesting_is_refused);
    tcase_add_test(t, what_is_unknown_is_refused_by_name);
    tcase_add_test(t, a_folder_without_the_file_is_named);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_add_test(t, long_words_are_not_quadratic);
    suite_add_tcase(s, t);
    return s;
}
