/* The sentence of a judgement for a person: value, observations, interval, limit, and where nothing
 * was decided why, and what would decide. Made from the judgement alone, so that a stored run says
 * the same again. */
#ifndef QG_JUDGE_SENTENCE_H
#define QG_JUDGE_SENTENCE_H

#include "base/err.h"
#include "record/record.h"

/* Sets message, and fix where there is a next step. The judgement has value and limit, and is
 * decided; the run has its case. */
qg_status qg_sentence_write(qg_judgement *j, qg_arena *arena, const qg_run *run, qg_err *err);

#endif
