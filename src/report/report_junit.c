/* JUnit XML in the shape of pytest's --junit-xml, which every reader of such files knows, and with
 * the file and line that GitHub's test reporters ask for (dorny/test-reporter's java-junit,
 * EnricoMi/publish-unit-test-result-action): a testsuite a case with what it is as properties, a
 * testcase a judgement with its numbers as properties, then failure, error or skipped, then
 * system-out. The only file that sees libxml2, whose writer escapes; texts are cleaned first of
 * what XML 1.0 cannot carry.
 *
 * fail and inconclusive under policy `fail` are failures; errors are errors, of type "input" (the
 * author acts) or "machine" (may be retried); what policy forgives is skipped with its reason. The
 * time of a case is on its suite and its first testcase, since judging takes none.
 */
#include "report/blamed.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/text.h"

#include <libxml/xmlwriter.h>
#include <stdio.h>

typedef struct junit {
    xmlBufferPtr buffer;
    xmlTextWriterPtr xml;
    bool failed; /* a call of the writer or an allocation failed */
} junit;

static void release(void *data)
{
    junit *j = data;
    if (j->xml)
        xmlFreeTextWriter(j->xml);
    if (j->buffer)
        xmlBufferFree(j->buffer);
}

static const xmlChar *clean(qg_sink_out *o, const char *s)
{
    junit *j = o->state;
    qg_str text = qg_text_message(o->scratch, s, true, &j->failed);
    return (const xmlChar *)(text.len > 0 ? text.ptr : "");
}

static void open_element(junit *j, const char *name)
{
    j->failed = xmlTextWriterStartElement(j->xml, (const xmlChar *)name) < 0 || j->failed;
}

static void close_element(junit *j)
{
    j->failed = xmlTextWriterEndElement(j->xml) < 0 || j->failed;
}

static void put_attribute(qg_sink_out *o, const char *name, const char *value)
{
    junit *j = o->state;
    j->failed = xmlTextWriterWriteAttribute(j->xml, (const xmlChar *)name, clean(o, value)) < 0 ||
                j->failed;
}

static void put_count(qg_sink_out *o, const char *name, size_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", n);
    put_attribute(o, name, text);
}

static void put_seconds(qg_sink_out *o, int64_t ns)
{
    char text[32];
    snprintf(text, sizeof text, "%.3f", (double)ns / 1e9);
    put_attribute(o, "time", text);
}

static void put_text(qg_sink_out *o, const char *s)
{
    junit *j = o->state;
    j->failed = xmlTextWriterWriteString(j->xml, clean(o, s)) < 0 || j->failed;
}

/* The element that a judgement puts into its testcase; NULL for a pass. */
static const char *element_of(const qg_judgement *j)
{
    if (j->verdict == QG_VERDICT_PASS)
        return NULL;
    if (j->verdict == QG_VERDICT_ERROR)
        return "error";
    return j->exit_class != 0 ? "failure" : "skipped";
}

typedef struct counts {
    size_t tests, failures, errors, skipped;
} counts;

static void count(counts *c, const qg_judgement *j)
{
    const char *element = element_of(j);

    c->tests++;
    c->failures += element && strcmp(element, "failure") == 0;
    c->errors += element && strcmp(element, "error") == 0;
    c->skipped += element && strcmp(element, "skipped") == 0;
}

static void put_counts(qg_sink_out *o, const counts *c)
{
    put_count(o, "tests", c->tests);
    put_count(o, "failures", c->failures);
    put_count(o, "errors", c->errors);
    put_count(o, "skipped", c->skipped);
}

static const char *type_of(const qg_judgement *j)
{
    if (j->verdict != QG_VERDICT_ERROR)
        return qg_verdict_text(j->verdict);
    return j->exit_class == 2 ? "input" : "machine";
}

/* "known: LINK, expires 2026-12-31", or NULL. */
static const char *known_of(qg_sink_out *o, const qg_judgement *j)
{
    junit *state = o->state;

    if (!j->issue)
        return NULL;
    const char *text =
        qg_arena_format(o->scratch, "known: %s%s%s", j->issue, j->expires ? ", expires " : "",
                        j->expires ? j->expires : "");
    state->failed = state->failed || !text;
    return text;
}

/* The sentence; a skipped element has nowhere else to name the issue. */
static const char *message_of(qg_sink_out *o, const qg_judgement *j, bool skipped)
{
    const char *known = skipped ? known_of(o, j) : NULL;
    junit *state = o->state;

    if (!known)
        return j->message;
    const char *text = qg_arena_format(o->scratch, "%s; %s", j->message ? j->message : "", known);
    state->failed = state->failed || !text;
    return text ? text : "";
}

