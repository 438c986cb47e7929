/* Time, behind a pointer that tests replace. */
#ifndef QG_BASE_CLOCK_H
#define QG_BASE_CLOCK_H

#include "base/str.h"

/* Monotonic nanoseconds from an arbitrary start. */
int64_t qg_clock_ns(void);
/* Sleeps until qg_clock_ns() has reached `ns`; not at all where tests have replaced it. */
void qg_clock_wait_until(int64_t ns);
/* Wall time as "2026-01-31T23:59:59Z" (20 characters and the NUL). */
void qg_clock_utc(char out[21]);
/* Wall time in seconds since 1970, and such a time as text. */
int64_t qg_clock_seconds(void);
void qg_clock_print(char out[21], int64_t seconds);
/* Such a time, or a day ("2026-01-31", its first second), as seconds since 1970. False for every
 * other text, days that no calendar has included. */
bool qg_clock_read(int64_t *out, qg_str text);

/* Tests: `fake` answers qg_clock_ns() until it is called again with NULL. */
void qg_clock_replace(int64_t (*fake)(void));
/* The same of qg_clock_seconds(). */
void qg_clock_replace_wall(int64_t (*fake)(void));

#endif
