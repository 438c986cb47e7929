/* Appending a run: see history.h.
 *
 * One transaction that holds the file from its first look to its end: what repeats is looked up or
 * added, then the run, then its numbers in the order of their series, which is the order that they
 * lie in. A run that is there with other judgements loses its numbers and gets the new ones under
 * its own id.
 */
#include "history/harvest.h"
#include "history/history_internal.h"

#include "base/clock.h"
#include "history/layout.h"

#include <stdlib.h>

enum { MESSAGE_MAX = 1000 };

typedef struct appending {
    qg_db *db;
    qg_arena *scratch;
    const qg_run *run;
    const qg_history_source *source;
    qg_err *err;
    char key[QG_HISTORY_KEY], content[QG_HISTORY_KEY];
    qg_harvest numbers;
    int64_t started, suite, machine, id;
    int64_t n_verdicts[QG_N_VERDICTS];
    qg_history_added added;
} appending;

/* ---- what repeats ---- */

/* Binds the places of two statements alike. */
typedef void binder(qg_statement *s, const void *what);

static qg_status find(int64_t *id, bool *is_there, appending *a, const char *sql, binder *bind,
                      const void *what)
{
    qg_statement *s;

    QG_PASS(qg_db_query(&s, a->db, sql, a->err));
    bind(s, what);
    QG_PASS(qg_statement_step(is_there, s, a->err));
    *id = *is_there ? qg_column_int(s, 0) : 0;
    return QG_OK;
}

/* The id of the row that `look` finds, at the latest after `add`. */
static qg_status find_or_add(int64_t *id, appending *a, const char *look, const char *add,
                             binder *bind, const void *what)
{
    qg_statement *s;
    bool is_there;

    QG_PASS(find(id, &is_there, a, look, bind, what));
    if (is_there)
        return QG_OK;
    QG_PASS(qg_db_query(&s, a->db, add, a->err));
    bind(s, what);
    QG_PASS(qg_statement_run(s, a->err));
    return find(id, &is_there, a, look, bind, what);
}

static void bind_text(qg_statement *s, const void *what)
{
    qg_bind_text(s, 1, what);
}

/* 0: no text. */
static qg_status text_id(int64_t *id, appending *a, const char *text)
{
    *id = 0;
    if (!text)
        return QG_OK;
    return find_or_add(id, a, "SELECT id FROM texts WHERE text = ?1",
                       "INSERT INTO texts (text) VALUES (?1)", bind_text, text);
}

static void bind_machine(qg_statement *s, const void *what)
{
    const qg_machine *m = what;

    qg_bind_text(s, 1, m->fingerprint);
    qg_bind_text(s, 2, m->os);
    qg_bind_text(s, 3, m->cpu);
    qg_bind_int(s, 4, m->n_cpus);
    qg_bind_int(s, 5, m->memory_bytes);
    qg_bind_text(s, 6, m->device);
    qg_bind_text(s, 7, m->gpu);
    qg_bind_text(s, 8, m->tier);
    qg_bind_int(s, 9, m->n_threads);
    qg_bind_text(s, 10, m->compiler);
    qg_bind_text(s, 11, m->flags);
}

static const char find_machine[] =
    "SELECT id FROM machines WHERE fingerprint IS ?1 AND os IS ?2 AND cpu IS ?3 AND n_cpus = ?4"
    " AND memory_bytes = ?5 AND device IS ?6 AND gpu IS ?7 AND tier IS ?8 AND n_threads = ?9"
    " AND compiler IS ?10 AND flags IS ?11";
static const char add_machine[] =
    "INSERT INTO machines (fingerprint, os, cpu, n_cpus, memory_bytes, device, gpu, tier,"
    " n_threads, compiler, flags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

static void bind_model(qg_statement *s, const void *what)
{
    const qg_model_info *m = what;

    qg_bind_text(s, 1, m->name);
    qg_bind_text(s, 2, m->family);
    qg_bind_text(s, 3, m->method);
    qg_bind_text(s, 4, m->model_hash);
    qg_bind_text(s, 5, m->tokenizer_hash);
    qg_bind_int(s, 6, m->n_params);
    qg_bind_int(s, 7, m->bytes);
    qg_bind_int(s, 8, m->bits);
    qg_bind_int(s, 9, m->group_size);
}

