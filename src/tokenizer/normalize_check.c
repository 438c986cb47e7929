/* Unit tests of tokenizer/normalize: forms by the examples of Unicode Standard Annex 15, the places
 * where upstream's older tables show (measured against tokenizers 0.23), other normalizers,
 * classes.
 */
#include "tokenizer/normalize.h"

#include "tokenizer/fixture_check.h"

static qg_status open_text(const qg_normalizer **n, const char *json)
{
    const qg_json *node = json_of_text(json);
    return qg_normalizer_open(n, arena, node, &err);
}

static qg_str run(const char *json, qg_str text)
{
    const qg_normalizer *n;
    qg_piece piece = {.text = text};

    ck_assert_msg(open_text(&n, json) == QG_OK, "%s: %s", json, err.message);
    ck_assert_int_eq(qg_normalize(&piece, arena, n, &err), QG_OK);
    return piece.text;
}

static void gives(const char *json, const char *text, const char *want)
{
    qg_str out = run(json, qg_str_from(text));
    ck_assert_msg(qg_str_is(out, want), "%s of '%s' is '" QG_STR_PRI "', not '%s'", json, text,
                  QG_STR_ARG(out), want);
}

#define TYPE(t) "{\"type\":\"" t "\"}"

START_TEST(forms_of_annex_15)
{
    gives(TYPE("NFC"), "e\xcc\x81", "\xc3\xa9");
    gives(TYPE("NFD"), "\xc3\xa9", "e\xcc\x81");
    gives(TYPE("NFC"), "\xe2\x84\xab", "\xc3\x85"); /* Angstrom to A with ring */
    gives(TYPE("NFKC"), "\xef\xac\x81", "fi");      /* ligature */
    gives(TYPE("NFC"), "\xef\xac\x81", "\xef\xac\x81");
    gives(TYPE("NFKD"), "\xe1\xba\x9b\xcc\xa3", "s\xcc\xa3\xcc\x87");
    gives(TYPE("NFKC"), "\xe1\xba\x9b\xcc\xa3", "\xe1\xb9\xa9");
    gives(TYPE("NFC"), "\xe1\xb8\x8a\xcc\xa3", "\xe1\xb8\x8c\xcc\x87"); /* D: dot below first */
    gives(TYPE("NFD"), "\xea\xb0\x81", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8"); /* Hangul */
    gives(TYPE("NFC"), "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81");
    gives(TYPE("NFC"), "\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc"); /* composition exclusion */
    gives(TYPE("NFC"), "a\xcc\x96\xcc\x80\xcc\x81", "\xc3\xa0\xcc\x96\xcc\x81");
    gives(TYPE("NFC"),
          "\xcc\x81"
          "e",
          "\xcc\x81"
          "e"); /* a mark with no starter */
    gives(TYPE("NFC"), "plain", "plain");
    gives(TYPE("NFKD"), "", "");
}
END_TEST

START_TEST(a_long_run_of_marks_is_sorted)
{
    /* cedilla (202) after acute (230), 100,000 times: sorted, stable, not quadratic */
    enum { PAIRS = 100000 };
    qg_buf b;
    qg_buf_init(&b, arena);
    qg_buf_char(&b, 'x');
    for (int i = 0; i < PAIRS; i++)
        qg_buf_text(&b, "\xcc\x81\xcc\xa7");
    qg_str out = run(TYPE("NFD"), qg_buf_view(&b));
    ck_assert_uint_eq(out.len, b.len);
    for (size_t i = 0; i < 2 * PAIRS; i++)
        if (memcmp(out.ptr + 1 + 2 * i, i < PAIRS ? "\xcc\xa7" : "\xcc\x81", 2) != 0)
            ck_abort_msg("mark %zu is in another's place", i);
}
END_TEST

START_TEST(characters_newer_than_upstreams_tables)
{
    /* U+0899 (Unicode 14, class 220) has class 0 there: it is not sorted and blocks */
    gives(TYPE("NFC"), "a\xe0\xa2\x99\xcc\x81", "a\xe0\xa2\x99\xcc\x81");
    gives(TYPE("NFD"), "a\xcc\x81\xe0\xa2\x99", "a\xcc\x81\xe0\xa2\x99");
    /* U+32FF, the square of 2019; U+1FBF0, a digit of 2020; U+11938, a vowel of 2020 */
    gives(TYPE("NFKC"), "\xe3\x8b\xbf", "\xe3\x8b\xbf");
    gives(TYPE("NFKD"), "\xf0\x9f\xaf\xb0", "\xf0\x9f\xaf\xb0");
    gives(TYPE("NFD"), "\xf0\x91\xa4\xb8", "\xf0\x91\xa4\xb8");
    gives(TYPE("NFC"), "\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0", "\xf0\x91\xa4\xb5\xf0\x91\xa4\xb0");
}
END_TEST

START_TEST(other_normalizers)
{
    gives(TYPE("Lowercase"), "ABC \xc3\x89 \xc4\xb0 \xce\xa3", "abc \xc3\xa9 i\xcc\x87 \xcf\x83");
    gives(TYPE("Lowercase"), "\xc8\xba\xc8\xba", "\xe2\xb1\xa5\xe2\xb1\xa5"); /* grows */
    gives(TYPE("StripAccents"), "e\xcc\x81x\xe0\xa4\x83", "ex");
    gives(TYPE("StripAccents"), "\xe0\xa2\x98\xe1\xb3\xb2",
          "\xe0\xa2\x98"); /* not 0898, but 1CF2 */
    gives(TYPE("ByteLevel"), " \xc3\xa9", "\xc4\xa0\xc3\x83\xc2\xa9");
    gives("{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}",
          " \xe3\x80\x80"
          "a b\t\xc2\x85",
          "a b");
    gives("{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}", " \n ", "");
    gives("{\"type\":\"Strip\",\"strip_left\":false,\"strip_right\":true}", " a ", " a");
    gives("{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":false}", " a ", "a ");
    gives("{\"type\":\"Prepend\",\"prepend\":\"_\"}", "a", "_a");
    gives("{\"type\":\"Prepend\",\"prepend\":\"_\"}", "", "");
    gives("{\"type\":\"Replace\",\"pattern\":{\"String\":\"a.\"},\"content\":\"xyz\"}", "aba.a",
          "abxyza");
    gives("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a.\"},\"content\":\"\"}", "aba.a", "a");
    gives("{\"type\":\"Sequence\",\"normalizers\":[" TYPE("NFD") "," TYPE(
              "StripAccents") ",{\"type\":\"Sequence\",\"normalizers\":[" TYPE("Lowercase") "]}]}",
          "\xc3\x89", "e");
    gives("{\"type\":\"Sequence\",\"normalizers\":[]}", "A", "A");
    gives("null", "A", "A");
}
END_TEST

START_TEST(rules_for_translation)
{
    gives(TYPE("Nmt"),
          "a\x01\x0b\x1f\x7f"
          "b",
          "ab");
    gives(TYPE("Nmt"),
          "a\tb\nc\xe2\x80\x8b"
          "d\xef\xbf\xbd"
          "e",
          "a b c d e");
    gives(TYPE("Nmt"), "\xc2\x8f\xc2\x90\xe2\x96\x81", "\xc2\x90 ");
}
END_TEST

/* What prepend_scheme "first" asks: which bytes stand for the text's first character. */
START_TEST(the_head_follows_its_character)
{
#define BOTH       "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}"
#define BLANKS(to) "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" +\"},\"content\":\"" to "\"}"
    static const struct {
        const char *json, *text;
        size_t head;
    } cases[] = {
        {"null", " a", 1},
        {BOTH, "a ", 1},
        {BOTH, " a", 0},
        {TYPE("Nmt"), "a\x01", 1},
        {TYPE("Nmt"),
         "\x01"
         "a",
         0},
        {TYPE("Lowercase"), "\xc4\xb0x", 3}, /* i and a dot above */
        {TYPE("ByteLevel"), "\xc3\xa9x", 4},
        {BLANKS("_"), "a  b", 1},
        {BLANKS("__"), " a", 2},
        {BLANKS("_"), "  a", 0}, /* it stands for the second blank */
        {BLANKS(""), " a", 0},
        {"{\"type\":\"Prepend\",\"prepend\":\"__\"}", "ab", 3},
        {TYPE("NFKC"), "\xef\xac\x81x", 2}, /* the ligature's two letters */
        {TYPE("NFKC"), "\xe3\x88\xb1x", 5}, /* a character in brackets */
        {TYPE("NFC"), "e\xcc\x81", 2},
        {TYPE("NFD"), "\xc3\xa9x", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const qg_normalizer *n;
        uint32_t code;
        qg_piece piece = {.text = qg_str_from(cases[i].text)};
        piece.head = qg_utf8_decode(piece.text, &code);
        need(open_text(&n, cases[i].json), cases[i].json);
        need(qg_normalize(&piece, arena, n, &err), cases[i].json);
        ck_assert_msg(piece.head == cases[i].head, "%s of '%s' has a head of %zu", cases[i].json,
                      cases[i].text, piece.head);
    }
}
END_TEST

START_TEST(clusters_of_annex_29)
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        {"ab", 1},
        {"\r\n", 2},
        {"\r\r", 1},
        {"\n\xcc\x81", 1},
        {"e\xcc\x81\xcc\x82"
         "e",
         5},
        {"\xe0\xa4\xa8\xe0\xa4\xbf\xe0\xa4\xae", 6}, /* a vowel sign is a spacing mark */
        {"\xd8\x80"
         "a",
         3},                                                     /* a number sign goes before */
        {"\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8\xe1\x84\x80", 9}, /* L V T, L */
        {"\xea\xb0\x80\xe1\x86\xa8\xe1\x85\xa1", 6},             /* LV T, V */
        {"\xf0\x9f\x87\xab\xf0\x9f\x87\xb7\xf0\x9f\x87\xaf\xf0\x9f\x87\xb5", 8}, /* two flags */
        {"\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9"
         "a",
         11},
        {"\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd\xe2\x80\x8d\xf0\x9f\x91\xa9", 15},
        {"a\xe2\x80\x8d\xf0\x9f\x91\xa9", 4}, /* a joiner joins pictographs only */
        {"\xf0\x9f\x91\xa8\xe2\x80\x8d"
         "a",
         7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(qg_char_cluster(qg_str_from(cases[i].text)) == cases[i].len, "case %zu: %zu",
                      i, qg_char_cluster(qg_str_from(cases[i].text)));
}
END_TEST

START_TEST(bad_normalizers_are_refused)
{
    static const struct {
        const char *json, *message;
        qg_status status;
    } cases[] = {
        {"7", "normalizer is an integer, not an object", QG_EFORMAT},
        {"{\"type\":7}", "'type' of normalizer is an integer", QG_EFORMAT},
        {"{\"type\":\"Strip\"}", "normalizer 'Strip' lacks 'strip_left'", QG_EFORMAT},
        {"{\"type\":\"Prepend\",\"prepend\":null}", "'prepend'", QG_EFORMAT},
        {"{\"type\":\"Replace\",\"content\":\"\"}", "neither", QG_EFORMAT},
        {"{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"}}", "lacks 'content'", QG_EFORMAT},
        {"{\"type\":\"Sequence\",\"normalizers\":{}}", "'normalizers'", QG_EFORMAT},
        {TYPE("Precompiled"), "lacks 'precompiled_charsmap'", QG_EFORMAT},
        {"{\"type\":\"Precompiled\",\"precompiled_charsmap\":null}", "is null", QG_EFORMAT},
        {"{\"type\":\"NFX\"}", "normalizer 'NFX' is not supported", QG_ENOSUP},
    };
    const qg_normalizer *n;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(open_text(&n, cases[i].json), cases[i].status);
        message_has(cases[i].message);
    }

    qg_buf b;
    qg_buf_init(&b, arena);
    qg_buf_text(&b, "{\"type\":\"Sequence\",\"normalizers\":[");
    for (int i = 0; i < 65; i++)
        qg_buf_text(&b, i ? "," TYPE("NFC") : TYPE("NFC"));
    qg_buf_text(&b, "]}");
    ck_assert_int_eq(open_text(&n, b.ptr), QG_ENOSUP);
}
END_TEST

