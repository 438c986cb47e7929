/* Unit tests of backend/nvml: a library that is made here from ci/fake/nvml.c. It is opened by its
 * path first, so that the loader finds it by the name that a driver gives it. */
#include "backend/nvml.h"

#include "base/folder_check.h"

#include <dlfcn.h>
#include <stdlib.h>

#define BUS "00000000:3b:00.0"

static qg_err err;

static void begin(void)
{
    folder_begin();
    qg_err_clear(&err);
}

/* The library, which later calls of dlopen find; `options` for the compiler. */
static void install(const char *options)
{
    const char *path = folder_path("libnvidia-ml.so.1"), *root = getenv("QG_ROOT");
    const char *command = qg_arena_format(
        arena, "cc -shared -fPIC %s -Wl,-soname,libnvidia-ml.so.1 -o '%s' '%s/ci/fake/nvml.c'",
        options, path, root ? root : ".");

    ck_assert_int_eq(system(command), 0);
    ck_assert_ptr_nonnull(dlopen(path, RTLD_NOW | RTLD_LOCAL));
    setenv("FAKE_NVML_BUS", BUS, 1);
}

static qg_nvml *open_fake(void)
{
    qg_nvml *n = NULL;
    qg_status s = qg_nvml_open(&n, arena, BUS, &err);

    ck_assert_msg(s == QG_OK, "%s", err.message);
    return n;
}

static qg_device_state observe(const qg_nvml *n)
{
    qg_device_state d;

    qg_nvml_observe(&d, n);
    return d;
}

START_TEST(a_device_tells_its_state)
{
    install("");
    qg_nvml *n = open_fake();

    ck_assert_str_eq(qg_nvml_driver(n), "550.54.15");
    setenv("FAKE_NVML_MHZ", "1980", 1);
    setenv("FAKE_NVML_MILLIWATTS", "71500", 1);
    setenv("FAKE_NVML_CELSIUS", "34", 1);
    setenv("FAKE_NVML_REASONS", "0", 1);
    qg_device_state d = observe(n);
    ck_assert_int_eq(d.khz, 1980000);
    ck_assert_int_eq(d.milliwatts, 71500);
    ck_assert_int_eq(d.celsius, 34);
    ck_assert(!d.throttles && !d.power_capped);
}
END_TEST

/* nvmlClocksEventReason*: idle 1, a clock that a user set 2, power cap 4, HW slowdown 8, sync boost
 * 0x10, SW thermal 0x20, HW thermal 0x40, power brake 0x80, display 0x100. */
static const struct {
    const char *reasons;
    bool throttles, power_capped;
} slow[] = {
    {"0x1", false, false},   {"0x2", false, false},  {"0x4", false, true},  {"0x8", true, false},
    {"0x10", false, false},  {"0x20", true, false},  {"0x40", true, false}, {"0x80", true, false},
    {"0x100", false, false}, {"0x13", false, false}, {"0x44", true, true},
};

START_TEST(heat_and_power_are_told_apart)
{
    install("");
    setenv("FAKE_NVML_REASONS", slow[_i].reasons, 1);
    qg_device_state d = observe(open_fake());
    ck_assert_int_eq(d.throttles, slow[_i].throttles);
    ck_assert_int_eq(d.power_capped, slow[_i].power_capped);
}
END_TEST

START_TEST(memory_is_that_of_this_process)
{
    install("");
    setenv("FAKE_NVML_USED", "5000", 1);
    qg_nvml *n = open_fake();

    setenv("FAKE_NVML_OTHER", "4000", 1);
    setenv("FAKE_NVML_OWN", "3000", 1);
    setenv("FAKE_NVML_USED", "12000", 1);
    ck_assert_int_eq(observe(n).used_bytes, 3000);
    unsetenv("FAKE_NVML_OWN"); /* not listed: what is in use now and was not before */
    ck_assert_int_eq(observe(n).used_bytes, 7000);
    setenv("FAKE_NVML_OWN", "0xffffffffffffffff", 1); /* NVML_VALUE_NOT_AVAILABLE */
    ck_assert_int_eq(observe(n).used_bytes, 7000);
    setenv("FAKE_NVML_USED", "4000", 1); /* others gave back more than we took */
    ck_assert_int_eq(observe(n).used_bytes, 0);
}
END_TEST

START_TEST(what_is_refused_is_not_known)
{
    install("");
    qg_device_state d = observe(open_fake());

    ck_assert_int_eq(d.used_bytes, -1);
    ck_assert_int_eq(d.khz, 0);
    ck_assert_int_eq(d.milliwatts, 0);
    ck_assert_int_eq(d.celsius, 0);
    ck_assert(!d.throttles && !d.power_capped);
}
END_TEST

START_TEST(without_it_the_reason_is_told)
{
    qg_nvml *n;

    if (!dlopen("libnvidia-ml.so.1", RTLD_NOW)) {
        ck_assert_int_eq(qg_nvml_open(&n, arena, BUS, &err), QG_EDEVICE);
        ck_assert_msg(strstr(err.message, "NVML is missing"), "%s", err.message);
        qg_err_clear(&err);
    }
    install("");
    ck_assert_int_eq(qg_nvml_open(&n, arena, "00000000:af:00.0", &err), QG_EDEVICE);
    ck_assert_str_eq(err.message, "NVML does not know the device at 00000000:af:00.0 (status 6)");
    qg_err_clear(&err);
    setenv("FAKE_NVML_INIT", "9", 1); /* NVML_ERROR_DRIVER_NOT_LOADED */
    ck_assert_int_eq(qg_nvml_open(&n, arena, BUS, &err), QG_EDEVICE);
    ck_assert_str_eq(err.message, "NVML does not start here (status 9)");
}
END_TEST

START_TEST(an_old_driver_is_named)
{
    qg_nvml *n;

    install("-DOLD");
    ck_assert_int_eq(qg_nvml_open(&n, arena, BUS, &err), QG_EDEVICE);
    ck_assert_str_eq(err.message,
                     "NVML lacks 'nvmlDeviceGetComputeRunningProcesses_v3': update the driver");
}
END_TEST

START_TEST(every_failed_allocation_is_reported)
{
    qg_nvml *n;

    install("");
    for (long i = 1; i <= 2; i++) {
        qg_arena_fail_after(i);
        ck_assert_int_eq(qg_nvml_open(&n, arena, BUS, NULL), QG_ENOMEM);
        ck_assert(!qg_arena_fail_after(0));
    }
}
END_TEST

Suite *nvml_check(void)
{
    Suite *s = suite_create("nvml_check");
    TCase *c = tcase_create("nvml");

    suite_add_tcase(s, c);
    tcase_add_checked_fixture(c, begin, folder_end);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_device_tells_its_state);
    tcase_add_loop_test(c, heat_and_power_are_told_apart, 0, sizeof slow / sizeof *slow);
    tcase_add_test(c, memory_is_that_of_this_process);
    tcase_add_test(c, what_is_refused_is_not_known);
    tcase_add_test(c, without_it_the_reason_is_told);
    tcase_add_test(c, an_old_driver_is_named);
    tcase_add_test(c, every_failed_allocation_is_reported);
    return s;
}
