/* Unit tests of suite/suite: the design's example, every file of suites/bad against the refusal
 * that was written for it by hand, defaults, fault injection. */
#include "suite/suite.h"

#include "base/folder_check.h"

#include <stdlib.h>
#include <unistd.h>

static qg_findings findings;

static void setup(void)
{
    const char *root = getenv("QG_ROOT");

    folder_begin();
    ck_assert_int_eq(chdir(root ? root : "."), 0);
    unsetenv("QG_CHECK_UNSET");
}

static qg_suite *good(const char *path)
{
    qg_suite *s = NULL;
    qg_err err = {0};
    char text[1200];

    if (qg_suite_read(&s, &findings, arena, path, &err) != QG_OK)
        ck_abort_msg("%s", qg_err_format(&err, text, sizeof text));
    return s;
}

/* The example of the design, with folders that exist. */
static const char example[] =
    "version: 1\n"
    "name: llama2-7b release gate\n"
    "models:\n"
    "  fp16: {model: m, dtype: float16}\n"
    "  int8: {model: m, quantization: int8, calibration: data/calibration.txt}\n"
    "  gptq: {model: m, quantization: gptq, revision: gptq-4bit-128g-actorder_True}\n"
    "  awq:  {model: m, quantization: awq}\n"
    "  mine: {from: fp16, quantize: {method: gptq, bits: 4, group_size: 128, act_order: true, "
    "calibration: data/calibration.txt}}\n"
    "reference: fp16\n"
    "engine: {device: cuda, max_model_len: 2048, gpu_memory_utilization: 0.9, seed: 7}\n"
    "quality:\n"
    "  prompts: data/prompts.txt            # or an inline list\n"
    "  golden: golden/text/llama2-7b        # blessed outputs\n"
    "  text: data/validation.txt\n"
    "  window: 512\n"
    "  tasks: [data/capitals.jsonl]\n"
    "  budgets:\n"
    "    fp16: {golden_logprob_max: 0.02, same_top: 99.5 %}\n"
    "    int8: {ppl_increase: 1.5 %, kld_mean: 0.01, same_top: 96 %}\n"
    "    gptq: {ppl_increase: 5 %, kld_mean: 0.05, same_top: 90 %}\n"
    "    awq:  {ppl_increase: 4 %, kld_mean: 0.05, same_top: 90 %, accuracy_drop: 1 pp}\n"
    "performance:\n"
    "  production: {input_len: 512, output_len: 128, batch: [8, 1, 32]}\n"
    "  samples: {min: 60, max: 400, warmup: 5}\n"
    "  budgets:\n"
    "    fp16:\n"
    "      - {batch: 1, ttft_p95: 60 ms, tpot_p95: 9 ms}\n"
    "    awq:\n"
    "      - {batch: 1,  ttft_p95: 60 ms, tpot_p50: 3 ms, tpot_p95: 4 ms, memory_peak: 5.5 GiB, "
    "weights_vs_fp16: 0.32x, tpot_vs_fp16: 0.6x}\n"
    "      - {batch: 32, throughput: 2500 tok/s, memory_peak: 15.5 GiB, throughput_vs_fp16: "
    "0.95x}\n"
    "regression:\n"
    "  baseline: golden/baseline\n"
    "  allow: {tpot_p50: 5 %, ttft_p95: 10 %, throughput: 5 %, memory_peak: 0 B, kld_mean: 10 %}\n"
    "  confidence: 95 %\n"
    "  inconclusive: rerun                  # rerun | warn | fail\n"
    "  inconclusive_final: warn\n"
    "checklist: {ab_evidence: ab.json, max_age: 30 d, card: MODEL_CARD.md}\n";

static qg_suite *read_example(void)
{
    folder_put("m/config.json", "{}");
    folder_put("data/calibration.txt", "a\n");
    folder_put("data/prompts.txt", "one\n\ntwo\n");
    folder_put("data/validation.txt", "a\nb\n\nc\n");
    folder_put("data/capitals.jsonl", "{}\n");
    return good(folder_put("x.yaml", example));
}

