/* The plain folder, see source.h: opened once, read a tensor at a time. */
#include "quantize/source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 256 };

const qg_tensor *qg_source_tensor(const qg_source *s, const qg_item *item, const char *suffix)
{
    char name[NAME_BYTES];

    snprintf(name, sizeof name, "%s.%s", item->name, suffix);
    return qg_checkpoint_find(s->checkpoint, name);
}

const qg_item *qg_source_layer(const qg_source *s, int layer)
{
    return s->inventory.items + s->inventory.first_of_layer +
           (size_t)layer * s->inventory.n_per_layer;
}

const qg_item *qg_source_owner(const qg_source *s, const qg_tensor *t)
{
    const char *dot = strrchr(t->name, '.');

    if (!dot || (strcmp(dot, ".weight") != 0 && strcmp(dot, ".bias") != 0))
        return NULL;
    qg_str name = {t->name, (size_t)(dot - t->name)};
    for (size_t i = 0; i < s->inventory.n_items; i++)
        if (s->inventory.items[i].layer >= 0 && qg_str_is(name, s->inventory.items[i].name))
            return &s->inventory.items[i];
    return NULL;
}

static qg_status check_plain(const qg_source *s, const qg_item *item, qg_err *err)
{
    const qg_tensor *t = qg_source_tensor(s, item, "weight");

    if (!t)
        return qg_fail(err, QG_EFORMAT, "tensor '%s.weight' is missing", item->name);
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

static qg_status open(qg_source *s, qg_arena *arena, qg_err *err)
{
    QG_PASS(qg_config_read(&s->config, arena, s->folder, qg_family_names(), err));
    if (s->config.quantization.present)
        return qg_fail(err, QG_EREFUSED,
                       "it is quantized already (%s): quantize the FP16 folder that it was made "
                       "from",
                       s->config.quantization.source);
    s->family = qg_family_find(s->config.model_type);
    QG_PASS(qg_family_check(s->family, &s->config, err));
    QG_PASS(qg_checkpoint_open(&s->checkpoint, arena, s->folder, err));
    QG_PASS(qg_inventory_make(&s->inventory, arena, s->family, &s->config, err));
    qg_inventory_match(&s->inventory, s->checkpoint);
    for (size_t i = 0; i < s->inventory.n_items; i++)
        if (qg_item_is_quantizable(&s->inventory.items[i]))
            QG_PASS(check_plain(s, &s->inventory.items[i], err));
    return QG_OK;
}

qg_status qg_source_open(qg_source *out, qg_arena *arena, const char *folder, qg_err *err)
{
    *out = (qg_source){.folder = folder};
    QG_TRY(open(out, arena, err), err, "reading model '%s'", folder);
    return QG_OK;
}

qg_status qg_source_floats(float *to, const qg_tensor *t, int n_threads, qg_err *err)
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
    if (n_large) /* scales in float16 could not follow */
        return qg_fail(err, QG_ENONFINITE,
                       "tensor '%s': %lld values exceed 65504, the largest of float16", t->name,
                       (long long)n_large);
    return QG_OK;
}
