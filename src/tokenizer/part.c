/* Parts of tokenizer.json: see part.h. Every reader first looks the setting up, then checks its
 * type; the message names the part, the setting and what stood there.
 */
#include "tokenizer/part.h"

static qg_status wrong(const qg_json *value, const char *part, const char *key, const char *want,
                       qg_err *err)
{
    if (!value)
        return qg_fail(err, QG_EFORMAT, "%s lacks '%s'", part, key);
    return qg_fail(err, QG_EFORMAT, "'%s' of %s is %s, not %s", key, part, qg_json_type_name(value),
                   want);
}

qg_status qg_part_type(qg_str *out, const qg_json *node, const char *part, qg_err *err)
{
    if (qg_json_type_of(node) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EFORMAT, "%s is %s, not an object", part, qg_json_type_name(node));
    return qg_part_str(out, node, part, "type", err);
}

qg_status qg_part_refuse(qg_str type, const char *part, qg_err *err)
{
    return qg_fail(err, QG_ENOSUP, "%s '" QG_STR_PRI "' is not supported", part,
                   (int)(type.len < 64 ? type.len : 64), type.ptr);
}

qg_status qg_part_room(size_t n, const char *part, qg_err *err)
{
    if (n < QG_PART_MAX)
        return QG_OK;
    return qg_fail(err, QG_ENOSUP, "a %s of more than %d steps is not supported", part,
                   QG_PART_MAX);
}

qg_status qg_part_bool(bool *out, const qg_json *node, const char *part, const char *key,
                       qg_err *err)
{
    const qg_json *value = qg_json_get(node, key);
    return qg_json_bool(value, out) ? QG_OK : wrong(value, part, key, "a boolean", err);
}

qg_status qg_part_str(qg_str *out, const qg_json *node, const char *part, const char *key,
                      qg_err *err)
{
    const qg_json *value = qg_json_get(node, key);
    return qg_json_str(value, out) ? QG_OK : wrong(value, part, key, "a string", err);
}

qg_status qg_part_count(size_t *out, const qg_json *node, const char *part, const char *key,
                        qg_err *err)
{
    const qg_json *value = qg_json_get(node, key);
    int64_t v;
    if (!qg_json_int(value, &v))
        return wrong(value, part, key, "an integer", err);
    if (v < 0)
        return qg_fail(err, QG_EFORMAT, "'%s' of %s is negative", key, part);
    *out = (size_t)v;
    return QG_OK;
}

qg_status qg_part_array(const qg_json **out, const qg_json *node, const char *part, const char *key,
                        qg_err *err)
{
    const qg_json *value = qg_json_get(node, key);
    if (qg_json_type_of(value) != QG_JSON_ARRAY)
        return wrong(value, part, key, "an array", err);
    *out = value;
    return QG_OK;
}

qg_status qg_part_bool_or(bool *out, const qg_json *node, const char *part, const char *key,
                          qg_err *err)
{
    return qg_json_is_null(qg_json_get(node, key)) ? QG_OK
                                                   : qg_part_bool(out, node, part, key, err);
}

qg_status qg_part_str_or(qg_str *out, const qg_json *node, const char *part, const char *key,
                         qg_err *err)
{
    return qg_json_is_null(qg_json_get(node, key)) ? QG_OK : qg_part_str(out, node, part, key, err);
}

qg_status qg_part_each(const qg_json *node, const char *part, const char *list_key,
                       qg_part_load *load, void *to, qg_err *err)
{
    const qg_json *list = NULL;
    qg_str type;

    if (qg_json_is_null(node))
        return QG_OK;
    QG_PASS(qg_part_type(&type, node, part, err));
    if (!qg_str_is(type, "Sequence"))
        return load(to, node, type, err);
    QG_PASS(qg_part_array(&list, node, part, list_key, err));
    for (size_t i = 0; i < qg_json_len(list); i++) {
        if (qg_json_is_null(qg_json_at(list, i)))
            return qg_fail(err, QG_EFORMAT, "entry %zu of '%s' in %s is null", i, list_key, part);
        QG_PASS(qg_part_each(qg_json_at(list, i), part, list_key, load, to, err));
    }
    return QG_OK;
}
