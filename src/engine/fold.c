/* Finding folded scales again: see fold.h. */
#include "engine/fold.h"

#include <math.h>
#include <stdlib.h>

#define MOVED        0.02 /* median |log| of a side from which it has moved */
#define AGREES       0.2  /* of maker times reader from 1 */
#define STILL        1e-3 /* |log| of a norm's number that is as it was, but for its dtype, */
#define STILL_READER 0.01 /* and of a column that is */
#define ALIKE        0.97 /* square of the cosine of columns of which one is the other, scaled */
#define LARGEST      4.7  /* |log| of a scale that is still one: a factor of 110 */

enum { STRIP = 64 };

/* Some rows of both, [STRIP][k]. */
typedef struct strip {
    float *plain, *other;
} strip;

static qg_status make_strip(strip *s, qg_arena *scratch, size_t k, qg_err *err)
{
    s->plain = QG_NEW_N(scratch, float, STRIP *k);
    s->other = QG_NEW_N(scratch, float, STRIP *k);
    QG_NEED(s->plain && s->other, err);
    return QG_OK;
}

/* Rows at, at + step, ..., n of them. */
static void dequantize(strip *s, const qg_fold_pair *p, int at, int step, int n, int n_threads)
{
    size_t k = (size_t)p->k;

#pragma omp parallel for num_threads(n_threads)
    for (int r = 0; r < n; r++) {
        qg_dequantize_row(s->plain + (size_t)r * k, &p->plain, at + r * step);
        qg_dequantize_row(s->other + (size_t)r * k, &p->other, at + r * step);
    }
}

static double quotient(double product, double square)
{
    return square > 0 ? product / square : 1;
}

typedef struct sums {
    double product, square, size; /* of other by plain, of plain, of other */
} sums;

/* Of a row whose inputs are f times as large. */
static sums sum_row(const float *plain, const float *other, const float *f, size_t k)
{
    sums s = {0};

    for (size_t j = 0; j < k; j++) {
        double w = (double)plain[j];
        s.product += w * (double)other[j] * (double)f[j];
        s.square += w * w;
    }
    return s;
}

/* A row to the sums of the columns; with f, divided by the ratio of its other columns. */
static void add_row(sums *columns, const float *plain, const float *other, const float *f, size_t k)
{
    sums row = f ? sum_row(plain, other, f, k) : (sums){0};

    for (size_t j = 0; j < k; j++) {
        double w = (double)plain[j], is = (double)other[j];
        double ratio = f ? quotient(row.product - w * is * (double)f[j], row.square - w * w) : 1;
        if (!(ratio > 0))
            continue;
        is /= ratio;
        columns[j].product += w * is;
        columns[j].square += w * w;
        columns[j].size += is * is;
    }
}

qg_status qg_fold_columns(double *ratio, const qg_fold_pair *reader, const double *maker,
                          int n_threads, qg_arena *scratch, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    size_t k = (size_t)reader->k;
    int step = (reader->n + QG_FOLD_ROWS - 1) / QG_FOLD_ROWS;
    int n_rows = (reader->n + step - 1) / step;
    strip s;
    sums *columns = QG_NEW_N(scratch, sums, k);
    float *f = QG_NEW_N(scratch, float, k);

    QG_NEED(columns && f, err);
    QG_PASS(make_strip(&s, scratch, k, err));
    for (size_t j = 0; maker && j < k; j++)
        f[j] = (float)maker[j];
    for (int row = 0; row < n_rows; row += STRIP) {
        int n = n_rows - row < STRIP ? n_rows - row : STRIP;
        dequantize(&s, reader, row * step, step, n, n_threads);
        for (size_t i = 0; i < (size_t)n; i++)
            add_row(columns, s.plain + i * k, s.other + i * k, maker ? f : NULL, k);
    }
    for (size_t j = 0; j < k; j++) {
        const sums *c = &columns[j];
        bool alike = c->product * c->product >= ALIKE * c->square * c->size;
        ratio[j] = alike ? quotient(c->product, c->square) : NAN;
    }
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

qg_status qg_fold_rows(double *ratio, const qg_fold_pair *maker, const float *f_in, int n_threads,
                       qg_arena *scratch, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    size_t k = (size_t)maker->k;
    strip s;

    QG_PASS(make_strip(&s, scratch, k, err));
    for (int row = 0; row < maker->n; row += STRIP) {
        int n = maker->n - row < STRIP ? maker->n - row : STRIP;
        dequantize(&s, maker, row, 1, n, n_threads);
        for (size_t i = 0; i < (size_t)n; i++) {
            sums r = sum_row(s.plain + i * k, s.other + i * k, f_in, k);
            ratio[row + (int)i] = quotient(r.product, r.square);
        }
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

double qg_fold_median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, compare);
    return x[n / 2];
}

/* A norm's numbers are known exactly. One that is as it was had nothing moved into it; else, of
 * what it says and of nothing moved, what the readers are nearer to, if they are near at all. */
static bool choose_exact(float *f, double maker, double reader)
{
    bool is_moved = moved(maker * reader) < moved(reader);

    *f = 1;
    if (moved(maker) < STILL)
        return true;
    if (is_moved)
        *f = (float)maker;
    else if (moved(reader) > STILL_READER)
        *f = (float)(1 / reader); /* little was moved, and the norm is damaged */
    return fabs((is_moved ? maker : 1) * reader - 1) < AGREES; /* never where it is NaN */
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
    double middle = qg_fold_median(of_maker, (size_t)n);
    bool folded = middle > MOVED && qg_fold_median(of_readers, (size_t)n) > MOVED &&
                  qg_fold_median(of_both, (size_t)n) < middle / 2;
    for (int j = 0; j < n; j++) {
        if (exact && choose_exact(&f[j], maker[j], readers[j]))
            continue;
        f[j] = folded ? (float)choose_estimate(maker[j], readers[j]) : 1;
    }
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
