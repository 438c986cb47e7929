/* The finished folder, see assemble.h. Its tensors are views: those outside the layers on the plain
 * folder, the others on the layers' own files. */
#include "quantize/assemble.h"

#include "base/file.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "quantize/readme.h"

#include <string.h>

typedef struct assembly {
    qg_arena *arena;
    const qg_source *source;
    const qg_form *form;
    const qg_layer_places *places;
    qg_quantized *report;
    const qg_tensor **tensors; /* [n_tensors] in the order in which they are written */
    size_t n_tensors;
} assembly;

/* ---- tensors ---- */

static void add_plain(assembly *j)
{
    for (size_t i = 0; i < qg_checkpoint_count(j->source->checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(j->source->checkpoint, i);
        j->report->bytes_before += (int64_t)t->n_bytes;
        if (!qg_source_owner(j->source, t))
            j->tensors[j->n_tensors++] = t;
    }
}

static qg_status add_layers(assembly *j, qg_err *err)
{
    const qg_checkpoint *layer;

    for (int i = 0; i < j->source->config.n_layers; i++) {
        const char *path = j->places->at(j->places->user, j->arena, i);
        QG_NEED(path, err);
        QG_TRY(qg_checkpoint_open(&layer, j->arena, path, err), err, "layer %d", i);
        for (size_t k = 0; k < qg_checkpoint_count(layer); k++)
            j->tensors[j->n_tensors++] = qg_checkpoint_at(layer, k);
    }
    return QG_OK;
}

static qg_status write_tensors(assembly *j, const char *path, qg_err *err)
{
    size_t most = qg_checkpoint_count(j->source->checkpoint) * QGK_MAX_PARTS;
    qg_safetensors_writer *w;

    j->tensors = QG_NEW_N(j->arena, const qg_tensor *, most);
    qg_tensor_spec *specs = QG_NEW_N(j->arena, qg_tensor_spec, most);
    QG_NEED(j->tensors && specs, err);
    add_plain(j);
    QG_PASS(add_layers(j, err));
    for (size_t i = 0; i < j->n_tensors; i++) {
        const qg_tensor *t = j->tensors[i];
        specs[i] = qg_tensor_spec_of(t);
        j->report->bytes_after += (int64_t)t->n_bytes;
    }
    QG_PASS(qg_safetensors_write_begin(&w, j->arena, path, specs, j->n_tensors, err));
    for (size_t i = 0; i < j->n_tensors; i++)
        QG_PASS(qg_safetensors_write_data(w, j->tensors[i]->data, j->tensors[i]->n_bytes, err));
    return qg_safetensors_write_end(w, err);
}

/* ---- the other files ---- */

static qg_status write_config(const assembly *j, const char *path, qg_err *err)
{
    qg_json_writer w;
    qg_buf b;

    qg_buf_init(&b, j->arena);
    qg_json_write_begin(&w, &b);
    qg_json_write_object(&w);
    for (qg_json_iter it = {0}; qg_json_next(j->source->config.root, &it);) {
        if (qg_str_is(it.key, "quantization_config")) /* null */
            continue;
        qg_json_write_key_str(&w, it.key);
        qg_json_write_node(&w, it.value);
    }
    qg_json_write_key(&w, "quantization_config");
    qg_form_write_config(j->form, &w);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(&b, '\n');
    QG_NEED(!b.failed, err);
    return qg_file_write(path, qg_buf_view(&b), err);
}

/* Everything that is neither weights nor config.json: tokenizer, generation_config.json, licence.
 */
static qg_status copy_others(const assembly *j, const char *folder, qg_err *err)
{
    static const char *const suffixes[] = {".json", ".txt", ".model", ".jinja", ".md", "LICENSE"};
    char **names;
    size_t n;

    QG_PASS(qg_dir_list(&names, &n, j->arena, j->source->folder, err));
    for (size_t i = 0; i < n; i++) {
        qg_str name = qg_str_from(names[i]), content;
        bool wanted = false;
        for (size_t s = 0; s < sizeof suffixes / sizeof *suffixes; s++)
            wanted = wanted || qg_str_ends(name, qg_str_from(suffixes[s]));
        const char *from = qg_path_join(j->arena, j->source->folder, names[i]);
        const char *to = qg_path_join(j->arena, folder, names[i]);
        QG_NEED(from && to, err);
        if (!wanted || qg_str_is(name, "config.json") || qg_str_is(name, "README.md") ||
            qg_str_is(name, QG_QUANTIZED_FILE) || qg_str_ends(name, qg_str_from(".index.json")) ||
            !qg_file_exists(from))
            continue;
        QG_PASS(qg_file_map(&content, j->arena, from, err));
        QG_PASS(qg_file_write(to, content, err));
    }
    return QG_OK;
}

static qg_status write_report(const assembly *j, const char *path, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, j->arena);
    QG_PASS(qg_quantized_to_json(&b, j->report, err));
    QG_NEED(!b.failed, err);
    return qg_file_write(path, qg_buf_view(&b), err);
}

/* After config and weights, whose hash it names. */
static qg_status write_readme(const assembly *j, const char *folder, const char *path, qg_err *err)
{
    char hash[QG_HASH_HEX];
    qg_buf b;

    QG_PASS(qg_engine_hash_folder(hash, folder, err));
    qg_buf_init(&b, j->arena);
    qg_readme_write(&b, j->source->folder, hash, j->report);
    QG_NEED(!b.failed, err);
    return qg_file_write(path, qg_buf_view(&b), err);
}

static qg_status write_folder(assembly *j, const char *folder, qg_err *err)
{
    const char *config = qg_path_join(j->arena, folder, "config.json");
    const char *tensors = qg_path_join(j->arena, folder, "model.safetensors");
    const char *report = qg_path_join(j->arena, folder, QG_QUANTIZED_FILE);
    const char *readme = qg_path_join(j->arena, folder, "README.md");

    QG_NEED(config && tensors && report && readme, err);
    QG_PASS(write_config(j, config, err));
    QG_PASS(copy_others(j, folder, err));
    QG_PASS(write_tensors(j, tensors, err));
    QG_PASS(write_report(j, report, err));
    return write_readme(j, folder, readme, err);
}

qg_status qg_assemble(const char *folder, const qg_source *source, const qg_form *form,
                      const qg_layer_places *places, qg_quantized *report, bool replace,
                      qg_err *err)
{
    assembly j = {.arena = qg_arena_create(),
                  .source = source,
                  .form = form,
                  .places = places,
                  .report = report};
    qg_dir_out *out;

    QG_NEED(j.arena, err);
    report->bytes_before = report->bytes_after = 0;
    qg_status s = qg_dir_out_open(&out, j.arena, folder, replace, err);
    if (!s)
        s = write_folder(&j, qg_dir_out_path(out), err);
    if (!s)
        s = qg_dir_out_commit(out, err);
    qg_arena_free(j.arena);
    return s;
}
