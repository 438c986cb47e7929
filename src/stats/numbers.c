/* Checks and order of arrays of numbers: see numbers.h. */
#include "stats/numbers.h"

#include <math.h>
#include <stdlib.h>

qg_status qg_alpha_check(double alpha, qg_err *err)
{
    if (alpha > 0 && alpha < 0.5)
        return QG_OK;
    return qg_fail(err, QG_EARG, "alpha %g lies outside 0 to 0.5", alpha);
}

qg_status qg_numbers_check(const double *x, size_t n, size_t least, const char *what, qg_err *err)
{
    if (n < least)
        return qg_fail(err, QG_EARG, "%zu %ss, at least %zu needed", n, what, least);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return qg_fail(err, QG_ENONFINITE, "%s %zu is %g", what, i, x[i]);
    return QG_OK;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void qg_numbers_sort(double *x, size_t n)
{
    if (n > 1)
        qsort(x, n, sizeof *x, by_size);
}

double *qg_numbers_sorted(qg_arena *arena, const double *x, size_t n)
{
    double *sorted = QG_NEW_N(arena, double, n);

    if (!sorted)
        return NULL;
    for (size_t i = 0; i < n; i++)
        sorted[i] = x[i] + 0.0;
    qg_numbers_sort(sorted, n);
    return sorted;
}

int64_t qg_least_where(int64_t from, int64_t most, qg_holds *holds, const void *what)
{
    int64_t low = from - 1, high = from, step = 1; /* false at low */

    while (high <= most && !holds(high, what)) {
        low = high;
        step = step < most - high ? step * 2 : most + 1 - high;
        high += step;
    }
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (middle <= most && !holds(middle, what))
            low = middle;
        else
            high = middle;
    }
    return high;
}

qg_pvalues qg_pvalues_of(double less, double greater)
{
    double l = fmin(less, 1), g = fmin(greater, 1);
    return (qg_pvalues){l, g, fmin(1, 2 * fmin(l, g))};
}
