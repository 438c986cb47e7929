/* After a judged run: what is at fault where quality failed, and a bundle that shows it again. */
#ifndef QG_CLI_BLAMING_H
#define QG_CLI_BLAMING_H

#include "cli/gate.h"

/* Cases that `auto` looks into. */
enum { QG_BLAME_AUTO = 3 };

typedef struct qg_blame_options {
    const char *mode; /* "auto", "all", "off"; NULL: auto */
    const char *out;  /* folder that bundles go below; NULL: none are written */
} qg_blame_options;

/* Fills run->blames: one a case with a failed quality judgement, in the order of the cases. What
 * cannot be found out or written is a notice of the run, and the exit code stays as it is; a run
 * that a signal ended is left alone. QG_EARG: the mode is unknown. */
qg_status qg_blame_failures(qg_run *run, qg_cli *cli, const qg_plan *plan, const qg_gate_options *o,
                            const qg_blame_options *blame, qg_err *err);

#endif
