/* The process of one arm: see worker.h. Memory of a request is rewound when it is answered; what
 * lasts (task, engine, the measurement) is on the model's arena. */
#include "measure/worker.h"

#include "build_info.h"
#include "measure/cpus.h"
#include "measure/culprit.h"
#include "measure/latency.h"
#include "measure/live_reference.h"
#include "measure/machine.h"
#include "measure/pressure.h"
#include "measure/quality.h"
#include "record/record_json.h"
#include "record/value.h"

#include <stdlib.h>
#include <string.h>

typedef struct worker {
    FILE *out;
    qg_arena *model, *request;
    qg_task task;
    qg_engine *engine;
    qg_reference reference; /* engine NULL: none */
    qg_quality *quality;
    qg_measurement measured;
    qg_pressure_meter meter;
    char hash[QG_HASH_HEX];
} worker;

static qg_status write_line(worker *w, const qg_buf *b, qg_err *err)
{
    if (b->failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    if (fwrite(b->ptr, 1, b->len, w->out) != b->len || fputc('\n', w->out) == EOF ||
        fflush(w->out) != 0)
        return qg_fail(err, QG_EIO, "cannot answer");
    return QG_OK;
}

static qg_status answer(worker *w, const char *text, qg_err *err)
{
    qg_buf b;
    qg_buf_init(&b, w->request);
    qg_buf_text(&b, text);
    return write_line(w, &b, err);
}

static qg_status answer_error(worker *w, const qg_err *e, qg_err *err)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];
    qg_buf b;
    qg_json_writer j;

    qg_buf_init(&b, w->request);
    qg_json_write_begin(&j, &b);
    qg_json_write_object(&j);
    qg_json_write_key(&j, "error");
    qg_json_write_object(&j);
    qg_json_put_text(&j, "status", qg_status_name(e->code));
    qg_json_put_text(&j, "message", qg_err_format(e, text, sizeof text));
    qg_json_write_close(&j);
    qg_json_write_close(&j);
    return write_line(w, &b, err);
}

/* What must be known before weights are loaded: the texts say how much the cache must hold, and the
 * reference must share their tokens. */
static qg_status prepare_quality(worker *w, qg_engine_options *options, qg_err *err)
{
    const qg_task *t = &w->task;

    QG_TRY(qg_tokenizer_open(&options->tokenizer, w->model, t->folder, err), err,
           "opening model '%s'", t->folder);
    QG_PASS(qg_quality_prepare(&w->quality, w->model, t, options->tokenizer, err));
    options->kv_tokens = w->quality->kv_tokens;
    w->reference = (qg_reference){.folder = t->reference,
                                  .device = t->reference_device,
                                  .tier = t->reference_tier,
                                  .quantization = t->reference_quantization,
                                  .activations = t->reference_activations,
                                  .dtype = t->reference_dtype};
    if (!t->reference)
        return QG_OK;
    return qg_reference_prepare(&w->reference, w->model, options->tokenizer, t->folder, err);
}

/* With room for the text alone where prompts are not put to it. */
static qg_status open_reference(worker *w, const qg_engine_options *like, qg_err *err)
{
    qg_engine_options options = *like;

    if (!w->task.greedy)
        options.kv_tokens = w->quality->documents.kv_tokens;
    return qg_reference_open(&w->reference, w->model, &options, err);
}

static qg_status do_open(worker *w, const qg_json *request, qg_err *err)
{
    qg_task *t = &w->task;

    if (w->engine)
        return qg_fail(err, QG_EREFUSED, "a model is open already");
    QG_PASS(qg_task_from_json(t, w->model, request, err));
    if (t->cpus)
        QG_PASS(qg_cpus_bind(t->cpus, err));
    qg_engine_options options = {.device = t->device,
                                 .tier = t->tier,
                                 .quantization = t->quantization,
                                 .activations = t->activations,
                                 .dtype = t->dtype,
                                 .n_threads = (int)t->threads,
                                 .max_model_len = (int)t->max_model_len};
    if (t->quality)
        QG_PASS(prepare_quality(w, &options, err));
    else
        qg_latency_room(&options, t);
    qg_engine *e;
    QG_PASS(qg_engine_open(&e, w->model, t->folder, &options, err));
    if (w->reference.folder)
        QG_PASS(open_reference(w, &options, err));
    if (t->hash)
        QG_PASS(qg_engine_hash_folder(w->hash, t->folder, err));
    qg_engine_reset_peak(e);
    w->measured.pressure.timer_ns = qg_pressure_timer_ns();
    w->engine = e;
    w->meter.engine = e;
    return answer(w, "{\"opened\":true}", err);
}

