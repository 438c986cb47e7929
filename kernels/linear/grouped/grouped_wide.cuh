/* Products of grouped weights with some dozens to some hundreds of rows of activations.
 *
 * With more rows than the frame of skinny.cuh is for, what limits is how often activations come
 * from the second cache, and how often a code is turned into an operand. So a block of eight warps
 * makes 32 or 64 outputs for 32 or 64 tokens. Groups of one or two warps share the inputs, each a
 * contiguous piece; a group brings its tokens to shared memory by asynchronous copies, a stage of
 * 64 inputs ahead; each of its warps has 32 outputs, whose codes come straight into registers,
 * stages ahead. The groups wait for nobody else until the end, so that one multiplies while another
 * one loads. Sums are in a fixed order: the same bits each time.
 *
 * A weight is rounded to a half, as where there are many rows: code minus zero point, times the
 * scale over its output's unit, which keeps that a half of full precision.
 *
 * A stage lies in two slabs of 32 inputs, [tokens][32] halves, so that the 16 bytes that a lane
 * wants of a token (skinny.cuh: its order of inputs) are read without a conflict of banks.
 */
#ifndef QGK_GROUPED_WIDE_CUH
#define QGK_GROUPED_WIDE_CUH

#include "kernels/linear/grouped/grouped_tiles.cuh"

enum {
    WIDE_OUTPUTS = 2 * SKINNY_ROWS, /* of a warp */
    WIDE_STAGE_K = 64,
    WIDE_WARPS = 8, /* of a block */
    WIDE_THREADS = WIDE_WARPS * QGK_WARP,
    WIDE_SLOTS = 264, /* small blocks that run at once on an H100 */
};

/* A block: TILES * 8 tokens, HEIGHT * 32 outputs. */
template <int TILES, int HEIGHT> struct wide_shape {
    static constexpr int TOKENS = TILES * SKINNY_TOKENS;
    static constexpr int OUTPUTS = HEIGHT * WIDE_OUTPUTS;
    static constexpr int GROUPS = WIDE_WARPS / HEIGHT;
    static constexpr int GROUP_THREADS = HEIGHT * QGK_WARP;
    static constexpr int BLOCKS = TILES > 4 ? 1 : 2; /* of a multiprocessor: limits registers */
    /* bytes of a slab: the next is in the other half of the banks */
    static constexpr int SLAB = TOKENS * 64 + 64, STAGE = 2 * SLAB;
    /* floats from one token's sums to the next's: a warp's writes meet no conflict of banks */
    static constexpr int STRIDE = OUTPUTS + 4;
    static constexpr int TOKEN_BYTES = GROUPS * 2 * STAGE, SUM_BYTES = GROUPS * TOKENS * STRIDE * 4;
    static constexpr int BYTES = TOKEN_BYTES > SUM_BYTES ? TOKEN_BYTES : SUM_BYTES;
};

/* The 32 outputs of a warp, two tiles of a segment; where there is no second one, the first again.
 * STAGES_AHEAD stages of codes are under way. */
template <int BITS, int STAGES_AHEAD> struct wide_weights {
    static constexpr int STEPS = BITS == 4 ? 1 : 2; /* of a stage */
    const uint4 *codes;                             /* of the stage at hand */
    const float *scales, *units;                    /* of the group behind the one at hand */
    const uint8_t *zeros;
    int tile_codes, tile_groups; /* from one tile to the other */
    int group_k, group_end;
    float next_scale[2][2];
    unsigned next_zero[2][2];
    group_state<BITS> state[2]; /* its scales are not used: */
    __half2 scale[2][2];        /* over the unit */
    uint4 ahead[STAGES_AHEAD][2][STEPS];

    __device__ wide_weights(const qgk_segment &s, int k, int row0, int stage)
    {
        tile_at at = find_tile<BITS>(s, k, row0);
        bool has_second = row0 + SKINNY_ROWS < s.n;
        int group = stage * WIDE_STAGE_K / s.group;

        codes = at.codes + stage * STEPS * QGK_WARP;
        scales = at.scales + group * SKINNY_ROWS;
        zeros = at.zeros + group * SKINNY_ROWS;
        units = at.units;
        tile_codes = has_second ? at.n_steps * QGK_WARP : 0;
        tile_groups = has_second ? k / s.group * SKINNY_ROWS : 0;
        group_k = s.group;
        group_end = (group + 1) * s.group;
        for (int i = 0; i < STAGES_AHEAD; i++)
            load(i, i);
        load_group();
        open();
    }

    /* `slot`: of the stages that are under way; `more`: which stage after the present one */
    __device__ void load(int slot, int more)
    {
        for (int i = 0; i < STEPS; i++)
            for (int tile = 0; tile < 2; tile++)
                ahead[slot][tile][i] =
                    load_stream(codes + tile * tile_codes + (more * STEPS + i) * QGK_WARP);
    }

    __device__ void load_group()
    {
        for (int tile = 0; tile < 2; tile++)
            for (int i = 0; i < 2; i++) {
                next_scale[tile][i] = __ldg(scales + tile * tile_groups + 8 * i);
                next_zero[tile][i] = __ldg(zeros + tile * tile_groups + 8 * i);
            }
        scales += SKINNY_ROWS;
        zeros += SKINNY_ROWS;
    }

    __device__ float unit(int tile, int i) const
    {
        return __ldg(units + (tile && tile_codes ? SKINNY_ROWS : 0) + 8 * i);
    }

    __device__ void open()
    {
        for (int tile = 0; tile < 2; tile++) {
            state[tile].open(next_scale[tile], next_zero[tile]);
            for (int i = 0; i < 2; i++)
                scale[tile][i] = /* a unit is a power of two: no error yet */
                    __float2half2_rn(__fdividef(next_scale[tile][i], unit(tile, i)));
        }
        load_group();
    }

    /* Before inputs from `at` on; behind the last of k ones nothing changes. */
    __device__ void enter(int at, int k)
    {
        if (at < group_end || at >= k)
            return;
        open();
        group_end += group_k;
    }

    /* Operands of the 32 inputs of `half` a stage. */
    __device__ void operands_of(unsigned w[2][2][4], int slot, int half) const
    {
        for (int tile = 0; tile < 2; tile++) {
            operands<BITS>(w[tile], ahead[slot][tile][BITS == 4 ? 0 : half], half, state[tile]);
            scale_operands(w[tile], scale[tile]);
        }
    }
};

