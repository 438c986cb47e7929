/* Suite to an ordered list of cases: see plan.h.
 *
 * All cases are made, in order; then --only and --shard choose among them; then what is left must
 * be runnable or skipped. So a suite that names methods of later versions still runs where the
 * filter leaves them out, and an id never depends on a filter.
 */
#include "suite/plan.h"

#include "suite/defaults.h"
#include "suite/exceptions.h"
#include "suite/split.h"

#include <stdint.h>

/* What the engine runs: a method is a line here. */
static const char *const built_in[] = {"fp16", "int8", "gptq", "awq"};

static bool is_built_in(const char *method)
{
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++)
        if (strcmp(method, built_in[i]) == 0)
            return true;
    return false;
}

/* What counts answers of tasks is not measured yet. */
static bool is_measured(qg_metric m)
{
    return m != QG_METRIC_ACCURACY && m != QG_METRIC_ACCURACY_DROP;
}

static bool is_expected_of(const qg_expect *e, const qg_case *c)
{
    return e->batch == c->batch && (e->on == QG_DEVICE_AUTO || e->on == c->device);
}

/* A budget of one device stands instead of that of all. */
static void drop_replaced(qg_expect *at, size_t *n)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++) {
        bool replaced = false;
        for (size_t k = 0; k < *n && at[i].on == QG_DEVICE_AUTO; k++)
            replaced = replaced || (at[k].on != QG_DEVICE_AUTO && at[k].metric == at[i].metric);
        if (!replaced)
            at[kept++] = at[i];
    }
    *n = kept;
}

/* Whether the case is held to its own golden, or to the one that is its own, by a budget. */
static bool compares_own_golden(const qg_case *c)
{
    for (size_t i = 0; i < c->expect.n; i++) {
        qg_metric m = c->expect.at[i].metric;
        if (m == QG_METRIC_DRIFT_LOGPROB_MAX || m == QG_METRIC_DRIFT_KLD_TOPK ||
            (m == QG_METRIC_GOLDEN_LOGPROB_MAX && c->model->is_reference))
            return true;
    }
    return false;
}

/* Whether the model may multiply activations of 8 bit. */
static bool rounds_activations(const qg_suite_model *m)
{
    const char *activations = m->from ? m->quantize.activations : m->activations;

    return strcmp(m->method, "int8") == 0 && strcmp(activations, "float") != 0;
}

/* The model's budgets that are of this case; drift, too. */
static qg_status pick_expects(qg_case *c, const qg_expects *all, const qg_suite *s, qg_arena *run,
                              qg_err *err)
{
    const qg_default_budget *defaults = qg_default_budgets_of(s, c->model);
    size_t n = 0;

    for (size_t i = 0; i < all->n; i++)
        n += is_expected_of(&all->at[i], c);
    qg_expect *at = QG_NEW_N(run, qg_expect, n + QG_DEFAULT_BUDGETS + 1);
    QG_NEED(at, err);
    for (int i = 0; c->kind == QG_CASE_QUALITY && defaults && i < QG_DEFAULT_BUDGETS; i++)
        at[c->expect.n++] = (qg_expect){.metric = defaults[i].metric,
                                        .limit = defaults[i].limit,
                                        .written = defaults[i].written,
                                        .place = c->model->place};
    for (size_t i = 0; i < all->n; i++)
        if (is_expected_of(&all->at[i], c))
            at[c->expect.n++] = all->at[i];
    drop_replaced(at, &c->expect.n);
    c->expect.at = at;
    if (c->kind == QG_CASE_QUALITY && s->quality.golden && s->quality.prompts.n &&
        !compares_own_golden(c)) /* the limit comes with the device */
        at[c->expect.n++] =
            (qg_expect){.metric = rounds_activations(c->model) ? QG_METRIC_DRIFT_KLD_TOPK
                                                               : QG_METRIC_DRIFT_LOGPROB_MAX,
                        .is_default = true,
                        .place = c->model->place};
    return QG_OK;
}

