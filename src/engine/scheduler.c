/* Generation for many prompts: requests come and wait in order; one is admitted when a session is
 * free and the KV cache could hold the longest that it can become; all that run share one forward a
 * step, new prompts and old sequences alike. Invariant: the blocks that running requests may still
 * need never exceed the pool, so a step cannot fail for want of room.
 */
#include "engine/scheduler.h"

#include "base/clock.h"
#include "engine/score.h"

#include <string.h>

/* One request on its way. */
typedef struct sequence {
    const qg_request *request;
    qg_completion *out;
    qg_session *session; /* NULL: waiting or finished */
    qg_sampler *sampler;
    qg_detok *detok;
    qg_buf text;
    size_t sent;    /* bytes of text given to on_text */
    int max_tokens; /* new ones, as max_model_len allows */
    int n_blocks;   /* reserved */
    bool prefilled, finished;
} sequence;

typedef struct scheduler {
    qg_engine *e;
    sequence *seqs; /* [n] in the order of the requests */
    int n, n_arrived, n_admitted, n_finished;
    const qg_arrivals *arrivals; /* NULL: all are there from the start */
    int64_t start_ns;
    qg_on_done *on_done;
    qg_room room; /* what admission may still give away */
    int vocabulary;
    qg_feed *feeds;  /* of this step */
    int *fed;        /* [n_feeds] index of the sequence */
    int32_t *chosen; /* [n_feeds] greedily, by the forward itself */
    bool all_plain;  /* that is all that is wanted of this step */
    qg_on_text *on_text;
    void *user;
} scheduler;

/* ---- text ---- */

/* Where in `text`, from `from` on, the first stop string starts; the text's length where none does.
 */
static size_t find_stop(const qg_request *r, qg_str text, size_t from)
{
    size_t first = text.len;

    for (int i = 0; i < r->n_stop; i++) {
        qg_str stop = r->stop[i];
        const char *at = stop.len && stop.len <= text.len - from
                             ? memmem(text.ptr + from, text.len - from, stop.ptr, stop.len)
                             : NULL;
        if (at && (size_t)(at - text.ptr) < first)
            first = (size_t)(at - text.ptr);
    }
    return first;
}

/* Bytes at the end of the text that may be the beginning of a stop string. */
static size_t held_back(const qg_request *r, qg_str text)
{
    size_t most = 0;

    for (int i = 0; i < r->n_stop; i++) {
        size_t n = r->stop[i].len ? r->stop[i].len - 1 : 0;
        for (n = n < text.len ? n : text.len; n > most; n--)
            if (memcmp(text.ptr + text.len - n, r->stop[i].ptr, n) == 0)
                most = n;
    }
    return most;
}

static qg_status send_until(scheduler *s, sequence *q, size_t end, qg_err *err)
{
    qg_str piece = qg_str_sub(qg_buf_view(&q->text), q->sent, end - q->sent);

    if (end <= q->sent)
        return QG_OK;
    q->sent = end;
    return s->on_text ? s->on_text(s->user, (int)(q - s->seqs), piece, err) : QG_OK;
}

/* Appends a piece; *stopped where it completes a stop string, which then is cut off. */
static qg_status add_text(scheduler *s, sequence *q, qg_str piece, bool *stopped, qg_err *err)
{
    size_t longest = 0, before = q->text.len;

    for (int i = 0; i < q->request->n_stop; i++)
        longest = q->request->stop[i].len > longest ? q->request->stop[i].len : longest;
    qg_buf_str(&q->text, piece);
    QG_NEED(!q->text.failed, err);
    qg_str text = qg_buf_view(&q->text);
    size_t end = find_stop(q->request, text, before > longest ? before - longest : 0);
    *stopped = end < text.len;
    q->text.len = end;
    return send_until(s, q, *stopped ? end : end - held_back(q->request, text), err);
}

/* ---- one token ---- */

static qg_status finish(scheduler *s, sequence *q, bool stopped, const char *why, qg_err *err)
{
    qg_str rest;

    if (!stopped && q->detok) { /* bytes that never became a character */
        QG_PASS(qg_detok_finish(q->detok, &rest, err));
        QG_PASS(add_text(s, q, rest, &stopped, err));
    }
    QG_PASS(send_until(s, q, q->text.len, err));
    q->out->text = qg_buf_view(&q->text);
    q->out->finish = stopped ? "stop" : why;
    q->finished = true;
    return QG_OK;
}

