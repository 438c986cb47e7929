/* Rows of a report: see rows.h. */
#include "report/rows.h"

#include "record/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a judgement belongs to the case (m NULL: to none of the run). */
static bool belongs(const qg_run *run, const qg_judgement *j, const qg_measurement *m)
{
    return m ? strcmp(j->case_id, m->id.id) == 0 : !qg_run_case(run, j->case_id);
}

static qg_row row_of(const qg_run *run, const qg_judgement *j)
{
    return (qg_row){.m = qg_run_case(run, j->case_id),
                    .j = j,
                    .metric = j->metric,
                    .has_value = j->has_value,
                    .value = j->value,
                    .n = j->n};
}

static int worst_first(const void *a, const void *b)
{
    const qg_judgement *x = ((const qg_row *)a)->j, *y = ((const qg_row *)b)->j;
    int rank = qg_verdict_rank(y->verdict) - qg_verdict_rank(x->verdict);
    return rank ? rank : (x > y) - (x < y);
}

qg_status qg_rows_judged(qg_rows *out, qg_arena *arena, const qg_run *run, qg_err *err)
{
    *out = (qg_rows){.at = QG_NEW_N(arena, qg_row, run->n_judgements)};
    QG_NEED(out->at, err);
    for (size_t i = 0; i < run->n_judgements; i++)
        out->at[out->n++] = row_of(run, &run->judgements[i]);
    qsort(out->at, out->n, sizeof *out->at, worst_first);
    return QG_OK;
}

qg_status qg_rows_of_case(qg_rows *out, qg_arena *arena, const qg_run *run, const qg_measurement *m,
                          qg_err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_judgements; i++)
        n += belongs(run, &run->judgements[i], m);
    *out = (qg_rows){.at = QG_NEW_N(arena, qg_row, n)};
    QG_NEED(out->at, err);
    for (size_t i = 0; i < run->n_judgements; i++)
        if (belongs(run, &run->judgements[i], m))
            out->at[out->n++] = row_of(run, &run->judgements[i]);
    return QG_OK;
}

static bool is_judged(const qg_rows *judged, qg_metric metric)
{
    for (size_t i = 0; i < judged->n; i++)
        if (judged->at[i].metric == metric && judged->at[i].j->basis == QG_BASIS_BUDGET)
            return true;
    return false;
}

qg_status qg_rows_measured(qg_rows *out, qg_arena *arena, const qg_run *run,
                           const qg_measurement *m, qg_err *err)
{
    qg_rows judged;

    QG_PASS(qg_rows_of_case(&judged, arena, run, m, err));
    *out = (qg_rows){.at = QG_NEW_N(arena, qg_row, QG_METRIC_N)};
    QG_NEED(out->at, err);
    for (int i = 0; i < QG_METRIC_N; i++) {
        qg_metric metric = (qg_metric)i;
        int percentile = qg_metric_info_of(metric)->percentile;
        qg_value v;
        if (is_judged(&judged, metric))
            continue;
        QG_PASS(qg_value_of(&v, arena, m, metric, err));
        bool is_greatest = percentile > 50 && v.n > 1 && v.n < 100 / (100 - percentile);
        if (v.known && !is_greatest)
            out->at[out->n++] = (qg_row){m, NULL, metric, true, v.value, v.n};
    }
    return QG_OK;
}

const char *qg_row_case(const qg_row *row)
{
    if (row->m)
        return row->m->id.id;
    return row->j && row->j->case_id[0] ? row->j->case_id : "run";
}

const char *qg_row_metric(const qg_row *row)
{
    if (row->metric != QG_METRIC_NONE)
        return qg_metric_info_of(row->metric)->name;
    bool is_item = row->j && qg_str_starts(qg_str_from(row->j->case_id), QG_STR("checklist/"));
    return is_item ? "(item)" : "(case)";
}

