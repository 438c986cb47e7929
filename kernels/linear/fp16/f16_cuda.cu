/* Products with half weights, canonical rows as they are. Few rows: the frame of skinny.cuh. Many:
 * the library's product, and the bias after it. Inputs that do not come in sixteen bytes: a warp an
 * output, element by element. Sums are float32. */
#include "kernels/linear/skinny.cuh"

enum {
    AHEAD = 4,       /* steps that are under way */
    FEW = 8,         /* rows up to which the frame is faster than the library */
    PLAIN_WARPS = 4, /* of the product element by element */
};

template <int SPLITS, int HEIGHT, int TILES>
static __global__ void __launch_bounds__(SPLITS *HEIGHT *QGK_WARP,
                                         skinny_warps(TILES) / (SPLITS * HEIGHT))
    f16_skinny(skinny_args a)
{
    int row0, token0 = (int)blockIdx.y * TILES * SKINNY_TOKENS;
    const qgk_segment *s;
    bool is_ours = skinny_place(a, skinny_tile(), &s, &row0);
    float acc[TILES][4] = {};

    skinny_rows<SPLITS, TILES, AHEAD>(acc, (const __half *)s->data, a.x, a.w.k, s, row0, token0,
                                      a.rows);
    skinny_finish<SPLITS, HEIGHT, TILES>(acc, [&](int output, int token, float sum) {
        if (is_ours && row0 + output < s->n && token0 + token < a.rows)
            skinny_put(a, token0 + token, s->at + row0 + output, sum);
    });
}

/* ---- element by element ---- */

static __global__ void f16_plain(skinny_args a, const qgk_segment s)
{
    int output = (int)blockIdx.x * PLAIN_WARPS + warp_id(), token = (int)blockIdx.y;
    const __half *w = (const __half *)s.data + (size_t)output * (size_t)a.w.k;
    const __half *x = a.x + (size_t)token * (size_t)a.w.k;
    float sum = 0;

    let_next_start();
    wait_for_others();
    if (output >= s.n)
        return;
    for (int i = lane_id(); i < a.w.k; i += QGK_WARP)
        sum += __half2float(w[i]) * __half2float(x[i]);
    sum = warp_sum(sum);
    if (lane_id() == 0)
        skinny_put(a, token, s.at + output, sum);
}

static void product_plain(qgk_ctx *ctx, const skinny_args &a)
{
    for (int i = 0; i < a.w.n_segments; i++) {
        const qgk_segment &s = a.w.segment[i];
        dim3 grid((unsigned)qgk_ceil_div(s.n, (int)PLAIN_WARPS), (unsigned)a.rows);
        qgk_launch(ctx, "f16", f16_plain, grid, PLAIN_WARPS * QGK_WARP, 0, a, s);
    }
}

/* ---- the library ---- */

static void product_many(qgk_ctx *ctx, const skinny_args &a)
{
    for (int i = 0; i < a.w.n_segments; i++)
        skinny_library(ctx, a, a.w.segment[i].at, a.w.segment[i].data, a.w.segment[i].n);
}

static bool is_aligned(const qgk_weight *w)
{
    bool aligned = w->k % 8 == 0;

    for (int i = 0; i < w->n_segments; i++)
        aligned = aligned && (size_t)w->segment[i].data % 16 == 0;
    return aligned;
}

static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    skinny_args a = skinny_of(out, x, w, rows, f32_out);

    assert(w->format == QGK_FORMAT_F16 && w->k > 0);
    if (rows == 0)
        return;
    if (!is_aligned(w)) {
        product_plain(ctx, a);
        return;
    }
    if (rows > FEW) {
        product_many(ctx, a);
        return;
    }
    int n = skinny_tiles(a);
#define LAUNCH(splits, height, tiles)                                                              \
    qgk_launch(ctx, "f16", f16_skinny<splits, height, tiles>, SKINNY_GRID(n, height, rows, tiles), \
               SKINNY_BLOCK(splits, height), 0, a)
    SKINNY_FEW(n, LAUNCH);
#undef LAUNCH
}

/* Rows as they are: what is used in place is only copied to the device. */
static size_t packed_bytes(qgk_shape s)
{
    return (size_t)s.n * (size_t)s.k * sizeof(qgk_half);
}

static void pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    memcpy((qgk_half *)packed + (size_t)row0 * (size_t)s.k, rows->codes,
           (size_t)rows->n_rows * (size_t)s.k * sizeof(qgk_half));
}

extern "C" void qgk_f16_cuda(qgk_table *t)
{
    t->linear[QGK_FORMAT_F16].in_place = 1;
    t->linear[QGK_FORMAT_F16].packed_bytes = packed_bytes;
    t->linear[QGK_FORMAT_F16].pack = pack;
    t->linear[QGK_FORMAT_F16].product = product;
}