static qg_status accept(scheduler *s, sequence *q, int32_t id, double margin, qg_err *err)
{
    qg_completion *out = q->out;
    size_t i = out->ids.n++;
    bool stopped = false, ended;
    qg_str piece;

    out->ids.id[i] = id;
    out->margins[i] = margin;
    out->token_ns[i] = qg_clock_ns();
    if (i == 0)
        out->first_ns = out->token_ns[0] - out->start_ns;
    q->prefilled = true;
    if (q->detok && qg_tokenizer_has(qg_engine_tokenizer(s->e), id)) { /* a padded row of the head
                                                                          is no text */
        QG_PASS(qg_detok_push(q->detok, id, &piece, err));
        QG_PASS(add_text(s, q, piece, &stopped, err));
    }
    ended = stopped || (!q->request->ignore_end && qg_engine_is_end(s->e, id));
    if (ended || out->ids.n == (size_t)q->max_tokens)
        return finish(s, q, stopped, ended ? "stop" : "length", err);
    return QG_OK;
}

static qg_status take_logits(void *user, int feed, int position, const float *logits, qg_err *err)
{
    scheduler *s = user;
    sequence *q = &s->seqs[s->fed[feed]];

    (void)position;
    return accept(s, q, qg_sampler_next(q->sampler, logits), qg_margin(logits, s->vocabulary), err);
}

static bool is_plain(const qg_request *r)
{
    return r->no_margins && r->sampling.temperature == 0 && r->sampling.repetition_penalty == 1;
}

/* ---- requests ---- */

static qg_status check_request(scheduler *s, sequence *q, qg_err *err)
{
    const qg_request *r = q->request;
    size_t max_len = (size_t)s->room.max_len;

    QG_PASS(qg_sampling_check(&r->sampling, err));
    if (r->max_tokens < 1)
        return qg_fail(err, QG_EARG, "max-tokens %d is less than 1", r->max_tokens);
    if (r->prompt.n == 0)
        return qg_fail(err, QG_EARG, "the prompt has no tokens, at least one is needed");
    if (r->prompt.n >= max_len)
        return qg_fail(err, QG_EARG,
                       "the prompt has %zu tokens, max_model_len %zu leaves no room for more",
                       r->prompt.n, max_len);
    size_t left = max_len - r->prompt.n;
    q->max_tokens = (size_t)r->max_tokens < left ? r->max_tokens : (int)left;
    q->n_blocks = qg_room_blocks(&s->room, (int)r->prompt.n + q->max_tokens - 1);
    if (q->n_blocks > s->room.n_blocks)
        return qg_fail(err, QG_EREFUSED,
                       "%zu + %d tokens need %d blocks of the KV cache, it has %d free",
                       r->prompt.n, q->max_tokens, q->n_blocks, s->room.n_blocks);
    return QG_OK;
}

static qg_status prepare(scheduler *s, sequence *q, qg_arena *arena, qg_err *err)
{
    const qg_tokenizer *t = qg_engine_tokenizer(s->e);
    size_t n = (size_t)q->max_tokens;
    qg_completion *out = q->out;

    *out = (qg_completion){.ids.id = QG_NEW_N(arena, int32_t, n),
                           .margins = QG_NEW_N(arena, double, n),
                           .token_ns = QG_NEW_N(arena, int64_t, n)};
    QG_NEED(out->ids.id && out->margins && out->token_ns, err);
    qg_buf_init(&q->text, arena);
    if (t)
        QG_PASS(qg_detok_open(&q->detok, arena, t, QG_DECODE_SKIP_SPECIAL, err));
    QG_PASS(qg_sampler_open(&q->sampler, arena, &q->request->sampling, s->vocabulary,
                            (uint64_t)(q - s->seqs), err));
    for (size_t i = 0; i < q->request->prompt.n; i++)
        qg_sampler_saw(q->sampler, q->request->prompt.id[i]);
    return QG_OK;
}

/* ---- steps ---- */

/* When the next request comes, at the earliest; INT64_MAX: not before another has ended. */
static int64_t next_arrival(const scheduler *s)
{
    const qg_arrivals *a = s->arrivals;

    if (a->concurrency > 0 && s->n_arrived >= s->n_finished + a->concurrency)
        return INT64_MAX;
    return s->start_ns + (a->at_ns ? a->at_ns[s->n_arrived] : 0);
}

/* Takes those that have come by now. */
static void receive(scheduler *s)
{
    int64_t now_ns = s->n_arrived < s->n ? qg_clock_ns() : 0;

    while (s->n_arrived < s->n && next_arrival(s) <= now_ns) {
        s->seqs[s->n_arrived].out->arrive_ns = s->arrivals->at_ns ? next_arrival(s) : now_ns;
        s->n_arrived++;
    }
}

/* Admits requests that have come, in order, as far as there is room. */
static qg_status admit(scheduler *s, qg_err *err)
{
    receive(s);
    while (s->n_admitted < s->n_arrived && s->room.n_sessions > 0) {
        sequence *q = &s->seqs[s->n_admitted];
        if (q->n_blocks > s->room.n_blocks)
            break;
        QG_PASS(qg_session_open(&q->session, s->e, err));
        s->room.n_sessions--;
        s->room.n_blocks -= q->n_blocks;
        s->n_admitted++;
        q->out->start_ns = qg_clock_ns();
        if (!s->arrivals)
            q->out->arrive_ns = q->out->start_ns;
    }
    return QG_OK;
}

