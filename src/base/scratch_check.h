/* For tests that need an arena and the error of the last call, and no file: set_up() and
 * tear_down() are a checked fixture. Every test file that includes this has its own two. */
#ifndef QG_BASE_SCRATCH_CHECK_H
#define QG_BASE_SCRATCH_CHECK_H

#include "base/arena.h"
#include "base/err.h"

#include "check_suites.h"

static qg_arena *arena;
static qg_err err;

static inline void set_up(void)
{
    arena = qg_arena_create();
    ck_assert_ptr_nonnull(arena);
    qg_err_clear(&err);
}

static inline void tear_down(void)
{
    qg_arena_free(arena);
}

#endif
