/* Arms in turns: see turns.h. An arm that fails drops out, the others go on. */
#include "measure/turns.h"

#include "stats/numbers.h"
#include "stats/quantile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- looks ---- */

/* Samples that the percentiles of the cases need for a bound where alpha is split so. */
static int64_t least_samples(const qg_case *const cases[], size_t n, double alpha)
{
    int64_t least = 1;

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < cases[i]->expect.n; k++) {
            const qg_metric_info *info = qg_metric_info_of(cases[i]->expect.at[k].metric);
            if (info->section != QG_PERFORMANCE || !info->percentile ||
                qg_str_starts(qg_str_from(info->name), QG_STR("itl")))
                continue;
            int64_t need = qg_quantile_least_n(info->percentile / 100.0, alpha, 0);
            least = need > least ? need : least;
        }
    }
    return least;
}

static int64_t at_most(int64_t n, int64_t most)
{
    return n < most ? n : most;
}

qg_looks qg_looks_plan(const qg_case *const cases[], size_t n, const qg_suite *s)
{
    const qg_suite_performance *p = &s->performance;
    int64_t step = n > 1 ? 2 : 1, most = (p->samples_max + step - 1) / step * step;
    double alpha = 1 - s->regression.confidence;
    int n_looks = s->regression.inconclusive == QG_INCONCLUSIVE_RERUN ? QG_LOOKS_MAX : 1;
    qg_looks out = {.n = 1};
    int64_t first = 0;

    most = most < step ? step : most;
    for (; n_looks > 0; n_looks--) {
        first = least_samples(cases, n, alpha / n_looks);
        first = (first > p->samples_min ? first : p->samples_min) + step - 1;
        first = first / step * step;
        if (n_looks == 1 || first < most)
            break;
    }
    out.n = n_looks;
    for (int i = 0; i < n_looks; i++) { /* evenly in the logarithm */
        double share = n_looks > 1 ? (double)i / (n_looks - 1) : 0;
        int64_t at = (int64_t)round((double)first * pow((double)most / (double)first, share));
        out.at[i] = at_most(at / step * step, most);
        if (i > 0 && out.at[i] <= out.at[i - 1])
            out.at[i] = at_most(out.at[i - 1] + step, most);
    }
    while (out.n > 1 && out.at[out.n - 2] == out.at[out.n - 1])
        out.n--;
    return out;
}

/* ---- warm-up ---- */

enum { WARM_MOST = 64 };