static const char find_model[] =
    "SELECT id FROM models WHERE model_hash IS ?4 AND name = ?1 AND family IS ?2 AND method IS ?3"
    " AND tokenizer_hash IS ?5 AND n_params = ?6 AND bytes = ?7 AND bits = ?8 AND group_size = ?9";
static const char add_model[] =
    "INSERT INTO models (name, family, method, model_hash, tokenizer_hash, n_params, bytes, bits,"
    " group_size) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

typedef struct case_key {
    int64_t suite;
    const char *name;
    qg_caseid id;
} case_key;

static void bind_case(qg_statement *s, const void *what)
{
    const case_key *k = what;

    qg_bind_int(s, 1, k->suite);
    qg_bind_text(s, 2, k->name);
    qg_bind_text(s, 3, k->id.model);
    qg_bind_text(s, 4, k->id.method);
    qg_bind_text(s, 5, k->id.device);
    qg_bind_text(s, 6, k->id.kind);
    qg_bind_int(s, 7, k->id.batch);
    qg_bind_int(s, 8, k->id.input_len);
    qg_bind_int(s, 9, k->id.output_len);
}

/* What the newest run knows of a case stands; what it does not know (it was skipped) stays. */
static const char find_case[] =
    "SELECT id FROM cases WHERE suite = ?1 AND name = ?2 AND (?3 IS NULL OR model IS ?3)"
    " AND (?4 IS NULL OR method IS ?4) AND (?5 IS NULL OR device IS ?5)"
    " AND (?6 IS NULL OR kind IS ?6) AND (?7 = 0 OR batch = ?7) AND (?8 = 0 OR input_len = ?8)"
    " AND (?9 = 0 OR output_len = ?9)";
static const char add_case[] =
    "INSERT INTO cases (suite, name, model, method, device, kind, batch, input_len, output_len)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (suite, name) DO UPDATE SET"
    " model = coalesce(excluded.model, model), method = coalesce(excluded.method, method),"
    " device = coalesce(excluded.device, device), kind = coalesce(excluded.kind, kind),"
    " batch = coalesce(nullif(excluded.batch, 0), batch),"
    " input_len = coalesce(nullif(excluded.input_len, 0), input_len),"
    " output_len = coalesce(nullif(excluded.output_len, 0), output_len)";

static qg_status case_id(int64_t *id, appending *a, const char *name, const qg_measurement *m)
{
    case_key k = {.suite = a->suite, .name = name};

    if (m)
        k.id = m->id;
    return find_or_add(id, a, find_case, add_case, bind_case, &k);
}

/* Cases are numbered in the order of the plan, so that answers are in it. */
static qg_status put_cases(appending *a)
{
    int64_t id;

    for (size_t i = 0; i < a->run->n_measurements; i++)
        QG_PASS(case_id(&id, a, a->run->measurements[i].id.id, &a->run->measurements[i]));
    return QG_OK;
}

typedef struct series_key {
    int64_t case_id;
    const char *metric, *basis;
} series_key;

static void bind_series(qg_statement *s, const void *what)
{
    const series_key *k = what;

    qg_bind_int(s, 1, k->case_id);
    qg_bind_text(s, 2, k->metric);
    qg_bind_text(s, 3, k->basis);
}

static qg_status series_id(int64_t *id, appending *a, int64_t of_case, const qg_harvested *x)
{
    const series_key k = {.case_id = of_case,
                          .metric =
                              x->metric == QG_METRIC_NONE ? "" : qg_metric_info_of(x->metric)->name,
                          .basis = qg_basis_text(x->basis)};

    return find_or_add(
        id, a, "SELECT id FROM series WHERE case_id = ?1 AND metric = ?2 AND basis = ?3",
        "INSERT INTO series (case_id, metric, basis) VALUES (?1, ?2, ?3)", bind_series, &k);
}

/* ---- the run ---- */

