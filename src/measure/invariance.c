/* Batch invariance: see invariance.h. What is kept of a place is a hash of its logits and two
 * numbers, so that memory does not depend on the vocabulary. */
#include "measure/invariance.h"

#include "base/random.h"
#include "engine/score.h"

#include <math.h>
#include <string.h>

enum { BLOCK_TOKENS = 16 };

typedef struct run {
    qg_engine *e;
    const qg_invariance_task *task;
    int vocabulary, most; /* sequences of the largest batch */
    int32_t *prompts;     /* [most][input_len] */
    int32_t *chosen;      /* [most][output_len] by each sequence alone */
    qg_said *said;        /* [sequences][output_len] where the batch at hand is kept */
    float *states;        /* [sequences][output_len][hidden] the same; NULL: nobody asks */
    int hidden;
    int first, step;       /* its first sequence; place */
    bool chooses;          /* it runs alone for the first time */
    qg_session **sessions; /* [most] */
    qg_feed *feeds;        /* [most] */
    int64_t work, work_done;
    void (*on_progress)(void *user, double done);
    void *user;
} run;

static int largest(const qg_invariance_task *task)
{
    int most = 1;

    for (int i = 0; i < task->n_batches; i++)
        most = task->batches[i] > most ? task->batches[i] : most;
    return most;
}

void qg_invariance_room(qg_engine_options *o, const qg_invariance_task *task)
{
    int64_t len = (int64_t)task->input_len + task->output_len;

    o->max_seqs = largest(task);
    o->block_tokens = BLOCK_TOKENS;
    o->kv_tokens = largest(task) * ((len + BLOCK_TOKENS - 1) / BLOCK_TOKENS * BLOCK_TOKENS);
}

/* ---- a batch ---- */

static uint64_t hash_bits(const float *logits, int n)
{
    uint64_t hash = (uint64_t)n;

    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        hash = qg_random_mix(hash ^ bits);
    }
    return hash;
}

static qg_status keep(void *user, int feed, int position, const float *logits, qg_err *err)
{
    run *r = user;
    size_t stride = (size_t)r->task->output_len, step = (size_t)r->step;
    int32_t best = qg_argmax(logits, r->vocabulary);
    int32_t *chosen = &r->chosen[(size_t)(r->first + feed) * stride + step];

    (void)position, (void)err;
    if (r->chooses)
        *chosen = best;
    r->said[(size_t)feed * stride + step] =
        (qg_said){.bits = hash_bits(logits, r->vocabulary),
                  .best = best,
                  .logprob = logits[*chosen] - qg_log_sum_exp(logits, r->vocabulary)};
    if (r->states)
        qg_engine_final_state(r->e, r->states + ((size_t)feed * stride + step) * (size_t)r->hidden);
    return QG_OK;
}

static qg_status run_steps(run *r, int n, qg_err *err)
{
    size_t input = (size_t)r->task->input_len, output = (size_t)r->task->output_len;

    for (r->step = 0; r->step < r->task->output_len; r->step++) {
        for (int i = 0; i < n; i++) {
            size_t sequence = (size_t)(r->first + i);
            r->feeds[i] = (qg_feed){.session = r->sessions[i],
                                    .ids = r->prompts + sequence * input,
                                    .n_ids = r->task->input_len,
                                    .want = QG_WANT_LAST};
            if (r->step > 0) {
                r->feeds[i].ids = &r->chosen[sequence * output + (size_t)r->step - 1];
                r->feeds[i].n_ids = 1;
            }
        }
        QG_PASS(qg_forward(r->e, r->feeds, n, keep, r, err));
    }
    return QG_OK;
}

/* Sequences first .. first + n - 1 together; what they say goes to `said` [n][output_len]. */
static qg_status run_batch(run *r, qg_said *said, int first, int n, qg_err *err)
{
    qg_status s = QG_OK;
    int n_open = 0;

    r->said = said;
    r->first = first;
    for (; s == QG_OK && n_open < n; n_open += s == QG_OK)
        s = qg_session_open(&r->sessions[n_open], r->e, err);
    if (s == QG_OK)
        s = run_steps(r, n, err);
    while (n_open > 0)
        qg_session_close(r->sessions[--n_open]);
    r->work_done++;
    if (r->on_progress)
        r->on_progress(r->user, (double)r->work_done / (double)r->work);
    return s;
}

/* The first n sequences, one by one, on the engine of the run; states as of the run. */
static qg_status run_alone(run *r, qg_said *said, float *states, int n, qg_err *err)
{
    size_t places = (size_t)r->task->output_len;

    for (int i = 0; i < n; i++) {
        r->states = states ? states + (size_t)i * places * (size_t)r->hidden : NULL;
        QG_PASS(run_batch(r, said + (size_t)i * places, i, 1, err));
    }
    return QG_OK;
}

/* ---- all of them ---- */

qg_invariance qg_invariance_of(const qg_said *batch, const qg_said *alone, int64_t n)
{
    qg_invariance v = {.n = n};

    for (int64_t i = 0; i < n; i++) {
        v.n_unlike += batch[i].bits != alone[i].bits;
        v.n_same_best += batch[i].best == alone[i].best;
        v.logprob_max = fmax(v.logprob_max, fabs(batch[i].logprob - alone[i].logprob));
    }
    return v;
}

