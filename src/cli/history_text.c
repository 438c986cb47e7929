/* A history in words: see history_text.h. */
#include "cli/history_text.h"

#include "base/clock.h"
#include "record/value.h"
#include "report/csv.h"
#include "report/text.h"
#include "stats/changepoint.h"

#include <stdio.h>
#include <string.h>

enum { CELL = 96, SHORT_HASH = 8 };

/* "2026-01-31 23:59" */
static const char *put_time(char out[21], int64_t seconds)
{
    qg_clock_print(out, seconds);
    if (strlen(out) > 16) {
        out[10] = ' ';
        out[16] = '\0';
    }
    return out;
}

static void put_cell(qg_buf *out, const char *text, size_t width)
{
    qg_text_fit(out, qg_str_from(text ? text : "-"), width);
    qg_buf_text(out, "  ");
}

static void end_line(qg_buf *out)
{
    while (out->len > 0 && out->ptr[out->len - 1] == ' ')
        out->ptr[--out->len] = '\0';
    qg_buf_char(out, '\n');
}

static const char *short_hash(char out[SHORT_HASH + 1], const char *hash)
{
    snprintf(out, SHORT_HASH + 1, "%s", hash ? hash : "-");
    return out;
}

/* ---- runs ---- */

enum { RUN = 6, TIME = 16, VERDICT = 12, PASSED = 7, FIXED = 69, BRANCH = 11 };

static void put_run_head(qg_buf *out, const qg_history_run *run, size_t n, size_t branch)
{
    qg_buf_text(out, "suite ");
    qg_text_clean(out, qg_str_from(run->suite), false);
    qg_buf_format(out, ", %zu run%s\n", n, n == 1 ? "" : "s");
    qg_buf_format(out, "%*s  ", RUN, "RUN");
    put_cell(out, "STARTED", TIME);
    put_cell(out, "VERDICT", VERDICT);
    put_cell(out, "PASSED", PASSED);
    put_cell(out, "COMMIT", SHORT_HASH);
    put_cell(out, "BRANCH", branch);
    put_cell(out, "MACHINE", SHORT_HASH);
    end_line(out);
}

static void put_run(qg_buf *out, const qg_history_run *run, size_t branch)
{
    char cell[CELL], time[21], hash[SHORT_HASH + 1];
    int64_t n = 0;

    for (int v = 0; v < QG_N_VERDICTS; v++)
        n += run->n_verdicts[v];
    snprintf(cell, sizeof cell, "%s%lld", run->pinned ? "* " : "", (long long)run->id);
    qg_buf_format(out, "%*s  ", RUN, cell);
    put_cell(out, put_time(time, run->started), TIME);
    snprintf(cell, sizeof cell, "%s%s", qg_verdict_text(run->verdict),
             run->partial ? " (part)" : "");
    put_cell(out, cell, VERDICT);
    snprintf(cell, sizeof cell, "%lld/%lld", (long long)run->n_verdicts[QG_VERDICT_PASS],
             (long long)n);
    put_cell(out, cell, PASSED);
    put_cell(out, short_hash(hash, run->commit), SHORT_HASH);
    put_cell(out, run->branch, branch);
    put_cell(out, short_hash(hash, run->machine.fingerprint), SHORT_HASH);
    end_line(out);
}

void qg_history_text_runs(qg_buf *out, const qg_history_runs *runs, size_t width)
{
    size_t branch = width > FIXED + BRANCH ? width - FIXED : BRANCH;
    bool pinned = false;

    for (size_t i = 0; i < runs->n; i++) {
        size_t n = 1;
        while (i + n < runs->n && strcmp(runs->at[i + n].suite, runs->at[i].suite) == 0)
            n++;
        if (i == 0 || strcmp(runs->at[i - 1].suite, runs->at[i].suite) != 0) {
            qg_buf_text(out, i ? "\n" : "");
            put_run_head(out, &runs->at[i], n, branch);
        }
        put_run(out, &runs->at[i], branch);
        pinned = pinned || runs->at[i].pinned;
    }
    if (pinned)
        qg_buf_text(out, "* pinned: prune keeps it\n");
    if (runs->n == 0)
        qg_buf_text(out, "no run\n");
}

/* ---- trends ---- */

enum { DATE = 10, VALUE = 11, LIMIT = 12, ROW_FIXED = 60, ENDS = 20 };

