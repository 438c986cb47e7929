/* Reports: a finished qg_run to the world. One sink a file, listed in sinks.def.
 *
 * A sink turns the run into text: begin once, case_done once a case in the order of the run, end
 * once. Sinks write to a buffer only; qg_report_write puts the buffers on the disk together, so
 * that a full disk leaves no partial file. Every violated budget points at its line in the suite,
 * worst first. Texts of a run may hold any bytes: each sink escapes what its form cannot carry.
 *
 *     console       report.txt        what a person reads in a terminal
 *     junit         junit.xml         the dialect that GitHub's test reporters read
 *     json          run.json          the record itself (record_json.h)
 *     annotations   annotations.txt   workflow commands, 10 a level at most
 *     markdown      summary.md        step summary, under 1 MiB
 *     csv           run.csv           one row a judgement or measured number
 *     html          report.html       the whole run on one page, with heat maps of quantizations
 *     sarif         results.sarif     SARIF 2.1.0 of what did not pass, for code scanning
 *     openmetrics   metrics.prom      OpenMetrics text 1.0, for Prometheus
 *     ghbench       ghbench-*.json    github-action-benchmark: one file a direction
 *     bmf           bmf.json          Bencher Metric Format
 */
#ifndef QG_REPORT_REPORT_H
#define QG_REPORT_REPORT_H

#include "base/err.h"
#include "base/str.h"
#include "record/record.h"

enum { QG_REPORT_WIDTH = 100 }; /* columns where the caller knows no better */
/* Of a step's summary, under GitHub's 1,048,576 with room for the words that say what is left out.
 */
enum { QG_REPORT_SUMMARY_BYTES = 1000 * 1000 };

typedef struct qg_report_options {
    const char *dir;  /* where the files lie, for the reader; or NULL                      */
    const char *root; /* of the repository, an absolute path; NULL: not known            */
    const char *here; /* where the run's relative paths begin, an absolute path, or NULL */
    const char *link; /* what goes before "suites/x.yaml#L12" in links ("https://.../blob/SHA/"),
                         NULL: nothing */
    const struct qg_trend *trends; /* what numbers were in earlier runs, sorted (trend.h) */
    size_t n_trends;
    size_t room; /* bytes that the summary may take; 0: QG_REPORT_SUMMARY_BYTES         */
    int width;   /* columns of a terminal; 0: QG_REPORT_WIDTH                         */
    bool colour; /* ANSI colours on the console; never in files                       */
} qg_report_options;

typedef struct qg_sink_out {
    const qg_run *run;
    qg_report_options options;
    const struct qg_rows_index *index; /* of the run's judgements (rows.h) */
    qg_buf *out;
    qg_arena *scratch; /* for the sink's own needs while it runs */
    void *state;       /* the sink's own                         */
} qg_sink_out;

typedef struct qg_sink { /* case_done and end may be NULL: nothing to do */
    const char *name, *file;
    qg_status (*begin)(qg_sink_out *o, qg_err *err);
    qg_status (*case_done)(qg_sink_out *o, const qg_measurement *m, qg_err *err);
    qg_status (*end)(qg_sink_out *o, qg_err *err);
} qg_sink;

/* A file of the run as it stands in the repository (place.h). */
const char *qg_report_place(qg_sink_out *o, const char *file);

#define X(name) extern const qg_sink qg_report_##name;
#include "report/sinks.def"
#undef X

/* Ends with NULL, in the order of sinks.def. A form of several files is as many sinks of one name,
 * one behind the other. */
extern const qg_sink *const qg_report_sinks[];
const qg_sink *qg_report_find(qg_str name); /* the first of that name; NULL where there is none */

/* Appends one form of the run to `out`; options may be NULL. */
qg_status qg_report_render(qg_buf *out, const qg_sink *sink, const qg_run *run,
                           const qg_report_options *options, qg_err *err);

/* Writes the forms named in `sinks` ("junit,json", "" for all) into options->dir, made where
 * absent. An unknown name is QG_EARG with a suggestion, before anything is written. A folder that
 * cannot be written is the machine's fault (exit class 3): then no file is left half written, and
 * none is changed at all unless the disk fails between two renames. */
qg_status qg_report_write(const qg_run *run, qg_str sinks, const qg_report_options *options,
                          qg_err *err);

#endif
