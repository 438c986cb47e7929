/* Many judgements at once: p-values adjusted so that they can be held against one alpha for all.
 *
 * Holm (1979): the chance of even one false call among all stays at most alpha, however the
 * judgements depend on each other. Benjamini and Hochberg (1995): of the calls, the expected share
 * of false ones stays at most alpha (independent or positively dependent judgements): for lists
 * that a person will read, not for a gate.
 *
 * An adjusted p-value is the least alpha at which the procedure would call that judgement. Equal
 * p-values get equal adjusted ones, so the order of ties, which is the order given, never matters.
 *
 * p [n], each from 0 to 1, else QG_EARG (QG_ENONFINITE for NaN); n may be 0. adjusted [n] is in the
 * order of p and may be p itself.
 */
#ifndef QG_STATS_MULTIPLE_H
#define QG_STATS_MULTIPLE_H

#include "base/arena.h"
#include "base/err.h"

/* The k-th smallest of n times n - k + 1, or what a smaller one got if that is more. */
qg_status qg_multiple_holm(double *adjusted, qg_arena *scratch, const double *p, size_t n,
                           qg_err *err);
/* The k-th smallest of n times n / k, or what a greater one got if that is less. */
qg_status qg_multiple_bh(double *adjusted, qg_arena *scratch, const double *p, size_t n,
                         qg_err *err);

#endif
