/* The packed layout of grouped.h, and the way of a product to its threads.
 *
 * Where columns stand in another order than the inputs, or groups end inside a step, rows of x are
 * copied to scratch as the kernels want them, as many at a time as fit there: once for all segments
 * in the same order. Every thread then multiplies its share of the blocks of columns. Invariant:
 * how rows and columns are cut changes no output's operations.
 */
#include "kernels/linear/grouped/grouped.h"
#include "kernels/tiers.h"

#include <assert.h>
#include <omp.h>

enum {
    X_ROWS = 64, /* of max_k floats: rows of x that scratch holds in order             */
    OWN_ROWS = 4 /* up to here a copy for each thread costs less than that threads wait */
};

#define FOUR(n)       n, (n) + 1, (n) + 2, (n) + 3
#define SIXTEEN(n)    FOUR(n), FOUR((n) + 4), FOUR((n) + 8), FOUR((n) + 12)
#define SIXTY_FOUR(n) SIXTEEN(n), SIXTEEN((n) + 16), SIXTEEN((n) + 32), SIXTEEN((n) + 48)
const float qgk_grouped_ramp[] = {SIXTY_FOUR(-256.0f), SIXTY_FOUR(-192.0f), SIXTY_FOUR(-128.0f),
                                  SIXTY_FOUR(-64.0f), SIXTEEN(0.0f)};

static qgk_grouped layout_of(const void *packed, qgk_shape s)
{
    qgk_grouped g = {.data = packed,
                     .n = s.n,
                     .bits = s.bits,
                     .n_groups = qgk_groups(s),
                     .group_steps = (s.group + QGK_STEP - 1) / QGK_STEP};
    size_t groups = (size_t)g.n_groups * QGK_BLOCK_N;

    g.scales_at = qgk_grouped_k(&g) * QGK_BLOCK_N * (size_t)s.bits / 8;
    g.zeros_at = g.scales_at + groups * sizeof(float);
    g.block_bytes = (g.zeros_at + groups + 63) / 64 * 64;
    return g;
}

size_t qgk_grouped_bytes(qgk_shape s)
{
    return (size_t)((s.n + QGK_BLOCK_N - 1) / QGK_BLOCK_N) * layout_of(NULL, s).block_bytes;
}

/* One step of a row: n codes, then as many zero points as fill it. */
static void pack_step(unsigned char *to, const uint8_t *codes, int n, uint8_t zero, int bits,
                      const unsigned char place[QGK_STEP])
{
    uint64_t nibbles = 0;

    for (int i = 0; i < QGK_STEP; i++) {
        uint8_t code = i < n ? codes[i] : zero;
        if (bits == 8)
            to[i] = code;
        else
            nibbles |= (uint64_t)(code & 15) << 4 * place[i];
    }
    if (bits == 4)
        memcpy(to, &nibbles, sizeof nibbles);
}

/* Row `row` of the segment from row i of a canonical strip. */
static void pack_row(unsigned char *packed, const qgk_grouped *l, int row, const qgk_canon *rows,
                     int i, const unsigned char place[QGK_STEP])
{
    unsigned char *block = packed + (size_t)(row / QGK_BLOCK_N) * l->block_bytes;
    const uint8_t *codes = (const uint8_t *)rows->codes + (size_t)i * (size_t)rows->k;
    size_t step_bytes = QGK_STEP * (size_t)l->bits / 8, first = (size_t)i * (size_t)l->n_groups;
    size_t j = (size_t)row % QGK_BLOCK_N, step = 0;

    for (int g = 0; g < l->n_groups; g++) {
        size_t at = (size_t)g * QGK_BLOCK_N + j;
        uint8_t zero = rows->zeros[first + (size_t)g];
        memcpy(block + l->scales_at + at * sizeof(float), rows->scales + first + g, sizeof(float));
        block[l->zeros_at + at] = zero;
        for (int c = 0; c < rows->group; c += QGK_STEP, step++)
            pack_step(block + (step * QGK_BLOCK_N + j) * step_bytes,
                      codes + (size_t)g * (size_t)rows->group + c, rows->group - c, zero, l->bits,
                      place);
    }
}

void qgk_grouped_pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0,
                      const unsigned char place[QGK_STEP])
{
    qgk_grouped l = layout_of(packed, s);
    int first = row0 / QGK_BLOCK_N;
    int last = (row0 + rows->n_rows + QGK_BLOCK_N - 1) / QGK_BLOCK_N;

    assert(rows->k == s.k && rows->group == s.group && s.k % s.group == 0);
    assert(rows->format == (s.bits == 4 ? QGK_FORMAT_W4A16 : QGK_FORMAT_W8A16));
    assert(row0 >= 0 && row0 % QGK_BLOCK_N == 0 && row0 + rows->n_rows <= s.n);
    memset((char *)packed + (size_t)first * l.block_bytes, 0,
           (size_t)(last - first) * l.block_bytes);
    for (int i = 0; i < rows->n_rows; i++)
        pack_row(packed, &l, row0 + i, rows, i, place);
}

