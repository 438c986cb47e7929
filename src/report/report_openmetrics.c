/* OpenMetrics text 1.0 (openmetrics.io; the same as RFC draft "OpenMetrics, a cloud-native, highly
 * scalable metrics protocol"): what Prometheus reads, and the textfile collector of node_exporter.
 *
 *     quantgate_verdict                    the run's: one sample a word, 1 for what it is, else 0
 *     quantgate_judgements                 how many of a case, metric, basis have a verdict
 *     quantgate_ttft_seconds               a summary with its quantiles; so are tpot, itl, e2e
 *     quantgate_METRIC_UNIT                a gauge
 *     quantgate_METRIC_budget_UNIT         the limit of its budget, with bound "upper" or "lower"
 *     quantgate_METRIC_interval_UNIT       what the verdict stands on, with end "low" or "high"
 *
 * Base units: seconds, bytes, ratio (percentage points too), tokens_per_second, nats, tokens. All
 * families are gauges and summaries: `stateset` and `info` would say the verdict as well, but the
 * older text format does not know them, and with it this one file is read by both. No timestamps,
 * which the textfile collector refuses; quantgate_run_started_seconds tells when.
 * Samples of a family stand together, as the format asks, so the cases are gone through once a
 * family; their numbers and labels are made before.
 */
#include "base/clock.h"
#include "record/value.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct labelled {
    const qg_measurement *m;
    const char *labels; /* `suite="...",case="..."`, no braces */
    qg_rows numbers;
} labelled;

typedef struct openmetrics {
    labelled *cases; /* [n_measurements] */
    const char *suite;
} openmetrics;

static const struct {
    const char *name;
    double times, per; /* of the canonical unit (units.h), one of them 1 */
} units[QG_UNIT_N] = {
    [QG_UNIT_DURATION] = {"seconds", 1, 1e9}, [QG_UNIT_BYTES] = {"bytes", 1, 1},
    [QG_UNIT_SHARE] = {"ratio", 1, 1},        [QG_UNIT_POINTS] = {"ratio", 1, 100},
    [QG_UNIT_RATIO] = {"ratio", 1, 1},        [QG_UNIT_SPEED] = {"tokens_per_second", 1, 1},
    [QG_UNIT_DAYS] = {"seconds", 86400, 1},
};

/* "seconds"; of a plain number what it counts, "" where that has no name. */
static const char *unit_of(qg_metric metric)
{
    const qg_metric_info *info = qg_metric_info_of(metric);
    return info->unit == QG_UNIT_PLAIN ? info->word : units[info->unit].name;
}

static double scaled(qg_metric metric, double v)
{
    qg_unit unit = qg_metric_info_of(metric)->unit;
    return unit == QG_UNIT_PLAIN ? v : v * units[unit].times / units[unit].per;
}

/* Within a label's quotes and in HELP: \ " and line ends. What else some reader could take for the
 * end of a line is a blank by then. */
static void put_escaped(qg_buf *out, qg_arena *scratch, const char *s)
{
    qg_str text = qg_text_message(scratch, s, true, &out->failed);

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n')
            qg_buf_text(out, "\\n");
        else if (c == '\\' || c == '"')
            qg_buf_format(out, "\\%c", c);
        else
            qg_buf_char(out, c);
    }
}

/* An empty label is the same as none. */
static void put_label(qg_buf *out, qg_arena *scratch, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    qg_buf_format(out, "%s%s=\"", out->len ? "," : "", name);
    put_escaped(out, scratch, value);
    qg_buf_char(out, '"');
}

static const char *labels_of(qg_sink_out *o, const char *case_id, const qg_measurement *m)
{
    qg_buf b;

    qg_buf_init(&b, o->scratch);
    put_label(&b, o->scratch, "suite", o->run->suite);
    put_label(&b, o->scratch, "case", case_id);
    if (m) {
        put_label(&b, o->scratch, "model", m->id.model);
        put_label(&b, o->scratch, "method", m->id.method);
        put_label(&b, o->scratch, "device", m->id.device);
    }
    if (m && m->id.batch > 0)
        qg_buf_format(&b, "%sbatch=\"%lld\"", b.len ? "," : "", (long long)m->id.batch);
    o->out->failed = o->out->failed || b.failed;
    return b.failed || !b.ptr ? "" : b.ptr;
}

/* TYPE, UNIT and HELP of a family; `help` in two parts. */
static void put_head(qg_sink_out *o, const char *name, const char *type, const char *unit,
                     const char *of, const char *help)
{
    qg_buf_format(o->out, "# TYPE %s %s\n", name, type);
    if (unit[0])
        qg_buf_format(o->out, "# UNIT %s %s\n", name, unit);
    qg_buf_format(o->out, "# HELP %s %s", name, of);
    put_escaped(o->out, o->scratch, help);
    qg_buf_char(o->out, '\n');
}

