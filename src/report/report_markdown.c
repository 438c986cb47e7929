/* The step summary: verdict, what failed with links to the suite's lines, the models side by side,
 * the production checklist, then the cases, the worst first, each folded away.
 *
 * GitHub refuses a summary over 1 MiB as a whole, so writing stops short of that and says what was
 * left out: each part has its share of the room, and what outgrows it is taken back. Names and
 * messages of a run are text, never markup: every character that Markdown or HTML could take for
 * its own is escaped.
 */
#include "report/blamed.h"
#include "report/checklist_text.h"
#include "report/methods.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/text.h"
#include "report/trend.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MOST_MODELS = 20,
    MOST_FACT = 200, /* characters of a fact about the machine */
    MOST_MISSES = 20 /* parts that did not fit, before no other is tried */
};

/* Where a part ends, in hundredths of the room. */
enum { FAILURES_END = 35, HEAD_END = 50, CASES_END = 92, FACTS_END = 99 };

typedef struct markdown {
    size_t start; /* length of the buffer before us */
} markdown;

/* Takes back what was written since `before` where the summary has outgrown its part. */
static bool take_back(qg_sink_out *o, size_t before, size_t end)
{
    const markdown *state = o->state;
    size_t most = QG_REPORT_SUMMARY_BYTES;

    if (o->options.room > 0 && o->options.room < most)
        most = o->options.room;
    if (o->out->failed || o->out->len - state->start <= most / 100 * end)
        return false;
    o->out->len = before;
    o->out->ptr[before] = '\0';
    return true;
}

/* Takes a part back as a whole, and says so. */
static void fit_part(qg_sink_out *o, size_t before, const char *what)
{
    if (take_back(o, before, HEAD_END))
        qg_buf_format(o->out, "> %s is left out: a summary holds 1 MiB. run.json has it.\n\n",
                      what);
}

/* How many of each verdict. */
typedef struct tally {
    size_t n, of[QG_N_VERDICTS], measured;
} tally;

static void count_one(tally *t, const qg_judgement *worst)
{
    t->n++;
    if (worst)
        t->of[worst->verdict]++;
    else
        t->measured++;
}

/* " (12 fail, 3 skip)", the worst first */
static void put_tally(qg_sink_out *o, const tally *t)
{
    const char *separator = " (";

    for (int i = 0; i < QG_N_VERDICTS * QG_N_VERDICTS; i++) {
        int rank = QG_N_VERDICTS - 1 - i / QG_N_VERDICTS, v = i % QG_N_VERDICTS;
        if (t->of[v] == 0 || qg_verdict_rank((qg_verdict)v) != rank)
            continue;
        qg_buf_format(o->out, "%s%zu %s", separator, t->of[v], qg_verdict_text((qg_verdict)v));
        separator = ", ";
    }
    if (t->measured > 0)
        qg_buf_format(o->out, "%s%zu measured", separator, t->measured);
    qg_buf_char(o->out, ')');
}

static void put_escaped(qg_sink_out *o, const char *s)
{
    qg_str text = qg_text_message(o->scratch, s, false, &o->out->failed);

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '&')
            qg_buf_text(o->out, "&amp;");
        else if (c == '<')
            qg_buf_text(o->out, "&lt;");
        else if (c == '>')
            qg_buf_text(o->out, "&gt;");
        else if (c == '@') /* no mentions */
            qg_buf_text(o->out, "&#64;");
        else if (strchr("\\`*_[]|~#!$", c))
            qg_buf_format(o->out, "\\%c", c);
        else
            qg_buf_char(o->out, c);
    }
}

/* The same inside HTML, where Markdown's escapes would be seen. */
static void put_html(qg_sink_out *o, const char *s)
{
    qg_str text = qg_text_message(o->scratch, s, false, &o->out->failed);

    for (size_t i = 0; i < text.len; i++) {
        if (strchr("&<>\"'@", text.ptr[i]))
            qg_buf_format(o->out, "&#%d;", text.ptr[i]);
        else
            qg_buf_char(o->out, text.ptr[i]);
    }
}

