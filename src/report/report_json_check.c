/* Unit tests of report/report_json: the record, byte for byte. */
#include "report/report.h"

#include "check_suites.h"
#include "record/record_json.h"

static qg_arena *arena;
static qg_err err;

static void set_up(void)
{
    arena = qg_arena_create();
    qg_err_clear(&err);
}

static void tear_down(void)
{
    qg_arena_free(arena);
}

static const char *render(const qg_run *run, const qg_report_options *options)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_report_render(&b, &qg_report_json, run, options, &err), QG_OK);
    ck_assert_uint_eq(qg_utf8_valid(qg_buf_view(&b)), b.len);
    return b.ptr;
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
