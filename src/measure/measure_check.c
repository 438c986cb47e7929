/* Unit tests of measuring: workers that disappoint in every way cost their own case only (the
 * worker is a shell script here), and a real worker's numbers are what they should be: perplexity
 * and golden agree with scoring in this process. */
#include "measure/measure.h"

#include "base/folder_check.h"
#include "engine/score.h"
#include "measure/quality.h"
#include "measure/worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void setup(void)
{
    folder_begin();
    if (getenv("QG_ROOT"))
        ck_assert_int_eq(chdir(getenv("QG_ROOT")), 0);
}

static qg_plan plan_of(const char *suite_text, const char *only)
{
    char *path = qg_path_join(arena, folder, "suite.yaml");
    qg_suite *suite;
    qg_findings findings;
    qg_plan plan;
    qg_plan_options options = {.only = only};
    qg_err err = {0};

    ck_assert_int_eq(qg_file_write(path, qg_str_from(suite_text), NULL), QG_OK);
    ck_assert_msg(qg_suite_read(&suite, &findings, arena, path, &err) == QG_OK, "%s", err.message);
    ck_assert_msg(qg_plan_make(&plan, arena, suite, &options, &err) == QG_OK, "%s", err.message);
    return plan;
}

static const char *const suite_text = "version: 1\n"
                                      "name: t\n"
                                      "models:\n"
                                      "  fp16: {model: golden/models/tiny-llama}\n"
                                      "reference: fp16\n"
                                      "engine: {device: cpu, max_model_len: 512, threads: 1}\n"
                                      "quality:\n"
                                      "  prompts: [\"one two\", \"three\"]\n"
                                      "  max_tokens: 4\n"
                                      "  window: 128\n"
                                      "  text: suites/data/validation.txt\n"
                                      "  budgets: {fp16: {ppl: 9}}\n"
                                      "performance:\n"
                                      "  production: {input_len: 8, output_len: 4, batch: [1, 2]}\n"
                                      "  samples: {min: 5, max: 6, warmup: 1}\n"
                                      "  budgets: {fp16: [{batch: 1, ttft_p50: 9 s}]}\n";

static qg_run measured_plan(const char *program, qg_plan plan, int64_t timeout_ns)
{
    qg_run run = {0};
    qg_err err = {0};
    qg_measure_options options = {.program = program, .seed = -1, .timeout_ns = timeout_ns};

    ck_assert_msg(qg_measure_plan(&run, arena, &plan, &options, &err) == QG_OK, "%s", err.message);
    ck_assert_uint_eq(run.n_measurements, plan.n_cases);
    return run;
}

static qg_run measured(const char *program, const char *only, int64_t timeout_ns)
{
    return measured_plan(program, plan_of(suite_text, only), timeout_ns);
}

/* A worker that is this shell script. */
static const char *script(const char *text)
{
    char *path = qg_path_join(arena, folder, "worker.sh");
    ck_assert_int_eq(
        qg_file_write(path, qg_str_from(qg_arena_format(arena, "#!/bin/sh\n%s\n", text)), NULL),
        QG_OK);
    ck_assert_int_eq(chmod(path, 0755), 0);
    return path;
}

static void costs_its_case(const char *text, const char *message, int exit_class)
{
    qg_run run = measured(script(text), "*", 400000000);

    for (size_t i = 0; i < run.n_measurements; i++) {
        const qg_measurement *m = &run.measurements[i];
        ck_assert_int_eq(m->state, QG_CASE_FAILED);
        ck_assert_msg(strstr(m->message, message), "'%s' lacks '%s'", m->message, message);
        ck_assert_int_eq(m->exit_class, exit_class);
        ck_assert_uint_eq(m->n_series, 0);
    }
}

START_TEST(a_worker_that_dies_costs_its_case)
{
    costs_its_case("echo the reason >&2; kill -SEGV $$", "killed by signal 11", 3);
    costs_its_case("read line; exit 4", "exit code 4", 3);
    costs_its_case("read line; echo '{\"opened\":true}'; read line; kill -KILL $$",
                   "killed by signal 9", 3);
}
END_TEST

START_TEST(a_worker_that_hangs_is_killed)
{
    costs_its_case("read line; sleep 60", "no sign of life", 3);
}
END_TEST

