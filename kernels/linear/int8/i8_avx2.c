/* Products of 8-bit weights and activations by AVX2: 2 products a lane and instruction.
 *
 * Weights are widened to 16 bits as they are loaded, and rows of x wait as 16-bit codes: vpmaddwd
 * multiplies and adds pairs in int32, which no codes can overflow, whereas the 8-bit vpmaddubsw
 * saturates from 2 * 128 * 128 on. A tile of 6 rows by 16 outputs has 12 accumulators, which with 2
 * vectors of weights, one of x and one product fill the 16 registers.
 */
#include "kernels/linear/int8/i8_panel.h"
#include "kernels/simd.h"
#include "kernels/tiers.h"

enum {
    TILE_M = 6,
    WIDTH = 16,
    AHEAD = 4096, /* bytes of weights that are fetched before they are used */
};

/* The bits of the largest |x|, which order as the numbers do: infinity, then NaN above all. */
static uint32_t largest_bits(const float *x, int k)
{
    __m256i largest = _mm256_setzero_si256(), magnitude = _mm256_set1_epi32(0x7fffffff);
    uint32_t lane[8], all = 0;

    for (int i = 0; i < k; i += 8) {
        __m256i bits =
            _mm256_castps_si256(_mm256_maskload_ps(x + i, qgk_first_lanes(k - i < 8 ? k - i : 8)));
        largest = _mm256_max_epi32(largest, _mm256_and_si256(bits, magnitude));
    }
    _mm256_storeu_si256((__m256i *)(void *)lane, largest);
    for (int i = 0; i < 8; i++)
        all = lane[i] > all ? lane[i] : all;
    return all;
}

static void quantize(qgk_i8_row *to, const float *x, int k)
{
    float inverse = qgk_i8_scale(to, largest_bits(x, k));
    int16_t *codes = (int16_t *)(to + 1);
    int used = inverse > 0 ? k : 0; /* codes of other rows are 0, whatever they hold */

    for (int i = 0; i < (k + 31) / 32 * 32; i += 8) {
        __m256i exist = qgk_first_lanes(used - i < 0 ? 0 : used - i < 8 ? used - i : 8);
        __m256 xi = _mm256_maskload_ps(x + i, exist);
        __m256i code = _mm256_cvtps_epi32(_mm256_mul_ps(xi, _mm256_set1_ps(inverse)));
        _mm_store_si128(
            (__m128i *)(void *)(codes + i),
            _mm_packs_epi32(_mm256_castsi256_si128(code), _mm256_extracti128_si256(code, 1)));
    }
    to->first = 0;
}

static inline __m256i broadcast4(const char *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
}

static inline __m256i load16(const char *p)
{
    return _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)p));
}

/* Stores outputs `from` .. from + 7 of a row of the tile, as far as they exist. */
static inline void store8(const qgk_i8_tile *t, int r, int from, __m256i sum)
{
    const float *scales = (const void *)t->panel;
    __m256i exist = qgk_first_lanes(t->n - from < 0 ? 0 : t->n - from < 8 ? t->n - from : 8);
    __m256 scale =
        _mm256_mul_ps(_mm256_set1_ps(qgk_i8_row_at(t, r)->scale), _mm256_loadu_ps(scales + from));
    __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale);

    if (t->bias)
        y = _mm256_add_ps(y, _mm256_maskload_ps(t->bias + from, exist));
    _mm256_maskstore_ps(t->out + (size_t)r * t->stride + from, exist, y);
}

__attribute__((always_inline)) static inline void tile_of(const qgk_i8_tile *t, const int m)
{
    const char *w = t->panel + WIDTH * sizeof(float), *x = (const char *)(t->x + 1);
    size_t row_bytes = t->row_bytes;
    int steps = t->steps;
    __m256i sum[TILE_M][2], done[TILE_M][2];

#pragma GCC unroll 8
    for (int r = 0; r < m; r++)
        sum[r][0] = sum[r][1] = _mm256_setzero_si256();
    for (int i = 0; i < steps; i++, w += 32, x += 4) {
        __m256i w0 = load16(w), w1 = load16(w + 16);
        _mm_prefetch(w + AHEAD, _MM_HINT_T0);
#pragma GCC unroll 8
        for (int r = 0; r < m; r++) {
            __m256i xr = broadcast4(x + (size_t)r * row_bytes);
            sum[r][0] = _mm256_add_epi32(sum[r][0], _mm256_madd_epi16(w0, xr));
            sum[r][1] = _mm256_add_epi32(sum[r][1], _mm256_madd_epi16(w1, xr));
        }
    }
    /* through memory: a variable index into sum would keep it out of registers */
#pragma GCC unroll 8
    for (int r = 0; r < m; r++) {
        _mm256_store_si256(&done[r][0], sum[r][0]);
        _mm256_store_si256(&done[r][1], sum[r][1]);
    }
    for (int r = 0; r < m; r++) {
        store8(t, r, 0, done[r][0]);
        store8(t, r, 8, done[r][1]);
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
    default:
        tile_of(t, TILE_M);
    }
}

static const qgk_i8_tier tier = {
    .width = WIDTH, .inputs = 2, .max_rows = TILE_M, .quantize = quantize, .tile = tile};

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

size_t qgk_i8_avx2_scratch(const qgk_limits *limits)
{
    return qgk_i8_scratch_bytes(&tier, limits->n_threads, limits->max_k);
}

void qgk_i8_avx2(qgk_table *t)
{
    t->linear[QGK_FORMAT_W8A8] = (qgk_linear){
        .packed_bytes = packed_bytes,
        .pack = pack,
        .product = product,
    };
}
