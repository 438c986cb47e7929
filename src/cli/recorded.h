/* What `run`, `judge` and `merge` share to append what they judged to a history.
 *
 * The verdict is the gate's and stays so. A history that is the user's mistake (another program's
 * file, a newer schema, a part of a suite) is refused before anything is measured, exit 2. One that
 * the machine keeps from being written (locked, read-only, disk full) is a notice, and makes exit 3
 * of what would have been 0 or 4, as a report does that cannot be written: the verdict is printed,
 * the record is in DIR/run.json, and `history append` puts it in later. 1 and 2 stay.
 */
#ifndef QG_CLI_RECORDED_H
#define QG_CLI_RECORDED_H

#include "cli/outcome.h"
#include "history/history.h"

typedef struct qg_recorded_options {
    const char *history;                      /* NULL: none */
    const char *branch, *commit, *repository; /* instead of what checkout.h finds */
} qg_recorded_options;

/* Before measuring: whether the history can be one at all. `is_part`: the run is a shard. */
qg_status qg_recorded_look(const qg_recorded_options *o, bool is_part, qg_err *err);

/* After the verdict: appends the run and says so, or why not; raises cli->exit_code. `noise`:
 * folder of calibrated floors, NULL: golden/noise. Fails only when out of memory. */
qg_status qg_recorded_append(const qg_run *run, qg_cli *cli, const qg_recorded_options *o,
                             const char *noise, qg_err *err);

/* One run with its source into an open history; where `checks_out`, what the options do not say is
 * looked for in the environment and the checkout. */
qg_status qg_recorded_put(qg_history_added *out, qg_history *h, const qg_run *run, qg_cli *cli,
                          const qg_recorded_options *o, bool checks_out, const qg_noise *noise,
                          bool pinned, qg_err *err);

/* Says where a damaged file went, if one was set aside. */
void qg_recorded_say_aside(const qg_history *h, const char *path);

/* Options of a struct's member that is a qg_recorded_options. */
#define QG_RECORDED_SOURCE(type, field)                                                            \
    QG_TEXT("branch", type, field.branch, "NAME",                                                  \
            "of what is tested (GITHUB_HEAD_REF, GITHUB_REF_NAME, or that of the checkout)"),      \
        QG_TEXT("commit", type, field.commit, "HASH", "the same (GITHUB_SHA, or the checkout's)"), \
        QG_TEXT("repository", type, field.repository, "URL",                                       \
                "the same, for links (of GITHUB_SERVER_URL and GITHUB_REPOSITORY)")
#define QG_RECORDED_OPTIONS(type, field)                                                           \
    QG_TEXT("history", type, field.history, "DB", "append the judged run to this history"),        \
        QG_RECORDED_SOURCE(type, field)

#endif