/* [suites/x.yaml:12](https://.../suites/x.yaml#L12) */
static void put_link(qg_sink_out *o, const char *file, int line)
{
    if (!file || !file[0])
        return;
    qg_buf_char(o->out, '[');
    put_escaped(o, file);
    if (line > 0)
        qg_buf_format(o->out, ":%d", line);
    qg_buf_text(o->out, "](");
    qg_buf_text(o->out, o->options.link ? o->options.link : "");
    qg_text_target(o->out, qg_report_place(o, file));
    if (line > 0)
        qg_buf_format(o->out, "#L%d", line);
    qg_buf_char(o->out, ')');
}

static const char *mark_of(qg_verdict v)
{
    static const char *const marks[QG_N_VERDICTS] = {
        [QG_VERDICT_PASS] = "\xe2\x9c\x85",         [QG_VERDICT_FAIL] = "\xe2\x9d\x8c",
        [QG_VERDICT_INCONCLUSIVE] = "\xe2\x9d\x94", [QG_VERDICT_SKIP] = "\xe2\x9e\x96",
        [QG_VERDICT_KNOWN_FAIL] = "\xe2\x9a\xa0",   [QG_VERDICT_ERROR] = "\xf0\x9f\x92\xa5",
    };
    return marks[v];
}

static void put_verdict(qg_sink_out *o, qg_verdict v)
{
    qg_buf_format(o->out, "%s %s", mark_of(v), qg_verdict_text(v));
}

/* As lines of the failure's item. */
static void put_blame(qg_sink_out *o, const qg_blame *b)
{
    qg_buf lines;
    qg_str text, one;

    qg_buf_init(&lines, o->scratch);
    qg_blamed_lines(&lines, b);
    o->out->failed = o->out->failed || lines.failed;
    text = qg_str_trim(qg_buf_view(&lines));
    while (qg_str_split(&text, '\n', &one)) {
        const char *line = qg_str_dup(o->scratch, qg_str_trim(one));
        o->out->failed = o->out->failed || !line;
        qg_buf_text(o->out, one.len && one.ptr[0] == ' ' ? "<br>\xc2\xb7 " : "<br>");
        put_escaped(o, line);
    }
}

/* What the number was in earlier runs, NULL: nothing is known. */
static const qg_trend *trend_of(const qg_sink_out *o, const qg_row *row)
{
    bool is_value = row->m && row->has_value && row->metric != QG_METRIC_NONE &&
                    (!row->j || row->j->basis == QG_BASIS_BUDGET);
    return is_value
               ? qg_trend_find(o->options.trends, o->options.n_trends, row->m->id.id, row->metric)
               : NULL;
}

static void put_failure(qg_sink_out *o, const qg_row *row)
{
    const qg_trend *trend = trend_of(o, row);
    const qg_judgement *j = row->j;

    qg_buf_text(o->out, "- ");
    put_verdict(o, j->verdict);
    qg_buf_text(o->out, " **");
    put_escaped(o, qg_row_case(row));
    qg_buf_text(o->out, "** ");
    put_escaped(o, j->message);
    if (j->file && j->file[0])
        qg_buf_text(o->out, " \xe2\x80\x94 ");
    put_link(o, j->file, j->line);
    if (j->fix) {
        qg_buf_text(o->out, "<br>");
        put_escaped(o, j->fix);
    }
    if (j->issue) {
        qg_buf_text(o->out, "<br>known: ");
        put_escaped(o, j->issue);
        if (j->expires) {
            qg_buf_text(o->out, ", expires ");
            put_escaped(o, j->expires);
        }
    }
    if (trend) {
        qg_buf_text(o->out, "<br>earlier runs and this one: ");
        qg_trend_put(o->out, trend, row->value);
    }
    if (qg_run_blame(o->run, j))
        put_blame(o, qg_run_blame(o->run, j));
    qg_buf_char(o->out, '\n');
}

