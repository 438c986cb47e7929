/* Unit tests of report/page: escapes, links and the skeleton. */
#include "report/page.h"

#include "report/document_check.h"

#include <math.h>

static qg_buf out;

static void begin(void)
{
    set_up();
    qg_buf_init(&out, arena);
}

START_TEST(texts_are_escaped_and_cleaned)
{
    qg_page_text(&out, "a<b>&\"'\x01\xff\n\xf0\x9f\x98\x80");
    ck_assert_str_eq(out.ptr, "a&lt;b&gt;&amp;&quot;' \xef\xbf\xbd \xf0\x9f\x98\x80");
    out.len = 0;
    qg_page_text(&out, "plain </p>");
    ck_assert_str_eq(out.ptr, "plain &lt;/p&gt;");
    out.len = 0;
    qg_page_lines(&out, "a\n<b>\r\nc");
    ck_assert_str_eq(out.ptr, "a\n&lt;b&gt;\nc");
    out.len = 0;
    qg_page_text(&out, "");
    qg_page_text(&out, NULL);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(long_texts_are_cut)
{
    static char text[5000];

    memset(text, 'x', sizeof text - 1);
    qg_page_text(&out, text);
    ck_assert_uint_eq(out.len, 2003);
    ck_assert(qg_str_ends(qg_buf_view(&out), QG_STR("xxx...")));
}
END_TEST

START_TEST(only_web_addresses_become_links)
{
    qg_page_link(&out, "https://example.org/?a=1&b=\"", "<x>");
    ck_assert_str_eq(out.ptr, "<a href=\"https://example.org/?a=1&amp;b=&quot;\">&lt;x&gt;</a>");
    out.len = 0;
    qg_page_link(&out, "http://example.org", "x");
    ck_assert_str_eq(out.ptr, "<a href=\"http://example.org\">x</a>");
    out.len = 0;
    qg_page_link(&out, "javascript:alert(1)", "a");
    qg_page_link(&out, "data:text/html,x", "b");
    qg_page_link(&out, " https://example.org", "c");
    qg_page_link(&out, "#L4", "d");
    qg_page_link(&out, NULL, "e");
    ck_assert_str_eq(out.ptr, "abcde");
}
END_TEST

START_TEST(a_page_is_well_formed)
{
    static const qg_page_column columns[] = {{"name & all", false}, {"size", true}};

    qg_page_head(&out, "t<i>tle");
    qg_page_body(&out);
    qg_buf_text(&out, "<main>");
    qg_page_heading(&out, 1, "top", "a & b");
    qg_page_table_begin(&out, "cap\"tion");
    qg_page_columns(&out, columns, 2);
    qg_buf_text(&out, "<tbody><tr>");
    qg_page_row_name(&out, "<n>");
    qg_page_number(&out, "4");
    qg_buf_text(&out, "</tr></tbody>");
    qg_page_table_end(&out);
    qg_page_facts_begin(&out, false);
    qg_page_fact(&out, "k<", "v<");
    qg_page_fact(&out, "absent", NULL);
    qg_page_fact(&out, "empty", "");
    qg_page_facts_end(&out);
    qg_buf_text(&out, "</main>");
    qg_page_end(&out, "1<2");
    ck_assert(!out.failed);
    xmlDocPtr doc = page_parse(out.ptr);
    ck_assert_str_eq(page_text(doc, "//title"), "t<i>tle");
    ck_assert_str_eq(page_text(doc, "//h1[@id=\"top\"]"), "a & b");
    ck_assert_str_eq(page_text(doc, "//caption"), "cap\"tion");
    ck_assert_str_eq(page_text(doc, "//thead/tr/th[1]"), "name & all");
    ck_assert_str_eq(page_text(doc, "//tbody/tr/th"), "<n>");
    ck_assert_str_eq(page_text(doc, "//tbody/tr/td[@class=\"n\"]"), "4");
    page_has(doc, 1, "//dl/div/dt");
    ck_assert_str_eq(page_text(doc, "//dl/div/dd"), "v<");
    ck_assert_str_eq(page_text(doc, "//footer"), "made by quantgate 1<2");
    xmlFreeDoc(doc);
}
END_TEST

/* The colour after "--name:" in the part of the style that begins at `from`. */
static unsigned colour(const char *from, const char *name)
{
    char key[40];
    snprintf(key, sizeof key, "--%s:#", name);
    const char *at = strstr(from, key);
    unsigned c = 0;

    ck_assert_msg(at != NULL, "no %s", name);
    at += strlen(key);
    if (at[3] == ';' || at[3] == '}') { /* #fff */
        sscanf(at, "%3x", &c);
        return (c >> 8) * 0x110000 + ((c >> 4) & 15) * 0x1100 + (c & 15) * 0x11;
    }
    sscanf(at, "%6x", &c);
    return c;
}

/* WCAG 2.2, "relative luminance". */
static double luminance(unsigned c)
{
    static const double weights[] = {0.0722, 0.7152, 0.2126};
    double y = 0;

    for (int i = 0; i < 3; i++) {
        double x = ((c >> (8 * i)) & 255) / 255.0;
        y += weights[i] * (x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4));
    }
    return y;
}

static void readable(const char *from, const char *text, const char *ground)
{
    double a = luminance(colour(from, text)), b = luminance(colour(from, ground));
    double contrast = (fmax(a, b) + 0.05) / (fmin(a, b) + 0.05);

    ck_assert_msg(contrast >= 4.5, "%s on %s has a contrast of %.2f", text, ground, contrast);
}

START_TEST(texts_are_readable_in_both_themes)
{
    static const char *const texts[] = {"ink",   "soft",         "link", "pass",      "fail",
                                        "error", "inconclusive", "skip", "known-fail"};

    qg_page_head(&out, "t");
    const char *theme = strstr(out.ptr, _i ? "prefers-color-scheme:dark" : ":root");
    ck_assert_ptr_nonnull(theme);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        readable(theme, texts[i], "page");
        readable(theme, texts[i], "card");
        if (i >= 3)
            readable(theme, texts[i], "on"); /* the great verdict stands on it */
    }
}
END_TEST

Suite *page_check(void)
{
    Suite *s = suite_create("page_check");
    TCase *t = tcase_create("page");

    tcase_add_checked_fixture(t, begin, tear_down);
    tcase_add_test(t, texts_are_escaped_and_cleaned);
    tcase_add_test(t, long_texts_are_cut);
    tcase_add_test(t, only_web_addresses_become_links);
    tcase_add_test(t, a_page_is_well_formed);
    tcase_add_loop_test(t, texts_are_readable_in_both_themes, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
