/* Unit tests of suite/plan: order and ids by the header's rules, filters, what is refused where. */
#include "suite/plan.h"

#include "base/clock.h"
#include "base/folder_check.h"
#include "record/record.h"

/* The end of 2026-06-15 in UTC. */
static int64_t last_second(void)
{
    return INT64_C(1781481600) + 86399;
}

static int64_t next_day(void)
{
    return INT64_C(1781481600) + 86400;
}

static const qg_suite *suite_of(const char *text)
{
    char *path = qg_path_join(arena, folder, "x.yaml");
    char *model = qg_path_join(arena, folder, "m/config.json");
    qg_findings findings;
    qg_suite *s = NULL;
    qg_err err = {0};

    ck_assert_int_eq(qg_file_write(model, QG_STR("{}"), &err), QG_OK);
    ck_assert_int_eq(qg_file_write(path, qg_str_from(text), &err), QG_OK);
    if (qg_suite_read(&s, &findings, arena, path, &err) != QG_OK)
        ck_abort_msg("%d:%d %s", err.line, err.column, err.message);
    return s;
}

static const char mixed[] = "version: 1\n"
                            "name: x\n"
                            "models:\n"
                            "  fp16: {model: m}\n"
                            "  gptq: {model: m, quantization: gptq}\n"
                            "reference: fp16\n"
                            "quality:\n"
                            "  prompts: [p]\n"
                            "  golden: g\n"
                            "  budgets: {fp16: {same_top: 99 %, greedy_match: 8}}\n"
                            "performance:\n"
                            "  production: {batch: [4, 1]}\n"
                            "  budgets:\n"
                            "    fp16:\n"
                            "      - {batch: 4, ttft_p50: 1 s}\n"
                            "      - {batch: 1, tpot_p50: 1 s, weights: 1 MiB}\n";

/* The ids of the plan, joined by blanks, or the message of its refusal. */
static const char *ids(const qg_suite *s, qg_plan_options o, qg_plan *plan)
{
    static qg_err err;
    qg_buf out;

    qg_err_clear(&err);
    if (qg_plan_make(plan, arena, s, &o, &err) != QG_OK)
        return err.message;
    qg_buf_init(&out, arena);
    qg_buf_text(&out, "");
    for (size_t i = 0; i < plan->n_cases; i++)
        qg_buf_format(&out, "%s%s", i ? " " : "", plan->cases[i].id);
    return out.ptr ? out.ptr : "";
}

START_TEST(cases_come_in_order_with_their_budgets)
{
    const qg_suite *s = suite_of(mixed);
    qg_plan p;

    ck_assert_str_eq(ids(s, (qg_plan_options){.only = "fp16/*"}, &p),
                     "fp16/quality fp16/perf/b1 fp16/perf/b4");
    ck_assert_uint_eq(p.n_all, 6);
    ck_assert_ptr_eq(p.suite, s);
    ck_assert_int_eq(p.cases[0].kind, QG_CASE_QUALITY);
    ck_assert_int_eq(p.cases[0].batch, 0);
    ck_assert_uint_eq(p.cases[0].expect.n, 3); /* drift is judged without being asked */
    ck_assert_int_eq(p.cases[0].expect.at[2].metric, QG_METRIC_DRIFT_LOGPROB_MAX);
    ck_assert(p.cases[0].expect.at[2].is_default && !p.cases[0].expect.at[1].is_default);
    ck_assert_double_eq(p.cases[0].expect.at[2].limit, 2e-3);
    ck_assert_int_eq(p.cases[0].expect.at[2].place.line, p.cases[0].place.line);
    ck_assert_int_eq(p.cases[1].kind, QG_CASE_PERFORMANCE);
    ck_assert_int_eq(p.cases[1].batch, 1);
    ck_assert_uint_eq(p.cases[1].expect.n, 2);
    ck_assert_int_eq(p.cases[1].expect.at[1].metric, QG_METRIC_WEIGHTS);
    ck_assert_uint_eq(p.cases[2].expect.n, 1);
    ck_assert_int_eq(p.cases[2].expect.at[0].place.line, 15);
    ck_assert_int_eq(p.cases[2].device, QG_DEVICE_CPU);
    ck_assert_str_eq(p.cases[2].model->name, "fp16");
}
END_TEST

