/* Values of metrics: see value.h. */
#include "record/value.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double qg_value_percentile(double *x, size_t n, int percent)
{
    assert(n > 0 && percent > 0 && percent <= 100);
    qsort(x, n, sizeof *x, by_size);
    size_t rank = n / 100 * (size_t)percent + (n % 100 * (size_t)percent + 99) / 100;
    return x[rank - 1];
}

qg_str qg_value_series(qg_metric metric)
{
    const qg_metric_info *info = qg_metric_info_of(metric);
    qg_str name = qg_str_from(info->name);
    if (info->percentile > 0 && name.len > 4)
        name.len -= 4;
    return name;
}

static qg_status from_series(qg_value *out, qg_arena *scratch, const qg_series *s, int percent,
                             qg_err *err)
{
    if (s->n_samples == 0)
        return QG_OK;
    qg_arena_mark mark = qg_arena_here(scratch);
    double *sorted = qg_arena_copy(scratch, s->samples, s->n_samples * sizeof *sorted);
    QG_NEED(sorted, err);
    *out = (qg_value){true, qg_value_percentile(sorted, s->n_samples, percent ? percent : 50),
                      (int64_t)s->n_samples};
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

/* Sums of all documents; has_reference only where every document has one. */
static qg_doc sum_docs(const qg_measurement *m)
{
    qg_doc sum = {.has_reference = true};

    for (size_t i = 0; i < m->n_docs; i++) {
        const qg_doc *d = &m->docs[i];
        sum.n_scored += d->n_scored;
        sum.sum_nll += d->sum_nll;
        sum.has_reference = sum.has_reference && d->has_reference;
        sum.sum_dnll += d->sum_dnll;
        sum.sum_kl += d->sum_kl;
        sum.sum_dp2 += d->sum_dp2;
        sum.flips += d->flips;
    }
    return sum;
}

static void from_docs(qg_value *out, const qg_measurement *m, qg_metric metric)
{
    qg_doc sum = sum_docs(m);
    if (sum.n_scored == 0)
        return;
    double n = (double)sum.n_scored;
    out->n = sum.n_scored;
    out->known = true;
    if (metric == QG_METRIC_NLL)
        out->value = sum.sum_nll / n;
    else if (metric == QG_METRIC_PPL)
        out->value = exp(sum.sum_nll / n);
    else if (!sum.has_reference)
        out->known = false;
    else if (metric == QG_METRIC_PPL_INCREASE)
        out->value = expm1(sum.sum_dnll / n);
    else if (metric == QG_METRIC_KLD_MEAN)
        out->value = sum.sum_kl / n;
    else if (metric == QG_METRIC_DP_RMS)
        out->value = sqrt(sum.sum_dp2 / n);
    else if (metric == QG_METRIC_SAME_TOP)
        out->value = 1.0 - (double)sum.flips / n;
    else
        out->known = false;
}

static void from_sketch(qg_value *out, const qg_sketch *s, const qg_metric_info *info)
{
    if (s->n > 0)
        *out = (qg_value){
            true, info->percentile ? qg_sketch_percentile(s, info->percentile) : s->greatest, s->n};
}

qg_status qg_value_of(qg_value *out, qg_arena *scratch, const qg_measurement *m, qg_metric metric,
                      qg_err *err)
{
    const qg_metric_info *info = qg_metric_info_of(metric);
    const qg_scalar *scalar = qg_measurement_scalar(m, metric);
    const qg_series *series = qg_measurement_series(m, qg_value_series(metric));

    *out = (qg_value){0};
    if (scalar)
        *out = (qg_value){true, scalar->value, scalar->n};
    else if (series)
        QG_PASS(from_series(out, scratch, series, info->percentile, err));
    else if (m->kld && (metric == QG_METRIC_KLD_P99 || metric == QG_METRIC_KLD_MAX))
        from_sketch(out, m->kld, info);
    else if (metric == QG_METRIC_DLOGPROB_P99 && m->dlogprob)
        from_sketch(out, m->dlogprob, info);
    else if (metric == QG_METRIC_GREEDY_SAME && m->n_continued)
        *out = (qg_value){true, (double)m->n_same / (double)m->n_continued, m->n_continued};
    else if (info->section == QG_QUALITY)
        from_docs(out, m, metric);
    if (out->known && !isfinite(out->value))
        return qg_fail(err, QG_ENONFINITE, "%s of case '%s' is not a finite number", info->name,
                       m->id.id);
    return QG_OK;
}

const char *qg_value_print(char out[QG_UNIT_TEXT], const qg_judgement *j, double number)
{
    char text[QG_UNIT_TEXT];

    if (j->basis == QG_BASIS_BUDGET)
        return qg_metric_print(out, j->metric, number);
    if (j->is_share)
        qg_unit_print(text, QG_UNIT_SHARE, number);
    else
        qg_metric_print(text, j->metric, number);
    snprintf(out, QG_UNIT_TEXT, "%s%.*s", number > 0 ? "+" : "", QG_UNIT_TEXT - 2, text);
    return out;
}
