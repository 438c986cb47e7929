/* Rounding to nearest: the floor that every other quantizer must beat.
 *
 * Scales come from the extremes of a group alone. Symmetric, b bits: scale = 2 max|w| / (2^b - 1),
 * zero point 2^(b-1) (GPTQ's and compressed-tensors' observers). Asymmetric: scale = (max - min) /
 * (2^b - 1) with min <= 0 <= max, zero point rint(-min / scale) (Jacob et al. 2018, section 3).
 * Scales are rounded to what the disk will hold before codes are chosen, so that the codes fit the
 * scales that are read back; ties go to even.
 */
#ifndef QG_QUANTIZE_RTN_H
#define QG_QUANTIZE_RTN_H

#include "kernels/qgk_types.h"

typedef struct qg_rtn_grid {
    int bits;
    int symmetric;
    double steps;     /* symmetric: 2 max|w| / scale; 0: 2^bits - 1. bitsandbytes: 254 */
    int float_scales; /* the disk holds float32 scales, else float16 */
} qg_rtn_grid;

/* What one group shares: a weight is value * (code - zero), codes are 0 .. 2^bits - 1. */
typedef struct qg_rtn_scale {
    float value; /* as the disk holds it, above 0 */
    int zero;
} qg_rtn_scale;

/* Of the group w [n], finite; its extremes count `clip` times, 1: as they are. */
qg_rtn_scale qg_rtn_fit(const float *w, int n, double clip, const qg_rtn_grid *grid);
/* The nearest code, within the grid. */
int qg_rtn_code(double w, qg_rtn_scale s, const qg_rtn_grid *grid);
/* What the codes of a whole group are, in less time: steps[i] is qg_rtn_code() of w[i] less s.zero,
 * so that a weight becomes s.value * steps[i]. steps may be w. */
void qg_rtn_round(float *steps, const float *w, int n, qg_rtn_scale s, const qg_rtn_grid *grid);
/* What the code means. */
static inline double qg_rtn_value(int code, qg_rtn_scale s)
{
    return (double)s.value * (code - s.zero);
}
/* Puts a code of row and column, and the scale of the row's group, where `rows` keeps them: W8A8
 * holds code - 128 as a signed byte and no zero points. */
void qg_rtn_put_code(qgk_canon *rows, int row, int column, int code);
void qg_rtn_put_scale(qgk_canon *rows, int row, int group, qg_rtn_scale s);
/* What these two put there. */
int qg_rtn_code_at(const qgk_canon *rows, int row, int column);
qg_rtn_scale qg_rtn_scale_at(const qgk_canon *rows, int row, int group);

/* w [rows->n_rows][k], finite, columns in the canonical order, to codes, scales and zeros of
 * `rows`, whose format, k and group are set: W8A8 (signed codes, symmetric), W8A16 or W4A16.
 * n_threads as in OpenMP; the result does not depend on it. */
void qg_rtn_quantize(qgk_canon *rows, const float *w, const qg_rtn_grid *grid, int n_threads);

#endif
