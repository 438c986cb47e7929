/* Reading a text: what a model says of every token of it, alone or beside another model.
 *
 * A *reader* belongs to an engine and, where there is one, to the engine of a *reference* with the
 * same tokenizer and vocabulary. It feeds both the same ids in chunks (which changes no bit, see
 * engine/session.h), keeps the logits of one chunk and compares them row by row, so its memory
 * depends on the vocabulary and not on the text.
 *
 * Numerics: logits are float32; log-probabilities and KL(reference || model), in nats over the
 * whole vocabulary, come from sums in double (kernels/compare). A model beside itself has a KL of
 * exactly 0. A log-probability has the same bits with and without a reference.
 */
#ifndef QG_ENGINE_READER_H
#define QG_ENGINE_READER_H

#include "engine/engine.h"

typedef struct qg_reader qg_reader;

/* What is said of one token, given those before it. The last three are 0 without a reference. */
typedef struct qg_reading {
    double logprob;
    bool hit; /* it was the best prediction, ties to the lower id */
    double reference_logprob;
    double kl;
    bool flip; /* the best prediction is not the reference's */
} qg_reading;

/* Both engines outlive the reader, whose memory is the arena's; reference NULL: none. `chunk`: rows
 * that are fed at once, 0: as many as suit. QG_EREFUSED, naming both, where the two engines do not
 * share tokenizer and vocabulary. */
qg_status qg_reader_open(qg_reader **out, qg_arena *arena, qg_engine *e, qg_engine *reference,
                         int chunk, qg_err *err);

/* Reads ids in a session of each engine, closed again: out [ids.n - 1], entry i is of ids.id[i +
 * 1]. Errors are those of qg_forward(); the reference's say so. */
qg_status qg_reader_read(qg_reading *out, qg_reader *r, qg_ids ids, qg_err *err);

#endif
