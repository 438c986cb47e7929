/* Products of a weight with few rows of activations, for every format: the frame that f16_cuda.cu,
 * i8_cuda.cu and grouped_cuda.cu fill.
 *
 * Such a product reads each weight once, so what counts is that many loads are under way. The
 * weight stands on the side of a matrix instruction that has 16 rows and the activations on the
 * side that has 8 columns: an instruction multiplies 16 outputs by 8 tokens. A block makes 16
 * outputs for all of its tokens. Its warps share the inputs among them, each a contiguous piece,
 * load several steps ahead straight into registers, and add up at the end in a fixed order: no
 * atomics, the same bits each time. The order of inputs within a step is free as long as both sides
 * agree, so each lane takes neighbours in memory, 16 bytes at a time.
 *
 * A block is SPLITS warps wide, which share the inputs, and HEIGHT high: so many tiles of 16
 * outputs. With one tile of tokens the blocks are one high, and wide enough to fill the device at
 * once; more blocks than fit would leave it half empty at the end. With more tokens, what limits is
 * how often activations come from the second cache: warps above each other read the same ones, from
 * the first.
 */
#ifndef QGK_SKINNY_CUH
#define QGK_SKINNY_CUH

#include "kernels/cuda.cuh"

enum {
    SKINNY_ROWS = 16,       /* outputs of a block               */
    SKINNY_TOKENS = 8,      /* columns of a matrix instruction  */
    SKINNY_PREFETCH = 4096, /* bytes of weights that a warp asks for before it may begin */
};

/* Warps that a multiprocessor should hold at once: what limits registers. */
static __host__ __device__ constexpr int skinny_warps(int tiles)
{
    return tiles == 1 ? 24 : 16;
}

typedef struct skinny_args {
    qgk_weight w;
    const __half *x; /* [rows][k]; the int8 product has its own */
    void *out;
    int rows, first_tile[QGK_MAX_SEGMENTS + 1]; /* of each segment */
    bool f32_out;
} skinny_args;

static inline skinny_args skinny_of(void *out, const qgk_act *x, const qgk_weight *w, int rows,
                                    int f32_out)
{
    skinny_args a = {};

    a.w = *w;
    a.x = (const __half *)x;
    a.out = out;
    a.rows = rows;
    a.f32_out = f32_out != 0;
    for (int i = 0; i < w->n_segments; i++)
        a.first_tile[i + 1] = a.first_tile[i] + qgk_ceil_div(w->segment[i].n, (int)SKINNY_ROWS);
    return a;
}

static __host__ __device__ inline int skinny_tiles(const skinny_args &a)
{
    return a.first_tile[a.w.n_segments];
}

/* The segment that tile `wanted` lies in, and its first output there; false: it is one too many,
 * and who works on it only keeps the others company. */
static __device__ inline bool skinny_place(const skinny_args &a, int wanted,
                                           const qgk_segment **segment, int *row0)
{
    int tile = min(wanted, skinny_tiles(a) - 1), s = 0;

    while (s + 1 < a.w.n_segments && tile >= a.first_tile[s + 1])
        s++;
    *row0 = (tile - a.first_tile[s]) * SKINNY_ROWS;
    *segment = &a.w.segment[s];
    return wanted == tile;
}

/* The tile of this warp of a block of the frame. */
static __device__ inline int skinny_tile()
{
    return (int)(blockIdx.x * blockDim.y + threadIdx.y);
}

/* One output. */
static __device__ inline void skinny_put(const skinny_args &a, int token, int column, float v)
{
    size_t at = (size_t)token * (size_t)a.w.n + (size_t)column;

    if (a.w.bias)
        v += a.w.bias[column];
    if (a.f32_out)
        ((float *)a.out)[at] = v;
    else
        ((__half *)a.out)[at] = to_half(v);
}

/* After a product of the library: the bias of columns at .. at + n - 1, a block row a token. */
static __global__ void skinny_add_bias(skinny_args a, int at, int n)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    size_t to = (size_t)blockIdx.y * (size_t)a.w.n + (size_t)(at + i);

    let_next_start();
    wait_for_others();
    if (i >= n)
        return;
    if (a.f32_out)
        ((float *)a.out)[to] += a.w.bias[at + i];
    else
        ((__half *)a.out)[to] = to_half(__half2float(((__half *)a.out)[to]) + a.w.bias[at + i]);
}

