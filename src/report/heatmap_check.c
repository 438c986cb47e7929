/* Unit tests of report/heatmap: colours by the published forward transform to OKLab, by luminance
 * and by simulated colour blindness; scales by hand; the table by a parser. */
#include "report/heatmap.h"

#include "report/document_check.h"
#include "report/page.h"

#include <math.h>

/* ---- colours ---- */

typedef struct triple {
    double v[3];
} triple;

static triple times(const double m[3][3], triple x)
{
    triple y;

    for (int i = 0; i < 3; i++)
        y.v[i] = m[i][0] * x.v[0] + m[i][1] * x.v[1] + m[i][2] * x.v[2];
    return y;
}

static triple linear_of(qg_rgb c)
{
    triple x = {{c.r / 255.0, c.g / 255.0, c.b / 255.0}};

    for (int i = 0; i < 3; i++)
        x.v[i] = x.v[i] <= 0.04045 ? x.v[i] / 12.92 : pow((x.v[i] + 0.055) / 1.055, 2.4);
    return x;
}

static double luminance(triple x)
{
    return 0.2126 * x.v[0] + 0.7152 * x.v[1] + 0.0722 * x.v[2];
}

/* linear_srgb_to_oklab of https://bottosson.github.io/posts/oklab/ */
static triple oklab_of(qg_rgb c)
{
    static const double to_lms[3][3] = {{0.4122214708, 0.5363325363, 0.0514459929},
                                        {0.2119034982, 0.6806995451, 0.1073969566},
                                        {0.0883024619, 0.2817188376, 0.6299787005}};
    static const double to_lab[3][3] = {{0.2104542553, 0.7936177850, -0.0040720468},
                                        {1.9779984951, -2.4285922050, 0.4505937099},
                                        {0.0259040371, 0.7827717662, -0.8086757660}};
    triple lms = times(to_lms, linear_of(c));

    for (int i = 0; i < 3; i++)
        lms.v[i] = cbrt(lms.v[i]);
    return times(to_lab, lms);
}

START_TEST(the_ends_are_pale_and_dark)
{
    triple first = oklab_of(qg_heat_colour(0)), last = oklab_of(qg_heat_colour(1));

    ck_assert_double_eq_tol(oklab_of((qg_rgb){255, 255, 255}).v[0], 1, 1e-6); /* the transform */
    ck_assert_double_eq_tol(first.v[0], 0.975, 0.003);
    ck_assert_double_eq_tol(last.v[0], 0.235, 0.003);
    qg_rgb pale = qg_heat_colour(0), dark = qg_heat_colour(1);
    static const double outside[] = {-1, NAN, -INFINITY};
    for (int i = 0; i < 3; i++) {
        qg_rgb c = qg_heat_colour(outside[i]);
        ck_assert_int_eq(memcmp(&c, &pale, sizeof c), 0);
    }
    for (int i = 0; i < 2; i++) {
        qg_rgb c = qg_heat_colour(i ? 1.5 : INFINITY);
        ck_assert_int_eq(memcmp(&c, &dark, sizeof c), 0);
    }
}
END_TEST

START_TEST(equal_steps_look_equally_far_apart)
{
    enum { N = 24 };
    double step[N], least = INFINITY, greatest = 0;

    for (int i = 0; i < N; i++) {
        triple a = oklab_of(qg_heat_colour((double)i / N));
        triple b = oklab_of(qg_heat_colour((i + 1.0) / N));
        step[i] = sqrt(pow(a.v[0] - b.v[0], 2) + pow(a.v[1] - b.v[1], 2) + pow(a.v[2] - b.v[2], 2));
        least = fmin(least, step[i]);
        greatest = fmax(greatest, step[i]);
    }
    ck_assert_msg(greatest < 1.2 * least, "steps of %.4f to %.4f", least, greatest);
}
END_TEST

