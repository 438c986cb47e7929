/* HTML pages: see page.h. The style is below in one piece; everything else is small. Colours of
 * texts keep 4.5 to 1 against what they stand on (WCAG 2.2, AA) in both themes. */
#include "report/page.h"

#include "report/text.h"

static const char light[] =
    "color-scheme:light dark;--page:#f5f6f8;--card:#fff;--ink:#1b1f24;--soft:#57606a;"
    "--line:#d5dae0;--link:#0a58ca;--on:#fff;"
    "--pass:#1a7f37;--fail:#b42318;--error:#99154b;--inconclusive:#8a5300;--skip:#57606a;"
    "--known-fail:#6639ba";
static const char dark[] =
    "--page:#101317;--card:#181c21;--ink:#e4e8ec;--soft:#9ba5af;"
    "--line:#323941;--link:#7ab7ff;--on:#101317;"
    "--pass:#4ecb71;--fail:#ff8a80;--error:#ff85b3;--inconclusive:#e3b341;--skip:#9ba5af;"
    "--known-fail:#c4a5ff";

static const char style[] =
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:84rem;padding:1rem 1.25rem 3rem;background:var(--page);"
    "color:var(--ink);font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',"
    "Arial,sans-serif}\n"
    "h1,h2,h3,h4{line-height:1.25;overflow-wrap:anywhere}\n"
    "h1{font-size:1.6rem;margin:.25rem 0}\n"
    "h2{font-size:1.25rem;margin:2.5rem 0 .75rem}\n"
    "h3{font-size:1.05rem;margin:0 0 .25rem}\n"
    "h4{font-size:.95rem;margin:1.25rem 0 .5rem}\n"
    "p{margin:.25rem 0}\n"
    "a{color:var(--link)}\n"
    "a:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--link);outline-offset:2px}\n"
    "code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',"
    "monospace;overflow-wrap:anywhere}\n"
    "pre{margin:.5rem 0 0;padding:.5rem .75rem;white-space:pre-wrap;background:var(--page);"
    "border:1px solid var(--line);border-radius:.4rem}\n"
    ".soft{color:var(--soft)}.small{margin:.6rem 0 0;font-size:.875rem}\n"
    ".unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);"
    "white-space:nowrap}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;"
    "padding:1rem 1.1rem;margin:0 0 1rem;min-width:0}\n"
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,36rem),1fr));"
    "gap:1rem;align-items:start}\n"
    ".grid>.card{margin:0}\n"
    /* navigation */
    "nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;margin:1rem 0 0;"
    "padding:0}\n"
    /* verdicts */
    ".v{--c:var(--skip);color:var(--c);white-space:nowrap;font-weight:600}\n"
    ".pass{--c:var(--pass)}.fail{--c:var(--fail)}.error{--c:var(--error)}"
    ".inconclusive{--c:var(--inconclusive)}.skip{--c:var(--skip)}"
    ".known-fail{--c:var(--known-fail)}\n"
    ".verdict{display:inline-block;background:var(--c);color:var(--on);font-weight:700;"
    "font-size:1.05rem;letter-spacing:.06em;text-transform:uppercase;padding:.2rem .8rem;"
    "border-radius:2rem}\n"
    ".counts{display:flex;flex-wrap:wrap;gap:.35rem 1.25rem;list-style:none;margin:.75rem 0 0;"
    "padding:0}\n"
    ".counts b{font-size:1.3rem;font-variant-numeric:tabular-nums}\n"
    ".found{list-style:none;margin:0;padding:0}\n"
    ".found li{border-left:.3rem solid var(--c);padding:.6rem .9rem}\n"
    ".found p{overflow-wrap:anywhere}\n"
    /* tables */
    ".scroll{overflow-x:auto;margin:.5rem 0 0}.card>.scroll:first-child{margin:0}\n"
    "table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:left;vertical-align:top;padding:.28rem .9rem .28rem 0;"
    "border-bottom:1px solid var(--line)}\n"
    "th:last-child,td:last-child{padding-right:0}\n"
    "tbody tr:last-child>*{border-bottom:0}\n"
    "thead th{color:var(--soft);font-weight:600;vertical-align:bottom}\n"
    "tbody th{font-weight:500}\n"
    ".ratio{display:inline-block;min-width:3em;color:var(--soft)}\n"
    ".n{text-align:right}td,tbody th{white-space:nowrap}\n"
    /* facts */
    ".facts{columns:30rem;column-gap:2.5rem;margin:.5rem 0;font-size:.9rem}\n"
    ".facts div{display:grid;grid-template-columns:9rem 1fr;gap:.1rem 1rem;padding:.12rem 0;"
    "break-inside:avoid}\n"
    ".facts dt,.also dt{color:var(--soft)}\n"
    "dd{margin:0;min-width:0;overflow-wrap:anywhere}\n"
    ".also{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;margin:.1rem 0 0;font-size:.875rem}\n"
    ".also div{display:flex;gap:.4rem}\n"
    /* heat maps */
    ".maps{display:flex;flex-wrap:wrap;gap:1rem 2.5rem;margin:1rem 0}\n"
    ".heat{margin:0;min-width:0;max-width:100%}\n"
    ".heat figcaption{font-size:.9rem}\n"
    ".legend{display:flex;flex-wrap:wrap;align-items:center;gap:.1rem .5rem;font-size:.8rem;"
    "color:var(--soft)}\n"
    ".ramp{display:inline-flex;height:.8rem;width:10rem;border:1px solid var(--line)}\n"
    ".ramp i{flex:1}\n"
    ".heat table{font-size:.8125rem;border-collapse:separate;border-spacing:1px}\n"
    ".heat th,.heat td{border:0;text-align:center;padding:.1rem .25rem;min-width:3.1em}\n"
    ".heat th{font-weight:500;color:var(--soft)}\n"
    ".heat tbody th{text-align:right;padding-right:.5em}\n"
    ".heat .all>*{border-bottom:.35rem solid var(--card)}\n"
    ".heat td,.ramp i{forced-color-adjust:none}\n"
    ".dense table{font-size:.6875rem;line-height:1.15}\n"
    ".dense th,.dense td{padding-top:0;padding-bottom:0}\n"
    "footer{margin-top:2.5rem;color:var(--soft);font-size:.85rem}\n"
    "@media (max-width:40rem){body{padding:.75rem .75rem 2rem}.card{padding:.8rem}"
    ".facts div{grid-template-columns:7rem 1fr}.heat table{font-size:.75rem}"
    ".heat th,.heat td{padding:.1rem;min-width:2.7em}}\n"
    "@media print{body{max-width:none;padding:0;background:#fff;font-size:10pt}nav{display:none}"
    "h2,h3,h4,figcaption{break-after:avoid}.grid>.card,.found li,tr{break-inside:avoid}"
    ".scroll{overflow:visible}table{font-size:8pt}.dense table{font-size:6.5pt}"
    ".maps{flex-wrap:nowrap;gap:1rem}.heat{flex:1}"
    "td,tbody th{white-space:normal;overflow-wrap:anywhere}"
    ".heat td,.ramp i,.verdict{-webkit-print-color-adjust:exact;print-color-adjust:exact}}\n";

