/* Synthetic models: see synth.h.
 *
 * The options become the text of a config.json, which checkpoint/config parses and checks like any
 * other; tensors are listed from the result, so shapes, bounds and file cannot disagree. Weights
 * stream through one chunk: integer noise, scaled to float32, rounded to the dtype.
 * Invariant: a weight depends on the seed, its tensor's place in the list and its own index alone,
 * in integer arithmetic, so neither shards nor chunks nor the C library change a bit.
 */
#include "quantize/synth.h"

#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "checkpoint/config.h"
#include "checkpoint/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_SPECIALS = 2, N_BYTES = 256, MIN_VOCAB = N_SPECIALS + N_BYTES, CHUNK = 1 << 16 };
enum { BOS_ID = 0, EOS_ID = 1 };
static const double LOGIT_DEVIATION = 2.5;
static const char *const families[] = {"llama", NULL};

static const struct preset {
    const char *name;
    int hidden_size, n_layers, n_heads, n_kv_heads, intermediate_size, vocab_size, max_positions;
    bool tied;
} presets[] = {
    {"tiny", 72, 2, 3, 1, 107, 307, 256, true},
    {"1.1b", 2048, 22, 32, 4, 5632, 32000, 2048, false},
    {"llama2-7b", 4096, 32, 32, 32, 11008, 32000, 4096, false},
};

typedef enum kind { EMBEDDING, ATTENTION, MLP, NORM, HEAD } kind;

typedef struct tensor {
    qg_tensor_spec spec;
    kind kind;
    bool ones; /* a norm; else random with `deviation` */
    double deviation;
} tensor;

typedef struct model {
    qg_str config_text;
    qg_model_config config;
    size_t n_tensors, n_bytes;
    tensor *tensors;
} model;

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

static qg_status write_config(qg_buf *b, const qg_synth_options *o, const struct preset *p,
                              qg_err *err)
{
    qg_json_writer w;
    int max_positions = given_or(o->max_positions, p->max_positions);

    qg_json_write_begin(&w, b);
    qg_json_write_object(&w);
    qg_json_write_key(&w, "architectures");
    qg_json_write_array(&w);
    qg_json_write_text(&w, "LlamaForCausalLM");
    qg_json_write_end_array(&w);
    qg_json_put_text(&w, "model_type", o->family ? o->family : families[0]);
    qg_json_put_int(&w, "vocab_size", given_or(o->vocab_size, p->vocab_size));
    qg_json_put_int(&w, "hidden_size", given_or(o->hidden_size, p->hidden_size));
    qg_json_put_int(&w, "num_hidden_layers", given_or(o->n_layers, p->n_layers));
    qg_json_put_int(&w, "num_attention_heads", given_or(o->n_heads, p->n_heads));
    qg_json_put_int(&w, "num_key_value_heads", given_or(o->n_kv_heads, p->n_kv_heads));
    if (o->head_dim)
        qg_json_put_int(&w, "head_dim", o->head_dim);
    qg_json_put_int(&w, "intermediate_size", given_or(o->intermediate_size, p->intermediate_size));
    qg_json_put_int(&w, "max_position_embeddings", max_positions);
    qg_json_put_text(&w, "hidden_act", "silu");
    qg_json_put_real(&w, "rms_norm_eps", 1e-5);
    write_rope(&w, o, max_positions);
    qg_json_put_bool(&w, "attention_bias", o->attention_bias);
    qg_json_put_bool(&w, "mlp_bias", o->mlp_bias);
    qg_json_put_bool(&w, "tie_word_embeddings", o->tied ? o->tied > 0 : p->tied);
    qg_json_put_int(&w, "bos_token_id", BOS_ID);
    qg_json_put_int(&w, "eos_token_id", EOS_ID);
    qg_json_put_text(&w, "torch_dtype", o->dtype ? o->dtype : "float16");
    qg_json_write_close(&w);
    return qg_json_write_end(&w, err);
}