/* What people see without one kind of cone: Machado, Oliveira, Fernandes, "A physiologically-based
 * model for simulation of color vision deficiency", 2009, severity 1.0; the last is grey. */
static const double eyes[][3][3] = {
    {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
    {{0.152286, 1.052583, -0.204868},
     {0.114503, 0.786281, 0.099216},
     {-0.003882, -0.048116, 1.051998}},
    {{0.367322, 0.860646, -0.227968},
     {0.280085, 0.672501, 0.047413},
     {-0.011820, 0.042940, 0.968881}},
    {{1.255528, -0.076749, -0.178779},
     {-0.078411, 0.930809, 0.147602},
     {0.004733, 0.691367, 0.303900}},
    {{0.2126, 0.7152, 0.0722}, {0.2126, 0.7152, 0.0722}, {0.2126, 0.7152, 0.0722}},
};
enum { N_EYES = sizeof eyes / sizeof *eyes };

START_TEST(luminance_falls_for_all_eyes)
{
    double last = INFINITY;

    for (int i = 0; i <= 64; i++) {
        double y = luminance(times(eyes[_i], linear_of(qg_heat_colour(i / 64.0))));
        ck_assert_msg(y < last, "step %d has %.4f after %.4f", i, y, last);
        last = y;
    }
}
END_TEST

START_TEST(numbers_are_readable_on_every_colour)
{
    for (int i = 0; i <= 255; i++) {
        qg_rgb c = qg_heat_colour(i / 255.0);
        double y = luminance(linear_of(c));
        double contrast = qg_heat_wants_black_text(c) ? (y + 0.05) / 0.05 : 1.05 / (y + 0.05);
        ck_assert_msg(contrast >= 4.5, "%d has %.2f", i, contrast);
    }
}
END_TEST

/* ---- scale ---- */

START_TEST(a_narrow_range_is_linear)
{
    static const double values[] = {0.04, NAN, 0.02, 0.2, INFINITY};
    qg_heat_scale s = qg_heat_scale_of(values, 5);

    ck_assert_uint_eq(s.n, 3);
    ck_assert(!s.is_log); /* ten times is not more than ten times */
    ck_assert_double_eq(s.least, 0.02);
    ck_assert_double_eq(s.greatest, 0.2);
    ck_assert_double_eq_tol(qg_heat_scale_at(&s, 0.11), 0.5, 1e-12);
    ck_assert_double_eq_tol(qg_heat_scale_middle(&s), 0.11, 1e-12);
    ck_assert_int_eq(qg_heat_step(&s, 0.02), 0);
    ck_assert_int_eq(qg_heat_step(&s, 0.2), QG_HEAT_STEPS - 1);
    ck_assert_int_eq(qg_heat_step(&s, -1), 0);
    ck_assert_int_eq(qg_heat_step(&s, 1), QG_HEAT_STEPS - 1);
    ck_assert_int_eq(qg_heat_step(&s, NAN), 0);
}
END_TEST

START_TEST(a_wide_range_is_logarithmic)
{
    static const double values[] = {0.001, 0.1, 10};
    qg_heat_scale s = qg_heat_scale_of(values, 3);

    ck_assert(s.is_log);
    ck_assert_double_eq_tol(qg_heat_scale_at(&s, 0.1), 0.5, 1e-12);
    ck_assert_double_eq_tol(qg_heat_scale_middle(&s), 0.1, 1e-12);
    ck_assert_double_eq(qg_heat_scale_at(&s, 0.001), 0);
    ck_assert_double_eq(qg_heat_scale_at(&s, 10), 1);
    ck_assert_double_eq(qg_heat_scale_at(&s, 0), 0); /* log of 0 */
    ck_assert_int_eq(qg_heat_step(&s, -1), 0);
}
END_TEST

START_TEST(ranges_without_width_have_one_colour)
{
    static const double same[] = {0.25, 0.25}, none[] = {NAN, NAN}, zeros[] = {0, 0},
                        from_zero[] = {0, 1e300};
    qg_heat_scale s = qg_heat_scale_of(same, 2);

    ck_assert_double_eq(qg_heat_scale_at(&s, 0.25), 0);
    ck_assert_double_eq(qg_heat_scale_middle(&s), 0.25);
    s = qg_heat_scale_of(none, 2);
    ck_assert_uint_eq(s.n, 0);
    ck_assert_int_eq(qg_heat_step(&s, NAN), 0);
    s = qg_heat_scale_of(zeros, 2);
    ck_assert_double_eq(qg_heat_scale_at(&s, 0), 0);
    s = qg_heat_scale_of(from_zero, 2);
    ck_assert(!s.is_log);
    ck_assert_double_eq_tol(qg_heat_scale_at(&s, 5e299), 0.5, 1e-12);
    s = qg_heat_scale_of(NULL, 0);
    ck_assert_uint_eq(s.n, 0);
}
END_TEST

START_TEST(cells_are_short)
{
    static const struct {
        double share;
        const char *text;
    } cells[] = {{0, "0.00"},
                 {0.00001, "&lt;.01"},
                 {0.0043, "0.43"},
                 {0.00994, "0.99"},
                 {0.00996, "1.0"},
                 {0.0743, "7.4"},
                 {0.1263, "12.6"},
                 {0.9996, "100"},
                 {1.43, "143"},
                 {1e6, "1e+08"},
                 {-0.0743, "-7.4"},
                 {NAN, "\xe2\x80\x93"},
                 {INFINITY, "\xe2\x80\x93"}};
    char text[QG_HEAT_TEXT];

    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        qg_buf b;
        qg_buf_init(&b, arena);
        qg_page_text(&b, qg_heat_print(text, cells[i].share));
        ck_assert_str_eq(b.ptr, cells[i].text);
    }
}
END_TEST

