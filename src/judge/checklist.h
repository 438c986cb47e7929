/* The production checklist: what a run and the files beside it prove of the eight items.
 *
 *     qg_checklist_judge(&c, arena, run, suite, &evidence, now_s, err);
 *     qg_checklist_gate(run, arena, err);      where a release depends on it
 *
 * A pure function of the run, the suite's section `checklist`, the evidence that was read and the
 * time handed in: it reads no file and no clock. What counts for each item is said in its list
 * (record/checkitem.h). An A/B test with a broken assignment does not count: where the planned
 * split is told, the sizes of the arms must not contradict it (exact binomial, p >= 0.001).
 *
 * A run counts up to `max_age` and while the suite has the same hash, a test up to `max_age`; the
 * hashes in evidence and cards must be those of the run's models.
 */
#ifndef QG_JUDGE_CHECKLIST_H
#define QG_JUDGE_CHECKLIST_H

#include "base/err.h"
#include "record/abtest.h"
#include "record/card.h"
#include "record/record.h"
#include "suite/suite.h"

/* A file that the suite names, as read. */
typedef struct qg_evidence_file {
    qg_suite_file named;
    bool is_there;
    const qg_abtest *test;       /* of ab; NULL where it has mistakes         */
    const qg_card *card;         /* of a card; NULL where it cannot be read   */
    const qg_findings *findings; /* its mistakes; NULL: none                 */
} qg_evidence_file;

typedef struct qg_evidence {
    const qg_evidence_file *ab, *cards; /* in the order of the suite */
    size_t n_ab, n_cards;
} qg_evidence;

/* `run` NULL: there is none. Everything lives on the arena, or is the run's, suite's or evidence's.
 * Fails only when out of memory. */
qg_status qg_checklist_judge(qg_checklist **out, qg_arena *arena, const qg_run *run,
                             const qg_suite *suite, const qg_evidence *evidence, int64_t now_s,
                             qg_err *err);

/* Adds one judgement for each item of run->checklist that is asked for, under the id
 * "checklist/ITEM", and folds the verdict again: pass, known-fail where it is waived, else fail. */
qg_status qg_checklist_gate(qg_run *run, qg_arena *arena, qg_err *err);

#endif
