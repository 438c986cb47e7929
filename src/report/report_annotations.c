/* Workflow commands that GitHub turns into annotations at the budget's line of the suite.
 *
 * A step shows 10 errors and 10 warnings, a job 50 of all, and the rest is dropped silently; so the
 * worst nine of a level are printed and the tenth says what was left out: 21 lines at most. Errors
 * are what the exit code is about; what policy forgives (inconclusive under `warn`) and known
 * failures are warnings; passes and skips are silent.
 * Escapes (docs of GitHub Actions, "Workflow commands"): % CR LF in the message, : and , as well in
 * properties.
 */
#include "report/report.h"
#include "report/rows.h"
#include "report/text.h"

enum { PER_LEVEL = 10 };

static void put_escaped(qg_sink_out *o, const char *s, bool property)
{
    qg_str text = qg_text_message(o->scratch, s, true, &o->out->failed);

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%' || c == '\n' || (property && (c == ':' || c == ',')))
            qg_buf_format(o->out, "%%%02X", (unsigned)c);
        else
            qg_buf_char(o->out, c);
    }
}

static const char *level_of(const qg_row *row)
{
    if (row->j->exit_class != 0)
        return "error";
    bool quiet = row->j->verdict == QG_VERDICT_PASS || row->j->verdict == QG_VERDICT_SKIP;
    return quiet ? "" : "warning";
}

static void put_place(qg_sink_out *o, const qg_judgement *j)
{
    if (!j->file || !j->file[0])
        return;
    qg_buf_text(o->out, "file=");
    put_escaped(o, qg_report_place(o, j->file), true);
    if (j->line > 0)
        qg_buf_format(o->out, ",line=%d", j->line);
    if (j->line > 0 && j->column > 0)
        qg_buf_format(o->out, ",col=%d", j->column);
    qg_buf_char(o->out, ',');
}

static void put_annotation(qg_sink_out *o, const char *level, const qg_row *row)
{
    const qg_judgement *j = row->j;

    qg_buf_format(o->out, "::%s ", level);
    put_place(o, j);
    qg_buf_text(o->out, "title=");
    put_escaped(o, qg_row_case(row), true);
    qg_buf_format(o->out, " %s %s::", qg_row_metric(row), qg_verdict_text(j->verdict));
    put_escaped(o, j->message, false);
    if (j->fix) {
        qg_buf_text(o->out, "%0A");
        put_escaped(o, j->fix, false);
    }
    if (j->issue) {
        qg_buf_text(o->out, "%0A");
        put_escaped(o, j->issue, false);
        if (j->expires) {
            qg_buf_text(o->out, ", expires ");
            put_escaped(o, j->expires, false);
        }
    }
    qg_buf_char(o->out, '\n');
}

/* The tenth of a level, where there are more: what the reader does not see. */
static void put_rest(qg_sink_out *o, const char *level, const qg_row **rows, size_t n)
{
    qg_buf_format(o->out, "::%s ", level);
    put_place(o, rows[0]->j);
    qg_buf_format(o->out, "title=and %zu more, listed in the summary::", n);
    for (size_t i = 0; i < n && i < 20; i++) {
        if (i > 0)
            qg_buf_text(o->out, "%0A");
        put_escaped(o, qg_row_case(rows[i]), false);
        qg_buf_format(o->out, " %s: %s", qg_row_metric(rows[i]),
                      qg_verdict_text(rows[i]->j->verdict));
    }
    if (n > 20)
        qg_buf_text(o->out, "%0A...");
    qg_buf_char(o->out, '\n');
}

static qg_status put_level(qg_sink_out *o, const char *level, const qg_rows *rows, qg_err *err)
{
    const qg_row **chosen = QG_NEW_N(o->scratch, const qg_row *, rows->n);
    size_t n = 0;

    QG_NEED(chosen, err);
    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(level_of(&rows->at[i]), level) == 0)
            chosen[n++] = &rows->at[i];
    size_t shown = n <= PER_LEVEL ? n : PER_LEVEL - 1;
    for (size_t i = 0; i < shown; i++)
        put_annotation(o, level, chosen[i]);
    if (n > shown)
        put_rest(o, level, chosen + shown, n - shown);
    return QG_OK;
}

/* What the checklist lists and does not fail by; under gate release its judgements speak. */
static void put_checklist(qg_sink_out *o)
{
    const qg_checklist *c = o->run->checklist;
    const char *separator = "";
    qg_judgement place = {0};

    if (!c || qg_checklist_met(c) == qg_checklist_asked(c) ||
        (c->gate && strcmp(c->gate, "release") == 0))
        return;
    for (int i = QG_N_CHECKITEMS; i-- > 0;)
        if (!qg_checkitem_is_met(&c->items[i]))
            place = (qg_judgement){
                .file = c->items[i].file, .line = c->items[i].line, .column = c->items[i].column};
    qg_buf_text(o->out, "::notice ");
    put_place(o, &place);
    qg_buf_format(o->out, "title=production checklist%%3A %zu of %zu items::", qg_checklist_met(c),
                  qg_checklist_asked(c));
    for (int i = 0; i < QG_N_CHECKITEMS; i++) {
        if (qg_checkitem_is_met(&c->items[i]))
            continue;
        qg_buf_format(o->out, "%s%s: %s", separator, qg_checkitem_title(c->items[i].item),
                      qg_checkitem_state_text(c->items[i].state));
        separator = "%0A";
    }
    qg_buf_char(o->out, '\n');
}

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    qg_rows rows;

    QG_PASS(qg_rows_judged(&rows, o->scratch, o->index, err));
    QG_PASS(put_level(o, "error", &rows, err));
    QG_PASS(put_level(o, "warning", &rows, err));
    put_checklist(o);
    return QG_OK;
}

const qg_sink qg_report_annotations = {"annotations", "annotations.txt", begin, NULL, NULL};
