/* What a machine's noise was when the program was measured against itself (`calibrate`): the floor
 * under which no change can be told, one row a case and metric.
 *
 * A file is CSV with a head of comments, DIR/SUITE-FINGERPRINT.csv (named as baselines are):
 *
 *     # quantgate calibrate suites/perf/cpu.yaml, AMD EPYC, avx512, 2 threads, 2026-01-31T10:00:00Z
 *     case,metric,runs,samples,value,half_width,between,paired
 *
 * value       geometric mean over the runs, in the metric's canonical unit
 * half_width  median over the runs of the distance from the value to the end of its interval that a
 *             budget must keep, a share of the value
 * between     standard deviation of log(value) between runs
 * paired      standard deviation of log(own / other) between runs, both measured in turns
 */
#ifndef QG_RECORD_NOISE_H
#define QG_RECORD_NOISE_H

#include "base/arena.h"
#include "base/err.h"
#include "record/metric.h"

typedef struct qg_noise_row {
    const char *case_id;
    qg_metric metric;
    int64_t runs, samples;
    double value, half_width, between, paired;
    int line; /* in the file */
} qg_noise_row;

typedef struct qg_noise {
    const char *path, *head; /* head: the comment, without "# " */
    qg_noise_row *rows;
    size_t n_rows;
} qg_noise;

#define QG_NOISE_FOLDER "golden/noise" /* where floors are looked for, unless said otherwise */

/* DIR/SUITE-FINGERPRINT.csv; NULL when out of memory. */
const char *qg_noise_path(qg_arena *arena, const char *dir, const char *suite,
                          const char *fingerprint);

/* QG_ENOTFOUND: no such file. QG_EFORMAT with the line: not such a file, an unknown metric, a
 * number that is none or negative. */
qg_status qg_noise_read(qg_noise **out, qg_arena *arena, const char *path, qg_err *err);
qg_status qg_noise_write(const qg_noise *noise, qg_arena *scratch, qg_err *err);

/* NULL: not calibrated. */
const qg_noise_row *qg_noise_of(const qg_noise *noise, const char *case_id, qg_metric metric);

/* Share under which a difference of two arms in turns is noise: three deviations. 0: not known. */
double qg_noise_floor(const qg_noise *noise, const char *case_id, qg_metric metric);

#endif
