/* Placing weights, see place.h: what engine/parts.c found is unpacked and packed.
 *
 * Invariant: both walks take the same pieces in the same order, because they are the same code;
 * what they differ in is whether the slab has a base.
 */
#include "engine/place.h"

#include "engine/parts.h"

#include <omp.h>
#include <string.h>

enum { STRIP_BYTES = 1 << 18, STRIP_ROWS = 64, CLEAR_BYTES = 1 << 20 };

static bool is_planning(const qg_placer *p)
{
    return !p->slab->base;
}

static void clear(char *at, size_t bytes, int n_threads)
{
#pragma omp parallel for num_threads(n_threads) if (bytes > CLEAR_BYTES)
    for (size_t from = 0; from < bytes; from += CLEAR_BYTES)
        memset(at + from, 0, bytes - from < CLEAR_BYTES ? bytes - from : CLEAR_BYTES);
}

/* At least `bytes`; what was in it is lost. */
static qg_status grow(void **room, size_t *room_bytes, size_t bytes, qg_err *err)
{
    if (bytes <= *room_bytes)
        return QG_OK;
    qg_mem_free(*room);
    *room = qg_mem_alloc(bytes);
    *room_bytes = *room ? bytes : 0;
    QG_NEED(*room, err);
    return QG_OK;
}

void qg_place_end(qg_placer *p)
{
    qg_mem_free(p->room);
    qg_mem_free(p->strips);
    p->room = p->strips = NULL;
    p->room_bytes = p->strips_bytes = 0;
}

/* Where the host writes what `to`, a piece of the slab, will hold: there, or in the room of pieces
 * where the backend's memory is its own, zeroed as the slab is. NULL while planning. One piece is
 * open at a time. */
static qg_status open_piece(qg_placer *p, void **out, void *to, size_t bytes, qg_err *err)
{
    *out = to;
    if (is_planning(p) || p->backend->reads_host_memory)
        return QG_OK;
    QG_PASS(grow(&p->room, &p->room_bytes, bytes, err));
    clear(p->room, bytes, p->backend->ctx.n_threads);
    *out = p->room;
    return QG_OK;
}

static void close_piece(qg_placer *p, void *to, const void *written, size_t bytes)
{
    if (written != to)
        p->backend->upload(p->backend, to, written, bytes);
}