/* Adds up what the warps side by side have of [16 outputs][TILES * 8 tokens] and hands each sum to
 * put(output, token, sum). acc as mma_f16 leaves it. */
template <int SPLITS, int HEIGHT, int TILES, typename T, typename Put>
static __device__ inline void skinny_finish(const T acc[TILES][4], Put put)
{
    __shared__ T all[HEIGHT][SPLITS][TILES][SKINNY_ROWS * SKINNY_TOKENS];
    auto sums = all[threadIdx.y];
    int g = lane_id() / 4, t = lane_id() % 4;

    for (int i = 0; i < TILES; i++)
        for (int c = 0; c < 4; c++)
            sums[warp_id()][i][(g + c / 2 * 8) * SKINNY_TOKENS + 2 * t + c % 2] = acc[i][c];
    __syncthreads();
    for (int i = (int)threadIdx.x; i < TILES * SKINNY_ROWS * SKINNY_TOKENS;
         i += SPLITS * QGK_WARP) {
        int tile = i / (SKINNY_ROWS * SKINNY_TOKENS), at = i % (SKINNY_ROWS * SKINNY_TOKENS);
        T sum = 0;
        for (int w = 0; w < SPLITS; w++)
            sum += sums[w][tile][at];
        /* neighbouring threads take neighbouring tokens' outputs of one row */
        put(at / SKINNY_TOKENS, tile * SKINNY_TOKENS + at % SKINNY_TOKENS, sum);
    }
}

/* The steps of one of SPLITS warps: a contiguous piece of 0 .. n_steps - 1. */
template <int SPLITS>
static __device__ inline void skinny_share(int n_steps, int split, int *first, int *end)
{
    *first = (int)((long long)n_steps * split / SPLITS);
    *end = (int)((long long)n_steps * (split + 1) / SPLITS);
}

/* One more product of a step into the sums: halves, 8-bit integers. */
static __device__ inline void skinny_mma(float d[4], const unsigned a[4], unsigned b0, unsigned b1)
{
    mma_f16(d, a, b0, b1);
}

static __device__ inline void skinny_mma(int d[4], const unsigned a[4], unsigned b0, unsigned b1)
{
    mma_i8(d, a, b0, b1);
}

/* Between the first loads and the first use of activations. The next kernel may come up now: its
 * own first loads, at the end of this one, keep the memory busy. */
static __device__ inline void skinny_wait()
{
    wait_for_others();
    let_next_start();
}

/* Asks for weights from .. to - 1, behind the loads that are under way: at most `most` bytes. */
static __device__ inline void skinny_prefetch(const void *from, const void *to, size_t most)
{
    if (from < to)
        prefetch(from, min((size_t)((const char *)to - (const char *)from), most));
}

/* acc += w x^T for a lane's share of weights that lie row by row: w [.][k] of segment s from output
 * row0 on, x [rows][k] from token0 on, k a multiple of 16 bytes. AHEAD steps are under way. */
