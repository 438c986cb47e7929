/* The CUDA backend: memory of one device, one stream, cuBLAS.
 *
 * What is uploaded goes through two pinned buffers: while the device copies from one, the host
 * fills the other with all its threads, so that a mapped file streams without being locked into
 * memory. Invariant: after upload() the source may be overwritten. A call of the runtime that fails
 * is kept and surfaces at sync(), as kernels' failures do.
 */
#include "backend/backend.h"
#include "backend/cublas.h"
#include "backend/nvml.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, N_STAGES = 2, LEAST_CAPABILITY = 80, N_RECORDS = 64 };
static const size_t STAGE_BYTES = (size_t)8 << 20, SHARE_BYTES = (size_t)512 << 10;

typedef struct stage {
    char *host; /* pinned */
    cudaEvent_t free;
} stage;

/* Kernels of a key: started one by one the first time, recorded the second, replayed from then on.
 */
typedef struct record {
    uint64_t key;
    cudaGraphExec_t graph; /* NULL: not recorded yet */
} record;

typedef struct device {
    qg_arena *arena;
    cudaStream_t stream;
    record records[N_RECORDS];
    int n_records;
    record *recording; /* NULL: nothing is */
    stage stages[N_STAGES];
    int next;
    qgk_blas blas;
    cudaError_t error; /* the first */
    const char *doing;
    int capability;
    char about[128];
    qg_nvml *nvml; /* NULL: see unobserved */
    qg_err unobserved;
} device;

static void note(device *d, cudaError_t error, const char *doing)
{
    if (error != cudaSuccess && d->error == cudaSuccess) {
        d->error = error;
        d->doing = doing;
    }
}

/* ---- memory ---- */

static void buffer_free(void *at)
{
    cudaFree(at);
}

static qg_status cuda_alloc(void **out, qg_backend *b, size_t bytes, qg_purpose purpose,
                            qg_err *err)
{
    device *d = b->state;
    size_t rounded =
        bytes < SIZE_MAX - ALIGNMENT ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : bytes;
    void *at = NULL;
    cudaError_t error = cudaMalloc(&at, rounded ? rounded : ALIGNMENT);

    if (error != cudaSuccess) {
        cudaGetLastError(); /* it is told here */
        return qg_fail(err, error == cudaErrorMemoryAllocation ? QG_ENOMEM : QG_EDEVICE,
                       "cannot allocate %zu bytes of device memory for %s: %s", rounded,
                       qg_purpose_name(purpose), cudaGetErrorString(error));
    }
    if (!qg_arena_defer(d->arena, buffer_free, at)) {
        cudaFree(at);
        return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    note(d, cudaMemsetAsync(at, 0, rounded, d->stream), "clearing memory");
    qg_ledger_add(&b->ledger, purpose, (int64_t)rounded);
    *out = at;
    return QG_OK;
}

/* One thread copies slower than the bus takes it. Of what is small only one is asked: a step of the
 * decoder must not wait for the others to wake. */
static void fill_stage(char *to, const char *from, size_t bytes, int n_threads)
{
#pragma omp parallel for num_threads(n_threads) if (bytes > 2 * SHARE_BYTES)
    for (size_t at = 0; at < bytes; at += SHARE_BYTES)
        memcpy(to + at, from + at, bytes - at < SHARE_BYTES ? bytes - at : SHARE_BYTES);
}

static void cuda_upload(qg_backend *b, void *to, const void *from, size_t bytes)
{
    device *d = b->state;

    for (size_t done = 0, n; done < bytes; done += n) {
        stage *s = &d->stages[d->next];
        n = bytes - done < STAGE_BYTES ? bytes - done : STAGE_BYTES;
        note(d, cudaEventSynchronize(s->free), "waiting for a copy");
        fill_stage(s->host, (const char *)from + done, n, b->ctx.n_threads);
        note(d, cudaMemcpyAsync((char *)to + done, s->host, n, cudaMemcpyHostToDevice, d->stream),
             "copying to the device");
        note(d, cudaEventRecord(s->free, d->stream), "recording an event");
        d->next = (d->next + 1) % N_STAGES;
    }
}

static void cuda_download(qg_backend *b, void *to, const void *from, size_t bytes)
{
    device *d = b->state;

    note(d, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, d->stream),
         "copying from the device");
    note(d, cudaStreamSynchronize(d->stream), "waiting for the device");
}

