/* The windows of tokens that calibration runs: cut from a text, all of one length.
 *
 * Documents are encoded as the tokenizer declares, special tokens included, joined end to end in
 * their order, and cut into windows that do not overlap; a shorter rest is dropped. Of M windows N
 * are taken, those with index floor(i * M / N), so that all of the text counts and the same text
 * gives the same windows everywhere.
 */
#ifndef QG_QUANTIZE_WINDOWS_H
#define QG_QUANTIZE_WINDOWS_H

#include "base/arena.h"
#include "base/hash.h"
#include "tokenizer/tokenizer.h"

typedef struct qg_windows {
    int n, window;          /* taken; tokens of each */
    int64_t n_all;          /* that the text has */
    int32_t *ids;           /* [n][window] */
    char hash[QG_HASH_HEX]; /* SHA-256 of ids */
} qg_windows;

/* At most n_wanted. QG_EARG where the text has none, with how many tokens it has. */
qg_status qg_windows_cut(qg_windows *out, qg_arena *arena, const qg_tokenizer *tokenizer,
                         const qg_str *documents, size_t n_documents, int window, int n_wanted,
                         qg_err *err);

#endif