static qg_status put_failures(qg_sink_out *o, qg_err *err)
{
    tally left_out = {0};
    qg_rows rows;

    QG_PASS(qg_rows_judged(&rows, o->scratch, o->index, err));
    for (size_t i = 0; i < rows.n && rows.at[i].j->verdict != QG_VERDICT_PASS; i++) {
        size_t before = o->out->len;
        if (left_out.n < MOST_MISSES)
            put_failure(o, &rows.at[i]);
        if (left_out.n >= MOST_MISSES || take_back(o, before, FAILURES_END))
            count_one(&left_out, rows.at[i].j);
    }
    if (left_out.n > 0) {
        qg_buf_format(o->out, "- ... and %zu more", left_out.n);
        put_tally(o, &left_out);
        qg_buf_text(o->out, ": run.json has them all\n");
    }
    if (rows.n > 0 && rows.at[0].j->verdict != QG_VERDICT_PASS)
        qg_buf_char(o->out, '\n');
    return QG_OK;
}

static void put_fact(qg_sink_out *o, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    qg_buf_format(o->out, "| %s | ", name);
    const char *cut = qg_arena_format(o->scratch, "%.*s", MOST_FACT, value);
    o->out->failed = o->out->failed || !cut;
    put_escaped(o, cut);
    qg_buf_text(o->out, " |\n");
}

static qg_status put_methods(qg_sink_out *o, qg_err *err)
{
    size_t before = o->out->len;
    qg_methods m;

    QG_PASS(qg_methods_compare(&m, o->scratch, o->run, err));
    if (m.n_rows == 0)
        return QG_OK;
    qg_buf_text(o->out, "| model |");
    for (size_t c = 0; c < m.n_columns; c++)
        qg_buf_format(o->out, " %s |", m.columns[c].head);
    qg_buf_text(o->out, "\n|---|");
    for (size_t c = 0; c < m.n_columns; c++)
        qg_buf_text(o->out, "---:|");
    for (size_t row = 0; row < m.n_rows; row++) {
        qg_buf_text(o->out, "\n| ");
        put_escaped(o, m.models[row]);
        qg_buf_text(o->out, " |");
        for (size_t c = 0; c < m.n_columns; c++)
            qg_buf_format(o->out, " %s |", m.columns[c].cells[row]);
    }
    qg_buf_text(o->out, "\n\n");
    fit_part(o, before, "The table of models");
    return QG_OK;
}

static void put_item(qg_sink_out *o, const qg_checkitem_result *item)
{
    qg_buf_format(o->out, "- %s %s **%s**", mark_of(qg_checklist_colour(item->state)),
                  qg_checkitem_state_text(item->state), qg_checkitem_title(item->item));
    if (item->state == QG_CHECKITEM_IS_WAIVED) {
        qg_buf_text(o->out, "<br>");
        put_escaped(o, qg_checklist_waiver(o->scratch, item, &o->out->failed));
    }
    for (size_t i = 0; i < item->n_proofs; i++) {
        qg_buf_text(o->out, "<br>");
        put_escaped(o, item->proofs[i].subject);
        qg_buf_text(o->out, ": ");
        put_escaped(o, item->proofs[i].text);
        qg_buf_text(o->out, " (");
        put_escaped(o, qg_checklist_facts(o->scratch, &item->proofs[i], &o->out->failed));
        qg_buf_char(o->out, ')');
    }
    for (size_t i = 0; i < item->n_lacks; i++) {
        const qg_lack *l = &item->lacks[i];
        qg_buf_text(o->out, "<br>");
        put_escaped(o, l->text);
        if (l->file && l->line > 0) {
            qg_buf_text(o->out, " \xe2\x80\x94 ");
            put_link(o, l->file, l->line);
        }
        if (l->fix && !qg_checklist_repeats(item, i)) {
            qg_buf_text(o->out, "<br>");
            put_escaped(o, l->fix);
        }
    }
    qg_buf_char(o->out, '\n');
}

static void put_checklist(qg_sink_out *o)
{
    const qg_checklist *c = o->run->checklist;
    size_t before = o->out->len;

    if (!c)
        return;
    qg_buf_text(o->out, "### Production checklist: ");
    put_escaped(o, qg_checklist_count(o->scratch, c, &o->out->failed));
    qg_buf_text(o->out, "\n\n");
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        put_item(o, &c->items[i]);
    qg_buf_char(o->out, '\n');
    fit_part(o, before, "The production checklist");
}

