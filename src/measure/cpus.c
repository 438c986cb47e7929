/* Processors: see cpus.h. Idle time is the fourth and fifth number of the processor's line in
 * /proc/stat (idle, waiting for a disk), in ticks; so what was idle all the while ties, and then
 * the highest number wins, as the first ones serve most interrupts. */
#include "measure/cpus.h"

#include "base/str.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOMENT_NS = 50000000 };

/* Ticks that each processor was idle since the start; false where the kernel does not say. */
static bool read_idle(long long idle[CPU_SETSIZE])
{
    FILE *f = fopen("/proc/stat", "re");
    char line[512];
    bool any = false;

    memset(idle, 0, CPU_SETSIZE * sizeof *idle);
    while (f && fgets(line, sizeof line, f)) {
        int cpu;
        long long rest, wait;
        if (sscanf(line, "cpu%d %*s %*s %*s %lld %lld", &cpu, &rest, &wait) == 3 && cpu >= 0 &&
            cpu < CPU_SETSIZE) {
            idle[cpu] = rest + wait;
            any = true;
        }
    }
    if (f)
        fclose(f);
    return any;
}

/* The processor of the set that was idle longest, out of the set. */
static int take_idlest(cpu_set_t *set, const long long before[], const long long after[])
{
    int best = -1;

    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, set) &&
            (best < 0 || after[cpu] - before[cpu] >= after[best] - before[best]))
            best = cpu;
    if (best >= 0)
        CPU_CLR(best, set);
    return best;
}

const char *qg_cpus_choose(qg_arena *arena, int64_t n)
{
    long long before[CPU_SETSIZE], after[CPU_SETSIZE];
    struct timespec moment = {0, MOMENT_NS};
    cpu_set_t set;
    qg_buf list;

    if (n < 1 || sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) <= n ||
        !read_idle(before))
        return NULL;
    nanosleep(&moment, NULL);
    read_idle(after);
    qg_buf_init(&list, arena);
    for (int64_t i = 0; i < n; i++)
        qg_buf_format(&list, "%s%d", i ? "," : "", take_idlest(&set, before, after));
    return list.failed ? NULL : list.ptr;
}

qg_status qg_cpus_bind(const char *list, qg_err *err)
{
    qg_str rest = qg_str_from(list), part;
    cpu_set_t set;

    CPU_ZERO(&set);
    while (qg_str_split(&rest, ',', &part)) {
        int64_t cpu;
        if (!qg_str_to_int(part, &cpu) || cpu < 0 || cpu >= CPU_SETSIZE)
            return qg_fail(err, QG_EARG, "'%.60s' is no list of processors", list);
        CPU_SET((int)cpu, &set);
    }
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        return qg_fail(err, QG_EIO, "cannot run on processors %.60s: %s", list, strerror(errno));
    return QG_OK;
}
