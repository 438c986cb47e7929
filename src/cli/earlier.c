/* Earlier runs: see earlier.h. The history is closed again before the reports are written, so that
 * nobody waits for it. */
#include "cli/earlier.h"

#include "base/clock.h"
#include "history/history.h"
#include "report/trend.h"

/* Drops what is not this suite's: its name may hold the characters of a glob. */
static void keep_suite(qg_history_runs *runs, const char *suite)
{
    size_t n = 0;

    for (size_t i = 0; i < runs->n; i++)
        if (strcmp(runs->at[i].suite, suite) == 0)
            runs->at[n++] = runs->at[i];
    runs->n = n;
}

/* The values of a trend copied to `arena`; n is 0 where it has none. */
static qg_status copy_values(qg_trend *out, qg_arena *arena, const qg_history_trend *from,
                             qg_err *err)
{
    double *values = QG_NEW_N(arena, double, from->n_numbers);

    *out = (qg_trend){.case_id = qg_str_dup(arena, qg_str_from(from->id.id)),
                      .metric = from->metric,
                      .values = values};
    QG_NEED(values && out->case_id, err);
    for (size_t i = 0; i < from->n_numbers; i++)
        if (from->numbers[i].has_value)
            values[out->n++] = from->numbers[i].value;
    return QG_OK;
}

static qg_status find(qg_report_options *options, qg_arena *arena, qg_arena *own,
                      const char *history, const qg_run *run, qg_err *err)
{
    const qg_history_options how = {0};
    qg_history_filter filter = {
        .suite = run->suite, .fingerprint = run->machine.fingerprint, .last = QG_TREND_MOST};
    qg_history_trends found;
    qg_history_runs runs;
    qg_history *h;

    QG_NEED(own, err);
    if (!qg_clock_read(&filter.until, qg_str_from(run->started)))
        return QG_OK; /* nothing is known to be earlier */
    QG_PASS(qg_history_open(&h, own, history, &how, err));
    QG_PASS(qg_history_runs_find(&runs, own, h, &filter, err));
    keep_suite(&runs, run->suite);
    QG_PASS(qg_history_trends_find(&found, own, h, &runs, &filter, err));
    qg_trend *trends = QG_NEW_N(arena, qg_trend, found.n);
    size_t n = 0;
    QG_NEED(trends, err);
    for (size_t i = 0; i < found.n; i++) {
        const qg_history_trend *t = &found.at[i];
        if (t->metric == QG_METRIC_NONE || t->basis != QG_BASIS_BUDGET)
            continue;
        QG_PASS(copy_values(&trends[n], arena, t, err));
        n += trends[n].n > 0;
    }
    qg_trends_sort(trends, n);
    options->trends = trends;
    options->n_trends = n;
    return QG_OK;
}

qg_status qg_earlier_find(qg_report_options *options, qg_arena *arena, const char *history,
                          const qg_run *run, qg_err *err)
{
    qg_err why = {0};

    if (!history || !run->suite || !run->machine.fingerprint)
        return QG_OK;
    qg_arena *own = qg_arena_create();
    qg_status s = find(options, arena, own, history, run, &why);
    qg_arena_free(own);
    return s == QG_ENOMEM ? qg_fail(err, s, "out of memory") : QG_OK;
}
