/* Appending to a history: see recorded.h. It is opened twice, since a measurement may take hours,
 * in which a connection would keep others from tidying its log. */
#include "cli/recorded.h"

#include "cli/checkout.h"
#include "judge/verdict.h"

void qg_recorded_say_aside(const qg_history *h, const char *path)
{
    if (qg_history_aside(h))
        qg_cli_notice("quantgate: history '%s' was damaged: it is set aside as '%s', and a new one "
                      "is begun",
                      path, qg_history_aside(h));
}

/* QG_OK too where the machine does not let us: that is said again at the end. */
static qg_status look(qg_arena *own, const qg_recorded_options *o, qg_err *err)
{
    const qg_history_options options = {.write = true};
    qg_history *h;
    qg_err why = {0};

    QG_NEED(own, err);
    qg_status s = qg_history_open(&h, own, o->history, &options, &why);
    if (s == QG_OK)
        qg_recorded_say_aside(h, o->history);
    if (s == QG_OK || qg_status_exit(s) == 3)
        return QG_OK;
    if (err)
        *err = why;
    return s;
}

qg_status qg_recorded_look(const qg_recorded_options *o, bool is_part, qg_err *err)
{
    if (!o->history) {
        if (o->branch || o->commit || o->repository)
            return qg_fail(err, QG_EARG, "'--%s' is for a history: add --history DB",
                           o->branch   ? "branch"
                           : o->commit ? "commit"
                                       : "repository");
        return QG_OK;
    }
    if (is_part)
        return qg_fail(err, QG_EARG,
                       "'--history %s': this is a part of a suite; give it to 'quantgate merge', "
                       "which has all of it",
                       o->history);
    qg_arena *own = qg_arena_create();
    qg_status s = look(own, o, err);
    qg_arena_free(own);
    return s;
}

qg_status qg_recorded_put(qg_history_added *out, qg_history *h, const qg_run *run, qg_cli *cli,
                          const qg_recorded_options *o, bool checks_out, const qg_noise *noise,
                          bool pinned, qg_err *err)
{
    qg_checkout found = {0};

    if (checks_out)
        QG_PASS(qg_checkout_find(&found, cli->run, ".", err));
    const qg_history_source source = {.branch = o->branch ? o->branch : found.branch,
                                      .commit = o->commit ? o->commit : found.commit,
                                      .repository =
                                          o->repository ? o->repository : found.repository,
                                      .noise = noise,
                                      .pinned = pinned};
    return qg_history_append(out, h, run, &source, err);
}

static qg_status append(qg_arena *own, const qg_run *run, qg_cli *cli, const qg_recorded_options *o,
                        const qg_noise *noise, qg_err *err)
{
    const qg_history_options options = {.write = true};
    qg_history_added added;
    qg_history *h;

    QG_NEED(own, err);
    QG_PASS(qg_history_open(&h, own, o->history, &options, err));
    qg_status s = qg_recorded_put(&added, h, run, cli, o, true, noise, false, err);
    qg_recorded_say_aside(h, o->history);
    return s;
}

qg_status qg_recorded_append(const qg_run *run, qg_cli *cli, const qg_recorded_options *o,
                             const char *noise, qg_err *err)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];
    const qg_noise *floors = NULL;
    qg_err why = {0};

    if (!o->history)
        return QG_OK;
    qg_status s = QG_OK;
    if (run->suite)
        s = qg_outcome_noise(&floors, cli, noise, run->suite, run->machine.fingerprint, &why);
    if (s == QG_OK) {
        qg_arena *own = qg_arena_create();
        s = append(own, run, cli, o, floors, &why);
        qg_arena_free(own);
    }
    if (s == QG_ENOMEM)
        return qg_fail(err, s, "out of memory");
    if (s != QG_OK) {
        qg_cli_notice("quantgate: the run is not in the history: %s",
                      qg_err_format(&why, text, sizeof text));
        cli->exit_code = qg_exit_worst(cli->exit_code, qg_status_exit(s));
    }
    return QG_OK;
}
