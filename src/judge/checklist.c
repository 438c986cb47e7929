/* The production checklist: see checklist.h.
 *
 * Each item has a function that adds proofs and lacks (measured_items.c, evidence_items.c); this
 * file says what makes a run stale, folds lacks to states, applies waivers, and turns states into
 * judgements. Invariant: an item with a lack is never done.
 */
#include "judge/checklist.h"

#include "base/clock.h"
#include "judge/items.h"
#include "judge/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DAY_S = 86400, MOST_NAMED = 3 };

/* ---- proofs and lacks ---- */

static const char *format_of(qg_checking *c, const char *fmt, va_list ap)
{
    char text[2 * QG_ERR_TEXT];
    const char *copy;

    vsnprintf(text, sizeof text, fmt, ap);
    copy = qg_str_dup(c->arena, qg_str_from(text));
    c->out_of_memory = c->out_of_memory || !copy;
    return copy ? copy : "";
}

const char *qg_checkitem_format(qg_checking *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    const char *text = format_of(c, fmt, ap);
    va_end(ap);
    return text;
}

/* The array with room for one more; NULL when out of memory. */
static void *grown(qg_checking *c, const void *old, size_t n, size_t size)
{
    void *more = qg_arena_array(c->arena, n + 1, size);

    c->out_of_memory = c->out_of_memory || !more;
    if (more && n)
        memcpy(more, old, n * size);
    return more;
}

void qg_checkitem_prove(qg_checking *c, qg_proof proof, const char *fmt, ...)
{
    qg_checkitem_result *item = c->item;
    qg_proof *proofs = grown(c, item->proofs, item->n_proofs, sizeof *proofs);
    va_list ap;

    va_start(ap, fmt);
    proof.text = format_of(c, fmt, ap);
    va_end(ap);
    if (!proofs)
        return;
    proofs[item->n_proofs++] = proof;
    item->proofs = proofs;
}

void qg_checkitem_lack(qg_checking *c, qg_checkitem_state state, qg_place place, const char *fix,
                       const char *fmt, ...)
{
    qg_checkitem_result *item = c->item;
    qg_lack *lacks = grown(c, item->lacks, item->n_lacks, sizeof *lacks);
    va_list ap;

    va_start(ap, fmt);
    const char *text = format_of(c, fmt, ap);
    va_end(ap);
    if (!lacks)
        return;
    lacks[item->n_lacks++] = (qg_lack){state, text, fix, place.file, place.line, place.column};
    item->lacks = lacks;
    item->state = state > item->state ? state : item->state;
}

const qg_model_info *qg_checkitem_model(const qg_checking *c, const char *name)
{
    for (size_t i = 0; c->run && i < c->run->n_models; i++)
        if (strcmp(c->run->models[i].name, name) == 0)
            return &c->run->models[i];
    return NULL;
}

const char *qg_checkitem_hash(const qg_checking *c, const char *model)
{
    const qg_model_info *info = qg_checkitem_model(c, model);
    return info ? info->model_hash : NULL;
}

/* ---- the run as a whole ---- */

static void judge_run(qg_checking *c)
{
    const qg_suite *s = c->suite;
    char age[QG_UNIT_TEXT], most[QG_UNIT_TEXT];

    if (c->run_age_days > s->checklist.max_age_days)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_STALE, s->checklist.place, c->run_command,
                          "the run is %s old, of %s at most",
                          qg_unit_print(age, QG_UNIT_DAYS, c->run_age_days),
                          qg_unit_print(most, QG_UNIT_DAYS, s->checklist.max_age_days));
    if (c->run->partial)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, s->checklist.place, c->run_command,
                          "the run was ended by a signal: cases are missing");
    if (c->run->suite_hash && strcmp(c->run->suite_hash, s->hash) != 0)
        qg_checkitem_lack(c, QG_CHECKITEM_IS_STALE, s->checklist.place, c->run_command,
                          "the suite has changed since it was run");
}

/* An item that the run alone proves. */
static void judge_measured(qg_checking *c, void (*judge)(qg_checking *c))
{
    if (!c->run) {
        qg_checkitem_lack(c, QG_CHECKITEM_IS_MISSING, c->suite->checklist.place, c->run_command,
                          "there is no record of a run of this suite");
        return;
    }
    judge(c);
    judge_run(c);
}

/* ---- an item ---- */

/* What the waiver of an item, if it has one, makes of its lacks. */
static void waive(qg_checking *c)
{
    const qg_suite_checklist *k = &c->suite->checklist;
    qg_checkitem_result *item = c->item;
    int64_t day = 0;

    for (size_t i = 0; i < k->n_waivers && item->n_lacks > 0; i++) {
        const qg_suite_waiver *w = &k->waivers[i];
        if (w->item != item->item)
            continue;
        item->waiver = w->reason;
        item->expires = w->expires;
        if (qg_clock_read(&day, qg_str_from(w->expires)) && c->now_s < day + DAY_S)
            item->state = QG_CHECKITEM_IS_WAIVED;
        else
            qg_checkitem_lack(c, item->state, w->place,
                              "mend what is lacking, or say why 'expires' moves",
                              "its waiver ended on %s: %s", w->expires, w->reason);
    }
}

static void place_item(qg_checking *c)
{
    const qg_suite_checklist *k = &c->suite->checklist;
    qg_place place = k->place;

    if (c->item->item == QG_CHECKITEM_AB && k->n_ab > 0)
        place = k->ab[0].place;
    if (c->item->item == QG_CHECKITEM_CARD && k->n_card > 0)
        place = k->card[0].place;
    c->item->file = place.file;
    c->item->line = place.line;
    c->item->column = place.column;
}

