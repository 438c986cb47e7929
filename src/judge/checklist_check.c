/* Unit tests of judge/checklist: a run of two models with all that a release needs, made by hand,
 * and each thing taken away or made wrong. */
#include "judge/checklist.h"

#include "base/clock.h"
#include "base/scratch_check.h"

#include <stdio.h>
#include <string.h>

#define H8  "0123abcd"
#define H64 H8 H8 H8 H8 H8 H8 H8 H8
#define G64 "ffffffff" H8 H8 H8 H8 H8 H8 H8

enum { N_SAMPLES = 299, DAY = 86400 };

static double samples[N_SAMPLES];
static qg_series series[2][3];
static qg_scalar memory[2] = {{QG_METRIC_MEMORY_PEAK, 1000, 1}, {QG_METRIC_MEMORY_PEAK, 600, 1}};
static qg_doc docs[2];
static qg_measurement cases[4];
static qg_judgement judgements[3];
static qg_model_info infos[2];
static qg_run run;
static const int64_t batches[] = {1};
static qg_suite_model models[2];
static const qg_suite_model *shipped[2];
static qg_suite_waiver waiver;
static qg_suite suite;
static qg_abtest test;
static qg_said base_model, tag;
static qg_card_hash hash;
static qg_card card;
static qg_findings no_findings;
static qg_evidence_file ab_file, card_file;
static qg_evidence evidence;
static int64_t now_s;

static qg_measurement perf_case(int model, const char *id)
{
    for (int i = 0; i < 3; i++)
        series[model][i] =
            (qg_series){(const char *[]){"ttft", "tpot", "throughput"}[i], samples, N_SAMPLES};
    return (qg_measurement){
        .id = {id, models[model].name, models[model].method, "cpu", "performance", 1, 64, 16},
        .file = "s.yaml",
        .line = 4 + model,
        .column = 3,
        .series = series[model],
        .n_series = 3,
        .scalars = &memory[model],
        .n_scalars = 1};
}

static qg_measurement quality_case(int model, const char *id)
{
    docs[model] = (qg_doc){.n_scored = 100, .sum_nll = 50, .has_reference = model == 1};
    return (qg_measurement){
        .id = {id, models[model].name, models[model].method, "cpu", "quality", 0, 0, 0},
        .file = "s.yaml",
        .line = 4 + model,
        .column = 3,
        .docs = &docs[model],
        .n_docs = 1};
}

static void make_run(void)
{
    for (int i = 0; i < N_SAMPLES; i++)
        samples[i] = 1e6 + i;
    models[0] = (qg_suite_model){.name = "base",
                                 .model = "models/Base-1B",
                                 .method = "fp16",
                                 .is_reference = true,
                                 .place = {"s.yaml", 4, 3}};
    models[1] = (qg_suite_model){.name = "small", .method = "gptq", .place = {"s.yaml", 5, 3}};
    memory[0].value = 1000;
    memory[1].value = 600;
    cases[0] = quality_case(0, "base/quality");
    cases[1] = perf_case(0, "base/perf/b1");
    cases[2] = quality_case(1, "small/quality");
    cases[3] = perf_case(1, "small/perf/b1");
    judgements[0] = (qg_judgement){.case_id = "small/quality", .verdict = QG_VERDICT_PASS};
    judgements[1] = (qg_judgement){.case_id = "small/perf/b1", .verdict = QG_VERDICT_PASS};
    judgements[2] = (qg_judgement){.case_id = "base/quality", .verdict = QG_VERDICT_PASS};
    infos[0] = (qg_model_info){.name = "base", .method = "fp16", .model_hash = H64};
    infos[1] = (qg_model_info){
        .name = "small", .method = "gptq", .model_hash = G64, .bits = 4, .group_size = 128};
    run = (qg_run){.suite_hash = "aa",
                   .started = "2026-01-31T12:00:00Z",
                   .models = infos,
                   .n_models = 2,
                   .measurements = cases,
                   .n_measurements = 4,
                   .judgements = judgements,
                   .n_judgements = 3};
}