/* What drift is allowed on the device of the case. */
static void set_drift(qg_case *c)
{
    bool cuda = c->device == QG_DEVICE_CUDA;

    for (size_t i = 0; i < c->expect.n; i++) {
        qg_expect *e = (qg_expect *)(uintptr_t)&c->expect.at[i]; /* this file made them */
        if (!e->is_default)
            continue;
        bool kld = e->metric == QG_METRIC_DRIFT_KLD_TOPK;
        e->limit = kld ? QG_DRIFT_INT8 : cuda ? QG_DRIFT_CUDA : QG_DRIFT_CPU;
        e->written = kld ? "0.0005 (default)" : cuda ? "0.02 (default)" : "0.002 (default)";
    }
}

/* Of the checkpoint; NULL: it is made. */
static const char *folder_of(const qg_suite_model *m)
{
    return m->calibration ? NULL : m->model;
}

/* ---- where they run ---- */

/* A device that can be told to a worker: "auto" is decided here. */
static qg_status resolve_device(const char **out, const char *name, const qg_plan_options *o,
                                qg_err *err)
{
    qg_device device;

    if (!qg_device_find(&device, qg_str_from(name)))
        return qg_fail(err, QG_EARG, "device must be auto, cpu, cuda or cuda:N, not '%s'", name);
    *out = device != QG_DEVICE_AUTO ? name
                                    : qg_device_name(o->has_cuda ? QG_DEVICE_CUDA : QG_DEVICE_CPU);
    return QG_OK;
}

static qg_status device_of(const char **out, const qg_suite_model *m, const qg_suite *s,
                           const qg_plan_options *o, qg_err *err)
{
    return resolve_device(out,
                          m->device   ? m->device
                          : o->device ? o->device
                                      : s->engine.device,
                          o, err);
}

static qg_status place_case(qg_case *c, const qg_suite *s, const qg_plan_options *o, qg_err *err)
{
    const qg_measurement *m = o->ran ? qg_run_case(o->ran, c->id) : NULL;
    const char *ran_on = m && m->id.device ? m->id.device : "";

    QG_PASS(device_of(&c->device_name, c->model, s, o, err));
    QG_PASS(device_of(&c->reference_device_name, qg_suite_reference_of(s, c->model), s, o, err));
    if (qg_device_find(&c->device, qg_str_from(ran_on)))
        c->device_name = ran_on;
    else
        qg_device_find(&c->device, qg_str_from(c->device_name));
    return QG_OK;
}

static qg_status make_cases(qg_case **out, size_t *n, qg_arena *run, const qg_suite *s,
                            const qg_plan_options *o, qg_err *err)
{
    size_t n_batch = s->performance.present ? s->performance.n_batch : 0;
    qg_case *at = QG_NEW_N(run, qg_case, s->n_models * (n_batch + s->quality.present));

    QG_NEED(at, err);
    *n = 0;
    for (size_t m = 0; m < s->n_models; m++) {
        const qg_suite_model *model = &s->models[m];
        for (size_t b = s->quality.present ? 0 : 1; b <= n_batch; b++) {
            qg_case *c = &at[(*n)++];
            c->model = model;
            c->folder = folder_of(model);
            c->reference_folder = folder_of(qg_suite_reference_of(s, model));
            c->place = model->place;
            c->kind = b == 0 ? QG_CASE_QUALITY : QG_CASE_PERFORMANCE;
            c->batch = b == 0 ? 0 : (int)s->performance.batch[b - 1];
            c->id = qg_suite_case_id(run, model->name, c->batch);
            QG_NEED(c->id, err);
            QG_PASS(place_case(c, s, o, err));
            QG_PASS(pick_expects(c, b == 0 ? &model->quality : &model->performance, s, run, err));
        }
    }
    *out = at;
    return QG_OK;
}

