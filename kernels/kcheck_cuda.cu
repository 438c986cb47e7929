/* CUDA kernels for the harness: each slot takes the host's float32, as the cases have it, and runs
 * the device's kernel on halves.
 *
 * Inputs go up, activations as halves, which hold them exactly (kc_store); outputs are poisoned
 * there too, and come back. Device memory is one block, dealt out anew in each call. In the place
 * of cuBLAS stands the plainest product there is, in double: what is proved is ours. Where times
 * are asked for (kc_device_ns), the launch alone is timed by events, with the second cache flushed
 * before each.
 */
#include "kernels/cuda.cuh"

extern "C" {
#include "kernels/kcheck.h"
}

#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" double *kc_device_ns = NULL; /* of one launch; NULL: not asked for */

enum { RUNS = 11 };
static const size_t POOL_BYTES = (size_t)6 << 30, FLUSH_BYTES = (size_t)128 << 20;

static struct {
    qgk_table table; /* of the kernels themselves                     */
    qgk_table plain; /* without what the portable tier puts over them */
    qgk_ctx ctx;
    qgk_blas blas;
    char *pool, *flush;
    size_t used;
    cudaEvent_t begin, end;
} dev;

static void must(cudaError_t error, const char *what)
{
    if (error == cudaSuccess)
        return;
    printf("FAIL cuda: %s: %s\n", what, cudaGetErrorString(error));
    fflush(stdout);
    exit(EXIT_FAILURE);
}

/* ---- up and down ---- */

static void begin_call()
{
    dev.used = 0;
}

static void *room(size_t bytes)
{
    char *at = dev.pool + dev.used;

    dev.used += (bytes + 255) / 256 * 256 + 256; /* the next starts behind a gap */
    if (dev.used > POOL_BYTES)
        must(cudaErrorMemoryAllocation, "the case is too large");
    must(cudaMemset(at, 0xff, bytes), "poisoning");
    return at;
}

static void *up(const void *host, size_t bytes)
{
    void *at = room(bytes);
    must(cudaMemcpy(at, host, bytes, cudaMemcpyHostToDevice), "copying up");
    return at;
}

static qgk_act *up_act(const void *host, size_t count)
{
    const float *x = (const float *)host;
    __half *halves = (__half *)malloc(count * sizeof *halves + 1);

    for (size_t i = 0; i < count; i++)
        halves[i] = __float2half(x[i]);
    void *at = up(halves, count * sizeof *halves);
    free(halves);
    return (qgk_act *)at;
}

static qgk_act *room_act(size_t count)
{
    return (qgk_act *)room(count * sizeof(__half));
}

static void down_act(void *host, const void *at, size_t count)
{
    float *x = (float *)host;
    __half *halves = (__half *)malloc(count * sizeof *halves + 1);

    must(cudaMemcpy(halves, at, count * sizeof *halves, cudaMemcpyDeviceToHost), "copying down");
    for (size_t i = 0; i < count; i++)
        x[i] = __half2float(halves[i]);
    free(halves);
}

/* The greatest of them plus one, at least 0. */
static int beyond(const int32_t *x, int n)
{
    int most = -1;

    for (int i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most + 1;
}

/* Reads, so that nothing is left to be written back while a kernel is timed. */
static __global__ void flush_cache(const uint4 *p, size_t count)
{
    unsigned sum = 0;

    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += (size_t)gridDim.x * blockDim.x)
        sum += p[i].x;
    if (sum == 1) /* never: the block is all zeros */
        printf("flushed\n");
}

/* Runs `launch` once, and more often where it is to be timed: inputs in place go wrong then, but
 * nobody looks. */
template <typename F> static void run(F launch)
{
    dev.ctx.failed = NULL;
    launch();
    must(cudaStreamSynchronize(qgk_stream(&dev.ctx)), "running");
    if (dev.ctx.failed)
        must(cudaErrorLaunchFailure, dev.ctx.failed);
    if (!kc_device_ns)
        return;
    float best[RUNS];
    for (int i = 0; i < RUNS; i++) {
        flush_cache<<<1024, 256, 0, qgk_stream(&dev.ctx)>>>((const uint4 *)dev.flush,
                                                            FLUSH_BYTES / sizeof(uint4));
        cudaEventRecord(dev.begin, qgk_stream(&dev.ctx));
        launch();
        cudaEventRecord(dev.end, qgk_stream(&dev.ctx));
        must(cudaEventSynchronize(dev.end), "timing");
        must(cudaEventElapsedTime(&best[i], dev.begin, dev.end), "timing");
    }
    for (int i = 1; i < RUNS; i++) /* by insertion */
        for (int j = i; j > 0 && best[j] < best[j - 1]; j--) {
            float swap = best[j];
            best[j] = best[j - 1];
            best[j - 1] = swap;
        }
    *kc_device_ns = (double)best[RUNS / 2] * 1e6;
}

