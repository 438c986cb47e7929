/* How well a model predicts a text, alone or beside a reference: perplexity and what is judged with
 * it, for suites and `eval` alike.
 *
 * Each document is encoded as the tokenizer declares (its special tokens included) and cut into
 * windows of `window` ids that do not overlap and never cross documents; the first id of a window
 * is context only. So with transformers: for s in range(0, len(ids), window): loss over ids[s : s +
 * window]. The sums of a document are kept, its perplexity is never averaged. The protocol id that
 * goes with every number names the text's hash, window, stride, how documents are joined (not at
 * all), special tokens and tokenizer.
 *
 * A live reference sees the same ids in the same pass (engine/reader.h). All that is relative comes
 * from it, token by token: ppl_increase from the sum of the changes of the log-likelihood, same_top
 * from the flips, kld_mean from the divergences over the whole vocabulary, kld_p99 and kld_max from
 * their sketch (record/sketch.h), dlogprob_p99 from that of the changes of the true token's
 * log-probability, dp_rms from the squares of the changes of its probability.
 */
#ifndef QG_MEASURE_DOCUMENTS_H
#define QG_MEASURE_DOCUMENTS_H

#include "engine/engine.h"
#include "record/record.h"
#include "suite/texts.h"

typedef struct qg_documents {
    const char *name; /* of the text, for messages */
    qg_ids *ids;      /* [n] */
    size_t n;
    int64_t window;
    int64_t kv_tokens; /* of the longest window */
    const char *protocol;
} qg_documents;

/* Encodes `texts`, whose whole text has the SHA-256 `hash`; name lives as long as the result.
 * QG_EARG where a window scores nothing, or no document has a token to score. Errors name the
 * document by its number. */
qg_status qg_documents_prepare(qg_documents *out, qg_arena *arena, qg_texts texts, const char *name,
                               const char *hash, int64_t window, const qg_tokenizer *tokenizer,
                               qg_err *err);

/* Told after each window; tokens count those of the documents. */
typedef void qg_on_documents(void *user, size_t n_documents, int64_t tokens, int64_t all_tokens);

/* Fills docs, protocol and, with a reference (else NULL), kld and dlogprob of the measurement.
 * on_progress may be NULL. */
qg_status qg_documents_measure(qg_measurement *out, qg_arena *arena, qg_engine *e,
                               qg_engine *reference, const qg_documents *d,
                               qg_on_documents *on_progress, void *user, qg_err *err);

#endif