static tensor *add_tensor(model *m, kind k, const char *name, int rows, int columns)
{
    tensor *t = &m->tensors[m->n_tensors++];

    *t = (tensor){.kind = k, .deviation = columns ? 1 / sqrt(columns) : 0};
    t->spec = (qg_tensor_spec){name, m->config.dtype, columns ? 2 : 1, {rows, columns}};
    return t;
}

/* A linear [outputs, inputs] of layer i with its bias, called "model.layers.<i>.<name>". */
static void add_linear(model *m, qg_arena *arena, kind k, int layer, const char *name, int outputs,
                       int inputs, bool bias)
{
    add_tensor(m, k, qg_arena_format(arena, "model.layers.%d.%s.weight", layer, name), outputs,
               inputs);
    if (bias)
        add_tensor(m, k, qg_arena_format(arena, "model.layers.%d.%s.bias", layer, name), outputs, 0)
            ->deviation = 0.02;
}

static void add_norm(model *m, const char *name)
{
    add_tensor(m, NORM, name, m->config.hidden_size, 0)->ones = true;
}

static void add_layer(model *m, qg_arena *arena, int i)
{
    const qg_model_config *c = &m->config;
    int hidden = c->hidden_size, q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    bool bias = c->attention_bias;

    add_norm(m, qg_arena_format(arena, "model.layers.%d.input_layernorm.weight", i));
    add_linear(m, arena, ATTENTION, i, "self_attn.q_proj", q, hidden, bias);
    add_linear(m, arena, ATTENTION, i, "self_attn.k_proj", kv, hidden, bias);
    add_linear(m, arena, ATTENTION, i, "self_attn.v_proj", kv, hidden, bias);
    add_linear(m, arena, ATTENTION, i, "self_attn.o_proj", hidden, q, bias);
    add_norm(m, qg_arena_format(arena, "model.layers.%d.post_attention_layernorm.weight", i));
    add_linear(m, arena, MLP, i, "mlp.gate_proj", c->intermediate_size, hidden, c->mlp_bias);
    add_linear(m, arena, MLP, i, "mlp.up_proj", c->intermediate_size, hidden, c->mlp_bias);
    add_linear(m, arena, MLP, i, "mlp.down_proj", hidden, c->intermediate_size, c->mlp_bias);
}

static qg_status list_tensors(model *m, qg_arena *arena, qg_err *err)
{
    const qg_model_config *c = &m->config;
    enum { MAX_PER_LAYER = 16, OUTSIDE_LAYERS = 3 };
    double head = LOGIT_DEVIATION / sqrt(c->hidden_size);

    m->tensors = QG_NEW_N(arena, tensor, (size_t)c->n_layers * MAX_PER_LAYER + OUTSIDE_LAYERS);
    QG_NEED(m->tensors, err);
    add_tensor(m, EMBEDDING, "model.embed_tokens.weight", c->vocab_size, c->hidden_size)
        ->deviation = head;
    for (int i = 0; i < c->n_layers; i++)
        add_layer(m, arena, i);
    add_norm(m, "model.norm.weight");
    if (!c->tie_word_embeddings)
        add_tensor(m, HEAD, "lm_head.weight", c->vocab_size, c->hidden_size)->deviation = head;
    for (size_t i = 0; i < m->n_tensors; i++) {
        size_t n;
        QG_NEED(m->tensors[i].spec.name, err);
        qg_tensor_spec_bytes(&m->tensors[i].spec, &n); /* within config.h's bounds: no overflow */
        m->n_bytes += n;
    }
    return QG_OK;
}