static qg_status prepare(run *r, qg_arena *arena, qg_err *err)
{
    size_t most = (size_t)r->most, input = (size_t)r->task->input_len;
    uint64_t state = (uint64_t)r->task->seed;

    r->prompts = QG_NEW_N(arena, int32_t, most * input);
    r->chosen = QG_NEW_N(arena, int32_t, most * (size_t)r->task->output_len);
    r->sessions = QG_NEW_N(arena, qg_session *, most);
    r->feeds = QG_NEW_N(arena, qg_feed, most);
    QG_NEED(r->prompts && r->chosen && r->sessions && r->feeds, err);
    for (size_t i = 0; i < most * input; i++)
        r->prompts[i] = (int32_t)(qg_random_next(&state) % (uint64_t)r->vocabulary);
    return QG_OK;
}

static qg_status run_all(qg_invariance *out, run *r, qg_arena *arena, qg_err *err)
{
    size_t places = (size_t)r->task->output_len, all = (size_t)r->most * places;
    qg_said *alone = QG_NEW_N(arena, qg_said, all), *batch = QG_NEW_N(arena, qg_said, all),
            *again = QG_NEW_N(arena, qg_said, all);

    QG_NEED(alone && batch && again, err);
    r->chooses = true;
    QG_PASS(run_alone(r, alone, NULL, r->most, err));
    r->chooses = false;
    for (int b = 0; b < r->task->n_batches; b++) {
        int n = r->task->batches[b];
        int64_t n_places = (int64_t)n * (int64_t)places;
        QG_PASS(run_batch(r, batch, 0, n, err));
        QG_PASS(run_batch(r, again, 0, n, err));
        out[b] = qg_invariance_of(batch, alone, n_places);
        out[b].batch = n;
        out[b].n_unrepeated = qg_invariance_of(again, batch, n_places).n_unlike;
    }
    return QG_OK;
}

static qg_status begin(run *r, qg_arena *arena, qg_engine *e, const qg_invariance_task *task,
                       qg_err *err)
{
    qg_engine_info info = qg_engine_describe(e);

    r->e = e;
    r->task = task;
    r->vocabulary = info.vocab_size;
    r->hidden = info.hidden_size;
    r->most = largest(task);
    return prepare(r, arena, err);
}

qg_status qg_invariance_measure(qg_invariance *out, qg_arena *arena, qg_engine *e,
                                const qg_invariance_task *task,
                                void (*on_progress)(void *user, double done), void *user,
                                qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    run r = {.work = largest(task) + 2 * (int64_t)task->n_batches,
             .on_progress = on_progress,
             .user = user};

    QG_PASS(begin(&r, arena, e, task, err));
    QG_PASS(run_all(out, &r, arena, err));
    qg_arena_rewind(arena, mark);
    return QG_OK;
}

/* ---- beside another engine ---- */

qg_likeness qg_likeness_of(const qg_said *said, const float *states, const qg_said *reference,
                           const float *reference_states, int64_t n, int hidden)
{
    qg_invariance v = qg_invariance_of(said, reference, n);
    qg_likeness out = {.n = n, .n_same_best = v.n_same_best, .logprob_max = v.logprob_max};
    double errors = 0, norms = 0;

    for (int64_t i = 0; i < n; i++) {
        double error = 0, norm = 0;
        for (int64_t k = i * hidden; k < (i + 1) * hidden; k++) {
            double r = reference_states[k], d = states[k] - r;
            error += d * d;
            norm += r * r;
        }
        errors += error;
        norms += norm;
        if (norm > 0)
            out.state_worst = fmax(out.state_worst, sqrt(error / norm));
    }
    out.state_error = norms > 0 ? sqrt(errors / norms) : 0;
    return out;
}

qg_status qg_likeness_measure(qg_likeness *out, qg_arena *arena, qg_engine *e, qg_engine *reference,
                              const qg_invariance_task *task,
                              void (*on_progress)(void *user, double done), void *user, qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);
    run r = {.work = 2 * (int64_t)task->batches[0], .on_progress = on_progress, .user = user};

    QG_PASS(begin(&r, arena, reference, task, err));
    size_t n = (size_t)task->batches[0] * (size_t)task->output_len, n_state = n * (size_t)r.hidden;
    qg_said *said[2] = {QG_NEW_N(arena, qg_said, n), QG_NEW_N(arena, qg_said, n)};
    float *states[2] = {QG_NEW_N(arena, float, n_state), QG_NEW_N(arena, float, n_state)};
    QG_NEED(said[0] && said[1] && states[0] && states[1], err);
    r.chooses = true;
    QG_PASS(run_alone(&r, said[0], states[0], task->batches[0], err));
    r.chooses = false;
    r.e = e;
    QG_PASS(run_alone(&r, said[1], states[1], task->batches[0], err));
    *out = qg_likeness_of(said[1], states[1], said[0], states[0], (int64_t)n, r.hidden);
    qg_arena_rewind(arena, mark);
    return QG_OK;
}
