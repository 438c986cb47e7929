/* Parts to a whole: see merge.h. Parts are first put in the order of their shards, so that the
 * merged record does not depend on the order in which a shell lists files. */
#include "judge/merge.h"

#include "record/record_json.h"

#include <stdlib.h>
#include <string.h>

typedef struct merging {
    qg_arena *arena;
    const qg_part *parts; /* by shard */
    size_t n;
    qg_run *run;
} merging;

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static const char *or_none(const char *text)
{
    return text && text[0] ? text : "none";
}

static qg_status note(merging *m, const char *text, qg_err *err)
{
    return qg_run_notice(m->run, m->arena, text, err);
}

/* ---- whether they belong together ---- */

static qg_status refuse(const qg_part *a, const qg_part *b, const char *what, const char *of_a,
                        const char *of_b, qg_err *err)
{
    return qg_fail(err, QG_EREFUSED, "'%s' and '%s' do not belong together: %s '%.60s' and '%.60s'",
                   a->name, b->name, what, or_none(of_a), or_none(of_b));
}

static const qg_model_info *model_of(const qg_run *run, const char *name)
{
    for (size_t i = 0; name && i < run->n_models; i++)
        if (strcmp(run->models[i].name, name) == 0)
            return &run->models[i];
    return NULL;
}

static bool other_weights(const qg_model_info *a, const qg_model_info *b)
{
    return a && b && a->model_hash && b->model_hash && strcmp(a->model_hash, b->model_hash) != 0;
}

static qg_status check_pair(const qg_part *a, const qg_part *b, qg_err *err)
{
    const char *reference = a->run->reference;
    const qg_model_info *x = model_of(a->run, reference), *y = model_of(b->run, reference);

    if (!same(a->run->suite_hash, b->run->suite_hash))
        return refuse(a, b, "suites of hash", a->run->suite_hash, b->run->suite_hash, err);
    if (!same(reference, b->run->reference))
        return refuse(a, b, "reference", reference, b->run->reference, err);
    if (other_weights(x, y))
        return refuse(a, b, "a reference of hash", x->model_hash, y->model_hash, err);
    if (a->run->n_shards && b->run->n_shards && a->run->n_shards != b->run->n_shards)
        return qg_fail(err, QG_EREFUSED,
                       "'%s' and '%s' do not belong together: shard %lld/%lld and %lld/%lld",
                       a->name, b->name, (long long)a->run->shard, (long long)a->run->n_shards,
                       (long long)b->run->shard, (long long)b->run->n_shards);
    return QG_OK;
}

/* Reference and number of shards may be unknown to the first part, so every pair is looked at. */
static qg_status check_parts(const merging *m, qg_err *err)
{
    for (size_t i = 0; i < m->n; i++) {
        const qg_run *run = m->parts[i].run;
        if (run->shard > run->n_shards || (run->n_shards > 0 && run->shard == 0))
            return qg_fail(err, QG_EFORMAT, "'%s' says that it is shard %lld/%lld",
                           m->parts[i].name, (long long)run->shard, (long long)run->n_shards);
        for (size_t k = 0; k < i; k++)
            QG_PASS(check_pair(&m->parts[k], &m->parts[i], err));
    }
    return QG_OK;
}

/* ---- what they say of themselves ---- */

static qg_status note_difference(merging *m, const qg_part *b, const char *what, const char *of_a,
                                 const char *of_b, qg_err *err)
{
    if (same(of_a, of_b))
        return QG_OK;
    return note(m,
                qg_arena_format(m->arena, "'%s' and '%s' are of %s '%.60s' and '%.60s'",
                                m->parts[0].name, b->name, what, or_none(of_a), or_none(of_b)),
                err);
}

