/* Processors: see cpustat.h. Busy is the sum of user, nice, system, irq and softirq, the first,
 * second, third, sixth and seventh number of a line; the time of guests is in that of users. */
#include "measure/cpustat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 512, LINE = 512 };

static FILE *open_below(const char *root, const char *path)
{
    char whole[PATH];
    int n = snprintf(whole, sizeof whole, "%s%s", root, path);

    return n > 0 && (size_t)n < sizeof whole ? fopen(whole, "re") : NULL;
}

static int64_t tick_ns(void)
{
    long ticks = sysconf(_SC_CLK_TCK);
    return ticks > 0 ? 1000000000 / ticks : 0;
}

/* The line of one processor, or that of all, which has no number. */
static void take_line(qg_cpustat *s, const char *line, int64_t tick)
{
    char *numbers;
    long cpu = line[3] == ' ' ? -1 : strtol(line + 3, &numbers, 10);
    long long v[8] = {0};

    if (cpu < 0)
        numbers = (char *)line + 3;
    if (cpu >= QG_CPUS || sscanf(numbers, "%lld %lld %lld %lld %lld %lld %lld %lld", &v[0], &v[1],
                                 &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) < 4)
        return;
    if (cpu < 0) {
        s->steal_all = v[7] * tick;
        return;
    }
    s->busy[cpu] = (v[0] + v[1] + v[2] + v[5] + v[6]) * tick;
    s->idle[cpu] = (v[3] + v[4]) * tick;
    s->busy_all += s->busy[cpu];
    s->n = cpu >= s->n ? (int)cpu + 1 : s->n;
}

bool qg_cpustat_read(qg_cpustat *out, const char *root)
{
    FILE *f = open_below(root, "/proc/stat");
    char line[LINE];
    int64_t tick = tick_ns();

    memset(out, 0, sizeof *out);
    while (f && fgets(line, sizeof line, f) && strncmp(line, "cpu", 3) == 0)
        take_line(out, line, tick);
    if (f)
        fclose(f);
    return out->n > 0;
}

/* "0-1,64": a list of numbers and ranges. */
static void mark_list(bool marked[QG_CPUS], const char *list)
{
    for (char *end; *list; list = *end == ',' ? end + 1 : "") {
        long first = strtol(list, &end, 10), last = first;
        if (end == list)
            return;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        for (long cpu = first; cpu >= 0 && cpu <= last && cpu < QG_CPUS; cpu++)
            marked[cpu] = true;
    }
}

void qg_cpustat_core(bool marked[QG_CPUS], const char *root, int cpu)
{
    char path[PATH], list[LINE] = "";
    FILE *f;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    f = open_below(root, path);
    if (f && fgets(list, sizeof list, f))
        mark_list(marked, list);
    if (f)
        fclose(f);
    marked[cpu] = true;
}
