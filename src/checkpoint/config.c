/* config.json: see config.h.
 *
 * One function a group of keys, over the readers of checkpoint/keys.h, and the few rules between
 * keys; rotation is config_rope.c's. Invariant: a qg_model_config that was returned lies within the
 * bounds of config.h, so n_layers * hidden * intermediate and the like stay far below 2^63.
 */
#include "checkpoint/config.h"

#include "base/file.h"
#include "checkpoint/config_internal.h"
#include "checkpoint/keys.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CONFIG_BYTES = 4 << 20 };

/* Keys and defaults of transformers' configuration classes where they differ; the first row serves
 * all other families. n_kv_heads 0: as many as heads. */
static const struct dialect {
    const char *model_type;
    int n_kv_heads, max_positions, sliding_window;
    const char *ffn_key, *act_key, *act;
    const char *attention_bias_key, *mlp_bias_key; /* NULL: the file has no say */
    bool attention_bias, mlp_bias, tied;
    bool window_switch; /* there is `use_sliding_window` besides the number */
    bool is_opt;        /* no rotation, no grouped heads, keys of its own */
} dialects[] = {
    {
        .model_type = "llama",
        .max_positions = 2048,
        .ffn_key = "intermediate_size",
        .act_key = "hidden_act",
        .act = "silu",
        .attention_bias_key = "attention_bias",
        .mlp_bias_key = "mlp_bias",
    },
    {
        .model_type = "mistral",
        .n_kv_heads = 8,
        .max_positions = 131072,
        .sliding_window = 4096,
        .ffn_key = "intermediate_size",
        .act_key = "hidden_act",
        .act = "silu",
    },
    {
        .model_type = "qwen2",
        .n_kv_heads = 32,
        .max_positions = 32768,
        .sliding_window = 4096,
        .ffn_key = "intermediate_size",
        .act_key = "hidden_act",
        .act = "silu",
        .attention_bias = true,
        .window_switch = true,
    },
    {
        .model_type = "opt",
        .max_positions = 2048,
        .ffn_key = "ffn_dim",
        .act_key = "activation_function",
        .act = "relu",
        .attention_bias_key = "enable_bias",
        .mlp_bias_key = "enable_bias",
        .attention_bias = true,
        .mlp_bias = true,
        .tied = true,
        .is_opt = true,
    },
};

static const struct dialect *dialect_of(const qg_model_config *c)
{
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
        if (strcmp(dialects[i].model_type, c->model_type) == 0)
            return &dialects[i];
    return &dialects[0];
}

static qg_status read_family(qg_model_config *c, const char *const *families, qg_err *err)
{
    const qg_json *list = qg_json_get(c->root, "architectures");
    char known[256] = "";
    qg_str s;

    QG_PASS(qg_key_text(&c->model_type, c->root, "model_type", err));
    if (!c->model_type)
        return qg_fail(err, QG_EFORMAT, "'model_type' is missing");
    c->architecture = "";
    if (!qg_json_is_null(list)) {
        if (qg_json_type_of(list) != QG_JSON_ARRAY || !qg_json_str(qg_json_at(list, 0), &s))
            return qg_key_fail(list, "architectures", "an array of strings", err);
        c->architecture = s.ptr;
    }
    for (size_t i = 0; families && families[i]; i++) {
        size_t n = strlen(known);
        if (strcmp(families[i], c->model_type) == 0)
            return QG_OK;
        snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", families[i]);
    }
    if (families)
        return qg_fail(err, QG_ENOSUP, "model type '%s' is not supported, only %s", c->model_type,
                       known);
    return QG_OK;
}

static qg_status read_kv_heads(qg_model_config *c, qg_err *err)
{
    const struct dialect *d = dialect_of(c);

    c->n_kv_heads = c->n_heads;
    if (d->is_opt)
        return QG_OK;
    if (d->n_kv_heads && !qg_json_get(c->root, "num_key_value_heads"))
        c->n_kv_heads = d->n_kv_heads;
    QG_PASS(qg_key_int(&c->n_kv_heads, c->root, "num_key_value_heads", 1, QG_MAX_HEADS, err));
    if (c->n_heads % c->n_kv_heads != 0)
        return qg_fail(err, QG_EFORMAT,
                       "'num_attention_heads' %d is no multiple of 'num_key_value_heads' %d",
                       c->n_heads, c->n_kv_heads);
    return QG_OK;
}

