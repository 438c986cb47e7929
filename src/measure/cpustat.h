/* What each processor has done since the machine was started, and which of them share a core.
 *
 * From /proc/stat (proc_stat(5); the kernel counts in ticks of 10 ms as a rule) and
 * /sys/devices/system/cpu/cpuN/topology/thread_siblings_list (Documentation/admin-guide/
 * cputopology.rst). `root` is "" or a folder that stands for / in tests. What a machine does not
 * tell reads as 0, and a processor as a core of its own.
 */
#ifndef QG_MEASURE_CPUSTAT_H
#define QG_MEASURE_CPUSTAT_H

#include <stdbool.h>
#include <stdint.h>

enum { QG_CPUS = 1024 }; /* more are left out, as in cpu_set_t */

typedef struct qg_cpustat { /* nanoseconds */
    int n;                  /* processors: the highest number plus one */
    int64_t busy[QG_CPUS];  /* at work, for whom ever */
    int64_t idle[QG_CPUS];  /* without work, waiting for a disk included */
    int64_t busy_all;       /* sum */
    int64_t steal_all;      /* taken by the hypervisor, sum */
} qg_cpustat;

/* False where the kernel does not tell; then all is 0. */
bool qg_cpustat_read(qg_cpustat *out, const char *root);

/* Marks the processors that share a core with one, itself included. */
void qg_cpustat_core(bool marked[QG_CPUS], const char *root, int cpu);

#endif
