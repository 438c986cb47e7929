/* `quantgate baseline update|show SUITE`: records runs of the suite as the state that later runs
 * are held to, with the evidence that it is one: how many runs, how far they spread, on what. */
#include "base/file.h"
#include "cli/gate.h"
#include "judge/busy.h"
#include "judge/regression.h"
#include "record/baseline.h"
#include "record/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct baseline_options {
    qg_gate_options gate;
    const char *why;
    int64_t runs;
    bool anchor, dry_run, busy;
} baseline_options;

static const baseline_options defaults = {.gate = QG_GATE_DEFAULTS, .runs = QG_BASELINE_LEAST};

static const qg_option options[] = {
    QG_TEXT("why", baseline_options, why, "TEXT", "why this state is accepted; kept beside it"),
    QG_INT("runs", baseline_options, runs, "N", 1, 100, "times that the suite is measured (5)"),
    QG_FLAG("anchor", baseline_options, anchor, "also pin it as the anchor of cumulative drift"),
    QG_TEXT("baseline", baseline_options, gate.compared.baseline, "DIR",
            "instead of the suite's folder"),
    QG_FLAG("allow-busy", baseline_options, busy, "record although the machine was busy"),
    QG_FLAG("dry-run", baseline_options, dry_run, "measure and print, write nothing"),
    {0},
};

/* ---- the evidence, printed ---- */

/* Mean of the logarithms of a metric over runs, and their deviation; false where it is not there.
 */
static bool spread_of(double *middle, double *deviation, qg_arena *scratch, qg_run *const *runs,
                      size_t n, const char *case_id, qg_metric metric)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < n; i++) {
        const qg_measurement *m = qg_run_case(runs[i], case_id);
        qg_value v = {0};
        if (!m || qg_value_of(&v, scratch, m, metric, NULL) != QG_OK || !v.known || v.value <= 0)
            return false;
        sum += log(v.value);
        squares += log(v.value) * log(v.value);
    }
    double k = (double)n, mean = sum / k, variance = squares / k - mean * mean;
    *middle = exp(mean);
    *deviation = n > 1 && variance > 0 ? sqrt(variance * k / (k - 1)) : 0;
    return true;
}

/* A line an allowed metric and case: value, spread between the runs. */
static void print_accepted(qg_buf *b, qg_cli *cli, const char *title, const qg_accepted *a,
                           const qg_suite *suite)
{
    char value[QG_UNIT_TEXT], spread[QG_UNIT_TEXT];

    if (a->n_runs == 0) {
        qg_buf_format(b, "%s: none\n", title);
        return;
    }
    qg_buf_format(b, "%s: %zu run%s of %s, quantgate %s (%.12s): %s\n", title, a->n_runs,
                  a->n_runs == 1 ? "" : "s", a->started ? a->started : "?",
                  a->version ? a->version : "?", a->commit ? a->commit : "?", a->why);
    for (size_t i = 0; i < a->runs[0]->n_measurements; i++) {
        const char *id = a->runs[0]->measurements[i].id.id;
        for (size_t k = 0; k < suite->regression.n_allow; k++) {
            qg_metric metric = suite->regression.allow[k].metric;
            double middle, deviation;
            if (!spread_of(&middle, &deviation, cli->run, a->runs, a->n_runs, id, metric))
                continue;
            qg_metric_print(value, metric, middle);
            qg_unit_print(spread, QG_UNIT_SHARE, deviation);
            qg_buf_format(b, "  %-24s %-14s %12s  spread %s\n", id, qg_metric_info_of(metric)->name,
                          value, spread);
        }
    }
}

/* ---- update ---- */

/* A run that may stand in a baseline: all measured, the machine quiet. */
static qg_status check_run(const qg_run *run, const baseline_options *o, qg_arena *arena,
                           qg_err *err)
{
    for (size_t i = 0; i < run->n_measurements; i++) {
        const qg_measurement *m = &run->measurements[i];
        if (m->state == QG_CASE_FAILED)
            return qg_fail(err, m->exit_class == 2 ? QG_EARG : QG_EWORKER, "case '%s': %s",
                           m->id.id, m->message);
        const char *busy = qg_busy_text(arena, m, &run->machine);
        QG_NEED(busy, err);
        if (!o->busy && busy[0])
            return qg_fail(err, QG_EREFUSED,
                           "the machine was busy while case '%s' was measured: %s; record on a "
                           "quiet machine (or with --allow-busy)",
                           m->id.id, busy);
    }
    return QG_OK;
}

static qg_status measure_runs(qg_run **runs, qg_cli *cli, const qg_suite *suite, qg_err *err)
{
    const baseline_options *o = cli->options;
    qg_gate_options gate = o->gate;
    qg_plan plan;
    bool text = false;

    for (size_t i = 0; i < suite->regression.n_allow; i++)
        text = text || qg_metric_info_of(suite->regression.allow[i].metric)->section == QG_QUALITY;
    if (!gate.only && !text)
        gate.only = "*/perf/*";
    for (int64_t i = 0; i < o->runs; i++) {
        QG_PASS(qg_gate_plan(&plan, cli, suite, &gate, err));
        QG_PASS(qg_gate_measure(&runs[i], cli, &plan, &gate, false, err));
        QG_PASS(check_run(runs[i], o, cli->run, err));
        qg_cli_notice("quantgate: run %lld of %lld measured", (long long)i + 1, (long long)o->runs);
    }
    return QG_OK;
}

static qg_status read_old(qg_baseline **out, qg_cli *cli, const char *path, qg_err *err)
{
    qg_err why = {0};
    qg_status s = qg_baseline_read(out, cli->run, path, &why);

    if (s == QG_ENOTFOUND) {
        *out = QG_NEW(cli->run, qg_baseline);
        QG_NEED(*out, err);
        return QG_OK;
    }
    if (s != QG_OK && err)
        *err = why;
    return s;
}

