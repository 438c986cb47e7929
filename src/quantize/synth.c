/* Synthetic models: see synth.h.
 *
 * The options become the text of a config.json, which checkpoint/config parses and checks like any
 * other; tensors are those of the engine's inventory, so shapes, bounds and file cannot disagree.
 * Weights stream through one chunk: integer noise, scaled to float32, rounded to the dtype; a
 * quantized linear passes as a whole, rounded to the codes of its form.
 * Invariant: a weight depends on the seed, its tensor's place in the list and its own index alone,
 * in integer arithmetic, so neither shards nor chunks nor the C library change a bit.
 */
#include "quantize/synth.h"

#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "checkpoint/config.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/shards.h"
#include "engine/engine.h"
#include "engine/inventory.h"
#include "quantize/synth_config.h"
#include "quantize/synth_tokenizer.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 16 };
static const double LOGIT_DEVIATION = 2.5;

/* One entry of the plain model: a weight or a bias. */
typedef struct tensor {
    const qg_item *item;
    qg_tensor_spec plain;
    const qg_tensor_spec *specs; /* [n_specs] what is written: itself, or the parts of a form */
    size_t n_specs, n_bytes;
    bool ones, quantized; /* ones: a norm; else random with `deviation` */
    double deviation;
} tensor;

typedef struct model {
    qg_str config_text;
    qg_model_config config;
    qg_form form; /* where is_quantized */
    bool is_quantized;
    size_t n_tensors, n_bytes;
    tensor *tensors;
} model;

/* The tensor ITEM.SUFFIX; the weights of linears and tables have columns, vectors have none. */
static qg_status add_tensor(model *m, qg_arena *arena, const qg_item *item, const char *suffix,
                            int columns, qg_err *err)
{
    tensor *t = &m->tensors[m->n_tensors++];
    const char *name = qg_arena_format(arena, "%s.%s", item->name, suffix);
    size_t n;

    QG_NEED(name, err);
    *t = (tensor){.item = item,
                  .plain = {name, m->config.dtype, columns ? 2 : 1, {item->n, columns}},
                  .n_specs = 1};
    t->quantized = m->is_quantized && columns && qg_item_is_quantizable(item);
    t->specs = &t->plain;
    if (t->quantized) {
        qg_tensor_spec *specs = QG_NEW_N(arena, qg_tensor_spec, QGK_MAX_PARTS);
        QG_NEED(specs, err);
        t->specs = specs;
        QG_PASS(
            qg_form_specs(&m->form, specs, &t->n_specs, arena, item->name, item->n, item->k, err));
    }
    for (size_t i = 0; i < t->n_specs; i++) {
        qg_tensor_spec_bytes(&t->specs[i], &n); /* within config.h's bounds: no overflow */
        t->n_bytes += n;
    }
    m->n_bytes += t->n_bytes;
    return QG_OK;
}

static qg_status add_item(model *m, qg_arena *arena, const qg_item *item, qg_err *err)
{
    double head = LOGIT_DEVIATION / sqrt(m->config.hidden_size);
    bool ends = item->kind == QG_ITEM_EMBED || item->kind == QG_ITEM_HEAD;

    QG_PASS(add_tensor(m, arena, item, "weight", item->k, err));
    tensor *t = &m->tensors[m->n_tensors - 1];
    t->ones = qg_item_is_norm(item);
    if (!t->ones)
        t->deviation = ends ? head : item->kind == QG_ITEM_POSITIONS ? 0.02 : 1 / sqrt(item->k);
    if (!item->bias)
        return QG_OK;
    QG_PASS(add_tensor(m, arena, item, "bias", 0, err));
    m->tensors[m->n_tensors - 1].deviation = 0.02;
    return QG_OK;
}

static qg_status list_tensors(model *m, qg_arena *arena, qg_err *err)
{
    qg_inventory all;

    QG_PASS(qg_inventory_make(&all, arena, qg_family_find(m->config.model_type), &m->config, err));
    m->tensors = QG_NEW_N(arena, tensor, 2 * all.n_items);
    QG_NEED(m->tensors, err);
    for (size_t i = 0; i < all.n_items; i++)
        QG_PASS(add_item(m, arena, &all.items[i], err));
    return QG_OK;
}

