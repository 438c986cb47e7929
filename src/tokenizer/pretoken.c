/* Pre-tokenizers: see pretoken.h.
 *
 * A step is three choices, as in the upstream library: what is a match (a regex, a class of
 * characters, words), whether matches and gaps trade places, and what happens to a match (removed,
 * isolated, joined to a neighbour). A search gives spans that cover the piece without gaps;
 * the behaviour then merges or drops them.
 */
#include "tokenizer/pretoken.h"

#include "tokenizer/metaspace.h"
#include "tokenizer/normalize.h"
#include "tokenizer/part.h"
#include "tokenizer/regex.h"

/* GPT-2's pattern, which `ByteLevel` brings along. */
#define GPT2_PATTERN                                                                               \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

typedef enum behavior {
    REMOVED,
    ISOLATED,
    MERGED_WITH_PREVIOUS,
    MERGED_WITH_NEXT,
    CONTIGUOUS,
} behavior;

typedef struct step {
    bool byte_level, prefix_space; /* ByteLevel; it may have no pattern */
    const qg_metaspace *metaspace; /* Metaspace; likewise */
    const qg_regex *regex;         /* at most one of these three says what a match is */
    bool (*is)(uint32_t code);
    bool words; /* runs of word characters, and runs of what is neither word nor blank */
    bool invert;
    behavior behavior;
} step;

struct qg_pretokenizer {
    qg_arena *arena;
    step steps[QG_PART_MAX];
    size_t n;
};

/* -- reading ----------------------------------------------------------------------------------- */

static qg_status read_behavior(behavior *out, const qg_json *node, const char *part, qg_err *err)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    qg_str name;

    QG_PASS(qg_part_str(&name, node, part, "behavior", err));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (qg_str_is(name, names[i])) {
            *out = (behavior)i;
            return QG_OK;
        }
    }
    return qg_fail(err, QG_EFORMAT, "%s has the unknown behavior '" QG_STR_PRI "'", part,
                   QG_STR_ARG(name));
}

static qg_status read_byte_level(step *s, qg_arena *arena, const qg_json *node, qg_err *err)
{
    const char *part = "pre_tokenizer 'ByteLevel'";
    bool use_regex = true;

    s->byte_level = true;
    s->behavior = ISOLATED;
    QG_PASS(qg_part_bool(&s->prefix_space, node, part, "add_prefix_space", err));
    QG_PASS(qg_part_bool_or(&use_regex, node, part, "use_regex", err));
    return use_regex ? qg_regex_compile(&s->regex, arena, QG_STR(GPT2_PATTERN), err) : QG_OK;
}

static qg_status read_split(step *s, qg_arena *arena, const qg_json *node, qg_err *err)
{
    const char *part = "pre_tokenizer 'Split'";

    QG_PASS(qg_regex_read(&s->regex, arena, qg_json_get(node, "pattern"), part, err));
    QG_PASS(read_behavior(&s->behavior, node, part, err));
    return qg_part_bool(&s->invert, node, part, "invert", err);
}

static qg_status read_digits(step *s, const qg_json *node, qg_err *err)
{
    bool individual = false;

    QG_PASS(qg_part_bool(&individual, node, "pre_tokenizer 'Digits'", "individual_digits", err));
    s->is = qg_char_is_number;
    s->behavior = individual ? ISOLATED : CONTIGUOUS;
    return QG_OK;
}

static qg_status read_punctuation(step *s, const qg_json *node, qg_err *err)
{
    s->is = qg_char_is_punctuation;
    s->behavior = ISOLATED;
    if (!qg_json_get(node, "behavior"))
        return QG_OK;
    return read_behavior(&s->behavior, node, "pre_tokenizer 'Punctuation'", err);
}

static qg_status read_delimiter(step *s, qg_arena *arena, const qg_json *node, qg_err *err)
{
    const char *part = "pre_tokenizer 'CharDelimiterSplit'";
    uint32_t code;
    qg_str text;

    QG_PASS(qg_part_str(&text, node, part, "delimiter", err));
    if (text.len == 0 || qg_utf8_decode(text, &code) != text.len)
        return qg_fail(err, QG_EFORMAT, "'delimiter' of %s is not one character", part);
    return qg_regex_literal(&s->regex, arena, text, err); /* REMOVED */
}

static qg_status read_metaspace(step *s, qg_arena *arena, const qg_json *node, qg_err *err)
{
    qg_metaspace *m = QG_NEW(arena, qg_metaspace);

    QG_NEED(m, err);
    s->metaspace = m;
    s->behavior = MERGED_WITH_NEXT;
    QG_PASS(qg_metaspace_read(m, arena, node, "pre_tokenizer 'Metaspace'", err));
    return m->split ? qg_regex_literal(&s->regex, arena, m->replacement, err) : QG_OK;
}

