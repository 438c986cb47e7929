/* Scales that a quantizer moved from the inputs of linears into what makes them, found again by
 * looking at both checkpoints.
 *
 * SmoothQuant and AWQ divide an input j of some linears (their readers) by s_j and multiply column
 * j of their weights by it; what makes the input (a norm, v, up or fc1: the maker) has its output j
 * divided by s_j instead. Neither is damage, and the values between the two differ by just f_j = 1
 * / s_j. Here f is estimated from the ratio of the readers' columns, and believed where the maker
 * moved the other way: where both moved in the middle of all channels, and together by less than
 * half as much as alone. Otherwise nothing was moved, f is 1, and a maker or a reader that differs
 * is damaged. Scales moved between linears for a few channels alone are not recognized.
 */
#ifndef QG_ENGINE_FOLD_H
#define QG_ENGINE_FOLD_H

#include "engine/dequantize.h"

/* The same linear in both checkpoints. */
typedef struct qg_fold_pair {
    qg_dequantizer plain, other;
    int n, k;
} qg_fold_pair;

/* How much larger channels of `other` are, by least squares: 1 where plain has nothing.
 * ratio [k] of the columns of a reader, over at most QG_FOLD_ROWS of its outputs; NaN where the two
 * columns are not alike. maker [k]: the ratios of what makes its inputs, where its rows may be
 * scaled too: each is then divided by the ratio of its other columns first, as it is where the
 * inputs were scaled so. NULL: rows are as they were. */
enum { QG_FOLD_ROWS = 256 };
qg_status qg_fold_columns(double *ratio, const qg_fold_pair *reader, const double *maker,
                          int n_threads, qg_arena *scratch, qg_err *err);
/* ratio [n] of the rows of a maker, whose own inputs are f_in [k] times those of plain. */
qg_status qg_fold_rows(double *ratio, const qg_fold_pair *maker, const float *f_in, int n_threads,
                       qg_arena *scratch, qg_err *err);

/* f [n] from the maker's ratios and the readers'; exact: the maker is a norm, whose numbers are
 * known, so that each channel is decided by itself where its reader is within a fifth of what it
 * says or of nothing moved. QG_ENOMEM. */
qg_status qg_fold_choose(float *f, const double *maker, const double *readers, int n, bool exact,
                         qg_arena *scratch, qg_err *err);

/* Number n / 2 of x [n] in rising order; sorts x. n > 0. */
double qg_fold_median(double *x, size_t n);

#endif