START_TEST(the_example_of_the_design_is_read)
{
    qg_suite *s = read_example();
    const qg_suite_model *mine = qg_suite_model_of(s, QG_STR("mine"));

    ck_assert_str_eq(s->name, "llama2-7b release gate");
    ck_assert_uint_eq(s->n_models, 5);
    ck_assert_str_eq(s->reference->name, "fp16");
    ck_assert(s->reference->is_reference && !mine->is_reference);
    ck_assert_int_eq(s->reference->dtype, QG_CHOOSE_FLOAT16);
    ck_assert_str_eq(s->reference->method, "fp16");
    ck_assert_str_eq(s->models[1].method, "int8");
    ck_assert(qg_str_ends(qg_str_from(s->models[1].calibration), QG_STR("/data/calibration.txt")));
    ck_assert_str_eq(s->models[2].revision, "gptq-4bit-128g-actorder_True");
    ck_assert_int_eq(s->models[2].method_place.line, 6);
    ck_assert_str_eq(mine->method, "gptq");
    ck_assert_str_eq(mine->from, "fp16");
    ck_assert_int_eq(mine->quantize.bits, 4);
    ck_assert(mine->quantize.act_order && mine->quantize.sym == 0);
    ck_assert_str_eq(s->engine.device, "cuda");
    ck_assert_int_eq(s->engine.max_model_len, 2048);
    ck_assert_uint_eq(s->quality.prompts.n, 2);
    ck_assert_uint_eq(s->quality.documents.n, 2);
    ck_assert(qg_str_is(s->quality.documents.at[0], "a\nb"));
    ck_assert_uint_eq(s->quality.tasks.n, 1);
    ck_assert_uint_eq(s->performance.n_batch, 3);
    ck_assert_int_eq(s->performance.batch[0], 1);
    ck_assert_int_eq(s->performance.batch[2], 32);
    ck_assert_uint_eq(strlen(s->hash), 64);
    ck_assert_double_eq(s->checklist.max_age_days, 30);
}
END_TEST

static void is_expect(const qg_expect *e, qg_metric m, double limit, int batch, const char *written,
                      int line, int column)
{
    ck_assert_int_eq(e->metric, m);
    ck_assert_double_eq_tol(e->limit, limit, 1e-12 * limit);
    ck_assert_int_eq(e->batch, batch);
    ck_assert_str_eq(e->written, written);
    ck_assert_int_eq(e->place.line, line);
    ck_assert_int_eq(e->place.column, column);
}

START_TEST(budgets_are_canonical_and_know_their_line)
{
    qg_suite *s = read_example();
    const qg_suite_model *awq = &s->models[3];

    ck_assert_uint_eq(s->reference->quality.n, 2);
    is_expect(&s->reference->quality.at[1], QG_METRIC_SAME_TOP, 0.995, 0, "99.5 %", 18, 38);
    ck_assert_uint_eq(awq->quality.n, 4);
    is_expect(&awq->quality.at[3], QG_METRIC_ACCURACY_DROP, 1, 0, "1 pp", 21, 63);
    ck_assert_uint_eq(awq->performance.n, 9);
    is_expect(&awq->performance.at[3], QG_METRIC_MEMORY_PEAK, 5.5 * 1073741824, 1, "5.5 GiB", 29,
              70);
    is_expect(&awq->performance.at[4], QG_METRIC_WEIGHTS_VS_FP16, 0.32, 1, "0.32x", 29, 92);
    is_expect(&awq->performance.at[6], QG_METRIC_THROUGHPUT, 2500, 32, "2500 tok/s", 30, 21);
}
END_TEST

