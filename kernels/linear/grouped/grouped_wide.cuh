/* Products of grouped weights with some dozens to some hundreds of rows of activations.
 *
 * With more rows than the frame of skinny.cuh is for, what limits is how often activations come
 * from the second cache, and how often a code is turned into an operand. So a block makes 64
 * outputs for 64 tokens. Four groups of two warps share the inputs, each a contiguous piece; a
 * group brings its tokens to shared memory by asynchronous copies, a stage of 64 inputs ahead; each
 * of its warps has 32 outputs, whose codes come straight into registers, stages ahead. The groups
 * wait for nobody else until the end, so that one multiplies while another one loads. Sums are in a
 * fixed order: the same bits each time.
 *
 * A weight is rounded to a half, as where there are many rows: code minus zero point, times the
 * scale over its output's unit, which keeps that a half of full precision.
 *
 * A stage lies in two slabs of 32 inputs, [64 tokens][32] halves, so that the 16 bytes that a lane
 * wants of a token (skinny.cuh: its order of inputs) are read without a conflict of banks.
 */
#ifndef QGK_GROUPED_WIDE_CUH
#define QGK_GROUPED_WIDE_CUH

#include "kernels/linear/grouped/grouped_tiles.cuh"

enum {
    WIDE_GROUPS = 4,                /* of warps, each with its share of the inputs */
    WIDE_HEIGHT = 2,                /* warps of a group, each with its outputs     */
    WIDE_OUTPUTS = 2 * SKINNY_ROWS, /* of a warp */
    WIDE_BLOCK_OUTPUTS = WIDE_HEIGHT * WIDE_OUTPUTS,
    WIDE_TOKENS = 64,
    WIDE_TILES = WIDE_TOKENS / SKINNY_TOKENS,
    WIDE_GROUP_THREADS = WIDE_HEIGHT * QGK_WARP,
    WIDE_THREADS = WIDE_GROUPS * WIDE_GROUP_THREADS,
    WIDE_STAGE_K = 64,
    WIDE_SLAB = WIDE_TOKENS * 32 * 2 + 64, /* bytes; the next is in the other half of the banks */
    WIDE_STAGE_BYTES = 2 * WIDE_SLAB,
    /* floats from one token's sums to the next's: a warp's writes meet no conflict of banks */
    WIDE_STRIDE = WIDE_BLOCK_OUTPUTS + 4,
    WIDE_TOKEN_BYTES = WIDE_GROUPS * 2 * WIDE_STAGE_BYTES,
    WIDE_SUM_BYTES = WIDE_GROUPS * WIDE_TOKENS * WIDE_STRIDE * 4,
    WIDE_BYTES = WIDE_TOKEN_BYTES > WIDE_SUM_BYTES ? WIDE_TOKEN_BYTES : WIDE_SUM_BYTES,
};

/* The 32 outputs of a warp, two tiles of a segment; where there is no second one, the first again.
 */
