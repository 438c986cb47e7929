/* Products of 4- and 8-bit codes that have a scale and a zero point a group of inputs, with float
 * activations, from the packed weights of grouped_tiles.cuh.
 *
 * Few rows: the frame of skinny.cuh; more: grouped_wide.cuh, and on Hopper grouped_hopper.cuh.
 * Many: rows of the weight as halves, a strip at a time, and the library's product. Groups that are
 * not tiled: a warp an output.
 */
#include "kernels/linear/grouped/grouped_hopper.cuh"
#include "kernels/linear/grouped/grouped_wide.cuh"

#include <type_traits>

enum {
    FEW = 2 * SKINNY_TOKENS, /* rows up to which the frame is the fastest */
    WIDE = 192,              /* rows up to which grouped_wide.cuh is      */
    HOPPER_LEAST = 64,       /* rows above which grouped_hopper.cuh is ... */
    HOPPER_MOST = 512,       /* ... and up to which */
    STRIP_BYTES = 64 << 20,  /* of halves */
    PLAIN_WARPS = 4,
    WIDEN_WARPS = 8,
};

static size_t packed_bytes(qgk_shape s)
{
    return (is_tiled(s.k, s.group) ? layout_of(s.n, s.k, s.group, s.bits)
                                   : plain_layout(s.n, s.k, s.group))
        .bytes;
}

static void pack_plain(char *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    layout l = plain_layout(s.n, s.k, s.group);
    size_t k = (size_t)s.k, groups = (size_t)l.n_groups, n = (size_t)rows->n_rows;

    memcpy(packed + (size_t)row0 * k, rows->codes, n * k);
    memcpy(packed + l.scales_at + (size_t)row0 * groups * sizeof(float), rows->scales,
           n * groups * sizeof(float));
    memcpy(packed + l.zeros_at + (size_t)row0 * groups, rows->zeros, n * groups);
}

/* Four codes of an output and of the one 8 below it, a byte each, as the nibbles that a lane wants
 * in one word: the second in the high ones, bytes 1 and 2 swapped. Of two such words at once. */
static uint64_t nibbles_of(uint64_t low, uint64_t high)
{
    uint64_t both = low | high << 4;

    return (both & 0xff0000ffff0000ffull) | (both >> 8 & 0x0000ff000000ff00ull) |
           (both << 8 & 0x00ff000000ff0000ull);
}

/* Up to step_k codes of a tile's outputs `low` and `low + 8`, for the four lanes that read them. */
static void pack_pair(char *to, int bits, const uint8_t *low, const uint8_t *high)
{
    for (int t = 0; t < 4; t++, to += 16) {
        uint64_t word[2];
        if (bits == 8) {
            memcpy(to, low + 8 * t, 8);
            memcpy(to + 8, high + 8 * t, 8);
            continue;
        }
        for (int half = 0; half < 2; half++) {
            uint64_t l, h;
            memcpy(&l, low + 32 * half + 8 * t, sizeof l);
            memcpy(&h, high + 32 * half + 8 * t, sizeof h);
            word[half] = nibbles_of(l, h);
        }
        memcpy(to, word, sizeof word);
    }
}

/* Codes [n][k] of n outputs, at most a tile. */
static void pack_tile(char *tile, const layout *l, int bits, const uint8_t *codes, int n, int k)
{
    enum { MOST = 64 };
    static const uint8_t nothing[MOST] = {0};

    for (int step = 0; step < l->n_steps; step++) {
        int k0 = step * l->step_k, left = k - k0 < l->step_k ? k - k0 : l->step_k;
        for (int g = 0; g < 8; g++) {
            const uint8_t *from[2];
            uint8_t ends[2][MOST] = {{0}};
            for (int i = 0; i < 2; i++) {
                int output = g + 8 * i;
                from[i] = output < n ? codes + (size_t)output * (size_t)k + k0 : nothing;
                if (left == l->step_k || output >= n)
                    continue;
                memcpy(ends[i], from[i], (size_t)left);
                from[i] = ends[i];
            }
            pack_pair(tile + ((size_t)step * QGK_WARP + (size_t)(4 * g)) * 16, bits, from[0],
                      from[1]);
        }
    }
}

