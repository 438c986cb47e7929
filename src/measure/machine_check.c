/* Unit tests of measure/machine: what the workers of one run say becomes one machine. */
#include "measure/machine.h"

#include "base/folder_check.h"

static const qg_machine cpu = {.device = "cpu", .tier = "avx2", .fingerprint = "1"},
                        ref = {.device = "cpu", .tier = "ref", .fingerprint = "2"},
                        gpu = {.device = "cuda", .tier = "cuda", .gpu = "H100", .fingerprint = "3"};

static qg_machine joined(const qg_machine *const of[], size_t n)
{
    qg_machine m = {0};

    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(qg_machine_join(&m, arena, of[i], NULL), QG_OK);
    return m;
}

START_TEST(workers_of_one_kind_are_one_machine)
{
    qg_machine m = joined((const qg_machine *[]){&cpu, &cpu, &cpu}, 3);

    ck_assert_str_eq(m.device, "cpu");
    ck_assert_str_eq(m.tier, "avx2");
    ck_assert_str_eq(m.fingerprint, "1");
    ck_assert_ptr_null(m.gpu);
}
END_TEST

START_TEST(another_device_or_tier_makes_another_machine)
{
    qg_machine both = joined((const qg_machine *[]){&cpu, &gpu}, 2);
    qg_machine again = joined((const qg_machine *[]){&cpu, &gpu, &cpu, &gpu}, 4);
    qg_machine three = joined((const qg_machine *[]){&cpu, &gpu, &ref}, 3);

    ck_assert_str_eq(both.device, "cpu+cuda");
    ck_assert_str_eq(both.tier, "avx2+cuda");
    ck_assert_str_eq(both.gpu, "H100");
    ck_assert(strlen(both.fingerprint) == 16 && strcmp(both.fingerprint, "1") != 0);
    ck_assert_str_eq(again.fingerprint, both.fingerprint);
    ck_assert_str_eq(three.device, "cpu+cuda");
    ck_assert_str_eq(three.tier, "avx2+cuda+ref");
    ck_assert_str_ne(three.fingerprint, both.fingerprint);
}
END_TEST

START_TEST(another_gpu_is_seen)
{
    qg_machine other = gpu;

    other.gpu = "A100";
    qg_machine m = joined((const qg_machine *[]){&gpu, &other}, 2);
    ck_assert_str_eq(m.gpu, "H100+A100");
    ck_assert_str_ne(m.fingerprint, "3");
}
END_TEST

Suite *machine_check(void)
{
    Suite *s = suite_create("machine_check");
    TCase *t = tcase_create("machine");

    tcase_add_checked_fixture(t, folder_begin, folder_end);
    tcase_add_test(t, workers_of_one_kind_are_one_machine);
    tcase_add_test(t, another_device_or_tier_makes_another_machine);
    tcase_add_test(t, another_gpu_is_seen);
    suite_add_tcase(s, t);
    return s;
}
