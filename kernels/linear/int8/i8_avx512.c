/* Products of 8-bit weights and activations by AVX-512 VNNI: 4 products a lane and instruction.
 *
 * vpdpbusd multiplies unsigned by signed bytes and adds in int32 without saturating. Weights are
 * the unsigned side, as code + 128, so sums start at -128 * (sum of the row's codes). A tile of 8
 * rows by 32 outputs has 16 accumulators; 16 instructions for 10 loads keep the multipliers busy.
 */
#include "kernels/linear/int8/i8_panel.h"
#include "kernels/simd.h"
#include "kernels/tiers.h"

enum {
    TILE_M = 8,
    WIDTH = 32,
    AHEAD = 4096, /* bytes of weights that are fetched before they are used */
};

/* The bits of the largest |x|, which order as the numbers do: infinity, then NaN above all. */
static uint32_t largest_bits(const float *x, int k)
{
    __m512i largest = _mm512_setzero_si512(), magnitude = _mm512_set1_epi32(0x7fffffff);

    for (int i = 0; i < k; i += 16) {
        __m512i bits = _mm512_maskz_loadu_epi32(qgk_first_of16(k - i < 16 ? k - i : 16), x + i);
        largest = _mm512_max_epi32(largest, _mm512_and_si512(bits, magnitude));
    }
    return (uint32_t)_mm512_reduce_max_epi32(largest);
}

static void quantize(qgk_i8_row *to, const float *x, int k)
{
    float inverse = qgk_i8_scale(to, largest_bits(x, k));
    int8_t *codes = (int8_t *)(to + 1);
    __m512i sum = _mm512_setzero_si512();
    int used = inverse > 0 ? k : 0; /* codes of other rows are 0, whatever they hold */

    for (int i = 0; i < (k + 63) / 64 * 64; i += 16) {
        __mmask16 exist = qgk_first_of16(used - i < 0 ? 0 : used - i < 16 ? used - i : 16);
        __m512 xi = _mm512_maskz_loadu_ps(exist, x + i);
        __m512i code = _mm512_cvtps_epi32(_mm512_mul_ps(xi, _mm512_set1_ps(inverse)));
        sum = _mm512_add_epi32(sum, code);
        _mm_store_si128((__m128i *)(void *)(codes + i), _mm512_cvtepi32_epi8(code));
    }
    to->first = -128 * _mm512_reduce_add_epi32(sum);
}

static inline __m512i broadcast4(const char *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Stores outputs from .. from + 15 of a row of the tile, as far as they exist. */
static inline void store16(const qgk_i8_tile *t, int r, int from, const int32_t *sums)
{
    const float *scales = (const void *)t->panel;
    __mmask16 exist = qgk_first_of16(t->n - from < 0 ? 0 : t->n - from < 16 ? t->n - from : 16);
    __m512 scale =
        _mm512_mul_ps(_mm512_set1_ps(qgk_i8_row_at(t, r)->scale), _mm512_loadu_ps(scales + from));
    __m512 y = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums)), scale);

    if (t->bias)
        y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(exist, t->bias + from));
    _mm512_mask_storeu_ps(t->out + (size_t)r * t->stride + from, exist, y);
}

__attribute__((always_inline)) static inline void tile_of(const qgk_i8_tile *t, const int m)
{
    const char *w = t->panel + WIDTH * sizeof(float), *x = (const char *)(t->x + 1);
    size_t row_bytes = t->row_bytes;
    int steps = t->steps;
    __m512i sum[TILE_M][2];
    _Alignas(64) int32_t done[TILE_M][WIDTH];

#pragma GCC unroll 16
    for (int r = 0; r < m; r++)
        sum[r][0] = sum[r][1] = _mm512_set1_epi32(qgk_i8_row_at(t, r)->first);
    for (int i = 0; i < steps; i++, w += 128, x += 4) {
        __m512i w0 = _mm512_loadu_si512(w), w1 = _mm512_loadu_si512(w + 64);
        _mm_prefetch(w + AHEAD, _MM_HINT_T0);
        _mm_prefetch(w + AHEAD + 64, _MM_HINT_T0);
#pragma GCC unroll 16
        for (int r = 0; r < m; r++) {
            __m512i xr = broadcast4(x + (size_t)r * row_bytes);
            sum[r][0] = _mm512_dpbusd_epi32(sum[r][0], w0, xr);
            sum[r][1] = _mm512_dpbusd_epi32(sum[r][1], w1, xr);
        }
    }
    /* through memory: a variable index into sum would keep it out of registers */
#pragma GCC unroll 16
    for (int r = 0; r < m; r++) {
        _mm512_store_si512(done[r], sum[r][0]);
        _mm512_store_si512(done[r] + 16, sum[r][1]);
    }
    for (int r = 0; r < m; r++) {
        store16(t, r, 0, done[r]);
        store16(t, r, 16, done[r] + 16);
    }
}

static void tile(const qgk_i8_tile *t, int m)
{
    switch (m) {
    case 1:
        tile_of(t, 1);
        break;
    case 2:
        tile_of(t, 2);
        break;
    case 3:
        tile_of(t, 3);
        break;
    case 4:
        tile_of(t, 4);
        break;
    case 5:
        tile_of(t, 5);
        break;
    case 6:
        tile_of(t, 6);
        break;
    case 7:
        tile_of(t, 7);
        break;
    default:
        tile_of(t, TILE_M);
    }
}

static const qgk_i8_tier tier = {.width = WIDTH,
                                 .inputs = 4,
                                 .max_rows = TILE_M,
                                 .offset = 128,
                                 .quantize = quantize,
                                 .tile = tile};

static size_t packed_bytes(qgk_shape s)
{
    return qgk_i8_packed_bytes(&tier, s);
}

static void pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    qgk_i8_pack(&tier, packed, s, rows, row0);
}

/* out [rows][N] = x [rows][K] W^T + bias; activations are float32 on the CPU, so f32_out changes
 * nothing */
static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    (void)f32_out;
    qgk_i8_product(&tier, ctx, out, (const float *)x, w, rows);
}

size_t qgk_i8_avx512_scratch(const qgk_limits *limits)
{
    return qgk_i8_scratch_bytes(&tier, limits->n_threads, limits->max_k);
}

void qgk_i8_avx512(qgk_table *t)
{
    t->linear[QGK_FORMAT_W8A8] = (qgk_linear){
        .packed_bytes = packed_bytes,
        .pack = pack,
        .product = product,
    };
}
