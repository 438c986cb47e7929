/* Quality of an opened model: what it says about the pinned prompts, and how well it predicts a
 * text (measure/documents.h), alone or beside the suite's reference.
 *
 * Prompts become a golden (record/gold.h): every position with its top QG_GOLD_TOP candidates, and
 * the greedy continuation of at most max_tokens, which ends at an end token.
 */
#ifndef QG_MEASURE_QUALITY_H
#define QG_MEASURE_QUALITY_H

#include "measure/documents.h"
#include "measure/task.h"

/* A task's texts as ids, and what the engine must have room for. */
typedef struct qg_quality {
    const qg_task *task;
    qg_ids *prompts;           /* [task->prompts.n] */
    qg_documents documents;    /* n 0: no text */
    int64_t kv_tokens;         /* of the longest window, or prompt with its continuation */
    const char *gold_protocol; /* of the prompts */
} qg_quality;

/* Encodes everything. Errors name the prompt or document by its number. */
qg_status qg_quality_prepare(qg_quality **out, qg_arena *arena, const qg_task *task,
                             const qg_tokenizer *tokenizer, qg_err *err);

/* Fills docs, kld, dlogprob, protocol and gold of the measurement (without the model's hash). The
 * text is read beside `reference` where that is not NULL; where the task is `greedy` it continues
 * the prompts too, which fills n_continued and n_same. on_progress gets 0 .. 1. */
qg_status qg_quality_measure(qg_measurement *out, qg_arena *arena, qg_engine *e,
                             qg_engine *reference, const qg_quality *q,
                             void (*on_progress)(void *user, double done), void *user, qg_err *err);

#endif
