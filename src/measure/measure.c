/* Measuring a plan: see measure.h. This side only talks to workers and keeps what they say; the
 * engine never runs in this process. */
#include "measure/measure.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/process.h"
#include "measure/task.h"
#include "record/record_json.h"

#include <math.h>
#include <string.h>

enum { LOG_LINES = 8 };
static const char *const series_names[] = {"ttft", "tpot", "itl", "e2e", "throughput"};
enum { TTFT, TPOT, ITL, E2E, THROUGHPUT, N_SERIES };

typedef struct arm {
    qg_process *process;
    qg_arena *arena;   /* of the run: what is kept     */
    qg_arena *scratch; /* of one answer                */
    const qg_case *c;
    const qg_measure_options *options;
} arm;

static qg_status status_of_name(qg_str name)
{
#define X(n, text, exit_class)                                                                     \
    if (qg_str_is(name, #n))                                                                       \
        return QG_##n;
    QG_STATUS_LIST(X)
#undef X
    return QG_EWORKER;
}

static void tell(const arm *a, double done)
{
    if (a->options->on_progress)
        a->options->on_progress(a->options->user, a->c->id, done);
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
static qg_status ask(const qg_json **out, qg_str *line, const arm *a, qg_str request, qg_err *err)
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
        tell(a, done);
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

/* The reference of a case, where it is read beside one. */
static void set_reference(qg_task *t, const qg_plan *plan)
{
    const qg_suite_model *reference = plan->suite->reference;

    t->reference = plan->reference_folder;
    t->reference_quantization = reference->method;
    t->reference_activations = reference->activations;
    t->reference_dtype = dtype_text(reference->dtype);
}

static qg_task task_of(const qg_case *c, const qg_plan *plan, const qg_measure_options *o)
{
    const qg_suite *s = plan->suite;
    bool quality = c->kind == QG_CASE_QUALITY;
    qg_task t = {.folder = c->folder,
                 .device = qg_device_name(c->device),
                 .tier = o->tier,
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

    if (t.text && qg_case_has_reference(c, s))
        set_reference(&t, plan);
    return t;
}

int64_t qg_measure_samples(const qg_case *c, const qg_suite_performance *p)
{
    int64_t n = p->samples_min;

    for (size_t i = 0; i < c->expect.n; i++) {
        int least =
            qg_percentile_least_samples(qg_metric_info_of(c->expect.at[i].metric)->percentile);
        n = least > n ? least : n;
    }
    return n < p->samples_max ? n : p->samples_max;
}

static qg_status append(qg_series *s, size_t room, const qg_json *number, qg_err *err)
{
    double v;

    if (!qg_json_real(number, &v) || v < 0 || !isfinite(v) || s->n_samples == room)
        return qg_fail(err, QG_EWORKER, "worker sent a '%s' that is no time", s->name);
    s->samples[s->n_samples++] = v;
    return QG_OK;
}

static qg_status keep_sample(qg_measurement *m, const size_t room[], const qg_json *answer,
                             qg_err *err)
{
    const qg_json *itl = qg_json_get(answer, "itl");

    for (int k = 0; k < N_SERIES; k++)
        if (k != ITL)
            QG_PASS(append(&m->series[k], room[k], qg_json_get(answer, series_names[k]), err));
    for (size_t i = 0; i < qg_json_len(itl); i++)
        QG_PASS(append(&m->series[ITL], room[ITL], qg_json_at(itl, i), err));
    return QG_OK;
}

static qg_status measure_samples(qg_measurement *m, arm *a, const qg_suite_performance *p,
                                 qg_err *err)
{
    int64_t n = qg_measure_samples(a->c, p);
    size_t room[N_SERIES];

    m->series = QG_NEW_N(a->arena, qg_series, N_SERIES);
    QG_NEED(m->series, err);
    m->n_series = N_SERIES;
    for (int k = 0; k < N_SERIES; k++) {
        room[k] = (size_t)n * (k == ITL ? (size_t)p->output_len - 1 : 1);
        m->series[k].name = series_names[k];
        m->series[k].samples = QG_NEW_N(a->arena, double, room[k]);
        QG_NEED(m->series[k].samples, err);
    }
    for (int64_t i = -p->samples_warmup; i < n; i++) {
        qg_arena_mark mark = qg_arena_here(a->scratch);
        const qg_json *answer;
        qg_str line;
        char *request =
            qg_arena_format(a->scratch, "{\"do\":\"sample\",\"index\":%lld}", (long long)i);
        QG_NEED(request, err);
        QG_PASS(ask(&answer, &line, a, qg_str_from(request), err));
        if (i >= 0)
            QG_PASS(keep_sample(m, room, answer, err));
        qg_arena_rewind(a->scratch, mark);
        tell(a, (double)(i + 1 + p->samples_warmup) / (double)(n + p->samples_warmup));
    }
    return QG_OK;
}

/* The worker's own record becomes part of ours: machine, model, and all that its measurement holds.
 */
static qg_status keep_record(qg_run *run, qg_measurement *m, arm *a, qg_err *err)
{
    const qg_json *answer;
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
    m->gold = t->gold;
    m->protocol = t->protocol;
    if (!run->machine.device)
        run->machine = told->machine;
    for (size_t i = 0; i < run->n_models; i++) {
        qg_model_info *info = &run->models[i];
        if (strcmp(info->name, a->c->model->name) != 0)
            continue;
        const char *name = info->name, *hash = info->model_hash;
        *info = told->models[0];
        info->name = name;
        info->model_hash = info->model_hash ? info->model_hash : hash;
    }
    return QG_OK;
}

static qg_status measure_in_worker(qg_run *run, qg_measurement *m, arm *a, const qg_plan *plan,
                                   qg_err *err)
{
    const char *argv[] = {a->options->program, "worker", NULL};
    qg_task task = task_of(a->c, plan, a->options);
    const qg_json *answer;
    qg_str line;
    qg_buf request;

    QG_PASS(qg_process_start(&a->process, a->scratch, argv, err));
    qg_buf_init(&request, a->scratch);
    QG_PASS(qg_task_to_json(&request, &task, err));
    QG_PASS(ask(&answer, &line, a, qg_buf_view(&request), err));
    if (a->c->kind == QG_CASE_QUALITY)
        QG_PASS(ask(&answer, &line, a, QG_STR("{\"do\":\"quality\"}"), err));
    else
        QG_PASS(measure_samples(m, a, &plan->suite->performance, err));
    return keep_record(run, m, a, err);
}

static qg_status note_failure(qg_measurement *m, arm *a, const qg_err *failed, qg_err *err)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];

    m->state = QG_CASE_FAILED;
    m->exit_class = qg_status_exit(failed->code);
    m->message = qg_str_dup(a->arena, qg_str_from(qg_err_format(failed, text, sizeof text)));
    QG_NEED(m->message, err);
    if (failed->code == QG_EWORKER && a->process) {
        m->log = qg_process_log(a->arena, a->process, LOG_LINES);
        QG_NEED(m->log, err);
    }
    m->series = NULL; /* half a series would look like a whole one */
    m->n_series = 0;
    return QG_OK;
}

static qg_measurement blank(const qg_case *c, const qg_suite *s)
{
    bool quality = c->kind == QG_CASE_QUALITY;
    return (qg_measurement){.id = {.id = c->id,
                                   .model = c->model->name,
                                   .method = c->model->method,
                                   .device = qg_device_name(c->device),
                                   .kind = quality ? "quality" : "performance",
                                   .batch = c->batch,
                                   .input_len = quality ? 0 : s->performance.input_len,
                                   .output_len = quality ? 0 : s->performance.output_len},
                            .file = c->place.file,
                            .line = c->place.line,
                            .column = c->place.column};
}

static qg_status measure_case(qg_run *run, qg_measurement *m, qg_arena *arena, const qg_case *c,
                              const qg_plan *plan, const qg_measure_options *options, qg_err *err)
{
    arm a = {.arena = arena, .scratch = qg_arena_create(), .c = c, .options = options};
    qg_err failed = {0};
    qg_status status = QG_OK;
    int64_t start_ns = qg_clock_ns();

    QG_NEED(a.scratch, err);
    *m = blank(c, plan->suite);
    if (c->skip) {
        m->state = QG_CASE_SKIPPED;
        m->message = c->skip;
    } else if (measure_in_worker(run, m, &a, plan, &failed) != QG_OK) {
        status = note_failure(m, &a, &failed, err);
    }
    m->wall_ns = qg_clock_ns() - start_ns;
    qg_arena_free(a.scratch); /* ends the worker */
    return status;
}

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
            run->models[run->n_models++] = (qg_model_info){
                .name = m->name, .path = plan->cases[i].folder, .method = m->method};
    }
    return QG_OK;
}

qg_status qg_measure_plan(qg_run *run, qg_arena *arena, const qg_plan *plan,
                          const qg_measure_options *options, qg_err *err)
{
    QG_PASS(list_models(run, arena, plan, err));
    run->reference = plan->suite->reference->name;
    run->measurements = QG_NEW_N(arena, qg_measurement, plan->n_cases + 1);
    QG_NEED(run->measurements, err);
    for (size_t i = 0; i < plan->n_cases; i++) {
        const qg_case *c = &plan->cases[i];
        if (options->only_goldens && c->kind != QG_CASE_QUALITY)
            continue;
        if (options->on_progress)
            options->on_progress(options->user, c->id, 0);
        QG_PASS(measure_case(run, &run->measurements[run->n_measurements], arena, c, plan, options,
                             err));
        run->n_measurements++;
    }
    return QG_OK;
}
