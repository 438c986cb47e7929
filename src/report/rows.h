/* Rows of a report: judgements, and what was measured without a budget, in the order that they are
 * shown. Console, Markdown and CSV are tables of these. */
#ifndef QG_REPORT_ROWS_H
#define QG_REPORT_ROWS_H

#include "base/err.h"
#include "record/record.h"

typedef struct qg_row {
    const qg_measurement *m; /* NULL: a judgement on the run as a whole            */
    const qg_judgement *j;   /* NULL: measured, no budget                          */
    qg_metric metric;        /* QG_METRIC_NONE: the case itself                    */
    bool has_value;
    double value;
    int64_t n;
} qg_row;

typedef struct qg_rows {
    qg_row *at;
    size_t n;
} qg_rows;

/* Which judgements belong to which case: made once a report, so that a run of 10,000 cases does not
 * take 10,000 times 10,000 looks. On the arena; of no use once the run has changed. */
typedef struct qg_rows_index {
    const qg_run *run;
    size_t *owner;           /* [n_judgements] number of its case; n_measurements: none       */
    const qg_judgement **at; /* those of case 0 in the order of the run, of case 1, ..., of none */
    size_t *first;           /* [n_measurements + 2] where those of a case begin                 */
} qg_rows_index;

qg_status qg_rows_index_make(qg_rows_index *out, qg_arena *arena, const qg_run *run, qg_err *err);

/* Judgements of all cases, worst first, else in the order of the run. */
qg_status qg_rows_judged(qg_rows *out, qg_arena *arena, const qg_rows_index *index, qg_err *err);
/* Judgements of one case of the run (m NULL: those that belong to none), in the order of the run.
 */
qg_status qg_rows_of_case(qg_rows *out, qg_arena *arena, const qg_rows_index *index,
                          const qg_measurement *m, qg_err *err);
/* Metrics of a case that no judgement of the run is about, in the order of the metric table. A
 * percentile that would only be the greatest sample (p95 of fewer than 20) is left out. */
qg_status qg_rows_measured(qg_rows *out, qg_arena *arena, const qg_rows_index *index,
                           const qg_measurement *m, qg_err *err);
/* Every number of a case once, in the order of the metric table and in the metric's unit: what its
 * budget was held against where there is one (the row has the judgement), else what was measured.
 */
qg_status qg_rows_numbers(qg_rows *out, qg_arena *arena, const qg_rows_index *index,
                          const qg_measurement *m, qg_err *err);

enum { QG_ROW_TEXT = 64 };
const char *qg_row_case(const qg_row *row);   /* "fp16/quality", "run" */
const char *qg_row_metric(const qg_row *row); /* "ppl", "(case)", "(item)" of the checklist */
const char *qg_row_value(char out[QG_ROW_TEXT], const qg_row *row); /* "6.41", "-"       */
const char *qg_row_limit(char out[QG_ROW_TEXT], const qg_row *row); /* "<= 6.6", "-"     */

/* What a verdict stands on: "8.3 ms to 8.6 ms", "at least 8.3 ms"; "-" of points. */
const char *qg_row_interval(char out[QG_ROW_TEXT], const qg_row *row);
/* How far beyond the limit it would have been seen: "0.2 ms"; "-" where that is not known. */
const char *qg_row_seen(char out[QG_ROW_TEXT], const qg_row *row);
const char *qg_row_count(char out[QG_ROW_TEXT], const qg_row *row); /* "60", "-" */

/* Whether a judgement asks somebody to act: everything but pass, skip and known-fail. */
bool qg_row_is_bad(const qg_row *row);

/* "12 judgements: 9 pass, 2 fail, 1 skip" */
void qg_rows_count(qg_buf *out, const qg_run *run);
/* What to do next, by the exit code: one sentence; "" where there is nothing to do. */
const char *qg_rows_advice(const qg_run *run);

#endif
