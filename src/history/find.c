/* Asking a history: see history.h.
 *
 * Globs are matched here, on the few names of suites, cases and metrics; the file is asked for runs
 * suite by suite, through the index of suite and start, and for numbers run by run, where they lie
 * in one piece. Each answer is read in one transaction, so that it is of one moment.
 *
 * Numbers are read in two steps: all rows into one array, as wide as the runs say, then dealt out
 * to their trends in the order of the runs.
 */
#include "history/harvest.h"
#include "history/history_internal.h"

#include "history/layout.h"

#include <stdlib.h>

/* Of a run: four bases of every metric in as many cases as a record may hold. */
enum { NUMBERS_MOST = 4 * (QG_METRIC_N + 1) * 10001 };

static bool is_named(const char *glob, const char *name)
{
    return !glob || qg_str_glob(qg_str_from(glob), qg_str_from(name));
}

/* Runs `read` in a transaction that sees the file as it is now. */
static qg_status in_one_moment(qg_history *h, qg_status (*read)(void *user), void *user,
                               qg_err *err)
{
    QG_PASS(qg_db_begin(h->db, false, err));
    qg_status s = read(user);
    qg_db_rollback(h->db);
    return s;
}

/* ---- runs ---- */

typedef struct run_search {
    qg_history_runs *out;
    qg_arena *arena;
    qg_db *db;
    const qg_history_filter *filter;
    size_t room;
    qg_err *err;
} run_search;

static qg_status more_room(run_search *f)
{
    if (f->out->n < f->room)
        return QG_OK;
    size_t room = f->room ? 2 * f->room : 64;
    qg_history_run *more = QG_NEW_N(f->arena, qg_history_run, room);
    QG_NEED(more, f->err);
    if (f->out->n)
        memcpy(more, f->out->at, f->out->n * sizeof *more);
    f->out->at = more;
    f->room = room;
    return QG_OK;
}

/* Column `at` as text into *to. */
#define TEXT(to, at) QG_PASS(qg_column_text(&(to), f->arena, s, (at), f->err))

static qg_status read_machine(run_search *f, const qg_statement *s, int at, qg_machine *m)
{
    TEXT(m->fingerprint, at);
    TEXT(m->os, at + 1);
    TEXT(m->cpu, at + 2);
    m->n_cpus = (int)qg_column_int(s, at + 3);
    m->memory_bytes = qg_column_int(s, at + 4);
    TEXT(m->device, at + 5);
    TEXT(m->gpu, at + 6);
    TEXT(m->tier, at + 7);
    m->n_threads = (int)qg_column_int(s, at + 8);
    TEXT(m->compiler, at + 9);
    TEXT(m->flags, at + 10);
    return QG_OK;
}

static const char select_runs[] =
    "SELECT runs.id, runs.key, suites.name, sf.text, sh.text, re.text, ve.text, bu.text, br.text,"
    " runs.commit_hash, rp.text, ch.text, started, wall_ns, seed, partial, pinned, verdict,"
    " exit_code, n_cases, n_numbers, n_pass, n_fail, n_inconclusive, n_skip, n_known_fail, n_error,"
    " fingerprint, os, cpu, n_cpus, memory_bytes, device, gpu, tier, n_threads, compiler, flags"
    " FROM runs JOIN suites ON suites.id = runs.suite JOIN machines ON machines.id = runs.machine"
    " LEFT JOIN texts sf ON sf.id = suite_file LEFT JOIN texts sh ON sh.id = suite_hash"
    " LEFT JOIN texts re ON re.id = reference LEFT JOIN texts ve ON ve.id = version"
    " LEFT JOIN texts bu ON bu.id = build LEFT JOIN texts br ON br.id = branch"
    " LEFT JOIN texts rp ON rp.id = repository LEFT JOIN texts ch ON ch.id = checklist"
    " WHERE runs.suite = ?1 AND (?2 IS NULL OR fingerprint = ?2) AND (?3 IS NULL OR br.text = ?3)"
    " AND (?4 IS NULL OR substr(commit_hash, 1, length(?4)) = ?4)"
    " AND (?5 = 0 OR started >= ?5) AND (?6 = 0 OR started < ?6) AND (?7 = 0 OR runs.id = ?7)"
    " ORDER BY started DESC, runs.id DESC LIMIT ?8";