/* "suites/x.yaml:31:14", NULL: nobody says where. */
static const char *place_of(qg_sink_out *o, const qg_judgement *j)
{
    junit *state = o->state;
    const char *text = j->file;

    if (text && j->line > 0)
        text = qg_arena_format(o->scratch, "%s:%d:%d", j->file, j->line, j->column);
    state->failed = state->failed || (j->file && !text);
    return text;
}

/* The text of a failure: a line each of what, where, what to do and what is known of it. */
static void put_details(qg_sink_out *o, const qg_row *row)
{
    const qg_judgement *j = row->j;
    bool dead = row->metric == QG_METRIC_NONE && row->m && row->m->log;
    const char *lines[] = {place_of(o, j), j->fix, known_of(o, j), dead ? row->m->log : NULL};

    put_text(o, j->message);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!lines[i])
            continue;
        put_text(o, "\n");
        put_text(o, lines[i]);
    }
}

static void put_outcome(qg_sink_out *o, const qg_row *row)
{
    const qg_judgement *j = row->j;
    const char *element = element_of(j);

    if (!element)
        return;
    bool skipped = strcmp(element, "skipped") == 0;
    const char *place = place_of(o, j);
    open_element(o->state, element);
    put_attribute(o, "type", type_of(j));
    put_attribute(o, "message", message_of(o, j, skipped));
    if (!skipped) {
        put_details(o, row);
    } else if (place) { /* as pytest has it: "PLACE: REASON" */
        put_text(o, place);
        put_text(o, ": ");
        put_text(o, message_of(o, j, skipped));
    }
    close_element(o->state);
}

static void put_property(qg_sink_out *o, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    open_element(o->state, "property");
    put_attribute(o, "name", name);
    put_attribute(o, "value", value);
    close_element(o->state);
}

static void put_number(qg_sink_out *o, const char *name, bool known, double v)
{
    junit *j = o->state;
    qg_buf b;

    if (!known)
        return;
    qg_buf_init(&b, o->scratch);
    qg_text_number(&b, v);
    j->failed = j->failed || b.failed;
    put_property(o, name, b.ptr);
}

/* In canonical units, as in the record. */
static void put_numbers(qg_sink_out *o, const qg_judgement *j)
{
    if (!j->has_value && !j->has_limit)
        return;
    open_element(o->state, "properties");
    put_property(o, "basis", qg_basis_text(j->basis));
    put_number(o, "value", j->has_value, j->value);
    put_number(o, "limit", j->has_limit, j->limit);
    put_number(o, "low", j->has_low, j->low);
    put_number(o, "high", j->has_high, j->high);
    put_number(o, "n", j->n > 0, (double)j->n);
    close_element(o->state);
}

/* classname "SUITE.CASE", name "METRIC <= LIMIT". */
static void begin_testcase(qg_sink_out *o, const char *case_id, const char *metric,
                           const char *limit, int64_t ns)
{
    const char *suite = o->run->suite ? o->run->suite : "quantgate";
    const char *classname = qg_arena_format(o->scratch, "%s.%s", suite, case_id);
    const char *name = qg_arena_format(o->scratch, "%s%s%s", metric, limit[0] ? " " : "", limit);
    junit *j = o->state;

    j->failed = j->failed || !classname || !name;
    open_element(j, "testcase");
    put_attribute(o, "classname", classname);
    put_attribute(o, "name", name);
    put_seconds(o, ns);
}

static void put_blame(qg_sink_out *o, const qg_blame *b)
{
    junit *j = o->state;
    qg_buf lines;

    if (!b)
        return;
    qg_buf_init(&lines, o->scratch);
    qg_blamed_lines(&lines, b);
    j->failed = j->failed || lines.failed;
    open_element(j, "system-out");
    put_text(o, lines.ptr);
    close_element(j);
}

