/* Metaspace: SentencePiece's way to keep blanks, as a visible character that words begin with. It
 * is a pre-tokenizer and a decoder of the same settings.
 */
#ifndef QG_TOKENIZER_METASPACE_H
#define QG_TOKENIZER_METASPACE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

typedef enum qg_prepend_scheme {
    QG_PREPEND_ALWAYS, /* every piece begins with the replacement */
    QG_PREPEND_FIRST,  /* only the piece that the text begins with */
    QG_PREPEND_NEVER,
} qg_prepend_scheme;

typedef struct qg_metaspace {
    qg_str replacement; /* one character, U+2581 as a rule; on the arena */
    qg_prepend_scheme scheme;
    bool split; /* words are pieces of their own */
} qg_metaspace;

/* Reads the settings; `part` is how messages call the object. */
qg_status qg_metaspace_read(qg_metaspace *m, qg_arena *arena, const qg_json *node, const char *part,
                            qg_err *err);

#endif
