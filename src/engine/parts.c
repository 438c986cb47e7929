/* Finding the parts of linears, see parts.h. Invariant: what comes back has the dtypes and shapes
 * that its method lists, so methods and tiers never look at a size again. */
#include "engine/parts.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256, TEXT_MAX_BYTES = 256 };

const qg_tensor *qg_parts_lookup(const qg_placer *p, const char *name, const char *suffix)
{
    char full[NAME_MAX_BYTES];

    snprintf(full, sizeof full, "%s.%s", name, suffix);
    return qg_checkpoint_find(p->checkpoint, full);
}

/* ---- one tensor ---- */

static void dtype_list(char *text, size_t size, unsigned dtypes)
{
    size_t used = 0;

    text[0] = '\0';
    for (int d = 0; dtypes >> d; d++)
        if (dtypes >> d & 1 && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                     qgk_dtype_name((qgk_dtype)d));
}

static bool has_shape(const qg_tensor *t, int n_dims, const int64_t *shape)
{
    bool same = t->n_dims == n_dims;

    for (int i = 0; i < n_dims; i++)
        same = same && t->shape[i] == shape[i];
    return same;
}

/* hint: what the shape that was found looks like, "" or "; ...". */
static qg_status fail_shape(const qg_tensor *t, int n_dims, const int64_t *shape, const char *id,
                            const char *hint, qg_err *err)
{
    char found[64], expected[64];
    qg_tensor want = {.n_dims = n_dims};

    memcpy(want.shape, shape, (size_t)n_dims * sizeof *shape);
    return qg_fail_about(err, QG_EFORMAT, id, t->name,
                         "tensor '%s' has shape %s, config.json makes it %s%s", t->name,
                         qg_tensor_shape_text(t, found, sizeof found),
                         qg_tensor_shape_text(&want, expected, sizeof expected), hint);
}

qg_status qg_parts_tensor(qg_placer *p, const qg_tensor **out, const char *name, const char *suffix,
                          unsigned dtypes, int n_dims, const int64_t *shape, qg_err *err)
{
    const qg_tensor *t = qg_parts_lookup(p, name, suffix);
    char text[TEXT_MAX_BYTES];

    if (!t) {
        snprintf(text, sizeof text, "%s.%s", name, suffix);
        return qg_fail_about(err, QG_EFORMAT, "tensor-missing", text, "tensor '%s' is missing",
                             text);
    }
    if (!has_shape(t, n_dims, shape))
        return fail_shape(t, n_dims, shape, "tensor-shape", "", err);
    if (!(dtypes >> t->dtype & 1)) {
        dtype_list(text, sizeof text, dtypes);
        return qg_fail_about(err, QG_EFORMAT, "tensor-dtype", t->name,
                             "tensor '%s' is %s, expected one of %s", t->name,
                             qgk_dtype_name(t->dtype), text);
    }
    p->seen[p->n_seen++] = t;
    *out = t;
    return QG_OK;
}

/* ---- which method ---- */

static bool is_plain(const qg_tensor *t, const char *suffix)
{
    return strcmp(suffix, "weight") == 0 &&
           (t->dtype == QGK_F16 || t->dtype == QGK_BF16 || t->dtype == QGK_F32);
}

/* A tensor of NAME that only a quantized linear has, as `m` stores it; NULL: none. */
static const qg_tensor *own_part(const qg_placer *p, const char *name, const qgk_method *m)
{
    for (const qgk_part *part = m->parts; m->marker >= 0 && part->suffix; part++) {
        const qg_tensor *t = qg_parts_lookup(p, name, part->suffix);
        if (t && !is_plain(t, part->suffix))
            return t;
    }
    return NULL;
}

const qgk_method *qg_parts_method(const qg_placer *p, const char *name, bool quantized)
{
    const qgk_method *m = p->storage->method;

    return quantized && (m->marker < 0 || own_part(p, name, m)) ? m : qgk_method_find("fp16");
}

/* A method other than `chosen` whose marker is there, and the marker. */
static const qgk_method *other_method(const qg_placer *p, const char *name,
                                      const qgk_method *chosen, const qg_tensor **marker)
{
    for (const qgk_method *const *m = qgk_methods(); *m; m++) {
        bool shared = false; /* a part of the chosen method as well */
        if ((*m)->marker < 0)
            continue;
        const char *suffix = (*m)->parts[(*m)->marker].suffix;
        for (const qgk_part *part = chosen->parts; part->suffix; part++)
            shared = shared || strcmp(part->suffix, suffix) == 0;
        *marker = shared ? NULL : qg_parts_lookup(p, name, suffix);
        if (*marker)
            return *m;
    }
    return NULL;
}

