/* Opening a history, and setting aside a damaged one: see history.h.
 *
 * A damaged file is locked, looked at once more (another process may have replaced it meanwhile),
 * and renamed together with its log, whose pages would otherwise be taken for those of the new
 * file. A file that is no database at all is only moved where its name says that it should be one:
 * else somebody named the wrong file. The file is not opened except through SQLite while a
 * connection to it is open: closing it would drop the locks of that connection.
 */
#include "history/history_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "history/layout.h"

#include <stdio.h>
#include <unistd.h>

static qg_db_options options_of(const qg_history_options *o)
{
    return (qg_db_options){.write = o->write,
                           .timeout_ms = o->timeout_ms ? o->timeout_ms : QG_HISTORY_TIMEOUT_MS,
                           .max_pages = o->max_pages};
}

static qg_status connect(qg_history *h, qg_err *err)
{
    qg_db_options options = options_of(&h->options);

    h->db = NULL;
    QG_PASS(qg_db_open(&h->db, h->arena, h->path, &options, err));
    return qg_layout_settle(h->db, h->path, h->options.write, err);
}

/* ---- damage ---- */

static bool is_database_name(const char *path)
{
    qg_str name = qg_str_from(path);

    return qg_str_ends(name, QG_STR(".db")) || qg_str_ends(name, QG_STR(".sqlite")) ||
           qg_str_ends(name, QG_STR(".sqlite3"));
}

/* Looks at the whole file. A file that is fine by now was replaced by another process. */
static bool is_damaged(const qg_history *h, qg_arena *scratch)
{
    qg_db_options options = options_of(&h->options);
    qg_statement *s;
    const char *said = NULL;
    bool is_row = false;
    qg_db *db = NULL;

    if (qg_db_open(&db, scratch, h->path, &options, NULL) == QG_OK &&
        qg_db_query(&s, db, "PRAGMA quick_check(1)", NULL) == QG_OK &&
        qg_statement_step(&is_row, s, NULL) == QG_OK && is_row)
        qg_column_text(&said, scratch, s, 0, NULL);
    if (!db)
        return false;
    qg_db_keep_log(db);
    bool damaged = qg_db_is_damaged(db) || (said && strcmp(said, "ok") != 0);
    qg_db_close(db);
    return damaged;
}

static qg_status move(const char *from, const char *to, qg_err *err)
{
    if (rename(from, to) != 0)
        return qg_fail(err, QG_EIO, "cannot move the damaged '%s' to '%s'", from, to);
    return QG_OK;
}

/* A name that nothing has. */
static const char *aside_name(qg_arena *arena, const char *path)
{
    char stamp[21], digits[21];
    const char *name;
    size_t n = 0;

    qg_clock_utc(stamp);
    for (const char *c = stamp; *c; c++)
        if (*c != '-' && *c != ':')
            digits[n++] = *c;
    digits[n] = '\0';
    name = qg_arena_format(arena, "%s.corrupt-%s", path, digits);
    for (int i = 2; name && access(name, F_OK) == 0; i++)
        name = qg_arena_format(arena, "%s.corrupt-%s-%d", path, digits, i);
    return name;
}

/* The log first: a file without its log is still damaged, and will be found so again. */
static qg_status move_aside(qg_history *h, qg_arena *scratch, qg_err *err)
{
    static const char *const tails[] = {"-wal", "-shm", "-journal", ""};
    const char *name = aside_name(h->arena, h->path);

    QG_NEED(name, err);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        const char *from = qg_arena_format(scratch, "%s%s", h->path, tails[i]);
        const char *to = qg_arena_format(scratch, "%s%s", name, tails[i]);
        QG_NEED(from && to, err);
        if (access(from, F_OK) == 0)
            QG_PASS(move(from, to, err));
    }
    h->aside = name;
    return QG_OK;
}

static qg_status set_aside(qg_history *h, qg_arena *scratch, qg_err *err)
{
    QG_NEED(scratch, err);
    QG_PASS(qg_file_lock(scratch, h->path, err));
    return is_damaged(h, scratch) ? move_aside(h, scratch, err) : QG_OK;
}

qg_status qg_history_mend(bool *again, qg_history *h, qg_err *err)
{
    *again = h->options.write && h->db && qg_db_is_damaged(h->db) &&
             (!qg_db_is_none(h->db) || is_database_name(h->path));
    if (!*again)
        return QG_OK;
    qg_arena *scratch = qg_arena_create();
    qg_db_close(h->db);
    qg_err_clear(err);
    qg_status s = set_aside(h, scratch, err);
    qg_arena_free(scratch);
    return s == QG_OK ? connect(h, err) : s;
}

const char *qg_history_aside(const qg_history *h)
{
    return h->aside;
}

/* ---- open ---- */

/* What cannot be written to is the machine's fault here, whoever set the permissions. */
static qg_status make_folder(qg_arena *arena, const char *path, qg_err *err)
{
    qg_err why = {0};
    const char *folder = qg_path_dir(arena, path);

    QG_NEED(folder, err);
    if (qg_dir_make(folder, &why) != QG_OK)
        return qg_fail(err, why.code == QG_ENOSPACE ? why.code : QG_EIO, "%s", why.message);
    return QG_OK;
}

qg_status qg_history_open(qg_history **out, qg_arena *arena, const char *path,
                          const qg_history_options *options, qg_err *err)
{
    qg_history *h = QG_NEW(arena, qg_history);
    bool again;

    QG_NEED(h, err);
    *h = (qg_history){
        .arena = arena, .path = qg_str_dup(arena, qg_str_from(path)), .options = *options};
    QG_NEED(h->path, err);
    if (qg_dir_exists(path))
        return qg_fail(err, QG_EARG, "'%s' is a folder, the file of a history was expected", path);
    if (options->write)
        QG_PASS(make_folder(arena, path, err));
    else if (!qg_file_exists(path))
        return qg_fail(err, QG_ENOTFOUND, "there is no history '%s'", path);
    qg_status s = connect(h, err);
    if (s != QG_OK) {
        qg_status mended = qg_history_mend(&again, h, err);
        s = again ? mended : s;
    }
    if (s == QG_OK)
        *out = h;
    return s;
}
