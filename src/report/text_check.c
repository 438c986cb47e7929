/* Unit tests of report/text: bytes of every kind made printable and fitted. */
#include "report/text.h"

#include "check_suites.h"

#include <stdio.h>

static qg_arena *arena;
static qg_buf b;

static void set_up(void)
{
    arena = qg_arena_create();
    qg_buf_init(&b, arena);
}

static void tear_down(void)
{
    qg_arena_free(arena);
}

static const char *text(void)
{
    return b.ptr ? b.ptr : "";
}

typedef struct pair {
    qg_str from;
    const char *flat, *lines; /* without and with keep_lines */
} pair;

static const pair pairs[] = {
    {{"plain", 5}, "plain", "plain"},
    {{"a\tb\nc\r\nd\re", 10}, "a b c d e", "a b\nc\nd e"},
    {{"\x1b[31mred\x7f", 9}, " [31mred ", " [31mred "},
    {{"a\0b", 3}, "a b", "a b"},
    {{"\xff\xc3(", 3}, "\xef\xbf\xbd\xef\xbf\xbd(", "\xef\xbf\xbd\xef\xbf\xbd("},
    {{"\xed\xa0\x80", 3}, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", NULL}, /* a surrogate */
    {{"\xef\xbf\xbf", 3}, "\xef\xbf\xbd", NULL},                         /* U+FFFF */
    {{"\xe2\x80\xae"
      "abc",
      6},
     " abc",
     NULL}, /* right-to-left override */
    {{"\xf0\x9f\x98\x80 \xc3\xa9", 7}, "\xf0\x9f\x98\x80 \xc3\xa9", NULL},
};

START_TEST(any_bytes_become_printable)
{
    const pair *p = &pairs[_i];

    qg_text_clean(&b, p->from, false);
    ck_assert_str_eq(text(), p->flat);
    b.len = 0;
    qg_text_clean(&b, p->from, true);
    ck_assert_str_eq(text(), p->lines ? p->lines : p->flat);
    ck_assert_uint_eq(qg_utf8_valid(qg_buf_view(&b)), b.len);
}
END_TEST

START_TEST(columns_are_counted)
{
    ck_assert_uint_eq(qg_text_width(QG_STR("")), 0);
    ck_assert_uint_eq(qg_text_width(QG_STR("abc")), 3);
    ck_assert_uint_eq(qg_text_width(QG_STR("e\xcc\x81")), 1);         /* combining acute */
    ck_assert_uint_eq(qg_text_width(QG_STR("\xe6\xbc\xa2")), 2);      /* a Han character */
    ck_assert_uint_eq(qg_text_width(QG_STR("\xf0\x9f\x98\x80!")), 3); /* an emoji        */
}
END_TEST

START_TEST(text_is_fitted_to_columns)
{
    qg_text_fit(&b, QG_STR("abc"), 5);
    ck_assert_str_eq(text(), "abc  ");
    b.len = 0;
    qg_text_fit(&b, QG_STR("abcdef"), 5);
    ck_assert_str_eq(text(), "abcd\xe2\x80\xa6");
    b.len = 0;
    qg_text_fit(&b, QG_STR("a\xe6\xbc\xa2\xe6\xbc\xa2z"), 5); /* six columns wide */
    ck_assert_str_eq(text(), "a\xe6\xbc\xa2\xe2\x80\xa6 ");
    b.len = 0;
    qg_text_fit(&b, QG_STR(""), 2);
    ck_assert_str_eq(text(), "  ");
}
END_TEST

START_TEST(text_is_wrapped_at_blanks)
{
    qg_text_wrap(&b, QG_STR("one two  three\nfour"), 4, 14);
    ck_assert_str_eq(text(), "one two\n    three four");
    b.len = 0;
    qg_text_wrap(&b, QG_STR("unbreakable-and-long x"), 2, 10);
    ck_assert_str_eq(text(), "unbreakable-and-long\n  x");
    b.len = 0;
    qg_text_wrap(&b, QG_STR(" "), 2, 10);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(messages_are_cut_between_characters)
{
    static char big[3 * 4000 + 1];
    bool failed = false;

    for (int i = 0; i < 4000; i++)
        snprintf(big + 3 * i, 4, "\xe6\xbc\xa2");
    qg_str s = qg_text_message(arena, big, false, &failed);
    ck_assert(!failed);
    ck_assert_uint_eq(s.len, 1998 + 3);
    ck_assert(qg_str_ends(s, QG_STR("\xe6\xbc\xa2...")));
    ck_assert_uint_eq(qg_utf8_valid(s), s.len);
    ck_assert_uint_eq(qg_text_message(arena, NULL, false, &failed).len, 0);
    static char garbage[4001];
    memset(garbage, 0xbf, sizeof garbage - 1); /* continuation bytes only: nothing to cut at */
    s = qg_text_message(arena, garbage, false, &failed);
    ck_assert(!failed);
    ck_assert_uint_eq(qg_utf8_valid(s), s.len);
}
END_TEST

START_TEST(lack_of_memory_is_noted)
{
    static char wide[100001];
    bool failed = false;

    memset(wide, 'x', sizeof wide - 1);
    qg_arena_fail_after(1);
    qg_text_fit(&b, qg_str_from(wide), 10);
    ck_assert(b.failed);
    while (qg_arena_alloc(arena, 1000)) { /* until this block is full and a new one is denied */
        qg_arena_fail_after(1);
    }
    qg_arena_fail_after(1);
    ck_assert_uint_eq(qg_text_message(arena, wide, false, &failed).len, 0);
    ck_assert(failed);
    qg_arena_fail_after(0);
}
END_TEST

Suite *text_check(void)
{
    Suite *s = suite_create("text_check");
    TCase *t = tcase_create("text");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, any_bytes_become_printable, 0, sizeof pairs / sizeof *pairs);
    tcase_add_test(t, columns_are_counted);
    tcase_add_test(t, text_is_fitted_to_columns);
    tcase_add_test(t, text_is_wrapped_at_blanks);
    tcase_add_test(t, messages_are_cut_between_characters);
    tcase_add_test(t, lack_of_memory_is_noted);
    suite_add_tcase(s, t);
    return s;
}
