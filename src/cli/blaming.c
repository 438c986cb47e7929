/* After a judged run: see blaming.h. */
#include "cli/blaming.h"

#include "base/progress.h"
#include "cli/bundle.h"
#include "cli/interrupt.h"
#include "cli/prepare.h"
#include "judge/worst.h"
#include "measure/inquiry.h"

#include <stdio.h>
#include <string.h>

static bool is_mode(const qg_blame_options *b, const char *mode)
{
    return strcmp(b->mode ? b->mode : "auto", mode) == 0;
}

static void show(void *user, const char *case_id, double done)
{
    (void)case_id;
    qg_progress_update(user, done);
}

static qg_status note_failure(qg_run *run, qg_arena *arena, const char *what, const char *case_id,
                              const qg_err *why, qg_err *err)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];

    return qg_run_notice(run, arena,
                         qg_arena_format(arena, "%s of '%s' failed: %s", what, case_id,
                                         qg_err_format(why, text, sizeof text)),
                         err);
}

static qg_case *case_of(const qg_plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->n_cases; i++)
        if (strcmp(plan->cases[i].id, id) == 0)
            return &plan->cases[i];
    return NULL;
}

static qg_status ask(qg_blame *out, qg_cli *cli, const qg_plan *plan, qg_case *c,
                     const qg_worst *worst, const qg_gate_options *o, qg_err *err)
{
    const qg_suite_quality *q = &plan->suite->quality;
    qg_texts texts = worst->is_document ? q->documents : q->prompts;
    char label[80];
    qg_progress bar;
    qg_measure_options measure = {.program = qg_cli_program(cli->run),
                                  .tier = o->tier,
                                  .threads = o->threads,
                                  .timeout_ns = o->timeout_s * INT64_C(1000000000),
                                  .on_progress = show,
                                  .user = &bar};
    qg_blame_subject subject = {.c = c,
                                .metric = worst->judgement->metric,
                                .prompt = worst->name,
                                .blessed_hash = worst->blessed_hash};

    QG_NEED(measure.program, err);
    QG_TRY(qg_prepare_reference(c, plan, cli, (int)o->threads, qg_interrupt_catch(), err), err,
           "making the reference");
    if (worst->index >= texts.n)
        return qg_fail(err, QG_ENOTFOUND, "the suite has no %s", worst->name);
    subject.text = texts.at[worst->index];
    snprintf(label, sizeof label, "%.60s: what is at fault", c->id);
    qg_progress_begin(&bar, stderr, label);
    qg_status s = qg_measure_blame(out, cli->run, plan, &subject, &measure, err);
    qg_progress_end(&bar);
    return s;
}

static qg_status write_bundle(qg_run *run, qg_cli *cli, const qg_plan *plan, const qg_case *c,
                              const qg_worst *worst, const char *out, qg_err *err)
{
    qg_bundle_subject subject = {.run = run, .plan = plan, .c = c, .worst = worst};

    return qg_bundle_write(&run->blames[run->n_blames - 1], cli->run, out, &subject, err);
}

/* Finds out, and notes what cannot be. */
static qg_status look_into(qg_run *run, qg_cli *cli, const qg_plan *plan, qg_case *c,
                           const qg_worst *worst, const qg_gate_options *o,
                           const qg_blame_options *b, qg_err *err)
{
    qg_err why = {0};

    if (ask(&run->blames[run->n_blames], cli, plan, c, worst, o, &why) != QG_OK)
        return note_failure(run, cli->run, "looking for what is at fault", c->id, &why, err);
    run->n_blames++;
    if (b->out && write_bundle(run, cli, plan, c, worst, b->out, &why) != QG_OK)
        return note_failure(run, cli->run, "writing the bundle", c->id, &why, err);
    return QG_OK;
}

static qg_status find_all(qg_run *run, qg_cli *cli, const qg_plan *plan, const qg_gate_options *o,
                          const qg_blame_options *b, qg_err *err)
{
    size_t n = run->n_measurements, n_done = 0, n_left = 0;

    run->blames = QG_NEW_N(cli->run, qg_blame, n + 1);
    QG_NEED(run->blames, err);
    for (size_t i = 0; i < n && !qg_interrupt_name(); i++) {
        const qg_measurement *m = &run->measurements[i];
        qg_case *c = case_of(plan, m->id.id);
        qg_worst worst;
        QG_PASS(qg_worst_find(&worst, cli->run, run, plan->suite, m, err));
        if (!worst.judgement || !c)
            continue;
        if (is_mode(b, "auto") && n_done == QG_BLAME_AUTO) {
            n_left++;
            continue;
        }
        QG_PASS(look_into(run, cli, plan, c, &worst, o, b, err));
        n_done++;
    }
    if (!n_left)
        return QG_OK;
    return qg_run_notice(
        run, cli->run,
        qg_arena_format(cli->run, "%zu more failed case%s not looked into: '--blame all' does",
                        n_left, n_left == 1 ? " was" : "s were"),
        err);
}

/* Whether any case failed a budget on quality. */
static bool has_failed(const qg_run *run)
{
    for (size_t i = 0; i < run->n_judgements; i++) {
        const qg_judgement *j = &run->judgements[i];
        if (j->verdict == QG_VERDICT_FAIL && j->metric != QG_METRIC_NONE &&
            qg_metric_info_of(j->metric)->section == QG_QUALITY)
            return true;
    }
    return false;
}

qg_status qg_blame_failures(qg_run *run, qg_cli *cli, const qg_plan *plan, const qg_gate_options *o,
                            const qg_blame_options *b, qg_err *err)
{
    if (is_mode(b, "off") || run->partial || !has_failed(run))
        return QG_OK;
    return find_all(run, cli, plan, o, b, err);
}
