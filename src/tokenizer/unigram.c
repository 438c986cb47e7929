/* Unigram (Kudo 2018, "Subword Regularization"; the Viterbi search of `tokenizers`).
 *
 * Every token has a score, the logarithm of its probability; a word becomes the tokens whose scores
 * sum to the most. One pass over the word keeps the best sum for every place where a token may end;
 * of equal sums the one found first stays, which is the longer last token. A character that is no
 * token costs the least score minus 10 as an unknown token; neighbouring unknowns fuse into one
 * text, which is then looked up, spelled in bytes, or given the unknown id. Token lengths are
 * bounded, so a word of n bytes costs O(n).
 */
#include "tokenizer/model.h"
#include "tokenizer/part.h"
#include "tokenizer/trie.h"

#include <math.h>

enum { MAX_TOKEN_BYTES = 1024 };

#define UNKNOWN_PENALTY 10.0

typedef struct unigram {
    const double *score; /* of id i */
    const qg_trie *trie; /* text to id */
    double unknown_score;
    int32_t unknown;        /* id, or QG_ID_NONE */
    const int32_t *byte_id; /* of <0x00> to <0xFF>, or QG_ID_NONE; NULL: bytes do not fall back */
} unigram;

/* The best way to a place in the word. */
typedef struct best {
    double score;
    uint32_t from; /* where its last token starts, NONE: no way yet */
    int32_t id;
} best;

typedef struct work {
    best *best;     /* n + 1 for a word of n bytes */
    uint32_t *ends; /* where its tokens end, last first */
    size_t cap;
} work;

#define NONE UINT32_MAX

/* -- reading ----------------------------------------------------------------------------------- */

/* ["text", score] */
static qg_status read_entry(qg_vocab_entry *e, double *score, const qg_json *node, size_t i,
                            qg_err *err)
{
    if (qg_json_type_of(node) != QG_JSON_ARRAY || qg_json_len(node) != 2 ||
        !qg_json_str(qg_json_at(node, 0), &e->text) || !qg_json_real(qg_json_at(node, 1), score))
        return qg_fail(err, QG_EFORMAT, "entry %zu of 'vocab' is not a token and its score", i);
    if (!isfinite(*score))
        return qg_fail(err, QG_EFORMAT, "the score of token %zu is not finite", i);
    if (e->text.len > MAX_TOKEN_BYTES)
        return qg_fail(err, QG_ENOSUP, "token %zu has %zu bytes, more than %d", i, e->text.len,
                       MAX_TOKEN_BYTES);
    e->id = (int32_t)i;
    return QG_OK;
}

/* Entry i has id i. */
static qg_status read_vocab(qg_vocab *v, unigram *u, qg_arena *arena, const qg_json *node,
                            qg_err *err)
{
    const qg_json *list;
    size_t bytes = 0, at = 0;
    double least = INFINITY;

    QG_PASS(qg_part_array(&list, node, "model 'Unigram'", "vocab", err));
    size_t n = qg_json_len(list);
    if (n > QG_VOCAB_MAX_ID)
        return qg_fail(err, QG_ENOSUP, "%zu tokens are not supported", n);
    qg_vocab_entry *entries = QG_NEW_N(arena, qg_vocab_entry, n);
    double *score = QG_NEW_N(arena, double, n);
    QG_NEED(entries, err);
    QG_NEED(score, err);
    for (size_t i = 0; i < n; i++) {
        QG_PASS(read_entry(&entries[i], &score[i], qg_json_at(list, i), i, err));
        bytes += entries[i].text.len;
        least = score[i] < least ? score[i] : least;
    }
    char *text = qg_arena_alloc(arena, bytes);
    QG_NEED(text, err);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + at, entries[i].text.ptr, entries[i].text.len);
        entries[i].text.ptr = text + at;
        at += entries[i].text.len;
    }
    u->score = score;
    u->unknown_score = least - UNKNOWN_PENALTY;
    return qg_vocab_open(v, arena, entries, n, err);
}

/* Of a text that is there twice the later id counts, so the trie is filled from the end. */
static qg_status build_trie(unigram *u, qg_arena *arena, const qg_vocab *v, qg_err *err)
{
    size_t bytes = 0;
    qg_trie *trie;

    for (size_t i = 0; i < v->n; i++)
        bytes += v->entry[i].text.len;
    QG_PASS(qg_trie_open(&trie, arena, bytes, err));
    for (size_t i = v->n; i-- > 0;)
        if (v->entry[i].text.len > 0)
            qg_trie_put(trie, v->entry[i].text, v->entry[i].id);
    u->trie = trie;
    return QG_OK;
}

static qg_status read_options(unigram *u, qg_arena *arena, const qg_vocab *v, const qg_json *node,
                              qg_err *err)
{
    const char *part = "model 'Unigram'";
    bool byte_fallback = false;
    size_t id;

    u->unknown = QG_ID_NONE;
    if (!qg_json_is_null(qg_json_get(node, "unk_id"))) {
        QG_PASS(qg_part_count(&id, node, part, "unk_id", err));
        if (id >= v->n)
            return qg_fail(err, QG_EFORMAT, "'unk_id' of %s is %zu, but there are %zu tokens", part,
                           id, v->n);
        u->unknown = (int32_t)id;
    }
    QG_PASS(qg_part_bool_or(&byte_fallback, node, part, "byte_fallback", err));
    if (byte_fallback) {
        u->byte_id = qg_vocab_bytes(v, arena);
        QG_NEED(u->byte_id, err);
    }
    return QG_OK;
}

