/* One suite of a history, laid out as the dashboard shows it: a *line* is one metric of one case
 * over the runs of the suite, with what it was held to, and the points where its level changed.
 *
 * A history keeps a trend for each basis (history.h). Here those of one case and metric are one
 * line: its values, intervals and limits are those of the budget's trend; `base` and `anchor` are
 * the values of the stored runs that it was held to; the verdict of a point is the worst of all
 * bases. Where a metric has only judgements against another run, its value is worked out from the
 * base and the change.
 *
 * Numbers of two machines, or of two branches, are no series of their own kind: change points are
 * looked for in the runs of one machine and one branch at a time (stats/changepoint.h), in the
 * newest QG_BOARD_CHANGE_RUNS of them.
 */
#ifndef QG_REPORT_BOARD_H
#define QG_REPORT_BOARD_H

#include "history/history.h"

enum {
    QG_BOARD_CHANGE_LEAST = 12, /* fewer points tell no change of level */
    QG_BOARD_CHANGE_RUNS = 200, /* the time grows with their square     */
};
#define QG_BOARD_CHANGE_LEVEL 0.002 /* of each line: a suite has hundreds */

typedef struct qg_board_point {
    size_t run; /* index in the runs of the suite */
    double value;
    bool has_low, has_high, has_limit, has_base, has_anchor, judged;
    double low, high, limit, base, anchor;
    qg_verdict verdict; /* where judged */
    double floor;       /* noise of that machine, a share; 0: not known */
} qg_board_point;

/* From the run on the level is another, until the next change on that machine and branch. */
typedef struct qg_board_change {
    size_t run;
    double before, after; /* medians of both levels */
} qg_board_change;

typedef struct qg_board_line {
    qg_caseid id;
    qg_metric metric;
    qg_board_point *points; /* in the order of the runs, one a run at most */
    size_t n_points;
    qg_board_change *changes; /* by run */
    size_t n_changes;
} qg_board_line;

/* A judgement of the newest run that somebody should know of. */
typedef struct qg_board_notice {
    const char *case_id; /* "" of the run as a whole */
    qg_metric metric;    /* QG_METRIC_NONE: the case itself */
    qg_verdict verdict;
    const char *message, *issue, *expires; /* or NULL */
} qg_board_notice;

typedef struct qg_board {
    const qg_history_run *runs; /* of one suite, oldest first */
    size_t n_runs;
    size_t *machines, *branches; /* runs that are the first of their machine, of their branch */
    size_t n_machines, n_branches;
    size_t *machine_of, *branch_of; /* [n_runs] index in those */
    qg_board_line *lines;
    size_t n_lines;
    qg_board_notice *bad; /* failed, in error or inconclusive: worst first */
    size_t n_bad;
    qg_board_notice *known; /* known to fail, or with a last day that is over */
    size_t n_known;
} qg_board;

/* `runs` are those of one suite (n >= 1), as qg_history_runs_find gave them, and outlive the
 * board. */
qg_status qg_board_read(qg_board *out, qg_arena *arena, qg_history *h, const qg_history_runs *runs,
                        qg_err *err);

#endif