static void tell_progress(void *user, double done)
{
    worker *w = user;
    fprintf(w->out, "{\"progress\":%.4f}\n", done);
    fflush(w->out);
}

static qg_status do_quality(worker *w, qg_err *err)
{
    if (!w->quality)
        return qg_fail(err, QG_EREFUSED, "the task asks for no quality");
    QG_PASS(qg_quality_measure(&w->measured, w->model, w->engine, w->reference.engine, w->quality,
                               tell_progress, w, err));
    if (w->measured.gold && w->hash[0])
        w->measured.gold->model_hash = w->hash;
    return answer(w, "{\"measured\":true}", err);
}

/* Samples before number 0 warm up. */
static qg_status take_sample(qg_sample *out, worker *w, int64_t index, qg_err *err)
{
    qg_pressure *pressure = &w->measured.pressure;

    pressure->n_warmup += index < 0;
    if (index >= 0)
        qg_pressure_begin(&w->meter, w->request);
    QG_PASS(
        qg_latency_sample(out, w->request, w->engine, &w->task, index, pressure->timer_ns, err));
    if (index >= 0)
        qg_pressure_end(pressure, &w->meter, w->request);
    return QG_OK;
}

static qg_status do_sample(worker *w, const qg_json *request, qg_err *err)
{
    qg_sample s;
    qg_buf b;
    qg_json_writer j;
    int64_t index;

    if (w->quality || !qg_json_int(qg_json_get(request, "index"), &index))
        return qg_fail(err, QG_EREFUSED, "a sample needs a performance task and an index");
    QG_PASS(take_sample(&s, w, index, err));
    qg_buf_init(&b, w->request);
    qg_json_write_begin(&j, &b);
    qg_json_write_object(&j);
    qg_json_put_real(&j, "ttft", s.ttft);
    qg_json_put_real(&j, "tpot", s.tpot);
    qg_json_write_key(&j, "itl");
    qg_json_write_array(&j);
    for (size_t i = 0; i < s.n_itl; i++)
        qg_json_write_real(&j, s.itl[i]);
    qg_json_write_end_array(&j);
    qg_json_put_real(&j, "e2e", s.e2e);
    qg_json_put_real(&j, "throughput", s.throughput);
    qg_json_write_close(&j);
    QG_PASS(qg_json_write_end(&j, err));
    return write_line(w, &b, err);
}

/* Metrics of the text as numbers, beside the sums that they are made of. */
static qg_status keep_text(qg_measurement *m, qg_scalar *scalars, qg_arena *scratch, qg_err *err)
{
    for (int i = 0; i < QG_METRIC_N; i++) {
        qg_value v;
        if (qg_metric_info_of((qg_metric)i)->section != QG_QUALITY)
            continue;
        QG_PASS(qg_value_of(&v, scratch, m, (qg_metric)i, err));
        if (v.known)
            scalars[m->n_scalars++] = (qg_scalar){(qg_metric)i, v.value, v.n};
    }
    return QG_OK;
}

/* The ledger is the model's own. The greatest resident set, and what the driver counts, are the
 * whole process's, so they are no numbers of this case where a reference was in it. Device memory
 * is only given back at the end, so what is in use then was the most. */
static void keep_memory(qg_measurement *m, qg_scalar *scalars, const qg_engine *e, bool alone)
{
    const qg_ledger ledger = qg_engine_describe(e).ledger, *l = &ledger;
    qg_device_state device;
    const struct {
        qg_metric metric;
        int64_t bytes;
    } lines[] = {
        {QG_METRIC_MEMORY_PEAK, l->peak},
        {QG_METRIC_WEIGHTS, l->bytes[QG_PURPOSE_WEIGHTS]},
        {QG_METRIC_KV_CACHE, l->bytes[QG_PURPOSE_KV_CACHE]},
        {QG_METRIC_ACTIVATIONS, l->bytes[QG_PURPOSE_ACTIVATIONS]},
        {QG_METRIC_WORKSPACE, l->bytes[QG_PURPOSE_WORKSPACE]},
        {QG_METRIC_HOST_PEAK, qg_machine_peak_rss()},
    };
    size_t n = sizeof lines / sizeof *lines - !alone;

    if (alone && qg_engine_observe(&device, e) && device.used_bytes >= 0)
        scalars[m->n_scalars++] = (qg_scalar){QG_METRIC_DEVICE_PEAK, (double)device.used_bytes, 1};
    for (size_t i = 0; i < n; i++)
        scalars[m->n_scalars++] = (qg_scalar){lines[i].metric, (double)lines[i].bytes, 1};
}

