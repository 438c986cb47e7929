/* Unit tests of record/blame: to JSON and back within a run, what is refused, and names of parts.
 */
#include "record/record_json.h"

#include "base/scratch_check.h"

static qg_blame_group groups[] = {{3, 192, 255, 0.93}, {0, -1, -1, 0.5}};
static qg_blame_row rows[] = {{17, 0.4}};
static qg_blame_part parts[] = {{-1, "embed", 0}, {0, "q", 0.05}, {1, "down", QG_BLAME_ERROR_MAX}};
static const qg_blame full = {.case_id = "awq/quality",
                              .metric = QG_METRIC_DRIFT_LOGPROB_MAX,
                              .cause = QG_CAUSE_CHECKPOINT,
                              .message = "layer 1 down: \"odd\"\n",
                              .fix = "make it again",
                              .prompt = "p03",
                              .n_tokens = 19,
                              .tier = "avx2",
                              .beside = "ref",
                              .layer = 1,
                              .part = "down",
                              .tensor = "model.layers.1.mlp.down_proj",
                              .error = 0.25,
                              .usual = 0.125,
                              .n_more = 2,
                              .row = 5,
                              .n_groups = 12,
                              .group_median = 0.0625,
                              .groups = groups,
                              .n_groups_shown = 2,
                              .row_median = 0.03125,
                              .rows = rows,
                              .n_rows_shown = 1,
                              .parts = parts,
                              .n_parts = 3,
                              .bundle = "out/bundles/awq-quality"};

static qg_run run_with(qg_blame *b)
{
    return (qg_run){.suite = "s", .blames = b, .n_blames = b ? 1 : 0};
}

static const char *to_json(const qg_run *run)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    ck_assert_msg(qg_run_to_json(&b, run, &err) == QG_OK, "%s", err.message);
    return b.ptr;
}

START_TEST(a_blame_reads_back_as_it_was)
{
    qg_blame b = full;
    qg_run run = run_with(&b), *back;
    const char *text = to_json(&run);

    ck_assert_int_eq(qg_run_from_json(&back, arena, qg_str_from(text), "x", &err), QG_OK);
    ck_assert_uint_eq(back->n_blames, 1);
    ck_assert_str_eq(to_json(back), text);
    const qg_blame *r = back->blames;
    ck_assert_str_eq(r->message, full.message);
    ck_assert_int_eq((int)r->layer, 1);
    ck_assert_int_eq((int)r->row, 5);
    ck_assert_double_eq(r->usual, 0.125);
    ck_assert_int_eq((int)r->groups[1].first, -1);
    ck_assert_str_eq(r->parts[2].part, "down");
    ck_assert_double_eq(r->parts[2].error, QG_BLAME_ERROR_MAX);
}
END_TEST

START_TEST(a_run_without_blames_has_no_key)
{
    qg_run run = run_with(NULL), *back;
    const char *text = to_json(&run);

    ck_assert_ptr_null(strstr(text, "blames"));
    ck_assert_int_eq(qg_run_from_json(&back, arena, qg_str_from(text), "x", &err), QG_OK);
    ck_assert_uint_eq(back->n_blames, 0);
}
END_TEST

/* The run's text with `was` of the blame as `is`. */
static void refuses(const char *was, const char *is, const char *message)
{
    qg_blame b = full;
    qg_run run = run_with(&b), *back;
    const char *text = to_json(&run), *at = strstr(text, was);

    ck_assert_msg(at != NULL, "%s", was);
    const char *edited =
        qg_arena_format(arena, "%.*s%s%s", (int)(at - text), text, is, at + strlen(was));
    qg_err_clear(&err);
    ck_assert_int_eq(qg_run_from_json(&back, arena, qg_str_from(edited), "x", &err), QG_EFORMAT);
    char all[2048];
    ck_assert_msg(strstr(qg_err_format(&err, all, sizeof all), message), "'%s' lacks '%s'", all,
                  message);
}

START_TEST(a_broken_blame_is_refused)
{
    refuses("\"cause\":\"checkpoint\",", "", "'cause' is absent");
    refuses("\"metric\":\"drift_logprob_max\"", "\"metric\":null", "has no 'metric'");
    refuses("\"metric\":\"drift_logprob_max\"", "\"metric\":\"odd\"", "unknown value 'odd'");
    refuses("\"n_tokens\":19", "\"n_tokens\":-1", "out of range");
    refuses("\"group\":3", "\"group\":\"x\"", "entry 0 of 'groups'");
    refuses("\"parts\":[", "\"parts\":[4,", "entry 0 of 'parts'");
    refuses("\"blames\":[{", "\"blames\":[7,{", "blame 0");
    refuses("\"error\":0.25", "\"error\":null", "'error' is null");
}
END_TEST

START_TEST(a_blame_belongs_to_its_failed_judgement)
{
    qg_blame b = full;
    qg_run run = run_with(&b);
    qg_judgement j = {.case_id = "awq/quality",
                      .metric = QG_METRIC_DRIFT_LOGPROB_MAX,
                      .verdict = QG_VERDICT_FAIL};

    ck_assert_ptr_eq(qg_run_blame(&run, &j), &b);
    j.verdict = QG_VERDICT_PASS;
    ck_assert_ptr_null(qg_run_blame(&run, &j));
    j.verdict = QG_VERDICT_FAIL;
    j.metric = QG_METRIC_PPL;
    ck_assert_ptr_null(qg_run_blame(&run, &j));
    j.metric = b.metric;
    j.case_id = "gptq/quality";
    ck_assert_ptr_null(qg_run_blame(&run, &j));
}
END_TEST

START_TEST(parts_are_called_as_people_call_them)
{
    ck_assert_str_eq(qg_blame_where(arena, 1, "down", "model.layers.1.mlp.down_proj"),
                     "layer 1 down");
    ck_assert_str_eq(qg_blame_where(arena, 2, "attention_norm", "model.layers.2.input_layernorm"),
                     "layer 2 input_layernorm");
    ck_assert_str_eq(qg_blame_where(arena, 0, "attention", NULL), "layer 0 attention");
    ck_assert_str_eq(qg_blame_where(arena, -1, "lm_head", "model.embed_tokens"), "lm_head");
    ck_assert_str_eq(qg_blame_where(arena, -1, "final_norm", "model.norm"), "norm");
}
END_TEST

Suite *blame_check(void)
{
    Suite *s = suite_create("blame_check");
    TCase *t = tcase_create("blame");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_blame_reads_back_as_it_was);
    tcase_add_test(t, a_run_without_blames_has_no_key);
    tcase_add_test(t, a_broken_blame_is_refused);
    tcase_add_test(t, a_blame_belongs_to_its_failed_judgement);
    tcase_add_test(t, parts_are_called_as_people_call_them);
    suite_add_tcase(s, t);
    return s;
}