/* NAME{LABELS,EXTRA} VALUE */
static void put_sample(qg_sink_out *o, const char *name, const char *labels, const char *extra,
                       double value)
{
    qg_buf_format(o->out, "%s{%s%s%s} ", name, labels, labels[0] && extra[0] ? "," : "", extra);
    qg_text_number(o->out, value);
    qg_buf_char(o->out, '\n');
}

static void put_run(qg_sink_out *o)
{
    const qg_run *run = o->run;
    const openmetrics *state = o->state;
    int64_t started;
    char extra[48];

    put_head(o, "quantgate_verdict", "gauge", "", "",
             "verdict of the run: 1 for what it is, else 0");
    for (int v = 0; v < QG_N_VERDICTS; v++) {
        snprintf(extra, sizeof extra, "verdict=\"%s\"", qg_verdict_text((qg_verdict)v));
        put_sample(o, "quantgate_verdict", state->suite, extra, v == (int)run->verdict);
    }
    put_head(o, "quantgate_exit_code", "gauge", "", "", "exit code of the run");
    put_sample(o, "quantgate_exit_code", state->suite, "", run->exit_code);
    put_head(o, "quantgate_run_seconds", "gauge", "seconds", "", "how long the run took");
    put_sample(o, "quantgate_run_seconds", state->suite, "", (double)run->wall_ns / 1e9);
    if (!qg_clock_read(&started, qg_str_from(run->started)))
        return;
    put_head(o, "quantgate_run_started_seconds", "gauge", "seconds", "",
             "when the run began, in seconds since 1970");
    put_sample(o, "quantgate_run_started_seconds", state->suite, "", (double)started);
}

static void put_machine(qg_sink_out *o)
{
    const qg_machine *m = &o->run->machine;
    qg_buf b;

    qg_buf_init(&b, o->scratch);
    put_label(&b, o->scratch, "suite", o->run->suite);
    put_label(&b, o->scratch, "version", o->run->version);
    put_label(&b, o->scratch, "commit", o->run->commit);
    put_label(&b, o->scratch, "fingerprint", m->fingerprint);
    put_label(&b, o->scratch, "cpu", m->cpu);
    put_label(&b, o->scratch, "gpu", m->gpu);
    put_label(&b, o->scratch, "kernels", m->tier);
    o->out->failed = o->out->failed || b.failed;
    put_head(o, "quantgate_machine", "gauge", "", "", "what measured: always 1");
    put_sample(o, "quantgate_machine", b.ptr ? b.ptr : "", "", 1);
}

static int by_labels(const void *a, const void *b)
{
    const qg_row *x = a, *y = b;
    int order = x->m == y->m ? strcmp(x->j->case_id, y->j->case_id) : x->m < y->m ? -1 : 1;

    if (order == 0)
        order = (x->metric > y->metric) - (x->metric < y->metric);
    if (order == 0)
        order = (int)x->j->basis - (int)y->j->basis;
    return order ? order : (int)x->j->verdict - (int)y->j->verdict;
}

/* One sample for judgements that no label tells apart. */
static qg_status put_judgements(qg_sink_out *o, qg_err *err)
{
    const openmetrics *state = o->state;
    qg_rows rows;
    char extra[160];

    QG_PASS(qg_rows_judged(&rows, o->scratch, o->index, err));
    if (rows.n == 0)
        return QG_OK;
    qsort(rows.at, rows.n, sizeof *rows.at, by_labels);
    put_head(o, "quantgate_judgements", "gauge", "", "", "judgements of a verdict");
    for (size_t i = 0, n; i < rows.n; i += n) {
        const qg_row *row = &rows.at[i];
        const char *labels = row->m ? state->cases[row->m - o->run->measurements].labels
                                    : labels_of(o, qg_row_case(row), NULL);
        for (n = 1; i + n < rows.n && by_labels(row, &rows.at[i + n]) == 0;)
            n++;
        snprintf(extra, sizeof extra, "metric=\"%s\",basis=\"%s\",verdict=\"%s\"",
                 qg_row_metric(row), qg_basis_text(row->j->basis),
                 qg_verdict_text(row->j->verdict));
        put_sample(o, "quantgate_judgements", labels, extra, (double)n);
    }
    return QG_OK;
}

static const qg_row *find_number(const labelled *c, qg_metric metric)
{
    for (size_t i = 0; i < c->numbers.n; i++)
        if (c->numbers.at[i].metric == metric)
            return &c->numbers.at[i];
    return NULL;
}

static const char *family_name(qg_sink_out *o, qg_str metric, const char *what, const char *unit)
{
    const char *name = qg_arena_format(o->scratch, "quantgate_" QG_STR_PRI "%s%s%s",
                                       QG_STR_ARG(metric), what, unit[0] ? "_" : "", unit);
    o->out->failed = o->out->failed || !name;
    return name ? name : "";
}

