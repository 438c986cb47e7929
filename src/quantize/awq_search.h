/* AWQ: scales and clipping that let 4-bit rounding spare the weights that matter.
 *
 * Weights that large activations meet matter most: a column multiplied by s > 1 is rounded s times
 * finer as long as it does not set the scale of its group (Lin et al. 2023, arXiv 2306.00978,
 * section 3.2). Both searches are those of AutoAWQ 0.2.9 (awq/quantize/quantizer.py), made exact:
 * instead of passing sampled tokens through the model, errors of outputs come from the Gram matrix
 * of all tokens (see moments.h), of linears alone: of an attention or MLP around them the search
 * knows nothing.
 *
 * ctx: of the CPU, with the scratch that products of k inputs want. Results do not depend on its
 * threads. `arena` is for scratch: k^2 floats, and some strips of rows. Statuses: QG_ENONFINITE (of
 * calibration, or sums that overflow), QG_ENOMEM.
 */
#ifndef QG_QUANTIZE_AWQ_SEARCH_H
#define QG_QUANTIZE_AWQ_SEARCH_H

#include "kernels/qgk.h"
#include "quantize/block.h"
#include "quantize/rtn.h"

#include <stdbool.h>

/* The scales that won. Losses: the mean square error of an output token, summed over all outputs of
 * the block, rounded to nearest with them and without. */
typedef struct qg_awq_choice {
    bool duo;     /* weights counted too      */
    double ratio; /* 0 and not duo: all are 1 */
    double loss, loss_unscaled;
} qg_awq_choice;

/* Chooses scales [k] for rounding in groups of `group` inputs, which divides k.
 *
 * With x the mean of |x_j| and w the mean over all outputs of |w_j| / (max |w| of its group), a
 * candidate is x^r ("duo" not) or x^r / (w^(1-r) + 1e-4) (duo), at least 1e-4, divided by the
 * geometric middle sqrt(max s * min s), for r = 0, 0.05, .. 0.95: AutoAWQ's `duo_scaling` off and
 * on, llm-compressor's "both". The first is 1 everywhere, and the least loss wins, so it is never
 * above that of rounding as it is. Inputs of a tie share the means of their x and w. An input that
 * never fires, or that no output reads, gets 1 and has no part in the middle (upstream it would get
 * 1e-4 or 1e4, and drag all others along). */
qg_status qg_awq_scale(float *scales, qg_awq_choice *out, qgk_ctx *ctx, const qg_block *b,
                       int group, const qg_rtn_grid *grid, qg_arena *arena, qg_err *err);

/* What clipping did. */
typedef struct qg_awq_clipping {
    int64_t n_groups, n_clipped;
    double mean_factor; /* of max |w|, over all groups; 1: nothing is clipped */
    /* As in qg_awq_choice, of each group as if it alone were rounded */
    double loss, loss_unclipped;
} qg_awq_clipping;

/* Clips w [n][k] of one linear in place. m: of its inputs, in the scale of w (qg_block_scale). For
 * each row and group, limits of 1, 0.95, .. 0.55 times max |w| are tried: weights are cut to them,
 * both ways, then rounded; the limit of the least d G d^T stays, with d the change of the group's
 * weights and G the group's part of the Gram matrix. AutoAWQ leaves q and k as they are, since
 * their errors meet in a product; that is the caller's to say. After an error w is spoilt. */
qg_status qg_awq_clip(float *w, qg_awq_clipping *out, qgk_ctx *ctx, int n, const qg_moments *m,
                      int group, const qg_rtn_grid *grid, qg_arena *arena, qg_err *err);

#endif
