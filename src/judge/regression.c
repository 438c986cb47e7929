/* Regression: see regression.h. Inside, a change is a share of the other's value, and of a benefit
 * the loss is what is limited. */
#include "judge/regression.h"

#include "judge/decide.h"
#include "judge/rounds.h"
#include "stats/bootstrap.h"
#include "stats/distribution.h"
#include "stats/mean.h"

#include <math.h>

/* Numbers of memory and quality under which nothing is a change. */
static double least_change(qg_metric metric)
{
    return qg_metric_info_of(metric)->section == QG_QUALITY ? 1e-6 : 0;
}

static bool is_timed(const qg_measurement *m, qg_metric metric)
{
    return qg_measurement_series(m, qg_value_series(metric)) && !qg_measurement_scalar(m, metric);
}

/* The limit on the change as a share of base: negative for a benefit. */
static double limit_of(const qg_allowed *a, double base, bool cost)
{
    double amount = a->allow->is_share ? a->allow->amount : a->allow->amount / base;
    double floor = a->floor > 0 ? expm1(a->floor) : QG_FLOOR_SHARE;

    if (qg_metric_info_of(a->allow->metric)->unit == QG_UNIT_DURATION && base > 0)
        floor = fmax(floor, QG_FLOOR_NS / base);
    amount = fmax(amount, floor);
    return cost ? amount : -fmin(amount, 0.99);
}

static void fill(qg_judgement *out, const qg_others *others, const qg_allowed *a, double base,
                 double change, double limit, bool is_share, int64_t n)
{
    out->metric = a->allow->metric;
    out->basis = others->basis;
    out->has_value = out->has_limit = out->has_base = true;
    out->at_least = qg_metric_info_of(a->allow->metric)->direction == QG_BENEFIT;
    out->is_share = is_share;
    out->base = base;
    out->value = change;
    out->limit = limit;
    out->n = n;
}

/* Takes the logarithm of a ratio and its limit to changes. */
static void fill_logs(qg_judgement *out, const qg_others *others, const qg_allowed *a, double base,
                      qg_estimate *e, double limit)
{
    bool cost = qg_metric_info_of(a->allow->metric)->direction == QG_COST;
    double beyond = e->detectable;

    fill(out, others, a, base, expm1(e->value.value), limit, true, e->value.n);
    e->interval = (qg_interval){isfinite(e->interval.low) ? expm1(e->interval.low) : -INFINITY,
                                isfinite(e->interval.high) ? expm1(e->interval.high) : INFINITY};
    e->detectable = (1 + limit) * (cost ? expm1(beyond) : -expm1(-beyond));
    qg_decide_by(out, e, a->alpha);
}

/* ---- another program, in turns ---- */

static qg_status by_rounds(qg_estimate *e, qg_arena *scratch, const qg_measurement *m,
                           const qg_measurement *other, const qg_allowed *a, double limit,
                           qg_err *err)
{
    bool cost = qg_metric_info_of(a->allow->metric)->direction == QG_COST;
    qg_rounds r;

    QG_PASS(qg_rounds_compare(&r, scratch, m, other, qg_value_series(a->allow->metric), limit,
                              a->alpha, a->fail_alpha, err));
    *e = (qg_estimate){.value = {true, r.estimate, r.n},
                       .test = r.test,
                       .interval = r.interval,
                       .p = cost ? r.p.greater : r.p.less,
                       .detectable = r.detectable};
    return QG_OK;
}

static qg_status by_blocks(qg_estimate *e, qg_arena *scratch, const qg_measurement *m,
                           const qg_measurement *other, const qg_allowed *a, double limit,
                           qg_err *err)
{
    qg_str name = qg_value_series(a->allow->metric);
    const qg_series *own = qg_measurement_series(m, name);
    const qg_series *theirs = qg_measurement_series(other, name);
    double q = qg_metric_info_of(a->allow->metric)->percentile / 100.0;
    size_t a_run = qg_samples_a_run(m, own), n = own->n_samples;
    size_t block = (qg_bootstrap_block_of(n / a_run) + 1) / 2 * 2 * a_run;
    bool aligned = qg_rounds_are_paired(m, other) && n == theirs->n_samples;
    qg_bootstrap b;

    *e = (qg_estimate){.test = "block bootstrap",
                       .interval = {-INFINITY, INFINITY},
                       .p = 1,
                       .detectable = INFINITY};
    n = theirs->n_samples < n ? theirs->n_samples : n;
    for (size_t i = 0; i < n; i++)
        if (own->samples[i] <= 0 || theirs->samples[i] <= 0)
            return qg_fail(err, QG_ENONFINITE, "a '%s' of case '%s' is 0", own->name, m->id.id);
    QG_PASS(qg_bootstrap_quantile_ratio(
        &b, scratch, (qg_bootstrap_series){own->samples, own->n_samples},
        (qg_bootstrap_series){theirs->samples, theirs->n_samples}, aligned, q,
        block < n ? block : n, a->n_draws < 2000 ? a->n_draws : 2000, 1, err));
    e->value = (qg_value){true, log(b.estimate), (int64_t)n};
    if ((double)(n / a_run) < 10 / (1 - q))
        return QG_OK;
    qg_interval ends = qg_bootstrap_percentile(&b, a->alpha);
    e->interval = (qg_interval){log(ends.low), log(ends.high)};
    e->p = qg_bootstrap_percentile_test(&b, exp(limit)).greater;
    e->detectable =
        (-qg_normal_quantile(a->fail_alpha) + qg_normal_quantile(QG_POWER)) * b.error / b.estimate;
    return QG_OK;
}