/* Whether the run is there; and whether all of it is. */
static qg_status look(appending *a)
{
    static const char sql[] =
        "SELECT runs.id, content = ?2, (?3 IS NULL OR ?3 IS commit_hash) AND"
        " (?4 IS NULL OR ?4 IS (SELECT text FROM texts WHERE id = branch)) AND"
        " (?5 IS NULL OR ?5 IS (SELECT text FROM texts WHERE id = repository)) AND"
        " (?6 = 0 OR pinned = 1) FROM runs WHERE key = ?1";
    qg_statement *s;
    bool is_row;

    QG_PASS(qg_db_query(&s, a->db, sql, a->err));
    qg_bind_text(s, 1, a->key);
    qg_bind_text(s, 2, a->content);
    qg_bind_text(s, 3, a->source->commit);
    qg_bind_text(s, 4, a->source->branch);
    qg_bind_text(s, 5, a->source->repository);
    qg_bind_int(s, 6, a->source->pinned);
    QG_PASS(qg_statement_step(&is_row, s, a->err));
    a->added = QG_HISTORY_ADDED;
    if (is_row) {
        a->id = qg_column_int(s, 0);
        a->added =
            qg_column_int(s, 1) && qg_column_int(s, 2) ? QG_HISTORY_KNOWN : QG_HISTORY_REPLACED;
    }
    return QG_OK;
}

static qg_status bind_run_text(appending *a, qg_statement *s, int at, const char *text)
{
    int64_t id;

    QG_PASS(text_id(&id, a, text));
    if (id)
        qg_bind_int(s, at, id);
    return QG_OK;
}

static qg_status bind_run_texts(appending *a, qg_statement *s)
{
    const qg_run *run = a->run;
    const char *checklist = NULL;

    if (run->checklist) {
        checklist = qg_harvest_checklist(a->scratch, run->checklist);
        QG_NEED(checklist, a->err);
    }
    QG_PASS(bind_run_text(a, s, 8, run->suite_file));
    QG_PASS(bind_run_text(a, s, 9, run->suite_hash));
    QG_PASS(bind_run_text(a, s, 10, run->reference));
    QG_PASS(bind_run_text(a, s, 11, run->version));
    QG_PASS(bind_run_text(a, s, 12, run->commit));
    QG_PASS(bind_run_text(a, s, 13, a->source->branch));
    qg_bind_text(s, 14, a->source->commit);
    QG_PASS(bind_run_text(a, s, 15, a->source->repository));
    return bind_run_text(a, s, 16, checklist);
}

static void bind_run_counts(const appending *a, qg_statement *s)
{
    qg_verdict v;

    qg_bind_int(s, 17, qg_layout_verdict_number(a->run->verdict));
    qg_bind_int(s, 18, a->run->exit_code);
    qg_bind_int(s, 19, a->run->partial);
    qg_bind_int(s, 20, a->source->pinned);
    qg_bind_int(s, 21, (int64_t)a->run->n_measurements);
    qg_bind_int(s, 22, (int64_t)a->numbers.n);
    for (int i = 0; qg_layout_verdict(&v, i); i++)
        qg_bind_int(s, 23 + i, a->n_verdicts[v]);
}

static qg_status put_run(appending *a)
{
    static const char sql[] =
        "INSERT INTO runs (key, content, suite, started, wall_ns, seed, machine, suite_file,"
        " suite_hash, reference, version, build, branch, commit_hash, repository, checklist,"
        " verdict, exit_code, partial, pinned, n_cases, n_numbers, n_pass, n_fail, n_inconclusive,"
        " n_skip, n_known_fail, n_error)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        " ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)"
        " ON CONFLICT (key) DO UPDATE SET content = excluded.content,"
        " suite_file = excluded.suite_file, suite_hash = excluded.suite_hash,"
        " reference = excluded.reference, branch = coalesce(excluded.branch, branch),"
        " commit_hash = coalesce(excluded.commit_hash, commit_hash),"
        " repository = coalesce(excluded.repository, repository), checklist = excluded.checklist,"
        " verdict = excluded.verdict, exit_code = excluded.exit_code, partial = excluded.partial,"
        " pinned = max(pinned, excluded.pinned), n_cases = excluded.n_cases,"
        " n_numbers = excluded.n_numbers, n_pass = excluded.n_pass, n_fail = excluded.n_fail,"
        " n_inconclusive = excluded.n_inconclusive, n_skip = excluded.n_skip,"
        " n_known_fail = excluded.n_known_fail, n_error = excluded.n_error RETURNING id";
    qg_statement *s;
    bool is_row;

    QG_PASS(qg_db_query(&s, a->db, sql, a->err));
    qg_bind_text(s, 1, a->key);
    qg_bind_text(s, 2, a->content);
    qg_bind_int(s, 3, a->suite);
    qg_bind_int(s, 4, a->started);
    qg_bind_int(s, 5, a->run->wall_ns);
    qg_bind_int(s, 6, a->run->seed);
    qg_bind_int(s, 7, a->machine);
    QG_PASS(bind_run_texts(a, s));
    bind_run_counts(a, s);
    QG_PASS(qg_statement_step(&is_row, s, a->err));
    a->id = is_row ? qg_column_int(s, 0) : 0;
    return qg_statement_run(s, a->err);
}

