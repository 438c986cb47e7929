/* The Cholesky factor of an inverse: the one door to LAPACK.
 *
 * liblapacke is opened at run time, so that no command but the one that needs it loads OpenBLAS and
 * starts its threads.
 */
#ifndef QG_QUANTIZE_FACTOR_H
#define QG_QUANTIZE_FACTOR_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

/* What is used of LAPACK; stays valid until the process ends. */
typedef struct qg_lapack {
    int (*potrf)(int layout, char uplo, int n, double *a, int lda);            /* LAPACKE_dpotrf */
    int (*trtri)(int layout, char uplo, char diag, int n, double *a, int lda); /* LAPACKE_dtrtri */
    void (*set_threads)(int n); /* of OpenBLAS; NULL: another library, which decides itself */
} qg_lapack;

/* library: a file name as dlopen() takes it; NULL: liblapacke.so.3. QG_EDEVICE where it cannot be
 * opened or lacks a function. */
qg_status qg_lapack_open(qg_lapack *out, const char *library, qg_err *err);

/* h [k][k], symmetric and positive definite, both triangles, becomes the upper triangular U with
 * h^-1 = U^T U and zeros below. *is_definite tells whether h was positive definite, by so much that
 * U has correct digits; if not, h holds nothing of use, which is no error: add to the diagonal of
 * what it was made from and call again. QG_EDEVICE: LAPACK computes wrong numbers, as old builds of
 * OpenBLAS do on CPUs that they do not know. `arena` is for scratch, 5 k numbers. */
qg_status qg_factor_inverse(double *h, int k, bool *is_definite, const qg_lapack *lapack,
                            int n_threads, qg_arena *arena, qg_err *err);

#endif
