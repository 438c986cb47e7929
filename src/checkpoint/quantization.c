/* Dialects of quantization, see quantization.h. One function a dialect, over small readers that
 * leave their defaults alone where a key is absent or null. Invariant: what comes back is either a
 * configuration that was understood as a whole, or an error that names the key: nothing that would
 * change the numbers is skipped.
 */
#include "checkpoint/quantization.h"

#include <stdio.h>
#include <string.h>

enum { MAX_GROUP = 1 << 20, DEFAULT_GROUP = 128 /* transformers' */ };

/* ---- readers ---- */

typedef struct dialect {
    const qg_json *node;
    const char *source; /* the file, for messages */
} dialect;

static qg_status fail_type(const dialect *d, const char *key, const qg_json *value,
                           const char *expected, qg_err *err)
{
    return qg_fail(err, QG_EFORMAT, "'%s' of the quantization (%s) is %s, expected %s", key,
                   d->source, qg_json_type_name(value), expected);
}

static qg_status get_int(const dialect *d, int *out, const char *key, int min, int max, qg_err *err)
{
    const qg_json *value = qg_json_get(d->node, key);
    int64_t v;

    if (qg_json_is_null(value))
        return QG_OK;
    if (!qg_json_int(value, &v))
        return fail_type(d, key, value, "an integer", err);
    if (v < min || v > max)
        return qg_fail(err, QG_EFORMAT, "'%s' of the quantization (%s) is %lld, expected %d to %d",
                       key, d->source, (long long)v, min, max);
    *out = (int)v;
    return QG_OK;
}

static qg_status get_bool(const dialect *d, bool *out, const char *key, qg_err *err)
{
    const qg_json *value = qg_json_get(d->node, key);

    if (qg_json_is_null(value) || qg_json_bool(value, out))
        return QG_OK;
    return fail_type(d, key, value, "true or false", err);
}

static qg_status get_text(const dialect *d, qg_str *out, const char *key, qg_err *err)
{
    const qg_json *value = qg_json_get(d->node, key);

    if (qg_json_is_null(value) || qg_json_str(value, out))
        return QG_OK;
    return fail_type(d, key, value, "a string", err);
}

/* A list or an object, NULL where it is absent, null or empty. */
static qg_status get_many(const dialect *d, const qg_json **out, const char *key, qg_json_type type,
                          qg_err *err)
{
    const qg_json *value = qg_json_get(d->node, key);

    *out = NULL;
    if (qg_json_is_null(value))
        return QG_OK;
    if (qg_json_type_of(value) != type)
        return fail_type(d, key, value, type == QG_JSON_ARRAY ? "a list" : "an object", err);
    if (qg_json_len(value))
        *out = value;
    return QG_OK;
}

/* A feature of the dialect that no method here runs. */
static qg_status fail_feature(const dialect *d, const char *key, qg_str value, const char *only,
                              qg_err *err)
{
    return qg_fail_about(err, QG_ENOSUP, "quantization-unsupported", NULL,
                         "'%s' of the quantization (%s) is '" QG_STR_PRI
                         "', which is not supported, "
                         "only %s",
                         key, d->source, QG_STR_ARG(value), only);
}

static qg_status check_group(const dialect *d, int group, qg_err *err)
{
    if (group == -1 || group > 0)
        return QG_OK;
    return qg_fail(err, QG_EFORMAT,
                   "'group_size' of the quantization (%s) is %d, expected -1 or a count of inputs",
                   d->source, group);
}

/* ---- GPTQ ---- */

typedef enum version { UNKNOWN, V1, V2 } version;

/* What the zero points of a folder look like: all of them as symmetric ones of one version, or
 * otherwise. They are a thousandth of the weights, and the first other word ends the search. */
