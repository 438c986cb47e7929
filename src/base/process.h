/* A child process that is talked to in lines: one socket is its standard input and output, its
 * standard error goes to a temporary file without a name. The child dies with this process and at
 * the latest with the arena; from the terminal it gets no SIGINT, which is for this process to act
 * on. All that can go wrong with it is QG_EWORKER with what happened: how it ended (exit code,
 * signal), or that it gave no sign of life in time (then it is killed).
 */
#ifndef QG_BASE_PROCESS_H
#define QG_BASE_PROCESS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <signal.h>

typedef struct qg_process qg_process;

/* A flag that a signal handler sets: while it is not 0, waiting for a line fails with QG_ESTOPPED,
 * also a wait that the signal interrupts. NULL: none (the default). */
void qg_process_stop_on(const volatile sig_atomic_t *flag);

/* argv[0] is the path of the program; ended by NULL. A program that cannot be started shows as a
 * child that ended with exit code 127. */
qg_status qg_process_start(qg_process **out, qg_arena *arena, const char *const argv[],
                           qg_err *err);

/* Sends one line (the line feed is added). */
qg_status qg_process_send(qg_process *p, qg_str line, qg_err *err);

/* Waits for the next line of the child, without its line feed, on the arena. A line may have at
 * most QG_PROCESS_LINE_MAX bytes. */
#define QG_PROCESS_LINE_MAX ((size_t)256 << 20)
qg_status qg_process_line(qg_str *out, qg_arena *arena, qg_process *p, int64_t timeout_ns,
                          qg_err *err);

int qg_process_id(const qg_process *p);

/* The last lines (at most n, at most 4 KiB) of the child's standard error; "" where it is empty.
 * NULL when out of memory. */
const char *qg_process_log(qg_arena *arena, const qg_process *p, int n);

/* Closes the connection, gives the child a moment to end, then kills it. Called by the arena as
 * well. */
void qg_process_end(qg_process *p);

#endif
