/* config.json: see config.h.
 *
 * Small readers, one a type, each with bounds and the default that it leaves alone when the key is
 * absent or null; then the few rules between keys. Invariant: a qg_model_config that was returned
 * lies within the bounds of config.h, so n_layers * hidden * intermediate and the like stay far
 * below 2^63.
 */
#include "checkpoint/config.h"

#include "base/file.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REQUIRED = INT_MIN, MAX_CONFIG_BYTES = 4 << 20 };

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

/* "'hidden_size' is -5, an integer from 1 to 65536 was expected" */
static qg_status fail_value(const qg_json *node, const char *key, const char *expected, qg_err *err)
{
    char found[64];
    int64_t i;
    double r;

    if (qg_json_type_of(node) == QG_JSON_INT && qg_json_int(node, &i))
        snprintf(found, sizeof found, "%lld", (long long)i);
    else if (qg_json_real(node, &r))
        snprintf(found, sizeof found, "%g", r);
    else
        snprintf(found, sizeof found, "%s", qg_json_type_name(node));
    return qg_fail(err, QG_EFORMAT, "'%s' is %s, %s was expected", key, found, expected);
}

static qg_status get_int(int *out, const qg_json *object, const char *key, int min, int max,
                         qg_err *err)
{
    const qg_json *node = qg_json_get(object, key);
    char expected[64];
    int64_t v;

    if (qg_json_is_null(node))
        return *out == REQUIRED ? qg_fail(err, QG_EFORMAT, "'%s' is missing", key) : QG_OK;
    if (!qg_json_int(node, &v) || v < min || v > max) {
        snprintf(expected, sizeof expected, "an integer from %d to %d", min, max);
        return fail_value(node, key, expected, err);
    }
    *out = (int)v;
    return QG_OK;
}

/* NaN as the default: the key is required. */
static qg_status get_real(double *out, const qg_json *object, const char *key, double min,
                          double max, qg_err *err)
{
    const qg_json *node = qg_json_get(object, key);
    char expected[64];
    double v;

    if (qg_json_is_null(node))
        return isnan(*out) ? qg_fail(err, QG_EFORMAT, "'%s' is missing", key) : QG_OK;
    if (!qg_json_real(node, &v) || !(v >= min && v <= max)) {
        snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
        return fail_value(node, key, expected, err);
    }
    *out = v;
    return QG_OK;
}

static qg_status get_bool(bool *out, const qg_json *object, const char *key, qg_err *err)
{
    const qg_json *node = qg_json_get(object, key);

    if (qg_json_is_null(node) || qg_json_bool(node, out))
        return QG_OK;
    return fail_value(node, key, "true or false", err);
}

static qg_status get_text(const char **out, const qg_json *object, const char *key, qg_err *err)
{
    const qg_json *node = qg_json_get(object, key);
    qg_str s;

    if (qg_json_is_null(node))
        return QG_OK;
    if (!qg_json_str(node, &s) || memchr(s.ptr, '\0', s.len))
        return fail_value(node, key, "a string", err);
    *out = s.ptr;
    return QG_OK;
}

/* The same fact under two keys: either, or both if they say the same. */
static qg_status get_text_either(const char **out, const qg_json *object, const char *key_a,
                                 const char *key_b, qg_err *err)
{
    const char *a = NULL, *b = NULL;

    QG_PASS(get_text(&a, object, key_a, err));
    QG_PASS(get_text(&b, object, key_b, err));
    if (a && b && strcmp(a, b) != 0)
        return qg_fail(err, QG_EFORMAT, "'%s' is '%s', but '%s' is '%s'", key_a, a, key_b, b);
    *out = a ? a : b;
    return QG_OK;
}