static version look_at_zeros(const qg_checkpoint *checkpoint, int bits)
{
    uint32_t v1 = bits == 8 ? 0x7f7f7f7fu : 0x77777777u, v2 = bits == 8 ? 0x80808080u : 0x88888888u;
    bool only_v1 = true, only_v2 = true, any = false;

    for (size_t i = 0; checkpoint && i < qg_checkpoint_count(checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(checkpoint, i);
        if (!t->data || t->dtype != QGK_I32 ||
            !qg_str_ends(qg_str_from(t->name), QG_STR(".qzeros")))
            continue;
        for (int64_t at = 0; at < t->n_elements && (only_v1 || only_v2); at++) {
            uint32_t word = qgk_word_at(t->data, (size_t)at);
            only_v1 = only_v1 && word == v1;
            only_v2 = only_v2 && word == v2;
            any = true;
        }
    }
    return !any ? UNKNOWN : only_v1 ? V1 : only_v2 ? V2 : UNKNOWN;
}

static qg_status choose_version(qg_quantization *out, const dialect *d, qg_str format,
                                const qg_checkpoint *checkpoint, qg_err *err)
{
    version found = look_at_zeros(checkpoint, out->config.bits);
    bool is_v1 = qg_str_is(format, "gptq"), is_v2 = qg_str_is(format, "gptq_v2");

    if (format.len && !is_v1 && !is_v2)
        return fail_feature(d, "checkpoint_format", format, "gptq and gptq_v2", err);
    if (format.len && found != UNKNOWN && (found == V1) != is_v1)
        return qg_fail_about(err, QG_EFORMAT, "gptq-zeros-v1-v2", NULL,
                             "found the zero points of format %s, declared is 'checkpoint_format' "
                             "\"" QG_STR_PRI "\"; write \"checkpoint_format\": \"%s\" in %s",
                             found == V1 ? "v1" : "v2", QG_STR_ARG(format),
                             found == V1 ? "gptq" : "gptq_v2", d->source);
    out->config.zeros_less_one = format.len ? is_v1 : found != V2;
    if (!format.len)
        out->guess = found == V1   ? "GPTQ without 'checkpoint_format': read as format v1, because "
                                     "every zero point is stored as one less than the middle"
                     : found == V2 ? "GPTQ without 'checkpoint_format': read as format v2, because "
                                     "every zero point is stored as the middle"
                                   : "GPTQ without 'checkpoint_format': read as format v1, as "
                                     "AutoGPTQ wrote it; the zero points do not tell";
    return QG_OK;
}

/* Rules by module: those that leave it out are fine, those that change settings must not. */
static qg_status read_dynamic(qg_quantization *out, const dialect *d, qg_err *err)
{
    const qg_json *rules;

    QG_PASS(get_many(d, &rules, "dynamic", QG_JSON_OBJECT, err));
    for (qg_json_iter it = {0}; qg_json_next(rules, &it);) {
        dialect rule = {it.value, d->source};
        int bits = out->config.bits, group = out->config.group_size;
        if (qg_str_starts(it.key, QG_STR("-:")))
            continue;
        if (qg_json_type_of(it.value) == QG_JSON_OBJECT) {
            QG_PASS(get_int(&rule, &bits, "bits", 1, 32, err));
            QG_PASS(get_int(&rule, &group, "group_size", -1, MAX_GROUP, err));
        }
        if (bits != out->config.bits || group != out->config.group_size)
            return qg_fail(err, QG_ENOSUP,
                           "'dynamic' of the quantization (%s) gives '" QG_STR_PRI "' settings of "
                           "its own, which is not supported",
                           d->source, QG_STR_ARG(it.key));
    }
    out->skipped = rules;
    return QG_OK;
}

static qg_status read_gptq(qg_quantization *out, const dialect *d, const qg_checkpoint *checkpoint,
                           qg_err *err)
{
    qgk_quant_config *c = &out->config;
    qg_str format = {0}, packed = QG_STR("int32");
    bool sym = true, desc_act = false, head = false, marlin = false;

    c->group_size = DEFAULT_GROUP;
    QG_PASS(get_int(d, &c->bits, "bits", 1, 32, err));
    QG_PASS(get_int(d, &c->group_size, "group_size", -1, MAX_GROUP, err));
    QG_PASS(get_bool(d, &sym, "sym", err));
    QG_PASS(get_bool(d, &desc_act, "desc_act", err));
    QG_PASS(get_bool(d, &head, "lm_head", err));
    QG_PASS(get_bool(d, &marlin, "is_marlin_format", err));
    QG_PASS(get_text(d, &packed, "pack_dtype", err));
    QG_PASS(get_text(d, &format, "format", err)); /* GPTQModel's new name for the next */
    QG_PASS(get_text(d, &format, "checkpoint_format", err));
    if (!c->bits)
        return qg_fail(err, QG_EFORMAT, "the GPTQ quantization (%s) has no 'bits'", d->source);
    if (c->bits != 4 && c->bits != 8)
        return qg_fail(err, QG_ENOSUP, "GPTQ with %d bits (%s) is not supported, only 4 and 8",
                       c->bits, d->source);
    if (marlin)
        return fail_feature(d, "checkpoint_format", QG_STR("marlin"), "gptq and gptq_v2", err);
    if (!qg_str_is(packed, "int32"))
        return fail_feature(d, "pack_dtype", packed, "int32", err);
    if (head)
        return fail_feature(d, "lm_head", QG_STR("true"), "a head that is left unquantized", err);
    QG_PASS(check_group(d, c->group_size, err));
    c->symmetric = sym;
    c->act_order = desc_act;
    QG_PASS(read_dynamic(out, d, err));
    out->method = "gptq";
    return choose_version(out, d, format, checkpoint, err);
}

/* ---- AWQ ---- */

static bool is_gemm(qg_str layout)
{
    return qg_str_is(layout, "gemm") || qg_str_is(layout, "GEMM");
}

static qg_status read_awq(qg_quantization *out, const dialect *d, qg_err *err)
{
    qgk_quant_config *c = &out->config;
    qg_str layout = QG_STR("gemm");
    bool zero_point = true;

    *c = (qgk_quant_config){.bits = 4, .group_size = DEFAULT_GROUP};
    QG_PASS(get_int(d, &c->bits, "w_bit", 1, 32, err)); /* AutoAWQ's own file */
    QG_PASS(get_int(d, &c->bits, "bits", 1, 32, err));
    QG_PASS(get_int(d, &c->group_size, "q_group_size", -1, MAX_GROUP, err));
    QG_PASS(get_int(d, &c->group_size, "group_size", -1, MAX_GROUP, err));
    QG_PASS(get_bool(d, &zero_point, "zero_point", err));
    QG_PASS(get_text(d, &layout, "checkpoint_format", err)); /* GPTQModel's name for the next */
    QG_PASS(get_text(d, &layout, "version", err));
    QG_PASS(get_many(d, &out->skipped, "modules_to_not_convert", QG_JSON_ARRAY, err));
    if (c->bits != 4)
        return qg_fail(err, QG_ENOSUP, "AWQ with %d bits (%s) is not supported, only 4", c->bits,
                       d->source);
    if (!is_gemm(layout))
        return fail_feature(d, "version", layout, "GEMM", err);
    if (!zero_point)
        return fail_feature(d, "zero_point", QG_STR("false"), "true", err);
    QG_PASS(check_group(d, c->group_size, err));
    out->method = "awq";
    return QG_OK;
}

/* ---- compressed-tensors ---- */

/* One of config_groups. */
typedef struct scheme {
    const char *method;
    qgk_quant_config config;
} scheme;

/* What weights and activations both must be: whole numbers of 8 bits, or 4 where that is fine. */
static qg_status read_number(const dialect *d, int *bits, bool or_4, const char *of, qg_err *err)
{
    qg_str type = QG_STR("int");
    char text[64], only[64];

    *bits = 8;
    QG_PASS(get_int(d, bits, "num_bits", 1, 32, err));
    QG_PASS(get_text(d, &type, "type", err));
    if (!qg_str_is(type, "int"))
        return fail_feature(d, "type", type, "int", err);
    if (*bits == 8 || (*bits == 4 && or_4))
        return QG_OK;
    snprintf(text, sizeof text, "%d", *bits);
    snprintf(only, sizeof only, "%s for %s", or_4 ? "4 and 8" : "8", of);
    return fail_feature(d, "num_bits", qg_str_from(text), only, err);
}

/* Groups and their order by upstream's QuantizationArgs, which infers a missing strategy. */
static qg_status read_strategy(qgk_quant_config *c, const dialect *d, qg_err *err)
{
    qg_str strategy = {0}, order = {0};
    bool no_order = false;
    int group = 0;

    QG_PASS(get_int(d, &group, "group_size", -1, MAX_GROUP, err));
    QG_PASS(get_text(d, &strategy, "strategy", err));
    if (!qg_json_bool(qg_json_get(d->node, "actorder"), &no_order)) /* false in old files */
        QG_PASS(get_text(d, &order, "actorder", err));
    if (!strategy.len)
        strategy = group > 0 ? QG_STR("group") : group == 0 ? QG_STR("tensor") : QG_STR("channel");
    if (!qg_str_is(strategy, "group") && !qg_str_is(strategy, "channel"))
        return fail_feature(d, "strategy", strategy, "group and channel for weights", err);
    c->group_size = qg_str_is(strategy, "channel") ? -1 : group;
    c->act_order = qg_str_is(order, "group") || qg_str_is(order, "dynamic");
    if (order.len && !c->act_order && !qg_str_is(order, "weight") && !qg_str_is(order, "static"))
        return fail_feature(d, "actorder", order, "weight and group", err);
    return check_group(d, c->group_size, err);
}

static qg_status read_weights(qgk_quant_config *c, const dialect *d, bool packed, qg_err *err)
{
    bool symmetric = true, dynamic = false;

    QG_PASS(read_number(d, &c->bits, packed,
                        packed ? "pack-quantized weights" : "int-quantized weights", err));
    QG_PASS(get_bool(d, &symmetric, "symmetric", err));
    QG_PASS(get_bool(d, &dynamic, "dynamic", err));
    QG_PASS(read_strategy(c, d, err));
    c->symmetric = symmetric;
    if (dynamic)
        return fail_feature(d, "dynamic", QG_STR("true"), "false for weights", err);
    if (!packed && !symmetric)
        return fail_feature(d, "symmetric", QG_STR("false"), "true for int-quantized weights", err);
    if (!packed && c->group_size != -1)
        return fail_feature(d, "strategy", QG_STR("group"), "channel for int-quantized weights",
                            err);
    return QG_OK;
}

/* Activations of 8 bits, scaled as they come, token by token. */
static qg_status check_activations(const dialect *d, qg_err *err)
{
    qg_str strategy = QG_STR("tensor");
    bool symmetric = true, dynamic = false;
    int bits;

    QG_PASS(read_number(d, &bits, false, "activations", err));
    QG_PASS(get_bool(d, &symmetric, "symmetric", err));
    QG_PASS(get_bool(d, &dynamic, "dynamic", err));
    QG_PASS(get_text(d, &strategy, "strategy", err));
    if (!dynamic)
        return fail_feature(d, "dynamic", QG_STR("false"), "true for activations", err);
    if (!symmetric)
        return fail_feature(d, "symmetric", QG_STR("false"), "true for activations", err);
    if (!qg_str_is(strategy, "token"))
        return fail_feature(d, "strategy", strategy, "token for activations", err);
    return QG_OK;
}

/* An object below; its node is NULL where it is absent or null. */
static qg_status get_part(const dialect *d, dialect *out, const char *key, qg_err *err)
{
    const qg_json *value = qg_json_get(d->node, key);

    *out = (dialect){qg_json_is_null(value) ? NULL : value, d->source};
    if (out->node && qg_json_type_of(value) != QG_JSON_OBJECT)
        return fail_type(d, key, value, "an object", err);
    return QG_OK;
}

static qg_status read_scheme(scheme *out, const dialect *d, qg_str format, qg_err *err)
{
    dialect weights, inputs, outputs;
    const qg_json *targets;

    *out = (scheme){0};
    QG_PASS(get_text(d, &format, "format", err));
    bool packed = qg_str_is(format, "pack-quantized");
    if (!packed && !qg_str_is(format, "int-quantized"))
        return fail_feature(d, "format", format, "pack-quantized and int-quantized", err);
    QG_PASS(get_many(d, &targets, "targets", QG_JSON_ARRAY, err));
    QG_PASS(get_part(d, &weights, "weights", err));
    QG_PASS(get_part(d, &inputs, "input_activations", err));
    QG_PASS(get_part(d, &outputs, "output_activations", err));
    if (!weights.node)
        return qg_fail(err, QG_EFORMAT, "a group of 'config_groups' (%s) has no 'weights'",
                       d->source);
    if (outputs.node)
        return fail_feature(d, "output_activations", QG_STR("quantized"), "null", err);
    if (inputs.node && packed)
        return fail_feature(d, "input_activations", QG_STR("quantized"),
                            "null beside pack-quantized weights", err);
    QG_PASS(read_weights(&out->config, &weights, packed, err));
    if (inputs.node)
        QG_PASS(check_activations(&inputs, err));
    out->method = packed ? "compressed-tensors pack-quantized" : "compressed-tensors int-quantized";
    out->config.float_inputs = out->config.bits == 8 && !inputs.node;
    return QG_OK;
}

static bool same_scheme(const scheme *a, const scheme *b)
{
    const qgk_quant_config *x = &a->config, *y = &b->config;

    return strcmp(a->method, b->method) == 0 && x->bits == y->bits &&
           x->group_size == y->group_size && x->symmetric == y->symmetric &&
           x->act_order == y->act_order && x->float_inputs == y->float_inputs;
}

/* What may stand beside the groups and would change the numbers. */
static qg_status check_extras(const dialect *d, qg_err *err)
{
    qg_str status = QG_STR("compressed"), sparsity = QG_STR("dense");
    dialect part;

    QG_PASS(get_text(d, &status, "quantization_status", err));
    if (!qg_str_is(status, "compressed"))
        return fail_feature(d, "quantization_status", status, "compressed", err);
    QG_PASS(get_part(d, &part, "kv_cache_scheme", err));
    if (part.node)
        return fail_feature(d, "kv_cache_scheme", QG_STR("quantized"), "null", err);
    QG_PASS(get_part(d, &part, "sparsity_config", err));
    QG_PASS(get_text(&part, &sparsity, "format", err));
    if (!qg_str_is(sparsity, "dense"))
        return fail_feature(d, "sparsity_config", sparsity, "dense", err);
    QG_PASS(get_part(d, &part, "transform_config", err));
    if (qg_json_len(qg_json_get(part.node, "config_groups")))
        return fail_feature(d, "transform_config", QG_STR("a rotation"), "none", err);
    return QG_OK;
}

static qg_status read_compressed(qg_quantization *out, const dialect *d, qg_err *err)
{
    qg_str format = {0};
    dialect groups;
    scheme first = {0}, other;
    size_t n = 0;

    QG_PASS(get_text(d, &format, "format", err));
    QG_PASS(check_extras(d, err));
    QG_PASS(get_many(d, &out->skipped, "ignore", QG_JSON_ARRAY, err));
    QG_PASS(get_part(d, &groups, "config_groups", err));
    for (qg_json_iter it = {0}; qg_json_next(groups.node, &it); n++) {
        dialect group = {it.value, d->source};
        if (qg_json_type_of(it.value) != QG_JSON_OBJECT)
            return fail_type(d, "config_groups", it.value, "only objects in it", err);
        QG_PASS(read_scheme(n ? &other : &first, &group, format, err));
        if (n && !same_scheme(&first, &other))
            return fail_feature(d, "config_groups", QG_STR("several settings"),
                                "one for all linears", err);
    }
    if (n == 0)
        return qg_fail(err, QG_EFORMAT, "the quantization (%s) has no 'config_groups'", d->source);
    out->method = first.method;
    out->config = first.config;
    return QG_OK;
}

/* ---- bitsandbytes ---- */

static qg_status read_bitsandbytes(qg_quantization *out, const dialect *d, qg_err *err)
{
    bool four = false, eight = false;

    QG_PASS(get_bool(d, &four, "_load_in_4bit", err)); /* transformers' older spelling */
    QG_PASS(get_bool(d, &four, "load_in_4bit", err));
    QG_PASS(get_bool(d, &eight, "_load_in_8bit", err));
    QG_PASS(get_bool(d, &eight, "load_in_8bit", err));
    QG_PASS(get_many(d, &out->skipped, "llm_int8_skip_modules", QG_JSON_ARRAY, err));
    if (four)
        return fail_feature(d, "load_in_4bit", QG_STR("true"), "bitsandbytes with 8 bit", err);
    if (!eight)
        return qg_fail(err, QG_EFORMAT, "the bitsandbytes quantization (%s) has no 'load_in_8bit'",
                       d->source);
    out->config =
        (qgk_quant_config){.bits = 8, .group_size = -1, .symmetric = 1, .float_inputs = 1};
    out->method = "bitsandbytes";
    return QG_OK;
}

/* ---- modules that are left out ---- */

/* A regular expression of plain characters, dots, ".*" and ".+" as a glob that matches from the
 * start, as Python's re.match; false: it has more than that. */
static bool glob_of(char *glob, size_t size, qg_str pattern)
{
    size_t n = 0;

    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.ptr[i], next = i + 1 < pattern.len ? pattern.ptr[i + 1] : '\0';
        if (n + 3 >= size)
            return false;
        if (c == '.' && (next == '*' || next == '+')) {
            if (next == '+')
                glob[n++] = '?';
            glob[n++] = '*';
            i++;
        } else if (c == '.') {
            glob[n++] = '?';
        } else if (c == '\\' && next == '.') {
            glob[n++] = '.';
            i++;
        } else if (c == '$' && i + 1 == pattern.len) {
            glob[n] = '\0';
            return true;
        } else if (c != '^' && strchr("\\*+?[]{}()|$", c)) {
            return false;
        } else if (c != '^' || i > 0) {
            glob[n++] = c;
        }
    }
    glob[n++] = '*';
    glob[n] = '\0';
    return true;
}

