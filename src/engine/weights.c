/* Binding weights, see weights.h: one walk over the family's formula, done twice. The first only
 * checks and adds up; the second, over the slab, also fills it. Invariant: both take the same
 * pieces in the same order, because they are the same code.
 */
#include "engine/weights.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256, STRIP_BYTES = 1 << 20 };

typedef struct loader {
    const qg_weight_source *src;
    const qg_backend *backend;
    qg_slab *slab;
    qg_weight_sums *sums;
    qg_arena *arena;
    const qg_tensor **seen; /* [n_seen] all that the formula asked for */
    size_t n_seen;
} loader;

/* ---- tensors by name ---- */

static void dtype_list(char *text, size_t size, unsigned dtypes)
{
    size_t used = 0;

    text[0] = '\0';
    for (int d = 0; dtypes >> d; d++)
        if (dtypes >> d & 1 && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                     qgk_dtype_name((qgk_dtype)d));
}

/* A plain name that is absent while packed ones are there tells of a quantized folder. */
static qg_status fail_missing(const loader *ld, const char *name, const char *suffix, qg_err *err)
{
    static const char *const packed[] = {"qweight", "weight_packed", "SCB"};
    char other[NAME_MAX_BYTES];

    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
        snprintf(other, sizeof other, "%s.%s", name, packed[i]);
        if (qg_checkpoint_find(ld->src->checkpoint, other))
            return qg_fail(err, QG_EFORMAT,
                           "tensor '%s.%s' is missing, but '%s' is there: the folder is quantized, "
                           "yet declares no quantization_config",
                           name, suffix, other);
    }
    return qg_fail(err, QG_EFORMAT, "tensor '%s.%s' is missing", name, suffix);
}

/* The tensor NAME.SUFFIX of n_dims dimensions, held to what is expected of it. */
static qg_status find_tensor(loader *ld, const qg_tensor **out, const char *name,
                             const char *suffix, unsigned dtypes, int n_dims, const int64_t *shape,
                             qg_err *err)
{
    char full[NAME_MAX_BYTES], found[64], expected[64];
    qg_tensor want = {.n_dims = n_dims};

    snprintf(full, sizeof full, "%s.%s", name, suffix);
    const qg_tensor *t = qg_checkpoint_find(ld->src->checkpoint, full);
    if (!t)
        return fail_missing(ld, name, suffix, err);
    bool same = t->n_dims == n_dims;
    for (int i = 0; i < n_dims; i++) {
        want.shape[i] = shape[i];
        same = same && t->shape[i] == shape[i];
    }
    if (!same)
        return qg_fail(err, QG_EFORMAT, "tensor '%s' has shape %s, config.json makes it %s", full,
                       qg_tensor_shape_text(t, found, sizeof found),
                       qg_tensor_shape_text(&want, expected, sizeof expected));
    if (!(dtypes >> t->dtype & 1)) {
        dtype_list(expected, sizeof expected, dtypes);
        return qg_fail(err, QG_EFORMAT, "tensor '%s' is %s, expected one of %s", full,
                       qgk_dtype_name(t->dtype), expected);
    }
    ld->seen[ld->n_seen++] = t;
    ld->sums->n_params += t->n_elements;
    *out = t;
    return QG_OK;
}

/* The parts of a linear as its method lists them. */
typedef struct parts {
    const qg_tensor *tensor[QGK_MAX_PARTS];
    const void *data[QGK_MAX_PARTS];
    qgk_dtype dtype[QGK_MAX_PARTS];
} parts;

static qg_status find_parts(loader *ld, parts *p, const char *name, qgk_shape s, qg_err *err)
{
    const qgk_part *want = ld->src->method->parts;

    for (int i = 0; want[i].suffix; i++) {
        int64_t shape[2];
        int n_dims = 0;
        for (int d = 0; d < 2 && want[i].shape[d] != QGK_DIM_NONE; d++)
            shape[n_dims++] = want[i].shape[d] == QGK_DIM_N ? s.n : s.k;
        QG_PASS(find_tensor(ld, &p->tensor[i], name, want[i].suffix, want[i].dtypes, n_dims, shape,
                            err));
        p->data[i] = p->tensor[i]->data;
        p->dtype[i] = p->tensor[i]->dtype;
    }
    return QG_OK;
}

/* ---- numbers ---- */

