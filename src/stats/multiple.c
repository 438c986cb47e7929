/* Adjusted p-values: see multiple.h. Both walk once over the p-values in rising order, Holm upwards
 * with a running maximum, Benjamini-Hochberg downwards with a running minimum. */
#include "stats/multiple.h"

#include "stats/numbers.h"

#include <math.h>
#include <stdlib.h>

typedef struct entry {
    double p;
    size_t at; /* in the order given */
} entry;

static int by_p(const void *a, const void *b)
{
    const entry *x = a, *y = b;

    return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->at > y->at) - (x->at < y->at);
}

static qg_status rank_p(entry **out, qg_arena *scratch, const double *p, size_t n, qg_err *err)
{
    QG_PASS(qg_numbers_check(p, n, 0, "p-value", err));
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0 || p[i] > 1)
            return qg_fail(err, QG_EARG, "p-value %zu is %g, not from 0 to 1", i, p[i]);
    entry *entries = QG_NEW_N(scratch, entry, n);
    QG_NEED(entries, err);
    for (size_t i = 0; i < n; i++)
        entries[i] = (entry){p[i], i};
    qsort(entries, n, sizeof *entries, by_p);
    *out = entries;
    return QG_OK;
}

qg_status qg_multiple_holm(double *adjusted, qg_arena *scratch, const double *p, size_t n,
                           qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    double most = 0;
    entry *entries;

    QG_PASS(rank_p(&entries, scratch, p, n, err));
    for (size_t k = 0; k < n; k++) {
        most = fmax(most, fmin(1, entries[k].p * (double)(n - k)));
        adjusted[entries[k].at] = most;
    }
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}

qg_status qg_multiple_bh(double *adjusted, qg_arena *scratch, const double *p, size_t n,
                         qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    double least = 1;
    entry *entries;

    QG_PASS(rank_p(&entries, scratch, p, n, err));
    for (size_t k = n; k > 0; k--) {
        least = fmin(least, entries[k - 1].p * (double)n / (double)k);
        adjusted[entries[k - 1].at] = least;
    }
    qg_arena_rewind(scratch, mark);
    return QG_OK;
}
