/* Asking a worker what is at fault: see inquiry.h. One line to it, lines of progress and one answer
 * back. */
#include "measure/inquiry.h"

#include "base/process.h"
#include "measure/culprit.h"

#include <string.h>

typedef struct talk {
    qg_process *process;
    qg_arena *scratch;
    const qg_measure_options *options;
    const char *case_id;
} talk;

static qg_culprit_task task_of(const qg_blame_subject *subject, const qg_plan *plan, char *text,
                               const qg_measure_options *o)
{
    const qg_suite *s = plan->suite;
    const qg_suite_model *model = subject->c->model, *reference = qg_suite_reference_of(s, model);
    const char *folder = subject->c->reference_folder;
    bool is_own = model == reference || /* or the same files somewhere else */
                  (folder && strcmp(subject->c->folder, folder) == 0 &&
                   strcmp(model->method, reference->method) == 0);

    return (qg_culprit_task){
        .case_id = subject->c->id,
        .metric = subject->metric,
        .prompt = subject->prompt,
        .folder = subject->c->folder,
        .method = model->method,
        .activations = model->activations,
        .tier = model->tier ? model->tier
                : o->tier   ? o->tier
                            : s->engine.tier,
        .threads = o->threads ? o->threads : s->engine.threads,
        .reference = is_own ? NULL : folder,
        .reference_method = is_own ? NULL : reference->method,
        .reference_activations = is_own ? NULL : reference->activations,
        .text = text,
        .window = s->quality.window,
        .blessed_hash = subject->blessed_hash,
    };
}

static qg_status send(talk *t, const qg_culprit_task *task, qg_err *err)
{
    qg_json_writer w;
    qg_buf request;

    qg_buf_init(&request, t->scratch);
    qg_json_write_begin(&w, &request);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "do", "blame");
    qg_json_write_key(&w, "task");
    qg_culprit_task_write(&w, task);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    return qg_process_send(t->process, qg_buf_view(&request), err);
}

static qg_status fail_as_told(const qg_json *error, qg_err *err)
{
    qg_str message = QG_STR("it did not say why");

    qg_json_str(qg_json_get(error, "message"), &message);
    return qg_fail(err, QG_EWORKER, QG_STR_PRI, QG_STR_ARG(message));
}

/* The answer's blame, NULL where the line was but progress. */
static qg_status take_line(const qg_json **blame, talk *t, qg_err *err)
{
    const qg_json *answer;
    qg_str line;
    double done;

    *blame = NULL;
    QG_PASS(qg_process_line(&line, t->scratch, t->process, t->options->timeout_ns, err));
    if (qg_json_parse(&answer, t->scratch, line, "answer", NULL) != QG_OK)
        return qg_fail(err, QG_EWORKER, "worker sent what is no answer: '%.60s'", line.ptr);
    if (qg_json_get(answer, "error"))
        return fail_as_told(qg_json_get(answer, "error"), err);
    *blame = qg_json_get(answer, "blame");
    if (!*blame && !qg_json_real(qg_json_get(answer, "progress"), &done))
        return qg_fail(err, QG_EWORKER, "worker sent what is no answer: '%.60s'", line.ptr);
    if (!*blame && t->options->on_progress)
        t->options->on_progress(t->options->user, t->case_id, done);
    return QG_OK;
}

static qg_status ask(qg_blame *out, qg_arena *arena, talk *t, const qg_culprit_task *task,
                     qg_err *err)
{
    const char *argv[] = {t->options->program, "worker", NULL};
    qg_fields_reader r = {.arena = arena, .name = "worker's answer", .where = "blame", .err = err};
    const qg_json *blame = NULL;

    QG_PASS(qg_process_start(&t->process, t->scratch, argv, err));
    QG_PASS(send(t, task, err));
    while (!blame)
        QG_PASS(take_line(&blame, t, err));
    return qg_blame_read(out, &r, blame);
}

qg_status qg_measure_blame(qg_blame *out, qg_arena *arena, const qg_plan *plan,
                           const qg_blame_subject *subject, const qg_measure_options *options,
                           qg_err *err)
{
    talk t = {.scratch = qg_arena_create(), .options = options, .case_id = subject->c->id};
    char *text = t.scratch ? qg_str_dup(t.scratch, subject->text) : NULL;
    qg_status s = QG_ENOMEM;

    if (text) {
        qg_culprit_task task = task_of(subject, plan, text, options);
        s = ask(out, arena, &t, &task, err);
    } else {
        qg_fail(err, s, "out of memory");
    }
    qg_arena_free(t.scratch); /* ends the worker */
    return s;
}
