/* The table that a person reads in a terminal.
 *
 *     quantgate  NAME OF THE SUITE
 *       model folder, machine                            one line each
 *       CASE  METRIC  VALUE  BUDGET  VERDICT             judgements, worst first; where there is
 *                                                        room also N, 95 %, SEES
 *       MODEL  PPL  KL MEAN  WEIGHTS  TPOT B1  ...       the models side by side
 *       measured without a budget, a paragraph a case
 *       what failed, where in the suite, what to do      one block each, worst first
 *     VERDICT  counts                                    the last words
 *
 * Columns are as wide as their widest cell; where the terminal is too narrow, the case gives way,
 * and the models' table goes on below itself. No line is wider than asked for, but for single words
 * that are, and commands of the checklist.
 */
#include "report/blamed.h"
#include "report/checklist_text.h"
#include "report/methods.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/text.h"

#include <ctype.h>
#include <stdio.h>

enum { INDENT = 2, GAP = 2, LEAST_CASE = 8, MOST_BLOCKS = 50, MOST_NAME = 24 };

static const char *colour_of(qg_verdict v)
{
    switch (v) {
    case QG_VERDICT_PASS:
        return "\033[32m";
    case QG_VERDICT_FAIL:
    case QG_VERDICT_ERROR:
        return "\033[1;31m";
    case QG_VERDICT_INCONCLUSIVE:
    case QG_VERDICT_KNOWN_FAIL:
        return "\033[33m";
    default:
        return "\033[2m";
    }
}

static void put_coloured(qg_sink_out *o, const char *colour, const char *text)
{
    if (o->options.colour)
        qg_buf_format(o->out, "%s%s\033[0m", colour, text);
    else
        qg_buf_text(o->out, text);
}

