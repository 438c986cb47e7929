/* JSON: see json.h.
 *
 * A qg_json is a json_t of jansson behind an opaque name; the root is released when its arena ends.
 * Depth is checked by a scan of the text before jansson sees it, since its own limit (2048) costs
 * stack per level.
 */
#include "base/json.h"

#include "base/file.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const json_t *node_of(const qg_json *node)
{
    return (const json_t *)(const void *)node;
}

static const qg_json *wrap(const json_t *node)
{
    return (const qg_json *)(const void *)node;
}

static void release(void *root)
{
    json_decref(root);
}

/* jansson does not always say that memory was the reason, and may even drop a byte of a string and
 * go on. */
static _Thread_local bool out_of_memory;

static void *allocate(size_t n)
{
    void *p = qg_mem_alloc(n);
    out_of_memory |= !p;
    return p;
}

/* Deepest nesting of brackets outside strings; stops counting above the limit. */
static size_t depth_of(qg_str text)
{
    size_t depth = 0, deepest = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len && deepest <= QG_JSON_MAX_DEPTH; i++) {
        char c = text.ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest)
                deepest = depth;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

qg_status qg_json_parse(const qg_json **out, qg_arena *arena, qg_str text, const char *name,
                        qg_err *err)
{
    json_error_t e;

    if (depth_of(text) > QG_JSON_MAX_DEPTH)
        return qg_fail(err, QG_EFORMAT, "'%s' nests deeper than %d levels", name,
                       QG_JSON_MAX_DEPTH);
    out_of_memory = false;
    json_set_alloc_funcs(allocate, qg_mem_free);
    json_t *root = json_loadb(text.ptr, text.len,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &e);
    if (out_of_memory || (root && !qg_arena_defer(arena, release, root))) {
        json_decref(root);
        return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    if (!root)
        return qg_fail(err, QG_EFORMAT, "'%s' is no valid JSON: %s at line %d, column %d", name,
                       e.text, e.line, e.column);
    *out = wrap(root);
    return QG_OK;
}

qg_status qg_json_read(const qg_json **out, qg_arena *arena, const char *path, size_t max_bytes,
                       qg_err *err)
{
    qg_str text;
    QG_PASS(qg_file_read(&text, arena, path, max_bytes, err));
    return qg_json_parse(out, arena, text, path, err);
}

qg_json_type qg_json_type_of(const qg_json *node)
{
    if (!node)
        return QG_JSON_NONE;
    switch (json_typeof(node_of(node))) {
    case JSON_OBJECT:
        return QG_JSON_OBJECT;
    case JSON_ARRAY:
        return QG_JSON_ARRAY;
    case JSON_STRING:
        return QG_JSON_STRING;
    case JSON_INTEGER:
        return QG_JSON_INT;
    case JSON_REAL:
        return QG_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return QG_JSON_BOOL;
    case JSON_NULL:
        break;
    }
    return QG_JSON_NULL;
}

const char *qg_json_type_name(const qg_json *node)
{
    static const char *const names[] = {
        [QG_JSON_NONE] = "nothing",   [QG_JSON_NULL] = "null",        [QG_JSON_BOOL] = "a boolean",
        [QG_JSON_INT] = "an integer", [QG_JSON_REAL] = "a number",    [QG_JSON_STRING] = "a string",
        [QG_JSON_ARRAY] = "an array", [QG_JSON_OBJECT] = "an object",
    };
    return names[qg_json_type_of(node)];
}

const qg_json *qg_json_get(const qg_json *object, const char *key)
{
    return object ? wrap(json_object_get(node_of(object), key)) : NULL;
}

const qg_json *qg_json_at(const qg_json *array, size_t i)
{
    return array ? wrap(json_array_get(node_of(array), i)) : NULL;
}

size_t qg_json_len(const qg_json *node)
{
    if (qg_json_type_of(node) == QG_JSON_OBJECT)
        return json_object_size(node_of(node));
    return node ? json_array_size(node_of(node)) : 0;
}

bool qg_json_is_null(const qg_json *node)
{
    return qg_json_type_of(node) <= QG_JSON_NULL;
}

bool qg_json_bool(const qg_json *node, bool *out)
{
    if (qg_json_type_of(node) != QG_JSON_BOOL)
        return false;
    *out = json_is_true(node_of(node));
    return true;
}

bool qg_json_int(const qg_json *node, int64_t *out)
{
    if (qg_json_type_of(node) == QG_JSON_INT) {
        *out = json_integer_value(node_of(node));
        return true;
    }
    if (qg_json_type_of(node) == QG_JSON_REAL) {
        double v = json_real_value(node_of(node));
        if (fabs(v) < 9007199254740992.0 && v == floor(v)) {
            *out = (int64_t)v;
            return true;
        }
    }
    return false;
}

bool qg_json_real(const qg_json *node, double *out)
{
    qg_json_type t = qg_json_type_of(node);
    if (t != QG_JSON_INT && t != QG_JSON_REAL)
        return false;
    *out = json_number_value(node_of(node));
    return true;
}

bool qg_json_str(const qg_json *node, qg_str *out)
{
    if (qg_json_type_of(node) != QG_JSON_STRING)
        return false;
    *out = (qg_str){json_string_value(node_of(node)), json_string_length(node_of(node))};
    return true;
}

bool qg_json_next(const qg_json *object, qg_json_iter *it)
{
    if (qg_json_type_of(object) != QG_JSON_OBJECT)
        return false;
    json_t *o = (json_t *)(uintptr_t)object; /* jansson's iteration reads only, but is not const */
    it->state = it->state ? json_object_iter_next(o, it->state) : json_object_iter(o);
    if (!it->state)
        return false;
    it->key = qg_str_from(json_object_iter_key(it->state));
    it->value = wrap(json_object_iter_value(it->state));
    return true;
}

void qg_json_write_begin(qg_json_writer *w, qg_buf *buf)
{
    *w = (qg_json_writer){.buf = buf};
}

static void separate(qg_json_writer *w)
{
    if (w->comma)
        qg_buf_char(w->buf, ',');
    w->comma = true;
}

static void open_bracket(qg_json_writer *w, char c)
{
    separate(w);
    qg_buf_char(w->buf, c);
    w->comma = false;
    w->depth++;
}

static void close_bracket(qg_json_writer *w, char c)
{
    qg_buf_char(w->buf, c);
    w->comma = true;
    w->depth--;
}

void qg_json_write_object(qg_json_writer *w)
{
    open_bracket(w, '{');
}

void qg_json_write_close(qg_json_writer *w)
{
    close_bracket(w, '}');
}

void qg_json_write_array(qg_json_writer *w)
{
    open_bracket(w, '[');
}

void qg_json_write_end_array(qg_json_writer *w)
{
    close_bracket(w, ']');
}

static void write_quoted(qg_buf *b, qg_str s)
{
    size_t from = 0;

    qg_buf_char(b, '"');
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.ptr[i];
        uint32_t code;
        size_t n = c < 0x80 ? 1 : qg_utf8_decode(qg_str_sub(s, i, 4), &code);
        if (n > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            i += n;
            continue;
        }
        qg_buf_append(b, s.ptr + from, i - from);
        if (n == 0)
            qg_buf_text(b, "\xef\xbf\xbd");
        else if (c == '"' || c == '\\')
            qg_buf_format(b, "\\%c", c);
        else if (c == '\n')
            qg_buf_text(b, "\\n");
        else
            qg_buf_format(b, "\\u%04x", c);
        from = ++i;
    }
    qg_buf_append(b, s.ptr + from, s.len - from);
    qg_buf_char(b, '"');
}

