/* What the tests of the sinks share: an arena, the error of the last call, and a run rendered as
 * text. Every test file that includes this has its own. */
#ifndef QG_REPORT_FIXTURE_CHECK_H
#define QG_REPORT_FIXTURE_CHECK_H

#include "report/report.h"

#include "check_suites.h"

static qg_arena *arena;
static qg_err err;

static inline void set_up(void)
{
    arena = qg_arena_create();
    qg_err_clear(&err);
}

static inline void tear_down(void)
{
    qg_arena_free(arena);
}

/* What the sink writes, which is valid UTF-8 whatever the run holds. */
static inline const char *render_with(const qg_sink *sink, const qg_run *run,
                                      const qg_report_options *options)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_report_render(&b, sink, run, options, &err), QG_OK);
    ck_assert_uint_eq(qg_utf8_valid(qg_buf_view(&b)), b.len);
    return b.ptr;
}

#endif