static bool matches_regex(qg_str pattern, qg_str name)
{
    char glob[256];

    return glob_of(glob, sizeof glob, pattern) && qg_str_glob(qg_str_from(glob), name);
}

/* Whether `part` is the name or a run of whole components of it, as "mlp" of "layers.0.mlp.up". */
static bool has_component(qg_str name, qg_str part)
{
    for (size_t at = 0; part.len && at + part.len <= name.len; at++)
        if ((at == 0 || name.ptr[at - 1] == '.') &&
            (at + part.len == name.len || name.ptr[at + part.len] == '.') &&
            memcmp(name.ptr + at, part.ptr, part.len) == 0)
            return true;
    return false;
}

static qg_str after(qg_str s, size_t n)
{
    return qg_str_sub(s, n, s.len);
}

bool qg_quantization_skips(const qg_quantization *q, const char *name)
{
    qg_str module = qg_str_from(name), item;

    if (qg_json_type_of(q->skipped) == QG_JSON_OBJECT) { /* GPTQModel's rules: the first one wins */
        for (qg_json_iter it = {0}; qg_json_next(q->skipped, &it);) {
            bool leaves_out = qg_str_starts(it.key, QG_STR("-:"));
            bool is_marked = leaves_out || qg_str_starts(it.key, QG_STR("+:"));
            if (matches_regex(is_marked ? after(it.key, 2) : it.key, module))
                return leaves_out;
        }
        return false;
    }
    for (size_t i = 0; i < qg_json_len(q->skipped); i++) {
        if (!qg_json_str(qg_json_at(q->skipped, i), &item))
            continue;
        if (qg_str_starts(item, QG_STR("re:")) ? matches_regex(after(item, 3), module)
                                               : has_component(module, item))
            return true;
    }
    return false;
}

