/* Taking runs out of a history, and pinning those that must stay: see history.h.
 *
 * What goes is listed in a table of this connection, then taken out of every table, with all that
 * nothing refers to any more, and the references of the whole file are looked at before the
 * transaction ends. (Letting the library follow every single reference instead would search the
 * numbers once for each series that ends.) Pages that have become free are given back at last.
 */
#include "history/history_internal.h"

#include "base/file.h"

/* Rank 1 is the newest of its suite. */
static const char list_doomed[] =
    "INSERT INTO temp.doomed SELECT id, pinned FROM (SELECT id, suite, started, pinned,"
    " row_number() OVER (PARTITION BY suite ORDER BY started DESC, id DESC) AS place FROM runs)"
    " WHERE place > 1 AND suite = ?1 AND ((?2 > 0 AND started < ?2) OR (?3 > 0 AND place > ?3))";

static const char take_out[] =
    "DELETE FROM temp.doomed WHERE pinned;"
    "DELETE FROM remarks WHERE run IN (SELECT id FROM temp.doomed);"
    "DELETE FROM numbers WHERE run IN (SELECT id FROM temp.doomed);"
    "DELETE FROM run_models WHERE run IN (SELECT id FROM temp.doomed);"
    "DELETE FROM runs WHERE id IN (SELECT id FROM temp.doomed);"
    "DELETE FROM series WHERE id NOT IN (SELECT series FROM numbers);"
    "DELETE FROM cases WHERE id NOT IN (SELECT case_id FROM series);"
    "DELETE FROM models WHERE id NOT IN (SELECT model FROM run_models);"
    "DELETE FROM machines WHERE id NOT IN (SELECT machine FROM runs);"
    "DELETE FROM texts WHERE id NOT IN (SELECT suite_file FROM runs WHERE suite_file NOT NULL"
    " UNION SELECT suite_hash FROM runs WHERE suite_hash NOT NULL"
    " UNION SELECT reference FROM runs WHERE reference NOT NULL"
    " UNION SELECT version FROM runs WHERE version NOT NULL"
    " UNION SELECT build FROM runs WHERE build NOT NULL"
    " UNION SELECT branch FROM runs WHERE branch NOT NULL"
    " UNION SELECT repository FROM runs WHERE repository NOT NULL"
    " UNION SELECT checklist FROM runs WHERE checklist NOT NULL);";

static qg_status list_suite(qg_history *h, const qg_history_limits *limits, int64_t suite,
                            qg_err *err)
{
    qg_statement *s;

    QG_PASS(qg_db_query(&s, h->db, list_doomed, err));
    qg_bind_int(s, 1, suite);
    qg_bind_int(s, 2, limits->before);
    qg_bind_int(s, 3, limits->most);
    return qg_statement_run(s, err);
}

static qg_status list_all(qg_history *h, qg_arena *scratch, const qg_history_limits *limits,
                          qg_err *err)
{
    qg_statement *s;
    const char *name;
    bool is_row;

    QG_PASS(qg_db_exec(h->db,
                       "CREATE TABLE IF NOT EXISTS temp.doomed (id INTEGER PRIMARY KEY, pinned);"
                       "DELETE FROM temp.doomed",
                       err));
    QG_PASS(qg_db_query(&s, h->db, "SELECT id, name FROM suites", err));
    for (;;) {
        QG_PASS(qg_statement_step(&is_row, s, err));
        if (!is_row)
            return QG_OK;
        QG_PASS(qg_column_text(&name, scratch, s, 1, err));
        if (!limits->suite || qg_str_glob(qg_str_from(limits->suite), qg_str_from(name)))
            QG_PASS(list_suite(h, limits, qg_column_int(s, 0), err));
    }
}

/* A reference to what is gone would be a fault of this file: nothing is removed then. */
static qg_status prove_references(qg_history *h, qg_err *err)
{
    qg_statement *s;
    bool is_row;

    QG_PASS(qg_db_query(&s, h->db, "PRAGMA foreign_key_check", err));
    QG_PASS(qg_statement_step(&is_row, s, err));
    if (is_row)
        return qg_fail(err, QG_EFORMAT,
                       "references of '%s' do not hold; 'history check' lists them", h->path);
    return QG_OK;
}

static qg_status prune(qg_history_pruned *out, qg_history *h, qg_arena *scratch,
                       const qg_history_limits *limits, qg_err *err)
{
    int64_t n;

    QG_PASS(list_all(h, scratch, limits, err));
    QG_PASS(qg_db_int(&n, h->db, "SELECT count(*) FROM runs", err));
    QG_PASS(
        qg_db_int(&out->n_runs, h->db, "SELECT count(*) FROM temp.doomed WHERE NOT pinned", err));
    QG_PASS(qg_db_int(&out->n_pinned, h->db, "SELECT count(*) FROM temp.doomed WHERE pinned", err));
    out->n_left = n - out->n_runs;
    if (limits->dry_run || out->n_runs == 0)
        return QG_OK;
    QG_PASS(qg_db_exec(h->db, take_out, err));
    return prove_references(h, err);
}

static qg_status transact(qg_history_pruned *out, qg_history *h, const qg_history_limits *limits,
                          qg_err *err)
{
    qg_arena *scratch = qg_arena_create();

    QG_NEED(scratch, err);
    qg_status s = qg_db_begin(h->db, true, err);
    if (s == QG_OK)
        s = prune(out, h, scratch, limits, err);
    qg_arena_free(scratch);
    if (s == QG_OK)
        return qg_db_commit(h->db, err);
    qg_db_rollback(h->db);
    return s;
}

static qg_status size_of(int64_t *out, qg_history *h, qg_err *err)
{
    int64_t n_pages, page;

    QG_PASS(qg_db_int(&n_pages, h->db, "PRAGMA page_count", err));
    QG_PASS(qg_db_int(&page, h->db, "PRAGMA page_size", err));
    *out = n_pages * page;
    return QG_OK;
}

qg_status qg_history_prune(qg_history_pruned *out, qg_history *h, const qg_history_limits *limits,
                           qg_err *err)
{
    *out = (qg_history_pruned){0};
    QG_PASS(size_of(&out->bytes_before, h, err));
    QG_PASS(qg_db_exec(h->db, "PRAGMA foreign_keys = OFF", err));
    qg_status s = transact(out, h, limits, err);
    QG_PASS(qg_db_exec(h->db, "PRAGMA foreign_keys = ON", s == QG_OK ? err : NULL));
    QG_PASS(s);
    if (!limits->dry_run && out->n_runs > 0)
        QG_PASS(
            qg_db_exec(h->db, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)", err));
    return size_of(&out->bytes_after, h, err);
}

qg_status qg_history_pin(qg_history *h, int64_t id, bool pinned, qg_err *err)
{
    qg_statement *s;
    bool is_row;

    QG_PASS(qg_db_query(&s, h->db, "UPDATE runs SET pinned = ?2 WHERE id = ?1 RETURNING id", err));
    qg_bind_int(s, 1, id);
    qg_bind_int(s, 2, pinned);
    QG_PASS(qg_statement_step(&is_row, s, err));
    if (!is_row)
        return qg_fail(err, QG_ENOTFOUND, "'%s' has no run %lld", h->path, (long long)id);
    return qg_statement_run(s, err);
}
