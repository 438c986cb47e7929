/* Environment variables in values: see expand.h.
 *
 * One pass from left to right; the result is bounded while it grows, so that a short text with many
 * references to a long variable costs no more than the bound.
 */
#include "suite/expand.h"

#include <stdlib.h>

static bool is_name_byte(char c, bool first)
{
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (!first && c >= '0' && c <= '9');
}

/* Appends what "NAME" or "NAME:-default" (between the braces) stands for. */
static qg_status append_variable(qg_buf *out, qg_str inside, qg_err *err)
{
    char name[128];
    size_t n = 0;

    while (n < inside.len && is_name_byte(inside.ptr[n], n == 0))
        n++;
    bool has_default = qg_str_starts(qg_str_sub(inside, n, inside.len), QG_STR(":-"));
    if (n == 0 || n >= sizeof name || (n < inside.len && !has_default))
        return qg_fail(err, QG_EFORMAT,
                       "cannot expand '${" QG_STR_PRI "}'; write ${NAME} or ${NAME:-default}",
                       QG_STR_ARG(inside));
    memcpy(name, inside.ptr, n);
    name[n] = '\0';
    qg_str value = qg_str_from(getenv(name));
    if (has_default && value.len == 0)
        value = qg_str_sub(inside, n + 2, inside.len);
    else if (!getenv(name))
        return qg_fail(err, QG_EFORMAT,
                       "environment variable '%s' is not set; set it, or give a default: "
                       "${%s:-...}",
                       name, name);
    if (qg_utf8_valid(value) != value.len)
        return qg_fail(err, QG_EFORMAT, "environment variable '%s' is not valid UTF-8", name);
    if (value.len > QG_EXPAND_MAX_BYTES - out->len)
        return qg_fail(err, QG_EFORMAT, "expands to more than %d bytes", QG_EXPAND_MAX_BYTES);
    qg_buf_str(out, value);
    return QG_OK;
}

qg_status qg_expand(qg_str *out, qg_arena *arena, qg_str text, qg_err *err)
{
    qg_str rest = text;
    qg_buf b;

    *out = text;
    if (!memmem(text.ptr, text.len, "${", 2))
        return QG_OK;
    qg_buf_init(&b, arena);
    while (rest.len > 0) {
        size_t used = 1;
        if (qg_str_starts(rest, QG_STR("$${"))) {
            qg_buf_text(&b, "${");
            used = 3;
        } else if (!qg_str_starts(rest, QG_STR("${"))) {
            qg_buf_char(&b, rest.ptr[0]);
        } else {
            const char *end = memchr(rest.ptr, '}', rest.len);
            if (!end)
                return qg_fail(err, QG_EFORMAT, "'${' without '}'; write $${ for a literal ${");
            used = (size_t)(end - rest.ptr) + 1;
            QG_PASS(append_variable(&b, qg_str_sub(rest, 2, used - 3), err));
        }
        if (b.len > QG_EXPAND_MAX_BYTES)
            return qg_fail(err, QG_EFORMAT, "expands to more than %d bytes", QG_EXPAND_MAX_BYTES);
        rest = qg_str_sub(rest, used, rest.len);
    }
    qg_buf_append(&b, "", 0);
    QG_NEED(!b.failed, err);
    *out = qg_buf_view(&b);
    return QG_OK;
}
