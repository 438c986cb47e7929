/* Products with half weights where they lie, float32 accumulation, by the tiles of tile_avx512.h.
 *
 * Widening 16 halves is one instruction beside six products, so weights are converted where they
 * are used and no copy is made. The tile that first touches its weights fetches the next tile's,
 * two cache lines a step: that keeps decoding (1 row) at the speed of memory.
 */
#include "kernels/linear/tile_avx512.h"
#include "kernels/tiers.h"

#include <assert.h>
#include <omp.h>

/* One segment. */
typedef struct segment {
    qgk_columns columns;
    const qgk_half *w; /* [n][k] */
    const float *x;    /* [rows][k] */
    int k;
} segment;

/* The weights of a tile: its rows, and where the next tile's lie or NULL. */
typedef struct weights {
    const qgk_half *row[QGK_TILE_N];
    const char *next;
} weights;

__attribute__((always_inline)) static inline __m512 load(const void *p, int j, int i, int n)
{
    const weights *w = p;

    if (n < 16)
        return _mm512_cvtph_ps(
            _mm256_maskz_loadu_epi16(qgk_first_of16(n), (const void *)(w->row[j] + i)));
    if (w->next && j < 2) /* 16 halves of 4 rows are two lines */
        _mm_prefetch(w->next + (size_t)i * 8 + (size_t)j * 64, _MM_HINT_T0);
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(w->row[j] + i)));
}

__attribute__((always_inline)) static inline void tile_of(const segment *s, int row, int n,
                                                          const weights *w, const int m)
{
    __m512 sum[QGK_TILE_M][QGK_TILE_N];

    qgk_tile_zero(sum, m);
    qgk_tile_multiply(sum, s->x + (size_t)row * (size_t)s->k, (size_t)s->k, w, load, 0, s->k, m);
    qgk_tile_store(&s->columns, row, n, sum, m);
}

/* Weight row n; past the end the last one stands in and its sums are dropped. */
static inline const qgk_half *weight_row(const segment *s, int n)
{
    return s->w + (size_t)(n < s->columns.n ? n : s->columns.n - 1) * (size_t)s->k;
}

static void tile(const void *product, int row, int n, int m, int first)
{
    const segment *s = product;
    weights w = {.next = first ? (const char *)weight_row(s, n + QGK_TILE_N) : NULL};

    for (int j = 0; j < QGK_TILE_N; j++)
        w.row[j] = weight_row(s, n + j);
    switch (m) {
    case 1:
        tile_of(s, row, n, &w, 1);
        break;
    case 2:
        tile_of(s, row, n, &w, 2);
        break;
    case 3:
        tile_of(s, row, n, &w, 3);
        break;
    case 4:
        tile_of(s, row, n, &w, 4);
        break;
    case 5:
        tile_of(s, row, n, &w, 5);
        break;
    default:
        tile_of(s, row, n, &w, QGK_TILE_M);
    }
}

/* out [rows][N] = x [rows][K] W^T + bias; activations are float32 on the CPU, so f32_out changes
 * nothing */
static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    (void)f32_out;
    assert(w->format == QGK_FORMAT_F16 && rows >= 0 && w->k > 0);
#pragma omp parallel num_threads(ctx->n_threads)
    {
        int me = omp_get_thread_num(), n_threads = omp_get_num_threads();
        for (int i = 0; i < w->n_segments; i++) {
            int n = w->segment[i].n, at = w->segment[i].at,
                n_tiles = (n + QGK_TILE_N - 1) / QGK_TILE_N;
            int n0 = (int)((int64_t)n_tiles * me / n_threads) * QGK_TILE_N;
            int n1 = (int)((int64_t)n_tiles * (me + 1) / n_threads) * QGK_TILE_N;
            segment s = {{(float *)out + at, w->bias ? w->bias + at : NULL, n, (size_t)w->n},
                         w->segment[i].data,
                         (const float *)x,
                         w->k};
            qgk_tile_walk(tile, &s, rows, n0, n1, (size_t)w->k * sizeof(qgk_half));
        }
    }
}

void qgk_f16_avx512(qgk_table *t)
{
    t->linear[QGK_FORMAT_F16].product = product;
}
