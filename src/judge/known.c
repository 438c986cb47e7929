/* Known failures: see known.h. Entries are few, judgements may be ten thousand: each entry walks
 * them twice, once to count and once to change. */
#include "judge/known.h"

typedef struct tally {
    size_t n, n_pass;  /* judgements that an entry is about, and those that pass */
    size_t n_measured; /* cases that it is about and that were measured          */
} tally;

static bool is_about(const qg_exception *e, const qg_judgement *j)
{
    return j->case_id && qg_exception_is_of(e, j->case_id, j->metric);
}

static tally count(const qg_run *run, const qg_exception *e)
{
    tally t = {0};

    for (size_t i = 0; i < run->n_judgements; i++) {
        const qg_judgement *j = &run->judgements[i];
        if (!is_about(e, j))
            continue;
        t.n++;
        t.n_pass += j->verdict == QG_VERDICT_PASS;
    }
    for (size_t i = 0; i < run->n_measurements; i++) {
        const qg_measurement *m = &run->measurements[i];
        t.n_measured += m->state == QG_CASE_MEASURED &&
                        qg_str_glob(qg_str_from(e->cases), qg_str_from(m->id.id));
    }
    return t;
}

/* "'gptq/quality'", "kld_mean of 'gptq/quality'" */
static const char *name_of(const qg_exception *e, qg_arena *arena)
{
    return e->metric == QG_METRIC_N
               ? qg_arena_format(arena, "'%s'", e->cases)
               : qg_arena_format(arena, "%s of '%s'", qg_metric_info_of(e->metric)->name, e->cases);
}

/* ---- what failed ---- */

static qg_status forgive(qg_judgement *j, qg_arena *arena, const qg_exception *e, qg_err *err)
{
    j->verdict = QG_VERDICT_KNOWN_FAIL;
    j->exit_class = 0;
    j->issue = e->issue;
    j->expires = e->expires;
    j->fix = NULL;
    if (!e->reason)
        return QG_OK;
    j->message = qg_arena_format(arena, "%s; %s", j->message, e->reason);
    QG_NEED(j->message, err);
    return QG_OK;
}

static qg_status note_expired(qg_judgement *j, qg_arena *arena, const qg_exception *e, qg_err *err)
{
    j->issue = e->issue;
    j->expires = e->expires;
    j->message = qg_arena_format(arena, "%s; it was forgiven up to %s by %s:%d, which has expired",
                                 j->message, e->expires, e->place.file, e->place.line);
    QG_NEED(j->message, err);
    return QG_OK;
}

/* The entry that decides about a judgement: the first that holds, else the first that is about it.
 */
static const qg_exception *entry_of(const qg_exceptions *known, const qg_judgement *j)
{
    const qg_exception *expired = NULL;

    for (size_t i = 0; i < known->n; i++) {
        const qg_exception *e = &known->at[i];
        if (!is_about(e, j))
            continue;
        if (!qg_exception_has_expired(e))
            return e;
        expired = expired ? expired : e;
    }
    return expired;
}

static qg_status judge_failures(qg_run *run, qg_arena *arena, const qg_exceptions *known,
                                qg_err *err)
{
    for (size_t i = 0; known->n && i < run->n_judgements; i++) {
        qg_judgement *j = &run->judgements[i];
        const qg_exception *e = j->verdict == QG_VERDICT_FAIL ? entry_of(known, j) : NULL;
        if (!e)
            continue;
        if (qg_exception_has_expired(e))
            QG_PASS(note_expired(j, arena, e, err));
        else
            QG_PASS(forgive(j, arena, e, err));
    }
    return QG_OK;
}

/* ---- what does not fail ---- */

static qg_status fail_fixed(qg_run *run, qg_arena *arena, const qg_exception *e, qg_err *err)
{
    for (size_t i = 0; i < run->n_judgements; i++) {
        qg_judgement *j = &run->judgements[i];
        if (!is_about(e, j))
            continue;
        j->verdict = QG_VERDICT_FAIL;
        j->exit_class = 1;
        j->issue = e->issue;
        j->expires = e->expires;
        j->message =
            qg_arena_format(arena, "%s: it passes, and is known to fail (strict)", j->message);
        j->fix = qg_arena_format(arena, "fixed: remove the entry at %s:%d", e->place.file,
                                 e->place.line);
        QG_NEED(j->message && j->fix, err);
    }
    return QG_OK;
}

static qg_status judge_entry(qg_run *run, qg_arena *arena, const qg_exception *e, qg_err *err)
{
    tally t = count(run, e);
    const char *name = name_of(e, arena);

    QG_NEED(name, err);
    if (t.n == 0 && t.n_measured > 0)
        return qg_run_notice(run, arena,
                             qg_arena_format(arena,
                                             "%s is not judged: the known failure at %s:%d "
                                             "forgives nothing",
                                             name, e->place.file, e->place.line),
                             err);
    if (t.n == 0 || t.n_pass < t.n)
        return QG_OK;
    if (e->strict && !qg_exception_has_expired(e))
        return fail_fixed(run, arena, e, err);
    return qg_run_notice(run, arena,
                         qg_arena_format(arena,
                                         "%s passes and was known to fail; fixed: remove the entry "
                                         "at %s:%d",
                                         name, e->place.file, e->place.line),
                         err);
}

static qg_status note_skip(qg_run *run, qg_arena *arena, const qg_exception *e, qg_err *err)
{
    if (!qg_exception_has_expired(e) || count(run, e).n_measured == 0)
        return QG_OK;
    return qg_run_notice(run, arena,
                         qg_arena_format(arena,
                                         "'%s' was skipped up to %s by %s:%d, which has expired: "
                                         "it is measured again",
                                         e->cases, e->expires, e->place.file, e->place.line),
                         err);
}

qg_status qg_known_apply(qg_run *run, qg_arena *arena, const qg_suite *suite, qg_err *err)
{
    QG_PASS(judge_failures(run, arena, &suite->known_failures, err));
    for (size_t i = 0; i < suite->known_failures.n; i++)
        QG_PASS(judge_entry(run, arena, &suite->known_failures.at[i], err));
    for (size_t i = 0; i < suite->skips.n; i++)
        QG_PASS(note_skip(run, arena, &suite->skips.at[i], err));
    return QG_OK;
}
