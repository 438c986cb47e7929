/* Post-processors: see postprocess.h.
 *
 * Upstream hands a list of encodings from one processor to the next: first the text alone; a
 * template makes one encoding of each of its entries, and the next template is its `single` form
 * where it finds one encoding and its `pair` form where it finds two. All of that depends on the
 * declaration only, so it is played through once with a marker for the text.
 */
#include "tokenizer/postprocess.h"

#include "tokenizer/part.h"

#define TEMPLATE "post_processor 'TemplateProcessing'"

typedef struct player {
    qg_arena *arena;
    qg_idlist *part; /* the encodings so far */
    size_t n;
    bool special;
} player;

static qg_status add_id(qg_idlist *to, const qg_json *node, const char *part, qg_err *err)
{
    int64_t id;

    if (!qg_json_int(node, &id) || id < 0 || id > INT32_MAX)
        return qg_fail(err, QG_EFORMAT, "%s names an id that is no token's", part);
    qg_idlist_add(to, (int32_t)id);
    return QG_OK;
}

static void add_all(qg_idlist *to, const qg_idlist *from)
{
    for (size_t i = 0; i < from->n; i++)
        qg_idlist_add(to, from->id[i]);
}

/* {"Sequence": {"id": "A"}} or {"SpecialToken": {"id": "<s>"}}; *keep is false for a special token
 * that is not wanted. */
static qg_status play_entry(qg_idlist *to, bool *keep, const player *p, const qg_json *entry,
                            const qg_json *specials, qg_err *err)
{
    const qg_json *sequence = qg_json_get(entry, "Sequence"), *ids;
    qg_str name;

    *keep = sequence || p->special;
    if (sequence) {
        QG_PASS(qg_part_str(&name, sequence, TEMPLATE, "id", err));
        size_t which = qg_str_is(name, "A") ? 0 : qg_str_is(name, "B") ? 1 : SIZE_MAX;
        if (which >= p->n)
            return qg_fail(err, QG_EFORMAT, TEMPLATE " asks for sequence '" QG_STR_PRI "' of %zu",
                           QG_STR_ARG(name), p->n);
        add_all(to, &p->part[which]);
        return QG_OK;
    }
    QG_PASS(qg_part_str(&name, qg_json_get(entry, "SpecialToken"), TEMPLATE, "id", err));
    char *key = qg_str_dup(p->arena, name);
    QG_NEED(key, err);
    const qg_json *special = qg_json_get(specials, key);
    if (!special)
        return qg_fail(err, QG_EFORMAT, TEMPLATE " does not declare its special token '%s'", key);
    QG_PASS(qg_part_array(&ids, special, TEMPLATE, "ids", err));
    for (size_t i = 0; i < qg_json_len(ids); i++)
        QG_PASS(add_id(to, qg_json_at(ids, i), TEMPLATE, err));
    return QG_OK;
}

static qg_status play_template(player *p, const qg_json *node, qg_err *err)
{
    const qg_json *form;
    size_t n = 0;
    bool keep;

    if (p->n < 1 || p->n > 2)
        return qg_fail(err, QG_ENOSUP, TEMPLATE " behind one that makes %zu parts is not supported",
                       p->n);
    QG_PASS(qg_part_array(&form, node, TEMPLATE, p->n == 1 ? "single" : "pair", err));
    qg_idlist *made = QG_NEW_N(p->arena, qg_idlist, qg_json_len(form));
    QG_NEED(made, err);
    for (size_t i = 0; i < qg_json_len(form); i++) {
        qg_idlist_begin(&made[n], p->arena);
        QG_PASS(play_entry(&made[n], &keep, p, qg_json_at(form, i),
                           qg_json_get(node, "special_tokens"), err));
        QG_NEED(!made[n].failed, err);
        n += keep;
    }
    p->part = made;
    p->n = n;
    return QG_OK;
}

/* "cls": ["<s>", 0], "sep": ["</s>", 2]: cls A sep, and for a second part B sep (BERT) or
 * sep B sep (RoBERTa). */
static qg_status play_cls_sep(player *p, const qg_json *node, const char *part, bool roberta,
                              qg_err *err)
{
    const qg_json *cls = NULL, *sep = NULL;

    QG_PASS(qg_part_array(&cls, node, part, "cls", err));
    QG_PASS(qg_part_array(&sep, node, part, "sep", err));
    for (size_t i = 0; p->special && i < p->n; i++) {
        qg_idlist around;
        qg_idlist_begin(&around, p->arena);
        if (i == 0 || roberta)
            QG_PASS(add_id(&around, qg_json_at(i == 0 ? cls : sep, 1), part, err));
        add_all(&around, &p->part[i]);
        QG_PASS(add_id(&around, qg_json_at(sep, 1), part, err));
        QG_NEED(!around.failed, err);
        p->part[i] = around;
    }
    return QG_OK;
}

static qg_status play(void *to, const qg_json *node, qg_str type, qg_err *err)
{
    if (qg_str_is(type, "ByteLevel")) /* moves offsets only */
        return QG_OK;
    if (qg_str_is(type, "TemplateProcessing"))
        return play_template(to, node, err);
    if (qg_str_is(type, "RobertaProcessing"))
        return play_cls_sep(to, node, "post_processor 'RobertaProcessing'", true, err);
    if (qg_str_is(type, "BertProcessing"))
        return play_cls_sep(to, node, "post_processor 'BertProcessing'", false, err);
    return qg_part_refuse(type, "post_processor", err);
}

qg_status qg_template_open(qg_template *t, qg_arena *arena, const qg_json *node, bool special,
                           qg_err *err)
{
    qg_idlist text, all;
    player p = {.arena = arena, .part = &text, .n = 1, .special = special};

    qg_idlist_begin(&text, arena);
    qg_idlist_add(&text, QG_ID_NONE);
    QG_NEED(!text.failed, err);
    QG_PASS(qg_part_each(node, "post_processor", "processors", play, &p, err));
    qg_idlist_begin(&all, arena);
    for (size_t i = 0; i < p.n; i++)
        add_all(&all, &p.part[i]);
    QG_NEED(!all.failed, err);
    *t = (qg_template){all.id, all.n};
    return QG_OK;
}

void qg_template_apply(qg_idlist *out, const qg_template *t, const qg_idlist *text)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->id[i] == QG_ID_NONE)
            add_all(out, text);
        else
            qg_idlist_add(out, t->id[i]);
    }
}
