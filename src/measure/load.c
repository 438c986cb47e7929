/* Load: see load.h. Lengths, gaps and prompts are drawn from the seed alone, in the order of the
 * requests, so that two runs are asked the same. */
#include "measure/load.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>

static double uniform(uint64_t *state)
{
    return (double)(qg_random_next(state) >> 11) * 0x1p-53;
}

static int64_t longest_of(int64_t middle, double spread)
{
    return (int64_t)floor((double)middle * (1 + spread));
}

static int64_t draw_length(int64_t middle, double spread, uint64_t *state)
{
    int64_t most = longest_of(middle, spread), least = (int64_t)ceil((double)middle * (1 - spread));

    least = least < 1 ? 1 : least;
    return least + (int64_t)(uniform(state) * (double)(most - least + 1));
}

int64_t qg_load_longest(const qg_load *load)
{
    return longest_of(load->input_len, load->spread) + longest_of(load->output_len, load->spread);
}

static qg_status draw_request(qg_request *r, qg_arena *arena, const qg_load *load, int vocabulary,
                              uint64_t *state, qg_err *err)
{
    int64_t n = draw_length(load->input_len, load->spread, state);
    int32_t *ids = QG_NEW_N(arena, int32_t, (size_t)n);

    QG_NEED(ids, err);
    *r = (qg_request){.prompt = {ids, (size_t)n},
                      .max_tokens = (int)draw_length(load->output_len, load->spread, state),
                      .sampling = QG_SAMPLING_GREEDY,
                      .ignore_end = true,
                      .no_margins = true};
    for (int64_t i = 0; i < n; i++)
        ids[i] = (int32_t)(qg_random_next(state) % (uint64_t)vocabulary);
    return QG_OK;
}

/* The first comes at once, each other an exponential gap later. */
static void draw_arrivals(int64_t *at_ns, int64_t n, double rate, uint64_t *state)
{
    double at = 0;

    for (int64_t i = 0; i < n; i++) {
        at_ns[i] = (int64_t)at;
        at += -log1p(-uniform(state)) / rate * 1e9;
    }
}

typedef struct edge {
    int64_t ns;
    int by; /* one more that runs, or one less */
} edge;

static int by_time(const void *a, const void *b)
{
    const edge *x = a, *y = b;
    return x->ns != y->ns ? (x->ns > y->ns) - (x->ns < y->ns) : x->by - y->by;
}

static qg_status count_running(qg_load_result *out, qg_arena *arena, const qg_completion *done,
                               qg_err *err)
{
    edge *edges = QG_NEW_N(arena, edge, 2 * out->n);
    int running = 0;

    QG_NEED(edges, err);
    for (size_t i = 0; i < out->n; i++) {
        edges[2 * i] = (edge){done[i].start_ns, 1};
        edges[2 * i + 1] = (edge){done[i].token_ns[done[i].ids.n - 1], -1};
    }
    qsort(edges, 2 * out->n, sizeof *edges, by_time);
    for (size_t i = 0; i < 2 * out->n; i++) {
        running += edges[i].by;
        out->most_running = running > out->most_running ? running : out->most_running;
    }
    return QG_OK;
}

/* Times of one request; its gaps behind those before it. */
static qg_status take_times(qg_load_result *out, size_t i, const qg_completion *c, qg_err *err)
{
    int64_t before = c->arrive_ns;
    size_t last = c->ids.n - 1;

    for (size_t k = 0; k <= last; before = c->token_ns[k++]) {
        if (c->token_ns[k] < before || c->start_ns < c->arrive_ns)
            return qg_fail(err, QG_EWORKER, "the clock went back during request %zu", i);
        if (k > 0)
            out->itl[out->n_itl++] = (double)(c->token_ns[k] - before);
    }
    out->ttft[i] = (double)(c->token_ns[0] - c->arrive_ns);
    out->wait[i] = (double)(c->start_ns - c->arrive_ns);
    out->e2e[i] = (double)(c->token_ns[last] - c->arrive_ns);
    out->tpot[i] = last ? (double)(c->token_ns[last] - c->token_ns[0]) / (double)last : 0;
    out->output_tokens += (int64_t)c->ids.n;
    return QG_OK;
}

static qg_status sum_up(qg_load_result *out, qg_arena *arena, const qg_request *requests,
                        const qg_completion *done, qg_err *err)
{
    int64_t first_ns = INT64_MAX, last_ns = 0;
    size_t n_tokens = 0;

    for (size_t i = 0; i < out->n; i++)
        n_tokens += done[i].ids.n;
    out->ttft = QG_NEW_N(arena, double, out->n);
    out->tpot = QG_NEW_N(arena, double, out->n);
    out->e2e = QG_NEW_N(arena, double, out->n);
    out->wait = QG_NEW_N(arena, double, out->n);
    out->itl = QG_NEW_N(arena, double, n_tokens);
    QG_NEED(out->ttft && out->tpot && out->e2e && out->wait && out->itl, err);
    for (size_t i = 0; i < out->n; i++) {
        int64_t end_ns = done[i].token_ns[done[i].ids.n - 1];
        QG_PASS(take_times(out, i, &done[i], err));
        out->input_tokens += (int64_t)requests[i].prompt.n;
        first_ns = done[i].arrive_ns < first_ns ? done[i].arrive_ns : first_ns;
        last_ns = end_ns > last_ns ? end_ns : last_ns;
    }
    out->wall_ns = last_ns - first_ns;
    return count_running(out, arena, done, err);
}

qg_status qg_load_run(qg_load_result *out, qg_arena *arena, qg_engine *e, const qg_load *load,
                      qg_on_done *on_done, void *user, qg_err *err)
{
    size_t n = (size_t)load->n_requests;
    qg_request *requests = QG_NEW_N(arena, qg_request, n);
    qg_completion *done = QG_NEW_N(arena, qg_completion, n);
    int64_t *at_ns = load->rate > 0 ? QG_NEW_N(arena, int64_t, n) : NULL;
    qg_arrivals arrivals = {.at_ns = at_ns, .concurrency = (int)load->concurrency};
    uint64_t state = load->seed * 0x2545f4914f6cdd1du + 1;

    *out = (qg_load_result){.n = n};
    QG_NEED(requests && done && (at_ns || load->rate <= 0), err);
    for (size_t i = 0; i < n; i++)
        QG_PASS(
            draw_request(&requests[i], arena, load, qg_engine_describe(e).vocab_size, &state, err));
    if (at_ns)
        draw_arrivals(at_ns, load->n_requests, load->rate, &state);
    QG_PASS(qg_serve(done, arena, e, requests, (int)n, &arrivals, on_done, user, err));
    return sum_up(out, arena, requests, done, err);
}