static void put_verdict(qg_sink_out *o, qg_verdict v, bool upper)
{
    char text[32];

    snprintf(text, sizeof text, "%s", qg_verdict_text(v));
    for (size_t i = 0; upper && text[i]; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    put_coloured(o, colour_of(v), text);
}

/* A paragraph at the indent of the table. */
static void put_wrapped(qg_sink_out *o, size_t indent, qg_str text)
{
    qg_buf_format(o->out, "%*s", (int)indent, "");
    qg_text_wrap(o->out, text, indent, (size_t)o->options.width);
    qg_buf_char(o->out, '\n');
}

static void put_format(qg_buf *b, const char *separator, const char *s)
{
    if (s && s[0])
        qg_buf_format(b, "%s%s", b->len ? separator : "", s);
}

static void put_head(qg_sink_out *o)
{
    const qg_run *run = o->run;
    const qg_machine *m = &run->machine;
    qg_buf line;

    put_coloured(o, "\033[1m", "quantgate");
    qg_buf_text(o->out, "  ");
    qg_text_wrap(o->out, qg_str_from(run->suite), 11, (size_t)o->options.width);
    qg_buf_char(o->out, '\n');
    for (size_t i = 0; i < run->n_models; i++) {
        const qg_model_info *model = &run->models[i];
        qg_buf_init(&line, o->scratch);
        qg_buf_format(&line, "%s:", model->name);
        put_format(&line, " ", model->path);
        put_format(&line, " \xc2\xb7 ", model->family);
        put_format(&line, " ", model->method);
        put_format(&line, " \xc2\xb7 beside ", model->reference);
        put_wrapped(o, INDENT, qg_buf_view(&line));
        o->out->failed = o->out->failed || line.failed;
    }
    qg_buf_init(&line, o->scratch);
    put_format(&line, "", m->device);
    put_format(&line, " ", m->tier);
    if (m->n_threads > 0)
        qg_buf_format(&line, "%s%d thread%s", line.len ? " \xc2\xb7 " : "", m->n_threads,
                      m->n_threads == 1 ? "" : "s");
    put_format(&line, " \xc2\xb7 ", m->gpu ? m->gpu : m->cpu);
    o->out->failed = o->out->failed || line.failed;
    if (line.len > 0)
        put_wrapped(o, INDENT, qg_buf_view(&line));
}

/* Columns of the table; those of what a verdict stands on only where the terminal has room. */
enum { CASE, METRIC, VALUE, BUDGET, COUNT, INTERVAL, SEEN, VERDICT, N_COLUMNS };
static const char *const heads[N_COLUMNS] = {"CASE", "METRIC",   "VALUE", "BUDGET",
                                             "N",    "INTERVAL", "SEES",  "VERDICT"};

typedef struct columns {
    size_t width[N_COLUMNS];
    bool grounds;
} columns;

static bool is_shown(const columns *c, size_t column)
{
    return c->grounds || column < COUNT || column == VERDICT;
}

static const char *cell(char text[QG_ROW_TEXT], const qg_row *row, size_t column)
{
    switch (column) {
    case CASE:
        return qg_row_case(row);
    case METRIC:
        return qg_row_metric(row);
    case VALUE:
        return qg_row_value(text, row);
    case BUDGET:
        return qg_row_limit(text, row);
    case COUNT:
        return qg_row_count(text, row);
    case INTERVAL:
        return qg_row_interval(text, row);
    case SEEN:
        return qg_row_seen(text, row);
    default:
        return qg_verdict_text(row->j->verdict);
    }
}

/* Width of all shown columns but the first. */
static size_t width_of_others(const columns *c)
{
    size_t others = INDENT;

    for (size_t i = 1; i < N_COLUMNS; i++)
        others += is_shown(c, i) ? GAP + c->width[i] : 0;
    return others;
}

static void measure_columns(columns *c, const qg_rows *rows, size_t total)
{
    char text[QG_ROW_TEXT];

    *c = (columns){.grounds = false};
    for (size_t i = 0; i < N_COLUMNS; i++)
        c->width[i] = strlen(heads[i]);
    for (size_t i = 0; i < rows->n; i++) {
        c->grounds = c->grounds || rows->at[i].j->test;
        for (size_t k = 0; k < N_COLUMNS; k++) {
            size_t w = qg_text_width(qg_str_from(cell(text, &rows->at[i], k)));
            c->width[k] = w > c->width[k] ? w : c->width[k];
        }
    }
    c->grounds = c->grounds && width_of_others(c) + c->width[CASE] <= total;
    size_t others = width_of_others(c);
    size_t left = total > others + LEAST_CASE ? total - others : LEAST_CASE;
    c->width[CASE] = c->width[CASE] < left ? c->width[CASE] : left;
}

static void put_table(qg_sink_out *o, const qg_rows *rows)
{
    char text[QG_ROW_TEXT];
    columns c;

    if (rows->n == 0)
        return;
    measure_columns(&c, rows, (size_t)o->options.width);
    qg_buf_format(o->out, "\n%*s", INDENT, "");
    for (size_t k = 0; k < VERDICT; k++) {
        if (!is_shown(&c, k))
            continue;
        qg_text_fit(o->out, qg_str_from(heads[k]), c.width[k]);
        qg_buf_text(o->out, "  ");
    }
    qg_buf_format(o->out, "%s\n", heads[VERDICT]);
    for (size_t i = 0; i < rows->n; i++) {
        qg_buf_format(o->out, "%*s", INDENT, "");
        for (size_t k = 0; k < VERDICT; k++) {
            if (!is_shown(&c, k))
                continue;
            qg_text_fit(o->out, qg_str_from(cell(text, &rows->at[i], k)), c.width[k]);
            qg_buf_text(o->out, "  ");
        }
        put_verdict(o, rows->at[i].j->verdict, qg_row_is_bad(&rows->at[i]));
        qg_buf_char(o->out, '\n');
    }
}

/* The models' table: how many columns of the terminal each of its columns takes. */
typedef struct methods_table {
    qg_methods m;
    size_t name, *width; /* [m.n_columns] */
} methods_table;

static size_t widest(const char *head, const char *const *cells, size_t n)
{
    size_t width = qg_text_width(qg_str_from(head));

    for (size_t i = 0; i < n; i++) {
        size_t w = qg_text_width(qg_str_from(cells[i]));
        width = w > width ? w : width;
    }
    return width;
}

static qg_status measure_methods(methods_table *t, qg_sink_out *o, qg_err *err)
{
    const qg_methods *m = &t->m;

    QG_PASS(qg_methods_compare(&t->m, o->scratch, o->run, err));
    t->width = QG_NEW_N(o->scratch, size_t, m->n_columns);
    QG_NEED(t->width, err);
    t->name = widest("MODEL", m->models, m->n_rows);
    t->name = t->name < MOST_NAME ? t->name : MOST_NAME;
    for (size_t c = 0; c < m->n_columns; c++)
        t->width[c] = widest(m->columns[c].head, m->columns[c].cells, m->n_rows);
    return QG_OK;
}

/* The end of the columns from `first` on that fit beside the names. The table is broken between
 * batches where that can be, else before a column that is no ratio. */
static size_t fitting(const qg_sink_out *o, const methods_table *t, size_t first)
{
    const qg_methods *m = &t->m;
    size_t used = INDENT + t->name, whole = first, any = first;

    for (size_t c = first; c < m->n_columns; c++) {
        const qg_method_column *next = c + 1 < m->n_columns ? &m->columns[c + 1] : NULL;
        used += GAP + t->width[c];
        if (used > (size_t)o->options.width && any > first)
            break;
        if (!next || !next->is_ratio)
            any = c + 1;
        if (!next || next->batch != m->columns[c].batch)
            whole = c + 1;
    }
    return whole > first ? whole : any;
}

static void put_right(qg_sink_out *o, const char *text, size_t width)
{
    size_t used = qg_text_width(qg_str_from(text));

    qg_buf_format(o->out, "%*s%s", GAP + (int)(width > used ? width - used : 0), "", text);
}

/* "TPOT B4", but "x". */
static const char *head_text(qg_sink_out *o, const qg_method_column *c)
{
    char *text = qg_str_dup(o->scratch, qg_str_from(c->head));

    o->out->failed = o->out->failed || !text;
    for (size_t i = 0; text && !c->is_ratio && text[i]; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    return text ? text : "";
}

/* Columns first to last - 1 of a row, or of the head (row n_rows). A row that says nothing there is
 * left out. */
static void put_method_row(qg_sink_out *o, const methods_table *t, size_t row, size_t first,
                           size_t last)
{
    const qg_methods *m = &t->m;
    bool head = row == m->n_rows;
    size_t end = first; /* behind the last cell that is filled */

    for (size_t c = first; c < last; c++)
        end = head || m->columns[c].cells[row][0] ? c + 1 : end;
    if (end == first)
        return;
    qg_buf_format(o->out, "%*s", INDENT, "");
    qg_text_fit(o->out, qg_str_from(head ? "MODEL" : m->models[row]), t->name);
    for (size_t c = first; c < end; c++)
        put_right(o, head ? head_text(o, &m->columns[c]) : m->columns[c].cells[row], t->width[c]);
    qg_buf_char(o->out, '\n');
}

static qg_status put_methods(qg_sink_out *o, qg_err *err)
{
    methods_table t;

    QG_PASS(measure_methods(&t, o, err));
    for (size_t first = 0, last; t.m.n_rows && first < t.m.n_columns; first = last) {
        last = fitting(o, &t, first);
        qg_buf_char(o->out, '\n');
        put_method_row(o, &t, t.m.n_rows, first, last);
        for (size_t row = 0; row < t.m.n_rows; row++)
            put_method_row(o, &t, row, first, last);
    }
    return QG_OK;
}

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    qg_rows rows;
    bool *any = QG_NEW(o->scratch, bool);

    QG_NEED(any, err);
    o->state = any; /* whether the paragraph of measured numbers has begun */
    put_head(o);
    QG_PASS(qg_rows_judged(&rows, o->scratch, o->index, err));
    put_table(o, &rows);
    return put_methods(o, err);
}

/* What was measured without a budget: "fp16/perf/b1  itl_p50 1.2 ms, e2e_p50 40 ms". */
static qg_status case_done(qg_sink_out *o, const qg_measurement *m, qg_err *err)
{
    bool *any = o->state;
    char text[QG_ROW_TEXT];
    qg_rows rows;
    qg_buf line;

    QG_PASS(qg_rows_measured(&rows, o->scratch, o->index, m, err));
    if (rows.n == 0)
        return QG_OK;
    if (!*any)
        qg_buf_format(o->out, "\n%*smeasured without a budget\n", INDENT, "");
    *any = true;
    qg_buf_init(&line, o->scratch);
    for (size_t i = 0; i < rows.n; i++)
        qg_buf_format(&line, "%s%s %s", i ? ", " : "", qg_row_metric(&rows.at[i]),
                      qg_row_value(text, &rows.at[i]));
    o->out->failed = o->out->failed || line.failed;
    put_wrapped(o, INDENT, qg_str_from(m->id.id));
    put_wrapped(o, 2 * INDENT, qg_buf_view(&line));
    return QG_OK;
}

/* What is at fault, indented under the judgement; lines of a table stay as they are. */
static void put_blame(qg_sink_out *o, const qg_blame *b, size_t at)
{
    qg_buf lines;
    qg_str text, one;

    qg_buf_init(&lines, o->scratch);
    qg_blamed_lines(&lines, b);
    o->out->failed = o->out->failed || lines.failed;
    text = qg_str_trim(qg_buf_view(&lines));
    while (qg_str_split(&text, '\n', &one)) {
        bool is_table = one.len && one.ptr[0] == ' ';
        qg_buf_format(o->out, "%*s", (int)at, "");
        if (is_table)
            qg_text_clean(o->out, one, false);
        else
            qg_text_wrap(o->out, one, at, (size_t)o->options.width);
        qg_buf_char(o->out, '\n');
    }
}

/* One judgement that asks somebody to act: sentence, place, remedy, log. */
static void put_block(qg_sink_out *o, const qg_row *row)
{
    const qg_judgement *j = row->j;
    qg_buf line;

    qg_buf_init(&line, o->scratch);
    qg_buf_format(&line, "%s: ", qg_row_case(row));
    qg_buf_str(&line, qg_text_message(o->scratch, j->message, false, &line.failed));
    qg_buf_format(o->out, "\n%*s", INDENT, "");
    put_verdict(o, j->verdict, true);
    qg_buf_char(o->out, ' ');
    size_t at = INDENT + strlen(qg_verdict_text(j->verdict)) + 1;
    qg_text_wrap(o->out, qg_buf_view(&line), at, (size_t)o->options.width);
    qg_buf_char(o->out, '\n');
    if (j->file && j->file[0]) {
        line.len = 0;
        qg_buf_text(&line, j->file);
        if (j->line > 0)
            qg_buf_format(&line, ":%d", j->line);
        if (j->line > 0 && j->column > 0)
            qg_buf_format(&line, ":%d", j->column);
        put_wrapped(o, at, qg_buf_view(&line));
    }
    if (j->fix)
        put_wrapped(o, at, qg_text_message(o->scratch, j->fix, false, &line.failed));
    if (j->issue) {
        line.len = 0;
        qg_buf_format(&line, "known: %s%s%s", j->issue, j->expires ? ", expires " : "",
                      j->expires ? j->expires : "");
        put_wrapped(o, at, qg_buf_view(&line));
    }
    if (j->metric == QG_METRIC_NONE && row->m && row->m->log) {
        qg_str log = qg_text_message(o->scratch, row->m->log, true, &line.failed), one;
        while (qg_str_split(&log, '\n', &one))
            qg_buf_format(o->out, "%*s| " QG_STR_PRI "\n", (int)at, "", QG_STR_ARG(one));
    }
    if (qg_run_blame(o->run, j))
        put_blame(o, qg_run_blame(o->run, j), at);
    o->out->failed = o->out->failed || line.failed;
}

static qg_status put_blocks(qg_sink_out *o, qg_err *err)
{
    qg_rows rows;
    size_t shown = 0, n = 0;

    QG_PASS(qg_rows_judged(&rows, o->scratch, o->index, err));
    for (size_t i = 0; i < rows.n; i++) {
        bool explain = rows.at[i].j->verdict != QG_VERDICT_PASS;
        n += explain;
        if (explain && shown < MOST_BLOCKS) {
            put_block(o, &rows.at[i]);
            shown++;
        }
    }
    if (n > shown)
        qg_buf_format(o->out, "\n%*s... and %zu more\n", INDENT, "", n - shown);
    return QG_OK;
}

static void put_checklist(qg_sink_out *o)
{
    qg_checklist_style style = {o->options.width, o->options.colour, .brief = true};

    if (!o->run->checklist)
        return;
    qg_buf_char(o->out, '\n');
    qg_checklist_text(o->out, o->run->checklist, &style);
}

static qg_status end(qg_sink_out *o, qg_err *err)
{
    const qg_run *run = o->run;
    const char *advice = qg_rows_advice(run);
    bool failed = false;
    qg_buf count;

    QG_PASS(put_blocks(o, err));
    for (size_t i = 0; i < run->n_notices; i++) {
        qg_buf_char(o->out, '\n');
        qg_buf_format(o->out, "%*snote: ", INDENT, "");
        qg_text_wrap(o->out, qg_text_message(o->scratch, run->notices[i], false, &failed), 8,
                     (size_t)o->options.width);
        qg_buf_char(o->out, '\n');
    }
    put_checklist(o);
    qg_buf_char(o->out, '\n');
    put_verdict(o, run->verdict, true);
    qg_buf_init(&count, o->scratch);
    qg_rows_count(&count, run);
    qg_buf_format(&count, " \xc2\xb7 exit %d", run->exit_code);
    qg_buf_text(o->out, "  ");
    qg_text_wrap(o->out, qg_buf_view(&count), strlen(qg_verdict_text(run->verdict)) + 2,
                 (size_t)o->options.width);
    qg_buf_char(o->out, '\n');
    if (advice[0])
        put_wrapped(o, INDENT, qg_str_from(advice));
    if (o->options.dir) {
        qg_buf_format(o->out, "%*sreport in ", INDENT, "");
        qg_text_clean(o->out, qg_str_from(o->options.dir), false);
        qg_buf_char(o->out, '\n');
    }
    if (failed || count.failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    return QG_OK;
}

const qg_sink qg_report_console = {"console", "report.txt", begin, case_done, end};
