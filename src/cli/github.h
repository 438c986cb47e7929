/* GitHub Actions: what a step's variables say, and what the program says to them. Outside of a
 * workflow, where there are none, nothing here does anything. */
#ifndef QG_CLI_GITHUB_H
#define QG_CLI_GITHUB_H

#include "cli/cli.h"
#include "report/report.h"

bool qg_github_is_there(void); /* GITHUB_ACTIONS is "true" */

/* Fills link, root and here from GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_SHA and
 * GITHUB_WORKSPACE; what is not known stays NULL. Texts are on the arena. */
void qg_github_locate(qg_report_options *options, qg_arena *arena);

/* Prints a text to stdout. In a workflow, between `stop-commands` and a token that nobody can
 * guess, so that no name in it is taken for a command. */
qg_status qg_github_print(qg_str text, qg_err *err);

/* In a workflow: annotations to stdout, where it is for people, and the summary behind what other
 * steps' programs have appended to GITHUB_STEP_SUMMARY. Together they stay under the limit of a
 * step; where there is no room left, a notice says so. */
qg_status qg_github_speak(const qg_run *run, qg_cli *cli, const qg_report_options *options,
                          bool to_stdout, qg_err *err);

#endif
