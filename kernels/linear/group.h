/* What methods whose inputs share scales in groups have in common: codes out of words, the scan of
 * the scales, and the order of act-order checkpoints.
 *
 * A tensor "g_idx" [K] of I32 names the group of every input. It is a grouping when each of the
 * K / group groups has exactly `group` inputs. Inputs are ordered by group, those of a group as
 * they stand (a stable counting sort).
 */
#ifndef QGK_LINEAR_GROUP_H
#define QGK_LINEAR_GROUP_H

#include "kernels/linear/linear.h"

/* Eight codes of 4 bits, the lowest first, to a byte each. */
static inline uint64_t qgk_spread_nibbles(uint32_t word)
{
    uint64_t v = word;

    v = (v | v << 16) & UINT64_C(0x0000ffff0000ffff);
    v = (v | v << 8) & UINT64_C(0x00ff00ff00ff00ff);
    return (v | v << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

/* A row of a tile of codes to where it belongs: one length is known, so that it is a few moves. */
enum { QGK_TILE_K = 64 };
static inline void qgk_copy_codes(uint8_t *to, const uint8_t *row, int n)
{
    if (n == QGK_TILE_K)
        memcpy(to, row, QGK_TILE_K);
    else
        memcpy(to, row, (size_t)n);
}

/* 1 where all `count` scales of part `part` (F16, BF16, F32) are finite and not zero, else 0 and
 * the first fault. Negative ones are fine: AutoRound writes them. */
int qgk_group_check_scales(qgk_fault *out, const qgk_stored *w, int part, int64_t count);
/* The same for g_idx in part `part`; absent is fine. */
int qgk_group_check_order(qgk_fault *out, const qgk_stored *w, int part);
/* qgk_method's `order` from the g_idx in part `part`, which has been checked. */
int qgk_group_order(int32_t *order, const qgk_stored *w, int part);
/* Its inverse: g_idx [K] of I32 from an order, or NULL. */
void qgk_group_encode_order(void *g_idx, const int32_t *order, qgk_shape s);

#endif