/* The power of two at or below the largest of n scales, whose inverse is finite. */
static float unit_of(const float *scales, int n)
{
    float most = 0x1p-126f;

    for (int i = 0; i < n; i++)
        if (fabsf(scales[i]) > most) /* not NaN */
            most = fabsf(scales[i]);
    return ldexpf(1, ilogbf(most > 0x1p126f ? 0x1p126f : most));
}

/* A strip starts with a tile; only the last one of a segment may end within one. */
static void pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    layout l = layout_of(s.n, s.k, s.group, s.bits);
    size_t tile_bytes = (size_t)l.n_steps * QGK_WARP * 16;
    char *base = (char *)packed;

    if (!is_tiled(s.k, s.group)) {
        pack_plain(base, s, rows, row0);
        return;
    }
    assert(row0 % SKINNY_ROWS == 0);
    int tile0 = row0 / SKINNY_ROWS, tiles = qgk_ceil_div(rows->n_rows, (int)SKINNY_ROWS);
    size_t first = (size_t)tile0 * (size_t)l.n_groups * SKINNY_ROWS;
    size_t count = (size_t)tiles * (size_t)l.n_groups * SKINNY_ROWS;
    float *scales = (float *)(base + l.scales_at);
    char *zeros = base + l.zeros_at;
    float *units = (float *)(base + l.units_at);
    for (int i = 0; i < tiles; i++) {
        int done = i * (int)SKINNY_ROWS, left = rows->n_rows - done;
        pack_tile(base + (size_t)(tile0 + i) * tile_bytes, &l, s.bits,
                  (const uint8_t *)rows->codes + (size_t)done * (size_t)s.k,
                  left < (int)SKINNY_ROWS ? left : (int)SKINNY_ROWS, s.k);
    }
    memset(scales + first, 0, count * sizeof *scales);
    memset(zeros + first, 0, count);
    memset(units + (size_t)tile0 * SKINNY_ROWS, 0, (size_t)tiles * SKINNY_ROWS * sizeof *units);
    for (int i = 0; i < rows->n_rows; i++) {
        int row = row0 + i;
        units[row] = unit_of(rows->scales + (size_t)i * (size_t)l.n_groups, l.n_groups);
        for (int g = 0; g < l.n_groups; g++) {
            size_t from = (size_t)i * (size_t)l.n_groups + (size_t)g;
            size_t to =
                ((size_t)(row / SKINNY_ROWS) * (size_t)l.n_groups + (size_t)g) * SKINNY_ROWS +
                (size_t)(row % SKINNY_ROWS);
            scales[to] = rows->scales[from];
            zeros[to] = (char)rows->zeros[from];
        }
    }
}

/* ---- few rows ---- */

template <int TILES>
static __device__ inline void close_group(float acc[TILES][4], float part[TILES][4],
                                          const float scale[2])
{
    for (int i = 0; i < TILES; i++)
        for (int c = 0; c < 4; c++) {
            acc[i][c] += scale[c / 2] * part[i][c];
            part[i][c] = 0;
        }
}

