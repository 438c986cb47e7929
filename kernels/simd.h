/* Helpers of the AVX2 and AVX-512 tiers: loads with tails, lane sums, exp. For their files alone.
 *
 * Lanes are always summed by the same tree, ((0+1)+(2+3))+((4+5)+(6+7)), whether one vector or four
 * at once: that is what keeps an output's bits apart from the tile that it was computed in. Of 16
 * lanes the upper 8 are added to the lower 8 first.
 */
#ifndef QGK_SIMD_H
#define QGK_SIMD_H

#include "kernels/qgk_types.h"

#include <immintrin.h>

#ifdef __AVX2__ /* so that the header also compiles alone */

/* All ones in the first n of 8 lanes, 0 <= n <= 8. */
static inline __m256i qgk_first_lanes(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256 qgk_load8_half(const qgk_half *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* The first n of 8 halves, zeros behind; reads no byte past them. */
static inline __m256 qgk_load_tail_half(const qgk_half *p, int n)
{
    qgk_half whole[8] = {0};
    memcpy(whole, p, (size_t)n * sizeof *p);
    return qgk_load8_half(whole);
}

/* {sum of a, sum of b, sum of c, sum of d} */
static inline __m128 qgk_sum4x8(__m256 a, __m256 b, __m256 c, __m256 d)
{
    __m256 halves = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
}

static inline float qgk_sum8(__m256 a)
{
    return _mm_cvtss_f32(qgk_sum4x8(a, a, a, a));
}

static inline float qgk_max8(__m256 a)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

/* e^x within 2^-22 relative; 0 below -87.3, where results would be denormal, and infinity above
 * 88.37; NaN stays NaN. x = n ln 2 + r, |r| <= ln(2) / 2; polynomial of Cephes' expf (Moshier
 * 1989). */
static inline __m256 qgk_exp8(__m256 x)
{
    const __m256 lowest = _mm256_set1_ps(-87.3f), highest = _mm256_set1_ps(88.37f);
    __m256 keep = _mm256_cmp_ps(x, lowest, _CMP_NLT_UQ);
    __m256 over = _mm256_cmp_ps(x, highest, _CMP_GT_OQ);
    /* min and max give their second operand where one is NaN */
    x = _mm256_max_ps(lowest, _mm256_min_ps(highest, x));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(0x1.715476p0f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.63p-1f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-0x1.bd0106p-13f), r);
    __m256 y = _mm256_set1_ps(1.9875691500e-4f);
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.3981999507e-3f));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(8.3334519073e-3f));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(4.1665795894e-2f));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.6666665459e-1f));
    y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(5.0000001201e-1f));
    y = _mm256_fmadd_ps(y, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1)));
    __m256i exponent =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    y = _mm256_and_ps(_mm256_mul_ps(y, _mm256_castsi256_ps(exponent)), keep);
    return _mm256_blendv_ps(y, _mm256_set1_ps(__builtin_inff()), over);
}

#endif
#ifdef __AVX512F__

/* Ones for the first n of 16 lanes, n >= 0. */
static inline __mmask16 qgk_first_of16(int n)
{
    return (__mmask16)(n < 16 ? (1 << n) - 1 : 0xffff);
}

/* As qgk_exp8. */
static inline __m512 qgk_exp16(__m512 x)
{
    const __m512 lowest = _mm512_set1_ps(-87.3f), highest = _mm512_set1_ps(89);
    __mmask16 keep = _mm512_cmp_ps_mask(x, lowest, _CMP_NLT_UQ);
    /* e^89 is infinite already; min and max give their second operand where one is NaN */
    x = _mm512_max_ps(lowest, _mm512_min_ps(highest, x));
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p0f)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.63p-1f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-0x1.bd0106p-13f), r);
    __m512 y = _mm512_set1_ps(1.9875691500e-4f);
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1.3981999507e-3f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(8.3334519073e-3f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(4.1665795894e-2f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(1.6666665459e-1f));
    y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(5.0000001201e-1f));
    y = _mm512_fmadd_ps(y, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1)));
    return _mm512_maskz_scalef_ps(keep, y, n);
}

static inline __m256 qgk_halve16(__m512 a)
{
    return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
}

/* {sum of a, sum of b, sum of c, sum of d} */
static inline __m128 qgk_sum4x16(__m512 a, __m512 b, __m512 c, __m512 d)
{
    return qgk_sum4x8(qgk_halve16(a), qgk_halve16(b), qgk_halve16(c), qgk_halve16(d));
}

#endif
#endif
