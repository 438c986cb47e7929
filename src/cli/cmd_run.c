/* `quantgate run SUITE...`: the gate. Plan, measure, judge, report; the exit code is the verdict.
 */
#include "base/file.h"
#include "cli/blaming.h"
#include "cli/gate.h"
#include "cli/interrupt.h"
#include "cli/planned.h"
#include "cli/recorded.h"
#include "cli/release.h"
#include "judge/verdict.h"

#include <unistd.h>

typedef struct run_options {
    qg_gate_options gate;
    qg_outcome_options outcome;
    qg_recorded_options recorded;
    const char *release; /* --gate */
    const char *blame;
    bool dry_run;
} run_options;

static const run_options defaults = {.gate = QG_GATE_DEFAULTS, .gate.judges = true};

static const qg_option options[] = {
    QG_TEXT("against", run_options, gate.against, "BINARY",
            "judge 'allow' against this build of quantgate, measured in turns"),
    QG_TEXT("baseline", run_options, gate.compared.baseline, "DIR",
            "judge 'allow' against the baseline stored there, instead of the suite's"),
    QG_TEXT("noise", run_options, gate.compared.noise, "DIR",
            "where calibrated floors are (" QG_NOISE_FOLDER ")"),
    QG_TEXT("out", run_options, outcome.out, "DIR", "write the reports there"),
    QG_TEXT("report", run_options, outcome.report, "LIST", QG_OUTCOME_FORMS),
    QG_FLAG("json", run_options, outcome.json, "print the record as JSON instead of the table"),
    QG_RELEASE_OPTION(run_options, release),
    QG_RECORDED_OPTIONS(run_options, recorded),
    QG_TEXT("blame", run_options, blame, "auto|all|off",
            "look for what is at fault where quality failed: in the first three cases, all or "
            "none (auto)"),
    QG_FLAG("dry-run", run_options, dry_run,
            "print the cases and what they are judged by; measure nothing"),
    {0},
};

static qg_status run_suite(qg_cli *cli, const char *path, const qg_outcome_options *outcome,
                           qg_err *err)
{
    const run_options *o = cli->options;
    qg_suite *suite;
    qg_blame_options blame = {.mode = o->blame, .out = outcome->out};
    qg_plan plan;
    qg_run *run;

    QG_PASS(qg_outcome_read_suite(&suite, cli, path, err));
    if (o->gate.against && access(o->gate.against, X_OK) != 0)
        return qg_fail(err, QG_EARG, "'--against %s': no such program", o->gate.against);
    if (o->gate.against && suite->regression.n_allow == 0)
        return qg_fail(err, QG_EARG,
                       "'--against' judges 'allow' of 'regression', and suite '%s' has none", path);
    QG_PASS(qg_gate_plan(&plan, cli, suite, &o->gate, err));
    if (o->dry_run)
        return qg_planned_print(cli, &plan, err);
    QG_PASS(qg_gate_measure(&run, cli, &plan, &o->gate, false, err));
    QG_PASS(qg_outcome_judge(run, cli, suite, &plan, &o->gate.compared, err));
    QG_PASS(qg_blame_failures(run, cli, &plan, &o->gate, &blame, err));
    QG_PASS(qg_release_gate(run, cli, suite, o->release, err));
    QG_PASS(qg_outcome_report(run, cli, outcome, err));
    return qg_recorded_append(run, cli, &o->recorded, o->gate.compared.noise, err);
}

/* DIR/smoke for suites/smoke.yaml, where several suites share --out. */
static const char *out_of(qg_cli *cli, const char *out, const char *suite)
{
    qg_str name = qg_str_from(qg_path_base(suite));
    if (qg_str_ends(name, QG_STR(".yaml")))
        name.len -= 5;
    return qg_path_join(cli->run, out, qg_str_dup(cli->run, name));
}

static qg_status run(qg_cli *cli, qg_err *err)
{
    const run_options *o = cli->options;
    int exit_code = 0;

    if (!o->dry_run)
        QG_PASS(qg_recorded_look(&o->recorded, o->gate.shard != NULL, err));
    for (int i = 0; i < cli->n_args; i++) {
        qg_outcome_options outcome = o->outcome;
        outcome.history = o->recorded.history;
        if (outcome.out && cli->n_args > 1)
            outcome.out = out_of(cli, o->outcome.out, cli->args[i]);
        cli->exit_code = 0;
        QG_PASS(run_suite(cli, cli->args[i], &outcome, err));
        exit_code = qg_exit_worst(exit_code, cli->exit_code);
        if (qg_interrupt_name() && i + 1 < cli->n_args) {
            qg_cli_notice("quantgate: stopped before '%s'", cli->args[i + 1]);
            exit_code = qg_exit_worst(exit_code, 3);
            break;
        }
    }
    cli->exit_code = exit_code;
    return QG_OK;
}

const qg_command qg_cmd_run = {
    .name = "run",
    .arguments = "SUITE...",
    .summary = "the gate: plan, measure, judge, report; exits with the verdict",
    .details =
        "Every case runs in a worker process of its own: one that crashes costs its own "
        "case only.\n"
        "With several suites the reports go to DIR/NAME, and the worst verdict counts.\n"
        "Where quality failed it says which layer and projection is at fault, and leaves\n"
        "DIR/bundles/CASE, a suite that shows that failure again by 'quantgate run "
        "DIR/bundles/CASE'.\n"
        "--gate release fails (exit 1) while an item of the production checklist is lacking.",
    .example = "quantgate run suites/smoke.yaml --out quantgate-report",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .shared = qg_gate_option_table,
    .defaults = &defaults,
    .options_size = sizeof(run_options),
    .run = run,
};
