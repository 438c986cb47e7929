/* Bencher Metric Format (bencher.dev, "Bencher Metric Format (BMF)"): what `bencher run --adapter
 * json --file bmf.json` takes, for charts and alerts over the history of a project.
 *
 *     {"SUITE: CASE": {"ttft-p50": {"value": 1, "lower_value": 0.9, "upper_value": 1.1}, ...}, ...}
 *
 * A benchmark is a case, with its suite since a project holds several; a measure is a metric, its
 * name written as a slug. Values are in the unit of the record: nanoseconds, as Bencher's own
 * "latency", and tokens a second under the name of its own "throughput". The ends are those of the
 * interval that the verdict stands on, where there is one. Bencher cuts names at 1024 characters.
 */
#include "base/json.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/text.h"

enum { MOST_NAME = 1024, MOST_MEASURE = 64 };

static qg_str name_of(qg_sink_out *o, const qg_measurement *m)
{
    const char *suite = o->run->suite ? o->run->suite : "quantgate";
    const char *whole = qg_arena_format(o->scratch, "%s: %s", suite, m->id.id);
    qg_str name = qg_text_message(o->scratch, whole, false, &o->out->failed);

    o->out->failed = o->out->failed || !whole;
    name = qg_str_sub(name, 0, MOST_NAME);
    return qg_str_sub(name, 0, qg_utf8_valid(name)); /* no half of a character */
}

/* "ttft-p50" of ttft_p50. */
static void write_measure(qg_json_writer *w, qg_metric metric)
{
    const char *name = qg_metric_info_of(metric)->name;
    char slug[MOST_MEASURE] = "";

    for (size_t i = 0; name[i] && i + 1 < sizeof slug; i++)
        slug[i] = (char)(name[i] == '_' ? '-' : name[i]);
    qg_json_write_key(w, slug);
}

static qg_status write_case(qg_json_writer *w, qg_sink_out *o, const qg_measurement *m, qg_err *err)
{
    qg_rows rows;

    QG_PASS(qg_rows_numbers(&rows, o->scratch, o->index, m, err));
    if (rows.n == 0)
        return QG_OK;
    qg_json_write_key_str(w, name_of(o, m));
    qg_json_write_object(w);
    for (size_t i = 0; i < rows.n; i++) {
        const qg_judgement *j = rows.at[i].j;
        write_measure(w, rows.at[i].metric);
        qg_json_write_object(w);
        qg_json_put_real(w, "value", rows.at[i].value);
        if (j && j->has_low)
            qg_json_put_real(w, "lower_value", j->low);
        if (j && j->has_high)
            qg_json_put_real(w, "upper_value", j->high);
        qg_json_write_close(w);
    }
    qg_json_write_close(w);
    return QG_OK;
}

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, o->out);
    qg_json_write_object(&w);
    for (size_t i = 0; i < o->run->n_measurements; i++)
        QG_PASS(write_case(&w, o, &o->run->measurements[i], err));
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(o->out, '\n');
    return QG_OK;
}

const qg_sink qg_report_bmf = {"bmf", "bmf.json", begin, NULL, NULL};