static qg_status find_order(qg_placer *p, qg_parts *s, qg_err *err)
{
    int32_t *order;

    if (!s->method->order)
        return QG_OK;
    order = QG_NEW_N(p->arena, int32_t, (size_t)s->bits.shape.k);
    QG_NEED(order, err);
    bool imagined = !s->bits.part[0]; /* there is only what the configuration says */
    if (imagined ? s->bits.config->act_order : s->method->order(order, &s->bits))
        s->order = order;
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

static size_t count_not_finite_rows(const qg_placer *p, const qgk_half *h, qgk_shape s)
{
    size_t bad = 0;

#pragma omp parallel for num_threads(p->backend->ctx.n_threads) reduction(+ : bad)
    for (int row = 0; row < s.n; row++)
        bad += count_not_finite(h + (size_t)row * (size_t)s.k, (size_t)s.k);
    return bad;
}

/* What went wrong with the numbers of a tensor. Halves that overflowed are infinite now: they count
 * as not finite too. */
static qg_status check_numbers(const qg_tensor *t, size_t n_overflows, size_t n_not_finite,
                               qg_err *err)
{
    if (n_overflows)
        return qg_fail_about(err, QG_ENONFINITE, "float16-overflow", t->name,
                             "tensor '%s': %zu values exceed 65504, the largest of float16",
                             t->name, n_overflows);
    if (n_not_finite)
        return qg_fail_about(err, QG_ENONFINITE, "weight-not-finite", t->name,
                             "tensor '%s' holds %zu infinite or NaN values", t->name, n_not_finite);
    return QG_OK;
}

/* ---- unpacking ---- */

static int strip_rows(qgk_format f, int k)
{
    return (int)((size_t)STRIP_BYTES / (qgk_code_bytes(f) * (size_t)k)) / STRIP_ROWS * STRIP_ROWS +
           STRIP_ROWS;
}

/* A strip's rows, in canonical form. */
static qgk_canon take_strip(qg_slab *room, qgk_format f, qgk_shape shape)
{
    size_t n = (size_t)strip_rows(f, shape.k);
    size_t groups = f == QGK_FORMAT_F16 ? 0 : n * (size_t)qgk_groups(shape);

    qgk_canon rows = {.format = f, .k = shape.k, .group = shape.group};
    rows.codes = qg_slab_take(room, n * (size_t)shape.k, qgk_code_bytes(f));
    rows.scales = qg_slab_take(room, groups, sizeof(float));
    rows.zeros = qg_slab_take(room, groups, 1);
    return rows;
}

/* Every strip of a linear to the tier's form at `to`, a thread a strip. */
static qg_status unpack_and_pack(qg_placer *p, void *to, const qg_parts *s, qg_err *err)
{
    qgk_format format = s->method->format(s->bits.config);
    const qgk_linear *linear = &p->backend->table.linear[format];
    qgk_shape shape = s->bits.shape;
    int n_threads = p->backend->ctx.n_threads, step = strip_rows(format, shape.k);
    qg_slab plan = {NULL, 0};
    size_t n_bad = 0, n_not_finite = 0;

    take_strip(&plan, format, shape);
    QG_PASS(grow(&p->strips, &p->strips_bytes, (size_t)n_threads * plan.used, err));
#pragma omp parallel for num_threads(n_threads) reduction(+ : n_bad, n_not_finite)
    for (int row0 = 0; row0 < shape.n; row0 += step) {
        qg_slab own = {(char *)p->strips + (size_t)omp_get_thread_num() * plan.used, 0};
        qgk_canon rows = take_strip(&own, format, shape);
        rows.n_rows = shape.n - row0 < step ? shape.n - row0 : step;
        n_bad += s->method->unpack(&rows, &s->bits, s->order, row0);
        if (format == QGK_FORMAT_F16)
            n_not_finite += count_not_finite(rows.codes, (size_t)rows.n_rows * (size_t)shape.k);
        linear->pack(to, shape, &rows, row0);
    }
    if (format == QGK_FORMAT_F16)
        return check_numbers(s->tensor[0], n_bad, n_not_finite, err);
    return check_numbers(s->tensor[0], 0, n_bad, err);
}

/* Canonical halves straight to `to`, whole. */
static qg_status unpack_halves(qg_placer *p, void *to, const qg_parts *s, qg_err *err)
{
    qgk_shape shape = s->bits.shape;
    int step = strip_rows(QGK_FORMAT_F16, shape.k);
    size_t n_overflows = 0, n_not_finite = 0;

#pragma omp parallel for num_threads(p->backend->ctx.n_threads) \
    reduction(+ : n_overflows, n_not_finite)
    for (int row0 = 0; row0 < shape.n; row0 += step) {
        int n_rows = shape.n - row0 < step ? shape.n - row0 : step;
        qgk_half *codes = (qgk_half *)to + (size_t)row0 * (size_t)shape.k;
        qgk_canon rows = {QGK_FORMAT_F16, n_rows, shape.k, 0, codes, NULL, NULL};
        n_overflows += s->method->unpack(&rows, &s->bits, NULL, row0);
        n_not_finite += count_not_finite(codes, (size_t)n_rows * (size_t)shape.k);
    }
    return check_numbers(s->tensor[0], n_overflows, n_not_finite, err);
}

/* ---- matrices ---- */

/* Whether the file holds what the tier multiplies. */
static bool is_canonical(const qg_parts *s)
{
    return s->method->in_place && s->method->in_place(&s->bits) && s->tensor[0]->aligned;
}

static qg_status check_halves(const qg_placer *p, const qg_parts *s, qg_err *err)
{
    return check_numbers(s->tensor[0], 0, count_not_finite_rows(p, s->bits.part[0], s->bits.shape),
                         err);
}

static qg_status place_halves(qg_placer *p, const void **out, const qg_parts *s, qg_err *err)
{
    qgk_shape shape = s->bits.shape;

    if (is_canonical(s) && p->backend->reads_host_memory) {
        *out = s->bits.part[0];
        p->sums.mapped_bytes += s->tensor[0]->n_bytes;
        return is_planning(p) ? QG_OK : check_halves(p, s, err);
    }
    size_t bytes = (size_t)shape.n * (size_t)shape.k * sizeof(qgk_half);
    void *written, *to = qg_slab_take(p->slab, bytes, 1);
    *out = to;
    if (is_planning(p))
        return QG_OK;
    if (is_canonical(s)) { /* straight from the file */
        QG_PASS(check_halves(p, s, err));
        p->backend->upload(p->backend, to, s->bits.part[0], bytes);
        return QG_OK;
    }
    QG_PASS(open_piece(p, &written, to, bytes, err));
    QG_PASS(unpack_halves(p, written, s, err));
    close_piece(p, to, written, bytes);
    return QG_OK;
}

static qg_status place_packed(qg_placer *p, const void **out, const qg_parts *s, qg_err *err)
{
    qgk_format format = s->method->format(s->bits.config);
    const qgk_linear *linear = &p->backend->table.linear[format];

    p->sums.formats |= 1u << format;
    if (format == QGK_FORMAT_F16 && linear->in_place)
        return place_halves(p, out, s, err);
    size_t bytes = linear->packed_bytes(s->bits.shape);
    void *written, *to = qg_slab_take(p->slab, bytes, 1);
    *out = to;
    if (is_planning(p))
        return QG_OK;
    QG_PASS(open_piece(p, &written, to, bytes, err));
    QG_PASS(unpack_and_pack(p, written, s, err));
    close_piece(p, to, written, bytes);
    return QG_OK;
}

/* The order in backend memory, shared with the segment before where it is the same; one that is
 * only imagined counts for itself, as the most that there can be. */
static const int32_t *place_order(qg_placer *p, const qg_parts *s, const qg_parts *before,
                                  const qgk_segment *segment_before)
{
    size_t k = (size_t)s->bits.shape.k;

    if (!s->order)
        return NULL;
    if (s->bits.part[0] && before && before->order &&
        memcmp(before->order, s->order, k * sizeof *s->order) == 0)
        return segment_before->order;
    int32_t *to = qg_slab_take(p->slab, k, sizeof *to);
    if (to)
        p->backend->upload(p->backend, to, s->order, k * sizeof *to);
    return to;
}

/* The weight of the format, begun where there is none yet. */
static qgk_weight *weight_of(qg_linear *l, qgk_format format, int n, int k)
{
    for (int i = 0; i < l->n_weights; i++)
        if (l->weight[i].format == format)
            return &l->weight[i];
    l->weight[l->n_weights] = (qgk_weight){.format = format, .n = n, .k = k};
    return &l->weight[l->n_weights++];
}

/* ---- vectors ---- */

static qg_status read_vector(qg_placer *p, float *to, const char *name, const char *suffix, int n,
                             qg_err *err)
{
    const qg_tensor *t;
    size_t n_not_finite = 0;

    QG_PASS(qg_parts_tensor(p, &t, name, suffix, 1u << QGK_F16 | 1u << QGK_BF16 | 1u << QGK_F32, 1,
                            (const int64_t[]){n}, err));
    p->sums.n_params += n;
    for (int i = 0; to && i < n; i++) {
        to[i] = qgk_float_at(t->data, t->dtype, (size_t)i);
        n_not_finite += (qgk_bits_from_float(to[i]) & 0x7f800000u) == 0x7f800000u;
    }
    return check_numbers(t, 0, n_not_finite, err);
}

qg_status qg_place_vector(qg_placer *p, const float **out, const char *name, const char *suffix,
                          int n, qg_err *err)
{
    size_t bytes = (size_t)n * sizeof(float);
    float *to = qg_slab_take(p->slab, bytes, 1);
    void *written;

    *out = to;
    QG_PASS(open_piece(p, &written, to, bytes, err));
    QG_PASS(read_vector(p, written, name, suffix, n, err));
    close_piece(p, to, written, bytes);
    return QG_OK;
}

qg_status qg_place_constant(qg_placer *p, const float **out, float value, int n, qg_err *err)
{
    size_t bytes = (size_t)n * sizeof(float);
    float *to = qg_slab_take(p->slab, bytes, 1);
    void *piece;

    *out = to;
    QG_PASS(open_piece(p, &piece, to, bytes, err));
    for (int i = 0; piece && i < n; i++)
        ((float *)piece)[i] = value;
    close_piece(p, to, piece, bytes);
    return QG_OK;
}

static bool has_bias(const qg_placer *p, const qg_linear_name *linear, bool quantized)
{
    return linear->bias || (qg_parts_method(p, linear->name, quantized)->marker >= 0 &&
                            qg_parts_lookup(p, linear->name, "bias"));
}

/* Biases of all columns, 0 where a linear has none. */
static qg_status place_bias(qg_placer *p, const float **out, const qg_linear_name *linears,
                            int n_linears, int n, bool quantized, qg_err *err)
{
    size_t bytes = (size_t)n * sizeof(float);
    float *to = qg_slab_take(p->slab, bytes, 1);
    void *piece;

    *out = to;
    QG_PASS(open_piece(p, &piece, to, bytes, err));
    float *written = piece;
    for (int i = 0, at = 0; i < n_linears; at += linears[i++].n) {
        if (has_bias(p, &linears[i], quantized))
            QG_PASS(read_vector(p, written ? written + at : NULL, linears[i].name, "bias",
                                linears[i].n, err));
        else if (written)
            memset(written + at, 0, (size_t)linears[i].n * sizeof *written);
    }
    close_piece(p, to, written, bytes);
    return QG_OK;
}

/* ---- the door ---- */

static qg_status place_segments(qg_placer *p, qg_linear *out, const qg_linear_name *linears, int n,
                                int n_columns, int k, bool quantized, qg_err *err)
{
    qg_parts s[QGK_MAX_SEGMENTS];
    const qgk_segment *segment_before = NULL;
    int at = 0;

    for (int i = 0; i < n; at += linears[i++].n) {
        QG_PASS(qg_parts_find(p, &s[i], linears[i].name, linears[i].n, k, quantized, err));
        QG_PASS(find_order(p, &s[i], err));
        qgk_weight *w = weight_of(out, s[i].method->format(s[i].bits.config), n_columns, k);
        qgk_segment *segment = &w->segment[w->n_segments++];
        *segment = (qgk_segment){.n = linears[i].n, .at = at, .group = s[i].bits.shape.group};
        segment->order = place_order(p, &s[i], i ? &s[i - 1] : NULL, segment_before);
        segment_before = segment;
        QG_PASS(place_packed(p, &segment->data, &s[i], err));
    }
    return QG_OK;
}

qg_status qg_place_linear(qg_placer *p, qg_linear *out, const qg_linear_name *linears, int n, int k,
                          bool quantized, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(p->arena);
    const float *bias = NULL;
    bool wants_bias = false;
    int n_columns = 0;

    *out = (qg_linear){0};
    for (int i = 0; i < n; i++) {
        n_columns += linears[i].n;
        wants_bias = wants_bias || has_bias(p, &linears[i], quantized);
    }
    QG_PASS(place_segments(p, out, linears, n, n_columns, k, quantized, err));
    qg_arena_rewind(p->arena, mark);
    if (wants_bias)
        QG_PASS(place_bias(p, &bias, linears, n, n_columns, quantized, err));
    for (int i = 0; i < out->n_weights; i++)
        out->weight[i].bias = bias;
    return QG_OK;
}

qg_status qg_place_halves(qg_placer *p, const qgk_half **out, const qg_tensor **tensor,
                          const char *name, int n, int k, qg_err *err)
{
    qg_parts s;
    const void *halves;

    QG_PASS(qg_parts_find(p, &s, name, n, k, false, err));
    QG_PASS(place_halves(p, &halves, &s, err));
    *out = halves;
    if (tensor)
        *tensor = s.tensor[0];
    return QG_OK;
}

qg_status qg_place_tied(qg_placer *p, qg_linear *out, const qgk_half *halves, const char *name,
                        int n, int k, qg_err *err)
{
    qg_weight_sums sums;
    size_t n_seen = p->n_seen;
    qg_parts s;

    p->sums.formats |= 1u << QGK_FORMAT_F16;
    sums = p->sums; /* the embedding has been counted */
    *out = (qg_linear){.n_weights = 1};
    out->weight[0] = (qgk_weight){.format = QGK_FORMAT_F16,
                                  .n = n,
                                  .k = k,
                                  .n_segments = 1,
                                  .segment = {{.n = n, .data = halves}}};
    if (p->backend->table.linear[QGK_FORMAT_F16].in_place)
        return QG_OK;
    QG_PASS(qg_parts_find(p, &s, name, n, k, false, err));
    QG_PASS(place_packed(p, &out->weight[0].segment[0].data, &s, err));
    p->sums = sums;
    p->n_seen = n_seen;
    return QG_OK;
}

qg_status qg_place_check_rest(const qg_placer *p, const char *ignored_suffix, qg_err *err)
{
    qg_str ignored = qg_str_from(ignored_suffix ? ignored_suffix : "");

    for (size_t i = 0; i < qg_checkpoint_count(p->checkpoint); i++) {
        const qg_tensor *t = qg_checkpoint_at(p->checkpoint, i);
        bool known = ignored_suffix && qg_str_ends(qg_str_from(t->name), ignored);
        for (size_t j = 0; !known && j < p->n_seen; j++)
            known = p->seen[j] == t;
        if (!known)
            return qg_fail_about(err, QG_EFORMAT, "tensor-unknown", t->name,
                                 "tensor '%s' does not belong to a model of config.json's shape",
                                 t->name);
    }
    return QG_OK;
}
