/* The production checklist for people: see checklist_text.h.
 *
 *     production checklist: 6 of 8 items, gate release
 *       done          TITLE OF THE ITEM
 *                     CASE: what was measured (n 60, 0 d old, sha256:3f5a01c2)
 *       MISSING       TITLE OF THE ITEM
 *                     what is lacking
 *                       suites/x.yaml:12:3
 *                       what to do
 */
#include "report/checklist_text.h"

#include "report/page.h"
#include "report/text.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { INDENT = 2, COLUMN = 16, DEEPER = 2, SHORT_HASH = 8 };

static const char *told(const qg_buf *b, bool *failed)
{
    *failed = *failed || b->failed;
    return b->failed || !b->ptr ? "" : b->ptr;
}

const char *qg_checklist_count(qg_arena *arena, const qg_checklist *c, bool *failed)
{
    size_t asked = qg_checklist_asked(c);
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_format(&b, "%zu of %zu item%s", qg_checklist_met(c), asked, asked == 1 ? "" : "s");
    if (c->gate)
        qg_buf_format(&b, ", gate %s", c->gate);
    return told(&b, failed);
}

const char *qg_checklist_facts(qg_arena *arena, const qg_proof *p, bool *failed)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    if (p->n > 0)
        qg_buf_format(&b, "n %lld, ", (long long)p->n);
    if (p->age_days < 1)
        qg_buf_format(&b, "%.0f h old", p->age_days * 24);
    else
        qg_buf_format(&b, "%.1f d old", p->age_days);
    if (p->hash)
        qg_buf_format(&b, ", sha256:%.*s", SHORT_HASH, p->hash);
    return told(&b, failed);
}

const char *qg_checklist_waiver(qg_arena *arena, const qg_checkitem_result *item, bool *failed)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_format(&b, "until %s: %s", item->expires ? item->expires : "-",
                  item->waiver ? item->waiver : "-");
    return told(&b, failed);
}

qg_verdict qg_checklist_colour(qg_checkitem_state s)
{
    static const qg_verdict of[QG_N_CHECKITEM_STATES] = {
        [QG_CHECKITEM_IS_DONE] = QG_VERDICT_PASS,
        [QG_CHECKITEM_IS_NOT_ASKED] = QG_VERDICT_SKIP,
        [QG_CHECKITEM_IS_WAIVED] = QG_VERDICT_KNOWN_FAIL,
        [QG_CHECKITEM_IS_STALE] = QG_VERDICT_FAIL,
        [QG_CHECKITEM_IS_OTHER_HASH] = QG_VERDICT_FAIL,
        [QG_CHECKITEM_IS_FAILED] = QG_VERDICT_FAIL,
        [QG_CHECKITEM_IS_MISSING] = QG_VERDICT_FAIL,
    };
    return of[s];
}

bool qg_checklist_repeats(const qg_checkitem_result *item, size_t lack)
{
    const char *fix = item->lacks[lack].fix;
    const char *next = lack + 1 < item->n_lacks ? item->lacks[lack + 1].fix : NULL;

    return fix && next && strcmp(fix, next) == 0;
}

/* ---- terminal ---- */

static void put_line(qg_buf *out, const qg_checklist_style *s, size_t indent, qg_str text)
{
    qg_buf_format(out, "%*s", (int)indent, "");
    qg_text_wrap(out, text, indent, (size_t)s->width);
    qg_buf_char(out, '\n');
}

/* A command stays on one line, ready to be copied. */
static void put_fix(qg_buf *out, const qg_checklist_style *s, const char *fix)
{
    qg_checklist_style wide = *s;

    if (qg_str_starts(qg_str_from(fix), QG_STR("quantgate ")))
        wide.width = INT_MAX;
    put_line(out, &wide, COLUMN + DEEPER, qg_str_from(fix));
}