/* Whether what lies there is what the folder says. */
static qg_status check_method(const qg_placer *p, const qg_parts *s, bool quantized, qg_err *err)
{
    const char *declared = p->storage->said.declared;
    const qg_tensor *marker, *plain;
    const qgk_method *other = other_method(p, s->name, s->method, &marker);

    if (other && !quantized)
        return qg_fail_about(err, QG_EFORMAT, "module-unquantizable", marker->name,
                             "'%s' is quantized ('%s'), which is not supported for embedding and "
                             "head; quantize again without it",
                             s->name, marker->name);
    if (other && !declared)
        return qg_fail_about(err, QG_EFORMAT, "quantization-undeclared", marker->name,
                             "'%s' is quantized ('%s'), yet the folder declares nothing; add the "
                             "quantization_config that its tool wrote",
                             s->name, marker->name);
    if (other && other != p->storage->method)
        return qg_fail_about(err, QG_EFORMAT, "method-mixed", marker->name,
                             "'%s' is stored as '%s' ('%s'), the folder declares '%s': two methods "
                             "in one folder are not supported",
                             s->name, other->name, marker->name, declared);
    if (s->method->marker < 0)
        return QG_OK;
    plain = qg_parts_lookup(p, s->name, "weight");
    if (plain && is_plain(plain, "weight"))
        return qg_fail_about(err, QG_EFORMAT, "method-mixed", plain->name,
                             "'%s' is stored twice, quantized and as '%s'; remove one", s->name,
                             plain->name);
    if (qg_quantization_skips(&p->storage->said, s->name))
        return qg_fail_about(err, QG_EFORMAT, "module-ignored", NULL,
                             "'%s' is quantized, but the list of modules that '%s' leaves out has "
                             "it; remove it from the list",
                             s->name, declared);
    return QG_OK;
}

/* ---- the parts ---- */

static int shape_of(int64_t shape[2], const qgk_part *part, qgk_shape s)
{
    int n_dims = 0;

    for (int d = 0; d < 2 && part->shape[d] != QGK_DIM_NONE; d++)
        shape[n_dims++] = qgk_dim_of(part->shape[d], s);
    return n_dims;
}

/* Whether method m makes that of a tensor called `suffix`. */
static bool would_fit(const qg_tensor *t, const char *suffix, const qgk_method *m, qgk_shape s)
{
    int64_t shape[2];

    for (const qgk_part *part = m->parts; part->suffix; part++)
        if (strcmp(part->suffix, suffix) == 0)
            return has_shape(t, shape_of(shape, part, s), shape);
    return false;
}

/* A shape that is not what it should be, and what would be written differently if it were right. */
static qg_status fail_part(const qg_placer *p, const qg_parts *s, const qgk_part *part,
                           const qg_tensor *t, qg_err *err)
{
    qgk_shape shape = s->bits.shape;
    char hint[TEXT_MAX_BYTES] = "";
    const char *id = "tensor-shape";
    int64_t expected[2];
    int n_dims = shape_of(expected, part, shape);

    for (int d = 0; d < n_dims && d < t->n_dims; d++)
        if (part->shape[d] == QGK_DIM_GROUPS && t->shape[d] > 0 && shape.k % t->shape[d] == 0)
            shape.group = (int)(shape.k / t->shape[d]);
    if (shape.group != s->bits.shape.group && would_fit(t, part->suffix, s->method, shape)) {
        id = "group-size";
        snprintf(hint, sizeof hint, "; that is \"group_size\": %d, declared is %d", shape.group,
                 p->storage->config.group_size);
    }
    shape = s->bits.shape;
    shape.bits = shape.bits == 4 ? 8 : 4;
    if (shape.group && would_fit(t, part->suffix, s->method, shape)) {
        id = "packed-width";
        snprintf(hint, sizeof hint, "; that is the width of \"bits\": %d, declared are %d",
                 shape.bits, s->bits.shape.bits);
    }
    for (const qgk_method *const *m = qgk_methods(); *m; m++)
        if (*m != s->method && shape.group && would_fit(t, part->suffix, *m, s->bits.shape)) {
            id = "method-mismatch";
            snprintf(hint, sizeof hint,
                     "; found the layout of '%s', declared is '%s'; write \"quant_method\": \"%s\"",
                     (*m)->name, p->storage->said.declared, (*m)->name);
        }
    return fail_shape(t, n_dims, expected, id, hint, err);
}

static qg_status find_part(qg_placer *p, qg_parts *s, int i, qg_err *err)
{
    const qgk_part *part = &s->method->parts[i];
    const qg_tensor *t = qg_parts_lookup(p, s->name, part->suffix);
    int64_t shape[2];
    int n_dims = shape_of(shape, part, s->bits.shape);

    if (!t && part->optional)
        return QG_OK;
    if (t && !has_shape(t, n_dims, shape))
        return fail_part(p, s, part, t, err);
    QG_PASS(
        qg_parts_tensor(p, &s->tensor[i], s->name, part->suffix, part->dtypes, n_dims, shape, err));
    s->bits.part[i] = s->tensor[i]->data;
    s->bits.dtype[i] = s->tensor[i]->dtype;
    return QG_OK;
}

qg_status qg_parts_find(qg_placer *p, qg_parts *s, const char *name, int n, int k, bool quantized,
                        qg_err *err)
{
    static const qgk_quant_config plain = {0};
    bool planning = !p->slab->base;
    qgk_fault fault;

    *s = (qg_parts){.name = name, .method = qg_parts_method(p, name, quantized)};
    s->bits.config = s->method == p->storage->method ? &p->storage->config : &plain;
    QG_PASS(check_method(p, s, quantized, err));
    QG_PASS(qg_storage_shape(&s->bits.shape,
                             &(qg_storage){.method = s->method, .config = *s->bits.config}, name, n,
                             k, err));
    for (int i = 0; s->method->parts[i].suffix; i++)
        QG_PASS(find_part(p, s, i, err));
    p->sums.n_params += (int64_t)n * k;
    p->sums.n_quantized += quantized && s->method == p->storage->method;
    if (planning && s->bits.part[0] && s->method->check && !s->method->check(&fault, &s->bits))
        return qg_fail_about(err, QG_EFORMAT, fault.id, s->tensor[fault.part]->name,
                             "tensor '%s' %s; %s", s->tensor[fault.part]->name, fault.what,
                             fault.fix);
    return QG_OK;
}
