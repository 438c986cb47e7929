/* Unit tests of report/report_json: the record, byte for byte. */
#include "record/record_json.h"
#include "report/fixture_check.h"

static const char *render(const qg_run *run, const qg_report_options *options)
{
    return render_with(&qg_report_json, run, options);
}

START_TEST(it_is_the_record)
{
    qg_run run = {.suite = "x \xff", .seed = 7};
    qg_buf b;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_run_to_json(&b, &run, &err), QG_OK);
    ck_assert_str_eq(render(&run, NULL), b.ptr);
    ck_assert_ptr_nonnull(strstr(b.ptr, "\"suite\":\"x \xef\xbf\xbd\""));
}
END_TEST

Suite *report_json_check(void)
{
    Suite *s = suite_create("report_json_check");
    TCase *t = tcase_create("report_json");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, it_is_the_record);
    suite_add_tcase(s, t);
    return s;
}
