/* GPTQ: rounding that lets the weights not yet rounded make up for those that are (Frantar et al.
 * 2022, arXiv 2210.17323, algorithm 1; options as in AutoGPTQ and GPTQModel).
 *
 * Linears that share their input (q, k, v) share a plan: the factor of the inverse of the mean of
 * x x^T over calibration, damped. By it a linear is rounded one input after the other; the error of
 * each, divided by its own number on the factor's diagonal and times the rest of that row, is taken
 * off the inputs to come. The output's mean square error, of the damped mean, is then the sum of
 * the squares of these quotients.
 *
 *     plain          inputs in their order; a group's scale is fitted when its first input comes,
 *                    to the weights as they are by then
 *     act_order      inputs by falling mean square, ties to the lower one. Groups are consecutive
 *                    in that order, and so are the columns of the canonical form (g_idx)
 *     static_groups  scales are fitted beforehand, groups and columns keep the natural order
 *                    whatever order the inputs come in
 *
 * Where a group is the whole row, its scale is fitted first of all and the columns keep the natural
 * order, too: no order of groups is to be stored.
 *
 * An input that is 0 throughout calibration (its mean square is 0) is dead: its weights become 0.
 * Different from upstream: the scale of a group that starts inside a block of 128 inputs is fitted
 * to weights with all corrections, as in the paper, not only those of earlier blocks; weights of
 * dead inputs do not widen the scale of a whole row; dead inputs come last and do not count in the
 * mean that damping is a share of, where upstream gives them a mean square of 1: so the result
 * depends on no unit.
 */
#ifndef QG_QUANTIZE_GPTQ_ROUNDING_H
#define QG_QUANTIZE_GPTQ_ROUNDING_H

#include "quantize/factor.h"
#include "quantize/moments.h"
#include "quantize/rtn.h"

#define QG_GPTQ_DAMP      0.01 /* the usual damping      */
#define QG_GPTQ_DAMP_STEP 0.01 /* and by how much it rises */

typedef struct qg_gptq_options {
    double damp;      /* is added to the diagonal, as a share of its mean; 0 .. 1 */
    double damp_step; /* is added to damp until the matrix is positive definite; above 0, to 1 */
    bool act_order, static_groups;
    int n_threads;
} qg_gptq_options;

/* Lives as long as the arena it was made on. */
typedef struct qg_gptq_plan {
    int k;
    const int32_t *order;  /* [k] input that comes i-th; NULL: i */
    const double *inverse; /* [k][k] in that order: upper triangular U, U^T U the damped inverse */
    const bool *is_dead;   /* [k] by input */
    int n_dead;
    double damp;  /* that did; above the option's where that was too little */
    double added; /* to the diagonal: damp times the mean square of the live inputs */
    bool static_groups;
} qg_gptq_plan;

/* QG_EARG: options, or moments of no tokens; QG_ENONFINITE: a NaN or infinity in the Gram matrix;
 * QG_EFORMAT: not positive definite with a damping of 1 either, which is no Gram matrix;
 * QG_EDEVICE: see factor.h. On `arena`: k * k numbers of 8 bytes, and some k. */
qg_status qg_gptq_plan_make(qg_gptq_plan *out, const qg_moments *moments,
                            const qg_gptq_options *options, const qg_lapack *lapack,
                            qg_arena *arena, qg_err *err);

/* The input order of the canonical columns with groups of this size; NULL: natural. */
const int32_t *qg_gptq_order(const qg_gptq_plan *plan, int group);

typedef struct qg_gptq_error {
    double of_error, of_weights; /* sums of (w - w')^2, of w^2 */
    double of_outputs;           /* mean square of the change of an output, sum over the outputs */
} qg_gptq_error;

/* w [rows->n_rows][k], finite, inputs in their natural order, to codes, scales and zeros of `rows`,
 * whose format, k and group are set as for qg_rtn_quantize(); columns as qg_gptq_order() says. The
 * result does not depend on n_threads. `arena` is for scratch, 32 rows of doubles a thread. */
qg_status qg_gptq_quantize(qgk_canon *rows, qg_gptq_error *error, const qg_gptq_plan *plan,
                           const float *w, const qg_rtn_grid *grid, int n_threads, qg_arena *arena,
                           qg_err *err);

#endif