static void make_suite(void)
{
    shipped[0] = &models[1];
    suite = (qg_suite){.path = "s.yaml",
                       .name = "s",
                       .hash = "aa",
                       .models = models,
                       .n_models = 2,
                       .reference = &models[0]};
    suite.quality.present = suite.performance.present = true;
    suite.quality.text = "v.txt";
    suite.performance.batch = batches;
    suite.performance.n_batch = 1;
    suite.performance.input_len = 64;
    suite.performance.output_len = 16;
    suite.checklist = (qg_suite_checklist){.present = true,
                                           .place = {"s.yaml", 20, 1},
                                           .max_age_days = 30,
                                           .models = shipped,
                                           .n_models = 1,
                                           .p95 = true,
                                           .p99 = true};
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        suite.checklist.required[i] = true;
    ab_file = (qg_evidence_file){{"ab.json", {"s.yaml", 21, 16}}, true, &test, NULL, &no_findings};
    card_file = (qg_evidence_file){{"CARD.md", {"s.yaml", 22, 9}}, true, NULL, &card, &no_findings};
    suite.checklist.ab = &ab_file.named;
    suite.checklist.card = &card_file.named;
    suite.checklist.n_ab = suite.checklist.n_card = 1;
    evidence = (qg_evidence){&ab_file, &card_file, 1, 1};
}

static void make_evidence(void)
{
    test = (qg_abtest){.name = "t",
                       .started = "2026-01-01",
                       .ended = "2026-01-30",
                       .control = {"base", "sha256:" H64, 1000},
                       .treatment = {"small", "sha256:" G64, 1010},
                       .split = 0.5,
                       .decision = "ship"};
    test.primary = (qg_ab_result){
        "clicks", "higher", "difference", "non-inferiority", 0.01, 0, -0.005, 0.005, 0.95, "pass"};
    ck_assert(qg_clock_read(&test.ended_s, QG_STR("2026-01-30T12:00:00Z")));
    base_model = (qg_said){"org/base-1b", {"CARD.md", 2, 13}};
    tag = (qg_said){"gptq", {"CARD.md", 5, 3}};
    hash = (qg_card_hash){NULL, "sha256:" G64, {"CARD.md", 6, 23}};
    card = (qg_card){.path = "CARD.md",
                     .place = {"CARD.md", 1, 1},
                     .base_models = &base_model,
                     .n_base_models = 1,
                     .relation = {"quantized", {"CARD.md", 3, 22}},
                     .quantized_by = {"team", {"CARD.md", 4, 15}},
                     .tags = &tag,
                     .n_tags = 1,
                     .hashes = &hash,
                     .n_hashes = 1,
                     .text = QG_STR("4 bit, group size 128\n"),
                     .first_line = 8};
    ck_assert(qg_clock_read(&now_s, QG_STR("2026-02-01T12:00:00Z")));
}

static void begin(void)
{
    set_up();
    make_run();
    make_suite();
    make_evidence();
    qg_findings_begin(&no_findings, arena);
}

static qg_checklist *judge_of(const qg_run *of)
{
    qg_checklist *c = NULL;

    ck_assert_int_eq(qg_checklist_judge(&c, arena, of, &suite, &evidence, now_s, &err), QG_OK);
    return c;
}

/* All items are done but this one, which is in this state; its first lack, if any. */
static const qg_lack *only(qg_checkitem item, qg_checkitem_state state, const char *text)
{
    qg_checklist *c = judge_of(&run);

    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        ck_assert_msg(c->items[i].state == (i == (int)item ? state : QG_CHECKITEM_IS_DONE),
                      "%s is %s: %s", qg_checkitem_word((qg_checkitem)i),
                      qg_checkitem_state_text(c->items[i].state),
                      c->items[i].n_lacks ? c->items[i].lacks[0].text : "");
    ck_assert_uint_gt(c->items[item].n_lacks, 0);
    ck_assert_msg(strstr(c->items[item].lacks[0].text, text), "%s", c->items[item].lacks[0].text);
    return &c->items[item].lacks[0];
}

