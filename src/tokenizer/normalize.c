/* Normalizers: see normalize.h. The only file that sees utf8proc.
 *
 * The Unicode forms are the algorithm of Unicode Standard Annex 15: decompose every code point,
 * sort runs of combining marks by class (stable), compose. utf8proc gives the data; sorting and
 * composing are done here, because its own sort is quadratic in the length of a run and because the
 * upstream tables are older (see the ranges below). Text that is all ASCII has no other form.
 */
#include "tokenizer/normalize.h"

#include "tokenizer/charsmap.h"
#include "tokenizer/part.h"
#include "tokenizer/regex.h"

#include <utf8proc.h>

typedef struct range {
    uint32_t first, last;
} range;

/* Measured against tokenizers 0.23 over all of Unicode 14: characters whose decomposition, whose
 * combining class, whose being a mark, and whose being punctuation the upstream tables lack. */
static const range no_compat[] = {{0x32ff, 0x32ff},   {0xa7f2, 0xa7f4},   {0xab69, 0xab69},
                                  {0x10781, 0x107ba}, {0x11938, 0x11938}, {0x1f16c, 0x1f16c},
                                  {0x1fbf0, 0x1fbf9}};
static const range no_class[] = {{0x7fd, 0x7fd},     {0x898, 0x8d3},     {0x9fe, 0x9fe},
                                 {0xc3c, 0xc3c},     {0xd3b, 0xd3c},     {0xeba, 0xeba},
                                 {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},
                                 {0xa82c, 0xa82c},   {0x10d24, 0x10f85}, {0x11070, 0x11070},
                                 {0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x11a99},
                                 {0x11d42, 0x11d97}, {0x16ff0, 0x16ff1}, {0x1e130, 0x1e2ef}};
static const range no_mark[] = {
    {0x7fd, 0x7fd},     {0x898, 0x8d3},     {0x9fe, 0x9fe},     {0xafa, 0xaff},
    {0xb55, 0xb55},     {0xc04, 0xc3c},     {0xd00, 0xd00},     {0xd3b, 0xd3c},
    {0xd81, 0xd81},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x180f, 0x180f},
    {0x1abf, 0x1ace},   {0x1cf7, 0x1cf7},   {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},
    {0xa8ff, 0xa8ff},   {0x10d24, 0x10f85}, {0x11070, 0x11074}, {0x110c2, 0x110c2},
    {0x11145, 0x11146}, {0x111c9, 0x111c9}, {0x111ce, 0x111cf}, {0x1133b, 0x1133b},
    {0x1145e, 0x1145e}, {0x1182c, 0x11a99}, {0x11d31, 0x11ef6}, {0x16f4f, 0x16f4f},
    {0x16f7f, 0x16f87}, {0x16fe4, 0x16ff1}, {0x1cf00, 0x1cf46}, {0x1e130, 0x1e2ef}};
static const range no_punctuation[] = {{0x61d, 0x61d},     {0x9fd, 0xa76},     {0xc77, 0xc84},
                                       {0x1b7d, 0x1b7e},   {0x2e43, 0x2e5d},   {0x10ead, 0x10f89},
                                       {0x1144b, 0x1145d}, {0x11660, 0x116b9}, {0x1183b, 0x11fff},
                                       {0x12ff1, 0x12ff2}, {0x16e97, 0x16fe2}, {0x1e95e, 0x1e95f}};
#define WITHIN(code, ranges) within((code), (ranges), sizeof(ranges) / sizeof *(ranges))

static bool within(uint32_t code, const range *r, size_t n)
{
    for (size_t i = 0; i < n && code >= r[i].first; i++)
        if (code <= r[i].last)
            return true;
    return false;
}

static utf8proc_category_t category(uint32_t code)
{
    return utf8proc_category((utf8proc_int32_t)code);
}

bool qg_char_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    if (c == 0x85)
        return true;
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP;
}

bool qg_char_is_number(uint32_t c)
{
    if (c < 0x80)
        return c >= '0' && c <= '9';
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_NO;
}

static bool is_mark(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME;
}

bool qg_char_is_word(uint32_t c)
{
    /* letters in circles and squares, alphabetic though symbols; joiners */
    static const range others[] = {{0x200c, 0x200d},
                                   {0x24b6, 0x24e9},
                                   {0x1f130, 0x1f149},
                                   {0x1f150, 0x1f169},
                                   {0x1f170, 0x1f189}};
    utf8proc_category_t k = category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) || is_mark(c) ||
           k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_PC ||
           WITHIN(c, others);
}