/* Groups are whole multiples of 128 inputs, or SMALL. */
template <int BITS, bool SMALL, int SPLITS, int HEIGHT, int TILES>
static __global__ void __launch_bounds__(SPLITS *HEIGHT *QGK_WARP,
                                         skinny_warps(TILES) / (SPLITS * HEIGHT))
    grouped_skinny(skinny_args a)
{
    constexpr int HALVES = BITS == 4 ? 2 : 1, STEP_K = 32 * HALVES, GRAIN = SMALL ? 32 : 128;
    constexpr int UNIT = SMALL ? 1 : GRAIN / STEP_K; /* steps that stay together */
    int row0, g = lane_id() / 4, t = lane_id() % 4, k = a.w.k, first, end;
    int token0 = (int)blockIdx.y * TILES * SKINNY_TOKENS;
    const qgk_segment *s;
    bool is_ours = skinny_place(a, skinny_tile(), &s, &row0);
    tile_at tile = find_tile<BITS>(*s, k, row0);
    float acc[TILES][4] = {}, part[TILES][4] = {};
    const __half *x[TILES];

    skinny_share<SPLITS>(tile.n_steps / UNIT, warp_id(), &first, &end);
    first *= UNIT;
    end *= UNIT;
    int group_k = s->group, group = first * STEP_K / group_k, group_end = (group + 1) * group_k;
    const uint4 *codes = tile.codes + (size_t)first * QGK_WARP;
    uint4 ahead[AHEAD], b[2][TILES];
#pragma unroll
    for (int i = 0; i < AHEAD; i++)
        ahead[i] = load_stream(codes + i * QGK_WARP);
    group_cursor<BITS> groups(tile, group);
    groups.open();
    if (lane_id() == 0)
        skinny_prefetch(codes + AHEAD * QGK_WARP, tile.codes + (size_t)end * QGK_WARP,
                        SKINNY_PREFETCH);
    for (int i = 0; i < TILES; i++)
        x[i] = a.x + (size_t)min(token0 + i * SKINNY_TOKENS + g, a.rows - 1) * (size_t)k + 8 * t +
               first * STEP_K;
    auto load_x = [&](uint4 to[TILES], int at) {
        for (int j = 0; j < TILES; j++)
            to[j] = *(const uint4 *)(x[j] + at);
    };
    /* AHEAD steps; the last time maybe less */
    auto turn = [&](int step, auto is_last) {
        constexpr bool LAST = decltype(is_last)::value;
#pragma unroll
        for (int i = 0; i < AHEAD * HALVES; i++) {
            int half = i % HALVES, ahead_at = i * 32, at = step * STEP_K + ahead_at;
            if (LAST && (step + i / HALVES >= end || at >= k))
                break;
            if (ahead_at % GRAIN == 0 && at >= group_end) {
                close_group<TILES>(acc, part, groups.state.scale);
                groups.open();
                group_end += group_k;
            }
            bool more = !LAST && i + 1 < AHEAD * HALVES; /* else it must be asked */
            if (more || at + 32 < k)
                load_x(b[(i + 1) % 2], ahead_at + 32);
            unsigned w[2][4];
            operands<BITS>(w, ahead[i / HALVES], half, groups.state);
            if (!LAST && half == HALVES - 1)
                ahead[i / HALVES] = load_stream(codes + (AHEAD + i / HALVES) * QGK_WARP);
            for (int j = 0; j < TILES; j++) {
                mma_f16(part[j], w[0], b[i % 2][j].x, b[i % 2][j].y);
                mma_f16(part[j], w[1], b[i % 2][j].z, b[i % 2][j].w);
            }
        }
        codes += AHEAD * QGK_WARP;
        for (int j = 0; j < TILES; j++)
            x[j] += AHEAD * STEP_K;
    };

    skinny_wait();
    if (first < end) {
        int step = first;
        load_x(b[0], 0);
        for (; step + AHEAD <= end - (k % STEP_K != 0); step += AHEAD)
            turn(step, std::false_type());
        turn(step, std::true_type());
        close_group<TILES>(acc, part, groups.state.scale);
    }
    skinny_finish<SPLITS, HEIGHT, TILES>(acc, [&](int output, int token, float sum) {
        if (is_ours && row0 + output < s->n && token0 + token < a.rows)
            skinny_put(a, token0 + token, s->at + row0 + output, sum);
    });
}

template <int BITS, bool SMALL> static void launch_few(qgk_ctx *ctx, const skinny_args &a)
{
    int n = skinny_tiles(a);

#define LAUNCH(splits, height, tiles)                                                              \
    qgk_launch(ctx, "grouped", grouped_skinny<BITS, SMALL, splits, height, tiles>,                 \
               SKINNY_GRID(n, height, a.rows, tiles), SKINNY_BLOCK(splits, height), 0, a)
    if (a.rows <= SKINNY_TOKENS)
        SKINNY_FEW(n, LAUNCH);
    else
        SKINNY_MORE(n, LAUNCH, 2);
#undef LAUNCH
}

/* ---- many rows ---- */