static qg_status read_run(run_search *f, const qg_statement *s, qg_history_run *run)
{
    const char *key, *checklist;
    qg_verdict v;

    *run = (qg_history_run){.id = qg_column_int(s, 0)};
    TEXT(key, 1);
    for (size_t i = 0; key && key[i] && i + 1 < sizeof run->key; i++)
        run->key[i] = key[i];
    TEXT(run->suite, 2);
    TEXT(run->suite_file, 3);
    TEXT(run->suite_hash, 4);
    TEXT(run->reference, 5);
    TEXT(run->version, 6);
    TEXT(run->build, 7);
    TEXT(run->branch, 8);
    TEXT(run->commit, 9);
    TEXT(run->repository, 10);
    TEXT(checklist, 11);
    if (checklist)
        qg_harvest_read_checklist(run, f->arena, checklist);
    run->started = qg_column_int(s, 12);
    run->wall_ns = qg_column_int(s, 13);
    run->seed = qg_column_int(s, 14);
    run->partial = qg_column_int(s, 15) != 0;
    run->pinned = qg_column_int(s, 16) != 0;
    if (!qg_layout_verdict(&run->verdict, qg_column_int(s, 17)))
        return qg_fail(f->err, QG_EFORMAT, "run %lld has no verdict", (long long)run->id);
    run->exit_code = (int)qg_column_int(s, 18);
    run->n_cases = qg_column_int(s, 19);
    run->n_numbers = qg_column_int(s, 20);
    if (run->n_numbers < 0 || run->n_numbers > NUMBERS_MOST)
        return qg_fail(f->err, QG_EFORMAT, "run %lld says that it has %lld numbers",
                       (long long)run->id, (long long)run->n_numbers);
    for (int i = 0; qg_layout_verdict(&v, i); i++)
        run->n_verdicts[v] = qg_column_int(s, 21 + i);
    return read_machine(f, s, 27, &run->machine);
}

static qg_status read_models(run_search *f, qg_history_run *run)
{
    qg_statement *s;
    bool is_row;

    QG_PASS(qg_db_query(&s, f->db, "SELECT count(*) FROM run_models WHERE run = ?1", f->err));
    qg_bind_int(s, 1, run->id);
    QG_PASS(qg_statement_step(&is_row, s, f->err));
    run->models = QG_NEW_N(f->arena, qg_history_model, is_row ? (size_t)qg_column_int(s, 0) : 0);
    QG_NEED(run->models, f->err);
    QG_PASS(qg_db_query(&s, f->db,
                        "SELECT name, family, method, model_hash, tokenizer_hash, n_params, bytes,"
                        " bits, group_size FROM run_models JOIN models ON models.id = model"
                        " WHERE run = ?1 ORDER BY place",
                        f->err));
    qg_bind_int(s, 1, run->id);
    for (;;) {
        QG_PASS(qg_statement_step(&is_row, s, f->err));
        if (!is_row)
            return QG_OK;
        qg_history_model *m = &run->models[run->n_models++];
        TEXT(m->name, 0);
        TEXT(m->family, 1);
        TEXT(m->method, 2);
        TEXT(m->model_hash, 3);
        TEXT(m->tokenizer_hash, 4);
        m->n_params = qg_column_int(s, 5);
        m->bytes = qg_column_int(s, 6);
        m->bits = (int)qg_column_int(s, 7);
        m->group_size = (int)qg_column_int(s, 8);
    }
}

