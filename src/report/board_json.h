/* A board (board.h) as JSON for the pages of the dashboard: web/select.js and web/overview.js read
 * it.
 *
 * Texts of a history may hold any bytes. They are values only, never keys, so that none can stand
 * for a property of an object ("__proto__"). Runs, metrics, machines, branches and verdicts are
 * told by index. Numbers that are not finite are null; others have seven digits at least, whole
 * numbers all.
 */
#ifndef QG_REPORT_BOARD_JSON_H
#define QG_REPORT_BOARD_JSON_H

#include "base/json.h"
#include "report/board.h"

enum {
    QG_BOARD_STRIP = 40,   /* verdicts of the newest runs in the overview */
    QG_BOARD_BAD = 5,      /* notices of a suite there                    */
    QG_BOARD_CHANGES = 40, /* newest change points of a suite there       */
};

/* What stands around a board. */
typedef struct qg_board_place {
    const char *data;       /* name of its data file: "suite-0" */
    const char *commit_url; /* what goes before a commit; "" none */
    int64_t n_recorded;     /* runs of the suite in the history */
} qg_board_place;

/* {name, commit_url, machines, branches, runs, models, series} */
void qg_board_put_data(qg_json_writer *w, const qg_board *b, const qg_board_place *place);
/* What the overview, the list of known failures and that of noise want: {name, data, n_runs,
 * n_kept, verdicts, last, checklist, spark, bad, changes, known, noise, ...} */
void qg_board_put_entry(qg_json_writer *w, const qg_board *b, const qg_board_place *place);

/* The metrics and items of the checklist, by index: {name, unit, cost, word, text}, {title}. */
void qg_board_put_metrics(qg_json_writer *w);
void qg_board_put_checkitems(qg_json_writer *w);

#endif