/* Outputs row0 .. row0 + gridDim.x * 16 - 1 as halves [.][k]: a block a tile, a warp a step. */
template <int BITS> static __global__ void widen(__half *out, const qgk_segment s, int k, int row0)
{
    constexpr int STEP_K = BITS == 4 ? 64 : 32;
    tile_at tile = find_tile<BITS>(s, k, row0 + (int)blockIdx.x * SKINNY_ROWS);
    int g = lane_id() / 4, t = lane_id() % 4;

    let_next_start();
    wait_for_others();
    for (int step = warp_id(); step < tile.n_steps; step += WIDEN_WARPS) {
        uint4 own = tile.codes[(size_t)step * QGK_WARP];
        for (int half = 0; half < STEP_K / 32; half++) {
            int at = step * STEP_K + half * 32;
            unsigned w[2][4];
            if (at >= k)
                continue;
            group_cursor<BITS> group(tile, at / s.group);
            group.state.open(group.scale, group.zero);
            operands<BITS>(w, own, half, group.state);
            for (int i = 0; i < 2; i++) { /* output g, output g + 8 */
                __half2 out8[4];
                for (int j = 0; j < 4; j++) {
                    float2 f = __half22float2(halves_of(w[j / 2][i + j % 2 * 2]));
                    out8[j] = __floats2half2_rn(f.x * group.scale[i], f.y * group.scale[i]);
                }
                size_t output = (size_t)blockIdx.x * SKINNY_ROWS + (size_t)(g + 8 * i);
                if (row0 + (int)output < s.n)
                    *(uint4 *)(out + output * (size_t)k + at + 8 * t) = *(uint4 *)out8;
            }
        }
    }
}

static int strip_rows(int k)
{
    int n = (int)((size_t)STRIP_BYTES / sizeof(qgk_half) / (size_t)k) / 64 * 64;
    return n < 64 ? 64 : n;
}

static void launch_many(qgk_ctx *ctx, const skinny_args &a, __half *strip)
{
    const qgk_segment &s = a.w.segment[0];
    int step = strip_rows(a.w.k);
    bool is_4 = a.w.format == QGK_FORMAT_W4A16;

    for (int from = 0; from < s.n; from += step) {
        int n = s.n - from < step ? s.n - from : step;
        unsigned tiles = (unsigned)qgk_ceil_div(n, (int)SKINNY_ROWS);
        qgk_launch(ctx, "widening", is_4 ? widen<4> : widen<8>, tiles, WIDEN_WARPS * QGK_WARP, 0,
                   strip, s, a.w.k, from);
        skinny_library(ctx, a, s.at + from, strip, n);
    }
}

/* ---- other groups ---- */

static __global__ void grouped_plain(skinny_args a, const qgk_segment s)
{
    int output = (int)blockIdx.x * PLAIN_WARPS + warp_id(), token = (int)blockIdx.y;
    layout l = plain_layout(s.n, a.w.k, s.group);
    const uint8_t *codes = (const uint8_t *)s.data + (size_t)output * (size_t)a.w.k;
    const float *scales =
        (const float *)((const char *)s.data + l.scales_at) + (size_t)output * (size_t)l.n_groups;
    const uint8_t *zeros =
        (const uint8_t *)s.data + l.zeros_at + (size_t)output * (size_t)l.n_groups;
    const __half *x = a.x + (size_t)token * (size_t)a.w.k;
    float sum = 0;

    let_next_start();
    wait_for_others();
    if (output >= s.n)
        return;
    for (int i = lane_id(); i < a.w.k; i += QGK_WARP) {
        int g = i / s.group;
        sum += scales[g] * (float)((int)codes[i] - (int)zeros[g]) * __half2float(x[i]);
    }
    sum = warp_sum(sum);
    if (lane_id() == 0)
        skinny_put(a, token, s.at + output, sum);
}

/* ---- the door ---- */

static __global__ void order_inputs(__half *out, const __half *x, const int32_t *order, int k)
{
    size_t row = (size_t)blockIdx.y * (size_t)k;
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);

    let_next_start();
    wait_for_others();
    if (i < k)
        out[row + (size_t)i] = x[row + (size_t)order[i]];
}

/* Scratch: inputs in another order, the strip. */
static size_t ordered_bytes(int rows, int k)
{
    size_t ordered = (size_t)rows * (size_t)k * sizeof(qgk_half);
    size_t arranged = rows > HOPPER_LEAST ? hopper_bytes(min(rows, (int)HOPPER_MOST), k) : 0;

    return (max(ordered, arranged) + 63) / 64 * 64;
}

/* Whether the device has the instructions of grouped_hopper.cuh, and these are the fastest. */
static bool is_for_hopper(const qgk_ctx *ctx, int rows)
{
#ifdef QGK_HOPPER
    return ctx->capability == 90 && rows > HOPPER_LEAST && rows <= HOPPER_MOST;
#else
    return false && ctx && rows;
#endif
}

