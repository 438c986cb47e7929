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

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

enum { N_SPECIALS = 2, N_BYTES = 256, MIN_VOCAB = N_SPECIALS + N_BYTES, CHUNK = 1 << 16 };
enum { BOS_ID = 0, EOS_ID = 1 };
static const double LOGIT_DEVIATION = 2.5;

/* What a config.json says of its family. */
static const struct family {
    const char *name, *architecture;
    bool is_opt;
} families[] = {
    {"llama", "LlamaForCausalLM", false},
    {"mistral", "MistralForCausalLM", false},
    {"qwen2", "Qwen2ForCausalLM", false},
    {"opt", "OPTForCausalLM", true},
};
enum { N_FAMILIES = sizeof families / sizeof *families };

static const struct preset {
    const char *name;
    int hidden_size, n_layers, n_heads, n_kv_heads, intermediate_size, vocab_size, max_positions;
    bool tied;
} presets[] = {
    {"tiny", 72, 2, 3, 1, 107, 307, 256, true},
    {"1.1b", 2048, 22, 32, 4, 5632, 32000, 2048, false},
    {"llama2-7b", 4096, 32, 32, 32, 11008, 32000, 4096, false},
};

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

static const struct family *find_family(const char *name)
{
    for (int i = 0; i < N_FAMILIES; i++)
        if (strcmp(families[i].name, name ? name : "llama") == 0)
            return &families[i];
    return NULL;
}

static const struct preset *find_preset(const char *name)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (strcmp(presets[i].name, name ? name : "tiny") == 0)
            return &presets[i];
    return NULL;
}

static int given_or(int given, int otherwise)
{
    return given ? given : otherwise;
}

static void write_rope(qg_json_writer *w, const qg_synth_options *o, int max_positions)
{
    double factor = o->rope_factor != 0 ? o->rope_factor : 4;

    qg_json_put_real(w, "rope_theta", o->rope_theta != 0 ? o->rope_theta : 10000);
    qg_json_write_key(w, "rope_scaling");
    if (!o->rope_scaling) {
        qg_json_write_null(w);
        return;
    }
    qg_json_write_object(w);
    qg_json_put_text(w, "rope_type", o->rope_scaling);
    qg_json_put_real(w, "factor", factor);
    if (strcmp(o->rope_scaling, "llama3") == 0) {
        double original = max_positions / factor; /* a factor below 1 is refused by the parser */
        qg_json_put_real(w, "low_freq_factor", 1);
        qg_json_put_real(w, "high_freq_factor", 4);
        qg_json_put_int(w, "original_max_position_embeddings",
                        original >= 1 && original <= max_positions ? (int64_t)original : 1);
    }
    qg_json_write_close(w);
}

/* Keys of Llama and its kin. */
static void write_llama(qg_json_writer *w, const qg_synth_options *o, const struct preset *p)
{
    qg_json_put_int(w, "num_key_value_heads", given_or(o->n_kv_heads, p->n_kv_heads));
    if (o->head_dim)
        qg_json_put_int(w, "head_dim", o->head_dim);
    qg_json_put_int(w, "intermediate_size", given_or(o->intermediate_size, p->intermediate_size));
    qg_json_put_text(w, "hidden_act", "silu");
    qg_json_put_real(w, "rms_norm_eps", 1e-5);
    write_rope(w, o, given_or(o->max_positions, p->max_positions));
    qg_json_put_bool(w, "attention_bias", o->attention_bias);
    qg_json_put_bool(w, "mlp_bias", o->mlp_bias);
}

static void write_opt(qg_json_writer *w, const qg_synth_options *o, const struct preset *p)
{
    qg_json_put_int(w, "ffn_dim", given_or(o->intermediate_size, p->intermediate_size));
    qg_json_put_int(w, "word_embed_proj_dim", given_or(o->hidden_size, p->hidden_size));
    qg_json_put_bool(w, "do_layer_norm_before", true);
    qg_json_put_text(w, "activation_function", "relu");
    qg_json_put_bool(w, "enable_bias", true);
    qg_json_put_bool(w, "layer_norm_elementwise_affine", true);
}