static qg_status load_step(void *to, const qg_json *node, qg_str type, qg_err *err)
{
    qg_pretokenizer *p = to;
    step s = {0};

    if (qg_str_is(type, "ByteLevel"))
        QG_PASS(read_byte_level(&s, p->arena, node, err));
    else if (qg_str_is(type, "Split"))
        QG_PASS(read_split(&s, p->arena, node, err));
    else if (qg_str_is(type, "Digits"))
        QG_PASS(read_digits(&s, node, err));
    else if (qg_str_is(type, "Punctuation"))
        QG_PASS(read_punctuation(&s, node, err));
    else if (qg_str_is(type, "CharDelimiterSplit"))
        QG_PASS(read_delimiter(&s, p->arena, node, err));
    else if (qg_str_is(type, "Metaspace"))
        QG_PASS(read_metaspace(&s, p->arena, node, err));
    else if (qg_str_is(type, "WhitespaceSplit"))
        s = (step){.is = qg_char_is_space, .behavior = REMOVED};
    else if (qg_str_is(type, "Whitespace"))
        s = (step){.words = true, .invert = true, .behavior = REMOVED};
    else
        return qg_part_refuse(type, "pre_tokenizer", err);
    QG_PASS(qg_part_room(p->n, "pre_tokenizer", err));
    p->steps[p->n++] = s;
    return QG_OK;
}

qg_status qg_pretokenizer_open(const qg_pretokenizer **out, qg_arena *arena, const qg_json *node,
                               qg_err *err)
{
    qg_pretokenizer *p = QG_NEW(arena, qg_pretokenizer);

    QG_NEED(p, err);
    p->arena = arena;
    QG_PASS(qg_part_each(node, "pre_tokenizer", "pretokenizers", load_step, p, err));
    *out = p;
    return QG_OK;
}

/* -- splitting --------------------------------------------------------------------------------- */

typedef struct span {
    size_t from, to;
    bool match;
} span;

typedef struct spans {
    qg_arena *arena;
    span *at;
    size_t n, cap;
} spans;

static bool add_span(spans *l, size_t from, size_t to, bool match)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        span *at = QG_NEW_N(l->arena, span, cap);
        if (!at)
            return false;
        if (l->n > 0)
            memcpy(at, l->at, l->n * sizeof *at);
        l->at = at;
        l->cap = cap;
    }
    l->at[l->n++] = (span){from, to, match};
    return true;
}

/* A match, and the gap in front of it where there is one. */
static bool add_match(spans *l, size_t from, size_t to)
{
    size_t end = l->n > 0 ? l->at[l->n - 1].to : 0;
    return (end == from || add_span(l, end, from, false)) && add_span(l, from, to, true);
}

static bool close_spans(spans *l, size_t len)
{
    size_t end = l->n > 0 ? l->at[l->n - 1].to : 0;
    return end == len || add_span(l, end, len, false);
}

static qg_status find_regex(spans *l, qg_regex_scan *scan, qg_str text, qg_err *err)
{
    size_t from = 0, to = 0;
    bool found;

    qg_regex_scan_text(scan, text);
    for (;;) {
        QG_PASS(qg_regex_scan_next(scan, &found, &from, &to, err));
        if (!found)
            return QG_OK;
        QG_NEED(add_match(l, from, to), err);
    }
}

static bool find_class(spans *l, bool (*is)(uint32_t), qg_str text)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t c = 0;
        size_t n = qg_utf8_decode(qg_str_sub(text, i, 4), &c);
        if (is(c) && !add_match(l, i, i + n))
            return false;
        i += n;
    }
    return true;
}

/* \w+|[^\w\s]+ */
static bool find_words(spans *l, qg_str text)
{
    enum { BLANK, WORD, OTHER } kind, last = BLANK;
    size_t from = 0;

    for (size_t i = 0; i <= text.len;) {
        uint32_t c = ' ';
        size_t n = i < text.len ? qg_utf8_decode(qg_str_sub(text, i, 4), &c) : 1;
        kind = qg_char_is_word(c) ? WORD : qg_char_is_space(c) ? BLANK : OTHER;
        if (kind != last) {
            if (last != BLANK && !add_match(l, from, i))
                return false;
            from = i;
            last = kind;
        }
        i += n;
    }
    return true;
}

static bool joins(behavior b, bool match, bool last_match)
{
    return b == CONTIGUOUS
               ? match == last_match
               : (b == MERGED_WITH_PREVIOUS || b == MERGED_WITH_NEXT) && match && !last_match;
}

/* Merges spans in place as the behaviour asks; what is to be dropped keeps `match`. Merging with
 * the next is merging with the previous, seen from the end. */