/* Of all samples, where the record has them. */
static void put_totals(qg_sink_out *o, const char *name, const labelled *c, qg_str series)
{
    const qg_series *s = qg_measurement_series(c->m, series);
    double sum = 0;

    if (!s || s->n_samples == 0)
        return;
    for (size_t i = 0; i < s->n_samples; i++)
        sum += s->samples[i];
    qg_buf_text(o->out, name);
    put_sample(o, "_count", c->labels, "", (double)s->n_samples);
    qg_buf_text(o->out, name);
    put_sample(o, "_sum", c->labels, "", sum / 1e9);
}

/* The quantiles of a latency, p50 to p99. */
static void put_summary(qg_sink_out *o, qg_metric p50)
{
    const openmetrics *state = o->state;
    qg_str series = qg_value_series(p50);
    const char *name = family_name(o, series, "", "seconds");
    char help[200];
    bool any = false;

    snprintf(help, sizeof help, "%.*s", (int)strcspn(qg_metric_info_of(p50)->text, ","),
             qg_metric_info_of(p50)->text);
    for (size_t i = 0; i < o->run->n_measurements; i++) {
        const labelled *c = &state->cases[i];
        for (int k = 0; k < 3; k++) {
            const qg_row *row = find_number(c, p50 + (qg_metric)k);
            char extra[32];
            if (!row)
                continue;
            if (!any)
                put_head(o, name, "summary", "seconds", "", help);
            any = true;
            snprintf(extra, sizeof extra, "quantile=\"%g\"",
                     qg_metric_info_of(row->metric)->percentile / 100.0);
            put_sample(o, name, c->labels, extra, scaled(row->metric, row->value));
        }
        put_totals(o, name, c, series);
    }
}

typedef enum what { VALUE, BUDGET, INTERVAL } what;

static void put_samples(qg_sink_out *o, const char *name, const labelled *c, const qg_row *row,
                        what w)
{
    const qg_judgement *j = row->j;

    if (w == VALUE)
        put_sample(o, name, c->labels, "", scaled(row->metric, row->value));
    else if (w == BUDGET)
        put_sample(o, name, c->labels, j->at_least ? "bound=\"lower\"" : "bound=\"upper\"",
                   scaled(row->metric, j->limit));
    if (w == INTERVAL && j->has_low)
        put_sample(o, name, c->labels, "end=\"low\"", scaled(row->metric, j->low));
    if (w == INTERVAL && j->has_high)
        put_sample(o, name, c->labels, "end=\"high\"", scaled(row->metric, j->high));
}

static bool says(const qg_row *row, what w)
{
    const qg_judgement *j = row->j;
    return w == VALUE || (j && (w == BUDGET ? j->has_limit : j->has_low || j->has_high));
}

static void put_family(qg_sink_out *o, qg_metric metric, what w)
{
    static const char *const names[] = {"", "_budget", "_interval"};
    static const char *const words[] = {"", "budget of ", "interval of "};
    const openmetrics *state = o->state;
    const qg_metric_info *info = qg_metric_info_of(metric);
    const char *name = family_name(o, qg_str_from(info->name), names[w], unit_of(metric));
    bool any = false;

    for (size_t i = 0; i < o->run->n_measurements; i++) {
        const qg_row *row = find_number(&state->cases[i], metric);
        if (!row || !says(row, w))
            continue;
        if (!any)
            put_head(o, name, "gauge", unit_of(metric), words[w], info->text);
        any = true;
        put_samples(o, name, &state->cases[i], row, w);
    }
}

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    const qg_run *run = o->run;
    openmetrics *state = QG_NEW(o->scratch, openmetrics);

    QG_NEED(state, err);
    o->state = state;
    state->cases = QG_NEW_N(o->scratch, labelled, run->n_measurements);
    QG_NEED(state->cases, err);
    state->suite = labels_of(o, NULL, NULL);
    for (size_t i = 0; i < run->n_measurements; i++) {
        labelled *c = &state->cases[i];
        c->m = &run->measurements[i];
        c->labels = labels_of(o, c->m->id.id, c->m);
        QG_PASS(qg_rows_numbers(&c->numbers, o->scratch, o->index, c->m, err));
    }
    put_run(o);
    put_machine(o);
    QG_PASS(put_judgements(o, err));
    for (int i = 0; i < QG_METRIC_N; i++) {
        const qg_metric_info *info = qg_metric_info_of((qg_metric)i);
        if (info->unit != QG_UNIT_DURATION)
            put_family(o, (qg_metric)i, VALUE);
        else if (info->percentile == 50)
            put_summary(o, (qg_metric)i);
        put_family(o, (qg_metric)i, BUDGET);
        put_family(o, (qg_metric)i, INTERVAL);
    }
    qg_buf_text(o->out, "# EOF\n");
    return QG_OK;
}

const qg_sink qg_report_openmetrics = {"openmetrics", "metrics.prom", begin, NULL, NULL};
