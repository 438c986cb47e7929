/* SARIF 2.1.0 (OASIS, 2020) of findings: what code scanning of GitHub and editors read.
 *
 * One run of one tool; each id is a rule. A finding without an id is the rule "finding". Places are
 * relative to where the program runs; a tensor is a logical location.
 */
#ifndef QG_REPORT_SARIF_H
#define QG_REPORT_SARIF_H

#include "base/finding.h"
#include "base/json.h"
#include "base/str.h"

/* Parts of a document, for a writer that says more than findings do (report_sarif.c): up to the
 * array of rules, its end, and the end of all with a newline. In between the run is open for its
 * results and other keys. Columns are characters. */
void qg_sarif_begin(qg_json_writer *w, qg_buf *out, const char *version);
void qg_sarif_end_rules(qg_json_writer *w);
qg_status qg_sarif_end(qg_json_writer *w, qg_err *err);

void qg_sarif_put_message(qg_json_writer *w, const char *key, const char *text);
/* The key `locations`, one place in a file; `name` of what is there (a tensor, a case), NULL: none.
 * `kind` of that by section 3.33.7, NULL: the list there has no word for it. */
qg_status qg_sarif_put_place(qg_json_writer *w, qg_arena *scratch, const qg_place *place,
                             const char *name, const char *kind, qg_err *err);

/* Appends the document with a newline. `version` is the program's. */
qg_status qg_sarif_write(qg_buf *out, const qg_findings *findings, const char *version,
                         qg_err *err);

#endif
