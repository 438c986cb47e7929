/* Quantizing a folder, see quantize.h: the list of tensors to write is made first, then each is
 * written in that order. Invariant: nothing is written before everything that can be refused has
 * been looked at, but for the numbers themselves. */
#include "quantize/quantize.h"

#include "base/file.h"
#include "checkpoint/quantization.h"
#include "engine/inventory.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    const qg_quantize_options *options;
    qg_quantize_result *result;
    qg_arena *arena;
    const char *model;
    qg_model_config config;
    const qg_checkpoint *checkpoint;
    qg_form form;
    const qg_item *items; /* [n_items] of the inventory */
    size_t n_items;
    qg_tensor_spec *specs; /* [n_specs] to write */
    size_t n_specs;
    qg_form_error error;
    int n_threads;
} job;

/* ---- what is there ---- */

static qg_status check_plain(const job *j, const qg_item *item, qg_err *err)
{
    const char *name = qg_arena_format(j->arena, "%s.weight", item->name);

    QG_NEED(name, err);
    const qg_tensor *t = qg_checkpoint_find(j->checkpoint, name);
    if (!t)
        return qg_fail(err, QG_EFORMAT, "tensor '%s' is missing", name);
    if (t->dtype != QGK_F16 && t->dtype != QGK_BF16 && t->dtype != QGK_F32)
        return qg_fail(err, QG_EFORMAT, "tensor '%s' is %s, expected F16, BF16 or F32", t->name,
                       qgk_dtype_name(t->dtype));
    if (t->n_dims != 2 || t->shape[0] != item->n || t->shape[1] != item->k) {
        char found[64];
        return qg_fail(err, QG_EFORMAT, "tensor '%s' has shape %s, config.json makes it [%d, %d]",
                       t->name, qg_tensor_shape_text(t, found, sizeof found), item->n, item->k);
    }
    return QG_OK;
}

static qg_status read_model(job *j, qg_err *err)
{
    qg_inventory inventory;

    QG_PASS(qg_config_read(&j->config, j->arena, j->model, qg_family_names(), err));
    if (j->config.quantization.present)
        return qg_fail(err, QG_EREFUSED,
                       "it is quantized already (%s): quantize the FP16 folder that it was made "
                       "from",
                       j->config.quantization.source);
    const qg_family *family = qg_family_find(j->config.model_type);
    QG_PASS(qg_family_check(family, &j->config, err));
    QG_PASS(qg_checkpoint_open(&j->checkpoint, j->arena, j->model, err));
    QG_PASS(qg_inventory_make(&inventory, j->arena, family, &j->config, err));
    qg_inventory_match(&inventory, j->checkpoint);
    j->items = inventory.items;
    j->n_items = inventory.n_items;
    return QG_OK;
}

/* ---- what will be ---- */

/* The item whose weight this tensor is, if that is to be quantized. */
static const qg_item *quantized_item(const job *j, const qg_tensor *t)
{
    qg_str name = qg_str_from(t->name), weight = qg_str_from(".weight");

    if (!qg_str_ends(name, weight))
        return NULL;
    for (size_t i = 0; i < j->n_items; i++)
        if (qg_item_is_quantizable(&j->items[i]) &&
            qg_str_is((qg_str){name.ptr, name.len - weight.len}, j->items[i].name))
            return &j->items[i];
    return NULL;
}

