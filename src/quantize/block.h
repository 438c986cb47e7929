/* Blocks: the linears that share one input (q, k, v; gate, up; o; down), which is what a search for
 * scales looks at.
 *
 * Scaling a block moves size between inputs and weights: x_j becomes x_j / s_j and column j of
 * every linear w_j s_j, so that the products stay what they were and only rounding sees a
 * difference. What makes the input (a norm, or the linear before) must be divided by the same s;
 * that is the caller's.
 *
 * Contract: weights are finite (who read them has refused others). What calibration brings is not
 * trusted: searches begin with qg_block_check().
 */
#ifndef QG_QUANTIZE_BLOCK_H
#define QG_QUANTIZE_BLOCK_H

#include "base/arena.h"
#include "base/err.h"
#include "kernels/qgk_types.h"
#include "quantize/moments.h"

typedef struct qg_block_linear {
    float *w; /* [n][k], row-major */
    int n;
} qg_block_linear;

/* Views: the caller owns everything. */
typedef struct qg_block {
    int k;         /* inputs */
    int n_linears; /* 1 .. QGK_MAX_SEGMENTS */
    qg_block_linear linear[QGK_MAX_SEGMENTS];
    qg_moments *moments; /* of the input: k inputs, at least one token */
    /* [k] numbers 0 .. k - 1, or NULL: inputs of the same number get the same scale. Between v and
     * o it is the output of v that an input of o reads, where several query heads share a KV head.
     */
    const int32_t *tie;
} qg_block;

/* QG_ENONFINITE where an input was infinite or NaN in calibration. */
qg_status qg_block_check(const qg_block *b, qg_err *err);

typedef enum qg_block_join { QG_BLOCK_MEAN, QG_BLOCK_MAX } qg_block_join;
/* Gives the inputs of each tie the mean or the greatest of their values [k], which are not
 * negative. `arena` is for scratch. QG_ENOMEM. */
qg_status qg_block_tie(double *values, const qg_block *b, qg_block_join join, qg_arena *arena,
                       qg_err *err);

/* Scales the block by s [k], finite and above 0: w_j s_j, and of the moments G_ij / (s_i s_j), the
 * sums, greatest values and sampled rows / s_j. n_threads as in OpenMP. */
void qg_block_scale(qg_block *b, const float *s, int n_threads);

#endif
