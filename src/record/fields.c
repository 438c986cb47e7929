/* Structs to and from JSON by tables: see fields.h. */
#include "record/fields.h"

#include "record/record.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { N_STATES = 3 };

static const char *const states[N_STATES] = {
    [QG_CASE_MEASURED] = "measured",
    [QG_CASE_SKIPPED] = "skipped",
    [QG_CASE_FAILED] = "failed",
};

static void write_field(qg_json_writer *w, const qg_field *f, const void *base)
{
    const void *at = (const char *)base + f->offset;

    qg_json_write_key(w, f->key);
    switch (f->kind) {
    case QG_FIELD_TEXT:
        qg_json_write_text(w, *(const char *const *)at);
        break;
    case QG_FIELD_INT:
    case QG_FIELD_COUNT:
        qg_json_write_int(w, *(const int64_t *)at);
        break;
    case QG_FIELD_SMALL:
        qg_json_write_int(w, *(const int *)at);
        break;
    case QG_FIELD_REAL:
        qg_json_write_real(w, *(const double *)at);
        break;
    case QG_FIELD_FLAG:
        qg_json_write_bool(w, *(const bool *)at);
        break;
    case QG_FIELD_METRIC: {
        qg_metric m = *(const qg_metric *)at;
        qg_json_write_text(w, m == QG_METRIC_NONE ? NULL : qg_metric_info_of(m)->name);
        break;
    }
    case QG_FIELD_VERDICT:
        qg_json_write_text(w, qg_verdict_text(*(const qg_verdict *)at));
        break;
    case QG_FIELD_STATE:
        qg_json_write_text(w, states[*(const qg_case_state *)at]);
        break;
    case QG_FIELD_BASIS:
        qg_json_write_text(w, qg_basis_text(*(const qg_basis *)at));
        break;
    }
}

void qg_fields_write(qg_json_writer *w, const qg_fields *fields, const void *base)
{
    for (size_t i = 0; i < fields->n; i++)
        write_field(w, &fields->at[i], base);
}

