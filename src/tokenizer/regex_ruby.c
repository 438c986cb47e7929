/* From Oniguruma's Ruby syntax to PCRE2's: the translation of regex.h.
 *
 * One pass, left to right, with an allow list: what both read alike is copied, what they read
 * differently is spelled out, and all else is refused by name, so that no pattern changes its
 * meaning silently. The classes were measured against Oniguruma 6.9 over every code point that
 * Unicode 14 assigns.
 */
#include "tokenizer/regex.h"

#include <stdlib.h>

/* White_Space, and its complement for use inside a class. */
#define SPACE "\\t-\\r\\x{85}\\p{Z}"
#define NOT_SPACE                                                                                  \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-"         \
    "\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"        \
    "\\x{3001}-\\x{10ffff}"
/* Alphabetic, Mark, Decimal_Number, Connector_Punctuation. The ranges are the letters in circles
 * and squares, alphabetic though symbols by category. Outside of a class Oniguruma's table of
 * U+0080 to U+00FF adds the superscripts and fractions. */
#define WORD                                                                                       \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-"         \
    "\\x{1f169}\\x{1f170}-\\x{1f189}"
#define WORD_ALONE WORD "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

typedef struct reader {
    qg_str in;
    size_t at;
    qg_buf *out;
    qg_err *err;
} reader;

static int peek(const reader *r, size_t ahead)
{
    return r->at + ahead < r->in.len ? (unsigned char)r->in.ptr[r->at + ahead] : -1;
}

static bool starts(const reader *r, const char *s)
{
    return qg_str_starts(qg_str_sub(r->in, r->at, r->in.len), qg_str_from(s));
}

static void copy(reader *r, size_t n)
{
    qg_buf_append(r->out, r->in.ptr + r->at, n);
    r->at += n;
}

static void put(reader *r, size_t n_read, const char *text)
{
    qg_buf_text(r->out, text);
    r->at += n_read;
}

static qg_status refuse(const reader *r, const char *what)
{
    return qg_fail(r->err, QG_ENOSUP, "regex '" QG_STR_PRI "': %s at byte %zu is not supported",
                   QG_STR_ARG(r->in), what, r->at);
}

static bool is_category(qg_str name)
{
    static const char all[] = " C Cc Cf Cn Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe "
                              "Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs Any ";
    for (const char *p = all; *p; p++)
        if (*p == ' ' && strncmp(p + 1, name.ptr, name.len) == 0 && p[1 + name.len] == ' ')
            return true;
    return false;
}

/* \p{Name}, \p{^Name}, \P{Name}: a general category, or a script. */
static qg_status property(reader *r)
{
    size_t end = r->at + 2;
    bool negated = peek(r, 1) == 'P';

    if (peek(r, 2) != '{')
        return refuse(r, "a property without braces");
    while (end < r->in.len && r->in.ptr[end] != '}')
        end++;
    if (end == r->in.len)
        return refuse(r, "an open property");
    qg_str name = qg_str_sub(r->in, r->at + 3, end - r->at - 3);
    if (name.len > 0 && name.ptr[0] == '^') {
        negated = !negated;
        name = qg_str_sub(name, 1, name.len);
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '_')
            return refuse(r, "this property");
    }
    /* PCRE2's own properties are Xan, Xsp and their like; script names are longer than two */
    if (!is_category(name) && (name.len < 3 || name.ptr[0] == 'X'))
        return refuse(r, "this property");
    /* Since 10.40 a bare script name means Script_Extensions to PCRE2, but Script to Oniguruma. */
    qg_buf_format(
        r->out, "\\%c{%s" QG_STR_PRI "}", negated ? 'P' : 'p',
        is_category(name) || !qg_regex_has_script_prefix() ? "" : "sc:", QG_STR_ARG(name));
    r->at = end + 1;
    return QG_OK;
}

/* \xHH, \x{H...}, \uHHHH */
static qg_status code_point(reader *r)
{
    bool braces = peek(r, 1) == 'x' && peek(r, 2) == '{';
    size_t max = braces ? 8 : peek(r, 1) == 'u' ? 4 : 2, n = 0;
    const char *digits = r->in.ptr + r->at + (braces ? 3 : 2);
    char hex[9] = "";

    while (n < max && digits + n < r->in.ptr + r->in.len && digits[n] &&
           strchr("0123456789abcdefABCDEF", digits[n])) {
        hex[n] = digits[n];
        n++;
    }
    unsigned long code = strtoul(hex, NULL, 16);
    if (n == 0 || (max == 4 && n < 4) || (max == 2 && code > 0x7f) || code > 0x10ffff ||
        (braces && peek(r, 3 + n) != '}'))
        return refuse(r, "this number of a character");
    qg_buf_format(r->out, "\\x{%lx}", code);
    r->at += 2 + n + (braces ? 2 : 0);
    return QG_OK;
}

