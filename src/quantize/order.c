/* Sorts indices with their sizes beside them, since qsort() hands its comparison no context. The
 * order is total, so that it does not matter that qsort() is not stable.
 */
#include "quantize/order.h"

#include <stdlib.h>

typedef struct entry {
    double size;
    int32_t at;
} entry;

static int compare(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size) - (x->size > y->size)
                              : (x->at > y->at) - (x->at < y->at);
}

qg_status qg_order_falling(int32_t **out, const double *sizes, int n, qg_arena *arena, qg_err *err)
{
    size_t k = (size_t)n;

    *out = QG_NEW_N(arena, int32_t, k);
    qg_arena_mark mark = qg_arena_here(arena);
    entry *entries = QG_NEW_N(arena, entry, k);
    QG_NEED(*out && entries, err);
    for (size_t i = 0; i < k; i++)
        entries[i] = (entry){sizes[i], (int32_t)i};
    qsort(entries, k, sizeof *entries, compare);
    for (size_t i = 0; i < k; i++)
        (*out)[i] = entries[i].at;
    qg_arena_rewind(arena, mark);
    return QG_OK;
}
