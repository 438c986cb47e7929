/* Sessions and the forward call: feeds are checked as a whole, get their blocks, and are then cut
 * into passes of at most max_rows rows. Invariant: a forward that fails leaves every session as
 * long as it was. */
#include "engine/session.h"

#include "engine/engine_internal.h"

#include <assert.h>
#include <string.h>

qg_status qg_session_open(qg_session **out, qg_engine *e, qg_err *err)
{
    for (int i = 0; i < e->decoder.sizes.max_seqs; i++) {
        qg_session *s = &e->sessions[i];
        if (s->is_open)
            continue;
        s->is_open = true;
        *out = s;
        return QG_OK;
    }
    return qg_fail(err, QG_EREFUSED, "all %d sessions of the engine are in use",
                   e->decoder.sizes.max_seqs);
}

void qg_session_close(qg_session *s)
{
    qg_session_rewind(s, 0);
    s->is_open = false;
}

int qg_session_len(const qg_session *s)
{
    return s->seq.n_tokens;
}

void qg_session_rewind(qg_session *s, int n_tokens)
{
    qg_kvcache_rewind(&s->engine->kv, &s->seq, n_tokens);
}

qg_room qg_engine_room(const qg_engine *e)
{
    qg_room room = {.n_blocks = e->kv.n_free,
                    .block_tokens = e->kv.block_tokens,
                    .max_len = e->decoder.sizes.max_len};

    for (int i = 0; i < e->decoder.sizes.max_seqs; i++)
        room.n_sessions += !e->sessions[i].is_open;
    return room;
}

int qg_room_blocks(const qg_room *room, int n_tokens)
{
    return n_tokens / room->block_tokens + (n_tokens % room->block_tokens != 0);
}

/* ---- checks ---- */

static qg_status check_feed(const qg_engine *e, const qg_feed *f, qg_err *err)
{
    int max_len = e->decoder.sizes.max_len;

    if (f->n_ids < 1)
        return qg_fail(err, QG_EARG, "no tokens given, at least one is needed");
    if (f->n_ids > max_len - f->session->seq.n_tokens)
        return qg_fail(err, QG_EARG, "%lld tokens exceed max_model_len %d",
                       (long long)f->n_ids + f->session->seq.n_tokens, max_len);
    for (int i = 0; i < f->n_ids; i++)
        if (f->ids[i] < 0 || f->ids[i] >= e->config.vocab_size)
            return qg_fail(err, QG_EARG, "token id %d lies outside the vocabulary of %d", f->ids[i],
                           e->config.vocab_size);
    return QG_OK;
}

static qg_status check_feeds(const qg_engine *e, const qg_feed *feeds, int n_feeds, qg_err *err)
{
    qg_status status = QG_OK;

    for (int i = 0; i < n_feeds; i++)
        assert(feeds[i].session->engine == e && feeds[i].session->is_open);
    for (int i = 0; i < n_feeds && !status; i++) {
        if (feeds[i].session->is_fed)
            status = qg_fail(err, QG_EARG, "a session is fed twice in one call");
        feeds[i].session->is_fed = true;
        if (!status)
            status = check_feed(e, &feeds[i], err);
        if (status && n_feeds > 1)
            qg_note(err, "sequence %d", i);
    }
    for (int i = 0; i < n_feeds; i++)
        feeds[i].session->is_fed = false;
    return status;
}

/* Makes all sessions as long as they will be, or none. */
static qg_status take_blocks(qg_engine *e, const qg_feed *feeds, int n_feeds, qg_err *err)
{
    for (int i = 0; i < n_feeds; i++) {
        if (qg_kvcache_append(&e->kv, &feeds[i].session->seq, feeds[i].n_ids))
            continue;
        int n_free = e->kv.n_free;
        while (i-- > 0)
            qg_session_rewind(feeds[i].session, feeds[i].session->seq.n_tokens - feeds[i].n_ids);
        return qg_fail(err, QG_EREFUSED,
                       "the KV cache is full: %d of %d blocks of %d tokens are left", n_free,
                       e->kv.n_blocks, e->kv.block_tokens);
    }
    return QG_OK;
}

/* ---- passes ---- */

typedef struct run {
    qg_engine *e;
    const qg_feed *feeds;
    int n_feeds;
    qg_on_logits *on_logits;
    void *user;
    int feed, done; /* the next id to compute: feeds[feed].ids[done] */
    int first_feed; /* of the pass */
} run;

