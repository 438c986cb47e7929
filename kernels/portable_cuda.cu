/* The tier "portable" on CUDA (kernels/portable.c says what it is for): what a float32 would sum in
 * its own order is computed in double here, and rounded to a float, then to a half, as there. What
 * CUDA's own kernels round once from exact operands stays theirs: embeddings, additions, ReLU, and
 * 8-bit products, whose sums are exact. Plain kernels: this tier is for being right.
 */
#include "kernels/attention/paged.cuh"
#include "kernels/fmath.h"
#include "kernels/rope/rope.cuh"

enum {
    THREADS = 256,
    WARPS = THREADS / QGK_WARP,
    LANES_A_KEY = 8,
    GROUPS = QGK_WARP / LANES_A_KEY, /* of lanes in a warp, each with keys of its own */
    MAX_DIM = 256,
};

static __device__ inline double value(__half h)
{
    return (double)__half2float(h);
}

static __device__ inline __half rounded(double v)
{
    return to_half((float)v);
}

/* The sum over a block, the same in every thread. `room`: shared, a double a warp; a block may call
 * this again after a __syncthreads(). */
static __device__ inline double block_total(double v, double *room)
{
    for (int step = QGK_WARP / 2; step > 0; step /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, step);
    if (lane_id() == 0)
        room[warp_id()] = v;
    __syncthreads();
    double sum = 0;
    for (int w = 0; w < WARPS; w++)
        sum += room[w];
    return sum;
}

/* ---- norms: a block a row ---- */

/* b: NULL in rmsnorm, which does not centre */
static __global__ void portable_norm(__half *out, const __half *x, const float *w, const float *b,
                                     int cols, float eps)
{
    __shared__ double room[2][WARPS];
    size_t at = (size_t)blockIdx.x * (size_t)cols;
    double sum = 0, squares = 0, mean = 0;

    let_next_start();
    wait_for_others();
    if (b) {
        for (int i = (int)threadIdx.x; i < cols; i += THREADS)
            sum += value(x[at + i]);
        mean = block_total(sum, room[0]) / cols;
    }
    for (int i = (int)threadIdx.x; i < cols; i += THREADS) {
        double centred = value(x[at + i]) - mean;
        squares += centred * centred;
    }
    double root = sqrt(block_total(squares, room[1]) / cols + (double)eps);
    for (int i = (int)threadIdx.x; i < cols; i += THREADS) {
        double v = (value(x[at + i]) - mean) / root * (double)w[i];
        out[at + i] = rounded(b ? v + (double)b[i] : v);
    }
}

static void rmsnorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, int rows,
                    int cols, float eps)
{
    if (rows > 0)
        qgk_launch(ctx, "rmsnorm", portable_norm, rows, THREADS, 0, (__half *)out,
                   (const __half *)x, w, (const float *)NULL, cols, eps);
}

static void layernorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, const float *b,
                      int rows, int cols, float eps)
{
    if (rows > 0)
        qgk_launch(ctx, "layernorm", portable_norm, rows, THREADS, 0, (__half *)out,
                   (const __half *)x, w, b, cols, eps);
}

/* ---- rotary positions: a thread a pair ---- */

static __global__ void portable_rope(__half *x, int stride, const float *cos_sin,
                                     const int32_t *row_pos, int heads, int head_dim)
{
    int half_dim = head_dim / 2, i = (int)(blockIdx.x * THREADS + threadIdx.x);

    let_next_start();
    wait_for_others();
    if (i >= heads * half_dim)
        return;
    rope_pairs p = rope_at(x, stride, cos_sin, row_pos, head_dim, i);
    double a = value(p.low[0]), b = value(p.low[half_dim]);
    double c = (double)p.angles[0], s = (double)p.angles[half_dim];
    p.low[0] = rounded(a * c - b * s);
    p.low[half_dim] = rounded(b * c + a * s);
}

static void rope(qgk_ctx *ctx, qgk_act *x, int stride, const float *cos_sin, const int32_t *row_pos,
                 int rows, int heads, int head_dim)
{
    dim3 grid((unsigned)qgk_ceil_div(heads * head_dim / 2, (int)THREADS), (unsigned)rows);

    if (rows > 0)
        qgk_launch(ctx, "rope", portable_rope, grid, THREADS, 0, (__half *)x, stride, cos_sin,
                   row_pos, heads, head_dim);
}

/* ---- attention: a block a row and head ---- */

typedef struct attention_args {
    __half *out;
    const __half *q, *k, *v;
    int stride, n_heads, window;
    double scale;
    kv_paging paging;
    qgk_batch batch;
} attention_args;

/* Softmax over the keys that some lanes have seen (Milakov and Gimelshein 2018). */
typedef struct seen {
    double top, total; /* the greatest score; the sum of e^(score - top) */
} seen;

/* How much what was seen under `top` weighs under a new one. */
static __device__ inline double weight_of(double top, double now)
{
    return top == -INFINITY ? 0 : exp(top - now);
}

