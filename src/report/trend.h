/* What a number was in earlier runs, for the reports of a run: plain data that the caller has from
 * a history, and a line of blocks that shows it. */
#ifndef QG_REPORT_TREND_H
#define QG_REPORT_TREND_H

#include "base/str.h"
#include "record/metric.h"

typedef struct qg_trend {
    const char *case_id;
    qg_metric metric;
    const double *values; /* of earlier runs, oldest first, in the metric's unit */
    size_t n;
} qg_trend;

enum { QG_TREND_MOST = 20 }; /* values that a line shows: the newest */

/* By case and metric, as qg_trend_find() needs them. */
void qg_trends_sort(qg_trend *trends, size_t n);
/* NULL: the case had no such number. */
const qg_trend *qg_trend_find(const qg_trend *trends, size_t n, const char *case_id,
                              qg_metric metric);

/* Appends the line, the value of this run at its end, and how far that is from the median of the
 * earlier ones: "▁▂▁▁█ +35 %". Blocks go from the least to the greatest of the values shown; where
 * all are equal they are half high. What is not finite is left out. */
void qg_trend_put(qg_buf *out, const qg_trend *trend, double now);

#endif
