/* What the tests of the sinks share: base/scratch_check.h, and a run rendered as text. */
#ifndef QG_REPORT_FIXTURE_CHECK_H
#define QG_REPORT_FIXTURE_CHECK_H

#include "base/scratch_check.h"
#include "report/report.h"

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
