/* The page of a run: verdict and what to look at first, models side by side, the production
 * checklist, a card a case, how the models were made, the models, the machine, and what the metrics
 * mean.
 *
 * The page is for people who did not see the run: it explains itself, and every number is in a
 * table. Names of a run are text in it, never markup; the only links that leave the page are to the
 * suite's lines, where the caller knows the repository, and to the issue of a known failure.
 */
#include "report/blamed.h"
#include "report/checklist_text.h"
#include "report/heatmap.h"
#include "report/methods.h"
#include "report/page.h"
#include "report/quantized_page.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/text.h"

#include <stdio.h>
#include <string.h>

typedef struct html {
    bool used[QG_METRIC_N]; /* metrics that the page shows */
} html;

/* ---- pieces ---- */

/* A verdict is its own class in the style. */
static void put_verdict(qg_buf *out, qg_verdict v)
{
    static const char *const marks[QG_N_VERDICTS] = {
        [QG_VERDICT_PASS] = "\xe2\x9c\x93", [QG_VERDICT_FAIL] = "\xe2\x9c\x97",
        [QG_VERDICT_INCONCLUSIVE] = "?",    [QG_VERDICT_SKIP] = "\xe2\x80\x93",
        [QG_VERDICT_KNOWN_FAIL] = "~",      [QG_VERDICT_ERROR] = "!",
    };

    qg_buf_format(out, "<span class=\"v %s\"><span aria-hidden=\"true\">%s</span> %s</span>",
                  qg_verdict_text(v), marks[v], qg_verdict_text(v));
}

/* suites/x.yaml:12, a link where the caller knows to where; "line 12" of the run's own suite where
 * that says enough. */
static void put_place(qg_sink_out *o, const qg_judgement *j, bool is_short)
{
    is_short = is_short && o->run->suite_file && j->file && j->line > 0 &&
               strcmp(j->file, o->run->suite_file) == 0;
    qg_buf target, text;

    if (!j->file || !j->file[0])
        return;
    qg_buf_init(&target, o->scratch);
    qg_buf_init(&text, o->scratch);
    qg_buf_text(&text, is_short ? "line" : j->file);
    if (o->options.link) {
        qg_buf_text(&target, o->options.link);
        qg_text_target(&target, qg_report_place(o, j->file));
    }
    if (j->line > 0) {
        qg_buf_format(&target, "#L%d", j->line);
        qg_buf_format(&text, "%c%d", is_short ? ' ' : ':', j->line);
    }
    o->out->failed = o->out->failed || target.failed || text.failed;
    qg_buf_text(o->out, "<code>");
    qg_page_link(o->out, target.ptr, text.ptr);
    qg_buf_text(o->out, "</code>");
}

static const char *suite_of(const qg_run *run)
{
    return run->suite && run->suite[0] ? run->suite : "a run";
}

static size_t case_number(const qg_run *run, const qg_measurement *m)
{
    return (size_t)(m - run->measurements) + 1;
}

/* ---- head ---- */

static void put_navigation(qg_sink_out *o)
{
    const qg_run *run = o->run;
    bool has_quantized = false;

    for (size_t i = 0; i < run->n_models; i++)
        has_quantized = has_quantized || run->models[i].quantized;
    qg_buf_text(o->out, "<nav aria-label=\"sections\"><ul>\n"
                        "<li><a href=\"#first\">What to look at first</a></li>\n"
                        "<li><a href=\"#methods\">Models side by side</a></li>\n");
    if (run->checklist)
        qg_buf_text(o->out, "<li><a href=\"#checklist\">Production checklist</a></li>\n");
    qg_buf_text(o->out, "<li><a href=\"#cases\">Cases</a></li>\n");
    if (has_quantized)
        qg_buf_text(o->out, "<li><a href=\"#quantized\">Quantizations</a></li>\n");
    qg_buf_text(o->out, "<li><a href=\"#models\">Models</a></li>\n"
                        "<li><a href=\"#machine\">Machine and provenance</a></li>\n"
                        "<li><a href=\"#metrics\">Metrics</a></li>\n</ul></nav>\n");
}