static void release(scheduler *s, sequence *q)
{
    qg_session_close(q->session);
    q->session = NULL;
    s->room.n_sessions++;
    s->room.n_blocks += q->n_blocks;
    s->n_finished++;
    if (s->on_done)
        s->on_done(s->user, (int)(q - s->seqs));
}

/* All that run: a new one with its prompt, an old one with its last token. */
static int gather_feeds(scheduler *s)
{
    int n = 0;

    s->all_plain = true;
    for (int i = 0; i < s->n_admitted; i++) {
        sequence *q = &s->seqs[i];
        if (!q->session)
            continue;
        const qg_ids *prompt = &q->request->prompt;
        s->all_plain = s->all_plain && is_plain(q->request);
        s->fed[n] = i;
        s->feeds[n] = (qg_feed){
            .session = q->session,
            .ids = q->prefilled ? &q->out->ids.id[q->out->ids.n - 1] : prompt->id,
            .n_ids = q->prefilled ? 1 : (int)prompt->n,
            .want = QG_WANT_LAST,
            .greedy = &s->chosen[n],
        };
        n++;
    }
    return n;
}

static qg_status step(scheduler *s, int n, qg_err *err)
{
    if (!s->all_plain)
        return qg_forward(s->e, s->feeds, n, take_logits, s, err);
    QG_PASS(qg_forward(s->e, s->feeds, n, NULL, NULL, err));
    for (int i = 0; i < n; i++)
        QG_PASS(accept(s, &s->seqs[s->fed[i]], s->chosen[i], 0, err));
    return QG_OK;
}

static qg_status run_to_end(scheduler *s, qg_err *err)
{
    while (s->n_finished < s->n) {
        QG_PASS(admit(s, err));
        int n = gather_feeds(s);
        if (n == 0) { /* nobody is there yet */
            qg_clock_wait_until(next_arrival(s));
            continue;
        }
        QG_PASS(step(s, n, err));
        for (int i = 0; i < n; i++)
            if (s->seqs[s->fed[i]].finished)
                release(s, &s->seqs[s->fed[i]]);
    }
    return QG_OK;
}

static qg_status set_up(scheduler *s, qg_completion *out, qg_arena *arena,
                        const qg_request *requests, qg_err *err)
{
    s->seqs = QG_NEW_N(arena, sequence, (size_t)s->n);
    s->feeds = QG_NEW_N(arena, qg_feed, (size_t)s->n);
    s->fed = QG_NEW_N(arena, int, (size_t)s->n);
    s->chosen = QG_NEW_N(arena, int32_t, (size_t)s->n);
    QG_NEED(s->seqs && s->feeds && s->fed && s->chosen, err);
    if (s->n > 0 && s->room.n_sessions == 0)
        return qg_fail(err, QG_EREFUSED, "all sessions of the engine are in use");
    for (int i = 0; i < s->n; i++) {
        sequence *q = &s->seqs[i];
        q->request = &requests[i];
        q->out = &out[i];
        QG_TRY(check_request(s, q, err), err, "prompt %d", i);
    }
    for (int i = 0; i < s->n; i++)
        QG_PASS(prepare(s, &s->seqs[i], arena, err));
    return QG_OK;
}

static qg_status run(scheduler *s, qg_completion *out, qg_arena *arena, const qg_request *requests,
                     qg_err *err)
{
    QG_PASS(set_up(s, out, arena, requests, err));
    if (s->arrivals)
        s->start_ns = qg_clock_ns();
    else
        s->n_arrived = s->n;
    qg_status status = run_to_end(s, err);
    for (int i = 0; i < s->n_admitted; i++)
        if (s->seqs[i].session)
            qg_session_close(s->seqs[i].session);
    return status;
}

static scheduler scheduler_of(qg_engine *e, int n_requests)
{
    return (scheduler){.e = e,
                       .n = n_requests,
                       .room = qg_engine_room(e),
                       .vocabulary = qg_engine_describe(e).vocab_size};
}

qg_status qg_generate(qg_completion *out, qg_arena *arena, qg_engine *e, const qg_request *requests,
                      int n_requests, qg_on_text *on_text, void *user, qg_err *err)
{
    scheduler s = scheduler_of(e, n_requests);

    s.on_text = on_text;
    s.user = user;
    return run(&s, out, arena, requests, err);
}

qg_status qg_serve(qg_completion *out, qg_arena *arena, qg_engine *e, const qg_request *requests,
                   int n_requests, const qg_arrivals *arrivals, qg_on_done *on_done, void *user,
                   qg_err *err)
{
    scheduler s = scheduler_of(e, n_requests);

    s.arrivals = arrivals;
    s.on_done = on_done;
    s.user = user;
    return run(&s, out, arena, requests, err);
}
