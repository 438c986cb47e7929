/* Text: see str.h. UTF-8 follows the Unicode standard, table 3-7 (well-formed byte sequences). */
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool qg_str_starts(qg_str s, qg_str prefix)
{
    return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

bool qg_str_ends(qg_str s, qg_str suffix)
{
    return s.len >= suffix.len && memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0;
}

qg_str qg_str_sub(qg_str s, size_t from, size_t len)
{
    if (from > s.len)
        from = s.len;
    return (qg_str){s.ptr + from, len < s.len - from ? len : s.len - from};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

qg_str qg_str_trim(qg_str s)
{
    while (s.len && is_blank(s.ptr[0]))
        s = qg_str_sub(s, 1, s.len);
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

int qg_str_compare(qg_str a, qg_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

bool qg_str_split(qg_str *rest, char separator, qg_str *piece)
{
    if (!rest->ptr)
        return false;
    const char *at = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (!at) {
        *piece = *rest;
        *rest = (qg_str){NULL, 0};
        return true;
    }
    size_t n = (size_t)(at - rest->ptr);
    *piece = (qg_str){rest->ptr, n};
    *rest = (qg_str){at + 1, rest->len - n - 1};
    return true;
}

char *qg_str_dup(qg_arena *arena, qg_str s)
{
    if (s.len == SIZE_MAX)
        return NULL;
    char *p = qg_arena_alloc(arena, s.len + 1);
    if (p && s.len)
        memcpy(p, s.ptr, s.len);
    return p;
}

bool qg_str_to_int(qg_str s, int64_t *out)
{
    char text[32], *end;

    if (s.len == 0 || s.len >= sizeof text || is_blank(s.ptr[0]) || memchr(s.ptr, '\0', s.len))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || *end)
        return false;
    *out = v;
    return true;
}

bool qg_str_to_double(qg_str s, double *out)
{
    char text[128], *end;

    if (s.len == 0 || s.len >= sizeof text || memchr(s.ptr, '\0', s.len))
        return false;
    for (size_t i = 0; i < s.len; i++) /* neither blanks, hexadecimal, inf nor nan */
        if (!strchr("0123456789+-.eE", s.ptr[i]))
            return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    double v = strtod(text, &end);
    if (*end || !isfinite(v))
        return false;
    *out = v;
    return true;
}

size_t qg_str_distance(qg_str a, qg_str b)
{
    enum { LONGEST = 63 };
    size_t row[LONGEST + 1];

    a = qg_str_sub(a, 0, LONGEST);
    b = qg_str_sub(b, 0, LONGEST);
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            size_t insert = row[j - 1] + 1, drop = row[j] + 1;
            diagonal = row[j];
            row[j] = change < insert ? change : insert;
            row[j] = row[j] < drop ? row[j] : drop;
        }
    }
    return row[b.len];
}

bool qg_str_glob(qg_str pattern, qg_str s)
{
    size_t p = 0, i = 0, star = SIZE_MAX, retry = 0;

    while (i < s.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            retry = i;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == s.ptr[i])) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

size_t qg_utf8_decode(qg_str s, uint32_t *code)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t n;
    uint32_t c, least;

    if (s.len == 0)
        return 0;
    if (p[0] < 0x80) {
        *code = p[0];
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2, c = p[0] & 0x1fu, least = 0x80;
    } else if ((p[0] & 0xf0) == 0xe0) {
        n = 3, c = p[0] & 0x0fu, least = 0x800;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4, c = p[0] & 0x07u, least = 0x10000;
    } else {
        return 0;
    }
    if (s.len < n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code = c;
    return n;
}

size_t qg_utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

size_t qg_utf8_valid(qg_str s)
{
    size_t at = 0;
    uint32_t code;

    while (at < s.len) {
        size_t n = qg_utf8_decode((qg_str){s.ptr + at, s.len - at}, &code);
        if (n == 0)
            return at;
        at += n;
    }
    return at;
}

void qg_buf_init(qg_buf *b, qg_arena *arena)
{
    *b = (qg_buf){.arena = arena};
}

static bool reserve(qg_buf *b, size_t more)
{
    if (b->failed || more > SIZE_MAX / 4 - b->len) {
        b->failed = true;
        return false;
    }
    if (b->cap > b->len + more)
        return true;
    size_t cap = b->cap ? b->cap : 128;
    while (cap <= b->len + more)
        cap *= 2;
    char *p = qg_arena_alloc(b->arena, cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    if (b->len)
        memcpy(p, b->ptr, b->len);
    b->ptr = p;
    b->cap = cap;
    return true;
}

void qg_buf_append(qg_buf *b, const void *data, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n)
        memcpy(b->ptr + b->len, data, n);
    b->len += n;
    b->ptr[b->len] = '\0';
}

void qg_buf_str(qg_buf *b, qg_str s)
{
    qg_buf_append(b, s.ptr, s.len);
}

void qg_buf_text(qg_buf *b, const char *s)
{
    qg_buf_append(b, s, strlen(s));
}

void qg_buf_char(qg_buf *b, char c)
{
    qg_buf_append(b, &c, 1);
}

void qg_buf_format(qg_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return;
    }
    if (!reserve(b, (size_t)n))
        return;
    va_start(ap, fmt);
    vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}