static void put_counts(qg_buf *out, const qg_run *run)
{
    size_t n[QG_N_VERDICTS] = {0};

    for (size_t i = 0; i < run->n_judgements; i++)
        n[run->judgements[i].verdict]++;
    qg_buf_format(out, "<ul class=\"counts\"><li><b>%zu</b> judgement%s</li>", run->n_judgements,
                  run->n_judgements == 1 ? "" : "s");
    for (int v = 0; v < QG_N_VERDICTS; v++) {
        if (n[v] == 0)
            continue;
        qg_buf_format(out, "<li><b>%zu</b> ", n[v]);
        put_verdict(out, (qg_verdict)v);
        qg_buf_text(out, "</li>");
    }
    qg_buf_text(out, "</ul>\n");
}

static void put_header(qg_sink_out *o)
{
    const qg_run *run = o->run;
    const char *advice = qg_rows_advice(run);
    char wall[QG_UNIT_TEXT];

    qg_buf_format(
        o->out, "<header class=\"card\">\n<p class=\"%s\"><span class=\"verdict\">%s</span></p>\n",
        qg_verdict_text(run->verdict), qg_verdict_text(run->verdict));
    qg_page_heading(o->out, 1, NULL, suite_of(run));
    qg_buf_text(o->out, "<p class=\"soft\">");
    qg_page_text(o->out, run->suite_file);
    qg_buf_text(o->out, " \xc2\xb7 ");
    qg_page_text(o->out, run->started);
    qg_buf_format(o->out, " \xc2\xb7 took %s \xc2\xb7 ",
                  qg_unit_print(wall, QG_UNIT_DURATION, (double)run->wall_ns));
    qg_page_text(o->out, run->machine.gpu ? run->machine.gpu : run->machine.cpu);
    qg_buf_text(o->out, "</p>\n");
    put_counts(o->out, run);
    qg_buf_format(o->out, "<p>Exit code %d%s%s.</p>\n", run->exit_code, advice[0] ? ": " : "",
                  advice);
    put_navigation(o);
    qg_buf_text(o->out, "</header>\n");
}

static void put_finding(qg_sink_out *o, const qg_row *row)
{
    const qg_judgement *j = row->j;

    qg_buf_format(o->out, "<li class=\"card %s\"><p>", qg_verdict_text(j->verdict));
    put_verdict(o->out, j->verdict);
    qg_buf_char(o->out, ' ');
    if (row->m)
        qg_buf_format(o->out, "<a href=\"#case-%zu\">", case_number(o->run, row->m));
    qg_page_text(o->out, qg_row_case(row));
    if (row->m)
        qg_buf_text(o->out, "</a>");
    qg_buf_text(o->out, " <span class=\"soft\">");
    put_place(o, j, false);
    qg_buf_text(o->out, "</span></p>\n<p>");
    qg_page_text(o->out, j->message);
    qg_buf_text(o->out, "</p>\n");
    if (j->fix) {
        qg_buf_text(o->out, "<p class=\"soft\">");
        qg_page_text(o->out, j->fix);
        qg_buf_text(o->out, "</p>\n");
    }
    if (j->issue) {
        qg_buf_text(o->out, "<p class=\"soft\">known: ");
        qg_page_link(o->out, j->issue, j->issue);
        if (j->expires) {
            qg_buf_text(o->out, ", expires ");
            qg_page_text(o->out, j->expires);
        }
        qg_buf_text(o->out, "</p>\n");
    }
    qg_buf_text(o->out, "</li>\n");
}

/* Everything but passes, worst first. */
static qg_status put_findings(qg_sink_out *o, qg_err *err)
{
    const qg_run *run = o->run;
    qg_rows rows;

    QG_PASS(qg_rows_judged(&rows, o->scratch, o->index, err));
    qg_page_heading(o->out, 2, "first", "What to look at first");
    if (rows.n == 0 || rows.at[0].j->verdict == QG_VERDICT_PASS)
        qg_buf_text(o->out, rows.n ? "<p>Nothing: every judgement passed.</p>\n"
                                   : "<p>Nothing was judged.</p>\n");
    else
        qg_buf_text(o->out, "<ol class=\"found\">\n");
    for (size_t i = 0; i < rows.n && rows.at[i].j->verdict != QG_VERDICT_PASS; i++)
        put_finding(o, &rows.at[i]);
    if (rows.n > 0 && rows.at[0].j->verdict != QG_VERDICT_PASS)
        qg_buf_text(o->out, "</ol>\n");
    for (size_t i = 0; i < run->n_notices; i++) {
        qg_buf_text(o->out, "<p class=\"card\"><b>Notice:</b> ");
        qg_page_text(o->out, run->notices[i]);
        qg_buf_text(o->out, "</p>\n");
    }
    return QG_OK;
}

