/* Time, behind a pointer that tests replace. */
#ifndef QG_BASE_CLOCK_H
#define QG_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic nanoseconds from an arbitrary start. */
int64_t qg_clock_ns(void);
/* Wall time as "2026-01-31T23:59:59Z" (20 characters and the NUL). */
void qg_clock_utc(char out[21]);

/* Tests: `fake` answers qg_clock_ns() until it is called again with NULL. */
void qg_clock_replace(int64_t (*fake)(void));

#endif
