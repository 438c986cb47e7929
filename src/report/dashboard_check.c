/* Unit tests of report/dashboard: the folder is whole or not there, its data are the history's, and
 * nothing that a history holds gets out of a script. */
#include "report/dashboard.h"

#include "base/json.h"
#include "history/run_check.h"
#include "report/assets.h"

static qg_history *history;
static const char *site;

static void set_up(void)
{
    folder_begin();
    history = history_opened(folder_path("h.db"), true);
    site = folder_path("site");
}

static qg_dashboard_written written(const qg_dashboard_options *options)
{
    static const qg_dashboard_options plain;
    qg_dashboard_written w;

    ck_ok(qg_dashboard_write(&w, history, site, options ? options : &plain, &why));
    return w;
}

static const char *text_of(const char *name)
{
    qg_str text;

    ck_ok(qg_file_read(&text, arena, qg_arena_format(arena, "%s/%s", site, name), 1 << 24, &why));
    return text.ptr;
}

/* The value in data/NAME.js, which is one call on one line. */
static const qg_json *data_of(const char *name)
{
    const char *text = text_of(qg_arena_format(arena, "data/%s.js", name));
    const char *begin = qg_arena_format(arena, "quantgateData(\"%s\", ", name);
    const qg_json *root;
    size_t n = strlen(text), head = strlen(begin);

    ck_assert(strncmp(text, begin, head) == 0);
    ck_assert_str_eq(text + n - 3, ");\n");
    ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
    ck_ok(qg_json_parse(&root, arena, (qg_str){text + head, n - head - 3}, name, &why));
    return root;
}

static void ck_text(const qg_json *object, const char *key, const char *expected)
{
    qg_str text;

    ck_assert_msg(qg_json_str(qg_json_get(object, key), &text), "no text '%s'", key);
    ck_assert_msg(qg_str_is(text, expected), "'%s' is '" QG_STR_PRI "'", key, QG_STR_ARG(text));
}

static int64_t int_of(const qg_json *object, const char *key)
{
    int64_t v;

    ck_assert_msg(qg_json_int(qg_json_get(object, key), &v), "no number '%s'", key);
    return v;
}

/* ---- scripts ---- */

START_TEST(nothing_ends_a_script)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_dashboard_script(&b, "x", QG_STR("[\"</script><!--\xe2\x80\xa8|\xe2\x80\xa9|\xe2\x80\"]"));
    ck_assert_str_eq(b.ptr, "quantgateData(\"x\", [\"\\u003c/script>\\u003c!--\\u2028|\\u2029|"
                            "\xe2\x80\"]);\n");
}
END_TEST

/* ---- the folder ---- */

START_TEST(an_empty_history_is_a_page)
{
    qg_dashboard_written w = written(NULL);
    const qg_json *data = data_of("site");

    ck_assert_uint_eq(w.n_suites, 0);
    ck_assert_uint_eq(w.n_runs, 0);
    ck_assert_int_eq(int_of(data, "schema"), 1);
    ck_text(data, "title", "quantgate");
    ck_assert_uint_eq(qg_json_len(qg_json_get(data, "suites")), 0);
    ck_assert_uint_eq(qg_json_len(qg_json_get(data, "coverage")), 0);
    ck_assert(qg_json_is_null(qg_json_get(data, "kernels")));
    ck_assert_uint_eq(qg_json_len(qg_json_get(data, "metrics")), QG_METRIC_N);
    ck_assert_uint_eq(qg_json_len(qg_json_get(data, "checkitems")), QG_N_CHECKITEMS);
}
END_TEST

START_TEST(what_the_page_names_is_there)
{
    const char *page, *at;
    int n = 0;

    written(NULL);
    page = text_of("index.html");
    for (at = page; (at = strstr(at, "src=\"")) != NULL; n++) {
        at += strlen("src=\"");
        ck_assert_ptr_nonnull(text_of(qg_str_dup(arena, (qg_str){at, strcspn(at, "\"")})));
    }
    ck_assert_int_gt(n, 8);
    ck_assert_ptr_nonnull(strstr(page, "default-src 'none'"));
    ck_assert_ptr_nonnull(strstr(text_of("chart.min.js"), "Chart.js v3"));
    ck_assert_ptr_nonnull(strstr(text_of("licences.txt"), "Chart.js Contributors"));
    for (const qg_asset *a = qg_assets; a->name; a++)
        ck_assert_uint_eq(strlen(text_of(a->name)), a->content.len);
}
END_TEST

