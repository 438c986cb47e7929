/* Decoders: see detoken.h.
 *
 * Filters that turn one token into one (Replace, Strip) work at once. ByteFallback holds a run of
 * byte tokens until the run ends, since an incomplete run becomes U+FFFD byte by byte. ByteLevel
 * and Fuse make one token of all; where nothing but joining follows them they pass text on as it
 * comes, else they hold it to the end. Invariant: what was pushed out never changes.
 */
#include "tokenizer/detoken.h"

#include "tokenizer/metaspace.h"
#include "tokenizer/normalize.h"
#include "tokenizer/part.h"
#include "tokenizer/regex.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

typedef enum kind {
    BYTE_LEVEL,
    BYTE_FALLBACK,
    REPLACE,
    STRIP,
    FUSE,
    METASPACE,
    BLANKS, /* no decoder: a blank between tokens */
} kind;

typedef struct filter {
    kind kind;
    bool streams;            /* BYTE_LEVEL, FUSE: only joining follows */
    bool once;               /* STRIP: of the whole text, behind a Fuse */
    const qg_regex *pattern; /* REPLACE */
    qg_str content;          /* REPLACE, STRIP; METASPACE: what becomes a blank */
    bool drops;              /* METASPACE: but vanishes in the first token */
    size_t start, stop;      /* STRIP: most characters to take off either end */
} filter;

struct qg_decoder {
    qg_arena *arena;
    filter filter[QG_PART_MAX + 1];
    size_t n;
};

/* What a filter remembers between tokens. */
typedef struct memory {
    qg_buf held;
    qg_buf ready; /* BYTE_LEVEL: characters made of what was held; METASPACE: the token */
    bool any;     /* a token came by */
    size_t left;  /* STRIP once: characters that may still go */
} memory;

struct qg_decoding {
    const qg_decoder *decoder;
    qg_arena *arena;
    qg_buf *text; /* of the push that is under way */
    memory memory[QG_PART_MAX + 1];
};

/* -- reading ----------------------------------------------------------------------------------- */

static qg_status read_replace(filter *f, qg_arena *arena, const qg_json *node, qg_err *err)
{
    const char *part = "decoder 'Replace'";

    f->kind = REPLACE;
    QG_PASS(qg_regex_read(&f->pattern, arena, qg_json_get(node, "pattern"), part, err));
    return qg_part_str(&f->content, node, part, "content", err);
}

static qg_status read_strip(filter *f, const qg_json *node, qg_err *err)
{
    const char *part = "decoder 'Strip'";
    uint32_t code;

    f->kind = STRIP;
    QG_PASS(qg_part_str(&f->content, node, part, "content", err));
    if (f->content.len == 0 || qg_utf8_decode(f->content, &code) != f->content.len)
        return qg_fail(err, QG_EFORMAT, "'content' of %s is not one character", part);
    QG_PASS(qg_part_count(&f->start, node, part, "start", err));
    return qg_part_count(&f->stop, node, part, "stop", err);
}

static qg_status read_metaspace(filter *f, qg_arena *arena, const qg_json *node, qg_err *err)
{
    qg_metaspace m;

    f->kind = METASPACE;
    QG_PASS(qg_metaspace_read(&m, arena, node, "decoder 'Metaspace'", err));
    f->content = m.replacement;
    f->drops = m.scheme != QG_PREPEND_NEVER;
    return QG_OK;
}

