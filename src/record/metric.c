/* The table of metrics: see metric.h.
 *
 * The table is the X-macro list of the header, in its order. A ratio's compared metric is found
 * once by name: the name before "_vs_fp16", or for latencies its median.
 */
#include "record/metric.h"

#include <assert.h>
#include <stdio.h>

static const qg_metric_info infos[QG_METRIC_N] = {
#define X(id, name, unit, direction, section, percentile, least, greatest, word, text)             \
    {name, QG_UNIT_##unit, QG_##direction, QG_##section, percentile, least, greatest, word, text},
    QG_METRIC_LIST(X)
#undef X
};

const qg_metric_info *qg_metric_info_of(qg_metric m)
{
    assert(m >= 0 && m < QG_METRIC_N);
    return &infos[m];
}

bool qg_metric_find(qg_metric *out, qg_str name)
{
    for (int m = 0; m < QG_METRIC_N; m++) {
        if (qg_str_is(name, infos[m].name)) {
            *out = (qg_metric)m;
            return true;
        }
    }
    return false;
}

bool qg_metric_compared(qg_metric *out, qg_metric ratio)
{
    static const char suffix[] = "_vs_fp16";
    qg_str name = qg_str_from(qg_metric_info_of(ratio)->name);
    char median[64];

    if (!qg_str_ends(name, QG_STR("_vs_fp16")))
        return false;
    name.len -= sizeof suffix - 1;
    if (qg_metric_find(out, name))
        return true;
    snprintf(median, sizeof median, QG_STR_PRI "_p50", QG_STR_ARG(name));
    return qg_metric_find(out, qg_str_from(median));
}

bool qg_metric_within(qg_metric m, double value, double limit)
{
    return qg_metric_info_of(m)->direction == QG_COST ? value <= limit : value >= limit;
}

const char *qg_metric_print(char out[QG_UNIT_TEXT], qg_metric m, double value)
{
    const qg_metric_info *info = qg_metric_info_of(m);

    qg_unit_print(out, info->unit, value);
    if (info->word[0]) {
        size_t n = strlen(out);
        snprintf(out + n, QG_UNIT_TEXT - n, " %s", info->word);
    }
    return out;
}
