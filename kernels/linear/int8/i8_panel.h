/* What the SIMD tiers of W8A8 share: how weights are packed, where quantized rows of x wait, and
 * the walk over tiles. For i8_avx2.c and i8_avx512.c alone.
 *
 * A panel is `width` weight rows, side by side in the lanes of vectors: their scales, then for each
 * step of `inputs` columns the codes [width][inputs]; what is missing at the ends is 0. A step of a
 * row of x is 4 bytes, which are broadcast to all lanes. So a tile (rows of x by one panel) reads
 * its weights once, in order, and ends with sums in the lanes where outputs lie. Sums of codes are
 * exact: no order, tile or block changes a bit.
 *
 * One row (decoding) is quantized by each thread for itself, which takes less time than waiting for
 * another; more rows are shared out, in blocks that stay in cache.
 */
#ifndef QGK_I8_PANEL_H
#define QGK_I8_PANEL_H

#include "kernels/qgk.h"

#include <assert.h>
#include <omp.h>

enum { QGK_I8_BLOCK_BYTES = 2 << 20 }; /* quantized rows that pass over a panel */

/* A row of x, followed by its codes, 4 bytes a step; 64-byte aligned, as are the codes. */
typedef struct qgk_i8_row {
    float scale;
    int32_t first; /* what sums start with */
    char pad[56];
} qgk_i8_row;

/* A tile: rows x [m] by one panel; columns n .. of the output, of which some may not exist. */
typedef struct qgk_i8_tile {
    const qgk_i8_row *x;
    size_t row_bytes; /* from one row of x to the next */
    const char *panel;
    int steps;
    float *out;
    size_t stride;     /* of out */
    const float *bias; /* of column n on, or NULL */
    int n;             /* columns that exist; may be more than the panel has */
} qgk_i8_tile;

typedef struct qgk_i8_tier {
    int width, inputs, max_rows; /* max_rows: of a tile */
    int offset;                  /* added to codes      */
    /* Fills in a row and its codes, zeros up to a multiple of 64 bytes. */
    void (*quantize)(qgk_i8_row *to, const float *x, int k);
    void (*tile)(const qgk_i8_tile *t, int m);
} qgk_i8_tier;

/* Sets the scale of a row whose largest |x| has these bits (i8_ref.c says how); returns what x is
 * multiplied by. */
static inline float qgk_i8_scale(qgk_i8_row *row, uint32_t largest_bits)
{
    float largest = qgk_float_from_bits(largest_bits);

    row->scale = largest_bits >= 0x7f800000u ? __builtin_nanf("")
                 : largest < 0x1p-100f       ? 0
                                             : largest / 127;
    return row->scale > 0 ? 127 / largest : 0;
}

static inline const qgk_i8_row *qgk_i8_row_at(const qgk_i8_tile *t, int r)
{
    return (const void *)((const char *)t->x + (size_t)r * t->row_bytes);
}

static inline int qgk_i8_steps(const qgk_i8_tier *t, int k)
{
    return (k + t->inputs - 1) / t->inputs;
}

static inline size_t qgk_i8_row_bytes(const qgk_i8_tier *t, int k)
{
    return sizeof(qgk_i8_row) + ((size_t)qgk_i8_steps(t, k) * 4 + 63) / 64 * 64;
}

static inline size_t qgk_i8_panel_bytes(const qgk_i8_tier *t, int k)
{
    return (size_t)t->width * (sizeof(float) + (size_t)(qgk_i8_steps(t, k) * t->inputs));
}

static inline int qgk_i8_panels(const qgk_i8_tier *t, int n)
{
    return (n + t->width - 1) / t->width;
}

static inline size_t qgk_i8_packed_bytes(const qgk_i8_tier *t, qgk_shape s)
{
    return (size_t)qgk_i8_panels(t, s.n) * qgk_i8_panel_bytes(t, s.k);
}

