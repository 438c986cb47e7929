/* Products of grouped weights with some hundred rows of activations, by the matrix instructions of
 * Hopper.
 *
 * An instruction of four warps multiplies 64 outputs by 128 tokens. Its weights come from
 * registers: each warp has a tile of 16 outputs (grouped_tiles.cuh), and turns the codes of 64
 * inputs into operands while the instructions of the 64 before run; so a code is turned into an
 * operand once for 128 tokens (Frantar et al. 2024, MARLIN, does so with the instructions of a
 * warp). The tokens, and the tiles' codes, scales and zero points, come to shared memory in stages
 * of 128 inputs, by bulk copies of warps that do nothing else. A kernel before has arranged the
 * tokens so that a stage is one piece. Where outputs are few, the blocks of a cluster share the
 * inputs, each a contiguous piece, and add up through each other's shared memory, in a fixed order:
 * the same bits each time.
 *
 * A weight is rounded to a half as in grouped_wide.cuh.
 */
#ifndef QGK_GROUPED_HOPPER_CUH
#define QGK_GROUPED_HOPPER_CUH

#include "kernels/hopper.cuh"
#include "kernels/linear/grouped/grouped_tiles.cuh"

#include <climits>
#include <cooperative_groups.h>

enum {
    HOPPER_TOKENS = 128,
    HOPPER_WARPS = 8,   /* of a block, each with a tile */
    HOPPER_COPIERS = 4, /* and warps that bring what they need */
    HOPPER_THREADS = (HOPPER_WARPS + HOPPER_COPIERS) * QGK_WARP,
    HOPPER_OUTPUTS = HOPPER_WARPS * SKINNY_ROWS,
    HOPPER_PART_K = 64, /* inputs of a token in a row of shared memory */
    HOPPER_STAGE_K = 2 * HOPPER_PART_K,
    HOPPER_STAGES = 4,                 /* under way */
    HOPPER_MOST_RANKS = 8,             /* blocks of a cluster */
    HOPPER_BLOCK_COST = 6,             /* of a block beside its stages, in stages */
    HOPPER_PIECES = HOPPER_PART_K / 8, /* of 16 bytes, of a row */
};

/* A stage of a tile: codes, scales, zeros as in grouped_tiles.cuh. */
template <int BITS, bool SMALL> struct hopper_piece {
    static constexpr int STEPS = BITS == 4 ? 2 : 4;
    static constexpr int GROUPS = SMALL ? HOPPER_STAGE_K / 32 : 1; /* that a stage may touch */
    static constexpr int CODE_BYTES = STEPS * QGK_WARP * 16;
    static constexpr int SCALE_BYTES = GROUPS * SKINNY_ROWS * (int)sizeof(float);
    static constexpr int ZERO_BYTES = GROUPS * SKINNY_ROWS;
    static constexpr int BYTES = CODE_BYTES + SCALE_BYTES + ZERO_BYTES;
};

template <int BITS, bool SMALL> struct hopper_shape {
    using piece = hopper_piece<BITS, SMALL>;
    static constexpr int PART = HOPPER_TOKENS * SWIZZLE_BYTES, TOKEN_BYTES = 2 * PART;
    static constexpr int PIECES_AT = HOPPER_STAGES * TOKEN_BYTES;
    static constexpr int PIECE_BYTES = HOPPER_WARPS * piece::BYTES; /* of a stage */
    static constexpr int BARRIERS_AT = PIECES_AT + HOPPER_STAGES * PIECE_BYTES;
    static constexpr int BYTES = BARRIERS_AT + 2 * HOPPER_STAGES * (int)sizeof(uint64_t);
    /* The sums lie where the tokens did. Floats from one token's to the next's: a warp's writes
     * meet no conflict of banks. */
    static constexpr int STRIDE = HOPPER_OUTPUTS + 4;
    static_assert(HOPPER_TOKENS * STRIDE * 4 <= PIECES_AT, "no room for the sums");
};

/* ---- tokens ---- */

/* To [tiles of tokens][parts][HOPPER_TOKENS][64] halves, as operand_at() wants them and in the
 * order of inputs of grouped_tiles.cuh; zeros behind the last token and input. order: NULL, or
 * whose inputs they are. A thread a piece of 16 bytes. */