/* ---- stored runs ---- */

static qg_status by_prediction(qg_estimate *e, qg_arena *scratch, double own, const double *theirs,
                               size_t n, const qg_allowed *a, double limit, qg_err *err)
{
    bool cost = qg_metric_info_of(a->allow->metric)->direction == QG_COST;
    double *x = QG_NEW_N(scratch, double, n), df = (double)n - 1;
    qg_mean mean;

    QG_NEED(x, err);
    *e = (qg_estimate){.test = "prediction from runs",
                       .interval = {-INFINITY, INFINITY},
                       .p = 1,
                       .detectable = INFINITY};
    for (size_t i = 0; i < n; i++)
        x[i] = log(theirs[i]);
    if (n < QG_BASELINE_LEAST) {
        e->value = (qg_value){true, log(own) - x[0], (int64_t)n};
        return QG_OK;
    }
    QG_PASS(qg_mean_estimate(&mean, x, n, a->alpha, err));
    double change = log(own) - mean.estimate;
    double error = fmax(mean.deviation, 1e-4) * sqrt(1 + 1 / (double)n);
    double half = -qg_t_quantile(a->alpha, df) * error;
    double t = (change - limit) / error;
    e->value = (qg_value){true, change, (int64_t)n};
    e->interval = (qg_interval){change - half, change + half};
    e->p = qg_t_cdf(cost ? -t : t, df);
    e->detectable = (-qg_t_quantile(a->fail_alpha, df) + qg_t_quantile(QG_POWER, df)) * error;
    return QG_OK;
}

/* ---- one metric ---- */

/* Values of the metric in the others, rising count of those that have it. */
static qg_status values_of(double *out, size_t *n, qg_arena *scratch, const qg_others *others,
                           qg_metric metric, qg_err *err)
{
    qg_value v;

    *n = 0;
    for (size_t i = 0; i < others->n; i++) {
        if (others->at[i]->state != QG_CASE_MEASURED)
            continue;
        QG_PASS(qg_value_of(&v, scratch, others->at[i], metric, err));
        if (v.known)
            out[(*n)++] = v.value;
    }
    return QG_OK;
}

static qg_status judge_timed(qg_judgement *out, qg_arena *scratch, const qg_measurement *m,
                             const qg_others *others, const qg_allowed *a, double own,
                             const double *theirs, size_t n, qg_err *err)
{
    const qg_metric_info *info = qg_metric_info_of(a->allow->metric);
    bool stored = others->basis != QG_BASIS_AGAINST;
    double base = theirs[0], sum = 0;
    qg_estimate e;

    for (size_t i = 0; i < n; i++)
        sum += log(theirs[i] > 0 ? theirs[i] : 1);
    if (stored)
        base = exp(sum / (double)n);
    if (own <= 0 || base <= 0)
        return qg_fail(err, QG_ENONFINITE, "%s of case '%s' is 0", info->name, m->id.id);
    double limit = limit_of(a, base, info->direction == QG_COST);
    if (stored)
        QG_PASS(by_prediction(&e, scratch, own, theirs, n, a, log1p(limit), err));
    else if (info->percentile > 50)
        QG_PASS(by_blocks(&e, scratch, m, others->at[0], a, log1p(limit), err));
    else
        QG_PASS(by_rounds(&e, scratch, m, others->at[0], a, log1p(limit), err));
    int n_looks = m->n_looks > 1 && !stored ? m->n_looks : 1;
    e.p = fmin(1, e.p * n_looks);
    fill_logs(out, others, a, base, &e, limit);
    return QG_OK;
}

static void judge_point(qg_judgement *out, const qg_others *others, const qg_allowed *a, double own,
                        double base)
{
    qg_metric metric = a->allow->metric;
    bool cost = qg_metric_info_of(metric)->direction == QG_COST;
    double change = own - base, allowed = a->allow->amount, size = fabs(base);
    bool is_share = a->allow->is_share && size > 0;

    if (fabs(change) <= least_change(metric))
        change = 0;
    if (is_share)
        change /= size;
    double limit = cost ? allowed : -allowed;
    fill(out, others, a, base, change, limit, is_share, 1);
    bool kept = cost ? change <= limit : change >= limit;
    out->verdict = kept ? QG_VERDICT_PASS : QG_VERDICT_FAIL;
}

qg_status qg_regression_judge(qg_judgement *out, bool *applies, qg_arena *scratch,
                              const qg_measurement *m, const qg_others *others,
                              const qg_allowed *allowed, qg_err *err)
{
    qg_metric metric = allowed->allow->metric;
    qg_arena_mark mark = qg_arena_here(scratch);
    double *theirs = QG_NEW_N(scratch, double, others->n);
    qg_allowed a = *allowed;
    qg_value own;
    size_t n;

    QG_NEED(theirs, err);
    *applies = false;
    QG_PASS(qg_value_of(&own, scratch, m, metric, err));
    QG_PASS(values_of(theirs, &n, scratch, others, metric, err));
    if (!own.known || n == 0)
        return QG_OK;
    *applies = true;
    if (others->basis == QG_BASIS_AGAINST && m->n_looks > 1) {
        a.alpha /= m->n_looks;
        a.fail_alpha /= m->n_looks;
    }
    if (is_timed(m, metric))
        QG_PASS(judge_timed(out, scratch, m, others, &a, own.value, theirs, n, err));
    else
        judge_point(out, others, &a, own.value, theirs[n - 1]);
    if (out->test)
        out->confidence = 1 - allowed->alpha;
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
