/* Products with codes of 4 or 8 bits that have a scale and a zero point a group, float activations.
 *
 * A packed segment is three arrays: the codes, row by row from a byte's border on (4 bits: column
 * 2i in the lower half of byte i), then the scales [n][groups], then the zero points. Each output
 * is one sum in double, in order of the columns, of weights scale * (code - zero), which are exact
 * in double. A row of the weight is widened once for all rows of x.
 */
#include "kernels/tiers.h"

#include <assert.h>
#include <omp.h>

/* A packed segment; the pointers are into it. */
typedef struct layout {
    size_t row_bytes; /* of codes */
    uint8_t *codes;   /* [n][row_bytes] */
    float *scales;    /* [n][groups]    */
    uint8_t *zeros;   /* [n][groups]    */
    size_t bytes;
} layout;

static layout layout_of(const void *packed, qgk_shape s)
{
    size_t n = (size_t)s.n, n_groups = n * (size_t)qgk_groups(s);
    layout l = {.row_bytes = ((size_t)s.k * (size_t)s.bits + 7) / 8,
                .codes = (uint8_t *)(uintptr_t)packed};
    size_t scales_at = (n * l.row_bytes + 3) / 4 * 4, zeros_at = scales_at + n_groups * 4;

    l.bytes = zeros_at + n_groups;
    if (packed) {
        l.scales = (float *)(void *)(l.codes + scales_at);
        l.zeros = l.codes + zeros_at;
    }
    return l;
}

static int code_at(const uint8_t *codes, int bits, int i)
{
    return bits == 8 ? codes[i] : codes[i / 2] >> i % 2 * 4 & 15;
}

/* Row n of the segment to wide [k]. */
static void widen(double *wide, const layout *l, qgk_shape s, int n)
{
    const uint8_t *codes = l->codes + (size_t)n * l->row_bytes;
    size_t first = (size_t)n * (size_t)qgk_groups(s);

    for (int i = 0; i < s.k; i++) {
        size_t g = first + (size_t)(i / s.group);
        wide[i] = (double)l->scales[g] * (code_at(codes, s.bits, i) - l->zeros[g]);
    }
}

/* out [rows][n_all] at column n0; x [rows][k], weight row w [k], bias of the column */
static void column(float *out, size_t n_all, const float *x, const double *w, const int32_t *order,
                   int rows, int k, double bias)
{
    for (int r = 0; r < rows; r++) {
        const float *row = x + (size_t)r * (size_t)k;
        double sum = 0;
        for (int i = 0; i < k; i++)
            sum += (double)row[order ? order[i] : i] * w[i];
        out[(size_t)r * n_all] = (float)(sum + bias);
    }
}

static size_t slab_bytes(int k)
{
    return ((size_t)k * sizeof(double) + 63) / 64 * 64;
}

/* out [rows][N] = x [rows][K] W^T + bias; activations are float32 on the CPU, so f32_out changes
 * nothing */
static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    (void)f32_out;
    assert(w->format == QGK_FORMAT_W4A16 || w->format == QGK_FORMAT_W8A16);
    assert(rows >= 0 && w->k > 0);
    assert((size_t)ctx->n_threads * slab_bytes(w->k) <= ctx->scratch_bytes);
    for (int i = 0; i < w->n_segments; i++) {
        const qgk_segment *part = &w->segment[i];
        qgk_shape s = {part->n, w->k, part->group, w->format == QGK_FORMAT_W4A16 ? 4 : 8};
        layout l = layout_of(part->data, s);
#pragma omp parallel for num_threads(ctx->n_threads) schedule(static)
        for (int n = 0; n < s.n; n++) {
            double *wide = (double *)(void *)((char *)ctx->scratch +
                                              (size_t)omp_get_thread_num() * slab_bytes(s.k));
            int at = part->at + n;
            widen(wide, &l, s, n);
            column((float *)out + at, (size_t)w->n, (const float *)x, wide, part->order, rows, s.k,
                   w->bias ? (double)w->bias[at] : 0);
        }
    }
}

static size_t packed_bytes(qgk_shape s)
{
    return layout_of(NULL, s).bytes;
}

static void pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    size_t n_groups = (size_t)qgk_groups(s), first = (size_t)row0 * n_groups;
    size_t count = (size_t)rows->n_rows * n_groups;
    layout l = layout_of(packed, s);

    assert(rows->k == s.k && rows->group == s.group && s.k % s.group == 0);
    assert(rows->format == (s.bits == 4 ? QGK_FORMAT_W4A16 : QGK_FORMAT_W8A16));
    assert(row0 >= 0 && row0 + rows->n_rows <= s.n);
    memcpy(l.scales + first, rows->scales, count * sizeof *l.scales);
    memcpy(l.zeros + first, rows->zeros, count);
    for (int n = 0; n < rows->n_rows; n++) {
        const uint8_t *from = (const uint8_t *)rows->codes + (size_t)n * (size_t)s.k;
        uint8_t *to = l.codes + (size_t)(row0 + n) * l.row_bytes;
        if (s.bits == 8)
            memcpy(to, from, (size_t)s.k);
        else
            for (int i = 0; i < s.k; i += 2)
                to[i / 2] = (uint8_t)(from[i] | (i + 1 < s.k ? from[i + 1] << 4 : 0));
    }
}

size_t qgk_grouped_ref_scratch(const qgk_limits *limits)
{
    return (size_t)limits->n_threads * slab_bytes(limits->max_k);
}

void qgk_grouped_ref(qgk_table *t)
{
    t->linear[QGK_FORMAT_W4A16] = t->linear[QGK_FORMAT_W8A16] =
        (qgk_linear){.packed_bytes = packed_bytes, .pack = pack, .product = product};
}
