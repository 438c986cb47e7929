/* How far the weights of a linear lie from those that they were made of.
 *
 * Lengths are in *steps*: what codes of that width tell apart where they are spread evenly over the
 * weights that share a scale, 2 max |w| / (2^bits - 1); plain weights count as 10 bits. Rounding to
 * nearest leaves errors between -1/2 and 1/2, so a root mean square of 0.29 (1 / sqrt 12), whatever
 * the weights are: that is what makes one limit fit all linears. A *cell* is a group of inputs of
 * one output; where an output has but one scale, inputs are looked at in blocks of QG_MISFIT_BLOCK.
 *
 * An input counts by how large it is over the tokens at hand: below the median of all inputs by the
 * square of its ratio to it, else 1. What a quantizer did to a weight that hardly anything meets is
 * no damage.
 *
 * The same steps say how large the error of an output should be: that of independent errors of
 * rounding, uniform over a step, sqrt(sum step^2 / 12 x^2), where activations are rounded to 8 bit
 * with theirs (`noise`). GPTQ and AWQ stay below it, since that is what they are for.
 */
#ifndef QG_ENGINE_MISFIT_H
#define QG_ENGINE_MISFIT_H

#include "engine/fold.h"

enum { QG_MISFIT_BLOCK = 128 };

/* The greatest of its kind, and where; -1 where it has no such place. */
typedef struct qg_misfit_at {
    double steps; /* not negative; INFINITY where a weight is not finite */
    int row, group, input;
    double *groups; /* [n_groups] errors of this row as in group_error, NULL: of no single row */
} qg_misfit_at;

typedef struct qg_misfit {
    double error;       /* |w' - w| / |w| over all */
    qg_misfit_at cell;  /* root mean square of a cell */
    qg_misfit_at shift; /* mean of a cell, either way */
    qg_misfit_at input; /* root mean square of an input over all outputs */
    double cell_median; /* of all cells */
    int n_groups;
    double *group_error; /* [n_groups] |w' - w| / |w| over the inputs of a group, all outputs */
    double *row_error;   /* [n] the same of an output */
    double *noise;       /* [n] expected root mean square error of an output over the tokens */
} qg_misfit;

typedef struct qg_misfit_inputs {
    const double *size; /* [k] root mean square over the tokens */
    double noise;       /* root mean square error of each where inputs are rounded, else 0 */
    const float *f_in;  /* [k] what inputs were multiplied with (engine/fold) */
    const float *f_out; /* [n] what outputs were, or NULL: 1 */
} qg_misfit_inputs;

/* What `out` points to is on the arena, all else on scratch, another one, given back. QG_ENOMEM. */
qg_status qg_misfit_measure(qg_misfit *out, qg_arena *arena, qg_arena *scratch,
                            const qg_fold_pair *pair, const qg_misfit_inputs *inputs, int n_threads,
                            qg_err *err);

/* Inputs that share a scale, or a block of them. */
int qg_misfit_group_size(const qg_fold_pair *pair);

#endif
