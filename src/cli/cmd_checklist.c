/* `quantgate checklist SUITE`: what a release of the suite's models would need, what there is of
 * it, and how to get what is lacking. Measures nothing: it reads the record of a run, the A/B tests
 * and the model cards. Exit 1 where an item is lacking.
 *
 * The record is the newest of this suite in the folder that `run --out` was told: its run.json, or
 * that of a folder in it, as `run` leaves them for several suites. */
#include "base/clock.h"
#include "base/file.h"
#include "cli/outcome.h"
#include "cli/release.h"
#include "record/abtest.h"
#include "record/record_json.h"
#include "report/checklist_text.h"
#include "suite/frontmatter.h"

#include <string.h>

typedef struct checklist_options {
    const char *run, *out, *template;
    bool json;
} checklist_options;

#define DEFAULT_OUT "quantgate-report"

static const qg_option options[] = {
    QG_TEXT("run", checklist_options, run, "RUN.json", "the record of the run that is judged"),
    QG_TEXT("out", checklist_options, out, "DIR",
            "look there for the newest record of the suite (" DEFAULT_OUT ")"),
    QG_TEXT("template", checklist_options, template, "ab|card",
            "print evidence to fill in, with what suite and record know"),
    QG_FLAG("json", checklist_options, json, "one JSON object"),
    {0},
};

/* ---- the record ---- */

/* Keeps the run at `path` where it is one of the suite, and newer. One that cannot be read is
 * passed over with a notice: it may be another suite's. */
static qg_status consider(qg_run **best, qg_cli *cli, const char *path, const qg_suite *suite,
                          qg_err *err)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];
    qg_run *run;
    qg_err why = {0};

    if (!path || !qg_file_exists(path))
        return path ? QG_OK : qg_fail(err, QG_ENOMEM, "out of memory");
    qg_status s = qg_run_read(&run, cli->run, path, &why);
    if (s == QG_ENOMEM)
        return qg_fail(err, s, "out of memory");
    if (s != QG_OK)
        qg_cli_notice("quantgate: passed over: %s", qg_err_format(&why, text, sizeof text));
    if (s != QG_OK || !run->suite_file || !run->started ||
        strcmp(qg_path_base(run->suite_file), qg_path_base(suite->path)) != 0 || !run->suite ||
        strcmp(run->suite, suite->name) != 0)
        return QG_OK;
    if (!*best || strcmp(run->started, (*best)->started) > 0)
        *best = run;
    return QG_OK;
}

/* The newest record of the suite in the folder; NULL: there is none. */
static qg_status newest(qg_run **out, qg_cli *cli, const char *dir, const qg_suite *suite,
                        qg_err *err)
{
    char **names;
    size_t n;

    *out = NULL;
    if (!qg_dir_exists(dir))
        return QG_OK;
    QG_PASS(consider(out, cli, qg_path_join(cli->run, dir, "run.json"), suite, err));
    QG_PASS(qg_dir_list(&names, &n, cli->run, dir, err));
    for (size_t i = 0; i < n; i++) {
        const char *inner = qg_path_join(cli->run, dir, names[i]);
        if (inner && qg_dir_exists(inner))
            QG_PASS(consider(out, cli, qg_path_join(cli->run, inner, "run.json"), suite, err));
    }
    return QG_OK;
}

static qg_status find_run(qg_run **out, qg_cli *cli, const qg_suite *suite, qg_err *err)
{
    const checklist_options *o = cli->options;

    if (o->run && o->out)
        return qg_fail(err, QG_EARG, "give one of --run and --out");
    if (o->run)
        return qg_run_read(out, cli->run, o->run, err);
    QG_PASS(newest(out, cli, o->out ? o->out : DEFAULT_OUT, suite, err));
    if (!*out && o->out)
        return qg_fail(err, QG_ENOTFOUND,
                       "there is no record of '%s' in '%s': make one with 'quantgate run %s --out "
                       "%s'",
                       suite->path, o->out, suite->path, o->out);
    return QG_OK;
}

/* ---- templates ---- */

static const qg_model_info *model_of(const qg_run *run, const char *name)
{
    for (size_t i = 0; run && i < run->n_models; i++)
        if (strcmp(run->models[i].name, name) == 0)
            return &run->models[i];
    return NULL;
}

static qg_status arm_of(qg_ab_arm *out, qg_cli *cli, const qg_run *run, const qg_suite_model *m,
                        qg_err *err)
{
    const qg_model_info *info = m ? model_of(run, m->name) : NULL;

    out->model = m ? m->name : NULL;
    if (!info || !info->model_hash)
        return QG_OK;
    out->checkpoint = qg_arena_format(cli->run, QG_HASH_PREFIX "%s", info->model_hash);
    QG_NEED(out->checkpoint, err);
    return QG_OK;
}

