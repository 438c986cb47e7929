/* Tokenizers: text to token ids and back, as a folder's `tokenizer.json` (or older files) declares
 * it.
 *
 * A qg_tokenizer is read once and never changes: it lives on the arena that it was opened on, and
 * any number of threads may encode and decode with it at the same time. The pipeline is that of the
 * Hugging Face `tokenizers` library (0.2x), and so are the ids:
 *
 *     text -> added tokens cut out -> normalizer -> normalized added tokens cut out
 *          -> pre-tokenizer -> model (BPE, Unigram) -> post-processor -> ids
 *     ids  -> tokens -> decoder -> text
 *
 * A part that this program does not know is refused by name when the tokenizer is opened
 * (QG_ENOSUP), never ignored. The text of an added token inside a prompt is always matched as that
 * token. `truncation` and `padding` are ignored: they belong to training batches.
 */
#ifndef QG_TOKENIZER_TOKENIZER_H
#define QG_TOKENIZER_TOKENIZER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct qg_tokenizer qg_tokenizer;

/* Reads `tokenizer.json` of a folder, and nothing else of it; where there is none `vocab.json` and
 * `merges.txt` with the files that belong to them (vocabfiles.h). QG_ENOTFOUND where a folder has
 * neither, QG_EFORMAT where it is malformed or contradicts itself, QG_ENOSUP where it declares
 * something that is not supported yet; messages name the path inside the file. */
qg_status qg_tokenizer_open(const qg_tokenizer **out, qg_arena *arena, const char *folder,
                            qg_err *err);
/* The same from text; `name` is for messages. */
qg_status qg_tokenizer_parse(const qg_tokenizer **out, qg_arena *arena, qg_str json,
                             const char *name, qg_err *err);

typedef struct qg_ids {
    int32_t *id;
    size_t n;
} qg_ids;

enum qg_encode_flags {
    QG_ENCODE_NO_SPECIAL = 1, /* without the post-processor's tokens */
};

/* Ids of a text, on `arena`. Text may be empty or hold U+0000. Invalid UTF-8 is QG_EARG with the
 * offset of the first bad byte. */
qg_status qg_tokenizer_encode(qg_ids *out, qg_arena *arena, const qg_tokenizer *t, qg_str text,
                              unsigned flags, qg_err *err);

enum qg_decode_flags {
    QG_DECODE_SKIP_SPECIAL = 1, /* leave special tokens out */
};

/* Text of ids, on `arena`, always valid UTF-8: bytes that form no character become U+FFFD. An id
 * that stands for nothing, inside the range of the vocabulary or out of it, is QG_EARG. */
qg_status qg_tokenizer_decode(qg_str *out, qg_arena *arena, const qg_tokenizer *t,
                              const int32_t *ids, size_t n, unsigned flags, qg_err *err);

/* Highest id + 1 over vocabulary and added tokens. Ids may have holes. */
size_t qg_tokenizer_size(const qg_tokenizer *t);
/* The bytes that one token stands for: a leading blank is 20, a special token its text; may be no
 * valid UTF-8. Empty for an id that stands for nothing. Lives as long as the tokenizer. */
qg_str qg_tokenizer_bytes(const qg_tokenizer *t, int32_t id);
bool qg_tokenizer_has(const qg_tokenizer *t, int32_t id);
bool qg_tokenizer_is_special(const qg_tokenizer *t, int32_t id);
/* The id of a token by its text as `tokenizer.json` spells it ("<s>", "\u0120the"). */
bool qg_tokenizer_find(const qg_tokenizer *t, qg_str content, int32_t *id);
/* SHA-256 of tokenizer.json, or of the one that stands for older files, in hex. */
const char *qg_tokenizer_hash(const qg_tokenizer *t);

/* Streaming decode: each push gives the text that the id completes. The pieces never split a UTF-8
 * character, and joined with `rest` they are qg_tokenizer_decode() of all ids. Views live as long
 * as the arena given to open. */
typedef struct qg_detok qg_detok;
qg_status qg_detok_open(qg_detok **out, qg_arena *arena, const qg_tokenizer *t, unsigned flags,
                        qg_err *err);
qg_status qg_detok_push(qg_detok *d, int32_t id, qg_str *text, qg_err *err);
qg_status qg_detok_finish(qg_detok *d, qg_str *rest, qg_err *err);

#endif