static size_t count_not_finite(const qgk_half *h, size_t n)
{
    int16_t largest = 0; /* exponent bits: the quick look that is nearly always enough */
    size_t bad = 0;

#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < n; i++) {
        int16_t exponent = (int16_t)(h[i] & 0x7c00);
        largest = exponent > largest ? exponent : largest;
    }
    for (size_t i = 0; largest == 0x7c00 && i < n; i++)
        bad += (h[i] & 0x7c00u) == 0x7c00u;
    return bad;
}

static size_t count_not_finite_rows(const loader *ld, const qgk_half *h, qgk_shape s)
{
    size_t bad = 0;

#pragma omp parallel for num_threads(ld->backend->ctx.n_threads) reduction(+ : bad)
    for (int row = 0; row < s.n; row++)
        bad += count_not_finite(h + (size_t)row * (size_t)s.k, (size_t)s.k);
    return bad;
}

/* What went wrong with the numbers of a linear. Those that overflowed are infinite now: they count
 * as not finite too. */
static qg_status check_numbers(const qg_tensor *t, size_t n_overflows, size_t n_not_finite,
                               qg_err *err)
{
    if (n_overflows)
        return qg_fail(err, QG_ENONFINITE,
                       "tensor '%s': %zu values exceed 65504, the largest of float16", t->name,
                       n_overflows);
    if (n_not_finite)
        return qg_fail(err, QG_ENONFINITE, "tensor '%s' holds %zu infinite or NaN values", t->name,
                       n_not_finite);
    return QG_OK;
}

/* Canonical rows straight to `to`, whole. */
static qg_status unpack_all(loader *ld, void *to, const parts *p, qgk_shape s, qg_err *err)
{
    int strip = STRIP_BYTES / (2 * s.k) + 1;
    size_t n_overflows = 0, n_not_finite = 0;

#pragma omp parallel for num_threads(ld->backend->ctx.n_threads) \
    reduction(+ : n_overflows, n_not_finite)
    for (int row0 = 0; row0 < s.n; row0 += strip) {
        int n_rows = s.n - row0 < strip ? s.n - row0 : strip;
        qgk_half *codes = (qgk_half *)to + (size_t)row0 * (size_t)s.k;
        qgk_canon rows = {QGK_FORMAT_F16, n_rows, s.k, codes};
        n_overflows += ld->src->method->unpack(&rows, p->data, p->dtype, s, row0);
        n_not_finite += count_not_finite(codes, (size_t)n_rows * (size_t)s.k);
    }
    return check_numbers(p->tensor[0], n_overflows, n_not_finite, err);
}

/* Canonical rows strip by strip through the tier's packing to `to`. */
static qg_status unpack_and_pack(loader *ld, void *to, const parts *p, qgk_shape s, qg_err *err)
{
    const qgk_linear *linear = &ld->backend->table.linear[ld->src->method->format];
    qg_arena_mark mark = qg_arena_here(ld->arena);
    int strip = STRIP_BYTES / (2 * s.k) / 64 * 64 + 64; /* whole panels of any tier */
    qgk_canon rows = {ld->src->method->format, 0, s.k,
                      qg_arena_array(ld->arena, (size_t)strip, 2 * (size_t)s.k)};
    size_t n_overflows = 0, n_not_finite = 0;

    QG_NEED(rows.codes, err);
    for (int row0 = 0; row0 < s.n; row0 += strip) {
        rows.n_rows = s.n - row0 < strip ? s.n - row0 : strip;
        n_overflows += ld->src->method->unpack(&rows, p->data, p->dtype, s, row0);
        n_not_finite += count_not_finite(rows.codes, (size_t)rows.n_rows * (size_t)s.k);
        linear->pack(to, s, &rows, row0);
    }
    qg_arena_rewind(ld->arena, mark);
    return check_numbers(p->tensor[0], n_overflows, n_not_finite, err);
}

/* ---- pieces of the model ---- */

static bool usable_in_place(const loader *ld, const parts *p)
{
    return ld->backend->reads_host_memory && ld->src->method->in_place(p->dtype) &&
           p->tensor[0]->aligned;
}

/* Canonical halves [n][k]: the mapped bytes where they are that, else a piece of the slab. */
static qg_status place_canonical(loader *ld, const void **out, const parts *p, qgk_shape s,
                                 qg_err *err)
{
    bool planning = !ld->slab->base;

    if (usable_in_place(ld, p)) {
        *out = p->data[0];
        ld->sums->mapped_bytes += p->tensor[0]->n_bytes;
        if (planning)
            return QG_OK;
        return check_numbers(p->tensor[0], 0, count_not_finite_rows(ld, *out, s), err);
    }
    void *to = qg_slab_take(ld->slab, (size_t)s.n * (size_t)s.k, sizeof(qgk_half));
    *out = to;
    return planning ? QG_OK : unpack_all(ld, to, p, s, err);
}