static qg_status read_shape(qg_model_config *c, qg_err *err)
{
    const struct dialect *d = dialect_of(c);
    const qg_json *root = c->root;

    c->vocab_size = c->hidden_size = c->n_layers = c->n_heads = c->intermediate_size =
        QG_KEY_REQUIRED;
    c->max_positions = d->max_positions;
    QG_PASS(qg_key_int(&c->vocab_size, root, "vocab_size", 1, QG_MAX_VOCAB, err));
    QG_PASS(qg_key_int(&c->hidden_size, root, "hidden_size", 1, QG_MAX_HIDDEN, err));
    QG_PASS(qg_key_int(&c->n_layers, root, "num_hidden_layers", 1, QG_MAX_LAYERS, err));
    QG_PASS(qg_key_int(&c->n_heads, root, "num_attention_heads", 1, QG_MAX_HEADS, err));
    QG_PASS(qg_key_int(&c->intermediate_size, root, d->ffn_key, 1, QG_MAX_INTERMEDIATE, err));
    QG_PASS(
        qg_key_int(&c->max_positions, root, "max_position_embeddings", 1, QG_MAX_POSITIONS, err));
    c->longest = c->max_positions;
    c->embed_size = c->hidden_size;
    return read_kv_heads(c, err);
}

static qg_status read_head_dim(qg_model_config *c, qg_err *err)
{
    bool is_opt = dialect_of(c)->is_opt;

    if (!is_opt)
        QG_PASS(qg_key_int(&c->head_dim, c->root, "head_dim", 1, QG_MAX_HEAD_DIM, err));
    if (c->head_dim == 0) {
        if (c->hidden_size % c->n_heads != 0)
            return qg_fail(err, QG_EFORMAT,
                           "'hidden_size' %d is no multiple of 'num_attention_heads' %d",
                           c->hidden_size, c->n_heads);
        c->head_dim = c->hidden_size / c->n_heads;
    }
    if (!is_opt && c->head_dim % 2 != 0)
        return qg_fail(err, QG_EFORMAT, "a head has %d dimensions, rotation needs an even number",
                       c->head_dim);
    if (c->head_dim > QG_MAX_HEAD_DIM)
        return qg_fail(err, QG_EFORMAT, "a head has %d dimensions, the limit is %d", c->head_dim,
                       QG_MAX_HEAD_DIM);
    if (c->n_heads * c->head_dim > QG_MAX_ATTENTION)
        return qg_fail(err, QG_EFORMAT, "%d heads of %d dimensions are more than the limit of %d",
                       c->n_heads, c->head_dim, QG_MAX_ATTENTION);
    return QG_OK;
}

/* transformers 5 spells out which layers have the window. */
static qg_status read_layer_types(qg_model_config *c, const qg_json *list, qg_err *err)
{
    if (qg_json_type_of(list) != QG_JSON_ARRAY)
        return qg_key_fail(list, "layer_types", "an array of strings", err);
    if (qg_json_len(list) != (size_t)c->n_layers)
        return qg_fail(err, QG_EFORMAT, "'layer_types' names %zu layers, 'num_hidden_layers' is %d",
                       qg_json_len(list), c->n_layers);
    for (int i = 0; i < c->n_layers; i++) {
        const qg_json *item = qg_json_at(list, (size_t)i);
        qg_str type;
        if (!qg_json_str(item, &type))
            return qg_key_fail(item, "layer_types", "an array of strings", err);
        c->is_windowed[i] = qg_str_is(type, "sliding_attention");
        if (!c->is_windowed[i] && !qg_str_is(type, "full_attention"))
            return qg_fail(err, QG_ENOSUP,
                           "layer type '%.*s' is not supported, only full_attention and "
                           "sliding_attention",
                           (int)type.len, type.ptr);
        if (c->is_windowed[i] && c->sliding_window == 0)
            return qg_fail(err, QG_EFORMAT, "'layer_types' gives layer %d a sliding window, but %s",
                           i,
                           dialect_of(c)->window_switch ? "'use_sliding_window' is false"
                                                        : "'sliding_window' is absent");
    }
    return QG_OK;
}

/* Mistral's window is that of all layers, whatever a list says (so transformers). */
static qg_status check_all_windowed(const qg_model_config *c, qg_err *err)
{
    for (int i = 0; i < c->n_layers; i++)
        if (c->is_windowed[i] != (c->sliding_window > 0))
            return qg_fail(err, QG_ENOSUP,
                           "'layer_types' mixes layers with and without a window, not supported "
                           "for model type '%s'",
                           c->model_type);
    return QG_OK;
}

