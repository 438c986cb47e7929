/* Finding a backend by name. A new one is a line in `backends` and a file of its own; "auto" takes
 * the first that opens, so the list stands in order of preference. */
#include "backend/backend.h"

#include <string.h>

static const struct {
    const char *name;
    qg_status (*open)(qg_backend **, qg_arena *, const qg_backend_options *, qg_err *);
} backends[] = {
    {"cuda", qg_backend_cuda_open},
    {"cpu", qg_backend_cpu_open},
};
enum { N_BACKENDS = sizeof backends / sizeof *backends };

static qg_status open_best(qg_backend **out, qg_arena *arena, const qg_backend_options *options,
                           qg_err *err)
{
    for (int i = 0; i < N_BACKENDS - 1; i++) {
        qg_err why = {0};
        qg_status status = backends[i].open(out, arena, options, &why);
        if (status != QG_EDEVICE) {
            if (err && status != QG_OK)
                *err = why;
            return status;
        }
    }
    return backends[N_BACKENDS - 1].open(out, arena, options, err);
}

/* "cpu"; "cuda", or one of several: "cuda:1". */
static bool is_named(const char *device, const char *name)
{
    return strcmp(device, name) == 0 ||
           (strcmp(name, "cuda") == 0 && strncmp(device, "cuda:", 5) == 0);
}

qg_status qg_backend_open(qg_backend **out, qg_arena *arena, const qg_backend_options *options,
                          qg_err *err)
{
    if (!options->device || strcmp(options->device, "auto") == 0)
        return open_best(out, arena, options, err);
    for (int i = 0; i < N_BACKENDS; i++)
        if (is_named(options->device, backends[i].name))
            return backends[i].open(out, arena, options, err);
    return qg_fail(err, QG_EARG, "unknown device '%s', expected cpu, cuda, cuda:N or auto",
                   options->device);
}

qg_status qg_backend_reserve_scratch(qg_backend *b, const qgk_limits *limits, qg_err *err)
{
    size_t bytes = b->table.scratch_bytes(limits);

    QG_PASS(b->alloc(&b->ctx.scratch, b, bytes, QG_PURPOSE_WORKSPACE, err));
    b->ctx.scratch_bytes = bytes;
    return QG_OK;
}

void qg_backend_count_mapped(qg_backend *b, size_t bytes)
{
    b->ledger.mapped += (int64_t)bytes;
    qg_ledger_add(&b->ledger, QG_PURPOSE_WEIGHTS, (int64_t)bytes);
}
