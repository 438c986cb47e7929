/* `quantgate plan SUITE`: what `run` would do, and how many runners would share it. Measures
 * nothing. */
#include "cli/gate.h"
#include "cli/planned.h"

#include <stdio.h>
#include <stdlib.h>

enum { MATRIX_MAX = 256 }; /* jobs of a matrix, by GitHub's limits */

typedef struct plan_options {
    qg_gate_options gate;
    const char *format;
    int64_t shards;
    bool json, github_output;
} plan_options;

static const plan_options defaults = {.gate = QG_GATE_DEFAULTS, .format = "text"};

static const qg_option options[] = {
    QG_INT("shards", plan_options, shards, "N", 1, 10000,
           "spread the cases over N runners; fewer where there is less to tell apart"),
    QG_TEXT("times", plan_options, gate.times, "RUN.json",
            "a stored run that tells what cases take, so that shards take the same time"),
    QG_TEXT("format", plan_options, format, "text|json|github-matrix", "how it is written (text)"),
    QG_FLAG("json", plan_options, json, "the same as --format json"),
    QG_FLAG("github-output", plan_options, github_output,
            "append the matrix to the file $GITHUB_OUTPUT, print the shards as text"),
    QG_TEXT("only", plan_options, gate.only, "GLOB", "only cases whose id matches: 'fp16/*'"),
    QG_TEXT("device", plan_options, gate.device, "cpu|cuda|auto", "instead of the suite's"),
    {0},
};

static qg_status make(qg_plan *plan, qg_cli *cli, const plan_options *o, bool matrix, qg_err *err)
{
    qg_suite *suite;

    QG_PASS(qg_outcome_read_suite(&suite, cli, cli->args[0], err));
    QG_PASS(qg_gate_plan(plan, cli, suite, &o->gate, err));
    if (o->shards == 0)
        return QG_OK;
    int n = o->shards < (int64_t)plan->n_groups ? (int)o->shards : (int)plan->n_groups;
    if (matrix && n > MATRIX_MAX)
        return qg_fail(err, QG_EARG, "a matrix has at most %d jobs, not %d: lower --shards",
                       MATRIX_MAX, n);
    if (n < o->shards)
        qg_cli_notice("quantgate: %d shard%s, not %lld: cases of one batch are measured together",
                      n, n == 1 ? "" : "s", (long long)o->shards);
    return qg_gate_plan_shards(plan, cli, suite, &o->gate, n, err);
}

static qg_status append(const char *path, qg_str text, qg_err *err)
{
    FILE *f = fopen(path, "a");
    bool fine = f && fwrite(text.ptr, 1, text.len, f) == text.len;

    if (f && fclose(f) != 0)
        fine = false;
    return fine ? QG_OK : qg_fail(err, QG_EIO, "cannot append to '%s' (GITHUB_OUTPUT)", path);
}

static qg_status put(qg_buf *b, const qg_plan *plan, const plan_options *o, const char *file,
                     qg_err *err)
{
    qg_buf matrix;

    if (o->json || strcmp(o->format, "json") == 0)
        return qg_planned_json(b, plan, err);
    if (!file && strcmp(o->format, "github-matrix") == 0)
        return qg_planned_matrix(b, plan, err);
    qg_planned_text(b, plan);
    if (!file)
        return QG_OK;
    qg_buf_init(&matrix, b->arena);
    QG_PASS(qg_planned_matrix(&matrix, plan, err));
    return append(file, qg_buf_view(&matrix), err);
}

static qg_status plan(qg_cli *cli, qg_err *err)
{
    const plan_options *o = cli->options;
    bool matrix = o->github_output || strcmp(o->format, "github-matrix") == 0;
    const char *file = o->github_output ? getenv("GITHUB_OUTPUT") : NULL;
    qg_plan p;
    qg_buf b;

    if (matrix && o->shards == 0)
        return qg_fail(err, QG_EARG, "a matrix needs --shards N");
    if (o->github_output && (!file || !file[0]))
        return qg_fail(err, QG_EARG,
                       "--github-output: GITHUB_OUTPUT names no file; it is set in a step of "
                       "GitHub Actions");
    QG_PASS(make(&p, cli, o, matrix, err));
    qg_buf_init(&b, cli->run);
    QG_PASS(put(&b, &p, o, file, err));
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

const qg_command qg_cmd_plan = {
    .name = "plan",
    .arguments = "SUITE",
    .summary = "what a run would do, and how many runners would share it",
    .details =
        "Cases of performance with one batch stay together, since they are measured in turns; a\n"
        "quality case stands alone. Give each runner 'run --shard I/N' with the same --only and\n"
        "--times, and fold what they write with 'merge'.",
    .example = "quantgate plan suites/quant/llama.yaml --shards 4\n"
               "  quantgate plan suite.yaml --shards 4 --format github-matrix >>\"$GITHUB_OUTPUT\"",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .defaults = &defaults,
    .options_size = sizeof(plan_options),
    .run = plan,
};
