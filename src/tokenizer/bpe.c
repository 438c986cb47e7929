/* Byte-pair encoding (Sennrich, Haddow, Birch 2016; the merge loop of `tokenizers`).
 *
 * A word starts as its characters. While any two neighbours form a known merge, the pair of lowest
 * rank, leftmost first, becomes one symbol. Symbols are a linked list inside an array; candidates
 * wait in a heap and are checked for staleness when they come out, so a word of n characters costs
 * O(n log n). Invariant: the heap never holds more than 3n candidates, since each of at most n - 1
 * merges adds two to the n - 1 at the start.
 */
#include "tokenizer/model.h"
#include "tokenizer/part.h"

enum { MAX_AFFIX_BYTES = 256 };

typedef struct merge {
    int32_t left, right; /* ids; left is QG_ID_NONE in a free slot */
    int32_t rank, made;
} merge;

typedef struct bpe {
    merge *slot; /* open addressing by pair, at least half of the slots free */
    size_t mask;
    int32_t unknown;    /* id, or QG_ID_NONE */
    bool lacks_unknown; /* one is declared that the vocabulary lacks: an error where it is needed */
    bool fuse_unknown, ignore_merges;
    const int32_t *byte_id; /* of <0x00> to <0xFF>, or QG_ID_NONE; NULL: bytes do not fall back */
    qg_str prefix, suffix;  /* continuing_subword_prefix, end_of_word_suffix */
} bpe;

typedef struct symbol {
    int32_t id;
    uint32_t prev, next; /* indices; NONE at the ends */
    bool gone;           /* merged into its left neighbour */
} symbol;

typedef struct candidate {
    int32_t rank, made;
    uint32_t at;
} candidate;

/* Room for the longest word so far. */
typedef struct work {
    symbol *symbol;
    candidate *heap;
    size_t n, n_heap, cap;
} work;

#define NONE UINT32_MAX

/* -- reading ----------------------------------------------------------------------------------- */

static size_t pair_hash(int32_t left, int32_t right)
{
    uint64_t k = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    k *= 0x9e3779b97f4a7c15u;
    return (size_t)(k ^ k >> 32);
}

static merge *slot_of(const bpe *b, int32_t left, int32_t right)
{
    size_t at = pair_hash(left, right) & b->mask;
    while (b->slot[at].left != QG_ID_NONE &&
           (b->slot[at].left != left || b->slot[at].right != right))
        at = (at + 1) & b->mask;
    return &b->slot[at];
}

/* "a b" or ["a", "b"] */
static qg_status read_pair(qg_str pair[2], const qg_json *node, size_t rank, qg_err *err)
{
    qg_str line;

    if (qg_json_str(node, &line)) {
        const char *blank = line.len > 0 ? memchr(line.ptr, ' ', line.len) : NULL;
        size_t n = blank ? (size_t)(blank - line.ptr) : 0;
        if (blank && !memchr(blank + 1, ' ', line.len - n - 1)) {
            pair[0] = qg_str_sub(line, 0, n);
            pair[1] = qg_str_sub(line, n + 1, line.len);
            return QG_OK;
        }
    } else if (qg_json_type_of(node) == QG_JSON_ARRAY && qg_json_len(node) == 2 &&
               qg_json_str(qg_json_at(node, 0), &pair[0]) &&
               qg_json_str(qg_json_at(node, 1), &pair[1])) {
        return QG_OK;
    }
    return qg_fail(err, QG_EFORMAT, "merge %zu is not a pair of tokens", rank);
}

static qg_status token_of(int32_t *id, const qg_vocab *v, qg_str text, size_t rank, qg_err *err)
{
    *id = qg_vocab_find(v, text);
    if (*id != QG_ID_NONE)
        return QG_OK;
    return qg_fail(err, QG_EFORMAT,
                   "merge %zu names '" QG_STR_PRI "', which is not in the vocabulary", rank,
                   QG_STR_ARG(text));
}

static qg_status read_merge(bpe *b, const qg_vocab *v, qg_buf *joined, const qg_json *node,
                            size_t rank, qg_err *err)
{
    qg_str pair[2];
    merge m = {.rank = (int32_t)rank};

    QG_PASS(read_pair(pair, node, rank, err));
    QG_PASS(token_of(&m.left, v, pair[0], rank, err));
    QG_PASS(token_of(&m.right, v, pair[1], rank, err));
    if (pair[1].len < b->prefix.len)
        return qg_fail(err, QG_EFORMAT, "merge %zu: '" QG_STR_PRI "' lacks the subword prefix",
                       rank, QG_STR_ARG(pair[1]));
    joined->len = 0;
    qg_buf_str(joined, pair[0]);
    qg_buf_str(joined, qg_str_sub(pair[1], b->prefix.len, pair[1].len));
    QG_NEED(!joined->failed, err);
    QG_PASS(token_of(&m.made, v, qg_buf_view(joined), rank, err));
    *slot_of(b, m.left, m.right) = m; /* of a pair listed twice the later rank counts */
    return QG_OK;
}