static qg_status write_config(qg_buf *b, const qg_synth_options *o, const struct preset *p,
                              const struct family *f, const model *m, qg_err *err)
{
    qg_json_writer w;

    qg_json_write_begin(&w, b);
    qg_json_write_object(&w);
    qg_json_write_key(&w, "architectures");
    qg_json_write_array(&w);
    qg_json_write_text(&w, f->architecture);
    qg_json_write_end_array(&w);
    qg_json_put_text(&w, "model_type", f->name);
    qg_json_put_int(&w, "vocab_size", given_or(o->vocab_size, p->vocab_size));
    qg_json_put_int(&w, "hidden_size", given_or(o->hidden_size, p->hidden_size));
    qg_json_put_int(&w, "num_hidden_layers", given_or(o->n_layers, p->n_layers));
    qg_json_put_int(&w, "num_attention_heads", given_or(o->n_heads, p->n_heads));
    qg_json_put_int(&w, "max_position_embeddings", given_or(o->max_positions, p->max_positions));
    if (f->is_opt)
        write_opt(&w, o, p);
    else
        write_llama(&w, o, p);
    qg_json_put_bool(&w, "tie_word_embeddings", o->tied ? o->tied > 0 : p->tied || f->is_opt);
    qg_json_put_int(&w, "bos_token_id", BOS_ID);
    qg_json_put_int(&w, "eos_token_id", EOS_ID);
    qg_json_put_text(&w, "torch_dtype", o->dtype ? o->dtype : "float16");
    if (m->is_quantized) {
        qg_json_write_key(&w, "quantization_config");
        qg_form_write_config(&m->form, &w);
    }
    qg_json_write_close(&w);
    return qg_json_write_end(&w, err);
}

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
    const struct preset *p = find_preset(o->preset);
    const struct family *f = find_family(o->family);
    const qg_json *root;
    qg_buf b;

    *m = (model){.is_quantized = o->recipe != NULL};
    if (!p)
        return qg_fail(err, QG_EARG, "preset '%s' is unknown: tiny, 1.1b, llama2-7b are there",
                       o->preset);
    if (!f)
        return qg_fail(err, QG_ENOSUP,
                       "family '%s' is not supported, only llama, mistral, qwen2, opt", o->family);
    if (o->recipe)
        QG_PASS(qg_form_choose(&m->form, o->recipe, err));
    qg_buf_init(&b, arena);
    QG_PASS(write_config(&b, o, p, f, m, err));
    m->config_text = qg_buf_view(&b);
    QG_PASS(qg_json_parse(&root, arena, m->config_text, "config.json", err));
    QG_TRY(qg_config_parse(&m->config, root, qg_family_names(), err), err, "the shape asked for");
    QG_PASS(qg_family_check(qg_family_find(f->name), &m->config, err));
    if (m->config.vocab_size < MIN_VOCAB)
        return qg_fail(err, QG_EARG, "'vocab_size' is %d, at least %d was expected",
                       m->config.vocab_size, MIN_VOCAB);
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

typedef struct chunk {
    float values[CHUNK];
    unsigned char bits[CHUNK * sizeof(float)];
} chunk;

static void store(unsigned char *to, qgk_dtype dtype, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        qgk_half h = qgk_half_from_float(values[i]);
        qgk_bf16 b = qgk_bf16_from_float(values[i]);
        if (dtype == QGK_F32)
            memcpy(to + 4 * i, &values[i], sizeof *values);
        else
            memcpy(to + 2 * i, dtype == QGK_F16 ? &h : &b, sizeof h);
    }
}

static qg_status write_plain(qg_safetensors_writer *w, const tensor *t, uint64_t stream,
                             chunk *buffer, qg_err *err)
{
    size_t width = qgk_dtype_bytes(t->plain.dtype);
    float deviation = (float)t->deviation;

    for (size_t at = 0, total = t->n_bytes / width; at < total;) {
        size_t n = total - at < CHUNK ? total - at : CHUNK;
        for (size_t i = 0; i < n; i++)
            buffer->values[i] = t->ones ? 1 : noise(stream, at + i) * deviation;
        store(buffer->bits, t->plain.dtype, buffer->values, n);
        QG_PASS(qg_safetensors_write_data(w, buffer->bits, n * width, err));
        at += n;
    }
    return QG_OK;
}

/* The weights that a plain model would hold in float32, rounded to the form's codes. */
static qg_status write_quantized(qg_safetensors_writer *w, const model *m, const tensor *t,
                                 uint64_t stream, qg_arena *arena, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    size_t n = (size_t)t->item->n * (size_t)t->item->k;
    float *weights = QG_NEW_N(arena, float, n);

    QG_NEED(weights, err);
#pragma omp parallel for
    for (size_t i = 0; i < n; i++)
        weights[i] = noise(stream, i) * (float)t->deviation;
    QG_PASS(qg_form_write_floats(&m->form, w, weights, t->item->n, t->item->k,
                                 omp_get_max_threads(), arena, err));
    qg_arena_rewind(arena, mark);
    return QG_OK;
}

