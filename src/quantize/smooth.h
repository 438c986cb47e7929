/* SmoothQuant: scales that take outliers from activations to weights, so that both fit in 8 bits.
 *
 *     s_j = max|x_j|^a / max|w_j|^(1 - a)        (Xiao et al. 2022, arXiv 2211.10438, equation 4)
 *
 * with the maxima over calibration and over all outputs of the block. The strength a is given or
 * searched: what counts is the product that will run, so a candidate's inputs and weights are
 * rounded, packed and multiplied by the tier's own W8A8, and held against the products of floats.
 */
#ifndef QG_QUANTIZE_SMOOTH_H
#define QG_QUANTIZE_SMOOTH_H

#include "kernels/qgk.h"
#include "quantize/block.h"
#include "quantize/rtn.h"

#include <stdbool.h>

/* Instead of a strength: the best of 0, 0.05, .. 1 and of no scales at all. */
#define QG_SMOOTH_BEST (-1.0)

/* The scales that were chosen. Losses: the square error of an output token, summed over all outputs
 * of the block, its mean over the sampled tokens, with the scales and without. */
typedef struct qg_smooth_choice {
    bool smooth; /* not: all scales are 1, of the searched strengths none was better */
    double strength;
    double loss, loss_unsmoothed;
} qg_smooth_choice;

/* Scales [k] of `strength`, or of the best one, and what they are worth. A given strength is taken
 * even where its loss is the higher. Inputs of a tie share their greatest |x| and |w|. An input
 * that never fires, or that no output reads, gets 1; all scales lie within 1e-5 .. 1e5.
 *
 * grid: of the form, 8 bit and symmetric; a scale a row. ctx: of the CPU, with scratch for W8A8
 * products of n_sample rows and k inputs; its threads and its tier change no bit. b->k is at most
 * QGK_W8A8_MAX_K, and n_sample at least 1. `arena` is for scratch: the weights packed, and
 * products of the sample. QG_ENONFINITE (calibration, or sums that overflow), QG_ENOMEM. */
qg_status qg_smooth_choose(float *scales, qg_smooth_choice *out, qgk_ctx *ctx, const qg_block *b,
                           double strength, const qg_rtn_grid *grid, qg_arena *arena, qg_err *err);

#endif
