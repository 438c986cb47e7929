/* Quality of an opened model: see quality.h. */
#include "measure/quality.h"

#include "base/file.h"
#include "engine/scheduler.h"
#include "engine/score.h"

/* Work is counted in tokens: those of prompts with what continues them, then those of the text. */
typedef struct progress {
    void (*tell)(void *user, double done);
    void *user;
    int64_t n_prompts, n_text, n_done;
} progress;

static void tell(const progress *p, int64_t n_done)
{
    if (p->tell)
        p->tell(p->user, (double)n_done / (double)(p->n_prompts + p->n_text));
}

static void on_documents(void *user, size_t n_documents, int64_t tokens, int64_t all_tokens)
{
    const progress *p = user;

    (void)n_documents, (void)all_tokens;
    tell(p, p->n_prompts + tokens);
}

static int64_t length_of(const qg_quality *q, size_t prompt)
{
    return (int64_t)q->prompts[prompt].n + q->task->max_tokens;
}

static qg_status prepare_prompts(qg_quality *q, qg_arena *arena, const qg_tokenizer *tokenizer,
                                 qg_err *err)
{
    qg_texts prompts = q->task->prompts;

    q->prompts = QG_NEW_N(arena, qg_ids, prompts.n);
    QG_NEED(q->prompts, err);
    for (size_t i = 0; i < prompts.n; i++) {
        QG_TRY(qg_tokenizer_encode(&q->prompts[i], arena, tokenizer, prompts.at[i], 0, err), err,
               "prompt %zu", i + 1);
        if (q->prompts[i].n == 0)
            return qg_fail(err, QG_EARG, "prompt %zu has no tokens", i + 1);
        q->kv_tokens = length_of(q, i) > q->kv_tokens ? length_of(q, i) : q->kv_tokens;
    }
    q->gold_protocol = qg_arena_format(arena, "logprob/top=%d/greedy=%d/special=declared",
                                       QG_GOLD_TOP, (int)q->task->max_tokens);
    QG_NEED(q->gold_protocol, err);
    return QG_OK;
}

static qg_status prepare_text(qg_quality *q, qg_arena *arena, const qg_tokenizer *tokenizer,
                              qg_err *err)
{
    const char *path = q->task->text;
    char hash[QG_HASH_HEX];
    qg_texts texts;

    QG_PASS(qg_texts_documents(&texts, arena, path, err));
    QG_PASS(qg_hash_file(hash, path, err));
    QG_PASS(qg_documents_prepare(&q->documents, arena, texts, path, hash, q->task->window,
                                 tokenizer, err));
    if (q->documents.kv_tokens > q->kv_tokens)
        q->kv_tokens = q->documents.kv_tokens;
    return QG_OK;
}

qg_status qg_quality_prepare(qg_quality **out, qg_arena *arena, const qg_task *task,
                             const qg_tokenizer *tokenizer, qg_err *err)
{
    qg_quality *q = QG_NEW(arena, qg_quality);

    QG_NEED(q, err);
    q->task = task;
    q->kv_tokens = 1;
    QG_PASS(prepare_prompts(q, arena, tokenizer, err));
    if (task->text)
        QG_PASS(prepare_text(q, arena, tokenizer, err));
    *out = q;
    return QG_OK;
}

static qg_status keep_position(qg_gold_position *out, qg_arena *arena, const qg_tokenizer *t,
                               const qg_score *s, int i, qg_err *err)
{
    const qg_next *next = &s->next[i];

    *out = (qg_gold_position){.id = s->ids[i],
                              .bytes = qg_tokenizer_bytes(t, s->ids[i]),
                              .logprob = s->logprob[i],
                              .n_top = (size_t)next->n_top,
                              .has_tail = next->tail > -1e29,
                              .tail = next->tail > -1e29 ? next->tail : 0,
                              .entropy = next->entropy};
    out->top = QG_NEW_N(arena, qg_gold_entry, out->n_top);
    QG_NEED(out->top, err);
    for (size_t k = 0; k < out->n_top; k++)
        out->top[k] = (qg_gold_entry){next->top[k].id, next->top[k].logprob};
    return QG_OK;
}

static qg_status keep_greedy(qg_gold_prompt *out, qg_arena *arena, qg_arena *scratch, qg_engine *e,
                             qg_ids ids, int64_t max_tokens, qg_err *err)
{
    const qg_tokenizer *t = qg_engine_tokenizer(e);
    qg_request request = {
        .prompt = ids, .max_tokens = (int)max_tokens, .sampling = QG_SAMPLING_GREEDY};
    qg_completion done;

    if (max_tokens == 0)
        return QG_OK;
    QG_PASS(qg_generate(&done, scratch, e, &request, 1, NULL, NULL, err));
    out->greedy = QG_NEW_N(arena, qg_gold_choice, done.ids.n);
    QG_NEED(out->greedy, err);
    out->n_greedy = done.ids.n;
    for (size_t i = 0; i < done.ids.n; i++)
        out->greedy[i] = (qg_gold_choice){done.ids.id[i], qg_tokenizer_bytes(t, done.ids.id[i]),
                                          done.margins[i]};
    return QG_OK;
}