START_TEST(shards_part_what_the_filter_leaves)
{
    const qg_suite *s = suite_of(mixed);
    qg_plan p;

    ck_assert_str_eq(ids(s, (qg_plan_options){.only = "fp16/*", .shard = 1, .n_shards = 2}, &p),
                     "fp16/quality fp16/perf/b4");
    ck_assert_str_eq(ids(s, (qg_plan_options){.only = "fp16/*", .shard = 2, .n_shards = 2}, &p),
                     "fp16/perf/b1");
    ck_assert(p.n_groups == 3 && p.shard == 2 && p.n_shards == 2 && p.cases[0].shard == 2);
    ck_assert_str_eq(ids(s, (qg_plan_options){.only = "fp16/*", .shard = 4, .n_shards = 4}, &p),
                     "");
    ck_assert_str_eq(ids(s, (qg_plan_options){.shard = 3, .n_shards = 2}, &p),
                     "shard must be 1 to N of N, like 2/3, not 3/2");
    ck_assert_str_eq(ids(s, (qg_plan_options){.shard = 0, .n_shards = 2}, &p),
                     "shard must be 1 to N of N, like 2/3, not 0/2");
}
END_TEST

START_TEST(a_batch_is_measured_in_one_place)
{
    const qg_suite *s = suite_of(mixed);
    qg_plan p;

    ck_assert_str_eq(ids(s, (qg_plan_options){.shard = 1, .n_shards = 2}, &p),
                     "fp16/quality fp16/perf/b1 gptq/perf/b1");
    ck_assert_str_eq(ids(s, (qg_plan_options){.shard = 2, .n_shards = 2}, &p),
                     "fp16/perf/b4 gptq/quality gptq/perf/b4");
    ids(s, (qg_plan_options){.n_shards = 2, .every_shard = true}, &p);
    ck_assert_uint_eq(p.n_cases, 6);
    ck_assert(p.shard == 0 && p.n_shards == 2);
    ck_assert(p.cases[0].shard == 1 && p.cases[2].shard == 2 && p.cases[5].shard == 2);
}
END_TEST

START_TEST(a_device_that_is_missing_here_changes_no_shard)
{
    const qg_suite *s = suite_of(mixed);
    qg_plan here, there;

    ids(s, (qg_plan_options){.device = "cuda", .n_shards = 3, .every_shard = true}, &here);
    ids(s,
        (qg_plan_options){.device = "cuda", .has_cuda = true, .n_shards = 3, .every_shard = true},
        &there);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_ptr_nonnull(here.cases[i].skip);
        ck_assert_int_eq(here.cases[i].shard, there.cases[i].shard);
    }
}
END_TEST

START_TEST(what_the_suite_skips_says_why)
{
    const qg_suite *s =
        suite_of("version: 1\nname: x\nmodels: {a: {model: m}, f: {model: m}}\nreference: a\n"
                 "engine: {device: cuda}\nquality: {tasks: [m/config.json]}\n"
                 "performance: {production: {batch: [1, 4]}}\nskip:\n"
                 "  - {case: '*/quality', reason: no tasks yet, issue: https://example.org/7}\n"
                 "  - {case: f/perf/b4, reason: too big, expires: 2026-06-15}\n");
    qg_plan_options all = {.require_cuda = true, .only = "*/quality"};
    qg_plan p;

    /* needs neither a device nor what is not built in */
    ck_assert_str_eq(ids(s, all, &p), "a/quality f/quality");
    ck_assert_str_eq(p.cases[0].skip, "no tasks yet (https://example.org/7)");
    ck_assert_int_eq(p.cases[0].place.line, 9);
    qg_clock_replace_wall(last_second);
    ids(s, (qg_plan_options){.only = "f/perf/*", .has_cuda = true}, &p);
    ck_assert_ptr_null(p.cases[0].skip);
    ck_assert_str_eq(p.cases[1].skip, "too big, up to 2026-06-15");
    qg_clock_replace_wall(next_day);
    ids(s, (qg_plan_options){.only = "f/perf/*", .has_cuda = true}, &p);
    ck_assert_ptr_null(p.cases[1].skip);
    qg_clock_replace_wall(NULL);
}
END_TEST