bool qg_char_is_punctuation(uint32_t c)
{
    if (c < 0x80)
        return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
               !(c >= 'a' && c <= 'z');
    utf8proc_category_t k = category(c);
    /* U+166D and U+111C9 were punctuation in the Unicode of upstream's table */
    return c == 0x166d || c == 0x111c9 ||
           (k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO && !WITHIN(c, no_punctuation));
}

/* -- grapheme clusters ------------------------------------------------------------------------- */

/* U+11A3A is no prefix in upstream's table, measured like the ranges above. */
static int break_class(uint32_t c)
{
    return c == 0x11a3a ? UTF8PROC_BOUNDCLASS_OTHER
                        : utf8proc_get_property((utf8proc_int32_t)c)->boundclass;
}

static bool is_control(int k)
{
    return k == UTF8PROC_BOUNDCLASS_CR || k == UTF8PROC_BOUNDCLASS_LF ||
           k == UTF8PROC_BOUNDCLASS_CONTROL;
}

/* GB6 to GB8 */
static bool joins_hangul(int a, int b)
{
    bool v = b == UTF8PROC_BOUNDCLASS_V, t = b == UTF8PROC_BOUNDCLASS_T;

    if (a == UTF8PROC_BOUNDCLASS_L)
        return v || b == UTF8PROC_BOUNDCLASS_L || b == UTF8PROC_BOUNDCLASS_LV ||
               b == UTF8PROC_BOUNDCLASS_LVT;
    if (a == UTF8PROC_BOUNDCLASS_LV || a == UTF8PROC_BOUNDCLASS_V)
        return v || t;
    return (a == UTF8PROC_BOUNDCLASS_LVT || a == UTF8PROC_BOUNDCLASS_T) && t;
}

/* What the characters of a cluster so far leave behind for GB11 to GB13. */
typedef struct cluster {
    int last;        /* class of the last one */
    bool pictograph; /* a pictograph, then only extensions */
    bool joiner;     /* and a joiner at the end */
    bool flag;       /* one regional indicator without a partner */
} cluster;

static void extend_cluster(cluster *s, int k)
{
    s->joiner = s->pictograph && k == UTF8PROC_BOUNDCLASS_ZWJ;
    s->pictograph =
        k == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC ||
        (s->pictograph && (k == UTF8PROC_BOUNDCLASS_EXTEND || k == UTF8PROC_BOUNDCLASS_ZWJ));
    s->flag = k == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR && !s->flag;
    s->last = k;
}

static bool joins_cluster(const cluster *s, int k)
{
    if (s->last == UTF8PROC_BOUNDCLASS_CR && k == UTF8PROC_BOUNDCLASS_LF)
        return true;
    if (is_control(s->last) || is_control(k))
        return false;
    return joins_hangul(s->last, k) || k == UTF8PROC_BOUNDCLASS_EXTEND ||
           k == UTF8PROC_BOUNDCLASS_ZWJ || k == UTF8PROC_BOUNDCLASS_SPACINGMARK ||
           s->last == UTF8PROC_BOUNDCLASS_PREPEND ||
           (s->joiner && k == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC) ||
           (s->flag && k == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR);
}

size_t qg_char_cluster(qg_str text)
{
    cluster s = {0};
    uint32_t c = 0;
    size_t n = qg_utf8_decode(text, &c), more;

    for (extend_cluster(&s, break_class(c)); n < text.len; n += more) {
        more = qg_utf8_decode(qg_str_sub(text, n, 4), &c);
        if (!joins_cluster(&s, break_class(c)))
            break;
        extend_cluster(&s, break_class(c));
    }
    return n;
}

uint32_t qg_byte_letter(unsigned char b)
{
    if ((b > ' ' && b < 0x7f) || (b > 0xa0 && b != 0xad))
        return b;
    /* the others are numbered from U+0100: 00 to 20, 7f to a0, ad */
    return 0x100u + (b <= ' ' ? b : b == 0xad ? 67u : b - 0x7fu + 33u);
}

int qg_letter_byte(uint32_t c)
{
    if ((c > ' ' && c < 0x7f) || (c > 0xa0 && c <= 0xff && c != 0xad))
        return (int)c;
    if (c < 0x100 || c > 0x143)
        return -1;
    c -= 0x100;
    return (int)(c <= ' ' ? c : c == 67 ? 0xad : c - 33 + 0x7f);
}

qg_status qg_byte_letters(qg_str *out, qg_arena *arena, qg_str text, qg_err *err)
{
    char *p = qg_arena_array(arena, text.len, 2); /* every letter is below U+0800 */
    QG_NEED(p, err);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += qg_utf8_encode(qg_byte_letter((unsigned char)text.ptr[i]), p + n);
    *out = (qg_str){p, n};
    return QG_OK;
}