static __global__ void arrange(uint4 *out, const __half *x, const int32_t *order, int rows, int k,
                               int n_parts, int n_pieces)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x), line = i / HOPPER_PIECES;
    int piece = i % HOPPER_PIECES ^ line % SWIZZLE_ROWS, part = line / HOPPER_TOKENS % n_parts;
    int row = line / HOPPER_TOKENS / n_parts * HOPPER_TOKENS + line % HOPPER_TOKENS;
    /* of every 32 inputs two instructions of 16 take two neighbours of each lane's eight twice */
    int first = part * HOPPER_PART_K + piece / 4 * 32 + piece % 4 * 2;
    const __half *from = x + (size_t)row * (size_t)k;
    __half2 of[4];

    let_next_start();
    wait_for_others();
    if (i >= n_pieces)
        return;
    for (int t = 0; t < 4; t++) {
        int at = first + 8 * t;
        of[t] = __float2half2_rn(0);
        if (row < rows && at < k)
            of[t] = order ? __halves2half2(from[order[at]], from[order[at + 1]])
                          : *(const __half2 *)(from + at);
    }
    out[i] = *(const uint4 *)of;
}

/* ---- the warps that copy ---- */

/* One of three lanes that bring a tile's pieces: its codes, scales or zeros. */
template <int BITS, bool SMALL> struct hopper_copier {
    using piece = hopper_piece<BITS, SMALL>;
    const char *from; /* of the tile: codes of the next stage, else of the tile's first group */
    int bytes, to;    /* in a stage's pieces */
    int per_group;    /* bytes; 0: these are codes */
    int group_k, group, group_end, at; /* the group that the next stage, from `at` on, begins in */

    __device__ hopper_copier(const qgk_segment &s, int k, int row0, int tile, int kind, int stage)
    {
        layout l = layout_of(s.n, k, s.group, BITS);
        size_t own = (size_t)(row0 / SKINNY_ROWS), groups = own * (size_t)l.n_groups * SKINNY_ROWS;

        from = (const char *)s.data;
        to = tile * piece::BYTES;
        if (kind == 0) {
            from += own * (size_t)l.n_steps * QGK_WARP * 16 + (size_t)stage * piece::CODE_BYTES;
            bytes = piece::CODE_BYTES;
            per_group = 0;
        } else if (kind == 1) {
            from += l.scales_at + groups * sizeof(float);
            to += piece::CODE_BYTES;
            bytes = piece::SCALE_BYTES;
            per_group = SKINNY_ROWS * (int)sizeof(float);
        } else {
            from += l.zeros_at + groups;
            to += piece::CODE_BYTES + piece::SCALE_BYTES;
            bytes = piece::ZERO_BYTES;
            per_group = SKINNY_ROWS;
        }
        at = stage * HOPPER_STAGE_K;
        group_k = s.group;
        group = at / group_k;
        group_end = (group + 1) * group_k;
    }

    __device__ void copy(char *pieces, uint64_t *full)
    {
        while (at >= group_end) {
            group++;
            group_end += group_k;
        }
        copy_bulk(pieces + to, from + (size_t)group * (size_t)per_group, bytes, full);
        from += per_group ? 0 : piece::CODE_BYTES;
        at += HOPPER_STAGE_K;
    }
};

/* n stages from `first` on. x: the tokens of the first. */
template <int BITS, bool SMALL>
static __device__ inline void hopper_copy(const skinny_args &a, const char *x, int first, int n,
                                          char *room, uint64_t *full, uint64_t *empty)
{
    using shape = hopper_shape<BITS, SMALL>;
    constexpr int TILES = HOPPER_WARPS / HOPPER_COPIERS; /* of this warp, three lanes each */
    int warp = warp_id() - HOPPER_WARPS, lane = lane_id(), row0;
    int tile = warp * TILES + min(lane / 3, TILES - 1);
    bool has_tokens = warp == 0 && lane == 0;
    const qgk_segment *s;
    skinny_place(a, (int)blockIdx.x * HOPPER_WARPS + tile, &s, &row0);
    hopper_copier<BITS, SMALL> own(*s, a.w.k, row0, tile, lane % 3, first);
    auto copy_pieces = [&](int slot) {
        if (lane == 0)
            barrier_expect(&full[slot], shape::PIECE_BYTES / HOPPER_COPIERS +
                                            (has_tokens ? shape::TOKEN_BYTES : 0));
        __syncwarp();
        if (lane < 3 * TILES)
            own.copy(room + shape::PIECES_AT + slot * shape::PIECE_BYTES, &full[slot]);
    };
    auto copy_tokens = [&](int stage, int slot) {
        if (has_tokens)
            copy_bulk(room + slot * shape::TOKEN_BYTES, x + (size_t)stage * shape::TOKEN_BYTES,
                      shape::TOKEN_BYTES, &full[slot]);
    };

    for (int i = 0; i < min(n, (int)HOPPER_STAGES); i++)
        copy_pieces(i);
    skinny_wait(); /* weights come before what other kernels write */
    for (int i = 0; i < min(n, (int)HOPPER_STAGES); i++)
        copy_tokens(i, i);
    for (int i = HOPPER_STAGES; i < n; i++) {
        int slot = i % HOPPER_STAGES;
        barrier_wait(&empty[slot], (i / HOPPER_STAGES - 1) % 2);
        copy_pieces(slot);
        copy_tokens(i, slot);
    }
}