START_TEST(each_suite_has_its_data)
{
    const qg_history_source source = {.branch = "main", .repository = "https://x/y"};

    history_put(history, run_made("b", 0), &source);
    history_put(history, run_made("b", 1), &source);
    history_put(history, run_made("a", 0), NULL);
    qg_dashboard_written w = written(&(qg_dashboard_options){.title = "T", .last = 1});
    const qg_json *suites = qg_json_get(data_of("site"), "suites");

    ck_assert_uint_eq(w.n_suites, 2);
    ck_assert_uint_eq(w.n_runs, 2);
    ck_assert_uint_eq(w.n_lines, 4);
    ck_text(qg_json_at(suites, 0), "name", "a");
    ck_text(qg_json_at(suites, 0), "commit_url", "");
    ck_text(qg_json_at(suites, 1), "name", "b");
    ck_text(qg_json_at(suites, 1), "data", "suite-1");
    ck_text(qg_json_at(suites, 1), "commit_url", "https://x/y/commit/");
    ck_assert_int_eq(int_of(qg_json_at(suites, 1), "n_runs"), 2);
    ck_assert_int_eq(int_of(qg_json_at(suites, 1), "n_kept"), 1);
    ck_text(data_of("suite-1"), "name", "b");
    ck_assert_int_eq(int_of(qg_json_at(qg_json_get(data_of("suite-1"), "runs"), 0), "at"),
                     1767225600 + 86400);
}
END_TEST

START_TEST(suites_and_branches_are_chosen)
{
    history_put(history, run_made("nightly", 0), &(qg_history_source){.branch = "main"});
    history_put(history, run_made("nightly", 1), &(qg_history_source){.branch = "pr"});
    history_put(history, run_made("smoke", 0), &(qg_history_source){.branch = "main"});
    qg_dashboard_written w = written(
        &(qg_dashboard_options){.suite = "night*", .branch = "main", .commit_url = "https://z/"});
    const qg_json *entry = qg_json_at(qg_json_get(data_of("site"), "suites"), 0);

    ck_assert_uint_eq(w.n_suites, 1);
    ck_assert_int_eq(int_of(entry, "n_runs"), 1);
    ck_text(entry, "commit_url", "https://z/");
}
END_TEST

START_TEST(hostile_names_stay_inside)
{
    static const char name[] = "</script><script>alert(1)</script>\xe2\x80\xa8<!--";
    qg_run *run = run_made(name, 0);

    run->measurements[0].id.model = name;
    run->judgements[1].message = name;
    history_put(history, run, &(qg_history_source){.branch = name, .commit = name});
    written(&(qg_dashboard_options){.title = name});
    for (int i = 0; i < 2; i++) {
        const char *text = text_of(i ? "data/suite-0.js" : "data/site.js");
        ck_assert_ptr_null(strchr(text, '<'));
        ck_assert_ptr_null(strstr(text, "\xe2\x80\xa8"));
    }
    ck_text(data_of("site"), "title", name);
    ck_text(data_of("suite-0"), "name", name);
}
END_TEST

START_TEST(evidence_comes_along)
{
    const char *summaries[] = {
        folder_put("old.json", "{\"files\":[{\"filename\":\"a.c\",\"line_total\":2,"
                               "\"line_covered\":1}],\"line_total\":2,\"line_covered\":1}"),
        folder_put("new.json", "{\"files\":[{\"filename\":\"a.c\",\"line_total\":2,"
                               "\"line_covered\":2}],\"line_total\":2,\"line_covered\":2}")};
    const qg_json *data, *kernels;

    written(&(qg_dashboard_options){.coverage = summaries,
                                    .n_coverage = 2,
                                    .kernels = folder_put("k.csv", "case,tier\na_1,ref\n")});
    data = data_of("site");
    kernels = qg_json_get(data, "kernels");
    const qg_json *old = qg_json_at(qg_json_get(data, "coverage"), 0);
    const qg_json *new = qg_json_at(qg_json_get(data, "coverage"), 1);
    ck_text(old, "name", "old.json");
    ck_assert_uint_eq(qg_json_len(qg_json_get(old, "files")), 0);
    ck_assert_uint_eq(qg_json_len(qg_json_get(new, "files")), 1);
    ck_text(qg_json_at(qg_json_get(kernels, "rows"), 0), "shape", "1");
    ck_assert_int_eq(int_of(qg_json_at(qg_json_get(kernels, "rows"), 0), "tiers"), 1);
}
END_TEST

