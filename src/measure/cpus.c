/* Processors: see cpus.h. What was idle all the while ties, and then the highest number wins, as
 * the first ones serve most interrupts. */
#include "measure/cpus.h"

#include "base/str.h"
#include "measure/cpustat.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

enum { MOMENT_NS = 50000000 };

_Static_assert(QG_CPUS == CPU_SETSIZE, "sets and times are of the same processors");

typedef struct choosing {
    const char *root;
    cpu_set_t set;         /* what may still be chosen */
    int64_t idle[QG_CPUS]; /* over the moment */
} choosing;

/* How idle the whole core of a processor was. */
static int64_t idle_of_core(const choosing *c, int cpu)
{
    bool core[QG_CPUS] = {false};
    int64_t sum = 0, n = 0;

    qg_cpustat_core(core, c->root, cpu);
    for (int i = 0; i < QG_CPUS; i++)
        if (core[i]) {
            sum += c->idle[i];
            n++;
        }
    return sum / n;
}

/* The processor of the most idle core, out of the set; its core counts as busy from now on. */
static int take_idlest(choosing *c)
{
    bool core[QG_CPUS] = {false};
    int64_t most = -1;
    int best = -1;

    for (int cpu = 0; cpu < QG_CPUS; cpu++) {
        int64_t idle = CPU_ISSET(cpu, &c->set) ? idle_of_core(c, cpu) : -1;
        if (idle >= most && idle >= 0) {
            most = idle;
            best = cpu;
        }
    }
    if (best < 0)
        return best;
    CPU_CLR(best, &c->set);
    qg_cpustat_core(core, c->root, best);
    for (int i = 0; i < QG_CPUS; i++)
        if (core[i])
            c->idle[i] = 0;
    return best;
}

static bool watch(choosing *c, qg_arena *scratch)
{
    qg_cpustat *s = QG_NEW_N(scratch, qg_cpustat, 2);
    struct timespec moment = {0, MOMENT_NS};

    if (!s || !qg_cpustat_read(&s[0], c->root))
        return false;
    nanosleep(&moment, NULL);
    qg_cpustat_read(&s[1], c->root);
    for (int i = 0; i < QG_CPUS; i++)
        c->idle[i] = s[1].idle[i] > s[0].idle[i] ? s[1].idle[i] - s[0].idle[i] : 0;
    return true;
}

const char *qg_cpus_choose(qg_arena *arena, int64_t n)
{
    choosing c = {.root = ""};
    qg_buf list;

    if (n < 1 || sched_getaffinity(0, sizeof c.set, &c.set) != 0 || CPU_COUNT(&c.set) <= n ||
        !watch(&c, arena))
        return NULL;
    qg_buf_init(&list, arena);
    for (int64_t i = 0; i < n; i++)
        qg_buf_format(&list, "%s%d", i ? "," : "", take_idlest(&c));
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
