/* Time: see clock.h. */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t (*source)(void) = monotonic;

int64_t qg_clock_ns(void)
{
    return source();
}

void qg_clock_replace(int64_t (*fake)(void))
{
    source = fake ? fake : monotonic;
}

void qg_clock_utc(char out[21])
{
    time_t now = time(NULL);
    struct tm t;
    gmtime_r(&now, &t);
    strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &t);
}
