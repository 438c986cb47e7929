/* Unit tests of report/report: every sink against its golden file, and writing to the disk. */
#include "report/report.h"

#include "base/folder_check.h"
#include "record/record_json.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static qg_err err;
static qg_run *run;

static qg_str golden(const char *name)
{
    const char *root = getenv("QG_ROOT");
    qg_str text;
    char *path = qg_path_join(arena, root ? root : ".", "golden/reports");
    ck_assert_int_eq(qg_file_read(&text, arena, qg_path_join(arena, path, name), 1 << 20, &err),
                     QG_OK);
    return text;
}

static void set_up(void)
{
    folder_begin();
    qg_err_clear(&err);
    ck_assert_int_eq(qg_run_from_json(&run, arena, golden("run.json"), "run.json", &err), QG_OK);
}

/* Files of all forms. */
enum {
    N_SINKS = 0
#define X(name) +1
#include "report/sinks.def"
#undef X
};

typedef struct form {
    const char *sink, *file;
    int width;
} form;

static const form forms[] = {
    {"console", "console-80.txt", 80},
    {"console", "console-120.txt", 120},
    {"junit", "junit.xml", 0},
    {"json", "run.json", 0},
    {"annotations", "annotations.txt", 0},
    {"markdown", "summary.md", 0},
    {"csv", "run.csv", 0},
    {"html", "report.html", 0},
    {"sarif", "results.sarif", 0},
    {"openmetrics", "metrics.prom", 0},
    {"ghbench", "ghbench-smaller.json", 0},
    {"bmf", "bmf.json", 0},
};

static void same_text(qg_str made, qg_str wanted, const char *name)
{
    size_t i = 0, line = 1;

    while (i < made.len && i < wanted.len && made.ptr[i] == wanted.ptr[i])
        line += made.ptr[i++] == '\n';
    ck_assert_msg(qg_str_eq(made, wanted), "%s differs in line %zu from '" QG_STR_PRI "'", name,
                  line, QG_STR_ARG(qg_str_sub(made, i, 60)));
}

START_TEST(every_form_is_as_blessed)
{
    const form *f = &forms[_i];
    qg_report_options options = {.dir = "out", .width = f->width};
    qg_buf b;

    qg_buf_init(&b, arena);
    const qg_sink *sink = qg_report_find(qg_str_from(f->sink));
    ck_assert_ptr_nonnull(sink);
    ck_assert_int_eq(qg_report_render(&b, sink, run, &options, &err), QG_OK);
    same_text(qg_buf_view(&b), golden(f->file), f->file);
}
END_TEST

/* Names that try to break out, in every form: readable text and no control characters. What else
 * each form must keep is proved by its own tests, and by ci with real readers. */
START_TEST(no_form_lets_control_characters_through)
{
    qg_str hostile = golden("hostile.json");
    qg_buf b;

    ck_assert_int_eq(qg_run_from_json(&run, arena, hostile, "hostile.json", &err), QG_OK);
    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_report_render(&b, qg_report_sinks[_i], run, NULL, &err), QG_OK);
    ck_assert_uint_eq(qg_utf8_valid(qg_buf_view(&b)), b.len);
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.ptr[i] < 0x20 && b.ptr[i] != '\n')
            ck_abort_msg("%s: byte %d", qg_report_sinks[_i]->name, b.ptr[i]);
    if (qg_report_sinks[_i] != &qg_report_json)            /* which keeps texts as they are */
        ck_assert_ptr_null(strstr(b.ptr, "\xe2\x80\xae")); /* right to left from here on */
}
END_TEST

static size_t files_in_dir(void)
{
    char **names;
    size_t n;
    ck_assert_int_eq(qg_dir_list(&names, &n, arena, folder, NULL), QG_OK);
    return n;
}

