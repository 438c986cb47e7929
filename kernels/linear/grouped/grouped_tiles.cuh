/* Packed weights of 4- and 8-bit codes in groups: where they lie, and a lane's codes as operands of
 * a matrix instruction.
 *
 * Code minus zero point is a small integer, exact as a half; so matrix instructions sum exact
 * products in float32, and the scale comes in once a group. Where groups are multiples of 32 inputs
 * a packed segment is made of tiles of 16 outputs, filled up with zeros:
 *
 *     codes   [tile][step][32 lanes][16 bytes]   a step: 64 inputs of 4 bits, 32 of 8
 *     scales  [tile][group][16] float32
 *     zeros   [tile][group][16] bytes
 *     units   [tile][16] float32, powers of two: scales over them keep full precision as halves
 *
 * Lane 4 g + t has outputs g and g + 8, and of every 32 inputs those from 8 t on: 4 bits, a word of
 * four inputs, nibbles from the lowest: input 0 of g, of g + 8; input 2 of g, of g + 8; then inputs
 * 1 and 3 likewise: so a mask picks the two neighbours that an operand holds (Kim et al. 2022, Who
 * says elephants can't run). 8 bits: eight codes of g, eight of g + 8.
 *
 * Other groups are not tiled: codes [n][k] a byte each, scales, zeros.
 */
#ifndef QGK_GROUPED_TILES_CUH
#define QGK_GROUPED_TILES_CUH

#include "kernels/linear/skinny.cuh"

enum {
    AHEAD = 4,                          /* steps of codes that a lane has under way */
    READ_AHEAD = AHEAD * QGK_WARP * 16, /* bytes that lanes read behind the end, and do not use */
};

static bool is_tiled(int k, int group)
{
    return group % 32 == 0 && k % 32 == 0;
}

/* ---- layout ---- */

typedef struct layout {
    int n_tiles, n_steps, n_groups, step_k;
    size_t scales_at, zeros_at, units_at, bytes;
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
    l.units_at = l.zeros_at + n_scales;
    l.bytes = l.units_at + (size_t)l.n_tiles * SKINNY_ROWS * sizeof(float) + READ_AHEAD;
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

/* ---- operands ---- */

static __device__ inline __half2 pair_of(unsigned bits)
{
    return __half2half2(__ushort_as_half((unsigned short)bits));
}

static __device__ inline unsigned word_of(__half2 h)
{
    return *(unsigned *)&h;
}

static __device__ inline __half2 halves_of(unsigned bits)
{
    return *(__half2 *)&bits;
}

/* (word & MASK) | 0x64006400, in one instruction: codes as halves. */
template <unsigned MASK> static __device__ inline unsigned pick(unsigned word)
{
    unsigned out;

    asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(out) : "r"(word), "n"(MASK), "n"(0x64006400u));
    return out;
}

/* What turns codes that stand in halves into integers: the scale and zero point of a lane's two
 * outputs, of the group at hand. 0x6400 | code is the half 1024 + code, and 0x6400 | code << 4 is
 * 1024 + 16 code: less 1024 + zero; a sixteenth of it less 64 + zero; both exact. */
template <int BITS> struct group_state {
    float scale[2];
    __half2 zero[2];

    __device__ void open(const float of[2], const unsigned z[2])
    {
        scale[0] = of[0];
        scale[1] = of[1];
        zero[0] = pair_of(0x6400u | z[0]);
        zero[1] = BITS == 4 ? pair_of(0xd400u | z[1] << 4) : pair_of(0x6400u | z[1]);
    }

    /* of output g */
    __device__ unsigned low(unsigned code) const
    {
        return word_of(__hsub2(halves_of(code), zero[0]));
    }

    /* of output g + 8, 4 bits: codes are shifted by four */
    __device__ unsigned high(unsigned code) const
    {
        if constexpr (BITS == 4)
            return word_of(__hfma2(halves_of(code), pair_of(0x2c00u), zero[1]));
        else
            return word_of(__hsub2(halves_of(code), zero[1]));
    }
};

