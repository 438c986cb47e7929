/* Quality of an opened model: what it says about the pinned prompts, and how well it predicts a
 * text.
 *
 * Perplexity: each document is encoded as the tokenizer declares (its special tokens included) and
 * cut into windows of `window` ids that do not overlap and never cross documents; the first id of a
 * window is context only. So with transformers: for s in range(0, len(ids), window): loss over
 * ids[s : s + window]. The sums of a document are kept, its perplexity is never averaged. The
 * protocol id that goes with every number names the text's hash, window, stride, how documents are
 * joined (not at all), special tokens and tokenizer.
 *
 * Prompts become a golden (record/gold.h): every position with its top QG_GOLD_TOP candidates, and
 * the greedy continuation of at most max_tokens, which ends at an end token.
 */
#ifndef QG_MEASURE_QUALITY_H
#define QG_MEASURE_QUALITY_H

#include "engine/engine.h"
#include "measure/task.h"
#include "record/record.h"

/* A task's texts as ids, and what the engine must have room for. */
typedef struct qg_quality {
    const qg_task *task;
    qg_ids *prompts;   /* [task->prompts.n] */
    qg_ids *documents; /* [n_documents] */
    size_t n_documents;
    int64_t kv_tokens;         /* of the longest window, or prompt with its continuation */
    const char *protocol;      /* of perplexity; NULL without a text */
    const char *gold_protocol; /* of the prompts */
} qg_quality;

/* Encodes everything. Errors name the prompt or document by its number. */
qg_status qg_quality_prepare(qg_quality **out, qg_arena *arena, const qg_task *task,
                             const qg_tokenizer *tokenizer, qg_err *err);

/* Fills docs, protocol and gold of the measurement (without the model's hash). on_progress gets 0
 * .. 1. */
qg_status qg_quality_measure(qg_measurement *out, qg_arena *arena, qg_engine *e,
                             const qg_quality *q, void (*on_progress)(void *user, double done),
                             void *user, qg_err *err);

#endif
