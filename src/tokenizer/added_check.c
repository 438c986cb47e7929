/* Unit tests of tokenizer/added: which matches win, what the flags do to their surroundings, and
 * what is refused. The answers follow upstream's AddedVocabulary.
 */
#include "tokenizer/added.h"

#include "tokenizer/fixture_check.h"

typedef struct flagged {
    const char *content;
    const char *flags; /* any of: word lstrip rstrip normalized special */
} flagged;

static const char *flag(const char *flags, const char *name)
{
    return strstr(flags, name) ? "true" : "false";
}

static qg_status open_tokens(qg_added *a, const flagged *tokens, size_t n, const char *normalizer)
{
    const qg_json *list, *node;
    const qg_normalizer *norm;
    qg_vocab empty = {0};
    qg_buf b;

    qg_err_clear(&err);
    qg_buf_init(&b, arena);
    for (size_t i = 0; i < n; i++)
        qg_buf_format(&b,
                      "%s{\"id\":%zu,\"content\":\"%s\",\"single_word\":%s,\"lstrip\":%s,"
                      "\"rstrip\":%s,\"normalized\":%s,\"special\":%s}",
                      i ? "," : "[", i, tokens[i].content, flag(tokens[i].flags, "word"),
                      flag(tokens[i].flags, "lstrip"), flag(tokens[i].flags, "rstrip"),
                      flag(tokens[i].flags, "normalized"), flag(tokens[i].flags, "special"));
    qg_buf_text(&b, n ? "]" : "null");
    list = json_of_text(b.ptr);
    node = json_of_text(normalizer);
    ck_assert_int_eq(qg_normalizer_open(&norm, arena, node, &err), QG_OK);
    return qg_added_open(a, arena, list, &empty, norm, &err);
}

/* Pieces joined by "/", tokens as <id>=text. */
static const char *cut(const qg_added *a, bool normalized, const char *text)
{
    qg_pieces pieces;
    qg_buf b;

    qg_pieces_begin(&pieces, arena);
    qg_pieces_add(&pieces, (qg_piece){.text = qg_str_from(text), .id = QG_ID_NONE});
    ck_assert_int_eq(qg_added_cut(&pieces, a, normalized, &err), QG_OK);
    qg_buf_init(&b, arena);
    for (size_t i = 0; i < pieces.n; i++) {
        qg_buf_text(&b, i ? "/" : "");
        if (pieces.at[i].id != QG_ID_NONE)
            qg_buf_format(&b, "%d=", pieces.at[i].id);
        qg_buf_str(&b, pieces.at[i].text);
    }
    return b.ptr ? b.ptr : "";
}

static const char *cut_with(const flagged *tokens, size_t n, const char *text)
{
    qg_added a;
    ck_assert_msg(open_tokens(&a, tokens, n, "null") == QG_OK, "%s", err.message);
    return cut(&a, false, text);
}
#define CUT(text, ...)                                                                             \
    cut_with((const flagged[]){__VA_ARGS__},                                                       \
             sizeof((const flagged[]){__VA_ARGS__}) / sizeof(flagged), text)

START_TEST(leftmost_then_longest)
{
    ck_assert_str_eq(CUT("xabcab", {"ab", ""}, {"abc", ""}, {"bcab", ""}), "x/1=abc/0=ab");
    ck_assert_str_eq(CUT("abd", {"ab", ""}, {"abc", ""}), "0=ab/d");
    ck_assert_str_eq(CUT("aabd", {"abc", ""}, {"b", ""}), "aa/1=b/d");
    ck_assert_str_eq(CUT("\xc3\xa9\xc3\xa8", {"\xc3\xa8", ""}), "\xc3\xa9/0=\xc3\xa8");
    ck_assert_str_eq(CUT("", {"a", ""}), "");
    ck_assert_str_eq(CUT("aa", {"a", "special"}), "0=a/0=a");
}
END_TEST

START_TEST(strips_take_blanks_along)
{
    ck_assert_str_eq(CUT("x \t a  y", {"a", "lstrip"}), "x/0= \t a/  y");
    ck_assert_str_eq(CUT("x  a \n y", {"a", "rstrip"}), "x  /0=a \n /y");
    ck_assert_str_eq(CUT(" a ", {"a", "lstrip rstrip"}), "0= a ");
    /* what the first took to its right is gone for the second's left */
    ck_assert_str_eq(CUT("a  a", {"a", "lstrip rstrip"}), "0=a  /0=a");
    ck_assert_str_eq(CUT("a \xe3\x80\x80"
                         "b",
                         {"a", "rstrip"}),
                     "0=a \xe3\x80\x80/b");
}
END_TEST

