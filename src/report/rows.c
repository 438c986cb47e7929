/* Rows of a report: see rows.h. */
#include "report/rows.h"

#include "record/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct named {
    const char *id;
    size_t at;
} named;

static int by_id(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* The first case of that id, as qg_run_case() has it; n: none. */
static size_t find_case(const named *cases, size_t n, const char *id)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(cases[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && strcmp(cases[low].id, id) == 0 ? cases[low].at : n;
}

qg_status qg_rows_index_make(qg_rows_index *out, qg_arena *arena, const qg_run *run, qg_err *err)
{
    size_t n = run->n_measurements;
    named *cases = QG_NEW_N(arena, named, n);

    *out = (qg_rows_index){.run = run,
                           .owner = QG_NEW_N(arena, size_t, run->n_judgements),
                           .at = QG_NEW_N(arena, const qg_judgement *, run->n_judgements),
                           .first = QG_NEW_N(arena, size_t, n + 3)};
    QG_NEED(cases && out->owner && out->at && out->first, err);
    for (size_t i = 0; i < n; i++)
        cases[i] = (named){run->measurements[i].id.id, i};
    qsort(cases, n, sizeof *cases, by_id);
    for (size_t i = 0; i < run->n_judgements; i++) {
        out->owner[i] = find_case(cases, n, run->judgements[i].case_id);
        out->first[out->owner[i] + 2]++;
    }
    for (size_t i = 0; i <= n; i++)
        out->first[i + 2] += out->first[i + 1];
    for (size_t i = 0; i < run->n_judgements; i++)
        out->at[out->first[out->owner[i] + 1]++] = &run->judgements[i];
    return QG_OK;
}

static qg_row row_of(const qg_rows_index *index, const qg_judgement *j)
{
    const qg_run *run = index->run;
    size_t owner = index->owner[j - run->judgements];

    return (qg_row){.m = owner < run->n_measurements ? &run->measurements[owner] : NULL,
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

qg_status qg_rows_judged(qg_rows *out, qg_arena *arena, const qg_rows_index *index, qg_err *err)
{
    const qg_run *run = index->run;

    *out = (qg_rows){.at = QG_NEW_N(arena, qg_row, run->n_judgements)};
    QG_NEED(out->at, err);
    for (size_t i = 0; i < run->n_judgements; i++)
        out->at[out->n++] = row_of(index, &run->judgements[i]);
    qsort(out->at, out->n, sizeof *out->at, worst_first);
    return QG_OK;
}

qg_status qg_rows_of_case(qg_rows *out, qg_arena *arena, const qg_rows_index *index,
                          const qg_measurement *m, qg_err *err)
{
    const qg_run *run = index->run;
    size_t owner = m ? (size_t)(m - run->measurements) : run->n_measurements;
    size_t first = index->first[owner], n = index->first[owner + 1] - first;

    *out = (qg_rows){.at = QG_NEW_N(arena, qg_row, n)};
    QG_NEED(out->at, err);
    for (size_t i = 0; i < n; i++)
        out->at[out->n++] = row_of(index, index->at[first + i]);
    return QG_OK;
}

static bool is_judged(const qg_rows *judged, qg_metric metric)
{
    for (size_t i = 0; i < judged->n; i++)
        if (judged->at[i].metric == metric && judged->at[i].j->basis == QG_BASIS_BUDGET)
            return true;
    return false;
}

qg_status qg_rows_measured(qg_rows *out, qg_arena *arena, const qg_rows_index *index,
                           const qg_measurement *m, qg_err *err)
{
    qg_rows judged;

    QG_PASS(qg_rows_of_case(&judged, arena, index, m, err));
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

static int by_metric(const void *a, const void *b)
{
    const qg_row *x = a, *y = b;
    return (x->metric > y->metric) - (x->metric < y->metric);
}

static bool has_metric(const qg_rows *rows, qg_metric metric)
{
    for (size_t i = 0; i < rows->n; i++)
        if (rows->at[i].metric == metric)
            return true;
    return false;
}

qg_status qg_rows_numbers(qg_rows *out, qg_arena *arena, const qg_rows_index *index,
                          const qg_measurement *m, qg_err *err)
{
    qg_rows judged, measured;

    QG_PASS(qg_rows_of_case(&judged, arena, index, m, err));
    QG_PASS(qg_rows_measured(&measured, arena, index, m, err));
    *out = (qg_rows){.at = QG_NEW_N(arena, qg_row, judged.n + measured.n)};
    QG_NEED(out->at, err);
    for (size_t i = 0; i < judged.n; i++) {
        const qg_row *row = &judged.at[i];
        if (row->j->basis == QG_BASIS_BUDGET && row->metric != QG_METRIC_NONE && row->has_value &&
            !has_metric(out, row->metric))
            out->at[out->n++] = *row;
    }
    if (measured.n > 0)
        memcpy(out->at + out->n, measured.at, measured.n * sizeof *measured.at);
    out->n += measured.n;
    qsort(out->at, out->n, sizeof *out->at, by_metric);
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
