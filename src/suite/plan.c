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
    return e->batch == c->batch;
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

static qg_status make_cases(qg_case **out, size_t *n, qg_arena *run, const qg_suite *s, qg_err *err)
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
            c->place = model->place;
            c->kind = b == 0 ? QG_CASE_QUALITY : QG_CASE_PERFORMANCE;
            c->batch = b == 0 ? 0 : (int)s->performance.batch[b - 1];
            c->id = qg_suite_case_id(run, model->name, c->batch);
            QG_NEED(c->id, err);
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

/* Keeps the cases whose ids match, in place. */
/* Whether a case of the reference is what a case that matches is relative to. */
static bool is_needed(const qg_case *at, size_t n, qg_str glob, const qg_case *reference)
{
    qg_metric compared;

    if (!reference->model->is_reference || reference->kind != QG_CASE_PERFORMANCE)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (at[i].kind != reference->kind || at[i].batch != reference->batch ||
            !qg_str_glob(glob, qg_str_from(at[i].id)))
            continue;
        for (size_t k = 0; k < at[i].expect.n; k++)
            if (qg_metric_compared(&compared, at[i].expect.at[k].metric))
                return true;
    }
    return false;
}

static qg_status filter(qg_case *at, size_t *n, qg_arena *run, const char *only, qg_err *err)
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
        needed[i] = is_needed(at, *n, glob, &at[i]);
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

static qg_status choose_device(qg_device *out, const qg_suite *s, const qg_plan_options *o,
                               qg_err *err)
{
    *out = (qg_device)s->engine.device;
    if (o->device) {
        for (*out = QG_DEVICE_AUTO; *out <= QG_DEVICE_CUDA; (*out)++)
            if (strcmp(o->device, qg_device_name(*out)) == 0)
                break;
        if (*out > QG_DEVICE_CUDA)
            return qg_fail(err, QG_EARG, "device must be auto, cpu or cuda, not '%s'", o->device);
    }
    if (*out == QG_DEVICE_AUTO)
        *out = o->has_cuda ? QG_DEVICE_CUDA : QG_DEVICE_CPU;
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

static qg_status check_case(qg_case *c, const qg_suite *s, const qg_plan_options *o, qg_err *err)
{
    const char *why = o->no_cuda ? o->no_cuda : "no CUDA device";

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
    if (c->device != QG_DEVICE_CUDA || o->has_cuda)
        return QG_OK;
    c->skip = why;
    if (!o->require_cuda)
        return QG_OK;
    return qg_fail(err, QG_EDEVICE, "case '%s' requires cuda: %s", c->id, why);
}

bool qg_case_has_reference(const qg_case *c, const qg_suite *s)
{
    return c->kind == QG_CASE_QUALITY && !c->skip && !c->model->is_reference && s->quality.text;
}

qg_status qg_plan_make(qg_plan *out, qg_arena *run, const qg_suite *suite,
                       const qg_plan_options *options, qg_err *err)
{
    const qg_plan_options *o = options;
    qg_device device;
    qg_case *at = NULL;
    size_t n = 0;

    if (o->n_shards < 0 ||
        (o->n_shards > 0 && !o->every_shard && (o->shard < 1 || o->shard > o->n_shards)))
        return qg_fail(err, QG_EARG, "shard must be 1 to N of N, like 2/3, not %d/%d", o->shard,
                       o->n_shards);
    QG_PASS(choose_device(&device, suite, o, err));
    QG_PASS(make_cases(&at, &n, run, suite, err));
    *out = (qg_plan){.suite = suite,
                     .n_all = n,
                     .shard = o->shard,
                     .n_shards = o->n_shards,
                     .reference_folder = folder_of(suite->reference)};
    QG_PASS(filter(at, &n, run, o->only, err));
    for (size_t i = 0; i < n; i++) {
        at[i].device = device;
        QG_PASS(skip_case(&at[i], suite, run, err));
    }
    QG_PASS(keep_shard(out, at, &n, run, o, err));
    for (size_t i = 0; i < n; i++) {
        set_drift(&at[i]);
        QG_PASS(check_case(&at[i], suite, o, err));
    }
    out->cases = at;
    out->n_cases = n;
    return QG_OK;
}