/* Newest first as asked for, then turned round. */
static qg_status read_suite(run_search *f, int64_t suite)
{
    const qg_history_filter *o = f->filter;
    size_t first = f->out->n;
    qg_statement *s;
    bool is_row;

    QG_PASS(qg_db_query(&s, f->db, select_runs, f->err));
    qg_bind_int(s, 1, suite);
    qg_bind_text(s, 2, o->fingerprint);
    qg_bind_text(s, 3, o->branch);
    qg_bind_text(s, 4, o->commit);
    qg_bind_int(s, 5, o->since);
    qg_bind_int(s, 6, o->until);
    qg_bind_int(s, 7, o->id);
    qg_bind_int(s, 8, o->last > 0 ? o->last : -1);
    for (;;) {
        QG_PASS(qg_statement_step(&is_row, s, f->err));
        if (!is_row)
            break;
        QG_PASS(more_room(f));
        QG_PASS(read_run(f, s, &f->out->at[f->out->n]));
        QG_PASS(read_models(f, &f->out->at[f->out->n]));
        f->out->n++;
    }
    for (size_t i = first, k = f->out->n; i + 1 < k; i++) {
        qg_history_run run = f->out->at[i];
        f->out->at[i] = f->out->at[--k];
        f->out->at[k] = run;
    }
    return QG_OK;
}

qg_status qg_history_count(int64_t *out, qg_history *h, const char *suite, const char *branch,
                           qg_err *err)
{
    qg_statement *s;
    bool is_row;

    *out = 0;
    QG_PASS(qg_db_query(&s, h->db,
                        "SELECT count(*) FROM runs JOIN suites ON suites.id = runs.suite"
                        " LEFT JOIN texts br ON br.id = branch"
                        " WHERE suites.name = ?1 AND (?2 IS NULL OR br.text = ?2)",
                        err));
    qg_bind_text(s, 1, suite);
    qg_bind_text(s, 2, branch);
    QG_PASS(qg_statement_step(&is_row, s, err));
    if (is_row)
        *out = qg_column_int(s, 0);
    return QG_OK;
}

typedef struct named {
    int64_t id;
    const char *name;
} named;

/* The suites that the filter names, by name. */
static qg_status find_suites(named **out, size_t *n, run_search *f)
{
    int64_t most;
    qg_statement *s;
    bool is_row;

    *n = 0;
    QG_PASS(qg_db_int(&most, f->db, "SELECT count(*) FROM suites", f->err));
    *out = QG_NEW_N(f->arena, named, (size_t)most);
    QG_NEED(*out, f->err);
    QG_PASS(qg_db_query(&s, f->db, "SELECT id, name FROM suites ORDER BY name", f->err));
    for (;;) {
        QG_PASS(qg_statement_step(&is_row, s, f->err));
        if (!is_row)
            return QG_OK;
        named *suite = &(*out)[*n];
        suite->id = qg_column_int(s, 0);
        TEXT(suite->name, 1);
        *n += is_named(f->filter->suite, suite->name);
    }
}

static qg_status read_runs(void *user)
{
    run_search *f = user;
    named *suites;
    size_t n;

    QG_PASS(find_suites(&suites, &n, f));
    for (size_t i = 0; i < n; i++)
        QG_PASS(read_suite(f, suites[i].id));
    return QG_OK;
}

qg_status qg_history_runs_find(qg_history_runs *out, qg_arena *arena, qg_history *h,
                               const qg_history_filter *filter, qg_err *err)
{
    run_search f = {.out = out, .arena = arena, .db = h->db, .filter = filter, .err = err};

    *out = (qg_history_runs){0};
    return in_one_moment(h, read_runs, &f, err);
}

/* ---- trends ---- */

typedef struct row {
    int64_t series;
    qg_history_number number;
} row;

typedef struct trend_search {
    qg_history_trends *out;
    qg_arena *arena, *scratch;
    qg_db *db;
    const qg_history_runs *runs;
    const qg_history_filter *filter;
    qg_history_trend **of_series; /* [n_series] by id; NULL: not asked for */
    int64_t n_series;
    row *rows;
    size_t n_rows;
    qg_err *err;
} trend_search;

