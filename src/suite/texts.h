/* Prompts and documents out of texts.
 *
 * Prompts are the lines of a text that are not blank, byte for byte without their line end (LF or
 * CRLF). Documents are what blank lines separate, without the line end of their last line. Both are
 * views on the text; a file stays mapped as long as the arena. Texts must be valid UTF-8, at most
 * 256 MiB, and hold at least one piece.
 */
#ifndef QG_SUITE_TEXTS_H
#define QG_SUITE_TEXTS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct qg_texts {
    const qg_str *at;
    size_t n;
} qg_texts;

qg_status qg_texts_prompts(qg_texts *out, qg_arena *arena, const char *path, qg_err *err);
qg_status qg_texts_documents(qg_texts *out, qg_arena *arena, const char *path, qg_err *err);
/* Of a text that outlives them; `name` is for messages. */
qg_status qg_texts_documents_of(qg_texts *out, qg_arena *arena, qg_str text, const char *name,
                                qg_err *err);
/* How many pieces of `a` stand in `b`, too, byte by byte but for blanks at their ends; by their
 * SHA-256. QG_ENOMEM. */
qg_status qg_texts_shared(size_t *out, qg_arena *scratch, qg_texts a, qg_texts b, qg_err *err);

#endif