static qg_status read_merges(bpe *b, qg_arena *arena, const qg_vocab *v, const qg_json *node,
                             qg_err *err)
{
    const qg_json *list;
    qg_buf joined;
    size_t slots = 4;

    QG_PASS(qg_part_array(&list, node, "model 'BPE'", "merges", err));
    size_t n = qg_json_len(list);
    if (n > INT32_MAX / 2)
        return qg_fail(err, QG_ENOSUP, "%zu merges are not supported", n);
    while (slots < 2 * n)
        slots *= 2;
    b->slot = QG_NEW_N(arena, merge, slots);
    QG_NEED(b->slot, err);
    b->mask = slots - 1;
    for (size_t i = 0; i < slots; i++)
        b->slot[i].left = QG_ID_NONE;
    qg_buf_init(&joined, arena);
    for (size_t i = 0; i < n; i++)
        QG_PASS(read_merge(b, v, &joined, qg_json_at(list, i), i, err));
    return QG_OK;
}

static qg_status read_affix(qg_str *out, qg_arena *arena, const qg_json *node, const char *key,
                            qg_err *err)
{
    *out = QG_STR("");
    QG_PASS(qg_part_str_or(out, node, "model 'BPE'", key, err));
    if (out->len > MAX_AFFIX_BYTES)
        return qg_fail(err, QG_ENOSUP, "'%s' of %zu bytes is not supported", key, out->len);
    out->ptr = qg_arena_copy(arena, out->ptr, out->len);
    QG_NEED(out->ptr, err);
    return QG_OK;
}

static qg_status read_options(bpe *b, qg_arena *arena, const qg_vocab *v, const qg_json *node,
                              qg_err *err)
{
    const char *part = "model 'BPE'";
    bool byte_fallback = false;
    qg_str unknown = QG_STR("");
    double dropout = 0;
    const qg_json *d = qg_json_get(node, "dropout");

    if (!qg_json_is_null(d) && (!qg_json_real(d, &dropout) || dropout != 0))
        return qg_fail(err, QG_ENOSUP, "'dropout' of %s is not supported: ids would be random",
                       part);
    QG_PASS(qg_part_bool_or(&byte_fallback, node, part, "byte_fallback", err));
    if (byte_fallback) {
        b->byte_id = qg_vocab_bytes(v, arena);
        QG_NEED(b->byte_id, err);
    }
    QG_PASS(qg_part_bool_or(&b->fuse_unknown, node, part, "fuse_unk", err));
    QG_PASS(qg_part_bool_or(&b->ignore_merges, node, part, "ignore_merges", err));
    QG_PASS(qg_part_str_or(&unknown, node, part, "unk_token", err));
    b->unknown = QG_ID_NONE;
    if (qg_json_is_null(qg_json_get(node, "unk_token")))
        return QG_OK;
    b->unknown = qg_vocab_find(v, unknown);
    b->lacks_unknown = b->unknown == QG_ID_NONE;
    return QG_OK;
}

static qg_status bpe_open(qg_model *m, qg_arena *arena, const qg_json *node, qg_err *err)
{
    bpe *b = QG_NEW(arena, bpe);

    QG_NEED(b, err);
    QG_PASS(qg_vocab_read(&m->vocab, arena, qg_json_get(node, "vocab"), err));
    QG_PASS(read_affix(&b->prefix, arena, node, "continuing_subword_prefix", err));
    QG_PASS(read_affix(&b->suffix, arena, node, "end_of_word_suffix", err));
    QG_PASS(read_options(b, arena, &m->vocab, node, err));
    m->state = b;
    return read_merges(b, arena, &m->vocab, node, err);
}

/* -- the merge loop ---------------------------------------------------------------------------- */

