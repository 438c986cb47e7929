/* Decoders: from tokens back to text, as tokenizer.json declares.
 *
 * The chain is a row of filters that tokens are pushed through, so whole decoding and streaming
 * (qg_detok in tokenizer.h) are the same code. Filters hold back only what a later token can still
 * change: a character cut short, or a run of byte tokens.
 */
#ifndef QG_TOKENIZER_DETOKEN_H
#define QG_TOKENIZER_DETOKEN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

typedef struct qg_decoder qg_decoder;
typedef struct qg_decoding qg_decoding;

/* The declared chain; `node` may be NULL or null (tokens joined by blanks). Lives on the arena. */
qg_status qg_decoder_open(const qg_decoder **out, qg_arena *arena, const qg_json *node,
                          qg_err *err);

/* One text, fed token by token. */
qg_status qg_decoding_begin(qg_decoding **out, qg_arena *arena, const qg_decoder *d, qg_err *err);
/* Appends to `text` what is certain now. */
qg_status qg_decoding_push(qg_decoding *d, qg_str token, qg_buf *text, qg_err *err);
qg_status qg_decoding_end(qg_decoding *d, qg_buf *text, qg_err *err);

/* The bytes that a token stands for in the middle of a text, valid UTF-8 or not. */
qg_status qg_decoder_bytes(qg_str *out, qg_arena *arena, const qg_decoder *d, qg_str token,
                           qg_err *err);

#endif
