/* Two arms as log-ratios: see rounds.h. */
#include "judge/rounds.h"

#include "judge/estimate.h"
#include "stats/mean.h"
#include "stats/power.h"
#include "stats/ranktest.h"

#include <math.h>
#include <string.h>

bool qg_rounds_are_paired(const qg_measurement *m, const qg_measurement *other)
{
    return m->group && other->group && strcmp(m->group, other->group) == 0;
}

/* Mean log-sample of each run: itl has many samples a run, all else one. */
static double *runs_of(qg_arena *arena, const qg_measurement *m, const qg_series *s, size_t *n)
{
    size_t a_run = qg_samples_a_run(m, s);
    double *x = QG_NEW_N(arena, double, s->n_samples / a_run);

    *n = s->n_samples / a_run;
    for (size_t i = 0; x && i < *n; i++) {
        x[i] = 0;
        for (size_t k = 0; k < a_run; k++) {
            double sample = s->samples[i * a_run + k];
            x[i] += log(sample > 1 ? sample : 1) / (double)a_run;
        }
    }
    return x;
}

size_t qg_samples_a_run(const qg_measurement *m, const qg_series *s)
{
    const qg_series *runs = qg_measurement_series(m, QG_STR("ttft"));

    if (!runs || runs->n_samples == 0 || s->n_samples % runs->n_samples != 0 || s->n_samples == 0)
        return 1;
    return s->n_samples / runs->n_samples;
}

/* Differences of rounds: x [n_x] and y [n_y], two a round, become d in x. */
static size_t to_rounds(double *x, size_t n_x, const double *y, size_t n_y)
{
    size_t n = (n_x < n_y ? n_x : n_y) / 2;

    for (size_t r = 0; r < n; r++)
        x[r] = (x[2 * r] + x[2 * r + 1] - y[2 * r] - y[2 * r + 1]) / 2;
    return n;
}

static qg_status compare_paired(qg_rounds *out, qg_arena *scratch, const double *d, size_t n,
                                double limit, double alpha, double fail_alpha, qg_err *err)
{
    qg_ranktest test;
    qg_shift shift;
    qg_mean mean;

    out->test = "signed-rank of rounds";
    out->n = (int64_t)n;
    if (n == 0)
        return QG_OK;
    QG_PASS(qg_signed_rank(&test, scratch, d, n, limit, err));
    QG_PASS(qg_shift_paired(&shift, scratch, d, n, alpha, err));
    out->estimate = shift.estimate;
    out->interval = shift.interval;
    out->p = test.p;
    if (n < 2)
        return QG_OK;
    QG_PASS(qg_mean_estimate(&mean, d, n, alpha, err));
    out->detectable =
        qg_power_signed_rank_effect((int64_t)n, fail_alpha, QG_POWER) * mean.deviation;
    return QG_OK;
}

/* y is the arm itself. */
static qg_status compare_apart(qg_rounds *out, qg_arena *scratch, const double *y, size_t n,
                               const double *x, size_t k, double limit, double alpha,
                               double fail_alpha, qg_err *err)
{
    /* Efficiency of Mann-Whitney on normal samples (Hodges and Lehmann 1956). */
    const double efficiency = 3 / 3.14159265358979323846;
    qg_ranktest test;
    qg_shift shift;
    qg_mean a, b;

    out->test = "Mann-Whitney";
    out->n = (int64_t)(n < k ? n : k);
    if (out->n == 0)
        return QG_OK;
    QG_PASS(qg_mann_whitney(&test, scratch, x, k, y, n, limit, err));
    QG_PASS(qg_shift_between(&shift, scratch, x, k, y, n, alpha, err));
    out->estimate = shift.estimate;
    out->interval = shift.interval;
    out->p = test.p;
    if (out->n < 2)
        return QG_OK;
    QG_PASS(qg_mean_estimate(&a, y, n, alpha, err));
    QG_PASS(qg_mean_estimate(&b, x, k, alpha, err));
    double error =
        sqrt((a.deviation * a.deviation / (double)n + b.deviation * b.deviation / (double)k) /
             efficiency);
    out->detectable = qg_power_error_effect(error, fail_alpha, QG_POWER);
    return QG_OK;
}

qg_status qg_rounds_compare(qg_rounds *out, qg_arena *scratch, const qg_measurement *m,
                            const qg_measurement *other, qg_str series, double limit, double alpha,
                            double fail_alpha, qg_err *err)
{
    const qg_series *own = qg_measurement_series(m, series);
    const qg_series *theirs = qg_measurement_series(other, series);

    *out = (qg_rounds){.interval = {-INFINITY, INFINITY}, .p = {1, 1, 1}, .detectable = INFINITY};
    if (!own || !theirs)
        return qg_fail(err, QG_ENOTFOUND, QG_STR_PRI " was not measured in case '%s'",
                       QG_STR_ARG(series), own ? other->id.id : m->id.id);
    qg_arena_mark mark = qg_arena_here(scratch);
    size_t n_y, n_x;
    double *y = runs_of(scratch, m, own, &n_y), *x = runs_of(scratch, other, theirs, &n_x);
    if (!x || !y)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    if (qg_rounds_are_paired(m, other))
        QG_PASS(compare_paired(out, scratch, y, to_rounds(y, n_y, x, n_x), limit, alpha, fail_alpha,
                               err));
    else
        QG_PASS(compare_apart(out, scratch, y, n_y, x, n_x, limit, alpha, fail_alpha, err));
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