static qg_status read_family(qg_model_config *c, const char *const *families, qg_err *err)
{
    const qg_json *list = qg_json_get(c->root, "architectures");
    char known[256] = "";
    qg_str s;

    QG_PASS(get_text(&c->model_type, c->root, "model_type", err));
    if (!c->model_type)
        return qg_fail(err, QG_EFORMAT, "'model_type' is missing");
    c->architecture = "";
    if (!qg_json_is_null(list)) {
        if (qg_json_type_of(list) != QG_JSON_ARRAY || !qg_json_str(qg_json_at(list, 0), &s))
            return fail_value(list, "architectures", "an array of strings", err);
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
    QG_PASS(get_int(&c->n_kv_heads, c->root, "num_key_value_heads", 1, QG_MAX_HEADS, err));
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

    c->vocab_size = c->hidden_size = c->n_layers = c->n_heads = c->intermediate_size = REQUIRED;
    c->max_positions = d->max_positions;
    QG_PASS(get_int(&c->vocab_size, root, "vocab_size", 1, QG_MAX_VOCAB, err));
    QG_PASS(get_int(&c->hidden_size, root, "hidden_size", 1, QG_MAX_HIDDEN, err));
    QG_PASS(get_int(&c->n_layers, root, "num_hidden_layers", 1, QG_MAX_LAYERS, err));
    QG_PASS(get_int(&c->n_heads, root, "num_attention_heads", 1, QG_MAX_HEADS, err));
    QG_PASS(get_int(&c->intermediate_size, root, d->ffn_key, 1, QG_MAX_INTERMEDIATE, err));
    QG_PASS(get_int(&c->max_positions, root, "max_position_embeddings", 1, QG_MAX_POSITIONS, err));
    c->longest = c->max_positions;
    c->embed_size = c->hidden_size;
    return read_kv_heads(c, err);
}

static qg_status read_head_dim(qg_model_config *c, qg_err *err)
{
    bool is_opt = dialect_of(c)->is_opt;

    if (!is_opt)
        QG_PASS(get_int(&c->head_dim, c->root, "head_dim", 1, QG_MAX_HEAD_DIM, err));
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
        return fail_value(list, "layer_types", "an array of strings", err);
    if (qg_json_len(list) != (size_t)c->n_layers)
        return qg_fail(err, QG_EFORMAT, "'layer_types' names %zu layers, 'num_hidden_layers' is %d",
                       qg_json_len(list), c->n_layers);
    for (int i = 0; i < c->n_layers; i++) {
        const qg_json *item = qg_json_at(list, (size_t)i);
        qg_str type;
        if (!qg_json_str(item, &type))
            return fail_value(item, "layer_types", "an array of strings", err);
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
    QG_PASS(get_bool(&used, root, "use_sliding_window", err));
    QG_PASS(get_int(&first, root, "max_window_layers", 0, INT_MAX, err));
    if (used && !qg_json_get(root, "sliding_window"))
        c->sliding_window = d->sliding_window;
    if (used)
        QG_PASS(get_int(&c->sliding_window, root, "sliding_window", 1, QG_MAX_POSITIONS, err));
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
    QG_PASS(get_bool(&before, c->root, "do_layer_norm_before", err));
    QG_PASS(get_bool(&c->no_final_norm, c->root, "_remove_final_layer_norm", err));
    QG_PASS(get_bool(&affine, c->root, "layer_norm_elementwise_affine", err));
    QG_PASS(get_int(&c->embed_size, c->root, "word_embed_proj_dim", 1, QG_MAX_HIDDEN, err));
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
    QG_PASS(get_bool(&c->tie_word_embeddings, c->root, "tie_word_embeddings", err));
    if (d->attention_bias_key)
        QG_PASS(get_bool(&c->attention_bias, c->root, d->attention_bias_key, err));
    if (d->mlp_bias_key)
        QG_PASS(get_bool(&c->mlp_bias, c->root, d->mlp_bias_key, err));
    QG_PASS(get_text(&c->hidden_act, c->root, d->act_key, err));
    if (d->is_opt)
        return read_opt(c, err);
    return get_real(&c->norm_eps, c->root, "rms_norm_eps", 1e-12, 0.1, err);
}

static qg_status read_dtype(qg_model_config *c, qg_err *err)
{
    static const struct {
        const char *name;
        qgk_dtype dtype;
    } dtypes[] = {{"float16", QGK_F16}, {"bfloat16", QGK_BF16}, {"float32", QGK_F32}};
    const char *name = NULL;

    QG_PASS(get_text_either(&name, c->root, "torch_dtype", "dtype", err));
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

/* What one of the places that may speak of rotation said. */
typedef struct rope_source {
    const char *key;
    double theta;     /* 0: nothing said */
    bool has_scaling; /* the fields of `rope` but theta are said */
    qg_rope_config rope;
} rope_source;

static const double THETA_MIN = 1, THETA_MAX = 1e12;

/* The length before stretching: inside the object, outside, or both if they agree. */
static qg_status read_original(qg_rope_config *r, const qg_json *node, const qg_model_config *c,
                               int fallback, qg_err *err)
{
    static const char *const key = "original_max_position_embeddings";
    int outside = 0, inside = 0;

    QG_PASS(get_int(&outside, c->root, key, 1, QG_MAX_POSITIONS, err));
    QG_PASS(get_int(&inside, node, key, 1, QG_MAX_POSITIONS, err));
    if (outside && inside && outside != inside)
        return qg_fail(err, QG_EFORMAT, "'%s' is %d, but %d in config.json itself", key, inside,
                       outside);
    r->original_max_positions = inside ? inside : outside ? outside : fallback;
    if (r->original_max_positions == 0)
        return qg_fail(err, QG_EFORMAT, "'%s' is missing", key);
    return QG_OK;
}

static qg_status read_llama3(qg_rope_config *r, const qg_json *node, const qg_model_config *c,
                             qg_err *err)
{
    r->low_freq_factor = r->high_freq_factor = NAN;
    QG_PASS(get_real(&r->low_freq_factor, node, "low_freq_factor", 1e-6, 1e6, err));
    QG_PASS(get_real(&r->high_freq_factor, node, "high_freq_factor", 1e-6, 1e6, err));
    QG_PASS(read_original(r, node, c, 0, err));
    if (r->low_freq_factor >= r->high_freq_factor)
        return qg_fail(err, QG_EFORMAT, "'low_freq_factor' %g is not below 'high_freq_factor' %g",
                       r->low_freq_factor, r->high_freq_factor);
    return QG_OK;
}

/* Zeros mean what absent keys mean, as in transformers. */
static qg_status read_yarn(qg_rope_config *r, const qg_json *node, const qg_model_config *c,
                           qg_err *err)
{
    r->truncate = true;
    QG_PASS(get_real(&r->beta_fast, node, "beta_fast", 0, 1e6, err));
    QG_PASS(get_real(&r->beta_slow, node, "beta_slow", 0, 1e6, err));
    QG_PASS(get_real(&r->attention_factor, node, "attention_factor", 1e-6, 1e6, err));
    QG_PASS(get_real(&r->mscale, node, "mscale", 0, 1e6, err));
    QG_PASS(get_real(&r->mscale_all_dim, node, "mscale_all_dim", 0, 1e6, err));
    QG_PASS(get_bool(&r->truncate, node, "truncate", err));
    QG_PASS(read_original(r, node, c, c->max_positions, err));
    r->beta_fast = r->beta_fast != 0 ? r->beta_fast : 32;
    r->beta_slow = r->beta_slow != 0 ? r->beta_slow : 1;
    if (r->beta_slow > r->beta_fast)
        return qg_fail(err, QG_EFORMAT, "'beta_slow' %g exceeds 'beta_fast' %g", r->beta_slow,
                       r->beta_fast);
    return QG_OK;
}

/* transformers grows theta beyond `max_position_embeddings`, and looks at no other length. */
static qg_status read_dynamic(qg_rope_config *r, const qg_json *node, const qg_model_config *c,
                              qg_err *err)
{
    QG_PASS(read_original(r, node, c, c->max_positions, err));
    if (r->original_max_positions != c->max_positions)
        return qg_fail(err, QG_EFORMAT,
                       "'original_max_position_embeddings' is %lld, but dynamic scaling starts at "
                       "'max_position_embeddings', %d",
                       (long long)r->original_max_positions, c->max_positions);
    if (c->head_dim < 4)
        return qg_fail(err, QG_EFORMAT, "dynamic scaling needs heads of 4 dimensions, not %d",
                       c->head_dim);
    return QG_OK;
}

static qg_rope_type rope_type_of(const char *name)
{
    static const char *const names[] = {
        [QG_ROPE_NONE] = "default", [QG_ROPE_LINEAR] = "linear", [QG_ROPE_DYNAMIC] = "dynamic",
        [QG_ROPE_YARN] = "yarn",    [QG_ROPE_LLAMA3] = "llama3",
    };
    int type = 0;

    while (type < QG_ROPE_OTHER && strcmp(names[type], name) != 0)
        type++;
    return (qg_rope_type)type;
}

static qg_status read_scaling(qg_rope_config *r, const qg_json *node, const qg_model_config *c,
                              qg_err *err)
{
    for (qg_json_iter it = {0}; qg_json_next(node, &it);) {
        if (qg_json_type_of(it.value) == QG_JSON_OBJECT) { /* transformers 5, mixed layers */
            r->type = QG_ROPE_OTHER;
            r->name = "per layer type";
            return QG_OK;
        }
    }
    QG_PASS(get_text_either(&r->name, node, "rope_type", "type", err));
    if (!r->name && qg_json_get(node, "factor"))
        return qg_fail(err, QG_EFORMAT, "'rope_type' is missing");
    if (!r->name)
        r->name = "default";
    r->type = rope_type_of(r->name);
    if (r->type == QG_ROPE_NONE || r->type == QG_ROPE_OTHER)
        return QG_OK;
    r->factor = NAN;
    QG_PASS(get_real(&r->factor, node, "factor", 1, 1e6, err));
    return r->type == QG_ROPE_LLAMA3    ? read_llama3(r, node, c, err)
           : r->type == QG_ROPE_YARN    ? read_yarn(r, node, c, err)
           : r->type == QG_ROPE_DYNAMIC ? read_dynamic(r, node, c, err)
                                        : QG_OK;
}

/* Partial rotation would be computed wrongly without a word: it is refused where it is said. */
static qg_status check_partial(const qg_json *node, qg_err *err)
{
    double part = 1;

    QG_PASS(get_real(&part, node, "partial_rotary_factor", 0, 1, err));
    if (part != 1)
        return qg_fail(err, QG_ENOSUP, "'partial_rotary_factor' %g is not supported, only 1", part);
    return QG_OK;
}

static qg_status read_rope_source(rope_source *s, const qg_model_config *c, qg_err *err)
{
    const qg_json *node = qg_json_get(c->root, s->key);

    s->rope.factor = 1;
    if (qg_json_is_null(node))
        return QG_OK;
    if (qg_json_type_of(node) != QG_JSON_OBJECT)
        return fail_value(node, s->key, "an object", err);
    s->has_scaling = true;
    QG_TRY(get_real(&s->theta, node, "rope_theta", THETA_MIN, THETA_MAX, err), err, "'%s'", s->key);
    QG_TRY(check_partial(node, err), err, "'%s'", s->key);
    QG_TRY(read_scaling(&s->rope, node, c, err), err, "'%s'", s->key);
    return QG_OK;
}

static bool same_scaling(const qg_rope_config *a, const qg_rope_config *b)
{
    return strcmp(a->name, b->name) == 0 && a->factor == b->factor &&
           a->low_freq_factor == b->low_freq_factor && a->high_freq_factor == b->high_freq_factor &&
           a->beta_fast == b->beta_fast && a->beta_slow == b->beta_slow &&
           a->attention_factor == b->attention_factor && a->mscale == b->mscale &&
           a->mscale_all_dim == b->mscale_all_dim && a->truncate == b->truncate &&
           a->original_max_positions == b->original_max_positions;
}

/* How far yarn and dynamic were made to reach, as serving engines have it. */
static int longest_of(const qg_model_config *c)
{
    const qg_rope_config *r = &c->rope;
    double reach = (double)r->original_max_positions * r->factor;

    if ((r->type != QG_ROPE_YARN && r->type != QG_ROPE_DYNAMIC) || reach <= c->max_positions)
        return c->max_positions;
    return reach < QG_MAX_POSITIONS ? (int)reach : QG_MAX_POSITIONS;
}

/* Folds the sources into one; two that speak must agree. */
static qg_status read_rope(qg_model_config *c, qg_err *err)
{
    rope_source from[] = {
        {.key = "rope_theta"}, {.key = "rope_scaling"}, {.key = "rope_parameters"}};
    const rope_source *theta = NULL, *scaling = NULL;

    c->rope = (qg_rope_config){.name = "default", .factor = 1, .theta = 10000};
    if (dialect_of(c)->is_opt)
        return QG_OK;
    QG_PASS(check_partial(c->root, err));
    QG_PASS(get_real(&from[0].theta, c->root, "rope_theta", THETA_MIN, THETA_MAX, err));
    QG_PASS(read_rope_source(&from[1], c, err));
    QG_PASS(read_rope_source(&from[2], c, err));
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        if (from[i].theta != 0) {
            if (theta && theta->theta != from[i].theta)
                return qg_fail(err, QG_EFORMAT, "'%s' says theta %g, but '%s' says %g", theta->key,
                               theta->theta, from[i].key, from[i].theta);
            theta = &from[i];
        }
        if (from[i].has_scaling) {
            if (scaling && !same_scaling(&scaling->rope, &from[i].rope))
                return qg_fail(err, QG_EFORMAT, "'%s' and '%s' contradict each other", scaling->key,
                               from[i].key);
            scaling = &from[i];
        }
    }
    if (scaling)
        c->rope = scaling->rope;
    c->rope.theta = theta ? theta->theta : 10000;
    if (c->rope.type == QG_ROPE_YARN && c->rope.theta <= 1)
        return qg_fail(err, QG_EFORMAT, "yarn needs a 'rope_theta' above 1");
    c->longest = longest_of(c);
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
            return fail_value(item, "eos_token_id", "an id inside the vocabulary", err);
        c->eos_ids[i] = (int)id;
    }
    c->n_eos = (int)n;
    return QG_OK;
}

static qg_status read_specials(qg_model_config *c, qg_err *err)
{
    c->bos_id = c->pad_id = -1;
    QG_PASS(get_int(&c->bos_id, c->root, "bos_token_id", 0, c->vocab_size - 1, err));
    QG_PASS(get_int(&c->pad_id, c->root, "pad_token_id", -1, QG_MAX_VOCAB, err));
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
        return fail_value(node, "quantization_config", "an object", err);
    *q = (qg_quantization_config){.present = true, .source = source, .node = node};
    QG_PASS(get_text(&q->method, node, "quant_method", err));
    if (q->method && strcmp(q->method, "compressed-tensors") == 0)
        QG_PASS(get_text(&format, node, "format", err));
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
        return fail_value(root, "config", "an object", err);
    QG_PASS(read_family(&c, families, err));
    QG_PASS(read_shape(&c, err));
    QG_PASS(read_head_dim(&c, err));
    QG_PASS(read_window(&c, err));
    QG_PASS(read_switches(&c, err));
    QG_PASS(read_dtype(&c, err));
    QG_PASS(read_rope(&c, err));
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
