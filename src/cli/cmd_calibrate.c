/* `quantgate calibrate SUITE`: the program against itself, several times, to learn what this
 * machine can tell apart: per case and metric the value, the half-width of its interval, and how
 * far equal arms differ, into DIR/SUITE-FINGERPRINT.csv (record/noise.h). */
#include "base/clock.h"
#include "base/file.h"
#include "cli/gate.h"
#include "judge/budget.h"
#include "judge/rounds.h"
#include "record/baseline.h"
#include "record/noise.h"
#include "stats/numbers.h"

#include <math.h>
#include <stdlib.h>

typedef struct calibrate_options {
    qg_gate_options gate;
    const char *noise;
    int64_t runs;
    bool dry_run;
} calibrate_options;

static const calibrate_options defaults = {
    .gate = QG_GATE_DEFAULTS, .noise = QG_NOISE_FOLDER, .runs = 10};

static const qg_option options[] = {
    QG_INT("runs", calibrate_options, runs, "N", 3, 1000, "times that the suite is measured (10)"),
    QG_TEXT("noise", calibrate_options, noise, "DIR", "where the floors go (" QG_NOISE_FOLDER ")"),
    QG_FLAG("dry-run", calibrate_options, dry_run, "measure and print, write nothing"),
    {0},
};

/* What one row is made of, one entry a run. */
typedef struct gathered {
    const char *case_id;
    qg_metric metric;
    double *values, *halves, *pairs; /* logarithms; shares; logarithms */
    size_t n;
    int64_t samples;
} gathered;

typedef struct gathering {
    gathered *at;
    size_t n, room;
    qg_arena *arena;
    size_t n_runs;
} gathering;

static gathered *find(gathering *g, const char *case_id, qg_metric metric)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->at[i].metric == metric && strcmp(g->at[i].case_id, case_id) == 0)
            return &g->at[i];
    if (g->n == g->room)
        return NULL;
    gathered *a = &g->at[g->n++];
    *a = (gathered){.case_id = case_id,
                    .metric = metric,
                    .values = QG_NEW_N(g->arena, double, g->n_runs),
                    .halves = QG_NEW_N(g->arena, double, g->n_runs),
                    .pairs = QG_NEW_N(g->arena, double, g->n_runs)};
    return a->values && a->halves && a->pairs ? a : NULL;
}

/* log(own / other) of a metric of two equal arms. */
static qg_status pair_of(double *out, qg_arena *scratch, const qg_measurement *m,
                         const qg_measurement *other, qg_metric metric, qg_err *err)
{
    qg_value a, b;
    qg_rounds r;

    *out = 0;
    if (qg_metric_info_of(metric)->percentile > 50) {
        QG_PASS(qg_value_of(&a, scratch, m, metric, err));
        QG_PASS(qg_value_of(&b, scratch, other, metric, err));
        if (a.known && b.known && a.value > 0 && b.value > 0)
            *out = log(a.value / b.value);
        return QG_OK;
    }
    QG_PASS(qg_rounds_compare(&r, scratch, m, other, qg_value_series(metric), 0, 0.05, 0.01, err));
    *out = r.estimate;
    return QG_OK;
}

static qg_status gather(gathering *g, const qg_run *run, const qg_measurement *m,
                        const qg_measurement *reference, qg_metric metric, qg_err *err)
{
    qg_asked asked = {metric, 1, 0.05, 0.01, 1000};
    const qg_measurement *other = qg_run_case(run->against, m->id.id);
    qg_metric compared;
    qg_estimate e;
    qg_err why = {0};

    if (!qg_estimate_varies(metric) || qg_metric_info_of(metric)->section != QG_PERFORMANCE ||
        (qg_metric_compared(&compared, metric) && (!reference || reference == m)))
        return QG_OK;
    QG_PASS(qg_estimate_make(&e, g->arena, m, reference, &asked, err));
    gathered *a = find(g, m->id.id, metric);
    QG_NEED(a, err);
    bool cost = qg_metric_info_of(metric)->direction == QG_COST;
    double half = cost ? e.interval.high - e.value.value : e.value.value - e.interval.low;
    if (e.value.value <= 0 || a->n == g->n_runs)
        return QG_OK;
    a->values[a->n] = log(e.value.value);
    a->halves[a->n] = isfinite(half) ? half / e.value.value : 1;
    a->samples = e.value.n;
    if (other && !qg_metric_compared(&compared, metric) &&
        pair_of(&a->pairs[a->n], g->arena, m, other, metric, &why) == QG_ENOMEM)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    a->n++;
    return QG_OK;
}

/* The case that the plan's case of the same place is relative to. */
static const qg_measurement *reference_of(const qg_run *run, const qg_case *c,
                                          const qg_measurement *m, const qg_suite *s)
{
    const qg_suite_model *reference = qg_suite_reference_of(s, c->model);

    for (size_t i = 0; i < run->n_measurements; i++)
        if (strcmp(run->measurements[i].id.model, reference->name) == 0 &&
            run->measurements[i].id.batch == m->id.batch)
            return &run->measurements[i];
    return NULL;
}

static bool is_budgeted(const qg_expects *expects, qg_metric metric)
{
    for (size_t i = 0; i < expects->n; i++)
        if (expects->at[i].metric == metric)
            return true;
    return false;
}