/* The operands of the two matrix instructions of 32 inputs; `half` says which 32 of a step of 64.
 */
template <int BITS>
static __device__ inline void operands(unsigned a[2][4], uint4 codes, int half,
                                       const group_state<BITS> &s)
{
    if constexpr (BITS == 4) {
        unsigned word[2] = {half ? codes.z : codes.x, half ? codes.w : codes.y};
        for (int i = 0; i < 2; i++) {
            unsigned rest = word[i] >> 8;
            a[i][0] = s.low(pick<0x000f000fu>(word[i]));
            a[i][1] = s.high(pick<0x00f000f0u>(word[i]));
            a[i][2] = s.low(pick<0x000f000fu>(rest));
            a[i][3] = s.high(pick<0x00f000f0u>(rest));
        }
    } else {
        unsigned of_low[2] = {codes.x, codes.y}, of_high[2] = {codes.z, codes.w};
        for (int i = 0; i < 2; i++) {
            a[i][0] = s.low(__byte_perm(of_low[i], 0x64646464u, 0x4140));
            a[i][1] = s.high(__byte_perm(of_high[i], 0x64646464u, 0x4140));
            a[i][2] = s.low(__byte_perm(of_low[i], 0x64646464u, 0x4342));
            a[i][3] = s.high(__byte_perm(of_high[i], 0x64646464u, 0x4342));
        }
    }
}

/* Operands of output g and of output g + 8, in turn, times the scale of each. */
static __device__ inline void scale_operands(unsigned a[2][4], const __half2 scale[2])
{
    for (int i = 0; i < 8; i++)
        a[i / 4][i % 4] = word_of(__hmul2(halves_of(a[i / 4][i % 4]), scale[i % 2]));
}

/* A tile of a segment, as a lane reads it. */
typedef struct tile_at {
    const uint4 *codes;   /* of this lane: step s is s * QGK_WARP on */
    const float *scales;  /* of output g of group 0                  */
    const uint8_t *zeros; /* likewise                                */
    const float *units;   /* of output g                             */
    int n_steps;
} tile_at;

template <int BITS>
static __device__ inline tile_at find_tile(const qgk_segment &s, int k, int row0)
{
    layout l = layout_of(s.n, k, s.group, BITS);
    size_t tile = (size_t)(row0 / SKINNY_ROWS);
    size_t group = tile * (size_t)l.n_groups * SKINNY_ROWS + (size_t)(lane_id() / 4);

    return {(const uint4 *)s.data + tile * (size_t)l.n_steps * QGK_WARP + (size_t)lane_id(),
            (const float *)((const char *)s.data + l.scales_at) + group,
            (const uint8_t *)s.data + l.zeros_at + group,
            (const float *)((const char *)s.data + l.units_at) + tile * SKINNY_ROWS + lane_id() / 4,
            l.n_steps};
}

/* Groups one after the other, each read while the one before is at hand: behind the last one, what
 * is read stands in the same segment and opens nothing. */
template <int BITS> struct group_cursor {
    group_state<BITS> state;
    const float *scales;
    const uint8_t *zeros;
    float scale[2];
    unsigned zero[2];

    __device__ group_cursor(const tile_at &t, int group)
        : scales(t.scales + group * SKINNY_ROWS), zeros(t.zeros + group * SKINNY_ROWS)
    {
        load();
    }

    __device__ void load()
    {
        for (int i = 0; i < 2; i++) {
            scale[i] = __ldg(scales + 8 * i);
            zero[i] = __ldg(zeros + 8 * i);
        }
    }

    __device__ void open()
    {
        state.open(scale, zero);
        scales += SKINNY_ROWS;
        zeros += SKINNY_ROWS;
        load();
    }
};

#endif
