/* Estimates: see estimate.h. A benefit is judged as the cost of its negative, so that "beyond the
 * limit" is "above" everywhere inside. */
#include "judge/estimate.h"

#include "base/random.h"
#include "judge/budget.h"
#include "judge/rounds.h"
#include "stats/bootstrap.h"
#include "stats/numbers.h"
#include "stats/power.h"
#include "stats/quantile.h"

#include <math.h>

size_t qg_estimate_draws(size_t n_judgements)
{
    size_t n = n_judgements * 200 < QG_BOOTSTRAP_DRAWS ? QG_BOOTSTRAP_DRAWS : n_judgements * 200;

    return n < QG_BOOTSTRAP_MOST_DRAWS ? n : QG_BOOTSTRAP_MOST_DRAWS;
}

/* Two ends that claim nothing: too little was measured. */
static void claim_nothing(qg_estimate *out, const char *test)
{
    out->test = test;
    out->interval = (qg_interval){-INFINITY, INFINITY};
    out->p = 1;
    out->detectable = INFINITY;
}

/* ---- percentiles of samples ---- */

typedef struct sign {
    double s; /* 1 for a cost, -1 for a benefit */
    double q; /* quantile of s * x that is judged */
} sign;

static sign sign_of(const qg_metric_info *info)
{
    double q = info->percentile ? info->percentile / 100.0 : 0.5;

    return info->direction == QG_COST ? (sign){1, q} : (sign){-1, 1 - q};
}

/* How far above the limit the q-quantile of such samples is seen. */
static double quantile_detectable(const double *sorted, size_t n, double q, double alpha)
{
    double share = qg_power_quantile_fail((int64_t)n, q, alpha, QG_POWER);

    if (!isfinite(share) || share >= 1)
        return INFINITY;
    return sorted[qg_quantile_rank(n, q) - 1] - sorted[qg_quantile_rank(n, 1 - share) - 1];
}

static qg_status from_samples(qg_estimate *out, qg_arena *scratch, const qg_measurement *m,
                              const qg_series *series, const qg_asked *a, qg_err *err)
{
    sign by = sign_of(qg_metric_info_of(a->metric));
    size_t n = series->n_samples, a_run = qg_samples_a_run(m, series);
    double *x = QG_NEW_N(scratch, double, n);
    qg_quantile quantile;
    qg_pvalues p;

    QG_NEED(x, err);
    for (size_t i = 0; i < n; i++)
        x[i] = by.s * series->samples[i];
    if (a_run > 1) {
        out->test = "clustered quantile";
        QG_PASS(qg_quantile_clusters(&quantile, &p, scratch, x, n, a_run, by.q, by.s * a->limit,
                                     a->alpha, err));
    } else {
        out->test = "order statistics";
        QG_PASS(qg_quantile_estimate(&quantile, scratch, x, n, by.q, a->alpha, err));
        QG_PASS(qg_quantile_test(&p, x, n, by.q, by.s * a->limit, err));
    }
    out->p = p.greater;
    out->interval = by.s > 0 ? quantile.interval
                             : (qg_interval){-quantile.interval.high, -quantile.interval.low};
    double *sorted = qg_numbers_sorted(scratch, x, n);
    QG_NEED(sorted, err);
    out->detectable = quantile_detectable(sorted, n / a_run ? n / a_run : 1, by.q, a->fail_alpha);
    return QG_OK;
}

/* ---- means over the documents of a text ---- */

/* A document's part of the sum that a metric is a function of, and that function. */
static double part_of(const qg_doc *d, qg_metric metric)
{
    switch (metric) {
    case QG_METRIC_KLD_MEAN:
        return d->sum_kl;
    case QG_METRIC_PPL_INCREASE:
        return d->sum_dnll;
    case QG_METRIC_DP_RMS:
        return d->sum_dp2;
    default:
        return (double)d->flips; /* same_top */
    }
}

static double metric_of_mean(qg_metric metric, double mean)
{
    switch (metric) {
    case QG_METRIC_PPL_INCREASE:
        return expm1(mean);
    case QG_METRIC_DP_RMS:
        return mean > 0 ? sqrt(mean) : mean;
    case QG_METRIC_SAME_TOP:
        return 1 - mean;
    default:
        return mean;
    }
}

static double mean_of_metric(qg_metric metric, double value)
{
    switch (metric) {
    case QG_METRIC_PPL_INCREASE:
        return log1p(value);
    case QG_METRIC_DP_RMS:
        return value * value;
    case QG_METRIC_SAME_TOP:
        return 1 - value;
    default:
        return value;
    }
}

static bool is_mean(qg_metric metric)
{
    return metric == QG_METRIC_KLD_MEAN || metric == QG_METRIC_PPL_INCREASE ||
           metric == QG_METRIC_DP_RMS || metric == QG_METRIC_SAME_TOP;
}

bool qg_estimate_varies(qg_metric metric)
{
    const qg_metric_info *info = qg_metric_info_of(metric);
    qg_metric compared = metric;

    if (info->section == QG_QUALITY)
        return is_mean(metric);
    qg_metric_compared(&compared, metric);
    return qg_metric_info_of(compared)->percentile > 0 || compared == QG_METRIC_THROUGHPUT;
}

