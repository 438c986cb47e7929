/* The production checklist as people read it, on a terminal and on a page; report_markdown.c has
 * the list of the step summary. */
#ifndef QG_REPORT_CHECKLIST_TEXT_H
#define QG_REPORT_CHECKLIST_TEXT_H

#include "base/str.h"
#include "record/record.h"

typedef struct qg_checklist_style {
    int width; /* columns */
    bool colour;
    bool brief; /* of the evidence for an item only the first is shown */
} qg_checklist_style;

/* A heading, then for each item its state and title, the evidence, and what is lacking with place
 * and remedy. Lines are no wider than asked for, but for single words that are, and commands. */
void qg_checklist_text(qg_buf *out, const qg_checklist *c, const qg_checklist_style *style);

/* Texts of a record that each form must still escape, on the arena; "" where memory ran out, with
 * *failed set. "6 of 8 items, gate release": */
const char *qg_checklist_count(qg_arena *arena, const qg_checklist *c, bool *failed);
/* What stands behind the text of a proof, "n 60, 2.5 d old, sha256:3f5a01c2"; parts that are not
 * known are left out: */
const char *qg_checklist_facts(qg_arena *arena, const qg_proof *p, bool *failed);
/* "until 2026-03-31: no staging yet": */
const char *qg_checklist_waiver(qg_arena *arena, const qg_checkitem_result *item, bool *failed);
/* The verdict whose colour and mark a state has. */
qg_verdict qg_checklist_colour(qg_checkitem_state s);
/* Whether the remedy of a lack is that of the next one too, which then says it. */
bool qg_checklist_repeats(const qg_checkitem_result *item, size_t lack);

/* A part of a page below a heading that the caller wrote. */
void qg_checklist_page(qg_buf *out, const qg_checklist *c);

#endif