/* -- Unicode forms ----------------------------------------------------------------------------- */

typedef struct codes {
    utf8proc_int32_t *at;
    size_t n;
} codes;

static int class_of(utf8proc_int32_t c)
{
    return WITHIN((uint32_t)c, no_class) ? 0 : utf8proc_get_property(c)->combining_class;
}

static qg_status decompose(codes *out, qg_arena *arena, qg_str text, bool compat, qg_err *err)
{
    int options = UTF8PROC_DECOMPOSE | (compat ? UTF8PROC_COMPAT : 0), boundary = 0;
    size_t cap = text.len + 32; /* no code point has more than 18 parts */

    *out = (codes){.at = QG_NEW_N(arena, utf8proc_int32_t, cap)};
    QG_NEED(out->at, err);
    for (size_t i = 0; i < text.len;) {
        uint32_t c = 0;
        i += qg_utf8_decode(qg_str_sub(text, i, 4), &c);
        if (cap - out->n < 32) {
            utf8proc_int32_t *more = QG_NEW_N(arena, utf8proc_int32_t, cap * 2);
            QG_NEED(more, err);
            memcpy(more, out->at, out->n * sizeof *more);
            out->at = more;
            cap *= 2;
        }
        if (c < 0x80 || (WITHIN(c, no_compat) && (compat || c == 0x11938))) {
            out->at[out->n++] = (utf8proc_int32_t)c;
            continue;
        }
        utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, out->at + out->n, 32,
                                                     (utf8proc_option_t)options, &boundary);
        if (n < 0 || n > 32)
            return qg_fail(err, QG_EINTERNAL, "U+%04X does not decompose", c);
        out->n += (size_t)n;
    }
    return QG_OK;
}

/* Sorts a run of marks by class, keeping the order within a class: a counting sort. */
static void sort_run(utf8proc_int32_t *run, utf8proc_int32_t *spare, size_t n)
{
    size_t start[256] = {0};

    for (size_t i = 0; i < n; i++)
        start[class_of(run[i])]++;
    for (size_t k = 0, sum = 0; k < 256; k++) {
        size_t count = start[k];
        start[k] = sum;
        sum += count;
    }
    memcpy(spare, run, n * sizeof *run);
    for (size_t i = 0; i < n; i++)
        run[start[class_of(spare[i])]++] = spare[i];
}

static qg_status reorder(codes *c, qg_arena *arena, qg_err *err)
{
    utf8proc_int32_t *spare = NULL;

    for (size_t i = 0; i < c->n;) {
        size_t end = i;
        while (end < c->n && class_of(c->at[end]) != 0)
            end++;
        if (end - i > 1) {
            if (!spare)
                spare = QG_NEW_N(arena, utf8proc_int32_t, c->n);
            QG_NEED(spare, err);
            sort_run(c->at + i, spare, end - i);
        }
        i = end + 1;
    }
    return QG_OK;
}

/* The primary composite of two code points, or -1. */
static utf8proc_int32_t composite(utf8proc_int32_t a, utf8proc_int32_t b)
{
    utf8proc_int32_t pair[2] = {a, b};
    if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) != 1 ||
        pair[0] == 0x11938)
        return -1;
    return pair[0];
}

static void compose(codes *c)
{
    size_t n = 0, starter = SIZE_MAX;
    int last = -1; /* class of the code point kept before, -1: it is the starter */

    for (size_t i = 0; i < c->n; i++) {
        int k = class_of(c->at[i]);
        if (starter != SIZE_MAX && (last < k || last == -1)) {
            utf8proc_int32_t made = composite(c->at[starter], c->at[i]);
            if (made >= 0) {
                c->at[starter] = made;
                continue;
            }
        }
        if (k == 0)
            starter = n;
        last = k == 0 ? -1 : k;
        c->at[n++] = c->at[i];
    }
    c->n = n;
}

static qg_status encode(qg_str *out, qg_arena *arena, const codes *c, qg_err *err)
{
    char *p = qg_arena_array(arena, c->n, 4);
    size_t n = 0;

    QG_NEED(p, err);
    for (size_t i = 0; i < c->n; i++)
        n += qg_utf8_encode((uint32_t)c->at[i], p + n);
    *out = (qg_str){p, n};
    return QG_OK;
}