static void judge_item(qg_checking *c)
{
    static const struct {
        void (*judge)(qg_checking *c);
        bool is_measured;
    } items[QG_N_CHECKITEMS] = {
        [QG_CHECKITEM_BASELINE] = {qg_checkitem_baseline, true},
        [QG_CHECKITEM_VARIANT] = {qg_checkitem_variant, true},
        [QG_CHECKITEM_QUALITY] = {qg_checkitem_quality, true},
        [QG_CHECKITEM_MEMORY] = {qg_checkitem_memory, true},
        [QG_CHECKITEM_BATCHES] = {qg_checkitem_batches, true},
        [QG_CHECKITEM_PERCENTILES] = {qg_checkitem_percentiles, true},
        [QG_CHECKITEM_AB] = {qg_checkitem_ab, false},
        [QG_CHECKITEM_CARD] = {qg_checkitem_card, false},
    };
    qg_checkitem item = c->item->item;

    place_item(c);
    if (!c->suite->checklist.required[item]) {
        c->item->state = QG_CHECKITEM_IS_NOT_ASKED;
        return;
    }
    if (items[item].is_measured)
        judge_measured(c, items[item].judge);
    else
        items[item].judge(c);
    waive(c);
}

static double age_of(const qg_run *run, int64_t now_s)
{
    int64_t started;

    if (!run || !run->started || !qg_clock_read(&started, qg_str_from(run->started)))
        return 0;
    return started < now_s ? (double)(now_s - started) / DAY_S : 0;
}

qg_status qg_checklist_judge(qg_checklist **out, qg_arena *arena, const qg_run *run,
                             const qg_suite *suite, const qg_evidence *evidence, int64_t now_s,
                             qg_err *err)
{
    qg_checklist *list = QG_NEW(arena, qg_checklist);
    char at[21];
    qg_checking c = {.arena = arena,
                     .run = run,
                     .suite = suite,
                     .evidence = evidence,
                     .now_s = now_s,
                     .run_age_days = age_of(run, now_s)};

    QG_NEED(list, err);
    list->max_age_days = suite->checklist.max_age_days;
    qg_clock_print(at, now_s);
    list->at = qg_str_dup(arena, qg_str_from(at));
    c.run_command = qg_checkitem_format(&c, "quantgate run %s --out quantgate-report", suite->path);
    for (int i = 0; i < QG_N_CHECKITEMS; i++) {
        c.item = &list->items[i];
        c.item->item = (qg_checkitem)i;
        judge_item(&c);
    }
    QG_NEED(!c.out_of_memory && list->at, err);
    *out = list;
    return QG_OK;
}

/* ---- judgements ---- */

/* "there is no 'ab.json'; the card says no bits; and 2 more" */
static void put_lacks(qg_buf *out, const qg_checkitem_result *item)
{
    for (size_t i = 0; i < item->n_lacks && i < MOST_NAMED; i++)
        qg_buf_format(out, "%s%s", i ? "; " : "", item->lacks[i].text);
    if (item->n_lacks > MOST_NAMED)
        qg_buf_format(out, "; and %zu more", item->n_lacks - MOST_NAMED);
}

static qg_status judgement_of(qg_judgement *out, qg_arena *arena, const qg_checkitem_result *item,
                              qg_err *err)
{
    qg_buf message;

    qg_buf_init(&message, arena);
    qg_buf_format(&message, "%s: %s", qg_checkitem_title(item->item),
                  qg_checkitem_state_text(item->state));
    *out = (qg_judgement){.case_id =
                              qg_arena_format(arena, "checklist/%s", qg_checkitem_word(item->item)),
                          .metric = QG_METRIC_NONE,
                          .verdict = QG_VERDICT_PASS,
                          .file = item->file,
                          .line = item->line,
                          .column = item->column};
    if (item->state != QG_CHECKITEM_IS_DONE) {
        bool waived = item->state == QG_CHECKITEM_IS_WAIVED;
        out->verdict = waived ? QG_VERDICT_KNOWN_FAIL : QG_VERDICT_FAIL;
        out->exit_class = waived ? 0 : 1;
        out->expires = waived ? item->expires : NULL;
        out->issue = waived ? item->waiver : NULL;
        out->fix = item->n_lacks > 0 ? item->lacks[0].fix : NULL;
        qg_buf_text(&message, ": ");
        put_lacks(&message, item);
    }
    QG_NEED(!message.failed && out->case_id, err);
    out->message = message.ptr;
    return QG_OK;
}

qg_status qg_checklist_gate(qg_run *run, qg_arena *arena, qg_err *err)
{
    qg_judgement *all = QG_NEW_N(arena, qg_judgement, run->n_judgements + QG_N_CHECKITEMS);

    QG_NEED(all, err);
    if (run->n_judgements > 0)
        memcpy(all, run->judgements, run->n_judgements * sizeof *all);
    run->judgements = all;
    for (int i = 0; i < QG_N_CHECKITEMS; i++) {
        const qg_checkitem_result *item = &run->checklist->items[i];
        if (item->state != QG_CHECKITEM_IS_NOT_ASKED)
            QG_PASS(judgement_of(&all[run->n_judgements++], arena, item, err));
    }
    qg_verdict_fold(run);
    return QG_OK;
}
