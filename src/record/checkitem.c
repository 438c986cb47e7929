/* The production checklist as data: names, counts, and its JSON (see checkitem.h). The plain
 * members are tables that writer and reader share; items stand in the order of their list, all of
 * them, and the reader insists on that. */
#include "record/checkitem.h"

#include <string.h>

typedef struct item_row {
    const char *word, *title, *counts;
} item_row;

static const item_row items[QG_N_CHECKITEMS] = {
#define X(id, word, title, counts) {word, title, counts},
    QG_CHECKITEM_LIST(X)
#undef X
};

static const char *const states[QG_N_CHECKITEM_STATES] = {
#define X(id, text) text,
    QG_CHECKITEM_STATE_LIST(X)
#undef X
};

const char *qg_checkitem_word(qg_checkitem item)
{
    return items[item].word;
}

const char *qg_checkitem_title(qg_checkitem item)
{
    return items[item].title;
}

const char *qg_checkitem_counts(qg_checkitem item)
{
    return items[item].counts;
}

const char *qg_checkitem_state_text(qg_checkitem_state s)
{
    return states[s];
}

bool qg_checkitem_find(qg_checkitem *out, qg_str word)
{
    for (int i = 0; i < QG_N_CHECKITEMS; i++) {
        if (qg_str_is(word, items[i].word)) {
            *out = (qg_checkitem)i;
            return true;
        }
    }
    return false;
}

bool qg_checkitem_is_met(const qg_checkitem_result *item)
{
    return item->state <= QG_CHECKITEM_IS_WAIVED;
}

size_t qg_checklist_asked(const qg_checklist *c)
{
    size_t n = 0;

    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        n += c->items[i].state != QG_CHECKITEM_IS_NOT_ASKED;
    return n;
}

size_t qg_checklist_met(const qg_checklist *c)
{
    size_t n = 0;

    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        n += c->items[i].state != QG_CHECKITEM_IS_NOT_ASKED && qg_checkitem_is_met(&c->items[i]);
    return n;
}

/* ---- JSON ---- */

static const qg_field checklist_list[] = {
    QG_FIELD(qg_checklist, TEXT, gate),
    QG_FIELD(qg_checklist, TEXT, at),
    QG_FIELD(qg_checklist, REAL, max_age_days),
};
static const qg_fields checklist_fields = QG_FIELDS(checklist_list, qg_checklist);

static const qg_field item_list[] = {
    QG_FIELD(qg_checkitem_result, TEXT, waiver),  QG_FIELD(qg_checkitem_result, TEXT, expires),
    QG_FIELD(qg_checkitem_result, TEXT, file),    QG_FIELD(qg_checkitem_result, SMALL, line),
    QG_FIELD(qg_checkitem_result, SMALL, column),
};
static const qg_fields item_fields = QG_FIELDS(item_list, qg_checkitem_result);

static const qg_field proof_list[] = {
    QG_FIELD_NEEDED(qg_proof, TEXT, subject),
    QG_FIELD_NEEDED(qg_proof, TEXT, text),
    QG_FIELD(qg_proof, COUNT, n),
    QG_FIELD(qg_proof, REAL, age_days),
    QG_FIELD(qg_proof, TEXT, hash),
};
static const qg_fields proof_fields = QG_FIELDS(proof_list, qg_proof);

static const qg_field lack_list[] = {
    QG_FIELD_NEEDED(qg_lack, TEXT, text), QG_FIELD(qg_lack, TEXT, fix),
    QG_FIELD(qg_lack, TEXT, file),        QG_FIELD(qg_lack, SMALL, line),
    QG_FIELD(qg_lack, SMALL, column),
};
static const qg_fields lack_fields = QG_FIELDS(lack_list, qg_lack);

static void write_item(qg_json_writer *w, const qg_checkitem_result *item)
{
    qg_json_write_object(w);
    qg_json_put_text(w, "item", items[item->item].word);
    qg_json_put_text(w, "state", states[item->state]);
    qg_fields_write(w, &item_fields, item);
    qg_fields_write_rows(w, "proofs", &proof_fields, item->proofs, item->n_proofs);
    qg_json_write_key(w, "lacks");
    qg_json_write_array(w);
    for (size_t i = 0; i < item->n_lacks; i++) {
        qg_json_write_object(w);
        qg_json_put_text(w, "state", states[item->lacks[i].state]);
        qg_fields_write(w, &lack_fields, &item->lacks[i]);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

void qg_checklist_write(qg_json_writer *w, const qg_checklist *c)
{
    if (!c) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_object(w);
    qg_fields_write(w, &checklist_fields, c);
    qg_json_write_key(w, "items");
    qg_json_write_array(w);
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        write_item(w, &c->items[i]);
    qg_json_write_end_array(w);
    qg_json_write_close(w);
}

static qg_status read_state(qg_fields_reader *r, const qg_json *object, qg_checkitem_state *out)
{
    qg_str text;

    if (!qg_json_str(qg_json_get(object, "state"), &text))
        return QG_FIELDS_BAD(r, "'state' is %s, a string was expected",
                             qg_json_type_name(qg_json_get(object, "state")));
    for (int i = 0; i < QG_N_CHECKITEM_STATES; i++) {
        if (qg_str_is(text, states[i])) {
            *out = (qg_checkitem_state)i;
            return QG_OK;
        }
    }
    return QG_FIELDS_BAD(r, "'state' has the unknown value '" QG_STR_PRI "'",
                         QG_STR_ARG(qg_str_sub(text, 0, 60)));
}

static qg_status read_item(qg_fields_reader *r, const qg_json *object, qg_checkitem_result *item)
{
    const qg_json *lacks = qg_json_get(object, "lacks");
    qg_str word;

    if (!qg_json_str(qg_json_get(object, "item"), &word) ||
        !qg_str_is(word, items[item->item].word))
        return QG_FIELDS_BAD(r, "item %d is not '%s'", item->item, items[item->item].word);
    QG_PASS(read_state(r, object, &item->state));
    QG_PASS(qg_fields_read(r, object, &item_fields, item));
    QG_PASS(
        qg_fields_read_rows(r, object, "proofs", &proof_fields, &item->proofs, &item->n_proofs));
    QG_PASS(qg_fields_read_rows(r, object, "lacks", &lack_fields, &item->lacks, &item->n_lacks));
    for (size_t i = 0; i < item->n_lacks; i++)
        QG_PASS(read_state(r, qg_json_at(lacks, i), &item->lacks[i].state));
    return QG_OK;
}

qg_status qg_checklist_read(qg_checklist **out, qg_fields_reader *r, const qg_json *object)
{
    const qg_json *list = qg_json_get(object, "items");
    const char *where = r->where;

    *out = NULL;
    if (qg_json_is_null(object))
        return QG_OK;
    qg_checklist *c = QG_NEW(r->arena, qg_checklist);
    QG_NEED(c, r->err);
    r->where = "checklist";
    QG_PASS(qg_fields_read(r, object, &checklist_fields, c));
    if (qg_json_type_of(list) != QG_JSON_ARRAY || qg_json_len(list) != QG_N_CHECKITEMS)
        return QG_FIELDS_BAD(r, "'items' are not %d", QG_N_CHECKITEMS);
    for (int i = 0; i < QG_N_CHECKITEMS; i++) {
        c->items[i].item = (qg_checkitem)i;
        QG_PASS(read_item(r, qg_json_at(list, (size_t)i), &c->items[i]));
    }
    r->where = where;
    *out = c;
    return QG_OK;
}
