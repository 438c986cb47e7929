/* Goldens: see gold.h for the format.
 *
 * Printing walks the struct in the order of the file. Parsing is the mirror image: one function a
 * kind of line, each of which takes the next line, checks its first word and cuts its fields. A
 * count of the file is believed only as far as the rest of the file is long enough for it. Values
 * are not judged here: a golden edited by hand into nonsense numbers reads, and fails when it is
 * compared.
 */
#include "record/gold.h"

#include "base/file.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

/* ---- printing ---- */

static void print_bytes(qg_buf *out, qg_str bytes)
{
    if (bytes.len == 0)
        qg_buf_char(out, '-');
    for (size_t i = 0; i < bytes.len; i++)
        qg_buf_format(out, "%02x", (unsigned char)bytes.ptr[i]);
}

/* -0.000000 is written as 0.000000, so that equal numbers are equal text. */
static void print_number(qg_buf *out, double v)
{
    qg_buf_format(out, "%.6f", fabs(v) < 0.5e-6 ? 0.0 : v);
}

static void print_position(qg_buf *out, const qg_gold_position *p, bool first)
{
    qg_buf_format(out, "token %d ", (int)p->id);
    print_bytes(out, p->bytes);
    qg_buf_char(out, ' ');
    if (first)
        qg_buf_char(out, '-');
    else
        print_number(out, p->logprob);
    for (size_t i = 0; i < p->n_top; i++) {
        qg_buf_format(out, "\ntop %d ", (int)p->top[i].id);
        print_number(out, p->top[i].logprob);
    }
    qg_buf_text(out, "\ntail ");
    if (p->has_tail)
        print_number(out, p->tail);
    else
        qg_buf_char(out, '-');
    qg_buf_text(out, "\nentropy ");
    print_number(out, p->entropy);
    qg_buf_char(out, '\n');
}

static bool is_finite(const qg_gold_position *p, bool first)
{
    if ((!first && !isfinite(p->logprob)) || (p->has_tail && !isfinite(p->tail)) ||
        !isfinite(p->entropy))
        return false;
    for (size_t i = 0; i < p->n_top; i++)
        if (!isfinite(p->top[i].logprob))
            return false;
    return true;
}

static qg_status print_prompt(qg_buf *out, const qg_gold_prompt *p, qg_err *err)
{
    qg_buf_format(out, "prompt %s %zu %zu\n", p->name, p->n_positions, p->n_greedy);
    for (size_t i = 0; i < p->n_positions; i++) {
        if (!is_finite(&p->positions[i], i == 0))
            return qg_fail(err, QG_ENONFINITE, "prompt '%s' has a non-finite number at token %zu",
                           p->name, i);
        print_position(out, &p->positions[i], i == 0);
    }
    for (size_t i = 0; i < p->n_greedy; i++) {
        const qg_gold_choice *c = &p->greedy[i];
        if (!isfinite(c->margin))
            return qg_fail(err, QG_ENONFINITE,
                           "prompt '%s' has a non-finite margin at new token %zu", p->name, i);
        qg_buf_format(out, "greedy %d ", (int)c->id);
        print_bytes(out, c->bytes);
        qg_buf_char(out, ' ');
        print_number(out, c->margin);
        qg_buf_char(out, '\n');
    }
    return QG_OK;
}