static qg_status place_packed(loader *ld, const void **out, const parts *p, qgk_shape s,
                              qg_err *err)
{
    const qgk_linear *linear = &ld->backend->table.linear[ld->src->method->format];

    if (linear->in_place)
        return place_canonical(ld, out, p, s, err);
    void *to = qg_slab_take(ld->slab, linear->packed_bytes(s), 1);
    *out = to;
    return ld->slab->base ? unpack_and_pack(ld, to, p, s, err) : QG_OK;
}

/* A vector NAME.SUFFIX [n] as float32 to `to` (NULL while planning). */
static qg_status read_vector(loader *ld, float *to, const char *name, const char *suffix, int n,
                             qg_err *err)
{
    const qg_tensor *t;
    size_t n_not_finite = 0;

    QG_PASS(find_tensor(ld, &t, name, suffix, 1u << QGK_F16 | 1u << QGK_BF16 | 1u << QGK_F32, 1,
                        (const int64_t[]){n}, err));
    for (int i = 0; to && i < n; i++) {
        uint32_t bits = 0;
        size_t width = qgk_dtype_bytes(t->dtype);
        memcpy(&bits, (const char *)t->data + (size_t)i * width, width);
        to[i] = t->dtype == QGK_F32   ? qgk_float_from_bits(bits)
                : t->dtype == QGK_F16 ? qgk_float_from_half((qgk_half)bits)
                                      : qgk_float_from_bf16((qgk_bf16)bits);
        n_not_finite += (qgk_bits_from_float(to[i]) & 0x7f800000u) == 0x7f800000u;
    }
    return check_numbers(t, 0, n_not_finite, err);
}

static qg_status place_norm(loader *ld, const float **out, const char *prefix, const char *name,
                            qg_err *err)
{
    char full[NAME_MAX_BYTES];
    int n = ld->src->config->hidden_size;
    float *to = qg_slab_take(ld->slab, (size_t)n, sizeof *to);

    snprintf(full, sizeof full, "%s%s", prefix, name);
    *out = to;
    return read_vector(ld, to, full, "weight", n, err);
}

/* One linear of a fused weight. */
typedef struct segment {
    const char *name;
    int n;
} segment;

/* Linears that share their input k, side by side; `bias`: each has one. */
static qg_status place_linear(loader *ld, qgk_weight *w, const char *prefix,
                              const segment *segments, int n_segments, int k, bool bias,
                              qg_err *err)
{
    char name[NAME_MAX_BYTES];
    int n = 0;

    *w = (qgk_weight){.format = ld->src->method->format, .k = k, .n_segments = n_segments};
    for (int i = 0; i < n_segments; i++) {
        qgk_segment *seg = &w->segment[i];
        parts p = {0};
        snprintf(name, sizeof name, "%s%s", prefix, segments[i].name);
        seg->n = segments[i].n;
        QG_PASS(find_parts(ld, &p, name, (qgk_shape){seg->n, k}, err));
        QG_PASS(place_packed(ld, &seg->data, &p, (qgk_shape){seg->n, k}, err));
        w->n += seg->n;
    }
    if (!bias)
        return QG_OK;
    float *to = qg_slab_take(ld->slab, (size_t)w->n, sizeof *to);
    w->bias = to;
    for (int i = 0; i < n_segments; n += segments[i++].n) {
        snprintf(name, sizeof name, "%s%s", prefix, segments[i].name);
        QG_PASS(read_vector(ld, to ? to + n : NULL, name, "bias", segments[i].n, err));
    }
    return QG_OK;
}

static qg_status place_layer(loader *ld, qg_layer *layer, int index, qg_err *err)
{
    const qg_model_config *c = ld->src->config;
    const qg_family *f = ld->src->family;
    int q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
    int hidden = c->hidden_size, ffn = c->intermediate_size;
    const segment qkv[] = {{f->q, q}, {f->k, kv}, {f->v, kv}}, o[] = {{f->o, hidden}};
    const segment gate_up[] = {{f->gate, ffn}, {f->up, ffn}}, down[] = {{f->down, hidden}};
    char at[NAME_MAX_BYTES];

    snprintf(at, sizeof at, f->layer, index);
    QG_PASS(place_norm(ld, &layer->attention_norm, at, f->attention_norm, err));
    QG_PASS(place_linear(ld, &layer->qkv, at, qkv, 3, hidden, c->attention_bias, err));
    QG_PASS(place_linear(ld, &layer->o, at, o, 1, q, c->attention_bias, err));
    QG_PASS(place_norm(ld, &layer->mlp_norm, at, f->mlp_norm, err));
    QG_PASS(place_linear(ld, &layer->gate_up, at, gate_up, 2, hidden, c->mlp_bias, err));
    return place_linear(ld, &layer->down, at, down, 1, ffn, c->mlp_bias, err);
}

