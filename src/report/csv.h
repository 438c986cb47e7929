/* Cells of comma-separated values: RFC 4180 with LF, for spreadsheets and scripts. Numbers are in
 * the canonical unit that a column beside them names and read back equal; empty cells are unknown.
 * A text that a spreadsheet would take for a formula gets a leading apostrophe (OWASP, "CSV
 * Injection"): it begins, behind blanks, with one of = + - @ or their full-width forms; tabs and
 * carriage returns are blanks by then. A semicolon is quoted, since it separates cells where the
 * comma is the decimal point.
 */
#ifndef QG_REPORT_CSV_H
#define QG_REPORT_CSV_H

#include "base/units.h"

/* A text made clean (text.h), quoted where it must be; NULL is empty. `scratch` is taken from. */
void qg_csv_text(qg_buf *out, qg_arena *scratch, const char *s);
void qg_csv_number(qg_buf *out, bool known, double v);
const char *qg_csv_unit(qg_unit unit); /* "ns", "B", "fraction"; "" for plain numbers */

#endif