static void put_state(qg_buf *out, const qg_checklist_style *s, qg_checkitem_state state)
{
    static const char *const colours[QG_N_VERDICTS] = {[QG_VERDICT_PASS] = "\033[32m",
                                                       [QG_VERDICT_FAIL] = "\033[1;31m",
                                                       [QG_VERDICT_SKIP] = "\033[2m",
                                                       [QG_VERDICT_KNOWN_FAIL] = "\033[33m"};
    qg_verdict colour = qg_checklist_colour(state);
    char text[32];

    snprintf(text, sizeof text, "%s", qg_checkitem_state_text(state));
    for (size_t i = 0; colour == QG_VERDICT_FAIL && text[i]; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    qg_buf_format(out, "%*s%s%s%s%*s", INDENT, "", s->colour ? colours[colour] : "", text,
                  s->colour ? "\033[0m" : "", (int)(COLUMN - INDENT - strlen(text)), "");
}

static void put_proofs(qg_buf *out, const qg_checklist_style *s, const qg_checkitem_result *item)
{
    size_t n = s->brief && item->n_proofs > 1 ? 1 : item->n_proofs;
    qg_buf line;

    for (size_t i = 0; i < n; i++) {
        qg_buf_init(&line, out->arena);
        qg_buf_format(&line, "%s: %s (%s)", item->proofs[i].subject, item->proofs[i].text,
                      qg_checklist_facts(out->arena, &item->proofs[i], &out->failed));
        if (n < item->n_proofs)
            qg_buf_format(&line, " and %zu more", item->n_proofs - n);
        put_line(out, s, COLUMN, qg_buf_view(&line));
        out->failed = out->failed || line.failed;
    }
}

static void put_lacks(qg_buf *out, const qg_checklist_style *s, const qg_checkitem_result *item)
{
    qg_buf place;

    for (size_t i = 0; i < item->n_lacks; i++) {
        const qg_lack *l = &item->lacks[i];
        put_line(out, s, COLUMN, qg_str_from(l->text));
        if (l->file && l->line > 0) {
            qg_buf_init(&place, out->arena);
            qg_buf_format(&place, "%s:%d:%d", l->file, l->line, l->column);
            put_line(out, s, COLUMN + DEEPER, qg_buf_view(&place));
            out->failed = out->failed || place.failed;
        }
        if (l->fix && !qg_checklist_repeats(item, i))
            put_fix(out, s, l->fix);
    }
}

void qg_checklist_text(qg_buf *out, const qg_checklist *c, const qg_checklist_style *style)
{
    qg_buf_text(out, "production checklist: ");
    qg_text_clean(out, qg_str_from(qg_checklist_count(out->arena, c, &out->failed)), false);
    qg_buf_char(out, '\n');
    for (int i = 0; i < QG_N_CHECKITEMS; i++) {
        const qg_checkitem_result *item = &c->items[i];
        put_state(out, style, item->state);
        qg_text_wrap(out, qg_str_from(qg_checkitem_title(item->item)), COLUMN,
                     (size_t)style->width);
        qg_buf_char(out, '\n');
        if (item->state == QG_CHECKITEM_IS_WAIVED)
            put_line(out, style, COLUMN,
                     qg_str_from(qg_checklist_waiver(out->arena, item, &out->failed)));
        put_proofs(out, style, item);
        put_lacks(out, style, item);
    }
}

/* ---- page ---- */

static void put_page_proofs(qg_buf *out, const qg_checkitem_result *item)
{
    for (size_t i = 0; i < item->n_proofs; i++) {
        const qg_proof *p = &item->proofs[i];
        qg_buf_text(out, "<p>");
        qg_page_text(out, p->subject);
        qg_buf_text(out, ": ");
        qg_page_text(out, p->text);
        qg_buf_text(out, " <span class=\"soft\">");
        qg_page_text(out, qg_checklist_facts(out->arena, p, &out->failed));
        qg_buf_text(out, "</span></p>\n");
    }
}

static void put_page_lacks(qg_buf *out, const qg_checkitem_result *item)
{
    if (item->state == QG_CHECKITEM_IS_WAIVED) {
        qg_buf_text(out, "<p>");
        qg_page_text(out, qg_checklist_waiver(out->arena, item, &out->failed));
        qg_buf_text(out, "</p>\n");
    }
    for (size_t i = 0; i < item->n_lacks; i++) {
        const qg_lack *l = &item->lacks[i];
        qg_buf_text(out, "<p>");
        qg_page_text(out, l->text);
        if (l->file && l->line > 0) {
            qg_buf_text(out, " <code>");
            qg_page_text(out, l->file);
            qg_buf_format(out, ":%d</code>", l->line);
        }
        qg_buf_text(out, "</p>\n");
        if (!l->fix || qg_checklist_repeats(item, i))
            continue;
        qg_buf_text(out, "<p class=\"soft\">");
        qg_page_text(out, l->fix);
        qg_buf_text(out, "</p>\n");
    }
}

void qg_checklist_page(qg_buf *out, const qg_checklist *c)
{
    qg_buf_text(out, "<p class=\"soft\">");
    qg_page_text(out, qg_checklist_count(out->arena, c, &out->failed));
    qg_buf_text(out, "</p>\n<ul class=\"found\">\n");
    for (int i = 0; i < QG_N_CHECKITEMS; i++) {
        const qg_checkitem_result *item = &c->items[i];
        const char *colour = qg_verdict_text(qg_checklist_colour(item->state));
        qg_buf_format(out, "<li class=\"card %s\"><p><span class=\"v %s\">%s</span> %s</p>\n",
                      colour, colour, qg_checkitem_state_text(item->state),
                      qg_checkitem_title(item->item));
        put_page_proofs(out, item);
        put_page_lacks(out, item);
        qg_buf_text(out, "</li>\n");
    }
    qg_buf_text(out, "</ul>\n");
}