static qg_status load_filter(void *to, const qg_json *node, qg_str type, qg_err *err)
{
    qg_decoder *d = to;
    filter f = {0};

    if (qg_str_is(type, "ByteLevel"))
        f.kind = BYTE_LEVEL;
    else if (qg_str_is(type, "ByteFallback"))
        f.kind = BYTE_FALLBACK;
    else if (qg_str_is(type, "Fuse"))
        f.kind = FUSE;
    else if (qg_str_is(type, "Replace"))
        QG_PASS(read_replace(&f, d->arena, node, err));
    else if (qg_str_is(type, "Strip"))
        QG_PASS(read_strip(&f, node, err));
    else if (qg_str_is(type, "Metaspace"))
        QG_PASS(read_metaspace(&f, d->arena, node, err));
    else
        return qg_part_refuse(type, "decoder", err);
    f.content.ptr = qg_arena_copy(d->arena, f.content.ptr, f.content.len);
    QG_NEED(f.content.ptr, err);
    QG_PASS(qg_part_room(d->n, "decoder", err));
    d->filter[d->n++] = f;
    return QG_OK;
}

/* Finds, from the end, the filters behind which the text is only joined. */
static void mark_streams(qg_decoder *d)
{
    bool joins = true;

    if (d->n >= 2 && d->filter[d->n - 1].kind == STRIP && d->filter[d->n - 1].stop == 0 &&
        d->filter[d->n - 2].kind == FUSE)
        d->filter[d->n - 1].once = true;
    for (size_t i = d->n; i-- > 0;) {
        filter *f = &d->filter[i];
        f->streams = joins && (f->kind == BYTE_LEVEL || f->kind == FUSE);
        joins = joins && (f->kind == FUSE || f->once);
    }
}

qg_status qg_decoder_open(const qg_decoder **out, qg_arena *arena, const qg_json *node, qg_err *err)
{
    qg_decoder *d = QG_NEW(arena, qg_decoder);

    QG_NEED(d, err);
    d->arena = arena;
    QG_PASS(qg_part_each(node, "decoder", "decoders", load_filter, d, err));
    if (qg_json_is_null(node))
        d->filter[d->n++] = (filter){.kind = BLANKS};
    mark_streams(d);
    *out = d;
    return QG_OK;
}

/* -- one token --------------------------------------------------------------------------------- */

