/* For tests of HTML pages: the page parsed by libxml2 as XML, and what every page of ours keeps.
 * page_parse() checks all that is said in page.h, so that a test of any page begins with it. */
#ifndef QG_REPORT_DOCUMENT_CHECK_H
#define QG_REPORT_DOCUMENT_CHECK_H

#include "base/scratch_check.h"
#include "base/str.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <string.h>

/* How many nodes an XPath 1.0 expression finds. */
static inline int page_count(xmlDocPtr doc, const char *path)
{
    xmlXPathContextPtr context = xmlXPathNewContext(doc);
    xmlXPathObjectPtr found = xmlXPathEvalExpression((const xmlChar *)path, context);
    ck_assert_msg(found != NULL, "'%s' is no path", path);
    int n = found->nodesetval ? found->nodesetval->nodeNr : 0;

    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);
    return n;
}

/* The value of an expression as text, on `arena`. */
static inline const char *page_text(xmlDocPtr doc, const char *path)
{
    char all[512];
    xmlXPathContextPtr context = xmlXPathNewContext(doc);
    snprintf(all, sizeof all, "string(%s)", path);
    xmlXPathObjectPtr found = xmlXPathEvalExpression((const xmlChar *)all, context);
    ck_assert_msg(found != NULL, "'%s' is no path", path);
    const char *text = qg_str_dup(arena, qg_str_from((const char *)found->stringval));

    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);
    return text;
}

static inline void page_has(xmlDocPtr doc, int n, const char *path)
{
    ck_assert_msg(page_count(doc, path) == n, "%d nodes are %s, not %d", page_count(doc, path),
                  path, n);
}

/* Headings: one of the first level, and none that is more than one below the last. */
static inline void check_headings(const xmlNode *node, int *level)
{
    for (; node; node = node->next) {
        if (node->type == XML_ELEMENT_NODE && node->name[0] == 'h' && node->name[1] >= '1' &&
            node->name[1] <= '6') {
            int here = node->name[1] - '0';
            ck_assert_msg(here <= *level + 1, "h%d follows h%d", here, *level);
            *level = here;
        }
        check_headings(node->children, level);
    }
}

static inline void check_links(xmlDocPtr doc)
{
    int n = page_count(doc, "//a");

    for (int i = 1; i <= n; i++) {
        char path[128];
        snprintf(path, sizeof path, "(//a)[%d]/@href", i);
        const char *target = page_text(doc, path);
        snprintf(path, sizeof path, "//*[@id=\"%.80s\"]", target + 1);
        if (target[0] == '#')
            ck_assert_msg(page_count(doc, path) == 1, "'%s' leads nowhere", target);
        else
            ck_assert_msg(strncmp(target, "https://", 8) == 0 || strncmp(target, "http://", 7) == 0,
                          "'%s'", target);
    }
}

/* The caller frees the document. */
static inline xmlDocPtr page_parse(const char *text)
{
    xmlDocPtr doc =
        xmlReadMemory(text, (int)strlen(text), "page", "UTF-8", XML_PARSE_NONET | XML_PARSE_HUGE);
    int level = 0;

    ck_assert_msg(doc != NULL, "the page is not well-formed");
    ck_assert_ptr_eq(strstr(text, "<!DOCTYPE html>\n"), text);
    page_has(doc, 1, "/html[@lang=\"en\"]");
    page_has(doc, 1, "/html/head/title[normalize-space()]");
    page_has(doc, 1, "//h1");
    page_has(doc, 1, "/html/body/main|/html/body//main");
    page_has(doc, 1, "/html/head/meta[starts-with(@content, \"default-src 'none'\")]");
    check_headings(xmlDocGetRootElement(doc), &level);
    /* nothing that runs, and nothing that is fetched */
    page_has(doc, 0, "//script|//img|//iframe|//object|//embed|//form|//svg|//base");
    page_has(doc, 0, "//@src|//@srcset|//@style|//@*[starts-with(name(), \"on\")]");
    page_has(doc, 1, "//link");
    page_has(doc, 1, "//link[@href=\"data:,\"]");
    ck_assert_ptr_null(strstr(text, "url("));
    ck_assert_ptr_null(strstr(text, "@import"));
    /* tables */
    page_has(doc, 0, "//table[not(caption[normalize-space()])]|//th[not(@scope)]");
    page_has(doc, 0, "//tbody/tr[not(th[@scope=\"row\"])]");
    page_has(doc, 0, "//tbody/tr[count(*) != count(../../thead/tr/th)]");
    page_has(doc, 0,
             "//table[not(parent::div[@class=\"scroll\" and @tabindex=\"0\" and "
             "@role=\"region\" and normalize-space(@aria-label)])]");
    page_has(doc, 0, "//*[@id = following::*/@id or @id = ancestor::*/@id]");
    check_links(doc);
    return doc;
}

#endif