/* A ratio stands beside what it is of, in one cell. */
static void put_method(qg_buf *out, const qg_methods *m, size_t row)
{
    qg_buf_text(out, "<tr>");
    qg_page_row_name(out, m->models[row]);
    for (size_t c = 0; c < m->n_columns; c++) {
        if (m->columns[c].is_ratio)
            continue;
        const char *cell = m->columns[c].cells[row];
        qg_buf_text(out, "<td class=\"n\">");
        qg_page_text(out, cell[0] ? cell : "-");
        if (c + 1 < m->n_columns && m->columns[c + 1].is_ratio)
            qg_buf_format(out, " <span class=\"ratio\">%s</span>", m->columns[c + 1].cells[row]);
        qg_buf_text(out, "</td>");
    }
    qg_buf_text(out, "</tr>\n");
}

static qg_status put_methods(qg_sink_out *o, qg_err *err)
{
    qg_methods m;
    size_t n = 1;

    QG_PASS(qg_methods_compare(&m, o->scratch, o->run, err));
    qg_page_heading(o->out, 2, "methods", "Models side by side");
    if (m.n_rows == 0) {
        qg_buf_text(o->out, "<p>Fewer than two models were measured.</p>\n");
        return QG_OK;
    }
    qg_page_column *columns = QG_NEW_N(o->scratch, qg_page_column, m.n_columns + 1);
    QG_NEED(columns, err);
    columns[0].name = "model";
    for (size_t c = 0; c < m.n_columns; c++)
        if (!m.columns[c].is_ratio)
            columns[n++] = (qg_page_column){m.columns[c].head, true};
    qg_buf_text(o->out, "<div class=\"card\">\n");
    qg_page_table_begin(o->out, "models side by side");
    qg_page_columns(o->out, columns, n);
    qg_buf_text(o->out, "<tbody>\n");
    for (size_t row = 0; row < m.n_rows; row++)
        put_method(o->out, &m, row);
    qg_buf_text(o->out, "</tbody>\n");
    qg_page_table_end(o->out);
    qg_buf_text(o->out, "<p class=\"soft small\">b4 is a batch of 4");
    if (o->run->reference) {
        qg_buf_text(o->out, "; ratios are to ");
        qg_page_text(o->out, o->run->reference);
    }
    qg_buf_text(o->out, ".</p>\n</div>\n");
    return QG_OK;
}

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    const qg_run *run = o->run;
    char *title =
        qg_arena_format(o->scratch, "%s: %s", qg_verdict_text(run->verdict), suite_of(run));

    o->state = QG_NEW(o->scratch, html);
    QG_NEED(title && o->state, err);
    qg_page_head(o->out, title);
    qg_heatmap_style(o->out);
    qg_page_body(o->out);
    put_header(o);
    qg_buf_text(o->out, "<main>\n");
    QG_PASS(put_findings(o, err));
    QG_PASS(put_methods(o, err));
    if (run->checklist) {
        qg_page_heading(o->out, 2, "checklist", "Production checklist");
        qg_checklist_page(o->out, run->checklist);
    }
    qg_page_heading(o->out, 2, "cases", "Cases");
    qg_buf_text(o->out, "<div class=\"grid\">\n");
    return QG_OK;
}

/* ---- a case ---- */

static void put_judged(qg_sink_out *o, const qg_rows *rows, const char *case_id)
{
    static const qg_page_column columns[] = {
        {"metric", false}, {"verdict", false}, {"value", true},     {"budget", true},
        {"n", true},       {"interval", true}, {"would see", true}, {"where", false}};
    char text[QG_ROW_TEXT];

    if (rows->n == 0)
        return;
    qg_page_table_begin(o->out, case_id);
    qg_page_columns(o->out, columns, sizeof columns / sizeof *columns);
    qg_buf_text(o->out, "<tbody>\n");
    for (size_t i = 0; i < rows->n; i++) {
        const qg_row *row = &rows->at[i];
        qg_buf_text(o->out, "<tr>");
        qg_page_row_name(o->out, qg_row_metric(row));
        qg_buf_text(o->out, "<td>");
        put_verdict(o->out, row->j->verdict);
        qg_buf_text(o->out, "</td>");
        qg_page_number(o->out, qg_row_value(text, row));
        qg_page_number(o->out, qg_row_limit(text, row));
        qg_page_number(o->out, qg_row_count(text, row));
        qg_page_number(o->out, qg_row_interval(text, row));
        qg_page_number(o->out, qg_row_seen(text, row));
        qg_buf_text(o->out, "<td>");
        put_place(o, row->j, true);
        qg_buf_text(o->out, "</td></tr>\n");
    }
    qg_buf_text(o->out, "</tbody>\n");
    qg_page_table_end(o->out);
}

