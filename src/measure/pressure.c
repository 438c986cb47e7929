/* Pressure: see pressure.h. */
#include "measure/pressure.h"

#include "base/clock.h"
#include "base/file.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Text of a small file; "" where there is none. Files of /proc have no size: read, not mapped. */
static const char *small_file(char *out, size_t cap, const char *path)
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(out, 1, cap - 1, f) : 0;

    out[n] = '\0';
    if (f)
        fclose(f);
    return out;
}

static int64_t number_in(const char *path)
{
    char text[64];
    return strtoll(small_file(text, sizeof text, path), NULL, 10);
}

/* Second number of schedstat: nanoseconds on a run queue. */
static int64_t run_delay(const char *path)
{
    char text[128];
    long long on_cpu, delay;

    return sscanf(small_file(text, sizeof text, path), "%lld %lld", &on_cpu, &delay) == 2 ? delay
                                                                                          : 0;
}

/* Of each thread, in the order of the folder, which does not change while no thread comes or goes.
 */
static size_t read_delays(int64_t delay_ns[QG_PRESSURE_THREADS], const char *root,
                          qg_arena *scratch)
{
    const char *folder = qg_arena_format(scratch, "%s/proc/self/task", root);
    DIR *dir = folder ? opendir(folder) : NULL;
    struct dirent *entry;
    size_t n = 0;

    while (dir && n < QG_PRESSURE_THREADS && (entry = readdir(dir)) != NULL) {
        const char *path = qg_arena_format(scratch, "%s/%s/schedstat", folder, entry->d_name);
        if (entry->d_name[0] != '.' && path)
            delay_ns[n++] = run_delay(path);
    }
    if (dir)
        closedir(dir);
    return n;
}

static int64_t n_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? n : 1;
}

static int64_t read_throttles(const char *root, qg_arena *scratch)
{
    int64_t sum = 0;

    for (int64_t cpu = 0; cpu < n_cpus(); cpu++) {
        const char *path = qg_arena_format(scratch,
                                           "%s/sys/devices/system/cpu/cpu%lld/thermal_throttle/"
                                           "core_throttle_count",
                                           root, (long long)cpu);
        sum += path ? number_in(path) : 0;
    }
    return sum;
}

static void note_khz(qg_pressure *sum, int64_t khz)
{
    if (khz <= 0)
        return;
    if (sum->khz_least == 0 || khz < sum->khz_least)
        sum->khz_least = khz;
    if (khz > sum->khz_greatest)
        sum->khz_greatest = khz;
}

static void note_clock(qg_pressure *sum, const char *root, qg_arena *scratch)
{
    for (int64_t cpu = 0; cpu < n_cpus(); cpu++) {
        const char *path =
            qg_arena_format(scratch, "%s/sys/devices/system/cpu/cpu%lld/cpufreq/scaling_cur_freq",
                            root, (long long)cpu);
        note_khz(sum, path ? number_in(path) : 0);
    }
}

/* ---- other processes ---- */

static int64_t own_time(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0
               ? (int64_t)t.tv_sec * 1000000000 + t.tv_nsec
               : 0;
}

static void find_cores(qg_pressure_meter *m, const char *root)
{
    cpu_set_t set;

    m->is_set = true;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    for (int cpu = 0; cpu < QG_CPUS; cpu++)
        if (CPU_ISSET(cpu, &set))
            qg_cpustat_core(m->cores, root, cpu);
}

static int64_t busy_on_cores(const qg_cpustat *s, const bool cores[QG_CPUS])
{
    int64_t sum = 0;

    for (int cpu = 0; cpu < s->n; cpu++)
        if (cores[cpu])
            sum += s->busy[cpu];
    return sum;
}

static int64_t not_negative(int64_t ns)
{
    return ns > 0 ? ns : 0;
}

static void add_others(qg_pressure *sum, qg_pressure_meter *m, const qg_cpustat *now, int64_t own)
{
    m->others_ns += now->busy_all - m->stat.busy_all - own;
    m->neighbours_ns += busy_on_cores(now, m->cores) - busy_on_cores(&m->stat, m->cores) - own;
    sum->others_ns = not_negative(m->others_ns);
    sum->neighbours_ns = not_negative(m->neighbours_ns);
}

void qg_pressure_begin(qg_pressure_meter *m, qg_arena *scratch)
{
    qg_arena_mark mark = qg_arena_here(scratch);
    const char *root = m->root ? m->root : "";

    if (!m->is_set)
        find_cores(m, root);
    m->throttles = read_throttles(root, scratch);
    m->n_threads = read_delays(m->delay_ns, root, scratch);
    qg_cpustat_read(&m->stat, root);
    m->own_ns = own_time();
    m->begun_ns = qg_clock_ns();
    qg_arena_rewind(scratch, mark);
}

void qg_pressure_end(qg_pressure *sum, qg_pressure_meter *m, qg_arena *scratch)
{
    int64_t now_ns = qg_clock_ns(), own = own_time() - m->own_ns;
    int64_t delay_ns[QG_PRESSURE_THREADS], most = 0;
    qg_arena_mark mark = qg_arena_here(scratch);
    const char *root = m->root ? m->root : "";
    size_t n = read_delays(delay_ns, root, scratch);
    qg_cpustat now;

    for (size_t i = 0; i < n && n == m->n_threads; i++)
        most = delay_ns[i] - m->delay_ns[i] > most ? delay_ns[i] - m->delay_ns[i] : most;
    sum->sampled_ns += now_ns - m->begun_ns;
    sum->delay_ns += most;
    if (qg_cpustat_read(&now, root) && m->stat.n > 0) {
        sum->steal_ns += not_negative(now.steal_all - m->stat.steal_all) / now.n;
        add_others(sum, m, &now, own);
    }
    int64_t throttled = read_throttles(root, scratch) - m->throttles;
    sum->throttles += throttled > 0 ? throttled : 0;
    qg_device_state device;
    if (m->engine && qg_engine_observe(&device, m->engine))
        qg_pressure_add_device(sum, &device);
    else
        note_clock(sum, root, scratch);
    qg_arena_rewind(scratch, mark);
}

void qg_pressure_add_device(qg_pressure *sum, const qg_device_state *device)
{
    note_khz(sum, device->khz);
    sum->throttles += device->throttles;
    sum->power_caps += device->power_capped;
}

int64_t qg_pressure_timer_ns(void)
{
    int64_t least = INT64_MAX;

    for (int i = 0; i < 1000; i++) {
        int64_t a = qg_clock_ns(), b = qg_clock_ns();
        least = b - a < least ? b - a : least;
    }
    return least > 0 ? least : 0;
}
