/* HTML pages: what the page of a run and that of a quantization share.
 *
 * A page is one file that asks for nothing: style inside, no scripts, no fonts, and a content
 * security policy that forbids the rest. It is HTML 5 and well-formed XML at once, so that a parser
 * of either can check it. Light or dark is the reader's choice (prefers-color-scheme); paper is
 * light. Tables lie in boxes that scroll by themselves, also from the keyboard, and carry a caption
 * and the scope of each heading for those who listen.
 *
 *     qg_page_head(out, title); [<style>...] qg_page_body(out); ... qg_page_end(out, version);
 */
#ifndef QG_REPORT_PAGE_H
#define QG_REPORT_PAGE_H

#include "base/str.h"

void qg_page_head(qg_buf *out, const char *title); /* up to what else belongs in <head> */
void qg_page_body(qg_buf *out);
void qg_page_end(qg_buf *out, const char *version); /* of quantgate, or NULL */

/* A text on one line, of any bytes, cut at QG_TEXT_MESSAGE_MAX: fit for an element and for an
 * attribute in double quotes. NULL is "". */
void qg_page_text(qg_buf *out, const char *s);
void qg_page_lines(qg_buf *out, const char *s); /* the same with its lines, for <pre> */
/* A link where the target begins with https:// or http://, else the text alone. */
void qg_page_link(qg_buf *out, const char *target, const char *text);

/* <hN id="...">: id is ours, NULL for none. */
void qg_page_heading(qg_buf *out, int level, const char *id, const char *text);

/* A table and its box; the caption is heard, not seen. */
void qg_page_table_begin(qg_buf *out, const char *caption);
void qg_page_table_end(qg_buf *out);

typedef struct qg_page_column {
    const char *name;
    bool is_number; /* set to the right */
} qg_page_column;

/* The <thead>; texts are escaped. */
void qg_page_columns(qg_buf *out, const qg_page_column *columns, size_t n);
/* One cell; the first of a row is its heading. */
void qg_page_row_name(qg_buf *out, const char *text);
void qg_page_cell(qg_buf *out, const char *text);
void qg_page_number(qg_buf *out, const char *text);
void qg_page_hash(qg_buf *out, const char *hash); /* its begin; all of it on request */

/* <dl> of facts: name and text, under each other, or many short ones in a line. A fact whose text
 * is NULL or "" is left out. */
void qg_page_facts_begin(qg_buf *out, bool in_line);
void qg_page_fact(qg_buf *out, const char *name, const char *text);
void qg_page_facts_end(qg_buf *out);

#endif