START_TEST(regression_allows_shares_and_amounts)
{
    qg_suite *s = read_example();

    ck_assert(s->regression.present);
    ck_assert_uint_eq(s->regression.n_allow, 5);
    ck_assert_int_eq(s->regression.allow[0].metric, QG_METRIC_TPOT_P50);
    ck_assert(s->regression.allow[0].is_share);
    ck_assert_double_eq(s->regression.allow[0].amount, 0.05);
    ck_assert(!s->regression.allow[3].is_share);
    ck_assert_double_eq(s->regression.allow[3].amount, 0);
    ck_assert_int_eq(s->regression.inconclusive, QG_INCONCLUSIVE_RERUN);
}
END_TEST

START_TEST(weak_gates_are_warned_of)
{
    folder_put("m/config.json", "{}");
    good(folder_put("x.yaml", "version: 1\nname: x\nmodels: {a: {model: m}, b: {model: m}}\n"
                              "reference: a\nperformance:\n  production: {}\n"
                              "  samples: {min: 10, max: 58}\n  budgets:\n"
                              "    a: [{batch: 1, ttft_p50: 1 s, ttft_p95: 1 s, itl_p99: 1 s}]\n"));
    ck_assert_uint_eq(findings.n, 3);
    ck_assert_int_eq(findings.at[0].severity, QG_SEVERITY_NOTE);
    ck_assert_str_eq(findings.at[0].message,
                     "'b' has no budget: it is measured and shown, and cannot fail");
    ck_assert_int_eq(findings.at[1].severity, QG_SEVERITY_WARNING);
    ck_assert_int_eq(findings.at[1].place.line, 9);
    ck_assert_int_eq(findings.at[1].place.column, 35);
    ck_assert_str_eq(findings.at[1].message, "gate too weak: 'ttft_p95' needs 59 samples to be "
                                             "sure at 95 %, and at most 58 are measured");
    ck_assert_str_eq(findings.at[1].suggestion, "raise 'max' of 'samples', or gate 'ttft_p50'");
    ck_assert_str_eq(findings.at[2].suggestion, "raise 'max' of 'samples', or gate 'itl_p50'");
}
END_TEST

START_TEST(calibrating_on_the_validation_text_is_warned_of)
{
    folder_put("m/config.json", "{}");
    folder_put("v.txt", "one\n\ntwo\n");
    folder_put("c.txt", "three\n\ntwo\n\nfour\n");
    good(folder_put("x.yaml", "version: 1\nname: x\nreference: a\nmodels:\n  a: {model: m}\n"
                              "  b: {from: a, quantize: {method: gptq, calibration: c.txt}}\n"
                              "  c: {from: a, quantize: {method: gptq, calibration: v.txt}}\n"
                              "quality: {text: v.txt, budgets: {a: {ppl: 9}, b: {ppl: 9}, "
                              "c: {ppl: 9}}}\n"));
    ck_assert_uint_eq(findings.n, 2);
    ck_assert_int_eq(findings.at[0].severity, QG_SEVERITY_WARNING);
    ck_assert_int_eq(findings.at[0].place.line, 6);
    ck_assert_int_eq(findings.at[0].place.column, 54);
    ck_assert_ptr_nonnull(strstr(findings.at[0].message, "1 of 3 documents of "));
    ck_assert_ptr_nonnull(strstr(findings.at[1].message, "2 of 2 documents of "));
}
END_TEST

