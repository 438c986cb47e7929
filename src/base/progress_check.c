/* Unit tests of base/progress: the line, and silence where there is no terminal. */
#include "base/progress.h"

#include "check_suites.h"

START_TEST(the_line_tells_how_far_and_how_long)
{
    char line[128];

    qg_progress_line(line, "fp16/quality", 0.5, 12000000000);
    ck_assert_str_eq(line, "fp16/quality [############------------]  50 %  0:12 left");
    qg_progress_line(line, "x", 0, 1000);
    ck_assert_str_eq(line, "x [------------------------]   0 %");
    qg_progress_line(line, "x", 7, 90000000000);
    ck_assert_str_eq(line, "x [########################] 100 %  0:00 left");
    qg_progress_line(line, "x", 0.25, 60000000000);
    ck_assert_str_eq(line, "x [######------------------]  25 %  3:00 left");
}
END_TEST

START_TEST(files_stay_clean)
{
    FILE *f = tmpfile();
    qg_progress p;

    qg_progress_begin(&p, f, "label");
    qg_progress_update(&p, 0.5);
    qg_progress_end(&p);
    ck_assert_int_eq(ftell(f), 0);
    fclose(f);
}
END_TEST

Suite *progress_check(void)
{
    Suite *s = suite_create("progress_check");
    TCase *t = tcase_create("progress");

    tcase_add_test(t, the_line_tells_how_far_and_how_long);
    tcase_add_test(t, files_stay_clean);
    suite_add_tcase(s, t);
    return s;
}
