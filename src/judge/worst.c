/* Where a case is the worst: see worst.h. */
#include "judge/worst.h"

#include "judge/golden.h"

#include <math.h>
#include <string.h>

/* Whether a judgement of the case was made over prompts. */
static bool by_golden(const qg_judgement *j, const qg_measurement *m)
{
    return qg_golden_has(j->metric) || (j->metric == QG_METRIC_SAME_TOP && m->n_docs == 0);
}

static bool is_failed(const qg_judgement *j, const qg_measurement *m)
{
    return j->verdict == QG_VERDICT_FAIL && j->metric != QG_METRIC_NONE &&
           j->metric != QG_METRIC_GREEDY_SAME && /* which prompts parted is not kept */
           strcmp(j->case_id, m->id.id) == 0 && qg_metric_info_of(j->metric)->section == QG_QUALITY;
}

static const qg_judgement *choose(const qg_run *run, const qg_measurement *m)
{
    const qg_judgement *best = NULL;

    for (size_t i = 0; i < run->n_judgements; i++) {
        const qg_judgement *j = &run->judgements[i];
        if (is_failed(j, m) && (!best || (by_golden(j, m) && !by_golden(best, m))))
            best = j;
    }
    return best;
}

static size_t prompt_named(const qg_gold *g, const char *name)
{
    size_t at = 0;

    while (at + 1 < g->n_prompts && strcmp(g->prompts[at].name, name) != 0)
        at++;
    return at;
}

static qg_status find_prompt(qg_worst *out, qg_arena *arena, const qg_suite *suite,
                             const qg_measurement *m, qg_err *err)
{
    const qg_suite_model *own = qg_suite_model_of(suite, qg_str_from(m->id.model));
    const qg_suite_model *owner = qg_golden_is_drift(out->judgement->metric) ? own
                                  : own ? qg_suite_reference_of(suite, own)
                                        : suite->reference;
    qg_golden_diff d;
    qg_gold *golden;

    if (!owner || !suite->quality.golden || !m->gold) {
        out->judgement = NULL;
        return QG_OK;
    }
    out->golden =
        qg_gold_path(arena, suite->quality.golden, owner->method, m->id.device, owner->name);
    QG_NEED(out->golden, err);
    if (qg_gold_read(&golden, arena, out->golden, NULL) != QG_OK ||
        qg_golden_fits(golden, m->gold, suite->path, NULL) != QG_OK) {
        out->judgement = NULL;
        return QG_OK;
    }
    QG_PASS(qg_golden_compare(&d, arena, golden, m->gold, QG_GOLD_MARGIN, err));
    bool greedy = out->judgement->metric == QG_METRIC_GREEDY_MATCH && d.greedy_prompt;
    out->index = prompt_named(golden, greedy ? d.greedy_prompt : d.worst_prompt);
    out->name = golden->prompts[out->index].name;
    out->blessed_hash = golden->model_hash;
    return QG_OK;
}

/* What a token of the document costs, as the metric counts it. */
static double cost_of(const qg_doc *d, qg_metric metric)
{
    double n = (double)d->n_scored;

    if (d->n_scored == 0)
        return -INFINITY;
    if (!d->has_reference)
        return d->sum_nll / n;
    switch (metric) {
    case QG_METRIC_PPL:
    case QG_METRIC_NLL:
    case QG_METRIC_PPL_INCREASE:
        return d->sum_dnll / n;
    case QG_METRIC_SAME_TOP:
        return (double)d->flips / n;
    case QG_METRIC_DP_RMS:
        return d->sum_dp2 / n;
    default:
        return d->sum_kl / n;
    }
}

static qg_status find_document(qg_worst *out, qg_arena *arena, const qg_measurement *m, qg_err *err)
{
    double worst = -INFINITY;

    out->is_document = true;
    for (size_t i = 0; i < m->n_docs; i++) {
        double cost = cost_of(&m->docs[i], out->judgement->metric);
        if (cost > worst) {
            worst = cost;
            out->index = i;
        }
    }
    if (!isfinite(worst))
        out->judgement = NULL;
    out->name = qg_arena_format(arena, "document %zu", out->index + 1);
    QG_NEED(out->name, err);
    return QG_OK;
}

qg_status qg_worst_find(qg_worst *out, qg_arena *arena, const qg_run *run, const qg_suite *suite,
                        const qg_measurement *m, qg_err *err)
{
    *out = (qg_worst){.judgement = choose(run, m)};
    if (!out->judgement)
        return QG_OK;
    if (by_golden(out->judgement, m))
        return find_prompt(out, arena, suite, m, err);
    return find_document(out, arena, m, err);
}
