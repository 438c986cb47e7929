/* A run as SARIF 2.1.0 (OASIS, 2020): what code scanning, editors and sarif-tools read. Section
 * numbers are that document's.
 *
 * A result is a judgement that did not pass, at the line and column of its budget, worst first;
 * skips and passes are none, since code scanning would show them as alerts. A rule is a metric on a
 * basis ("budget/ttft_p95"), with the definition of both as its help. What is known to fail is
 * there with a suppression that names issue and day (3.35), so that a viewer hides it by its own
 * choice. A fingerprint (3.27.17) is a hash of suite, case, metric and basis: the same alert while
 * the line or the number changes, another one for every case of a budget. Code scanning reads it
 * under the name primaryLocationLineHash. It takes 25,000 results a run; what is beyond that is
 * counted.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/sarif.h"
#include "report/text.h"

#include <stdio.h>

enum { MOST_RESULTS = 25000, N_RULES = (QG_METRIC_N + 1) * QG_N_BASES, RULE_ID = 64 };

static const char *const basis_texts[QG_N_BASES] = {
    [QG_BASIS_BUDGET] = "The limit stands in the suite.",
    [QG_BASIS_BASELINE] = "The limit is a change from the stored baseline of the machine.",
    [QG_BASIS_ANCHOR] = "The limit is a change from the anchor, which only a person moves.",
    [QG_BASIS_AGAINST] = "The limit is a change from the program measured beside this one.",
};

static size_t rule_of(const qg_judgement *j)
{
    size_t basis = j->metric == QG_METRIC_NONE ? 0 : (size_t)j->basis;
    return (size_t)j->metric * QG_N_BASES + basis;
}

/* "budget/ttft_p95"; "case" where it is about none of its numbers. */
static const char *rule_id(char out[RULE_ID], size_t rule)
{
    qg_metric metric = (qg_metric)(rule / QG_N_BASES);

    if (metric == QG_METRIC_NONE)
        snprintf(out, RULE_ID, "case");
    else
        snprintf(out, RULE_ID, "%s/%s", qg_basis_text((qg_basis)(rule % QG_N_BASES)),
                 qg_metric_info_of(metric)->name);
    return out;
}

static bool is_result(const qg_judgement *j)
{
    return j->verdict != QG_VERDICT_PASS && j->verdict != QG_VERDICT_SKIP;
}

static const char *level_of(const qg_judgement *j)
{
    bool forgiven = j->verdict == QG_VERDICT_INCONCLUSIVE || j->verdict == QG_VERDICT_KNOWN_FAIL;
    return forgiven && j->exit_class == 0 ? "warning" : "error";
}

static const char *clean(qg_sink_out *o, const char *s)
{
    qg_str text = qg_text_message(o->scratch, s, true, &o->out->failed);
    return text.len > 0 ? text.ptr : "";
}

/* No embedded links (3.11.6): "[text](target)" in a message would be one. */
static const char *unlinked(qg_sink_out *o, const char *s)
{
    qg_str text = qg_text_message(o->scratch, s, true, &o->out->failed);
    qg_buf b;

    qg_buf_init(&b, o->scratch);
    for (size_t i = 0; i < text.len; i++) {
        if (i > 0 && text.ptr[i] == '(' && text.ptr[i - 1] == ']')
            qg_buf_char(&b, ' ');
        qg_buf_char(&b, text.ptr[i]);
    }
    o->out->failed = o->out->failed || b.failed;
    return b.len > 0 && !b.failed ? b.ptr : "";
}

static void write_rule(qg_json_writer *w, qg_sink_out *o, size_t rule)
{
    qg_metric metric = (qg_metric)(rule / QG_N_BASES);
    bool whole = metric == QG_METRIC_NONE;
    const char *what = whole ? "the case could not be judged, or an item of the checklist is open"
                             : qg_metric_info_of(metric)->text;
    const char *basis =
        whole ? "Its message says why, and what to do." : basis_texts[rule % QG_N_BASES];
    const char *help = qg_arena_format(o->scratch, "%s. %s", what, basis);
    char id[RULE_ID];

    o->out->failed = o->out->failed || !help;
    qg_json_write_object(w);
    qg_json_put_text(w, "id", rule_id(id, rule));
    qg_json_put_text(w, "name", whole ? "case" : qg_metric_info_of(metric)->name);
    qg_sarif_put_message(w, "shortDescription", what);
    qg_sarif_put_message(w, "fullDescription", help);
    qg_sarif_put_message(w, "help", help);
    qg_json_write_key(w, "properties");
    qg_json_write_object(w);
    qg_json_write_key(w, "tags");
    qg_json_write_array(w);
    if (!whole)
        qg_json_write_text(w, qg_metric_info_of(metric)->section == QG_QUALITY ? "quality"
                                                                               : "performance");
    qg_json_write_text(w, "quantization");
    qg_json_write_end_array(w);
    qg_json_write_close(w);
    qg_json_write_close(w);
}

