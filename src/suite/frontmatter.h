/* Model cards: Markdown with a YAML front matter, read into record/card.h.
 *
 * The front matter begins at the first line with "---" and ends at the next line "---"; its keys
 * are those of Hugging Face (others than ours are left alone), read by the parser that reads
 * suites, but nothing expands and nothing is included. Every mistake is a finding at its line: no
 * front matter, one that does not end, no valid YAML, a key of another type, no hash.
 */
#ifndef QG_SUITE_FRONTMATTER_H
#define QG_SUITE_FRONTMATTER_H

#include "base/err.h"
#include "record/card.h"

#define QG_CARD_BYTES_MAX ((size_t)1 << 20)

/* *out is NULL where the card has no front matter that can be read; else it holds what could be
 * read, also beside findings. Views are on `text`, which outlives them; the rest is on the arena.
 * QG_ENOMEM only. */
qg_status qg_card_parse(qg_card **out, qg_findings *findings, qg_arena *arena, qg_str text,
                        const char *path, qg_err *err);

/* A card to fill in, for a base model (NULL: not known) and `n` quantized ones: their names in the
 * suite, what they run as and, where it is known, the hash of each. */
typedef struct qg_card_model {
    const char *name, *method, *hash; /* hash without prefix, or NULL */
    int bits, group_size;             /* 0: not known */
} qg_card_model;
void qg_card_template(qg_buf *out, const char *base_model, const qg_card_model *models, size_t n);

#endif