/* ---- the library ---- */

static __global__ void plain_f16(void *out, int ldo, int f32_out, const __half *x, const __half *w,
                                 int n, int k)
{
    int column = (int)(blockIdx.x * blockDim.x + threadIdx.x), row = (int)blockIdx.y;
    double sum = 0;

    if (column >= n)
        return;
    for (int i = 0; i < k; i++)
        sum += (double)__half2float(x[(size_t)row * k + i]) *
               (double)__half2float(w[(size_t)column * k + i]);
    if (f32_out)
        ((float *)out)[(size_t)row * ldo + column] = (float)sum;
    else
        ((__half *)out)[(size_t)row * ldo + column] = __float2half((float)sum);
}

static int product_f16(void *, void *out, int ldo, int f32_out, const void *x, const void *w, int m,
                       int n, int k)
{
    dim3 grid((unsigned)qgk_ceil_div(n, 128), (unsigned)m);
    plain_f16<<<grid, 128, 0, qgk_stream(&dev.ctx)>>>(out, ldo, f32_out, (const __half *)x,
                                                      (const __half *)w, n, k);
    return (int)cudaPeekAtLastError();
}

static __global__ void plain_i8(int32_t *out, int ldo, const int8_t *x, const int8_t *w, int n,
                                int k)
{
    int column = (int)(blockIdx.x * blockDim.x + threadIdx.x), row = (int)blockIdx.y, sum = 0;

    if (column >= n)
        return;
    for (int i = 0; i < k; i++)
        sum += x[(size_t)row * k + i] * w[(size_t)column * k + i];
    out[(size_t)row * ldo + column] = sum;
}

static int product_i8(void *, int32_t *out, int ldo, const int8_t *x, const int8_t *w, int m, int n,
                      int k)
{
    dim3 grid((unsigned)qgk_ceil_div(n, 128), (unsigned)m);
    plain_i8<<<grid, 128, 0, qgk_stream(&dev.ctx)>>>(out, ldo, x, w, n, k);
    return (int)cudaPeekAtLastError();
}

/* ---- slots ---- */

static void embed(qgk_ctx *, qgk_act *out, const qgk_half *table, const int32_t *ids, int rows,
                  int cols)
{
    int vocabulary = beyond(ids, rows);
    size_t count = (size_t)rows * (size_t)cols;

    begin_call();
    const qgk_half *t = (const qgk_half *)up(table, (size_t)vocabulary * (size_t)cols * 2);
    const int32_t *at = (const int32_t *)up(ids, (size_t)rows * 4);
    qgk_act *to = room_act(count);
    run([&] { dev.table.embed(&dev.ctx, to, t, at, rows, cols); });
    down_act(out, to, count);
}

static void embed_add(qgk_ctx *, qgk_act *x, const qgk_half *table, const int32_t *ids, int rows,
                      int cols)
{
    int vocabulary = beyond(ids, rows);
    size_t count = (size_t)rows * (size_t)cols;

    begin_call();
    const qgk_half *t = (const qgk_half *)up(table, (size_t)vocabulary * (size_t)cols * 2);
    const int32_t *at = (const int32_t *)up(ids, (size_t)rows * 4);
    qgk_act *to = up_act(x, count);
    run([&] { dev.table.embed_add(&dev.ctx, to, t, at, rows, cols); });
    down_act(x, to, count);
}

static void gather(qgk_ctx *, qgk_act *out, const qgk_act *x, const int32_t *index, int rows,
                   int cols)
{
    int n = beyond(index, rows);
    size_t count = (size_t)rows * (size_t)cols;

    begin_call();
    const qgk_act *from = up_act(x, (size_t)n * (size_t)cols);
    const int32_t *at = (const int32_t *)up(index, (size_t)rows * 4);
    qgk_act *to = room_act(count);
    run([&] { dev.table.gather(&dev.ctx, to, from, at, rows, cols); });
    down_act(out, to, count);
}

