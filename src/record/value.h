/* The value of a metric in a measurement: one definition for judges and reports.
 *
 * In this order: the scalar that was measured; for perplexity, KL and agreement the sums over
 * documents (each token weighs the same) and the sketch of all divergences; for a latency
 * percentile the series of its name.
 *
 * Percentiles are order statistics, nearest rank: of n sorted samples the p-th is number
 * ceil(p/100 * n), counted from 1. So p50 of two samples is the smaller, p95 of fewer than 20 the
 * greatest, and every reported percentile is a sample that occurred. A metric without percentile
 * takes the median of its series (throughput).
 */
#ifndef QG_RECORD_VALUE_H
#define QG_RECORD_VALUE_H

#include "base/err.h"
#include "record/record.h"

typedef struct qg_value {
    bool known;
    double value; /* in the metric's canonical unit */
    int64_t n;    /* samples, tokens; 1 for a size  */
} qg_value;

/* The series that a metric is taken from: "ttft" of ttft_p95, "throughput" of throughput. */
qg_str qg_value_series(qg_metric metric);

/* known is false where the measurement does not hold it. Fails only when out of memory (samples are
 * copied to scratch) or with QG_ENONFINITE. */
qg_status qg_value_of(qg_value *out, qg_arena *scratch, const qg_measurement *m, qg_metric metric,
                      qg_err *err);

/* A number of a judgement as text: in the metric's unit, or of a change from another run "+5.2 %",
 * "-1 KiB". Returns out. */
const char *qg_value_print(char out[QG_UNIT_TEXT], const qg_judgement *j, double number);

/* Nearest rank as above; sorts x in place. 0 < percent <= 100, n > 0. */
double qg_value_percentile(double *x, size_t n, int percent);

#endif
