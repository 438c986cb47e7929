/* What a history takes from a run: its numbers, and the two texts that tell it from others. No
 * database here.
 *
 * A number is one (case, metric, basis): of every judgement, and of every metric that was measured
 * and that no budget judged. Where two judgements are of one number (two rows of budgets for one
 * batch), the worse stays. A judgement without a value takes the measured one.
 */
#ifndef QG_HISTORY_HARVEST_H
#define QG_HISTORY_HARVEST_H

#include "history/history.h"

typedef struct qg_harvested {
    const qg_measurement *m; /* NULL: of the run as a whole, or an item of the checklist */
    const char *case_id;
    qg_metric metric;
    qg_basis basis;
    const qg_judgement *j; /* NULL: measured only */
    bool has_value;
    double value;
    int64_t n;
} qg_harvested;

typedef struct qg_harvest {
    qg_harvested *at;
    size_t n;
} qg_harvest;

/* Texts of the run are not copied. */
qg_status qg_harvest_run(qg_harvest *out, qg_arena *arena, const qg_run *run, qg_err *err);

/* `key` tells what was measured: suite, start, machine, build, and the numbers of every case bit by
 * bit, but nothing that judging again may change. `content` tells all of the record. */
qg_status qg_harvest_identify(char key[QG_HISTORY_KEY], char content[QG_HISTORY_KEY],
                              qg_arena *scratch, const qg_run *run, qg_err *err);

/* State of the checklist as one text, and back; "pr;baseline=done;variant=missing;...". */
const char *qg_harvest_checklist(qg_arena *arena, const qg_checklist *c);
/* What is not known is left as it is. */
void qg_harvest_read_checklist(qg_history_run *run, qg_arena *arena, const char *text);

#endif
