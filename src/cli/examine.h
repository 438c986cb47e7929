/* The doctor's look at a folder before each load: notes and warnings go to stderr, and where there
 * is more than one mistake all of them do. Opening, which comes next, refuses with the first. */
#ifndef QG_CLI_EXAMINE_H
#define QG_CLI_EXAMINE_H

#include "cli/cli.h"

qg_status qg_cli_examine(const char *folder, const char *quantization, const char *activations,
                         qg_err *err);

#endif