static qg_status cuda_sync(qg_backend *b, qg_err *err)
{
    device *d = b->state;

    note(d, cudaStreamSynchronize(d->stream), "waiting for the device");
    if (b->ctx.failed)
        return qg_fail(err, QG_EDEVICE, "kernel '%s' could not be started: %s", b->ctx.failed,
                       cudaGetErrorString(d->error != cudaSuccess ? d->error : cudaGetLastError()));
    if (d->error != cudaSuccess)
        return qg_fail(err, QG_EDEVICE, "the GPU failed while %s: %s", d->doing,
                       cudaGetErrorString(d->error));
    return QG_OK;
}

/* ---- records ---- */

static record *find_record(device *d, uint64_t key)
{
    for (int i = 0; i < d->n_records; i++)
        if (d->records[i].key == key)
            return &d->records[i];
    return NULL;
}

static bool cuda_begin(qg_backend *b, uint64_t key)
{
    device *d = b->state;
    record *r = find_record(d, key);

    if (!r) { /* libraries set themselves up the first time, which no record may hold */
        if (d->n_records < N_RECORDS)
            d->records[d->n_records++].key = key;
        return true;
    }
    if (r->graph) {
        note(d, cudaGraphLaunch(r->graph, d->stream), "starting a graph");
        return false;
    }
    note(d, cudaStreamBeginCapture(d->stream, cudaStreamCaptureModeThreadLocal),
         "recording a graph");
    d->recording = r;
    return true;
}

static void cuda_end(qg_backend *b)
{
    device *d = b->state;
    cudaGraph_t graph;

    if (!d->recording)
        return;
    note(d, cudaStreamEndCapture(d->stream, &graph), "recording a graph");
    if (d->error == cudaSuccess) {
        note(d, cudaGraphInstantiate(&d->recording->graph, graph, 0), "making a graph");
        cudaGraphDestroy(graph);
    }
    if (d->error == cudaSuccess)
        note(d, cudaGraphLaunch(d->recording->graph, d->stream), "starting a graph");
    d->recording = NULL;
}

static int64_t cuda_available(const qg_backend *b)
{
    size_t free_bytes, total;

    (void)b;
    return cudaMemGetInfo(&free_bytes, &total) == cudaSuccess ? (int64_t)free_bytes : -1;
}

static void cuda_observe(qg_device_state *out, const qg_backend *b)
{
    const device *d = b->state;

    qg_nvml_observe(out, d->nvml);
}

/* ---- the device ---- */

static qg_status fail_driver(qg_err *err, cudaError_t error)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    int driver = 0, runtime = 0;

    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    if (driver == 0)
        return qg_fail(err, QG_EDEVICE, "no NVIDIA driver is installed here");
    if (error == cudaErrorInsufficientDriver)
        return qg_fail(err, QG_EDEVICE,
                       "the NVIDIA driver is for CUDA %d.%d, this program needs %d.%d: update the "
                       "driver",
                       driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    if (error == cudaSuccess || error == cudaErrorNoDevice)
        return visible ? qg_fail(err, QG_EDEVICE,
                                 "no CUDA device is visible: CUDA_VISIBLE_DEVICES is '%s'", visible)
                       : qg_fail(err, QG_EDEVICE, "no CUDA device is in this machine");
    return qg_fail(err, QG_EDEVICE, "CUDA does not start here: %s", cudaGetErrorString(error));
}

/* "cuda" or "cuda:N". */
static qg_status choose_device(int *out, const char *name, qg_err *err)
{
    int n = 0;
    char *end;
    long index = name && strncmp(name, "cuda:", 5) == 0 ? strtol(name + 5, &end, 10) : 0;
    cudaError_t error = cudaGetDeviceCount(&n);

    if (error != cudaSuccess || n == 0) {
        cudaGetLastError();
        return fail_driver(err, error);
    }
    if (index < 0 || index >= n)
        return qg_fail(err, QG_EDEVICE,
                       "device '%s' is out of range: there %s %d, cuda:0 to cuda:%d", name,
                       n == 1 ? "is" : "are", n, n - 1);
    *out = (int)index;
    return QG_OK;
}

