/* Choosing the next token: greedy, or seeded sampling. Order of steps as in Hugging Face's
 * generate: repetition penalty (Keskar et al. 2019), temperature, top-k, top-p (Holtzman et al.
 * 2020), min-p (Nguyen et al. 2024).
 */
#ifndef QG_ENGINE_SAMPLER_H
#define QG_ENGINE_SAMPLER_H

#include "base/arena.h"
#include "base/err.h"

typedef struct qg_sampling {
    double temperature;        /* 0: greedy                                          */
    int top_k;                 /* 0: all                                             */
    double top_p;              /* 1: all                                             */
    double min_p;              /* 0: off                                             */
    double repetition_penalty; /* 1: off; over the prompt and what was generated     */
    uint64_t seed;
} qg_sampling;

#define QG_SAMPLING_GREEDY ((qg_sampling){.top_p = 1, .repetition_penalty = 1})

qg_status qg_sampling_check(const qg_sampling *s,
                            qg_err *err); /* QG_EARG names the option and its range */

typedef struct qg_sampler qg_sampler;
/* `stream` tells the sequences of a batch apart: the same seed and stream give the same choices
 * whatever else runs in the batch. */
qg_status qg_sampler_open(qg_sampler **out, qg_arena *arena, const qg_sampling *s, int vocab_size,
                          uint64_t stream, qg_err *err);
void qg_sampler_saw(qg_sampler *s, int32_t id); /* the prompt's tokens, for the penalty */
int32_t qg_sampler_next(qg_sampler *s, const float *logits); /* and remembers it */

#endif
