/* Unit tests of measure/pressure: files of the kernel as they are written here. */
#include "measure/pressure.h"

#include "base/clock.h"
#include "base/folder_check.h"

#include <sys/stat.h>

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

    put("proc/self/task/10/schedstat", "100 1000 3\n");
    put("proc/self/task/11/schedstat", "100 5000 3\n");
    put("proc/stat", "cpu  1 2 3 4 5 6 7 40 9 10\ncpu0 0 0 0 0 0 0 0 0 0 0\n");
    put("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n");
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2400000\n");
    qg_clock_replace(fake_clock);
    qg_pressure_begin(&meter, arena);
    put("proc/self/task/10/schedstat", "100 1900 3\n");
    put("proc/self/task/11/schedstat", "100 5200 3\n");
    put("proc/stat", "cpu  1 2 3 4 5 6 7 1040 9 10\n");
    put("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "5\n");
    qg_pressure_end(&p, &meter, arena);
    qg_clock_replace(NULL);
    ck_assert_int_eq(p.sampled_ns, 5 + 1000000);
    ck_assert_int_eq(p.delay_ns, 7 + 900); /* the thread that waited most */
    ck_assert_int_eq(p.throttles, 2);
    ck_assert_int_eq(p.khz_least, 2400000);
    ck_assert_int_eq(p.khz_greatest, 2400000);
    ck_assert_int_gt(p.steal_ns, 0); /* 1000 ticks over the CPUs of this machine */
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
    tcase_add_test(t, a_machine_that_says_nothing_reads_as_none);
    tcase_add_test(t, this_machine_can_be_read);
    suite_add_tcase(s, t);
    return s;
}
