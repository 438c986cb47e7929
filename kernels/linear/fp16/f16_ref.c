/* Products with half weights, row-major as they lie in the file.
 *
 * Each output is one sum in double, in order of k: a half times a float is exact in double. A row
 * of the weight is widened once for all rows of x.
 */
#include "kernels/tiers.h"

#include <assert.h>
#include <omp.h>

/* out [rows][n_all] at column n0; x [rows][k], weight row w [k], bias of the column */
static void column(float *out, size_t n_all, const float *x, const double *w, int rows, int k,
                   double bias)
{
    for (int r = 0; r < rows; r++) {
        const float *row = x + (size_t)r * (size_t)k;
        double sum = 0;
        for (int i = 0; i < k; i++)
            sum += (double)row[i] * w[i];
        out[(size_t)r * n_all] = (float)(sum + bias);
    }
}

/* out [rows][N] = x [rows][K] W^T + bias; activations are float32 on the CPU, so f32_out changes
 * nothing */
static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    size_t slab_bytes = ((size_t)w->k * sizeof(double) + 63) / 64 * 64;

    (void)f32_out;
    assert(w->format == QGK_FORMAT_F16 && rows >= 0 && w->k > 0);
    assert((size_t)ctx->n_threads * slab_bytes <= ctx->scratch_bytes);
    for (int s = 0; s < w->n_segments; s++) {
        const qgk_half *weight = w->segment[s].data;
        int n0 = w->segment[s].at;
#pragma omp parallel for num_threads(ctx->n_threads) schedule(static)
        for (int n = 0; n < w->segment[s].n; n++) {
            double *wide = (double *)(void *)((char *)ctx->scratch +
                                              (size_t)omp_get_thread_num() * slab_bytes);
            for (int i = 0; i < w->k; i++)
                wide[i] = (double)qgk_float_from_half(weight[(size_t)n * (size_t)w->k + (size_t)i]);
            column((float *)out + n0 + n, (size_t)w->n, (const float *)x, wide, rows, w->k,
                   w->bias ? (double)w->bias[n0 + n] : 0);
        }
    }
}

static size_t packed_bytes(qgk_shape s)
{
    return (size_t)s.n * (size_t)s.k * sizeof(qgk_half);
}

static void pack(void *packed, qgk_shape s, const qgk_canon *rows, int row0)
{
    assert(rows->format == QGK_FORMAT_F16 && rows->k == s.k);
    assert(row0 >= 0 && row0 + rows->n_rows <= s.n);
    memcpy((qgk_half *)packed + (size_t)row0 * (size_t)s.k, rows->codes,
           (size_t)rows->n_rows * (size_t)s.k * sizeof(qgk_half));
}

size_t qgk_f16_ref_scratch(const qgk_limits *limits)
{
    return (size_t)limits->n_threads * (((size_t)limits->max_k * sizeof(double) + 63) / 64 * 64);
}

void qgk_f16_ref(qgk_table *t)
{
    t->linear[QGK_FORMAT_F16] = (qgk_linear){
        .in_place = 1,
        .packed_bytes = packed_bytes,
        .pack = pack,
        .product = product,
    };
}
