/* Normalizers: Unicode forms, case, accents, replacements, as tokenizer.json declares them; and the
 * classes of characters that the other stages ask for.
 *
 * Forms follow the `unicode-normalization-alignments` crate of the upstream library, whose Unicode
 * is older than 14: the newer characters that it leaves alone are left alone here too, since ids
 * must agree.
 */
#ifndef QG_TOKENIZER_NORMALIZE_H
#define QG_TOKENIZER_NORMALIZE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "tokenizer/pieces.h"

typedef struct qg_normalizer qg_normalizer;

/* The declared chain; `node` may be NULL or null (no normalizer). Lives on the arena. */
qg_status qg_normalizer_open(const qg_normalizer **out, qg_arena *arena, const qg_json *node,
                             qg_err *err);

/* A piece of text through the chain: new text on the arena where something changes. The head
 * shrinks and grows with what it becomes, as upstream's offsets do. */
qg_status qg_normalize(qg_piece *piece, qg_arena *arena, const qg_normalizer *n, qg_err *err);

/* U+0020 for 0x20 and so on: the letters that byte-level vocabularies spell bytes with (GPT-2's
 * bytes_to_unicode). */
uint32_t qg_byte_letter(unsigned char byte);
int qg_letter_byte(uint32_t code); /* -1 for a character that spells no byte */
/* Every byte of text as its letter. */
qg_status qg_byte_letters(qg_str *out, qg_arena *arena, qg_str text, qg_err *err);

bool qg_char_is_space(uint32_t code);       /* White_Space */
bool qg_char_is_number(uint32_t code);      /* N */
bool qg_char_is_word(uint32_t code);        /* \w of Rust's regex */
bool qg_char_is_punctuation(uint32_t code); /* ASCII punctuation, and P as upstream knows it */
/* Length of the grapheme cluster that text begins with (Unicode Standard Annex 29, extended). */
size_t qg_char_cluster(qg_str text);

#endif
