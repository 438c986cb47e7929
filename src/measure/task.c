/* A task to and from JSON: see task.h. What is read is copied to the arena, since the line is gone
 * when the task is worked on; a missing or odd key is an error. */
#include "measure/task.h"

#include <limits.h>
#include <stddef.h>

#define TEXTS(X)                                                                                   \
    X(folder)                                                                                      \
    X(device)                                                                                      \
    X(tier)                                                                                        \
    X(quantization)                                                                                \
    X(activations)                                                                                 \
    X(dtype)                                                                                       \
    X(text)                                                                                        \
    X(reference)                                                                                   \
    X(reference_device)                                                                            \
    X(reference_tier)                                                                              \
    X(reference_quantization)                                                                      \
    X(reference_activations)                                                                       \
    X(reference_dtype)                                                                             \
    X(cpus)
#define NUMBERS(X)                                                                                 \
    X(threads) X(max_model_len) X(seed) X(window) X(max_tokens) X(batch) X(input_len) X(output_len)

qg_status qg_task_to_json(qg_buf *out, const qg_task *t, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "do", "open");
#define X(name) qg_json_put_text(&w, #name, t->name);
    TEXTS(X)
#undef X
#define X(name) qg_json_put_int(&w, #name, t->name);
    NUMBERS(X)
#undef X
    qg_json_put_bool(&w, "hash", t->hash);
    qg_json_put_bool(&w, "quality", t->quality);
    qg_json_put_bool(&w, "greedy", t->greedy);
    qg_json_write_key(&w, "prompts");
    qg_json_write_array(&w);
    for (size_t i = 0; i < t->prompts.n; i++)
        qg_json_write_str(&w, t->prompts.at[i]);
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    return qg_json_write_end(&w, err);
}

static qg_status read_text(const char **out, qg_arena *arena, const qg_json *task, const char *key,
                           qg_err *err)
{
    qg_str s;
    const qg_json *node = qg_json_get(task, key);

    *out = NULL;
    if (qg_json_is_null(node))
        return QG_OK;
    if (!qg_json_str(node, &s))
        return qg_fail(err, QG_EFORMAT, "task: '%s' is %s, a string was expected", key,
                       qg_json_type_name(node));
    *out = qg_str_dup(arena, s);
    QG_NEED(*out, err);
    return QG_OK;
}

static qg_status read_int(int64_t *out, const qg_json *task, const char *key, qg_err *err)
{
    if (!qg_json_int(qg_json_get(task, key), out) || *out < 0 || *out > INT_MAX)
        return qg_fail(err, QG_EFORMAT, "task: '%s' is no whole number in range", key);
    return QG_OK;
}

static qg_status read_prompts(qg_texts *out, qg_arena *arena, const qg_json *list, qg_err *err)
{
    size_t n = qg_json_len(list);
    qg_str *at = QG_NEW_N(arena, qg_str, n + 1);

    QG_NEED(at, err);
    for (size_t i = 0; i < n; i++) {
        if (!qg_json_str(qg_json_at(list, i), &at[i]))
            return qg_fail(err, QG_EFORMAT, "task: prompt %zu is no string", i + 1);
        at[i].ptr = qg_str_dup(arena, at[i]);
        QG_NEED(at[i].ptr, err);
    }
    *out = (qg_texts){at, n};
    return QG_OK;
}

qg_status qg_task_from_json(qg_task *out, qg_arena *arena, const qg_json *node, qg_err *err)
{
    *out = (qg_task){0};
#define X(name) QG_PASS(read_text(&out->name, arena, node, #name, err));
    TEXTS(X)
#undef X
#define X(name) QG_PASS(read_int(&out->name, node, #name, err));
    NUMBERS(X)
#undef X
    if (!qg_json_bool(qg_json_get(node, "hash"), &out->hash) ||
        !qg_json_bool(qg_json_get(node, "quality"), &out->quality) ||
        !qg_json_bool(qg_json_get(node, "greedy"), &out->greedy))
        return qg_fail(err, QG_EFORMAT,
                       "task: 'hash', 'quality' and 'greedy' must be true or false");
    if (!out->folder)
        return qg_fail(err, QG_EFORMAT, "task: 'folder' is missing");
    if (!out->quality && (out->batch < 1 || out->input_len < 1 || out->output_len < 1))
        return qg_fail(err, QG_EFORMAT,
                       "task: a performance case needs batch and lengths of 1 or more");
    return read_prompts(&out->prompts, arena, qg_json_get(node, "prompts"), err);
}
