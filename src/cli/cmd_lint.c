/* `quantgate lint SUITE...`: every mistake of suites in one pass, with line, column and suggestion.
 * Exit 2 where any is an error. Also prints the manual of the suite language and its JSON Schema,
 * both from the table that the reader uses. */
#include "base/json.h"
#include "cli/cli.h"
#include "suite/schema.h"
#include "suite/suite.h"

typedef struct lint_options {
    bool json, keys, schema;
} lint_options;

static const qg_option options[] = {
    QG_FLAG("json", lint_options, json, "the findings of all suites as one JSON object"),
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
    .options_size = sizeof(lint_options),
    .run = lint,
};
