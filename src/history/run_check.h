/* For the tests of this room: runs made by hand, and a history in the temporary folder of
 * base/folder_check.h. */
#ifndef QG_HISTORY_RUN_CHECK_H
#define QG_HISTORY_RUN_CHECK_H

#include "base/clock.h"
#include "base/folder_check.h"
#include "history/history.h"

/* A call that must succeed; `why` is the test's own. */
#define ck_ok(call)                                                                                \
    do {                                                                                           \
        qg_err_clear(&why);                                                                        \
        qg_status status_ = (call);                                                                \
        ck_assert_msg(status_ == QG_OK, "%s: %s: %s", qg_status_name(status_), why.context,        \
                      why.message);                                                                \
    } while (0)
/* A call that must fail with `status` and a message that holds `text`. */
#define ck_refused(call, status, text)                                                             \
    do {                                                                                           \
        qg_err_clear(&why);                                                                        \
        ck_assert_int_eq((call), (status));                                                        \
        ck_assert_msg(strstr(why.message, (text)) != NULL, "'%s' lacks '%s'", why.message, text);  \
    } while (0)

static qg_err why;

/* Run number `day` of a suite, on day 1 + `day` of 2026: a performance case with five samples of
 * ttft, a scalar of memory that a budget judges, an allowance against the baseline that fails, and
 * a case that was skipped. */
static inline qg_run *run_made(const char *suite, int day)
{
    qg_run *run = QG_NEW(arena, qg_run);
    qg_measurement *m = QG_NEW_N(arena, qg_measurement, 2);
    qg_series *series = QG_NEW(arena, qg_series);
    qg_scalar *scalar = QG_NEW(arena, qg_scalar);
    qg_judgement *j = QG_NEW_N(arena, qg_judgement, 3);
    qg_model_info *model = QG_NEW(arena, qg_model_info);
    char *started = qg_arena_alloc(arena, 21);

    qg_clock_print(started, INT64_C(1767225600) + day * INT64_C(86400));
    *series = (qg_series){"ttft", QG_NEW_N(arena, double, 5), 5};
    for (int i = 0; i < 5; i++)
        series->samples[i] = 1000.0 * (i + 1) + day;
    *scalar = (qg_scalar){QG_METRIC_MEMORY_PEAK, 1048576.0 + day, 1};
    m[0] = (qg_measurement){.id = {"fp16/perf/b4", "fp16", "fp16", "cpu", "performance", 4, 64, 16},
                            .wall_ns = 5,
                            .series = series,
                            .n_series = 1,
                            .scalars = scalar,
                            .n_scalars = 1};
    m[1] = (qg_measurement){.id = {.id = "awq/quality",
                                   .model = "awq",
                                   .method = "awq",
                                   .device = "cuda",
                                   .kind = "quality"},
                            .state = QG_CASE_SKIPPED,
                            .message = "no device"};
    j[0] = (qg_judgement){.case_id = "fp16/perf/b4",
                          .metric = QG_METRIC_MEMORY_PEAK,
                          .verdict = QG_VERDICT_PASS,
                          .has_value = true,
                          .has_limit = true,
                          .value = scalar->value,
                          .limit = 2097152,
                          .n = 1,
                          .message = "fine"};
    j[1] = (qg_judgement){.case_id = "fp16/perf/b4",
                          .metric = QG_METRIC_TTFT_P50,
                          .basis = QG_BASIS_BASELINE,
                          .verdict = QG_VERDICT_FAIL,
                          .exit_class = 1,
                          .has_value = true,
                          .has_limit = true,
                          .value = 0.25,
                          .limit = 0.05,
                          .n = 5,
                          .has_base = true,
                          .is_share = true,
                          .base = 2400,
                          .has_low = true,
                          .low = 0.125,
                          .message = "slower"};
    j[2] = (qg_judgement){.case_id = "awq/quality",
                          .metric = QG_METRIC_NONE,
                          .verdict = QG_VERDICT_SKIP,
                          .message = "no device"};
    *model = (qg_model_info){.name = "fp16",
                             .path = "/secret/fp16",
                             .family = "llama",
                             .method = "fp16",
                             .model_hash = "mh",
                             .tokenizer_hash = "th",
                             .n_params = 1000,
                             .bytes = 2000};
    *run = (qg_run){.version = "0.1.0",
                    .commit = "build1",
                    .suite = suite,
                    .suite_file = "suites/s.yaml",
                    .suite_hash = "sh",
                    .reference = "fp16",
                    .started = started,
                    .wall_ns = 77,
                    .seed = 7,
                    .machine = {.host = "secret-host",
                                .os = "Linux",
                                .cpu = "EPYC",
                                .n_cpus = 2,
                                .memory_bytes = 1 << 30,
                                .device = "cpu",
                                .tier = "avx2",
                                .n_threads = 2,
                                .compiler = "gcc",
                                .flags = "-O2",
                                .fingerprint = "f00d"},
                    .models = model,
                    .n_models = 1,
                    .measurements = m,
                    .n_measurements = 2,
                    .judgements = j,
                    .n_judgements = 3,
                    .verdict = QG_VERDICT_FAIL,
                    .exit_code = 1};
    return run;
}

static inline qg_history *history_opened(const char *path, bool write)
{
    const qg_history_options options = {.write = write, .timeout_ms = 20000};
    qg_history *h;

    ck_ok(qg_history_open(&h, arena, path, &options, &why));
    return h;
}

static inline qg_history_added history_put(qg_history *h, const qg_run *run,
                                           const qg_history_source *source)
{
    qg_history_added added;

    ck_ok(qg_history_append(&added, h, run, source, &why));
    return added;
}

static inline qg_history_runs history_runs(qg_history *h, qg_history_filter filter)
{
    qg_history_runs runs;

    ck_ok(qg_history_runs_find(&runs, arena, h, &filter, &why));
    return runs;
}

/* Demands that the history is sound and holds so many runs. */
static inline void ck_sound(const char *path, int64_t n_runs)
{
    qg_findings findings;
    qg_history_state state;

    qg_findings_begin(&findings, arena);
    ck_ok(qg_history_check(&findings, &state, path, &why));
    ck_assert_msg(findings.n == 0, "%s", findings.n ? findings.at[0].message : "");
    ck_assert_int_eq(state.n_runs, n_runs);
}

#endif