START_TEST(a_worker_that_talks_nonsense_is_not_believed)
{
    costs_its_case("read line; echo 'hello there'; sleep 60",
                   "worker sent what is no answer: 'hello there'", 3);
    costs_its_case("read line; echo '[1]'; sleep 60", "no answer", 3);
    costs_its_case("while read line; do echo '{\"schema\":1}'; done", "worker", 3);
    costs_its_case("while read line; do echo '{\"ttft\":-5,\"tpot\":1,\"itl\":[],\"e2e\":1,"
                   "\"throughput\":1}'; done",
                   "", 3);
}
END_TEST

START_TEST(what_a_worker_refuses_is_the_users_to_mend)
{
    costs_its_case(
        "read line; echo '{\"error\":{\"status\":\"EFORMAT\",\"message\":\"tensor x is odd\"}}'",
        "tensor x is odd", 2);
    costs_its_case(
        "read line; echo '{\"error\":{\"status\":\"ENOMEM\",\"message\":\"no memory\"}}'",
        "no memory", 3);
    costs_its_case("read line; echo '{\"error\":{\"status\":\"EWHAT\"}}'", "did not say why", 3);
}
END_TEST

START_TEST(the_log_of_a_dead_worker_is_kept)
{
    qg_run run = measured(script("for i in 1 2 3; do echo line $i >&2; done; exit 1"),
                          "fp16/quality", 5000000000);
    ck_assert_str_eq(run.measurements[0].log, "line 1\nline 2\nline 3");
}
END_TEST

START_TEST(one_dead_worker_leaves_the_others_alone)
{
    const char *real = getenv("QG_PROGRAM");
    if (!real || !qg_file_exists(real))
        return;
    qg_run run =
        measured(script(qg_arena_format(arena,
                                        "read line\ncase \"$line\" in *'\"batch\":1,'*) kill -KILL "
                                        "$$;; esac\n{ echo \"$line\"; cat; } | '%s' worker",
                                        real)),
                 "*/perf/*", 60000000000);
    ck_assert_uint_eq(run.n_measurements, 2);
    ck_assert_int_eq(run.measurements[0].state, QG_CASE_FAILED);
    ck_assert_msg(run.measurements[1].state == QG_CASE_MEASURED, "%s", run.measurements[1].message);
}
END_TEST

START_TEST(a_real_workers_numbers_are_those_of_scoring)
{
    const char *real = getenv("QG_PROGRAM");
    qg_engine *e;
    qg_engine_options options = {.device = "cpu", .max_model_len = 512, .n_threads = 1};
    qg_texts documents;
    double nll = 0;
    int64_t n = 0;

    if (!real || !qg_file_exists(real))
        return;
    qg_run run = measured(real, "fp16/quality", 120000000000);
    const qg_measurement *m = run.measurements;
    ck_assert_msg(m->state == QG_CASE_MEASURED, "%s", m->message);
    ck_assert_int_eq(qg_engine_open(&e, arena, "golden/models/tiny-llama", &options, NULL), QG_OK);
    ck_assert_int_eq(qg_texts_documents(&documents, arena, "suites/data/validation.txt", NULL),
                     QG_OK);
    ck_assert_uint_eq(m->n_docs, documents.n);
    for (size_t d = 0; d < 5; d++) {
        qg_ids ids;
        qg_score s;
        ck_assert_int_eq(
            qg_tokenizer_encode(&ids, arena, qg_engine_tokenizer(e), documents.at[d], 0, NULL),
            QG_OK);
        nll = 0, n = 0;
        for (size_t at = 0; at < ids.n; at += 128) {
            qg_ids piece = {ids.id + at, ids.n - at < 128 ? ids.n - at : 128};
            ck_assert_int_eq(qg_score_ids(&s, arena, e, &piece, 1, 0, NULL), QG_OK);
            nll += s.nll;
            n += s.n_scored;
        }
        ck_assert_int_eq(m->docs[d].n_scored, n);
        ck_assert_double_eq_tol(m->docs[d].sum_nll, nll, 1e-7 * (1 + fabs(nll)));
        ck_assert_int_le(m->docs[d].hits, n);
    }
    ck_assert_uint_eq(m->gold->n_prompts, 2);
    ck_assert_str_eq(m->gold->prompts[1].name, "p02");
    ck_assert_uint_le(m->gold->prompts[0].n_greedy, 4);
    ck_assert_int_eq((int)strlen(m->gold->model_hash), 64);
    ck_assert_str_eq(run.models[0].name, "fp16");
    ck_assert_str_eq(run.machine.device, "cpu");
}
END_TEST