static bool is_ascii(qg_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

static qg_status form_text(qg_str *text, qg_arena *arena, bool compat, bool composed, qg_err *err)
{
    codes c;

    if (is_ascii(*text))
        return QG_OK;
    QG_PASS(decompose(&c, arena, *text, compat, err));
    QG_PASS(reorder(&c, arena, err));
    if (composed)
        compose(&c);
    return encode(text, arena, &c, err);
}

/* The head is what its form has alone, and at least the first character. */
static qg_status form(qg_piece *p, qg_arena *arena, bool compat, bool composed, qg_err *err)
{
    qg_str head = qg_str_sub(p->text, 0, p->head);
    uint32_t c;

    QG_PASS(form_text(&head, arena, compat, composed, err));
    QG_PASS(form_text(&p->text, arena, compat, composed, err));
    if (p->head > 0) {
        size_t one = qg_utf8_decode(p->text, &c);
        p->head = head.len > one ? head.len : one;
    }
    return QG_OK;
}

/* -- the declared chain ------------------------------------------------------------------------ */

typedef struct step step;
typedef qg_status step_run(const step *s, qg_piece *p, qg_arena *arena, qg_err *err);
struct step {
    step_run *run;
    const qg_regex *pattern;     /* Replace */
    const qg_charsmap *charsmap; /* Precompiled */
    qg_str content;              /* Replace, Prepend */
    bool left, right;            /* Strip */
};

struct qg_normalizer {
    qg_arena *arena;
    step steps[QG_PART_MAX];
    size_t n;
};

static qg_status run_nfc(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    (void)s;
    return form(p, arena, false, true, err);
}

static qg_status run_nfd(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    (void)s;
    return form(p, arena, false, false, err);
}

static qg_status run_nfkc(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    (void)s;
    return form(p, arena, true, true, err);
}

static qg_status run_nfkd(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    (void)s;
    return form(p, arena, true, false, err);
}

static qg_status run_lowercase(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    qg_str text = p->text;
    size_t head = p->head;
    char *to = qg_arena_array(arena, text.len, 2); /* U+023A grows from 2 bytes to 3, U+0130 too */
    size_t n = 0;

    (void)s;
    QG_NEED(to, err);
    for (size_t i = 0; i < text.len;) {
        uint32_t c = 0;
        i += qg_utf8_decode(qg_str_sub(text, i, 4), &c);
        if (c == 0x130) { /* the one full mapping that is longer than its simple one */
            n += qg_utf8_encode('i', to + n);
            n += qg_utf8_encode(0x307, to + n);
        } else {
            n += qg_utf8_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)c), to + n);
        }
        if (i <= head)
            p->head = n;
    }
    p->text = (qg_str){to, n};
    return QG_OK;
}

/* Drops or maps every character. */
#define DROP UINT32_MAX
static qg_status map_characters(qg_piece *p, qg_arena *arena, uint32_t (*map)(uint32_t),
                                qg_err *err)
{
    char *to = qg_arena_alloc(arena, p->text.len); /* no map here makes a character longer */
    size_t n = 0, head = p->head;

    QG_NEED(to, err);
    for (size_t i = 0; i < p->text.len;) {
        uint32_t c = 0;
        i += qg_utf8_decode(qg_str_sub(p->text, i, 4), &c);
        c = map(c);
        if (c != DROP)
            n += qg_utf8_encode(c, to + n);
        if (i <= head)
            p->head = n;
    }
    p->text = (qg_str){to, n};
    return QG_OK;
}

static uint32_t without_marks(uint32_t c)
{
    /* U+1CF2 and U+1CF3 were marks in the Unicode of upstream's table */
    return (is_mark(c) && !WITHIN(c, no_mark)) || c == 0x1cf2 || c == 0x1cf3 ? DROP : c;
}

static qg_status run_accents(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    (void)s;
    return map_characters(p, arena, without_marks, err);
}

