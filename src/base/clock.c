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

void qg_clock_wait_until(int64_t ns)
{
    struct timespec until = {ns / 1000000000, ns % 1000000000};

    while (source == monotonic && monotonic() < ns)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static int64_t calendar(void)
{
    return (int64_t)time(NULL);
}

static int64_t (*wall)(void) = calendar;

int64_t qg_clock_seconds(void)
{
    return wall();
}

void qg_clock_replace_wall(int64_t (*fake)(void))
{
    wall = fake ? fake : calendar;
}

void qg_clock_print(char out[21], int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm t;

    out[0] = '\0';
    if (gmtime_r(&when, &t))
        strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &t);
}

void qg_clock_utc(char out[21])
{
    qg_clock_print(out, qg_clock_seconds());
}

/* The text against a pattern in which a letter stands for a digit of field y, m, d, H, M or S. */
static bool read_fields(int fields[6], qg_str text, const char *pattern)
{
    static const char letters[] = "ymdHMS";

    if (text.len != strlen(pattern))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *letter = strchr(letters, pattern[i]);
        char c = text.ptr[i];
        if (!letter ? c != pattern[i] : c < '0' || c > '9')
            return false;
        if (letter)
            fields[letter - letters] = fields[letter - letters] * 10 + (c - '0');
    }
    return true;
}

bool qg_clock_read(int64_t *out, qg_str text)
{
    int f[6] = {0};

    if (!read_fields(f, text, text.len == 10 ? "yyyy-mm-dd" : "yyyy-mm-ddTHH:MM:SSZ"))
        return false;
    struct tm t = {.tm_year = f[0] - 1900,
                   .tm_mon = f[1] - 1,
                   .tm_mday = f[2],
                   .tm_hour = f[3],
                   .tm_min = f[4],
                   .tm_sec = f[5]};
    int64_t seconds = (int64_t)timegm(&t); /* which puts 30 February into March */
    if (f[0] < 1970 || t.tm_mon != f[1] - 1 || t.tm_mday != f[2] || f[3] > 23 || f[4] > 59 ||
        f[5] > 59)
        return false;
    *out = seconds;
    return true;
}