/* Seed of a judgement: the same in every run, another for each case and metric. */
static uint64_t seed_of(const qg_measurement *m, qg_metric metric)
{
    uint64_t seed = (uint64_t)metric + 1;

    for (const char *c = m->id.id; c && *c; c++)
        seed = qg_random_mix(seed + QG_RANDOM_STEP + (unsigned char)*c);
    return seed;
}

static void swap_ends(qg_interval *i)
{
    *i = (qg_interval){i->high, i->low};
}

static qg_status from_documents(qg_estimate *out, qg_arena *scratch, const qg_measurement *m,
                                const qg_asked *a, qg_err *err)
{
    const char *test = "cluster bootstrap";
    double *x = QG_NEW_N(scratch, double, m->n_docs), *w = QG_NEW_N(scratch, double, m->n_docs);
    qg_bootstrap b;
    size_t n = 0;

    if (!x || !w)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    for (size_t i = 0; i < m->n_docs; i++) {
        if (!m->docs[i].has_reference)
            return QG_OK; /* a point */
        if (m->docs[i].n_scored == 0)
            continue;
        x[n] = part_of(&m->docs[i], a->metric);
        w[n++] = (double)m->docs[i].n_scored;
    }
    if (n < QG_BOOTSTRAP_LEAST) {
        claim_nothing(out, test);
        return QG_OK;
    }
    double limit = mean_of_metric(a->metric, a->limit);
    QG_PASS(qg_bootstrap_ratio(&b, scratch, x, w, n, a->n_draws, seed_of(m, a->metric), err));
    qg_interval ends = qg_bootstrap_studentized(&b, a->alpha);
    out->test = test;
    out->interval =
        (qg_interval){metric_of_mean(a->metric, ends.low), metric_of_mean(a->metric, ends.high)};
    if (a->metric == QG_METRIC_SAME_TOP)
        swap_ends(&out->interval);
    out->interval.low = fmin(out->interval.low, out->value.value); /* rounding of the functions */
    out->interval.high = fmax(out->interval.high, out->value.value);
    out->p = qg_bootstrap_studentized_test(&b, limit).greater;
    double effect = qg_power_error_effect(b.error, a->fail_alpha, QG_POWER);
    out->detectable =
        fabs(metric_of_mean(a->metric, limit + effect) - metric_of_mean(a->metric, limit));
    return QG_OK;
}

/* ---- ratios to the reference ---- */

static qg_status from_ratio(qg_estimate *out, qg_arena *scratch, const qg_measurement *m,
                            const qg_measurement *reference, const qg_asked *a, qg_metric compared,
                            qg_err *err)
{
    qg_str name = qg_value_series(compared);
    bool cost = qg_metric_info_of(a->metric)->direction == QG_COST;
    qg_rounds shift;
    double limit = log(a->limit > 1e-9 ? a->limit : 1e-9);

    QG_PASS(qg_rounds_compare(&shift, scratch, m, reference, name, limit, a->alpha, a->fail_alpha,
                              err));
    out->test = shift.test;
    out->value.value = exp(shift.estimate);
    out->value.n = shift.n;
    out->interval =
        (qg_interval){isfinite(shift.interval.low) ? exp(shift.interval.low) : -INFINITY,
                      exp(shift.interval.high)};
    out->p = cost ? shift.p.greater : shift.p.less;
    out->detectable = a->limit * (cost ? expm1(shift.detectable) : -expm1(-shift.detectable));
    return QG_OK;
}

static qg_status make(qg_estimate *out, qg_arena *scratch, const qg_measurement *m,
                      const qg_measurement *reference, const qg_asked *a, qg_err *err)
{
    const qg_series *series = qg_measurement_series(m, qg_value_series(a->metric));
    qg_metric compared;

    QG_PASS(qg_budget_value(&out->value, scratch, m, reference, a->metric, err));
    if (is_mean(a->metric) && m->n_docs > 0)
        return from_documents(out, scratch, m, a, err);
    if (series && !qg_measurement_scalar(m, a->metric))
        return from_samples(out, scratch, m, series, a, err);
    if (qg_metric_compared(&compared, a->metric) && reference &&
        qg_measurement_series(m, qg_value_series(compared)) &&
        qg_measurement_series(reference, qg_value_series(compared)))
        return from_ratio(out, scratch, m, reference, a, compared, err);
    return QG_OK;
}

qg_status qg_estimate_make(qg_estimate *out, qg_arena *scratch, const qg_measurement *m,
                           const qg_measurement *reference, const qg_asked *asked, qg_err *err)
{
    int n_looks = m->n_looks > 1 ? m->n_looks : 1;
    qg_asked a = *asked;
    qg_arena_mark mark = qg_arena_here(scratch);

    a.alpha /= n_looks;
    a.fail_alpha /= n_looks;
    *out = (qg_estimate){0};
    QG_PASS(make(out, scratch, m, reference, &a, err));
    out->p = out->p * n_looks < 1 ? out->p * n_looks : 1;
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