static qg_status make_model(model *m, qg_arena *arena, const qg_synth_options *o, qg_err *err)
{
    const qg_json *root;
    qg_buf b;

    *m = (model){.is_quantized = o->recipe != NULL};
    if (o->recipe)
        QG_PASS(qg_form_choose(&m->form, o->recipe, err));
    qg_buf_init(&b, arena);
    QG_PASS(qg_synth_config(&b, o, m->is_quantized ? &m->form : NULL, err));
    m->config_text = qg_buf_view(&b);
    QG_PASS(qg_json_parse(&root, arena, m->config_text, "config.json", err));
    QG_TRY(qg_config_parse(&m->config, root, qg_family_names(), err), err, "the shape asked for");
    QG_PASS(qg_family_check(qg_family_find(m->config.model_type), &m->config, err));
    if (m->config.vocab_size < QG_SYNTH_MIN_VOCAB)
        return qg_fail(err, QG_EARG, "'vocab_size' is %d, at least %d was expected",
                       m->config.vocab_size, QG_SYNTH_MIN_VOCAB);
    QG_PASS(list_tensors(m, arena, err));
    if (o->n_shards < 0 || (size_t)o->n_shards > m->n_tensors)
        return qg_fail(err, QG_EARG, "%d shards for %zu tensors, 0 to %zu was expected",
                       o->n_shards, m->n_tensors, m->n_tensors);
    return QG_OK;
}

/* Weight `index` of a stream: the sum of four uniform 16-bit numbers, nearly normal, with mean 0
 * and deviation 1 after scaling by sqrt(12 / 4) / 2^16. */
static float noise(uint64_t stream, uint64_t index)
{
    uint64_t r = qg_random_mix(stream + index * QG_RANDOM_STEP);
    int sum =
        (int)(r & 0xffff) + (int)(r >> 16 & 0xffff) + (int)(r >> 32 & 0xffff) + (int)(r >> 48);

    return (float)(sum - 2 * 0xffff) * (float)(1.7320508075688772 / 65536);
}

/* Weights from .. from + n - 1 of a plain tensor, as stored. */
static void fill(unsigned char *to, const tensor *t, uint64_t stream, size_t from, size_t n)
{
    float deviation = (float)t->deviation;

    for (size_t i = 0; i < n; i++) {
        float value = t->ones ? 1 : noise(stream, from + i) * deviation;
        qgk_half h = qgk_half_from_float(value);
        qgk_bf16 b = qgk_bf16_from_float(value);
        if (t->plain.dtype == QGK_F32)
            memcpy(to + 4 * i, &value, sizeof value);
        else
            memcpy(to + 2 * i, t->plain.dtype == QGK_F16 ? &h : &b, sizeof h);
    }
}

static qg_status write_plain(qg_safetensors_writer *w, const tensor *t, uint64_t stream,
                             unsigned char *chunk, qg_err *err)
{
    size_t width = qgk_dtype_bytes(t->plain.dtype);

    for (size_t at = 0, n, total = t->n_bytes / width; at < total; at += n) {
        n = total - at < CHUNK ? total - at : CHUNK;
        fill(chunk, t, stream, at, n);
        QG_PASS(qg_safetensors_write_data(w, chunk, n * width, err));
    }
    return QG_OK;
}