/* The bytes that a byte-level token spells, or the token itself where a character spells none. */
static void spelled_bytes(qg_buf *out, qg_str token)
{
    size_t before = out->len;

    for (size_t i = 0; i < token.len;) {
        uint32_t code = 0;
        size_t n = qg_utf8_decode(qg_str_sub(token, i, 4), &code);
        int byte = qg_letter_byte(code);
        if (n == 0 || byte < 0) {
            out->len = before;
            qg_buf_str(out, token);
            return;
        }
        qg_buf_char(out, (char)byte);
        i += n;
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The byte of a token like <0x0A>, or -1. */
static int fallback_byte(qg_str t)
{
    if (t.len != 6 || memcmp(t.ptr, "<0x", 3) != 0 || t.ptr[5] != '>')
        return -1;
    int high = hex_digit(t.ptr[3]), low = hex_digit(t.ptr[4]);
    if (t.ptr[3] == '+' && low >= 0) /* Rust's from_str_radix takes a sign */
        return low;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static size_t strip_start(qg_str *t, qg_str content, size_t most)
{
    size_t n = 0;
    while (n < most && qg_str_starts(*t, content)) {
        *t = qg_str_sub(*t, content.len, t->len);
        n++;
    }
    return n;
}

static qg_str strip_stop(qg_str t, qg_str content, size_t most)
{
    while (most-- > 0 && qg_str_ends(t, content))
        t.len -= content.len;
    return t;
}

/* Every `mark` as `blank`. */
static void with_blanks(qg_buf *out, qg_str token, qg_str mark, qg_str blank)
{
    for (size_t i = 0; i < token.len;) {
        bool found = qg_str_starts(qg_str_sub(token, i, mark.len), mark);
        qg_buf_str(out, found ? blank : qg_str_sub(token, i, 1));
        i += found ? mark.len : 1;
    }
}

/* Length of the first thing in `s`: a character (*valid), or a maximal ill-formed sequence that
 * one U+FFFD stands for (Unicode 14, section 3.9). 0 where more bytes may still complete it. */
static size_t first_of(qg_str s, bool *valid)
{
    uint32_t code;
    size_t n = qg_utf8_decode(s, &code);
    const unsigned char *b = (const unsigned char *)s.ptr;

    *valid = n > 0;
    if (n > 0)
        return n;
    size_t want = b[0] >= 0xc2 && b[0] <= 0xdf   ? 2
                  : b[0] >= 0xe0 && b[0] <= 0xef ? 3
                  : b[0] >= 0xf0 && b[0] <= 0xf4 ? 4
                                                 : 1;
    unsigned low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    for (n = 1; n < want && n < s.len && b[n] >= low && b[n] <= high; n++) {
        low = 0x80;
        high = 0xbf;
    }
    return n == s.len && n < want ? 0 : n;
}

/* Moves what is complete from `held` to `out`; all of it at the end. */
static void move_characters(qg_buf *out, qg_buf *held, bool end)
{
    size_t at = 0;

    while (at < held->len) {
        bool valid;
        size_t n = first_of(qg_str_sub(qg_buf_view(held), at, 4), &valid);
        if (n == 0 && !end)
            break;
        if (n == 0)
            n = held->len - at;
        if (valid)
            qg_buf_append(out, held->ptr + at, n);
        else
            qg_buf_text(out, REPLACEMENT);
        at += n;
    }
    if (at > 0) {
        memmove(held->ptr, held->ptr + at, held->len - at);
        held->len -= at;
    }
}

/* -- the chain --------------------------------------------------------------------------------- */

static qg_status feed(qg_decoding *d, size_t i, qg_str token, qg_err *err);

/* Ends a run of byte tokens: its text, or a U+FFFD for every byte. */
static qg_status end_run(qg_decoding *d, size_t i, qg_err *err)
{
    qg_buf *held = &d->memory[i].held;
    qg_str run = qg_buf_view(held);

    held->len = 0;
    if (run.len == 0)
        return QG_OK;
    if (qg_utf8_valid(run) == run.len)
        return feed(d, i + 1, run, err);
    for (size_t k = 0; k < run.len; k++)
        QG_PASS(feed(d, i + 1, QG_STR(REPLACEMENT), err));
    return QG_OK;
}

static qg_status feed_held(qg_decoding *d, size_t i, bool end, qg_err *err)
{
    const filter *f = &d->decoder->filter[i];
    qg_buf *held = &d->memory[i].held, *ready = &d->memory[i].ready;

    if (!f->streams && !end)
        return QG_OK;
    if (f->kind == FUSE) {
        qg_str all = qg_buf_view(held);
        held->len = 0;
        return feed(d, i + 1, all, err);
    }
    ready->len = 0;
    move_characters(ready, held, end);
    QG_NEED(!ready->failed, err);
    return feed(d, i + 1, qg_buf_view(ready), err);
}

static qg_status feed_strip(qg_decoding *d, size_t i, qg_str token, qg_err *err)
{
    const filter *f = &d->decoder->filter[i];
    memory *m = &d->memory[i];

    if (f->once) {
        size_t n = m->left > 0 ? strip_start(&token, f->content, m->left) : 0;
        m->left = token.len > 0 ? 0 : m->left - n;
    } else {
        strip_start(&token, f->content, f->start);
        token = strip_stop(token, f->content, f->stop);
    }
    return feed(d, i + 1, token, err);
}

static qg_status feed_metaspace(qg_decoding *d, size_t i, qg_str token, qg_err *err)
{
    const filter *f = &d->decoder->filter[i];
    memory *m = &d->memory[i];

    m->ready.len = 0;
    with_blanks(&m->ready, token, f->content, f->drops && !m->any ? QG_STR("") : QG_STR(" "));
    m->any = true;
    QG_NEED(!m->ready.failed, err);
    return feed(d, i + 1, qg_buf_view(&m->ready), err);
}

static qg_status feed(qg_decoding *d, size_t i, qg_str token, qg_err *err)
{
    if (i == d->decoder->n) {
        qg_buf_str(d->text, token);
        return QG_OK;
    }
    const filter *f = &d->decoder->filter[i];
    memory *m = &d->memory[i];
    int byte;

    switch (f->kind) {
    case BYTE_LEVEL:
        spelled_bytes(&m->held, token);
        QG_NEED(!m->held.failed, err);
        return feed_held(d, i, false, err);
    case FUSE:
        qg_buf_str(&m->held, token);
        QG_NEED(!m->held.failed, err);
        return feed_held(d, i, false, err);
    case BYTE_FALLBACK:
        byte = fallback_byte(token);
        if (byte >= 0) {
            qg_buf_char(&m->held, (char)byte);
            QG_NEED(!m->held.failed, err);
            return QG_OK;
        }
        QG_PASS(end_run(d, i, err));
        return feed(d, i + 1, token, err);
    case REPLACE:
        QG_PASS(qg_regex_replace(&token, NULL, d->arena, f->pattern, token, f->content, err));
        return feed(d, i + 1, token, err);
    case STRIP:
        return feed_strip(d, i, token, err);
    case METASPACE:
        return feed_metaspace(d, i, token, err);
    case BLANKS:
        if (m->any)
            qg_buf_char(d->text, ' ');
        m->any = true;
        return feed(d, i + 1, token, err);
    }
    return qg_fail(err, QG_EINTERNAL, "unknown decoder filter %d", (int)f->kind);
}

qg_status qg_decoding_begin(qg_decoding **out, qg_arena *arena, const qg_decoder *d, qg_err *err)
{
    qg_decoding *x = QG_NEW(arena, qg_decoding);

    QG_NEED(x, err);
    x->decoder = d;
    x->arena = arena;
    for (size_t i = 0; i < d->n; i++) {
        qg_buf_init(&x->memory[i].held, arena);
        qg_buf_init(&x->memory[i].ready, arena);
        x->memory[i].left = d->filter[i].start;
    }
    *out = x;
    return QG_OK;
}

qg_status qg_decoding_push(qg_decoding *d, qg_str token, qg_buf *text, qg_err *err)
{
    d->text = text;
    QG_PASS(feed(d, 0, token, err));
    QG_NEED(!text->failed, err);
    return QG_OK;
}

qg_status qg_decoding_end(qg_decoding *d, qg_buf *text, qg_err *err)
{
    d->text = text;
    for (size_t i = 0; i < d->decoder->n; i++) {
        kind k = d->decoder->filter[i].kind;
        if (k == BYTE_FALLBACK)
            QG_PASS(end_run(d, i, err));
        else if (k == BYTE_LEVEL || k == FUSE)
            QG_PASS(feed_held(d, i, true, err));
    }
    QG_NEED(!text->failed, err);
    return QG_OK;
}

qg_status qg_decoder_bytes(qg_str *out, qg_arena *arena, const qg_decoder *d, qg_str token,
                           qg_err *err)
{
    qg_buf b;

    for (size_t i = 0; i < d->n; i++) {
        const filter *f = &d->filter[i];
        if (f->kind == BYTE_LEVEL || (f->kind == BYTE_FALLBACK && fallback_byte(token) >= 0)) {
            qg_buf_init(&b, arena);
            if (f->kind == BYTE_LEVEL)
                spelled_bytes(&b, token);
            else
                qg_buf_char(&b, (char)fallback_byte(token));
            QG_NEED(!b.failed, err);
            *out = qg_buf_view(&b);
            return QG_OK;
        }
        if (f->kind == REPLACE)
            QG_PASS(qg_regex_replace(&token, NULL, arena, f->pattern, token, f->content, err));
        if (f->kind == METASPACE) {
            qg_buf_init(&b, arena);
            with_blanks(&b, token, f->content, QG_STR(" "));
            QG_NEED(!b.failed, err);
            token = qg_buf_view(&b);
        }
    }
    *out = token;
    return QG_OK;
}