static qg_status unigram_open(qg_model *m, qg_arena *arena, const qg_json *node, qg_err *err)
{
    unigram *u = QG_NEW(arena, unigram);

    QG_NEED(u, err);
    QG_PASS(read_vocab(&m->vocab, u, arena, node, err));
    QG_PASS(build_trie(u, arena, &m->vocab, err));
    m->state = u;
    return read_options(u, arena, &m->vocab, node, err);
}

/* -- the search -------------------------------------------------------------------------------- */

static qg_status no_unknown(qg_err *err)
{
    return qg_fail(err, QG_EFORMAT, "the text needs an unknown token, but 'unk_id' is not set");
}

static bool better(const best *b, double score)
{
    return b->from == NONE || score > b->score;
}

/* Offers every token that starts at an offset; whether one is just the character there. */
static bool offer_tokens(const unigram *u, work *w, qg_str word, size_t at, size_t char_len)
{
    bool single = false;
    uint32_t node = 0;

    for (size_t end = at; end < word.len;) {
        node = qg_trie_next(u->trie, node, (unsigned char)word.ptr[end++]);
        if (node == 0)
            break;
        int32_t id = qg_trie_value(u->trie, node);
        if (id < 0)
            continue;
        double score = u->score[id] + w->best[at].score;
        if (better(&w->best[end], score))
            w->best[end] = (best){.score = score, .from = (uint32_t)at, .id = id};
        single = single || end - at == char_len;
    }
    return single;
}

static qg_status find_best(const unigram *u, work *w, qg_str word, qg_err *err)
{
    w->best[0] = (best){.from = NONE};
    for (size_t i = 1; i <= word.len; i++)
        w->best[i].from = NONE;
    for (size_t at = 0, n; at < word.len; at += n) {
        uint32_t code;
        n = qg_utf8_decode(qg_str_sub(word, at, 4), &code);
        if (offer_tokens(u, w, word, at, n))
            continue;
        double score = u->unknown_score + w->best[at].score;
        if (!better(&w->best[at + n], score))
            continue;
        if (u->unknown == QG_ID_NONE)
            return no_unknown(err);
        w->best[at + n] = (best){.score = score, .from = (uint32_t)at, .id = u->unknown};
    }
    return QG_OK;
}

/* Fills `ends` from the back, unknown neighbours as one; how many there are. */
static size_t trace(const unigram *u, work *w, size_t len)
{
    size_t n = 0;
    bool fuses = false;

    for (size_t end = len; end > 0; end = w->best[end].from) {
        bool unknown = u->unknown != QG_ID_NONE && w->best[end].id == u->unknown;
        if (!(fuses && unknown))
            w->ends[n++] = (uint32_t)end;
        fuses = unknown;
    }
    return n;
}

static qg_status add_text(qg_idlist *out, const qg_model *m, qg_str text, qg_err *err)
{
    const unigram *u = m->state;
    int32_t id = qg_vocab_find(&m->vocab, text);
    bool spelled = u->byte_id != NULL;

    if (id != QG_ID_NONE) {
        qg_idlist_add(out, id);
        return QG_OK;
    }
    for (size_t i = 0; spelled && i < text.len; i++)
        spelled = u->byte_id[(unsigned char)text.ptr[i]] != QG_ID_NONE;
    if (!spelled && u->unknown == QG_ID_NONE)
        return no_unknown(err);
    if (!spelled)
        qg_idlist_add(out, u->unknown);
    for (size_t i = 0; spelled && i < text.len; i++)
        qg_idlist_add(out, u->byte_id[(unsigned char)text.ptr[i]]);
    return QG_OK;
}

static bool reserve(work *w, qg_arena *arena, size_t n)
{
    size_t cap = w->cap ? w->cap : 64;

    if (n <= w->cap)
        return true;
    while (cap < n)
        cap *= 2;
    *w = (work){
        .best = QG_NEW_N(arena, best, cap + 1), .ends = QG_NEW_N(arena, uint32_t, cap), .cap = cap};
    return w->best && w->ends;
}

static qg_status encode_word(qg_idlist *out, const qg_model *m, work *w, qg_str word, qg_err *err)
{
    size_t from = 0;

    if (word.len >= NONE)
        return qg_fail(err, QG_EARG, "a word of %zu bytes is too long", word.len);
    QG_NEED(reserve(w, out->arena, word.len), err);
    QG_PASS(find_best(m->state, w, word, err));
    for (size_t i = trace(m->state, w, word.len); i-- > 0;) {
        QG_PASS(add_text(out, m, qg_str_sub(word, from, w->ends[i] - from), err));
        from = w->ends[i];
    }
    return QG_OK;
}

static qg_status unigram_encode(qg_idlist *out, const qg_model *m, const qg_pieces *pieces,
                                qg_err *err)
{
    work w = {0};

    for (size_t i = 0; i < pieces->n; i++) {
        if (pieces->at[i].id == QG_ID_NONE)
            QG_PASS(encode_word(out, m, &w, pieces->at[i].text, err));
        else
            qg_idlist_add(out, pieces->at[i].id);
    }
    QG_NEED(!out->failed, err);
    return QG_OK;
}

const qg_model_kind qg_model_unigram = {
    .name = "Unigram", .open = unigram_open, .encode = unigram_encode};
