/* Time of a static batch: all sequences start together with random prompts of one length (drawn
 * from the seed and the sample's index, so that two arms see the same), are prefilled, and decode
 * the same number of tokens in common steps, end tokens ignored. One such run is one sample.
 *
 * ttft: of the last sequence to get its first token. tpot: (end - first token) / (tokens - 1), mean
 * over the sequences. itl: the gaps of the first sequence (sequences share steps). e2e: to the last
 * token of all. throughput: output tokens over the wall time of the run, prefill included.
 * Tokenization and text are not in it. Times in ns. Each reading of the clock takes timer_ns, which
 * is subtracted once for every token that was timed.
 */
#ifndef QG_MEASURE_LATENCY_H
#define QG_MEASURE_LATENCY_H

#include "engine/scheduler.h"
#include "measure/task.h"

typedef struct qg_sample {
    double ttft, tpot, e2e, throughput;
    double *itl; /* [n_itl] */
    size_t n_itl;
} qg_sample;

/* Sets how many sequences and how large a KV cache a sample of the task needs: every sequence runs
 * from the start, with blocks of its own. */
void qg_latency_room(qg_engine_options *o, const qg_task *task);

qg_status qg_latency_sample(qg_sample *out, qg_arena *arena, qg_engine *e, const qg_task *task,
                            int64_t index, int64_t timer_ns, qg_err *err);

/* The sample that completions of one batch make; pure. n >= 1, each with at least one token.
 * QG_EWORKER: the clock went backwards. */
qg_status qg_latency_of(qg_sample *out, qg_arena *arena, const qg_completion *done, int64_t n,
                        int64_t timer_ns, qg_err *err);

#endif