static qg_status update(qg_cli *cli, const qg_suite *suite, const char *dir, qg_err *err)
{
    const baseline_options *o = cli->options;
    qg_run **runs = QG_NEW_N(cli->run, qg_run *, (size_t)o->runs);
    qg_baseline *b;
    qg_buf text;

    QG_NEED(runs, err);
    if (!o->why || !o->why[0])
        return qg_fail(err, QG_EARG, "'--why' is missing: say why this state is accepted");
    if (o->runs < QG_BASELINE_LEAST)
        return qg_fail(err, QG_EREFUSED,
                       "%lld runs do not show how far runs spread: at least %d are needed",
                       (long long)o->runs, QG_BASELINE_LEAST);
    if (suite->regression.n_allow == 0)
        return qg_fail(err, QG_EARG, "suite '%s' allows nothing: add 'allow' to 'regression'",
                       suite->path);
    QG_PASS(measure_runs(runs, cli, suite, err));
    const char *path = qg_baseline_path(cli->run, dir, suite->name, runs[0]->machine.fingerprint);
    QG_NEED(path, err);
    QG_PASS(read_old(&b, cli, path, err));
    qg_buf_init(&text, cli->run);
    print_accepted(&text, cli, "before", &b->current, suite);
    b->suite = suite->name;
    b->fingerprint = runs[0]->machine.fingerprint;
    b->current = (qg_accepted){.why = o->why,
                               .started = runs[0]->started,
                               .version = runs[0]->version,
                               .commit = runs[0]->commit,
                               .command = runs[0]->command,
                               .device = runs[0]->machine.device,
                               .gpu = runs[0]->machine.gpu,
                               .runs = runs,
                               .n_runs = (size_t)o->runs};
    if (o->anchor || b->anchor.n_runs == 0)
        b->anchor = b->current;
    print_accepted(&text, cli, "now", &b->current, suite);
    qg_buf_format(&text, "%s %s\n", o->dry_run ? "would write" : "wrote", path);
    QG_NEED(!text.failed, err);
    QG_PASS(qg_cli_write(qg_buf_view(&text), err));
    if (o->dry_run)
        return QG_OK;
    QG_PASS(qg_dir_make(dir, err));
    return qg_baseline_write(b, cli->run, path, err);
}

/* ---- show ---- */

/* Every baseline of the suite in the folder, whatever machine it is of. */
static qg_status show(qg_cli *cli, const qg_suite *suite, const char *dir, qg_err *err)
{
    const char *prefix = qg_path_base(qg_baseline_path(cli->run, dir, suite->name, ""));
    char **names;
    qg_buf text;
    size_t n_names, n = 0;

    qg_buf_init(&text, cli->run);
    QG_PASS(qg_dir_list(&names, &n_names, cli->run, dir, err));
    for (size_t i = 0; i < n_names; i++) {
        qg_baseline *b;
        if (strncmp(names[i], prefix, strlen(prefix) - strlen(".json")) != 0 ||
            !qg_str_ends(qg_str_from(names[i]), qg_str_from(".json")))
            continue;
        const char *path = qg_path_join(cli->run, dir, names[i]);
        QG_NEED(path, err);
        QG_PASS(qg_baseline_read(&b, cli->run, path, err));
        if (b->current.n_runs == 0 || strcmp(b->suite, suite->name) != 0) /* "a-b" begins as "a" */
            continue;
        const qg_machine *m = &b->current.runs[0]->machine;
        qg_buf_format(&text, "%s: %s, %s, %d thread%s\n", path, m->gpu ? m->gpu : m->cpu, m->tier,
                      m->n_threads, m->n_threads == 1 ? "" : "s");
        print_accepted(&text, cli, "current", &b->current, suite);
        print_accepted(&text, cli, "anchor", &b->anchor, suite);
        n++;
    }
    if (n == 0)
        qg_buf_format(&text, "no baseline of suite '%s' in '%s'\n", suite->name, dir);
    QG_NEED(!text.failed, err);
    return qg_cli_write(qg_buf_view(&text), err);
}

static qg_status baseline(qg_cli *cli, qg_err *err)
{
    const baseline_options *o = cli->options;
    const char *verb = cli->args[0];
    qg_suite *suite;

    if (strcmp(verb, "update") != 0 && strcmp(verb, "show") != 0)
        return qg_fail(err, QG_EARG, "'baseline %s': 'update' and 'show' are known", verb);
    QG_PASS(qg_outcome_read_suite(&suite, cli, cli->args[1], err));
    const char *dir =
        o->gate.compared.baseline ? o->gate.compared.baseline : suite->regression.baseline;
    if (!dir)
        return qg_fail(err, QG_EARG,
                       "suite '%s' names no folder: add 'baseline' to 'regression', or say "
                       "--baseline DIR",
                       suite->path);
    return strcmp(verb, "show") == 0 ? show(cli, suite, dir, err) : update(cli, suite, dir, err);
}

const qg_command qg_cmd_baseline = {
    .name = "baseline",
    .arguments = "update|show SUITE",
    .summary = "record the state that later runs on this machine are held to",
    .details = "Measures the suite --runs times and stores the samples with the reason, one file a "
               "kind of machine\n(its fingerprint). `run` then judges 'allow' of 'regression' "
               "against it, and against the anchor, which\nonly --anchor moves: so many small "
               "losses cannot pass one by one.",
    .example = "quantgate baseline update suites/perf/cpu.yaml --why 'new attention kernel'",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .shared = qg_gate_option_table,
    .defaults = &defaults,
    .options_size = sizeof(baseline_options),
    .run = baseline,
};
