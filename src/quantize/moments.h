/* What calibration knows of the inputs of a linear: sums over the tokens of a text.
 *
 * Linears that share their input (q, k, v; gate, up) share its moments. With d the change of a row
 * of weights, the mean square of the change of its output over those tokens is d G d^T / n, where G
 * is the Gram matrix: so every search of this room compares errors of outputs without a forward
 * pass.
 */
#ifndef QG_QUANTIZE_MOMENTS_H
#define QG_QUANTIZE_MOMENTS_H

#include <stdint.h>

typedef struct qg_moments {
    int k;           /* inputs */
    int64_t n;       /* tokens */
    double *gram;    /* [k][k] mean of x x^T times n, symmetric, both triangles */
    double *abs_sum; /* [k] sum of |x_j| */
    float *abs_max;  /* [k] greatest |x_j| */
    float *sample;   /* [n_sample][k] some of the rows, evenly spread over the text */
    int n_sample;
} qg_moments;

#endif