static void put_measured(qg_buf *out, const qg_rows *rows)
{
    char text[QG_ROW_TEXT];

    if (rows->n == 0)
        return;
    qg_buf_text(out, "<p class=\"soft small\">Without a budget</p>\n");
    qg_page_facts_begin(out, true);
    for (size_t i = 0; i < rows->n; i++)
        qg_page_fact(out, qg_row_metric(&rows->at[i]), qg_row_value(text, &rows->at[i]));
    qg_page_facts_end(out);
}

static void put_case_facts(qg_buf *out, const qg_measurement *m)
{
    char wall[QG_UNIT_TEXT];

    qg_buf_text(out, "<p class=\"soft\">");
    qg_page_text(out, m->id.model);
    qg_buf_text(out, " \xc2\xb7 ");
    qg_page_text(out, m->id.method);
    qg_buf_text(out, " \xc2\xb7 ");
    qg_page_text(out, m->id.device);
    if (m->id.batch > 0)
        qg_buf_format(out, " \xc2\xb7 batch %lld, %lld tokens in, %lld out", (long long)m->id.batch,
                      (long long)m->id.input_len, (long long)m->id.output_len);
    if (m->wall_ns > 0)
        qg_buf_format(out, " \xc2\xb7 took %s",
                      qg_unit_print(wall, QG_UNIT_DURATION, (double)m->wall_ns));
    qg_buf_text(out, "</p>\n");
    if (m->message) {
        qg_buf_text(out, "<p>");
        qg_page_text(out, m->message);
        qg_buf_text(out, "</p>\n");
    }
}

static void put_case_title(qg_sink_out *o, const qg_measurement *m, const qg_rows *judged)
{
    const qg_judgement *worst = NULL;

    for (size_t i = 0; i < judged->n; i++)
        if (!worst || qg_verdict_rank(judged->at[i].j->verdict) > qg_verdict_rank(worst->verdict))
            worst = judged->at[i].j;
    qg_buf_format(o->out, "<section class=\"card\">\n<h3 id=\"case-%zu\">", case_number(o->run, m));
    qg_page_text(o->out, m->id.id);
    if (worst) {
        qg_buf_char(o->out, ' ');
        put_verdict(o->out, worst->verdict);
    }
    qg_buf_text(o->out, "</h3>\n");
}

static void note_used(html *state, const qg_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        if (rows->at[i].metric != QG_METRIC_NONE)
            state->used[rows->at[i].metric] = true;
}

static qg_status case_done(qg_sink_out *o, const qg_measurement *m, qg_err *err)
{
    qg_rows judged, measured;

    QG_PASS(qg_rows_of_case(&judged, o->scratch, o->index, m, err));
    QG_PASS(qg_rows_measured(&measured, o->scratch, o->index, m, err));
    note_used(o->state, &judged);
    note_used(o->state, &measured);
    put_case_title(o, m, &judged);
    put_case_facts(o->out, m);
    put_judged(o, &judged, m->id.id);
    for (size_t i = 0; i < judged.n; i++)
        if (qg_run_blame(o->run, judged.at[i].j))
            qg_blamed_section(o->out, o->scratch, qg_run_blame(o->run, judged.at[i].j));
    put_measured(o->out, &measured);
    if (m->log) {
        qg_buf_text(o->out, "<p class=\"soft\">Last lines of its log:</p>\n<pre>");
        qg_page_lines(o->out, m->log);
        qg_buf_text(o->out, "</pre>\n");
    }
    qg_buf_text(o->out, "</section>\n");
    return QG_OK;
}

/* ---- end ---- */

static void put_quantized(qg_sink_out *o)
{
    const qg_run *run = o->run;
    bool is_first = true;

    for (size_t i = 0; i < run->n_models; i++) {
        const qg_model_info *model = &run->models[i];
        if (!model->quantized)
            continue;
        if (is_first)
            qg_page_heading(o->out, 2, "quantized", "Quantizations");
        is_first = false;
        qg_buf_text(o->out, "<section class=\"card\">\n");
        qg_page_heading(o->out, 3, NULL, model->name);
        qg_quantized_section(o->out, model->quantized, 4);
        qg_buf_text(o->out, "</section>\n");
    }
}