START_TEST(a_complete_release_is_done)
{
    qg_checklist *c = judge_of(&run);

    for (int i = 0; i < QG_N_CHECKITEMS; i++) {
        ck_assert_msg(c->items[i].state == QG_CHECKITEM_IS_DONE, "%s: %s",
                      qg_checkitem_word((qg_checkitem)i),
                      c->items[i].n_lacks ? c->items[i].lacks[0].text : "");
        ck_assert_uint_ge(c->items[i].n_proofs, 1);
        ck_assert_uint_eq(c->items[i].n_lacks, 0);
    }
    ck_assert_uint_eq(qg_checklist_asked(c), 8);
    ck_assert_uint_eq(qg_checklist_met(c), 8);
    ck_assert_str_eq(c->at, "2026-02-01T12:00:00Z");
    const qg_proof *p = c->items[QG_CHECKITEM_BASELINE].proofs;
    ck_assert_str_eq(p->subject, "base/perf/b1");
    ck_assert_str_eq(p->text, "ttft_p50 1 ms, tpot_p50 1 ms, 1000149 tok/s, peak 1000 B");
    ck_assert_int_eq(p->n, N_SAMPLES);
    ck_assert_double_eq(p->age_days, 1);
    ck_assert_str_eq(p->hash, H64);
    ck_assert_str_eq(c->items[QG_CHECKITEM_MEMORY].proofs->text,
                     "memory_peak 600 B, 0.6x of 'base' (weights -)");
    ck_assert_double_eq(c->items[QG_CHECKITEM_AB].proofs->age_days, 2);
    ck_assert_int_eq(c->items[QG_CHECKITEM_AB].line, 21);
    ck_assert_int_eq(c->items[QG_CHECKITEM_CARD].line, 22);
    ck_assert_int_eq(c->items[QG_CHECKITEM_QUALITY].line, 20);
    ck_assert_uint_eq(c->items[QG_CHECKITEM_BATCHES].n_proofs, 2);
}
END_TEST

START_TEST(without_a_run_all_is_missing)
{
    qg_checklist *c = judge_of(NULL);

    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        ck_assert_int_eq(c->items[i].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_str_eq(c->items[0].lacks[0].fix, "quantgate run s.yaml --out quantgate-report");
    ck_assert_ptr_nonnull(strstr(c->items[QG_CHECKITEM_AB].lacks[0].text, "no run tells the hash"));
}
END_TEST

/* ---- what the run proves ---- */

START_TEST(a_baseline_needs_its_three_numbers)
{
    cases[1].n_scalars = 0;
    qg_checklist *c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_BASELINE].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_str_eq(c->items[QG_CHECKITEM_BASELINE].lacks[0].text,
                     "case 'base/perf/b1' does not hold latency, throughput and memory");
    ck_assert_int_eq(c->items[QG_CHECKITEM_MEMORY].state, QG_CHECKITEM_IS_MISSING);
    cases[1].n_scalars = 1;
    series[0][2].name = "speed";
    only(QG_CHECKITEM_BASELINE, QG_CHECKITEM_IS_MISSING, "does not hold latency");
}
END_TEST

START_TEST(a_reference_that_is_no_fp16_is_no_baseline)
{
    models[0].method = "int8";
    only(QG_CHECKITEM_BASELINE, QG_CHECKITEM_IS_MISSING, "the reference 'base' runs as int8");
}
END_TEST

START_TEST(a_run_without_performance_lacks_four_items)
{
    run.measurements = (qg_measurement[]){cases[0], cases[2]};
    run.n_measurements = 2;
    qg_checklist *c = judge_of(&run);
    static const qg_checkitem_state want[QG_N_CHECKITEMS] = {
        [QG_CHECKITEM_BASELINE] = QG_CHECKITEM_IS_MISSING,
        [QG_CHECKITEM_MEMORY] = QG_CHECKITEM_IS_MISSING,
        [QG_CHECKITEM_BATCHES] = QG_CHECKITEM_IS_MISSING,
        [QG_CHECKITEM_PERCENTILES] = QG_CHECKITEM_IS_MISSING};
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        ck_assert_int_eq(c->items[i].state, want[i]);
    ck_assert_str_eq(c->items[QG_CHECKITEM_BATCHES].lacks[1].text,
                     "'small' was not measured at batch 1 with 64 tokens in and 16 out");
    suite.performance.present = false;
    c = judge_of(&run);
    ck_assert_str_eq(c->items[QG_CHECKITEM_BASELINE].lacks[0].fix, "add 'performance' to s.yaml");
}
END_TEST

