/* Vocabularies: token texts to ids and back.
 *
 * Built once and then read only. Entries are sorted by id, so memory depends on how many there are
 * and never on the ids that a file claims; ids may have holes. Lives on the arena that it was
 * opened on.
 */
#ifndef QG_TOKENIZER_VOCAB_H
#define QG_TOKENIZER_VOCAB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

enum { QG_VOCAB_MAX_ID = 16 * 1024 * 1024 - 1 };

typedef struct qg_vocab_entry {
    qg_str text;
    int32_t id;
} qg_vocab_entry;

typedef struct qg_vocab {
    const qg_vocab_entry *entry; /* by rising id */
    size_t n;
    uint32_t *slot; /* open addressing by text: index + 1 into entry, 0 is free */
    size_t mask;    /* slots - 1, slots a power of two and at least twice n */
} qg_vocab;

/* From an array that the vocabulary takes over and sorts; texts must outlive it. A text that is
 * there more than once is found by its highest id. QG_EFORMAT where an id is out of range or given
 * twice. */
qg_status qg_vocab_open(qg_vocab *v, qg_arena *arena, qg_vocab_entry *entries, size_t n,
                        qg_err *err);
/* From a JSON object {"text": id, ...}; texts are copied to the arena. */
qg_status qg_vocab_read(qg_vocab *v, qg_arena *arena, const qg_json *object, qg_err *err);

/* The id of a text, or QG_ID_NONE. */
int32_t qg_vocab_find(const qg_vocab *v, qg_str text);
/* The index of an id in `entry`, or n. */
size_t qg_vocab_index(const qg_vocab *v, int32_t id);
/* The ids of the 256 tokens <0x00> to <0xFF> that unknown characters fall back to; QG_ID_NONE where
 * one is not there. On the arena; NULL when out of memory. */
const int32_t *qg_vocab_bytes(const qg_vocab *v, qg_arena *arena);

#endif
