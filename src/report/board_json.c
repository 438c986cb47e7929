/* A board as JSON: see board_json.h. Points of a line go column by column, and a column in which
 * nothing is known is left out: half of most files would be nulls. */
#include "report/board_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- small parts ---- */

static void put_number(qg_json_writer *w, double v)
{
    char text[40];

    if (!isfinite(v)) {
        qg_json_write_null(w);
        return;
    }
    if (v == floor(v) && fabs(v) < 1e15) {
        qg_json_write_int(w, (int64_t)v);
        return;
    }
    snprintf(text, sizeof text, "%.7g", v);
    qg_json_write_real(w, strtod(text, NULL));
}

static void put_optional(qg_json_writer *w, bool has, double v)
{
    put_number(w, has ? v : NAN);
}

static void put_metric(qg_json_writer *w, const char *key, qg_metric m)
{
    qg_json_write_key(w, key);
    if (m == QG_METRIC_NONE)
        qg_json_write_null(w);
    else
        qg_json_write_int(w, (int64_t)m);
}

/* A text that may be NULL, as "". */
static void put_text(qg_json_writer *w, const char *key, const char *s)
{
    qg_json_put_text(w, key, s ? s : "");
}

static void begin_object(qg_json_writer *w, const char *key)
{
    qg_json_write_key(w, key);
    qg_json_write_object(w);
}

static void begin_array(qg_json_writer *w, const char *key)
{
    qg_json_write_key(w, key);
    qg_json_write_array(w);
}

/* "AMD EPYC, avx2, 2 threads" */
static void put_machine_text(qg_json_writer *w, const char *key, const qg_machine *m,
                             qg_arena *arena)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_text(&b, m->gpu && m->gpu[0] ? m->gpu : m->cpu ? m->cpu : "");
    if (m->tier && m->tier[0])
        qg_buf_format(&b, "%s%s", b.len ? ", " : "", m->tier);
    if (m->n_threads > 0)
        qg_buf_format(&b, "%s%d thread%s", b.len ? ", " : "", m->n_threads,
                      m->n_threads == 1 ? "" : "s");
    qg_json_write_key(w, key);
    qg_json_write_str(w, qg_buf_view(&b));
    w->buf->failed |= b.failed;
}

static void put_counts(qg_json_writer *w, const qg_history_run *run)
{
    begin_array(w, "counts");
    for (int v = 0; v < QG_N_VERDICTS; v++)
        qg_json_write_int(w, run->n_verdicts[v]);
    qg_json_write_end_array(w);
}

/* ---- the data of a suite ---- */

