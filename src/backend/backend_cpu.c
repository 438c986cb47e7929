/* The CPU backend: host memory, the kernel tiers of this CPU, OpenMP threads inside the kernels.
 *
 * Buffers come from mmap, so they are zeroed, aligned to pages and given back whole; small ones
 * come from the counted allocator. Upload and download are copies, and there is nothing to wait
 * for.
 */
#include "backend/backend.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, MAX_THREADS = 1024 };
#ifdef QG_SANITIZED
static const size_t SMALL = (size_t)1 << 40; /* through the allocator, which guards their ends */
#else
static const size_t SMALL = 64 << 10;
#endif

typedef struct buffer {
    void *base;    /* as it was obtained */
    size_t mapped; /* bytes of the mapping, 0: from the allocator */
} buffer;

static void buffer_free(void *data)
{
    buffer *b = data;

    if (b->mapped)
        munmap(b->base, b->mapped);
    else
        qg_mem_free(b->base);
}

static void *map_large(buffer *b, size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return NULL;
    madvise(at, bytes, MADV_HUGEPAGE); /* fewer page walks; no harm where the system has none */
    *b = (buffer){at, bytes};
    return at;
}

static void *allocate_small(buffer *b, size_t bytes)
{
    b->base = qg_mem_alloc(bytes + ALIGNMENT);
    if (!b->base)
        return NULL;
    char *at = (char *)(((uintptr_t)b->base + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    return memset(at, 0, bytes);
}

static qg_status cpu_alloc(void **out, qg_backend *b, size_t bytes, qg_purpose purpose, qg_err *err)
{
    qg_arena *arena = b->state;
    size_t rounded =
        bytes < SIZE_MAX - ALIGNMENT ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : bytes;
    buffer *buf = QG_NEW(arena, buffer);
    void *at = !buf              ? NULL
               : rounded > SMALL ? map_large(buf, rounded)
                                 : allocate_small(buf, rounded);

    if (at && !qg_arena_defer(arena, buffer_free, buf)) {
        buffer_free(buf);
        at = NULL;
    }
    if (!at)
        return qg_fail(err, QG_ENOMEM, "out of memory: cannot allocate %zu bytes for %s", rounded,
                       qg_purpose_name(purpose));
    qg_ledger_add(&b->ledger, purpose, (int64_t)rounded);
    *out = at;
    return QG_OK;
}

static void cpu_copy(qg_backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    memcpy(to, from, bytes);
}

static qg_status cpu_sync(qg_backend *b, qg_err *err)
{
    if (b->ctx.failed)
        return qg_fail(err, QG_EDEVICE, "kernel '%s' failed", b->ctx.failed);
    return QG_OK;
}

/* "MemAvailable" of the system, in bytes: what can be had without swapping. -1: unknown. */
static int64_t cpu_available(const qg_backend *b)
{
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    long long kib = -1;

    (void)b;
    while (f && kib < 0 && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %lld kB", &kib) != 1)
            kib = -1;
    if (f)
        fclose(f);
    return kib < 0 ? -1 : (int64_t)kib * 1024;
}

/* What this process may use: its CPU affinity, or less where OMP_NUM_THREADS says so. */
static int usable_threads(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    const char *wanted = getenv("OMP_NUM_THREADS");
    int limit = wanted ? atoi(wanted) : 0;

    return limit > 0 && limit < n ? limit : n;
}

qg_status qg_backend_cpu_open(qg_backend **out, qg_arena *arena, const qg_backend_options *options,
                              qg_err *err)
{
    unsigned features = qgk_features_parse(options->tier ? options->tier : "auto");

    if (features == UINT_MAX)
        return qg_fail(err, QG_EARG,
                       "unknown kernel tier '%s', expected ref, avx2, avx512, portable or auto",
                       options->tier);
    if (options->n_threads < 0 || options->n_threads > MAX_THREADS)
        return qg_fail(err, QG_EARG, "%d threads: expected 1 to %d, or 0 for all that are there",
                       options->n_threads, MAX_THREADS);
    qg_backend *b = QG_NEW(arena, qg_backend);
    QG_NEED(b, err);
    *b = (qg_backend){.name = "cpu",
                      .state = arena,
                      .alloc = cpu_alloc,
                      .upload = cpu_copy,
                      .download = cpu_copy,
                      .sync = cpu_sync,
                      .available = cpu_available,
                      .reads_host_memory = true};
    b->host = b;
    qgk_table_init(&b->table, features);
    b->ctx.table = &b->table;
    b->ctx.n_threads = options->n_threads ? options->n_threads : usable_threads();
    *out = b;
    return QG_OK;
}