/* Entries first .. end - 1 as one file. */
static qg_status write_entries(const model *m, size_t first, size_t end, uint64_t seed,
                               const char *path, qg_arena *arena, qg_err *err)
{
    qg_safetensors_writer *w;
    chunk *buffer = QG_NEW(arena, chunk);
    qg_tensor_spec *specs = QG_NEW_N(arena, qg_tensor_spec, (end - first) * QGK_MAX_PARTS);
    size_t n_specs = 0;

    QG_NEED(buffer && specs, err);
    for (size_t i = first; i < end; n_specs += m->tensors[i++].n_specs)
        memcpy(specs + n_specs, m->tensors[i].specs, m->tensors[i].n_specs * sizeof *specs);
    QG_PASS(qg_safetensors_write_begin(&w, arena, path, specs, n_specs, err));
    for (size_t i = first; i < end; i++) {
        const tensor *t = &m->tensors[i];
        uint64_t stream = qg_random_mix(qg_random_mix(seed) + i);
        if (t->quantized)
            QG_PASS(write_quantized(w, m, t, stream, arena, err));
        else
            QG_PASS(write_plain(w, t, stream, buffer, err));
    }
    return qg_safetensors_write_end(w, err);
}

static qg_status write_shard(const model *m, size_t first, size_t end, uint64_t seed,
                             const char *path, qg_err *err)
{
    qg_arena *arena = qg_arena_create();

    QG_NEED(arena, err);
    qg_status s = write_entries(m, first, end, seed, path, arena, err);
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

/* What stands before and after the vocabulary in tokenizer.json. */
static const char tokenizer_head[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["
    "{\"id\":0,\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
    "\"normalized\":false,\"special\":true},"
    "{\"id\":1,\"content\":\"</s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
    "\"normalized\":false,\"special\":true}],"
    "\"normalizer\":null,\"pre_tokenizer\":"
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}]"
    ",\"pair\":["
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":1}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}]"
    ","
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[0],\"tokens\":[\"<s>\"]}}},\"decoder\":"
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
    "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":"
    "null,"
    "\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":"
    "false,"
    "\"vocab\":";
static const char tokenizer_tail[] = ",\"merges\":[]}}";

/* GPT-2's alphabet: printable bytes stand for themselves, the others for U+0100 and up, in order.
 */
static void write_vocab(qg_json_writer *w, int vocab_size)
{
    uint32_t spare = 0x100;

    qg_json_write_object(w);
    qg_json_put_int(w, "<s>", BOS_ID);
    qg_json_put_int(w, "</s>", EOS_ID);
    for (uint32_t byte = 0; byte < N_BYTES; byte++) {
        bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad);
        char symbol[5] = "";
        qg_utf8_encode(printable ? byte : spare++, symbol);
        qg_json_put_int(w, symbol, N_SPECIALS + (int64_t)byte);
    }
    for (int id = MIN_VOCAB; id < vocab_size; id++) {
        char name[32];
        snprintf(name, sizeof name, "\xc4\xa0t%d", id); /* U+0120 is the blank */
        qg_json_put_int(w, name, id);
    }
    qg_json_write_close(w);
}

static qg_status build_tokenizer(qg_buf *b, int vocab_size, qg_err *err)
{
    qg_json_writer w;

    qg_buf_text(b, tokenizer_head);
    qg_json_write_begin(&w, b);
    write_vocab(&w, vocab_size);
    qg_buf_text(b, tokenizer_tail);
    return qg_json_write_end(&w, err);
}

static qg_status write_small_files(const model *m, qg_arena *arena, const char *folder, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_str(&b, m->config_text);
    QG_PASS(write_in(arena, folder, "config.json", &b, err));
    qg_buf_init(&b, arena);
    qg_buf_format(&b, "{\"bos_token_id\":%d,\"eos_token_id\":%d}", BOS_ID, EOS_ID);
    QG_PASS(write_in(arena, folder, "generation_config.json", &b, err));
    qg_buf_init(&b, arena);
    qg_buf_format(&b,
                  "{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"bos_token\":\"<s>\","
                  "\"eos_token\":\"</s>\",\"model_max_length\":%d,"
                  "\"clean_up_tokenization_spaces\":false}",
                  m->config.max_positions);
    QG_PASS(write_in(arena, folder, "tokenizer_config.json", &b, err));
    qg_buf_init(&b, arena);
    QG_PASS(build_tokenizer(&b, m->config.vocab_size, err));
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
    qg_ledger ledger;
    size_t n_specs = 0;
    model m;

    QG_PASS(make_model(&m, arena, o, err));
    qg_tensor_spec *specs = QG_NEW_N(arena, qg_tensor_spec, m.n_tensors * QGK_MAX_PARTS);
    QG_NEED(specs, err);
    for (size_t i = 0; i < m.n_tensors; n_specs += m.tensors[i++].n_specs)
        memcpy(specs + n_specs, m.tensors[i].specs, m.tensors[i].n_specs * sizeof *specs);
    QG_PASS(qg_checkpoint_imagine(&shapes, arena, specs, n_specs, err));
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