qg_status qg_gold_print(qg_buf *out, const qg_gold *gold, qg_err *err)
{
    qg_buf_format(out, "quantgate-gold %d\n", QG_GOLD_VERSION);
    qg_buf_format(out, "model %s\ntokenizer %s\nprompts %s\n", gold->model_hash,
                  gold->tokenizer_hash, gold->prompts_hash);
    qg_buf_format(out, "method %s\nbackend %s\nprotocol %s\n", gold->method, gold->backend,
                  gold->protocol);
    qg_buf_format(out, "command %s\n", gold->command ? gold->command : "");
    for (size_t i = 0; i < gold->n_prompts; i++)
        QG_PASS(print_prompt(out, &gold->prompts[i], err));
    qg_buf_text(out, "end\n");
    if (out->failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    return QG_OK;
}

/* ---- parsing ---- */

typedef struct reader {
    qg_str rest;
    int line; /* of the line taken last */
    qg_arena *arena;
    const char *name;
    qg_err *err;
} reader;

#define BAD(r, ...)                                                                                \
    (qg_fail((r)->err, QG_EFORMAT, __VA_ARGS__), qg_err_at((r)->err, (r)->name, (r)->line, 0),     \
     QG_EFORMAT)

/* First word of the next line, without taking it. */
static bool next_is(const reader *r, qg_str word)
{
    return r->rest.len > word.len && qg_str_starts(r->rest, word) &&
           (r->rest.ptr[word.len] == ' ' || r->rest.ptr[word.len] == '\n');
}

/* Takes the next line, which must begin with `word`; *fields is what follows the blank. */
static qg_status take(reader *r, qg_str word, qg_str *fields)
{
    r->line++;
    if (r->rest.len == 0)
        return BAD(r, "golden is cut short: '" QG_STR_PRI "' expected", QG_STR_ARG(word));
    const char *newline = memchr(r->rest.ptr, '\n', r->rest.len);
    if (!newline)
        return BAD(r, "golden is cut short: last line has no end");
    qg_str line = {r->rest.ptr, (size_t)(newline - r->rest.ptr)};
    if (!next_is(r, word))
        return BAD(r, "'" QG_STR_PRI "' expected, found '" QG_STR_PRI "'", QG_STR_ARG(word),
                   QG_STR_ARG(qg_str_sub(line, 0, 40)));
    r->rest = qg_str_sub(r->rest, line.len + 1, r->rest.len);
    *fields = qg_str_sub(line, word.len + 1, line.len);
    return QG_OK;
}

/* Cuts the fields of a line at single blanks; exactly n of them. */
static qg_status cut(reader *r, qg_str fields, qg_str *field, size_t n)
{
    size_t found = 0;
    qg_str piece;

    while (qg_str_split(&fields, ' ', &piece)) {
        if (found < n)
            field[found] = piece;
        found++;
    }
    if (found != n)
        return BAD(r, "%zu fields expected, found %zu", n, found);
    return QG_OK;
}

static qg_status parse_int(reader *r, qg_str text, const char *what, int64_t max, int64_t *out)
{
    if (text.len == 0 || text.ptr[0] < '0' || text.ptr[0] > '9' || !qg_str_to_int(text, out) ||
        *out > max)
        return BAD(r, "%s '" QG_STR_PRI "' is not an integer from 0 to %lld", what,
                   QG_STR_ARG(qg_str_sub(text, 0, 40)), (long long)max);
    return QG_OK;
}

/* As print_number writes it: optional sign, digits, point, six digits. */
static qg_status parse_number(reader *r, qg_str text, double *out)
{
    size_t i = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
    size_t from = i;

    while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
        i++;
    bool ok = i > from && text.len == i + 7 && text.ptr[i] == '.';
    for (size_t k = i + 1; ok && k < text.len; k++)
        ok = text.ptr[k] >= '0' && text.ptr[k] <= '9';
    if (!ok || !qg_str_to_double(text, out) || fabs(*out) > QG_GOLD_NUMBER_MAX)
        return BAD(r, "number '" QG_STR_PRI "' is not written as 0.000000, or is out of range",
                   QG_STR_ARG(qg_str_sub(text, 0, 40)));
    return QG_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static qg_status parse_bytes(reader *r, qg_str text, qg_str *out)
{
    *out = QG_STR("");
    if (qg_str_is(text, "-"))
        return QG_OK;
    if (text.len == 0 || text.len % 2 != 0)
        return BAD(r, "bytes are not pairs of hex digits");
    char *bytes = qg_arena_alloc(r->arena, text.len / 2);
    QG_NEED(bytes, r->err);
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.ptr[i]), low = hex_value(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return BAD(r, "bytes are not pairs of lower-case hex digits");
        bytes[i / 2] = (char)(high * 16 + low);
    }
    *out = (qg_str){bytes, text.len / 2};
    return QG_OK;
}

static qg_status parse_text(reader *r, const char *word, const char **out)
{
    qg_str fields;

    QG_PASS(take(r, qg_str_from(word), &fields));
    for (size_t i = 0; i < fields.len; i++)
        if ((unsigned char)fields.ptr[i] < 0x20)
            return BAD(r, "'%s' holds a control character", word);
    *out = qg_str_dup(r->arena, fields);
    QG_NEED(*out, r->err);
    return QG_OK;
}

static qg_status parse_hash(reader *r, const char *word, const char **out)
{
    QG_PASS(parse_text(r, word, out));
    size_t n = strlen(*out);
    for (size_t i = 0; i < n; i++)
        if (hex_value((*out)[i]) < 0)
            n = 0;
    if (n != QG_HASH_HEX - 1)
        return BAD(r, "'%s' is not a SHA-256 in lower-case hex", word);
    return QG_OK;
}

/* Lines from here on that begin with `word`, at most max. */
static size_t count_lines(const reader *r, qg_str word, size_t max)
{
    reader ahead = *r;
    size_t n = 0;

    while (n < max && next_is(&ahead, word)) {
        const char *newline = memchr(ahead.rest.ptr, '\n', ahead.rest.len);
        if (!newline)
            break;
        ahead.rest = qg_str_sub(ahead.rest, (size_t)(newline - ahead.rest.ptr) + 1, ahead.rest.len);
        n++;
    }
    return n;
}

static qg_status parse_top(reader *r, qg_gold_position *p)
{
    p->n_top = count_lines(r, QG_STR("top"), QG_GOLD_TOP_MAX);
    p->top = QG_NEW_N(r->arena, qg_gold_entry, p->n_top);
    QG_NEED(p->top, r->err);
    for (size_t i = 0; i < p->n_top; i++) {
        qg_str fields, field[2];
        int64_t id;
        QG_PASS(take(r, QG_STR("top"), &fields));
        QG_PASS(cut(r, fields, field, 2));
        QG_PASS(parse_int(r, field[0], "token id", INT32_MAX, &id));
        QG_PASS(parse_number(r, field[1], &p->top[i].logprob));
        p->top[i].id = (int32_t)id;
    }
    if (next_is(r, QG_STR("top")))
        return BAD(r, "more than %d 'top' lines", QG_GOLD_TOP_MAX);
    return QG_OK;
}

static qg_status parse_position(reader *r, qg_gold_position *p, bool first)
{
    qg_str fields, field[3];
    int64_t id;

    QG_PASS(take(r, QG_STR("token"), &fields));
    QG_PASS(cut(r, fields, field, 3));
    QG_PASS(parse_int(r, field[0], "token id", INT32_MAX, &id));
    p->id = (int32_t)id;
    QG_PASS(parse_bytes(r, field[1], &p->bytes));
    if (!first)
        QG_PASS(parse_number(r, field[2], &p->logprob));
    else if (!qg_str_is(field[2], "-"))
        return BAD(r, "the first token of a prompt has no log-probability: '-' expected");
    QG_PASS(parse_top(r, p));
    QG_PASS(take(r, QG_STR("tail"), &fields));
    p->has_tail = !qg_str_is(fields, "-");
    if (p->has_tail)
        QG_PASS(parse_number(r, fields, &p->tail));
    QG_PASS(take(r, QG_STR("entropy"), &fields));
    return parse_number(r, fields, &p->entropy);
}

static qg_status parse_choice(reader *r, qg_gold_choice *c)
{
    qg_str fields, field[3];
    int64_t id;

    QG_PASS(take(r, QG_STR("greedy"), &fields));
    QG_PASS(cut(r, fields, field, 3));
    QG_PASS(parse_int(r, field[0], "token id", INT32_MAX, &id));
    c->id = (int32_t)id;
    QG_PASS(parse_bytes(r, field[1], &c->bytes));
    return parse_number(r, field[2], &c->margin);
}

static qg_status parse_prompt(reader *r, qg_gold_prompt *p)
{
    enum { SHORTEST_LINE = 8 };
    qg_str fields, field[3];
    int64_t n_tokens, n_greedy;

    QG_PASS(take(r, QG_STR("prompt"), &fields));
    QG_PASS(cut(r, fields, field, 3));
    if (field[0].len == 0)
        return BAD(r, "prompt has no name");
    p->name = qg_str_dup(r->arena, field[0]);
    QG_NEED(p->name, r->err);
    QG_PASS(parse_int(r, field[1], "number of tokens", QG_GOLD_TOKENS_MAX, &n_tokens));
    QG_PASS(parse_int(r, field[2], "number of new tokens", QG_GOLD_TOKENS_MAX, &n_greedy));
    p->n_positions = (size_t)n_tokens;
    p->n_greedy = (size_t)n_greedy;
    if (p->n_positions + p->n_greedy > r->rest.len / SHORTEST_LINE)
        return BAD(r, "golden is cut short: prompt '%s' promises %zu tokens", p->name,
                   p->n_positions + p->n_greedy);
    p->positions = QG_NEW_N(r->arena, qg_gold_position, p->n_positions);
    QG_NEED(p->positions, r->err);
    p->greedy = QG_NEW_N(r->arena, qg_gold_choice, p->n_greedy);
    QG_NEED(p->greedy, r->err);
    for (size_t i = 0; i < p->n_positions; i++)
        QG_PASS(parse_position(r, &p->positions[i], i == 0));
    for (size_t i = 0; i < p->n_greedy; i++)
        QG_PASS(parse_choice(r, &p->greedy[i]));
    return QG_OK;
}

static qg_status parse_head(reader *r, qg_gold *g)
{
    qg_str version;
    int64_t v;

    QG_PASS(take(r, QG_STR("quantgate-gold"), &version));
    QG_PASS(parse_int(r, version, "version", INT32_MAX, &v));
    if (v != QG_GOLD_VERSION)
        return BAD(r,
                   "golden of version %lld, this program reads %d; renew it with 'quantgate bless'",
                   (long long)v, QG_GOLD_VERSION);
    QG_PASS(parse_hash(r, "model", &g->model_hash));
    QG_PASS(parse_hash(r, "tokenizer", &g->tokenizer_hash));
    QG_PASS(parse_hash(r, "prompts", &g->prompts_hash));
    QG_PASS(parse_text(r, "method", &g->method));
    QG_PASS(parse_text(r, "backend", &g->backend));
    QG_PASS(parse_text(r, "protocol", &g->protocol));
    return parse_text(r, "command", &g->command);
}

/* Doubles the array of prompts when it is full. */
static qg_status add_prompt(reader *r, qg_gold *g, size_t *cap)
{
    if (g->n_prompts == QG_GOLD_PROMPTS_MAX)
        return BAD(r, "more than %d prompts", QG_GOLD_PROMPTS_MAX);
    if (g->n_prompts == *cap) {
        *cap = *cap ? *cap * 2 : 8;
        qg_gold_prompt *more = QG_NEW_N(r->arena, qg_gold_prompt, *cap);
        QG_NEED(more, r->err);
        if (g->n_prompts > 0)
            memcpy(more, g->prompts, g->n_prompts * sizeof *more);
        g->prompts = more;
    }
    qg_gold_prompt *p = &g->prompts[g->n_prompts];
    QG_PASS(parse_prompt(r, p));
    for (size_t i = 0; i < g->n_prompts; i++)
        if (strcmp(g->prompts[i].name, p->name) == 0)
            return BAD(r, "prompt '%s' occurs twice", p->name);
    g->n_prompts++;
    return QG_OK;
}

qg_status qg_gold_parse(qg_gold **out, qg_arena *arena, qg_str text, const char *name, qg_err *err)
{
    reader r = {.rest = text, .arena = arena, .name = name, .err = err};
    qg_gold *g = QG_NEW(arena, qg_gold);
    size_t cap = 0;
    qg_str nothing;

    QG_NEED(g, err);
    if (memchr(text.ptr, '\0', text.len)) {
        r.line = 1;
        return BAD(&r, "golden holds a NUL byte: not a text file");
    }
    QG_PASS(parse_head(&r, g));
    while (next_is(&r, QG_STR("prompt")))
        QG_PASS(add_prompt(&r, g, &cap));
    QG_PASS(take(&r, QG_STR("end"), &nothing));
    if (nothing.len != 0 || r.rest.len != 0) {
        r.line++;
        return BAD(&r, "text after 'end'");
    }
    *out = g;
    return QG_OK;
}

/* ---- files ---- */

qg_status qg_gold_write(const char *path, const qg_gold *gold, qg_err *err)
{
    qg_arena *arena = qg_arena_create();
    qg_buf text;

    QG_NEED(arena, err);
    qg_buf_init(&text, arena);
    qg_status s = qg_gold_print(&text, gold, err);
    if (s == QG_OK)
        s = qg_file_write(path, qg_buf_view(&text), err);
    else
        qg_note(err, "writing golden '%s'", path);
    qg_arena_free(arena);
    return s;
}

qg_status qg_gold_read(qg_gold **out, qg_arena *arena, const char *path, qg_err *err)
{
    qg_str text;

    QG_PASS(qg_file_read(&text, arena, path, QG_GOLD_BYTES_MAX, err));
    return qg_gold_parse(out, arena, text, path, err);
}

size_t qg_gold_match_greedy(const qg_gold_prompt *g, const qg_gold_prompt *m, double margin,
                            bool *differs, bool *near_tie)
{
    size_t n = g->n_greedy < m->n_greedy ? g->n_greedy : m->n_greedy;
    size_t i = 0;

    while (i < n && g->greedy[i].id == m->greedy[i].id)
        i++;
    bool parts = i < g->n_greedy || i < m->n_greedy;
    *near_tie = i < g->n_greedy && parts && g->greedy[i].margin <= margin;
    *differs = parts && !*near_tie;
    return i;
}

char *qg_gold_path(qg_arena *arena, const char *dir, const char *method, const char *backend,
                   const char *model)
{
    return qg_arena_format(arena, "%s/%s/%s/%s.gold", dir, method, backend, model);
}

qg_status qg_gold_hash_prompts(char hex[QG_HASH_HEX], qg_arena *scratch, const qg_gold *gold,
                               qg_err *err)
{
    qg_buf text;

    qg_buf_init(&text, scratch);
    for (size_t i = 0; i < gold->n_prompts; i++) {
        const qg_gold_prompt *p = &gold->prompts[i];
        qg_buf_text(&text, p->name);
        for (size_t k = 0; k < p->n_positions; k++)
            qg_buf_format(&text, " %d", (int)p->positions[k].id);
        qg_buf_char(&text, '\n');
    }
    if (text.failed)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    return qg_hash_text(hex, qg_buf_view(&text), err);
}
