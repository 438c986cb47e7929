/* Products of 4- and 8-bit codes that have a scale and a zero point a group of inputs, with float
 * activations.
 *
 * Code minus zero point is a small integer, exact as a half; so matrix instructions sum exact
 * products in float32, and the scale comes in once a group. Where groups are multiples of 32 inputs
 * a packed segment is made of tiles of 16 outputs, filled up with zeros:
 *
 *     codes   [tile][step][32 lanes][16 bytes]   a step: 64 inputs of 4 bits, 32 of 8
 *     scales  [tile][group][16] float32
 *     zeros   [tile][group][16] bytes
 *
 * Lane 4 g + t has outputs g and g + 8, and of every 32 inputs those from 8 t on: 4 bits, a word of
 * four inputs, nibbles from the lowest: input 0 of g, of g + 8; input 2 of g, of g + 8; then inputs
 * 1 and 3 likewise: so a mask picks the two neighbours that an operand holds (Kim et al. 2022, Who
 * says elephants can't run). 8 bits: eight codes of g, eight of g + 8.
 *
 * Few rows: the frame of skinny.cuh. Many: rows of the weight as halves, a strip at a time, and the
 * library's product. Other groups: codes [n][k] a byte each, scales, zeros; a warp an output.
 */
#include "kernels/linear/skinny.cuh"

enum {
    AHEAD = 4,
    FEW = 192,              /* rows up to which the frame is faster than the library */
    STRIP_BYTES = 64 << 20, /* of halves */
    PLAIN_WARPS = 4,
    WIDEN_WARPS = 8,
};

static int bits_of(qgk_format f)
{
    return f == QGK_FORMAT_W4A16 ? 4 : 8;
}

static bool is_tiled(int k, int group)
{
    return group % 32 == 0 && k % 32 == 0;
}

/* ---- layout ---- */

typedef struct layout {
    int n_tiles, n_steps, n_groups, step_k;
    size_t scales_at, zeros_at, bytes;
} layout;

static __host__ __device__ inline layout layout_of(int n, int k, int group, int bits)
{
    layout l = {};

    l.step_k = bits == 4 ? 64 : 32;
    l.n_tiles = (n + SKINNY_ROWS - 1) / SKINNY_ROWS;
    l.n_steps = (k + l.step_k - 1) / l.step_k;
    l.n_groups = k / group;
    size_t n_scales = (size_t)l.n_tiles * (size_t)l.n_groups * SKINNY_ROWS;
    l.scales_at = (size_t)l.n_tiles * (size_t)l.n_steps * QGK_WARP * 16;
    l.zeros_at = l.scales_at + n_scales * sizeof(float);
    l.bytes = l.zeros_at + n_scales;
    return l;
}

/* Codes a byte each, scales, zeros. */
static __host__ __device__ inline layout plain_layout(int n, int k, int group)
{
    layout l = {};

    l.n_groups = k / group;
    l.scales_at = ((size_t)n * (size_t)k + 15) / 16 * 16;
    l.zeros_at = l.scales_at + (size_t)n * (size_t)l.n_groups * sizeof(float);
    l.bytes = l.zeros_at + (size_t)n * (size_t)l.n_groups;
    return l;
}

/* Where the code of an output and an input of a tile lies: byte in the tile, and shift in it. */
static size_t place_of(const layout *l, int bits, int output, int k, int *shift)
{
    int g = output % 8, high = output / 8, in32 = k % 32, t = in32 / 8, i = in32 % 8;
    size_t at = ((size_t)(k / l->step_k) * QGK_WARP + (size_t)(4 * g + t)) * 16;

    if (bits == 8) {
        *shift = 0;
        return at + (size_t)(8 * high + i);
    }
    static const int nibble_of[] = {0, 4, 2, 6};
    int nibble = nibble_of[i % 4] + high;
    *shift = nibble % 2 * 4;
    return at + (size_t)(k % 64 / 32 * 8 + i / 4 * 4 + nibble / 2);
}

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