static void rmsnorm(qgk_ctx *, qgk_act *out, const qgk_act *x, const float *w, int rows, int cols,
                    float eps)
{
    size_t count = (size_t)rows * (size_t)cols;

    begin_call();
    const qgk_act *from = up_act(x, count);
    const float *weight = (const float *)up(w, (size_t)cols * 4);
    qgk_act *to = room_act(count);
    run([&] { dev.table.rmsnorm(&dev.ctx, to, from, weight, rows, cols, eps); });
    down_act(out, to, count);
}

static void add(qgk_ctx *, qgk_act *x, const qgk_act *y, size_t count)
{
    begin_call();
    qgk_act *to = up_act(x, count);
    const qgk_act *more = up_act(y, count);
    run([&] { dev.table.add(&dev.ctx, to, more, count); });
    down_act(x, to, count);
}

static void add_rmsnorm(qgk_ctx *, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                        int rows, int cols, float eps)
{
    size_t count = (size_t)rows * (size_t)cols;

    begin_call();
    qgk_act *sum = up_act(x, count), *to = room_act(count);
    const qgk_act *more = up_act(y, count);
    const float *weight = (const float *)up(w, (size_t)cols * 4);
    run([&] { dev.table.add_rmsnorm(&dev.ctx, to, sum, more, weight, rows, cols, eps); });
    down_act(x, sum, count);
    down_act(out, to, count);
}

static void layernorm(qgk_ctx *, qgk_act *out, const qgk_act *x, const float *w, const float *b,
                      int rows, int cols, float eps)
{
    size_t count = (size_t)rows * (size_t)cols;

    begin_call();
    qgk_act *from = up_act(x, count), *to = out == x ? from : room_act(count);
    const float *weight = (const float *)up(w, (size_t)cols * 4);
    const float *bias = (const float *)up(b, (size_t)cols * 4);
    run([&] { dev.table.layernorm(&dev.ctx, to, from, weight, bias, rows, cols, eps); });
    down_act(out, to, count);
}

static void add_layernorm(qgk_ctx *, qgk_act *out, qgk_act *x, const qgk_act *y, const float *w,
                          const float *b, int rows, int cols, float eps)
{
    size_t count = (size_t)rows * (size_t)cols;

    begin_call();
    qgk_act *sum = up_act(x, count), *to = out == x ? sum : room_act(count);
    const qgk_act *more = up_act(y, count);
    const float *weight = (const float *)up(w, (size_t)cols * 4);
    const float *bias = (const float *)up(b, (size_t)cols * 4);
    run([&] { dev.table.add_layernorm(&dev.ctx, to, sum, more, weight, bias, rows, cols, eps); });
    down_act(x, sum, count);
    down_act(out, to, count);
}

static void rope(qgk_ctx *, qgk_act *x, int stride, const float *cos_sin, const int32_t *row_pos,
                 int rows, int heads, int head_dim)
{
    size_t count = (size_t)rows * (size_t)stride;
    int length = beyond(row_pos, rows);

    begin_call();
    qgk_act *to = up_act(x, count);
    const float *angles = (const float *)up(cos_sin, (size_t)length * (size_t)head_dim * 4);
    const int32_t *at = (const int32_t *)up(row_pos, (size_t)rows * 4);
    run([&] { dev.table.rope(&dev.ctx, to, stride, angles, at, rows, heads, head_dim); });
    down_act(x, to, count);
}

static qgk_batch up_batch(const qgk_batch *b)
{
    qgk_batch at = *b;
    size_t rows = (size_t)b->n_rows, seqs = (size_t)b->n_seqs;

    at.row_seq = (const int32_t *)up(b->row_seq, rows * 4);
    at.row_pos = (const int32_t *)up(b->row_pos, rows * 4);
    at.seq_row = (const int32_t *)up(b->seq_row, (seqs + 1) * 4);
    at.seq_len = (const int32_t *)up(b->seq_len, seqs * 4);
    at.block_table = (const int32_t *)up(b->block_table, seqs * (size_t)b->table_stride * 4);
    return at;
}

static size_t cache_elements(const qgk_kv *kv, const qgk_batch *b)
{
    int n_blocks = beyond(b->block_table, b->n_seqs * b->table_stride);

    return (size_t)n_blocks * (size_t)(kv->n_kv_heads * kv->block_tokens * kv->head_dim);
}

