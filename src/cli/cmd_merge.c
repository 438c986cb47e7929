/* `quantgate merge RUN.json...`: parts of one suite to one record and one verdict. */
#include "base/file.h"
#include "cli/outcome.h"
#include "cli/recorded.h"
#include "cli/release.h"
#include "judge/merge.h"
#include "record/record_json.h"

typedef struct merge_options {
    qg_outcome_options outcome;
    const char *suite, *only, *release; /* release: --gate */
    qg_compared compared;
    qg_recorded_options recorded;
} merge_options;

static const qg_option options[] = {
    QG_TEXT("suite", merge_options, suite, "SUITE",
            "what to judge by (the suite that the parts name)"),
    QG_TEXT("only", merge_options, only, "GLOB", "as the parts were run with"),
    QG_TEXT("baseline", merge_options, compared.baseline, "DIR",
            "judge 'allow' against the baseline stored there, instead of the suite's"),
    QG_TEXT("noise", merge_options, compared.noise, "DIR",
            "where calibrated floors are (" QG_NOISE_FOLDER ")"),
    QG_RELEASE_OPTION(merge_options, release),
    QG_RECORDED_OPTIONS(merge_options, recorded),
    QG_TEXT("out", merge_options, outcome.out, "DIR", "write the reports there"),
    QG_TEXT("report", merge_options, outcome.report, "LIST", QG_OUTCOME_FORMS),
    QG_FLAG("json", merge_options, outcome.json, "print the merged record as JSON"),
    {0},
};

static qg_status read_parts(qg_part **out, qg_cli *cli, qg_err *err)
{
    qg_part *parts = QG_NEW_N(cli->run, qg_part, (size_t)cli->n_args);

    QG_NEED(parts, err);
    for (int i = 0; i < cli->n_args; i++) {
        qg_run *run;
        QG_PASS(qg_run_read(&run, cli->run, cli->args[i], err));
        parts[i] = (qg_part){run, cli->args[i]};
    }
    *out = parts;
    return QG_OK;
}

static qg_status read_suite(qg_suite **out, qg_cli *cli, const qg_run *run, const char *given,
                            qg_err *err)
{
    const char *path = given ? given : run->suite_file;

    if (!path || (!given && !qg_file_exists(path)))
        return qg_fail(err, QG_ENOTFOUND,
                       "the parts were measured by suite '%s', which is not here: say where it is "
                       "with --suite",
                       path ? path : "");
    QG_PASS(qg_outcome_read_suite(out, cli, path, err));
    if (run->suite_hash && strcmp(run->suite_hash, (*out)->hash) != 0)
        qg_cli_notice("quantgate: the suite has changed since the parts were measured; judging by "
                      "'%s' as it is",
                      path);
    return QG_OK;
}

/* Puts the cases into the order of the plan; what the plan has and no part holds is missing. */
static qg_status complete(qg_merged *merged, qg_cli *cli, const qg_plan *plan, qg_err *err)
{
    qg_run *run = merged->run;
    size_t n = 0;
    qg_measurement *all = QG_NEW_N(cli->run, qg_measurement, run->n_measurements + plan->n_cases);
    const char *why =
        merged->missing
            ? qg_arena_format(cli->run, "no part holds the case: %s %s missing", merged->missing,
                              strchr(merged->missing, ',') ? "are" : "is")
            : "no part holds the case";

    QG_NEED(all && why, err);
    for (size_t i = 0; i < plan->n_cases; i++) {
        const qg_measurement *m = qg_run_case(run, plan->cases[i].id);
        all[n++] = m ? *m : qg_outcome_missing(&plan->cases[i], why);
        run->partial = run->partial || (!m && !plan->cases[i].skip);
    }
    for (size_t i = 0; i < run->n_measurements; i++) {
        size_t k = 0;
        while (k < plan->n_cases && strcmp(plan->cases[k].id, run->measurements[i].id.id) != 0)
            k++;
        if (k == plan->n_cases)
            all[n++] = run->measurements[i];
    }
    run->measurements = all;
    run->n_measurements = n;
    if (!run->partial)
        return QG_OK;
    return qg_run_notice(
        run, cli->run,
        merged->missing ? qg_arena_format(cli->run, "incomplete: %s %s missing", merged->missing,
                                          strchr(merged->missing, ',') ? "are" : "is")
                        : "incomplete: not every case was measured",
        err);
}

static qg_status merge(qg_cli *cli, qg_err *err)
{
    const merge_options *o = cli->options;
    qg_outcome_options outcome = o->outcome;
    qg_part *parts = NULL;
    qg_merged merged;
    qg_suite *suite;
    qg_plan plan;
    qg_plan_options plan_options = {.only = o->only, .has_cuda = true};

    outcome.history = o->recorded.history;
    QG_PASS(qg_recorded_look(&o->recorded, false, err));
    QG_PASS(read_parts(&parts, cli, err));
    QG_PASS(qg_merge_parts(&merged, cli->run, parts, (size_t)cli->n_args, err));
    QG_PASS(read_suite(&suite, cli, merged.run, o->suite, err));
    plan_options.ran = merged.run;
    QG_PASS(qg_plan_make(&plan, cli->run, suite, &plan_options, err));
    QG_PASS(complete(&merged, cli, &plan, err));
    merged.run->command = cli->line;
    QG_PASS(qg_outcome_judge(merged.run, cli, suite, &plan, &o->compared, err));
    QG_PASS(qg_release_gate(merged.run, cli, suite, o->release, err));
    QG_PASS(qg_outcome_report(merged.run, cli, &outcome, err));
    return qg_recorded_append(merged.run, cli, &o->recorded, o->compared.noise, err);
}

const qg_command qg_cmd_merge = {
    .name = "merge",
    .arguments = "RUN.json...",
    .summary = "fold the parts of a suite into one record and one verdict",
    .details =
        "The parts are what 'run --shard I/N' wrote. They are judged again as a whole. A part\n"
        "that is missing makes the verdict incomplete: exit 3, unless a failure was judged.",
    .example = "quantgate merge part-*/run.json --out quantgate-report",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .options_size = sizeof(merge_options),
    .run = merge,
};
