/* The CUDA backend of a program that was built without it: there, by name, and always refused. */
#include "backend/backend.h"

qg_status qg_backend_cuda_open(qg_backend **out, qg_arena *arena, const qg_backend_options *options,
                               qg_err *err)
{
    (void)out, (void)arena, (void)options;
    return qg_fail(err, QG_EDEVICE, "cuda backend not built in; use --device cpu");
}
