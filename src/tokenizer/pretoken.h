/* Pre-tokenizers: how a text falls into words before the model sees it, as tokenizer.json declares.
 *
 * Each step splits every piece that is no added token into smaller ones; the byte-level step also
 * spells each byte as a letter (qg_byte_letters).
 */
#ifndef QG_TOKENIZER_PRETOKEN_H
#define QG_TOKENIZER_PRETOKEN_H

#include "base/json.h"
#include "tokenizer/pieces.h"

typedef struct qg_pretokenizer qg_pretokenizer;

/* The declared chain; `node` may be NULL or null (the text stays whole). Lives on the arena. */
qg_status qg_pretokenizer_open(const qg_pretokenizer **out, qg_arena *arena, const qg_json *node,
                               qg_err *err);

/* Replaces the pieces by what the chain makes of them. Text of new pieces is on their arena. */
qg_status qg_pretokenize(qg_pieces *pieces, const qg_pretokenizer *p, qg_err *err);

#endif
