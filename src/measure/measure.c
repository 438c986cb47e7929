/* Measuring a plan: see measure.h. Cases become arms; quality cases have one each (two with another
 * program), the performance cases of a batch share a group. */
#include "measure/measure.h"

#include "measure/cpus.h"
#include "measure/machine.h"
#include "measure/turns.h"

#include <string.h>

typedef struct measuring {
    qg_run *run, *against; /* against NULL: no other program */
    qg_arena *arena;
    const qg_plan *plan;
    const qg_measure_options *options;
    bool *done; /* of each case of the plan */
} measuring;

static qg_arm arm_of(const measuring *w, size_t i, bool theirs)
{
    qg_run *run = theirs ? w->against : w->run;
    qg_arm a = {.arena = w->arena,
                .c = &w->plan->cases[i],
                .plan = w->plan,
                .options = w->options,
                .program = theirs ? w->options->against : w->options->program,
                .run = run,
                .m = &run->measurements[i],
                .label = w->plan->cases[i].id};

    qg_arm_begin(&a);
    return a;
}

/* ---- quality ---- */

static bool is_stopped(const measuring *w)
{
    return w->options->stop && *w->options->stop;
}

static qg_status measure_quality(qg_arm *a, const measuring *w, qg_err *err)
{
    qg_err why = {0};
    qg_status s = QG_OK;

    if (is_stopped(w))
        qg_fail(&why, QG_ESTOPPED, "stopped by a signal");
    if (why.code != QG_OK || qg_arm_open(a, &why) != QG_OK || qg_arm_quality(a, &why) != QG_OK ||
        qg_arm_finish(a, &why) != QG_OK)
        s = qg_arm_fail(a, &why, err);
    qg_arm_end(a);
    return s;
}

static bool allows_quality(const qg_suite *s)
{
    for (size_t i = 0; i < s->regression.n_allow; i++)
        if (qg_metric_info_of(s->regression.allow[i].metric)->section == QG_QUALITY)
            return true;
    return false;
}

static qg_status measure_text(const measuring *w, size_t i, qg_err *err)
{
    qg_arm a = arm_of(w, i, false);

    if (w->plan->cases[i].skip)
        return QG_OK;
    qg_arm_tell(&a, 0);
    QG_PASS(measure_quality(&a, w, err));
    if (!w->against || !allows_quality(w->plan->suite))
        return QG_OK;
    a = arm_of(w, i, true);
    return measure_quality(&a, w, err);
}

/* ---- performance ---- */

static bool shares_group(const qg_case *a, const qg_case *b)
{
    return a->kind == b->kind && a->batch == b->batch && a->device == b->device && !b->skip;
}

/* Whether the models of these arms may be open together: their files in half of the free memory, as
 * packing can double them for a while. A GPU says so itself when it is asked for more. */
static bool fits(const qg_arm *arms, size_t n)
{
    int64_t bytes = 0, free_bytes = qg_machine_available();

    for (size_t i = 0; i < n; i++)
        bytes += qg_machine_folder_bytes(arms[i].c->folder);
    return free_bytes == 0 || bytes < free_bytes / 2;
}

static qg_status label_group(qg_arm *arms, size_t n, qg_arena *arena, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_format(&b, "perf/b%d:", arms[0].c->batch);
    for (size_t i = 0; i < n; i++)
        if (arms[i].run == arms[0].run)
            qg_buf_format(&b, "%s %s", i ? "," : "", arms[i].c->model->name);
    QG_NEED(!b.failed, err);
    for (size_t i = 0; i < n && n > 1; i++)
        arms[i].label = b.ptr;
    return QG_OK;
}

/* All arms on the same processors, where the case leaves some of them free. */
static void bind_group(qg_arm *arms, size_t n, const measuring *w)
{
    int64_t threads = w->options->threads ? w->options->threads : w->plan->suite->engine.threads;
    const char *cpus =
        arms[0].c->device == QG_DEVICE_CPU ? qg_cpus_choose(w->arena, threads) : NULL;

    for (size_t i = 0; i < n; i++)
        arms[i].cpus = cpus;
}

