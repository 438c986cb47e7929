/* The tables of a history: see layout.h.
 *
 * PRAGMA application_id says whose file it is, user_version its schema. Both are part of the
 * transaction that makes or migrates the tables, so a file is of one schema or of the next, never
 * between; who waited for that transaction looks at the version again.
 */
#include "history/layout.h"

#include "history/history.h"

#include <stdio.h>

/* From no schema to the first, from the first to the second, ... */
static const char *const steps[] = {
    "CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE suites (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE machines (id INTEGER PRIMARY KEY, fingerprint TEXT, os TEXT, cpu TEXT,"
    " n_cpus INTEGER NOT NULL, memory_bytes INTEGER NOT NULL, device TEXT, gpu TEXT, tier TEXT,"
    " n_threads INTEGER NOT NULL, compiler TEXT, flags TEXT) STRICT;"
    "CREATE INDEX machines_by_fingerprint ON machines (fingerprint);"
    "CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL, family TEXT, method TEXT,"
    " model_hash TEXT, tokenizer_hash TEXT, n_params INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " bits INTEGER NOT NULL, group_size INTEGER NOT NULL) STRICT;"
    "CREATE INDEX models_by_hash ON models (model_hash, name);"
    "CREATE TABLE cases (id INTEGER PRIMARY KEY, suite INTEGER NOT NULL REFERENCES suites,"
    " name TEXT NOT NULL, model TEXT, method TEXT, device TEXT, kind TEXT, batch INTEGER NOT NULL,"
    " input_len INTEGER NOT NULL, output_len INTEGER NOT NULL, UNIQUE (suite, name)) STRICT;"
    "CREATE TABLE series (id INTEGER PRIMARY KEY, case_id INTEGER NOT NULL REFERENCES cases,"
    " metric TEXT NOT NULL, basis TEXT NOT NULL, UNIQUE (case_id, metric, basis)) STRICT;"
    "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,"
    " content TEXT NOT NULL, suite INTEGER NOT NULL REFERENCES suites, started INTEGER NOT NULL,"
    " wall_ns INTEGER NOT NULL, seed INTEGER NOT NULL, machine INTEGER NOT NULL REFERENCES "
    "machines,"
    " suite_file INTEGER REFERENCES texts, suite_hash INTEGER REFERENCES texts,"
    " reference INTEGER REFERENCES texts, version INTEGER REFERENCES texts,"
    " build INTEGER REFERENCES texts, branch INTEGER REFERENCES texts, commit_hash TEXT,"
    " repository INTEGER REFERENCES texts, checklist INTEGER REFERENCES texts,"
    " verdict INTEGER NOT NULL, exit_code INTEGER NOT NULL, partial INTEGER NOT NULL,"
    " pinned INTEGER NOT NULL, n_cases INTEGER NOT NULL, n_numbers INTEGER NOT NULL,"
    " n_pass INTEGER NOT NULL, n_fail INTEGER NOT NULL, n_inconclusive INTEGER NOT NULL,"
    " n_skip INTEGER NOT NULL, n_known_fail INTEGER NOT NULL, n_error INTEGER NOT NULL) STRICT;"
    "CREATE INDEX runs_by_suite ON runs (suite, started);"
    "CREATE TABLE run_models (run INTEGER NOT NULL REFERENCES runs, place INTEGER NOT NULL,"
    " model INTEGER NOT NULL REFERENCES models, PRIMARY KEY (run, place)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE numbers (run INTEGER NOT NULL REFERENCES runs,"
    " series INTEGER NOT NULL REFERENCES series, verdict INTEGER, value REAL, n INTEGER NOT NULL,"
    " low REAL, high REAL, bound REAL, base REAL, at_least INTEGER NOT NULL,"
    " is_share INTEGER NOT NULL, PRIMARY KEY (run, series)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE remarks (run INTEGER NOT NULL, series INTEGER NOT NULL, message TEXT, issue TEXT,"
    " expires TEXT, PRIMARY KEY (run, series),"
    " FOREIGN KEY (run, series) REFERENCES numbers) STRICT, WITHOUT ROWID;",
    /* noise of the machine when it was calibrated, beside the number that it is of */
    "ALTER TABLE numbers ADD COLUMN floor REAL;",
};
_Static_assert(sizeof steps / sizeof *steps == QG_HISTORY_SCHEMA, "a step a schema");