static const char *put_number(char out[QG_UNIT_TEXT], const qg_history_trend *t,
                              const qg_history_number *n, double v)
{
    const qg_judgement j = {.metric = t->metric, .basis = t->basis, .is_share = n->is_share};

    if (t->metric == QG_METRIC_NONE)
        snprintf(out, QG_UNIT_TEXT, "%.6g", v);
    else if (t->basis == QG_BASIS_BUDGET) /* the unit's own words ("nats") take room */
        qg_unit_print(out, qg_metric_info_of(t->metric)->unit, v);
    else
        qg_value_print(out, &j, v);
    return out;
}

/* "8.3 .. 8.6 ms"; both units where they differ. */
static const char *put_ends(char out[CELL], const qg_history_trend *t, const qg_history_number *n)
{
    char low[QG_UNIT_TEXT] = "?", high[QG_UNIT_TEXT] = "?", *unit;

    if (!n->has_low && !n->has_high)
        return NULL;
    if (n->has_low)
        put_number(low, t, n, n->low);
    if (n->has_high)
        put_number(high, t, n, n->high);
    unit = strchr(low, ' ');
    if (unit && strchr(high, ' ') && strcmp(unit, strchr(high, ' ')) == 0)
        *unit = '\0';
    snprintf(out, CELL, "%.40s .. %.40s", low, high);
    return out;
}

static void put_trend_head(qg_buf *out, const qg_history_trend *t, size_t ends)
{
    qg_text_clean(out, qg_str_from(t->id.id[0] ? t->id.id : "run"), false);
    qg_buf_format(out, " %s",
                  t->metric == QG_METRIC_NONE ? "(case)" : qg_metric_info_of(t->metric)->name);
    if (t->basis != QG_BASIS_BUDGET)
        qg_buf_format(out, " (%s)", qg_basis_text(t->basis));
    qg_buf_text(out, ", suite ");
    qg_text_clean(out, qg_str_from(t->suite), false);
    qg_buf_format(out, "\n%*s  ", RUN, "RUN");
    put_cell(out, "STARTED", DATE);
    put_cell(out, "VALUE", VALUE);
    put_cell(out, "INTERVAL", ends);
    put_cell(out, "LIMIT", LIMIT);
    put_cell(out, "VERDICT", VERDICT);
    end_line(out);
}

static void put_row(qg_buf *out, const qg_history_run *run, const qg_history_trend *t,
                    const qg_history_number *n, size_t ends)
{
    char text[QG_UNIT_TEXT], cell[CELL], time[21];

    qg_buf_format(out, "%*lld  %.*s  ", RUN, (long long)run->id, DATE,
                  put_time(time, run->started));
    put_cell(out, n->has_value ? put_number(text, t, n, n->value) : NULL, VALUE);
    put_cell(out, put_ends(cell, t, n), ends);
    if (n->has_limit)
        snprintf(cell, sizeof cell, "%s %s",
                 n->at_least ? ">=" : "<=", put_number(text, t, n, n->limit));
    put_cell(out, n->has_limit ? cell : NULL, LIMIT);
    put_cell(out, n->judged ? qg_verdict_text(n->verdict) : NULL, VERDICT);
    end_line(out);
}

/* Whether two runs are of one kind of machine. */
static bool is_same_machine(const qg_history_run *a, const qg_history_run *b)
{
    const char *x = a->machine.fingerprint, *y = b->machine.fingerprint;
    return x == y || (x && y && strcmp(x, y) == 0);
}

typedef struct level {
    double *x;                         /* [n] values of one kind of machine */
    const qg_history_number **numbers; /* [n] what they are of              */
    size_t n;
} level;

/* The numbers that are of the machine of run `of`. */
static qg_status take_level(level *l, qg_arena *scratch, const qg_history_runs *runs,
                            const qg_history_trend *t, size_t of, qg_err *err)
{
    *l = (level){.x = QG_NEW_N(scratch, double, t->n_numbers),
                 .numbers = QG_NEW_N(scratch, const qg_history_number *, t->n_numbers)};
    QG_NEED(l->x && l->numbers, err);
    for (size_t i = 0; i < t->n_numbers; i++) {
        const qg_history_number *n = &t->numbers[i];
        if (!n->has_value || !is_same_machine(&runs->at[n->run], &runs->at[of]))
            continue;
        l->numbers[l->n] = n;
        l->x[l->n++] = n->value;
    }
    /* only the newest are looked at, should there be too many */
    if (l->n > QG_CHANGEPOINT_MOST) {
        l->x += l->n - QG_CHANGEPOINT_MOST;
        l->numbers += l->n - QG_CHANGEPOINT_MOST;
        l->n = QG_CHANGEPOINT_MOST;
    }
    return QG_OK;
}