void qg_json_write_key_str(qg_json_writer *w, qg_str key)
{
    separate(w);
    write_quoted(w->buf, key);
    qg_buf_char(w->buf, ':');
    w->comma = false;
    snprintf(w->key, sizeof w->key, QG_STR_PRI, QG_STR_ARG(key));
}

void qg_json_write_key(qg_json_writer *w, const char *key)
{
    qg_json_write_key_str(w, qg_str_from(key));
}

void qg_json_write_str(qg_json_writer *w, qg_str s)
{
    separate(w);
    write_quoted(w->buf, s);
}

void qg_json_write_text(qg_json_writer *w, const char *s)
{
    if (s)
        qg_json_write_str(w, qg_str_from(s));
    else
        qg_json_write_null(w);
}

void qg_json_write_int(qg_json_writer *w, int64_t v)
{
    separate(w);
    qg_buf_format(w->buf, "%lld", (long long)v);
}

static bool finite_or_bad(qg_json_writer *w, double v)
{
    if (isfinite(v))
        return true;
    if (!w->bad[0])
        snprintf(w->bad, sizeof w->bad, "%s", w->key[0] ? w->key : "value");
    qg_json_write_null(w);
    return false;
}

void qg_json_write_real(qg_json_writer *w, double v)
{
    char text[40];

    if (!finite_or_bad(w, v))
        return;
    snprintf(text, sizeof text, "%.15g", v);
    if (strtod(text, NULL) != v)
        snprintf(text, sizeof text, "%.17g", v);
    separate(w);
    qg_buf_text(w->buf, text);
}

