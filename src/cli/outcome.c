/* What the gate's commands share: see outcome.h. */
#include "cli/outcome.h"

#include "cli/earlier.h"
#include "cli/github.h"
#include "judge/judge.h"
#include "judge/verdict.h"
#include "record/record_json.h"
#include "report/report.h"

#include <stdio.h>

qg_status qg_outcome_read_suite(qg_suite **out, qg_cli *cli, const char *path, qg_err *err)
{
    qg_findings findings = {0};
    qg_buf b;
    qg_status s = qg_suite_read(out, &findings, cli->run, path, err);

    if (s == QG_OK || findings.n_errors < 2)
        return s;
    qg_buf_init(&b, cli->run);
    qg_findings_format(&b, &findings);
    fprintf(stderr, QG_STR_PRI, QG_STR_ARG(qg_buf_view(&b)));
    qg_err_clear(err);
    return qg_fail(err, s, "'%s' has %zu mistakes", path, (size_t)findings.n_errors);
}

qg_measurement qg_outcome_missing(const qg_case *c, const char *why)
{
    return (qg_measurement){
        .id = {.id = c->id,
               .model = c->model->name,
               .method = c->model->method,
               .device = qg_device_name(c->device),
               .kind = c->kind == QG_CASE_QUALITY ? "quality" : "performance",
               .batch = c->batch},
        .state = c->skip ? QG_CASE_SKIPPED : QG_CASE_FAILED,
        .exit_class = 3,
        .message = c->skip ? c->skip : why,
        .file = c->place.file,
        .line = c->place.line,
        .column = c->place.column,
    };
}

/* A case that was measured before the suite said to skip it: its numbers stay, unjudged. */
static void leave_out(qg_measurement *m, const qg_case *c)
{
    m->state = QG_CASE_SKIPPED;
    m->message = c->skip;
    m->file = c->place.file;
    m->line = c->place.line;
    m->column = c->place.column;
}

/* The stored baseline of the machine of the run; *out NULL and a notice where there is none. */
static qg_status find_baseline(qg_baseline **out, qg_cli *cli, const qg_run *run,
                               const qg_suite *suite, const char *dir, qg_err *err)
{
    qg_err why = {0};

    *out = NULL;
    dir = dir ? dir : suite->regression.baseline;
    if (!dir || !run->machine.fingerprint)
        return QG_OK;
    const char *path = qg_baseline_path(cli->run, dir, suite->name, run->machine.fingerprint);
    QG_NEED(path, err);
    qg_status s = qg_baseline_read(out, cli->run, path, &why);
    if (s == QG_ENOTFOUND) {
        qg_cli_notice("quantgate: no baseline of this machine (%s) in '%s': nothing is compared "
                      "with it; 'quantgate baseline update %s --why ...' records one",
                      run->machine.fingerprint, dir, suite->path);
        return QG_OK;
    }
    if (s != QG_OK && err)
        *err = why;
    return s;
}

qg_status qg_outcome_noise(const qg_noise **out, qg_cli *cli, const char *dir, const char *suite,
                           const char *fingerprint, qg_err *err)
{
    qg_err why = {0};
    qg_noise *noise;

    *out = NULL;
    if (!fingerprint)
        return QG_OK;
    const char *path = qg_noise_path(cli->run, dir ? dir : QG_NOISE_FOLDER, suite, fingerprint);
    QG_NEED(path, err);
    qg_status s = qg_noise_read(&noise, cli->run, path, &why);
    if (s == QG_ENOTFOUND)
        return QG_OK;
    if (s != QG_OK && err)
        *err = why;
    if (s == QG_OK)
        *out = noise;
    return s;
}

qg_status qg_outcome_judge(qg_run *run, qg_cli *cli, const qg_suite *suite, const qg_plan *plan,
                           const qg_compared *compared, qg_err *err)
{
    qg_baseline *stored;
    qg_judge_options options = {0};
    size_t n = run->n_measurements, most = n + plan->n_cases;
    qg_measurement *all = QG_NEW_N(cli->run, qg_measurement, most);
    qg_expects *expects = QG_NEW_N(cli->run, qg_expects, most);

    if (!all || !expects)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    if (n)
        memcpy(all, run->measurements, n * sizeof *all);
    for (size_t i = 0; i < plan->n_cases; i++) {
        const qg_case *c = &plan->cases[i];
        size_t at = 0;
        while (at < n && strcmp(all[at].id.id, c->id) != 0)
            at++;
        if (at == n)
            all[n++] = qg_outcome_missing(c, "the run has no numbers of this case");
        else if (c->skip)
            leave_out(&all[at], c);
        expects[at] = c->expect;
    }
    run->measurements = all;
    run->n_measurements = n;
    QG_PASS(find_baseline(&stored, cli, run, suite, compared->baseline, err));
    options.baseline = stored;
    QG_PASS(qg_outcome_noise(&options.noise, cli, compared->noise, suite->name,
                             run->machine.fingerprint, err));
    return qg_judge_run(run, cli->run, suite, expects, &options, err);
}

static qg_status render(qg_buf *b, qg_cli *cli, const char *sink, const qg_run *run,
                        const qg_report_options *options, qg_err *err)
{
    qg_buf_init(b, cli->run);
    return qg_report_render(b, qg_report_find(qg_str_from(sink)), run, options, err);
}

/* A wrong --report is the user's to mend and ends the command; a disk that is full must not hide
 * the verdict. */
static qg_status write_files(const qg_run *run, qg_cli *cli, const qg_outcome_options *o,
                             qg_report_options *options, qg_err *err)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];
    qg_err failed = {0};
    qg_status s = qg_report_write(run, qg_str_from(o->report), options, &failed);

    if (s != QG_OK && qg_status_exit(s) != 3) {
        if (err)
            *err = failed;
        return s;
    }
    if (s != QG_OK) {
        qg_cli_notice("quantgate: %s", qg_err_format(&failed, text, sizeof text));
        cli->exit_code = qg_exit_worst(cli->exit_code, 3);
        options->dir = NULL;
    }
    return QG_OK;
}

qg_status qg_outcome_report(const qg_run *run, qg_cli *cli, const qg_outcome_options *o,
                            qg_err *err)
{
    qg_report_options options = {
        .dir = o->out, .width = qg_cli_columns(), .colour = qg_cli_colour()};
    qg_buf b;

    qg_github_locate(&options, cli->run);
    QG_PASS(qg_earlier_find(&options, cli->run, o->history, run, err));
    cli->exit_code = o->no_verdict ? 0 : run->exit_code;
    if (o->out)
        QG_PASS(write_files(run, cli, o, &options, err));
    QG_PASS(render(&b, cli, o->json ? "json" : "console", run, &options, err));
    if (!o->json)
        QG_PASS(qg_github_print(qg_buf_view(&b), err));
    else
        QG_PASS(qg_cli_write(qg_buf_view(&b), err));
    if (o->json && (b.len == 0 || b.ptr[b.len - 1] != '\n'))
        QG_PASS(qg_cli_write(QG_STR("\n"), err));
    return qg_github_speak(run, cli, &options, !o->json, err);
}