static bool is_suite_of(const qg_history_runs *runs, const char *suite)
{
    for (size_t i = 0; i < runs->n; i++)
        if (strcmp(runs->at[i].suite, suite) == 0)
            return true;
    return false;
}

/* What is not known is "". */
static qg_status known_text(const char **out, trend_search *f, const qg_statement *s, int at)
{
    TEXT(*out, at);
    *out = *out ? *out : "";
    return QG_OK;
}

/* One series, unless the filter leaves it out. */
static qg_status read_series(trend_search *f, const qg_statement *s)
{
    const char *metric, *basis;
    int64_t id = qg_column_int(s, 0);
    qg_history_trend t = {.metric = QG_METRIC_NONE};

    TEXT(t.suite, 1);
    TEXT(t.id.id, 2);
    TEXT(metric, 3);
    TEXT(basis, 4);
    bool wanted = is_named(f->filter->case_id, t.id.id) && is_named(f->filter->metric, metric) &&
                  (metric[0] == '\0' || qg_metric_find(&t.metric, qg_str_from(metric))) &&
                  qg_basis_find(qg_str_from(basis), &t.basis) && is_suite_of(f->runs, t.suite);
    if (!wanted || id < 0 || id >= f->n_series)
        return QG_OK;
    QG_PASS(known_text(&t.id.model, f, s, 5));
    QG_PASS(known_text(&t.id.method, f, s, 6));
    QG_PASS(known_text(&t.id.device, f, s, 7));
    QG_PASS(known_text(&t.id.kind, f, s, 8));
    t.id.batch = qg_column_int(s, 9);
    t.id.input_len = qg_column_int(s, 10);
    t.id.output_len = qg_column_int(s, 11);
    f->of_series[id] = &f->out->at[f->out->n];
    f->out->at[f->out->n++] = t;
    return QG_OK;
}

/* All series that are asked for, in the order of the answer. */
static qg_status read_all_series(trend_search *f)
{
    qg_statement *s;
    bool is_row;

    QG_PASS(qg_db_int(&f->n_series, f->db, "SELECT max(id) + 1 FROM series", f->err));
    f->of_series = QG_NEW_N(f->scratch, qg_history_trend *, (size_t)f->n_series);
    f->out->at = QG_NEW_N(f->arena, qg_history_trend, (size_t)f->n_series);
    QG_NEED(f->of_series && f->out->at, f->err);
    QG_PASS(qg_db_query(&s, f->db,
                        "SELECT series.id, suites.name, cases.name, metric, basis, model, method,"
                        " device, kind, batch, input_len, output_len FROM series"
                        " JOIN cases ON cases.id = case_id JOIN suites ON suites.id = suite"
                        " ORDER BY suites.name, cases.id",
                        f->err));
    for (;;) {
        QG_PASS(qg_statement_step(&is_row, s, f->err));
        if (!is_row)
            return QG_OK;
        QG_PASS(read_series(f, s));
    }
}

static qg_status read_number(trend_search *f, const qg_statement *s, size_t run)
{
    row *r = &f->rows[f->n_rows];
    qg_history_number *n = &r->number;

    *r = (row){.series = qg_column_int(s, 0)};
    if (r->series < 0 || r->series >= f->n_series || !f->of_series[r->series])
        return QG_OK;
    n->run = run;
    n->judged = !qg_column_is_null(s, 1) && qg_layout_verdict(&n->verdict, qg_column_int(s, 1));
    n->has_value = !qg_column_is_null(s, 2);
    n->value = qg_column_real(s, 2);
    n->n = qg_column_int(s, 3);
    n->has_low = !qg_column_is_null(s, 4);
    n->low = qg_column_real(s, 4);
    n->has_high = !qg_column_is_null(s, 5);
    n->high = qg_column_real(s, 5);
    n->has_limit = !qg_column_is_null(s, 6);
    n->limit = qg_column_real(s, 6);
    n->has_base = !qg_column_is_null(s, 7);
    n->base = qg_column_real(s, 7);
    n->at_least = qg_column_int(s, 8) != 0;
    n->is_share = qg_column_int(s, 9) != 0;
    n->floor = qg_column_real(s, 10);
    TEXT(n->message, 11);
    TEXT(n->issue, 12);
    TEXT(n->expires, 13);
    f->of_series[r->series]->n_numbers++;
    f->n_rows++;
    return QG_OK;
}

