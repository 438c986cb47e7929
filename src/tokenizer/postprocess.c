/* Post-processors: see postprocess.h. All known kinds come down to one template for a single text;
 * those that only move offsets (ByteLevel) leave ids alone. Of a sequence at most one may add ids:
 * upstream gives several a meaning that hardly anyone wants (the second takes the pair template).
 */
#include "tokenizer/postprocess.h"

#include "tokenizer/part.h"

typedef struct loader {
    qg_arena *arena;
    qg_idlist ids;
    bool adds; /* a part that adds ids was read */
} loader;

static qg_status add_id(loader *l, const qg_json *node, const char *part, qg_err *err)
{
    int64_t id;

    if (!qg_json_int(node, &id) || id < 0 || id > INT32_MAX)
        return qg_fail(err, QG_EFORMAT, "%s names an id that is no token's", part);
    qg_idlist_add(&l->ids, (int32_t)id);
    return QG_OK;
}

/* One entry of `single`: {"Sequence": {"id": "A"}} or {"SpecialToken": {"id": "<s>"}} */
static qg_status read_entry(loader *l, const qg_json *entry, const qg_json *specials, qg_err *err)
{
    const char *part = "post_processor 'TemplateProcessing'";
    const qg_json *sequence = qg_json_get(entry, "Sequence");
    qg_str name;

    if (sequence) {
        QG_PASS(qg_part_str(&name, sequence, part, "id", err));
        if (!qg_str_is(name, "A"))
            return qg_fail(err, QG_EFORMAT, "%s puts '" QG_STR_PRI "' into 'single'", part,
                           QG_STR_ARG(name));
        qg_idlist_add(&l->ids, QG_ID_NONE);
        return QG_OK;
    }
    QG_PASS(qg_part_str(&name, qg_json_get(entry, "SpecialToken"), part, "id", err));
    char *key = qg_str_dup(l->arena, name);
    QG_NEED(key, err);
    const qg_json *special = qg_json_get(specials, key), *ids;
    if (!special)
        return qg_fail(err, QG_EFORMAT, "%s: special token '%s' is not declared", part, key);
    QG_PASS(qg_part_array(&ids, special, part, "ids", err));
    for (size_t i = 0; i < qg_json_len(ids); i++)
        QG_PASS(add_id(l, qg_json_at(ids, i), part, err));
    return QG_OK;
}

static qg_status read_template(loader *l, const qg_json *node, qg_err *err)
{
    const qg_json *single;

    QG_PASS(qg_part_array(&single, node, "post_processor 'TemplateProcessing'", "single", err));
    for (size_t i = 0; i < qg_json_len(single); i++)
        QG_PASS(read_entry(l, qg_json_at(single, i), qg_json_get(node, "special_tokens"), err));
    return QG_OK;
}

/* "cls": ["<s>", 0], "sep": ["</s>", 2] */
static qg_status read_cls_sep(loader *l, const qg_json *node, const char *part, qg_err *err)
{
    const qg_json *cls, *sep;

    QG_PASS(qg_part_array(&cls, node, part, "cls", err));
    QG_PASS(qg_part_array(&sep, node, part, "sep", err));
    QG_PASS(add_id(l, qg_json_at(cls, 1), part, err));
    qg_idlist_add(&l->ids, QG_ID_NONE);
    return add_id(l, qg_json_at(sep, 1), part, err);
}

static qg_status load_part(void *to, const qg_json *node, qg_str type, qg_err *err)
{
    loader *l = to;

    if (qg_str_is(type, "ByteLevel"))
        return QG_OK;
    if (l->adds)
        return qg_fail(err, QG_ENOSUP,
                       "more than one post_processor that adds tokens, such as '" QG_STR_PRI
                       "', is not supported",
                       QG_STR_ARG(type));
    l->adds = true;
    if (qg_str_is(type, "TemplateProcessing"))
        return read_template(l, node, err);
    if (qg_str_is(type, "RobertaProcessing"))
        return read_cls_sep(l, node, "post_processor 'RobertaProcessing'", err);
    if (qg_str_is(type, "BertProcessing"))
        return read_cls_sep(l, node, "post_processor 'BertProcessing'", err);
    return qg_part_refuse(type, "post_processor", err);
}

qg_status qg_template_open(qg_template *t, qg_arena *arena, const qg_json *node, qg_err *err)
{
    loader l = {.arena = arena};

    qg_idlist_begin(&l.ids, arena);
    QG_PASS(qg_part_each(node, "post_processor", "processors", load_part, &l, err));
    if (!l.adds)
        qg_idlist_add(&l.ids, QG_ID_NONE);
    QG_NEED(!l.ids.failed, err);
    *t = (qg_template){l.ids.id, l.ids.n};
    return QG_OK;
}

void qg_template_apply(qg_idlist *out, const qg_template *t, const qg_idlist *text, bool special)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->id[i] == QG_ID_NONE) {
            for (size_t k = 0; k < text->n; k++)
                qg_idlist_add(out, text->id[k]);
        } else if (special) {
            qg_idlist_add(out, t->id[i]);
        }
    }
}