static qg_status put_changes(qg_buf *out, qg_arena *scratch, const qg_history_runs *runs,
                             const qg_history_trend *t, size_t of, qg_err *err)
{
    const qg_changepoint_options options = {.least = QG_CHANGEPOINT_LEAST,
                                            .level = QG_CHANGEPOINT_LEVEL,
                                            .permutations = QG_CHANGEPOINT_PERMUTATIONS,
                                            .seed = 7};
    char before[QG_UNIT_TEXT], after[QG_UNIT_TEXT], time[21], hash[SHORT_HASH + 1];
    qg_changepoints c;
    level l;

    QG_PASS(take_level(&l, scratch, runs, t, of, err));
    QG_PASS(qg_changepoint_find(&c, scratch, l.x, l.n, &options, err));
    for (size_t i = 0, first = 0; i < c.n; i++) {
        size_t at = c.at[i].at, end = i + 1 < c.n ? c.at[i + 1].at : l.n;
        const qg_history_run *run = &runs->at[l.numbers[at]->run];
        double *old = qg_arena_copy(scratch, l.x + first, (at - first) * sizeof *old);
        double *new = qg_arena_copy(scratch, l.x + at, (end - at) * sizeof *new);
        QG_NEED(old && new, err);
        qg_metric_print(before, t->metric, qg_value_percentile(old, at - first, 50));
        qg_metric_print(after, t->metric, qg_value_percentile(new, end - at, 50));
        qg_buf_format(out, "  changed with run %lld, %.10s, commit ", (long long)run->id,
                      put_time(time, run->started));
        qg_text_clean(out, qg_str_from(short_hash(hash, run->commit)), false);
        qg_buf_format(out, ": %s after %s (p %.2g)\n", after, before, c.at[i].p);
        first = at;
    }
    return QG_OK;
}

/* For each kind of machine, where its first number is met. */
static qg_status put_all_changes(qg_buf *out, qg_arena *scratch, const qg_history_runs *runs,
                                 const qg_history_trend *t, qg_err *err)
{
    for (size_t i = 0; i < t->n_numbers; i++) {
        size_t k = 0;
        while (k < i &&
               !is_same_machine(&runs->at[t->numbers[k].run], &runs->at[t->numbers[i].run]))
            k++;
        if (k == i)
            QG_PASS(put_changes(out, scratch, runs, t, t->numbers[i].run, err));
    }
    return QG_OK;
}

qg_status qg_history_text_trends(qg_buf *out, const qg_history_runs *runs,
                                 const qg_history_trends *trends, size_t width, qg_err *err)
{
    size_t ends = width > ROW_FIXED + ENDS ? width - ROW_FIXED : ENDS;
    qg_arena *scratch = qg_arena_create();
    qg_status s = scratch ? QG_OK : qg_fail(err, QG_ENOMEM, "out of memory");

    for (size_t i = 0; s == QG_OK && i < trends->n; i++) {
        const qg_history_trend *t = &trends->at[i];
        qg_arena_mark mark = qg_arena_here(scratch);
        qg_buf_text(out, i ? "\n" : "");
        put_trend_head(out, t, ends);
        for (size_t k = 0; k < t->n_numbers; k++)
            put_row(out, &runs->at[t->numbers[k].run], t, &t->numbers[k], ends);
        if (t->basis == QG_BASIS_BUDGET && t->metric != QG_METRIC_NONE)
            s = put_all_changes(out, scratch, runs, t, err);
        qg_arena_rewind(scratch, mark);
    }
    if (trends->n == 0)
        qg_buf_text(out, "no number\n");
    qg_arena_free(scratch);
    return s;
}

/* ---- JSON ---- */

static void put_machine(qg_json_writer *w, const qg_machine *m)
{
    qg_json_write_key(w, "machine");
    qg_json_write_object(w);
    qg_json_put_text(w, "fingerprint", m->fingerprint);
    qg_json_put_text(w, "os", m->os);
    qg_json_put_text(w, "cpu", m->cpu);
    qg_json_put_int(w, "n_cpus", m->n_cpus);
    qg_json_put_int(w, "memory_bytes", m->memory_bytes);
    qg_json_put_text(w, "device", m->device);
    qg_json_put_text(w, "gpu", m->gpu);
    qg_json_put_text(w, "tier", m->tier);
    qg_json_put_int(w, "n_threads", m->n_threads);
    qg_json_put_text(w, "compiler", m->compiler);
    qg_json_put_text(w, "flags", m->flags);
    qg_json_write_close(w);
}