START_TEST(a_run_without_the_reference_lacks_what_compares)
{
    run.measurements = &cases[2];
    run.n_measurements = 2;
    qg_checklist *c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_BASELINE].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_int_eq(c->items[QG_CHECKITEM_MEMORY].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_int_eq(c->items[QG_CHECKITEM_BATCHES].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_int_eq(c->items[QG_CHECKITEM_QUALITY].state, QG_CHECKITEM_IS_DONE); /* it was live */
}
END_TEST

START_TEST(skipped_cases_are_named)
{
    cases[3].state = QG_CASE_SKIPPED;
    cases[3].message = "no CUDA device";
    qg_checklist *c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_VARIANT].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_str_eq(c->items[QG_CHECKITEM_VARIANT].lacks[0].text,
                     "case 'small/perf/b1' was skipped: no CUDA device");
    ck_assert_int_eq(c->items[QG_CHECKITEM_BATCHES].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_int_eq(c->items[QG_CHECKITEM_PERCENTILES].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_int_eq(c->items[QG_CHECKITEM_MEMORY].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_int_eq(c->items[QG_CHECKITEM_BASELINE].state, QG_CHECKITEM_IS_DONE);
    ck_assert_int_eq(c->items[QG_CHECKITEM_QUALITY].state, QG_CHECKITEM_IS_DONE);
}
END_TEST

START_TEST(a_variant_is_tested_by_judgements_that_pass)
{
    judgements[1].exit_class = 1;
    only(QG_CHECKITEM_VARIANT, QG_CHECKITEM_IS_FAILED,
         "'small' does not pass 1 of its 2 judgements");
    judgements[1].exit_class = 0;
    judgements[2].exit_class = 1; /* the reference's own */
    ck_assert_int_eq(judge_of(&run)->items[QG_CHECKITEM_VARIANT].state, QG_CHECKITEM_IS_DONE);
    run.n_judgements = 0;
    only(QG_CHECKITEM_VARIANT, QG_CHECKITEM_IS_MISSING, "nothing judges 'small'");
}
END_TEST

START_TEST(quality_needs_a_text_beside_the_reference)
{
    docs[1].has_reference = false;
    only(QG_CHECKITEM_QUALITY, QG_CHECKITEM_IS_MISSING,
         "case 'small/quality' read no text beside 'base'");
}
END_TEST

START_TEST(memory_must_shrink)
{
    memory[1].value = 1000;
    only(QG_CHECKITEM_MEMORY, QG_CHECKITEM_IS_FAILED, "is 1000 B, 1x of that of 'base'");
}
END_TEST

START_TEST(batches_are_those_of_production)
{
    cases[3].id.input_len = 32;
    only(QG_CHECKITEM_BATCHES, QG_CHECKITEM_IS_MISSING, "'small' was not measured at batch 1");
}
END_TEST

/* The counts are those of order statistics: 0.95^59 and 0.99^299 are just under 0.05. */
START_TEST(percentiles_need_samples)
{
    series[1][1].n_samples = 298;
    only(QG_CHECKITEM_PERCENTILES, QG_CHECKITEM_IS_MISSING,
         "case 'small/perf/b1' has 298 samples, a bound of P99 needs 299");
    suite.checklist.p99 = false;
    series[1][0].n_samples = 59;
    qg_checklist *c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_PERCENTILES].state, QG_CHECKITEM_IS_DONE);
    ck_assert_int_eq(c->items[QG_CHECKITEM_PERCENTILES].proofs->n, 59);
    series[1][0].n_samples = 58;
    const qg_lack *l = only(QG_CHECKITEM_PERCENTILES, QG_CHECKITEM_IS_MISSING, "P95 needs 59");
    ck_assert_str_eq(l->fix, "set 'samples: {min: 60, max: 60}' under 'performance' in s.yaml and "
                             "run again");
}
END_TEST

START_TEST(old_runs_and_other_suites_are_stale)
{
    now_s += 29 * DAY; /* 30 days after the run began, 31 after the test ended */
    only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_STALE, "'ab.json' ended 31 d ago, of 30 d at most");
    test.ended_s += DAY;
    ck_assert_uint_eq(qg_checklist_met(judge_of(&run)), 8);
    now_s += 1;
    qg_checklist *c = judge_of(&run);
    for (int i = 0; i <= QG_CHECKITEM_PERCENTILES; i++)
        ck_assert_int_eq(c->items[i].state, QG_CHECKITEM_IS_STALE);
    ck_assert_int_eq(c->items[QG_CHECKITEM_CARD].state, QG_CHECKITEM_IS_DONE);
    now_s -= 30 * DAY;
    run.suite_hash = "bb";
    c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_BATCHES].state, QG_CHECKITEM_IS_STALE);
    ck_assert_str_eq(c->items[QG_CHECKITEM_BATCHES].lacks[0].text,
                     "the suite has changed since it was run");
    run.partial = true; /* what is worse wins */
    c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_BATCHES].state, QG_CHECKITEM_IS_MISSING);
    run.partial = false;
    memory[1].value = 2000;
    c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_MEMORY].state, QG_CHECKITEM_IS_FAILED);
}
END_TEST