START_TEST(ten_thousand_budgets_take_little_room)
{
    qg_buf b;
    qg_plan p;

    qg_buf_init(&b, arena);
    qg_buf_text(&b, "version: 1\nname: x\nmodels: {a: {model: m}}\nperformance:\n"
                    "  production: {batch: [");
    for (int i = 1; i <= 500; i++)
        qg_buf_format(&b, "%s%d", i > 1 ? "," : "", i);
    qg_buf_text(&b, "]}\n  budgets:\n    a:\n");
    for (int i = 1; i <= 500; i++) {
        qg_buf_format(&b, "      - {batch: %d", i);
        for (int m = 0, n = 0; n < 20; m++) {
            const qg_metric_info *info = qg_metric_info_of((qg_metric)m);
            if (info->unit != QG_UNIT_DURATION && info->unit != QG_UNIT_BYTES)
                continue;
            qg_buf_format(&b, ", %s: %s", info->name,
                          info->unit == QG_UNIT_BYTES ? "1 MiB" : "1 s");
            if (++n == 19)
                n = 20;
        }
        qg_buf_text(&b, ", throughput: 1 tok/s}\n");
    }
    const qg_suite *s = suite_of(b.ptr);
    ck_assert_uint_eq(s->models[0].performance.n, 500 * 20);
    ids(s, (qg_plan_options){0}, &p);
    ck_assert_uint_eq(p.n_cases, 500);
    for (size_t i = 0; i < p.n_cases; i++)
        ck_assert_uint_eq(p.cases[i].expect.n, 20);
    ck_assert_int_eq(p.cases[499].expect.at[19].batch, 500);
}
END_TEST

START_TEST(a_filter_that_matches_nothing_lists_the_ids)
{
    qg_plan p;

    ck_assert_str_eq(ids(suite_of(mixed), (qg_plan_options){.only = "fp8/*"}, &p),
                     "no case matches 'fp8/*'; the cases are fp16/quality, fp16/perf/b1, "
                     "fp16/perf/b4, gptq/quality, gptq/perf/b1, gptq/perf/b4");
}
END_TEST

static void refused(const char *text, int line, int column, const char *message)
{
    qg_err err = {0};
    qg_plan p;

    ck_assert_int_eq(qg_plan_make(&p, arena, suite_of(text), &(qg_plan_options){0}, &err),
                     QG_ENOSUP);
    ck_assert_str_eq(err.message, message);
    ck_assert_int_eq(err.line, line);
    ck_assert_int_eq(err.column, column);
}

START_TEST(what_is_not_built_in_is_refused_at_its_line)
{
    refused("version: 1\nname: x\nmodels: {a: {model: m}}\nquality: {tasks: [m/config.json]}\n", 4,
            18, "evaluating 'tasks' is not built in yet");
}
END_TEST

START_TEST(a_case_is_read_beside_the_reference_of_its_suite)
{
    static const char head[] = "version: 1\nname: x\nmodels:\n  a: {model: m}\n  b: {model: m}\n"
                               "  made: {from: a, quantize: {method: rtn}}\nreference: ";
    static const char text[] = "quality: {text: m/config.json, budgets: {b: {kld_mean: 0.1, "
                               "same_top: 90 %}}}\nperformance: {production: {}}\n";
    qg_plan p;

    ids(suite_of(qg_arena_format(arena, "%sa\n%s", head, text)), (qg_plan_options){0}, &p);
    ck_assert_ptr_eq(p.cases[2].reference_folder, p.cases[0].folder);
    for (size_t i = 0; i < p.n_cases; i++)
        ck_assert_int_eq(qg_case_has_reference(&p.cases[i], p.suite), i == 2 || i == 4);
    p.cases[2].skip = "no device";
    ck_assert(!qg_case_has_reference(&p.cases[2], p.suite));
    /* a made one has its folder when it has been made */
    ids(suite_of(qg_arena_format(arena, "%smade\n%s", head, text)),
        (qg_plan_options){.only = "b/*"}, &p);
    ck_assert_ptr_null(p.cases[0].reference_folder);
    ck_assert(qg_case_has_reference(&p.cases[0], p.suite));
    ids(suite_of("version: 1\nname: x\nmodels: {a: {model: m, quantization: int8, calibration: "
                 "m/config.json}}\nquality: {text: m/config.json}\n"),
        (qg_plan_options){0}, &p);
    ck_assert_ptr_null(p.cases[0].reference_folder);
    /* nothing to read */
    ids(suite_of(qg_arena_format(arena, "%sa\nquality: {prompts: [p]}\n", head)),
        (qg_plan_options){.only = "b/*"}, &p);
    ck_assert(!qg_case_has_reference(&p.cases[0], p.suite));
}
END_TEST

