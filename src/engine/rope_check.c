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

static qg_rope_config config_of(const qg_json *line)
{
    const qg_json *scaling = qg_json_get(line, "rope_scaling");
    qg_rope_config r = {.theta = number(line, "rope_theta"), .factor = number(scaling, "factor")};
    qg_str type = QG_STR("");

    qg_json_str(qg_json_get(scaling, "rope_type"), &type);
    r.type = qg_str_is(type, "linear")   ? QG_ROPE_LINEAR
             : qg_str_is(type, "llama3") ? QG_ROPE_LLAMA3
                                         : QG_ROPE_NONE;
    r.low_freq_factor = number(scaling, "low_freq_factor");
    r.high_freq_factor = number(scaling, "high_freq_factor");
    r.original_max_positions = (int64_t)number(scaling, "original_max_position_embeddings");
    return r;
}

/* The vectors have 7 digits, transformers' own numbers 24 bits. */
START_TEST(frequencies_are_those_of_transformers)
{
    qg_arena *arena = fixture_arena();
    qg_str text, row;
    qg_err err = {0};
    int n_lines = 0;

    ck_assert_int_eq(
        qg_file_read(&text, arena, fixture_path("golden/vectors/rope.jsonl"), 1 << 20, &err),
        QG_OK);
    qg_str_split(&text, '\n', &row); /* the head */
    for (; qg_str_split(&text, '\n', &row) && row.len; n_lines++) {
        const qg_json *line, *want;
        float freq[128];
        ck_assert_int_eq(qg_json_parse(&line, arena, row, "rope.jsonl", &err), QG_OK);
        qg_rope_config rope = config_of(line);
        int head_dim = (int)number(line, "head_dim");
        ck_assert_int_le(head_dim, 256);
        qg_rope_frequencies(freq, &rope, head_dim, 0);
        want = qg_json_get(line, "inv_freq");
        ck_assert_uint_eq(qg_json_len(want), (size_t)head_dim / 2);
        for (int i = 0; i < head_dim / 2; i++) {
            double w = 0;
            ck_assert(qg_json_real(qg_json_at(want, (size_t)i), &w));
            ck_assert_msg(fabs(freq[i] - w) <= 6e-7 * w, "line %d, %d: %.9g, not %.9g", n_lines, i,
                          (double)freq[i], w);
        }
    }
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
}
END_TEST

Suite *rope_check(void)
{
    Suite *s = suite_create("rope_check");
    TCase *c = tcase_create("rope");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, fixture_begin, fixture_end);
    tcase_add_test(c, frequencies_are_those_of_transformers);
    tcase_add_test(c, angles_are_position_times_frequency);
    return s;
}