static void put_notices(qg_sink_out *o)
{
    size_t n_left_out = 0;

    for (size_t i = 0; i < o->run->n_notices; i++) {
        size_t before = o->out->len;
        qg_buf_text(o->out, "> ");
        put_escaped(o, o->run->notices[i]);
        qg_buf_text(o->out, "\n\n");
        n_left_out += take_back(o, before, HEAD_END);
    }
    if (n_left_out > 0)
        qg_buf_format(o->out, "> ... and %zu more notices\n\n", n_left_out);
}

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    const qg_run *run = o->run;
    const char *advice = qg_rows_advice(run);
    markdown *m = QG_NEW(o->scratch, markdown);

    QG_NEED(m, err);
    o->state = m;
    m->start = o->out->len;
    qg_buf_format(o->out, "## %s quantgate: ", mark_of(run->verdict));
    put_escaped(o, run->suite);
    qg_buf_format(o->out, "\n\n**%s**, ", qg_verdict_text(run->verdict));
    qg_rows_count(o->out, run);
    qg_buf_format(o->out, ", exit code %d", run->exit_code);
    if (advice[0])
        qg_buf_format(o->out, ": %s", advice);
    qg_buf_text(o->out, ".\n\n");
    QG_PASS(put_failures(o, err));
    put_notices(o);
    QG_PASS(put_methods(o, err));
    put_checklist(o);
    return QG_OK;
}

static void put_row(qg_sink_out *o, const qg_row *row)
{
    const qg_trend *trend = trend_of(o, row);
    char text[QG_ROW_TEXT];

    qg_buf_text(o->out, "| ");
    put_escaped(o, qg_row_metric(row));
    qg_buf_format(o->out, " | %s | ", qg_row_value(text, row));
    put_escaped(o, qg_row_limit(text, row));
    qg_buf_format(o->out, " | %s", qg_row_count(text, row));
    qg_buf_format(o->out, " | %s", qg_row_interval(text, row));
    qg_buf_format(o->out, " | %s | ", qg_row_seen(text, row));
    if (row->j)
        put_verdict(o, row->j->verdict);
    qg_buf_text(o->out, " | ");
    if (row->j)
        put_link(o, row->j->file, row->j->line);
    if (o->options.n_trends > 0)
        qg_buf_text(o->out, " | ");
    if (trend)
        qg_trend_put(o->out, trend, row->value);
    qg_buf_text(o->out, " |\n");
}

static void put_rows(qg_sink_out *o, const qg_rows *rows)
{
    bool trends = o->options.n_trends > 0;

    if (rows->n == 0)
        return;
    qg_buf_format(o->out,
                  "| metric | value | budget | n | interval | would see | verdict | where |%s\n"
                  "|---|---:|---:|---:|---:|---:|---|---|%s\n",
                  trends ? " earlier and now |" : "", trends ? "---|" : "");
    for (size_t i = 0; i < rows->n; i++)
        put_row(o, &rows->at[i]);
    qg_buf_char(o->out, '\n');
}

/* What stays to be seen of a folded case. */
static void put_case_title(qg_sink_out *o, const qg_measurement *m, const qg_judgement *worst)
{
    qg_buf_text(o->out, "<details><summary>");
    if (worst)
        put_verdict(o, worst->verdict);
    else
        qg_buf_text(o->out, m->state == QG_CASE_MEASURED ? "measured" : "not measured");
    qg_buf_text(o->out, " <b>");
    put_html(o, m->id.id);
    qg_buf_text(o->out, "</b> ");
    put_html(o, m->id.model);
    qg_buf_text(o->out, " \xc2\xb7 ");
    put_html(o, m->id.method);
    qg_buf_text(o->out, " \xc2\xb7 ");
    put_html(o, m->id.device);
    if (m->id.batch > 0)
        qg_buf_format(o->out, " \xc2\xb7 batch %lld, %lld tokens in, %lld out",
                      (long long)m->id.batch, (long long)m->id.input_len,
                      (long long)m->id.output_len);
    qg_buf_text(o->out, "</summary>\n\n");
}

static void put_log(qg_sink_out *o, const char *log)
{
    qg_str text = qg_text_message(o->scratch, log, true, &o->out->failed), line;

    qg_buf_text(o->out, "Last lines of its log:\n\n");
    while (qg_str_split(&text, '\n', &line))
        qg_buf_format(o->out, "    " QG_STR_PRI "\n", QG_STR_ARG(line));
    qg_buf_char(o->out, '\n');
}