START_TEST(what_is_calibrated_is_made_first)
{
    qg_plan p;

    ids(suite_of("version: 1\nname: x\nreference: a\nmodels:\n  a: {model: m}\n"
                 "  b: {model: m, quantization: int8, calibration: m/config.json}\n"
                 "  c: {from: a, quantize: {method: awq, calibration: m/config.json}}\n"
                 "quality: {prompts: [p]}\n"),
        (qg_plan_options){0}, &p);
    ck_assert_uint_eq(p.n_cases, 3);
    ck_assert_ptr_nonnull(p.cases[0].folder);
    ck_assert_ptr_null(p.cases[1].folder);
    ck_assert_ptr_null(p.cases[2].folder);
    ck_assert_str_eq(p.cases[2].model->method, "awq");
}
END_TEST

START_TEST(drift_is_not_judged_twice)
{
    static const char head[] = "version: 1\nname: x\nmodels: {a: {model: m}, b: {model: m}}\n"
                               "reference: a\nquality:\n  prompts: [p]\n";
    qg_plan p;

    /* no folder of goldens: nothing to drift from */
    ids(suite_of(head), (qg_plan_options){0}, &p);
    ck_assert_uint_eq(p.cases[0].expect.n, 0);
    /* the reference's golden is its own; what the suite says of drift stands */
    ids(suite_of(qg_arena_format(arena,
                                 "%s  golden: g\n  budgets:\n    a: {golden_logprob_max: 0.1}\n"
                                 "    b: {drift_logprob_max: 0.5}\n",
                                 head)),
        (qg_plan_options){0}, &p);
    ck_assert_uint_eq(p.cases[0].expect.n, 1);
    ck_assert_uint_eq(p.cases[1].expect.n, 1);
    ck_assert_double_eq(p.cases[1].expect.at[0].limit, 0.5);
    ids(suite_of(qg_arena_format(arena, "%s  golden: g\n", head)), (qg_plan_options){0}, &p);
    ck_assert(p.cases[0].expect.n == 1 && p.cases[1].expect.n == 1);
    ck_assert_int_eq(p.cases[0].expect.at[0].metric, QG_METRIC_DRIFT_LOGPROB_MAX);
    /* activations of 8 bit are chaotic in single numbers, not in KL */
    ids(suite_of("version: 1\nname: x\nreference: a\nmodels:\n  a: {model: m}\n"
                 "  b: {model: m, quantization: int8}\n"
                 "  c: {model: m, quantization: int8, activations: float}\n"
                 "quality: {prompts: [p], golden: g}\n"),
        (qg_plan_options){0}, &p);
    ck_assert_int_eq(p.cases[1].expect.at[0].metric, QG_METRIC_DRIFT_KLD_TOPK);
    ck_assert_int_eq(p.cases[2].expect.at[0].metric, QG_METRIC_DRIFT_LOGPROB_MAX);
}
END_TEST

