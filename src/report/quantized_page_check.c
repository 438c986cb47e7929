/* Unit tests of report/quantized_page: the page of a quantization, read by a parser. */
#include "report/quantized_page.h"

#include "report/document_check.h"

#include <math.h>

/* Layers of the projections named, with errors that grow by layer, then by projection. */
static qg_quantized *make(int n_layers, const char *const *projections, int n_projections)
{
    qg_quantized *q = QG_NEW(arena, qg_quantized);

    *q = (qg_quantized){.method = "gptq",
                        .format = "gptq_v2",
                        .activations = "float",
                        .bits = 4,
                        .group_size = 128,
                        .symmetric = true,
                        .n_windows = 128,
                        .window = 512,
                        .bytes_before = 4096,
                        .bytes_after = 1024,
                        .wall_ns = 2000000000,
                        .weight_error = 0.0625,
                        .n_linears = (size_t)(n_layers * n_projections)};
    q->linears = QG_NEW_N(arena, qg_quantized_linear, q->n_linears);
    for (int i = 0; i < n_layers * n_projections; i++)
        q->linears[i] =
            (qg_quantized_linear){.name = qg_arena_format(arena, "layers.%d.%s", i / n_projections,
                                                          projections[i % n_projections]),
                                  .projection = projections[i % n_projections],
                                  .layer = i / n_projections,
                                  .n = 64,
                                  .k = 96,
                                  .weight_error = 0.01 * (i + 1),
                                  .is_calibrated = true,
                                  .output_error = 0.02 * (i + 1),
                                  .wall_ns = 1500000};
    return q;
}

static xmlDocPtr page_of(const qg_quantized *q)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    ck_assert_int_eq(qg_quantized_html(&b, "A <model>", q, &err), QG_OK);
    ck_assert_ptr_null(strstr(b.ptr, "nan"));
    return page_parse(b.ptr);
}

static const char *const llama[] = {"q", "k", "v", "o", "gate", "up", "down"};
static const char *const opt[] = {"q", "k", "v", "o", "fc1", "fc2"};

#define MAP(n)   "(//figure)[" #n "]"
#define WORST    "//h2[.=\"Linears that lose most\"]/following-sibling::div[1]"
#define FACT(of) "//dl/div[dt=\"" of "\"]/dd"