START_TEST(all_forms_are_written_by_default)
{
    qg_report_options options = {.dir = folder, .colour = true};
    qg_str text;

    ck_assert_int_eq(qg_report_write(run, QG_STR(""), &options, &err), QG_OK);
    ck_assert_uint_eq(files_in_dir(), N_SINKS);
    ck_assert_int_eq(
        qg_file_read(&text, arena, qg_path_join(arena, folder, "run.json"), 1 << 20, &err), QG_OK);
    same_text(text, golden("run.json"), "run.json");
    ck_assert_int_eq(
        qg_file_read(&text, arena, qg_path_join(arena, folder, "report.txt"), 1 << 20, &err),
        QG_OK);
    ck_assert_ptr_null(memchr(text.ptr, '\033', text.len)); /* no colours in files */
}
END_TEST

START_TEST(chosen_forms_are_written_into_a_new_folder)
{
    char *below = qg_path_join(arena, folder, "a");
    qg_report_options options = {.dir = below};

    ck_assert_int_eq(qg_report_write(run, QG_STR("junit, csv,junit"), &options, &err), QG_OK);
    char *junit = qg_path_join(arena, below, "junit.xml"),
         *csv = qg_path_join(arena, below, "run.csv");
    ck_assert(qg_file_exists(junit));
    ck_assert(qg_file_exists(csv));
    ck_assert(!qg_file_exists(qg_path_join(arena, below, "run.json")));
    unlink(junit);
    unlink(csv);
    ck_assert_int_eq(rmdir(below), 0); /* nothing else was left */
}
END_TEST

START_TEST(a_form_of_two_files_is_both)
{
    qg_report_options options = {.dir = folder};
    qg_str text;

    ck_assert_int_eq(qg_report_write(run, QG_STR("ghbench"), &options, &err), QG_OK);
    ck_assert_uint_eq(files_in_dir(), 2);
    ck_assert_int_eq(qg_file_read(&text, arena, qg_path_join(arena, folder, "ghbench-bigger.json"),
                                  1 << 20, &err),
                     QG_OK);
    same_text(text, golden("ghbench-bigger.json"), "ghbench-bigger.json");
}
END_TEST

START_TEST(an_unknown_form_is_refused_before_anything_is_written)
{
    qg_report_options options = {.dir = folder};

    ck_assert_int_eq(qg_report_write(run, QG_STR("json,junti"), &options, &err), QG_EARG);
    ck_assert_str_eq(err.message, "unknown report 'junti', did you mean 'junit'?");
    qg_err_clear(&err);
    ck_assert_int_eq(qg_report_write(run, QG_STR("pdf,json"), &options, &err), QG_EARG);
    ck_assert_str_eq(err.message, "unknown report 'pdf'; there are console, junit, json, "
                                  "annotations, markdown, csv, html, sarif, openmetrics, ghbench, "
                                  "bmf");
    qg_err_clear(&err);
    ck_assert_int_eq(qg_report_write(run, QG_STR("json,"), &options, &err), QG_EARG);
    ck_assert_uint_eq(files_in_dir(), 0);
}
END_TEST

START_TEST(a_folder_that_is_none_is_the_machines_fault)
{
    char *file = qg_path_join(arena, folder, "file");
    char *below = qg_path_join(arena, file, "out");
    qg_report_options options = {.dir = below};

    ck_assert_int_eq(qg_file_write(file, QG_STR("x"), &err), QG_OK);
    qg_status s = qg_report_write(run, QG_STR(""), &options, &err);
    ck_assert_int_eq(qg_status_exit(s), 3);
    ck_assert_int_eq(err.code, s);
    ck_assert_ptr_nonnull(strstr(err.context, below));
}
END_TEST

START_TEST(a_folder_without_permission_is_the_machines_fault)
{
    qg_report_options options = {.dir = folder};

    if (geteuid() == 0 && seteuid(65534) != 0)
        return; /* root may write everywhere */
    chmod(folder, 0555);
    qg_status s = qg_report_write(run, QG_STR(""), &options, &err);
    ck_assert_int_eq(qg_status_exit(s), 3);
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    chmod(folder, 0755);
    ck_assert_uint_eq(files_in_dir(), 0);
}
END_TEST

