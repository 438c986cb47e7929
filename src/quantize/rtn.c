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

qg_rtn_scale qg_rtn_fit(const float *w, int n, double clip, const qg_rtn_grid *grid)
{
    range r = range_of(w, n);
    double low = clip * (double)r.low, high = clip * (double)r.high;
    int last = (1 << grid->bits) - 1;
    double steps = grid->steps != 0 ? grid->steps : last;

    if (grid->symmetric)
        return (qg_rtn_scale){scale_of(2 * fmax(-low, high) / steps, grid), 1 << (grid->bits - 1)};
    float scale = scale_of((high - low) / last, grid);
    return (qg_rtn_scale){scale, (int)fmin(rint(-low / (double)scale), last)};
}

int qg_rtn_code(double w, qg_rtn_scale s, const qg_rtn_grid *grid)
{
    double code = rint(w / (double)s.value) + s.zero;

    return (int)fmax(0, fmin(code, (1 << grid->bits) - 1));
}

void qg_rtn_put_code(qgk_canon *rows, int row, int column, int code)
{
    uint8_t *codes = (uint8_t *)rows->codes + (size_t)row * (size_t)rows->k;

    codes[column] = (uint8_t)(rows->format == QGK_FORMAT_W8A8 ? code ^ 0x80 : code);
}

static size_t place_of_scale(const qgk_canon *rows, int row, int group)
{
    return (size_t)row * (size_t)(rows->k / rows->group) + (size_t)group;
}

void qg_rtn_put_scale(qgk_canon *rows, int row, int group, qg_rtn_scale s)
{
    size_t at = place_of_scale(rows, row, group);

    rows->scales[at] = s.value;
    if (rows->format != QGK_FORMAT_W8A8)
        rows->zeros[at] = (uint8_t)s.zero;
}

qg_rtn_scale qg_rtn_scale_at(const qgk_canon *rows, int row, int group)
{
    size_t at = place_of_scale(rows, row, group);

    return (qg_rtn_scale){rows->scales[at],
                          rows->format == QGK_FORMAT_W8A8 ? 0x80 : rows->zeros[at]};
}

static void quantize_row(qgk_canon *rows, int row, const float *w, const qg_rtn_grid *grid)
{
    w += (size_t)row * (size_t)rows->k;
    for (int g = 0, at = 0; at < rows->k; g++) {
        qg_rtn_scale s = qg_rtn_fit(w + at, rows->group, 1, grid);
        qg_rtn_put_scale(rows, row, g, s);
        for (int end = at + rows->group; at < end; at++)
            qg_rtn_put_code(rows, row, at, qg_rtn_code((double)w[at], s, grid));
    }
}

void qg_rtn_quantize(qgk_canon *rows, const float *w, const qg_rtn_grid *grid, int n_threads)
{
    assert(rows->format != QGK_FORMAT_F16 && rows->group > 0 && rows->k % rows->group == 0);
    assert(rows->format != QGK_FORMAT_W8A8 || (grid->symmetric && grid->bits == 8));
#pragma omp parallel for num_threads(n_threads)
    for (int row = 0; row < rows->n_rows; row++)
        quantize_row(rows, row, w, grid);
}
