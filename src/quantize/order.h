/* An order of inputs: the largest first. */
#ifndef QG_QUANTIZE_ORDER_H
#define QG_QUANTIZE_ORDER_H

#include "base/arena.h"
#include "base/err.h"

/* *out [k] on `arena`: the indices of sizes [k], no NaN among them, by falling size, ties to the
 * lower index. */
qg_status qg_order_falling(int32_t **out, const double *sizes, int k, qg_arena *arena, qg_err *err);

#endif
