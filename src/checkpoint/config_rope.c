/* What a config.json says of rotation: `rope_theta` and `rope_scaling` of transformers 4,
 * `rope_parameters` of 5, `original_max_position_embeddings` inside them or outside. Each place is
 * read by itself, then they are folded into one. Invariant: two places that speak of the same thing
 * agree, or the file is refused.
 */
#include "checkpoint/config_internal.h"
#include "checkpoint/keys.h"

#include <math.h>
#include <string.h>

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

    QG_PASS(qg_key_int(&outside, c->root, key, 1, QG_MAX_POSITIONS, err));
    QG_PASS(qg_key_int(&inside, node, key, 1, QG_MAX_POSITIONS, err));
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
    QG_PASS(qg_key_real(&r->low_freq_factor, node, "low_freq_factor", 1e-6, 1e6, err));
    QG_PASS(qg_key_real(&r->high_freq_factor, node, "high_freq_factor", 1e-6, 1e6, err));
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
    QG_PASS(qg_key_real(&r->beta_fast, node, "beta_fast", 0, 1e6, err));
    QG_PASS(qg_key_real(&r->beta_slow, node, "beta_slow", 0, 1e6, err));
    QG_PASS(qg_key_real(&r->attention_factor, node, "attention_factor", 1e-6, 1e6, err));
    QG_PASS(qg_key_real(&r->mscale, node, "mscale", 0, 1e6, err));
    QG_PASS(qg_key_real(&r->mscale_all_dim, node, "mscale_all_dim", 0, 1e6, err));
    QG_PASS(qg_key_bool(&r->truncate, node, "truncate", err));
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
    QG_PASS(qg_key_text_either(&r->name, node, "rope_type", "type", err));
    if (!r->name && qg_json_get(node, "factor"))
        return qg_fail(err, QG_EFORMAT, "'rope_type' is missing");
    if (!r->name)
        r->name = "default";
    r->type = rope_type_of(r->name);
    if (r->type == QG_ROPE_NONE || r->type == QG_ROPE_OTHER)
        return QG_OK;
    r->factor = NAN;
    QG_PASS(qg_key_real(&r->factor, node, "factor", 1, 1e6, err));
    return r->type == QG_ROPE_LLAMA3    ? read_llama3(r, node, c, err)
           : r->type == QG_ROPE_YARN    ? read_yarn(r, node, c, err)
           : r->type == QG_ROPE_DYNAMIC ? read_dynamic(r, node, c, err)
                                        : QG_OK;
}

/* Partial rotation would be computed wrongly without a word: it is refused where it is said. */
static qg_status check_partial(const qg_json *node, qg_err *err)
{
    double part = 1;

    QG_PASS(qg_key_real(&part, node, "partial_rotary_factor", 0, 1, err));
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
        return qg_key_fail(node, s->key, "an object", err);
    s->has_scaling = true;
    QG_TRY(qg_key_real(&s->theta, node, "rope_theta", THETA_MIN, THETA_MAX, err), err, "'%s'",
           s->key);
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
qg_status qg_config_read_rope(qg_model_config *c, qg_err *err)
{
    rope_source from[] = {
        {.key = "rope_theta"}, {.key = "rope_scaling"}, {.key = "rope_parameters"}};
    const rope_source *theta = NULL, *scaling = NULL;

    c->rope = (qg_rope_config){.name = "default", .factor = 1, .theta = 10000};
    QG_PASS(check_partial(c->root, err));
    QG_PASS(qg_key_real(&from[0].theta, c->root, "rope_theta", THETA_MIN, THETA_MAX, err));
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