/* ---- what is there already ---- */

START_TEST(an_older_dashboard_is_replaced)
{
    history_put(history, run_made("perf", 0), NULL);
    written(NULL);
    folder_put("site/old.txt", "old");
    written(NULL);
    ck_assert(!qg_file_exists(folder_path("site/old.txt")));
    ck_assert(qg_file_exists(folder_path("site/index.html")));
    ck_ok(qg_dir_make(folder_path("empty"), &why));
    site = folder_path("empty");
    written(NULL);
}
END_TEST

START_TEST(another_folder_is_left_alone)
{
    qg_dashboard_options options = {0};
    qg_dashboard_written w;

    folder_put("site/thesis.txt", "mine");
    ck_refused(qg_dashboard_write(&w, history, site, &options, &why), QG_EEXISTS, "site");
    ck_assert_str_eq(text_of("thesis.txt"), "mine");
    ck_assert(!qg_file_exists(folder_path("site/index.html")));
    site = folder_put("file", "a file");
    ck_refused(qg_dashboard_write(&w, history, site, &options, &why), QG_EEXISTS, "file");
}
END_TEST

START_TEST(a_failure_leaves_the_old_one)
{
    const char *absent[] = {folder_path("absent.json")};
    qg_dashboard_written w;
    char **names;
    size_t n;

    written(&(qg_dashboard_options){.title = "old"});
    qg_dashboard_options options = {.title = "new", .coverage = absent, .n_coverage = 1};
    ck_refused(qg_dashboard_write(&w, history, site, &options, &why), QG_ENOTFOUND, "absent.json");
    ck_text(data_of("site"), "title", "old");
    ck_ok(qg_dir_list(&names, &n, arena, folder, &why));
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(!strstr(names[i], ".tmp"), "'%s' is left behind", names[i]);
}
END_TEST

START_TEST(memory_may_end_anywhere)
{
    qg_dashboard_options options = {.title = "T"};
    qg_dashboard_written w;
    bool reached = true;

    history_put(history, run_made("perf", 0), NULL);
    for (long n = 1; reached; n++) {
        qg_arena_fail_after(n);
        qg_status s = qg_dashboard_write(&w, history, site, &options, NULL);
        reached = !qg_arena_fail_after(0);
        ck_assert_int_eq(s, reached ? QG_ENOMEM : QG_OK);
        ck_assert(reached == !qg_dir_exists(site));
        ck_assert(reached || n > 60);
    }
}
END_TEST

Suite *dashboard_check(void)
{
    Suite *s = suite_create("dashboard_check");
    TCase *t = tcase_create("dashboard");

    tcase_add_checked_fixture(t, set_up, folder_end);
    tcase_set_timeout(t, 60); /* hundreds of files, each synced */
    tcase_add_test(t, nothing_ends_a_script);
    tcase_add_test(t, an_empty_history_is_a_page);
    tcase_add_test(t, what_the_page_names_is_there);
    tcase_add_test(t, each_suite_has_its_data);
    tcase_add_test(t, suites_and_branches_are_chosen);
    tcase_add_test(t, hostile_names_stay_inside);
    tcase_add_test(t, evidence_comes_along);
    tcase_add_test(t, an_older_dashboard_is_replaced);
    tcase_add_test(t, another_folder_is_left_alone);
    tcase_add_test(t, a_failure_leaves_the_old_one);
    tcase_add_test(t, memory_may_end_anywhere);
    suite_add_tcase(s, t);
    return s;
}