static qg_status read_numbers(trend_search *f, size_t run)
{
    qg_statement *s;
    bool is_row;

    QG_PASS(qg_db_query(&s, f->db,
                        "SELECT numbers.series, verdict, value, n, low, high, bound, base,"
                        " at_least, is_share, floor, message, issue, expires FROM numbers"
                        " LEFT JOIN remarks ON remarks.run = numbers.run"
                        " AND remarks.series = numbers.series WHERE numbers.run = ?1",
                        f->err));
    qg_bind_int(s, 1, f->runs->at[run].id);
    for (int64_t i = 0; i < f->runs->at[run].n_numbers; i++) {
        QG_PASS(qg_statement_step(&is_row, s, f->err));
        if (!is_row)
            break;
        QG_PASS(read_number(f, s, run));
    }
    return QG_OK;
}

static int by_metric(const void *a, const void *b)
{
    const qg_history_trend *x = a, *y = b;
    int c = (x->metric > y->metric) - (x->metric < y->metric);

    return c ? c : (x->basis > y->basis) - (x->basis < y->basis);
}

/* Cases are in their order; the trends of each still in that of their first numbers. */
static void sort_cases(qg_history_trends *t)
{
    for (size_t i = 0, k; i < t->n; i = k) {
        k = i + 1;
        while (k < t->n && strcmp(t->at[i].suite, t->at[k].suite) == 0 &&
               strcmp(t->at[i].id.id, t->at[k].id.id) == 0)
            k++;
        qsort(&t->at[i], k - i, sizeof *t->at, by_metric);
    }
}

/* Rows to their trends; trends without a number are left out. */
static qg_status deal_out(trend_search *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->out->n; i++) {
        qg_history_trend *t = &f->out->at[i];
        t->numbers = QG_NEW_N(f->arena, qg_history_number, t->n_numbers);
        QG_NEED(t->numbers, f->err);
        t->n_numbers = 0;
    }
    for (size_t i = 0; i < f->n_rows; i++) {
        qg_history_trend *t = f->of_series[f->rows[i].series];
        t->numbers[t->n_numbers++] = f->rows[i].number;
    }
    for (size_t i = 0; i < f->out->n; i++)
        if (f->out->at[i].n_numbers)
            f->out->at[n++] = f->out->at[i];
    f->out->n = n;
    sort_cases(f->out);
    return QG_OK;
}

static qg_status read_trends(void *user)
{
    trend_search *f = user;
    int64_t most = 0;

    for (size_t i = 0; i < f->runs->n; i++)
        most += f->runs->at[i].n_numbers;
    f->rows = QG_NEW_N(f->scratch, row, (size_t)most);
    QG_NEED(f->rows, f->err);
    QG_PASS(read_all_series(f));
    for (size_t i = 0; i < f->runs->n; i++)
        QG_PASS(read_numbers(f, i));
    return deal_out(f);
}

qg_status qg_history_trends_find(qg_history_trends *out, qg_arena *arena, qg_history *h,
                                 const qg_history_runs *runs, const qg_history_filter *filter,
                                 qg_err *err)
{
    trend_search f = {.out = out,
                      .arena = arena,
                      .scratch = qg_arena_create(),
                      .db = h->db,
                      .runs = runs,
                      .filter = filter,
                      .err = err};

    *out = (qg_history_trends){0};
    QG_NEED(f.scratch, err);
    qg_status s = in_one_moment(h, read_trends, &f, err);
    qg_arena_free(f.scratch);
    return s;
}
