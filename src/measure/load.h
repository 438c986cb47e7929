/* Times under load: requests of mixed lengths that come one after the other and are answered by one
 * engine, which takes new ones in while old ones run (continuous batching). Either so many users,
 * each of whom sends the next request when the last is answered (closed loop), or arrivals at a
 * rate, independent of how fast answers are (open loop; gaps are exponential, a Poisson process).
 *
 * Of each request: ttft from its arrival to its first token, waiting included; tpot (end - first
 * token) / (tokens - 1); e2e from arrival to the last token; itl each gap. Requests of one run
 * share steps, so they are no independent samples: what differs between runs is not seen in them.
 */
#ifndef QG_MEASURE_LOAD_H
#define QG_MEASURE_LOAD_H

#include "engine/scheduler.h"

typedef struct qg_load {
    uint64_t seed;
    int64_t n_requests;            /* at least 1 */
    int64_t concurrency;           /* users; 0: any number                                      */
    double rate;                   /* requests a second; 0: as soon as they may                 */
    int64_t input_len, output_len; /* in the middle */
    double spread; /* 0 .. 1: lengths are drawn from (1 - spread) .. (1 + spread) of it */
} qg_load;

typedef struct qg_load_result {
    size_t n, n_itl;           /* requests; gaps */
    double *ttft, *tpot, *e2e; /* [n] ns; tpot of a single token is 0 */
    double *wait;              /* [n] ns, of ttft: from arrival to admission */
    double *itl;               /* [n_itl] ns */
    int64_t wall_ns;           /* from the first arrival to the last token */
    int64_t input_tokens, output_tokens;
    int most_running; /* at once */
} qg_load_result;

/* Tokens that the longest request can come to. */
int64_t qg_load_longest(const qg_load *load);

/* All on the arena; on_done may be NULL. QG_EREFUSED: a request does not fit into the KV cache even
 * alone; QG_EWORKER: the clock went back. */
qg_status qg_load_run(qg_load_result *out, qg_arena *arena, qg_engine *e, const qg_load *load,
                      qg_on_done *on_done, void *user, qg_err *err);

#endif
