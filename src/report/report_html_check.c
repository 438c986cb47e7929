/* Unit tests of report/report_html: the page of a run, read by a parser. */
#include "report/document_check.h"
#include "report/fixture_check.h"

#include "base/file.h"
#include "record/record_json.h"

#include <stdlib.h>

static xmlDocPtr page_of(const qg_run *run, const qg_report_options *options)
{
    return page_parse(render_with(&qg_report_html, run, options));
}

static qg_run *stored_run(void)
{
    const char *root = getenv("QG_ROOT");
    qg_run *run;

    ck_assert_int_eq(qg_run_read(&run, arena,
                                 qg_path_join(arena, root ? root : ".", "golden/reports/run.json"),
                                 &err),
                     QG_OK);
    return run;
}

#define FOUND(n)  "//ol[@class=\"found\"]/li[" #n "]"
#define CASE(n)   "//section[h3/@id=\"case-" #n "\"]"
#define ITEM      "//h2[@id=\"checklist\"]/following-sibling::ul[1]/"
#define AFTER(id) "//h2[@id=\"" id "\"]/following-sibling::*[1]"

START_TEST(a_stored_run_is_told)
{
    qg_run *run = stored_run();
    qg_report_options options = {.link = "https://example.org/blob/0f/"};
    xmlDocPtr doc = page_of(run, &options);

    ck_assert_str_eq(page_text(doc, "//title"),
                     "error: release gate <nightly> & \"friends\" \xf0\x9f\x98\x80");
    ck_assert_str_eq(page_text(doc, "//*[@class=\"verdict\"]"), "error");
    /* counted by hand in run.json */
    ck_assert_str_eq(page_text(doc, "//ul[@class=\"counts\"]"),
                     "14 judgements4 \xe2\x9c\x93 pass2 \xe2\x9c\x97 fail2 ? inconclusive"
                     "1 \xe2\x80\x93 skip1 ~ known-fail4 ! error");
    page_has(doc, 10, "//ol[@class=\"found\"]/li");
    ck_assert_str_eq(page_text(doc, FOUND(1) "/@class"), "card error");
    ck_assert_str_eq(page_text(doc, FOUND(5) "//code"), "suites/release.yaml:31");
    ck_assert_str_eq(page_text(doc, FOUND(5) "//code/a/@href"),
                     "https://example.org/blob/0f/suites/release.yaml#L31");
    ck_assert_str_eq(page_text(doc, FOUND(5) "/p[1]/a"), "fp16/quality");
    ck_assert_str_eq(page_text(doc, FOUND(5) "/p[1]/a/@href"), "#case-1");
    ck_assert_str_eq(page_text(doc, FOUND(5) "/p[3]"),
                     "if the change is meant, move the budget at suites/release.yaml:31");
    ck_assert_str_eq(page_text(doc, FOUND(9) "//a[starts-with(@href, \"http\")]/@href[1]"),
                     "https://example.org/blob/0f/suites/release.yaml#L45");
    ck_assert_str_eq(page_text(doc, FOUND(9) "/p[3]/a/@href"), "https://example.org/issues/17");
    page_has(doc, 3, AFTER("methods") "//tbody/tr");
    ck_assert_str_eq(page_text(doc, AFTER("methods") "//thead/tr/th[7]"), "weights");
    ck_assert_str_eq(page_text(doc, AFTER("methods") "//tbody/tr[2]/td[6]"), "2.375 MiB 0.34x");
    ck_assert_str_eq(page_text(doc, AFTER("methods") "//tbody/tr[3]/td[5]"), "1.77 %");
    ck_assert_str_eq(page_text(doc, AFTER("methods") "//tbody/tr[2]/td[1]"), "-");
    page_has(doc, 8, ITEM "li");
    ck_assert_str_eq(page_text(doc, ITEM "li[1]/p[1]"),
                     "done FP16 baseline of latency, throughput and memory");
    ck_assert_str_eq(page_text(doc, ITEM "li[7]/p[1]/span/@class"), "v fail");
    ck_assert_str_eq(page_text(doc, ITEM "li[4]/p[2]"),
                     "until 2026-12-31: int8 shrinks weights, <b>not</b> the cache");
    page_has(doc, 11, "//section[h3[starts-with(@id, \"case-\")]]");
    ck_assert_str_eq(page_text(doc, CASE(2) "/h3"), "fp16/perf/b1 ? inconclusive");
    ck_assert_str_eq(page_text(doc, CASE(2) "//tbody/tr[1]"),
                     "ttft_p50\xe2\x9c\x93 pass21.5 ms<= 60 ms521.25 ms to 23.75 ms-line 40");
    ck_assert_str_eq(page_text(doc, CASE(2) "//dl/div[dt=\"kv_cache\"]/dd"), "1 MiB");
    ck_assert_ptr_nonnull(strstr(page_text(doc, CASE(4) "/pre"), "layer 3 of 4\nsegmentation"));
    page_has(doc, 2, "//figure");
    ck_assert_str_eq(page_text(doc, "//figure[1]//tr[th=\"1\"]/td[7]"), "40.6");
    page_has(doc, 3, AFTER("models") "//tbody/tr");
    ck_assert_str_eq(page_text(doc, AFTER("models") "//tr[2]/td[6]"),
                     "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
    ck_assert_str_eq(page_text(doc, AFTER("machine") "/div[dt=\"threads\"]/dd"), "2 of 2 CPUs");
    page_has(doc, 1, AFTER("metrics") "/div[dt=\"ttft_p50\"]");
    page_has(doc, 0, AFTER("metrics") "/div[dt=\"accuracy\"]"); /* not in this run */
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(without_a_repository_places_are_no_links)
{
    xmlDocPtr doc = page_of(stored_run(), NULL);

    page_has(doc, 0, "//code/a");
    ck_assert_str_eq(page_text(doc, FOUND(5) "//code"), "suites/release.yaml:31");
    xmlFreeDoc(doc);
}
END_TEST

/* Every text of a run, each made to break out of where it stands. */
static qg_checklist *hostile_checklist(const char *evil)
{
    static qg_checklist c;
    static qg_proof proof;
    static qg_lack lack;

    proof = (qg_proof){evil, evil, 1, 1, evil};
    lack = (qg_lack){QG_CHECKITEM_IS_FAILED, evil, evil, evil, 3, 4};
    c = (qg_checklist){.gate = evil, .at = evil};
    for (int i = 0; i < QG_N_CHECKITEMS; i++)
        c.items[i] = (qg_checkitem_result){.item = (qg_checkitem)i,
                                           .state = QG_CHECKITEM_IS_WAIVED,
                                           .proofs = &proof,
                                           .n_proofs = 1,
                                           .lacks = &lack,
                                           .n_lacks = 1,
                                           .waiver = evil,
                                           .expires = evil};
    return &c;
}

static qg_run hostile(const char *evil)
{
    static qg_judgement j;
    static qg_measurement m;
    static qg_model_info model;
    static qg_quantized_linear linear;
    static qg_quantized quantized;
    static const char *notice;

    notice = evil;
    linear = (qg_quantized_linear){.name = evil, .projection = evil, .weight_error = 1};
    quantized = (qg_quantized){.method = evil,
                               .format = evil,
                               .activations = evil,
                               .source_hash = evil,
                               .tier = evil,
                               .linears = &linear,
                               .n_linears = 1};
    model = (qg_model_info){.name = evil,
                            .path = evil,
                            .family = evil,
                            .method = evil,
                            .model_hash = evil,
                            .tokenizer_hash = evil,
                            .quantized = &quantized};
    m = (qg_measurement){.id = {evil, evil, evil, evil, "quality"},
                         .state = QG_CASE_FAILED,
                         .message = evil,
                         .log = evil};
    j = (qg_judgement){.case_id = evil,
                       .metric = QG_METRIC_PPL,
                       .verdict = QG_VERDICT_FAIL,
                       .message = evil,
                       .fix = evil,
                       .file = evil,
                       .line = 4,
                       .issue = evil,
                       .expires = evil};
    return (qg_run){.version = evil,
                    .checklist = hostile_checklist(evil),
                    .commit = evil,
                    .suite = evil,
                    .suite_file = evil,
                    .suite_hash = evil,
                    .command = evil,
                    .started = evil,
                    .machine = {evil, evil, evil, 1, 1, evil, evil, evil, 1, evil, evil, evil},
                    .models = &model,
                    .n_models = 1,
                    .measurements = &m,
                    .n_measurements = 1,
                    .judgements = &j,
                    .n_judgements = 1,
                    .notices = &notice,
                    .n_notices = 1};
}

START_TEST(names_are_no_markup)
{
    static const char *const evils[] = {"<script>alert(1)</script>",
                                        "\"><img src=x onerror=alert(1)>",
                                        "' onclick='x",
                                        "]]>-->&lt;",
                                        "</title></style><script>",
                                        "javascript:alert(1)",
                                        "&#60;script&#62;"};
    qg_report_options options = {.link = "https://example.org/\"><script>/"};
    qg_run run = hostile(evils[_i]);
    xmlDocPtr doc = page_of(&run, &options); /* no scripts, images, handlers */

    ck_assert_str_eq(page_text(doc, "//h1"), evils[_i]);
    ck_assert_str_eq(page_text(doc, FOUND(1) "/p[2]"), evils[_i]);
    ck_assert_str_eq(page_text(doc, AFTER("models") "//tbody/tr/th"), evils[_i]);
    ck_assert_str_eq(page_text(doc, CASE(1) "//caption"), evils[_i]);
    ck_assert_str_eq(page_text(doc, CASE(1) "//div[@role=\"region\"]/@aria-label"), evils[_i]);
    ck_assert_str_eq(page_text(doc, CASE(1) "/pre"), evils[_i]);
    page_has(doc, 0, "//@href[starts-with(., \"javascript\")]");
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(any_bytes_make_a_page)
{
    static char every[256];
    for (int i = 1; i < 256; i++)
        every[i - 1] = (char)i;
    qg_run run = hostile(every);
    xmlDocPtr doc = page_of(&run, NULL);

    xmlFreeDoc(doc);
}
END_TEST

START_TEST(little_makes_a_page_too)
{
    qg_judgement pass = {.case_id = "", .metric = QG_METRIC_NONE, .verdict = QG_VERDICT_PASS};
    qg_run empty = {0}, passed = {.suite = "s", .judgements = &pass, .n_judgements = 1};
    xmlDocPtr doc = page_of(&passed, NULL);

    ck_assert_str_eq(page_text(doc, AFTER("first")), "Nothing: every judgement passed.");
    page_has(doc, 0, "//h2[@id=\"quantized\"]|//a[@href=\"#quantized\"]");
    xmlFreeDoc(doc);
    doc = page_of(&empty, NULL);
    ck_assert_str_eq(page_text(doc, "//h1"), "a run");
    ck_assert_str_eq(page_text(doc, AFTER("first")), "Nothing was judged.");
    xmlFreeDoc(doc);
}
END_TEST

Suite *report_html_check(void)
{
    Suite *s = suite_create("report_html_check");
    TCase *t = tcase_create("report_html");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_stored_run_is_told);
    tcase_add_test(t, without_a_repository_places_are_no_links);
    tcase_add_loop_test(t, names_are_no_markup, 0, 7);
    tcase_add_test(t, any_bytes_make_a_page);
    tcase_add_test(t, little_makes_a_page_too);
    suite_add_tcase(s, t);
    return s;
}
