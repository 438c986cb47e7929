/* Time of a static batch: see latency.h. */
#include "measure/latency.h"

#include "base/random.h"

enum { BLOCK_TOKENS = 16 };

void qg_latency_room(qg_engine_options *o, const qg_task *task)
{
    int64_t len = task->input_len + task->output_len;

    o->max_seqs = (int)task->batch;
    o->block_tokens = BLOCK_TOKENS;
    o->kv_tokens = task->batch * ((len + BLOCK_TOKENS - 1) / BLOCK_TOKENS * BLOCK_TOKENS);
}

static qg_status random_ids(qg_ids *out, qg_arena *arena, int64_t n, int vocab_size,
                            uint64_t *state, qg_err *err)
{
    *out = (qg_ids){QG_NEW_N(arena, int32_t, (size_t)n), (size_t)n};
    QG_NEED(out->id, err);
    for (int64_t i = 0; i < n; i++)
        out->id[i] = (int32_t)(qg_random_next(state) % (uint64_t)vocab_size);
    return QG_OK;
}

static qg_status check_clock(const qg_completion *c, qg_err *err)
{
    int64_t last_ns = c->start_ns;

    for (size_t i = 0; i < c->ids.n; last_ns = c->token_ns[i++])
        if (c->token_ns[i] < last_ns)
            return qg_fail(err, QG_EWORKER, "the clock went back by %lld ns at token %zu",
                           (long long)(last_ns - c->token_ns[i]), i);
    return QG_OK;
}

/* Without the readings of the clock; a time is never less than nothing. */
static double without(double time, int64_t n_readings, int64_t timer_ns)
{
    double rest = time - (double)(n_readings * timer_ns);
    return rest > 0 ? rest : 0;
}

qg_status qg_latency_of(qg_sample *out, qg_arena *arena, const qg_completion *done, int64_t n,
                        int64_t timer_ns, qg_err *err)
{
    int64_t start_ns = done[0].start_ns, end_ns = 0, tokens = 0;
    const qg_completion *first = &done[0];

    *out = (qg_sample){.n_itl = first->ids.n - 1};
    for (int64_t i = 0; i < n; i++) {
        QG_PASS(check_clock(&done[i], err));
        start_ns = done[i].start_ns < start_ns ? done[i].start_ns : start_ns;
    }
    for (int64_t i = 0; i < n; i++) {
        size_t last = done[i].ids.n - 1;
        double ttft = (double)(done[i].token_ns[0] - start_ns);
        out->ttft = ttft > out->ttft ? ttft : out->ttft;
        if (last > 0)
            out->tpot +=
                (double)(done[i].token_ns[last] - done[i].token_ns[0]) / (double)last / (double)n;
        end_ns = done[i].token_ns[last] > end_ns ? done[i].token_ns[last] : end_ns;
        tokens += (int64_t)done[i].ids.n;
    }
    out->ttft = without(out->ttft, n, timer_ns);
    out->tpot = without(out->tpot, n, timer_ns);
    out->e2e = without((double)(end_ns - start_ns), tokens, timer_ns);
    out->throughput = out->e2e > 0 ? (double)tokens / (out->e2e / 1e9) : 0;
    out->itl = QG_NEW_N(arena, double, out->n_itl);
    QG_NEED(out->itl, err);
    for (size_t i = 0; i < out->n_itl; i++)
        out->itl[i] = without((double)(first->token_ns[i + 1] - first->token_ns[i]), n, timer_ns);
    return QG_OK;
}

qg_status qg_latency_sample(qg_sample *out, qg_arena *arena, qg_engine *e, const qg_task *task,
                            int64_t index, int64_t timer_ns, qg_err *err)
{
    uint64_t state = (uint64_t)task->seed * 0x2545f4914f6cdd1du + (uint64_t)index;
    int64_t n = task->batch;
    qg_request *requests = QG_NEW_N(arena, qg_request, (size_t)n);
    qg_completion *done = QG_NEW_N(arena, qg_completion, (size_t)n);

    if (!requests || !done)
        return qg_fail(err, QG_ENOMEM, "out of memory");
    for (int64_t i = 0; i < n; i++) {
        requests[i] = (qg_request){.max_tokens = (int)task->output_len,
                                   .sampling = QG_SAMPLING_GREEDY,
                                   .ignore_end = true,
                                   .no_margins = true};
        QG_PASS(random_ids(&requests[i].prompt, arena, task->input_len,
                           qg_engine_describe(e).vocab_size, &state, err));
    }
    QG_PASS(qg_generate(done, arena, e, requests, (int)n, NULL, NULL, err));
    for (int64_t i = 0; i < n; i++)
        if ((int64_t)done[i].ids.n != task->output_len)
            return qg_fail(
                err, QG_EARG, "sequences of %d + %d tokens do not fit: max_model_len is %d",
                (int)task->input_len, (int)task->output_len, qg_engine_describe(e).max_model_len);
    return qg_latency_of(out, arena, done, n, timer_ns, err);
}