const char *qg_row_value(char out[QG_ROW_TEXT], const qg_row *row)
{
    char text[QG_UNIT_TEXT] = "-";

    if (row->has_value && row->metric != QG_METRIC_NONE && row->j)
        qg_value_print(text, row->j, row->value);
    else if (row->has_value && row->metric != QG_METRIC_NONE)
        qg_metric_print(text, row->metric, row->value);
    snprintf(out, QG_ROW_TEXT, "%s", text);
    return out;
}

const char *qg_row_limit(char out[QG_ROW_TEXT], const qg_row *row)
{
    char text[QG_UNIT_TEXT];
    const qg_judgement *j = row->j;

    snprintf(out, QG_ROW_TEXT, "-");
    if (!j || !j->has_limit || row->metric == QG_METRIC_NONE)
        return out;
    snprintf(out, QG_ROW_TEXT, "%s %s%s%s",
             j->at_least ? ">=" : "<=", qg_value_print(text, j, j->limit),
             j->basis == QG_BASIS_BUDGET ? "" : " on ",
             j->basis == QG_BASIS_BUDGET ? "" : qg_basis_text(j->basis));
    return out;
}

const char *qg_row_interval(char out[QG_ROW_TEXT], const qg_row *row)
{
    const qg_judgement *j = row->j;
    char low[QG_UNIT_TEXT], high[QG_UNIT_TEXT];

    snprintf(out, QG_ROW_TEXT, "-");
    if (!j || row->metric == QG_METRIC_NONE || !(j->has_low || j->has_high))
        return out;
    qg_value_print(low, j, j->low);
    qg_value_print(high, j, j->high);
    if (j->has_low && j->has_high)
        snprintf(out, QG_ROW_TEXT, "%.28s to %.28s", low, high);
    else
        snprintf(out, QG_ROW_TEXT, "%s %s", j->has_low ? "at least" : "at most",
                 j->has_low ? low : high);
    return out;
}

const char *qg_row_seen(char out[QG_ROW_TEXT], const qg_row *row)
{
    const qg_judgement *j = row->j;
    char text[QG_UNIT_TEXT];

    snprintf(out, QG_ROW_TEXT, "-");
    if (j && row->metric != QG_METRIC_NONE && j->has_detectable && j->detectable > 0)
        snprintf(out, QG_ROW_TEXT, "%s",
                 qg_value_print(text, j, j->detectable) + (j->basis != QG_BASIS_BUDGET));
    return out;
}

const char *qg_row_count(char out[QG_ROW_TEXT], const qg_row *row)
{
    snprintf(out, QG_ROW_TEXT, row->n > 1 ? "%lld" : "-", (long long)row->n);
    return out;
}

bool qg_row_is_bad(const qg_row *row)
{
    return row->j && qg_verdict_rank(row->j->verdict) > qg_verdict_rank(QG_VERDICT_KNOWN_FAIL);
}

void qg_rows_count(qg_buf *out, const qg_run *run)
{
    size_t n[QG_N_VERDICTS] = {0};
    const char *separator = ": ";

    for (size_t i = 0; i < run->n_judgements; i++)
        n[run->judgements[i].verdict]++;
    qg_buf_format(out, "%zu judgement%s", run->n_judgements, run->n_judgements == 1 ? "" : "s");
    for (int v = 0; v < QG_N_VERDICTS; v++) {
        if (n[v] == 0)
            continue;
        qg_buf_format(out, "%s%zu %s", separator, n[v], qg_verdict_text((qg_verdict)v));
        separator = ", ";
    }
}

const char *qg_rows_advice(const qg_run *run)
{
    switch (run->exit_code) {
    case 1:
        return "a budget was violated: mend the change, or say in the suite that it is meant";
    case 2:
        return "the suite or a checkpoint is wrong: correct it and run again";
    case 3:
        return "the machine failed, nothing is said about the change: run again";
    case 4:
        return "too few samples for a verdict: run again with more";
    default:
        return "";
    }
}