static bool before(candidate a, candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void push(work *w, candidate c)
{
    size_t i = w->n_heap++;

    for (size_t up; i > 0 && before(c, w->heap[up = (i - 1) / 2]); i = up)
        w->heap[i] = w->heap[up];
    w->heap[i] = c;
}

static candidate pop(work *w)
{
    candidate top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;

    for (size_t child; (child = 2 * i + 1) < w->n_heap; i = child) {
        if (child + 1 < w->n_heap && before(w->heap[child + 1], w->heap[child]))
            child++;
        if (!before(w->heap[child], last))
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = last;
    return top;
}

/* Offers the symbol at an index and its right neighbour, where they form a merge. */
static void offer(const bpe *b, work *w, uint32_t at)
{
    uint32_t next = w->symbol[at].next;
    if (next == NONE)
        return;
    const merge *m = slot_of(b, w->symbol[at].id, w->symbol[next].id);
    if (m->left != QG_ID_NONE)
        push(w, (candidate){.rank = m->rank, .made = m->made, .at = at});
}

static void merge_all(const bpe *b, work *w)
{
    symbol *s = w->symbol;

    w->n_heap = 0;
    for (size_t i = 0; i + 1 < w->n; i++)
        offer(b, w, (uint32_t)i);
    while (w->n_heap > 0) {
        candidate c = pop(w);
        uint32_t next = s[c.at].next;
        if (s[c.at].gone || next == NONE)
            continue;
        /* Stale where the pair has changed, unless the new one makes the same token: as upstream.
         */
        const merge *m = slot_of(b, s[c.at].id, s[next].id);
        if (m->left == QG_ID_NONE || m->made != c.made)
            continue;
        s[c.at].id = c.made;
        s[c.at].next = s[next].next;
        s[next].gone = true;
        if (s[next].next != NONE)
            s[s[next].next].prev = c.at;
        if (s[c.at].prev != NONE)
            offer(b, w, s[c.at].prev);
        offer(b, w, c.at);
    }
}

static void add_symbol(work *w, int32_t id)
{
    uint32_t at = (uint32_t)w->n++;
    w->symbol[at] = (symbol){.id = id, .prev = at ? at - 1 : NONE, .next = NONE};
    if (at)
        w->symbol[at - 1].next = at;
}

/* One character with the affixes that its place in the word asks for; `room` serves where there are
 * any. */
static qg_str with_affixes(const bpe *b, qg_str c, bool first, bool last,
                           char room[2 * MAX_AFFIX_BYTES + 4])
{
    size_t n = 0;

    if ((first || b->prefix.len == 0) && (!last || b->suffix.len == 0))
        return c;
    if (!first) {
        memcpy(room, b->prefix.ptr, b->prefix.len);
        n = b->prefix.len;
    }
    memcpy(room + n, c.ptr, c.len);
    n += c.len;
    if (last) {
        memcpy(room + n, b->suffix.ptr, b->suffix.len);
        n += b->suffix.len;
    }
    return (qg_str){room, n};
}

/* A symbol for every byte, where the vocabulary has all of them. */
static bool add_bytes(const bpe *b, work *w, qg_str text)
{
    if (!b->byte_id)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (b->byte_id[(unsigned char)text.ptr[i]] == QG_ID_NONE)
            return false;
    for (size_t i = 0; i < text.len; i++)
        add_symbol(w, b->byte_id[(unsigned char)text.ptr[i]]);
    return true;
}

/* A character that the vocabulary lacks becomes its bytes where they fall back, else the unknown
 * token, or vanishes where there is none; neighbours fuse into one where declared. An unknown token
 * waits for the next known character, so bytes overtake it: upstream's order. False where the token
 * is needed but not there. */
static bool spell(const qg_model *m, work *w, qg_str word)
{
    const bpe *b = m->state;
    char room[2 * MAX_AFFIX_BYTES + 4];
    bool pending = false;

    w->n = 0;
    for (size_t i = 0, n; i < word.len; i += n) {
        uint32_t code;
        n = qg_utf8_decode(qg_str_sub(word, i, 4), &code);
        qg_str c = with_affixes(b, qg_str_sub(word, i, n), i == 0, i + n == word.len, room);
        int32_t id = qg_vocab_find(&m->vocab, c);
        if (id == QG_ID_NONE && add_bytes(b, w, c))
            continue;
        if (pending && (id != QG_ID_NONE || !b->fuse_unknown)) {
            add_symbol(w, b->unknown);
            pending = false;
        }
        if (id != QG_ID_NONE)
            add_symbol(w, id);
        else if (b->lacks_unknown)
            return false;
        else
            pending = b->unknown != QG_ID_NONE;
    }
    if (pending)
        add_symbol(w, b->unknown);
    return true;
}

/* Most symbols that a word can start as; bytes that fall back bring their affixes along. */
static size_t most_symbols(const bpe *b, qg_str word)
{
    return b->byte_id ? word.len * (1 + b->prefix.len) + b->suffix.len : word.len;
}

static bool reserve(work *w, qg_arena *arena, size_t n)
{
    size_t cap = w->cap ? w->cap : 64;

    if (n <= w->cap)
        return true;
    while (cap < n)
        cap *= 2;
    *w = (work){.symbol = QG_NEW_N(arena, symbol, cap),
                .heap = QG_NEW_N(arena, candidate, 3 * cap),
                .cap = cap};
    return w->symbol && w->heap;
}

static qg_status encode_word(qg_idlist *out, const qg_model *m, work *w, qg_str word, qg_err *err)
{
    const bpe *b = m->state;
    int32_t whole = b->ignore_merges ? qg_vocab_find(&m->vocab, word) : QG_ID_NONE;

    if (whole != QG_ID_NONE) {
        qg_idlist_add(out, whole);
        return QG_OK;
    }
    size_t most = most_symbols(b, word);
    if (most >= NONE)
        return qg_fail(err, QG_EARG, "a word of %zu bytes is too long", word.len);
    QG_NEED(reserve(w, out->arena, most), err);
    if (!spell(m, w, word))
        return qg_fail(err, QG_EFORMAT, "the text needs 'unk_token', which the vocabulary lacks");
    merge_all(b, w);
    for (uint32_t i = w->n > 0 ? 0 : NONE; i != NONE; i = w->symbol[i].next)
        qg_idlist_add(out, w->symbol[i].id);
    return QG_OK;
}

static qg_status bpe_encode(qg_idlist *out, const qg_model *m, const qg_pieces *pieces, qg_err *err)
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

const qg_model_kind qg_model_bpe = {.name = "BPE", .open = bpe_open, .encode = bpe_encode};
