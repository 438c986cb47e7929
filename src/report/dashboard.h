/* The dashboard: a history as a static site, in a folder of its own.
 *
 * The folder holds pages and scripts that the program carries (assets.h) and the data as scripts,
 * data/site.js for all suites and data/suite-N.js for each, since a page that is opened from the
 * disk may not fetch. It asks no server for anything: the page forbids it to itself by a content
 * security policy. The same folder can be published as it is (GitHub Pages).
 *
 * Of each suite the newest runs are kept, `last` of them; the pages say how many there are. The
 * folder appears complete or not at all; an older dashboard is replaced, any other folder that is
 * not empty is QG_EEXISTS.
 */
#ifndef QG_REPORT_DASHBOARD_H
#define QG_REPORT_DASHBOARD_H

#include "history/history.h"

enum { QG_DASHBOARD_LAST = 500, QG_DASHBOARD_LAST_MAX = 100000 };

typedef struct qg_dashboard_options {
    const char *title;           /* NULL: "quantgate" */
    const char *history;         /* name of the history, for the reader */
    const char *suite;           /* glob; NULL: all */
    const char *branch;          /* NULL: all */
    const char *commit_url;      /* before a commit; NULL: the repository that the runs name */
    int64_t last;                /* runs of a suite; 0: QG_DASHBOARD_LAST */
    const char *const *coverage; /* summaries of gcovr, oldest first */
    size_t n_coverage;
    const char *kernels; /* what kcheck --csv wrote, or NULL */
    const char *version; /* of the program */
} qg_dashboard_options;

typedef struct qg_dashboard_written {
    size_t n_suites, n_runs, n_lines;
} qg_dashboard_written;

qg_status qg_dashboard_write(qg_dashboard_written *out, qg_history *h, const char *dir,
                             const qg_dashboard_options *options, qg_err *err);

/* A value as the script NAME.js: quantgateData("NAME", VALUE). `json` as qg_json_writer made it;
 * what would end a <script> or a line of it is escaped. */
void qg_dashboard_script(qg_buf *out, const char *name, qg_str json);

#endif
