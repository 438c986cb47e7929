/* GitHub Actions: see github.h.
 *
 * The runner takes commands from every line of stdout and stderr: "::name ...::" behind blanks, and
 * the older "##[name ...]" anywhere in it (actions/runner, ActionCommand.cs). A table of names from
 * a suite or another's record may hold either, so it is printed with commands switched off.
 */
#include "cli/github.h"

#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEAST_ROOM = 20 * 1000, TOKEN = 33 };

bool qg_github_is_there(void)
{
    const char *actions = getenv("GITHUB_ACTIONS");
    return actions && strcmp(actions, "true") == 0;
}

void qg_github_locate(qg_report_options *options, qg_arena *arena)
{
    const char *server = getenv("GITHUB_SERVER_URL"), *repository = getenv("GITHUB_REPOSITORY"),
               *sha = getenv("GITHUB_SHA"), *workspace = getenv("GITHUB_WORKSPACE");
    char root[PATH_MAX], here[PATH_MAX];

    if (server && repository && sha)
        options->link = qg_arena_format(arena, "%s/%s/blob/%s/", server, repository, sha);
    if (workspace && workspace[0] && realpath(workspace, root) && getcwd(here, sizeof here)) {
        options->root = qg_str_dup(arena, qg_str_from(root));
        options->here = qg_str_dup(arena, qg_str_from(here));
    }
}

static qg_status make_token(char token[TOKEN], qg_err *err)
{
    unsigned char bytes[(TOKEN - 1) / 2];

    if (getentropy(bytes, sizeof bytes) != 0)
        return qg_fail(err, QG_EIO, "the system has no random numbers");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return QG_OK;
}

qg_status qg_github_print(qg_str text, qg_err *err)
{
    char token[TOKEN], line[TOKEN + 24];

    if (!qg_github_is_there())
        return qg_cli_write(text, err);
    QG_PASS(make_token(token, err));
    snprintf(line, sizeof line, "::stop-commands::%s\n", token);
    QG_PASS(qg_cli_write(qg_str_from(line), err));
    QG_PASS(qg_cli_write(text, err));
    snprintf(line, sizeof line, "::%s::\n", token);
    return qg_cli_write(qg_str_from(line), err);
}

static qg_status render(qg_buf *b, qg_cli *cli, const qg_sink *sink, const qg_run *run,
                        const qg_report_options *options, qg_err *err)
{
    qg_buf_init(b, cli->run);
    return qg_report_render(b, sink, run, options, err);
}

/* Appends to the file that GitHub shows on the run's page. */
static qg_status append(const char *path, qg_str text, qg_err *err)
{
    FILE *f = fopen(path, "a");
    bool fine = f && fwrite(text.ptr, 1, text.len, f) == text.len;
    if (f && fclose(f) != 0)
        fine = false;
    return fine ? QG_OK : qg_fail(err, QG_EIO, "cannot append to '%s' (GITHUB_STEP_SUMMARY)", path);
}

static qg_status append_summary(const char *path, const qg_run *run, qg_cli *cli,
                                const qg_report_options *options, qg_err *err)
{
    qg_report_options own = *options;
    int64_t taken = qg_file_size(path);
    qg_buf b;

    taken = taken > 0 ? taken : 0;
    if (taken > QG_REPORT_SUMMARY_BYTES - LEAST_ROOM) {
        qg_cli_notice("quantgate: the summary of this step is full, nothing is appended to it");
        return QG_OK;
    }
    own.room = (size_t)(QG_REPORT_SUMMARY_BYTES - taken);
    QG_PASS(render(&b, cli, &qg_report_markdown, run, &own, err));
    return append(path, qg_buf_view(&b), err);
}

qg_status qg_github_speak(const qg_run *run, qg_cli *cli, const qg_report_options *options,
                          bool to_stdout, qg_err *err)
{
    const char *summary = getenv("GITHUB_STEP_SUMMARY");
    qg_buf b;

    if (!qg_github_is_there())
        return QG_OK;
    if (to_stdout) {
        QG_PASS(render(&b, cli, &qg_report_annotations, run, options, err));
        QG_PASS(qg_cli_write(qg_buf_view(&b), err));
    }
    return summary && summary[0] ? append_summary(summary, run, cli, options, err) : QG_OK;
}
