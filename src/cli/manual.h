/* The manual page, quantgate(1), in the man macros of roff: written from the tables that parsing
 * and --help read, so that the three cannot disagree. `make manual` leaves it in build/quantgate.1.
 */
#ifndef QG_CLI_MANUAL_H
#define QG_CLI_MANUAL_H

#include "cli/cli.h"

/* Appends the page. Out of memory shows in b->failed. */
void qg_cli_manual(qg_buf *b);

#endif
