/* Custom benchmarks of github-action-benchmark (its README, "Tool specific setup"): an array of
 * {name, unit, value, range, extra}.
 *
 * The action takes one file a direction, `tool: customSmallerIsBetter` and `customBiggerIsBetter`,
 * so this one form is two files: costs (times, sizes, perplexity) and benefits (throughput, shares
 * that agree). Units are fixed for a metric, since the action compares bare numbers over time.
 * The action writes names between grave accents into the table of a comment, unescaped: what would
 * end such a cell is replaced.
 */
#include "base/json.h"
#include "report/report.h"
#include "report/rows.h"
#include "report/text.h"

static const struct {
    const char *name;
    double times, per; /* of the canonical unit (units.h), one of them 1 so that it rounds once */
} units[QG_UNIT_N] = {
    [QG_UNIT_PLAIN] = {"", 1, 1},      [QG_UNIT_DURATION] = {"ms", 1, 1e6},
    [QG_UNIT_BYTES] = {"bytes", 1, 1}, [QG_UNIT_SHARE] = {"%", 100, 1},
    [QG_UNIT_POINTS] = {"pp", 1, 1},   [QG_UNIT_RATIO] = {"x", 1, 1},
    [QG_UNIT_SPEED] = {"tok/s", 1, 1}, [QG_UNIT_DAYS] = {"d", 1, 1},
};

static double scaled(qg_metric metric, double v)
{
    qg_unit unit = qg_metric_info_of(metric)->unit;
    return v * units[unit].times / units[unit].per;
}

/* "fp16/perf/b1 ttft_p50", fit to stand in a cell of a Markdown table. */
static const char *name_of(qg_sink_out *o, const qg_row *row)
{
    qg_str text = qg_text_message(o->scratch, qg_row_case(row), false, &o->out->failed);
    char *name =
        qg_arena_format(o->scratch, QG_STR_PRI " %s", QG_STR_ARG(text), qg_row_metric(row));

    o->out->failed = o->out->failed || !name;
    for (size_t i = 0; name && name[i]; i++)
        name[i] = (char)(name[i] == '`' ? '\'' : name[i] == '|' ? '/' : name[i]);
    return name ? name : "";
}

/* The larger distance of an end of the interval, so that both are within; NULL: there is none. */
static const char *range_of(qg_sink_out *o, const qg_row *row)
{
    const qg_judgement *j = row->j;

    if (!j || !j->has_low || !j->has_high)
        return NULL;
    double below = row->value - j->low, above = j->high - row->value;
    const char *text = qg_arena_format(o->scratch, "\xc2\xb1 %.4g",
                                       scaled(row->metric, below > above ? below : above));
    o->out->failed = o->out->failed || !text;
    return text;
}

/* What the chart shows beside the pointer, a line each. */
static void write_extra(qg_json_writer *w, qg_sink_out *o, const qg_row *row)
{
    const qg_caseid *id = &row->m->id;
    char limit[QG_ROW_TEXT];
    qg_buf b;

    qg_buf_init(&b, o->scratch);
    qg_buf_str(&b, qg_text_message(o->scratch, id->model, false, &o->out->failed));
    qg_buf_text(&b, " \xc2\xb7 ");
    qg_buf_str(&b, qg_text_message(o->scratch, id->method, false, &o->out->failed));
    qg_buf_text(&b, " \xc2\xb7 ");
    qg_buf_str(&b, qg_text_message(o->scratch, id->device, false, &o->out->failed));
    if (row->n > 1)
        qg_buf_format(&b, "\nn = %lld", (long long)row->n);
    if (row->j && row->j->has_limit)
        qg_buf_format(&b, "\nbudget %s", qg_row_limit(limit, row));
    if (row->j)
        qg_buf_format(&b, "\n%s", qg_verdict_text(row->j->verdict));
    o->out->failed = o->out->failed || b.failed;
    qg_json_put_str(w, "extra", qg_buf_view(&b));
}

static void write_number(qg_json_writer *w, qg_sink_out *o, const qg_row *row)
{
    const qg_metric_info *info = qg_metric_info_of(row->metric);
    const char *range = range_of(o, row);

    qg_json_write_object(w);
    qg_json_put_text(w, "name", name_of(o, row));
    qg_json_put_text(w, "unit", info->unit == QG_UNIT_PLAIN ? info->word : units[info->unit].name);
    qg_json_put_real(w, "value", scaled(row->metric, row->value));
    if (range)
        qg_json_put_text(w, "range", range);
    write_extra(w, o, row);
    qg_json_write_close(w);
}

static qg_status write_numbers(qg_sink_out *o, qg_direction direction, qg_err *err)
{
    qg_json_writer w;
    qg_rows rows;

    qg_json_write_begin(&w, o->out);
    qg_json_write_array(&w);
    for (size_t i = 0; i < o->run->n_measurements; i++) {
        QG_PASS(qg_rows_numbers(&rows, o->scratch, o->index, &o->run->measurements[i], err));
        for (size_t k = 0; k < rows.n; k++)
            if (qg_metric_info_of(rows.at[k].metric)->direction == direction)
                write_number(&w, o, &rows.at[k]);
    }
    qg_json_write_end_array(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(o->out, '\n');
    return QG_OK;
}

static qg_status begin_smaller(qg_sink_out *o, qg_err *err)
{
    return write_numbers(o, QG_COST, err);
}

static qg_status begin_bigger(qg_sink_out *o, qg_err *err)
{
    return write_numbers(o, QG_BENEFIT, err);
}

const qg_sink qg_report_ghbench_smaller = {"ghbench", "ghbench-smaller.json", begin_smaller, NULL,
                                           NULL};
const qg_sink qg_report_ghbench_bigger = {"ghbench", "ghbench-bigger.json", begin_bigger, NULL,
                                          NULL};
