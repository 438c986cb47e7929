/* Unit tests of record/quantized: what is written is read again, and reports that are broken are
 * refused with the place. */
#include "record/quantized.h"

#include "check_suites.h"

#include <math.h>
#include <string.h>

static qg_arena *arena;
static qg_err err;

static void setup(void)
{
    arena = qg_arena_create();
    qg_err_clear(&err);
}

static void teardown(void)
{
    qg_arena_free(arena);
}

static qg_outlier outliers[] = {{17, 41.5}, {3, 6.25}};
static qg_quantized_linear linears[] = {
    {.name = "model.layers.0.self_attn.q_proj",
     .projection = "q",
     .layer = 0,
     .n = 64,
     .k = 96,
     .weight_error = 0.125,
     .weight_norm = 3.5,
     .is_calibrated = true,
     .output_error = 0.0625,
     .clipped = 0.5,
     .is_scaled = true,
     .strength = 0.75,
     .damp = 0.01,
     .n_dead = 2,
     .outliers = outliers,
     .n_outliers = 2,
     .wall_ns = 123456789},
    {.name = "model.layers.1.mlp.down_proj",
     .projection = "down",
     .layer = 1,
     .n = 96,
     .k = 256,
     .weight_error = 0.25,
     .weight_norm = 1},
};
static const qg_quantized report = {.method = "gptq",
                                    .format = "gptq_v2",
                                    .activations = "float",
                                    .bits = 4,
                                    .group_size = 32,
                                    .symmetric = true,
                                    .act_order = true,
                                    .source_hash = "abc",
                                    .calibration_hash = "def",
                                    .n_windows = 128,
                                    .window = 512,
                                    .tier = "avx2",
                                    .n_threads = 2,
                                    .bytes_before = 1000000000000,
                                    .bytes_after = 300000000000,
                                    .wall_ns = 5000000000,
                                    .peak_rss = 123 << 20,
                                    .weight_error = 0.1,
                                    .linears = linears,
                                    .n_linears = 2};

static const char *text_of(const qg_quantized *q)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_quantized_to_json(&b, q, &err), QG_OK);
    return qg_str_dup(arena, qg_buf_view(&b));
}

static qg_status read_text(qg_quantized **out, const char *text)
{
    return qg_quantized_from_json(out, arena, qg_str_from(text), "r.json", &err);
}

START_TEST(what_is_written_is_read_again)
{
    const char *text = text_of(&report);
    qg_quantized *q;

    ck_assert_int_eq(read_text(&q, text), QG_OK);
    ck_assert_str_eq(text_of(q), text);
    ck_assert_str_eq(q->method, "gptq");
    ck_assert_int_eq(q->bytes_before, 1000000000000);
    ck_assert_uint_eq(q->n_linears, 2);
    ck_assert_str_eq(q->linears[0].name, "model.layers.0.self_attn.q_proj");
    ck_assert_double_eq(q->linears[0].output_error, 0.0625);
    ck_assert_uint_eq(q->linears[0].n_outliers, 2);
    ck_assert_int_eq(q->linears[0].outliers[0].input, 17);
    ck_assert_double_eq(q->linears[0].outliers[1].ratio, 6.25);
    ck_assert(!q->linears[1].is_calibrated);
}
END_TEST

static void assert_refused(const char *text, const char *message)
{
    qg_quantized *q;
    char all[1200];

    qg_err_clear(&err);
    ck_assert_int_eq(read_text(&q, text), QG_EFORMAT);
    qg_err_format(&err, all, sizeof all);
    ck_assert_msg(strstr(all, message) != NULL, "'%s' instead of '%s'", all, message);
    ck_assert_msg(strstr(all, "r.json") != NULL, "'%s'", all);
}

/* The report with one piece of its text replaced. */
static const char *changed(const char *from, const char *to)
{
    const char *text = text_of(&report), *at = strstr(text, from);

    ck_assert_ptr_nonnull(at);
    return qg_arena_format(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

START_TEST(broken_reports_are_refused)
{
    assert_refused("", "r.json");
    assert_refused("[]", "an object was expected");
    assert_refused("{}", "'method'");
    assert_refused(changed("\"bits\":4", "\"bits\":-4"), "'bits' is -4");
    assert_refused(changed("\"bits\":4", "\"bits\":\"four\""), "'bits' is a string");
    assert_refused(changed("\"output_error\":0.0625", "\"output_error\":1e999"), "r.json");
    assert_refused(changed("\"projection\":\"down\"", "\"projection\":null"), "linear 1");
    assert_refused(changed("{\"input\":3,", "{\"input\":-3,"), "entry 1 of 'outliers'");
}
END_TEST

START_TEST(numbers_that_are_none_are_not_written)
{
    qg_quantized bad = report;
    qg_buf b;

    bad.weight_error = NAN;
    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_quantized_to_json(&b, &bad, &err), QG_ENONFINITE);
    ck_assert_ptr_nonnull(strstr(err.message, "weight_error"));
}
END_TEST

Suite *quantized_check(void)
{
    Suite *s = suite_create("quantized_check");
    TCase *t = tcase_create("quantized");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_written_is_read_again);
    tcase_add_test(t, broken_reports_are_refused);
    tcase_add_test(t, numbers_that_are_none_are_not_written);
    suite_add_tcase(s, t);
    return s;
}