/* SentencePiece's rules for translation: control characters vanish, odd blanks become U+0020. */
static uint32_t for_translation(uint32_t c)
{
    if ((c >= 0x01 && c <= 0x08) || c == 0x0b || (c >= 0x0e && c <= 0x1f) || c == 0x7f ||
        c == 0x8f || c == 0x9f)
        return DROP;
    if (c == 0x09 || c == 0x0a || c == 0x0c || c == 0x0d || c == 0x1680 ||
        (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff ||
        c == 0xfffd)
        return ' ';
    return c;
}

static qg_status run_nmt(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    (void)s;
    return map_characters(p, arena, for_translation, err);
}

static qg_status run_strip(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    qg_str *text = &p->text;
    uint32_t c = 0;
    size_t n;

    (void)arena;
    (void)err;
    while (s->left && (n = qg_utf8_decode(*text, &c)) > 0 && qg_char_is_space(c)) {
        *text = qg_str_sub(*text, n, text->len);
        p->head -= p->head < n ? p->head : n;
    }
    while (s->right && text->len > 0) {
        size_t at = text->len - 1;
        while (at > 0 && ((unsigned char)text->ptr[at] & 0xc0) == 0x80)
            at--;
        qg_utf8_decode(qg_str_sub(*text, at, 4), &c);
        if (!qg_char_is_space(c))
            break;
        text->len = at;
    }
    return QG_OK;
}

static qg_status run_replace(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    return qg_regex_replace(&p->text, &p->head, arena, s->pattern, p->text, s->content, err);
}

static qg_status run_prepend(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    if (p->text.len == 0)
        return QG_OK;
    char *to = qg_arena_alloc(arena, s->content.len + p->text.len);
    QG_NEED(to, err);
    memcpy(to, s->content.ptr, s->content.len);
    memcpy(to + s->content.len, p->text.ptr, p->text.len);
    p->text = (qg_str){to, s->content.len + p->text.len};
    p->head += p->head > 0 ? s->content.len : 0;
    return QG_OK;
}

static qg_status run_precompiled(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    return qg_charsmap_run(&p->text, &p->head, arena, s->charsmap, p->text, err);
}

static qg_status run_byte_level(const step *s, qg_piece *p, qg_arena *arena, qg_err *err)
{
    qg_str head = qg_str_sub(p->text, 0, p->head);

    (void)s;
    QG_PASS(qg_byte_letters(&head, arena, head, err));
    p->head = head.len;
    return qg_byte_letters(&p->text, arena, p->text, err);
}

static qg_status load_step(void *to, const qg_json *node, qg_str type, qg_err *err)
{
    static const struct {
        const char *name;
        step_run *run;
    } plain[] = {{"NFC", run_nfc},
                 {"NFD", run_nfd},
                 {"NFKC", run_nfkc},
                 {"NFKD", run_nfkd},
                 {"Lowercase", run_lowercase},
                 {"StripAccents", run_accents},
                 {"Nmt", run_nmt},
                 {"ByteLevel", run_byte_level}};
    qg_normalizer *n = to;
    step s = {0};

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (qg_str_is(type, plain[i].name))
            s.run = plain[i].run;
    if (qg_str_is(type, "Strip")) {
        s.run = run_strip;
        QG_PASS(qg_part_bool(&s.left, node, "normalizer 'Strip'", "strip_left", err));
        QG_PASS(qg_part_bool(&s.right, node, "normalizer 'Strip'", "strip_right", err));
    } else if (qg_str_is(type, "Replace")) {
        s.run = run_replace;
        QG_PASS(qg_regex_read(&s.pattern, n->arena, qg_json_get(node, "pattern"),
                              "normalizer 'Replace'", err));
        QG_PASS(qg_part_str(&s.content, node, "normalizer 'Replace'", "content", err));
    } else if (qg_str_is(type, "Precompiled")) {
        qg_str base64;
        s.run = run_precompiled;
        QG_PASS(
            qg_part_str(&base64, node, "normalizer 'Precompiled'", "precompiled_charsmap", err));
        QG_PASS(qg_charsmap_open(&s.charsmap, n->arena, base64, err));
    } else if (qg_str_is(type, "Prepend")) {
        s.run = run_prepend;
        QG_PASS(qg_part_str(&s.content, node, "normalizer 'Prepend'", "prepend", err));
    }
    if (!s.run)
        return qg_part_refuse(type, "normalizer", err);
    s.content.ptr = qg_arena_copy(n->arena, s.content.ptr, s.content.len);
    QG_NEED(s.content.ptr, err);
    QG_PASS(qg_part_room(n->n, "normalizer", err));
    n->steps[n->n++] = s;
    return QG_OK;
}

qg_status qg_normalizer_open(const qg_normalizer **out, qg_arena *arena, const qg_json *node,
                             qg_err *err)
{
    qg_normalizer *n = QG_NEW(arena, qg_normalizer);

    QG_NEED(n, err);
    n->arena = arena;
    QG_PASS(qg_part_each(node, "normalizer", "normalizers", load_step, n, err));
    *out = n;
    return QG_OK;
}

qg_status qg_normalize(qg_piece *piece, qg_arena *arena, const qg_normalizer *n, qg_err *err)
{
    for (size_t i = 0; i < n->n; i++)
        QG_PASS(n->steps[i].run(&n->steps[i], piece, arena, err));
    return QG_OK;
}