static void kv_append(qgk_ctx *, const qgk_kv *kv, const qgk_act *k, const qgk_act *v, int stride,
                      const qgk_batch *batch)
{
    size_t cache = cache_elements(kv, batch), count = (size_t)batch->n_rows * (size_t)stride;
    qgk_kv at = *kv;

    begin_call();
    qgk_batch b = up_batch(batch);
    const qgk_act *keys = up_act(k, count), *values = up_act(v, count);
    at.k = up_act(kv->k, cache);
    at.v = up_act(kv->v, cache);
    run([&] { dev.table.kv_append(&dev.ctx, &at, keys, values, stride, &b); });
    down_act(kv->k, at.k, cache);
    down_act(kv->v, at.v, cache);
}

static void rope_append(qgk_ctx *, const qgk_kv *kv, qgk_act *qkv, int stride, const float *cos_sin,
                        const qgk_batch *batch, int n_heads)
{
    size_t cache = cache_elements(kv, batch), count = (size_t)batch->n_rows * (size_t)stride;
    int length = beyond(batch->row_pos, batch->n_rows);
    qgk_kv at = *kv;

    begin_call();
    qgk_batch b = up_batch(batch);
    qgk_act *to = up_act(qkv, count);
    const float *angles = (const float *)up(cos_sin, (size_t)length * (size_t)kv->head_dim * 4);
    at.k = up_act(kv->k, cache);
    at.v = up_act(kv->v, cache);
    run([&] { dev.table.rope_append(&dev.ctx, &at, to, stride, angles, &b, n_heads); });
    down_act(qkv, to, count);
    down_act(kv->k, at.k, cache);
    down_act(kv->v, at.v, cache);
}

static void attention(qgk_ctx *, qgk_act *out, const qgk_act *q, int stride, const qgk_kv *kv,
                      const qgk_batch *batch, int n_heads, float scale, int window)
{
    size_t cache = cache_elements(kv, batch);
    size_t count = (size_t)batch->n_rows * (size_t)(n_heads * kv->head_dim);
    qgk_kv at = *kv;

    begin_call();
    qgk_batch b = up_batch(batch);
    at.k = up_act(kv->k, cache);
    at.v = up_act(kv->v, cache);
    const qgk_act *queries = up_act(q, (size_t)batch->n_rows * (size_t)stride);
    qgk_act *to = room_act(count);
    run([&] {
        dev.table.attention(&dev.ctx, to, queries, stride, &at, &b, n_heads, scale, window);
    });
    down_act(out, to, count);
}

static void swiglu(qgk_ctx *, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    size_t count = (size_t)rows * (size_t)cols;

    begin_call();
    const qgk_act *from = up_act(gate_up, 2 * count);
    qgk_act *to = room_act(count);
    run([&] { dev.table.swiglu(&dev.ctx, to, from, rows, cols); });
    down_act(out, to, count);
}

static void relu(qgk_ctx *, qgk_act *x, size_t count)
{
    begin_call();
    qgk_act *to = up_act(x, count);
    run([&] { dev.table.relu(&dev.ctx, to, count); });
    down_act(x, to, count);
}

static void gelu(qgk_ctx *, qgk_act *x, size_t count)
{
    begin_call();
    qgk_act *to = up_act(x, count);
    run([&] { dev.table.gelu(&dev.ctx, to, count); });
    down_act(x, to, count);
}

static void argmax(qgk_ctx *, int32_t *ids, const float *logits, int rows, int cols)
{
    begin_call();
    const float *from = (const float *)up(logits, (size_t)rows * (size_t)cols * 4);
    int32_t *to = (int32_t *)room((size_t)rows * 4);
    run([&] { dev.table.argmax(&dev.ctx, to, from, rows, cols); });
    must(cudaMemcpy(ids, to, (size_t)rows * 4, cudaMemcpyDeviceToHost), "copying down");
}

/* Bits of a packed weight: what the format says of a code. */
static int bits_of(qgk_format f)
{
    return f == QGK_FORMAT_F16 ? 0 : f == QGK_FORMAT_W4A16 ? 4 : 8;
}

