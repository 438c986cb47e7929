/* Added tokens: see added.h.
 *
 * One trie per kind. Token lengths are bounded, so cutting is linear in the text. What lstrip,
 * rstrip and single_word do to neighbouring matches is upstream's `AddedVocabulary::find_matches`,
 * step by step.
 */
#include "tokenizer/added.h"

#include "tokenizer/part.h"

#include <stdlib.h>

/* -- reading ----------------------------------------------------------------------------------- */

static qg_status read_token(qg_added_token *t, int64_t *id, qg_arena *arena, const qg_json *node,
                            qg_err *err)
{
    const char *part = "an added token";

    if (qg_json_type_of(node) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EFORMAT, "%s is %s, not an object", part, qg_json_type_name(node));
    QG_PASS(qg_part_str(&t->content, node, part, "content", err));
    if (!qg_json_int(qg_json_get(node, "id"), id))
        return qg_fail(err, QG_EFORMAT, "added token '" QG_STR_PRI "' has no integer 'id'",
                       QG_STR_ARG(t->content));
    QG_PASS(qg_part_bool(&t->single_word, node, part, "single_word", err));
    QG_PASS(qg_part_bool(&t->lstrip, node, part, "lstrip", err));
    QG_PASS(qg_part_bool(&t->rstrip, node, part, "rstrip", err));
    QG_PASS(qg_part_bool(&t->normalized, node, part, "normalized", err));
    QG_PASS(qg_part_bool(&t->special, node, part, "special", err));
    if (t->content.len > QG_ADDED_MAX_BYTES)
        return qg_fail(err, QG_ENOSUP, "added token %lld has %zu bytes, more than %d",
                       (long long)*id, t->content.len, QG_ADDED_MAX_BYTES);
    t->content.ptr = qg_arena_copy(arena, t->content.ptr, t->content.len);
    QG_NEED(t->content.ptr, err);
    return QG_OK;
}

static qg_status give_id(qg_added_token *t, int64_t declared, int64_t *next, const qg_vocab *model,
                         qg_err *err)
{
    int32_t known = qg_vocab_find(model, t->content);
    int64_t given = known != QG_ID_NONE ? known : (*next)++;

    if (given != declared)
        return qg_fail(err, QG_EFORMAT,
                       "added token '" QG_STR_PRI "' declares id %lld, but its place is %lld",
                       QG_STR_ARG(t->content), (long long)declared, (long long)given);
    t->id = (int32_t)given; /* qg_vocab_open checks the range */
    if (known == QG_ID_NONE && qg_vocab_index(model, t->id) != model->n)
        return qg_fail(err, QG_EFORMAT,
                       "added token '" QG_STR_PRI "' has id %d, which the vocabulary uses",
                       QG_STR_ARG(t->content), t->id);
    return QG_OK;
}

static int by_id(const void *a, const void *b)
{
    int32_t x = ((const qg_added_token *)a)->id, y = ((const qg_added_token *)b)->id;
    return (x > y) - (x < y);
}

/* Sorts tokens by id, as by_content is, so that one index serves both. */
static qg_status index_tokens(qg_added *a, qg_arena *arena, qg_err *err)
{
    qg_vocab_entry *entries = QG_NEW_N(arena, qg_vocab_entry, a->n);

    QG_NEED(entries, err);
    qsort(a->token, a->n, sizeof *a->token, by_id);
    for (size_t i = 0; i < a->n; i++)
        entries[i] = (qg_vocab_entry){a->token[i].content, a->token[i].id};
    return qg_vocab_open(&a->by_content, arena, entries, a->n, err);
}

static qg_status build(const qg_trie **out, qg_arena *arena, const qg_added *a, bool normalized,
                       qg_err *err)
{
    size_t bytes = 0;
    qg_trie *trie;

    *out = NULL;
    for (size_t i = 0; i < a->n; i++)
        bytes += a->token[i].normalized == normalized ? a->token[i].form.len : 0;
    if (bytes == 0)
        return QG_OK;
    QG_PASS(qg_trie_open(&trie, arena, bytes, err));
    for (size_t i = 0; i < a->n; i++) {
        if (a->token[i].normalized != normalized)
            continue;
        int32_t same = qg_trie_put(trie, a->token[i].form, (int32_t)i);
        if (same >= 0)
            return qg_fail(err, QG_EFORMAT,
                           "added tokens '" QG_STR_PRI "' and '" QG_STR_PRI
                           "' are sought as one text",
                           QG_STR_ARG(a->token[same].content), QG_STR_ARG(a->token[i].content));
    }
    *out = trie;
    return QG_OK;
}

static qg_status set_form(qg_added_token *t, qg_arena *arena, const qg_normalizer *normalizer,
                          qg_err *err)
{
    qg_piece form = {.text = t->content};

    if (t->normalized)
        QG_PASS(qg_normalize(&form, arena, normalizer, err));
    t->form = form.text;
    if (t->form.len == 0)
        return qg_fail(err, QG_EFORMAT, "added token '" QG_STR_PRI "' normalizes to nothing",
                       QG_STR_ARG(t->content));
    return QG_OK;
}