static qg_status do_finish(worker *w, qg_err *err)
{
    qg_engine_info info = qg_engine_describe(w->engine);
    qg_scalar scalars[QG_METRIC_N];
    qg_model_info model = {.name = w->task.folder, /* the caller knows their names */
                           .path = w->task.folder,
                           .family = info.family,
                           .method = info.method,
                           .model_hash = w->hash[0] ? w->hash : NULL,
                           .tokenizer_hash = qg_tokenizer_hash(qg_engine_tokenizer(w->engine)),
                           .n_params = info.n_params,
                           .bits = info.bits,
                           .group_size = info.group_size,
                           .bytes = info.ledger.bytes[QG_PURPOSE_WEIGHTS]};
    qg_run run = {.version = QG_BUILD_VERSION,
                  .commit = QG_BUILD_COMMIT,
                  .models = &model,
                  .n_models = 1,
                  .measurements = &w->measured,
                  .n_measurements = 1};
    qg_buf b;

    QG_PASS(qg_machine_describe(&run.machine, w->request, &info, err));
    w->measured.id = (qg_caseid){.id = w->task.folder,
                                 .model = w->task.folder,
                                 .method = info.method,
                                 .device = info.device,
                                 .kind = w->task.quality ? "quality" : "performance",
                                 .batch = w->task.batch,
                                 .input_len = w->task.quality ? 0 : w->task.input_len,
                                 .output_len = w->task.quality ? 0 : w->task.output_len};
    w->measured.load_bytes = info.load_bytes;
    w->measured.load_ns = info.load_ns;
    w->measured.scalars = scalars;
    w->measured.n_scalars = 0;
    keep_memory(&w->measured, scalars, w->engine, !w->reference.engine);
    QG_PASS(keep_text(&w->measured, scalars, w->request, err));
    qg_buf_init(&b, w->request);
    QG_PASS(qg_run_to_json(&b, &run, err));
    while (b.len && b.ptr[b.len - 1] == '\n')
        b.len--;
    return write_line(w, &b, err);
}

/* Needs no model to be open: a culprit is looked for layer by layer. */
static qg_status do_blame(worker *w, const qg_json *request, qg_err *err)
{
    qg_culprit_task task;
    qg_json_writer j;
    qg_blame blame;
    qg_buf b;

    QG_PASS(qg_culprit_task_read(&task, w->request, qg_json_get(request, "task"), err));
    QG_PASS(qg_culprit_find(&blame, w->request, &task, tell_progress, w, err));
    qg_buf_init(&b, w->request);
    qg_json_write_begin(&j, &b);
    qg_json_write_object(&j);
    qg_json_write_key(&j, "blame");
    qg_blame_write(&j, &blame);
    qg_json_write_close(&j);
    QG_PASS(qg_json_write_end(&j, err));
    return write_line(w, &b, err);
}

static qg_status serve_one(worker *w, qg_str line, qg_err *err)
{
    const qg_json *request;
    qg_str what;

    QG_PASS(qg_json_parse(&request, w->request, line, "request", err));
    if (!qg_json_str(qg_json_get(request, "do"), &what))
        return qg_fail(err, QG_EFORMAT, "a request needs 'do'");
    if (qg_str_is(what, "open"))
        return do_open(w, request, err);
    if (qg_str_is(what, "blame"))
        return do_blame(w, request, err);
    if (!w->engine)
        return qg_fail(err, QG_EREFUSED, "no model is open");
    if (qg_str_is(what, "quality"))
        return do_quality(w, err);
    if (qg_str_is(what, "sample"))
        return do_sample(w, request, err);
    if (qg_str_is(what, "finish"))
        return do_finish(w, err);
    return qg_fail(err, QG_EFORMAT, "unknown request '" QG_STR_PRI "'", QG_STR_ARG(what));
}

static qg_status serve(worker *w, FILE *in, qg_err *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    qg_status s = QG_OK;

    while (s == QG_OK && (n = getline(&line, &cap, in)) > 0) {
        qg_arena_mark mark = qg_arena_here(w->request);
        qg_err failed = {0};
        if (serve_one(w, (qg_str){line, (size_t)n}, &failed) != QG_OK)
            s = answer_error(w, &failed, err);
        qg_arena_rewind(w->request, mark);
    }
    free(line);
    return s;
}

qg_status qg_worker_serve(FILE *in, FILE *out, qg_err *err)
{
    worker w = {.out = out, .model = qg_arena_create(), .request = qg_arena_create()};
    qg_status s =
        w.model && w.request ? serve(&w, in, err) : qg_fail(err, QG_ENOMEM, "out of memory");

    qg_arena_free(w.request);
    qg_arena_free(w.model);
    return s;
}