/* Numbers the rules in use in the order of the list: number[rule] is its index, 0 where unused. */
static void write_rules(qg_json_writer *w, qg_sink_out *o, size_t number[N_RULES])
{
    bool used[N_RULES] = {false};
    size_t n = 0;

    for (size_t i = 0; i < o->run->n_judgements; i++)
        if (is_result(&o->run->judgements[i]))
            used[rule_of(&o->run->judgements[i])] = true;
    for (size_t rule = 0; rule < N_RULES; rule++) {
        number[rule] = n;
        if (!used[rule])
            continue;
        n++;
        write_rule(w, o, rule);
    }
}

static qg_status write_fingerprints(qg_json_writer *w, qg_sink_out *o, const qg_row *row,
                                    const char *rule, qg_err *err)
{
    const char *suite = o->run->suite ? o->run->suite : "";
    const char *what = qg_arena_format(o->scratch, "%s\n%s\n%s", suite, qg_row_case(row), rule);
    char hex[QG_HASH_HEX];

    QG_NEED(what, err);
    QG_PASS(qg_hash_text(hex, qg_str_from(what), err));
    qg_json_write_key(w, "partialFingerprints");
    qg_json_write_object(w);
    qg_json_put_text(w, "primaryLocationLineHash", hex);
    qg_json_put_text(w, "quantgate/v1", hex);
    qg_json_write_close(w);
    return QG_OK;
}

static void write_suppression(qg_json_writer *w, qg_sink_out *o, const qg_judgement *j)
{
    const char *why = qg_arena_format(o->scratch, "known: %s%s%s", j->issue ? j->issue : "",
                                      j->expires ? ", expires " : "", j->expires ? j->expires : "");

    o->out->failed = o->out->failed || !why;
    qg_json_write_key(w, "suppressions");
    qg_json_write_array(w);
    qg_json_write_object(w);
    qg_json_put_text(w, "kind", "external");
    qg_json_put_text(w, "status", "accepted");
    qg_json_put_text(w, "justification", clean(o, why));
    qg_json_write_close(w);
    qg_json_write_end_array(w);
}

static void write_numbers(qg_json_writer *w, qg_sink_out *o, const qg_row *row)
{
    const qg_judgement *j = row->j;

    qg_json_write_key(w, "properties");
    qg_json_write_object(w);
    qg_json_put_text(w, "case", clean(o, qg_row_case(row)));
    qg_json_put_text(w, "verdict", qg_verdict_text(j->verdict));
    if (row->m)
        qg_json_put_text(w, "model", clean(o, row->m->id.model));
    if (j->has_value)
        qg_json_put_real(w, "value", j->value);
    if (j->has_limit)
        qg_json_put_real(w, "limit", j->limit);
    if (j->has_low)
        qg_json_put_real(w, "low", j->low);
    if (j->has_high)
        qg_json_put_real(w, "high", j->high);
    qg_json_write_close(w);
}

static qg_status write_result(qg_json_writer *w, qg_sink_out *o, const qg_row *row,
                              const size_t number[N_RULES], qg_err *err)
{
    const qg_judgement *j = row->j;
    const char *message = qg_arena_format(o->scratch, "%s: %s%s%s", qg_row_case(row),
                                          j->message ? j->message : qg_verdict_text(j->verdict),
                                          j->fix ? "\n" : "", j->fix ? j->fix : "");
    bool has_place = j->file && j->file[0];
    qg_place place = {has_place ? j->file : o->run->suite_file, has_place ? j->line : 0,
                      has_place ? j->column : 0};
    char id[RULE_ID];

    QG_NEED(message, err);
    if (place.file && place.file[0])
        place.file = qg_report_place(o, place.file);
    qg_json_write_object(w);
    qg_json_put_text(w, "ruleId", rule_id(id, rule_of(j)));
    qg_json_put_int(w, "ruleIndex", (int64_t)number[rule_of(j)]);
    qg_json_put_text(w, "level", level_of(j));
    qg_sarif_put_message(w, "message", unlinked(o, message));
    if (place.file && place.file[0])
        QG_PASS(qg_sarif_put_place(w, o->scratch, &place, clean(o, qg_row_case(row)), NULL, err));
    QG_PASS(write_fingerprints(w, o, row, id, err));
    if (j->verdict == QG_VERDICT_KNOWN_FAIL)
        write_suppression(w, o, j);
    write_numbers(w, o, row);
    qg_json_write_close(w);
    return QG_OK;
}