/* A lane has every eighth element of a head, PIECES at most. */
template <int PIECES> static __global__ void portable_attention(attention_args a)
{
    __shared__ double sums[WARPS][MAX_DIM];
    __shared__ seen of[WARPS];
    int row = (int)blockIdx.x, head = (int)blockIdx.y, dim = a.paging.head_dim;
    int lane = lane_id() % LANES_A_KEY, group = warp_id() * GROUPS + lane_id() / LANES_A_KEY;
    int kv_head = head / (a.n_heads / a.paging.n_kv_heads), pos = a.batch.row_pos[row];
    int first = a.window > 0 && pos >= a.window ? pos - a.window + 1 : 0;
    const int32_t *blocks = blocks_of(a.batch, a.batch.row_seq[row]);
    const __half *query = a.q + (size_t)row * (size_t)a.stride + head * dim;
    double q[PIECES] = {}, acc[PIECES] = {};
    seen s = {-INFINITY, 0};

    let_next_start();
    wait_for_others();
    for (int i = 0; i < PIECES; i++)
        if (lane + i * LANES_A_KEY < dim)
            q[i] = value(query[lane + i * LANES_A_KEY]);
    /* all lanes of a warp go round as often, since they add up together */
    for (int p0 = first; p0 <= pos; p0 += WARPS * GROUPS) {
        int p = p0 + group;
        size_t at = token_at(a.paging, blocks, kv_head, min(p, pos));
        double score = 0;
        for (int i = 0; i < PIECES; i++)
            if (lane + i * LANES_A_KEY < dim)
                score += q[i] * value(a.k[at + lane + i * LANES_A_KEY]);
        for (int step = LANES_A_KEY / 2; step > 0; step /= 2)
            score += __shfl_xor_sync(0xffffffffu, score, step);
        if (p > pos)
            continue;
        score *= a.scale;
        double top = fmax(s.top, score), keep = weight_of(s.top, top), take = exp(score - top);
        if (isnan(score))
            top = keep = take = score;
        s = {top, s.total * keep + take};
        for (int i = 0; i < PIECES; i++)
            if (lane + i * LANES_A_KEY < dim)
                acc[i] = acc[i] * keep + take * value(a.v[at + lane + i * LANES_A_KEY]);
    }
    for (int step = LANES_A_KEY; step < QGK_WARP; step *= 2) { /* the groups of a warp */
        seen other = {__shfl_xor_sync(0xffffffffu, s.top, step),
                      __shfl_xor_sync(0xffffffffu, s.total, step)};
        double top = isnan(other.top) ? other.top : isnan(s.top) ? s.top : fmax(s.top, other.top);
        double keep = weight_of(s.top, top), take = weight_of(other.top, top);
        s = {top, s.total * keep + other.total * take};
        for (int i = 0; i < PIECES; i++)
            acc[i] = acc[i] * keep + __shfl_xor_sync(0xffffffffu, acc[i], step) * take;
    }
    if (lane_id() < LANES_A_KEY)
        for (int i = 0; i < PIECES; i++)
            if (lane + i * LANES_A_KEY < dim)
                sums[warp_id()][lane + i * LANES_A_KEY] = acc[i];
    if (lane_id() == 0)
        of[warp_id()] = s;
    __syncthreads();
    double top = of[0].top, total = 0;
    for (int w = 1; w < WARPS; w++)
        top = isnan(top) || isnan(of[w].top) ? NAN : fmax(top, of[w].top);
    for (int w = 0; w < WARPS; w++)
        total += of[w].total * weight_of(of[w].top, top);
    for (int i = (int)threadIdx.x; i < dim; i += THREADS) {
        double sum = 0;
        for (int w = 0; w < WARPS; w++)
            if (of[w].top != -INFINITY)
                sum += sums[w][i] * weight_of(of[w].top, top);
        a.out[((size_t)row * (size_t)a.n_heads + (size_t)head) * (size_t)dim + (size_t)i] =
            rounded(sum / total);
    }
}

static void attention(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride, const qgk_kv *kv,
                      const qgk_batch *batch, int n_heads, float scale, int window)
{
    attention_args a = {(__half *)out,
                        (const __half *)q,
                        (const __half *)kv->k,
                        (const __half *)kv->v,
                        stride,
                        n_heads,
                        window,
                        (double)scale,
                        paging_of(kv),
                        *batch};
    dim3 grid((unsigned)batch->n_rows, (unsigned)n_heads);
    int dim = kv->head_dim;

    assert(dim <= MAX_DIM);
    if (batch->n_rows > 0)
        qgk_launch(ctx, "attention",
                   dim <= 64    ? portable_attention<8>
                   : dim <= 128 ? portable_attention<16>
                                : portable_attention<32>,
                   grid, THREADS, 0, a);
}

/* ---- activations: a thread an element ---- */

static __global__ void portable_swiglu(__half *out, const __half *gate_up, int cols)
{
    int i = (int)(blockIdx.x * THREADS + threadIdx.x);
    size_t row = blockIdx.y, at = row * 2 * (size_t)cols + (size_t)i;

    let_next_start();
    wait_for_others();
    if (i >= cols)
        return;
    double g = value(gate_up[at]);
    out[row * (size_t)cols + (size_t)i] =
        rounded(g / (1 + qgk_exp(-g)) * value(gate_up[at + (size_t)cols]));
}

static void swiglu(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    dim3 grid((unsigned)qgk_ceil_div(cols, (int)THREADS), (unsigned)rows);

    if (rows > 0)
        qgk_launch(ctx, "swiglu", portable_swiglu, grid, THREADS, 0, (__half *)out,
                   (const __half *)gate_up, cols);
}

static __global__ void portable_gelu(__half *x, size_t count)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    let_next_start();
    wait_for_others();
    if (i < count)
        x[i] = rounded(0.5 * value(x[i]) * qgk_erfc(-value(x[i]) * 0x1.6a09e667f3bcdp-1));
}

static void gelu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    if (count > 0)
        qgk_launch(ctx, "gelu", portable_gelu, (unsigned)qgk_ceil_div(count, (size_t)THREADS),
                   THREADS, 0, (__half *)x, count);
}

extern "C" void qgk_portable_cuda(qgk_table *t)
{
    t->tier = "portable-cuda";
    t->rmsnorm = rmsnorm;
    t->layernorm = layernorm;
    t->rope = rope;
    qgk_portable_fused(t);
    t->attention = attention;
    t->swiglu = swiglu;
    t->gelu = gelu;
}
