/* Finding folded scales again: see fold.h. */
#include "engine/fold.h"

#include <math.h>
#include <stdlib.h>

#define MOVED   0.02 /* median |log| of a side from which it has moved */
#define AGREES  0.1  /* of maker times reader from 1 */
#define ALIKE   0.8  /* square of the cosine of columns of which one is the other, scaled */
#define LARGEST 4.7  /* |log| of a scale that is still one: a factor of 110 */

enum { STRIP = 64 };

/* Rows `at`, `at + step`, ... of both, n of them: [n][k] each. */
static void dequantize(float *plain, float *other, const qg_fold_pair *p, int at, int step, int n,
                       int n_threads)
{
    size_t k = (size_t)p->k;

#pragma omp parallel for num_threads(n_threads)
    for (int r = 0; r < n; r++) {
        qg_dequantize_row(plain + (size_t)r * k, &p->plain, at + r * step);
        qg_dequantize_row(other + (size_t)r * k, &p->other, at + r * step);
    }
}

static double quotient(double product, double square)
{
    return square > 0 ? product / square : 1;
}

/* How much larger a row is, whose inputs are f times as large. */
static double row_ratio(const float *plain, const float *other, const float *f, size_t k)
{
    double product = 0, square = 0;

    for (size_t j = 0; j < k; j++) {
        double w = (double)plain[j];
        product += w * (double)other[j] * (double)f[j];
        square += w * w;
    }
    return quotient(product, square);
}

qg_status qg_fold_columns(double *ratio, const qg_fold_pair *reader, const double *maker,
                          int n_threads, qg_arena *scratch, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    size_t k = (size_t)reader->k;
    int step = (reader->n + QG_FOLD_ROWS - 1) / QG_FOLD_ROWS,
        n_rows = (reader->n + step - 1) / step;
    float *plain = QG_NEW_N(scratch, float, STRIP *k), *other = QG_NEW_N(scratch, float, STRIP *k);
    double *square = QG_NEW_N(scratch, double, k), *size = QG_NEW_N(scratch, double, k);
    float *f = QG_NEW_N(scratch, float, k);

    QG_NEED(plain && other && square && size && f, err);
    for (size_t j = 0; maker && j < k; j++)
        f[j] = (float)maker[j];
    for (size_t j = 0; j < k; j++)
        ratio[j] = 0;
    for (int row = 0; row < n_rows; row += STRIP) {
        int n = n_rows - row < STRIP ? n_rows - row : STRIP;
        dequantize(plain, other, reader, row * step, step, n, n_threads);
        for (size_t i = 0; i < (size_t)n; i++) {
            double row_is = maker ? row_ratio(plain + i * k, other + i * k, f, k) : 1;
            for (size_t j = 0; row_is > 0 && j < k; j++) {
                double w = (double)plain[i * k + j];
                double is = (double)other[i * k + j] / row_is;
                ratio[j] += w * is;
                square[j] += w * w;
                size[j] += is * is;
            }
        }
    }
    for (size_t j = 0; j < k; j++) {
        bool alike = ratio[j] * ratio[j] >= ALIKE * square[j] * size[j];
        ratio[j] = alike ? quotient(ratio[j], square[j]) : NAN;
    }
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

qg_status qg_fold_rows(double *ratio, const qg_fold_pair *maker, const float *f_in, int n_threads,
                       qg_arena *scratch, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    size_t k = (size_t)maker->k;
    float *plain = QG_NEW_N(scratch, float, STRIP *k), *other = QG_NEW_N(scratch, float, STRIP *k);

    QG_NEED(plain && other, err);
    for (int row = 0; row < maker->n; row += STRIP) {
        int n = maker->n - row < STRIP ? maker->n - row : STRIP;
        dequantize(plain, other, maker, row, 1, n, n_threads);
        for (size_t i = 0; i < (size_t)n; i++)
            ratio[row + (int)i] = row_ratio(plain + i * k, other + i * k, f_in, k);
    }
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

/* |log|, without end where there is none. */
static double moved(double ratio)
{
    return isfinite(ratio) && ratio > 0 ? fabs(log(ratio)) : INFINITY;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, compare);
    return x[n / 2];
}

/* A norm's numbers are known exactly: of what it says and of nothing moved, what the readers are
 * nearer to, if they are near at all. */
static bool choose_exact(float *f, double maker, double reader)
{
    bool is_moved = moved(maker * reader) < moved(reader);

    *f = is_moved ? (float)maker : 1;
    return fabs((double)*f * reader - 1) < AGREES; /* never where it is NaN */
}

static double choose_estimate(double maker, double reader)
{
    if (isnan(reader))
        return moved(maker) < LARGEST ? maker : 1;
    return moved(reader) < LARGEST ? 1 / reader : 1;
}

qg_status qg_fold_choose(float *f, const double *maker, const double *readers, int n, bool exact,
                         qg_arena *scratch, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    double *of_maker = QG_NEW_N(scratch, double, (size_t)n);
    double *of_readers = QG_NEW_N(scratch, double, (size_t)n);
    double *of_both = QG_NEW_N(scratch, double, (size_t)n);

    QG_NEED(of_maker && of_readers && of_both, err);
    for (int j = 0; j < n; j++) {
        of_maker[j] = moved(maker[j]);
        of_readers[j] = moved(readers[j]);
        of_both[j] = moved(maker[j] * readers[j]);
    }
    double middle = median(of_maker, n);
    bool folded =
        middle > MOVED && median(of_readers, n) > MOVED && median(of_both, n) < middle / 2;
    for (int j = 0; j < n; j++) {
        if (exact && choose_exact(&f[j], maker[j], readers[j]))
            continue;
        f[j] = folded ? (float)choose_estimate(maker[j], readers[j]) : 1;
    }
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
