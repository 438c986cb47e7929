/* SARIF 2.1.0 (OASIS, 2020) of findings: what code scanning of GitHub and editors read.
 *
 * One run of one tool; each id is a rule. A finding without an id is the rule "finding". Places are
 * relative to where the program runs; a tensor is a logical location.
 */
#ifndef QG_REPORT_SARIF_H
#define QG_REPORT_SARIF_H

#include "base/finding.h"
#include "base/str.h"

/* Appends the document with a newline. `version` is the program's. */
qg_status qg_sarif_write(qg_buf *out, const qg_findings *findings, const char *version,
                         qg_err *err);

#endif
