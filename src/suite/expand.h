/* Environment variables in the values of a suite.
 *
 * `${NAME}` is the value of NAME, which must be set; `${NAME:-default}` is the default where NAME
 * is not set or empty; `$${` is a literal `${`. What a variable holds is not expanded again. */
#ifndef QG_SUITE_EXPAND_H
#define QG_SUITE_EXPAND_H

#include "base/err.h"
#include "base/str.h"

enum { QG_EXPAND_MAX_BYTES = 1 << 16 };

/* `text` itself where there is nothing to expand; else a text on the arena, terminated by a NUL
 * that len does not count. QG_EFORMAT: not set, misspelled, no UTF-8, or longer than the bound. */
qg_status qg_expand(qg_str *out, qg_arena *arena, qg_str text, qg_err *err);

#endif