template <int SPLITS, int TILES, int AHEAD, typename T, typename Sum>
static __device__ inline void skinny_rows(Sum acc[TILES][4], const T *w, const T *x, int k,
                                          const qgk_segment *s, int row0, int token0, int rows)
{
    constexpr int LANE = 16 / (int)sizeof(T); /* neighbours of a lane: two matrix instructions */
    constexpr int STEP_K = 4 * LANE;
    int g = lane_id() / 4, t = lane_id() % 4, first, end;
    /* rows behind the end are read as the last one, and not written */
    const T *low = w + (size_t)min(row0 + g, s->n - 1) * (size_t)k + LANE * t;
    const T *high = w + (size_t)min(row0 + g + 8, s->n - 1) * (size_t)k + LANE * t;
    const T *token[TILES];
    const uint4 none = make_uint4(0, 0, 0, 0);

    for (int i = 0; i < TILES; i++)
        token[i] = x + (size_t)min(token0 + i * SKINNY_TOKENS + g, rows - 1) * (size_t)k + LANE * t;
    skinny_share<SPLITS>(qgk_ceil_div(k, STEP_K), warp_id(), &first, &end);
    uint4 ahead[AHEAD][2];
    auto load = [&](uint4 out[2], int step) {
        int at = step * STEP_K;
        bool there = step < end && at + LANE * t < k;
        out[0] = there ? load_stream(low + at) : none;
        out[1] = there ? load_stream(high + at) : none;
    };
#pragma unroll
    for (int i = 0; i < AHEAD; i++)
        load(ahead[i], first + i);
    if (t == 0) {
        skinny_prefetch(low + (first + AHEAD) * STEP_K, low + end * STEP_K,
                        SKINNY_PREFETCH / SKINNY_ROWS);
        skinny_prefetch(high + (first + AHEAD) * STEP_K, high + end * STEP_K,
                        SKINNY_PREFETCH / SKINNY_ROWS);
    }
    skinny_wait();
    for (int step = first; step < end; step += AHEAD) {
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            int at = (step + i) * STEP_K;
            bool there = step + i < end && at + LANE * t < k;
            unsigned a0[4] = {ahead[i][0].x, ahead[i][1].x, ahead[i][0].y, ahead[i][1].y};
            unsigned a1[4] = {ahead[i][0].z, ahead[i][1].z, ahead[i][0].w, ahead[i][1].w};
            load(ahead[i], step + i + AHEAD);
            for (int j = 0; j < TILES; j++) {
                uint4 b = there ? *(const uint4 *)(token[j] + at) : none;
                skinny_mma(acc[j], a0, b.x, b.y);
                skinny_mma(acc[j], a1, b.z, b.w);
            }
        }
    }
}

/* Columns at .. at + n - 1 by the library, from rows w [n][k] of halves; then their bias. */
static inline void skinny_library(qgk_ctx *ctx, const skinny_args &a, int at, const void *w, int n)
{
    void *out = (char *)a.out + (size_t)at * (a.f32_out ? sizeof(float) : sizeof(__half));

    if (ctx->blas->f16(ctx->blas->handle, out, a.w.n, a.f32_out, a.x, w, a.rows, n, a.w.k) != 0 &&
        !ctx->failed)
        ctx->failed = "cublasGemmEx (float16)";
    if (a.w.bias) {
        dim3 grid((unsigned)qgk_ceil_div(n, 256), (unsigned)a.rows);
        qgk_launch(ctx, "bias", skinny_add_bias, grid, 256, 0, a, at, n);
    }
}

/* Calls LAUNCH(splits, height, tiles) as `rows` tokens and `n` tiles of outputs want it: a macro,
 * since all three are a template's. */
#define SKINNY_LAUNCH(n, rows, LAUNCH)                                                             \
    do {                                                                                           \
        if ((rows) <= SKINNY_TOKENS)                                                               \
            SKINNY_FEW(n, LAUNCH);                                                                 \
        else if ((rows) <= 2 * SKINNY_TOKENS)                                                      \
            SKINNY_MORE(n, LAUNCH, 2);                                                             \
        else                                                                                       \
            SKINNY_MORE(n, LAUNCH, 4);                                                             \
    } while (0)
#define SKINNY_FEW(n, LAUNCH)                                                                      \
    do {                                                                                           \
        if ((n) <= 320)                                                                            \
            LAUNCH(12, 1, 1);                                                                      \
        else if ((n) <= 1024)                                                                      \
            LAUNCH(4, 1, 1);                                                                       \
        else                                                                                       \
            LAUNCH(2, 1, 1);                                                                       \
    } while (0)
#define SKINNY_MORE(n, LAUNCH, tiles)                                                              \
    do {                                                                                           \
        if ((n) <= 512)                                                                            \
            LAUNCH(4, 2, tiles);                                                                   \
        else                                                                                       \
            LAUNCH(2, 4, tiles);                                                                   \
    } while (0)
#define SKINNY_GRID(n, height, rows, tiles)                                                        \
    dim3((unsigned)qgk_ceil_div(n, height), (unsigned)qgk_ceil_div(rows, tiles *SKINNY_TOKENS))
#define SKINNY_BLOCK(splits, height) dim3(splits *QGK_WARP, height)

#endif
