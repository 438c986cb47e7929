/* Limits and who is over them: see suspect.h. Pure functions of the entries. */
#include "measure/suspect.h"

#include "stats/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double median(double *x, size_t n)
{
    qg_numbers_sort(x, n);
    return n ? x[n / 2] : 0;
}

static bool over(qg_suspicion *s, qg_suspicion_kind kind, double value, double limit)
{
    s->kind = kind;
    s->value = value;
    s->limit = limit;
    return value > limit;
}

static bool is_norm(qg_part part)
{
    return part == QG_PART_ATTENTION_NORM || part == QG_PART_MLP_NORM || part == QG_PART_FINAL_NORM;
}

/* How much the error of weights has changed since the report was written; 0 where it says nothing.
 */
static double since_report(const qg_contrast_entry *e, const qg_quantized *report)
{
    double change = 0;

    for (size_t i = 0; report && i < report->n_linears; i++) {
        const qg_quantized_linear *l = &report->linears[i];
        if (l->layer != e->layer)
            continue;
        if (l->is_scaled)
            return 0;
        if (strcmp(l->projection, qg_part_name(e->part)) == 0)
            change =
                l->weight_error > 0 ? fabs(e->misfit.error / l->weight_error - 1) : e->misfit.error;
    }
    return change;
}

/* What stands out the most of weights that should be the nearest ones. */
static bool suspects_weights(qg_suspicion *s)
{
    const qg_misfit *m = &s->entry->misfit;
    const qg_suspicion all[] = {
        {s->entry, QG_SUSPECTED_BY_SHIFT, m->shift.steps, QG_SUSPECT_SHIFT},
        {s->entry, QG_SUSPECTED_BY_CELL, m->cell.steps, QG_SUSPECT_CELL},
        {s->entry, QG_SUSPECTED_BY_INPUT, m->input.steps, QG_SUSPECT_INPUT},
    };

    *s = all[0];
    for (size_t i = 1; i < sizeof all / sizeof *all; i++)
        if (all[i].value / all[i].limit > s->value / s->limit)
            *s = all[i];
    return s->value > s->limit;
}

static bool suspects_linear(qg_suspicion *s, bool nearest, const qg_quantized *report)
{
    const qg_contrast_entry *e = s->entry;

    return (nearest && suspects_weights(s)) ||
           over(s, QG_SUSPECTED_BY_OUTPUTS, e->excess, QG_SUSPECT_OUTPUTS) ||
           over(s, QG_SUSPECTED_BY_OUTPUT, e->excess_greatest, QG_SUSPECT_OUTPUT) ||
           over(s, QG_SUSPECTED_BY_REPORT, since_report(e, report), QG_SUSPECT_REPORT);
}

/* Whether weights are rounded to the nearest code: most linears are, one may be damaged. */
static qg_status find_nearest(bool *out, qg_arena *arena, const qg_contrast_entry *entries,
                              size_t n_entries, qg_err *err)
{
    double *medians = QG_NEW_N(arena, double, n_entries + 1);
    size_t n = 0;

    QG_NEED(medians, err);
    for (size_t i = 0; i < n_entries; i++)
        if (entries[i].has_weights)
            medians[n++] = entries[i].misfit.cell_median;
    *out = median(medians, n) <= QG_SUSPECT_NEAREST;
    return QG_OK;
}

/* Whether `reader` is a linear that reads the norm. */
static bool reads(const qg_contrast_entry *reader, const qg_contrast_entry *norm)
{
    qg_part p = reader->part;
    bool first = p == QG_PART_Q || p == QG_PART_K || p == QG_PART_V;
    bool second = p == QG_PART_GATE || p == QG_PART_UP || p == QG_PART_FC1;

    return reader->layer == norm->layer && ((norm->part == QG_PART_ATTENTION_NORM && first) ||
                                            (norm->part == QG_PART_MLP_NORM && second));
}

/* Whether s[at] speaks for itself. A norm is damaged by what its readers show: not where one of
 * them is damaged itself. Readers of a norm that is are no longer what the report says, since the
 * scales in between are not known. */
static bool stands(const qg_suspicion *s, size_t n, size_t at)
{
    for (size_t i = 0; i < n; i++) {
        bool by_report = s[i].kind == QG_SUSPECTED_BY_REPORT;
        if (s[at].kind == QG_SUSPECTED_BY_NORM && !by_report && reads(s[i].entry, s[at].entry))
            return false;
        if (s[at].kind == QG_SUSPECTED_BY_REPORT && s[i].kind == QG_SUSPECTED_BY_NORM &&
            reads(s[at].entry, s[i].entry))
            return false;
    }
    return true;
}

qg_status qg_suspects_of_tiers(qg_suspicion **out, size_t *n, qg_arena *arena,
                               const qg_contrast_entry *entries, size_t n_entries, qg_err *err)
{
    *out = QG_NEW_N(arena, qg_suspicion, n_entries + 1);
    *n = 0;
    QG_NEED(*out, err);
    for (size_t i = 0; i < n_entries; i++) {
        qg_suspicion *s = &(*out)[*n];
        s->entry = &entries[i];
        *n += over(s, QG_SUSPECTED_BY_TIERS, entries[i].error, QG_SUSPECT_TIERS);
    }
    return QG_OK;
}

qg_status qg_suspects_of_checkpoint(qg_suspicion **out, size_t *n, qg_arena *arena,
                                    const qg_contrast_entry *entries, size_t n_entries,
                                    const qg_quantized *report, qg_err *err)
{
    bool nearest = false;
    qg_suspicion *all = QG_NEW_N(arena, qg_suspicion, n_entries + 1);
    size_t n_all = 0;

    QG_NEED(all, err);
    QG_PASS(find_nearest(&nearest, arena, entries, n_entries, err));
    *out = QG_NEW_N(arena, qg_suspicion, n_entries + 1);
    *n = 0;
    QG_NEED(*out, err);
    for (size_t i = 0; i < n_entries; i++) {
        const qg_contrast_entry *e = &entries[i];
        qg_suspicion *s = &all[n_all];
        s->entry = e;
        if (e->has_weights)
            n_all += suspects_linear(s, nearest, report);
        else if (is_norm(e->part))
            n_all += over(s, QG_SUSPECTED_BY_NORM, e->channel_error, QG_SUSPECT_NORM);
        else
            n_all += over(s, QG_SUSPECTED_BY_PLAIN, e->error, QG_SUSPECT_PLAIN);
    }
    for (size_t i = 0; i < n_all; i++)
        if (stands(all, n_all, i))
            (*out)[(*n)++] = all[i];
    return QG_OK;
}

qg_status qg_suspect_usual(double *out, qg_arena *scratch, const qg_contrast_entry *entries,
                           size_t n_entries, const qg_contrast_entry *e, qg_err *err)
{
    double *errors = QG_NEW_N(scratch, double, n_entries + 1);
    size_t n = 0;

    QG_NEED(errors, err);
    for (size_t i = 0; i < n_entries; i++)
        if (entries[i].part == e->part && entries[i].layer != e->layer)
            errors[n++] = entries[i].error;
    *out = median(errors, n);
    return QG_OK;
}