/* ---- the door ---- */

qg_status qg_quantization_read(qg_quantization *out, const qg_model_config *config,
                               const qg_checkpoint *checkpoint, qg_err *err)
{
    const qg_quantization_config *q = &config->quantization;
    const dialect d = {q->node, q->source};
    const char *declared = q->method;

    *out = (qg_quantization){.method = "fp16"};
    if (!q->present)
        return QG_OK;
    if (!declared) /* the tools' own files of old did not say */
        declared = strcmp(q->source, "quantize_config.json") == 0 ? "gptq"
                   : strcmp(q->source, "quant_config.json") == 0  ? "awq"
                                                                  : NULL;
    if (!declared)
        return qg_fail(err, QG_EFORMAT, "quantization_config (%s) has no 'quant_method'",
                       q->source);
    out->declared = declared;
    if (strcmp(declared, "gptq") == 0)
        return read_gptq(out, &d, checkpoint, err);
    if (strcmp(declared, "awq") == 0)
        return read_awq(out, &d, err);
    if (strcmp(declared, "compressed-tensors") == 0)
        return read_compressed(out, &d, err);
    if (strcmp(declared, "bitsandbytes") == 0)
        return read_bitsandbytes(out, &d, err);
    return qg_fail(err, QG_ENOSUP,
                   "quantization method '%s' (%s) is not supported, only gptq, awq, "
                   "compressed-tensors and bitsandbytes",
                   declared, q->source);
}
