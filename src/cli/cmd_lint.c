/* `quantgate lint SUITE...`: every mistake of suites in one pass, with line, column and suggestion.
 * Exit 2 where any is an error. Also prints the manual of the suite language and its JSON Schema,
 * both from the table that the reader uses. */
#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "judge/powercheck.h"
#include "suite/schema.h"
#include "suite/suite.h"

typedef struct lint_options {
    bool json, keys, schema;
    const char *noise;
} lint_options;

static const lint_options defaults = {.noise = QG_NOISE_FOLDER};

static const qg_option options[] = {
    QG_FLAG("json", lint_options, json, "the findings of all suites as one JSON object"),
    QG_TEXT("noise", lint_options, noise, "DIR",
            "check budgets against the floors calibrated there (" QG_NOISE_FOLDER ")"),
    QG_FLAG("keys", lint_options, keys, "print the manual of all keys (Markdown)"),
    QG_FLAG("schema", lint_options, schema, "print the JSON Schema for editors"),
    {0},
};

static void put_finding(qg_json_writer *w, const qg_finding *f)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "severity", qg_severity_name(f->severity));
    qg_json_put_text(w, "file", f->place.file);
    qg_json_put_int(w, "line", f->place.line);
    qg_json_put_int(w, "column", f->place.column);
    qg_json_put_text(w, "message", f->message);
    qg_json_put_text(w, "suggestion", f->suggestion);
    qg_json_write_close(w);
}

/* Against every machine on which the suite was calibrated. */
static qg_status check_power(qg_cli *cli, qg_findings *findings, const qg_suite *suite, qg_err *err)
{
    const lint_options *o = cli->options;
    char **names = NULL;
    size_t n_names = 0, n_found = 0;
    const char *any = qg_noise_path(cli->run, o->noise, suite->name, "");

    QG_NEED(any, err);
    const char *prefix = qg_path_base(any);
    if (qg_dir_exists(o->noise))
        QG_PASS(qg_dir_list(&names, &n_names, cli->run, o->noise, err));
    for (size_t i = 0; i < n_names; i++) {
        qg_noise *noise;
        if (strncmp(names[i], prefix, strlen(prefix) - strlen(".csv")) != 0)
            continue;
        const char *path = qg_path_join(cli->run, o->noise, names[i]);
        QG_NEED(path, err);
        QG_PASS(qg_noise_read(&noise, cli->run, path, err));
        qg_powercheck(findings, suite, noise, cli->run);
        n_found++;
    }
    if (n_found == 0)
        qg_powercheck(findings, suite, NULL, cli->run);
    return findings->out_of_memory ? qg_fail(err, QG_ENOMEM, "out of memory") : QG_OK;
}

/* What is wrong with one suite goes to `out`; *n_errors counts. Other failures than mistakes in the
 * suite (it cannot be read, no memory) are errors of the command. */
static qg_status lint_suite(qg_cli *cli, const char *path, qg_buf *out, qg_json_writer *w,
                            size_t *n_errors, qg_err *err)
{
    qg_findings findings = {0};
    qg_suite *suite;
    qg_status s = qg_suite_read(&suite, &findings, cli->run, path, err);

    if (s != QG_OK && findings.n_errors == 0)
        return s;
    if (s == QG_OK)
        QG_PASS(check_power(cli, &findings, suite, err));
    qg_err_clear(err);
    *n_errors += findings.n_errors;
    if (w)
        for (size_t i = 0; i < findings.n; i++)
            put_finding(w, &findings.at[i]);
    else if (findings.n)
        qg_findings_format(out, &findings);
    else
        qg_buf_format(out, "%s: no mistakes\n", path);
    return QG_OK;
}

static qg_status lint_all(qg_cli *cli, qg_buf *out, qg_err *err)
{
    const lint_options *o = cli->options;
    qg_json_writer w;
    size_t n_errors = 0;

    if (o->json) {
        qg_json_write_begin(&w, out);
        qg_json_write_object(&w);
        qg_json_write_key(&w, "findings");
        qg_json_write_array(&w);
    }
    for (int i = 0; i < cli->n_args; i++)
        QG_PASS(lint_suite(cli, cli->args[i], out, o->json ? &w : NULL, &n_errors, err));
    if (o->json) {
        qg_json_write_end_array(&w);
        qg_json_write_close(&w);
        QG_PASS(qg_json_write_end(&w, err));
        qg_buf_char(out, '\n');
    }
    cli->exit_code = n_errors ? 2 : 0;
    return QG_OK;
}

static qg_status lint(qg_cli *cli, qg_err *err)
{
    const lint_options *o = cli->options;
    qg_buf out;

    if (o->keys + o->schema + (cli->n_args > 0) != 1)
        return qg_fail(err, QG_EARG, "give suites, or one of --keys and --schema");
    qg_buf_init(&out, cli->run);
    if (o->keys)
        qg_schema_markdown(&out);
    else if (o->schema)
        QG_PASS(qg_schema_json(&out, err));
    else
        QG_PASS(lint_all(cli, &out, err));
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}

const qg_command qg_cmd_lint = {
    .name = "lint",
    .arguments = "SUITE...",
    .summary = "find every mistake of a suite in one pass",
    .details = "Exit 2 if there is an error, else 0. Nothing is measured and no model is opened.",
    .example = "quantgate lint suites/smoke.yaml\n"
               "  quantgate lint --schema > suite.schema.json",
    .min_args = 0,
    .max_args = -1,
    .options = options,
    .defaults = &defaults,
    .options_size = sizeof(lint_options),
    .run = lint,
};
