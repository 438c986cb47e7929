/* What the machine does to this process while it takes samples: run delay, steal, other processes,
 * throttling, clock.
 *
 * Read around each sample, outside what is timed, from files of the kernel: run delay from
 * /proc/self/task/T/schedstat (Documentation/scheduler/sched-stats.rst: time spent waiting on a run
 * queue; of all threads the one that waited most counts, as a step ends with its last thread),
 * steal from /proc/stat, throttling and clock from /sys/devices/system/cpu. What a machine does not
 * have reads as 0. Of a GPU its own clock and throttling count, as its driver tells them when the
 * sample has ended.
 *
 * A process on the other thread of a core makes this one wait for nothing, yet halves its speed,
 * and one on another core takes its share of clock, cache and memory. So the time that others
 * worked is taken as well (cpustat.h): what all processors were busy, less what this process used.
 * The kernel may count in ticks that are longer than a sample; over many samples that evens out, so
 * the sums may go down for a while.
 */
#ifndef QG_MEASURE_PRESSURE_H
#define QG_MEASURE_PRESSURE_H

#include "base/arena.h"
#include "engine/engine.h"
#include "measure/cpustat.h"
#include "record/record.h"

enum { QG_PRESSURE_THREADS = 256 }; /* of more, the first count */

typedef struct qg_pressure_meter {
    const char *root;        /* "" or a folder that stands for / in tests */
    const qg_engine *engine; /* whose device is looked at; NULL: the processor alone */
    int64_t begun_ns;
    int64_t delay_ns[QG_PRESSURE_THREADS];
    size_t n_threads;
    int64_t throttles;
    qg_cpustat stat;
    bool is_set, cores[QG_CPUS];      /* the cores in use: found at the first sample */
    int64_t own_ns;                   /* CPU time of this process                    */
    int64_t others_ns, neighbours_ns; /* so far, as measured: may be below 0         */
} qg_pressure_meter;

/* Around one sample; the meter is zeroed before the first. `end` adds what happened to *sum.
 * scratch is rewound. */
void qg_pressure_begin(qg_pressure_meter *m, qg_arena *scratch);
void qg_pressure_end(qg_pressure *sum, qg_pressure_meter *m, qg_arena *scratch);

/* Adds what a device said when a sample had ended; qg_pressure_end() calls it. */
void qg_pressure_add_device(qg_pressure *sum, const qg_device_state *device);

/* Nanoseconds that one reading of the clock takes: the least of many. */
int64_t qg_pressure_timer_ns(void);

#endif
