/* `quantgate compare A.json B.json`: two stored runs side by side, with intervals. Exit 0 if
 * written: it is for people, and no verdict. */
#include "cli/cli.h"
#include "cli/comparison.h"
#include "record/record_json.h"

typedef struct compare_options {
    const char *only, *format;
    double confidence;
    bool json, all;
} compare_options;

static const compare_options defaults = {.format = "text", .confidence = 95};

static const qg_option options[] = {
    QG_TEXT("only", compare_options, only, "GLOB", "only cases whose id matches: 'fp16/*'"),
    QG_REAL("confidence", compare_options, confidence, "PERCENT", 50, 99.99,
            "of the intervals (95)"),
    QG_TEXT("format", compare_options, format, "text|markdown|json", "how it is written (text)"),
    QG_FLAG("all", compare_options, all, "list also what is the same, which else is only counted"),
    QG_FLAG("json", compare_options, json, "the same as --format json"),
    {0},
};

/* One record: the other program that it was measured beside, and itself. */
static qg_status choose_sides(qg_comparison_sides *out, qg_cli *cli, qg_err *err)
{
    qg_run *first, *second;

    QG_PASS(qg_run_read(&first, cli->run, cli->args[0], err));
    *out = (qg_comparison_sides){
        first->against, first, first->program ? first->program : "the other program", cli->args[0]};
    if (cli->n_args == 1 && !first->against)
        return qg_fail(
            err, QG_EARG,
            "give two records: '%s' was measured beside no other program (run --against)",
            cli->args[0]);
    if (cli->n_args == 1)
        return QG_OK;
    QG_PASS(qg_run_read(&second, cli->run, cli->args[1], err));
    *out = (qg_comparison_sides){first, second, cli->args[0], cli->args[1]};
    return QG_OK;
}

static qg_status compare(qg_cli *cli, qg_err *err)
{
    const compare_options *o = cli->options;
    qg_comparison_sides sides;
    qg_comparison c;
    qg_buf b;

    QG_PASS(choose_sides(&sides, cli, err));
    qg_compare_options how = {.only = o->only,
                              .name_a = sides.name_a,
                              .name_b = sides.name_b,
                              .in_turns = cli->n_args == 1,
                              .confidence = o->confidence / 100};
    QG_PASS(qg_compare_runs(&c, cli->run, sides.a, sides.b, &how, err));
    qg_comparison_look look = {(size_t)qg_cli_columns(), qg_cli_colour(), o->all};
    qg_buf_init(&b, cli->run);
    if (o->json || strcmp(o->format, "json") == 0)
        QG_PASS(qg_comparison_json(&b, &c, &sides, err));
    else if (strcmp(o->format, "markdown") == 0)
        qg_comparison_markdown(&b, &c, &sides, o->all);
    else
        qg_comparison_text(&b, &c, &sides, &look);
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

const qg_command qg_cmd_compare = {
    .name = "compare",
    .arguments = "A.json [B.json]",
    .summary = "two stored runs side by side, with intervals",
    .details =
        "How each number changed from A to B, worst first: latency by ranks of its samples and by\n"
        "block bootstrap, quality document by document, memory exactly. What is called better or\n"
        "worse is adjusted for the number of comparisons. Two runs were not measured at the same\n"
        "time, and nothing here knows what else changed between them; one record of\n"
        "'run --against' is compared with the other program in turns. Exit 0 if written.",
    .example = "quantgate compare old/run.json new/run.json --only '*/quality'",
    .min_args = 1,
    .max_args = 2,
    .options = options,
    .defaults = &defaults,
    .options_size = sizeof(compare_options),
    .run = compare,
};