static void write_notice(qg_json_writer *w, const char *level, const char *text)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "level", level);
    qg_sarif_put_message(w, "message", text);
    qg_json_write_close(w);
}

/* How the program was called and how it ended (3.20). */
static void write_invocation(qg_json_writer *w, qg_sink_out *o, size_t n_left_out)
{
    const qg_run *run = o->run;
    int64_t started;

    qg_json_write_key(w, "invocations");
    qg_json_write_array(w);
    qg_json_write_object(w);
    if (run->command)
        qg_json_put_text(w, "commandLine", clean(o, run->command));
    if (run->started && qg_clock_read(&started, qg_str_from(run->started)) &&
        strlen(run->started) == 20)
        qg_json_put_text(w, "startTimeUtc", run->started);
    qg_json_put_int(w, "exitCode", run->exit_code);
    if (qg_rows_advice(run)[0])
        qg_json_put_text(w, "exitCodeDescription", qg_rows_advice(run));
    qg_json_put_bool(w, "executionSuccessful", run->exit_code != 2 && run->exit_code != 3);
    qg_json_write_key(w, "toolExecutionNotifications");
    qg_json_write_array(w);
    for (size_t i = 0; i < run->n_notices; i++)
        write_notice(w, "note", unlinked(o, run->notices[i]));
    if (n_left_out > 0) {
        char text[96];
        snprintf(text, sizeof text, "%zu results are left out, run.json has them all", n_left_out);
        write_notice(w, "warning", text);
    }
    qg_json_write_end_array(w);
    qg_json_write_close(w);
    qg_json_write_end_array(w);
}

/* "quantgate/SUITE/DEVICE/START": up to the last slash the category of code scanning, one for each
 * suite on each kind of device; a slash in a name would begin another part. */
static void write_details(qg_json_writer *w, qg_sink_out *o)
{
    const qg_run *run = o->run;
    char *suite = qg_str_dup(o->scratch, qg_str_from(run->suite));

    o->out->failed = o->out->failed || !suite;
    for (char *c = suite; c && *c; c++)
        *c = (char)(*c == '/' ? '-' : *c);
    const char *id = qg_arena_format(o->scratch, "quantgate/%s/%s/%s", suite ? suite : "",
                                     run->machine.device ? run->machine.device : "any",
                                     run->started ? run->started : "");
    o->out->failed = o->out->failed || !id;
    qg_json_write_key(w, "automationDetails");
    qg_json_write_object(w);
    qg_json_put_text(w, "id", clean(o, id));
    qg_json_write_close(w);
}

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    size_t number[N_RULES], n = 0, n_left_out = 0;
    qg_json_writer w;
    qg_rows rows;

    QG_PASS(qg_rows_judged(&rows, o->scratch, o->index, err));
    qg_sarif_begin(&w, o->out, o->run->version ? clean(o, o->run->version) : "unknown");
    write_rules(&w, o, number);
    qg_sarif_end_rules(&w);
    write_details(&w, o);
    qg_json_write_key(&w, "results");
    qg_json_write_array(&w);
    for (size_t i = 0; i < rows.n; i++) {
        if (!is_result(rows.at[i].j))
            continue;
        if (n++ < MOST_RESULTS)
            QG_PASS(write_result(&w, o, &rows.at[i], number, err));
        else
            n_left_out++;
    }
    qg_json_write_end_array(&w);
    write_invocation(&w, o, n_left_out);
    return qg_sarif_end(&w, err);
}

const qg_sink qg_report_sarif = {"sarif", "results.sarif", begin, NULL, NULL};