static void put_machines(qg_json_writer *w, const qg_board *b)
{
    begin_array(w, "machines");
    for (size_t i = 0; i < b->n_machines; i++) {
        const qg_machine *m = &b->runs[b->machines[i]].machine;
        qg_json_write_object(w);
        put_text(w, "fingerprint", m->fingerprint);
        put_machine_text(w, "text", m, w->buf->arena);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

static void put_branches(qg_json_writer *w, const qg_board *b)
{
    begin_array(w, "branches");
    for (size_t i = 0; i < b->n_branches; i++) {
        const char *branch = b->runs[b->branches[i]].branch;
        qg_json_write_text(w, branch ? branch : "");
    }
    qg_json_write_end_array(w);
}

static void put_runs(qg_json_writer *w, const qg_board *b)
{
    begin_array(w, "runs");
    for (size_t i = 0; i < b->n_runs; i++) {
        const qg_history_run *run = &b->runs[i];
        qg_json_write_object(w);
        qg_json_put_int(w, "at", run->started);
        put_text(w, "commit", run->commit);
        qg_json_put_int(w, "machine", (int64_t)b->machine_of[i]);
        qg_json_put_int(w, "branch", (int64_t)b->branch_of[i]);
        qg_json_put_int(w, "verdict", run->verdict);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

/* Of the newest run. */
static void put_models(qg_json_writer *w, const qg_board *b)
{
    const qg_history_run *last = &b->runs[b->n_runs - 1];

    begin_array(w, "models");
    for (size_t i = 0; i < last->n_models; i++) {
        const qg_history_model *m = &last->models[i];
        qg_json_write_object(w);
        put_text(w, "name", m->name);
        qg_json_put_int(w, "bits", m->bits);
        qg_json_put_int(w, "group", m->group_size);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

/* One number of a point, and whether it has it. */
typedef bool column(double *out, const qg_board_point *p);

static bool low_of(double *out, const qg_board_point *p)
{
    *out = p->low;
    return p->has_low;
}

static bool high_of(double *out, const qg_board_point *p)
{
    *out = p->high;
    return p->has_high;
}

static bool limit_of(double *out, const qg_board_point *p)
{
    *out = p->limit;
    return p->has_limit;
}

static bool base_of(double *out, const qg_board_point *p)
{
    *out = p->base;
    return p->has_base;
}

static bool anchor_of(double *out, const qg_board_point *p)
{
    *out = p->anchor;
    return p->has_anchor;
}

static bool verdict_of(double *out, const qg_board_point *p)
{
    *out = p->verdict;
    return p->judged;
}

static void put_column(qg_json_writer *w, const char *key, const qg_board_line *line, column *of)
{
    double v;
    bool any = false;

    for (size_t i = 0; i < line->n_points; i++)
        any |= of(&v, &line->points[i]);
    if (!any)
        return;
    begin_array(w, key);
    for (size_t i = 0; i < line->n_points; i++) {
        bool has = of(&v, &line->points[i]);
        put_optional(w, has, v);
    }
    qg_json_write_end_array(w);
}

static void put_points(qg_json_writer *w, const qg_board_line *line)
{
    begin_array(w, "run");
    for (size_t i = 0; i < line->n_points; i++)
        qg_json_write_int(w, (int64_t)line->points[i].run);
    qg_json_write_end_array(w);
    begin_array(w, "value");
    for (size_t i = 0; i < line->n_points; i++)
        put_number(w, line->points[i].value);
    qg_json_write_end_array(w);
    put_column(w, "low", line, low_of);
    put_column(w, "high", line, high_of);
    put_column(w, "limit", line, limit_of);
    put_column(w, "base", line, base_of);
    put_column(w, "anchor", line, anchor_of);
    put_column(w, "verdict", line, verdict_of);
}

static void put_change(qg_json_writer *w, const qg_board_change *c)
{
    qg_json_put_int(w, "run", (int64_t)c->run);
    qg_json_write_key(w, "before");
    put_number(w, c->before);
    qg_json_write_key(w, "after");
    put_number(w, c->after);
}

static void put_line(qg_json_writer *w, const qg_board_line *line)
{
    qg_json_write_object(w);
    put_text(w, "case", line->id.id);
    put_text(w, "model", line->id.model);
    put_text(w, "method", line->id.method);
    put_text(w, "device", line->id.device);
    qg_json_put_int(w, "batch", line->id.batch);
    put_metric(w, "metric", line->metric);
    put_points(w, line);
    begin_array(w, "changes");
    for (size_t i = 0; i < line->n_changes; i++) {
        qg_json_write_object(w);
        put_change(w, &line->changes[i]);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

void qg_board_put_data(qg_json_writer *w, const qg_board *b, const qg_board_place *place)
{
    qg_json_write_object(w);
    put_text(w, "name", b->runs[0].suite);
    put_text(w, "commit_url", place->commit_url);
    put_machines(w, b);
    put_branches(w, b);
    put_runs(w, b);
    put_models(w, b);
    begin_array(w, "series");
    for (size_t i = 0; i < b->n_lines; i++)
        put_line(w, &b->lines[i]);
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

/* ---- the entry in the overview ---- */

static void put_last(qg_json_writer *w, const qg_board *b)
{
    const qg_history_run *last = &b->runs[b->n_runs - 1];

    begin_object(w, "last");
    qg_json_put_int(w, "at", last->started);
    put_text(w, "commit", last->commit);
    put_text(w, "branch", last->branch);
    put_machine_text(w, "machine", &last->machine, w->buf->arena);
    qg_json_put_int(w, "verdict", last->verdict);
    qg_json_put_bool(w, "partial", last->partial);
    put_counts(w, last);
    qg_json_write_close(w);
    qg_json_write_key(w, "checklist");
    if (!last->has_checklist) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_array(w);
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        qg_json_write_text(w, qg_checkitem_state_text(last->checklist[i]));
    qg_json_write_end_array(w);
}

static void put_verdicts(qg_json_writer *w, const qg_board *b)
{
    size_t from = b->n_runs > QG_BOARD_STRIP ? b->n_runs - QG_BOARD_STRIP : 0;

    begin_array(w, "verdicts");
    for (size_t i = from; i < b->n_runs; i++)
        qg_json_write_int(w, b->runs[i].verdict);
    qg_json_write_end_array(w);
}

/* The line that tells most at a glance: time per token of the first case that has it, else the
 * first line of all. NULL: none. */
static const qg_board_line *telling(const qg_board *b)
{
    for (size_t i = 0; i < b->n_lines; i++)
        if (b->lines[i].metric == QG_METRIC_TPOT_P50)
            return &b->lines[i];
    return b->n_lines ? &b->lines[0] : NULL;
}

static void put_spark(qg_json_writer *w, const qg_board *b)
{
    const qg_board_line *line = telling(b);

    if (!line)
        return;
    size_t from = line->n_points > QG_BOARD_STRIP ? line->n_points - QG_BOARD_STRIP : 0;
    begin_object(w, "spark");
    put_text(w, "case", line->id.id);
    put_metric(w, "metric", line->metric);
    begin_array(w, "values");
    for (size_t i = from; i < line->n_points; i++)
        put_number(w, line->points[i].value);
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

static void put_notices(qg_json_writer *w, const char *key, const qg_board_notice *notices,
                        size_t n)
{
    begin_array(w, key);
    for (size_t i = 0; i < n; i++) {
        qg_json_write_object(w);
        put_text(w, "case", notices[i].case_id);
        put_metric(w, "metric", notices[i].metric);
        qg_json_put_int(w, "verdict", notices[i].verdict);
        put_text(w, "message", notices[i].message);
        put_text(w, "issue", notices[i].issue);
        put_text(w, "expires", notices[i].expires);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

/* Change points of all lines, the newest QG_BOARD_CHANGES. */
static void put_changes(qg_json_writer *w, const qg_board *b)
{
    size_t n = 0;

    begin_array(w, "changes");
    for (size_t run = b->n_runs; run-- > 0 && n < QG_BOARD_CHANGES;)
        for (size_t i = 0; i < b->n_lines; i++)
            for (size_t k = 0; k < b->lines[i].n_changes && n < QG_BOARD_CHANGES; k++) {
                if (b->lines[i].changes[k].run != run)
                    continue;
                qg_json_write_object(w);
                put_text(w, "case", b->lines[i].id.id);
                put_metric(w, "metric", b->lines[i].metric);
                qg_json_put_int(w, "at", b->runs[run].started);
                put_text(w, "commit", b->runs[run].commit);
                put_change(w, &b->lines[i].changes[k]);
                qg_json_write_close(w);
                n++;
            }
    qg_json_write_end_array(w);
}

/* The newest point of a line on a machine that has a floor; NULL: none. */
static const qg_board_point *calibrated(const qg_board *b, const qg_board_line *line,
                                        size_t machine)
{
    for (size_t i = line->n_points; i-- > 0;)
        if (b->machine_of[line->points[i].run] == machine && line->points[i].floor > 0)
            return &line->points[i];
    return NULL;
}

static void put_floors(qg_json_writer *w, const qg_board *b, size_t machine)
{
    const qg_machine *m = &b->runs[b->machines[machine]].machine;
    size_t newest = 0;

    qg_json_write_object(w);
    put_text(w, "fingerprint", m->fingerprint);
    put_machine_text(w, "machine", m, w->buf->arena);
    begin_array(w, "rows");
    for (size_t i = 0; i < b->n_lines; i++) {
        const qg_board_point *p = calibrated(b, &b->lines[i], machine);
        if (!p)
            continue;
        newest = p->run > newest ? p->run : newest;
        qg_json_write_object(w);
        put_text(w, "case", b->lines[i].id.id);
        put_metric(w, "metric", b->lines[i].metric);
        qg_json_write_key(w, "value");
        put_number(w, p->value);
        qg_json_write_key(w, "floor");
        put_number(w, p->floor);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
    qg_json_put_int(w, "at", b->runs[newest].started);
    qg_json_write_close(w);
}

static void put_noise(qg_json_writer *w, const qg_board *b)
{
    begin_array(w, "noise");
    for (size_t machine = 0; machine < b->n_machines; machine++) {
        bool any = false;
        for (size_t i = 0; i < b->n_lines && !any; i++)
            any = calibrated(b, &b->lines[i], machine) != NULL;
        if (any)
            put_floors(w, b, machine);
    }
    qg_json_write_end_array(w);
}

void qg_board_put_entry(qg_json_writer *w, const qg_board *b, const qg_board_place *place)
{
    qg_json_write_object(w);
    put_text(w, "name", b->runs[0].suite);
    put_text(w, "data", place->data);
    put_text(w, "commit_url", place->commit_url);
    put_text(w, "reference", b->runs[b->n_runs - 1].reference);
    qg_json_put_int(w, "n_runs", place->n_recorded);
    qg_json_put_int(w, "n_kept", (int64_t)b->n_runs);
    put_verdicts(w, b);
    put_last(w, b);
    put_spark(w, b);
    put_notices(w, "bad", b->bad, b->n_bad < QG_BOARD_BAD ? b->n_bad : QG_BOARD_BAD);
    qg_json_put_int(w, "n_bad", (int64_t)b->n_bad);
    put_changes(w, b);
    put_notices(w, "known", b->known, b->n_known);
    put_noise(w, b);
    qg_json_write_close(w);
}

/* ---- what indexes stand for ---- */

void qg_board_put_metrics(qg_json_writer *w)
{
    static const char *const units[QG_UNIT_N] = {
        [QG_UNIT_PLAIN] = "plain", [QG_UNIT_DURATION] = "duration", [QG_UNIT_BYTES] = "bytes",
        [QG_UNIT_SHARE] = "share", [QG_UNIT_POINTS] = "points",     [QG_UNIT_RATIO] = "ratio",
        [QG_UNIT_SPEED] = "speed", [QG_UNIT_DAYS] = "days"};

    qg_json_write_array(w);
    for (qg_metric m = 0; m < QG_METRIC_N; m++) {
        const qg_metric_info *info = qg_metric_info_of(m);
        qg_json_write_object(w);
        qg_json_put_text(w, "name", info->name);
        qg_json_put_text(w, "unit", units[info->unit]);
        qg_json_put_bool(w, "cost", info->direction == QG_COST);
        qg_json_put_text(w, "word", info->word);
        qg_json_put_text(w, "text", info->text);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

void qg_board_put_checkitems(qg_json_writer *w)
{
    qg_json_write_array(w);
    for (qg_checkitem i = 0; i < QG_N_CHECKITEMS; i++) {
        qg_json_write_object(w);
        qg_json_put_text(w, "title", qg_checkitem_title(i));
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}
