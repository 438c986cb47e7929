/* What the numbers of a run were in earlier runs of a history: for the lines that reports show. */
#ifndef QG_CLI_EARLIER_H
#define QG_CLI_EARLIER_H

#include "record/record.h"
#include "report/report.h"

/* Fills options->trends from the newest runs of the same suite on the same kind of machine, the run
 * itself excepted; on the arena. None where the history cannot be read, which whoever appends to it
 * says. Fails only when out of memory. */
qg_status qg_earlier_find(qg_report_options *options, qg_arena *arena, const char *history,
                          const qg_run *run, qg_err *err);

#endif
