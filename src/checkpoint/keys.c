/* Keys of a JSON object as C values, see keys.h. Invariant: an error leaves *out as it was.
 */
#include "checkpoint/keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "'hidden_size' is -5, an integer from 1 to 65536 was expected" */
qg_status qg_key_fail(const qg_json *node, const char *key, const char *expected, qg_err *err)
{
    char found[64];
    int64_t i;
    double r;

    if (qg_json_type_of(node) == QG_JSON_INT && qg_json_int(node, &i))
        snprintf(found, sizeof found, "%lld", (long long)i);
    else if (qg_json_real(node, &r))
        snprintf(found, sizeof found, "%g", r);
    else
        snprintf(found, sizeof found, "%s", qg_json_type_name(node));
    return qg_fail(err, QG_EFORMAT, "'%s' is %s, %s was expected", key, found, expected);
}

qg_status qg_key_int(int *out, const qg_json *object, const char *key, int min, int max,
                     qg_err *err)
{
    const qg_json *node = qg_json_get(object, key);
    char expected[64];
    int64_t v;

    if (qg_json_is_null(node))
        return *out == QG_KEY_REQUIRED ? qg_fail(err, QG_EFORMAT, "'%s' is missing", key) : QG_OK;
    if (!qg_json_int(node, &v) || v < min || v > max) {
        snprintf(expected, sizeof expected, "an integer from %d to %d", min, max);
        return qg_key_fail(node, key, expected, err);
    }
    *out = (int)v;
    return QG_OK;
}

qg_status qg_key_real(double *out, const qg_json *object, const char *key, double min, double max,
                      qg_err *err)
{
    const qg_json *node = qg_json_get(object, key);
    char expected[64];
    double v;

    if (qg_json_is_null(node))
        return isnan(*out) ? qg_fail(err, QG_EFORMAT, "'%s' is missing", key) : QG_OK;
    if (!qg_json_real(node, &v) || !(v >= min && v <= max)) {
        snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
        return qg_key_fail(node, key, expected, err);
    }
    *out = v;
    return QG_OK;
}

qg_status qg_key_bool(bool *out, const qg_json *object, const char *key, qg_err *err)
{
    const qg_json *node = qg_json_get(object, key);

    if (qg_json_is_null(node) || qg_json_bool(node, out))
        return QG_OK;
    return qg_key_fail(node, key, "true or false", err);
}

qg_status qg_key_text(const char **out, const qg_json *object, const char *key, qg_err *err)
{
    const qg_json *node = qg_json_get(object, key);
    qg_str s;

    if (qg_json_is_null(node))
        return QG_OK;
    if (!qg_json_str(node, &s) || memchr(s.ptr, '\0', s.len))
        return qg_key_fail(node, key, "a string", err);
    *out = s.ptr;
    return QG_OK;
}

qg_status qg_key_text_either(const char **out, const qg_json *object, const char *key_a,
                             const char *key_b, qg_err *err)
{
    const char *a = NULL, *b = NULL;

    QG_PASS(qg_key_text(&a, object, key_a, err));
    QG_PASS(qg_key_text(&b, object, key_b, err));
    if (a && b && strcmp(a, b) != 0)
        return qg_fail(err, QG_EFORMAT, "'%s' is '%s', but '%s' is '%s'", key_a, a, key_b, b);
    *out = a ? a : b;
    return QG_OK;
}