static double scalar_of(const qg_measurement *m, qg_metric metric)
{
    const qg_scalar *s = qg_measurement_scalar(m, metric);

    ck_assert_ptr_nonnull(s);
    return s->value;
}

/* The same model three times: as it is, with 8 bits, and as itself once more. */
static const char pair_text[] = "version: 1\n"
                                "name: t\n"
                                "models:\n"
                                "  fp16: {model: golden/models/tiny-llama}\n"
                                "  int8: {model: golden/models/tiny-llama, quantization: int8}\n"
                                "  same: {model: golden/models/tiny-llama}\n"
                                "reference: fp16\n"
                                "engine: {device: cpu, max_model_len: 512, threads: 1}\n"
                                "quality: {text: golden/models/tiny-llama/README.md, window: 64}\n"
                                "performance:\n"
                                "  production: {input_len: 8, output_len: 4}\n"
                                "  samples: {min: 5, max: 5, warmup: 0}\n";

START_TEST(a_case_is_read_beside_the_live_reference)
{
    const char *real = getenv("QG_PROGRAM");

    if (!real || !qg_file_exists(real))
        return;
    qg_run run = measured_plan(real, plan_of(pair_text, "*"), 120000000000);
    const qg_measurement *m = run.measurements;
    ck_assert_uint_eq(run.n_measurements, 6);
    for (size_t i = 0; i < 6; i++)
        ck_assert_msg(m[i].state == QG_CASE_MEASURED, "%s", m[i].message);
    ck_assert_str_eq(run.reference, "fp16");
    const qg_measurement *fp16 = &m[0], *int8 = &m[2], *same = &m[4];
    ck_assert(!fp16->docs[0].has_reference && !fp16->kld);
    ck_assert_ptr_null(qg_measurement_scalar(fp16, QG_METRIC_KLD_MEAN));
    ck_assert(int8->docs[0].has_reference && int8->kld);
    ck_assert_double_gt(scalar_of(int8, QG_METRIC_KLD_MEAN), 1e-5);
    ck_assert_double_ge(scalar_of(int8, QG_METRIC_KLD_MAX), scalar_of(int8, QG_METRIC_KLD_P99));
    ck_assert_double_gt(scalar_of(int8, QG_METRIC_DP_RMS), 0);
    ck_assert_double_eq_tol(scalar_of(int8, QG_METRIC_PPL_INCREASE),
                            scalar_of(int8, QG_METRIC_PPL) / scalar_of(fp16, QG_METRIC_PPL) - 1,
                            1e-12);
    ck_assert_double_eq(scalar_of(same, QG_METRIC_KLD_MAX), 0);
    ck_assert_double_eq(scalar_of(same, QG_METRIC_SAME_TOP), 1);
    ck_assert_double_eq(scalar_of(same, QG_METRIC_PPL_INCREASE), 0);
    /* the ledger is the model's alone, the process is not */
    ck_assert_double_eq(scalar_of(same, QG_METRIC_MEMORY_PEAK),
                        scalar_of(fp16, QG_METRIC_MEMORY_PEAK));
    ck_assert_double_lt(scalar_of(int8, QG_METRIC_WEIGHTS), scalar_of(fp16, QG_METRIC_WEIGHTS));
    ck_assert_ptr_nonnull(qg_measurement_scalar(fp16, QG_METRIC_HOST_PEAK));
    ck_assert_ptr_null(qg_measurement_scalar(int8, QG_METRIC_HOST_PEAK));
    ck_assert_ptr_nonnull(qg_measurement_scalar(&m[3], QG_METRIC_HOST_PEAK)); /* int8/perf/b1 */
    /* and without a case of the reference */
    qg_run alone = measured_plan(real, plan_of(pair_text, "int8/quality"), 120000000000);
    ck_assert_double_eq(scalar_of(alone.measurements, QG_METRIC_KLD_MEAN),
                        scalar_of(int8, QG_METRIC_KLD_MEAN));
}
END_TEST