void qg_page_head(qg_buf *out, const char *title)
{
    qg_buf_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "style-src 'unsafe-inline'; img-src data:\"/>\n"
                     "<link rel=\"icon\" href=\"data:,\"/>\n<title>");
    qg_page_text(out, title);
    qg_buf_format(out,
                  "</title>\n<style>\n:root{%s}\n"
                  "@media screen and (prefers-color-scheme:dark){:root{%s}}\n",
                  light, dark);
    qg_buf_text(out, style);
    qg_buf_text(out, "</style>\n");
}

void qg_page_body(qg_buf *out)
{
    qg_buf_text(out, "</head>\n<body>\n");
}

void qg_page_end(qg_buf *out, const char *version)
{
    qg_buf_text(out, "<footer>made by quantgate");
    if (version && version[0]) {
        qg_buf_char(out, ' ');
        qg_page_text(out, version);
    }
    qg_buf_text(out, "</footer>\n</body>\n</html>\n");
}

/* ---- texts ---- */

/* Nothing in it to clean or to cut, as in nearly all. */
static bool is_clean(qg_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false;
    return s.len <= QG_TEXT_MESSAGE_MAX;
}

static void put_escaped(qg_buf *out, const char *s, bool keep_lines)
{
    qg_str text = qg_str_from(s);

    if (!is_clean(text))
        text = qg_text_message(out->arena, s, keep_lines, &out->failed);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '&')
            qg_buf_text(out, "&amp;");
        else if (c == '<')
            qg_buf_text(out, "&lt;");
        else if (c == '>')
            qg_buf_text(out, "&gt;");
        else if (c == '"')
            qg_buf_text(out, "&quot;");
        else
            qg_buf_char(out, c);
    }
}