void qg_json_write_fixed(qg_json_writer *w, double v, int decimals)
{
    if (!finite_or_bad(w, v))
        return;
    separate(w);
    qg_buf_format(w->buf, "%.*f", decimals, v == 0 ? 0.0 : v);
}

void qg_json_write_bool(qg_json_writer *w, bool v)
{
    separate(w);
    qg_buf_text(w->buf, v ? "true" : "false");
}

void qg_json_write_null(qg_json_writer *w)
{
    separate(w);
    qg_buf_text(w->buf, "null");
}

static void write_object(qg_json_writer *w, const qg_json *object)
{
    qg_json_write_object(w);
    for (qg_json_iter it = {0}; qg_json_next(object, &it);) {
        qg_json_write_key_str(w, it.key);
        qg_json_write_node(w, it.value);
    }
    qg_json_write_close(w);
}

static void write_array(qg_json_writer *w, const qg_json *array)
{
    qg_json_write_array(w);
    for (size_t i = 0; i < qg_json_len(array); i++)
        qg_json_write_node(w, qg_json_at(array, i));
    qg_json_write_end_array(w);
}

void qg_json_write_node(qg_json_writer *w, const qg_json *node)
{
    int64_t integer = 0;
    double real = 0;
    bool truth = false;
    qg_str text = {0};

    switch (qg_json_type_of(node)) {
    case QG_JSON_NONE:
    case QG_JSON_NULL:
        qg_json_write_null(w);
        break;
    case QG_JSON_BOOL:
        qg_json_bool(node, &truth);
        qg_json_write_bool(w, truth);
        break;
    case QG_JSON_INT:
        qg_json_int(node, &integer);
        qg_json_write_int(w, integer);
        break;
    case QG_JSON_REAL:
        qg_json_real(node, &real);
        if (real == rint(real) && fabs(real) < 1e15)
            qg_json_write_fixed(w, real, 1); /* stays a real for strict readers */
        else
            qg_json_write_real(w, real);
        break;
    case QG_JSON_STRING:
        qg_json_str(node, &text);
        qg_json_write_str(w, text);
        break;
    case QG_JSON_ARRAY:
        write_array(w, node);
        break;
    case QG_JSON_OBJECT:
        write_object(w, node);
        break;
    }
}

void qg_json_put_text(qg_json_writer *w, const char *key, const char *s)
{
    qg_json_write_key(w, key);
    qg_json_write_text(w, s);
}

void qg_json_put_str(qg_json_writer *w, const char *key, qg_str s)
{
    qg_json_write_key(w, key);
    qg_json_write_str(w, s);
}

void qg_json_put_int(qg_json_writer *w, const char *key, int64_t v)
{
    qg_json_write_key(w, key);
    qg_json_write_int(w, v);
}

void qg_json_put_real(qg_json_writer *w, const char *key, double v)
{
    qg_json_write_key(w, key);
    qg_json_write_real(w, v);
}

void qg_json_put_bool(qg_json_writer *w, const char *key, bool v)
{
    qg_json_write_key(w, key);
    qg_json_write_bool(w, v);
}

qg_status qg_json_write_end(const qg_json_writer *w, qg_err *err)
{
    if (w->buf->failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    if (w->bad[0])
        return qg_fail(err, QG_ENONFINITE, "'%s' is not a finite number", w->bad);
    return QG_OK;
}