static qg_status take_head(merging *m, qg_err *err)
{
    const qg_run *first = m->parts[0].run;
    qg_run *run = m->run;

    *run = (qg_run){.version = first->version,
                    .commit = first->commit,
                    .suite = first->suite,
                    .suite_file = first->suite_file,
                    .suite_hash = first->suite_hash,
                    .reference = first->reference,
                    .command = first->command,
                    .started = first->started,
                    .seed = first->seed};
    for (size_t i = 0; i < m->n; i++) {
        const qg_part *p = &m->parts[i];
        QG_PASS(note_difference(m, p, "version", first->version, p->run->version, err));
        QG_PASS(note_difference(m, p, "commit", first->commit, p->run->commit, err));
        if (p->run->seed != first->seed)
            QG_PASS(note(m,
                         qg_arena_format(m->arena,
                                         "'%s' and '%s' were measured with seeds %lld "
                                         "and %lld",
                                         m->parts[0].name, p->name, (long long)first->seed,
                                         (long long)p->run->seed),
                         err));
        if (p->run->partial)
            QG_PASS(note(
                m, qg_arena_format(m->arena, "'%s' was stopped before it was done", p->name), err));
        run->partial = run->partial || p->run->partial;
        run->wall_ns = p->run->wall_ns > run->wall_ns ? p->run->wall_ns : run->wall_ns;
        if (p->run->started && (!run->started || strcmp(p->run->started, run->started) < 0))
            run->started = p->run->started;
    }
    return QG_OK;
}

/* ---- machines ---- */

/* "shard 2/4 (out2/run.json)" */
static const char *name_of(const merging *m, const qg_part *p)
{
    return p->run->n_shards
               ? qg_arena_format(m->arena, "shard %lld/%lld ('%s')", (long long)p->run->shard,
                                 (long long)p->run->n_shards, p->name)
               : qg_arena_format(m->arena, "'%s'", p->name);
}

static qg_status list_machine(merging *m, const qg_part *p, qg_err *err)
{
    const qg_machine *machine = &p->run->machine;
    const char *name = name_of(m, p);

    QG_NEED(name, err);
    return note(m,
                qg_arena_format(m->arena,
                                "%s was measured on %s, %s, %d thread%s, %s "
                                "(fingerprint %.12s)",
                                name, or_none(machine->gpu ? machine->gpu : machine->cpu),
                                or_none(machine->tier), machine->n_threads,
                                machine->n_threads == 1 ? "" : "s", or_none(machine->compiler),
                                or_none(machine->fingerprint)),
                err);
}

/* Keeps of `a` what `b` says too. */
static void keep_common(qg_machine *a, const qg_machine *b)
{
    const char **texts[] = {&a->host, &a->os,   &a->cpu,      &a->device,
                            &a->gpu,  &a->tier, &a->compiler, &a->flags};
    const char *const others[] = {b->host, b->os,   b->cpu,      b->device,
                                  b->gpu,  b->tier, b->compiler, b->flags};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!same(*texts[i], others[i]))
            *texts[i] = NULL;
    a->n_cpus = a->n_cpus == b->n_cpus ? a->n_cpus : 0;
    a->n_threads = a->n_threads == b->n_threads ? a->n_threads : 0;
    a->memory_bytes = a->memory_bytes == b->memory_bytes ? a->memory_bytes : 0;
    a->fingerprint = same(a->fingerprint, b->fingerprint) ? a->fingerprint : NULL;
}

static qg_status take_machines(merging *m, qg_err *err)
{
    qg_machine *machine = &m->run->machine;
    const qg_machine *first = NULL;
    bool differ = false;

    for (size_t i = 0; i < m->n; i++) {
        const qg_machine *own = &m->parts[i].run->machine;
        if (!own->device) /* nothing was measured there */
            continue;
        if (!first)
            *machine = *own;
        first = first ? first : own;
        differ = differ || !same(first->fingerprint, own->fingerprint);
        keep_common(machine, own);
    }
    if (!differ)
        return QG_OK;
    machine->cpu = machine->cpu ? machine->cpu : "several machines";
    for (size_t i = 0; i < m->n; i++)
        if (m->parts[i].run->machine.device)
            QG_PASS(list_machine(m, &m->parts[i], err));
    return note(m,
                "times of parts from different machines do not compare with each other, nor "
                "with a stored baseline",
                err);
}

/* ---- models ---- */

