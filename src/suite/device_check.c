/* Unit tests of suite/device: which names there are. */
#include "suite/device.h"

#include <check.h>

#include "check_suites.h"

static int class_of(const char *name)
{
    qg_device d;

    return qg_device_find(&d, qg_str_from(name)) ? (int)d : -1;
}

START_TEST(a_name_has_a_class)
{
    ck_assert_int_eq(class_of("auto"), QG_DEVICE_AUTO);
    ck_assert_int_eq(class_of("cpu"), QG_DEVICE_CPU);
    ck_assert_int_eq(class_of("cuda"), QG_DEVICE_CUDA);
    ck_assert_int_eq(class_of("cuda:0"), QG_DEVICE_CUDA);
    ck_assert_int_eq(class_of("cuda:12"), QG_DEVICE_CUDA);
}
END_TEST

START_TEST(others_have_none)
{
    static const char *const bad[] = {
        "",        "CPU",     "gpu",     "cuda:", "cuda:x", "cuda:-1",
        "cuda:+1", "cuda: 1", "cuda:1x", "cpu:0", "cuda1",  "cuda:99999999999999999999999"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(class_of(bad[i]) == -1, "'%s'", bad[i]);
}
END_TEST

Suite *device_check(void)
{
    Suite *s = suite_create("device_check");
    TCase *t = tcase_create("device");

    tcase_add_test(t, a_name_has_a_class);
    tcase_add_test(t, others_have_none);
    suite_add_tcase(s, t);
    return s;
}
