/* Text generation for many prompts at once: admit, step, finish.
 *
 * Requests are admitted as sessions and KV blocks allow (a request reserves what it can need at
 * most, so none is ever lost half way), prefilled, and decoded together, one step for all that run;
 * the others wait. They are there from the start, or come one after the other as users send them:
 * then one that has come joins those that run at the next step (continuous batching).
 */
#ifndef QG_ENGINE_SCHEDULER_H
#define QG_ENGINE_SCHEDULER_H

#include "engine/sampler.h"
#include "engine/session.h"

typedef struct qg_request {
    qg_ids prompt;
    int max_tokens; /* at least 1 */
    qg_sampling sampling;
    bool ignore_end;    /* --ignore-eos: only max_tokens ends it */
    bool no_margins;    /* they stay 0; then greedy choices are made where the logits lie */
    const qg_str *stop; /* stop strings; the text ends before the first that occurs */
    int n_stop;
} qg_request;

typedef struct qg_completion {
    qg_ids ids;         /* new tokens, the end token included where it stopped */
    qg_str text;        /* without special tokens, cut before a stop string; empty where the engine
                           has no tokenizer */
    const char *finish; /* "stop" or "length" */
    double *margins; /* [ids.n] logit of the best minus second best at each choice, where wanted */
    int64_t arrive_ns; /* monotonic, absolute: when the request came; start_ns without arrivals */
    int64_t start_ns;  /* and when it was admitted */
    int64_t *token_ns; /* [ids.n] and each of its tokens was there */
    int64_t first_ns;  /* from start_ns to the first token */
} qg_completion;

/* Called after each token with the text that it completes (never half a character); may be NULL. */
typedef qg_status qg_on_text(void *user, int request, qg_str piece, qg_err *err);

/* Runs all requests to their end. Results on the arena, in order. */
qg_status qg_generate(qg_completion *out, qg_arena *arena, qg_engine *e, const qg_request *requests,
                      int n_requests, qg_on_text *on_text, void *user, qg_err *err);

/* How requests come, in their order. */
typedef struct qg_arrivals {
    const int64_t *at_ns; /* [n] rising, from the start on; NULL: as soon as they may */
    int concurrency;      /* so many users, each of whom sends the next request when one is
                             answered; 0: any number */
} qg_arrivals;

/* The same with arrivals; where nothing runs and the next is yet to come, it waits. on_done is told
 * each request that has ended; may be NULL. */
typedef void qg_on_done(void *user, int request);
qg_status qg_serve(qg_completion *out, qg_arena *arena, qg_engine *e, const qg_request *requests,
                   int n_requests, const qg_arrivals *arrivals, qg_on_done *on_done, void *user,
                   qg_err *err);

#endif
