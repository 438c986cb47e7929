/* What the items of the checklist share while they are judged: proofs and lacks of the item at
 * hand, and look-ups. Of judge/checklist, judge/measured_items and judge/evidence_items alone. */
#ifndef QG_JUDGE_ITEMS_H
#define QG_JUDGE_ITEMS_H

#include "judge/checklist.h"

typedef struct qg_checking {
    qg_arena *arena;
    const qg_run *run; /* NULL: none */
    const qg_suite *suite;
    const qg_evidence *evidence;
    int64_t now_s;
    double run_age_days;
    const char *run_command;   /* that makes the record */
    qg_checkitem_result *item; /* at hand */
    bool out_of_memory;
} qg_checking;

/* Adds to the item at hand. Texts are formatted, others are kept as they are. */
void qg_checkitem_prove(qg_checking *c, qg_proof proof, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void qg_checkitem_lack(qg_checking *c, qg_checkitem_state state, qg_place place, const char *fix,
                       const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* A text for a fix; "" when out of memory. */
const char *qg_checkitem_format(qg_checking *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Of the run: NULL where it does not have it. */
const qg_model_info *qg_checkitem_model(const qg_checking *c, const char *name);
const char *qg_checkitem_hash(const qg_checking *c, const char *model);

/* One function an item. Those of the run are called with a run only. */
void qg_checkitem_baseline(qg_checking *c);
void qg_checkitem_variant(qg_checking *c);
void qg_checkitem_quality(qg_checking *c);
void qg_checkitem_memory(qg_checking *c);
void qg_checkitem_batches(qg_checking *c);
void qg_checkitem_percentiles(qg_checking *c);
void qg_checkitem_ab(qg_checking *c);
void qg_checkitem_card(qg_checking *c);

#endif