static qg_status measure_group(qg_arm *arms, size_t n, const measuring *w, qg_err *err)
{
    const qg_case **cases = QG_NEW_N(w->arena, const qg_case *, n);

    QG_NEED(cases, err);
    QG_PASS(label_group(arms, n, w->arena, err));
    for (size_t i = 0; i < n; i++)
        cases[i] = arms[i].c;
    bind_group(arms, n, w);
    qg_looks looks = qg_looks_plan(cases, n, w->plan->suite);
    qg_arm_tell(&arms[0], 0);
    return qg_turns_measure(arms, n, &looks, err);
}

/* All cases of the batch of case i, which are then done. */
static qg_status measure_batch(const measuring *w, size_t i, qg_err *err)
{
    size_t n_cases = w->plan->n_cases, a_case = w->against ? 2 : 1, n = 0;
    qg_arm *arms = QG_NEW_N(w->arena, qg_arm, n_cases * a_case);

    QG_NEED(arms, err);
    for (size_t k = i; k < n_cases; k++) {
        if (!shares_group(&w->plan->cases[i], &w->plan->cases[k]))
            continue;
        w->done[k] = true;
        for (size_t side = 0; side < a_case; side++)
            arms[n++] = arm_of(w, k, side == 1);
    }
    if (fits(arms, n))
        return measure_group(arms, n, w, err);
    for (size_t k = 0; k < n; k += a_case)
        QG_PASS(measure_group(&arms[k], a_case, w, err));
    return QG_OK;
}

/* ---- the plan ---- */

/* The models that the plan's cases use, in order. */
static qg_status list_models(qg_run *run, qg_arena *arena, const qg_plan *plan, qg_err *err)
{
    run->models = QG_NEW_N(arena, qg_model_info, plan->n_cases + 1);
    QG_NEED(run->models, err);
    for (size_t i = 0; i < plan->n_cases; i++) {
        const qg_suite_model *m = plan->cases[i].model;
        size_t at = 0;
        while (at < run->n_models && strcmp(run->models[at].name, m->name) != 0)
            at++;
        if (at == run->n_models)
            run->models[run->n_models++] =
                (qg_model_info){.name = m->name,
                                .path = plan->cases[i].folder,
                                .method = m->method,
                                .reference = m->reference ? m->reference->name : NULL};
    }
    return QG_OK;
}

static qg_status prepare_run(qg_run *run, qg_arena *arena, const qg_plan *plan, qg_err *err)
{
    QG_PASS(list_models(run, arena, plan, err));
    run->reference = plan->suite->reference->name;
    run->measurements = QG_NEW_N(arena, qg_measurement, plan->n_cases + 1);
    QG_NEED(run->measurements, err);
    run->n_measurements = plan->n_cases;
    return QG_OK;
}

static qg_status prepare_against(measuring *w, qg_err *err)
{
    if (!w->options->against)
        return QG_OK;
    w->against = QG_NEW(w->arena, qg_run);
    QG_NEED(w->against, err);
    QG_PASS(prepare_run(w->against, w->arena, w->plan, err));
    w->run->program = w->options->against;
    w->run->against = w->against;
    return QG_OK;
}

static bool is_wanted(const measuring *w, size_t i)
{
    return !w->options->only_goldens || w->plan->cases[i].kind == QG_CASE_QUALITY;
}

/* Closes the gaps of cases that were not wanted, and of the other program's that were not measured.
 */
static void close_gaps(qg_run *run)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_measurements; i++)
        if (run->measurements[i].id.id)
            run->measurements[n++] = run->measurements[i];
    run->n_measurements = n;
}

qg_status qg_measure_plan(qg_run *run, qg_arena *arena, const qg_plan *plan,
                          const qg_measure_options *options, qg_err *err)
{
    measuring w = {.run = run,
                   .arena = arena,
                   .plan = plan,
                   .options = options,
                   .done = QG_NEW_N(arena, bool, plan->n_cases + 1)};

    QG_NEED(w.done, err);
    QG_PASS(prepare_run(run, arena, plan, err));
    QG_PASS(prepare_against(&w, err));
    for (size_t i = 0; i < plan->n_cases; i++) {
        const qg_case *c = &plan->cases[i];
        if (w.done[i] || !is_wanted(&w, i))
            continue;
        w.done[i] = true;
        if (c->kind == QG_CASE_QUALITY || c->skip)
            QG_PASS(measure_text(&w, i, err));
        else
            QG_PASS(measure_batch(&w, i, err));
    }
    close_gaps(run);
    if (w.against)
        close_gaps(w.against);
    return QG_OK;
}