/* A row of x [k] in the order of the columns, groups filled up with zeros. */
static void order_row(float *to, const float *x, const int32_t *order, int group, int n_groups)
{
    int padded = (group + QGK_STEP - 1) / QGK_STEP * QGK_STEP;

    for (int g = 0, k = 0; g < n_groups; g++, to += padded) {
        for (int i = 0; i < group; i++, k++)
            to[i] = x[order ? order[k] : k];
        for (int i = group; i < padded; i++)
            to[i] = 0;
    }
}

/* Rows of x [rows][k] in the order of segment `part` to [rows][stride]: a thread's own copy, or one
 * that all threads make together. */
static void order_rows(float *to, size_t stride, const float *x, const qgk_segment *part, int k,
                       int rows, int own)
{
    if (own) {
        for (int r = 0; r < rows; r++)
            order_row(to + (size_t)r * stride, x + (size_t)r * (size_t)k, part->order, part->group,
                      k / part->group);
        return;
    }
#pragma omp barrier /* until all have done with what stood there */
#pragma omp for
    for (int r = 0; r < rows; r++)
        order_row(to + (size_t)r * stride, x + (size_t)r * (size_t)k, part->order, part->group,
                  k / part->group);
}

static int reads_in_place(const qgk_segment *part)
{
    return !part->order && part->group % QGK_STEP == 0;
}

static int reads_like(const qgk_segment *a, const qgk_segment *b)
{
    return a->order == b->order && a->group == b->group;
}

/* A segment's view for this product; x where its rows may be read in place. */
static qgk_grouped segment_of(const qgk_weight *w, const qgk_segment *part, float *out,
                              const float *x)
{
    qgk_shape s = {part->n, w->k, part->group, w->format == QGK_FORMAT_W4A16 ? 4 : 8};
    qgk_grouped g = layout_of(part->data, s);

    g.x = x;
    g.out = out + part->at;
    g.bias = w->bias ? w->bias + part->at : NULL;
    g.stride = (size_t)w->n;
    return g;
}

/* Rows of x that `left` floats of scratch hold for every segment. */
static int rows_that_fit(size_t left, const qgk_weight *w, int rows)
{
    size_t fit = (size_t)rows;

    for (int i = 0; i < w->n_segments; i++) {
        qgk_grouped g = segment_of(w, &w->segment[i], NULL, NULL);
        size_t these = left / qgk_grouped_k(&g);
        if (!reads_in_place(&w->segment[i]) && these < fit)
            fit = these;
    }
    assert(fit > 0 || rows == 0);
    return (int)fit;
}

void qgk_grouped_product(qgk_ctx *ctx, float *out, const float *x, const qgk_weight *w, int rows,
                         qgk_grouped_fn multiply)
{
    size_t before = (size_t)ctx->n_threads * QGK_GROUPED_ROOM;
    size_t left = ctx->scratch_bytes / sizeof(float) - before;
    float *scratch = ctx->scratch;
    int block = rows_that_fit(left, w, rows), copies = rows * ctx->n_threads;
    int own = rows <= OWN_ROWS && rows_that_fit(left, w, copies) == copies;

    assert(before * sizeof(float) <= ctx->scratch_bytes);
    assert(w->format == QGK_FORMAT_W4A16 || w->format == QGK_FORMAT_W8A16);
    assert(rows >= 0 && w->k > 0);
#pragma omp parallel num_threads(ctx->n_threads)
    for (int row = 0; row < rows; row += block) {
        int me = omp_get_thread_num(), n_threads = omp_get_num_threads();
        int m = rows - row < block ? rows - row : block;
        const qgk_segment *ordered = NULL; /* what scratch holds */
        for (int i = 0; i < w->n_segments; i++) {
            const qgk_segment *part = &w->segment[i];
            const float *from = x + (size_t)row * (size_t)w->k;
            qgk_grouped g = segment_of(w, part, out + (size_t)row * (size_t)w->n, from);
            if (!reads_in_place(part)) {
                size_t k = qgk_grouped_k(&g);
                float *to = scratch + before + (own ? (size_t)(me * m) * k : 0);
                if (!ordered || !reads_like(part, ordered))
                    order_rows(to, k, from, part, w->k, m, own);
                g.x = to;
                ordered = part;
            }
            int n_blocks = (g.n + QGK_BLOCK_N - 1) / QGK_BLOCK_N;
            int n0 = (int)((int64_t)n_blocks * me / n_threads) * QGK_BLOCK_N;
            int n1 = (int)((int64_t)n_blocks * (me + 1) / n_threads) * QGK_BLOCK_N;
            multiply(&g, m, n0, n1 < g.n ? n1 : g.n, scratch + (size_t)me * QGK_GROUPED_ROOM);
        }
    }
}

size_t qgk_grouped_scratch(const qgk_limits *limits)
{
    return ((size_t)limits->n_threads * QGK_GROUPED_ROOM + (size_t)limits->max_k * X_ROWS) *
           sizeof(float);
}