/* ---- a warp's weights ---- */

/* The codes of the stage at hand, and the group at hand. */
template <int BITS, bool SMALL> struct hopper_weights {
    using piece = hopper_piece<BITS, SMALL>;
    const char *own;               /* the tile's piece of the stage */
    int group_k, group, group_end; /* SMALL: the group counts from the stage's first */
    float per_unit[2];
    uint4 codes[piece::STEPS];
    group_state<BITS> state; /* its scales are not used: */
    __half2 scale[2];        /* over the unit */

    __device__ void open()
    {
        const char *scales = own + piece::CODE_BYTES, *zeros = scales + piece::SCALE_BYTES;
        int output = group * SKINNY_ROWS + lane_id() / 4;
        float of[2];
        unsigned zero[2];

        for (int i = 0; i < 2; i++) {
            of[i] = *(const float *)(scales + (output + 8 * i) * (int)sizeof(float));
            zero[i] = *(const uint8_t *)(zeros + output + 8 * i);
            scale[i] = __float2half2_rn(of[i] * per_unit[i]); /* the unit is a power of two */
        }
        state.open(of, zero);
    }

    /* The stage that begins with input `at`, whose pieces have come. */
    __device__ void take(const char *pieces, int at)
    {
        own = pieces + warp_id() * piece::BYTES;
        for (int i = 0; i < piece::STEPS; i++)
            codes[i] = *(const uint4 *)(own + (i * QGK_WARP + lane_id()) * 16);
        while (SMALL && at >= group_end)
            group_end += group_k;
        group = 0;
        open();
    }

    /* Before inputs from `at` on, in the stage; behind the last of k ones nothing changes. */
    __device__ void enter(int at, int k)
    {
        if (!SMALL || at < group_end || at >= k)
            return;
        group++;
        group_end += group_k;
        open();
    }

    /* Operands of the 32 inputs of quarter a stage: two instructions' */
    __device__ void operands_of(unsigned w[2][4], int quarter) const
    {
        operands<BITS>(w, codes[BITS == 4 ? quarter / 2 : quarter], quarter % 2, state);
        scale_operands(w, scale);
    }
};

/* n stages from `first` on, to acc: a warp's part of D of its warpgroup. */
template <int BITS, bool SMALL>
static __device__ inline void hopper_multiply(float acc[HOPPER_TOKENS / 2],
                                              hopper_weights<BITS, SMALL> &w, int k, int first,
                                              int n, const char *room, uint64_t *full,
                                              uint64_t *empty)
{
    using shape = hopper_shape<BITS, SMALL>;
    unsigned by[2][2][2][4]; /* operands of 64 inputs, one part ahead: [part][half of it] */
    int at = first * HOPPER_STAGE_K, round = 0;
    auto multiply = [&](int slot, int part, int half) {
        uint64_t tokens = operand_at(room + slot * shape::TOKEN_BYTES + part * shape::PART);
        warpgroup_enter();
        for (int i = 0; i < 2; i++)
            warpgroup_mma(acc, by[part][half][i], tokens + 4 * half + 2 * i);
        warpgroup_close();
    };

    barrier_wait(&full[0], 0);
    w.take(room + shape::PIECES_AT, at);
    w.operands_of(by[0][0], 0);
    w.enter(at + 32, k);
    w.operands_of(by[0][1], 1);
    for (int stage = 0; stage < n;) {
#pragma unroll
        for (int slot = 0; slot < HOPPER_STAGES; slot++) {
            constexpr int LAST = HOPPER_STAGES - 1;
            int then = slot < LAST ? slot + 1 : 0;
            if (stage >= n)
                break;
#pragma unroll
            for (int half = 0; half < 2; half++) {
                multiply(slot, 0, half);
                w.enter(at + 64 + 32 * half, k);
                warpgroup_wait<2>(); /* those whose operands are replaced are done */
                w.operands_of(by[1][half], 2 + half);
            }
            if (stage > 0 && lane_id() == 0) /* and so is all of the stage before */
                barrier_arrive(&empty[slot ? slot - 1 : LAST]);
            at += HOPPER_STAGE_K;
            stage++;
            round ^= slot == LAST;
            multiply(slot, 1, 0);
            if (stage < n) {
                barrier_wait(&full[then], round);
                w.take(room + shape::PIECES_AT + then * shape::PIECE_BYTES, at);
            }
            warpgroup_wait<2>();
            w.operands_of(by[0][0], 0); /* of no meaning behind the last stage, as is the next */
            multiply(slot, 1, 1);
            if (stage < n)
                w.enter(at + 32, k);
            warpgroup_wait<2>();
            w.operands_of(by[0][1], 1);
        }
    }
    warpgroup_wait<0>();
}