static qg_status keep_prompt(qg_gold_prompt *out, qg_arena *arena, qg_arena *scratch, qg_engine *e,
                             qg_ids ids, int64_t max_tokens, qg_err *err)
{
    qg_score score;

    QG_PASS(qg_score_ids(&score, scratch, e, &ids, 1, QG_GOLD_TOP, err));
    out->positions = QG_NEW_N(arena, qg_gold_position, ids.n);
    QG_NEED(out->positions, err);
    out->n_positions = ids.n;
    for (int i = 0; i < score.n; i++)
        QG_PASS(keep_position(&out->positions[i], arena, qg_engine_tokenizer(e), &score, i, err));
    return keep_greedy(out, arena, scratch, e, ids, max_tokens, err);
}

static qg_status keep_prompts(qg_gold *gold, qg_arena *arena, qg_arena *scratch, qg_engine *e,
                              const qg_quality *q, progress *p, qg_err *err)
{
    char hash[QG_HASH_HEX];

    gold->n_prompts = q->task->prompts.n;
    gold->prompts = QG_NEW_N(arena, qg_gold_prompt, gold->n_prompts);
    QG_NEED(gold->prompts, err);
    for (size_t i = 0; i < gold->n_prompts; i++) {
        qg_arena_mark mark = qg_arena_here(scratch);
        gold->prompts[i].name = qg_arena_format(arena, "p%02zu", i + 1);
        QG_NEED(gold->prompts[i].name, err);
        QG_TRY(keep_prompt(&gold->prompts[i], arena, scratch, e, q->prompts[i], q->task->max_tokens,
                           err),
               err, "prompt %zu", i + 1);
        qg_arena_rewind(scratch, mark);
        tell(p, p->n_done += length_of(q, i));
    }
    QG_PASS(qg_gold_hash_prompts(hash, scratch, gold, err));
    gold->prompts_hash = qg_str_dup(arena, qg_str_from(hash));
    QG_NEED(gold->prompts_hash, err);
    return QG_OK;
}

static progress begin(const qg_quality *q, void (*on_progress)(void *user, double done), void *user)
{
    progress p = {.tell = on_progress, .user = user};

    for (size_t i = 0; i < q->task->prompts.n; i++)
        p.n_prompts += length_of(q, i) * (q->task->greedy ? 2 : 1);
    for (size_t i = 0; i < q->documents.n; i++)
        p.n_text += (int64_t)q->documents.ids[i].n;
    return p;
}

static qg_status measure_prompts(qg_measurement *out, qg_arena *arena, qg_engine *e,
                                 const qg_quality *q, progress *p, qg_err *err)
{
    qg_engine_info info = qg_engine_describe(e);
    qg_arena *scratch = qg_arena_create();
    qg_gold *gold = QG_NEW(arena, qg_gold);
    qg_status s = QG_ENOMEM;

    if (scratch && gold) {
        *gold = (qg_gold){.tokenizer_hash = qg_tokenizer_hash(qg_engine_tokenizer(e)),
                          .method = info.method,
                          .backend = info.device,
                          .protocol = q->gold_protocol};
        out->gold = gold;
        s = keep_prompts(gold, arena, scratch, e, q, p, err);
    } else {
        qg_fail(err, s, "out of memory");
    }
    qg_arena_free(scratch);
    return s;
}

static qg_status continue_beside(qg_measurement *out, qg_arena *scratch, qg_engine *reference,
                                 const qg_quality *q, progress *p, qg_err *err)
{
    for (size_t i = 0; i < q->task->prompts.n; i++) {
        qg_arena_mark mark = qg_arena_here(scratch);
        qg_gold_prompt theirs = {0};
        bool differs, near_tie;
        QG_TRY(keep_greedy(&theirs, scratch, scratch, reference, q->prompts[i], q->task->max_tokens,
                           err),
               err, "reference, prompt %zu", i + 1);
        qg_gold_match_greedy(&theirs, &out->gold->prompts[i], QG_GOLD_MARGIN, &differs, &near_tie);
        out->n_continued++;
        out->n_same += !differs;
        qg_arena_rewind(scratch, mark);
        tell(p, p->n_done += length_of(q, i));
    }
    return QG_OK;
}

/* Counts the prompts that the reference continues as the model did. */
static qg_status compare_greedy(qg_measurement *out, qg_engine *reference, const qg_quality *q,
                                progress *p, qg_err *err)
{
    qg_arena *scratch = qg_arena_create();
    qg_status s = scratch ? continue_beside(out, scratch, reference, q, p, err)
                          : qg_fail(err, QG_ENOMEM, "out of memory");

    qg_arena_free(scratch);
    return s;
}

qg_status qg_quality_measure(qg_measurement *out, qg_arena *arena, qg_engine *e,
                             qg_engine *reference, const qg_quality *q,
                             void (*on_progress)(void *user, double done), void *user, qg_err *err)
{
    progress p = begin(q, on_progress, user);

    if (q->task->prompts.n)
        QG_PASS(measure_prompts(out, arena, e, q, &p, err));
    if (q->task->prompts.n && q->task->greedy && reference)
        QG_PASS(compare_greedy(out, reference, q, &p, err));
    if (q->task->text)
        QG_PASS(
            qg_documents_measure(out, arena, e, reference, &q->documents, on_documents, &p, err));
    return QG_OK;
}
