/* SIGINT and SIGTERM while a suite is measured: the first asks to stop, so that what was measured
 * is judged, reported and stored; a second one ends the program at once (exit 3; workers die with
 * it).
 */
#ifndef QG_CLI_INTERRUPT_H
#define QG_CLI_INTERRUPT_H

#include <signal.h>

/* Catches both from now on, and ends waiting for workers (base/process.h). The flag lives as long
 * as the program: not 0 once a signal came. */
const volatile sig_atomic_t *qg_interrupt_catch(void);
/* "SIGTERM", or NULL where none came. */
const char *qg_interrupt_name(void);

#endif
