/* Gates too weak: see powercheck.h. */
#include "judge/powercheck.h"

#include "judge/estimate.h"

#include <math.h>
#include <stdio.h>

typedef struct checking {
    qg_findings *findings;
    const qg_suite *suite;
    const qg_noise *noise;
    qg_arena *scratch;
} checking;

static const char *case_of(const checking *c, const qg_suite_model *m, int batch)
{
    const char *id = qg_arena_format(c->scratch, "%s/perf/b%d", m->name, batch);

    c->findings->out_of_memory |= !id;
    return id ? id : "";
}

static void check_budget(const checking *c, const qg_suite_model *m, const qg_expect *e)
{
    const qg_noise_row *row = qg_noise_of(c->noise, case_of(c, m, e->batch), e->metric);
    int64_t most = c->suite->performance.samples_max;
    char limit[QG_UNIT_TEXT], value[QG_UNIT_TEXT], half[QG_UNIT_TEXT], hint[96];

    /* Which device was calibrated is not known here. */
    if (e->on != QG_DEVICE_AUTO || !qg_estimate_varies(e->metric) || !row || row->value <= 0)
        return;
    bool cost = qg_metric_info_of(e->metric)->direction == QG_COST;
    double margin = (cost ? e->limit - row->value : row->value - e->limit) / row->value;
    double reach = row->half_width * sqrt((double)row->samples / (double)(most > 0 ? most : 1));
    qg_metric_print(limit, e->metric, e->limit);
    qg_metric_print(value, e->metric, row->value);
    if (margin <= 0) {
        qg_finding_error(c->findings, e->place, NULL,
                         "'%s' of %s cannot be met: this machine was calibrated at %s",
                         qg_metric_info_of(e->metric)->name, limit, value);
    } else if (margin < reach) {
        int64_t n = (int64_t)ceil((double)row->samples * pow(row->half_width / margin, 2));
        qg_unit_print(half, QG_UNIT_SHARE, reach);
        snprintf(hint, sizeof hint, "raise 'max' of 'samples' to %lld", (long long)n);
        qg_finding_error(c->findings, e->place, hint,
                         "gate too weak: '%s' of %s is nearer to the calibrated %s than the %s "
                         "that %lld samples can tell",
                         qg_metric_info_of(e->metric)->name, limit, value, half, (long long)most);
    }
}

/* The greatest floor of a metric over the cases, 0 where none was calibrated. */
static void check_allow(const checking *c, const qg_allow *allow)
{
    double floor = 0;
    char text[QG_UNIT_TEXT], allowed[QG_UNIT_TEXT], hint[96];

    for (size_t i = 0; c->noise && i < c->noise->n_rows; i++) {
        const qg_noise_row *row = &c->noise->rows[i];
        if (row->metric == allow->metric)
            floor = fmax(floor, qg_noise_floor(c->noise, row->case_id, row->metric));
    }
    if (!allow->is_share || !qg_estimate_varies(allow->metric) || allow->amount >= floor)
        return;
    qg_unit_print(text, QG_UNIT_SHARE, floor);
    qg_unit_print(allowed, QG_UNIT_SHARE, allow->amount);
    snprintf(hint, sizeof hint, "allow %s, or calibrate with more samples", text);
    qg_finding_error(c->findings, allow->place, hint,
                     "'%s' may move by %s, which is below the calibrated noise of %s",
                     qg_metric_info_of(allow->metric)->name, allowed, text);
}

void qg_powercheck(qg_findings *findings, const qg_suite *suite, const qg_noise *noise,
                   qg_arena *scratch)
{
    checking c = {findings, suite, noise, scratch};
    const qg_place *first = NULL;

    for (size_t i = 0; i < suite->n_models; i++) {
        const qg_suite_model *m = &suite->models[i];
        for (size_t k = 0; k < m->performance.n; k++) {
            check_budget(&c, m, &m->performance.at[k]);
            if (!first && qg_estimate_varies(m->performance.at[k].metric))
                first = &m->performance.at[k].place;
        }
    }
    for (size_t i = 0; i < suite->regression.n_allow; i++)
        check_allow(&c, &suite->regression.allow[i]);
    if (!noise && first)
        qg_finding_add(findings, QG_SEVERITY_NOTE, *first, NULL,
                       "uncalibrated: whether this machine can tell budgets of time apart is not "
                       "known; 'quantgate calibrate %s' measures it",
                       suite->path);
}
