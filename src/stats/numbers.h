/* Arrays of numbers: the checks and the order that the other files of the room share. */
#ifndef QG_STATS_NUMBERS_H
#define QG_STATS_NUMBERS_H

#include "base/arena.h"
#include "base/err.h"
#include "stats/stats.h"

#include <stdint.h>

/* QG_EARG where alpha is not within (0, 0.5). */
qg_status qg_alpha_check(double alpha, qg_err *err);

/* QG_EARG for fewer than `least` numbers, QG_ENONFINITE for the first that is NaN or infinite.
 * `what` names one of them in the message: "sample", "document". */
qg_status qg_numbers_check(const double *x, size_t n, size_t least, const char *what, qg_err *err);

/* In place, rising. No NaN. */
void qg_numbers_sort(double *x, size_t n);

/* A sorted copy on the arena, in which -0 has become 0, so that its bits do not depend on how equal
 * numbers were ordered. NULL when out of memory. */
double *qg_numbers_sorted(qg_arena *arena, const double *x, size_t n);

/* The least whole number of from .. most for which `holds` is true; most + 1 where there is none.
 * Once true it must stay true: steps are doubled, then halved. */
typedef bool qg_holds(int64_t i, const void *what);
int64_t qg_least_where(int64_t from, int64_t most, qg_holds *holds, const void *what);

/* Of the two sides, with each at most 1. */
qg_pvalues qg_pvalues_of(double less, double greater);

#endif
