/* cuBLAS, opened at run time: a program built with CUDA starts without it. */
#ifndef QG_BACKEND_CUBLAS_H
#define QG_BACKEND_CUBLAS_H

#include "base/arena.h"
#include "base/err.h"
#include "kernels/qgk.h"

/* Device memory that the library works in. */
#define QG_CUBLAS_BYTES ((size_t)32 << 20)

/* Products on `stream`, in the workspace given (QG_CUBLAS_BYTES of device memory), so that they can
 * be part of a graph and give the same bits each time. *out lives as long as the arena.
 * QG_EDEVICE: there is no library, or it does not work here. */
qg_status qg_cublas_open(qgk_blas *out, qg_arena *arena, void *stream, void *workspace,
                         qg_err *err);

#endif