void qg_page_text(qg_buf *out, const char *s)
{
    put_escaped(out, s, false);
}

void qg_page_lines(qg_buf *out, const char *s)
{
    put_escaped(out, s, true);
}

void qg_page_link(qg_buf *out, const char *target, const char *text)
{
    qg_str t = qg_str_from(target);
    bool is_safe = qg_str_starts(t, QG_STR("https://")) || qg_str_starts(t, QG_STR("http://"));

    if (is_safe) {
        qg_buf_text(out, "<a href=\"");
        qg_page_text(out, target);
        qg_buf_text(out, "\">");
    }
    qg_page_text(out, text);
    if (is_safe)
        qg_buf_text(out, "</a>");
}

void qg_page_heading(qg_buf *out, int level, const char *id, const char *text)
{
    if (id)
        qg_buf_format(out, "<h%d id=\"%s\">", level, id);
    else
        qg_buf_format(out, "<h%d>", level);
    qg_page_text(out, text);
    qg_buf_format(out, "</h%d>\n", level);
}

/* ---- tables and facts ---- */

void qg_page_table_begin(qg_buf *out, const char *caption)
{
    qg_buf_text(out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    qg_page_text(out, caption);
    qg_buf_text(out, "\">\n<table>\n<caption class=\"unseen\">");
    qg_page_text(out, caption);
    qg_buf_text(out, "</caption>\n");
}

void qg_page_table_end(qg_buf *out)
{
    qg_buf_text(out, "</table>\n</div>\n");
}

void qg_page_columns(qg_buf *out, const qg_page_column *columns, size_t n)
{
    qg_buf_text(out, "<thead><tr>");
    for (size_t i = 0; i < n; i++) {
        qg_buf_format(out, "<th scope=\"col\"%s>", columns[i].is_number ? " class=\"n\"" : "");
        qg_page_text(out, columns[i].name);
        qg_buf_text(out, "</th>");
    }
    qg_buf_text(out, "</tr></thead>\n");
}

void qg_page_row_name(qg_buf *out, const char *text)
{
    qg_buf_text(out, "<th scope=\"row\">");
    qg_page_text(out, text);
    qg_buf_text(out, "</th>");
}

void qg_page_cell(qg_buf *out, const char *text)
{
    qg_buf_text(out, "<td>");
    qg_page_text(out, text);
    qg_buf_text(out, "</td>");
}

void qg_page_number(qg_buf *out, const char *text)
{
    qg_buf_text(out, "<td class=\"n\">");
    qg_page_text(out, text);
    qg_buf_text(out, "</td>");
}

void qg_page_hash(qg_buf *out, const char *hash)
{
    qg_buf_text(out, "<td><code>");
    qg_page_text(out, hash);
    qg_buf_text(out, "</code></td>");
}

void qg_page_facts_begin(qg_buf *out, bool in_line)
{
    qg_buf_format(out, "<dl class=\"%s\">\n", in_line ? "also" : "facts");
}

void qg_page_fact(qg_buf *out, const char *name, const char *text)
{
    if (!text || !text[0])
        return;
    qg_buf_text(out, "<div><dt>");
    qg_page_text(out, name);
    qg_buf_text(out, "</dt><dd>");
    qg_page_text(out, text);
    qg_buf_text(out, "</dd></div>\n");
}

void qg_page_facts_end(qg_buf *out)
{
    qg_buf_text(out, "</dl>\n");
}