START_TEST(a_full_disk_leaves_what_was_there)
{
    qg_report_options options = {.dir = folder};
    struct rlimit small = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    char *path = qg_path_join(arena, folder, "annotations.txt"); /* small enough to be written */
    qg_str text;

    ck_assert_int_eq(qg_file_write(path, QG_STR("old"), &err), QG_OK);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    ck_assert_int_eq(qg_report_write(run, QG_STR(""), &options, &err), QG_ENOSPACE);
    small.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &small);
    ck_assert_uint_eq(files_in_dir(), 1);
    ck_assert_int_eq(qg_file_read(&text, arena, path, 100, &err), QG_OK);
    same_text(text, QG_STR("old"), path);
}
END_TEST

START_TEST(a_run_with_a_non_finite_number_is_not_written)
{
    qg_report_options options = {.dir = folder};

    run->measurements[1].series[0].samples[0] = 1.0 / 0.0;
    qg_status s = qg_report_write(run, QG_STR("json"), &options, &err);
    ck_assert_int_eq(s, QG_ENONFINITE);
    ck_assert_int_eq(qg_status_exit(s), 2);
    ck_assert_uint_eq(files_in_dir(), 0);
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    qg_status s;
    long n = 1;

    do {
        qg_arena *a = qg_arena_create();
        qg_buf b;
        qg_buf_init(&b, a);
        qg_arena_fail_after(n++);
        s = qg_report_render(&b, qg_report_sinks[_i], run, NULL, NULL);
        bool waiting = qg_arena_fail_after(0);
        ck_assert_msg(waiting ? s == QG_OK : s == QG_ENOMEM, "%s: allocation %ld gives %d",
                      qg_report_sinks[_i]->name, n - 1, s);
        qg_arena_free(a);
    } while (s != QG_OK);
}
END_TEST

START_TEST(writing_survives_lack_of_memory)
{
    qg_report_options options = {.dir = folder};
    qg_status s;
    long n = 1;

    do {
        qg_arena_fail_after(n++);
        s = qg_report_write(run, QG_STR("csv,json"), &options, NULL);
        bool waiting = qg_arena_fail_after(0);
        ck_assert_msg(waiting ? s == QG_OK : s == QG_ENOMEM, "allocation %ld gives %d", n - 1, s);
        ck_assert_uint_eq(files_in_dir(), s == QG_OK ? 2 : 0);
    } while (s != QG_OK);
}
END_TEST

START_TEST(an_empty_run_has_every_form)
{
    qg_run empty = {0};
    qg_report_options options = {.dir = folder};

    ck_assert_int_eq(qg_report_write(&empty, QG_STR(""), &options, &err), QG_OK);
    ck_assert_uint_eq(files_in_dir(), N_SINKS);
}
END_TEST

Suite *report_check(void)
{
    Suite *s = suite_create("report_check");
    TCase *t = tcase_create("report");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, every_form_is_as_blessed, 0, sizeof forms / sizeof *forms);
    tcase_add_loop_test(t, no_form_lets_control_characters_through, 0, N_SINKS);
    tcase_add_test(t, all_forms_are_written_by_default);
    tcase_add_test(t, chosen_forms_are_written_into_a_new_folder);
    tcase_add_test(t, a_form_of_two_files_is_both);
    tcase_add_test(t, an_unknown_form_is_refused_before_anything_is_written);
    tcase_add_test(t, a_folder_that_is_none_is_the_machines_fault);
    tcase_add_test(t, a_folder_without_permission_is_the_machines_fault);
    tcase_add_test(t, a_full_disk_leaves_what_was_there);
    tcase_add_test(t, a_run_with_a_non_finite_number_is_not_written);
    tcase_add_loop_test(t, lack_of_memory_is_said, 0, N_SINKS);
    tcase_add_test(t, writing_survives_lack_of_memory);
    tcase_add_test(t, an_empty_run_has_every_form);
    suite_add_tcase(s, t);
    return s;
}
