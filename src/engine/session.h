/* A session: one timeline of tokens on an engine, with its blocks of the KV cache.
 *
 * qg_forward() feeds any number of sessions at once: each feed appends its ids to its session,
 * prefill and decode alike, in passes of at most `max_rows` tokens; blocks are taken as needed and
 * given back by rewind and close. Logits come row by row to a callback, so memory does not grow
 * with the text's length.
 */
#ifndef QG_ENGINE_SESSION_H
#define QG_ENGINE_SESSION_H

#include "engine/engine.h"

typedef struct qg_session qg_session;

/* QG_EREFUSED where max_seqs sessions exist already. The session's memory is the engine's; close
 * gives it back. */
qg_status qg_session_open(qg_session **out, qg_engine *e, qg_err *err);
void qg_session_close(qg_session *s);
int qg_session_len(const qg_session *s);
void qg_session_rewind(qg_session *s, int n_tokens); /* keeps the first n_tokens */

/* What new sessions can have at this moment. */
typedef struct qg_room {
    int n_sessions, n_blocks; /* not in use */
    int block_tokens, max_len;
} qg_room;
qg_room qg_engine_room(const qg_engine *e);
int qg_room_blocks(const qg_room *room, int n_tokens); /* that a session of n_tokens takes */

typedef enum qg_want { QG_WANT_NOTHING, QG_WANT_LAST, QG_WANT_ALL } qg_want;

typedef struct qg_feed {
    qg_session *session;
    const int32_t *ids;
    int n_ids; /* at least 1 */
    qg_want want;
    /* Where not NULL and want is QG_WANT_LAST: the greedy choice after the last id, made on the
     * device. */
    int32_t *greedy;
} qg_feed;

/* logits [vocab_size] of what follows position `position` of feed `feed`; valid during the call.
 * Called in order of position for each feed. Returning an error ends the forward with it. */
typedef qg_status qg_on_logits(void *user, int feed, int position, const float *logits,
                               qg_err *err);

/* Inside that call: what the logits are made of, the final hidden state, after the last norm where
 * there is one; out [hidden_size]. */
void qg_engine_final_state(const qg_engine *e, float *out);

/* Errors before anything is computed: an id outside the vocabulary (QG_EARG), longer than
 * max_model_len (QG_EARG, with both numbers), no block free (QG_EREFUSED). Non-finite logits:
 * QG_ENONFINITE with feed and position. After an error the sessions fed are as long as before the
 * call. on_logits may be NULL where only greedy choices are wanted. */
qg_status qg_forward(qg_engine *e, const qg_feed *feeds, int n_feeds, qg_on_logits *on_logits,
                     void *user, qg_err *err);

#endif