/* A case of performance tells less of its model than a case of quality. */
static void complete(qg_model_info *into, const qg_model_info *from)
{
    qg_model_info was = *into;

    if (!into->n_params)
        *into = *from;
    into->model_hash = was.model_hash ? was.model_hash : from->model_hash;
    into->tokenizer_hash = was.tokenizer_hash ? was.tokenizer_hash : from->tokenizer_hash;
    into->quantized = was.quantized ? was.quantized : from->quantized;
}

static qg_status take_model(merging *m, qg_run *run, const qg_part *p, const qg_model_info *model,
                            qg_err *err)
{
    for (size_t i = 0; i < run->n_models; i++) {
        qg_model_info *have = &run->models[i];
        if (strcmp(have->name, model->name) != 0)
            continue;
        if (other_weights(have, model))
            QG_PASS(note(m,
                         qg_arena_format(m->arena,
                                         "model '%s' of '%s' has other weights than that "
                                         "of the parts before it",
                                         model->name, p->name),
                         err));
        complete(have, model);
        return QG_OK;
    }
    run->models[run->n_models++] = *model;
    return QG_OK;
}

/* ---- cases ---- */

static qg_status case_text(qg_buf *out, qg_arena *arena, const qg_measurement *m, qg_err *err)
{
    qg_measurement copy = *m;
    qg_run alone = {.measurements = &copy, .n_measurements = 1};

    qg_buf_init(out, arena);
    return qg_run_to_json(out, &alone, err);
}

/* Whether two parts say the very same of a case. */
static qg_status compare_cases(bool *equal, const qg_measurement *a, const qg_measurement *b,
                               qg_err *err)
{
    qg_arena *scratch = qg_arena_create();
    qg_buf x, y;
    qg_status s;

    QG_NEED(scratch, err);
    s = case_text(&x, scratch, a, err);
    if (s == QG_OK)
        s = case_text(&y, scratch, b, err);
    *equal = s == QG_OK && qg_str_eq(qg_buf_view(&x), qg_buf_view(&y));
    qg_arena_free(scratch);
    return s;
}

/* The part before `p` that holds the case. */
static const qg_part *holder_of(const merging *m, const qg_part *p, bool other, const char *id)
{
    for (const qg_part *q = m->parts; q < p; q++) {
        const qg_run *run = other ? q->run->against : q->run;
        if (run && qg_run_case(run, id))
            return q;
    }
    return NULL;
}

/* The cases and models of one run of a part: its own, or (`other`) of the other program. */
static qg_status take_cases(merging *m, qg_run *run, const qg_part *p, bool other, qg_err *err)
{
    const qg_run *own = other ? p->run->against : p->run;
    bool equal;

    for (size_t i = 0; i < own->n_measurements; i++) {
        const qg_measurement *c = &own->measurements[i];
        const qg_part *q = holder_of(m, p, other, c->id.id);
        if (!q) {
            run->measurements[run->n_measurements++] = *c;
            continue;
        }
        QG_PASS(compare_cases(&equal, qg_run_case(run, c->id.id), c, err));
        if (!equal)
            return qg_fail(err, QG_EREFUSED,
                           "case '%s' is in '%s' and in '%s' with different numbers: give each "
                           "part once",
                           c->id.id, q->name, p->name);
        QG_PASS(note(m,
                     qg_arena_format(m->arena, "'%s' and '%s' hold the same cases: they count once",
                                     q->name, p->name),
                     err));
    }
    for (size_t i = 0; i < own->n_models; i++)
        QG_PASS(take_model(m, run, p, &own->models[i], err));
    return QG_OK;
}

static qg_status make_room(merging *m, qg_run *run, bool other, qg_err *err)
{
    size_t n_cases = 0, n_models = 0;

    for (size_t i = 0; i < m->n; i++) {
        const qg_run *own = other ? m->parts[i].run->against : m->parts[i].run;
        n_cases += own ? own->n_measurements : 0;
        n_models += own ? own->n_models : 0;
    }
    run->measurements = QG_NEW_N(m->arena, qg_measurement, n_cases + 1);
    run->models = QG_NEW_N(m->arena, qg_model_info, n_models + 1);
    QG_NEED(run->measurements && run->models, err);
    return QG_OK;
}

