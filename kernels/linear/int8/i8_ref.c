/* Products of 8-bit weights with a scale a row and activations quantized to 8 bits, per row.
 *
 * A row of x is quantized as vLLM's dynamic per-token kernels do: with m the largest |x|, the codes
 * are x * (127 / m) in float32, rounded to nearest, ties to even (at most 127: the product is
 * within a unit of it), and the scale is m / 127. Codes and scale are 0 where m is under 2^-100, so
 * that 127 / m is finite; where x holds an infinity or a NaN the codes are 0 and the scale is NaN.
 * Sums of codes are exact in int32 up to QGK_W8A8_MAX_K inputs, an output is sum * (scale of x *
 * scale of w) + bias in float32, in this order: every tier gives the same bits.
 */
#include "kernels/tiers.h"

#include <assert.h>
#include <math.h>

_Static_assert(128LL * 127 * QGK_W8A8_MAX_K <= INT32_MAX, "sums of codes must fit in int32");

/* Codes [k] of x [k]; returns their scale. */
static float quantize(int8_t *codes, const float *x, int k)
{
    float largest = 0;
    int finite = 1;

    for (int i = 0; i < k; i++) {
        finite &= isfinite(x[i]) != 0;
        largest = fmaxf(largest, fabsf(x[i]));
    }
    int zero = largest < 0x1p-100f || !finite;
    float inverse = 127 / largest;
    for (int i = 0; i < k; i++)
        codes[i] = zero ? 0 : (int8_t)rintf(x[i] * inverse);
    return !finite ? NAN : zero ? 0 : largest / 127;
}

/* Bytes of a segment's codes; its scales [n] follow. */
static size_t codes_bytes(int n, int k)
{
    return ((size_t)n * (size_t)k + 3) / 4 * 4;
}

static size_t packed_bytes(qgk_shape s)
{
    return codes_bytes(s.n, s.k) + (size_t)s.n * sizeof(float);
}

static void pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    size_t k = (size_t)s.k;

    assert(rows->format == QGK_FORMAT_W8A8 && rows->k == s.k && s.k <= QGK_W8A8_MAX_K);
    assert(row0 >= 0 && row0 + rows->n_rows <= s.n);
    memcpy((int8_t *)packed + (size_t)row0 * k, rows->codes, (size_t)rows->n_rows * k);
    memcpy((char *)packed + codes_bytes(s.n, s.k) + (size_t)row0 * sizeof(float), rows->scales,
           (size_t)rows->n_rows * sizeof(float));
}

/* A row's outputs of one segment: out [n], x [k] and its scale. */
static void multiply(float *out, const int8_t *x, float x_scale, const qgk_segment *segment, int k,
                     const float *bias, int n_threads)
{
    const int8_t *codes = segment->data;
    const float *scales = (const void *)(codes + codes_bytes(segment->n, k));

#pragma omp parallel for num_threads(n_threads) schedule(static)
    for (int n = 0; n < segment->n; n++) {
        int32_t sum = 0;
        for (int i = 0; i < k; i++)
            sum += codes[(size_t)n * (size_t)k + (size_t)i] * x[i];
        out[n] = (float)sum * (x_scale * scales[n]);
        if (bias)
            out[n] += bias[n];
    }
}

/* out [rows][N] = x [rows][K] W^T + bias; activations are float32 on the CPU, so f32_out changes
 * nothing */
static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    int8_t *codes = ctx->scratch;

    (void)f32_out;
    assert(w->format == QGK_FORMAT_W8A8 && rows >= 0 && w->k > 0 && w->k <= QGK_W8A8_MAX_K);
    assert((size_t)w->k <= ctx->scratch_bytes);
    for (size_t r = 0; r < (size_t)rows; r++) {
        float scale = quantize(codes, (const float *)x + r * (size_t)w->k, w->k);
        for (int s = 0; s < w->n_segments; s++) {
            int at = w->segment[s].at;
            multiply((float *)out + r * (size_t)w->n + at, codes, scale, &w->segment[s], w->k,
                     w->bias ? w->bias + at : NULL, ctx->n_threads);
        }
    }
}

size_t qgk_i8_ref_scratch(const qgk_limits *limits)
{
    return (size_t)limits->max_k;
}

void qgk_i8_ref(qgk_table *t)
{
    t->linear[QGK_FORMAT_W8A8] = (qgk_linear){
        .packed_bytes = packed_bytes,
        .pack = pack,
        .product = product,
    };
}
