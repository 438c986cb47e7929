/* Unit tests of backend/ledger: sums and the peak. */
#include "backend/ledger.h"

#include "check_suites.h"

START_TEST(the_peak_is_the_largest_total_since_its_reset)
{
    qg_ledger l = {0};

    qg_ledger_add(&l, QG_PURPOSE_WEIGHTS, 1000);
    qg_ledger_add(&l, QG_PURPOSE_KV_CACHE, 500);
    qg_ledger_add(&l, QG_PURPOSE_KV_CACHE, -500);
    qg_ledger_add(&l, QG_PURPOSE_WORKSPACE, 1);
    ck_assert_int_eq(qg_ledger_total(&l), 1001);
    ck_assert_int_eq(l.peak, 1500);
    qg_ledger_reset_peak(&l);
    ck_assert_int_eq(l.peak, 1001);
    qg_ledger_add(&l, QG_PURPOSE_ACTIVATIONS, 9);
    ck_assert_int_eq(l.peak, 1010);
    ck_assert_int_eq(l.bytes[QG_PURPOSE_WEIGHTS], 1000);
    ck_assert_int_eq(l.bytes[QG_PURPOSE_KV_CACHE], 0);
}
END_TEST

START_TEST(purposes_have_the_names_of_reports)
{
    ck_assert_str_eq(qg_purpose_name(QG_PURPOSE_WEIGHTS), "weights");
    ck_assert_str_eq(qg_purpose_name(QG_PURPOSE_KV_CACHE), "kv_cache");
    ck_assert_str_eq(qg_purpose_name(QG_PURPOSE_ACTIVATIONS), "activations");
    ck_assert_str_eq(qg_purpose_name(QG_PURPOSE_WORKSPACE), "workspace");
}
END_TEST

Suite *ledger_check(void)
{
    Suite *s = suite_create("ledger_check");
    TCase *c = tcase_create("ledger");

    suite_add_tcase(s, c);
    tcase_add_test(c, the_peak_is_the_largest_total_since_its_reset);
    tcase_add_test(c, purposes_have_the_names_of_reports);
    return s;
}