START_TEST(a_suite_without_quantized_models_lacks_them)
{
    suite.checklist.n_models = 0;
    qg_checklist *c = judge_of(&run);
    ck_assert_str_eq(c->items[QG_CHECKITEM_VARIANT].lacks[0].text,
                     "the suite has no quantized model");
    ck_assert_int_eq(c->items[QG_CHECKITEM_BASELINE].state, QG_CHECKITEM_IS_DONE);
    ck_assert_int_eq(c->items[QG_CHECKITEM_CARD].state, QG_CHECKITEM_IS_MISSING);
}
END_TEST

/* ---- A/B tests ---- */

START_TEST(an_absent_test_names_its_command)
{
    ab_file = (qg_evidence_file){.named = ab_file.named, .findings = &no_findings};
    const qg_lack *l = only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_MISSING, "there is no 'ab.json'");
    ck_assert_str_eq(l->fix, "quantgate checklist s.yaml --template ab > ab.json");
    ck_assert_int_eq(l->line, 21);
    suite.checklist.n_ab = evidence.n_ab = 0;
    only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_MISSING, "the suite names no evidence of an A/B test");
}
END_TEST

START_TEST(mistakes_in_a_test_are_lacks)
{
    qg_findings f;

    qg_findings_begin(&f, arena);
    qg_finding_error(&f, ((qg_place){"ab.json", 0, 0}), "mend it", "'%s' is absent", "name");
    qg_finding_error(&f, ((qg_place){"ab.json", 0, 0}), NULL, "'%s' is absent", "unit");
    ab_file = (qg_evidence_file){.named = ab_file.named, .is_there = true, .findings = &f};
    const qg_lack *l =
        only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_MISSING, "'ab.json': 'name' is absent");
    ck_assert_str_eq(l->fix, "mend it");
    ck_assert_uint_eq(judge_of(&run)->items[QG_CHECKITEM_AB].n_lacks, 2);
}
END_TEST

START_TEST(arms_must_be_the_runs_models)
{
    test.treatment.checkpoint = "sha256:" H64;
    only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_OTHER_HASH, "'ab.json' tested another checkpoint of 'sm");
    test.treatment.checkpoint = "sha256:" G64;
    test.control.checkpoint = "sha256:" G64;
    only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_OTHER_HASH, "another checkpoint of 'base'");
    test.control.checkpoint = "sha256:" H64;
    test.control.model = "other";
    only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_MISSING, "the control is 'other', but the suite's");
    test.control.model = "base";
    test.treatment.model = "tiny";
    only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_MISSING, "the treatment 'tiny' is no model that");
}
END_TEST

START_TEST(a_run_that_knows_no_hash_is_said)
{
    infos[1].model_hash = NULL;
    qg_checklist *c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_AB].state, QG_CHECKITEM_IS_MISSING);
    ck_assert_ptr_nonnull(
        strstr(c->items[QG_CHECKITEM_AB].lacks[0].text, "does not tell the hash of 'small'"));
    ck_assert_int_eq(c->items[QG_CHECKITEM_CARD].state, QG_CHECKITEM_IS_MISSING);
}
END_TEST

