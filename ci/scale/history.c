/* Fills a history with runs as gates append them, and times what people wait for: an append at each
 * size, the newest runs of one suite with all their numbers, and what the file weighs. Run by
 * scripts/history-scale.sh.
 *
 *     history-scale DB N_RUNS [N_SUITES]
 *
 * The runs of N_SUITES suites come in turns, one suite of 24 cases (960 numbers) and the others of
 * one case with 40 numbers, as most suites are small. Appends are those of the program, each a
 * transaction of its own that is synced, through one connection; a hundred at the end are timed
 * with a connection each, as the program has it.
 */
#include "history/history.h"
#include "base/clock.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_METRICS = 40, N_BIG = 24, TIMED = 100, STEP = 600 };
#define START INT64_C(1577836800)

static double uniform(uint64_t *state)
{
    return (double)(qg_random_next(state) >> 11) * 0x1p-53;
}

static void must(qg_status s, const qg_err *err)
{
    if (s == QG_OK)
        return;
    fprintf(stderr, "history-scale: %s\n", err->message);
    exit(1);
}

/* A case with N_METRICS scalars, the first eight of which budgets judge with an interval. */
static void make_case(qg_run *run, qg_arena *a, size_t i, uint64_t *state)
{
    qg_measurement *m = &run->measurements[i];

    *m = (qg_measurement){.id = {.id = qg_arena_format(a, "awq/perf/b%zu", i + 1),
                                 .model = "awq",
                                 .method = "awq",
                                 .device = "cpu",
                                 .kind = "performance",
                                 .batch = (int64_t)i + 1,
                                 .input_len = 512,
                                 .output_len = 128},
                          .scalars = QG_NEW_N(a, qg_scalar, N_METRICS),
                          .n_scalars = N_METRICS};
    for (int k = 0; k < N_METRICS; k++) {
        double value = 1e6 * (1 + k + 0.05 * uniform(state));
        m->scalars[k] = (qg_scalar){(qg_metric)k, value, 60};
        if (k < 8)
            run->judgements[run->n_judgements++] = (qg_judgement){.case_id = m->id.id,
                                                                  .metric = (qg_metric)k,
                                                                  .has_value = true,
                                                                  .value = value,
                                                                  .n = 60,
                                                                  .has_limit = true,
                                                                  .limit = 1e8,
                                                                  .has_low = true,
                                                                  .low = value * 0.98,
                                                                  .has_high = true,
                                                                  .high = value * 1.03,
                                                                  .message = "fine"};
    }
}

static qg_run *make_run(qg_arena *a, int64_t i, int n_suites, uint64_t *state)
{
    qg_run *run = QG_NEW(a, qg_run);
    char *started = qg_arena_alloc(a, 21);
    size_t n_cases = i % n_suites == 0 ? N_BIG : 1;
    qg_model_info *model = QG_NEW(a, qg_model_info);

    qg_clock_print(started, START + i * STEP);
    *model = (qg_model_info){.name = "awq",
                             .family = "llama",
                             .method = "awq",
                             .model_hash = qg_arena_format(a, "%064lld", (long long)(i / 50)),
                             .bytes = 3900000000};
    *run =
        (qg_run){.version = "0.1.0",
                 .commit = "0123456789ab",
                 .suite = qg_arena_format(a, "suite %lld", (long long)(i % n_suites)),
                 .suite_file = "suites/perf/cpu.yaml",
                 .suite_hash = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
                 .reference = "fp16",
                 .started = started,
                 .wall_ns = i,
                 .machine = {.cpu = "AMD EPYC", .device = "cpu", .fingerprint = "f00d"},
                 .models = model,
                 .n_models = 1,
                 .measurements = QG_NEW_N(a, qg_measurement, n_cases),
                 .n_measurements = n_cases,
                 .judgements = QG_NEW_N(a, qg_judgement, 8 * n_cases)};
    for (size_t k = 0; k < n_cases; k++)
        make_case(run, a, k, state);
    return run;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *what, double *ms, size_t n)
{
    qsort(ms, n, sizeof *ms, by_size);
    printf("%-44s median %7.2f ms, p95 %7.2f ms, most %7.2f ms\n", what, ms[n / 2],
           ms[n * 95 / 100], ms[n - 1]);
    fflush(stdout);
}

static double put(qg_history *h, int64_t i, int n_suites, uint64_t *state)
{
    qg_arena *a = qg_arena_create();
    qg_history_source source = {.branch = "main",
                                .commit = qg_arena_format(a, "%040lld", (long long)i)};
    qg_history_added added;
    qg_err err = {0};
    qg_run *run = make_run(a, i, n_suites, state);
    int64_t start = qg_clock_ns();

    must(qg_history_append(&added, h, run, &source, &err), &err);
    double ms = (double)(qg_clock_ns() - start) / 1e6;
    qg_arena_free(a);
    return ms;
}