static const qg_verdict verdicts[] = {QG_VERDICT_PASS,         QG_VERDICT_FAIL,
                                      QG_VERDICT_INCONCLUSIVE, QG_VERDICT_SKIP,
                                      QG_VERDICT_KNOWN_FAIL,   QG_VERDICT_ERROR};
enum { N_NUMBERS = sizeof verdicts / sizeof *verdicts };
_Static_assert((int)N_NUMBERS == (int)QG_N_VERDICTS, "a number a verdict");

int qg_layout_verdict_number(qg_verdict v)
{
    int i = 0;

    while (i + 1 < N_NUMBERS && verdicts[i] != v)
        i++;
    return i;
}

bool qg_layout_verdict(qg_verdict *out, int64_t number)
{
    if (number < 0 || number >= N_NUMBERS)
        return false;
    *out = verdicts[number];
    return true;
}

/* Whose file it is and which schema it has: 0 where it is empty. Within a transaction: another one
 * may make a history of an empty file between two questions. */
static qg_status read_schema(int64_t *out, qg_db *db, const char *path, qg_err *err)
{
    int64_t application, n_tables;

    QG_PASS(qg_db_int(&application, db, "PRAGMA application_id", err));
    QG_PASS(qg_db_int(out, db, "PRAGMA user_version", err));
    QG_PASS(qg_db_int(&n_tables, db, "SELECT count(*) FROM sqlite_master", err));
    if (application == 0 && *out == 0 && n_tables == 0)
        return QG_OK;
    if (application != QG_LAYOUT_APPLICATION || *out < 1)
        return qg_fail(err, QG_EFORMAT, "'%s' is the database of another program, no history",
                       path);
    if (*out > QG_HISTORY_SCHEMA)
        return qg_fail(err, QG_ENOSUP,
                       "history '%s' has schema %lld, this program knows those up to %d: use the "
                       "quantgate that wrote it, or name another file",
                       path, (long long)*out, QG_HISTORY_SCHEMA);
    return QG_OK;
}

static qg_status walk(qg_db *db, int64_t schema, qg_err *err)
{
    char mark[128];

    for (; schema < QG_HISTORY_SCHEMA; schema++)
        QG_TRY(qg_db_exec(db, steps[schema], err), err, "from schema %lld to %lld",
               (long long)schema, (long long)schema + 1);
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             QG_LAYOUT_APPLICATION, QG_HISTORY_SCHEMA);
    return qg_db_exec(db, mark, err);
}

static qg_status migrate(qg_db *db, const char *path, qg_err *err)
{
    int64_t schema;

    QG_PASS(qg_db_begin(db, true, err));
    qg_status s = read_schema(&schema, db, path, err);
    if (s == QG_OK)
        s = walk(db, schema, err);
    if (s == QG_OK)
        return qg_db_commit(db, err);
    qg_db_rollback(db);
    return s;
}

qg_status qg_layout_settle(qg_db *db, const char *path, bool write, qg_err *err)
{
    int64_t schema;

    QG_PASS(qg_db_begin(db, false, err));
    qg_status s = read_schema(&schema, db, path, err);
    qg_db_rollback(db); /* nothing was written */
    QG_PASS(s);
    if (!write && schema == 0)
        return qg_fail(err, QG_EFORMAT, "'%s' is empty, no history", path);
    if (write && schema == 0) /* pages that prune frees can be given back; before anything is in */
        QG_PASS(qg_db_exec(db, "PRAGMA auto_vacuum = INCREMENTAL", err));
    if (write)
        QG_PASS(qg_db_exec(db, "PRAGMA journal_mode = WAL", err));
    if (schema == QG_HISTORY_SCHEMA)
        return QG_OK;
    if (!write)
        QG_PASS(qg_db_to_memory(db, err));
    QG_TRY(migrate(db, path, err), err, "migrating '%s'", path);
    return QG_OK;
}