static const char *const greedy_text =
    "version: 1\n"
    "name: t\n"
    "models:\n"
    "  fp16: {model: golden/models/tiny-llama}\n"
    "  same: {model: golden/models/tiny-llama}\n"
    "  int8: {model: golden/models/tiny-llama, quantization: int8}\n"
    "  other: {model: golden/models/tiny-llama, quantization: int8}\n"
    "reference: fp16\n"
    "engine: {device: cpu, max_model_len: 512, threads: 1}\n"
    "quality:\n"
    "  prompts: suites/data/prompts.txt\n"
    "  max_tokens: 24\n"
    "  budgets: {same: {greedy_same: 95 %}, int8: {greedy_same: 95 %}}\n";

/* Counted from what both cases said on their own. */
static int64_t same_continuations(const qg_gold *g, const qg_gold *m)
{
    int64_t n = 0;

    for (size_t i = 0; i < g->n_prompts; i++) {
        const qg_gold_prompt *a = &g->prompts[i], *b = &m->prompts[i];
        size_t k = 0;
        while (k < a->n_greedy && k < b->n_greedy && a->greedy[k].id == b->greedy[k].id)
            k++;
        n += (k == a->n_greedy && k == b->n_greedy) ||
             (k < a->n_greedy && a->greedy[k].margin <= 0.01);
    }
    return n;
}

START_TEST(continuations_are_compared_with_the_live_reference)
{
    const char *real = getenv("QG_PROGRAM");

    if (!real || !qg_file_exists(real))
        return;
    qg_run run = measured_plan(real, plan_of(greedy_text, "*"), 120000000000);
    const qg_measurement *m = run.measurements;
    for (size_t i = 0; i < 4; i++)
        ck_assert_msg(m[i].state == QG_CASE_MEASURED, "%s", m[i].message);
    ck_assert_int_eq(m[0].n_continued, 0);
    ck_assert_int_eq(m[1].n_continued, 16);
    ck_assert_double_eq(scalar_of(&m[1], QG_METRIC_GREEDY_SAME), 1);
    ck_assert_int_eq(m[2].n_same, same_continuations(m[0].gold, m[2].gold));
    ck_assert_int_lt(m[2].n_same, 16); /* else nothing parted */
    ck_assert_double_eq(scalar_of(&m[2], QG_METRIC_GREEDY_SAME), (double)m[2].n_same / 16);
    ck_assert_int_eq(m[3].n_continued, 0); /* no budget asks */
    ck_assert_ptr_null(qg_measurement_scalar(&m[2], QG_METRIC_HOST_PEAK));
}
END_TEST

static const char *const tiers_text =
    "version: 1\n"
    "name: t\n"
    "models:\n"
    "  ref: {model: golden/models/tiny-llama, tier: ref}\n"
    "  best: {model: golden/models/tiny-llama}\n"
    "  same: {model: golden/models/tiny-llama, tier: ref, reference: ref}\n"
    "  chained: {model: golden/models/tiny-llama, tier: ref, reference: best}\n"
    "reference: ref\n"
    "engine: {device: cpu, max_model_len: 512, threads: 1}\n"
    "quality: {window: 64, text: %s}\n";

/* What holds for two devices holds for two tiers: each model runs on its own, beside its own
 * reference on that one's. */
