/* Finding what is at fault where a case has failed: the questions that a person would ask, in
 * order.
 *
 *   1. Is it a kernel? The checkpoint on the tier in use beside itself on `ref`.
 *   2. Is it the checkpoint? Beside the reference that it was made of.
 *   3. Where the case is the reference's own there is no other truth: are its weights those that
 * were blessed?
 *
 * 1 and 2 are contrasts over the worst prompt (engine/contrast.h), and a part is named by the
 * limits of measure/suspect.h. The first part over a limit, in the order of the forward pass, is
 * the one that is named: each was fed with what it should be fed with, so none is the consequence
 * of another. Where no part is, that is said.
 *
 * Runs in a worker, since a broken model must not end the gate. On the CPU, whatever the case's
 * device.
 */
#ifndef QG_MEASURE_CULPRIT_H
#define QG_MEASURE_CULPRIT_H

#include "record/blame.h"

/* Tokens that are run at most: `ref` is slow. */
enum { QG_CULPRIT_TOKENS = 256, QG_CULPRIT_TIER_TOKENS = 64 };

typedef struct qg_culprit_task {
    const char *case_id, *prompt; /* as in qg_blame */
    qg_metric metric;
    const char *folder, *method, *activations, *tier; /* as in qg_engine_options */
    int64_t threads;
    /* The same of the reference; folder NULL: the case is the reference's own. */
    const char *reference, *reference_method, *reference_activations;
    const char *text;         /* prompt or document */
    int64_t window;           /* tokens of it that count */
    const char *blessed_hash; /* of the weights that the golden was made of; NULL: unknown */
} qg_culprit_task;

/* A task as a value of the document that is open; and back, on the arena. */
void qg_culprit_task_write(qg_json_writer *w, const qg_culprit_task *t);
qg_status qg_culprit_task_read(qg_culprit_task *out, qg_arena *arena, const qg_json *object,
                               qg_err *err);

/* Everything of `out` but the bundle, on the arena; it points into the task. on_progress gets 0
 * .. 1. QG_EREFUSED where the text has no tokens; what opening the models says. */
qg_status qg_culprit_find(qg_blame *out, qg_arena *arena, const qg_culprit_task *t,
                          void (*on_progress)(void *user, double done), void *user, qg_err *err);

#endif