START_TEST(two_models_in_fp16_can_be_compared)
{
    const qg_suite *s = suite_of(
        "version: 1\nname: x\nmodels: {a: {model: m}, b: {model: m}}\nreference: a\n"
        "quality: {text: m/config.json, budgets: {b: {ppl_increase: 1 %}}}\n"
        "performance: {production: {}, budgets: {b: [{batch: 1, weights_vs_fp16: 1x}]}}\n");
    qg_plan p;

    ck_assert_str_eq(ids(s, (qg_plan_options){0}, &p), "a/quality a/perf/b1 b/quality b/perf/b1");
    ck_assert_uint_eq(p.cases[2].expect.n, 1);
    ck_assert_uint_eq(p.cases[3].expect.n, 1);
}
END_TEST

START_TEST(devices_are_chosen_or_skipped)
{
    const qg_suite *s = suite_of("version: 1\nname: x\nmodels: {a: {model: m}}\n"
                                 "engine: {device: cuda}\nquality: {prompts: [p]}\n");
    qg_err err = {0};
    qg_plan p;

    ids(s, (qg_plan_options){.no_cuda = "cuda backend not built in"}, &p);
    ck_assert_int_eq(p.cases[0].device, QG_DEVICE_CUDA);
    ck_assert_str_eq(p.cases[0].skip, "cuda backend not built in");
    ids(s, (qg_plan_options){.has_cuda = true}, &p);
    ck_assert_ptr_null(p.cases[0].skip);
    ids(s, (qg_plan_options){.device = "auto"}, &p);
    ck_assert_int_eq(p.cases[0].device, QG_DEVICE_CPU);
    ck_assert_ptr_null(p.cases[0].skip);
    ck_assert_int_eq(qg_plan_make(&p, arena, s, &(qg_plan_options){.require_cuda = true}, &err),
                     QG_EDEVICE);
    ck_assert_str_eq(err.message, "case 'a/quality' requires cuda: no CUDA device");
    ck_assert_str_eq(ids(s, (qg_plan_options){.device = "gpu"}, &p),
                     "device must be auto, cpu, cuda or cuda:N, not 'gpu'");
}
END_TEST

static const char over[] = "version: 1\n"
                           "name: x\n"
                           "models:\n"
                           "  a: {model: m, device: cpu}\n"
                           "  b: {model: m}\n"
                           "  c: {model: m, device: 'cuda:1', reference: b}\n"
                           "  d: {model: m, device: cpu, reference: c}\n"
                           "reference: a\n"
                           "engine: {device: cpu}\n"
                           "quality: {text: m/config.json}\n"
                           "performance:\n"
                           "  production: {batch: [1]}\n"
                           "  budgets: {d: [{batch: 1, weights_vs_fp16: 1x}]}\n";

/* "ID DEVICE REFERENCE'S-DEVICE[ skipped]" of each quality case. */
static const char *devices(const qg_suite *s, qg_plan_options o)
{
    qg_buf out;
    qg_plan p;

    o.only = "*/quality";
    ids(s, o, &p);
    qg_buf_init(&out, arena);
    for (size_t i = 0; i < p.n_cases; i++)
        qg_buf_format(&out, "%s%s %s %s%s", i ? ", " : "", p.cases[i].model->name,
                      p.cases[i].device_name, p.cases[i].reference_device_name,
                      p.cases[i].skip ? " skipped" : "");
    return out.ptr;
}

START_TEST(a_models_own_device_stands)
{
    const qg_suite *s = suite_of(over);
    qg_plan p;

    ck_assert_str_eq(devices(s, (qg_plan_options){.has_cuda = true}),
                     "a cpu cpu, b cpu cpu, c cuda:1 cpu, d cpu cuda:1");
    ck_assert_str_eq(devices(s, (qg_plan_options){.has_cuda = true, .device = "cuda"}),
                     "a cpu cpu, b cuda cpu, c cuda:1 cuda, d cpu cuda:1");
    ck_assert_str_eq(devices(s, (qg_plan_options){.device = "auto"}),
                     "a cpu cpu, b cpu cpu, c cuda:1 cpu skipped, d cpu cuda:1 skipped");
    ids(s, (qg_plan_options){.no_cuda = "no driver"}, &p);
    ck_assert_uint_eq(p.n_cases, 8);
    ck_assert(p.cases[4].device == QG_DEVICE_CUDA && p.cases[6].device == QG_DEVICE_CPU);
    ck_assert_str_eq(p.cases[4].skip, "no driver"); /* c/quality, c/perf/b1 */
    ck_assert_str_eq(p.cases[5].skip, "no driver");
    ck_assert_str_eq(p.cases[6].skip, "its reference 'c' needs cuda: no driver");
    ck_assert_str_eq(p.cases[7].skip, "its reference 'c' needs cuda: no driver");
    ck_assert_ptr_null(p.cases[3].skip); /* b/perf/b1 */
}
END_TEST