/* ---- the product ---- */

/* Groups of inputs are whole multiples of 128, or SMALL. A block: 128 tokens, 128 outputs, the
 * share of the inputs that falls to its rank in the cluster. */
template <int BITS, bool SMALL>
static __global__ void __launch_bounds__(HOPPER_THREADS, 1)
    grouped_hopper(skinny_args a, const char *x)
{
#if QGK_ON_HOPPER
    using shape = hopper_shape<BITS, SMALL>;
    extern __shared__ __align__(SWIZZLE_ALIGN) char stages[];
    uint64_t *full = (uint64_t *)(stages + shape::BARRIERS_AT), *empty = full + HOPPER_STAGES;
    int n_stages = qgk_ceil_div(a.w.k, (int)HOPPER_STAGE_K), row0;
    int rank = (int)blockIdx.z, n_ranks = (int)gridDim.z;
    int first = (int)((long long)n_stages * rank / n_ranks);
    int n = (int)((long long)n_stages * (rank + 1) / n_ranks) - first;
    int tile0 = (int)blockIdx.x * HOPPER_WARPS, token0 = (int)blockIdx.y * HOPPER_TOKENS;
    const qgk_segment *s;
    float *sums = (float *)stages; /* [token][output] */

    if (threadIdx.x == 0) {
        for (int i = 0; i < HOPPER_STAGES; i++) {
            barrier_open(&full[i], HOPPER_COPIERS);
            barrier_open(&empty[i], HOPPER_WARPS);
        }
        barriers_opened();
    }
    __syncthreads();
    if (warp_id() >= HOPPER_WARPS) {
        x += ((size_t)blockIdx.y * (size_t)n_stages + (size_t)first) * shape::TOKEN_BYTES;
        hopper_copy<BITS, SMALL>(a, x, first, n, stages, full, empty);
        __syncthreads();
    } else {
        hopper_weights<BITS, SMALL> w;
        float acc[HOPPER_TOKENS / 2] = {}, unit[2];
        int g = lane_id() / 4, t = lane_id() % 4;
        skinny_place(a, tile0 + warp_id(), &s, &row0);
        tile_at tile = find_tile<BITS>(*s, a.w.k, row0);
        for (int i = 0; i < 2; i++) {
            unit[i] = __ldg(tile.units + 8 * i);
            w.per_unit[i] = 1 / unit[i];
        }
        w.group_k = s->group;
        w.group_end = (first * HOPPER_STAGE_K / s->group + 1) * s->group;
        skinny_wait();
        hopper_multiply<BITS, SMALL>(acc, w, a.w.k, first, n, stages, full, empty);
        __syncthreads();
        for (int j = 0; j < HOPPER_TOKENS / 8; j++)
            for (int c = 0; c < 4; c++)
                sums[(8 * j + 2 * t + c % 2) * shape::STRIDE + warp_id() * SKINNY_ROWS + g +
                     c / 2 * 8] = acc[4 * j + c] * unit[c / 2];
    }
    auto cluster = cooperative_groups::this_cluster();
    cluster.sync();
    /* a thread: the same four outputs of some tokens */
    constexpr int FOURS = HOPPER_OUTPUTS / 4, SHARES = HOPPER_WARPS * QGK_WARP / FOURS;
    int output = (int)threadIdx.x % FOURS * 4;
    bool is_ours =
        skinny_place(a, tile0 + output / SKINNY_ROWS, &s, &row0) && warp_id() < HOPPER_WARPS;
    row0 += output % SKINNY_ROWS;
    for (int i = (int)threadIdx.x / FOURS + SHARES * rank;
         is_ours && i < HOPPER_TOKENS && token0 + i < a.rows; i += SHARES * n_ranks) {
        float4 of[HOPPER_MOST_RANKS], sum = make_float4(0, 0, 0, 0);
#pragma unroll
        for (int r = 0; r < HOPPER_MOST_RANKS; r++)
            if (r < n_ranks)
                of[r] = *(const float4 *)(cluster.map_shared_rank(sums, (unsigned)r) +
                                          i * shape::STRIDE + output);
#pragma unroll
        for (int r = 0; r < HOPPER_MOST_RANKS; r++)
            if (r < n_ranks)
                sum =
                    make_float4(sum.x + of[r].x, sum.y + of[r].y, sum.z + of[r].z, sum.w + of[r].w);
        const float each[] = {sum.x, sum.y, sum.z, sum.w};
        for (int c = 0; c < 4; c++)
            if (row0 + c < s->n)
                skinny_put(a, token0 + i, s->at + row0 + c, each[c]);
    }
    cluster.sync(); /* others may still read here */
#else
    __trap();
#endif
}