/* The weights that a plain model would hold in float32, rounded to the form's codes: on `arena`. */
static qg_status round_weights(qg_form_data *out, const model *m, const tensor *t, uint64_t stream,
                               qg_arena *arena, qg_arena *scratch, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    size_t n = (size_t)t->item->n * (size_t)t->item->k;
    float *weights = QG_NEW_N(scratch, float, n);

    QG_NEED(weights, err);
#pragma omp parallel for
    for (size_t i = 0; i < n; i++)
        weights[i] = noise(stream, i) * (float)t->deviation;
    QG_PASS(qg_form_encode_floats(&m->form, out, weights, t->item->n, t->item->k,
                                  omp_get_max_threads(), arena, scratch, err));
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

static qg_status write_quantized(qg_safetensors_writer *w, const model *m, const tensor *t,
                                 uint64_t stream, qg_arena *arena, qg_arena *scratch, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    qg_form_data data;

    QG_PASS(round_weights(&data, m, t, stream, arena, scratch, err));
    for (size_t i = 0; i < data.n; i++)
        QG_PASS(qg_safetensors_write_data(w, data.part[i], data.n_bytes[i], err));
    qg_arena_rewind(arena, mark);
    return QG_OK;
}

static uint64_t stream_of(uint64_t seed, size_t i)
{
    return qg_random_mix(qg_random_mix(seed) + i);
}

/* What all entries of first .. end - 1 are stored as, in their order. */
static qg_status list_specs(qg_tensor_spec **out, size_t *n_specs, const model *m, size_t first,
                            size_t end, qg_arena *arena, qg_err *err)
{
    *out = QG_NEW_N(arena, qg_tensor_spec, (end - first) * QGK_MAX_PARTS);
    QG_NEED(*out, err);
    *n_specs = 0;
    for (size_t i = first; i < end; *n_specs += m->tensors[i++].n_specs)
        memcpy(*out + *n_specs, m->tensors[i].specs, m->tensors[i].n_specs * sizeof **out);
    return QG_OK;
}

/* Entries first .. end - 1 as one file. */
static qg_status write_entries(const model *m, size_t first, size_t end, uint64_t seed,
                               const char *path, qg_arena *arena, qg_arena *scratch, qg_err *err)
{
    qg_safetensors_writer *w;
    unsigned char *chunk = qg_arena_array(arena, CHUNK, sizeof(float));
    qg_tensor_spec *specs;
    size_t n_specs;

    QG_NEED(chunk, err);
    QG_PASS(list_specs(&specs, &n_specs, m, first, end, arena, err));
    QG_PASS(qg_safetensors_write_begin(&w, arena, path, specs, n_specs, err));
    for (size_t i = first; i < end; i++) {
        const tensor *t = &m->tensors[i];
        if (t->quantized)
            QG_PASS(write_quantized(w, m, t, stream_of(seed, i), arena, scratch, err));
        else
            QG_PASS(write_plain(w, t, stream_of(seed, i), chunk, err));
    }
    return qg_safetensors_write_end(w, err);
}

static qg_status write_shard(const model *m, size_t first, size_t end, uint64_t seed,
                             const char *path, qg_err *err)
{
    qg_arena *arena = qg_arena_create(), *scratch = qg_arena_create();
    qg_status s = arena && scratch ? write_entries(m, first, end, seed, path, arena, scratch, err)
                                   : qg_fail(err, QG_ENOMEM, "out of memory");

    qg_arena_free(scratch);
    qg_arena_free(arena);
    return s;
}

static qg_status write_in(qg_arena *arena, const char *folder, const char *name, const qg_buf *b,
                          qg_err *err)
{
    const char *path = qg_path_join(arena, folder, name);
    QG_NEED(path, err);
    return qg_file_write(path, qg_buf_view(b), err);
}

/* Shards of nearly equal size, each with one tensor or more, and the index. */
static qg_status write_shards(const model *m, const qg_synth_options *o, qg_arena *arena,
                              const char *folder, qg_err *err)
{
    qg_json_writer w;
    qg_buf b;
    size_t n_shards = (size_t)o->n_shards, first = 0;
    double n_written = 0;

    qg_buf_init(&b, arena);
    qg_json_write_begin(&w, &b);
    qg_json_write_object(&w);
    qg_json_write_key(&w, "metadata");
    qg_json_write_object(&w);
    qg_json_put_int(&w, "total_size", (int64_t)m->n_bytes);
    qg_json_write_close(&w);
    qg_json_write_key(&w, "weight_map");
    qg_json_write_object(&w);
    for (size_t k = 0; k < n_shards; k++) {
        const char *name =
            qg_arena_format(arena, "model-%05zu-of-%05zu.safetensors", k + 1, n_shards);
        QG_NEED(name, err);
        size_t end = first, last = m->n_tensors - (n_shards - k - 1);
        double until = (double)m->n_bytes * (double)(k + 1) / (double)n_shards;
        for (; end < last && (end == first || k + 1 == n_shards || n_written < until); end++) {
            n_written += (double)m->tensors[end].n_bytes;
            for (size_t i = 0; i < m->tensors[end].n_specs; i++)
                qg_json_put_text(&w, m->tensors[end].specs[i].name, name);
        }
        const char *path = qg_path_join(arena, folder, name);
        QG_NEED(path, err);
        QG_PASS(write_shard(m, first, end, o->seed, path, err));
        first = end;
    }
    qg_json_write_close(&w);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    return write_in(arena, folder, "model.safetensors.index.json", &b, err);
}

static qg_status write_small_files(const model *m, qg_arena *arena, const char *folder, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_str(&b, m->config_text);
    QG_PASS(write_in(arena, folder, "config.json", &b, err));
    qg_buf_init(&b, arena);
    qg_buf_format(&b, "{\"bos_token_id\":%d,\"eos_token_id\":%d}", QG_SYNTH_BOS, QG_SYNTH_EOS);
    QG_PASS(write_in(arena, folder, "generation_config.json", &b, err));
    qg_buf_init(&b, arena);
    qg_buf_format(&b,
                  "{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"bos_token\":\"<s>\","
                  "\"eos_token\":\"</s>\",\"model_max_length\":%d,"
                  "\"clean_up_tokenization_spaces\":false}",
                  m->config.max_positions);
    QG_PASS(write_in(arena, folder, "tokenizer_config.json", &b, err));
    qg_buf_init(&b, arena);
    QG_PASS(qg_synth_tokenizer(&b, m->config.vocab_size, err));
    return write_in(arena, folder, "tokenizer.json", &b, err);
}

static qg_status write_folder(const qg_synth_options *o, qg_arena *arena, const char *folder,
                              qg_err *err)
{
    model m;
    qg_dir_out *out;

    QG_PASS(make_model(&m, arena, o, err));
    QG_PASS(qg_dir_out_open(&out, arena, folder, false, err));
    const char *dir = qg_dir_out_path(out);
    QG_PASS(write_small_files(&m, arena, dir, err));
    if (o->n_shards > 0) {
        QG_PASS(write_shards(&m, o, arena, dir, err));
    } else {
        const char *path = qg_path_join(arena, dir, "model.safetensors");
        QG_NEED(path, err);
        QG_PASS(write_shard(&m, 0, m.n_tensors, o->seed, path, err));
    }
    return qg_dir_out_commit(out, err);
}

qg_status qg_synth_write(const qg_synth_options *options, const char *folder, qg_err *err)
{
    qg_arena *arena = qg_arena_create();

    QG_NEED(arena, err);
    qg_status s = write_folder(options, arena, folder, err);
    if (s != QG_OK)
        qg_note(err, "making '%s'", folder);
    qg_arena_free(arena);
    return s;
}

static int64_t *bytes_of(qg_synth_size *size, const qg_item *item)
{
    if (item->kind == QG_ITEM_HEAD)
        return &size->head_bytes;
    if (qg_item_is_norm(item))
        return &size->norm_bytes;
    if (item->layer < 0)
        return &size->embedding_bytes;
    return item->kind <= QG_ITEM_O ? &size->attention_bytes : &size->mlp_bytes;
}

/* What the engine would hold of the weights. */
static qg_status plan_loaded(int64_t *out, qg_arena *arena, const qg_synth_options *o, qg_err *err)
{
    const qg_checkpoint *shapes;
    qg_tensor_spec *specs;
    qg_ledger ledger;
    size_t n_specs;
    model m;

    QG_PASS(make_model(&m, arena, o, err));
    QG_PASS(list_specs(&specs, &n_specs, &m, 0, m.n_tensors, arena, err));
    QG_PASS(qg_checkpoint_imagine(&shapes, arena, specs, NULL, n_specs, err));
    QG_PASS(qg_engine_plan_shape(&ledger, &m.config, shapes, &(qg_engine_options){.device = "cpu"},
                                 err));
    *out = ledger.bytes[QG_PURPOSE_WEIGHTS];
    return QG_OK;
}

static qg_status plan(qg_synth_size *out, qg_arena *arena, const qg_synth_options *o, qg_err *err)
{
    qg_synth_options fp16 = *o;
    model m;

    QG_PASS(make_model(&m, arena, o, err));
    for (size_t i = 0; i < m.n_tensors; i++) {
        const tensor *t = &m.tensors[i];
        *bytes_of(out, t->item) += (int64_t)t->n_bytes;
        out->total_bytes += (int64_t)t->n_bytes;
        out->n_params +=
            (int64_t)t->plain.shape[0] * (t->plain.n_dims == 2 ? t->plain.shape[1] : 1);
        out->n_tensors += (int)t->n_specs;
    }
    fp16.recipe = NULL;
    fp16.dtype = "float16";
    QG_PASS(plan_loaded(&out->loaded_bytes, arena, o, err));
    return plan_loaded(&out->loaded_fp16_bytes, arena, &fp16, err);
}

qg_status qg_synth_plan(qg_synth_size *out, const qg_synth_options *options, qg_err *err)
{
    qg_arena *arena = qg_arena_create();

    QG_NEED(arena, err);
    *out = (qg_synth_size){0};
    qg_status s = plan(out, arena, options, err);
    qg_arena_free(arena);
    return s;
}

/* ---- in memory ---- */

/* An entry in an earlier layer, whose data stand for this one's too; NULL: it has its own. */
static const tensor *first_of_its_kind(const model *m, size_t i)
{
    size_t n_per_layer = 0;

    for (size_t k = 0; k < m->n_tensors; k++)
        n_per_layer += m->tensors[k].item->layer == 0;
    int layer = m->tensors[i].item->layer;
    return layer > 0 ? &m->tensors[i - (size_t)layer * n_per_layer] : NULL;
}

static qg_status make_plain(qg_form_data *out, const tensor *t, uint64_t stream, qg_arena *arena,
                            qg_err *err)
{
    size_t width = qgk_dtype_bytes(t->plain.dtype), total = t->n_bytes / width;
    unsigned char *to = qg_arena_alloc(arena, t->n_bytes);

    QG_NEED(to, err);
#pragma omp parallel for
    for (size_t at = 0; at < total; at += CHUNK)
        fill(to + at * width, t, stream, at, total - at < CHUNK ? total - at : CHUNK);
    *out = (qg_form_data){.n = 1, .part = {to}, .n_bytes = {t->n_bytes}};
    return QG_OK;
}

/* data [n_tensors]: of every entry. */
static qg_status make_entries(qg_form_data *data, const model *m, uint64_t seed, qg_arena *arena,
                              qg_arena *scratch, qg_err *err)
{
    for (size_t i = 0; i < m->n_tensors; i++) {
        const tensor *t = &m->tensors[i], *first = first_of_its_kind(m, i);
        if (first)
            data[i] = data[first - m->tensors];
        else if (t->quantized)
            QG_PASS(round_weights(&data[i], m, t, stream_of(seed, i), arena, scratch, err));
        else
            QG_PASS(make_plain(&data[i], t, stream_of(seed, i), arena, err));
    }
    return QG_OK;
}

static qg_status make_checkpoint(const qg_checkpoint **out, const model *m, uint64_t seed,
                                 qg_arena *arena, qg_arena *scratch, qg_err *err)
{
    qg_form_data *data = QG_NEW_N(scratch, qg_form_data, m->n_tensors);
    const void **parts = QG_NEW_N(scratch, const void *, m->n_tensors *QGK_MAX_PARTS);
    qg_tensor_spec *specs;
    size_t n_specs, n = 0;

    QG_NEED(data && parts, err);
    QG_PASS(list_specs(&specs, &n_specs, m, 0, m->n_tensors, scratch, err));
    QG_PASS(make_entries(data, m, seed, arena, scratch, err));
    for (size_t i = 0; i < m->n_tensors; i++)
        for (size_t k = 0; k < data[i].n; k++)
            parts[n++] = data[i].part[k];
    return qg_checkpoint_imagine(out, arena, specs, parts, n_specs, err);
}

qg_status qg_synth_make(qg_model_config *config, const qg_checkpoint **weights, qg_arena *arena,
                        const qg_synth_options *options, qg_err *err)
{
    qg_arena *scratch = qg_arena_create();
    model m;

    QG_NEED(scratch, err);
    qg_status s = make_model(&m, arena, options, err);
    if (s == QG_OK)
        s = make_checkpoint(weights, &m, options->seed, arena, scratch, err);
    if (s == QG_OK)
        *config = m.config;
    qg_arena_free(scratch);
    return s;
}