/* 1010 of 2010 is what a fair coin gives; 1200 of 2200 is not (p = 2e-5). */
START_TEST(a_split_that_is_not_kept_fails)
{
    test.treatment.n = 1200;
    only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_FAILED,
         "1200 of 2200 units had the treatment, which a split of 0.5 does not give");
    test.split = 0; /* nobody said what was planned */
    ck_assert_int_eq(judge_of(&run)->items[QG_CHECKITEM_AB].state, QG_CHECKITEM_IS_DONE);
}
END_TEST

START_TEST(only_ship_is_a_pass)
{
    test.decision = "hold";
    test.primary.decision = "inconclusive";
    const qg_lack *l = only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_FAILED, "'ab.json' says hold: clicks");
    ck_assert_str_eq(l->fix, "run the test for longer");
    test.decision = "reject";
    test.primary.decision = "fail";
    ck_assert_ptr_null(only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_FAILED, "says reject")->fix);
    qg_ab_result guard = {"errors", "lower", "difference", "non-inferiority", 1, 5, 4,
                          6,        .95,     "fail"};
    test.primary.decision = "pass";
    test.guardrails = &guard;
    test.n_guardrails = 1;
    only(QG_CHECKITEM_AB, QG_CHECKITEM_IS_FAILED, "reject: errors is 5 (4 to 6), fail by");
}
END_TEST

START_TEST(every_shipped_model_needs_its_own)
{
    qg_suite_model both[2] = {models[0], models[1]};

    both[0].name = "eight";
    both[0].method = "int8";
    shipped[1] = &both[0];
    suite.checklist.n_models = 2;
    infos[0].name = "eight"; /* of which the hash is known */
    models[0].name = "base";
    qg_checklist *c = judge_of(&run);
    const qg_checkitem_result *card_item = &c->items[QG_CHECKITEM_CARD];
    ck_assert_int_eq(card_item->state, QG_CHECKITEM_IS_MISSING);
    ck_assert_str_eq(card_item->lacks[0].text, "no card is about 'eight' as it was measured");
    ck_assert_str_eq(card_item->lacks[0].fix,
                     "write 'quantgate_checkpoint: {eight: sha256:" H64 "}'");
    const qg_checkitem_result *ab = &c->items[QG_CHECKITEM_AB];
    ck_assert_str_eq(ab->lacks[ab->n_lacks - 1].text, "no A/B test is about 'eight'");
}
END_TEST

/* ---- cards ---- */

START_TEST(an_absent_card_names_its_command)
{
    card_file = (qg_evidence_file){.named = card_file.named, .findings = &no_findings};
    const qg_lack *l = only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_MISSING, "there is no 'CARD.md'");
    ck_assert_str_eq(l->fix, "quantgate checklist s.yaml --template card > CARD.md");
    suite.checklist.n_card = evidence.n_cards = 0;
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_MISSING, "the suite names no model card");
}
END_TEST

START_TEST(a_card_names_the_base_model)
{
    base_model.text = "org/base-2b";
    const qg_lack *l = only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_FAILED,
                            "'CARD.md' names base model 'org/base-2b', the reference is 'Base-1B'");
    ck_assert_int_eq(l->line, 2);
    suite.checklist.base_model = "org/base-2b"; /* said by the suite: the whole name */
    ck_assert_int_eq(judge_of(&run)->items[QG_CHECKITEM_CARD].state, QG_CHECKITEM_IS_DONE);
    base_model.text = "other/base-2b";
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_FAILED, "names base model 'other/base-2b'");
    card.n_base_models = 0;
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_MISSING, "'CARD.md' says no 'base_model'");
}
END_TEST

START_TEST(a_card_says_relation_and_maker)
{
    card.relation.text = "finetune";
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_FAILED, "says that its relation is 'finetune'");
    card.relation.text = NULL;
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_MISSING, "says no 'base_model_relation'");
    card.relation.text = "quantized";
    card.quantized_by.text = NULL;
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_MISSING, "does not say who quantized");
}
END_TEST

START_TEST(a_card_names_its_checkpoint)
{
    hash.hash = "sha256:" H64;
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_OTHER_HASH, "which is none of the run's");
    hash.model = "small";
    const qg_lack *l = only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_OTHER_HASH,
                            "is about another checkpoint of 'small'");
    ck_assert_int_eq(l->line, 6);
    ck_assert_ptr_nonnull(strstr(l->fix, "small: sha256:" G64));
    hash.model = "tiny";
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_MISSING, "names 'tiny', which is no model");
    card.n_hashes = 0;
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_MISSING, "does not say which checkpoint");
}
END_TEST

