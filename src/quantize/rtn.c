/* Rounding to nearest, see rtn.h: group by group, each with its own scale and zero point. */
#include "quantize/rtn.h"

#include <assert.h>
#include <math.h>

typedef struct range {
    float low, high; /* low <= 0 <= high */
} range;

static range range_of(const float *w, int n)
{
    range r = {0, 0};

    for (int i = 0; i < n; i++) {
        r.low = fminf(r.low, w[i]);
        r.high = fmaxf(r.high, w[i]);
    }
    return r;
}

/* As the disk holds it; never 0, and a group of zeros gets 1. */
static float scale_of(double scale, const qg_rtn_grid *grid)
{
    if (scale == 0)
        return 1;
    if (grid->float_scales)
        return fmaxf((float)scale, 0x1p-126f);
    qgk_half h = qgk_half_from_float((float)fmin(scale, 65504));
    return qgk_float_from_half(h ? h : 1);
}

/* One group of n weights to codes 0 .. 2^bits - 1. */
static void quantize_group(uint8_t *codes, float *scale, uint8_t *zero, const float *w, int n,
                           const qg_rtn_grid *grid)
{
    range r = range_of(w, n);
    int last = (1 << grid->bits) - 1;
    double steps = grid->steps != 0 ? grid->steps : last;

    if (grid->symmetric) {
        *scale = scale_of(2 * (double)fmaxf(-r.low, r.high) / steps, grid);
        *zero = (uint8_t)(1 << (grid->bits - 1));
    } else {
        *scale = scale_of(((double)r.high - (double)r.low) / last, grid);
        *zero = (uint8_t)fmin(rint(-(double)r.low / (double)*scale), last);
    }
    for (int i = 0; i < n; i++) {
        double code = rint((double)w[i] / (double)*scale) + *zero;
        codes[i] = (uint8_t)fmax(0, fmin(code, last));
    }
}

static void quantize_row(qgk_canon *rows, int row, const float *w, const qg_rtn_grid *grid)
{
    int groups = rows->k / rows->group;
    size_t first = (size_t)row * (size_t)rows->k, first_group = (size_t)row * (size_t)groups;
    uint8_t *codes = (uint8_t *)rows->codes + first, unused;

    for (int g = 0; g < groups; g++)
        quantize_group(codes + g * rows->group, rows->scales + first_group + g,
                       rows->format == QGK_FORMAT_W8A8 ? &unused : rows->zeros + first_group + g,
                       w + first + g * rows->group, rows->group, grid);
    if (rows->format == QGK_FORMAT_W8A8)
        for (int i = 0; i < rows->k; i++)
            codes[i] ^= 0x80; /* code - 128 as a signed byte */
}

void qg_rtn_quantize(qgk_canon *rows, const float *w, const qg_rtn_grid *grid, int n_threads)
{
    assert(rows->format != QGK_FORMAT_F16 && rows->group > 0 && rows->k % rows->group == 0);
    assert(rows->format != QGK_FORMAT_W8A8 || (grid->symmetric && grid->bits == 8));
#pragma omp parallel for num_threads(n_threads)
    for (int row = 0; row < rows->n_rows; row++)
        quantize_row(rows, row, w, grid);
}