static void pack_row(char *packed, qgk_shape s, const layout *l, const uint8_t *codes, int row)
{
    size_t tile_bytes = (size_t)l->n_steps * QGK_WARP * 16;
    char *tile = packed + (size_t)(row / SKINNY_ROWS) * tile_bytes;

    for (int k = 0; k < s.k; k++) {
        int shift;
        char *at = tile + place_of(l, s.bits, row % SKINNY_ROWS, k, &shift);
        *at = (char)(*at | codes[k] << shift);
    }
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
    memset(base + (size_t)tile0 * tile_bytes, 0, (size_t)tiles * tile_bytes);
    memset(scales + first, 0, count * sizeof *scales);
    memset(zeros + first, 0, count);
    for (int i = 0; i < rows->n_rows; i++) {
        int row = row0 + i;
        pack_row(base, s, &l, (const uint8_t *)rows->codes + (size_t)i * (size_t)s.k, row);
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

/* Two halves 1024 + zero. */
static __device__ inline __half2 zero_pair(uint8_t zero)
{
    return __half2half2(__ushort_as_half((unsigned short)(0x6400 | zero)));
}

static __device__ inline unsigned less(unsigned halves, __half2 zero)
{
    __half2 h = __hsub2(*(__half2 *)&halves, zero);
    return *(unsigned *)&h;
}

/* The operands of the two matrix instructions of 32 inputs. 0x6400 | code is the half 1024 + code.
 * `half` says which 32 of a step of 64. */
template <int BITS>
static __device__ inline void operands(unsigned a[2][4], uint4 codes, int half, __half2 low,
                                       __half2 high)
{
    if constexpr (BITS == 4) {
        unsigned word[2] = {half ? codes.z : codes.x, half ? codes.w : codes.y};
        for (int i = 0; i < 2; i++) {
            a[i][0] = less((word[i] & 0x000f000fu) | 0x64006400u, low);
            a[i][1] = less((word[i] >> 4 & 0x000f000fu) | 0x64006400u, high);
            a[i][2] = less((word[i] >> 8 & 0x000f000fu) | 0x64006400u, low);
            a[i][3] = less((word[i] >> 12 & 0x000f000fu) | 0x64006400u, high);
        }
    } else {
        unsigned of_low[2] = {codes.x, codes.y}, of_high[2] = {codes.z, codes.w};
        for (int i = 0; i < 2; i++) {
            a[i][0] = less(__byte_perm(of_low[i], 0x64646464u, 0x4140), low);
            a[i][1] = less(__byte_perm(of_high[i], 0x64646464u, 0x4140), high);
            a[i][2] = less(__byte_perm(of_low[i], 0x64646464u, 0x4342), low);
            a[i][3] = less(__byte_perm(of_high[i], 0x64646464u, 0x4342), high);
        }
    }
}

/* The scale and zero point of a lane's two outputs, of the group at hand. */
typedef struct group_state {
    int group; /* -1: none yet */
    float scale[2];
    __half2 zero[2];
} group_state;

template <int TILES>
static __device__ inline void close_group(float acc[TILES][4], float part[TILES][4],
                                          const group_state &s)
{
    for (int i = 0; i < TILES; i++)
        for (int c = 0; c < 4; c++) {
            acc[i][c] += s.scale[c / 2] * part[i][c];
            part[i][c] = 0;
        }
}

static __device__ inline void open_group(group_state *s, int group, const float *scales,
                                         const uint8_t *zeros)
{
    s->group = group;
    for (int i = 0; i < 2; i++) {
        int at = group * SKINNY_ROWS + lane_id() / 4 + 8 * i;
        s->scale[i] = scales[at];
        s->zero[i] = zero_pair(zeros[at]);
    }
}

template <int BITS, int SPLITS, int HEIGHT, int TILES>
static __global__ void __launch_bounds__(SPLITS *HEIGHT *QGK_WARP) grouped_skinny(skinny_args a)
{
    constexpr int STEP_K = BITS == 4 ? 64 : 32;
    int row0, g = lane_id() / 4, t = lane_id() % 4, k = a.w.k, first, end;
    int token0 = (int)blockIdx.y * TILES * SKINNY_TOKENS;
    const qgk_segment *s;
    bool is_ours = skinny_place(a, &s, &row0);
    layout l = layout_of(s->n, k, s->group, BITS);
    size_t tile = (size_t)(row0 / SKINNY_ROWS), groups = tile * (size_t)l.n_groups * SKINNY_ROWS;
    const uint4 *codes =
        (const uint4 *)s->data + tile * (size_t)l.n_steps * QGK_WARP + (size_t)lane_id();
    const float *scales = (const float *)((const char *)s->data + l.scales_at) + groups;
    const uint8_t *zeros = (const uint8_t *)s->data + l.zeros_at + groups;
    float acc[TILES][4] = {}, part[TILES][4] = {};
    group_state state = {-1, {0, 0}, {}};
    const __half *x[TILES];

    for (int i = 0; i < TILES; i++)
        x[i] = a.x + (size_t)min(token0 + i * SKINNY_TOKENS + g, a.rows - 1) * (size_t)k + 8 * t;
    skinny_share<SPLITS>(l.n_steps, &first, &end);
    uint4 ahead[AHEAD];
    auto load = [&](int step) {
        return step < end ? load_stream(codes + (size_t)step * QGK_WARP) : make_uint4(0, 0, 0, 0);
    };
#pragma unroll
    for (int i = 0; i < AHEAD; i++)
        ahead[i] = load(first + i);
    if (first < end)
        open_group(&state, first * STEP_K / s->group, scales, zeros);
    int group_end = (state.group + 1) * s->group;
    for (int step = first; step < end; step += AHEAD)
#pragma unroll
        for (int i = 0; i < AHEAD; i++) {
            uint4 own = ahead[i];
            ahead[i] = load(step + i + AHEAD);
#pragma unroll
            for (int half = 0; half < STEP_K / 32; half++) {
                int at = (step + i) * STEP_K + half * 32;
                if (step + i >= end || at >= k)
                    continue;
                if (at >= group_end) {
                    close_group<TILES>(acc, part, state);
                    open_group(&state, state.group + 1, scales, zeros);
                    group_end += s->group;
                }
                unsigned w[2][4];
                operands<BITS>(w, own, half, state.zero[0], state.zero[1]);
                for (int j = 0; j < TILES; j++) {
                    uint4 b = *(const uint4 *)(x[j] + at);
                    mma_f16(part[j], w[0], b.x, b.y);
                    mma_f16(part[j], w[1], b.z, b.w);
                }
            }
        }
    if (state.group >= 0)
        close_group<TILES>(acc, part, state);
    skinny_finish<SPLITS, HEIGHT, TILES>(acc, [&](int output, int token, float sum) {
        if (is_ours && row0 + output < s->n && token0 + token < a.rows)
            skinny_put(a, token0 + token, s->at + row0 + output, sum);
    });
}

static void launch_few(qgk_ctx *ctx, const skinny_args &a)
{
    cudaStream_t stream = qgk_stream(ctx);
    int n = skinny_tiles(a);

#define LAUNCH4(splits, height, tiles)                                                             \
    grouped_skinny<4, splits, height, tiles>                                                       \
        <<<SKINNY_GRID(n, height, a.rows, tiles), SKINNY_BLOCK(splits, height), 0, stream>>>(a)
#define LAUNCH8(splits, height, tiles)                                                             \
    grouped_skinny<8, splits, height, tiles>                                                       \
        <<<SKINNY_GRID(n, height, a.rows, tiles), SKINNY_BLOCK(splits, height), 0, stream>>>(a)
    if (a.w.format == QGK_FORMAT_W4A16)
        SKINNY_LAUNCH(n, a.rows, LAUNCH4);
    else
        SKINNY_LAUNCH(n, a.rows, LAUNCH8);
#undef LAUNCH4
#undef LAUNCH8
}

/* ---- many rows ---- */

/* Outputs row0 .. row0 + gridDim.x * 16 - 1 as halves [.][k]: a block a tile, a warp a step. */
template <int BITS> static __global__ void widen(__half *out, const qgk_segment s, int k, int row0)
{
    constexpr int STEP_K = BITS == 4 ? 64 : 32;
    layout l = layout_of(s.n, k, s.group, BITS);
    size_t tile = (size_t)(row0 / SKINNY_ROWS) + blockIdx.x;
    size_t groups = tile * (size_t)l.n_groups * SKINNY_ROWS;
    const uint4 *codes = (const uint4 *)s.data + tile * (size_t)l.n_steps * QGK_WARP;
    const float *scales = (const float *)((const char *)s.data + l.scales_at) + groups;
    const uint8_t *zeros = (const uint8_t *)s.data + l.zeros_at + groups;
    int g = lane_id() / 4, t = lane_id() % 4;
    group_state state;

    for (int step = warp_id(); step < l.n_steps; step += WIDEN_WARPS) {
        uint4 own = codes[(size_t)step * QGK_WARP + (size_t)lane_id()];
        for (int half = 0; half < STEP_K / 32; half++) {
            int at = step * STEP_K + half * 32;
            unsigned w[2][4];
            if (at >= k)
                continue;
            open_group(&state, at / s.group, scales, zeros);
            operands<BITS>(w, own, half, state.zero[0], state.zero[1]);
            for (int i = 0; i < 2; i++) { /* output g, output g + 8 */
                __half2 out8[4];
                for (int j = 0; j < 4; j++) {
                    float2 f = __half22float2(*(__half2 *)&w[j / 2][i + j % 2 * 2]);
                    out8[j] = __floats2half2_rn(f.x * state.scale[i], f.y * state.scale[i]);
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
    cudaStream_t stream = qgk_stream(ctx);

    for (int from = 0; from < s.n; from += step) {
        int n = s.n - from < step ? s.n - from : step;
        unsigned tiles = (unsigned)qgk_ceil_div(n, (int)SKINNY_ROWS);
        if (a.w.format == QGK_FORMAT_W4A16)
            widen<4><<<tiles, WIDEN_WARPS * QGK_WARP, 0, stream>>>(strip, s, a.w.k, from);
        else
            widen<8><<<tiles, WIDEN_WARPS * QGK_WARP, 0, stream>>>(strip, s, a.w.k, from);
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

    if (i < k)
        out[row + (size_t)i] = x[row + (size_t)order[i]];
}

/* Scratch: ordered inputs, the strip. */
static size_t ordered_bytes(int rows, int k)
{
    return ((size_t)rows * (size_t)k * sizeof(qgk_half) + 63) / 64 * 64;
}

extern "C" size_t qgk_grouped_cuda_scratch(const qgk_limits *limits)
{
    /* strips take no more than STRIP_BYTES, unless a row alone is that long */
    size_t least = (size_t)64 * (size_t)limits->max_k * sizeof(qgk_half);
    size_t all = (size_t)limits->max_n * (size_t)limits->max_k * sizeof(qgk_half);
    size_t most = STRIP_BYTES, strip = limits->max_rows <= FEW ? 0 : all < most ? all : most;

    return ordered_bytes(limits->max_rows, limits->max_k) +
           (strip && strip < least ? least : strip);
}

/* Segments that share an order and can go in one launch: all, or one alone. */
static void product_segments(qgk_ctx *ctx, skinny_args a)
{
    const qgk_segment &s = a.w.segment[0];
    cudaStream_t stream = qgk_stream(ctx);
    __half *ordered = (__half *)ctx->scratch;
    __half *strip = (__half *)((char *)ctx->scratch + ordered_bytes(a.rows, a.w.k));

    if (s.order) {
        dim3 grid((unsigned)qgk_ceil_div(a.w.k, 256), (unsigned)a.rows);
        order_inputs<<<grid, 256, 0, stream>>>(ordered, a.x, s.order, a.w.k);
        a.x = ordered;
    }
    if (!is_tiled(a.w.k, s.group)) {
        dim3 grid((unsigned)qgk_ceil_div(s.n, (int)PLAIN_WARPS), (unsigned)a.rows);
        grouped_plain<<<grid, PLAIN_WARPS * QGK_WARP, 0, stream>>>(a, s);
    } else if (a.rows <= FEW) {
        launch_few(ctx, a);
    } else {
        launch_many(ctx, a, strip);
    }
}

static bool go_together(const qgk_weight *w, int rows)
{
    bool together = rows <= FEW;

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
    if (go_together(w, rows)) {
        product_segments(ctx, skinny_of(out, x, w, rows, f32_out));
    } else {
        for (int i = 0; i < w->n_segments; i++) {
            qgk_weight one = *w;
            one.n_segments = 1;
            one.segment[0] = w->segment[i];
            product_segments(ctx, skinny_of(out, x, &one, rows, f32_out));
        }
    }
    qgk_launched(ctx, bits_of(w->format) == 4 ? "w4a16" : "w8a16");
}

extern "C" void qgk_grouped_cuda(qgk_table *t)
{
    qgk_linear l = {0, packed_bytes, pack, product};

    t->linear[QGK_FORMAT_W4A16] = l;
    t->linear[QGK_FORMAT_W8A16] = l;
}
