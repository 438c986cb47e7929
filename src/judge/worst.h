/* Where a case that failed is the worst: the prompt or the document that is worth a second look.
 *
 * Of a golden, the prompt with the greatest difference (of greedy_match the one that parts first);
 * of the text, the document where a token costs the most more: by its mean KL divergence, the mean
 * change of its log-likelihood, or where there is no reference its mean log-likelihood, as the
 * metric asks.
 */
#ifndef QG_JUDGE_WORST_H
#define QG_JUDGE_WORST_H

#include "base/err.h"
#include "record/record.h"
#include "suite/suite.h"

typedef struct qg_worst {
    const qg_judgement *judgement; /* the one that is looked into; NULL: no quality failed */
    bool is_document;              /* else a prompt */
    size_t index;
    const char *name;         /* "p03", "document 12" */
    const char *golden;       /* path of the golden that it was held to; NULL: none */
    const char *blessed_hash; /* of the weights that the golden was made of */
} qg_worst;

/* Of a case of the judged run. Judgements by goldens come first, since a prompt says most in the
 * fewest tokens. QG_ENOMEM; a golden that is not there any more leaves judgement NULL. */
qg_status qg_worst_find(qg_worst *out, qg_arena *arena, const qg_run *run, const qg_suite *suite,
                        const qg_measurement *m, qg_err *err);

#endif
