/* Products of 8-bit codes with activations that are rounded to 8 bits a token: scale of the output
 * times scale of the token times an exact int32 sum.
 *
 * A token is rounded as in i8_ref.c. A packed segment is the codes [n][padded], each row filled
 * with zeros to a multiple of 16, then the scales [n]. Few rows: the frame of skinny.cuh; many: the
 * library's integer product, a strip of outputs at a time, then the scales.
 */
#include "kernels/linear/skinny.cuh"

enum {
    AHEAD = 4,
    FEW = 32,               /* rows up to which the frame is faster than the library */
    STRIP_BYTES = 32 << 20, /* of int32 sums: stays in the second cache, and fills the device */
    ROUND_THREADS = 256,
};

static __host__ __device__ inline int padded(int k)
{
    return (k + 15) / 16 * 16;
}

static inline size_t align64(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Scratch: the rounded tokens, their scales, the strip. */
typedef struct i8_room {
    int8_t *codes;  /* [rows][padded] */
    float *scales;  /* [rows]         */
    int32_t *strip; /* [rows][strip]  */
    size_t bytes;
} i8_room;

static inline int strip_of(int rows)
{
    int n = (int)((size_t)STRIP_BYTES / sizeof(int32_t) / (size_t)rows) / 64 * 64;
    return n < 64 ? 64 : n;
}

static inline i8_room room_of(void *scratch, int rows, int k)
{
    i8_room r = {};
    size_t codes = align64((size_t)rows * (size_t)padded(k));
    size_t scales = align64((size_t)rows * sizeof(float));

    r.codes = (int8_t *)scratch;
    r.scales = (float *)((char *)scratch + codes);
    r.strip = (int32_t *)((char *)scratch + codes + scales);
    r.bytes = codes + scales + (size_t)rows * (size_t)strip_of(rows) * sizeof(int32_t);
    return r;
}

extern "C" size_t qgk_i8_cuda_scratch(const qgk_limits *limits)
{
    /* the strip is largest where it cannot shrink further, or where it may be as it likes */
    size_t strip = (size_t)limits->max_rows * 64 * sizeof(int32_t);
    size_t most = strip > (size_t)STRIP_BYTES ? strip : (size_t)STRIP_BYTES;

    return align64((size_t)limits->max_rows * (size_t)padded(limits->max_k)) +
           align64((size_t)limits->max_rows * sizeof(float)) + most;
}

static __global__ void round_tokens(int8_t *codes, float *scales, const __half *x, int k)
{
    __shared__ float room[ROUND_THREADS / QGK_WARP];
    const __half *row = x + (size_t)blockIdx.x * (size_t)k;
    int8_t *to = codes + (size_t)blockIdx.x * (size_t)padded(k);
    float most = 0;
    bool bad = false;

    let_next_start();
    wait_for_others();
    for (int i = (int)threadIdx.x; i < k; i += ROUND_THREADS) {
        float v = fabsf(__half2float(row[i]));
        most = fmaxf(most, v);
        bad = bad || !isfinite(v);
    }
    most = block_max(bad ? INFINITY : most, room); /* an output is not finite then either */
    float inverse = most > 0 ? 127 / most : 0;
    for (int i = (int)threadIdx.x; i < padded(k); i += ROUND_THREADS)
        to[i] = i < k ? (int8_t)__float2int_rn(__half2float(row[i]) * inverse) : (int8_t)0;
    if (threadIdx.x == 0)
        scales[blockIdx.x] = isinf(most) ? NAN : most / 127;
}

/* The bits of i8_ref.c: nothing may join the product with the bias that follows. */
static __device__ inline float scaled(int sum, float scale, float token_scale)
{
    return __fmul_rn((float)sum, __fmul_rn(scale, token_scale));
}

static __device__ inline const float *scales_of(const qgk_segment &s, int k)
{
    return (const float *)((const char *)s.data + (size_t)s.n * (size_t)padded(k));
}

template <int SPLITS, int HEIGHT, int TILES>
static __global__ void __launch_bounds__(SPLITS *HEIGHT *QGK_WARP,
                                         skinny_warps(TILES) / (SPLITS * HEIGHT))
    i8_skinny(skinny_args a, const int8_t *codes, const float *token_scales)
{
    int row0, token0 = (int)blockIdx.y * TILES * SKINNY_TOKENS;
    const qgk_segment *s;
    bool is_ours = skinny_place(a, skinny_tile(), &s, &row0);
    int acc[TILES][4] = {};

    skinny_rows<SPLITS, TILES, AHEAD>(acc, (const int8_t *)s->data, codes, padded(a.w.k), s, row0,
                                      token0, a.rows);
    const float *scales = scales_of(*s, a.w.k);
    skinny_finish<SPLITS, HEIGHT, TILES>(acc, [&](int output, int token, int sum) {
        if (is_ours && row0 + output < s->n && token0 + token < a.rows)
            skinny_put(a, token0 + token, s->at + row0 + output,
                       scaled(sum, scales[row0 + output], token_scales[token0 + token]));
    });
}

/* Strip columns from .. from + n - 1 of segment s. */
static __global__ void scale_strip(skinny_args a, const qgk_segment s, const int32_t *strip,
                                   int from, int n, const float *token_scales)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x), token = (int)blockIdx.y;

    let_next_start();
    wait_for_others();
    if (i < n)
        skinny_put(a, token, s.at + from + i,
                   scaled(strip[(size_t)token * (size_t)n + (size_t)i],
                          scales_of(s, a.w.k)[from + i], token_scales[token]));
}