static void put_row(qg_sink_out *o, const qg_row *row, int64_t ns)
{
    const qg_judgement *j = row->j;
    char limit[QG_ROW_TEXT];

    qg_row_limit(limit, row);
    begin_testcase(o, qg_row_case(row), qg_row_metric(row), j->has_limit ? limit : "", ns);
    if (j->file && j->file[0]) {
        put_attribute(o, "file", qg_report_place(o, j->file));
        if (j->line > 0)
            put_count(o, "line", (size_t)j->line);
    }
    put_numbers(o, j);
    put_outcome(o, row);
    put_blame(o, qg_run_blame(o->run, j));
    close_element(o->state);
}

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    const qg_run *run = o->run;
    counts total = {0};
    junit *j = QG_NEW(o->scratch, junit);

    QG_NEED(j, err);
    if (!qg_arena_defer(o->scratch, release, j))
        return qg_fail(err, QG_ENOMEM, "out of memory");
    o->state = j;
    j->buffer = xmlBufferCreate();
    QG_NEED(j->buffer, err);
    j->xml = xmlNewTextWriterMemory(j->buffer, 0);
    QG_NEED(j->xml, err);
    xmlTextWriterSetIndent(j->xml, 1);
    xmlTextWriterSetIndentString(j->xml, (const xmlChar *)"  ");
    j->failed = xmlTextWriterStartDocument(j->xml, NULL, "UTF-8", NULL) < 0;
    for (size_t i = 0; i < run->n_judgements; i++)
        count(&total, &run->judgements[i]);
    for (size_t i = 0; i < run->n_measurements; i++) {
        qg_rows rows;
        QG_PASS(qg_rows_of_case(&rows, o->scratch, o->index, &run->measurements[i], err));
        total.tests += rows.n == 0; /* the testcase of a case without budgets */
    }
    open_element(j, "testsuites");
    put_attribute(o, "name", run->suite);
    put_counts(o, &total);
    put_seconds(o, run->wall_ns);
    return QG_OK;
}

static void begin_testsuite(qg_sink_out *o, const char *name, const qg_rows *rows, int64_t ns)
{
    counts c = {0};

    for (size_t i = 0; i < rows->n; i++)
        count(&c, rows->at[i].j);
    c.tests += rows->n == 0;
    open_element(o->state, "testsuite");
    put_attribute(o, "name", name);
    put_counts(o, &c);
    put_seconds(o, ns);
    if (o->run->started)
        put_attribute(o, "timestamp", o->run->started);
    if (o->run->machine.host)
        put_attribute(o, "hostname", o->run->machine.host);
}

static void put_caseid(qg_sink_out *o, const qg_caseid *id)
{
    open_element(o->state, "properties");
    put_property(o, "model", id->model);
    put_property(o, "method", id->method);
    put_property(o, "device", id->device);
    put_property(o, "kind", id->kind);
    put_number(o, "batch", id->batch > 0, (double)id->batch);
    put_number(o, "input_len", id->input_len > 0, (double)id->input_len);
    put_number(o, "output_len", id->output_len > 0, (double)id->output_len);
    close_element(o->state);
}

/* Everything measured, so that a test report answers "how much" as well. */
static qg_status put_measured(qg_sink_out *o, const qg_measurement *m, qg_err *err)
{
    junit *j = o->state;
    char value[QG_ROW_TEXT];
    qg_rows rows;

    QG_PASS(qg_rows_measured(&rows, o->scratch, o->index, m, err));
    if (rows.n == 0)
        return QG_OK;
    open_element(j, "system-out");
    for (size_t i = 0; i < rows.n; i++) {
        put_text(o, i ? "\n" : "");
        put_text(o, qg_row_metric(&rows.at[i]));
        put_text(o, " ");
        put_text(o, qg_row_value(value, &rows.at[i]));
    }
    close_element(j);
    return QG_OK;
}

static qg_status case_done(qg_sink_out *o, const qg_measurement *m, qg_err *err)
{
    qg_rows rows;

    QG_PASS(qg_rows_of_case(&rows, o->scratch, o->index, m, err));
    begin_testsuite(o, m->id.id, &rows, m->wall_ns);
    put_caseid(o, &m->id);
    for (size_t i = 0; i < rows.n; i++)
        put_row(o, &rows.at[i], i == 0 ? m->wall_ns : 0);
    if (rows.n == 0) {
        begin_testcase(o, m->id.id, "measured", "", m->wall_ns);
        close_element(o->state);
    }
    QG_PASS(put_measured(o, m, err));
    close_element(o->state);
    return QG_OK;
}

static qg_status end(qg_sink_out *o, qg_err *err)
{
    junit *j = o->state;
    qg_rows rows;

    QG_PASS(qg_rows_of_case(&rows, o->scratch, o->index, NULL, err));
    if (rows.n > 0) {
        begin_testsuite(o, "run", &rows, 0);
        for (size_t i = 0; i < rows.n; i++)
            put_row(o, &rows.at[i], 0);
        close_element(j);
    }
    j->failed = xmlTextWriterEndDocument(j->xml) < 0 || j->failed;
    if (j->failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    qg_buf_append(o->out, xmlBufferContent(j->buffer), (size_t)xmlBufferLength(j->buffer));
    return QG_OK;
}

const qg_sink qg_report_junit = {"junit", "junit.xml", begin, case_done, end};