/* Upstream's answers, odd as they are. */
START_TEST(blanks_that_are_tokens_can_be_taken_by_their_neighbour)
{
    ck_assert_str_eq(CUT("    ", {"  ", "lstrip rstrip"}), "0=    ");
    ck_assert_str_eq(CUT("     a", {"  ", "lstrip rstrip"}), "0=     /a");
    ck_assert_str_eq(CUT("    ", {"  ", "rstrip"}), "0=    /0=  ");
}
END_TEST

START_TEST(single_words_stand_alone)
{
    ck_assert_str_eq(CUT("go, going go", {"go", "word"}), "0=go/, going /0=go");
    ck_assert_str_eq(CUT("ego go_ -go-", {"go", "word"}), "ego go_ -/0=go/-");
    ck_assert_str_eq(CUT("\xc3\xa9go go\xc3\xa9", {"go", "word"}), "\xc3\xa9go go\xc3\xa9");
    /* a match that is discarded is still past */
    ck_assert_str_eq(CUT("abcd", {"abc", "word"}, {"bcd", ""}), "abcd");
}
END_TEST

START_TEST(normalized_tokens_are_sought_in_their_form)
{
    qg_added a;
    const flagged tokens[] = {{"ABC", "normalized"}, {"XYZ", ""}};

    ck_assert_int_eq(open_tokens(&a, tokens, 2, "{\"type\":\"Lowercase\"}"), QG_OK);
    ck_assert(qg_str_is(a.token[0].form, "abc") && qg_str_is(a.token[0].content, "ABC"));
    ck_assert_str_eq(cut(&a, false, "ABC XYZ"), "ABC /1=XYZ");
    ck_assert_str_eq(cut(&a, true, "abc xyz"), "0=abc/ xyz");
    ck_assert_int_eq(qg_vocab_find(&a.by_content, QG_STR("ABC")), 0);
}
END_TEST

START_TEST(blanks_as_tokens_are_not_quadratic)
{
    enum { N = 1 << 20 };
    const flagged blank[] = {{" ", "lstrip"}, {"\\t", "rstrip"}};
    char *text = qg_arena_alloc(arena, N);
    qg_pieces pieces;
    qg_added a;

    memset(text, '\t', N);
    memset(text, ' ', N / 2);
    ck_assert_int_eq(open_tokens(&a, blank, 2, "null"), QG_OK);
    qg_pieces_begin(&pieces, arena);
    qg_pieces_add(&pieces, (qg_piece){.text = {text, N}, .id = QG_ID_NONE});
    ck_assert_int_eq(qg_added_cut(&pieces, &a, false, &err), QG_OK);
    ck_assert_uint_gt(pieces.n, N / 2);
}
END_TEST

START_TEST(bad_tokens_are_refused)
{
    qg_added a;
    char *longest = qg_arena_alloc(arena, QG_ADDED_MAX_BYTES + 2);
    memset(longest, 'x', QG_ADDED_MAX_BYTES + 1);

    ck_assert_int_eq(open_tokens(&a, (const flagged[]){{longest, ""}}, 1, "null"), QG_ENOSUP);
    longest[QG_ADDED_MAX_BYTES] = 0;
    ck_assert_int_eq(open_tokens(&a, (const flagged[]){{longest, ""}}, 1, "null"), QG_OK);
    ck_assert_int_eq(open_tokens(&a, (const flagged[]){{"A", "normalized"}, {"a", "normalized"}}, 2,
                                 "{\"type\":\"Lowercase\"}"),
                     QG_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "'A' and 'a' are sought as one text"));
    ck_assert_int_eq(open_tokens(&a, (const flagged[]){{" ", "normalized"}}, 1,
                                 "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}"),
                     QG_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "normalizes to nothing"));
    ck_assert_int_eq(open_tokens(&a, NULL, 0, "null"), QG_OK);
    ck_assert_str_eq(cut(&a, false, "text"), "text");
}
END_TEST

Suite *added_check(void)
{
    Suite *s = suite_create("added_check");
    TCase *t = tcase_create("added");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, leftmost_then_longest);
    tcase_add_test(t, strips_take_blanks_along);
    tcase_add_test(t, blanks_that_are_tokens_can_be_taken_by_their_neighbour);
    tcase_add_test(t, single_words_stand_alone);
    tcase_add_test(t, normalized_tokens_are_sought_in_their_form);
    tcase_add_test(t, blanks_as_tokens_are_not_quadratic);
    tcase_add_test(t, bad_tokens_are_refused);
    suite_add_tcase(s, t);
    return s;
}