static qg_status no_match(const qg_case *at, size_t n, qg_arena *run, const char *only, qg_err *err)
{
    qg_buf ids;

    qg_buf_init(&ids, run);
    for (size_t i = 0; i < n && i < 20; i++)
        qg_buf_format(&ids, "%s%s", i ? ", " : "", at[i].id);
    QG_NEED(!ids.failed, err);
    return qg_fail(err, QG_EARG, "no case matches '%s'; the cases are %s%s", only,
                   ids.ptr ? ids.ptr : "", n > 20 ? ", ..." : "");
}

/* Whether a budget of the case is a ratio to the case of its reference. */
static bool has_ratio(const qg_case *c)
{
    qg_metric compared;

    for (size_t i = 0; i < c->expect.n; i++)
        if (qg_metric_compared(&compared, c->expect.at[i].metric))
            return true;
    return false;
}

/* Whether a case is what another that matches is relative to. */
static bool is_needed(const qg_case *at, size_t n, qg_str glob, const qg_case *reference,
                      const qg_suite *s)
{
    for (size_t i = 0; i < n; i++)
        if (at[i].kind == reference->kind && at[i].batch == reference->batch &&
            at[i].model != reference->model &&
            qg_suite_reference_of(s, at[i].model) == reference->model &&
            qg_str_glob(glob, qg_str_from(at[i].id)) && has_ratio(&at[i]))
            return true;
    return false;
}

/* Keeps the cases whose ids match, in place. */
static qg_status filter(qg_case *at, size_t *n, qg_arena *run, const qg_suite *s, const char *only,
                        qg_err *err)
{
    size_t kept = 0;
    qg_str glob = qg_str_from(only ? only : "*");

    for (size_t i = 0; i < *n; i++)
        kept += qg_str_glob(glob, qg_str_from(at[i].id));
    if (kept == 0)
        return no_match(at, *n, run, glob.ptr, err);
    bool *needed = QG_NEW_N(run, bool, *n);
    QG_NEED(needed, err);
    for (size_t i = 0; i < *n; i++)
        needed[i] = is_needed(at, *n, glob, &at[i], s);
    kept = 0;
    for (size_t i = 0; i < *n; i++) {
        bool matches = qg_str_glob(glob, qg_str_from(at[i].id));
        if (!matches && !needed[i])
            continue;
        at[kept] = at[i];
        if (!matches)
            at[kept].expect.n = 0; /* measured for the others, not judged */
        kept++;
    }
    *n = kept;
    return QG_OK;
}

/* Tells each case its shard, and keeps those of the one that is asked for, in place. */
static qg_status keep_shard(qg_plan *plan, qg_case *at, size_t *n, qg_arena *run,
                            const qg_plan_options *o, qg_err *err)
{
    qg_split split;
    size_t n_parts = o->n_shards ? (size_t)o->n_shards : 1, kept = 0;

    QG_PASS(qg_split_cases(&split, run, at, *n, n_parts, o->times, err));
    plan->n_groups = split.n_groups;
    for (size_t i = 0; i < *n; i++) {
        at[i].cost = split.cost[i];
        at[i].shard = o->n_shards ? split.part[i] : 0;
        if (o->n_shards == 0 || o->every_shard || at[i].shard == o->shard)
            at[kept++] = at[i];
    }
    *n = kept;
    return QG_OK;
}

static qg_status unsupported(qg_err *err, qg_place place, const char *what, const char *name)
{
    qg_fail(err, QG_ENOSUP, "%s%s%s%s is not built in yet", what, name ? " '" : "",
            name ? name : "", name ? "'" : "");
    qg_err_at(err, place.file, place.line, place.column);
    return QG_ENOSUP;
}

/* What the suite says itself not to measure needs no device and nothing built in. */
static qg_status skip_case(qg_case *c, const qg_suite *s, qg_arena *run, qg_err *err)
{
    const qg_exception *e = qg_exceptions_skip(s, c->id);

    if (!e)
        return QG_OK;
    c->place = e->place;
    c->skip = qg_arena_format(run, "%s%s%s%s%s%s", e->reason, e->issue ? " (" : "",
                              e->issue ? e->issue : "", e->issue ? ")" : "",
                              e->expires ? ", up to " : "", e->expires ? e->expires : "");
    QG_NEED(c->skip, err);
    return QG_OK;
}