static bool row_is_wanted(const qg_feed *f, int i)
{
    return f->want == QG_WANT_ALL || (f->want == QG_WANT_LAST && i == f->n_ids - 1);
}

/* Adds ids done .. done + n - 1 of the current feed to the pass. */
static void add_rows(run *r, int n)
{
    qg_transformer *d = &r->e->decoder;
    const qg_feed *f = &r->feeds[r->feed];
    const qg_kvseq *seq = &f->session->seq;
    int start = seq->n_tokens - f->n_ids; /* the session is as long as it will be already */
    int slot = d->n_seqs++;

    d->pass.seq_row[slot] = d->n_rows;
    d->pass.seq_len[slot] = start + r->done + n;
    memcpy(d->pass.block_table + (size_t)slot * (size_t)d->sizes.blocks_per_seq, seq->blocks,
           (size_t)seq->n_blocks * sizeof *seq->blocks);
    for (int i = r->done; i < r->done + n; i++, d->n_rows++) {
        d->pass.ids[d->n_rows] = f->ids[i];
        d->pass.row_seq[d->n_rows] = slot;
        d->pass.row_pos[d->n_rows] = start + i;
        if (row_is_wanted(f, i))
            d->pass.wanted[d->n_wanted++] = d->n_rows;
    }
    d->pass.seq_row[d->n_seqs] = d->n_rows;
}

/* False when nothing is left. */
static bool fill_pass(run *r)
{
    qg_transformer *d = &r->e->decoder;

    d->n_rows = d->n_seqs = d->n_wanted = 0;
    r->first_feed = r->feed;
    while (r->feed < r->n_feeds && d->n_rows < d->sizes.max_rows) {
        int left = r->feeds[r->feed].n_ids - r->done, room = d->sizes.max_rows - d->n_rows;
        int n = left < room ? left : room;
        add_rows(r, n);
        r->done += n;
        if (n < left)
            break;
        r->feed++;
        r->done = 0;
    }
    return d->n_rows > 0;
}

static qg_status deliver_row(run *r, int row, int32_t best, int slice_row, qg_err *err)
{
    qg_transformer *d = &r->e->decoder;
    int feed = r->first_feed + d->pass.row_seq[row], position = d->pass.row_pos[row];
    const qg_feed *f = &r->feeds[feed];

    if (best < 0)
        return qg_fail(err, QG_ENONFINITE,
                       "the model gives infinite or NaN logits after position %d of sequence %d",
                       position, feed);
    if (f->greedy && f->want == QG_WANT_LAST)
        *f->greedy = best;
    if (!r->on_logits)
        return QG_OK;
    r->e->told = slice_row;
    return r->on_logits(r->user, feed, position, qg_transformer_logits_row(d, slice_row), err);
}

void qg_engine_final_state(const qg_engine *e, float *out)
{
    qg_transformer_final_state(&e->decoder, out, e->told);
}

static qg_status deliver_logits(run *r, qg_err *err)
{
    qg_transformer *d = &r->e->decoder;
    int32_t *best = r->e->best;

    for (int first = 0; first < d->n_wanted; first += d->sizes.logits_rows) {
        int left = d->n_wanted - first;
        int n = left < d->sizes.logits_rows ? left : d->sizes.logits_rows;
        QG_PASS(qg_transformer_logits(d, best, first, n, err));
        for (int i = 0; i < n; i++)
            QG_PASS(deliver_row(r, d->pass.wanted[first + i], best[i], i, err));
    }
    return QG_OK;
}

static qg_status run_passes(run *r, qg_err *err)
{
    while (fill_pass(r)) {
        qg_transformer_run(&r->e->decoder);
        QG_PASS(deliver_logits(r, err));
    }
    return r->e->backend->sync(r->e->backend, err);
}

qg_status qg_forward(qg_engine *e, const qg_feed *feeds, int n_feeds, qg_on_logits *on_logits,
                     void *user, qg_err *err)
{
    run r = {.e = e, .feeds = feeds, .n_feeds = n_feeds, .on_logits = on_logits, .user = user};

    QG_PASS(check_feeds(e, feeds, n_feeds, err));
    QG_PASS(take_blocks(e, feeds, n_feeds, err));
    qg_status status = run_passes(&r, err);
    for (int i = 0; status && i < n_feeds; i++)
        qg_session_rewind(feeds[i].session, feeds[i].session->seq.n_tokens - feeds[i].n_ids);
    return status;
}
