/* Flat rows for spreadsheets and scripts: one a judgement, one a measured number without a budget;
 * cells are those of csv.h. */
#include "report/csv.h"
#include "report/report.h"
#include "report/rows.h"

static void put_text(qg_sink_out *o, const char *s)
{
    qg_csv_text(o->out, o->scratch, s);
}

static void put_number(qg_sink_out *o, bool known, double v)
{
    qg_csv_number(o->out, known, v);
}

/* What the verdict stands on. */
static void put_grounds(qg_sink_out *o, const qg_judgement *j)
{
    static const qg_judgement none;
    bool known = j != NULL;

    j = known ? j : &none;
    qg_buf_format(o->out, ",%s,", known ? qg_basis_text(j->basis) : "");
    put_number(o, j->has_base, j->base);
    qg_buf_char(o->out, ',');
    put_text(o, j->test);
    const struct {
        bool known;
        double value;
    } numbers[] = {{j->has_low, j->low},     {j->has_high, j->high},
                   {j->test, j->confidence}, {j->has_p, j->p},
                   {j->has_p, j->p_holm},    {j->has_detectable, j->detectable}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        qg_buf_char(o->out, ',');
        put_number(o, numbers[i].known, numbers[i].value);
    }
}

static void put_row(qg_sink_out *o, const qg_row *row)
{
    const qg_measurement *m = row->m;
    const qg_judgement *j = row->j;
    const qg_metric_info *info =
        row->metric == QG_METRIC_NONE ? NULL : qg_metric_info_of(row->metric);
    const char *texts[] = {qg_row_case(row), m ? m->id.model : "", m ? m->id.method : "",
                           m ? m->id.device : "", m ? m->id.kind : ""};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put_text(o, texts[i]);
        qg_buf_char(o->out, ',');
    }
    if (m && m->id.batch > 0)
        qg_buf_format(o->out, "%lld,%lld,%lld,", (long long)m->id.batch, (long long)m->id.input_len,
                      (long long)m->id.output_len);
    else
        qg_buf_text(o->out, ",,,");
    qg_buf_format(o->out, "%s,%s,", info ? info->name : "", info ? qg_csv_unit(info->unit) : "");
    put_number(o, row->has_value, row->value);
    qg_buf_char(o->out, ',');
    put_number(o, j && j->has_limit, j ? j->limit : 0);
    qg_buf_format(o->out, ",%s,%s,",
                  !j || !j->has_limit ? ""
                  : j->at_least       ? ">="
                                      : "<=",
                  j ? qg_verdict_text(j->verdict) : "measured");
    qg_buf_format(o->out, "%lld,", (long long)row->n);
    put_text(o, j ? j->file : NULL);
    if (j && j->line > 0)
        qg_buf_format(o->out, ",%d,%d,", j->line, j->column);
    else
        qg_buf_text(o->out, ",,,");
    put_text(o, j ? j->message : NULL);
    qg_buf_char(o->out, ',');
    put_text(o, j ? j->issue : NULL);
    qg_buf_char(o->out, ',');
    put_text(o, j ? j->expires : NULL);
    put_grounds(o, j);
    qg_buf_char(o->out, '\n');
}

static void put_rows(qg_sink_out *o, const qg_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        put_row(o, &rows->at[i]);
}

static qg_status begin(qg_sink_out *o, qg_err *err)
{
    (void)err;
    qg_buf_text(o->out, "case,model,method,device,kind,batch,input_len,output_len,metric,unit,"
                        "value,limit,bound,verdict,n,file,line,column,message,issue,expires,"
                        "basis,base,test,low,high,confidence,p,p_holm,detectable\n");
    return QG_OK;
}

static qg_status case_done(qg_sink_out *o, const qg_measurement *m, qg_err *err)
{
    qg_rows rows;

    QG_PASS(qg_rows_of_case(&rows, o->scratch, o->index, m, err));
    put_rows(o, &rows);
    QG_PASS(qg_rows_measured(&rows, o->scratch, o->index, m, err));
    put_rows(o, &rows);
    return QG_OK;
}

static qg_status end(qg_sink_out *o, qg_err *err)
{
    qg_rows rows;

    QG_PASS(qg_rows_of_case(&rows, o->scratch, o->index, NULL, err));
    put_rows(o, &rows);
    return QG_OK;
}

const qg_sink qg_report_csv = {"csv", "run.csv", begin, case_done, end};
