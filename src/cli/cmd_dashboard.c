/* `quantgate dashboard --history DB -o DIR`: the runs of a history as a static site. Exit 0 if
 * written.
 */
#include "base/file.h"
#include "build_info.h"
#include "cli/cli.h"
#include "report/dashboard.h"

typedef struct dashboard_options {
    const char *history, *out, *title, *suite, *branch, *commit_url, *kcheck;
    qg_cli_list coverage;
    int64_t last;
} dashboard_options;

static const dashboard_options defaults = {.last = QG_DASHBOARD_LAST};

static const qg_option options[] = {
    QG_TEXT("history", dashboard_options, history, "DB", "the history to show"),
    QG_TEXT("out", dashboard_options, out, "DIR",
            "the folder to write; a dashboard there is replaced"),
    QG_LIST("coverage", dashboard_options, coverage, "FILE",
            "lines covered, by gcovr --json-summary; several, oldest first, make a trend"),
    QG_TEXT("kcheck", dashboard_options, kcheck, "FILE", "kernels proved, by kcheck --csv"),
    QG_INT("last", dashboard_options, last, "N", 1, QG_DASHBOARD_LAST_MAX,
           "the newest runs of each suite (500)"),
    QG_TEXT("suite", dashboard_options, suite, "GLOB", "only suites whose name matches"),
    QG_TEXT("branch", dashboard_options, branch, "NAME", "only runs of this branch"),
    QG_TEXT("commit-url", dashboard_options, commit_url, "PREFIX",
            "what goes before a commit in links (else the repository that the runs name)"),
    QG_TEXT("title", dashboard_options, title, "TEXT", "of the pages"),
    {0},
};

static qg_status dashboard(qg_cli *cli, qg_err *err)
{
    const dashboard_options *o = cli->options;
    qg_history *history;
    qg_dashboard_written written;

    if (!o->history)
        return qg_fail(err, QG_EARG, "which history? name it by --history DB");
    if (!o->out)
        return qg_fail(err, QG_EARG, "where to? name a folder by -o DIR");
    QG_PASS(qg_history_open(&history, cli->run, o->history, &(qg_history_options){0}, err));
    qg_dashboard_options what = {.title = o->title,
                                 .history = qg_path_base(o->history),
                                 .suite = o->suite,
                                 .branch = o->branch,
                                 .commit_url = o->commit_url,
                                 .last = o->last,
                                 .coverage = o->coverage.at,
                                 .n_coverage = (size_t)o->coverage.n,
                                 .kernels = o->kcheck,
                                 .version = QG_BUILD_VERSION};
    QG_PASS(qg_dashboard_write(&written, history, o->out, &what, err));
    qg_cli_notice("%zu suite%s, %zu run%s: open '%s/index.html'", written.n_suites,
                  written.n_suites == 1 ? "" : "s", written.n_runs, written.n_runs == 1 ? "" : "s",
                  o->out);
    return QG_OK;
}

const qg_command qg_cmd_dashboard = {
    .name = "dashboard",
    .arguments = "",
    .summary = "the runs of a history as a static site",
    .details =
        "Trends of every metric with intervals, budgets and change points, comparison of any two\n"
        "runs, models side by side, checklist, coverage, noise and known failures. The folder "
        "opens\n"
        "from the disk (index.html) and can be published as it is; it asks no server for anything.",
    .example =
        "quantgate dashboard --history history.db --coverage build/coverage/coverage.json -o site",
    .options = options,
    .defaults = &defaults,
    .options_size = sizeof(dashboard_options),
    .run = dashboard,
};