static qg_status put_abtest(qg_buf *out, qg_cli *cli, const qg_run *run, const qg_suite *suite,
                            qg_err *err)
{
    qg_ab_arm control = {0}, treatment = {0};

    if (suite) {
        const qg_suite_checklist *k = &suite->checklist;
        QG_PASS(arm_of(&control, cli, run, suite->reference, err));
        QG_PASS(arm_of(&treatment, cli, run, k->n_models ? k->models[0] : NULL, err));
    }
    qg_abtest_template(out, &control, &treatment);
    return QG_OK;
}

static qg_status put_card(qg_buf *out, qg_cli *cli, const qg_run *run, const qg_suite *suite,
                          qg_err *err)
{
    static const qg_card_model any[] = {{"gptq", "gptq", NULL, 4, 128}};
    size_t n = suite ? suite->checklist.n_models : 0;
    qg_card_model *models = QG_NEW_N(cli->run, qg_card_model, n);
    const char *base = suite ? suite->checklist.base_model : NULL;

    QG_NEED(models, err);
    for (size_t i = 0; i < n; i++) {
        const qg_suite_model *m = suite->checklist.models[i];
        const qg_model_info *info = model_of(run, m->name);
        models[i] = (qg_card_model){m->name, m->method, info ? info->model_hash : NULL,
                                    info ? info->bits : 0, info ? info->group_size : 0};
    }
    if (suite && !base && suite->reference->model)
        base = qg_path_base(suite->reference->model);
    qg_card_template(out, base, n ? models : any, n ? n : 1);
    return QG_OK;
}

static qg_status print_template(qg_cli *cli, const qg_run *run, const qg_suite *suite, qg_err *err)
{
    const checklist_options *o = cli->options;
    qg_buf out;

    qg_buf_init(&out, cli->run);
    if (strcmp(o->template, "ab") == 0)
        QG_PASS(put_abtest(&out, cli, run, suite, err));
    else
        QG_PASS(put_card(&out, cli, run, suite, err));
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}

/* ---- the command ---- */

static qg_status print_checklist(qg_cli *cli, const qg_checklist *c, qg_err *err)
{
    const checklist_options *o = cli->options;
    qg_checklist_style style = {.width = qg_cli_columns(), .colour = qg_cli_colour()};
    qg_json_writer w;
    qg_buf out;

    qg_buf_init(&out, cli->run);
    if (o->json) {
        qg_json_write_begin(&w, &out);
        qg_checklist_write(&w, c);
        QG_PASS(qg_json_write_end(&w, err));
        qg_buf_char(&out, '\n');
    } else {
        qg_checklist_text(&out, c, &style);
    }
    QG_NEED(!out.failed, err);
    cli->exit_code = qg_checklist_met(c) < qg_checklist_asked(c);
    return qg_cli_write(qg_buf_view(&out), err);
}

static qg_status checklist(qg_cli *cli, qg_err *err)
{
    const checklist_options *o = cli->options;
    qg_checklist *list;
    qg_suite *suite = NULL;
    qg_run *run = NULL;

    if (cli->n_args == 0 && !o->template)
        return qg_fail(err, QG_EARG, "name a suite; see 'quantgate checklist --help'");
    if (cli->n_args > 0) {
        QG_PASS(qg_outcome_read_suite(&suite, cli, cli->args[0], err));
        QG_PASS(find_run(&run, cli, suite, err));
    }
    if (o->template)
        return print_template(cli, run, suite, err);
    QG_PASS(qg_release_check(&list, cli, run, suite, qg_clock_seconds(), err));
    return print_checklist(cli, list, err);
}

const qg_command qg_cmd_checklist = {
    .name = "checklist",
    .arguments = "SUITE",
    .summary = "the eight items of a production release, and what is lacking",
    .details =
        "Reads the record of a run of the suite, the A/B tests and the model cards that it names;\n"
        "measures nothing. Exit 1 while an item is missing, failed, stale or of another hash. "
        "suites/README.md\nexplains the section 'checklist' and both kinds of files.",
    .example = "quantgate run suites/examples/release.yaml --out quantgate-report\n"
               "  quantgate checklist suites/examples/release.yaml\n"
               "  quantgate checklist suites/examples/release.yaml --template ab > ab.json",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .options_size = sizeof(checklist_options),
    .run = checklist,
};
