/* Budgets: see budget.h.
 *
 * A value is first looked for in the case itself (value.h); only what is relative by definition
 * looks at the reference.
 */
#include "judge/budget.h"

#include "judge/decide.h"

#include <math.h>
#include <string.h>

static qg_status not_measured(const qg_measurement *m, qg_metric metric, qg_err *err)
{
    return qg_fail(err, QG_ENOTFOUND, "%s was not measured in case '%s'",
                   qg_metric_info_of(metric)->name, m->id.id);
}

/* Value of a metric that must be there. */
static qg_status own_value(qg_value *out, qg_arena *scratch, const qg_measurement *m,
                           qg_metric metric, qg_err *err)
{
    QG_PASS(qg_value_of(out, scratch, m, metric, err));
    return out->known ? QG_OK : not_measured(m, metric, err);
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Both values, the reference's must be there. */
static qg_status two_values(qg_value *own, qg_value *theirs, qg_arena *scratch,
                            const qg_measurement *m, const qg_measurement *reference,
                            qg_metric metric, qg_err *err)
{
    QG_PASS(own_value(own, scratch, m, metric, err));
    if (!reference)
        return qg_fail(err, QG_ENOTFOUND, "the reference of case '%s' is not in this run",
                       m->id.id);
    if (reference->state != QG_CASE_MEASURED)
        return qg_fail(err, reference->exit_class == 3 ? QG_EWORKER : QG_ENOTFOUND,
                       "the reference case '%s' was not measured", reference->id.id);
    return own_value(theirs, scratch, reference, metric, err);
}

static qg_status ratio(qg_value *out, qg_arena *scratch, const qg_measurement *m,
                       const qg_measurement *reference, qg_metric metric, qg_metric compared,
                       qg_err *err)
{
    qg_value own, theirs;

    QG_PASS(two_values(&own, &theirs, scratch, m, reference, compared, err));
    if (theirs.value <= 0)
        return qg_fail(err, QG_EREFUSED, "%s has no meaning: the reference's value is 0",
                       qg_metric_info_of(metric)->name);
    *out = (qg_value){true, own.value / theirs.value, own.n < theirs.n ? own.n : theirs.n};
    return QG_OK;
}

qg_status qg_budget_value(qg_value *out, qg_arena *scratch, const qg_measurement *m,
                          const qg_measurement *reference, qg_metric metric, qg_err *err)
{
    qg_metric compared;
    qg_value own, theirs;

    QG_PASS(qg_value_of(out, scratch, m, metric, err));
    if (out->known)
        return QG_OK;
    if (qg_metric_compared(&compared, metric))
        return ratio(out, scratch, m, reference, metric, compared, err);
    if (metric == QG_METRIC_PPL_INCREASE) {
        QG_PASS(two_values(&own, &theirs, scratch, m, reference, QG_METRIC_NLL, err));
        if (!same_text(m->protocol, reference->protocol))
            return qg_fail(
                err, QG_EREFUSED, "perplexities of two protocols do not compare: '%s' and '%s'",
                m->protocol ? m->protocol : "", reference->protocol ? reference->protocol : "");
        *out = (qg_value){true, expm1(own.value - theirs.value), own.n};
        return QG_OK;
    }
    if (metric == QG_METRIC_ACCURACY_DROP) {
        QG_PASS(two_values(&own, &theirs, scratch, m, reference, QG_METRIC_ACCURACY, err));
        *out = (qg_value){true, (theirs.value - own.value) * 100.0, own.n};
        return QG_OK;
    }
    return not_measured(m, metric, err);
}

void qg_budget_judge(qg_judgement *out, const qg_expect *budget, const qg_estimate *e, double alpha)
{
    bool within = qg_metric_within(budget->metric, e->value.value, budget->limit);

    out->metric = budget->metric;
    out->basis = QG_BASIS_BUDGET;
    out->has_value = out->has_limit = true;
    out->at_least = qg_metric_info_of(budget->metric)->direction == QG_BENEFIT;
    out->value = e->value.value;
    out->limit = budget->limit;
    out->n = e->value.n;
    out->verdict = within ? QG_VERDICT_PASS : QG_VERDICT_FAIL;
    if (e->test)
        qg_decide_by(out, e, alpha);
}