/* The device without which the case says nothing: its own, or that of what it is compared with. */
static qg_status find_missing(const char **out, const qg_case *c, const qg_suite *s,
                              const qg_plan_options *o, qg_arena *run, qg_err *err)
{
    const char *why = o->no_cuda ? o->no_cuda : "no CUDA device";
    qg_device reference = QG_DEVICE_CPU;

    *out = NULL;
    if (o->has_cuda)
        return QG_OK;
    if (c->device == QG_DEVICE_CUDA) {
        *out = why;
        return QG_OK;
    }
    qg_device_find(&reference, qg_str_from(c->reference_device_name));
    if (reference != QG_DEVICE_CUDA || !(qg_case_has_reference(c, s) || has_ratio(c)))
        return QG_OK;
    *out = qg_arena_format(run, "its reference '%s' needs cuda: %s",
                           qg_suite_reference_of(s, c->model)->name, why);
    QG_NEED(*out, err);
    return QG_OK;
}

static qg_status check_case(qg_case *c, const qg_suite *s, const qg_plan_options *o, qg_arena *run,
                            qg_err *err)
{
    const char *missing;

    if (c->skip)
        return QG_OK;
    if (!is_built_in(c->model->method))
        return unsupported(err, c->model->method_place, "method", c->model->method);
    if (c->kind == QG_CASE_QUALITY && s->quality.tasks.n > 0)
        return unsupported(err, s->quality.tasks_place, "evaluating 'tasks'", NULL);
    for (size_t i = 0; i < c->expect.n; i++)
        if (!is_measured(c->expect.at[i].metric))
            return unsupported(err, c->expect.at[i].place, "metric",
                               qg_metric_info_of(c->expect.at[i].metric)->name);
    QG_PASS(find_missing(&missing, c, s, o, run, err));
    c->skip = missing;
    if (!missing || !o->require_cuda)
        return QG_OK;
    return qg_fail(err, QG_EDEVICE, "case '%s' requires cuda: %s", c->id, missing);
}

bool qg_case_has_reference(const qg_case *c, const qg_suite *s)
{
    return c->kind == QG_CASE_QUALITY && !c->skip && !c->model->is_reference &&
           (s->quality.text || qg_case_compares_greedy(c));
}

bool qg_case_compares_greedy(const qg_case *c)
{
    for (size_t i = 0; i < c->expect.n; i++)
        if (c->expect.at[i].metric == QG_METRIC_GREEDY_SAME)
            return true;
    return false;
}

qg_status qg_plan_make(qg_plan *out, qg_arena *run, const qg_suite *suite,
                       const qg_plan_options *options, qg_err *err)
{
    const qg_plan_options *o = options;
    qg_case *at = NULL;
    size_t n = 0;

    if (o->n_shards < 0 ||
        (o->n_shards > 0 && !o->every_shard && (o->shard < 1 || o->shard > o->n_shards)))
        return qg_fail(err, QG_EARG, "shard must be 1 to N of N, like 2/3, not %d/%d", o->shard,
                       o->n_shards);
    QG_PASS(make_cases(&at, &n, run, suite, o, err));
    *out = (qg_plan){.suite = suite, .n_all = n, .shard = o->shard, .n_shards = o->n_shards};
    QG_PASS(filter(at, &n, run, suite, o->only, err));
    for (size_t i = 0; i < n; i++)
        QG_PASS(skip_case(&at[i], suite, run, err));
    QG_PASS(keep_shard(out, at, &n, run, o, err));
    for (size_t i = 0; i < n; i++) {
        set_drift(&at[i]);
        QG_PASS(check_case(&at[i], suite, o, run, err));
    }
    out->cases = at;
    out->n_cases = n;
    return QG_OK;
}
