/* Where memory lives and which kernel table runs.
 *
 * A backend owns device memory and a kernel context. Buffers come from it with a purpose, so that
 * its ledger is exact to the byte (what was asked for, rounded up to 64 bytes, and mapped weights
 * as they lie in the file), the same in every run. Buffers live as long as the arena that the
 * backend was opened on.
 */
#ifndef QG_BACKEND_BACKEND_H
#define QG_BACKEND_BACKEND_H

#include "backend/device.h"
#include "backend/ledger.h"
#include "base/arena.h"
#include "base/err.h"
#include "kernels/qgk.h"

typedef struct qg_backend_options {
    const char *device; /* "cpu", "cuda", "cuda:1" or "auto" (the best that works) */
    const char *tier;   /* "auto", or the highest tier that may run: "ref", "avx2", "avx512", or
                           "portable" (kernels/portable.c) */
    int n_threads;      /* 0: all that this process may use */
} qg_backend_options;

typedef struct qg_backend qg_backend;
struct qg_backend {
    const char *name;   /* "cpu", "cuda" */
    const char *about;  /* the device and its driver; NULL on the CPU */
    const char *driver; /* version; NULL: not known */
    qgk_table table;
    qgk_ctx ctx;
    qg_ledger ledger;
    qg_backend *host; /* for what lies in the host's memory; itself on the CPU */
    void *state;
    /* A buffer for `purpose`, zeroed. QG_ENOMEM tells how much was asked for and for what. */
    qg_status (*alloc)(void **out, qg_backend *b, size_t bytes, qg_purpose purpose, qg_err *err);
    /* `from` may be overwritten at once; `to` holds it before what is started next reads it. */
    void (*upload)(qg_backend *b, void *to, const void *from, size_t bytes);
    void (*download)(qg_backend *b, void *to, const void *from, size_t bytes); /* waits */
    /* Waits for all that was started; a kernel that failed surfaces here with its name. */
    qg_status (*sync)(qg_backend *b, qg_err *err);
    /* Around kernels that are the same whenever the key is the same, pointers included: true where
     * they are to be started now, and end() called after them; false where a record of them has
     * been started in their place. Both NULL: always start them. */
    bool (*begin)(qg_backend *b, uint64_t key);
    void (*end)(qg_backend *b);
    /* Bytes that can be had of this memory now, -1 where nobody knows. */
    int64_t (*available)(const qg_backend *b);
    /* NULL on the CPU, and where nothing can be observed, for the reason told in `unobserved`. */
    void (*observe)(qg_device_state *out, const qg_backend *b);
    const char *unobserved;
    /* Whether memory is shared with the host: kernels read a mapped file as it is, and the host
     * reads buffers without a download. */
    bool reads_host_memory;
};

/* QG_EARG: unknown name. QG_EDEVICE: known, but not on this machine or not built in, with the
 * reason. */
qg_status qg_backend_open(qg_backend **out, qg_arena *arena, const qg_backend_options *options,
                          qg_err *err);

/* The backends behind the names, each in a file of its own; call qg_backend_open(). */
qg_status qg_backend_cpu_open(qg_backend **out, qg_arena *arena, const qg_backend_options *options,
                              qg_err *err);
qg_status qg_backend_cuda_open(qg_backend **out, qg_arena *arena, const qg_backend_options *options,
                               qg_err *err);

/* Sizes ctx->scratch; called once, when the largest shapes are known. Counted as workspace. */
qg_status qg_backend_reserve_scratch(qg_backend *b, const qgk_limits *limits, qg_err *err);

/* Weights that lie in a mapped file and are read in place: counted, not allocated. */
void qg_backend_count_mapped(qg_backend *b, size_t bytes);

#endif