/* A head that the configuration ties may lie in the file all the same, if it is the same. */
static qg_status check_tied_copy(loader *ld, const qg_tensor *embed, qg_err *err)
{
    char name[NAME_MAX_BYTES];
    const qg_tensor *head;

    snprintf(name, sizeof name, "%s.%s", ld->src->family->head, ld->src->method->parts[0].suffix);
    head = qg_checkpoint_find(ld->src->checkpoint, name);
    if (!head)
        return QG_OK;
    bool planning = !ld->slab->base; /* which reads no data */
    if (head->dtype != embed->dtype || head->n_bytes != embed->n_bytes ||
        (!planning && memcmp(head->data, embed->data, head->n_bytes) != 0))
        return qg_fail(err, QG_EFORMAT,
                       "config.json ties the head to the embedding, but tensors '%s' and '%s' "
                       "differ",
                       head->name, embed->name);
    ld->seen[ld->n_seen++] = head;
    return QG_OK;
}

static qg_status place_ends(loader *ld, qg_weights *w, qg_err *err)
{
    const qg_model_config *c = ld->src->config;
    const qg_family *f = ld->src->family;
    qgk_shape s = {c->vocab_size, c->hidden_size};
    parts p = {0};

    QG_PASS(find_parts(ld, &p, f->embed, s, err));
    QG_PASS(place_canonical(ld, (const void **)&w->embed, &p, s, err));
    QG_PASS(place_norm(ld, &w->norm, "", f->norm, err));
    if (!c->tie_word_embeddings)
        return place_linear(ld, &w->head, "", (const segment[]){{f->head, s.n}}, 1, s.k, false,
                            err);
    QG_PASS(check_tied_copy(ld, p.tensor[0], err));
    w->head = (qgk_weight){.format = ld->src->method->format,
                           .n = s.n,
                           .k = s.k,
                           .n_segments = 1,
                           .segment = {{.n = s.n, .data = w->embed}}};
    if (ld->backend->table.linear[w->head.format].in_place)
        return QG_OK;
    return place_packed(ld, &w->head.segment[0].data, &p, s, err);
}

/* Every tensor of the file must have been asked for: a layer too many is a contradiction, not a
 * rest. */
static qg_status check_rest(const loader *ld, qg_err *err)
{
    qg_str ignored = qg_str_from(ld->src->family->ignored_suffix);

    for (size_t i = 0; i < qg_checkpoint_count(ld->src->checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(ld->src->checkpoint, i);
        bool known = qg_str_ends(qg_str_from(t->name), ignored);
        for (size_t j = 0; !known && j < ld->n_seen; j++)
            known = ld->seen[j] == t;
        if (!known)
            return qg_fail(err, QG_EFORMAT,
                           "tensor '%s' does not belong to a model of config.json's shape",
                           t->name);
    }
    return QG_OK;
}

static qg_status walk(loader *ld, qg_weights *w, qg_err *err)
{
    QG_PASS(place_ends(ld, w, err));
    for (int i = 0; i < ld->src->config->n_layers; i++)
        QG_PASS(place_layer(ld, &w->layers[i], i, err));
    return ld->slab->base ? QG_OK : check_rest(ld, err);
}

qg_status qg_weights_layout(qg_weights *out, qg_weight_sums *sums, qg_slab *slab,
                            const qg_weight_source *source, const qg_backend *backend,
                            qg_arena *arena, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    size_t n_tensors = qg_checkpoint_count(source->checkpoint);
    loader ld = {.src = source, .backend = backend, .slab = slab, .sums = sums, .arena = arena};

    *sums = (qg_weight_sums){0};
    ld.seen = QG_NEW_N(arena, const qg_tensor *, n_tensors);
    QG_NEED(ld.seen, err);
    qg_status status = walk(&ld, out, err);
    qg_arena_rewind(arena, mark);
    return status;
}