/* Strips start at multiples of 64 rows, so at panels. */
static inline void qgk_i8_pack(const qgk_i8_tier *t, void *packed, qgk_shape s,
                               const qgk_canon *rows, int row0)
{
    size_t panel_bytes = qgk_i8_panel_bytes(t, s.k);
    char *panel = (char *)packed + (size_t)(row0 / t->width) * panel_bytes;

    assert(rows->format == QGK_FORMAT_W8A8 && rows->k == s.k && s.k <= QGK_W8A8_MAX_K);
    assert(row0 >= 0 && row0 % t->width == 0 && row0 + rows->n_rows <= s.n);
    for (int n0 = 0; n0 < rows->n_rows; n0 += t->width, panel += panel_bytes) {
        int n_rows = rows->n_rows - n0 < t->width ? rows->n_rows - n0 : t->width;
        float *scales = (float *)(void *)panel;
        uint8_t *codes = (uint8_t *)(scales + t->width);
        memset(panel, 0, panel_bytes);
        memcpy(scales, rows->scales + n0, (size_t)n_rows * sizeof *scales);
        for (int j = 0; j < n_rows; j++) {
            const int8_t *from = (const int8_t *)rows->codes + (size_t)(n0 + j) * (size_t)s.k;
            for (int i = 0; i < s.k; i++)
                codes[(size_t)(i / t->inputs * t->width + j) * (size_t)t->inputs +
                      (size_t)(i % t->inputs)] = (uint8_t)(from[i] + t->offset);
        }
    }
}

static inline size_t qgk_i8_scratch_bytes(const qgk_i8_tier *t, int n_threads, int max_k)
{
    return QGK_I8_BLOCK_BYTES + (size_t)n_threads * qgk_i8_row_bytes(t, max_k);
}

/* This thread's panels of a segment times n_rows quantized rows. */
static inline void qgk_i8_multiply(const qgk_i8_tier *t, float *out, const qgk_i8_row *x,
                                   const qgk_weight *w, const qgk_segment *s, int n_rows)
{
    int me = omp_get_thread_num(), n_threads = omp_get_num_threads();
    int n_panels = qgk_i8_panels(t, s->n);
    size_t panel_bytes = qgk_i8_panel_bytes(t, w->k);
    qgk_i8_tile tile = {.row_bytes = qgk_i8_row_bytes(t, w->k),
                        .steps = qgk_i8_steps(t, w->k),
                        .stride = (size_t)w->n};

    for (int p = (int)((int64_t)n_panels * me / n_threads);
         p < (int)((int64_t)n_panels * (me + 1) / n_threads); p++) {
        tile.panel = (const char *)s->data + (size_t)p * panel_bytes;
        tile.bias = w->bias ? w->bias + s->at + p * t->width : NULL;
        tile.n = s->n - p * t->width;
        for (int row = 0, m, n_tiles = (n_rows + t->max_rows - 1) / t->max_rows; row < n_rows;
             row += m, n_tiles--) {
            m = (n_rows - row + n_tiles - 1) / n_tiles; /* tiles of about one height */
            tile.x = (const void *)((const char *)x + (size_t)row * tile.row_bytes);
            tile.out = out + (size_t)row * tile.stride + s->at + p * t->width;
            t->tile(&tile, m);
        }
    }
}

static inline void qgk_i8_product(const qgk_i8_tier *t, qgk_ctx *ctx, float *out, const float *x,
                                  const qgk_weight *w, int rows)
{
    size_t row_bytes = qgk_i8_row_bytes(t, w->k), k = (size_t)w->k;
    int block = (int)(QGK_I8_BLOCK_BYTES / row_bytes);

    assert(w->format == QGK_FORMAT_W8A8 && rows >= 0 && w->k > 0 && w->k <= QGK_W8A8_MAX_K);
    assert(qgk_i8_scratch_bytes(t, ctx->n_threads, w->k) <= ctx->scratch_bytes);
#pragma omp parallel num_threads(ctx->n_threads)
    for (int row0 = 0; row0 < rows; row0 += block) {
        int n_rows = rows - row0 < block ? rows - row0 : block;
        char *codes = ctx->scratch;
        if (rows == 1) {
            codes += QGK_I8_BLOCK_BYTES + (size_t)omp_get_thread_num() * row_bytes;
            t->quantize((qgk_i8_row *)(void *)codes, x, w->k);
        } else {
#pragma omp for schedule(static)
            for (int r = 0; r < n_rows; r++)
                t->quantize((qgk_i8_row *)(void *)(codes + (size_t)r * row_bytes),
                            x + (size_t)(row0 + r) * k, w->k);
        }
        for (int s = 0; s < w->n_segments; s++)
            qgk_i8_multiply(t, out + (size_t)row0 * (size_t)w->n, (const void *)codes, w,
                            &w->segment[s], n_rows);
        if (row0 + block < rows) {
#pragma omp barrier
        }
    }
}

#endif