/* Escapes of one letter; NULL where it means something else there, or nothing. */
static const struct {
    char letter;
    const char *alone, *in_class;
} letters[] = {
    {'s', "[" SPACE "]", SPACE},
    {'S', "[^" SPACE "]", NOT_SPACE},
    {'d', "\\p{Nd}", "\\p{Nd}"},
    {'D', "\\P{Nd}", "\\P{Nd}"},
    {'w', "[" WORD_ALONE "]", WORD},
    {'W', "[^" WORD_ALONE "]", NULL},
    {'b', "(?:(?<=[" WORD_ALONE "])(?![" WORD_ALONE "])|(?<![" WORD_ALONE "])(?=[" WORD_ALONE "]))",
     "\\x{8}"},
    {'v', "\\x{b}", "\\x{b}"},
    {'n', "\\n", "\\n"},
    {'r', "\\r", "\\r"},
    {'t', "\\t", "\\t"},
    {'f', "\\f", "\\f"},
    {'a', "\\a", "\\a"},
    {'e', "\\e", "\\e"},
    {'A', "\\A", NULL},
    {'z', "\\z", NULL},
    {'Z', "\\Z", NULL},
};

static bool is_ascii_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static qg_status escape(reader *r, bool in_class)
{
    char what[] = "'\\?'";
    int c = peek(r, 1);

    if (c == 'p' || c == 'P')
        return property(r);
    if (c == 'x' || c == 'u')
        return code_point(r);
    if (c > ' ' && c < 0x7f && !is_ascii_alnum(c)) {
        copy(r, 2);
        return QG_OK;
    }
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        const char *text = in_class ? letters[i].in_class : letters[i].alone;
        if (letters[i].letter == c && text) {
            put(r, 2, text);
            return QG_OK;
        }
    }
    if (is_ascii_alnum(c))
        what[2] = (char)c;
    return refuse(r, what);
}

static qg_status class(reader *r)
{
    copy(r, 1);
    if (peek(r, 0) == '^')
        copy(r, 1);
    if (peek(r, 0) == ']')
        return refuse(r, "']' as first of a class");
    while (peek(r, 0) != ']') {
        if (peek(r, 0) < 0)
            return refuse(r, "an open class");
        if (peek(r, 0) == '[')
            return refuse(r, "a class inside a class");
        if (starts(r, "&&"))
            return refuse(r, "'&&'");
        if (peek(r, 0) == '-' && peek(r, 1) == '\\' && strchr("sSdDwWpP", peek(r, 2)))
            return refuse(r, "a range that ends in a class");
        if (peek(r, 0) == '\\')
            QG_PASS(escape(r, true));
        else
            copy(r, 1);
    }
    copy(r, 1);
    return QG_OK;
}

static qg_status group(reader *r)
{
    static const char *const same[] = {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:", "(?-i:"};

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (starts(r, same[i])) {
            copy(r, strlen(same[i]));
            return QG_OK;
        }
    }
    if (starts(r, "(?i)") && r->at == 0) {
        copy(r, 4);
        return QG_OK;
    }
    if (starts(r, "(?") || starts(r, "(*"))
        return refuse(r, "this kind of group");
    put(r, 1, "(?:"); /* what a capture caught is never asked for */
    return QG_OK;
}

/* {n}, {n,}, {n,m}, {,m}; anything else is a brace. A '+' behind it repeats the interval, where
 * PCRE2 would take it as possessive. */
static qg_status interval(reader *r)
{
    size_t at = r->at + 1, low = at, n_low, n_high = 0;
    bool comma = false;

    while (at < r->in.len && r->in.ptr[at] >= '0' && r->in.ptr[at] <= '9')
        at++;
    n_low = at - low;
    if (at < r->in.len && r->in.ptr[at] == ',') {
        size_t high = ++at;
        comma = true;
        while (at < r->in.len && r->in.ptr[at] >= '0' && r->in.ptr[at] <= '9')
            at++;
        n_high = at - high;
    }
    if (at == r->in.len || r->in.ptr[at] != '}' || n_low + n_high == 0) {
        put(r, 1, "\\{");
        return QG_OK;
    }
    at++;
    int next = at < r->in.len ? r->in.ptr[at] : -1;
    if (next == '+' || next == '*' || (next == '?' && !comma)) {
        bool from_one = n_low == 1 && r->in.ptr[low] == '1';
        if (next != '+' || !from_one || !comma)
            return refuse(r, "a repeated interval");
        put(r, at + 1 - r->at, "{1,}");
        return QG_OK;
    }
    put(r, n_low > 0 ? 1 : 2, n_low > 0 ? "{" : "{0,");
    copy(r, at - r->at);
    return QG_OK;
}

qg_status qg_regex_translate(qg_buf *out, qg_str pattern, qg_err *err)
{
    reader r = {.in = pattern, .out = out, .err = err};

    while (r.at < pattern.len) {
        switch (peek(&r, 0)) {
        case '\\':
            QG_PASS(escape(&r, false));
            break;
        case '[':
            QG_PASS(class(&r));
            break;
        case '(':
            QG_PASS(group(&r));
            break;
        case '{':
            QG_PASS(interval(&r));
            break;
        default:
            copy(&r, 1);
        }
    }
    QG_NEED(!out->failed, err);
    return QG_OK;
}