static qg_status list_tensors(job *j, qg_err *err)
{
    size_t n = qg_checkpoint_count(j->checkpoint);

    j->specs = QG_NEW_N(j->arena, qg_tensor_spec, n * QGK_MAX_PARTS);
    QG_NEED(j->specs, err);
    for (size_t i = 0; i < n; i++) {
        const qg_tensor *t = qg_checkpoint_at(j->checkpoint, i);
        const qg_item *item = quantized_item(j, t);
        size_t n_specs = 1, n_bytes;
        if (item) {
            QG_PASS(check_plain(j, item, err));
            QG_PASS(qg_form_specs(&j->form, j->specs + j->n_specs, &n_specs, j->arena, item->name,
                                  item->n, item->k, err));
            j->result->n_linears++;
        } else {
            j->specs[j->n_specs] =
                (qg_tensor_spec){.name = t->name, .dtype = t->dtype, .n_dims = t->n_dims};
            memcpy(j->specs[j->n_specs].shape, t->shape, sizeof t->shape);
        }
        j->result->bytes_before += (int64_t)t->n_bytes;
        for (; n_specs; n_specs--, j->n_specs++)
            if (qg_tensor_spec_bytes(&j->specs[j->n_specs], &n_bytes))
                j->result->bytes_after += (int64_t)n_bytes;
    }
    for (size_t i = 0; i < j->n_items; i++)
        if (qg_item_is_quantizable(&j->items[i]))
            QG_PASS(check_plain(j, &j->items[i], err));
    return QG_OK;
}

static bool lies_inside(qg_arena *arena, const char *folder, const char *model)
{
    char above[PATH_MAX], inside[PATH_MAX];
    const char *parent = qg_path_dir(arena, folder);
    size_t n;

    if (!parent || !realpath(model, above) || !realpath(parent, inside))
        return false;
    n = strlen(above);
    return strncmp(inside, above, n) == 0 && (inside[n] == '\0' || inside[n] == '/');
}

/* ---- writing ---- */

static qg_status read_floats(float *to, const qg_tensor *t, int n_threads, qg_err *err)
{
    int64_t n_bad = 0, n_large = 0;

#pragma omp parallel for num_threads(n_threads) reduction(+ : n_bad, n_large)
    for (int64_t i = 0; i < t->n_elements; i++) {
        to[i] = qgk_float_at(t->data, t->dtype, (size_t)i);
        n_bad += !isfinite(to[i]);
        n_large += fabsf(to[i]) >= 65520;
    }
    if (n_bad)
        return qg_fail(err, QG_ENONFINITE, "tensor '%s' holds %lld infinite or NaN values", t->name,
                       (long long)n_bad);
    if (n_large) /* what loading refuses too; scales in float16 could not follow */
        return qg_fail(err, QG_ENONFINITE,
                       "tensor '%s': %lld values exceed 65504, the largest of float16", t->name,
                       (long long)n_large);
    return QG_OK;
}

static qg_status write_linear(job *j, qg_safetensors_writer *w, const qg_item *item,
                              const qg_tensor *t, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(j->arena);
    float *weights = QG_NEW_N(j->arena, float, (size_t)t->n_elements);

    QG_NEED(weights, err);
    QG_PASS(read_floats(weights, t, j->n_threads, err));
    QG_PASS(qg_form_write_floats(&j->form, w, weights, item->n, item->k, j->n_threads, j->arena,
                                 &j->error, err));
    qg_arena_rewind(j->arena, mark);
    return QG_OK;
}

