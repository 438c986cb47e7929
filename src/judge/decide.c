/* From numbers to verdicts: see decide.h. */
#include "judge/decide.h"

#include "judge/busy.h"
#include "stats/multiple.h"

#include <math.h>

static void take_end(bool *has, double *out, double end)
{
    *has = isfinite(end);
    *out = *has ? end : 0;
}

void qg_decide_by(qg_judgement *j, const qg_estimate *e, double alpha)
{
    bool passed = j->at_least ? e->interval.low >= j->limit : e->interval.high <= j->limit;

    j->test = e->test;
    take_end(&j->has_low, &j->low, e->interval.low);
    take_end(&j->has_high, &j->high, e->interval.high);
    take_end(&j->has_detectable, &j->detectable, e->detectable);
    j->confidence = 1 - alpha;
    j->has_p = true;
    j->p = e->p;
    j->verdict = passed ? QG_VERDICT_PASS : QG_VERDICT_INCONCLUSIVE;
}

/* Whether the judgement is of a time that stands alone on a machine that was busy. */
static bool is_disturbed(const qg_run *run, const qg_judgement *j)
{
    const qg_measurement *m = qg_run_case(run, j->case_id);
    qg_metric compared;

    if (!j->test || !m || j->metric == QG_METRIC_NONE || j->basis == QG_BASIS_AGAINST ||
        qg_metric_info_of(j->metric)->section != QG_PERFORMANCE ||
        qg_metric_compared(&compared, j->metric))
        return false;
    return qg_is_busy(m, &run->machine);
}

static void decide_one(const qg_run *run, qg_judgement *j, const qg_policy *policy)
{
    if (j->has_p && j->verdict != QG_VERDICT_PASS) {
        bool alone = j->p <= QG_FAIL_ALPHA, among = j->p_holm <= QG_FAIL_ALPHA;
        j->softened = alone && !among;
        j->verdict = among && !is_disturbed(run, j) ? QG_VERDICT_FAIL : QG_VERDICT_INCONCLUSIVE;
    }
    if (j->verdict == QG_VERDICT_FAIL)
        j->exit_class = 1;
    else if (j->verdict == QG_VERDICT_INCONCLUSIVE)
        j->exit_class = policy->fail_inconclusive ? 4 : 0;
}

qg_status qg_decide(qg_run *run, qg_arena *scratch, const qg_policy *policy, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    size_t n = 0, at = 0, room = run->n_judgements + policy->family;
    double *p = QG_NEW_N(scratch, double, room);

    QG_NEED(p, err);
    for (size_t i = 0; i < run->n_judgements; i++)
        if (run->judgements[i].has_p)
            p[n++] = run->judgements[i].p;
    while (n < policy->family)
        p[n++] = 1;
    QG_PASS(qg_multiple_holm(p, scratch, p, n, err));
    for (size_t i = 0; i < run->n_judgements; i++) {
        if (run->judgements[i].has_p)
            run->judgements[i].p_holm = p[at++];
        decide_one(run, &run->judgements[i], policy);
    }
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