static void put_models(qg_json_writer *w, const qg_history_run *run)
{
    qg_json_write_key(w, "models");
    qg_json_write_array(w);
    for (size_t i = 0; i < run->n_models; i++) {
        const qg_history_model *m = &run->models[i];
        qg_json_write_object(w);
        qg_json_put_text(w, "name", m->name);
        qg_json_put_text(w, "family", m->family);
        qg_json_put_text(w, "method", m->method);
        qg_json_put_text(w, "model_hash", m->model_hash);
        qg_json_put_text(w, "tokenizer_hash", m->tokenizer_hash);
        qg_json_put_int(w, "n_params", m->n_params);
        qg_json_put_int(w, "bytes", m->bytes);
        qg_json_put_int(w, "bits", m->bits);
        qg_json_put_int(w, "group_size", m->group_size);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

static void put_verdicts(qg_json_writer *w, const qg_history_run *run)
{
    qg_json_put_text(w, "verdict", qg_verdict_text(run->verdict));
    qg_json_put_int(w, "exit_code", run->exit_code);
    qg_json_write_key(w, "judgements");
    qg_json_write_object(w);
    for (int v = 0; v < QG_N_VERDICTS; v++)
        qg_json_put_int(w, qg_verdict_text((qg_verdict)v), run->n_verdicts[v]);
    qg_json_write_close(w);
    qg_json_write_key(w, "checklist");
    if (!run->has_checklist) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_object(w);
    qg_json_put_text(w, "gate", run->gate);
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        qg_json_put_text(w, qg_checkitem_word((qg_checkitem)i),
                         qg_checkitem_state_text(run->checklist[i]));
    qg_json_write_close(w);
}

static void put_real_if(qg_json_writer *w, const char *key, bool known, double v)
{
    qg_json_write_key(w, key);
    if (known)
        qg_json_write_real(w, v);
    else
        qg_json_write_null(w);
}

static void put_json_number(qg_json_writer *w, const qg_history_trend *t,
                            const qg_history_number *n)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "case", t->id.id);
    qg_json_put_text(w, "metric",
                     t->metric == QG_METRIC_NONE ? NULL : qg_metric_info_of(t->metric)->name);
    qg_json_put_text(w, "basis", qg_basis_text(t->basis));
    qg_json_put_text(w, "verdict", n->judged ? qg_verdict_text(n->verdict) : NULL);
    put_real_if(w, "value", n->has_value, n->value);
    qg_json_put_int(w, "n", n->n);
    put_real_if(w, "low", n->has_low, n->low);
    put_real_if(w, "high", n->has_high, n->high);
    put_real_if(w, "limit", n->has_limit, n->limit);
    qg_json_put_bool(w, "at_least", n->at_least);
    put_real_if(w, "base", n->has_base, n->base);
    qg_json_put_bool(w, "is_share", n->is_share);
    put_real_if(w, "floor", n->floor > 0, n->floor);
    qg_json_put_text(w, "message", n->message);
    qg_json_put_text(w, "issue", n->issue);
    qg_json_put_text(w, "expires", n->expires);
    qg_json_write_close(w);
}

/* The number of a trend that is of one run; numbers lie in the order of runs. */
static const qg_history_number *number_of(const qg_history_trend *t, size_t run)
{
    size_t low = 0, high = t->n_numbers;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->numbers[middle].run < run)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->n_numbers && t->numbers[low].run == run ? &t->numbers[low] : NULL;
}

void qg_history_text_json(qg_json_writer *w, const qg_history_run *run, size_t at,
                          const qg_history_trends *trends)
{
    char started[21];

    qg_clock_print(started, run->started);
    qg_json_write_object(w);
    qg_json_put_int(w, "run", run->id);
    qg_json_put_text(w, "key", run->key);
    qg_json_put_text(w, "suite", run->suite);
    qg_json_put_text(w, "suite_file", run->suite_file);
    qg_json_put_text(w, "suite_hash", run->suite_hash);
    qg_json_put_text(w, "reference", run->reference);
    qg_json_put_text(w, "version", run->version);
    qg_json_put_text(w, "build", run->build);
    qg_json_put_text(w, "branch", run->branch);
    qg_json_put_text(w, "commit", run->commit);
    qg_json_put_text(w, "repository", run->repository);
    qg_json_put_text(w, "started", started);
    qg_json_put_int(w, "wall_ns", run->wall_ns);
    qg_json_put_int(w, "seed", run->seed);
    qg_json_put_bool(w, "partial", run->partial);
    qg_json_put_bool(w, "pinned", run->pinned);
    qg_json_put_int(w, "n_cases", run->n_cases);
    qg_json_put_int(w, "n_numbers", run->n_numbers);
    put_verdicts(w, run);
    put_machine(w, &run->machine);
    put_models(w, run);
    if (trends) {
        qg_json_write_key(w, "numbers");
        qg_json_write_array(w);
        for (size_t i = 0; i < trends->n; i++) {
            const qg_history_number *n =
                strcmp(trends->at[i].suite, run->suite) == 0 ? number_of(&trends->at[i], at) : NULL;
            if (n)
                put_json_number(w, &trends->at[i], n);
        }
        qg_json_write_end_array(w);
    }
    qg_json_write_close(w);
}

