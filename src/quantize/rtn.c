/* Rounding to nearest, see rtn.h: group by group, each with its own scale and zero point.
 *
 * Searches round a matrix again and again, so what looks at every weight is a loop that vectorizes
 * on any CPU. Invariant: the quotient of two floats, in double precision, looks like a tie only
 * where it is one, so every way of rounding here gives the same codes.
 */
#include "quantize/rtn.h"

#include <assert.h>
#include <math.h>

enum { PIECE = 256 }; /* weights that are rounded at a time */

typedef struct range {
    float low, high; /* low <= 0 <= high */
} range;

static range range_of(const float *w, int n)
{
    float low = 0, high = 0;

#pragma omp simd reduction(min : low) reduction(max : high)
    for (int i = 0; i < n; i++) {
        low = w[i] < low ? w[i] : low;
        high = w[i] > high ? w[i] : high;
    }
    return (range){low, high};
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

/* Steps are cut to the grid before they are rounded: its ends are whole numbers, so the order does
 * not matter. Adding 1.5 * 2^52 leaves no room for a fraction: the sum is rounded to nearest, ties
 * to even. */
void qg_rtn_round(float *steps, const float *w, int n, qg_rtn_scale s, const qg_rtn_grid *grid)
{
    double value = (double)s.value, low = -s.zero, high = low + (1 << grid->bits) - 1;

#pragma omp simd
    for (int i = 0; i < n; i++) {
        double step = (double)w[i] / value;
        step = step < low ? low : step;
        step = step > high ? high : step;
        steps[i] = (float)(step + 0x1.8p52 - 0x1.8p52);
    }
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

int qg_rtn_code_at(const qgk_canon *rows, int row, int column)
{
    int code = ((const uint8_t *)rows->codes)[(size_t)row * (size_t)rows->k + (size_t)column];

    return rows->format == QGK_FORMAT_W8A8 ? code ^ 0x80 : code;
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
    float steps[PIECE];

    w += (size_t)row * (size_t)rows->k;
    for (int g = 0, at = 0; at < rows->k; g++) {
        qg_rtn_scale s = qg_rtn_fit(w + at, rows->group, 1, grid);
        qg_rtn_put_scale(rows, row, g, s);
        for (int end = at + rows->group, n; at < end; at += n) {
            n = end - at < PIECE ? end - at : PIECE;
            qg_rtn_round(steps, w + at, n, s, grid);
            for (int i = 0; i < n; i++)
                qg_rtn_put_code(rows, row, at + i, (int)steps[i] + s.zero);
        }
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
