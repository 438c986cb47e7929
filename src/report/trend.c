/* Trends: see trend.h. The blocks are U+2581 to U+2588, eighths of a line's height. */
#include "report/trend.h"

#include "record/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_case(const void *a, const void *b)
{
    const qg_trend *x = a, *y = b;
    int order = strcmp(x->case_id, y->case_id);
    return order ? order : (x->metric > y->metric) - (x->metric < y->metric);
}

void qg_trends_sort(qg_trend *trends, size_t n)
{
    if (n > 0)
        qsort(trends, n, sizeof *trends, by_case);
}

const qg_trend *qg_trend_find(const qg_trend *trends, size_t n, const char *case_id,
                              qg_metric metric)
{
    qg_trend wanted = {.case_id = case_id, .metric = metric};

    return n > 0 ? bsearch(&wanted, trends, n, sizeof *trends, by_case) : NULL;
}

/* The newest finite values, this run's last; how many. */
static size_t gather(double out[QG_TREND_MOST], const qg_trend *trend, double now)
{
    double newest[QG_TREND_MOST];
    size_t n = 0;

    if (isfinite(now))
        newest[n++] = now;
    for (size_t i = trend->n; i-- > 0 && n < QG_TREND_MOST;)
        if (isfinite(trend->values[i]))
            newest[n++] = trend->values[i];
    for (size_t i = 0; i < n; i++)
        out[i] = newest[n - 1 - i];
    return n;
}

void qg_trend_put(qg_buf *out, const qg_trend *trend, double now)
{
    double values[QG_TREND_MOST], least = INFINITY, greatest = -INFINITY;
    size_t n = gather(values, trend, now);

    for (size_t i = 0; i < n; i++) {
        least = fmin(least, values[i]);
        greatest = fmax(greatest, values[i]);
    }
    for (size_t i = 0; i < n; i++) {
        double share = greatest > least ? (values[i] - least) / (greatest - least) : 0.5;
        int block = (int)fmin(7, floor(share * 8));
        qg_buf_format(out, "\xe2\x96%c", 0x81 + block);
    }
    if (n < 2 || !isfinite(now))
        return;
    double median = qg_value_percentile(values, n - 1, 50);
    if (median != 0)
        qg_buf_format(out, " %+.3g %%", (now - median) / fabs(median) * 100);
}