static void product(qgk_ctx *, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    const qgk_linear *l = &dev.table.linear[w->format];
    size_t count = (size_t)rows * (size_t)w->n;
    qgk_weight at = *w;

    assert(f32_out); /* as the cases ask */
    begin_call();
    for (int i = 0; i < w->n_segments; i++) {
        const qgk_segment *s = &w->segment[i];
        int group = w->format == QGK_FORMAT_F16 ? 0 : s->group ? s->group : w->k;
        qgk_shape shape = {s->n, w->k, group, bits_of(w->format)};
        at.segment[i].data = up(s->data, l->packed_bytes(shape));
        at.segment[i].order = s->order ? (const int32_t *)up(s->order, (size_t)w->k * 4) : NULL;
    }
    at.bias = w->bias ? (const float *)up(w->bias, (size_t)w->n * 4) : NULL;
    const qgk_act *from = up_act(x, (size_t)rows * (size_t)w->k);
    void *to = room(count * 4), *halves = room(count * 2);
    run([&] { l->product(&dev.ctx, to, from, &at, rows, 1); });
    must(cudaMemcpy(out, to, count * 4, cudaMemcpyDeviceToHost), "copying down");
    if (kc_device_ns)
        return;
    /* the same product into halves is the same number, rounded; a bias may come after that */
    run([&] { l->product(&dev.ctx, halves, from, &at, rows, 0); });
    __half *rounded = (__half *)malloc(count * 2 + 1);
    must(cudaMemcpy(rounded, halves, count * 2, cudaMemcpyDeviceToHost), "copying down");
    for (size_t i = 0; i < count; i++) {
        float exact = ((float *)out)[i], got = __half2float(rounded[i]);
        float right = __half2float(__float2half(exact));
        float bias = w->bias ? fabsf(w->bias[i % (size_t)w->n]) : 0; /* added after a rounding */
        bool near = got == right || (isnan(got) && isnan(right)) ||
                    fabsf(got - right) <= (fabsf(right) + bias) * 0x1p-10f + 0x1p-24f;
        if (!near)
            ((float *)out)[i] = (float)NAN; /* which no bound forgives */
    }
    free(rounded);
}

/* ---- the door ---- */

extern "C" int kc_cuda_slots(qgk_table *table, int is_portable)
{
    qgk_table_init(&dev.plain, 0);
    dev.table = dev.plain;
    qgk_table_init_cuda(&dev.plain, 0);
    qgk_table_init_cuda(&dev.table, is_portable ? QGK_PORTABLE : 0);
    table->tier = dev.table.tier;
    table->embed = embed;
    table->embed_add = embed_add;
    table->gather = gather;
    table->rmsnorm = rmsnorm;
    table->add = add;
    table->add_rmsnorm = add_rmsnorm;
    table->layernorm = layernorm;
    table->add_layernorm = add_layernorm;
    table->rope = rope;
    table->kv_append = kv_append;
    table->rope_append = rope_append;
    table->attention = attention;
    table->swiglu = swiglu;
    table->relu = relu;
    table->gelu = gelu;
    table->argmax = argmax;
    for (int f = 0; f < QGK_N_FORMATS; f++) {
        table->linear[f] = dev.table.linear[f];
        table->linear[f].product = product;
    }
    return 1;
}

static int capability()
{
    cudaDeviceProp p;

    must(cudaGetDeviceProperties(&p, 0), "asking for the device");
    return 10 * p.major + p.minor;
}

extern "C" int kc_cuda_is_new(size_t slot)
{
    return dev.table.tier == dev.plain.tier ||
           memcmp((char *)&dev.table + slot, (char *)&dev.plain + slot, sizeof(void (*)(void))) !=
               0;
}

extern "C" int kc_cuda_open(void)
{
    int n = 0;
    qgk_limits most = {1, 1024, 64, 1 << 15, 1 << 17, 1 << 13, 64, 256, (1u << QGK_N_FORMATS) - 1};
    static bool is_open;

    if (cudaGetDeviceCount(&n) != cudaSuccess || n == 0)
        return 0;
    if (!is_open) {
        cudaStream_t stream;
        must(cudaStreamCreate(&stream), "opening a stream");
        must(cudaEventCreate(&dev.begin), "opening an event");
        must(cudaEventCreate(&dev.end), "opening an event");
        must(cudaMalloc((void **)&dev.pool, POOL_BYTES), "taking memory");
        must(cudaMalloc((void **)&dev.flush, FLUSH_BYTES), "taking memory");
        must(cudaMemset(dev.flush, 0, FLUSH_BYTES), "clearing");
        dev.blas.f16 = product_f16;
        dev.blas.i8 = product_i8;
        dev.ctx.table = &dev.table;
        dev.ctx.n_threads = 1;
        dev.ctx.stream = stream;
        dev.ctx.blas = &dev.blas;
        dev.ctx.capability = capability();
        dev.ctx.scratch_bytes = dev.table.scratch_bytes(&most);
        must(cudaMalloc(&dev.ctx.scratch, dev.ctx.scratch_bytes), "taking memory");
        must(cudaMemset(dev.ctx.scratch, 0xff, dev.ctx.scratch_bytes), "poisoning");
        is_open = true;
    }
    return 1;
}
