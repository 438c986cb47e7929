/* Vocabularies: see vocab.h. Texts are found by FNV-1a hashing with linear probing; ids by position
 * where the vocabulary has no holes, else by binary search. Invariant: at least half of the slots
 * are free, so every probe ends.
 */
#include "tokenizer/vocab.h"

#include "tokenizer/pieces.h"

#include <stdlib.h>

static size_t hash_of(qg_str s)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static int by_id(const void *a, const void *b)
{
    int32_t x = ((const qg_vocab_entry *)a)->id, y = ((const qg_vocab_entry *)b)->id;
    return (x > y) - (x < y);
}

qg_status qg_vocab_open(qg_vocab *v, qg_arena *arena, qg_vocab_entry *entries, size_t n,
                        qg_err *err)
{
    size_t slots = 4;
    bool sorted = true;

    for (size_t i = 0; i < n; i++) {
        if (entries[i].id < 0 || entries[i].id > QG_VOCAB_MAX_ID)
            return qg_fail(err, QG_EFORMAT, "token '" QG_STR_PRI "' has id %d, outside 0 to %d",
                           QG_STR_ARG(entries[i].text), entries[i].id, QG_VOCAB_MAX_ID);
        sorted = sorted && (i == 0 || entries[i - 1].id < entries[i].id);
    }
    if (!sorted)
        qsort(entries, n, sizeof *entries, by_id);
    for (size_t i = 1; i < n; i++)
        if (entries[i - 1].id == entries[i].id)
            return qg_fail(
                err, QG_EFORMAT, "tokens '" QG_STR_PRI "' and '" QG_STR_PRI "' have the same id %d",
                QG_STR_ARG(entries[i - 1].text), QG_STR_ARG(entries[i].text), entries[i].id);

    while (slots < 2 * n)
        slots *= 2;
    *v = (qg_vocab){.entry = entries, .n = n, .mask = slots - 1};
    v->slot = QG_NEW_N(arena, uint32_t, slots);
    QG_NEED(v->slot, err);
    for (size_t i = 0; i < n; i++) {
        size_t at = hash_of(entries[i].text) & v->mask;
        while (v->slot[at] && !qg_str_eq(entries[v->slot[at] - 1].text, entries[i].text))
            at = (at + 1) & v->mask;
        v->slot[at] = (uint32_t)i + 1;
    }
    return QG_OK;
}

qg_status qg_vocab_read(qg_vocab *v, qg_arena *arena, const qg_json *object, qg_err *err)
{
    size_t n = 0, bytes = 0;

    if (qg_json_type_of(object) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EFORMAT, "the model's 'vocab' is %s, not an object",
                       object ? qg_json_type_name(object) : "absent");
    for (qg_json_iter it = {0}; qg_json_next(object, &it);)
        bytes += it.key.len;
    qg_vocab_entry *entries = QG_NEW_N(arena, qg_vocab_entry, qg_json_len(object));
    char *text = qg_arena_alloc(arena, bytes);
    QG_NEED(entries, err);
    QG_NEED(text, err);

    for (qg_json_iter it = {0}; qg_json_next(object, &it); n++) {
        int64_t id;
        if (!qg_json_int(it.value, &id))
            return qg_fail(err, QG_EFORMAT, "id of token '" QG_STR_PRI "' is %s, not an integer",
                           QG_STR_ARG(it.key), qg_json_type_name(it.value));
        if (id < 0 || id > QG_VOCAB_MAX_ID)
            return qg_fail(err, QG_EFORMAT, "token '" QG_STR_PRI "' has id %lld, outside 0 to %d",
                           QG_STR_ARG(it.key), (long long)id, QG_VOCAB_MAX_ID);
        if (it.key.len > 0)
            memcpy(text, it.key.ptr, it.key.len);
        entries[n] = (qg_vocab_entry){{text, it.key.len}, (int32_t)id};
        text += it.key.len;
    }
    return qg_vocab_open(v, arena, entries, n, err);
}

int32_t qg_vocab_find(const qg_vocab *v, qg_str text)
{
    if (v->n == 0)
        return QG_ID_NONE;
    for (size_t at = hash_of(text) & v->mask; v->slot[at]; at = (at + 1) & v->mask) {
        const qg_vocab_entry *e = &v->entry[v->slot[at] - 1];
        if (qg_str_eq(e->text, text))
            return e->id;
    }
    return QG_ID_NONE;
}

size_t qg_vocab_index(const qg_vocab *v, int32_t id)
{
    size_t lo = 0, hi = v->n;

    if (id < 0)
        return v->n;
    if ((size_t)id < v->n && v->entry[id].id == id)
        return (size_t)id;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (v->entry[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < v->n && v->entry[lo].id == id ? lo : v->n;
}

const int32_t *qg_vocab_bytes(const qg_vocab *v, qg_arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    int32_t *ids = QG_NEW_N(arena, int32_t, 256);

    for (int i = 0; ids && i < 256; i++) {
        char text[] = {'<', '0', 'x', digits[i / 16], digits[i % 16], '>'};
        ids[i] = qg_vocab_find(v, (qg_str){text, sizeof text});
    }
    return ids;
}
