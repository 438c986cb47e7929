/* Unit tests of measure/pressure: files of the kernel as they are written here. */
#include "measure/pressure.h"

#include "base/clock.h"
#include "base/folder_check.h"

#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t now_ns;

static int64_t fake_clock(void)
{
    return now_ns += 1000000;
}

static void put(const char *path, const char *text)
{
    char *whole = qg_path_join(arena, folder, path);

    for (char *slash = strchr(whole + strlen(folder) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0755);
        *slash = '/';
    }
    ck_assert_int_eq(qg_file_write(whole, qg_str_from(text), NULL), QG_OK);
}

START_TEST(what_happened_between_is_added)
{
    qg_pressure_meter meter = {.root = folder};
    qg_pressure p = {.sampled_ns = 5, .delay_ns = 7};
    int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);

    put("proc/self/task/10/schedstat", "100 1000 3\n");
    put("proc/self/task/11/schedstat", "100 5000 3\n");
    put("proc/stat", "cpu  1 2 3 4 5 6 7 40 9 10\ncpu0 0 0 0 0 0 0 0 0 0 0\n");
    put("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n");
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2400000\n");
    qg_clock_replace(fake_clock);
    qg_pressure_begin(&meter, arena);
    put("proc/self/task/10/schedstat", "100 1900 3\n");
    put("proc/self/task/11/schedstat", "100 5200 3\n");
    put("proc/stat", "cpu  1 2 3 4 5 6 7 1040 9 10\ncpu0 0 0 0 0 0 0 0 0 0 0\n");
    put("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "5\n");
    qg_pressure_end(&p, &meter, arena);
    qg_clock_replace(NULL);
    ck_assert_int_eq(p.sampled_ns, 5 + 1000000);
    ck_assert_int_eq(p.delay_ns, 7 + 900); /* the thread that waited most */
    ck_assert_int_eq(p.throttles, 2);
    ck_assert_int_eq(p.khz_least, 2400000);
    ck_assert_int_eq(p.khz_greatest, 2400000);
    ck_assert_int_eq(p.steal_ns, 1000 * tick); /* of one processor */
}
END_TEST

START_TEST(a_device_adds_its_clock_and_what_held_it_back)
{
    qg_pressure p = {.throttles = 1};

    qg_pressure_add_device(&p, &(qg_device_state){.khz = 1980000, .power_capped = true});
    qg_pressure_add_device(&p, &(qg_device_state){.khz = 1200000, .throttles = true});
    qg_pressure_add_device(&p, &(qg_device_state){.used_bytes = -1}); /* it told nothing */
    ck_assert_int_eq(p.khz_least, 1200000);
    ck_assert_int_eq(p.khz_greatest, 1980000);
    ck_assert_int_eq(p.throttles, 2);
    ck_assert_int_eq(p.power_caps, 1);
}
END_TEST

/* A process that works all the time on the other thread of our core, and one on another core. */
START_TEST(the_work_of_others_is_counted)
{
    int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);
    qg_pressure_meter *meter = QG_NEW(arena, qg_pressure_meter);
    qg_pressure p = {0};
    cpu_set_t all, first;
    char text[300], path[100];
    int cpu = 0;

    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&first);
    CPU_SET(cpu, &first);
    ck_assert_int_eq(sched_setaffinity(0, sizeof first, &first), 0);
    meter->root = folder;
    snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    snprintf(text, sizeof text, "%d,%d\n", cpu, cpu + 2);
    put(path, text);
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text,
                 "cpu  0 0 0 0 0 0 0 0 0 0\ncpu%d 100 0 0 0 0 0 0 0 0 0\n"
                 "cpu%d 1 2 %d 0 0 3 4 0 0 0\ncpu%d %d 0 0 0 0 0 0 0 0 0\n",
                 cpu, cpu + 1, 10 * i, cpu + 2, 50 * i);
        put("proc/stat", text);
        if (i % 2 == 0)
            qg_pressure_begin(meter, arena);
        else
            qg_pressure_end(&p, meter, arena);
    }
    sched_setaffinity(0, sizeof all, &all);
    /* two samples; what happened between them is not counted; this process used next to nothing */
    ck_assert_int_le(p.neighbours_ns, 100 * tick);
    ck_assert_int_gt(p.neighbours_ns, 90 * tick);
    ck_assert_int_le(p.others_ns, 120 * tick);
    ck_assert_int_gt(p.others_ns, 110 * tick);
}
END_TEST

START_TEST(own_work_is_not_that_of_others)
{
    qg_pressure_meter *meter = QG_NEW(arena, qg_pressure_meter);
    qg_pressure p = {0};
    volatile double x = 1;

    meter->root = folder;
    put("proc/stat", "cpu 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\n");
    qg_pressure_begin(meter, arena);
    for (int i = 0; i < 3000000; i++)
        x += 1 / x;
    qg_pressure_end(&p, meter, arena);
    ck_assert_int_lt(meter->others_ns, 0); /* as measured: the kernel counted nothing of it yet */
    ck_assert_int_eq(p.others_ns, 0);
}
END_TEST

START_TEST(a_machine_that_says_nothing_reads_as_none)
{
    qg_pressure_meter meter = {.root = folder};
    qg_pressure p = {0};

    put("proc/self/task/1/schedstat", "garbage");
    qg_pressure_begin(&meter, arena);
    qg_pressure_end(&p, &meter, arena);
    ck_assert(p.delay_ns == 0 && p.steal_ns == 0 && p.throttles == 0 && p.khz_least == 0);
    ck_assert_int_gt(p.sampled_ns, 0);
}
END_TEST

START_TEST(this_machine_can_be_read)
{
    qg_pressure_meter meter = {0};
    qg_pressure p = {0};

    qg_pressure_begin(&meter, arena);
    qg_pressure_end(&p, &meter, arena);
    ck_assert_uint_ge(meter.n_threads, 1);
    ck_assert_int_lt(qg_pressure_timer_ns(), 100000);
}
END_TEST

Suite *pressure_check(void)
{
    Suite *s = suite_create("pressure_check");
    TCase *t = tcase_create("pressure");

    tcase_add_checked_fixture(t, folder_begin, folder_end);
    tcase_add_test(t, what_happened_between_is_added);
    tcase_add_test(t, the_work_of_others_is_counted);
    tcase_add_test(t, a_device_adds_its_clock_and_what_held_it_back);
    tcase_add_test(t, own_work_is_not_that_of_others);
    tcase_add_test(t, a_machine_that_says_nothing_reads_as_none);
    tcase_add_test(t, this_machine_can_be_read);
    suite_add_tcase(s, t);
    return s;
}