/* ---- HTML ---- */

static xmlDocPtr page_of(const qg_heatmap *map)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_page_head(&b, "t");
    qg_heatmap_style(&b);
    qg_page_body(&b);
    qg_buf_text(&b, "<main><h1>t</h1>");
    qg_heatmap_html(&b, map);
    qg_buf_text(&b, "</main>");
    qg_page_end(&b, NULL);
    ck_assert(!b.failed);
    const char *table = strstr(b.ptr, "<figure");
    ck_assert_ptr_null(strstr(table, "nan"));
    ck_assert_ptr_null(strstr(table, "inf"));
    return page_parse(b.ptr);
}

START_TEST(every_cell_has_its_number_and_colour)
{
    static const char *const columns[] = {"q", "<k>\"&", "down"};
    static const int rows[] = {0, 7};
    static const double values[] = {0.01, 0.02, NAN, 0.03, 0.04, 0.05};
    qg_heatmap map = {"error of <weights>", columns, rows, values, 3, 2};
    xmlDocPtr doc = page_of(&map);

    page_has(doc, 9, "//tbody//td"); /* the medians too */
    ck_assert_str_eq(page_text(doc, "//figcaption/b"), "error of <weights>");
    ck_assert_str_eq(page_text(doc, "//thead/tr/th[3]"), "<k>\"&");
    ck_assert_str_eq(page_text(doc, "//tbody/tr[2]/th"), "0");
    ck_assert_str_eq(page_text(doc, "//tbody/tr[2]/td[2]"), "2.0");
    ck_assert_str_eq(page_text(doc, "//tbody/tr[2]/td[2]/@title"), "layer 0 <k>\"&: 2 %");
    ck_assert_str_eq(page_text(doc, "//tbody/tr[2]/td[1]/@class"), "h0");
    ck_assert_str_eq(page_text(doc, "//tbody/tr[3]/td[3]/@class"), "h31");
    ck_assert_str_eq(page_text(doc, "//tbody/tr[2]/td[3]"), "\xe2\x80\x93");
    ck_assert_str_eq(page_text(doc, "//tbody/tr[2]/td[3]/@title"), "layer 0 down: none");
    page_has(doc, 1, "//tbody//td[not(@class)]");
    ck_assert_str_eq(page_text(doc, "//tbody/tr[1]/td[1]"), "1.0"); /* lower one of two */
    ck_assert_str_eq(page_text(doc, "//tbody/tr[1]/td[3]"), "5.0"); /* of one */
    page_has(doc, QG_HEAT_STEPS, "//p[@class=\"legend\"]//i");
    ck_assert_str_eq(page_text(doc, "//p[@class=\"legend\"]"), "1 %5 %linear scale, middle 3 %");
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(many_layers_are_set_close)
{
    static const char *const columns[] = {"q"};
    int rows[80];
    double values[80];

    for (int i = 0; i < 80; i++) {
        rows[i] = i;
        values[i] = pow(10, -i / 20.0);
    }
    qg_heatmap map = {"e", columns, rows, values, 1, 80};
    xmlDocPtr doc = page_of(&map);
    page_has(doc, 81, "//tbody/tr");
    page_has(doc, 1, "//figure[@class=\"heat dense\"]");
    ck_assert_ptr_nonnull(strstr(page_text(doc, "//p[@class=\"legend\"]"), "logarithmic"));
    xmlFreeDoc(doc);
}
END_TEST

START_TEST(a_map_of_nothing_is_empty)
{
    static const char *const columns[] = {"q"};
    static const int rows[] = {0};
    static const double values[] = {INFINITY};
    qg_heatmap map = {"e", columns, rows, values, 1, 1}, none = {.title = "e"};
    xmlDocPtr doc = page_of(&map);

    page_has(doc, 2, "//tbody//td[not(@class)]");
    page_has(doc, 0, "//p[@class=\"legend\"]");
    xmlFreeDoc(doc);
    doc = page_of(&none);
    page_has(doc, 0, "//tbody//td");
    xmlFreeDoc(doc);
}
END_TEST

/* "h7" in the style's part that begins at `from`: its background. */
static unsigned background(const char *from, int step)
{
    char key[40];
    unsigned c = 0;

    snprintf(key, sizeof key, ".h%d{background:#", step);
    const char *at = strstr(from, key);
    ck_assert_ptr_nonnull(at);
    sscanf(at + strlen(key), "%6x", &c);
    return c;
}

START_TEST(a_dark_page_has_the_path_backwards)
{
    qg_buf b;

    qg_buf_init(&b, arena);
    qg_heatmap_style(&b);
    const char *dark = strstr(b.ptr, "prefers-color-scheme:dark");
    ck_assert_ptr_nonnull(dark);
    for (int i = 0; i < QG_HEAT_STEPS; i++)
        ck_assert_uint_eq(background(b.ptr, i), background(dark, QG_HEAT_STEPS - 1 - i));
    ck_assert_uint_gt(background(b.ptr, 0), background(b.ptr, QG_HEAT_STEPS - 1));
}
END_TEST

Suite *heatmap_check(void)
{
    Suite *s = suite_create("heatmap_check");
    TCase *t = tcase_create("heatmap");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, the_ends_are_pale_and_dark);
    tcase_add_test(t, equal_steps_look_equally_far_apart);
    tcase_add_loop_test(t, luminance_falls_for_all_eyes, 0, N_EYES);
    tcase_add_test(t, numbers_are_readable_on_every_colour);
    tcase_add_test(t, a_narrow_range_is_linear);
    tcase_add_test(t, a_wide_range_is_logarithmic);
    tcase_add_test(t, ranges_without_width_have_one_colour);
    tcase_add_test(t, cells_are_short);
    tcase_add_test(t, every_cell_has_its_number_and_colour);
    tcase_add_test(t, many_layers_are_set_close);
    tcase_add_test(t, a_map_of_nothing_is_empty);
    tcase_add_test(t, a_dark_page_has_the_path_backwards);
    suite_add_tcase(s, t);
    return s;
}