START_TEST(what_a_case_of_its_own_reference_is_relative_to_comes_with_it)
{
    qg_plan p;

    ck_assert_str_eq(
        ids(suite_of(over), (qg_plan_options){.only = "d/perf/*", .has_cuda = true}, &p),
        "c/perf/b1 d/perf/b1");
    ck_assert_ptr_eq(qg_suite_reference_of(p.suite, p.cases[1].model), p.cases[0].model);
    ck_assert_str_eq(qg_suite_reference_of(p.suite, p.cases[0].model)->name, "b");
}
END_TEST

START_TEST(a_stored_run_says_where_its_cases_ran)
{
    const qg_suite *s = suite_of("version: 1\nname: x\nmodels: {a: {model: m}}\n"
                                 "quality: {prompts: [p], golden: g}\n");
    qg_measurement m = {.id = {.id = "a/quality", .device = "cpu"}};
    qg_run run = {.measurements = &m, .n_measurements = 1};
    qg_plan p;

    ids(s, (qg_plan_options){.has_cuda = true}, &p);
    ck_assert_int_eq(p.cases[0].device, QG_DEVICE_CUDA);
    ids(s, (qg_plan_options){.has_cuda = true, .ran = &run}, &p);
    ck_assert_int_eq(p.cases[0].device, QG_DEVICE_CPU);
    ck_assert_double_eq(p.cases[0].expect.at[0].limit, QG_DRIFT_CPU);
    m.id.device = "cuda";
    ids(s, (qg_plan_options){.device = "cpu", .has_cuda = true, .ran = &run}, &p);
    ck_assert_double_eq(p.cases[0].expect.at[0].limit, QG_DRIFT_CUDA);
    m.id.device = "tpu";
    ids(s, (qg_plan_options){.device = "cpu", .has_cuda = true, .ran = &run}, &p);
    ck_assert_int_eq(p.cases[0].device, QG_DEVICE_CPU);
}
END_TEST

static const char by_device[] =
    "version: 1\n"
    "name: x\n"
    "models: {a: {model: m}}\n"
    "quality:\n"
    "  text: m/config.json\n"
    "  budgets: {a: {ppl: 9, cpu: {nll: 2}, cuda: {nll: 3}}}\n"
    "performance:\n"
    "  production: {batch: [1, 2]}\n"
    "  budgets:\n"
    "    a:\n"
    "      - {batch: 1, tpot_p50: 1 s, memory_peak: 12 MiB, cuda: {memory_peak: 44 MiB}}\n"
    "      - {batch: 2, cpu: {workspace: 1 B}, memory_peak: 13 MiB}\n";

/* "METRIC WRITTEN" of each budget, cases parted by "; ". */
static const char *budgets(const qg_suite *s, const char *device)
{
    qg_buf out;
    qg_plan p;

    ids(s, (qg_plan_options){.device = device, .has_cuda = true}, &p);
    qg_buf_init(&out, arena);
    for (size_t i = 0; i < p.n_cases; i++)
        for (size_t k = 0; k < p.cases[i].expect.n; k++)
            qg_buf_format(&out, "%s%s %s",
                          k   ? ", "
                          : i ? "; "
                              : "",
                          qg_metric_info_of(p.cases[i].expect.at[k].metric)->name,
                          p.cases[i].expect.at[k].written);
    return out.ptr;
}

