/* Choosing how linears are stored, see storage.h. */
#include "engine/storage.h"

#include <stdio.h>
#include <string.h>

static const char *dtype_word(const qg_model_config *c)
{
    return !c->has_dtype          ? "unquantized"
           : c->dtype == QGK_BF16 ? "bfloat16"
           : c->dtype == QGK_F32  ? "float32"
                                  : "float16";
}

/* INT8 made from the plain weights while loading. */
static qg_status choose_int8(qg_storage *out, const char *activations)
{
    *out =
        (qg_storage){.method = qgk_method_find("int8"),
                     .config = {.bits = 8,
                                .group_size = -1,
                                .symmetric = 1,
                                .float_inputs = activations && strcmp(activations, "float") == 0}};
    return QG_OK;
}

static qg_status fail_mismatch(const qg_model_config *c, const qg_quantization *q,
                               const char *runs_as, const char *declared, qg_err *err)
{
    if (q->declared)
        return qg_fail_about(err, QG_EREFUSED, "method-mismatch", NULL,
                             "found a folder quantized by method '%s' (%s), declared '%s'; write "
                             "'quantization: %s'",
                             q->declared, c->quantization.source, declared, runs_as);
    return qg_fail_about(err, QG_EREFUSED, "method-mismatch", NULL,
                         "found a plain %s folder, declared '%s'; write 'quantization: fp16' or "
                         "leave it out",
                         dtype_word(c), declared);
}

qg_status qg_storage_choose(qg_storage *storage, const qg_model_config *config,
                            const qg_checkpoint *checkpoint, const char *declared,
                            const char *activations, qg_err *err)
{
    qg_quantization q;

    if (activations && strcmp(activations, "int8") != 0 && strcmp(activations, "float") != 0)
        return qg_fail(err, QG_EARG, "activations '%s' are unknown, expected int8 or float",
                       activations);
    QG_PASS(qg_quantization_read(&q, config, checkpoint, err));
    if (declared && strcmp(declared, "int8") == 0 && !q.declared && qgk_method_find("int8"))
        return choose_int8(storage, activations);
    *storage = (qg_storage){qgk_method_find(q.method), q.config, q};
    if (!storage->method)
        return qg_fail(err, QG_ENOSUP, "method '%s' is not built in", q.method);
    if (declared && strcmp(declared, storage->method->runs_as) != 0)
        return fail_mismatch(config, &q, storage->method->runs_as, declared, err);
    const char *reason = storage->method->accepts(&storage->config);
    if (reason)
        return qg_fail_about(err, QG_ENOSUP, "quantization-unsupported", NULL, "'%s' (%s): %s",
                             q.declared, config->quantization.source, reason);
    return QG_OK;
}

/* The usual sizes of groups that divide k, as text. */
static const char *fitting_groups(char text[64], int k)
{
    static const int usual[] = {256, 128, 96, 64, 32, 16};
    size_t used = (size_t)snprintf(text, 64, "-1");

    for (size_t i = 0; i < sizeof usual / sizeof *usual && used < 56; i++)
        if (k % usual[i] == 0)
            used += (size_t)snprintf(text + used, 64 - used, ", %d", usual[i]);
    return text;
}

qg_status qg_storage_shape(qgk_shape *out, const qg_storage *storage, const char *name, int n,
                           int k, qg_err *err)
{
    const qgk_quant_config *c = &storage->config;
    int group = c->group_size < 0 ? k : c->group_size;
    char fits[64];

    *out = (qgk_shape){.n = n, .k = k};
    if (storage->method->format(c) == QGK_FORMAT_F16)
        return QG_OK;
    out->bits = c->bits;
    out->group = group;
    if (group < 1 || k % group != 0)
        return qg_fail_about(
            err, QG_EFORMAT, "group-size", name,
            "'%s' has %d inputs, which groups of %d do not divide; these would: %s", name, k, group,
            fitting_groups(fits, k));
    if (storage->method->format(c) == QGK_FORMAT_W8A8 && k > QGK_W8A8_MAX_K)
        return qg_fail_about(err, QG_ENOSUP, "quantization-unsupported", name,
                             "'%s' has %d inputs, 8-bit activations allow %d; quantize with float "
                             "activations",
                             name, k, (int)QGK_W8A8_MAX_K);
    for (const qgk_part *part = storage->method->parts; part->suffix; part++)
        for (int d = 0; d < 2; d++)
            if ((part->shape[d] == QGK_DIM_K_WORDS && (int64_t)k * c->bits % 32 != 0) ||
                (part->shape[d] == QGK_DIM_N_WORDS && (int64_t)n * c->bits % 32 != 0))
                return qg_fail_about(
                    err, QG_EFORMAT, "packed-width", name,
                    "'%s' is [%d, %d]: %d codes of %d bit do not fill words of 32 bit", name, n, k,
                    part->shape[d] == QGK_DIM_K_WORDS ? k : n, c->bits);
    return QG_OK;
}
