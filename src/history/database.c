/* SQLite: see database.h.
 *
 * Every call of the library goes through `failed`, which turns its code into ours and rolls nothing
 * back by itself. SQLite waits for locks by its busy timeout, except where it answers at once (when
 * a file is first put into write-ahead mode, or its log is recovered): those calls are tried again
 * here until the same time is over.
 */
#include "history/database.h"

#include "base/clock.h"
#include "base/file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

struct qg_statement {
    qg_db *db;
    const char *sql;
    sqlite3_stmt *handle;
    int bound; /* first code of a binding that failed */
    qg_statement *next;
};

struct qg_db {
    qg_arena *arena;
    const char *path;
    sqlite3 *handle;
    int64_t timeout_ms;
    qg_statement *statements;
    bool damaged, none;
};

/* ---- errors ---- */

static qg_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* statements are ours and right: the tables are not */
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return QG_EFORMAT;
    case SQLITE_FULL:
        return QG_ENOSPACE;
    case SQLITE_NOMEM:
        return QG_ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_IOERR:
        return QG_EIO;
    default:
        return QG_EINTERNAL;
    }
}

void qg_db_keep_log(qg_db *db)
{
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

static qg_status failed(qg_db *db, int code, qg_err *err)
{
    qg_status s = status_of(code);

    switch (code & 0xff) {
    case SQLITE_NOTADB:
        db->none = db->damaged = true;
        qg_db_keep_log(db);
        return qg_fail(err, s, "'%s' is no history: no SQLite database", db->path);
    case SQLITE_CORRUPT:
        db->damaged = true;
        qg_db_keep_log(db);
        return qg_fail(err, s, "'%s' is damaged: %s", db->path, sqlite3_errstr(code));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return qg_fail(err, s, "'%s' was locked by another program for %.3g s", db->path,
                       (double)db->timeout_ms / 1e3);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return qg_fail(err, s, "cannot write to '%s': it, or its folder, is read-only", db->path);
    case SQLITE_FULL:
        return qg_fail(err, s, "cannot write to '%s': no space left", db->path);
    case SQLITE_NOMEM:
        return qg_fail(err, s, "out of memory");
    case SQLITE_CANTOPEN:
        return qg_fail(err, s, "cannot open '%s', or the files beside it: %s", db->path,
                       strerror(sqlite3_system_errno(db->handle)));
    default:
        return qg_fail(err, s, "'%s': %s", db->path,
                       db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
    }
}

static bool is_busy(int code)
{
    return (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
}

/* ---- open ---- */

/* Nothing that a file brings along may run, and a page is looked at before it is believed. */
static const char settings[] = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                               "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"
                               "PRAGMA temp_store = MEMORY;";

static void close_it(void *data)
{
    qg_db_close(data);
}

void qg_db_close(qg_db *db)
{
    for (qg_statement *s = db->statements; s; s = s->next)
        sqlite3_finalize(s->handle);
    db->statements = NULL;
    sqlite3_close(db->handle);
    db->handle = NULL;
}

static int connect(qg_db *db, const char *name, int flags)
{
    sqlite3_close(db->handle);
    db->handle = NULL;
    int code = sqlite3_open_v2(name, &db->handle, flags, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_extended_result_codes(db->handle, 1);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(db->handle, (int)db->timeout_ms);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return code;
}

/* "file:PATH?immutable=1", for files of which nobody can write even the index of the log. */
static const char *immutable_name(qg_arena *arena, const char *path)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_text(&b, "file:");
    for (const char *c = path; *c; c++)
        if (strchr("%?#", *c))
            qg_buf_format(&b, "%%%02x", (unsigned char)*c);
        else
            qg_buf_char(&b, *c);
    qg_buf_text(&b, "?immutable=1");
    return b.failed ? NULL : b.ptr;
}

static int look(qg_db *db)
{
    return sqlite3_exec(db->handle, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
}

/* A reader opens for writing where it may, and then forbids itself to: so the last one to close
 * leaves no log behind. */
static qg_status open_reader(qg_db *db, qg_err *err)
{
    int code = connect(db, db->path, SQLITE_OPEN_READWRITE), first;

    if (code == SQLITE_OK)
        code = sqlite3_exec(db->handle, "PRAGMA query_only = ON", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = look(db);
    first = code & 0xff;
    if (first == SQLITE_CANTOPEN || first == SQLITE_READONLY || first == SQLITE_IOERR) {
        const char *log = qg_arena_format(db->arena, "%s-wal", db->path);
        const char *name = immutable_name(db->arena, db->path);
        QG_NEED(log && name, err);
        if (qg_file_size(log) <= 0)
            code = connect(db, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    }
    return code == SQLITE_OK ? QG_OK : failed(db, code, err);
}

qg_status qg_db_open(qg_db **out, qg_arena *arena, const char *path, const qg_db_options *options,
                     qg_err *err)
{
    qg_db *db = QG_NEW(arena, qg_db);
    char pages[64];
    int code;

    QG_NEED(db, err);
    db->arena = arena;
    db->timeout_ms = options->timeout_ms;
    db->path = qg_str_dup(arena, qg_str_from(path));
    QG_NEED(db->path && qg_arena_defer(arena, close_it, db), err);
    *out = db;
    if (options->write) {
        code = connect(db, db->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        if (code != SQLITE_OK)
            return failed(db, code, err);
    } else {
        QG_PASS(open_reader(db, err));
    }
    if (options->max_pages) {
        snprintf(pages, sizeof pages, "PRAGMA max_page_count = %lld",
                 (long long)options->max_pages);
        QG_PASS(qg_db_exec(db, pages, err));
    }
    return qg_db_exec(db, settings, err);
}

bool qg_db_is_damaged(const qg_db *db)
{
    return db->damaged;
}

bool qg_db_is_none(const qg_db *db)
{
    return db->none;
}

qg_status qg_db_to_memory(qg_db *db, qg_err *err)
{
    sqlite3 *file = db->handle;
    int code;

    for (qg_statement *s = db->statements; s; s = s->next)
        sqlite3_finalize(s->handle);
    db->statements = NULL;
    db->handle = NULL;
    code = connect(db, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    sqlite3_backup *copy =
        code == SQLITE_OK ? sqlite3_backup_init(db->handle, "main", file, "main") : NULL;
    if (copy) {
        sqlite3_backup_step(copy, -1);
        code = sqlite3_backup_finish(copy);
    } else if (code == SQLITE_OK) {
        code = sqlite3_errcode(db->handle);
    }
    sqlite3_close(file);
    return code == SQLITE_OK ? qg_db_exec(db, settings, err) : failed(db, code, err);
}

/* ---- statements ---- */

qg_status qg_db_exec(qg_db *db, const char *sql, qg_err *err)
{
    int64_t end = qg_clock_ns() + db->timeout_ms * 1000000;
    int code;

    while (is_busy(code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL)) && qg_clock_ns() < end)
        usleep(2000);
    return code == SQLITE_OK ? QG_OK : failed(db, code, err);
}

qg_status qg_db_int(int64_t *out, qg_db *db, const char *sql, qg_err *err)
{
    qg_statement *s;
    bool is_row;

    *out = 0;
    QG_PASS(qg_db_query(&s, db, sql, err));
    QG_PASS(qg_statement_step(&is_row, s, err));
    if (is_row)
        *out = qg_column_int(s, 0);
    sqlite3_reset(s->handle);
    return QG_OK;
}

qg_status qg_db_begin(qg_db *db, bool write, qg_err *err)
{
    return qg_db_exec(db, write ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

/* A statement in the middle of its rows would go on reading the file as it was. */
static void stop_reading(qg_db *db)
{
    for (qg_statement *s = db->statements; s; s = s->next)
        sqlite3_reset(s->handle);
}

qg_status qg_db_commit(qg_db *db, qg_err *err)
{
    stop_reading(db);
    qg_status s = qg_db_exec(db, "COMMIT", err);
    if (s != QG_OK)
        qg_db_rollback(db);
    return s;
}

void qg_db_rollback(qg_db *db)
{
    stop_reading(db);
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

qg_status qg_db_query(qg_statement **out, qg_db *db, const char *sql, qg_err *err)
{
    qg_statement *s = db->statements;

    while (s && s->sql != sql)
        s = s->next;
    if (s) {
        sqlite3_reset(s->handle);
        sqlite3_clear_bindings(s->handle);
        s->bound = SQLITE_OK;
        *out = s;
        return QG_OK;
    }
    s = QG_NEW(db->arena, qg_statement);
    QG_NEED(s, err);
    *s = (qg_statement){.db = db, .sql = sql, .next = db->statements};
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL);
    if (code != SQLITE_OK)
        return failed(db, code, err);
    db->statements = s;
    *out = s;
    return QG_OK;
}

static void bound(qg_statement *s, int code)
{
    if (s->bound == SQLITE_OK)
        s->bound = code;
}

void qg_bind_int(qg_statement *s, int at, int64_t v)
{
    bound(s, sqlite3_bind_int64(s->handle, at, v));
}

void qg_bind_real(qg_statement *s, int at, double v)
{
    bound(s, sqlite3_bind_double(s->handle, at, v));
}

void qg_bind_text(qg_statement *s, int at, const char *v)
{
    bound(s, sqlite3_bind_text(s->handle, at, v, -1, SQLITE_STATIC));
}

qg_status qg_statement_step(bool *is_row, qg_statement *s, qg_err *err)
{
    int code = s->bound == SQLITE_OK ? sqlite3_step(s->handle) : s->bound;

    *is_row = code == SQLITE_ROW;
    if (*is_row)
        return QG_OK;
    sqlite3_reset(s->handle);
    return code == SQLITE_DONE ? QG_OK : failed(s->db, code, err);
}

qg_status qg_statement_run(qg_statement *s, qg_err *err)
{
    bool is_row = true;

    while (is_row)
        QG_PASS(qg_statement_step(&is_row, s, err));
    return QG_OK;
}

bool qg_column_is_null(const qg_statement *s, int at)
{
    return sqlite3_column_type(s->handle, at) == SQLITE_NULL;
}

int64_t qg_column_int(const qg_statement *s, int at)
{
    return sqlite3_column_int64(s->handle, at);
}

double qg_column_real(const qg_statement *s, int at)
{
    return sqlite3_column_double(s->handle, at);
}

qg_status qg_column_text(const char **out, qg_arena *arena, const qg_statement *s, int at,
                         qg_err *err)
{
    *out = NULL;
    if (qg_column_is_null(s, at))
        return QG_OK;
    const unsigned char *text = sqlite3_column_text(s->handle, at);
    QG_NEED(text, err);
    *out = qg_str_dup(arena,
                      (qg_str){(const char *)text, (size_t)sqlite3_column_bytes(s->handle, at)});
    QG_NEED(*out, err);
    return QG_OK;
}
