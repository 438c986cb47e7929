/* Reading a text: see reader.h. Invariant: rows [0, n) of both buffers hold the logits after ids
 * first .. first + n - 1 when they are compared; nothing of a chunk is needed after that. */
#include "engine/reader.h"

#include "engine/engine_internal.h"

#include <string.h>

/* Products of few rows are slow, logits of many are large. */
enum { MIN_CHUNK = 16, MAX_CHUNK = 256, CHUNK_BYTES = 32 << 20 };

/* One of the models, and its logits of the chunk. */
typedef struct side {
    qg_engine *e;
    qg_session *session;
    float *logits; /* [chunk][vocabulary] */
} side;

struct qg_reader {
    side own, reference; /* reference.e NULL: none */
    int chunk, vocabulary;
    qgk_comparison *compared; /* [chunk] */
};

static int choose_chunk(int chunk, int vocabulary)
{
    size_t n = CHUNK_BYTES / ((size_t)vocabulary * sizeof(float)) / MIN_CHUNK * MIN_CHUNK;

    if (chunk > 0)
        return chunk;
    return n < MIN_CHUNK ? MIN_CHUNK : n > MAX_CHUNK ? MAX_CHUNK : (int)n;
}

static qg_status check_pair(const qg_engine *e, const qg_engine *reference, qg_err *err)
{
    const char *own = qg_tokenizer_hash(e->tokenizer);
    const char *other = qg_tokenizer_hash(reference->tokenizer);

    if (e->config.vocab_size == reference->config.vocab_size && strcmp(own, other) == 0)
        return QG_OK;
    return qg_fail(err, QG_EREFUSED,
                   "'%s' (vocabulary %d, tokenizer %.12s) and its reference '%s' (vocabulary %d, "
                   "tokenizer %.12s) do not share their tokens",
                   e->folder, e->config.vocab_size, own, reference->folder,
                   reference->config.vocab_size, other);
}

qg_status qg_reader_open(qg_reader **out, qg_arena *arena, qg_engine *e, qg_engine *reference,
                         int chunk, qg_err *err)
{
    qg_reader *r = QG_NEW(arena, qg_reader);

    QG_NEED(r, err);
    if (reference)
        QG_PASS(check_pair(e, reference, err));
    r->vocabulary = e->config.vocab_size;
    r->chunk = choose_chunk(chunk, r->vocabulary);
    r->own.e = e;
    r->reference.e = reference;
    size_t count = (size_t)r->chunk * (size_t)r->vocabulary;
    r->compared = QG_NEW_N(arena, qgk_comparison, (size_t)r->chunk);
    r->own.logits = QG_NEW_N(arena, float, count);
    r->reference.logits = reference ? QG_NEW_N(arena, float, count) : NULL;
    QG_NEED(r->compared && r->own.logits && (!reference || r->reference.logits), err);
    *out = r;
    return QG_OK;
}

/* The rows of a chunk as they come. */
typedef struct keeper {
    float *logits;
    int first, vocabulary;
} keeper;

static qg_status keep(void *user, int feed, int position, const float *logits, qg_err *err)
{
    const keeper *k = user;

    (void)feed, (void)err;
    memcpy(k->logits + (size_t)(position - k->first) * (size_t)k->vocabulary, logits,
           (size_t)k->vocabulary * sizeof *logits);
    return QG_OK;
}

/* Logits after ids first .. first + n - 1, the next of the session. */
static qg_status feed_side(const side *s, const int32_t *ids, int first, int n, int vocabulary,
                           qg_err *err)
{
    keeper k = {s->logits, first, vocabulary};
    qg_feed feed = {.session = s->session, .ids = ids + first, .n_ids = n, .want = QG_WANT_ALL};

    return qg_forward(s->e, &feed, 1, keep, &k, err);
}

static qg_status read_chunk(qg_reading *out, qg_reader *r, const int32_t *ids, int first, int n,
                            qg_err *err)
{
    qg_backend *b = r->own.e->backend->host;

    QG_PASS(feed_side(&r->own, ids, first, n, r->vocabulary, err));
    if (r->reference.e)
        QG_TRY(feed_side(&r->reference, ids, first, n, r->vocabulary, err), err, "reference '%s'",
               r->reference.e->folder);
    b->table.compare(&b->ctx, r->compared, r->own.logits, r->reference.logits, ids + first + 1, n,
                     r->vocabulary);
    for (int i = 0; i < n; i++) {
        const qgk_comparison *c = &r->compared[i];
        out[first + i] = (qg_reading){.logprob = c->logprob,
                                      .hit = c->best == ids[first + i + 1],
                                      .reference_logprob = c->reference_logprob,
                                      .kl = c->kl,
                                      .flip = r->reference.e && c->best != c->reference_best};
    }
    return QG_OK;
}

static qg_status check_ids(const qg_reader *r, qg_ids ids, qg_err *err)
{
    if (ids.n > INT32_MAX)
        return qg_fail(err, QG_EARG, "%zu tokens are too many", ids.n);
    for (size_t i = 0; i < ids.n; i++)
        if (ids.id[i] < 0 || ids.id[i] >= r->vocabulary)
            return qg_fail(err, QG_EARG, "token id %d lies outside the vocabulary of %d", ids.id[i],
                           r->vocabulary);
    return QG_OK;
}

/* What follows the last id is not asked for, so it is not fed. */
static qg_status read_all(qg_reading *out, qg_reader *r, qg_ids ids, qg_err *err)
{
    int left = ids.n ? (int)ids.n - 1 : 0;

    for (int first = 0, n; left > 0; first += n, left -= n) {
        n = left < r->chunk ? left : r->chunk;
        QG_PASS(read_chunk(out, r, ids.id, first, n, err));
    }
    return QG_OK;
}

qg_status qg_reader_read(qg_reading *out, qg_reader *r, qg_ids ids, qg_err *err)
{
    side *own = &r->own, *reference = &r->reference;

    QG_PASS(check_ids(r, ids, err));
    own->session = reference->session = NULL;
    qg_status status = qg_session_open(&own->session, own->e, err);
    if (!status && reference->e)
        status = qg_session_open(&reference->session, reference->e, err);
    if (!status)
        status = read_all(out, r, ids, err);
    if (reference->session)
        qg_session_close(reference->session);
    if (own->session)
        qg_session_close(own->session);
    return status;
}