void qg_fields_write_rows(qg_json_writer *w, const char *key, const qg_fields *fields,
                          const void *rows, size_t n)
{
    qg_json_write_key(w, key);
    qg_json_write_array(w);
    for (size_t i = 0; i < n; i++) {
        qg_json_write_object(w);
        qg_fields_write(w, fields, (const char *)rows + i * fields->size);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

qg_status qg_fields_place(const qg_fields_reader *r)
{
    if (r->rows)
        qg_note(r->err, "entry %zu of '%s'", r->row, r->rows);
    qg_note(r->err, "%s", r->where);
    qg_note(r->err, "reading '%s'", r->name);
    return QG_EFORMAT;
}

qg_status qg_fields_read_text(qg_fields_reader *r, const qg_json *v, const char *key,
                              const char **out)
{
    qg_str s;

    *out = NULL;
    if (qg_json_is_null(v))
        return QG_OK;
    if (!qg_json_str(v, &s))
        return QG_FIELDS_BAD(r, "'%s' is %s, a string was expected", key, qg_json_type_name(v));
    if (s.len > 0 && memchr(s.ptr, '\0', s.len))
        return QG_FIELDS_BAD(r, "'%s' holds a NUL character", key);
    *out = qg_str_dup(r->arena, s);
    QG_NEED(*out, r->err);
    return QG_OK;
}

qg_status qg_fields_read_int(qg_fields_reader *r, const qg_json *v, const char *key, int64_t least,
                             int64_t greatest, int64_t *out)
{
    if (!qg_json_int(v, out))
        return QG_FIELDS_BAD(r, "'%s' is %s, an integer was expected", key, qg_json_type_name(v));
    if (*out < least || *out > greatest)
        return QG_FIELDS_BAD(r, "'%s' is %lld, which is out of range", key, (long long)*out);
    return QG_OK;
}

qg_status qg_fields_read_real(qg_fields_reader *r, const qg_json *v, const char *key, double *out)
{
    if (!qg_json_real(v, out) || !isfinite(*out))
        return QG_FIELDS_BAD(r, "'%s' is %s, a finite number was expected", key,
                             qg_json_type_name(v));
    return QG_OK;
}

static qg_status read_word(qg_fields_reader *r, const qg_json *v, const qg_field *f, void *at)
{
    qg_str word = {0};
    bool known = false;

    if (f->kind == QG_FIELD_METRIC && qg_json_type_of(v) == QG_JSON_NULL) {
        *(qg_metric *)at = QG_METRIC_NONE;
        return QG_OK;
    }
    if (!qg_json_str(v, &word))
        return QG_FIELDS_BAD(r, "'%s' is %s, a string was expected", f->key, qg_json_type_name(v));
    if (f->kind == QG_FIELD_METRIC)
        known = qg_metric_find(at, word);
    else if (f->kind == QG_FIELD_VERDICT)
        known = qg_verdict_find(word, at);
    else if (f->kind == QG_FIELD_BASIS)
        known = qg_basis_find(word, at);
    for (size_t i = 0; f->kind == QG_FIELD_STATE && i < N_STATES; i++) {
        if (qg_str_is(word, states[i])) {
            *(qg_case_state *)at = (qg_case_state)i;
            known = true;
        }
    }
    if (!known)
        return QG_FIELDS_BAD(r, "'%s' has the unknown value '" QG_STR_PRI "'", f->key,
                             QG_STR_ARG(qg_str_sub(word, 0, 60)));
    return QG_OK;
}

static qg_status read_field(qg_fields_reader *r, const qg_json *object, const qg_field *f,
                            void *base)
{
    const qg_json *v = qg_json_get(object, f->key);
    void *at = (char *)base + f->offset;
    int64_t n = 0;

    if (!v)
        return f->needed ? QG_FIELDS_BAD(r, "'%s' is absent", f->key) : QG_OK;
    switch (f->kind) {
    case QG_FIELD_TEXT:
        QG_PASS(qg_fields_read_text(r, v, f->key, at));
        return f->needed && !*(const char **)at ? QG_FIELDS_BAD(r, "'%s' is null", f->key) : QG_OK;
    case QG_FIELD_INT:
        return qg_fields_read_int(r, v, f->key, INT64_MIN, INT64_MAX, at);
    case QG_FIELD_COUNT:
        return qg_fields_read_int(r, v, f->key, 0, INT64_MAX, at);
    case QG_FIELD_SMALL:
        QG_PASS(qg_fields_read_int(r, v, f->key, 0, INT_MAX, &n));
        *(int *)at = (int)n;
        return QG_OK;
    case QG_FIELD_REAL:
        return qg_fields_read_real(r, v, f->key, at);
    case QG_FIELD_FLAG:
        return qg_json_bool(v, at) ? QG_OK
                                   : QG_FIELDS_BAD(r, "'%s' is %s, a boolean was expected", f->key,
                                                   qg_json_type_name(v));
    case QG_FIELD_METRIC:
    case QG_FIELD_VERDICT:
    case QG_FIELD_STATE:
    case QG_FIELD_BASIS:
        break;
    }
    return read_word(r, v, f, at);
}

qg_status qg_fields_read(qg_fields_reader *r, const qg_json *object, const qg_fields *fields,
                         void *base)
{
    if (qg_json_type_of(object) != QG_JSON_OBJECT)
        return QG_FIELDS_BAD(r, "%s was found, an object was expected", qg_json_type_name(object));
    for (size_t i = 0; i < fields->n; i++)
        QG_PASS(read_field(r, object, &fields->at[i], base));
    return QG_OK;
}

qg_status qg_fields_read_array(qg_fields_reader *r, const qg_json *object, const char *key,
                               size_t size, const qg_json **array, void *rows, size_t *n_rows)
{
    *array = qg_json_get(object, key);
    *n_rows = 0;
    if (qg_json_is_null(*array))
        return QG_OK;
    if (qg_json_type_of(*array) != QG_JSON_ARRAY)
        return QG_FIELDS_BAD(r, "'%s' is %s, an array was expected", key,
                             qg_json_type_name(*array));
    void *at = qg_arena_array(r->arena, qg_json_len(*array), size);
    QG_NEED(at, r->err);
    memcpy(rows, &at, sizeof at);
    *n_rows = qg_json_len(*array);
    return QG_OK;
}

qg_status qg_fields_read_rows(qg_fields_reader *r, const qg_json *object, const char *key,
                              const qg_fields *fields, void *rows, size_t *n_rows)
{
    const qg_json *array;
    char *at;

    QG_PASS(qg_fields_read_array(r, object, key, fields->size, &array, rows, n_rows));
    memcpy(&at, rows, sizeof at);
    r->rows = key;
    for (r->row = 0; r->row < *n_rows; r->row++)
        QG_PASS(qg_fields_read(r, qg_json_at(array, r->row), fields, at + r->row * fields->size));
    r->rows = NULL;
    return QG_OK;
}
