/* `quantgate bless SUITE`: measures the prompts of every model and writes their goldens, after
 * printing how each differs from the one that is there: the reference's, which damage is measured
 * against, and each case's own, which it must not drift from. CI never blesses. */
#include "base/file.h"
#include "cli/gate.h"
#include "judge/golden.h"
#include "record/gold.h"

#include <stdlib.h>

typedef struct bless_options {
    qg_gate_options gate;
    bool dry_run;
} bless_options;

static const bless_options defaults = {.gate = QG_GATE_DEFAULTS};

static const qg_option options[] = {
    QG_FLAG("dry-run", bless_options, dry_run, "print the difference, write nothing"),
    {0},
};

static qg_status print_difference(qg_cli *cli, const char *path, const qg_gold *fresh,
                                  const char *suite, qg_err *err)
{
    qg_gold *old;
    qg_golden_diff d;
    qg_err why = {0};
    qg_buf b;

    qg_buf_init(&b, cli->run);
    if (!qg_file_exists(path)) {
        qg_buf_format(&b, "%s: new\n", path);
    } else if (qg_gold_read(&old, cli->run, path, &why) != QG_OK ||
               qg_golden_fits(old, fresh, suite, &why) != QG_OK) {
        qg_buf_format(&b, "%s: replaces one that does not compare: %s\n", path, why.message);
    } else {
        QG_PASS(qg_golden_compare(&d, cli->run, old, fresh, QG_GOLD_MARGIN, err));
        qg_buf_format(&b,
                      "%s: log-probabilities differ by at most %.6f (p99 %.6f) over %lld numbers, "
                      "KL at least %.2g, same top token %.3f %%, greedy tokens alike: %lld\n",
                      path, d.logprob_max, d.logprob_p99, (long long)d.n_logprobs, d.kld_topk,
                      d.same_top * 100, (long long)d.greedy_match);
        if (strcmp(old->model_hash, fresh->model_hash) != 0)
            qg_buf_format(&b, "  the weights changed: %.12s to %.12s\n", old->model_hash,
                          fresh->model_hash);
    }
    if (b.failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    return qg_cli_write(qg_buf_view(&b), err);
}

static qg_status bless_case(qg_cli *cli, const qg_suite *suite, const qg_measurement *m,
                            qg_err *err)
{
    const bless_options *o = cli->options;
    const char *device = o->gate.device;

    if (m->state == QG_CASE_FAILED)
        return qg_fail(err, m->exit_class == 2 ? QG_EARG : QG_EWORKER, "case '%s': %s", m->id.id,
                       m->message);
    if (!m->gold)
        return qg_fail(err, QG_EARG, "case '%s' has nothing to bless: the suite has no prompts",
                       m->id.id);
    char *path =
        qg_gold_path(cli->run, suite->quality.golden, m->id.method, m->id.device, m->id.model);
    QG_NEED(path, err);
    m->gold->command = qg_arena_format(cli->run, "quantgate bless %s%s%s", suite->path,
                                       device ? " --device " : "", device ? device : "");
    QG_NEED(m->gold->command, err);
    QG_PASS(print_difference(cli, path, m->gold, suite->path, err));
    return o->dry_run ? QG_OK : qg_gold_write(path, m->gold, err);
}

/* What runs here; a suite over several devices is blessed on the machine that has them. */
static qg_status bless_cases(qg_cli *cli, const qg_suite *suite, const qg_run *run, qg_err *err)
{
    size_t n_skipped = 0;

    for (size_t i = 0; i < run->n_measurements; i++) {
        const qg_measurement *m = &run->measurements[i];
        n_skipped += m->state == QG_CASE_SKIPPED;
        if (m->state == QG_CASE_SKIPPED && n_skipped == run->n_measurements)
            return qg_fail(err, QG_EARG, "case '%s' has nothing to bless: %s", m->id.id,
                           m->message);
        if (m->state == QG_CASE_SKIPPED)
            qg_cli_notice("quantgate: '%s' is not blessed: %s", m->id.id, m->message);
        else
            QG_PASS(bless_case(cli, suite, m, err));
    }
    return QG_OK;
}

static qg_status bless(qg_cli *cli, qg_err *err)
{
    const bless_options *o = cli->options;
    const char *ci = getenv("CI");
    qg_gate_options gate = o->gate;
    qg_suite *suite;
    qg_plan plan;
    qg_run *run;

    if (ci && strcmp(ci, "true") == 0 && !o->dry_run)
        return qg_fail(err, QG_EREFUSED,
                       "goldens are not blessed in CI (CI=true): run 'quantgate bless %s' on "
                       "a machine of your own and commit the change for review",
                       cli->args[0]);
    QG_PASS(qg_outcome_read_suite(&suite, cli, cli->args[0], err));
    if (!suite->quality.present || !suite->quality.golden)
        return qg_fail(err, QG_EARG, "suite '%s' names no 'quality.golden' folder to bless into",
                       suite->path);
    if (!gate.only)
        gate.only = "*/quality*";
    QG_PASS(qg_gate_plan(&plan, cli, suite, &gate, err));
    QG_PASS(qg_gate_measure(&run, cli, &plan, &gate, true, err));
    if (run->partial)
        return qg_fail(err, QG_ESTOPPED, "stopped by a signal: nothing is blessed");
    return bless_cases(cli, suite, run, err);
}

const qg_command qg_cmd_bless = {
    .name = "bless",
    .arguments = "SUITE",
    .summary = "accept what the models say now as golden",
    .details =
        "Writes the golden of every model, after printing how it differs from the one that "
        "is there: the\nreference's, that damage is measured against, and each method's own, "
        "from which it must not\ndrift (--only 'fp16/*' blesses one). Those of CUDA (--device "
        "cuda) lie beside the CPU's. The review is the diff "
        "of the commit. Refused where CI=true.",
    .example = "quantgate bless suites/smoke.yaml",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .shared = qg_gate_option_table,
    .defaults = &defaults,
    .options_size = sizeof(bless_options),
    .run = bless,
};