START_TEST(the_recipe_is_said)
{
    xmlDocPtr doc = page_of(make(2, llama, 7));

    ck_assert_str_eq(page_text(doc, "//title"), "A <model>");
    ck_assert_str_eq(page_text(doc, "//h1"), "A <model>");
    ck_assert_str_eq(page_text(doc, FACT("method")), "gptq");
    ck_assert_str_eq(page_text(doc, FACT("codes")), "4 bit, symmetric, groups of 128");
    ck_assert_str_eq(page_text(doc, FACT("calibration")), "128 windows of 512 tokens");
    ck_assert_str_eq(page_text(doc, FACT("weights")), "1 KiB of 4 KiB (25 %)");
    ck_assert_str_eq(page_text(doc, FACT("error of weights")), "6.25 %");
    ck_assert_str_eq(page_text(doc, FACT("time")), "2 s");
    page_has(doc, 0, FACT("peak memory")); /* not known */
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(both_maps_have_a_cell_a_linear)
{
    xmlDocPtr doc = page_of(make(30, llama, 7));

    page_has(doc, 2, "//figure");
    ck_assert_str_eq(page_text(doc, MAP(1) "//b"), "error of outputs");
    ck_assert_str_eq(page_text(doc, MAP(2) "//b"), "error of weights");
    page_has(doc, 31 * 7, MAP(1) "//td");
    page_has(doc, 31 * 7, MAP(2) "//td[@class]");
    ck_assert_str_eq(page_text(doc, MAP(2) "//thead"), "layerqkvogateupdown");
    ck_assert_str_eq(page_text(doc, MAP(1) "//tr[th=\"29\"]/td[7]/@title"), "layer 29 down: 420 %");
    ck_assert_str_eq(page_text(doc, MAP(2) "//tr[th=\"29\"]/td[7]/@title"), "layer 29 down: 210 %");
    xmlFreeDoc(doc);
    doc = page_of(make(12, opt, 6));
    ck_assert_str_eq(page_text(doc, MAP(1) "//thead"), "layerqkvofc1fc2");
    xmlFreeDoc(doc);
    doc = page_of(make(80, llama, 7));
    page_has(doc, 81 * 7, MAP(1) "//td[@class]");
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(linears_that_are_not_there_leave_holes)
{
    qg_quantized *q = make(3, llama, 7);
    xmlDocPtr doc;

    q->linears[7 + 2].layer = 5; /* v of layer 1 */
    q->linears[0].is_calibrated = false;
    q->linears[1].output_error = NAN;
    q->linears[2].weight_error = INFINITY;
    doc = page_of(q);
    ck_assert_str_eq(page_text(doc, MAP(2) "//tr[th=\"1\"]/td[3]/@title"), "layer 1 v: none");
    page_has(doc, 1, MAP(2) "//tr[th=\"5\"]/td[@class]");
    ck_assert_str_eq(page_text(doc, MAP(2) "//tr[th=\"0\"]/td[3]/@title"), "layer 0 v: none");
    page_has(doc, 1, MAP(2) "//tr[th=\"0\"]/td[1][@class]");
    page_has(doc, 0, MAP(1) "//tr[th=\"0\"]/td[1][@class]|" MAP(1) "//tr[th=\"0\"]/td[2][@class]");
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(the_worst_come_first)
{
    static qg_outlier outliers[] = {{301, 412.25}, {17, INFINITY}};
    qg_quantized *q = make(5, llama, 7);
    qg_quantized_linear *l = &q->linears[20];
    xmlDocPtr doc;

    l->output_error = 9;
    l->clipped = 0.125;
    l->is_scaled = true;
    l->strength = 0.55;
    l->damp = 0.01;
    l->n_dead = 3;
    l->outliers = outliers;
    l->n_outliers = 2;
    q->linears[34].output_error = NAN; /* else the second */
    doc = page_of(q);
    page_has(doc, 12, WORST "//tbody/tr");
    ck_assert_str_eq(page_text(doc, WORST "//tbody/tr[1]/th"), "layers.2.down");
    ck_assert_str_eq(page_text(doc, WORST "//tbody/tr[1]"),
                     "layers.2.down64 x 96900 %21 %12.5 %0.550.0131.5 ms301 (412x), 17 (-x)");
    ck_assert_str_eq(page_text(doc, WORST "//tbody/tr[2]/th"), "layers.4.up");
    ck_assert_ptr_nonnull(strstr(page_text(doc, "//main"), "23 more, all in quantization_report"));
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(without_calibration_there_are_weights_alone)
{
    qg_quantized *q = make(2, llama, 7);
    xmlDocPtr doc;

    q->n_windows = 0;
    q->group_size = 0;
    q->symmetric = false;
    for (size_t i = 0; i < q->n_linears; i++)
        q->linears[i].is_calibrated = false;
    doc = page_of(q);
    page_has(doc, 1, "//figure");
    ck_assert_str_eq(page_text(doc, "//figure//b"), "error of weights");
    ck_assert_str_eq(page_text(doc, WORST "//thead"), "linearshapeerror of weightstime");
    ck_assert_str_eq(page_text(doc, WORST "//tbody/tr[1]"), "layers.1.down64 x 9614 %1.5 ms");
    ck_assert_str_eq(page_text(doc, FACT("codes")), "4 bit, with zero points, one scale an output");
    page_has(doc, 0, FACT("calibration"));
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(texts_are_no_markup)
{
    static const char *const evil[] = {"<script>alert(1)</script>", "\" onclick=\"x", "'\xff&amp;"};
    qg_quantized *q = make(2, evil, 3);
    xmlDocPtr doc;

    q->method = q->format = q->activations = q->source_hash = q->calibration_hash = q->tier =
        evil[0];
    doc = page_of(q);
    ck_assert_str_eq(page_text(doc, FACT("method")), evil[0]);
    ck_assert_str_eq(page_text(doc, MAP(1) "//thead//th[3]"), evil[1]);
    ck_assert_str_eq(page_text(doc, MAP(1) "//tr[th=\"1\"]/td[2]/@title"),
                     "layer 1 \" onclick=\"x: 10 %");
    ck_assert_str_eq(page_text(doc, MAP(1) "//thead//th[4]"), "'\xef\xbf\xbd&amp;");
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(a_report_may_hold_little_or_much)
{
    const char *many[33];
    qg_quantized nothing = {0};
    xmlDocPtr doc = page_of(&nothing);

    page_has(doc, 0, "//table");
    xmlFreeDoc(doc);
    for (int i = 0; i < 33; i++)
        many[i] = qg_arena_format(arena, "p%d", i);
    doc = page_of(make(2, many, 32));
    page_has(doc, 2, "//figure");
    xmlFreeDoc(doc);
    doc = page_of(make(2, many, 33));
    page_has(doc, 0, "//figure");
    page_has(doc, 1, "//p[.=\"No map: the linears have more than 32 kinds.\"]");
    page_has(doc, 12, WORST "//tbody/tr");
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(lack_of_memory_is_said)
{
    qg_quantized *q = make(3, llama, 7);
    qg_status s;
    long n = 1;

    do {
        qg_arena *a = qg_arena_create();
        qg_buf b;
        qg_buf_init(&b, a);
        qg_arena_fail_after(n++);
        s = qg_quantized_html(&b, "\xc3\xa4", q, NULL);
        bool waiting = qg_arena_fail_after(0);
        ck_assert_msg(waiting ? s == QG_OK : s == QG_ENOMEM, "allocation %ld gives %d", n - 1, s);
        qg_arena_free(a);
    } while (s != QG_OK);
    ck_assert_int_gt(n, 10);
}
END_TEST

Suite *quantized_page_check(void)
{
    Suite *s = suite_create("quantized_page_check");
    TCase *t = tcase_create("quantized_page");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, the_recipe_is_said);
    tcase_add_test(t, both_maps_have_a_cell_a_linear);
    tcase_add_test(t, linears_that_are_not_there_leave_holes);
    tcase_add_test(t, the_worst_come_first);
    tcase_add_test(t, without_calibration_there_are_weights_alone);
    tcase_add_test(t, texts_are_no_markup);
    tcase_add_test(t, a_report_may_hold_little_or_much);
    tcase_add_test(t, lack_of_memory_is_said);
    suite_add_tcase(s, t);
    return s;
}