START_TEST(same_top_needs_a_text_or_a_golden)
{
    static const char head[] = "version: 1\nname: x\nmodels: {a: {model: m}, b: {model: m}}\n"
                               "reference: a\nquality: {prompts: [p], %s, budgets: {%s: {same_top: "
                               "90 %%, ppl: 9}}}\n";
    char *path = folder_put("m/config.json", "{}");
    qg_suite *s;
    qg_err err = {0};

    good(folder_put("x.yaml", qg_arena_format(arena, head, "text: m/config.json", "b")));
    /* the reference has but its golden to be held to */
    path = folder_put("x.yaml", qg_arena_format(arena, head, "text: m/config.json", "a"));
    ck_assert_int_eq(qg_suite_read(&s, &findings, arena, path, &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "budget 'same_top' needs 'golden' in 'quality'");
    qg_err_clear(&err);
    path = folder_put("x.yaml", qg_arena_format(arena, head, "max_tokens: 4", "b"));
    ck_assert_int_eq(qg_suite_read(&s, &findings, arena, path, &err), QG_EFORMAT);
    ck_assert_str_eq(err.message, "budget 'same_top' needs 'golden' in 'quality'");
}
END_TEST

START_TEST(a_quantized_reference_is_warned_of)
{
    folder_put("m/config.json", "{}");
    good(folder_put("x.yaml", "version: 1\nname: x\nmodels:\n  a: {model: m}\n"
                              "  made: {from: a, quantize: {method: rtn}}\nreference: made\n"
                              "quality: {text: m/config.json, budgets: {a: {kld_mean: 0.1}, "
                              "made: {ppl: 9}}}\n"));
    ck_assert_uint_eq(findings.n, 1);
    ck_assert_int_eq(findings.at[0].severity, QG_SEVERITY_WARNING);
    ck_assert_int_eq(findings.at[0].place.line, 6);
    ck_assert_ptr_nonnull(strstr(findings.at[0].message, "reference 'made' is quantized"));
}
END_TEST

START_TEST(a_budget_merged_from_an_anchor_keeps_its_line)
{
    folder_put("m/config.json", "{}");
    qg_suite *s = good(folder_put("x.yaml", "version: 1\nname: x\nx-row: &row {weights: 1 MiB}\n"
                                            "models: {a: {model: m}}\nperformance:\n"
                                            "  production: {batch: [1, 2]}\n  budgets:\n    a:\n"
                                            "      - {batch: 1, <<: *row}\n"
                                            "      - {batch: 2, <<: *row, weights: 2 MiB}\n"));

    ck_assert_uint_eq(s->reference->performance.n, 2);
    is_expect(&s->reference->performance.at[0], QG_METRIC_WEIGHTS, 1048576, 1, "1 MiB", 3, 14);
    is_expect(&s->reference->performance.at[1], QG_METRIC_WEIGHTS, 2097152, 2, "2 MiB", 10, 30);
}
END_TEST

START_TEST(paths_lie_beside_the_file_that_names_them)
{
    folder_put("sub/m/config.json", "{}");
    folder_put("sub/models.yaml", "models: {a: {model: m}}\n");
    qg_suite *s = good(folder_put("x.yaml", "version: 1\nname: x\ninclude: [sub/models.yaml]\n"
                                            "quality: {prompts: [p], golden: nowhere/yet,\n"
                                            "  text: suites/data/validation.txt}\n"));

    ck_assert(qg_str_ends(qg_str_from(s->models[0].model), QG_STR("/sub/m")));
    ck_assert_str_eq(s->quality.text, "suites/data/validation.txt");
    ck_assert_str_eq(s->quality.golden, "nowhere/yet");
}
END_TEST

START_TEST(a_checklist_is_read)
{
    qg_suite *s = read_example();
    const qg_suite_checklist *k = &s->checklist;

    ck_assert(k->present && k->required[QG_CHECKITEM_AB] && k->p95 && k->p99);
    ck_assert_int_eq(k->place.line, 37);
    ck_assert_uint_eq(k->n_ab, 1);
    ck_assert_str_eq(k->ab[0].path, "ab.json");
    ck_assert_int_eq(k->card[0].place.column, 56);
    ck_assert_uint_eq(k->n_models, 4); /* all that are quantized */
    ck_assert_str_eq(k->models[0]->name, "int8");
    ck_assert_str_eq(k->models[3]->name, "mine");
    s = good(folder_put("y.yaml", "include: x.yaml\nchecklist:\n  require: [ab, card]\n"
                                  "  models: [mine]\n  percentiles: [p95]\n"
                                  "  base_model: org/base\n  card: [a.md, b.md]\n"
                                  "  waive: {ab: {reason: why, expires: 2026-03-31}}\n"));
    k = &s->checklist;
    ck_assert(!k->required[QG_CHECKITEM_BASELINE] && k->required[QG_CHECKITEM_CARD]);
    ck_assert(k->p95 && !k->p99);
    ck_assert_uint_eq(k->n_models, 1);
    ck_assert_uint_eq(k->n_card, 2);
    ck_assert_str_eq(k->card[1].path, "b.md");
    ck_assert_str_eq(k->base_model, "org/base");
    ck_assert_uint_eq(k->n_waivers, 1);
    ck_assert_int_eq(k->waivers[0].item, QG_CHECKITEM_AB);
    ck_assert_str_eq(k->waivers[0].expires, "2026-03-31");
    ck_assert_int_eq(k->waivers[0].place.line, 8);
    /* a suite that says nothing is asked for everything */
    s = good("suites/quant/llama.yaml");
    k = &s->checklist;
    ck_assert(!k->present && k->required[QG_CHECKITEM_BASELINE] && k->p99);
    ck_assert_str_eq(k->place.file, "suites/quant/llama.yaml");
    ck_assert_uint_eq(k->n_models, 3);
    ck_assert_uint_eq(k->n_ab + k->n_card + k->n_waivers, 0);
    ck_assert_double_eq(k->max_age_days, 30);
}
END_TEST

/* ---- refusals ---- */

static void check_refusal(const char *name)
{
    char *path = qg_arena_format(arena, "suites/bad/%s", name);
    char *expected_path =
        qg_arena_format(arena, "golden/refusals/%.*s.err", (int)strlen(name) - 5, name);
    qg_suite *s = NULL;
    qg_err err = {0};
    qg_str expected;
    qg_buf out;

    ck_assert(path && expected_path);
    if (qg_file_read(&expected, arena, expected_path, 1 << 16, &err) != QG_OK)
        ck_abort_msg("%s", err.message);
    ck_assert_msg(qg_suite_read(&s, &findings, arena, path, &err) == QG_EFORMAT, "%s", path);
    ck_assert_ptr_null(s);
    qg_buf_init(&out, arena);
    qg_findings_format(&out, &findings);
    if (!qg_str_eq(qg_buf_view(&out), expected))
        ck_abort_msg("%s says:\n%.1500s", path, out.ptr);
    /* the qg_err is the first finding that is an error */
    char line[1200];
    qg_err_format(&err, line, sizeof line);
    for (size_t i = 0; i < findings.n; i++) {
        if (findings.at[i].severity != QG_SEVERITY_ERROR)
            continue;
        ck_assert_int_eq(err.line, findings.at[i].place.line);
        ck_assert(strstr(line, findings.at[i].message) != NULL);
        break;
    }
}

START_TEST(a_folder_is_read_by_its_suite)
{
    qg_findings none;
    qg_suite *s;

    folder_put("b/p.txt", "one\n");
    folder_put("b/suite.yaml", "version: 1\n"
                               "name: t\n"
                               "models: {a: {model: golden/models/tiny-llama}}\n"
                               "engine: {tier: avx2}\n"
                               "quality: {prompts: p.txt, golden: g}\n");
    s = good(folder_path("b"));
    ck_assert_str_eq(s->path, folder_path("b/suite.yaml"));
    ck_assert_uint_eq(s->quality.prompts.n, 1);
    ck_assert_str_eq(s->engine.tier, "avx2");
    ck_assert_str_eq(good("suites/smoke.yaml")->engine.tier, "auto");
    ck_assert_int_eq(qg_suite_read(&s, &none, arena, folder, NULL), QG_ENOTFOUND);
}
END_TEST

START_TEST(bad_suites_are_refused_word_for_word)
{
    char **names;
    size_t n, n_checked = 0;
    qg_err err = {0};

    ck_assert_int_eq(qg_dir_list(&names, &n, arena, "suites/bad", &err), QG_OK);
    for (size_t i = 0; i < n; i++) {
        if (!qg_str_ends(qg_str_from(names[i]), QG_STR(".yaml")))
            continue;
        check_refusal(names[i]);
        n_checked++;
    }
    ck_assert_uint_ge(n_checked, 33);
}
END_TEST

START_TEST(the_committed_suites_are_good)
{
    setenv("SMOLLM2_DIR", "suites/data", 1);
    good("suites/examples/smollm2.yaml");
    ck_assert_uint_eq(findings.n, 0);
    good("suites/examples/release.yaml");
    ck_assert_uint_eq(findings.n, 0);
    qg_suite *s = good("suites/smoke.yaml");
    ck_assert_uint_eq(findings.n, 0);
    ck_assert_uint_eq(s->performance.n_batch, 3);
}
END_TEST

START_TEST(a_text_cannot_hide_a_nul)
{
    qg_suite *s;
    qg_err err = {0};

    folder_put("m/config.json", "{}");
    char *path = folder_put("x.yaml", "version: 1\nname: \"a\\0b\"\nmodels: {a: {model: m}}\n"
                                      "quality: {prompts: [\"a\\0b\"]}\n");
    ck_assert_int_eq(qg_suite_read(&s, &findings, arena, path, &err), QG_EFORMAT);
    ck_assert_uint_eq(findings.n_errors, 1); /* in a prompt it is fine */
    ck_assert_str_eq(err.message, "'name' holds a NUL character");
    ck_assert_int_eq(err.line, 2);
}
END_TEST

/* Reads `path` with the n-th allocation failing, for every n: always out of memory, until none
 * failed and `last` is the answer. */
static void fail_each_allocation(const char *path, qg_status last)
{
    bool unharmed = false;

    for (long n = 1; !unharmed; n++) {
        qg_arena *own = qg_arena_create();
        qg_suite *s = NULL;
        qg_err err = {0};
        qg_arena_fail_after(n);
        qg_status status = qg_suite_read(&s, &findings, own, path, &err);
        unharmed = qg_arena_fail_after(0);
        ck_assert_msg(status == (unharmed ? last : QG_ENOMEM), "%s, allocation %ld: %s", path, n,
                      err.message);
        ck_assert_int_eq(err.code, status);
        qg_arena_free(own);
    }
}

START_TEST(every_failed_allocation_is_reported)
{
    read_example();
    fail_each_allocation(qg_path_join(arena, folder, "x.yaml"), QG_OK);
    fail_each_allocation("suites/bad/many-mistakes.yaml", QG_EFORMAT);
    fail_each_allocation("suites/bad/unknown-key-far.yaml", QG_EFORMAT);
    fail_each_allocation("suites/bad/cyclic-include.yaml", QG_EFORMAT);
    fail_each_allocation("suites/bad/wrong-value.yaml", QG_EFORMAT);
    fail_each_allocation("suites/bad/recipe.yaml", QG_EFORMAT);
    fail_each_allocation("suites/bad/checklist.yaml", QG_EFORMAT);
    fail_each_allocation("suites/bad/exceptions.yaml", QG_EFORMAT);
}
END_TEST

Suite *suite_check(void)
{
    Suite *s = suite_create("suite_check");
    TCase *t = tcase_create("suite");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_add_test(t, the_example_of_the_design_is_read);
    tcase_add_test(t, budgets_are_canonical_and_know_their_line);
    tcase_add_test(t, regression_allows_shares_and_amounts);
    tcase_add_test(t, weak_gates_are_warned_of);
    tcase_add_test(t, calibrating_on_the_validation_text_is_warned_of);
    tcase_add_test(t, same_top_needs_a_text_or_a_golden);
    tcase_add_test(t, a_quantized_reference_is_warned_of);
    tcase_add_test(t, a_budget_merged_from_an_anchor_keeps_its_line);
    tcase_add_test(t, paths_lie_beside_the_file_that_names_them);
    tcase_add_test(t, a_checklist_is_read);
    tcase_add_test(t, a_folder_is_read_by_its_suite);
    tcase_add_test(t, bad_suites_are_refused_word_for_word);
    tcase_add_test(t, the_committed_suites_are_good);
    tcase_add_test(t, a_text_cannot_hide_a_nul);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