static void fill(const char *path, int64_t n, int n_suites, uint64_t *state)
{
    static double ms[1000];
    const qg_history_options options = {.write = true};
    qg_arena *a = qg_arena_create();
    qg_err err = {0};
    qg_history *h;
    char what[64];

    must(qg_history_open(&h, a, path, &options, &err), &err);
    for (int64_t i = 0; i < n; i++) {
        ms[i % 1000] = put(h, i, n_suites, state);
        if (i + 1 == 1000 || (i + 1) % 20000 == 0) {
            snprintf(what, sizeof what, "append, runs %lld to %lld", (long long)i - 998,
                     (long long)i + 1);
            print_times(what, ms, 1000);
        }
    }
    qg_arena_free(a);
}

/* As the program does it: open, append, close. `step` of the runs are of the big suite. */
static void time_appends(const char *what, const char *path, int64_t first, int64_t step,
                         int n_suites, uint64_t *state)
{
    const qg_history_options options = {.write = true};
    double ms[TIMED];

    for (int i = 0; i < TIMED; i++) {
        qg_arena *a = qg_arena_create();
        qg_err err = {0};
        qg_history *h;
        int64_t start = qg_clock_ns();
        must(qg_history_open(&h, a, path, &options, &err), &err);
        put(h, first + i * step, n_suites, state);
        qg_arena_free(a);
        ms[i] = (double)(qg_clock_ns() - start) / 1e6;
    }
    print_times(what, ms, TIMED);
}

static void time_query(const char *what, const char *path, qg_history_filter filter)
{
    const qg_history_options options = {0};
    double ms[5];
    size_t n_runs = 0, n_numbers = 0;

    for (int i = 0; i < 5; i++) {
        qg_arena *a = qg_arena_create();
        qg_history_runs runs;
        qg_history_trends trends;
        qg_err err = {0};
        qg_history *h;
        int64_t start = qg_clock_ns();
        must(qg_history_open(&h, a, path, &options, &err), &err);
        must(qg_history_runs_find(&runs, a, h, &filter, &err), &err);
        must(qg_history_trends_find(&trends, a, h, &runs, &filter, &err), &err);
        ms[i] = (double)(qg_clock_ns() - start) / 1e6;
        n_runs = runs.n;
        n_numbers = 0;
        for (size_t k = 0; k < trends.n; k++)
            n_numbers += trends.at[k].n_numbers;
        qg_arena_free(a);
    }
    print_times(what, ms, 5);
    printf("%-44s %zu runs, %zu numbers\n", "", n_runs, n_numbers);
}

static void time_check(const char *path)
{
    qg_arena *a = qg_arena_create();
    qg_findings findings;
    qg_history_state state;
    qg_err err = {0};
    int64_t start = qg_clock_ns();

    qg_findings_begin(&findings, a);
    must(qg_history_check(&findings, &state, path, &err), &err);
    printf("%-44s %.0f ms, %zu findings\n", "check", (double)(qg_clock_ns() - start) / 1e6,
           findings.n);
    printf("%-44s %lld runs, %lld numbers, %.1f MiB: %.1f bytes a number\n", "the file",
           (long long)state.n_runs, (long long)state.n_numbers, (double)state.bytes / 1048576,
           (double)state.bytes / (double)state.n_numbers);
    qg_arena_free(a);
}

/* The older half goes; others that write have to wait so long. */
static void time_prune(const char *path, int64_t n)
{
    const qg_history_options options = {.write = true};
    const qg_history_limits limits = {.before = START + n / 2 * STEP};
    qg_arena *a = qg_arena_create();
    qg_history_pruned p;
    qg_err err = {0};
    qg_history *h;
    int64_t start = qg_clock_ns();

    must(qg_history_open(&h, a, path, &options, &err), &err);
    must(qg_history_prune(&p, h, &limits, &err), &err);
    qg_arena_free(a);
    printf("%-44s %.0f ms, %lld runs, %.1f MiB after %.1f MiB\n", "prune to the newer half",
           (double)(qg_clock_ns() - start) / 1e6, (long long)p.n_runs,
           (double)p.bytes_after / 1048576, (double)p.bytes_before / 1048576);
}

int main(int argc, char **argv)
{
    int64_t n = argc > 2 ? atoll(argv[2]) : 0;
    int n_suites = argc > 3 ? atoi(argv[3]) : 100;
    uint64_t state = 1;

    if (n < 1000 || n_suites < 2) {
        fprintf(stderr, "usage: history-scale DB N_RUNS (1000 or more) [N_SUITES (2 or more)]\n");
        return 2;
    }
    int64_t next = (n / n_suites + 1) * n_suites;
    fill(argv[1], n, n_suites, &state);
    time_appends("open, append 40 numbers, close", argv[1], next + 1, n_suites, n_suites, &state);
    time_appends("open, append 960 numbers, close", argv[1], next, n_suites, n_suites, &state);
    time_query("newest 500 runs of 24 cases, all numbers", argv[1],
               (qg_history_filter){.suite = "suite 0", .last = 500});
    time_query("newest 500 runs of 24 cases, one metric", argv[1],
               (qg_history_filter){.suite = "suite 0", .last = 500, .metric = "tpot_p50"});
    time_query("newest 500 runs of one case, all numbers", argv[1],
               (qg_history_filter){.suite = "suite 1", .last = 500});
    time_query("newest run of every suite", argv[1], (qg_history_filter){.last = 1});
    time_check(argv[1]);
    time_prune(argv[1], n);
    return 0;
}
