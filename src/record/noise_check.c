/* Unit tests of record/noise: rows out and back, and files that are none. */
#include "record/noise.h"

#include "base/folder_check.h"

#include <math.h>

START_TEST(rows_come_back)
{
    qg_noise_row rows[] = {
        {"fp16/perf/b1", QG_METRIC_TPOT_P50, 10, 60, 4.5e6, 0.01, 0.02, 0.005, 0},
        {"awq/perf/b8", QG_METRIC_THROUGHPUT, 10, 60, 812.5, 0, 0, 0, 0}};
    qg_noise out = {.path = qg_noise_path(arena, folder, "a b", "f00d"),
                    .head = "quantgate calibrate x",
                    .rows = rows,
                    .n_rows = 2},
             *in;

    ck_assert_str_eq(qg_path_base(out.path), "a-b-f00d.csv");
    ck_assert_int_eq(qg_noise_write(&out, arena, NULL), QG_OK);
    ck_assert_int_eq(qg_noise_read(&in, arena, out.path, NULL), QG_OK);
    ck_assert_str_eq(in->head, "quantgate calibrate x");
    ck_assert_uint_eq(in->n_rows, 2);
    const qg_noise_row *r = qg_noise_of(in, "fp16/perf/b1", QG_METRIC_TPOT_P50);
    ck_assert_int_eq(r->samples, 60);
    ck_assert_double_eq(r->value, 4.5e6);
    ck_assert_double_eq(r->between, 0.02);
    ck_assert_int_eq(r->line, 3);
    ck_assert_double_eq_tol(qg_noise_floor(in, "fp16/perf/b1", QG_METRIC_TPOT_P50), 0.015, 1e-15);
    ck_assert_ptr_null(qg_noise_of(in, "fp16/perf/b8", QG_METRIC_TPOT_P50));
    ck_assert_double_eq(qg_noise_floor(NULL, "fp16/perf/b1", QG_METRIC_TPOT_P50), 0);
}
END_TEST

static const struct {
    const char *text, *message;
    int line;
} broken[] = {
    {"", "not a file of calibrated noise", 1},
    {"# head\n", "not a file of calibrated noise", 1},
    {"a,b\n", "not a file of calibrated noise", 1},
    {"# h\ncase,metric,runs,samples,value,half_width,between,paired\na,tpot_p50,1,2,3,4,5\n",
     "8 cells", 3},
    {"case,metric,runs,samples,value,half_width,between,paired\na,tpot_p50,1,2,3,4,5,6,7\n",
     "8 cells", 2},
    {"case,metric,runs,samples,value,half_width,between,paired\na,tpot_p51,1,2,3,4,5,6\n",
     "unknown metric", 2},
    {"case,metric,runs,samples,value,half_width,between,paired\na,tpot_p50,1,2,nan,4,5,6\n",
     "not a number", 2},
    {"case,metric,runs,samples,value,half_width,between,paired\na,tpot_p50,1,2,3,4,5,-6\n",
     "not a number", 2},
    {"case,metric,runs,samples,value,half_width,between,paired\na,tpot_p50,x,2,3,4,5,6\n",
     "not a number", 2},
};

START_TEST(other_files_are_refused)
{
    const char *path = qg_path_join(arena, folder, "n.csv");
    qg_noise *in;
    qg_err err = {0};

    ck_assert_int_eq(qg_file_write(path, qg_str_from(broken[_i].text), NULL), QG_OK);
    ck_assert_int_eq(qg_noise_read(&in, arena, path, &err), QG_EFORMAT);
    ck_assert_msg(strstr(err.message, broken[_i].message), "%s", err.message);
    ck_assert_int_eq(err.line, broken[_i].line);
}
END_TEST

START_TEST(no_file_is_not_found)
{
    qg_noise *in;
    ck_assert_int_eq(qg_noise_read(&in, arena, qg_path_join(arena, folder, "x.csv"), NULL),
                     QG_ENOTFOUND);
}
END_TEST

Suite *noise_check(void)
{
    Suite *s = suite_create("noise_check");
    TCase *t = tcase_create("noise");

    tcase_add_checked_fixture(t, folder_begin, folder_end);
    tcase_add_test(t, rows_come_back);
    tcase_add_loop_test(t, other_files_are_refused, 0, (int)(sizeof broken / sizeof *broken));
    tcase_add_test(t, no_file_is_not_found);
    suite_add_tcase(s, t);
    return s;
}
