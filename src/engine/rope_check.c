/* Unit tests of engine/rope against the inverse frequencies of transformers' own rotary embedding
 * (golden/vectors/rope.jsonl), and of the table against the library's cosine. */
#include "engine/rope.h"

#include "base/file.h"
#include "engine/reference_check.h"

#include "check_suites.h"

#include <math.h>

static double number(const qg_json *object, const char *key)
{
    double v = 0;

    qg_json_real(qg_json_get(object, key), &v);
    return v;
}

/* The configuration of a line, which has the keys of a config.json, but those of the shape. */
static const qg_json *parse(qg_model_config *c, qg_str row)
{
    const qg_json *line;
    qg_err err = {0};
    const char *text = qg_arena_format(
        fixture_arena(),
        "{\"model_type\":\"llama\",\"vocab_size\":1,\"num_hidden_layers\":1,\"hidden_size\":1,"
        "\"num_attention_heads\":1,\"intermediate_size\":1,%.*s",
        (int)row.len - 1, row.ptr + 1);

    ck_assert_int_eq(qg_json_parse(&line, fixture_arena(), qg_str_from(text), "line", &err), QG_OK);
    ck_assert_msg(qg_config_parse(c, line, NULL, &err) == QG_OK, "%s", err.message);
    return line;
}

static void compare(qg_str row, int n_line)
{
    qg_model_config c;
    const qg_json *line = parse(&c, row), *want = qg_json_get(line, "inv_freq");
    int head_dim = c.head_dim;
    double factor = qg_json_get(line, "attention_factor") ? number(line, "attention_factor") : 1;
    float freq[128];

    ck_assert_int_le(head_dim, 256);
    qg_rope_frequencies(freq, &c.rope, head_dim, (int)number(line, "seq_len"));
    ck_assert_uint_eq(qg_json_len(want), (size_t)head_dim / 2);
    for (int i = 0; i < head_dim / 2; i++) {
        double w = 0;
        ck_assert(qg_json_real(qg_json_at(want, (size_t)i), &w));
        ck_assert_msg(fabs(freq[i] - w) <= 6e-7 * w, "line %d, %d: %.9g, not %.9g", n_line, i,
                      (double)freq[i], w);
    }
    ck_assert_double_eq_tol(qg_rope_scale(&c.rope), factor, 6e-7 * factor);
}

/* The vectors have 7 digits, transformers' own numbers 24 bits. */
START_TEST(frequencies_are_those_of_transformers)
{
    static const char *const files[] = {"golden/vectors/rope.jsonl",
                                        "golden/vectors/rope-by-length.jsonl"};
    qg_arena *arena = fixture_arena();
    qg_str text, row;
    qg_err err = {0};
    int n_lines = 0;

    ck_assert_int_eq(qg_file_read(&text, arena, fixture_path(files[_i]), 1 << 20, &err), QG_OK);
    qg_str_split(&text, '\n', &row); /* the head */
    for (; qg_str_split(&text, '\n', &row) && row.len; n_lines++)
        compare(row, n_lines);
    ck_assert_int_ge(n_lines, 20);
}
END_TEST

START_TEST(angles_are_position_times_frequency)
{
    static const float freq[] = {1, 0.25f, 1e-4f};
    float row[6];

    qg_rope_angles(row, freq, 6, 0, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_float_eq(row[i], 1);
        ck_assert_float_eq(row[3 + i], 0);
    }
    qg_rope_angles(row, freq, 6, 131071, 1);
    ck_assert_double_eq_tol(row[0], cos(131071), 1e-7);
    ck_assert_double_eq_tol(row[1], cos(32767.75), 1e-7);
    ck_assert_double_eq_tol(row[3], sin(131071), 1e-7);
    ck_assert_double_eq_tol(row[5], sin(13.1071), 1e-6);
    qg_rope_angles(row, freq, 6, 2, 1.5f); /* yarn scales both */
    ck_assert_double_eq_tol(row[0], 1.5 * cos(2), 1e-6);
    ck_assert_double_eq_tol(row[4], 1.5 * sin(0.5), 1e-6);
}
END_TEST

Suite *rope_check(void)
{
    Suite *s = suite_create("rope_check");
    TCase *c = tcase_create("rope");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, fixture_begin, fixture_end);
    tcase_add_loop_test(c, frequencies_are_those_of_transformers, 0, 2);
    tcase_add_test(c, angles_are_position_times_frequency);
    return s;
}