START_TEST(each_model_runs_where_it_says_beside_its_own_reference)
{
    const char *real = getenv("QG_PROGRAM");

    if (!real || !qg_file_exists(real))
        return;
    const char *text = qg_path_join(arena, folder, "text.txt"); /* a short one: ref is slow */
    ck_assert_int_eq(
        qg_file_write(text, QG_STR("The capital of Brivania is Lomar, a city on the Foss."), NULL),
        QG_OK);
    qg_plan plan = plan_of(qg_arena_format(arena, tiers_text, text), "*");
    qg_run run = measured_plan(real, plan, 120000000000);
    const qg_measurement *m = run.measurements;
    for (size_t i = 0; i < 4; i++)
        ck_assert_msg(m[i].state == QG_CASE_MEASURED, "%s", m[i].message);
    ck_assert_str_eq(run.machine.device, "cpu");
    ck_assert_ptr_null(m[0].kld);
    ck_assert_ptr_null(run.models[1].reference); /* the run's */
    ck_assert_str_eq(run.models[3].reference, "best");
    ck_assert_double_eq(scalar_of(&m[2], QG_METRIC_KLD_MAX), 0);
    if (strcmp(run.machine.tier, "ref") == 0)
        return; /* this CPU has no other */
    ck_assert(qg_str_starts(qg_str_from(run.machine.tier), QG_STR("ref+avx")));
    double there = scalar_of(&m[1], QG_METRIC_KLD_MEAN),
           back = scalar_of(&m[3], QG_METRIC_KLD_MEAN);
    ck_assert(there > 0 && there < 1e-6); /* float32 sums in another order */
    ck_assert(back > 0 && back < 1e-6);
    ck_assert_double_eq(scalar_of(&m[3], QG_METRIC_NLL), scalar_of(&m[0], QG_METRIC_NLL));
    /* the option says it for those that do not */
    qg_measure_options options = {
        .program = real, .seed = -1, .timeout_ns = 120000000000, .tier = "ref"};
    qg_run all = {0};
    plan.cases += 1;
    plan.n_cases = 1;
    ck_assert_int_eq(qg_measure_plan(&all, arena, &plan, &options, NULL), QG_OK);
    ck_assert_str_eq(all.machine.tier, "ref");
    ck_assert_double_eq(scalar_of(all.measurements, QG_METRIC_KLD_MAX), 0);
}
END_TEST

START_TEST(a_reference_of_other_tokens_costs_its_case)
{
    const char *real = getenv("QG_PROGRAM");

    if (!real || !qg_file_exists(real))
        return;
    qg_plan plan = plan_of(pair_text, "int8/quality");
    plan.cases[0].reference_folder = "golden/models/tiny-opt";
    qg_run run = measured_plan(real, plan, 120000000000);
    ck_assert_int_eq(run.measurements[0].state, QG_CASE_FAILED);
    ck_assert_int_eq(run.measurements[0].exit_class, 2);
    ck_assert_ptr_nonnull(
        strstr(run.measurements[0].message, "its reference 'golden/models/tiny-"));
}
END_TEST

START_TEST(a_worker_answers_errors_and_goes_on)
{
    char *in_text =
        "{\"do\":\"sample\",\"index\":0}\nnot json\n{\"do\":\"open\",\"folder\":3}\n{\"do\":"
        "\"dance\"}\n";
    char *out_text = NULL;
    size_t out_size = 0;
    FILE *in = fmemopen(in_text, strlen(in_text), "r"), *out = open_memstream(&out_text, &out_size);
    qg_str rest, line;
    int n = 0;

    ck_assert_int_eq(qg_worker_serve(in, out, NULL), QG_OK);
    fclose(in);
    fclose(out);
    rest = (qg_str){out_text, out_size};
    while (qg_str_split(&rest, '\n', &line) && line.len) {
        ck_assert_msg(qg_str_starts(line, QG_STR("{\"error\":{\"status\":\"E")), "%s", out_text);
        n++;
    }
    ck_assert_int_eq(n, 4);
    free(out_text);
}
END_TEST

Suite *measure_check(void)
{
    Suite *s = suite_create("measure_check");
    TCase *t = tcase_create("measure");

    tcase_add_checked_fixture(t, setup, folder_end);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, a_worker_that_dies_costs_its_case);
    tcase_add_test(t, a_worker_that_hangs_is_killed);
    tcase_add_test(t, a_worker_that_talks_nonsense_is_not_believed);
    tcase_add_test(t, what_a_worker_refuses_is_the_users_to_mend);
    tcase_add_test(t, the_log_of_a_dead_worker_is_kept);
    tcase_add_test(t, one_dead_worker_leaves_the_others_alone);
    tcase_add_test(t, a_real_workers_numbers_are_those_of_scoring);
    tcase_add_test(t, a_case_is_read_beside_the_live_reference);
    tcase_add_test(t, continuations_are_compared_with_the_live_reference);
    tcase_add_test(t, each_model_runs_where_it_says_beside_its_own_reference);
    tcase_add_test(t, a_reference_of_other_tokens_costs_its_case);
    tcase_add_test(t, a_worker_answers_errors_and_goes_on);
    suite_add_tcase(s, t);
    return s;
}
