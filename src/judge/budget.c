/* Budgets: see budget.h.
 *
 * A value is first looked for in the case itself (value.h); only what is relative by definition
 * looks at the reference. The sentence shows value and limit with so many digits that the reader
 * sees which is greater.
 */
#include "judge/budget.h"

#include <math.h>
#include <stdio.h>
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

/* What n counts, for the sentence. */
static const char *counted(qg_metric metric)
{
    switch (metric) {
    case QG_METRIC_GOLDEN_LOGPROB_MAX:
    case QG_METRIC_GOLDEN_LOGPROB_P99:
    case QG_METRIC_DRIFT_LOGPROB_MAX:
        return "log-probabilities";
    case QG_METRIC_SAME_TOP:
    case QG_METRIC_DRIFT_SAME_TOP:
    case QG_METRIC_KLD_TOPK:
    case QG_METRIC_DRIFT_KLD_TOPK:
        return "positions";
    case QG_METRIC_GREEDY_MATCH:
        return "choices";
    case QG_METRIC_ACCURACY:
    case QG_METRIC_ACCURACY_DROP:
        return "questions";
    default:
        return qg_metric_info_of(metric)->section == QG_QUALITY ? "tokens" : "samples";
    }
}

/* Value and limit as texts that differ where the numbers differ. */
static void print_pair(char value[QG_UNIT_TEXT], char limit[QG_UNIT_TEXT], qg_metric metric,
                       double v, double l)
{
    qg_unit unit = qg_metric_info_of(metric)->unit;

    qg_metric_print(value, metric, v);
    qg_metric_print(limit, metric, l);
    if (v != l && strcmp(value, limit) == 0) {
        qg_unit_print_exact(value, unit, v);
        qg_unit_print_exact(limit, unit, l);
    }
}

qg_status qg_budget_judge(qg_judgement *out, qg_arena *arena, const qg_expect *budget,
                          const qg_value *value, qg_err *err)
{
    const qg_metric_info *info = qg_metric_info_of(budget->metric);
    bool within = qg_metric_within(budget->metric, value->value, budget->limit);
    bool cost = info->direction == QG_COST;
    char v[QG_UNIT_TEXT], l[QG_UNIT_TEXT], n[48] = "";

    print_pair(v, l, budget->metric, value->value, budget->limit);
    if (value->n > 1)
        snprintf(n, sizeof n, " over %lld %s", (long long)value->n, counted(budget->metric));
    out->metric = budget->metric;
    out->verdict = within ? QG_VERDICT_PASS : QG_VERDICT_FAIL;
    out->exit_class = within ? 0 : 1;
    out->has_value = out->has_limit = true;
    out->at_least = !cost;
    out->value = value->value;
    out->limit = budget->limit;
    out->n = value->n;
    out->message = qg_arena_format(arena, "%s is %s%s, the budget is at %s %s", info->name, v, n,
                                   cost ? "most" : "least", l);
    QG_NEED(out->message, err);
    return QG_OK;
}