static qg_status read_window(qg_model_config *c, qg_err *err)
{
    const struct dialect *d = dialect_of(c);
    const qg_json *root = c->root, *types = qg_json_get(root, "layer_types");
    bool used = !d->window_switch;
    int first = 28; /* Qwen2's default of `max_window_layers` */

    if (d->is_opt)
        return QG_OK;
    QG_PASS(qg_key_bool(&used, root, "use_sliding_window", err));
    QG_PASS(qg_key_int(&first, root, "max_window_layers", 0, INT_MAX, err));
    if (used && !qg_json_get(root, "sliding_window"))
        c->sliding_window = d->sliding_window;
    if (used)
        QG_PASS(qg_key_int(&c->sliding_window, root, "sliding_window", 1, QG_MAX_POSITIONS, err));
    for (int i = d->window_switch ? first : 0; c->sliding_window > 0 && i < c->n_layers; i++)
        c->is_windowed[i] = true;
    if (qg_json_is_null(types))
        return QG_OK;
    QG_PASS(read_layer_types(c, types, err));
    return d->window_switch ? QG_OK : check_all_windowed(c, err);
}

/* What OPT alone has: norms before or after their blocks, with or without weights, and an embedding
 * narrower than the model. */
static qg_status read_opt(qg_model_config *c, qg_err *err)
{
    bool before = true, affine = true;

    c->norm_eps = 1e-5; /* of torch's LayerNorm; no key says otherwise */
    QG_PASS(qg_key_bool(&before, c->root, "do_layer_norm_before", err));
    QG_PASS(qg_key_bool(&c->no_final_norm, c->root, "_remove_final_layer_norm", err));
    QG_PASS(qg_key_bool(&affine, c->root, "layer_norm_elementwise_affine", err));
    QG_PASS(qg_key_int(&c->embed_size, c->root, "word_embed_proj_dim", 1, QG_MAX_HIDDEN, err));
    c->post_norm = !before;
    c->no_final_norm = c->no_final_norm || c->post_norm;
    c->norms_are_plain = !affine;
    return QG_OK;
}

static qg_status read_switches(qg_model_config *c, qg_err *err)
{
    const struct dialect *d = dialect_of(c);

    c->norm_eps = 1e-6;
    c->hidden_act = d->act;
    c->tie_word_embeddings = d->tied;
    c->attention_bias = d->attention_bias;
    c->mlp_bias = d->mlp_bias;
    QG_PASS(qg_key_bool(&c->tie_word_embeddings, c->root, "tie_word_embeddings", err));
    if (d->attention_bias_key)
        QG_PASS(qg_key_bool(&c->attention_bias, c->root, d->attention_bias_key, err));
    if (d->mlp_bias_key)
        QG_PASS(qg_key_bool(&c->mlp_bias, c->root, d->mlp_bias_key, err));
    QG_PASS(qg_key_text(&c->hidden_act, c->root, d->act_key, err));
    if (d->is_opt)
        return read_opt(c, err);
    return qg_key_real(&c->norm_eps, c->root, "rms_norm_eps", 1e-12, 0.1, err);
}

static qg_status read_dtype(qg_model_config *c, qg_err *err)
{
    static const struct {
        const char *name;
        qgk_dtype dtype;
    } dtypes[] = {{"float16", QGK_F16}, {"bfloat16", QGK_BF16}, {"float32", QGK_F32}};
    const char *name = NULL;

    QG_PASS(qg_key_text_either(&name, c->root, "torch_dtype", "dtype", err));
    if (!name)
        return QG_OK;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            c->has_dtype = true;
            c->dtype = dtypes[i].dtype;
            return QG_OK;
        }
    }
    return qg_fail(err, QG_ENOSUP, "dtype '%s'%s is not supported, only float16, bfloat16, float32",
                   name, strncmp(name, "float8", 6) == 0 ? " (FP8)" : "");
}

static qg_status read_positions(qg_model_config *c, qg_err *err)
{
    if (!dialect_of(c)->is_opt)
        return qg_config_read_rope(c, err);
    c->rope = (qg_rope_config){.name = "none", .factor = 1};
    return QG_OK;
}

/* One id or an array of them; leaves what is there when the key is absent or null. */
static qg_status read_eos(qg_model_config *c, const qg_json *object, qg_err *err)
{
    const qg_json *node = qg_json_get(object, "eos_token_id");
    bool is_list = qg_json_type_of(node) == QG_JSON_ARRAY;
    size_t n = is_list ? qg_json_len(node) : 1;

    if (qg_json_is_null(node))
        return QG_OK;
    if (n > QG_MAX_EOS)
        return qg_fail(err, QG_EFORMAT, "'eos_token_id' lists %zu tokens, the limit is %d", n,
                       QG_MAX_EOS);
    for (size_t i = 0; i < n; i++) {
        const qg_json *item = is_list ? qg_json_at(node, i) : node;
        int64_t id;
        if (!qg_json_int(item, &id) || id < 0 || id >= c->vocab_size)
            return qg_key_fail(item, "eos_token_id", "an id inside the vocabulary", err);
        c->eos_ids[i] = (int)id;
    }
    c->n_eos = (int)n;
    return QG_OK;
}

