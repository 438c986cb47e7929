/* From numbers to verdicts, all judgements of a run together.
 *
 * A point passes or fails as it is. What has an interval passes where all of it keeps the limit,
 * at the suite's confidence. It fails where the chance of such samples with the limit kept is at
 * most QG_FAIL_ALPHA after Holm's adjustment (1979) over all judgements with a chance: so a whole
 * run in which nothing changed fails with a chance of at most QG_FAIL_ALPHA. Everything between is
 * inconclusive; a verdict that only the adjustment changed says so.
 *
 * A machine that was busy (busy.h) proves nothing about time: a failed latency or throughput that
 * was not measured in turns with what it is held to is inconclusive there.
 */
#ifndef QG_JUDGE_DECIDE_H
#define QG_JUDGE_DECIDE_H

#include "judge/estimate.h"

typedef struct qg_policy {
    bool fail_inconclusive; /* exit code 4 for what stays inconclusive, else 0 */
    size_t family;          /* judgements to adjust for, where more are to come; 0: those at hand */
} qg_policy;

/* Takes over interval and chance of an estimate that is no point; the verdict is pass or, so far,
 * inconclusive. Value, limit and at_least are set. */
void qg_decide_by(qg_judgement *j, const qg_estimate *e, double alpha);

/* Decides the judgements of the run and sets their exit classes. */
qg_status qg_decide(qg_run *run, qg_arena *scratch, const qg_policy *policy, qg_err *err);

#endif
