/* How well a model predicts a text: see documents.h. Windows are read one by one into one array, so
 * memory does not grow with the text beyond its ids and a few sums a document. */
#include "measure/documents.h"

#include "engine/reader.h"

#include <math.h>

static qg_status encode_all(qg_documents *d, qg_arena *arena, qg_texts texts,
                            const qg_tokenizer *tokenizer, qg_err *err)
{
    int64_t n_scored = 0;

    d->ids = QG_NEW_N(arena, qg_ids, texts.n);
    QG_NEED(d->ids, err);
    d->n = texts.n;
    d->kv_tokens = 1;
    for (size_t i = 0; i < texts.n; i++) {
        QG_TRY(qg_tokenizer_encode(&d->ids[i], arena, tokenizer, texts.at[i], 0, err), err,
               "document %zu of '%s'", i + 1, d->name);
        int64_t n = (int64_t)d->ids[i].n, longest = n < d->window ? n : d->window;
        d->kv_tokens = longest > d->kv_tokens ? longest : d->kv_tokens;
        n_scored += longest > 1 ? 1 : 0;
    }
    return n_scored ? QG_OK : qg_fail(err, QG_EARG, "'%s' has no token to score", d->name);
}

qg_status qg_documents_prepare(qg_documents *out, qg_arena *arena, qg_texts texts, const char *name,
                               const char *hash, int64_t window, const qg_tokenizer *tokenizer,
                               qg_err *err)
{
    *out = (qg_documents){.name = name, .window = window};
    if (window < 2)
        return qg_fail(err, QG_EARG, "a window of %lld tokens scores none", (long long)window);
    out->protocol = qg_arena_format(
        arena,
        "ppl/text=%.12s/window=%d/stride=%d/documents=apart/special=declared/tokenizer=%.12s", hash,
        (int)window, (int)window, qg_tokenizer_hash(tokenizer));
    QG_NEED(out->protocol, err);
    return encode_all(out, arena, texts, tokenizer, err);
}

typedef struct pass {
    qg_reader *reader;
    qg_reading *readings;      /* [kv_tokens] of a window */
    qg_sketch *kld, *dlogprob; /* NULL: no reference */
    qg_arena *arena;           /* of the sketches */
    qg_on_documents *tell;
    void *user;
    size_t n_documents;
    int64_t n_tokens, n_all;
} pass;

static qg_status add_reading(qg_doc *doc, pass *p, const qg_reading *r, qg_err *err)
{
    doc->n_scored++;
    doc->sum_nll -= r->logprob;
    doc->hits += r->hit;
    if (!p->kld)
        return QG_OK;
    double dp = exp(r->logprob) - exp(r->reference_logprob);
    doc->sum_dnll += r->reference_logprob - r->logprob;
    doc->sum_kl += r->kl;
    doc->sum_dp2 += dp * dp;
    doc->flips += r->flip;
    bool added = qg_sketch_add(p->kld, p->arena, r->kl) &&
                 qg_sketch_add(p->dlogprob, p->arena, fabs(r->reference_logprob - r->logprob));
    return added ? QG_OK : qg_fail(err, QG_ENOMEM, "out of memory");
}

static qg_status read_document(qg_doc *doc, pass *p, qg_ids ids, int64_t window, qg_err *err)
{
    doc->has_reference = p->kld != NULL;
    for (size_t at = 0; at < ids.n; at += (size_t)window) {
        size_t n = ids.n - at < (size_t)window ? ids.n - at : (size_t)window;
        QG_PASS(qg_reader_read(p->readings, p->reader, (qg_ids){ids.id + at, n}, err));
        for (size_t i = 0; i + 1 < n; i++)
            QG_PASS(add_reading(doc, p, &p->readings[i], err));
        p->n_tokens += (int64_t)n;
        if (p->tell)
            p->tell(p->user, p->n_documents, p->n_tokens, p->n_all);
    }
    p->n_documents++;
    return QG_OK;
}

static qg_status read_all(qg_measurement *out, pass *p, const qg_documents *d, qg_err *err)
{
    for (size_t i = 0; i < d->n; i++)
        p->n_all += (int64_t)d->ids[i].n;
    for (size_t i = 0; i < d->n; i++)
        QG_TRY(read_document(&out->docs[i], p, d->ids[i], d->window, err), err,
               "document %zu of '%s'", i + 1, d->name);
    return QG_OK;
}

qg_status qg_documents_measure(qg_measurement *out, qg_arena *arena, qg_engine *e,
                               qg_engine *reference, const qg_documents *d,
                               qg_on_documents *on_progress, void *user, qg_err *err)
{
    qg_arena *scratch = qg_arena_create();
    pass p = {.arena = arena, .tell = on_progress, .user = user};

    QG_NEED(scratch, err);
    out->protocol = d->protocol;
    out->n_docs = d->n;
    out->docs = QG_NEW_N(arena, qg_doc, d->n);
    out->kld = p.kld = reference ? QG_NEW(arena, qg_sketch) : NULL;
    out->dlogprob = p.dlogprob = reference ? QG_NEW(arena, qg_sketch) : NULL;
    p.readings = QG_NEW_N(scratch, qg_reading, (size_t)d->kv_tokens);
    qg_status s = out->docs && p.readings && (!reference || (p.kld && p.dlogprob))
                      ? qg_reader_open(&p.reader, scratch, e, reference, 0, err)
                      : qg_fail(err, QG_ENOMEM, "out of memory");
    if (s == QG_OK)
        s = read_all(out, &p, d, err);
    qg_arena_free(scratch);
    return s;
}
