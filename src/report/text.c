/* Text for people: see text.h. */
#include "report/text.h"

#include <stdio.h>
#include <stdlib.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Takes the next code point; invalid bytes give U+FFFD one at a time. */
static uint32_t next_code(qg_str *s, qg_str *bytes)
{
    uint32_t code = 0xfffd;
    size_t n = qg_utf8_decode(*s, &code);

    *bytes = n > 0 ? qg_str_sub(*s, 0, n) : QG_STR(REPLACEMENT);
    *s = qg_str_sub(*s, n > 0 ? n : 1, s->len);
    if (code == 0xfffe || code == 0xffff) {
        *bytes = QG_STR(REPLACEMENT);
        code = 0xfffd;
    }
    return code;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void qg_text_clean(qg_buf *out, qg_str s, bool keep_lines)
{
    qg_str bytes;

    while (s.len > 0) {
        uint32_t code = next_code(&s, &bytes);
        if (code == '\r' && s.len > 0 && s.ptr[0] == '\n')
            continue;
        if (keep_lines && code == '\n')
            qg_buf_char(out, '\n');
        else if (is_control(code))
            qg_buf_char(out, ' ');
        else
            qg_buf_str(out, bytes);
    }
}

qg_str qg_text_message(qg_arena *arena, const char *s, bool keep_lines, bool *failed)
{
    qg_str text = qg_str_from(s);
    bool cut = text.len > QG_TEXT_MESSAGE_MAX;
    qg_buf b;

    qg_buf_init(&b, arena);
    if (cut) {
        text.len = QG_TEXT_MESSAGE_MAX;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    qg_text_clean(&b, text, keep_lines);
    if (cut)
        qg_buf_text(&b, "...");
    *failed = *failed || b.failed;
    return b.failed ? QG_STR("") : qg_buf_view(&b);
}

void qg_text_target(qg_buf *out, const char *path)
{
    for (const char *p = path; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     strchr("/._-~", c);
        qg_buf_format(out, plain ? "%c" : "%%%02X", c);
    }
}

void qg_text_number(qg_buf *out, double v)
{
    char text[40];

    snprintf(text, sizeof text, "%.15g", v);
    if (strtod(text, NULL) != v)
        snprintf(text, sizeof text, "%.17g", v);
    qg_buf_text(out, text);
}

static size_t width_of(uint32_t c)
{
    bool none = (c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) ||
                (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0x20d0 && c <= 0x20f0) || c == 0xfeff ||
                (c >= 0xe0100 && c <= 0xe01ef);
    bool two = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
               (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
               (c >= 0xfe30 && c <= 0xfe4f) || (c >= 0xff00 && c <= 0xff60) ||
               (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
               (c >= 0x20000 && c <= 0x3fffd);
    return none ? 0 : two ? 2 : 1;
}

size_t qg_text_width(qg_str s)
{
    size_t width = 0;
    qg_str bytes;

    while (s.len > 0)
        width += width_of(next_code(&s, &bytes));
    return width;
}

/* Bytes of s that fit in `width` columns. */
static size_t fitting(qg_str s, size_t width)
{
    size_t all = s.len, used = 0;
    qg_str bytes;

    while (s.len > 0) {
        size_t here = all - s.len;
        used += width_of(next_code(&s, &bytes));
        if (used > width)
            return here;
    }
    return all;
}

void qg_text_fit(qg_buf *out, qg_str s, size_t width)
{
    qg_buf clean;

    qg_buf_init(&clean, out->arena);
    qg_text_clean(&clean, s, false);
    out->failed = out->failed || clean.failed;
    qg_str text = qg_buf_view(&clean);
    size_t columns = qg_text_width(text);
    if (columns > width && width > 0) {
        text.len = fitting(text, width - 1);
        columns = qg_text_width(text) + 1;
        qg_buf_str(out, text);
        qg_buf_text(out, "\xe2\x80\xa6");
    } else {
        qg_buf_str(out, text);
    }
    for (; columns < width; columns++)
        qg_buf_char(out, ' ');
}

void qg_text_wrap(qg_buf *out, qg_str s, size_t indent, size_t width)
{
    size_t column = indent;
    qg_buf clean;
    qg_str word;

    qg_buf_init(&clean, out->arena);
    qg_text_clean(&clean, s, false);
    out->failed = out->failed || clean.failed;
    qg_str text = qg_buf_view(&clean);
    while (qg_str_split(&text, ' ', &word)) {
        size_t columns = qg_text_width(word);
        if (word.len == 0)
            continue;
        if (column > indent && column + 1 + columns > width) {
            qg_buf_format(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            qg_buf_char(out, ' ');
            column++;
        }
        qg_buf_str(out, word);
        column += columns;
    }
}