extern "C" size_t qgk_grouped_cuda_scratch(const qgk_limits *limits)
{
    /* strips take no more than STRIP_BYTES, unless a row alone is that long */
    size_t least = (size_t)64 * (size_t)limits->max_k * sizeof(qgk_half);
    size_t all = (size_t)limits->max_n * (size_t)limits->max_k * sizeof(qgk_half);
    size_t most = STRIP_BYTES, strip = limits->max_rows <= WIDE ? 0 : all < most ? all : most;

    return ordered_bytes(limits->max_rows, limits->max_k) +
           (strip && strip < least ? least : strip);
}

static bool has_small_groups(const qgk_weight *w)
{
    bool has = false;

    for (int i = 0; i < w->n_segments; i++)
        has = has || w->segment[i].group % 128 != 0;
    return has;
}

template <int BITS, bool SMALL> static void launch_tiled(qgk_ctx *ctx, const skinny_args &a)
{
    if (is_for_hopper(ctx, a.rows))
        launch_hopper<BITS, SMALL>(ctx, a, (char *)ctx->scratch);
    else if (a.rows <= FEW)
        launch_few<BITS, SMALL>(ctx, a);
    else
        launch_wide<BITS, SMALL>(ctx, a);
}

template <int BITS> static void launch_codes(qgk_ctx *ctx, const skinny_args &a)
{
    (has_small_groups(&a.w) ? launch_tiled<BITS, true> : launch_tiled<BITS, false>)(ctx, a);
}

/* Segments that share an order and can go in one launch: all, or one alone. */
static void product_segments(qgk_ctx *ctx, skinny_args a)
{
    const qgk_segment &s = a.w.segment[0];
    __half *ordered = (__half *)ctx->scratch;
    __half *strip = (__half *)((char *)ctx->scratch + ordered_bytes(a.rows, a.w.k));
    bool tiled = is_tiled(a.w.k, s.group), hopper = tiled && is_for_hopper(ctx, a.rows);

    if (s.order && !hopper) { /* there it is part of arranging */
        dim3 grid((unsigned)qgk_ceil_div(a.w.k, 256), (unsigned)a.rows);
        qgk_launch(ctx, "ordering", order_inputs, grid, 256, 0, ordered, a.x, s.order, a.w.k);
        a.x = ordered;
    }
    if (!tiled) {
        dim3 grid((unsigned)qgk_ceil_div(s.n, (int)PLAIN_WARPS), (unsigned)a.rows);
        qgk_launch(ctx, "grouped", grouped_plain, grid, PLAIN_WARPS * QGK_WARP, 0, a, s);
    } else if (hopper || a.rows <= WIDE) {
        (a.w.format == QGK_FORMAT_W4A16 ? launch_codes<4> : launch_codes<8>)(ctx, a);
    } else {
        launch_many(ctx, a, strip);
    }
}

static bool go_together(const qgk_ctx *ctx, const qgk_weight *w, int rows)
{
    bool together = rows <= WIDE || is_for_hopper(ctx, rows);

    for (int i = 0; i < w->n_segments; i++)
        together = together && w->segment[i].order == w->segment[0].order &&
                   is_tiled(w->k, w->segment[i].group);
    return together;
}

static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    assert(w->format == QGK_FORMAT_W4A16 || w->format == QGK_FORMAT_W8A16);
    if (rows == 0)
        return;
    assert(ordered_bytes(rows, w->k) <= ctx->scratch_bytes);
    if (go_together(ctx, w, rows)) {
        product_segments(ctx, skinny_of(out, x, w, rows, f32_out));
    } else {
        for (int i = 0; i < w->n_segments; i++) {
            qgk_weight one = *w;
            one.n_segments = 1;
            one.segment[0] = w->segment[i];
            product_segments(ctx, skinny_of(out, x, &one, rows, f32_out));
        }
    }
}

extern "C" void qgk_grouped_cuda(qgk_table *t)
{
    qgk_linear l = {0, packed_bytes, pack, product};

    t->linear[QGK_FORMAT_W4A16] = l;
    t->linear[QGK_FORMAT_W8A16] = l;
}
