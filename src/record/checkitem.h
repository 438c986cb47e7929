/* The production checklist of a run: eight items, each with its state, the evidence for it and what
 * is still lacking. Plain data, filled by judge/checklist, a part of the run's record.
 *
 * A *proof* is evidence that counts: a case of the run, a file that was read. A *lack* is one thing
 * that keeps the item from being done, with what mends it: mostly a command. The state of an item
 * is that of its worst lack; a waiver that has not expired covers whatever lacks there are.
 */
#ifndef QG_RECORD_CHECKITEM_H
#define QG_RECORD_CHECKITEM_H

#include "base/str.h"
#include "record/fields.h"

/* id, word in suites and records, title, what counts */
#define QG_CHECKITEM_LIST(X)                                                                       \
    X(BASELINE, "baseline", "FP16 baseline of latency, throughput and memory",                     \
      "a case of the FP16 reference with latency, throughput and memory_peak")                     \
    X(VARIANT, "variant", "quantized variant tested",                                              \
      "every case of each model to be shipped was measured, budgets judge it, and no judgement "   \
      "fails")                                                                                     \
    X(QUALITY, "quality", "quality compared with FP16 on a validation set",                        \
      "each was read over the validation text beside the live reference")                          \
    X(MEMORY, "memory", "memory reduction shown",                                                  \
      "memory_peak of each is under the reference's at every batch that both have")                \
    X(BATCHES, "batches", "production batch sizes measured",                                       \
      "the reference and each were measured at every batch of `production`, with its lengths")     \
    X(PERCENTILES, "percentiles", "P95 and P99 from enough samples",                               \
      "each has, at every batch, samples enough for a bound at 95 % in one look: 59 for P95, 299 " \
      "for P99")                                                                                   \
    X(AB, "ab", "A/B test passed",                                                                 \
      "an A/B test of each says ship; it ran the checkpoints that the run measured")               \
    X(CARD, "card", "model card names method, base model and checkpoint",                          \
      "a model card of each names them, bits and group size included")

typedef enum qg_checkitem {
#define X(id, word, title, counts) QG_CHECKITEM_##id,
    QG_CHECKITEM_LIST(X)
#undef X
        QG_N_CHECKITEMS
} qg_checkitem;

/* id, text; from best to worst */
#define QG_CHECKITEM_STATE_LIST(X)                                                                 \
    X(DONE, "done")                                                                                \
    X(NOT_ASKED, "not asked")     /* the suite does not require it              */                 \
    X(WAIVED, "waived")           /* it lacks something, and that is accepted   */                 \
    X(STALE, "stale")             /* its evidence is too old, or of other rules */                 \
    X(OTHER_HASH, "another hash") /* its evidence is about another checkpoint   */                 \
    X(FAILED, "failed")           /* there is evidence, and it says no          */                 \
    X(MISSING, "missing")         /* there is no evidence, or none that counts  */

typedef enum qg_checkitem_state {
#define X(id, text) QG_CHECKITEM_IS_##id,
    QG_CHECKITEM_STATE_LIST(X)
#undef X
        QG_N_CHECKITEM_STATES
} qg_checkitem_state;

const char *qg_checkitem_word(qg_checkitem item); /* "baseline" */
const char *qg_checkitem_title(
    qg_checkitem item); /* "FP16 baseline of latency, throughput and memory" */
const char *qg_checkitem_counts(qg_checkitem item); /* "a case of the FP16 reference with ..." */
const char *qg_checkitem_state_text(qg_checkitem_state s); /* "another hash" */
bool qg_checkitem_find(qg_checkitem *out, qg_str word);

typedef struct qg_proof {
    const char *subject; /* id of the case, or the file that was read    */
    const char *text;    /* "tpot_p50 3.1 ms, 214 tok/s, peak 12 MiB"     */
    int64_t n;           /* samples, tokens, answers; 0: nothing to count */
    double age_days;     /* of the run, or of the test                    */
    const char *hash;    /* of the checkpoint; NULL where it is not known */
} qg_proof;

typedef struct qg_lack {
    qg_checkitem_state state; /* that it puts the item into */
    const char *text;         /* one sentence               */
    const char *fix;          /* what to do: a command, or what to write; NULL: nothing is known */
    const char *file;         /* where; NULL: nowhere       */
    int line, column;
} qg_lack;

typedef struct qg_checkitem_result {
    qg_checkitem item;
    qg_checkitem_state state;
    qg_proof *proofs;
    size_t n_proofs;
    qg_lack *lacks;
    size_t n_lacks;
    const char *waiver, *expires; /* its reason and last day, also of one that is over; or NULL */
    const char *file;             /* what the suite says of it: the file of a test or a card,   */
    int line, column;             /* else the section                                          */
} qg_checkitem_result;

typedef struct qg_checklist {
    const char *gate; /* "pr", "release"; NULL: asked for by itself         */
    const char *at;   /* the time that ages are of, UTC                     */
    double max_age_days;
    qg_checkitem_result items[QG_N_CHECKITEMS];
} qg_checklist;

/* Whether nothing keeps the item from being released: done, waived or not asked. */
bool qg_checkitem_is_met(const qg_checkitem_result *item);
/* How many items are asked for, and how many of them are met. */
size_t qg_checklist_asked(const qg_checklist *c);
size_t qg_checklist_met(const qg_checklist *c);

/* The value of a run's key "checklist"; NULL is null. Reading says the reader's `where`. */
void qg_checklist_write(qg_json_writer *w, const qg_checklist *c);
qg_status qg_checklist_read(qg_checklist **out, qg_fields_reader *r, const qg_json *object);

#endif