static qg_status clear_run(appending *a)
{
    static const char *const sql[] = {"DELETE FROM remarks WHERE run = ?1",
                                      "DELETE FROM numbers WHERE run = ?1",
                                      "DELETE FROM run_models WHERE run = ?1"};
    qg_statement *s;

    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
        QG_PASS(qg_db_query(&s, a->db, sql[i], a->err));
        qg_bind_int(s, 1, a->id);
        QG_PASS(qg_statement_run(s, a->err));
    }
    return QG_OK;
}

static qg_status put_models(appending *a)
{
    qg_statement *s;
    int64_t id;

    for (size_t i = 0; i < a->run->n_models; i++) {
        QG_PASS(find_or_add(&id, a, find_model, add_model, bind_model, &a->run->models[i]));
        QG_PASS(qg_db_query(
            &s, a->db, "INSERT INTO run_models (run, place, model) VALUES (?1, ?2, ?3)", a->err));
        qg_bind_int(s, 1, a->id);
        qg_bind_int(s, 2, (int64_t)i);
        qg_bind_int(s, 3, id);
        QG_PASS(qg_statement_run(s, a->err));
    }
    return QG_OK;
}

/* ---- numbers ---- */

typedef struct placed {
    int64_t series;
    const qg_harvested *x;
} placed;

static int by_series(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    return (x->series > y->series) - (x->series < y->series);
}

static void bind_if(qg_statement *s, int at, bool is_known, double v)
{
    if (is_known)
        qg_bind_real(s, at, v);
}