template <int BITS> struct wide_weights {
    static constexpr int STEPS = BITS == 4 ? 1 : 2;    /* of a stage */
    static constexpr int STAGES_AHEAD = AHEAD / STEPS; /* of codes, under way */
    const uint4 *codes;                                /* of the stage at hand */
    const float *scales, *units;                       /* of the group behind the one at hand */
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
            for (int i = 0; i < 8; i++) /* output g, output g + 8, in turn */
                w[tile][i / 4][i % 4] =
                    word_of(__hmul2(halves_of(w[tile][i / 4][i % 4]), scale[tile][i % 2]));
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
template <int BITS, bool SMALL>
static __global__ void __launch_bounds__(WIDE_THREADS, 1) grouped_wide(skinny_args a)
{
    constexpr int STAGES_AHEAD = wide_weights<BITS>::STAGES_AHEAD;
    extern __shared__ __align__(16) char room[];
    int g = lane_id() / 4, t = lane_id() % 4, k = a.w.k, first, end, row0;
    int group = warp_id() / WIDE_HEIGHT, place = warp_id() % WIDE_HEIGHT;
    int own = (int)threadIdx.x % WIDE_GROUP_THREADS, token0 = (int)blockIdx.y * WIDE_TOKENS;
    char *stages = room + group * 2 * WIDE_STAGE_BYTES;
    const qgk_segment *s;

    skinny_share<WIDE_GROUPS>(qgk_ceil_div(k, (int)WIDE_STAGE_K), group, &first, &end);
    wide_place(a, (int)blockIdx.x * WIDE_HEIGHT + place, &s, &row0);
    wide_weights<BITS> w(*s, k, row0, first);
    float acc[2][WIDE_TILES][4] = {};
    /* A stage of tokens into one of two slots, zeros behind the end of the inputs. A thread takes
     * 16 bytes of every eighth token; of one behind the last, those of an earlier one again. */
    int token = min(token0 + own / 8, a.rows - 1), step = WIDE_GROUP_THREADS / 8;
    int more = (a.rows - 1 - token) / step, step_bytes = step * k * (int)sizeof(__half);
    const char *x = (const char *)(a.x + (size_t)token * (size_t)k + own % 8 * 8);
    char *to = stages + own % 8 / 4 * WIDE_SLAB + own / 8 * 64 + own % 4 * 16;
    auto fill = [&](int stage, int slot) {
        bool wanted = stage * WIDE_STAGE_K + own % 8 * 8 < k;
        const char *from = x + (wanted ? stage * WIDE_STAGE_K * (int)sizeof(__half) : 0);
        if (stage < end)
#pragma unroll
            for (int i = 0; i < WIDE_TOKENS / step; i++)
                copy_async(to + slot * WIDE_STAGE_BYTES + i * step * 64,
                           from + min(i, more) * step_bytes, wanted);
        copy_async_close();
    };
    /* 32 inputs of all tokens */
    auto multiply = [&](const unsigned by[2][2][4], const char *tokens) {
        uint4 b[WIDE_TILES];
        for (int j = 0; j < WIDE_TILES; j++)
            b[j] = *(const uint4 *)(tokens + j * SKINNY_TOKENS * 64);
        for (int j = 0; j < WIDE_TILES; j++)
            for (int tile = 0; tile < 2; tile++)
                mma_f16(acc[tile][j], by[tile][0], b[j].x, b[j].y);
        for (int j = 0; j < WIDE_TILES; j++)
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
            const char *tokens = stages + i % 2 * WIDE_STAGE_BYTES + g * 64 + t * 16;
            if (stage >= end)
                break;
            copy_async_wait<0>();
            meet(1 + group, WIDE_GROUP_THREADS);
            fill(stage + 1, (i + 1) % 2);
            if (SMALL)
                w.enter(at + 32, k);
            w.operands_of(by[1], i, 1);
            w.load(i, STAGES_AHEAD + i);
            multiply(by[0], tokens);
            w.enter(at + WIDE_STAGE_K, k);
            w.operands_of(by[0], (i + 1) % STAGES_AHEAD, 0);
            multiply(by[1], tokens + WIDE_SLAB);
        }
        w.codes += AHEAD * QGK_WARP;
    }

    __syncthreads(); /* the sums lie where the tokens did: [group][token][output] */
    float *sums = (float *)room;
    for (int j = 0; j < WIDE_TILES; j++)
        for (int c = 0; c < 4; c++) {
            int at = group * WIDE_TOKENS + j * SKINNY_TOKENS + 2 * t + c % 2;
            float *sum = sums + at * WIDE_STRIDE + place * WIDE_OUTPUTS + g + c / 2 * 8;
            for (int tile = 0; tile < 2; tile++)
                sum[tile * SKINNY_ROWS] = acc[tile][j][c] * w.unit(tile, c / 2);
        }
    __syncthreads();
    /* neighbouring threads take neighbouring outputs of a token; a thread the same one of all */
    int output = (int)threadIdx.x % WIDE_BLOCK_OUTPUTS;
    if (!wide_place(a, (int)blockIdx.x * WIDE_HEIGHT + output / WIDE_OUTPUTS, &s, &row0))
        return;
    row0 += output % WIDE_OUTPUTS;
    for (int i = (int)threadIdx.x / WIDE_BLOCK_OUTPUTS; i < WIDE_TOKENS;
         i += WIDE_THREADS / WIDE_BLOCK_OUTPUTS) {
        float sum = 0;
        for (int n = 0; n < WIDE_GROUPS; n++)
            sum += sums[(n * WIDE_TOKENS + i) * WIDE_STRIDE + output];
        if (row0 < s->n && token0 + i < a.rows)
            skinny_put(a, token0 + i, s->at + row0, sum);
    }
}

template <int BITS, bool SMALL> static void launch_wide(qgk_ctx *ctx, const skinny_args &a)
{
    dim3 grid((unsigned)qgk_ceil_div(wide_pairs(a), (int)WIDE_HEIGHT),
              (unsigned)qgk_ceil_div(a.rows, (int)WIDE_TOKENS));

    cudaFuncSetAttribute(grouped_wide<BITS, SMALL>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                         WIDE_BYTES);
    qgk_launch(ctx, "grouped, wide", grouped_wide<BITS, SMALL>, grid, WIDE_THREADS, WIDE_BYTES, a);
}

#endif