/* What parts found out about their failures; of a case that two hold, the first's. */
static qg_status take_blames(merging *m, qg_err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++)
        n += m->parts[i].run->n_blames;
    m->run->blames = QG_NEW_N(m->arena, qg_blame, n + 1);
    QG_NEED(m->run->blames, err);
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->parts[i].run->n_blames; k++) {
            const qg_blame *b = &m->parts[i].run->blames[k];
            bool known = false;
            for (size_t j = 0; j < m->run->n_blames; j++)
                known = known || strcmp(m->run->blames[j].case_id, b->case_id) == 0;
            if (!known)
                m->run->blames[m->run->n_blames++] = *b;
        }
    return QG_OK;
}

/* The other program's cases, where parts were measured beside one. */
static qg_status take_against(merging *m, qg_err *err)
{
    const qg_part *first = NULL;
    qg_run *run = NULL;

    for (size_t i = 0; i < m->n; i++) {
        const qg_part *p = &m->parts[i];
        if (!p->run->against)
            continue;
        if (!first) {
            first = p;
            run = qg_arena_copy(m->arena, p->run->against, sizeof *run);
            QG_NEED(run, err);
            run->n_measurements = run->n_models = 0;
            QG_PASS(make_room(m, run, true, err));
            m->run->program = p->run->program;
            m->run->against = run;
        }
        if (!same(first->run->against->version, p->run->against->version) ||
            !same(first->run->against->commit, p->run->against->commit))
            return refuse(first, p, "measured beside programs of commit",
                          first->run->against->commit, p->run->against->commit, err);
        QG_PASS(take_cases(m, run, p, true, err));
    }
    return QG_OK;
}

/* ---- the whole ---- */

static int by_shard(const void *a, const void *b)
{
    const qg_part *x = a, *y = b;
    int c = (x->run->shard > y->run->shard) - (x->run->shard < y->run->shard);

    return c ? c : strcmp(x->name, y->name);
}

static qg_status find_missing(const char **out, const merging *m, qg_err *err)
{
    int64_t n_shards = 0, n_missing = 0;
    qg_buf b;

    *out = NULL;
    for (size_t i = 0; i < m->n; i++)
        if (m->parts[i].run->n_shards)
            n_shards = m->parts[i].run->n_shards;
    qg_buf_init(&b, m->arena);
    for (int64_t shard = 1; shard <= n_shards; shard++) {
        bool found = false;
        for (size_t i = 0; i < m->n; i++)
            found = found || m->parts[i].run->shard == shard;
        if (!found && n_missing++ < 20)
            qg_buf_format(&b, "%s%lld/%lld", b.len ? ", " : "", (long long)shard,
                          (long long)n_shards);
    }
    QG_NEED(!b.failed, err);
    if (n_missing == 0)
        return QG_OK;
    *out = qg_arena_format(m->arena, "shard%s %s%s", n_missing == 1 ? "" : "s", b.ptr,
                           n_missing > 20 ? ", ..." : "");
    QG_NEED(*out, err);
    return QG_OK;
}

qg_status qg_merge_parts(qg_merged *out, qg_arena *arena, const qg_part *parts, size_t n,
                         qg_err *err)
{
    qg_part *sorted = qg_arena_copy(arena, parts, n * sizeof *parts);
    merging m = {.arena = arena, .parts = sorted, .n = n, .run = QG_NEW(arena, qg_run)};

    QG_NEED(sorted && m.run, err);
    qsort(sorted, n, sizeof *sorted, by_shard);
    QG_PASS(check_parts(&m, err));
    QG_PASS(take_head(&m, err));
    QG_PASS(take_machines(&m, err));
    QG_PASS(make_room(&m, m.run, false, err));
    for (size_t i = 0; i < n; i++)
        QG_PASS(take_cases(&m, m.run, &sorted[i], false, err));
    QG_PASS(take_blames(&m, err));
    QG_PASS(take_against(&m, err));
    QG_PASS(find_missing(&out->missing, &m, err));
    out->run = m.run;
    return QG_OK;
}
