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
 * How many warps a block has depends on the number of blocks: as few as fill the device at once.
 * More blocks than fit would leave it half empty at the end.
 */
#ifndef QGK_SKINNY_CUH
#define QGK_SKINNY_CUH

#include "kernels/cuda.cuh"

enum {
    SKINNY_ROWS = 16,  /* outputs of a block               */
    SKINNY_TOKENS = 8, /* columns of a matrix instruction  */
};

/* Which segment of a weight a block works on. */
typedef struct skinny_args {
    qgk_weight w;
    const __half *x; /* [rows][k]; the int8 product has its own */
    void *out;
    int rows, first_block[QGK_MAX_SEGMENTS + 1]; /* of each segment */
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
        a.first_block[i + 1] = a.first_block[i] + qgk_ceil_div(w->segment[i].n, (int)SKINNY_ROWS);
    return a;
}

static inline int skinny_blocks(const skinny_args *a)
{
    return a->first_block[a->w.n_segments];
}

static __device__ inline const qgk_segment *skinny_segment(const skinny_args &a, int block,
                                                           int *row0)
{
    int s = 0;

    while (s + 1 < a.w.n_segments && block >= a.first_block[s + 1])
        s++;
    *row0 = (block - a.first_block[s]) * SKINNY_ROWS;
    return &a.w.segment[s];
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

    if (i >= n)
        return;
    if (a.f32_out)
        ((float *)a.out)[to] += a.w.bias[at + i];
    else
        ((__half *)a.out)[to] = to_half(__half2float(((__half *)a.out)[to]) + a.w.bias[at + i]);
}

/* Adds up what the warps have of [16 outputs][TILES * 8 tokens] and hands each sum to
 * put(output, token, sum). acc as mma_f16 leaves it. */
template <int WARPS, int TILES, typename T, typename Put>
static __device__ inline void skinny_finish(const T acc[TILES][4], Put put)
{
    __shared__ T sums[WARPS][TILES][SKINNY_ROWS * SKINNY_TOKENS];
    int g = lane_id() / 4, t = lane_id() % 4;

    for (int i = 0; i < TILES; i++)
        for (int c = 0; c < 4; c++)
            sums[warp_id()][i][(g + c / 2 * 8) * SKINNY_TOKENS + 2 * t + c % 2] = acc[i][c];
    __syncthreads();
    for (int i = (int)threadIdx.x; i < TILES * SKINNY_ROWS * SKINNY_TOKENS; i += WARPS * QGK_WARP) {
        int tile = i / (SKINNY_ROWS * SKINNY_TOKENS), at = i % (SKINNY_ROWS * SKINNY_TOKENS);
        T sum = 0;
        for (int w = 0; w < WARPS; w++)
            sum += sums[w][tile][at];
        /* neighbouring threads take neighbouring tokens' outputs of one row */
        put(at / SKINNY_TOKENS, tile * SKINNY_TOKENS + at % SKINNY_TOKENS, sum);
    }
}

/* The steps of this warp: a contiguous piece of 0 .. n_steps - 1. */
template <int WARPS> static __device__ inline void skinny_share(int n_steps, int *first, int *end)
{
    *first = (int)((long long)n_steps * warp_id() / WARPS);
    *end = (int)((long long)n_steps * (warp_id() + 1) / WARPS);
}

/* Warps of a block where there are so many blocks. */
static inline int skinny_warps(int blocks)
{
    return blocks <= 320 ? 8 : blocks <= 1024 ? 4 : 2;
}

/* Calls LAUNCH(warps, tiles) with what `rows` tokens in `blocks` blocks want: a macro, since both
 * numbers are a template's. */
#define SKINNY_LAUNCH(blocks, rows, LAUNCH)                                                        \
    do {                                                                                           \
        int warps_ = skinny_warps(blocks);                                                         \
        if ((rows) <= SKINNY_TOKENS)                                                               \
            SKINNY_WARPS(warps_, LAUNCH, 1);                                                       \
        else if ((rows) <= 2 * SKINNY_TOKENS)                                                      \
            SKINNY_WARPS(warps_, LAUNCH, 2);                                                       \
        else                                                                                       \
            SKINNY_WARPS(warps_, LAUNCH, 4);                                                       \
    } while (0)
#define SKINNY_WARPS(warps, LAUNCH, tiles)                                                         \
    do {                                                                                           \
        if ((warps) == 8)                                                                          \
            LAUNCH(8, tiles);                                                                      \
        else if ((warps) == 4)                                                                     \
            LAUNCH(4, tiles);                                                                      \
        else                                                                                       \
            LAUNCH(2, tiles);                                                                      \
    } while (0)

#endif