static qg_status put_case(qg_sink_out *o, const qg_measurement *m, const qg_judgement *worst,
                          qg_err *err)
{
    qg_rows judged, measured;

    QG_PASS(qg_rows_of_case(&judged, o->scratch, o->index, m, err));
    QG_PASS(qg_rows_measured(&measured, o->scratch, o->index, m, err));
    put_case_title(o, m, worst);
    put_rows(o, &judged);
    if (measured.n > 0)
        qg_buf_text(o->out, "Measured without a budget:\n\n");
    put_rows(o, &measured);
    if (m->log)
        put_log(o, m->log);
    qg_buf_text(o->out, "</details>\n\n");
    return QG_OK;
}

typedef struct ranked {
    const qg_measurement *m;
    const qg_judgement *worst; /* NULL: nothing was judged */
} ranked;

static int worst_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    int x_rank = x->worst ? qg_verdict_rank(x->worst->verdict) : -1;
    int y_rank = y->worst ? qg_verdict_rank(y->worst->verdict) : -1;
    return x_rank != y_rank ? y_rank - x_rank : (x->m > y->m) - (x->m < y->m);
}

static qg_status put_cases(qg_sink_out *o, qg_err *err)
{
    const qg_run *run = o->run;
    ranked *cases = QG_NEW_N(o->scratch, ranked, run->n_measurements);
    tally left_out = {0};

    QG_NEED(cases, err);
    for (size_t i = 0; i < run->n_measurements; i++) {
        cases[i].m = &run->measurements[i];
        for (size_t k = o->index->first[i]; k < o->index->first[i + 1]; k++) {
            const qg_judgement *j = o->index->at[k], *worst = cases[i].worst;
            if (!worst || qg_verdict_rank(j->verdict) > qg_verdict_rank(worst->verdict))
                cases[i].worst = j;
        }
    }
    qsort(cases, run->n_measurements, sizeof *cases, worst_first);
    for (size_t i = 0; i < run->n_measurements; i++) {
        size_t before = o->out->len;
        if (left_out.n < MOST_MISSES) /* a smaller one may fit yet */
            QG_PASS(put_case(o, cases[i].m, cases[i].worst, err));
        if (left_out.n >= MOST_MISSES || take_back(o, before, CASES_END))
            count_one(&left_out, cases[i].worst);
    }
    if (left_out.n == 0)
        return QG_OK;
    qg_buf_format(o->out, "%zu cases are left out", left_out.n);
    put_tally(o, &left_out);
    qg_buf_text(o->out, ": a summary holds 1 MiB. run.json has them all.\n\n");
    return QG_OK;
}

static qg_status end(qg_sink_out *o, qg_err *err)
{
    const qg_run *run = o->run;
    char threads[16] = "";

    QG_PASS(put_cases(o, err));
    size_t before = o->out->len;
    if (run->machine.n_threads > 0)
        snprintf(threads, sizeof threads, "%d", run->machine.n_threads);
    qg_buf_text(o->out, "<details><summary>machine and provenance</summary>\n\n"
                        "| | |\n|---|---|\n");
    put_fact(o, "suite", run->suite_file);
    put_fact(o, "command", run->command);
    put_fact(o, "started", run->started);
    put_fact(o, "quantgate", run->version);
    put_fact(o, "commit", run->commit);
    put_fact(o, "cpu", run->machine.cpu);
    put_fact(o, "gpu", run->machine.gpu);
    put_fact(o, "kernels", run->machine.tier);
    put_fact(o, "threads", threads);
    put_fact(o, "system", run->machine.os);
    put_fact(o, "compiler", run->machine.compiler);
    put_fact(o, "flags", run->machine.flags);
    for (size_t i = 0; i < run->n_models && i < MOST_MODELS; i++) {
        put_fact(o, "model", run->models[i].path);
        put_fact(o, "model hash", run->models[i].model_hash);
    }
    qg_buf_text(o->out, "\n</details>\n");
    if (take_back(o, before, FACTS_END))
        qg_buf_text(o->out, "Machine and provenance are left out: run.json has them.\n");
    return QG_OK;
}

const qg_sink qg_report_markdown = {"markdown", "summary.md", begin, NULL, end};
