/* Whether a history is sound: see qg_history_check in history.h.
 *
 * First what the library can tell (every page, every index, every reference), then what only we
 * know: a run has as many numbers as were appended with it, numbers are finite, verdicts are some.
 * All is read in one transaction of a connection that may not write.
 */
#include "history/history_internal.h"

#include "base/file.h"
#include "history/layout.h"

enum { FINDINGS_OF_A_KIND = 20 };

typedef struct examination {
    qg_findings *findings;
    qg_arena *scratch;
    qg_db *db;
    const char *path;
    qg_err *err;
} examination;

static void find_fault(examination *e, const char *fix, const char *message)
{
    qg_finding_error(e->findings, ((qg_place){.file = e->path}), fix, "%s", message);
}

static const char restore[] =
    "restore a copy; 'quantgate history export' saves what can still be read";

/* Each row of the statement is a fault, told by its first column. */
static qg_status find_rows(examination *e, const char *sql, const char *fine)
{
    qg_statement *s;
    const char *text;
    bool is_row;

    QG_PASS(qg_db_query(&s, e->db, sql, e->err));
    for (int i = 0; i < FINDINGS_OF_A_KIND; i++) {
        QG_PASS(qg_statement_step(&is_row, s, e->err));
        if (!is_row)
            break;
        QG_PASS(qg_column_text(&text, e->scratch, s, 0, e->err));
        if (!fine || !text || strcmp(text, fine) != 0)
            find_fault(e, restore, text ? text : "a fault without a name");
    }
    return QG_OK;
}

static const char wrong_counts[] =
    "SELECT printf('run %d was appended with %d numbers and has %d', id, n_numbers, there)"
    " FROM (SELECT id, n_numbers, (SELECT count(*) FROM numbers WHERE run = runs.id) AS there"
    " FROM runs) WHERE there <> n_numbers";
static const char wrong_numbers[] =
    "SELECT printf('run %d has a number of series %d that cannot be', run, series) FROM numbers"
    " WHERE verdict NOT BETWEEN 0 AND 5 OR n < 0 OR abs(value) > 1.7e308 OR abs(low) > 1.7e308"
    " OR abs(high) > 1.7e308 OR abs(bound) > 1.7e308 OR (verdict IS NULL AND value IS NULL)";
static const char wrong_runs[] =
    "SELECT printf('run %d says what no run can', id) FROM runs WHERE length(key) <> 32"
    " OR verdict NOT BETWEEN 0 AND 5 OR exit_code NOT BETWEEN 0 AND 4 OR started < 0"
    " OR n_numbers < 0";

static qg_status examine(examination *e, qg_history_state *out)
{
    int64_t schema, n_pages, page;

    QG_PASS(find_rows(e, "PRAGMA integrity_check(20)", "ok"));
    QG_PASS(find_rows(
        e,
        "SELECT printf('row %s of \"%s\" refers to a row of \"%s\" that is not there', rowid,"
        " \"table\", parent) FROM pragma_foreign_key_check",
        NULL));
    QG_PASS(find_rows(e, wrong_runs, NULL));
    QG_PASS(find_rows(e, wrong_counts, NULL));
    QG_PASS(find_rows(e, wrong_numbers, NULL));
    QG_PASS(qg_db_int(&schema, e->db, "PRAGMA user_version", e->err));
    QG_PASS(qg_db_int(&out->n_suites, e->db, "SELECT count(*) FROM suites", e->err));
    QG_PASS(qg_db_int(&out->n_runs, e->db, "SELECT count(*) FROM runs", e->err));
    QG_PASS(qg_db_int(&out->n_numbers, e->db, "SELECT count(*) FROM numbers", e->err));
    QG_PASS(qg_db_int(&n_pages, e->db, "PRAGMA page_count", e->err));
    QG_PASS(qg_db_int(&page, e->db, "PRAGMA page_size", e->err));
    out->schema = (int)schema;
    out->bytes = n_pages * page;
    return QG_OK;
}

/* What is the user's or the file's fault is a finding, what is the machine's a failure. */
static qg_status sort_out(examination *e, qg_status s, const qg_err *why)
{
    char text[2 * QG_ERR_TEXT + QG_ERR_PATH];

    if (s == QG_OK || qg_status_exit(s) != 2) {
        if (s != QG_OK && e->err)
            *e->err = *why;
        return s;
    }
    find_fault(e, s == QG_EFORMAT ? "restore a copy, if it ever was a history" : NULL,
               qg_err_format(why, text, sizeof text));
    return QG_OK;
}

qg_status qg_history_check(qg_findings *findings, qg_history_state *out, const char *path,
                           qg_err *err)
{
    const qg_history_options options = {0};
    qg_err why = {0};
    examination e = {.findings = findings, .scratch = qg_arena_create(), .path = path, .err = &why};
    qg_history *h = NULL;

    *out = (qg_history_state){0};
    QG_NEED(e.scratch, err);
    qg_status s = qg_history_open(&h, e.scratch, path, &options, &why);
    if (s == QG_OK) {
        e.db = h->db;
        s = qg_db_begin(h->db, false, &why);
        if (s == QG_OK)
            s = examine(&e, out);
        qg_db_rollback(h->db);
    }
    e.err = err;
    s = sort_out(&e, s, &why);
    qg_arena_free(e.scratch);
    return s == QG_OK && findings->out_of_memory ? qg_fail(err, QG_ENOMEM, "out of memory") : s;
}
