/* Unit tests of report/evidence: what gcovr and kcheck write is read, what they would not is
 * refused with the name of the file. */
#include "report/evidence.h"

#include "base/folder_check.h"

static qg_err err;

static void set_up(void)
{
    folder_begin();
    qg_err_clear(&err);
}

/* ---- gcovr: the keys of gcovr 8.8's --json-summary ---- */

#define FILE_OF(name, covered, total)                                                              \
    "{\"filename\":\"" name "\",\"line_total\":" #total ",\"line_covered\":" #covered              \
    ",\"line_percent\":50.0,\"function_total\":4,\"function_covered\":3,"                          \
    "\"function_percent\":75.0,\"branch_total\":0,\"branch_covered\":0,\"branch_percent\":null}"
#define SUMMARY(files)                                                                             \
    "{\"root\":\".\",\"gcovr/summary_format_version\":\"0.6\",\"files\":[" files                   \
    "],\"line_total\":30,\"line_covered\":20,\"line_percent\":66.7,\"function_total\":8,"          \
    "\"function_covered\":6,\"function_percent\":75.0,\"branch_total\":2,\"branch_covered\":1,"    \
    "\"branch_percent\":50.0}"

START_TEST(a_summary_is_read)
{
    qg_coverage c;
    const char *path = folder_put(
        "summary.json", SUMMARY(FILE_OF("src/a.c", 5, 10) "," FILE_OF("src/<b>.c", 15, 20)));

    ck_assert_int_eq(qg_coverage_read(&c, arena, path, &err), QG_OK);
    ck_assert_str_eq(c.name, "summary.json");
    ck_assert_int_eq(c.lines.covered, 20);
    ck_assert_int_eq(c.lines.total, 30);
    ck_assert_int_eq(c.functions.covered, 6);
    ck_assert_int_eq(c.branches.total, 2);
    ck_assert_uint_eq(c.n_files, 2);
    ck_assert(qg_str_is(c.files[1].name, "src/<b>.c"));
    ck_assert_int_eq(c.files[1].lines.covered, 15);
    ck_assert_int_eq(c.files[0].functions.total, 4);
    ck_assert_int_eq(c.files[0].branches.total, 0);
}
END_TEST

START_TEST(no_files_and_no_branches_are_fine)
{
    qg_coverage c;

    ck_assert_int_eq(
        qg_coverage_read(
            &c, arena, folder_put("a", "{\"files\":[],\"line_total\":0,\"line_covered\":0}"), &err),
        QG_OK);
    ck_assert_uint_eq(c.n_files, 0);
    ck_assert_int_eq(c.branches.total, 0);
}
END_TEST

static const char *const not_summaries[] = {
    "",
    "[]",
    "{}",
    "{\"files\":{},\"line_total\":1,\"line_covered\":1}",
    "{\"files\":[],\"line_total\":1,\"line_covered\":2}",
    "{\"files\":[],\"line_total\":1,\"line_covered\":-1}",
    "{\"files\":[],\"line_total\":\"1\",\"line_covered\":1}",
    "{\"files\":[7],\"line_total\":1,\"line_covered\":1}",
    "{\"files\":[{\"filename\":\"a\"}],\"line_total\":1,\"line_covered\":1}",
    SUMMARY("{\"filename\":3,\"line_total\":1,\"line_covered\":1}"),
};

START_TEST(what_is_no_summary_is_refused)
{
    qg_coverage c;
    const char *path = folder_put("x.json", not_summaries[_i]);

    ck_assert_int_eq(qg_coverage_read(&c, arena, path, &err), QG_EFORMAT);
    ck_assert_msg(strstr(err.message, "x.json") || strstr(err.file, "x.json"), "%s", err.message);
}
END_TEST

START_TEST(an_absent_file_is_not_found)
{
    qg_coverage c;
    qg_kernels k;

    ck_assert_int_eq(qg_coverage_read(&c, arena, folder_path("no"), &err), QG_ENOTFOUND);
    qg_err_clear(&err);
    ck_assert_int_eq(qg_kernels_read(&k, arena, folder_path("no"), &err), QG_ENOTFOUND);
}
END_TEST

/* ---- kcheck ---- */