static qg_status gather_run(gathering *g, const qg_run *run, const qg_plan *plan, qg_err *err)
{
    const qg_suite_regression *r = &plan->suite->regression;

    for (size_t i = 0; i < run->n_measurements; i++) {
        const qg_measurement *m = &run->measurements[i];
        const qg_measurement *reference = reference_of(run, &plan->cases[i], m, plan->suite);
        if (m->state == QG_CASE_FAILED)
            return qg_fail(err, m->exit_class == 2 ? QG_EARG : QG_EWORKER, "case '%s': %s",
                           m->id.id, m->message);
        for (size_t k = 0; k < plan->cases[i].expect.n; k++)
            QG_PASS(gather(g, run, m, reference, plan->cases[i].expect.at[k].metric, err));
        for (size_t k = 0; k < r->n_allow; k++) {
            if (!is_budgeted(&plan->cases[i].expect, r->allow[k].metric))
                QG_PASS(gather(g, run, m, reference, r->allow[k].metric, err));
        }
    }
    return QG_OK;
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* Around the mean, or around 0. */
static double deviation_of(const double *x, size_t n, double middle)
{
    double squares = 0;

    for (size_t i = 0; i < n; i++)
        squares += (x[i] - middle) * (x[i] - middle);
    return n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
}

static qg_noise_row row_of(gathered *a)
{
    double mean = mean_of(a->values, a->n);

    qg_numbers_sort(a->halves, a->n);
    return (qg_noise_row){.case_id = a->case_id,
                          .metric = a->metric,
                          .runs = (int64_t)a->n,
                          .samples = a->samples,
                          .value = exp(mean),
                          .half_width = a->halves[a->n / 2],
                          .between = deviation_of(a->values, a->n, mean),
                          .paired = deviation_of(a->pairs, a->n, 0)};
}

static qg_status print_rows(const qg_noise *noise, qg_cli *cli, bool written, qg_err *err)
{
    char value[QG_UNIT_TEXT], half[QG_UNIT_TEXT], between[QG_UNIT_TEXT], floor[QG_UNIT_TEXT];
    qg_buf b;

    qg_buf_init(&b, cli->run);
    qg_buf_format(&b, "%-20s %-15s %12s %10s %12s %12s\n", "CASE", "METRIC", "VALUE", "INTERVAL",
                  "RUN TO RUN", "FLOOR");
    for (size_t i = 0; i < noise->n_rows; i++) {
        const qg_noise_row *r = &noise->rows[i];
        qg_unit_print(half, QG_UNIT_SHARE, r->half_width);
        qg_unit_print(between, QG_UNIT_SHARE, r->between);
        qg_unit_print(floor, QG_UNIT_SHARE, 3 * r->paired);
        qg_buf_format(&b, "%-20s %-15s %12s %10s %12s %12s\n", r->case_id,
                      qg_metric_info_of(r->metric)->name,
                      qg_metric_print(value, r->metric, r->value), half, between, floor);
    }
    qg_buf_format(&b, "%s %s\n", written ? "wrote" : "would write", noise->path);
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

static qg_status measure_all(gathering *g, qg_run **last, qg_cli *cli, const qg_suite *suite,
                             qg_err *err)
{
    const calibrate_options *o = cli->options;
    qg_gate_options gate = o->gate;
    qg_plan plan;

    gate.only = gate.only ? gate.only : "*/perf/*";
    gate.against = qg_cli_program(cli->run);
    QG_NEED(gate.against, err);
    for (int64_t i = 0; i < o->runs; i++) {
        QG_PASS(qg_gate_plan(&plan, cli, suite, &gate, err));
        QG_PASS(qg_gate_measure(last, cli, &plan, &gate, false, err));
        if (i == 0) {
            g->room = plan.n_cases * QG_METRIC_N;
            g->at = QG_NEW_N(cli->run, gathered, g->room);
            QG_NEED(g->at, err);
        }
        QG_PASS(gather_run(g, *last, &plan, err));
        qg_cli_notice("quantgate: run %lld of %lld measured", (long long)i + 1, (long long)o->runs);
    }
    return QG_OK;
}

static qg_status calibrate(qg_cli *cli, qg_err *err)
{
    const calibrate_options *o = cli->options;
    gathering g = {.arena = cli->run, .n_runs = (size_t)o->runs};
    qg_suite *suite;
    qg_run *last;

    QG_PASS(qg_outcome_read_suite(&suite, cli, cli->args[0], err));
    if (!suite->performance.present)
        return qg_fail(err, QG_EARG, "suite '%s' measures no performance", suite->path);
    QG_PASS(measure_all(&g, &last, cli, suite, err));
    const qg_machine *m = &last->machine;
    qg_noise noise = {
        .path = qg_noise_path(cli->run, o->noise, suite->name, m->fingerprint),
        .head = qg_arena_format(cli->run, "quantgate calibrate %s, %s, %s, %d thread%s, %s",
                                suite->path, m->gpu ? m->gpu : m->cpu, m->tier, m->n_threads,
                                m->n_threads == 1 ? "" : "s", last->started),
        .rows = QG_NEW_N(cli->run, qg_noise_row, g.n)};
    if (!noise.path || !noise.head || !noise.rows)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    for (size_t i = 0; i < g.n; i++)
        noise.rows[noise.n_rows++] = row_of(&g.at[i]);
    if (!o->dry_run) {
        QG_PASS(qg_dir_make(o->noise, err));
        QG_PASS(qg_noise_write(&noise, cli->run, err));
    }
    return print_rows(&noise, cli, !o->dry_run, err);
}

const qg_command qg_cmd_calibrate = {
    .name = "calibrate",
    .arguments = "SUITE",
    .summary = "learn what this machine can tell apart: the program against itself",
    .details =
        "Measures the performance cases --runs times beside themselves and stores, per case "
        "and metric, the value,\nthe half of its interval, and the floor: three deviations "
        "of what equal arms differ by. `lint` then\nrefuses budgets that could not be judged "
        "here, and `run --against` allows no less than the floor.",
    .example = "quantgate calibrate suites/perf/cpu.yaml",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .shared = qg_gate_option_table,
    .defaults = &defaults,
    .options_size = sizeof(calibrate_options),
    .run = calibrate,
};
