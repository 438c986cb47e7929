/* `quantgate report RUN.json`: writes the reports of a stored run again, without judging. Exit 0 if
 * all was written, else 3. */
#include "cli/outcome.h"
#include "record/record_json.h"

static const qg_option options[] = {
    QG_TEXT("out", qg_outcome_options, out, "DIR", "write the reports there"),
    QG_TEXT("report", qg_outcome_options, report, "LIST", QG_OUTCOME_FORMS),
    QG_TEXT("history", qg_outcome_options, history, "DB",
            "show what numbers were in earlier runs of this history"),
    QG_FLAG("json", qg_outcome_options, json, "print the record as JSON"),
    {0},
};

static qg_status report(qg_cli *cli, qg_err *err)
{
    qg_outcome_options o = *(const qg_outcome_options *)cli->options;
    qg_run *run;

    o.no_verdict = true;
    QG_PASS(qg_run_read(&run, cli->run, cli->args[0], err));
    return qg_outcome_report(run, cli, &o, err);
}

const qg_command qg_cmd_report = {
    .name = "report",
    .arguments = "RUN.json",
    .summary = "write the reports of a stored run again",
    .example = "quantgate report quantgate-report/run.json --out out --report junit,markdown",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .options_size = sizeof(qg_outcome_options),
    .run = report,
};
