/* The models of a run side by side: what each costs in quality and saves in memory and time, a row
 * a model in the order of the run. Console and Markdown show this one table.
 *
 *     ppl and its increase, KL, same-top, dp    of the model's quality case
 *     weights                                   of its first case that has them
 *     tpot (median), throughput                 of its performance case, for each batch
 *
 * Weights, tpot and throughput are followed by their ratio to those of the run's reference, where
 * it says which that is. Columns that nothing is known for are left out.
 */
#ifndef QG_REPORT_METHODS_H
#define QG_REPORT_METHODS_H

#include "base/err.h"
#include "record/record.h"

typedef struct qg_method_column {
    const char *head;   /* "kl mean", "tpot b4", "x" */
    int64_t batch;      /* columns of one batch belong together; 0: of none */
    bool is_ratio;      /* of the column before it */
    const char **cells; /* [n_rows], "" where nothing is known */
} qg_method_column;

typedef struct qg_methods {
    size_t n_rows, n_columns;
    const char **models;       /* [n_rows] */
    qg_method_column *columns; /* [n_columns] */
} qg_methods;

/* n_rows is 0 where fewer than two models have numbers: there is nothing to compare. Names of
 * models are the run's, everything else is on the arena. */
qg_status qg_methods_compare(qg_methods *out, qg_arena *arena, const qg_run *run, qg_err *err);

#endif