/* The pair of tiles that a warp works on: its segment and first output. Segments begin with a pair.
 */
static __device__ inline bool wide_place(const skinny_args &a, int pair,
                                         const qgk_segment **segment, int *row0)
{
    int s = 0;
    bool there = true;

    for (;; s++) {
        int pairs = qgk_ceil_div(a.w.segment[s].n, (int)WIDE_OUTPUTS);
        if (pair < pairs)
            break;
        if (s + 1 == a.w.n_segments) {
            pair = pairs - 1;
            there = false;
            break;
        }
        pair -= pairs;
    }
    *row0 = pair * WIDE_OUTPUTS;
    *segment = &a.w.segment[s];
    return there;
}

static inline int wide_pairs(const skinny_args &a)
{
    int n = 0;

    for (int s = 0; s < a.w.n_segments; s++)
        n += qgk_ceil_div(a.w.segment[s].n, (int)WIDE_OUTPUTS);
    return n;
}

/* Groups of inputs are whole multiples of 128, or SMALL. */
template <int BITS, bool SMALL, int TILES, int HEIGHT>
static __global__ void __launch_bounds__(WIDE_THREADS, wide_shape<TILES, HEIGHT>::BLOCKS)
    grouped_wide(skinny_args a)
{
    using shape = wide_shape<TILES, HEIGHT>;
    constexpr int STAGES_AHEAD =
        BITS == 4 && TILES > 4 ? AHEAD : 2; /* even: two slots take turns */
    extern __shared__ __align__(16) char room[];
    int g = lane_id() / 4, t = lane_id() % 4, k = a.w.k, first, end, row0;
    int group = warp_id() / HEIGHT, place = warp_id() % HEIGHT;
    int own = (int)threadIdx.x % shape::GROUP_THREADS, token0 = (int)blockIdx.y * shape::TOKENS;
    char *stages = room + group * 2 * shape::STAGE;
    const qgk_segment *s;

    skinny_share<shape::GROUPS>(qgk_ceil_div(k, (int)WIDE_STAGE_K), group, &first, &end);
    wide_place(a, (int)blockIdx.x * HEIGHT + place, &s, &row0);
    wide_weights<BITS, STAGES_AHEAD> w(*s, k, row0, first);
    float acc[2][TILES][4] = {};
    /* A stage of tokens into one of two slots, zeros behind the end of the inputs. A thread takes
     * 16 bytes of each token that is `step` on; of one behind the last, those of an earlier one
     * again. */
    constexpr int STEP = shape::GROUP_THREADS / 8;
    int token = min(token0 + own / 8, a.rows - 1), step_bytes = STEP * k * (int)sizeof(__half);
    int more = (a.rows - 1 - token) / STEP;
    const char *x = (const char *)(a.x + (size_t)token * (size_t)k + own % 8 * 8);
    char *to = stages + own % 8 / 4 * shape::SLAB + own / 8 * 64 + own % 4 * 16;
    auto fill = [&](int stage, int slot) {
        bool wanted = stage * WIDE_STAGE_K + own % 8 * 8 < k;
        const char *from = x + (wanted ? stage * WIDE_STAGE_K * (int)sizeof(__half) : 0);
        if (stage < end)
#pragma unroll
            for (int i = 0; i < shape::TOKENS / STEP; i++)
                copy_async(to + slot * shape::STAGE + i * STEP * 64,
                           from + min(i, more) * step_bytes, wanted);
        copy_async_close();
    };
    /* 32 inputs of all tokens */
    auto multiply = [&](const unsigned by[2][2][4], const char *tokens) {
        uint4 b[TILES];
        for (int j = 0; j < TILES; j++)
            b[j] = *(const uint4 *)(tokens + j * SKINNY_TOKENS * 64);
        for (int j = 0; j < TILES; j++)
            for (int tile = 0; tile < 2; tile++)
                mma_f16(acc[tile][j], by[tile][0], b[j].x, b[j].y);
        for (int j = 0; j < TILES; j++)
            for (int tile = 0; tile < 2; tile++)
                mma_f16(acc[tile][j], by[tile][1], b[j].z, b[j].w);
    };
    unsigned by[2][2][2][4]; /* operands of each half of a stage: one ahead of the products */

    w.operands_of(by[0], 0, 0);
    skinny_wait();
    fill(first, 0);
    for (int next = first; next < end; next += STAGES_AHEAD) {
#pragma unroll
        for (int i = 0; i < STAGES_AHEAD; i++) {
            int stage = next + i, at = stage * WIDE_STAGE_K;
            const char *tokens = stages + i % 2 * shape::STAGE + g * 64 + t * 16;
            if (stage >= end)
                break;
            copy_async_wait<0>();
            if (HEIGHT == 1)
                __syncwarp();
            else
                meet(1 + group, shape::GROUP_THREADS);
            fill(stage + 1, (i + 1) % 2);
            if (SMALL)
                w.enter(at + 32, k);
            w.operands_of(by[1], i, 1);
            w.load(i, STAGES_AHEAD + i);
            multiply(by[0], tokens);
            w.enter(at + WIDE_STAGE_K, k);
            w.operands_of(by[0], (i + 1) % STAGES_AHEAD, 0);
            multiply(by[1], tokens + shape::SLAB);
        }
        w.codes += STAGES_AHEAD * w.STEPS * QGK_WARP;
    }

    __syncthreads(); /* the sums lie where the tokens did: [group][token][output] */
    float *sums = (float *)room;
    for (int j = 0; j < TILES; j++)
        for (int c = 0; c < 4; c++) {
            int at = group * shape::TOKENS + j * SKINNY_TOKENS + 2 * t + c % 2;
            float *sum = sums + at * shape::STRIDE + place * WIDE_OUTPUTS + g + c / 2 * 8;
            for (int tile = 0; tile < 2; tile++)
                sum[tile * SKINNY_ROWS] = acc[tile][j][c] * w.unit(tile, c / 2);
        }
    __syncthreads();
    /* neighbouring threads take neighbouring outputs of a token; a thread the same one of all */
    int output = (int)threadIdx.x % shape::OUTPUTS;
    if (!wide_place(a, (int)blockIdx.x * HEIGHT + output / WIDE_OUTPUTS, &s, &row0))
        return;
    row0 += output % WIDE_OUTPUTS;
    for (int i = (int)threadIdx.x / shape::OUTPUTS; i < shape::TOKENS;
         i += WIDE_THREADS / shape::OUTPUTS) {
        float sum = 0;
        for (int n = 0; n < shape::GROUPS; n++)
            sum += sums[(n * shape::TOKENS + i) * shape::STRIDE + output];
        if (row0 < s->n && token0 + i < a.rows)
            skinny_put(a, token0 + i, s->at + row0, sum);
    }
}