static double median_of(const double *x, size_t n)
{
    double sorted[WARM_MOST];

    memcpy(sorted, x, n * sizeof *x);
    qg_numbers_sort(sorted, n);
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

bool qg_turns_are_stable(const double *e2e, size_t n)
{
    size_t half = n / 2 < WARM_MOST ? n / 2 : WARM_MOST;
    double last = median_of(e2e + n - half, half), before = median_of(e2e + n - 2 * half, half);

    return fabs(last - before) <= QG_WARM * before;
}

static qg_status warm_up(qg_arm *a, qg_err *err)
{
    int64_t n = a->plan->suite->performance.samples_warmup, most = 3 * n;
    double *e2e = QG_NEW_N(a->arena, double, (size_t)most + 1);

    QG_NEED(e2e, err);
    for (int64_t i = 0; i < most; i++) {
        if (i >= n && i >= 2 && qg_turns_are_stable(e2e, (size_t)i))
            return QG_OK;
        if (a->options->stop && *a->options->stop)
            return QG_OK;
        QG_PASS(qg_arm_sample(a, -1 - i, &e2e[i], err));
    }
    a->m->pressure.unstable = most > 1 && !qg_turns_are_stable(e2e, (size_t)most);
    return QG_OK;
}

/* ---- rounds ---- */

static bool is_out(const qg_arm *a)
{
    return a->m->state != QG_CASE_MEASURED;
}

static bool is_stopped(const qg_arm *a)
{
    return a->options->stop && *a->options->stop;
}

/* One request to an arm that is still in; its failure is its own. */
static qg_status sample(qg_arm *a, int64_t index, qg_err *err)
{
    qg_err why = {0};
    double e2e;

    if (is_out(a))
        return QG_OK;
    if (is_stopped(a))
        qg_fail(&why, QG_ESTOPPED, "stopped by a signal");
    else if (qg_arm_sample(a, index, &e2e, &why) == QG_OK)
        return QG_OK;
    return qg_arm_fail(a, &why, err);
}

/* From `from` up to `to` samples of each arm. */
static qg_status take_rounds(qg_arm *arms, size_t n, int64_t from, int64_t to, int64_t most,
                             qg_err *err)
{
    int64_t step = n > 1 ? 2 : 1;

    for (size_t i = 0; i < n; i++)
        if (!is_out(&arms[i]))
            QG_PASS(qg_arm_make_room(&arms[i], (size_t)to, err));
    for (int64_t at = from; at < to; at += step) {
        size_t first = (size_t)(at / step) % n;
        for (size_t i = 0; i < n; i++)
            QG_PASS(sample(&arms[(first + i) % n], at, err));
        for (size_t i = n; step == 2 && i-- > 0;)
            QG_PASS(sample(&arms[(first + i) % n], at + 1, err));
        qg_arm_tell(&arms[0], (double)(at + step) / (double)most);
    }
    return QG_OK;
}

static qg_status open_one(qg_arm *a, const qg_looks *looks, const char *group, qg_err *err)
{
    qg_err why = {0};

    a->m->n_looks = looks->n;
    a->m->group = group;
    if (is_stopped(a))
        qg_fail(&why, QG_ESTOPPED, "stopped by a signal");
    else if (qg_arm_open(a, &why) == QG_OK && warm_up(a, &why) == QG_OK)
        return QG_OK;
    return qg_arm_fail(a, &why, err);
}

static qg_status finish_one(qg_arm *a, qg_err *err)
{
    qg_err why = {0};

    if (is_out(a) || qg_arm_finish(a, &why) == QG_OK)
        return QG_OK;
    return qg_arm_fail(a, &why, err);
}

/* The group so far as a run of its own, the other program's arms inside. */
static qg_status group_so_far(qg_run *out, qg_run *against, qg_arena *scratch, const qg_arm *arms,
                              size_t n, qg_err *err)
{
    *out = *arms[0].run;
    out->measurements = QG_NEW_N(scratch, qg_measurement, n);
    against->measurements = QG_NEW_N(scratch, qg_measurement, n);
    out->n_measurements = 0;
    if (!out->measurements || !against->measurements)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        qg_run *to = arms[i].run == arms[0].run ? out : against;
        to->measurements[to->n_measurements++] = *arms[i].m;
    }
    out->against = against->n_measurements > 0 ? against : NULL;
    return QG_OK;
}

/* Whether nothing that is judged of the group waits for more samples. */
static qg_status look_at(bool *decided, const qg_arm *arms, size_t n, qg_err *err)
{
    const qg_measure_options *o = arms[0].options;
    qg_arena *scratch = qg_arena_create();
    qg_run run, against = {0};

    *decided = true;
    QG_NEED(scratch, err);
    qg_status s = group_so_far(&run, &against, scratch, arms, n, err);
    if (s == QG_OK && o->is_decided)
        *decided = o->is_decided(o->user, &run);
    qg_arena_free(scratch);
    return s;
}

static qg_status measure_arms(qg_arm *arms, size_t n, const qg_looks *looks, qg_err *err)
{
    const char *group = NULL;
    int64_t from = 0, most = looks->at[looks->n - 1];
    bool decided = false;

    if (n > 1) {
        group = qg_arena_format(arms[0].arena, "perf/b%d/%s", arms[0].c->batch,
                                qg_device_name(arms[0].c->device));
        QG_NEED(group, err);
    }
    for (size_t i = 0; i < n; i++)
        QG_PASS(open_one(&arms[i], looks, group, err));
    for (int look = 0; look < looks->n; look++) {
        QG_PASS(take_rounds(arms, n, from, looks->at[look], most, err));
        from = looks->at[look];
        if (look + 1 < looks->n)
            QG_PASS(look_at(&decided, arms, n, err));
        if (decided)
            break;
    }
    for (size_t i = 0; i < n; i++)
        QG_PASS(finish_one(&arms[i], err));
    return QG_OK;
}

qg_status qg_turns_measure(qg_arm *arms, size_t n, const qg_looks *looks, qg_err *err)
{
    qg_status s = measure_arms(arms, n, looks, err);

    for (size_t i = 0; i < n; i++)
        qg_arm_end(&arms[i]);
    return s;
}
