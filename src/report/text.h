/* Text that people read: any bytes made printable, measured and fitted to columns.
 *
 * Columns are counted by code point: combining marks and other invisible ones take none, CJK and
 * emoji two. That is what terminals do, up to the odd emoji sequence.
 */
#ifndef QG_REPORT_TEXT_H
#define QG_REPORT_TEXT_H

#include "base/str.h"

/* Longest message that a report shows; what is cut ends in "...". */
enum { QG_TEXT_MESSAGE_MAX = 2000 };

/* Appends s as valid UTF-8 without control characters: invalid bytes become U+FFFD, controls (tab
 * and, unless keep_lines, newline too) a blank; CR LF counts as one newline. U+FFFE and U+FFFF,
 * which XML forbids, become U+FFFD. */
void qg_text_clean(qg_buf *out, qg_str s, bool keep_lines);
/* The same of a C string, NULL as "", cut at QG_TEXT_MESSAGE_MAX bytes. A view on `arena`, valid
 * UTF-8; "" when out of memory, with *failed set. */
qg_str qg_text_message(qg_arena *arena, const char *s, bool keep_lines, bool *failed);

/* Appends a path as it stands in the target of a link: everything but plain characters in percent
 * form. */
void qg_text_target(qg_buf *out, const char *path);

/* Appends the shortest of %.15g and %.17g that reads back equal; v is finite. */
void qg_text_number(qg_buf *out, double v);

size_t qg_text_width(qg_str s); /* columns of cleaned text */

/* Appends cleaned text padded with blanks to `width` columns, or cut to it with a final "…". */
void qg_text_fit(qg_buf *out, qg_str s, size_t width);

/* Appends cleaned text broken at blanks into lines of at most `width` columns; lines after the
 * first begin with `indent` blanks. The first begins at column `indent`. No final newline. */
void qg_text_wrap(qg_buf *out, qg_str s, size_t indent, size_t width);

#endif