static void behave(spans *l, behavior b)
{
    bool backward = b == MERGED_WITH_NEXT, last_match = false;
    size_t n = 0;

    for (size_t k = 0; k < l->n; k++) {
        span s = l->at[backward ? l->n - 1 - k : k];
        span *last = n == 0 ? NULL : &l->at[backward ? l->n - n : n - 1];
        if (last && joins(b, s.match, last_match)) {
            if (backward)
                last->from = s.from;
            else
                last->to = s.to;
        } else {
            n++;
            l->at[backward ? l->n - n : n - 1] = s;
        }
        last_match = s.match;
    }
    if (backward && n > 0)
        memmove(l->at, l->at + (l->n - n), n * sizeof *l->at);
    l->n = n;
}

static qg_status split_piece(qg_pieces *out, spans *l, const step *s, qg_regex_scan *scan,
                             const qg_piece *piece, qg_err *err)
{
    qg_str text = piece->text;
    bool fine = true;

    l->n = 0;
    if (s->regex)
        QG_PASS(find_regex(l, scan, text, err));
    else
        fine = s->words ? find_words(l, text) : find_class(l, s->is, text);
    QG_NEED(fine && close_spans(l, text.len), err);
    for (size_t i = 0; s->invert && i < l->n; i++)
        l->at[i].match = !l->at[i].match;
    if (s->behavior != REMOVED && s->behavior != ISOLATED)
        behave(l, s->behavior);
    for (size_t i = 0; i < l->n; i++)
        if (s->behavior != REMOVED || !l->at[i].match)
            qg_pieces_add_part(out, piece, l->at[i].from, l->at[i].to, QG_ID_NONE);
    return QG_OK;
}

static qg_status with_prefix_space(qg_piece *piece, qg_arena *arena, qg_err *err)
{
    qg_str *text = &piece->text;

    if (text->ptr[0] == ' ')
        return QG_OK;
    char *p = qg_arena_alloc(arena, text->len + 1);
    QG_NEED(p, err);
    p[0] = ' ';
    memcpy(p + 1, text->ptr, text->len);
    *text = (qg_str){p, text->len + 1};
    piece->head += piece->head > 0;
    return QG_OK;
}

/* Blanks become the replacement; one more in front where the scheme wants it and none is there. */
static qg_status with_replacement(qg_piece *piece, qg_arena *arena, const qg_metaspace *m,
                                  qg_err *err)
{
    qg_str text = piece->text;
    char *p = qg_arena_array(arena, text.len + 1, m->replacement.len);
    size_t n = 0, head = piece->head;
    bool prepend =
        m->scheme == QG_PREPEND_ALWAYS || (m->scheme == QG_PREPEND_FIRST && piece->head > 0);

    QG_NEED(p, err);
    if (prepend && text.ptr[0] != ' ' && !qg_str_starts(text, m->replacement)) {
        memcpy(p, m->replacement.ptr, m->replacement.len);
        n = m->replacement.len;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool blank = text.ptr[i] == ' ';
        memcpy(p + n, blank ? m->replacement.ptr : text.ptr + i, blank ? m->replacement.len : 1);
        n += blank ? m->replacement.len : 1;
        if (i < head)
            piece->head = n;
    }
    piece->text = (qg_str){p, n};
    return QG_OK;
}

static qg_status run_step(qg_pieces *pieces, const step *s, qg_err *err)
{
    qg_regex_scan *scan = NULL;
    qg_pieces out;
    spans l = {.arena = pieces->arena};

    if (s->regex)
        QG_PASS(qg_regex_scan_open(&scan, pieces->arena, s->regex, err));
    qg_pieces_begin(&out, pieces->arena);
    for (size_t i = 0; i < pieces->n; i++) {
        qg_piece piece = pieces->at[i];
        if (piece.id != QG_ID_NONE) {
            qg_pieces_add(&out, piece);
            continue;
        }
        if (s->prefix_space)
            QG_PASS(with_prefix_space(&piece, pieces->arena, err));
        if (s->metaspace)
            QG_PASS(with_replacement(&piece, pieces->arena, s->metaspace, err));
        if (s->regex || s->is || s->words)
            QG_PASS(split_piece(&out, &l, s, scan, &piece, err));
        else
            qg_pieces_add(&out, piece);
    }
    for (size_t i = 0; s->byte_level && i < out.n; i++)
        if (out.at[i].id == QG_ID_NONE)
            QG_PASS(qg_byte_letters(&out.at[i].text, pieces->arena, out.at[i].text, err));
    QG_NEED(!out.failed, err);
    *pieces = out;
    return QG_OK;
}

qg_status qg_pretokenize(qg_pieces *pieces, const qg_pretokenizer *p, qg_err *err)
{
    QG_NEED(!pieces->failed, err);
    for (size_t i = 0; i < p->n; i++)
        QG_PASS(run_step(pieces, &p->steps[i], err));
    return QG_OK;
}