START_TEST(kernels_have_shapes_and_tiers)
{
    qg_kernels k;
    const char *path = folder_put("k.csv", "case,tier,min_ns,median_ns\n"
                                           "rmsnorm_1x576,ref,10,12\n"
                                           "rmsnorm_3x7,ref,10,12\n"
                                           "noshape,ref,10,12\r\n"
                                           "\n"
                                           "rmsnorm_3x7,avx2,10,12\n"
                                           "w4_2x8_r3_bias,avx2");

    ck_assert_int_eq(qg_kernels_read(&k, arena, path, &err), QG_OK);
    ck_assert_str_eq(k.name, "k.csv");
    ck_assert_uint_eq(k.n_tiers, 2);
    ck_assert(qg_str_is(k.tiers[0], "ref") && qg_str_is(k.tiers[1], "avx2"));
    ck_assert_uint_eq(k.n_rows, 4);
    ck_assert(qg_str_is(k.rows[0].kernel, "rmsnorm") && qg_str_is(k.rows[0].shape, "1x576"));
    ck_assert_uint_eq(k.rows[0].tiers, 1);
    ck_assert_uint_eq(k.rows[1].tiers, 3);
    ck_assert(qg_str_is(k.rows[2].kernel, "noshape") && k.rows[2].shape.len == 0);
    ck_assert(qg_str_is(k.rows[3].shape, "2x8_r3_bias"));
    ck_assert_uint_eq(k.rows[3].tiers, 2);
}
END_TEST

static const char *const not_kernels[] = {
    "",
    "tier,case\n",
    "case;tier\n",
    "case,tier\nrmsnorm\n",
    "case,tier\n,ref\n",
    "case,tier\nrmsnorm,\n",
    "case,tier\na,0\na,1\na,2\na,3\na,4\na,5\na,6\na,7\na,8\na,9\na,10\na,11\na,12\na,13\na,14\n"
    "a,15\na,16\n",
};

START_TEST(what_kcheck_did_not_write_is_refused)
{
    qg_kernels k;

    ck_assert_int_eq(qg_kernels_read(&k, arena, folder_put("k.csv", not_kernels[_i]), &err),
                     QG_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "k.csv"));
}
END_TEST

START_TEST(too_many_kernels_are_refused)
{
    qg_kernels k;
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_buf_text(&b, "case,tier\n");
    for (int i = 0; i <= QG_KERNEL_ROWS; i++)
        qg_buf_format(&b, "k%d_1,ref\n", i);
    ck_assert_int_eq(qg_kernels_read(&k, arena, folder_put("k.csv", b.ptr), &err), QG_EFORMAT);
}
END_TEST

START_TEST(memory_may_end_anywhere)
{
    const char *path = folder_put("k.csv", "case,tier\na_1,ref\n");
    const char *summary = folder_put("s.json", SUMMARY(FILE_OF("a.c", 1, 2)));
    bool reached = true;

    for (long n = 1; reached; n++) {
        qg_arena *fresh = qg_arena_create();
        qg_kernels k;
        qg_coverage c;
        qg_arena_fail_after(n);
        qg_status s = qg_kernels_read(&k, fresh, path, NULL);
        if (s == QG_OK)
            s = qg_coverage_read(&c, fresh, summary, NULL);
        reached = !qg_arena_fail_after(0);
        ck_assert_int_eq(s, reached ? QG_ENOMEM : QG_OK);
        ck_assert(reached || n > 4);
        qg_arena_free(fresh);
    }
}
END_TEST

Suite *evidence_check(void)
{
    Suite *s = suite_create("evidence_check");
    TCase *t = tcase_create("evidence");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_add_test(t, a_summary_is_read);
    tcase_add_test(t, no_files_and_no_branches_are_fine);
    tcase_add_loop_test(t, what_is_no_summary_is_refused, 0,
                        (int)(sizeof not_summaries / sizeof *not_summaries));
    tcase_add_test(t, an_absent_file_is_not_found);
    tcase_add_test(t, kernels_have_shapes_and_tiers);
    tcase_add_loop_test(t, what_kcheck_did_not_write_is_refused, 0,
                        (int)(sizeof not_kernels / sizeof *not_kernels));
    tcase_add_test(t, too_many_kernels_are_refused);
    tcase_add_test(t, memory_may_end_anywhere);
    suite_add_tcase(s, t);
    return s;
}