qg_status qg_added_open(qg_added *a, qg_arena *arena, const qg_json *node, const qg_vocab *model,
                        const qg_normalizer *normalizer, qg_err *err)
{
    int64_t next = (int64_t)model->n;

    *a = (qg_added){0};
    if (!qg_json_is_null(node) && qg_json_type_of(node) != QG_JSON_ARRAY)
        return qg_fail(err, QG_EFORMAT, "'added_tokens' is %s, not an array",
                       qg_json_type_name(node));
    size_t n = qg_json_is_null(node) ? 0 : qg_json_len(node);
    a->token = QG_NEW_N(arena, qg_added_token, n);
    QG_NEED(a->token, err);
    for (size_t i = 0; i < n; i++) {
        qg_added_token *t = &a->token[a->n];
        int64_t declared;
        QG_PASS(read_token(t, &declared, arena, qg_json_at(node, i), err));
        if (t->content.len == 0)
            continue; /* upstream drops it as well */
        QG_PASS(give_id(t, declared, &next, model, err));
        QG_PASS(set_form(t, arena, normalizer, err));
        a->n++;
    }
    QG_PASS(index_tokens(a, arena, err));
    QG_PASS(build(&a->raw, arena, a, false, err));
    return build(&a->normal, arena, a, true, err);
}

/* -- cutting ----------------------------------------------------------------------------------- */

typedef struct cutter {
    const qg_added *added;
    const qg_trie *trie;
    const qg_piece *piece;
    qg_str text;    /* of the piece */
    size_t done;    /* text before this offset has been handed out */
    size_t run_end; /* where the blanks end that rstrip saw last */
} cutter;

/* The longest token at an offset; its index, or n where there is none. */
static size_t longest(const cutter *c, size_t at, size_t *end)
{
    size_t best = c->added->n;

    for (uint32_t k = 0; at < c->text.len;) {
        k = qg_trie_next(c->trie, k, (unsigned char)c->text.ptr[at++]);
        if (k == 0)
            break;
        if (qg_trie_value(c->trie, k) >= 0) {
            best = (size_t)qg_trie_value(c->trie, k);
            *end = at;
        }
    }
    return best;
}

/* The code point that ends before an offset; its length, 0 at the start. */
static size_t code_before(qg_str text, size_t at, uint32_t *code)
{
    size_t from = at;

    if (at == 0)
        return 0;
    do
        from--;
    while (from > 0 && ((unsigned char)text.ptr[from] & 0xc0) == 0x80);
    qg_utf8_decode(qg_str_sub(text, from, at - from), code);
    return at - from;
}

static bool is_single_word(qg_str text, size_t from, size_t to)
{
    uint32_t code = 0;

    if (code_before(text, from, &code) > 0 && qg_char_is_word(code))
        return false;
    return qg_utf8_decode(qg_str_sub(text, to, 4), &code) == 0 || !qg_char_is_word(code);
}

static size_t blanks_before(const cutter *c, size_t at)
{
    uint32_t code = 0;
    size_t n;

    while (at > c->done && (n = code_before(c->text, at, &code)) > 0 && qg_char_is_space(code))
        at -= n;
    return at;
}

static size_t blanks_behind(cutter *c, size_t at)
{
    uint32_t code = 0;
    size_t n;

    if (at < c->run_end) /* inside the run that was measured already */
        return c->run_end;
    while ((n = qg_utf8_decode(qg_str_sub(c->text, at, 4), &code)) > 0 && qg_char_is_space(code))
        at += n;
    return c->run_end = at;
}

static void cut_text(qg_pieces *out, cutter *c)
{
    for (size_t at = 0, end = 0; at < c->text.len; at = end) {
        size_t which = longest(c, at, &end), from = at, to = end;
        const qg_added_token *t = &c->added->token[which];
        if (which == c->added->n) {
            end = at + 1;
            continue;
        }
        if (t->single_word && !is_single_word(c->text, from, to))
            continue;
        if (t->lstrip)
            from = from < c->done ? c->done : blanks_before(c, from);
        if (t->rstrip)
            to = blanks_behind(c, to);
        if (c->done < from)
            qg_pieces_add_part(out, c->piece, c->done, from, QG_ID_NONE);
        if (from < to) /* else an earlier token's rstrip took all of it */
            qg_pieces_add_part(out, c->piece, from, to, t->id);
        c->done = to;
    }
    if (c->done < c->text.len)
        qg_pieces_add_part(out, c->piece, c->done, c->text.len, QG_ID_NONE);
}

qg_status qg_added_cut(qg_pieces *pieces, const qg_added *a, bool normalized, qg_err *err)
{
    qg_pieces out;
    cutter c = {.added = a, .trie = normalized ? a->normal : a->raw};

    if (!c.trie)
        return QG_OK;
    qg_pieces_begin(&out, pieces->arena);
    for (size_t i = 0; i < pieces->n; i++) {
        c.piece = &pieces->at[i];
        c.text = c.piece->text;
        c.done = c.run_end = 0;
        if (c.piece->id == QG_ID_NONE)
            cut_text(&out, &c);
        else
            qg_pieces_add(&out, *c.piece);
    }
    QG_NEED(!out.failed && !pieces->failed, err);
    *pieces = out;
    return QG_OK;
}
