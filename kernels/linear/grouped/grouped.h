/* What the vector tiers of W4A16 and W8A16 share: the packed layout, inputs in the order of the
 * columns, and the walk over segments and threads. For grouped_*.c alone.
 *
 * A group is cut in steps of 16 inputs, the last filled up with weights of zero, so that tiers know
 * no tails along k. Rows are packed in blocks of 8, the last filled up with rows of zero: first the
 * codes, [step][8 rows][16 codes], so that a tile reads one stream; then scales [group][8 rows] in
 * float32 and zero points [group][8 rows] in bytes. At group 128 a 4-bit weight takes 4.31 bits, an
 * 8-bit one 8.31. Of 4 bits, code i of a step is nibble place[i], counted from the lowest of its 8
 * bytes: how a tier wants to spread them over its lanes.
 */
#ifndef QGK_GROUPED_H
#define QGK_GROUPED_H

#include "kernels/qgk.h"

/* -256 .. 15: from element 256 - zero on they are code - zero of codes 0, 1, ... */
extern const float qgk_grouped_ramp[];

enum { QGK_STEP = 16, QGK_BLOCK_N = 8 };

/* One segment on the way of being multiplied. */
typedef struct qgk_grouped {
    const unsigned char *data; /* blocks                                                        */
    size_t block_bytes, scales_at, zeros_at; /* of a block; in it                               */
    int n, bits, n_groups, group_steps; /* of a group                                           */
    const float *x; /* [rows][n_groups * group_steps * QGK_STEP], in the order of the columns   */
    float *out;     /* [rows][stride] from the segment's first column on                        */
    const float *bias; /* [n] or NULL                                                           */
    size_t stride;
} qgk_grouped;

/* Floats of a row of x. */
static inline size_t qgk_grouped_k(const qgk_grouped *g)
{
    return (size_t)g->n_groups * (size_t)g->group_steps * QGK_STEP;
}

size_t qgk_grouped_bytes(qgk_shape s);
void qgk_grouped_pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0,
                      const unsigned char place[QGK_STEP]);

/* Multiplies `rows` rows of x with columns n0 .. n1 - 1, n0 a multiple of QGK_BLOCK_N; room: floats
 * of this thread's own, at a cache line's border. */
enum { QGK_GROUPED_ROOM = 1 << 14 };
typedef void (*qgk_grouped_fn)(const qgk_grouped *g, int rows, int n0, int n1, float *room);

/* The product of a table's slot, by the tier's function on each thread. */
void qgk_grouped_product(qgk_ctx *ctx, float *out, const float *x, const qgk_weight *w, int rows,
                         qgk_grouped_fn multiply);

#endif