static qg_status write_tensors(job *j, const char *path, qg_err *err)
{
    qg_safetensors_writer *w;
    int64_t done = 0;

    QG_PASS(qg_safetensors_write_begin(&w, j->arena, path, j->specs, j->n_specs, err));
    for (size_t i = 0; i < qg_checkpoint_count(j->checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(j->checkpoint, i);
        const qg_item *item = quantized_item(j, t);
        if (item && j->options->on_progress)
            j->options->on_progress(j->options->user, item->name,
                                    (double)done / (double)j->result->bytes_before);
        if (item)
            QG_TRY(write_linear(j, w, item, t, err), err, "quantizing '%s'", item->name);
        else
            QG_PASS(qg_safetensors_write_data(w, t->data, t->n_bytes, err));
        done += (int64_t)t->n_bytes;
    }
    return qg_safetensors_write_end(w, err);
}

static qg_status write_config(const job *j, const char *path, qg_err *err)
{
    qg_json_writer w;
    qg_buf b;

    qg_buf_init(&b, j->arena);
    qg_json_write_begin(&w, &b);
    qg_json_write_object(&w);
    for (qg_json_iter it = {0}; qg_json_next(j->config.root, &it);) {
        if (qg_str_is(it.key, "quantization_config")) /* null */
            continue;
        qg_json_write_key_str(&w, it.key);
        qg_json_write_node(&w, it.value);
    }
    qg_json_write_key(&w, "quantization_config");
    qg_form_write_config(&j->form, &w);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(&b, '\n');
    QG_NEED(!b.failed, err);
    return qg_file_write(path, qg_buf_view(&b), err);
}

/* Everything that is neither weights nor config.json: tokenizer, generation_config.json, licence.
 */
static qg_status copy_others(const job *j, const char *folder, qg_err *err)
{
    static const char *const suffixes[] = {".json", ".txt", ".model", ".jinja", ".md", "LICENSE"};
    char **names;
    size_t n;

    QG_PASS(qg_dir_list(&names, &n, j->arena, j->model, err));
    for (size_t i = 0; i < n; i++) {
        qg_str name = qg_str_from(names[i]), content;
        bool wanted = false;
        for (size_t s = 0; s < sizeof suffixes / sizeof *suffixes; s++)
            wanted = wanted || qg_str_ends(name, qg_str_from(suffixes[s]));
        const char *from = qg_path_join(j->arena, j->model, names[i]);
        const char *to = qg_path_join(j->arena, folder, names[i]);
        QG_NEED(from && to, err);
        if (!wanted || qg_str_is(name, "config.json") || qg_str_is(name, "README.md") ||
            qg_str_ends(name, qg_str_from(".index.json")) || !qg_file_exists(from))
            continue;
        QG_PASS(qg_file_map(&content, j->arena, from, err));
        QG_PASS(qg_file_write(to, content, err));
    }
    return QG_OK;
}

static qg_status run(job *j, const char *folder, qg_err *err)
{
    qg_dir_out *out;

    QG_PASS(qg_form_choose(&j->form, &j->options->recipe, err));
    QG_TRY(read_model(j, err), err, "reading model '%s'", j->model);
    QG_PASS(list_tensors(j, err));
    if (lies_inside(j->arena, folder, j->model))
        return qg_fail(err, QG_EREFUSED, "'%s' lies inside the model '%s'", folder, j->model);
    QG_PASS(qg_dir_out_open(&out, j->arena, folder, false, err));
    const char *config = qg_path_join(j->arena, qg_dir_out_path(out), "config.json");
    const char *tensors = qg_path_join(j->arena, qg_dir_out_path(out), "model.safetensors");
    QG_NEED(config && tensors, err);
    QG_PASS(write_config(j, config, err));
    QG_PASS(copy_others(j, qg_dir_out_path(out), err));
    QG_PASS(write_tensors(j, tensors, err));
    QG_PASS(qg_dir_out_commit(out, err));
    j->result->relative_error =
        j->error.of_weights > 0 ? sqrt(j->error.of_error / j->error.of_weights) : 0;
    return QG_OK;
}

qg_status qg_quantize_folder(qg_quantize_result *out, const char *model, const char *folder,
                             const qg_quantize_options *options, qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    job j = {.options = options,
             .result = out,
             .arena = arena,
             .model = model,
             .n_threads = options->n_threads ? options->n_threads : omp_get_max_threads()};

    QG_NEED(arena, err);
    *out = (qg_quantize_result){0};
    qg_status s = run(&j, folder, err);
    if (s != QG_OK)
        qg_note(err, "making '%s'", folder);
    out->format = j.form.name;
    out->bits = j.form.storage.config.bits;
    out->group_size = j.form.storage.config.group_size;
    qg_arena_free(arena);
    return s;
}