START_TEST(a_card_names_the_method)
{
    tag.text = "awq";
    const qg_lack *l = only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_FAILED,
                            "'CARD.md' does not name the method of 'small', gptq");
    ck_assert_int_eq(l->line, 8);
    card.text = QG_STR("GPTQ with 8-bit weights in groups of 64");
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_FAILED, "'CARD.md' says bits 8, 'small' has 4");
    ck_assert_uint_eq(judge_of(&run)->items[QG_CHECKITEM_CARD].n_lacks, 2); /* and the groups */
    card.text = QG_STR("GPTQ");
    only(QG_CHECKITEM_CARD, QG_CHECKITEM_IS_MISSING, "does not say the bits of 'small'");
    infos[1].bits = infos[1].group_size = 0; /* an old record does not know them */
    ck_assert_int_eq(judge_of(&run)->items[QG_CHECKITEM_CARD].state, QG_CHECKITEM_IS_DONE);
}
END_TEST

/* ---- states ---- */

START_TEST(what_is_not_required_is_not_asked)
{
    suite.checklist.required[QG_CHECKITEM_AB] = false;
    suite.checklist.n_ab = evidence.n_ab = 0;
    qg_checklist *c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_AB].state, QG_CHECKITEM_IS_NOT_ASKED);
    ck_assert_uint_eq(c->items[QG_CHECKITEM_AB].n_lacks, 0);
    ck_assert_uint_eq(qg_checklist_asked(c), 7);
    ck_assert_uint_eq(qg_checklist_met(c), 7);
}
END_TEST

START_TEST(waivers_hold_to_their_last_day)
{
    waiver = (qg_suite_waiver){QG_CHECKITEM_MEMORY, "next month", "2026-02-01", {"s.yaml", 25, 5}};
    suite.checklist.waivers = &waiver;
    suite.checklist.n_waivers = 1;
    qg_checklist *c = judge_of(&run); /* which needs none */
    ck_assert_int_eq(c->items[QG_CHECKITEM_MEMORY].state, QG_CHECKITEM_IS_DONE);
    ck_assert_ptr_null(c->items[QG_CHECKITEM_MEMORY].waiver);
    memory[1].value = 2000;
    c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_MEMORY].state, QG_CHECKITEM_IS_WAIVED);
    ck_assert_str_eq(c->items[QG_CHECKITEM_MEMORY].waiver, "next month");
    ck_assert_uint_eq(qg_checklist_met(c), 8);
    now_s += DAY / 2 - 1;
    ck_assert_int_eq(judge_of(&run)->items[QG_CHECKITEM_MEMORY].state, QG_CHECKITEM_IS_WAIVED);
    now_s += 1; /* the day is over */
    c = judge_of(&run);
    ck_assert_int_eq(c->items[QG_CHECKITEM_MEMORY].state, QG_CHECKITEM_IS_FAILED);
    ck_assert_str_eq(c->items[QG_CHECKITEM_MEMORY].lacks[1].text,
                     "its waiver ended on 2026-02-01: next month");
    ck_assert_int_eq(c->items[QG_CHECKITEM_MEMORY].lacks[1].line, 25);
}
END_TEST

