/* A comparison of two runs as text, Markdown or JSON. */
#ifndef QG_CLI_COMPARISON_H
#define QG_CLI_COMPARISON_H

#include "base/str.h"
#include "judge/compare.h"

typedef struct qg_comparison_sides {
    const qg_run *a, *b;
    const char *name_a, *name_b; /* of their files */
} qg_comparison_sides;

typedef struct qg_comparison_look {
    size_t width; /* columns; the names of cases give way */
    bool colour;
    bool all; /* also what is the same, which else is only counted */
} qg_comparison_look;

/* A table in sections, what is worse first; then the notes and the counts. */
void qg_comparison_text(qg_buf *out, const qg_comparison *c, const qg_comparison_sides *sides,
                        const qg_comparison_look *look);
void qg_comparison_markdown(qg_buf *out, const qg_comparison *c, const qg_comparison_sides *sides,
                            bool all);
/* {"a":{...},"b":{...},"confidence","in_turns","rows":[...],"notes":[...]} on one line; numbers in
 * the metric's unit, changes as compare.h has them. */
qg_status qg_comparison_json(qg_buf *out, const qg_comparison *c, const qg_comparison_sides *sides,
                             qg_err *err);

#endif
