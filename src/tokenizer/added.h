/* Added tokens: words that are cut out of a text before anything else looks at it.
 *
 * They extend the model's vocabulary ("special" ones such as <s>, and ordinary ones). Those that
 * are not `normalized` are sought in the text as it is, the others in the normalized text, by their
 * own normalized form. Matches are leftmost, and the longest there.
 */
#ifndef QG_TOKENIZER_ADDED_H
#define QG_TOKENIZER_ADDED_H

#include "base/json.h"
#include "tokenizer/normalize.h"
#include "tokenizer/pieces.h"
#include "tokenizer/trie.h"
#include "tokenizer/vocab.h"

typedef struct qg_added_token {
    qg_str content; /* as declared */
    qg_str form;    /* what is sought, and what the decoder sees: normalized where declared so */
    int32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
} qg_added_token;

typedef struct qg_added {
    qg_added_token *token; /* by rising id */
    size_t n;
    qg_vocab by_content;         /* entry i is token i */
    const qg_trie *raw, *normal; /* NULL where there is no such token */
} qg_added;

enum { QG_ADDED_MAX_BYTES = 1024 };

/* Reads the array `added_tokens` (NULL or null: none). A token that the model's vocabulary lacks
 * gets the next free id, as upstream gives it; a declared id that differs is QG_EFORMAT. */
qg_status qg_added_open(qg_added *a, qg_arena *arena, const qg_json *node, const qg_vocab *model,
                        const qg_normalizer *normalizer, qg_err *err);

/* Cuts the tokens of one kind out of every piece that is still text. */
qg_status qg_added_cut(qg_pieces *pieces, const qg_added *a, bool normalized, qg_err *err);

#endif
