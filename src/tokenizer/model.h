/* Models: from one word to ids. A kind of model is const data: its name in tokenizer.json and two
 * functions. The list of kinds is in tokenizer.c.
 */
#ifndef QG_TOKENIZER_MODEL_H
#define QG_TOKENIZER_MODEL_H

#include "base/json.h"
#include "tokenizer/pieces.h"
#include "tokenizer/vocab.h"

typedef struct qg_model qg_model;

typedef struct qg_model_kind {
    const char *name;
    /* Reads `node` into m->vocab and m->state; all on the arena. */
    qg_status (*open)(qg_model *m, qg_arena *arena, const qg_json *node, qg_err *err);
    /* Appends the ids of every piece; pieces that have an id give that one. Scratch comes from the
     * arena of `out`. */
    qg_status (*encode)(qg_idlist *out, const qg_model *m, const qg_pieces *pieces, qg_err *err);
} qg_model_kind;

struct qg_model {
    const qg_model_kind *kind;
    qg_vocab vocab;
    const void *state;
};

extern const qg_model_kind qg_model_bpe;     /* bpe.c */
extern const qg_model_kind qg_model_unigram; /* unigram.c */

#endif
