/* Unit tests of base/str: views, numbers, UTF-8 (Unicode standard, table 3-7), buffers. */
#include "base/str.h"

#include "check_suites.h"

static qg_arena *arena;

static void setup(void)
{
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
    qg_arena_free(arena);
}

START_TEST(numbers_are_read_whole_or_not_at_all)
{
    int64_t i = 7;
    double d = 7;

    ck_assert(qg_str_to_int(QG_STR("-12"), &i));
    ck_assert_int_eq(i, -12);
    ck_assert(!qg_str_to_int(QG_STR("12x"), &i));
    ck_assert(!qg_str_to_int(QG_STR(" 12"), &i));
    ck_assert(!qg_str_to_int(QG_STR(""), &i));
    ck_assert(!qg_str_to_int(QG_STR("9223372036854775808"), &i));
    ck_assert(qg_str_to_double(QG_STR("2.5e-3"), &d));
    ck_assert_double_eq(d, 0.0025);
    ck_assert(!qg_str_to_double(QG_STR("nan"), &d));
    ck_assert(!qg_str_to_double(QG_STR("0x10"), &d));
    ck_assert(!qg_str_to_double(QG_STR("1e999"), &d));
}
END_TEST

START_TEST(split_gives_every_piece)
{
    qg_str rest = QG_STR("a,,b"), piece;

    ck_assert(qg_str_split(&rest, ',', &piece) && qg_str_is(piece, "a"));
    ck_assert(qg_str_split(&rest, ',', &piece) && qg_str_is(piece, ""));
    ck_assert(qg_str_split(&rest, ',', &piece) && qg_str_is(piece, "b"));
    ck_assert(!qg_str_split(&rest, ',', &piece));
}
END_TEST

START_TEST(globs_match_as_shells_do)
{
    ck_assert(qg_str_glob(QG_STR("*"), QG_STR("")));
    ck_assert(qg_str_glob(QG_STR("fp16*b?"), QG_STR("fp16/b1")));
    ck_assert(qg_str_glob(QG_STR("*a*b"), QG_STR("xaxbxab")));
    ck_assert(!qg_str_glob(QG_STR("fp16"), QG_STR("fp16x")));
    ck_assert(!qg_str_glob(QG_STR("?"), QG_STR("")));
}
END_TEST

START_TEST(distance_counts_edits)
{
    ck_assert_uint_eq(qg_str_distance(QG_STR("kitten"), QG_STR("sitting")), 3);
    ck_assert_uint_eq(qg_str_distance(QG_STR(""), QG_STR("abc")), 3);
    ck_assert_uint_eq(qg_str_distance(QG_STR("same"), QG_STR("same")), 0);
}
END_TEST

START_TEST(every_code_point_survives_utf8)
{
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char bytes[4];
        uint32_t back = 0;
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        size_t n = qg_utf8_encode(c, bytes);
        if (qg_utf8_decode((qg_str){bytes, n}, &back) != n || back != c)
            ck_abort_msg("U+%04X became U+%04X", c, back);
        if (n > 1 && qg_utf8_decode((qg_str){bytes, n - 1}, &back) != 0)
            ck_abort_msg("U+%04X is accepted when cut short", c);
    }
}
END_TEST

START_TEST(malformed_utf8_is_found)
{
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x80\x80",
        "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t c;
        ck_assert_uint_eq(qg_utf8_decode(qg_str_from(bad[i]), &c), 0);
    }
    ck_assert_uint_eq(qg_utf8_valid(QG_STR("ab\xc3\xa9\xff")), 4);
}
END_TEST

START_TEST(buffers_grow_and_fail_softly)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    for (int i = 0; i < 1000; i++)
        qg_buf_format(&b, "%d,", i);
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.len, 10 * 2 + 90 * 3 + 900 * 4);
    ck_assert(qg_str_starts(qg_buf_view(&b), QG_STR("0,1,2,")));

    qg_buf_init(&b, arena);
    qg_arena_fail_after(1);
    qg_buf_text(&b, "lost");
    ck_assert(b.failed);
    qg_buf_text(&b, "after");
    ck_assert(b.failed);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

Suite *str_check(void)
{
    Suite *s = suite_create("str_check");
    TCase *t = tcase_create("str");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, numbers_are_read_whole_or_not_at_all);
    tcase_add_test(t, split_gives_every_piece);
    tcase_add_test(t, globs_match_as_shells_do);
    tcase_add_test(t, distance_counts_edits);
    tcase_add_test(t, every_code_point_survives_utf8);
    tcase_add_test(t, malformed_utf8_is_found);
    tcase_add_test(t, buffers_grow_and_fail_softly);
    suite_add_tcase(s, t);
    return s;
}
