/* SQLite, which only database.c sees: connections, statements, transactions, and what goes wrong in
 * our words.
 *
 * A connection keeps every statement that it has prepared, by the address of its text, so texts are
 * constants and a statement costs its preparation once. Binding cannot fail by itself: the next
 * step reports what went wrong. A statement is free for its next use when a step found no more
 * rows, when it is asked for again, and at the end of a transaction.
 *
 * Codes: QG_EFORMAT the file is damaged or no database (qg_db_is_damaged tells that from all else),
 * or its tables are not those that a statement wants; QG_EIO locked for longer than the timeout,
 * not writable, or a read that failed; QG_ENOSPACE, QG_ENOMEM. Messages name the file.
 */
#ifndef QG_HISTORY_DATABASE_H
#define QG_HISTORY_DATABASE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct qg_db qg_db;
typedef struct qg_statement qg_statement;

typedef struct qg_db_options {
    bool write;         /* makes the file where there is none               */
    int64_t timeout_ms; /* longest wait for another writer                  */
    int64_t max_pages;  /* the disk is full behind that many; 0: it is not  */
} qg_db_options;

/* Closed with the arena, or by qg_db_close before. A file that cannot be written to, in a folder
 * that cannot, is read all the same. *out is set, to be asked for the damage, unless memory ran
 * out.
 */
qg_status qg_db_open(qg_db **out, qg_arena *arena, const char *path, const qg_db_options *options,
                     qg_err *err);
void qg_db_close(qg_db *db); /* twice is fine */
/* Whether a call failed because the file is damaged; and so much that it is no database at all. */
bool qg_db_is_damaged(const qg_db *db);
bool qg_db_is_none(const qg_db *db);
/* Closing leaves the file and its log as they are, as it does where the file is damaged: else the
 * last to close brings the log into the file. */
void qg_db_keep_log(qg_db *db);
/* From now on the connection is to a copy in memory, which may be written to. */
qg_status qg_db_to_memory(qg_db *db, qg_err *err);

/* Statements without rows, ";" between them. */
qg_status qg_db_exec(qg_db *db, const char *sql, qg_err *err);
/* The one integer of one row; 0 where there is none, or it is null. */
qg_status qg_db_int(int64_t *out, qg_db *db, const char *sql, qg_err *err);

/* `write` takes the file for this connection alone at once, so that nothing read is old when it is
 * written to. */
qg_status qg_db_begin(qg_db *db, bool write, qg_err *err);
qg_status qg_db_commit(qg_db *db, qg_err *err); /* what fails is rolled back */
void qg_db_rollback(qg_db *db);

qg_status qg_db_query(qg_statement **out, qg_db *db, const char *sql, qg_err *err);
/* Places count from 1. Texts and blobs must live until the statement is asked for again. */
/* A place that is not bound is null. */
void qg_bind_int(qg_statement *s, int at, int64_t v);
void qg_bind_real(qg_statement *s, int at, double v);
void qg_bind_text(qg_statement *s, int at, const char *v); /* NULL: null */
qg_status qg_statement_step(bool *is_row, qg_statement *s, qg_err *err);
/* To its end; rows are dropped. */
qg_status qg_statement_run(qg_statement *s, qg_err *err);

/* Columns of the row at hand count from 0. */
bool qg_column_is_null(const qg_statement *s, int at);
int64_t qg_column_int(const qg_statement *s, int at); /* 0 of null */
double qg_column_real(const qg_statement *s, int at); /* 0 of null */
/* A copy on the arena; NULL of null. */
qg_status qg_column_text(const char **out, qg_arena *arena, const qg_statement *s, int at,
                         qg_err *err);

#endif
