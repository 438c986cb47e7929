/* Unit tests of tokenizer/regex and regex_ruby: what patterns of Oniguruma's Ruby syntax match (the
 * answers were taken from tokenizers' own Split), what is refused, and that nothing hangs.
 */
#include "tokenizer/regex.h"

#include "tokenizer/fixture_check.h"

/* Matches as "from-to from-to". */
static const char *matches(const qg_regex *re, qg_str text)
{
    qg_regex_scan *s;
    qg_buf b;
    bool found = true;
    size_t from, to;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_regex_scan_open(&s, arena, re, &err), QG_OK);
    qg_regex_scan_text(s, text);
    for (;;) {
        ck_assert_msg(qg_regex_scan_next(s, &found, &from, &to, &err) == QG_OK, "%s", err.message);
        if (!found)
            break;
        qg_buf_format(&b, "%s%zu-%zu", b.len ? " " : "", from, to);
    }
    return b.ptr ? b.ptr : "";
}

START_TEST(patterns_match_as_in_ruby)
{
    static const struct {
        const char *pattern, *text, *want;
    } cases[] = {
        {"\\s+",
         "a \t\xc2\x85\xe3\x80\x80"
         "b",
         "1-8"},                     /* U+0085, U+3000 */
        {"\\s", "\xe1\xa0\x8e", ""}, /* U+180E is no blank */
        {"[^\\s]", "\xe1\xa0\x8e ", "0-3"},
        {"\\S+", "a\xe1\xa0\x8e b", "0-4 5-6"},
        {"[\\S\\n]+", "a b\nc", "0-1 2-5"},
        {"\\d+",
         "a1\xd9\xa3"
         "b",
         "1-4"},                                     /* Arabic digit */
        {"\\w+", "a_1\xc3\xa9\xe2\x80\x8d-", "0-5"}, /* no joiner */
        {"\\w", "\xc2\xb2", "0-2"},                  /* superscript two: Oniguruma's table */
        {"[\\w]", "\xc2\xb2", ""},
        {"\\w", "\xe2\x93\x90", "0-3"}, /* a letter in a circle */
        {"\\W", "a-", "1-2"},
        {"\\bab", "ab cab", "0-2"},
        {"\\p{L}+",
         "a\xc3\xa9"
         "1",
         "0-3"},
        {"\\P{L}", "a1", "1-2"},
        {"\\p{^L}", "a1", "1-2"},
        {"\\p{Han}+", "a\xe4\xb8\x80\xe3\x80\x81", "1-4"}, /* the comma is common to scripts */
        {"(?i:'s|'t)", "'S'\xc5\xbf't", "0-2 2-5 5-7"},    /* long s */
        {"(?i)ab", "AB", "0-2"},
        {"^a", "a\nab\n", "0-1 2-3"}, /* lines */
        {"a$", "a\na", "0-1 2-3"},
        {"\\Aa", "a\na", "0-1"},
        {".", "a\nb", "0-1 2-3"},
        {"a{2,3}", "aaaaa", "0-3 3-5"},
        {"a{,2}b", "aab", "0-3"},
        {"a{1,3}+", "aaaaa", "0-5"}, /* repeats, is not possessive */
        {"a{1,2}?", "aa", "0-1 1-2"},
        {"a{x}", "a{x}", "0-4"},
        {"a++", "aa", "0-2"},
        {"\\x{e9}\\u00e9\\x41\\v",
         "\xc3\xa9\xc3\xa9"
         "A\x0b",
         "0-6"},
        {"x*", "axb", "0-0 1-2 3-3"}, /* empty matches */
        {"(a)(b)?", "ab", "0-2"},
        {" ?[^\\s\\p{L}\\p{N}]+", "a !?", "1-4"},
        {"\\s+(?!\\S)|\\s+", "a   b ", "1-3 3-4 5-6"},
        {"(?<=a)b", "abb", "1-2"},
        {"[\\-a\\]]+", "a-]", "0-3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const qg_regex *re;
        qg_status st = qg_regex_compile(&re, arena, qg_str_from(cases[i].pattern), &err);
        ck_assert_msg(st == QG_OK, "%s: %s", cases[i].pattern, err.message);
        ck_assert_msg(strcmp(matches(re, qg_str_from(cases[i].text)), cases[i].want) == 0,
                      "'%s' on '%s' gives %s, not %s", cases[i].pattern, cases[i].text,
                      matches(re, qg_str_from(cases[i].text)), cases[i].want);
    }
}
END_TEST

START_TEST(what_may_mean_another_thing_is_refused)
{
    static const char *const cases[] = {
        "\\h",     "\\R",     "\\X",     "\\K",         "\\G",     "\\1",      "\\k<a>",
        "[[a]b]",  "[a&&b]",  "[]a]",    "[a",          "(?m:a)",  "(?x)a",    "a(?i)b",
        "(?<n>a)", "(*FAIL)", "\\p{",    "\\pL",        "\\p{a1}", "\\p{Xan}", "\\p{Alpha}",
        "[\\W]",   "\\xe9",   "\\u12",   "\\x{110000}", "a{2,3}+", "a{2}?",    "a{2}*",
        "(?#a)",   "(?~a)",   "[!-\\s]", "[[:alpha:]]", "\\",      "\\Q",      "(?",
        "a)",      "(a",      "*a",      "[b-a]",       "\\C",     "\\N",      "[\\b-\\A]",
        "(?R)",    "(?1)",    "(?(1)a)", "\\p{L&}",     "\\M-x",   "\\cx",     "[\\s-z]"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const qg_regex *re;
        qg_err_clear(&err);
        ck_assert_msg(qg_regex_compile(&re, arena, qg_str_from(cases[i]), &err) == QG_ENOSUP,
                      "'%s' is accepted", cases[i]);
        ck_assert_msg(strstr(err.message, cases[i]) != NULL, "'%s' is not named", cases[i]);
    }
}
END_TEST

START_TEST(literals_are_taken_letter_by_letter)
{
    const qg_regex *re;

    ck_assert_int_eq(qg_regex_literal(&re, arena, QG_STR(".*(\\"), &err), QG_OK);
    ck_assert_str_eq(matches(re, QG_STR("a.*(\\.*(\\")), "1-5 5-9");
    ck_assert_int_eq(qg_regex_literal(&re, arena, QG_STR(""), &err), QG_OK);
    ck_assert_str_eq(matches(re, QG_STR("\xc3\xa9z")), "0-0 2-2 3-3");
}
END_TEST

START_TEST(replacing_keeps_the_rest)
{
    const qg_regex *re;
    qg_str out;

    ck_assert_int_eq(qg_regex_compile(&re, arena, QG_STR(" +"), &err), QG_OK);
    ck_assert_int_eq(qg_regex_replace(&out, NULL, arena, re, QG_STR("  a b  "), QG_STR("__"), &err),
                     QG_OK);
    ck_assert(qg_str_is(out, "__a__b__"));
    ck_assert_int_eq(qg_regex_replace(&out, NULL, arena, re, QG_STR(""), QG_STR("__"), &err),
                     QG_OK);
    ck_assert(qg_str_is(out, ""));
}
END_TEST

START_TEST(no_pattern_hangs)
{
    const qg_regex *re;
    qg_regex_scan *s;
    bool found;
    size_t from, to;

    ck_assert_int_eq(qg_regex_compile(&re, arena, QG_STR("(?:a+)+[bc]"), &err), QG_OK);
    ck_assert_int_eq(qg_regex_scan_open(&s, arena, re, &err), QG_OK);
    qg_regex_scan_text(s, QG_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    ck_assert_int_eq(qg_regex_scan_next(s, &found, &from, &to, &err), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.message, "'(?:a+)+[bc]' needs too many steps"));
}
END_TEST

START_TEST(long_matches_need_no_stack)
{
    const size_t n = 1 << 20;
    char *text = qg_arena_alloc(arena, n);
    const qg_regex *re;

    memset(text, 'a', n);
    ck_assert_int_eq(qg_regex_compile(&re, arena, QG_STR("(?:a|b)+"), &err), QG_OK);
    ck_assert_str_eq(matches(re, (qg_str){text, n}), "0-1048576");
}
END_TEST

START_TEST(patterns_are_read_from_json)
{
    static const char *const bad[] = {"{}", "7", "{\"Regex\":7}", "{\"Odd\":\"a\"}"};
    const qg_json *node;
    const qg_regex *re;

    node = json_of_text("{\"String\":\"a.\"}");
    ck_assert_int_eq(qg_regex_read(&re, arena, node, "part", &err), QG_OK);
    ck_assert_str_eq(matches(re, QG_STR("aba.")), "2-4");
    node = json_of_text("{\"Regex\":\"a.\"}");
    ck_assert_int_eq(qg_regex_read(&re, arena, node, "part", &err), QG_OK);
    ck_assert_str_eq(matches(re, QG_STR("aba.")), "0-2 2-4");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        node = json_of_text(bad[i]);
        ck_assert_int_eq(qg_regex_read(&re, arena, node, "part", &err), QG_EFORMAT);
        qg_err_clear(&err);
    }
    ck_assert_int_eq(qg_regex_read(&re, arena, NULL, "part", &err), QG_EFORMAT);
}
END_TEST

Suite *regex_check(void)
{
    Suite *s = suite_create("regex_check");
    TCase *t = tcase_create("regex");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, patterns_match_as_in_ruby);
    tcase_add_test(t, what_may_mean_another_thing_is_refused);
    tcase_add_test(t, literals_are_taken_letter_by_letter);
    tcase_add_test(t, replacing_keeps_the_rest);
    tcase_add_test(t, no_pattern_hangs);
    tcase_add_test(t, long_matches_need_no_stack);
    tcase_add_test(t, patterns_are_read_from_json);
    suite_add_tcase(s, t);
    return s;
}