/* How many clusters of 1 .. HOPPER_MOST_RANKS blocks of a kernel the device holds. */
static inline void hopper_clusters(int clusters[], const void *kernel, int bytes)
{
    for (int ranks = 1; ranks <= HOPPER_MOST_RANKS; ranks++) {
        cudaLaunchConfig_t config = {};
        cudaLaunchAttribute attribute = qgk_cluster_of(ranks);
        config.gridDim = dim3(1, 1, (unsigned)ranks);
        config.blockDim = HOPPER_THREADS;
        config.dynamicSmemBytes = (size_t)bytes;
        config.attrs = &attribute;
        config.numAttrs = 1;
        if (cudaOccupancyMaxActiveClusters(&clusters[ranks], kernel, &config) != cudaSuccess)
            clusters[ranks] = 0;
    }
}

/* Blocks of a cluster: as many as let the device end first. */
static inline int hopper_ranks(const int clusters[], int blocks, int n_stages)
{
    int best = 1, least = INT_MAX;

    for (int ranks = 1; ranks <= HOPPER_MOST_RANKS && ranks <= n_stages; ranks++) {
        int waves = qgk_ceil_div(blocks, clusters[ranks] > 0 ? clusters[ranks] : 1);
        int cost = waves * (qgk_ceil_div(n_stages, ranks) + HOPPER_BLOCK_COST);
        if (cost < least) {
            least = cost;
            best = ranks;
        }
    }
    return best;
}

/* Bytes that the tokens of a product take when they are arranged. */
static inline size_t hopper_bytes(int rows, int k)
{
    return (size_t)qgk_ceil_div(rows, (int)HOPPER_TOKENS) *
           (size_t)qgk_ceil_div(k, (int)HOPPER_STAGE_K) * HOPPER_TOKENS * HOPPER_STAGE_K *
           sizeof(__half);
}

/* arranged: hopper_bytes() */
template <int BITS, bool SMALL>
static void launch_hopper(qgk_ctx *ctx, const skinny_args &a, char *arranged)
{
    using shape = hopper_shape<BITS, SMALL>;
    static int clusters[HOPPER_MOST_RANKS + 1];
    int n_stages = qgk_ceil_div(a.w.k, (int)HOPPER_STAGE_K);
    int tiles = qgk_ceil_div(a.rows, (int)HOPPER_TOKENS);
    int blocks = qgk_ceil_div(skinny_tiles(a), (int)HOPPER_WARPS);
    int n_pieces = (int)(hopper_bytes(a.rows, a.w.k) / 16);

    cudaFuncSetAttribute(grouped_hopper<BITS, SMALL>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                         shape::BYTES); /* of the device at hand */
    if (!clusters[1])
        hopper_clusters(clusters, (const void *)grouped_hopper<BITS, SMALL>, shape::BYTES);
    int ranks = hopper_ranks(clusters, blocks * tiles, n_stages);
    qgk_launch(ctx, "arranging", arrange, (unsigned)qgk_ceil_div(n_pieces, 256), 256, 0,
               (uint4 *)arranged, a.x, a.w.segment[0].order, a.rows, a.w.k, 2 * n_stages, n_pieces);
    qgk_launch_clusters(ctx, "grouped, hopper", grouped_hopper<BITS, SMALL>,
                        dim3((unsigned)blocks, (unsigned)tiles, (unsigned)ranks), ranks,
                        HOPPER_THREADS, shape::BYTES, a, arranged);
}

#endif