static void put_models(qg_sink_out *o)
{
    static const qg_page_column columns[] = {
        {"model", false},  {"family", false}, {"method", false}, {"parameters", true},
        {"weights", true}, {"folder", false}, {"hash", false},   {"tokenizer", false}};
    const qg_run *run = o->run;
    char text[QG_UNIT_TEXT];

    qg_page_heading(o->out, 2, "models", "Models");
    qg_page_table_begin(o->out, "models");
    qg_page_columns(o->out, columns, sizeof columns / sizeof *columns);
    qg_buf_text(o->out, "<tbody>\n");
    for (size_t i = 0; i < run->n_models; i++) {
        const qg_model_info *m = &run->models[i];
        qg_buf_text(o->out, "<tr>");
        qg_page_row_name(o->out, m->name);
        qg_page_cell(o->out, m->family);
        qg_page_cell(o->out, m->method);
        snprintf(text, sizeof text, "%lld", (long long)m->n_params);
        qg_page_number(o->out, m->n_params > 0 ? text : "-");
        qg_page_number(o->out,
                       m->bytes > 0 ? qg_unit_print(text, QG_UNIT_BYTES, (double)m->bytes) : "-");
        qg_page_cell(o->out, m->path);
        qg_page_hash(o->out, m->model_hash);
        qg_page_hash(o->out, m->tokenizer_hash);
        qg_buf_text(o->out, "</tr>\n");
    }
    qg_buf_text(o->out, "</tbody>\n");
    qg_page_table_end(o->out);
}

static void put_machine(qg_sink_out *o)
{
    const qg_run *run = o->run;
    const qg_machine *m = &run->machine;
    char memory[QG_UNIT_TEXT], wall[QG_UNIT_TEXT], threads[64] = "", seed[32];

    if (m->n_threads > 0)
        snprintf(threads, sizeof threads, "%d of %d CPUs", m->n_threads, m->n_cpus);
    snprintf(seed, sizeof seed, "%lld", (long long)run->seed);
    qg_page_heading(o->out, 2, "machine", "Machine and provenance");
    qg_page_facts_begin(o->out, false);
    qg_page_fact(o->out, "command", run->command);
    qg_page_fact(o->out, "suite", run->suite_file);
    qg_page_fact(o->out, "suite hash", run->suite_hash);
    qg_page_fact(o->out, "started", run->started);
    qg_page_fact(o->out, "took", qg_unit_print(wall, QG_UNIT_DURATION, (double)run->wall_ns));
    qg_page_fact(o->out, "seed", seed);
    qg_page_fact(o->out, "quantgate", run->version);
    qg_page_fact(o->out, "commit", run->commit);
    qg_page_fact(o->out, "host", m->host);
    qg_page_fact(o->out, "system", m->os);
    qg_page_fact(o->out, "cpu", m->cpu);
    qg_page_fact(o->out, "gpu", m->gpu);
    qg_page_fact(o->out, "memory",
                 m->memory_bytes > 0 ? qg_unit_print(memory, QG_UNIT_BYTES, (double)m->memory_bytes)
                                     : "");
    qg_page_fact(o->out, "device", m->device);
    qg_page_fact(o->out, "kernels", m->tier);
    qg_page_fact(o->out, "threads", threads);
    qg_page_fact(o->out, "compiler", m->compiler);
    qg_page_fact(o->out, "flags", m->flags);
    qg_page_fact(o->out, "fingerprint", m->fingerprint);
    qg_page_facts_end(o->out);
}

static void put_metrics(qg_sink_out *o)
{
    const html *state = o->state;

    qg_page_heading(o->out, 2, "metrics", "What the metrics mean");
    qg_page_facts_begin(o->out, false);
    for (int i = 0; i < QG_METRIC_N; i++)
        if (state->used[i])
            qg_page_fact(o->out, qg_metric_info_of((qg_metric)i)->name,
                         qg_metric_info_of((qg_metric)i)->text);
    qg_page_facts_end(o->out);
}

static qg_status end(qg_sink_out *o, qg_err *err)
{
    (void)err;
    qg_buf_text(o->out, "</div>\n");
    put_quantized(o);
    put_models(o);
    put_machine(o);
    put_metrics(o);
    qg_buf_text(o->out, "</main>\n");
    qg_page_end(o->out, o->run->version);
    return QG_OK;
}

const qg_sink qg_report_html = {"html", "report.html", begin, case_done, end};