template <int BITS, bool SMALL, int TILES, int HEIGHT>
static void run_wide(qgk_ctx *ctx, const skinny_args &a)
{
    using shape = wide_shape<TILES, HEIGHT>;
    dim3 grid((unsigned)qgk_ceil_div(wide_pairs(a), HEIGHT),
              (unsigned)qgk_ceil_div(a.rows, shape::TOKENS));

    cudaFuncSetAttribute(grouped_wide<BITS, SMALL, TILES, HEIGHT>,
                         cudaFuncAttributeMaxDynamicSharedMemorySize, shape::BYTES);
    qgk_launch(ctx, "grouped, wide", grouped_wide<BITS, SMALL, TILES, HEIGHT>, grid, WIDE_THREADS,
               shape::BYTES, a);
}

/* Small blocks where all run at once: else larger ones, which read tokens and decode less often. */
template <int BITS, bool SMALL> static void launch_wide(qgk_ctx *ctx, const skinny_args &a)
{
    if (wide_pairs(a) * qgk_ceil_div(a.rows, 32) <= WIDE_SLOTS)
        run_wide<BITS, SMALL, 4, 1>(ctx, a);
    else if (a.rows <= 32)
        run_wide<BITS, SMALL, 4, 2>(ctx, a);
    else
        run_wide<BITS, SMALL, 8, 2>(ctx, a);
}

#endif
