/* The record: names of its enumerations and look-ups (see record.h). */
#include "record/record.h"

#include <string.h>

typedef struct verdict_row {
    const char *text;
    int rank;
} verdict_row;

static const verdict_row verdicts[QG_N_VERDICTS] = {
#define X(name, text, rank) [QG_VERDICT_##name] = {text, rank},
    QG_VERDICT_LIST(X)
#undef X
};

const char *qg_verdict_text(qg_verdict v)
{
    return (unsigned)v < QG_N_VERDICTS ? verdicts[v].text : "unknown";
}

int qg_verdict_rank(qg_verdict v)
{
    return (unsigned)v < QG_N_VERDICTS ? verdicts[v].rank : 0;
}

bool qg_verdict_find(qg_str text, qg_verdict *out)
{
    for (int v = 0; v < QG_N_VERDICTS; v++) {
        if (qg_str_is(text, verdicts[v].text)) {
            *out = (qg_verdict)v;
            return true;
        }
    }
    return false;
}

static const char *const bases[QG_N_BASES] = {
#define X(name, text) [QG_BASIS_##name] = text,
    QG_BASIS_LIST(X)
#undef X
};

const char *qg_basis_text(qg_basis b)
{
    return (unsigned)b < QG_N_BASES ? bases[b] : "unknown";
}

bool qg_basis_find(qg_str text, qg_basis *out)
{
    for (int b = 0; b < QG_N_BASES; b++) {
        if (qg_str_is(text, bases[b])) {
            *out = (qg_basis)b;
            return true;
        }
    }
    return false;
}

const qg_series *qg_measurement_series(const qg_measurement *m, qg_str name)
{
    for (size_t i = 0; i < m->n_series; i++)
        if (qg_str_is(name, m->series[i].name))
            return &m->series[i];
    return NULL;
}

const qg_scalar *qg_measurement_scalar(const qg_measurement *m, qg_metric metric)
{
    for (size_t i = 0; i < m->n_scalars; i++)
        if (m->scalars[i].metric == metric)
            return &m->scalars[i];
    return NULL;
}

const qg_measurement *qg_run_case(const qg_run *run, const char *case_id)
{
    for (size_t i = 0; i < run->n_measurements; i++)
        if (run->measurements[i].id.id && strcmp(run->measurements[i].id.id, case_id) == 0)
            return &run->measurements[i];
    return NULL;
}

qg_status qg_run_notice(qg_run *run, qg_arena *arena, const char *text, qg_err *err)
{
    QG_NEED(text, err);
    for (size_t i = 0; i < run->n_notices; i++)
        if (strcmp(run->notices[i], text) == 0)
            return QG_OK;
    const char **more = QG_NEW_N(arena, const char *, run->n_notices + 1);
    QG_NEED(more, err);
    if (run->n_notices > 0)
        memcpy(more, run->notices, run->n_notices * sizeof *more);
    more[run->n_notices++] = text;
    run->notices = more;
    return QG_OK;
}

const qg_blame *qg_run_blame(const qg_run *run, const qg_judgement *j)
{
    for (size_t i = 0; i < run->n_blames; i++) {
        const qg_blame *b = &run->blames[i];
        if (j->verdict == QG_VERDICT_FAIL && b->metric == j->metric &&
            strcmp(b->case_id, j->case_id) == 0)
            return b;
    }
    return NULL;
}