static void product_many(qgk_ctx *ctx, const skinny_args &a, const i8_room &room)
{
    int k = padded(a.w.k), step = strip_of(a.rows);

    for (int i = 0; i < a.w.n_segments; i++) {
        const qgk_segment &s = a.w.segment[i];
        for (int from = 0; from < s.n; from += step) {
            int n = s.n - from < step ? s.n - from : step;
            const int8_t *w = (const int8_t *)s.data + (size_t)from * (size_t)k;
            if (ctx->blas->i8(ctx->blas->handle, room.strip, n, room.codes, w, a.rows, n, k) != 0 &&
                !ctx->failed)
                ctx->failed = "cublasGemmEx (int8)";
            dim3 grid((unsigned)qgk_ceil_div(n, 256), (unsigned)a.rows);
            qgk_launch(ctx, "i8 scales", scale_strip, grid, 256, 0, a, s, room.strip, from, n,
                       room.scales);
        }
    }
}

static bool fits_library(const qgk_weight *w)
{
    bool fits = true;

    for (int i = 0; i < w->n_segments; i++)
        fits = fits && w->segment[i].n % 16 == 0;
    return fits;
}

static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    skinny_args a = skinny_of(out, x, w, rows, f32_out);
    i8_room room = room_of(ctx->scratch, rows, w->k);

    assert(w->format == QGK_FORMAT_W8A8 && w->k > 0 && w->k <= QGK_W8A8_MAX_K);
    if (rows == 0)
        return;
    assert(room.bytes <= ctx->scratch_bytes);
    qgk_launch(ctx, "i8 rounding", round_tokens, rows, ROUND_THREADS, 0, room.codes, room.scales,
               a.x, w->k);
    int n = skinny_tiles(a);
#define LAUNCH(splits, height, tiles)                                                              \
    qgk_launch(ctx, "i8", i8_skinny<splits, height, tiles>, SKINNY_GRID(n, height, rows, tiles),   \
               SKINNY_BLOCK(splits, height), 0, a, room.codes, room.scales)
    if (rows > FEW && fits_library(w))
        product_many(ctx, a, room);
    else
        SKINNY_LAUNCH(n, rows, LAUNCH);
#undef LAUNCH
}

static size_t packed_bytes(qgk_shape s)
{
    return (size_t)s.n * ((size_t)padded(s.k) + sizeof(float));
}

static void pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    size_t k = (size_t)padded(s.k);
    float *scales = (float *)((char *)packed + (size_t)s.n * k);

    for (int i = 0; i < rows->n_rows; i++) {
        char *to = (char *)packed + (size_t)(row0 + i) * k;
        memcpy(to, (const char *)rows->codes + (size_t)i * (size_t)s.k, (size_t)s.k);
        memset(to + s.k, 0, k - (size_t)s.k);
        scales[row0 + i] = rows->scales[i];
    }
}

extern "C" void qgk_i8_cuda(qgk_table *t)
{
    t->linear[QGK_FORMAT_W8A8].in_place = 0;
    t->linear[QGK_FORMAT_W8A8].packed_bytes = packed_bytes;
    t->linear[QGK_FORMAT_W8A8].pack = pack;
    t->linear[QGK_FORMAT_W8A8].product = product;
}
