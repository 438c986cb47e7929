/* `quantgate judge RUN.json SUITE`: judges a stored run again, on any machine, as if it had just
 * run. */
#include "cli/outcome.h"
#include "cli/recorded.h"
#include "cli/release.h"
#include "record/record_json.h"

typedef struct judge_options {
    qg_outcome_options outcome;
    const char *only, *release; /* release: --gate */
    qg_compared compared;
    qg_recorded_options recorded;
} judge_options;

static const qg_option options[] = {
    QG_TEXT("out", judge_options, outcome.out, "DIR", "write the reports there"),
    QG_TEXT("report", judge_options, outcome.report, "LIST", QG_OUTCOME_FORMS),
    QG_TEXT("baseline", judge_options, compared.baseline, "DIR",
            "judge 'allow' against the baseline stored there, instead of the suite's"),
    QG_TEXT("noise", judge_options, compared.noise, "DIR",
            "where calibrated floors are (" QG_NOISE_FOLDER ")"),
    QG_TEXT("only", judge_options, only, "GLOB", "only cases whose id matches"),
    QG_RELEASE_OPTION(judge_options, release),
    QG_RECORDED_OPTIONS(judge_options, recorded),
    QG_FLAG("json", judge_options, outcome.json, "print the judged record as JSON"),
    {0},
};

static qg_status judge(qg_cli *cli, qg_err *err)
{
    const judge_options *o = cli->options;
    qg_outcome_options outcome = o->outcome;
    qg_run *run;
    qg_suite *suite;
    qg_plan plan;
    /* A stored run says by itself what could not run: the plan asks for every case that it names.
     */
    qg_plan_options plan_options = {.only = o->only, .has_cuda = true};

    outcome.history = o->recorded.history;
    QG_PASS(qg_run_read(&run, cli->run, cli->args[0], err));
    plan_options.ran = run;
    QG_PASS(qg_recorded_look(&o->recorded, run->n_shards > 0, err));
    QG_PASS(qg_outcome_read_suite(&suite, cli, cli->args[1], err));
    QG_PASS(qg_plan_make(&plan, cli->run, suite, &plan_options, err));
    if (run->suite_hash && strcmp(run->suite_hash, suite->hash) != 0)
        qg_cli_notice(
            "quantgate: the suite has changed since '%s' was measured; judging by '%s' as it is",
            cli->args[0], suite->path);
    QG_PASS(qg_outcome_judge(run, cli, suite, &plan, &o->compared, err));
    QG_PASS(qg_release_gate(run, cli, suite, o->release, err));
    QG_PASS(qg_outcome_report(run, cli, &outcome, err));
    return qg_recorded_append(run, cli, &o->recorded, o->compared.noise, err);
}

const qg_command qg_cmd_judge = {
    .name = "judge",
    .arguments = "RUN.json SUITE",
    .summary = "judge a stored run again, on any machine",
    .details = "Reads the numbers of RUN.json and the budgets of SUITE; measures nothing.",
    .example = "quantgate judge quantgate-report/run.json suites/smoke.yaml",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .options_size = sizeof(judge_options),
    .run = judge,
};
