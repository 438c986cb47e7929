/* What rounding to nearest must give, for the tests of this room: one group at a time in double
 * precision, written from the formulas in rtn.h; shares no code with it.
 */
#ifndef QG_QUANTIZE_ROUNDING_CHECK_H
#define QG_QUANTIZE_ROUNDING_CHECK_H

#include <math.h>
#include <stdbool.h>

/* To the nearest IEEE half above 0, ties to even. */
static inline double rounded_to_half(double x)
{
    double step = ldexp(1, (int)fmax(floor(log2(x)), -14) - 10);

    return fmin(fmax(rint(x / step), 1) * step, 65504);
}

typedef struct rounding {
    int bits;
    bool symmetric, float_scales;
    double steps; /* symmetric: 2 max|w| / scale */
} rounding;

/* w[n] to codes 0 .. 2^bits - 1, of which `zero` means 0. */
static inline void round_group(int *codes, double *scale, int *zero, const double *w, int n,
                               rounding r)
{
    double low = 0, high = 0, last = ldexp(1, r.bits) - 1;

    for (int i = 0; i < n; i++) {
        low = w[i] < low ? w[i] : low;
        high = w[i] > high ? w[i] : high;
    }
    *scale = r.symmetric ? 2 * fmax(-low, high) / r.steps : (high - low) / last;
    if (*scale == 0)
        *scale = 1; /* all weights are 0: any scale will do */
    else
        *scale = r.float_scales ? (double)(float)*scale : rounded_to_half((double)(float)*scale);
    *zero = r.symmetric ? 1 << (r.bits - 1) : (int)fmin(rint(-low / *scale), last);
    for (int i = 0; i < n; i++)
        codes[i] = (int)fmin(fmax(rint(w[i] / *scale) + *zero, 0), last);
}

#endif
