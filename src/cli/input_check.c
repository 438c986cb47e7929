/* Unit tests of cli/input and cli/token_text: what is taken, what is refused and where, and
 * allocations that fail. */
#include "cli/input.h"

#include "base/folder_check.h"
#include "cli/token_text.h"

static qg_err err;

static void setup(void)
{
    folder_begin();
    qg_err_clear(&err);
}

static const char *file_of(qg_str content)
{
    const char *path = qg_path_join(arena, folder, "in.jsonl");
    ck_assert_int_eq(qg_file_write(path, content, &err), QG_OK);
    return path;
}

static qg_status read_jsonl(qg_inputs *in, qg_str content)
{
    qg_input_options o = {.input = file_of(content)};
    qg_err_clear(&err);
    return qg_inputs_read(in, arena, &o, &err);
}

static qg_status read_ids(qg_inputs *in, const char *list)
{
    qg_input_options o = {.ids = {&list, 1}};
    qg_err_clear(&err);
    return qg_inputs_read(in, arena, &o, &err);
}

START_TEST(one_kind_of_input_is_wanted)
{
    const char *word = "1";
    qg_inputs in;
    qg_input_options none = {0}, two = {.text = {&word, 1}, .ids = {&word, 1}};

    ck_assert_int_eq(qg_inputs_read(&in, arena, &none, &err), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.message, "no input"));
    qg_err_clear(&err);
    ck_assert_int_eq(qg_inputs_read(&in, arena, &two, &err), QG_EARG);
    ck_assert_ptr_nonnull(strstr(err.message, "more than one kind"));
}
END_TEST

START_TEST(ids_are_read_as_written)
{
    static const char *const wrong[] = {"1,,2", "1,", ",1", "-1", "2147483648", "1.0", "x", "1 2"};
    qg_inputs in;

    ck_assert_int_eq(read_ids(&in, "7, 0,2147483647"), QG_OK);
    ck_assert_uint_eq(in.at[0].ids.n, 3);
    ck_assert_int_eq(in.at[0].ids.id[0], 7);
    ck_assert_int_eq(in.at[0].ids.id[1], 0);
    ck_assert_int_eq(in.at[0].ids.id[2], 2147483647);
    ck_assert_int_eq(read_ids(&in, ""), QG_OK);
    ck_assert_uint_eq(in.at[0].ids.n, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(read_ids(&in, wrong[i]) == QG_EARG, "'%s' was taken", wrong[i]);
}
END_TEST

START_TEST(lines_are_texts_or_ids)
{
    qg_inputs in;

    ck_assert_int_eq(read_jsonl(&in, QG_STR("{\"text\":\"a\\u0000b\",\"more\":1}\r\n"
                                            "{\"ids\":[]}\n{\"text\":\"\"}")),
                     QG_OK);
    ck_assert_uint_eq(in.n, 3);
    ck_assert(in.is_jsonl);
    ck_assert(in.at[0].is_text && qg_str_eq(in.at[0].text, QG_STR("a\0b")));
    ck_assert(!in.at[1].is_text && in.at[1].ids.n == 0);
    ck_assert(in.at[2].is_text && in.at[2].text.len == 0);
    ck_assert_int_eq(in.at[2].line, 3);
}
END_TEST

START_TEST(a_wrong_line_is_named)
{
    static const qg_str wrong[] = {{"", 0},
                                   QG_STR("[1]"),
                                   QG_STR("{}"),
                                   QG_STR("{\"ids\":1}"),
                                   QG_STR("{\"t"),
                                   QG_STR("{\"text\":1}"),
                                   QG_STR("{\"ids\":[1.5]}"),
                                   QG_STR("\"a\""),
                                   QG_STR("{\"ids\":[-1]}"),
                                   QG_STR("{\"ids\":[2147483648]}"),
                                   QG_STR("{\"text\":\"\xff\"}"),
                                   QG_STR("{\"text\":\"a\",\"ids\":[1]}"),
                                   QG_STR("{\"text\":\"\\ud800\"}")};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        qg_inputs in;
        qg_buf b;
        qg_buf_init(&b, arena);
        qg_buf_text(&b, "{\"ids\":[1]}\n");
        qg_buf_str(&b, wrong[i]);
        qg_buf_text(&b, "\n{\"ids\":[1]}\n");
        qg_status s = read_jsonl(&in, qg_buf_view(&b));
        ck_assert_msg(qg_status_exit(s) == 2, "line %zu was taken", i);
        ck_assert_msg(err.line == 2 && strstr(err.file, "in.jsonl"), "%zu: %s:%d %s", i, err.file,
                      err.line, err.message);
    }
    qg_inputs in;
    ck_assert_int_eq(read_jsonl(&in, QG_STR("")), QG_EARG);
}
END_TEST

START_TEST(failing_allocations_are_reported)
{
    qg_input_options o = {.input = file_of(QG_STR("{\"text\":\"a\"}\n{\"ids\":[1,2]}\n"))};
    qg_inputs in;
    qg_status s;

    for (long n = 1;; n++) {
        qg_err_clear(&err);
        qg_arena *scratch = qg_arena_create();
        qg_arena_fail_after(n);
        s = qg_inputs_read(&in, scratch, &o, &err);
        bool waiting = qg_arena_fail_after(0);
        qg_arena_free(scratch);
        if (waiting)
            break;
        ck_assert_int_eq(s, QG_ENOMEM);
    }
    ck_assert_int_eq(s, QG_OK);
}
END_TEST

static void quotes_as(qg_str bytes, const char *expected)
{
    qg_buf b;
    qg_buf_init(&b, arena);
    qg_token_quote(&b, bytes);
    ck_assert_str_eq(b.ptr, expected);
}

START_TEST(tokens_are_shown_on_one_line)
{
    qg_buf b;

    quotes_as(QG_STR(""), "\"\"");
    quotes_as(QG_STR(" the"), "\" the\"");
    quotes_as(QG_STR("\"\\\n\t\r"), "\"\\\"\\\\\\n\\t\\x0d\"");
    quotes_as(QG_STR("\0\x7f"), "\"\\x00\\x7f\"");
    quotes_as(QG_STR("\xc3\xa9\xc2\x85"), "\"\xc3\xa9\\xc2\\x85\""); /* U+0085 is a control */
    quotes_as(QG_STR("\xf0\x9f"), "\"\\xf0\\x9f\"");
    qg_buf_init(&b, arena);
    qg_token_hex(&b, QG_STR("<s>\xff"));
    ck_assert_str_eq(b.ptr, "3c733eff");
}
END_TEST

Suite *input_check(void)
{
    Suite *s = suite_create("input_check");
    TCase *t = tcase_create("input");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, one_kind_of_input_is_wanted);
    tcase_add_test(t, ids_are_read_as_written);
    tcase_add_test(t, lines_are_texts_or_ids);
    tcase_add_test(t, a_wrong_line_is_named);
    tcase_add_test(t, failing_allocations_are_reported);
    tcase_add_test(t, tokens_are_shown_on_one_line);
    suite_add_tcase(s, t);
    return s;
}