START_TEST(bytes_and_letters_are_one_to_one)
{
    bool seen[0x200] = {false};

    for (int b = 0; b < 256; b++) {
        uint32_t letter = qg_byte_letter((unsigned char)b);
        ck_assert_uint_lt(letter, 0x200);
        ck_assert(!seen[letter]);
        seen[letter] = true;
        ck_assert_int_eq(qg_letter_byte(letter), b);
    }
    for (uint32_t c = 0; c < 0x200; c++)
        ck_assert(seen[c] == (qg_letter_byte(c) >= 0));
    /* of GPT-2's table */
    ck_assert_uint_eq(qg_byte_letter(' '), 0x120);
    ck_assert_uint_eq(qg_byte_letter('\n'), 0x10a);
    ck_assert_uint_eq(qg_byte_letter(0), 0x100);
    ck_assert_uint_eq(qg_byte_letter(0x7f), 0x121);
    ck_assert_uint_eq(qg_byte_letter(0xa0), 0x142);
    ck_assert_uint_eq(qg_byte_letter(0xad), 0x143);
    ck_assert_uint_eq(qg_byte_letter('!'), '!');
    ck_assert_int_eq(qg_letter_byte(0x4e00), -1);
}
END_TEST

START_TEST(classes_of_characters)
{
    static const uint32_t spaces[] = {'\t', '\r', ' ', 0x85, 0xa0, 0x1680, 0x2028, 0x205f, 0x3000};
    static const uint32_t no_spaces[] = {'a', 0x1c, 0x1f, 0x180e, 0x200b, 0xfeff};

    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        ck_assert_msg(qg_char_is_space(spaces[i]), "U+%04X", spaces[i]);
    for (size_t i = 0; i < sizeof no_spaces / sizeof *no_spaces; i++)
        ck_assert_msg(!qg_char_is_space(no_spaces[i]), "U+%04X", no_spaces[i]);
    ck_assert(qg_char_is_number('7') && qg_char_is_number(0xb2) && qg_char_is_number(0x2160) &&
              qg_char_is_number(0x663) && !qg_char_is_number('a') && !qg_char_is_number(0x4e00));
    ck_assert(qg_char_is_word('a') && qg_char_is_word('_') && qg_char_is_word(0x200d) &&
              qg_char_is_word(0x301) && qg_char_is_word(0x24b6) && !qg_char_is_word(0xb2) &&
              !qg_char_is_word('-') && !qg_char_is_word(0x1f600));
    ck_assert(qg_char_is_punctuation('$') && qg_char_is_punctuation('_') &&
              qg_char_is_punctuation(0x2014) && qg_char_is_punctuation(0x166d) &&
              !qg_char_is_punctuation(0x2e43) && !qg_char_is_punctuation('a') &&
              !qg_char_is_punctuation(0xa2) && !qg_char_is_punctuation(' '));
}
END_TEST

Suite *normalize_check(void)
{
    Suite *s = suite_create("normalize_check");
    TCase *t = tcase_create("normalize");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, forms_of_annex_15);
    tcase_add_test(t, a_long_run_of_marks_is_sorted);
    tcase_add_test(t, characters_newer_than_upstreams_tables);
    tcase_add_test(t, other_normalizers);
    tcase_add_test(t, rules_for_translation);
    tcase_add_test(t, the_head_follows_its_character);
    tcase_add_test(t, clusters_of_annex_29);
    tcase_add_test(t, bad_normalizers_are_refused);
    tcase_add_test(t, bytes_and_letters_are_one_to_one);
    tcase_add_test(t, classes_of_characters);
    suite_add_tcase(s, t);
    return s;
}