static qg_status put_number(appending *a, const placed *p)
{
    static const qg_judgement none = {0};
    const qg_harvested *x = p->x;
    const qg_judgement *j = x->j ? x->j : &none;
    double floor = qg_noise_floor(a->source->noise, x->case_id, x->metric);
    qg_statement *s;

    QG_PASS(qg_db_query(&s, a->db,
                        "INSERT INTO numbers (run, series, verdict, value, n, low, high, bound,"
                        " base, at_least, is_share, floor)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                        a->err));
    qg_bind_int(s, 1, a->id);
    qg_bind_int(s, 2, p->series);
    if (x->j)
        qg_bind_int(s, 3, qg_layout_verdict_number(j->verdict));
    bind_if(s, 4, x->has_value, x->value);
    qg_bind_int(s, 5, x->n);
    bind_if(s, 6, j->has_low, j->low);
    bind_if(s, 7, j->has_high, j->high);
    bind_if(s, 8, j->has_limit, j->limit);
    bind_if(s, 9, j->has_base, j->base);
    qg_bind_int(s, 10, j->at_least);
    qg_bind_int(s, 11, j->is_share);
    bind_if(s, 12, floor > 0, floor);
    return qg_statement_run(s, a->err);
}

/* At most MESSAGE_MAX bytes, cut between code points. */
static const char *short_text(qg_arena *arena, const char *text)
{
    qg_str s = qg_str_from(text);

    if (s.len <= MESSAGE_MAX)
        return text;
    s.len = MESSAGE_MAX;
    while (s.len > 0 && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80)
        s.len--;
    return qg_str_dup(arena, s);
}

static qg_status put_remark(appending *a, const placed *p)
{
    const qg_judgement *j = p->x->j;
    const char *message = NULL;
    qg_statement *s;

    if (!j || (j->verdict == QG_VERDICT_PASS && !j->issue) || (!j->message && !j->issue))
        return QG_OK;
    if (j->message) {
        message = short_text(a->scratch, j->message);
        QG_NEED(message, a->err);
    }
    QG_PASS(qg_db_query(&s, a->db,
                        "INSERT INTO remarks (run, series, message, issue, expires)"
                        " VALUES (?1, ?2, ?3, ?4, ?5)",
                        a->err));
    qg_bind_int(s, 1, a->id);
    qg_bind_int(s, 2, p->series);
    qg_bind_text(s, 3, message);
    qg_bind_text(s, 4, j->issue);
    qg_bind_text(s, 5, j->expires);
    return qg_statement_run(s, a->err);
}

static qg_status put_numbers(appending *a)
{
    placed *order = QG_NEW_N(a->scratch, placed, a->numbers.n);
    const char *last = NULL;
    int64_t of_case = 0;

    QG_NEED(order, a->err);
    for (size_t i = 0; i < a->numbers.n; i++) {
        const qg_harvested *x = &a->numbers.at[i];
        if (!last || strcmp(last, x->case_id) != 0)
            QG_PASS(case_id(&of_case, a, x->case_id, x->m));
        last = x->case_id;
        order[i].x = x;
        QG_PASS(series_id(&order[i].series, a, of_case, x));
    }
    qsort(order, a->numbers.n, sizeof *order, by_series);
    for (size_t i = 0; i < a->numbers.n; i++) {
        QG_PASS(put_number(a, &order[i]));
        QG_PASS(put_remark(a, &order[i]));
    }
    return QG_OK;
}

/* ---- all of it ---- */

static qg_status put_all(appending *a)
{
    QG_PASS(look(a));
    if (a->added == QG_HISTORY_KNOWN)
        return QG_OK;
    QG_PASS(find_or_add(&a->suite, a, "SELECT id FROM suites WHERE name = ?1",
                        "INSERT INTO suites (name) VALUES (?1)", bind_text, a->run->suite));
    QG_PASS(find_or_add(&a->machine, a, find_machine, add_machine, bind_machine, &a->run->machine));
    if (a->added == QG_HISTORY_REPLACED)
        QG_PASS(clear_run(a));
    QG_PASS(put_run(a));
    QG_PASS(put_models(a));
    QG_PASS(put_cases(a));
    return put_numbers(a);
}

static qg_status transact(appending *a)
{
    QG_PASS(qg_db_begin(a->db, true, a->err));
    qg_status s = put_all(a);
    if (s == QG_OK)
        return qg_db_commit(a->db, a->err);
    qg_db_rollback(a->db);
    return s;
}

static qg_status prepare(appending *a)
{
    const qg_run *run = a->run;

    if (!run->suite || !run->started || !qg_clock_read(&a->started, qg_str_from(run->started)))
        return qg_fail(a->err, QG_EFORMAT,
                       "the record does not say of which suite it is, or when it started");
    if (run->n_shards > 0)
        return qg_fail(a->err, QG_EREFUSED,
                       "the record is a part of a suite, %lld of %lld: append what 'quantgate "
                       "merge' makes of all",
                       (long long)run->shard, (long long)run->n_shards);
    for (size_t i = 0; i < run->n_judgements; i++)
        a->n_verdicts[run->judgements[i].verdict]++;
    QG_PASS(qg_harvest_run(&a->numbers, a->scratch, run, a->err));
    return qg_harvest_identify(a->key, a->content, a->scratch, run, a->err);
}

static qg_status append(appending *a, qg_history *h)
{
    bool again;

    QG_NEED(a->scratch, a->err);
    QG_PASS(prepare(a));
    qg_status s = transact(a);
    if (s != QG_OK) {
        qg_status mended = qg_history_mend(&again, h, a->err);
        s = again ? mended : s;
        a->db = h->db;
        if (again && s == QG_OK)
            s = transact(a);
    }
    return s;
}

qg_status qg_history_append(qg_history_added *out, qg_history *h, const qg_run *run,
                            const qg_history_source *source, qg_err *err)
{
    static const qg_history_source nothing = {0};
    appending a = {.db = h->db,
                   .scratch = qg_arena_create(),
                   .run = run,
                   .source = source ? source : &nothing,
                   .err = err};

    qg_status s = append(&a, h);
    qg_arena_free(a.scratch);
    if (s == QG_OK)
        *out = a.added;
    return s;
}