static qg_status describe_device(device *d, int index, qg_err *err)
{
    struct cudaDeviceProp p;
    int driver = 0;
    char address[32];
    cudaError_t error = cudaGetDeviceProperties(&p, index);

    if (error == cudaSuccess) {
        snprintf(address, sizeof address, "%08x:%02x:%02x.0", (unsigned)p.pciDomainID,
                 (unsigned)p.pciBusID, (unsigned)p.pciDeviceID);
        qg_nvml_open(&d->nvml, d->arena, address, &d->unobserved);
        error = cudaSetDevice(index); /* from here on this process has memory there */
    }
    if (error != cudaSuccess)
        return fail_driver(err, error);
    d->capability = 10 * p.major + p.minor;
    if (d->capability < LEAST_CAPABILITY)
        return qg_fail(err, QG_EDEVICE, "'%s' has compute capability %d.%d, 8.0 is needed", p.name,
                       p.major, p.minor);
    cudaDriverGetVersion(&driver);
    const char *version = d->nvml ? qg_nvml_driver(d->nvml) : NULL;
    snprintf(d->about, sizeof d->about, "%.80s, driver %.24s%sfor CUDA %d.%d", p.name,
             version ? version : "", version ? " " : "", driver / 1000, driver % 1000 / 10);
    return QG_OK;
}

static int n_open; /* backends of this process */

/* The last one gives all of the device back: a process that only looked holds nothing of it. */
static void device_close(void *data)
{
    device *d = data;

    if (d->stream)
        cudaStreamSynchronize(d->stream);
    for (int i = 0; i < d->n_records; i++)
        if (d->records[i].graph)
            cudaGraphExecDestroy(d->records[i].graph);
    for (int i = 0; i < N_STAGES; i++) {
        if (d->stages[i].free)
            cudaEventDestroy(d->stages[i].free);
        if (d->stages[i].host)
            cudaFreeHost(d->stages[i].host);
    }
    if (d->stream)
        cudaStreamDestroy(d->stream);
    if (--n_open == 0)
        cudaDeviceReset();
}

static qg_status device_open(device *d, qg_err *err)
{
    cudaError_t error = cudaStreamCreateWithFlags(&d->stream, cudaStreamNonBlocking);

    for (int i = 0; i < N_STAGES && error == cudaSuccess; i++) {
        error = cudaHostAlloc((void **)&d->stages[i].host, STAGE_BYTES, cudaHostAllocDefault);
        if (error == cudaSuccess)
            error = cudaEventCreateWithFlags(&d->stages[i].free, cudaEventDisableTiming);
    }
    if (error == cudaSuccess)
        return QG_OK;
    return qg_fail(err, error == cudaErrorMemoryAllocation ? QG_ENOMEM : QG_EDEVICE,
                   "cannot use the GPU: %s", cudaGetErrorString(error));
}

static qg_status make_device(device **out, qg_arena *arena, const char *name, qg_err *err)
{
    device *d = QG_NEW(arena, device);
    int index = 0;

    QG_NEED(d, err);
    d->arena = arena;
    QG_PASS(choose_device(&index, name, err));
    QG_PASS(describe_device(d, index, err));
    if (!qg_arena_defer(arena, device_close, d))
        return qg_fail(err, QG_ENOMEM, "out of memory");
    n_open++;
    QG_PASS(device_open(d, err));
    *out = d;
    return QG_OK;
}

qg_status qg_backend_cuda_open(qg_backend **out, qg_arena *arena, const qg_backend_options *options,
                               qg_err *err)
{
    qg_backend *host, *b = QG_NEW(arena, qg_backend);
    qg_backend_options on_host = {
        .device = "cpu", .tier = options->tier, .n_threads = options->n_threads};
    device *d = NULL;
    void *workspace;

    QG_NEED(b, err);
    QG_PASS(qg_backend_cpu_open(&host, arena, &on_host, err)); /* threads, and what stays there */
    QG_PASS(make_device(&d, arena, options->device, err));
    *b = (qg_backend){.name = "cuda",
                      .about = d->about,
                      .table = host->table,
                      .host = host,
                      .state = d,
                      .alloc = cuda_alloc,
                      .upload = cuda_upload,
                      .download = cuda_download,
                      .sync = cuda_sync,
                      .begin = cuda_begin,
                      .end = cuda_end,
                      .available = cuda_available,
                      .driver = d->nvml ? qg_nvml_driver(d->nvml) : NULL,
                      .observe = d->nvml ? cuda_observe : NULL,
                      .unobserved = d->nvml ? NULL : d->unobserved.message};
    qgk_table_init_cuda(&b->table, qgk_features_parse(options->tier ? options->tier : "auto"));
    b->ctx = (qgk_ctx){.table = &b->table,
                       .n_threads = host->ctx.n_threads,
                       .stream = d->stream,
                       .blas = &d->blas,
                       .capability = d->capability};
    QG_PASS(cuda_alloc(&workspace, b, QG_CUBLAS_BYTES, QG_PURPOSE_WORKSPACE, err));
    QG_PASS(qg_cublas_open(&d->blas, arena, d->stream, workspace, err));
    *out = b;
    return QG_OK;
}