START_TEST(a_gate_judges_each_item)
{
    waiver = (qg_suite_waiver){QG_CHECKITEM_MEMORY, "next month", "2026-02-01", {"s.yaml", 25, 5}};
    suite.checklist.waivers = &waiver;
    suite.checklist.n_waivers = 1;
    suite.checklist.required[QG_CHECKITEM_CARD] = false;
    memory[1].value = 2000;
    test.treatment.checkpoint = "sha256:" H64;
    run.checklist = judge_of(&run);
    ck_assert_int_eq(qg_checklist_gate(&run, arena, &err), QG_OK);
    ck_assert_uint_eq(run.n_judgements, 3 + 7);
    ck_assert_str_eq(run.judgements[0].case_id, "small/quality"); /* those before stay */
    const qg_judgement *j = &run.judgements[3];
    ck_assert_str_eq(j[0].case_id, "checklist/baseline");
    ck_assert_int_eq(j[0].verdict, QG_VERDICT_PASS);
    ck_assert_int_eq(j[3].verdict, QG_VERDICT_KNOWN_FAIL);
    ck_assert_int_eq(j[3].exit_class, 0);
    ck_assert_str_eq(j[3].issue, "next month");
    ck_assert_str_eq(j[3].expires, "2026-02-01");
    ck_assert_str_eq(j[6].case_id, "checklist/ab");
    ck_assert_int_eq(j[6].verdict, QG_VERDICT_FAIL);
    ck_assert_int_eq(j[6].exit_class, 1);
    ck_assert_int_eq(j[6].line, 21);
    ck_assert_str_eq(j[6].file, "s.yaml");
    ck_assert_ptr_nonnull(strstr(j[6].message, "A/B test passed: another hash: 'ab.json' tested"));
    ck_assert_ptr_nonnull(j[6].fix);
    ck_assert_int_eq(run.exit_code, 1);
    ck_assert_int_eq(run.verdict, QG_VERDICT_FAIL);
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    bool unharmed = false;

    series[1][0].n_samples = 10; /* a lack as well */
    for (long n = 1; !unharmed; n++) {
        qg_arena *own = qg_arena_create();
        qg_run copy = run;
        qg_checklist *c = NULL;
        qg_err_clear(&err);
        qg_arena_fail_after(n);
        qg_status s = qg_checklist_judge(&c, own, &copy, &suite, &evidence, now_s, &err);
        if (s == QG_OK) {
            copy.checklist = c;
            s = qg_checklist_gate(&copy, own, &err);
        }
        unharmed = qg_arena_fail_after(0);
        ck_assert_int_eq(s, unharmed ? QG_OK : QG_ENOMEM);
        qg_arena_free(own);
    }
}
END_TEST

Suite *checklist_check(void)
{
    Suite *s = suite_create("checklist_check");
    TCase *t = tcase_create("checklist");

    tcase_add_checked_fixture(t, begin, tear_down);
    tcase_add_test(t, a_complete_release_is_done);
    tcase_add_test(t, without_a_run_all_is_missing);
    tcase_add_test(t, a_baseline_needs_its_three_numbers);
    tcase_add_test(t, a_reference_that_is_no_fp16_is_no_baseline);
    tcase_add_test(t, a_run_without_performance_lacks_four_items);
    tcase_add_test(t, a_run_without_the_reference_lacks_what_compares);
    tcase_add_test(t, skipped_cases_are_named);
    tcase_add_test(t, a_variant_is_tested_by_judgements_that_pass);
    tcase_add_test(t, quality_needs_a_text_beside_the_reference);
    tcase_add_test(t, memory_must_shrink);
    tcase_add_test(t, batches_are_those_of_production);
    tcase_add_test(t, percentiles_need_samples);
    tcase_add_test(t, old_runs_and_other_suites_are_stale);
    tcase_add_test(t, a_suite_without_quantized_models_lacks_them);
    tcase_add_test(t, an_absent_test_names_its_command);
    tcase_add_test(t, mistakes_in_a_test_are_lacks);
    tcase_add_test(t, arms_must_be_the_runs_models);
    tcase_add_test(t, a_run_that_knows_no_hash_is_said);
    tcase_add_test(t, a_split_that_is_not_kept_fails);
    tcase_add_test(t, only_ship_is_a_pass);
    tcase_add_test(t, every_shipped_model_needs_its_own);
    tcase_add_test(t, an_absent_card_names_its_command);
    tcase_add_test(t, a_card_names_the_base_model);
    tcase_add_test(t, a_card_says_relation_and_maker);
    tcase_add_test(t, a_card_names_its_checkpoint);
    tcase_add_test(t, a_card_names_the_method);
    tcase_add_test(t, what_is_not_required_is_not_asked);
    tcase_add_test(t, waivers_hold_to_their_last_day);
    tcase_add_test(t, a_gate_judges_each_item);
    tcase_add_test(t, every_failed_allocation_is_reported);
    suite_add_tcase(s, t);
    return s;
}
