/* One arm: see arm.h. */
#include "measure/arm.h"

#include "base/clock.h"
#include "base/json.h"
#include "measure/machine.h"
#include "measure/task.h"
#include "record/record_json.h"

#include <math.h>
#include <string.h>

enum { LOG_LINES = 8 };
static const char *const series_names[QG_ARM_SERIES] = {"ttft", "tpot", "itl", "e2e", "throughput"};

static qg_status status_of_name(qg_str name)
{
#define X(n, text, exit_class)                                                                     \
    if (qg_str_is(name, #n))                                                                       \
        return QG_##n;
    QG_STATUS_LIST(X)
#undef X
    return QG_EWORKER;
}

void qg_arm_tell(const qg_arm *a, double done)
{
    if (a->options->on_progress)
        a->options->on_progress(a->options->user, a->label, done);
}

/* What the worker says it could not do. */
static qg_status fail_as_told(const qg_json *error, qg_err *err)
{
    qg_str name = QG_STR(""), message = QG_STR("it did not say why");

    qg_json_str(qg_json_get(error, "status"), &name);
    qg_json_str(qg_json_get(error, "message"), &message);
    return qg_fail(err, status_of_name(name), QG_STR_PRI, QG_STR_ARG(message));
}

/* Sends a request and waits for its answer; progress on the way is passed on. Both live on scratch
 * until the next rewind. */
static qg_status ask(const qg_json **out, qg_str *line, const qg_arm *a, qg_str request,
                     qg_err *err)
{
    double done;

    QG_PASS(qg_process_send(a->process, request, err));
    for (;;) {
        QG_PASS(qg_process_line(line, a->scratch, a->process, a->options->timeout_ns, err));
        if (qg_json_parse(out, a->scratch, *line, "answer", NULL) != QG_OK ||
            qg_json_type_of(*out) != QG_JSON_OBJECT)
            return qg_fail(err, QG_EWORKER, "worker sent what is no answer: '%.60s'", line->ptr);
        if (qg_json_get(*out, "error"))
            return fail_as_told(qg_json_get(*out, "error"), err);
        if (!qg_json_real(qg_json_get(*out, "progress"), &done))
            return QG_OK;
        qg_arm_tell(a, done);
    }
}

static const char *dtype_text(int choice)
{
    static const char *const names[] = {[QG_CHOOSE_AUTO] = "auto",
                                        [QG_CHOOSE_FLOAT16] = "float16",
                                        [QG_CHOOSE_BFLOAT16] = "bfloat16",
                                        [QG_CHOOSE_FLOAT32] = "float32"};
    return names[choice];
}

/* A model's own tier stands, whatever the others run on. */
static const char *tier_of(const qg_suite_model *m, const qg_suite *s, const qg_measure_options *o)
{
    return m->tier ? m->tier : o->tier ? o->tier : s->engine.tier;
}

/* The reference of a case, where it is read beside one. */
static void set_reference(qg_task *t, const qg_case *c, const qg_plan *plan,
                          const qg_measure_options *o)
{
    const qg_suite_model *reference = qg_suite_reference_of(plan->suite, c->model);

    t->reference = c->reference_folder;
    t->reference_device = c->reference_device_name;
    t->reference_tier = tier_of(reference, plan->suite, o);
    t->reference_quantization = reference->method;
    t->reference_activations = reference->activations;
    t->reference_dtype = dtype_text(reference->dtype);
}

static qg_task task_of(const qg_case *c, const qg_plan *plan, const qg_measure_options *o)
{
    const qg_suite *s = plan->suite;
    bool quality = c->kind == QG_CASE_QUALITY;
    qg_task t = {.folder = c->folder,
                 .device = c->device_name,
                 .tier = tier_of(c->model, s, o),
                 .quantization = c->model->method,
                 .activations = c->model->activations,
                 .dtype = dtype_text(c->model->dtype),
                 .threads = o->threads ? o->threads : s->engine.threads,
                 .max_model_len = s->engine.max_model_len,
                 .seed = o->seed >= 0 ? o->seed : s->engine.seed,
                 .hash = quality,
                 .quality = quality,
                 .prompts = quality ? s->quality.prompts : (qg_texts){0},
                 .text = quality && !o->only_goldens ? s->quality.text : NULL,
                 .window = s->quality.window,
                 .max_tokens = s->quality.max_tokens,
                 .batch = c->batch,
                 .input_len = s->performance.input_len,
                 .output_len = s->performance.output_len};

    if (quality && !o->only_goldens && qg_case_has_reference(c, s))
        set_reference(&t, c, plan, o);
    t.greedy = t.reference && qg_case_compares_greedy(c);
    return t;
}

void qg_arm_begin(qg_arm *a)
{
    const qg_case *c = a->c;
    const qg_suite *s = a->plan->suite;
    bool quality = c->kind == QG_CASE_QUALITY;

    *a->m = (qg_measurement){.id = {.id = c->id,
                                    .model = c->model->name,
                                    .method = c->model->method,
                                    .device = qg_device_name(c->device),
                                    .kind = quality ? "quality" : "performance",
                                    .batch = c->batch,
                                    .input_len = quality ? 0 : s->performance.input_len,
                                    .output_len = quality ? 0 : s->performance.output_len},
                             .state = c->skip ? QG_CASE_SKIPPED : QG_CASE_MEASURED,
                             .message = c->skip,
                             .file = c->place.file,
                             .line = c->place.line,
                             .column = c->place.column};
    a->start_ns = qg_clock_ns();
}

qg_status qg_arm_open(qg_arm *a, qg_err *err)
{
    const char *argv[] = {a->program, "worker", NULL};
    qg_task task = task_of(a->c, a->plan, a->options);
    const qg_json *answer;
    qg_str line;
    qg_buf request;

    task.cpus = a->cpus;
    a->scratch = qg_arena_create();
    QG_NEED(a->scratch, err);
    QG_PASS(qg_process_start(&a->process, a->scratch, argv, err));
    qg_buf_init(&request, a->scratch);
    QG_PASS(qg_task_to_json(&request, &task, err));
    return ask(&answer, &line, a, qg_buf_view(&request), err);
}

qg_status qg_arm_quality(qg_arm *a, qg_err *err)
{
    const qg_json *answer;
    qg_str line;

    return ask(&answer, &line, a, QG_STR("{\"do\":\"quality\"}"), err);
}

/* ---- samples ---- */

/* Samples that a run adds to a series. */
static size_t samples_a_run(const qg_arm *a, int series)
{
    return series == QG_ARM_ITL ? (size_t)a->plan->suite->performance.output_len - 1 : 1;
}

qg_status qg_arm_make_room(qg_arm *a, size_t n_runs, qg_err *err)
{
    qg_measurement *m = a->m;

    if (!m->series) {
        m->series = QG_NEW_N(a->arena, qg_series, QG_ARM_SERIES);
        QG_NEED(m->series, err);
        m->n_series = QG_ARM_SERIES;
    }
    for (int k = 0; k < QG_ARM_SERIES; k++) {
        qg_series *s = &m->series[k];
        double *more = QG_NEW_N(a->arena, double, n_runs *samples_a_run(a, k));
        QG_NEED(more, err);
        if (s->n_samples)
            memcpy(more, s->samples, s->n_samples * sizeof *more);
        s->name = series_names[k];
        s->samples = more;
    }
    a->room = n_runs;
    return QG_OK;
}

static qg_status append(const qg_arm *a, int series, const qg_json *number, qg_err *err)
{
    qg_series *s = &a->m->series[series];
    double v;

    if (!qg_json_real(number, &v) || v < 0 || !isfinite(v) ||
        s->n_samples == a->room * samples_a_run(a, series))
        return qg_fail(err, QG_EWORKER, "worker sent a '%s' that is no time", s->name);
    s->samples[s->n_samples++] = v;
    return QG_OK;
}

static qg_status keep_sample(const qg_arm *a, const qg_json *answer, qg_err *err)
{
    const qg_json *itl = qg_json_get(answer, "itl");

    if (qg_json_len(itl) != samples_a_run(a, QG_ARM_ITL))
        return qg_fail(err, QG_EWORKER, "worker sent %zu gaps, %zu were expected", qg_json_len(itl),
                       samples_a_run(a, QG_ARM_ITL));
    for (int k = 0; k < QG_ARM_SERIES; k++)
        if (k != QG_ARM_ITL)
            QG_PASS(append(a, k, qg_json_get(answer, series_names[k]), err));
    for (size_t i = 0; i < qg_json_len(itl); i++)
        QG_PASS(append(a, QG_ARM_ITL, qg_json_at(itl, i), err));
    return QG_OK;
}

qg_status qg_arm_sample(qg_arm *a, int64_t index, double *e2e, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(a->scratch);
    const qg_json *answer;
    qg_str line;
    char *request =
        qg_arena_format(a->scratch, "{\"do\":\"sample\",\"index\":%lld}", (long long)index);

    QG_NEED(request, err);
    QG_PASS(ask(&answer, &line, a, qg_str_from(request), err));
    if (!qg_json_real(qg_json_get(answer, "e2e"), e2e))
        return qg_fail(err, QG_EWORKER, "worker sent a sample without 'e2e'");
    if (index >= 0)
        QG_PASS(keep_sample(a, answer, err));
    qg_arena_rewind(a->scratch, mark);
    return QG_OK;
}

/* ---- the end ---- */

static void keep_model(const qg_arm *a, const qg_model_info *told)
{
    qg_run *run = a->run;

    for (size_t i = 0; i < run->n_models; i++) {
        qg_model_info *info = &run->models[i];
        if (strcmp(info->name, a->c->model->name) != 0)
            continue;
        const char *name = info->name, *hash = info->model_hash, *reference = info->reference;
        *info = *told;
        info->name = name;
        info->reference = reference;
        info->model_hash = info->model_hash ? info->model_hash : hash;
    }
}

qg_status qg_arm_finish(qg_arm *a, qg_err *err)
{
    const qg_json *answer;
    qg_measurement *m = a->m;
    qg_pressure mine = m->pressure;
    qg_str line;
    qg_run *told;

    QG_PASS(ask(&answer, &line, a, QG_STR("{\"do\":\"finish\"}"), err));
    if (qg_run_from_json(&told, a->arena, line, "the worker's record", err) != QG_OK) {
        if (err)
            err->code = QG_EWORKER;
        return QG_EWORKER;
    }
    if (told->n_models != 1 || told->n_measurements != 1)
        return qg_fail(err, QG_EWORKER, "worker's record holds %zu models and %zu measurements",
                       told->n_models, told->n_measurements);
    const qg_measurement *t = told->measurements;
    m->scalars = t->scalars;
    m->n_scalars = t->n_scalars;
    m->docs = t->docs;
    m->n_docs = t->n_docs;
    m->kld = t->kld;
    m->dlogprob = t->dlogprob;
    m->n_continued = t->n_continued;
    m->n_same = t->n_same;
    m->gold = t->gold;
    m->protocol = t->protocol;
    m->load_bytes = t->load_bytes;
    m->load_ns = t->load_ns;
    m->pressure = t->pressure;
    m->pressure.unstable = mine.unstable;
    QG_PASS(qg_machine_join(&a->run->machine, a->arena, &told->machine, err));
    keep_model(a, told->models);
    return QG_OK;
}

qg_status qg_arm_fail(qg_arm *a, const qg_err *why, qg_err *err)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];
    qg_measurement *m = a->m;

    m->state = QG_CASE_FAILED;
    m->exit_class = qg_status_exit(why->code);
    m->message = qg_str_dup(a->arena, qg_str_from(qg_err_format(why, text, sizeof text)));
    QG_NEED(m->message, err);
    if (why->code == QG_EWORKER && a->process) {
        m->log = qg_process_log(a->arena, a->process, LOG_LINES);
        QG_NEED(m->log, err);
    }
    m->series = NULL;
    m->n_series = 0;
    return QG_OK;
}

void qg_arm_end(qg_arm *a)
{
    a->m->wall_ns = qg_clock_ns() - a->start_ns;
    qg_arena_free(a->scratch); /* ends the worker */
    a->scratch = NULL;
    a->process = NULL;
}
