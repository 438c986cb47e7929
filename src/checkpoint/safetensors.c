/* safetensors: see safetensors.h.
 *
 * Reading maps the file, parses the header through base/json and turns each entry into a view after
 * checking it against the true size of the file. Sorted by offset, the views must then follow each
 * other without overlap or hole. Invariant: nothing is allocated, added or indexed by a number of
 * the file before it was checked; the views never leave the mapping.
 */
#include "checkpoint/safetensors.h"

#include "base/file.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Commas bound the memory that a hostile header takes as JSON; a tensor needs 5 or 6, and the
 * largest checkpoints known have 100,000 tensors in all their shards together. */
enum { LENGTH_BYTES = 8, DATA_ALIGN = 8, MAX_COMMAS = 1 << 20 };

struct qg_safetensors {
    const char *path;
    qg_str file, data;
    size_t n_tensors;
    qg_tensor *tensors;
};

const char *qg_tensor_shape_text(const qg_tensor *t, char *buf, size_t size)
{
    size_t n = 0;

    for (int i = 0; i < t->n_dims && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s%lld", i ? ", " : "[", (long long)t->shape[i]);
    if (n < size)
        snprintf(buf + n, size - n, t->n_dims ? "]" : "[]");
    return buf;
}

/* Product of the dimensions; false where one is negative or the product leaves 64 bits. */
static bool count_elements(const int64_t *shape, int n_dims, int64_t *count)
{
    *count = 1;
    for (int i = 0; i < n_dims; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(*count, shape[i], count))
            return false;
    return true;
}

static bool find_dtype(qg_str name, qgk_dtype *out)
{
#define X(dtype, bytes)                                                                            \
    if (qg_str_is(name, #dtype)) {                                                                 \
        *out = QGK_##dtype;                                                                        \
        return true;                                                                               \
    }
    QGK_DTYPE_LIST(X)
#undef X
    return false;
}

static qg_status read_dtype(qg_tensor *t, const qg_json *entry, qg_err *err)
{
    const qg_json *node = qg_json_get(entry, "dtype");
    qg_str name;

    if (!qg_json_str(node, &name))
        return qg_fail(err, QG_EFORMAT, "tensor '%s': 'dtype' is %s, a string was expected",
                       t->name, qg_json_type_name(node));
    if (find_dtype(name, &t->dtype))
        return QG_OK;
    if (qg_str_starts(name, QG_STR("F8_")))
        return qg_fail_about(err, QG_ENOSUP, "dtype-fp8", t->name,
                             "tensor '%s' is FP8 ('" QG_STR_PRI "'), not supported", t->name,
                             QG_STR_ARG(name));
    return qg_fail(err, QG_ENOSUP, "tensor '%s' has dtype '" QG_STR_PRI "', not supported", t->name,
                   QG_STR_ARG(name));
}

static bool read_size(const qg_json *node, int64_t *out)
{
    return qg_json_type_of(node) == QG_JSON_INT && qg_json_int(node, out) && *out >= 0;
}

static qg_status read_shape(qg_tensor *t, const qg_json *entry, qg_err *err)
{
    const qg_json *node = qg_json_get(entry, "shape");
    size_t n = qg_json_len(node);

    if (qg_json_type_of(node) != QG_JSON_ARRAY)
        return qg_fail(err, QG_EFORMAT, "tensor '%s': 'shape' is %s, an array was expected",
                       t->name, qg_json_type_name(node));
    if (n > QG_TENSOR_MAX_DIMS)
        return qg_fail(err, QG_EFORMAT, "tensor '%s' has %zu dimensions, the limit is %d", t->name,
                       n, QG_TENSOR_MAX_DIMS);
    t->n_dims = (int)n;
    for (size_t i = 0; i < n; i++)
        if (!read_size(qg_json_at(node, i), &t->shape[i]))
            return qg_fail(err, QG_EFORMAT,
                           "tensor '%s': dimension %zu is no non-negative integer of 63 bits",
                           t->name, i);
    if (!count_elements(t->shape, t->n_dims, &t->n_elements))
        return qg_fail(err, QG_EFORMAT, "tensor '%s': its shape overflows 63 bits", t->name);
    return QG_OK;
}

/* Places the view on the data after checking its offsets against data and shape. */
static qg_status read_offsets(qg_tensor *t, const qg_json *entry, qg_str data, qg_err *err)
{
    const qg_json *node = qg_json_get(entry, "data_offsets");
    size_t width = qgk_dtype_bytes(t->dtype);
    int64_t begin, end, n_bytes;
    char shape[160];

    if (qg_json_type_of(node) != QG_JSON_ARRAY || qg_json_len(node) != 2 ||
        !read_size(qg_json_at(node, 0), &begin) || !read_size(qg_json_at(node, 1), &end))
        return qg_fail(err, QG_EFORMAT,
                       "tensor '%s': 'data_offsets' is no array of two non-negative integers",
                       t->name);
    if (begin > end)
        return qg_fail(err, QG_EFORMAT, "tensor '%s' begins at %lld and ends before, at %lld",
                       t->name, (long long)begin, (long long)end);
    if ((uint64_t)end > data.len)
        return qg_fail_about(err, QG_EFORMAT, "tensor-outside", t->name,
                             "tensor '%s' ends at byte %lld of the data, the file has %zu; it is "
                             "truncated, fetch it again",
                             t->name, (long long)end, data.len);
    if (__builtin_mul_overflow(t->n_elements, (int64_t)width, &n_bytes))
        return qg_fail(err, QG_EFORMAT, "tensor '%s': its shape overflows 63 bits", t->name);
    if (n_bytes != end - begin)
        return qg_fail_about(err, QG_EFORMAT, "tensor-bytes", t->name,
                             "tensor '%s' has %lld bytes of data, but %s of %s takes %lld", t->name,
                             (long long)(end - begin), qg_tensor_shape_text(t, shape, sizeof shape),
                             qgk_dtype_name(t->dtype), (long long)n_bytes);
    t->data = data.ptr + begin;
    t->n_bytes = (size_t)n_bytes;
    t->aligned = (uintptr_t)t->data % width == 0;
    return QG_OK;
}

static qg_status read_entry(qg_tensor *t, const qg_json_iter *it, qg_str data, qg_err *err)
{
    t->name = it->key.ptr;
    if (qg_json_type_of(it->value) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EFORMAT, "tensor '%s' is %s, an object was expected", t->name,
                       qg_json_type_name(it->value));
    QG_PASS(read_dtype(t, it->value, err));
    QG_PASS(read_shape(t, it->value, err));
    return read_offsets(t, it->value, data, err);
}

static int by_place(const void *a, const void *b)
{
    const qg_tensor *s = a, *t = b;
    const char *p = s->data, *q = t->data;

    if (p != q)
        return p < q ? -1 : 1;
    if (s->n_bytes != t->n_bytes)
        return s->n_bytes < t->n_bytes ? -1 : 1;
    return strcmp(s->name, t->name);
}

/* In order of place each tensor must begin where the one before ended, the last at the file's end.
 */
static qg_status check_cover(const qg_safetensors *st, qg_err *err)
{
    size_t end = 0;

    for (size_t i = 0; i < st->n_tensors; i++) {
        const qg_tensor *t = &st->tensors[i];
        size_t begin = (size_t)((const char *)t->data - st->data.ptr);
        if (begin < end)
            return qg_fail_about(
                err, QG_EFORMAT, "tensor-overlap", t->name,
                "tensor '%s' overlaps tensor '%s': it begins at %zu, the other ends at "
                "%zu",
                t->name, st->tensors[i - 1].name, begin, end);
        if (begin > end)
            return qg_fail(err, QG_EFORMAT,
                           "%zu bytes before tensor '%s' belong to no tensor (a hole in the data)",
                           begin - end, t->name);
        end = begin + t->n_bytes;
    }
    if (end != st->data.len)
        return qg_fail(err, QG_EFORMAT, "%zu bytes after the last tensor belong to no tensor",
                       st->data.len - end);
    return QG_OK;
}

/* Splits the file into header text and data. */
static qg_status find_header(qg_str *header, qg_safetensors *st, qg_err *err)
{
    uint64_t n = 0;
    size_t n_commas = 0;

    if (st->file.len == 0)
        return qg_fail(err, QG_EFORMAT, "the file is empty");
    if (qg_str_starts(st->file, QG_STR("version https://git-lfs")))
        return qg_fail(err, QG_EFORMAT,
                       "the file is a pointer of git-lfs, not the weights; run 'git lfs pull'");
    if (st->file.len < LENGTH_BYTES)
        return qg_fail(err, QG_EFORMAT,
                       "the file has %zu bytes, too few for the length of a header", st->file.len);
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        n = n << 8 | (unsigned char)st->file.ptr[i];
    if (n > QG_SAFETENSORS_MAX_HEADER)
        return qg_fail(err, QG_EFORMAT, "the header claims %llu bytes, the limit is %d",
                       (unsigned long long)n, QG_SAFETENSORS_MAX_HEADER);
    if (n > st->file.len - LENGTH_BYTES)
        return qg_fail(err, QG_EFORMAT, "the header claims %llu bytes, the file has only %zu more",
                       (unsigned long long)n, st->file.len - LENGTH_BYTES);
    *header = qg_str_sub(st->file, LENGTH_BYTES, (size_t)n);
    st->data = qg_str_sub(st->file, LENGTH_BYTES + (size_t)n, SIZE_MAX);
    for (size_t i = 0; i < header->len; i++)
        n_commas += header->ptr[i] == ',';
    if (n_commas > MAX_COMMAS)
        return qg_fail(err, QG_EFORMAT, "the header lists %zu values, the limit is %d", n_commas,
                       MAX_COMMAS);
    if (!qg_str_starts(*header, QG_STR("{")))
        return qg_fail(err, QG_EFORMAT,
                       "the header does not begin with '{': this is no safetensors file");
    return QG_OK;
}

/* The key that ends at `column` of a header of one line; empty where there is none. */
static qg_str key_before(qg_str header, int column)
{
    size_t end = column > 0 ? (size_t)column - 1 : 0, from = end;

    if (end >= header.len || header.ptr[end] != '"')
        return (qg_str){"", 0};
    while (from > 0 && header.ptr[from - 1] != '"')
        from--;
    return qg_str_sub(header, from, end - from);
}

/* jansson refuses a repeated key with words of JSON; here it is a tensor. */
static qg_status parse_header(const qg_json **root, qg_arena *arena, qg_str header, qg_err *err)
{
    qg_err detail = {0};
    qg_status s = qg_json_parse(root, arena, header, "header", &detail);
    const char *place = strstr(detail.message, "at line 1, column ");

    if (s == QG_OK)
        return QG_OK;
    if (!place || !strstr(detail.message, "duplicate object key"))
        return qg_fail(err, s, "%s", detail.message);
    qg_str key = key_before(header, atoi(place + strlen("at line 1, column ")));
    const char *name = qg_str_dup(arena, key);
    QG_NEED(name, err);
    return qg_fail_about(err, s, "tensor-duplicate", key.len ? name : NULL,
                         key.len ? "duplicate tensor '%s'" : "a tensor is listed twice%s", name);
}

static qg_status read_tensors(qg_safetensors *st, qg_arena *arena, const qg_json *root, qg_err *err)
{
    st->tensors = QG_NEW_N(arena, qg_tensor, qg_json_len(root));
    QG_NEED(st->tensors, err);
    for (qg_json_iter it = {0}; qg_json_next(root, &it);) {
        if (qg_str_is(it.key, "__metadata__"))
            continue;
        QG_PASS(read_entry(&st->tensors[st->n_tensors], &it, st->data, err));
        st->n_tensors++;
    }
    qsort(st->tensors, st->n_tensors, sizeof *st->tensors, by_place);
    return check_cover(st, err);
}

qg_status qg_safetensors_open(const qg_safetensors **out, qg_arena *arena, const char *path,
                              qg_err *err)
{
    qg_str header;
    const qg_json *root;
    qg_safetensors *st = QG_NEW(arena, qg_safetensors);

    QG_NEED(st, err);
    st->path = qg_str_dup(arena, qg_str_from(path));
    QG_NEED(st->path, err);
    QG_PASS(qg_file_map(&st->file, arena, path, err));
    QG_TRY(find_header(&header, st, err), err, "reading '%s'", path);
    QG_TRY(parse_header(&root, arena, header, err), err, "reading '%s'", path);
    QG_TRY(read_tensors(st, arena, root, err), err, "reading '%s'", path);
    *out = st;
    return QG_OK;
}

const char *qg_safetensors_path(const qg_safetensors *st)
{
    return st->path;
}

qg_str qg_safetensors_bytes(const qg_safetensors *st)
{
    return st->file;
}

size_t qg_safetensors_count(const qg_safetensors *st)
{
    return st->n_tensors;
}

const qg_tensor *qg_safetensors_at(const qg_safetensors *st, size_t i)
{
    return &st->tensors[i];
}

struct qg_safetensors_writer {
    qg_file_out *file;
    const char *path;
    size_t n_left; /* bytes of data still to come */
};

bool qg_tensor_spec_bytes(const qg_tensor_spec *spec, size_t *n_bytes)
{
    int64_t n;

    return spec->n_dims >= 0 && spec->n_dims <= QG_TENSOR_MAX_DIMS &&
           count_elements(spec->shape, spec->n_dims, &n) &&
           !__builtin_mul_overflow((size_t)n, qgk_dtype_bytes(spec->dtype), n_bytes);
}

static qg_status build_header(qg_buf *b, size_t *n_data, const qg_tensor_spec *specs,
                              size_t n_specs, qg_err *err)
{
    qg_json_writer w;

    *n_data = 0;
    qg_json_write_begin(&w, b);
    qg_json_write_object(&w);
    qg_json_write_key(&w, "__metadata__");
    qg_json_write_object(&w);
    qg_json_put_text(&w, "format", "pt");
    qg_json_write_close(&w);
    for (size_t i = 0; i < n_specs; i++) {
        size_t n, begin = *n_data;
        if (!qg_tensor_spec_bytes(&specs[i], &n) || __builtin_add_overflow(begin, n, n_data) ||
            *n_data > INT64_MAX)
            return qg_fail(err, QG_EARG, "tensor '%s': its shape cannot be written", specs[i].name);
        qg_json_write_key(&w, specs[i].name);
        qg_json_write_object(&w);
        qg_json_put_text(&w, "dtype", qgk_dtype_name(specs[i].dtype));
        qg_json_write_key(&w, "shape");
        qg_json_write_array(&w);
        for (int d = 0; d < specs[i].n_dims; d++)
            qg_json_write_int(&w, specs[i].shape[d]);
        qg_json_write_end_array(&w);
        qg_json_write_key(&w, "data_offsets");
        qg_json_write_array(&w);
        qg_json_write_int(&w, (int64_t)begin);
        qg_json_write_int(&w, (int64_t)*n_data);
        qg_json_write_end_array(&w);
        qg_json_write_close(&w);
    }
    qg_json_write_close(&w);
    while (b->len % DATA_ALIGN != 0 && !b->failed)
        qg_buf_char(b, ' ');
    return qg_json_write_end(&w, err);
}

qg_status qg_safetensors_write_begin(qg_safetensors_writer **out, qg_arena *arena, const char *path,
                                     const qg_tensor_spec *specs, size_t n_specs, qg_err *err)
{
    qg_buf header;
    unsigned char length[LENGTH_BYTES];
    qg_safetensors_writer *w = QG_NEW(arena, qg_safetensors_writer);

    QG_NEED(w, err);
    w->path = qg_str_dup(arena, qg_str_from(path));
    QG_NEED(w->path, err);
    qg_buf_init(&header, arena);
    QG_TRY(build_header(&header, &w->n_left, specs, n_specs, err), err, "writing '%s'", path);
    for (int i = 0; i < LENGTH_BYTES; i++)
        length[i] = (unsigned char)(header.len >> 8 * i);
    QG_PASS(qg_file_out_open(&w->file, arena, path, err));
    QG_PASS(qg_file_out_write(w->file, length, sizeof length, err));
    QG_PASS(qg_file_out_write(w->file, header.ptr, header.len, err));
    *out = w;
    return QG_OK;
}

qg_status qg_safetensors_write_data(qg_safetensors_writer *w, const void *data, size_t n,
                                    qg_err *err)
{
    if (n > w->n_left)
        return qg_fail(err, QG_EARG, "'%s': more data than its header announced", w->path);
    w->n_left -= n;
    return qg_file_out_write(w->file, data, n, err);
}

qg_status qg_safetensors_write_end(qg_safetensors_writer *w, qg_err *err)
{
    if (w->n_left > 0) {
        qg_file_out_abort(w->file);
        return qg_fail(err, QG_EARG, "'%s': %zu bytes less than its header announced", w->path,
                       w->n_left);
    }
    return qg_file_out_commit(w->file, err);
}