/* ---- CSV ---- */

/* What both tables begin with. */
static void put_csv_run(qg_buf *out, const qg_history_run *run)
{
    char started[21];
    const char *texts[] = {run->suite, started, run->branch, run->commit, run->machine.fingerprint};

    qg_clock_print(started, run->started);
    qg_buf_format(out, "%lld,%s", (long long)run->id, run->key);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        qg_buf_char(out, ',');
        qg_csv_text(out, out->arena, texts[i]);
    }
}

#define CSV_RUN "run,key,suite,started,branch,commit,machine"

void qg_history_text_csv_runs(qg_buf *out, const qg_history_runs *runs, bool head)
{
    if (head)
        qg_buf_text(out, CSV_RUN ",verdict,exit_code,partial,pinned,wall_ns,pass,fail,inconclusive,"
                                 "skip,known_fail,error\n");
    for (size_t i = 0; i < runs->n; i++) {
        const qg_history_run *r = &runs->at[i];
        const int64_t *v = r->n_verdicts;
        put_csv_run(out, r);
        qg_buf_format(out, ",%s,%d,%d,%d,%lld,%lld,%lld,%lld,%lld,%lld,%lld\n",
                      qg_verdict_text(r->verdict), r->exit_code, r->partial, r->pinned,
                      (long long)r->wall_ns, (long long)v[QG_VERDICT_PASS],
                      (long long)v[QG_VERDICT_FAIL], (long long)v[QG_VERDICT_INCONCLUSIVE],
                      (long long)v[QG_VERDICT_SKIP], (long long)v[QG_VERDICT_KNOWN_FAIL],
                      (long long)v[QG_VERDICT_ERROR]);
    }
}

static void put_csv_number(qg_buf *out, const qg_history_trend *t, const qg_history_number *n)
{
    const char *ids[] = {t->id.id, t->id.model, t->id.method, t->id.device, t->id.kind};
    const qg_metric_info *info = t->metric == QG_METRIC_NONE ? NULL : qg_metric_info_of(t->metric);
    const struct {
        bool known;
        double value;
    } numbers[] = {{n->has_low, n->low},
                   {n->has_high, n->high},
                   {n->has_limit, n->limit},
                   {n->has_base, n->base},
                   {n->floor > 0, n->floor}};
    const char *unit = info ? n->is_share ? "fraction" : qg_csv_unit(info->unit) : "";

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        qg_buf_char(out, ',');
        qg_csv_text(out, out->arena, ids[i]);
    }
    qg_buf_format(out, ",%lld,%s,%s,%s,%s,", (long long)t->id.batch, info ? info->name : "", unit,
                  qg_basis_text(t->basis), n->judged ? qg_verdict_text(n->verdict) : "measured");
    qg_csv_number(out, n->has_value, n->value);
    qg_buf_format(out, ",%lld", (long long)n->n);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        qg_buf_char(out, ',');
        qg_csv_number(out, numbers[i].known, numbers[i].value);
    }
    qg_buf_char(out, ',');
    qg_csv_text(out, out->arena, n->message);
    qg_buf_char(out, '\n');
}

void qg_history_text_csv_numbers(qg_buf *out, const qg_history_runs *runs,
                                 const qg_history_trends *trends, bool head)
{
    if (head)
        qg_buf_text(out, CSV_RUN ",case,model,method,device,kind,batch,metric,unit,basis,verdict,"
                                 "value,n,low,high,limit,base,floor,message\n");
    for (size_t i = 0; i < runs->n; i++) {
        for (size_t k = 0; k < trends->n; k++) {
            const qg_history_trend *t = &trends->at[k];
            const qg_history_number *n =
                strcmp(t->suite, runs->at[i].suite) == 0 ? number_of(t, i) : NULL;
            if (!n)
                continue;
            put_csv_run(out, &runs->at[i]);
            put_csv_number(out, t, n);
        }
    }
}
