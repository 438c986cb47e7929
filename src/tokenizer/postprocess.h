/* Post-processors: the ids that go around a text (<s>, </s>), as tokenizer.json declares them. */
#ifndef QG_TOKENIZER_POSTPROCESS_H
#define QG_TOKENIZER_POSTPROCESS_H

#include "base/json.h"
#include "tokenizer/pieces.h"

/* Ids in order; QG_ID_NONE stands for the text, which may come more than once. */
typedef struct qg_template {
    const int32_t *id;
    size_t n;
} qg_template;

/* What the declared post-processors do to one text, with their special tokens or without. `node`
 * may be NULL or null (the text alone). Lives on the arena. */
qg_status qg_template_open(qg_template *t, qg_arena *arena, const qg_json *node, bool special,
                           qg_err *err);

/* Appends the ids of a text inside its template. */
void qg_template_apply(qg_idlist *out, const qg_template *t, const qg_idlist *text);

#endif