static qg_status read_specials(qg_model_config *c, qg_err *err)
{
    c->bos_id = c->pad_id = -1;
    QG_PASS(qg_key_int(&c->bos_id, c->root, "bos_token_id", 0, c->vocab_size - 1, err));
    QG_PASS(qg_key_int(&c->pad_id, c->root, "pad_token_id", -1, QG_MAX_VOCAB, err));
    return read_eos(c, c->root, err);
}

/* `node` is NULL or null where nothing is said. */
static qg_status read_quantization(qg_quantization_config *q, const qg_json *node,
                                   const char *source, qg_err *err)
{
    const char *format = "";

    if (qg_json_is_null(node))
        return QG_OK;
    if (qg_json_type_of(node) != QG_JSON_OBJECT)
        return qg_key_fail(node, "quantization_config", "an object", err);
    *q = (qg_quantization_config){.present = true, .source = source, .node = node};
    QG_PASS(qg_key_text(&q->method, node, "quant_method", err));
    if (q->method && strcmp(q->method, "compressed-tensors") == 0)
        QG_PASS(qg_key_text(&format, node, "format", err));
    if ((q->method && strcasestr(q->method, "fp8")) || strcmp(format, "float-quantized") == 0)
        return qg_fail(err, QG_ENOSUP, "quantization '%s' stores FP8 weights, not supported",
                       q->method);
    return QG_OK;
}

qg_status qg_config_parse(qg_model_config *out, const qg_json *root, const char *const *families,
                          qg_err *err)
{
    qg_model_config c = {.root = root};

    if (qg_json_type_of(root) != QG_JSON_OBJECT)
        return qg_key_fail(root, "config", "an object", err);
    QG_PASS(read_family(&c, families, err));
    QG_PASS(read_shape(&c, err));
    QG_PASS(read_head_dim(&c, err));
    QG_PASS(read_window(&c, err));
    QG_PASS(read_switches(&c, err));
    QG_PASS(read_dtype(&c, err));
    QG_PASS(read_positions(&c, err));
    QG_PASS(read_specials(&c, err));
    QG_PASS(read_quantization(&c.quantization, qg_json_get(root, "quantization_config"),
                              "config.json", err));
    *out = c;
    return QG_OK;
}

/* Reads FOLDER/NAME if it is there; *out is NULL otherwise. */
static qg_status read_optional(const qg_json **out, qg_arena *arena, const char *folder,
                               const char *name, qg_err *err)
{
    const char *path = qg_path_join(arena, folder, name);

    *out = NULL;
    QG_NEED(path, err);
    if (!qg_file_exists(path))
        return QG_OK;
    QG_PASS(qg_json_read(out, arena, path, MAX_CONFIG_BYTES, err));
    if (qg_json_type_of(*out) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EFORMAT, "'%s' holds %s, an object was expected", path,
                       qg_json_type_name(*out));
    return QG_OK;
}

/* What other files of the folder add to config.json. */
static qg_status read_companions(qg_model_config *c, qg_arena *arena, const char *folder,
                                 qg_err *err)
{
    static const char *const files[] = {"quantize_config.json", "quant_config.json"};
    const qg_json *node;

    for (size_t i = 0; !c->quantization.present && i < sizeof files / sizeof *files; i++) {
        QG_PASS(read_optional(&node, arena, folder, files[i], err));
        QG_TRY(read_quantization(&c->quantization, node, files[i], err), err, "reading '%s/%s'",
               folder, files[i]);
    }
    QG_PASS(read_optional(&node, arena, folder, "generation_config.json", err));
    QG_TRY(read_eos(c, node, err), err, "reading '%s/generation_config.json'", folder);
    return QG_OK;
}

qg_status qg_config_read(qg_model_config *out, qg_arena *arena, const char *folder,
                         const char *const *families, qg_err *err)
{
    qg_model_config c;
    const qg_json *root;
    const char *path = qg_path_join(arena, folder, "config.json");

    QG_NEED(path, err);
    QG_PASS(qg_json_read(&root, arena, path, MAX_CONFIG_BYTES, err));
    QG_TRY(qg_config_parse(&c, root, families, err), err, "reading '%s'", path);
    QG_PASS(read_companions(&c, arena, folder, err));
    *out = c;
    return QG_OK;
}
