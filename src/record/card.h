/* What a model card says, as far as the checklist asks: the front matter of a Markdown file as
 * Hugging Face defines it, and its text. Read by suite/frontmatter, judged by judge/claims.
 *
 *     ---
 *     base_model: meta-llama/Llama-2-7b-hf       (or a list)
 *     base_model_relation: quantized
 *     quantized_by: team search
 *     tags: [gptq, 4-bit]
 *     quantgate_checkpoint: sha256:3f5a...       (or a map of the suite's models to hashes)
 *     ---
 *     # Llama-2-7B in 4 bit, GPTQ with groups of 128
 */
#ifndef QG_RECORD_CARD_H
#define QG_RECORD_CARD_H

#include "base/finding.h"

/* A value and its place; text NULL: the card does not say it. */
typedef struct qg_said {
    const char *text;
    qg_place place;
} qg_said;

/* The hash of a checkpoint that the card is about. */
typedef struct qg_card_hash {
    const char *model; /* of the suite; NULL: the card names one hash for all it is about */
    const char *hash;  /* "sha256:" and 64 hex digits */
    qg_place place;
} qg_card_hash;

typedef struct qg_card {
    const char *path;
    qg_place place; /* of the front matter */
    qg_said *base_models;
    size_t n_base_models;
    qg_said relation, quantized_by;
    qg_said *tags;
    size_t n_tags;
    qg_card_hash *hashes;
    size_t n_hashes;
    qg_str text;    /* after the front matter */
    int first_line; /* of the text            */
} qg_card;

#endif
