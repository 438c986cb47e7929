/* Tries over bytes: all the texts of a set that begin at one place of a text, found in one walk.
 *
 * Children are linked siblings; the first byte has a table of its own, so that most places of a
 * text cost one look. Built once and then read only; lives on the arena that it was opened on.
 */
#ifndef QG_TOKENIZER_TRIE_H
#define QG_TOKENIZER_TRIE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct qg_trie qg_trie;

/* An empty trie with room for texts of so many bytes together. */
qg_status qg_trie_open(qg_trie **out, qg_arena *arena, size_t bytes, qg_err *err);
/* Adds a text, not empty, with its value, at most INT32_MAX. Of a text that was added before it
 * gives the value and keeps it, else -1. */
int32_t qg_trie_put(qg_trie *t, qg_str text, int32_t value);

/* The node that a byte leads to, from the root 0 or a node that was given before; 0 where none. */
uint32_t qg_trie_next(const qg_trie *t, uint32_t node, unsigned char byte);
/* The value of the text that ends at a node, or -1. */
int32_t qg_trie_value(const qg_trie *t, uint32_t node);

#endif