static qg_status make_model(model *m, qg_arena *arena, const qg_synth_options *o, qg_err *err)
{
    const struct preset *p = find_preset(o->preset);
    const qg_json *root;
    qg_buf b;

    *m = (model){0};
    if (!p)
        return qg_fail(err, QG_EARG, "preset '%s' is unknown: tiny, 1.1b, llama2-7b are there",
                       o->preset);
    qg_buf_init(&b, arena);
    QG_PASS(write_config(&b, o, p, err));
    m->config_text = qg_buf_view(&b);
    QG_PASS(qg_json_parse(&root, arena, m->config_text, "config.json", err));
    QG_TRY(qg_config_parse(&m->config, root, families, err), err, "the shape asked for");
    if (m->config.rope.type == QG_ROPE_OTHER)
        return qg_fail(err, QG_ENOSUP, "rope scaling '%s' is not supported, only linear, llama3",
                       m->config.rope.name);
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

static qg_status write_tensor(qg_safetensors_writer *w, const tensor *t, uint64_t stream,
                              chunk *buffer, qg_err *err)
{
    size_t width = qgk_dtype_bytes(t->spec.dtype), n_bytes;
    float deviation = (float)t->deviation;

    qg_tensor_spec_bytes(&t->spec, &n_bytes);
    for (size_t at = 0, total = n_bytes / width; at < total;) {
        size_t n = total - at < CHUNK ? total - at : CHUNK;
        for (size_t i = 0; i < n; i++)
            buffer->values[i] = t->ones ? 1 : noise(stream, at + i) * deviation;
        store(buffer->bits, t->spec.dtype, buffer->values, n);
        QG_PASS(qg_safetensors_write_data(w, buffer->bits, n * width, err));
        at += n;
    }
    return QG_OK;
}

/* Tensors first .. end - 1 as one file. */
static qg_status write_shard(const model *m, size_t first, size_t end, uint64_t seed,
                             const char *path, qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    qg_safetensors_writer *w;
    QG_NEED(arena, err);
    chunk *buffer = QG_NEW(arena, chunk);
    qg_tensor_spec *specs = QG_NEW_N(arena, qg_tensor_spec, end - first);
    qg_status s;

    for (size_t i = first; specs && i < end; i++)
        specs[i - first] = m->tensors[i].spec;
    s = buffer && specs ? qg_safetensors_write_begin(&w, arena, path, specs, end - first, err)
                        : qg_fail(err, QG_ENOMEM, "out of memory");
    for (size_t i = first; s == QG_OK && i < end; i++)
        s = write_tensor(w, &m->tensors[i], qg_random_mix(qg_random_mix(seed) + i), buffer, err);
    if (s == QG_OK)
        s = qg_safetensors_write_end(w, err);
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
        for (size_t n; end < last && (end == first || k + 1 == n_shards || n_written < until);
             end++) {
            qg_tensor_spec_bytes(&m->tensors[end].spec, &n);
            n_written += (double)n;
            qg_json_put_text(&w, m->tensors[end].spec.name, name);
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
    QG_PASS(qg_dir_out_open(&out, arena, folder, err));
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

qg_status qg_synth_plan(qg_synth_size *out, const qg_synth_options *options, qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    model m;

    QG_NEED(arena, err);
    qg_status s = make_model(&m, arena, options, err);
    *out = (qg_synth_size){0};
    for (size_t i = 0; s == QG_OK && i < m.n_tensors; i++) {
        int64_t *const by_kind[] = {
            [EMBEDDING] = &out->embedding_bytes,
            [ATTENTION] = &out->attention_bytes,
            [MLP] = &out->mlp_bytes,
            [NORM] = &out->norm_bytes,
            [HEAD] = &out->head_bytes,
        };
        size_t n;
        qg_tensor_spec_bytes(&m.tensors[i].spec, &n);
        *by_kind[m.tensors[i].kind] += (int64_t)n;
        out->total_bytes += (int64_t)n;
        out->n_params += (int64_t)(n / qgk_dtype_bytes(m.tensors[i].spec.dtype));
        out->n_tensors++;
    }
    qg_arena_free(arena);
    return s;
}