START_TEST(a_budget_of_a_device_holds_there_alone)
{
    const qg_suite *s = suite_of(by_device);
    qg_plan p;

    ck_assert_str_eq(budgets(s, "cpu"),
                     "ppl 9, nll 2; tpot_p50 1 s, memory_peak 12 MiB; workspace 1 B, memory_peak "
                     "13 MiB");
    ck_assert_str_eq(budgets(s, "cuda:1"),
                     "ppl 9, nll 3; tpot_p50 1 s, memory_peak 44 MiB; memory_peak 13 MiB");
    ids(s, (qg_plan_options){.device = "cuda", .has_cuda = true}, &p);
    ck_assert_int_eq(p.cases[1].expect.at[1].place.line, 11);
    ck_assert_int_eq(p.cases[1].expect.at[1].place.column, 63);
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    const qg_suite *s = suite_of(mixed);
    bool unharmed = false;

    for (long n = 1; !unharmed; n++) {
        qg_arena *own = qg_arena_create();
        qg_err err = {0};
        qg_plan p;
        qg_arena_fail_after(n);
        qg_status status = qg_plan_make(&p, own, s, &(qg_plan_options){.only = "fp16/*"}, &err);
        unharmed = qg_arena_fail_after(0);
        ck_assert_msg(status == (unharmed ? QG_OK : QG_ENOMEM), "%ld: %s", n, err.message);
        qg_arena_free(own);
    }
}
END_TEST

START_TEST(what_a_case_is_relative_to_comes_with_it)
{
    const qg_suite *s =
        suite_of("version: 1\n"
                 "name: x\n"
                 "models:\n"
                 "  fp16: {model: m}\n"
                 "  gptq: {model: m, quantization: gptq}\n"
                 "reference: fp16\n"
                 "performance:\n"
                 "  production: {batch: [1, 4]}\n"
                 "  budgets:\n"
                 "    fp16: [{batch: 1, tpot_p50: 1 s}, {batch: 4, tpot_p50: 1 s}]\n"
                 "    gptq: [{batch: 1, tpot_vs_fp16: 1x}, {batch: 4, weights: 1 B}]\n");
    qg_plan plan;

    ck_assert_str_eq(ids(s, (qg_plan_options){.only = "gptq/*"}, &plan),
                     "fp16/perf/b1 gptq/perf/b1 gptq/perf/b4");
    ck_assert_uint_eq(plan.cases[0].expect.n, 0);
    ck_assert_uint_eq(plan.cases[1].expect.n, 1);
    ck_assert_str_eq(ids(s, (qg_plan_options){.only = "*/perf/b1"}, &plan),
                     "fp16/perf/b1 gptq/perf/b1");
    ck_assert_uint_eq(plan.cases[0].expect.n, 1);
}
END_TEST

Suite *plan_check(void)
{
    Suite *s = suite_create("plan_check");
    TCase *t = tcase_create("plan");

    tcase_add_checked_fixture(t, folder_begin, folder_end);
    tcase_add_test(t, cases_come_in_order_with_their_budgets);
    tcase_add_test(t, shards_part_what_the_filter_leaves);
    tcase_add_test(t, a_batch_is_measured_in_one_place);
    tcase_add_test(t, a_device_that_is_missing_here_changes_no_shard);
    tcase_add_test(t, what_the_suite_skips_says_why);
    tcase_add_test(t, ten_thousand_budgets_take_little_room);
    tcase_add_test(t, a_filter_that_matches_nothing_lists_the_ids);
    tcase_add_test(t, what_is_not_built_in_is_refused_at_its_line);
    tcase_add_test(t, what_is_calibrated_is_made_first);
    tcase_add_test(t, a_case_is_read_beside_the_reference_of_its_suite);
    tcase_add_test(t, drift_is_not_judged_twice);
    tcase_add_test(t, two_models_in_fp16_can_be_compared);
    tcase_add_test(t, devices_are_chosen_or_skipped);
    tcase_add_test(t, a_models_own_device_stands);
    tcase_add_test(t, what_a_case_of_its_own_reference_is_relative_to_comes_with_it);
    tcase_add_test(t, a_stored_run_says_where_its_cases_ran);
    tcase_add_test(t, a_budget_of_a_device_holds_there_alone);
    tcase_add_test(t, every_failed_allocation_is_reported);
    tcase_add_test(t, what_a_case_is_relative_to_comes_with_it);
    suite_add_tcase(s, t);
    return s;
}
