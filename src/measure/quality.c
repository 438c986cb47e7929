/* Quality of an opened model: see quality.h. Documents are scored one by one on a scratch arena
 * that is rewound, so memory does not grow with the text. */
#include "measure/quality.h"

#include "base/file.h"
#include "engine/scheduler.h"
#include "engine/score.h"

#include <math.h>

typedef struct progress {
    void (*tell)(void *user, double done);
    void *user;
    size_t n_done, n_all;
} progress;

static void step(progress *p)
{
    p->n_done++;
    if (p->tell)
        p->tell(p->user, (double)p->n_done / (double)p->n_all);
}

static qg_status encode_all(qg_ids **out, qg_arena *arena, const qg_tokenizer *t, qg_texts texts,
                            const char *what, qg_err *err)
{
    qg_ids *ids = QG_NEW_N(arena, qg_ids, texts.n + 1);

    QG_NEED(ids, err);
    for (size_t i = 0; i < texts.n; i++)
        QG_TRY(qg_tokenizer_encode(&ids[i], arena, t, texts.at[i], 0, err), err, "%s %zu", what,
               i + 1);
    *out = ids;
    return QG_OK;
}

static qg_status read_documents(qg_quality *q, qg_arena *arena, const qg_tokenizer *t, qg_err *err)
{
    char hash[QG_HASH_HEX];
    qg_texts documents;

    QG_PASS(qg_texts_documents(&documents, arena, q->task->text, err));
    QG_PASS(encode_all(&q->documents, arena, t, documents, "document", err));
    q->n_documents = documents.n;
    QG_PASS(qg_hash_file(hash, q->task->text, err));
    q->protocol = qg_arena_format(
        arena,
        "ppl/text=%.12s/window=%d/stride=%d/documents=apart/special=declared/tokenizer=%.12s", hash,
        (int)q->task->window, (int)q->task->window, qg_tokenizer_hash(t));
    QG_NEED(q->protocol, err);
    for (size_t i = 0; i < documents.n; i++) {
        int64_t n = (int64_t)q->documents[i].n;
        n = n < q->task->window ? n : q->task->window;
        q->kv_tokens = n > q->kv_tokens ? n : q->kv_tokens;
    }
    return QG_OK;
}

qg_status qg_quality_prepare(qg_quality **out, qg_arena *arena, const qg_task *task,
                             const qg_tokenizer *tokenizer, qg_err *err)
{
    qg_quality *q = QG_NEW(arena, qg_quality);

    QG_NEED(q, err);
    q->task = task;
    q->kv_tokens = 1;
    if (task->window < 2)
        return qg_fail(err, QG_EARG, "a window of %d tokens scores none", (int)task->window);
    QG_PASS(encode_all(&q->prompts, arena, tokenizer, task->prompts, "prompt", err));
    for (size_t i = 0; i < task->prompts.n; i++) {
        int64_t n = (int64_t)q->prompts[i].n + task->max_tokens;
        if (q->prompts[i].n == 0)
            return qg_fail(err, QG_EARG, "prompt %zu has no tokens", i + 1);
        q->kv_tokens = n > q->kv_tokens ? n : q->kv_tokens;
    }
    q->gold_protocol = qg_arena_format(arena, "logprob/top=%d/greedy=%d/special=declared",
                                       QG_GOLD_TOP, (int)task->max_tokens);
    QG_NEED(q->gold_protocol, err);
    if (task->text)
        QG_PASS(read_documents(q, arena, tokenizer, err));
    *out = q;
    return QG_OK;
}

static qg_status score_document(qg_doc *out, qg_arena *scratch, qg_engine *e, qg_ids ids,
                                int64_t window, qg_err *err)
{
    for (size_t at = 0; at < ids.n; at += (size_t)window) {
        qg_arena_mark mark = qg_arena_here(scratch);
        size_t n = ids.n - at < (size_t)window ? ids.n - at : (size_t)window;
        qg_ids piece = {ids.id + at, n};
        qg_score score;
        QG_PASS(qg_score_ids(&score, scratch, e, &piece, 1, 1, err));
        for (int i = 1; i < score.n; i++) {
            out->sum_nll -= score.logprob[i];
            out->hits += score.next[i - 1].top[0].id == score.ids[i];
            out->n_scored++;
        }
        qg_arena_rewind(scratch, mark);
    }
    return QG_OK;
}

static qg_status score_documents(qg_measurement *out, qg_arena *arena, qg_arena *scratch,
                                 qg_engine *e, const qg_quality *q, progress *p, qg_err *err)
{
    int64_t n_scored = 0;

    out->docs = QG_NEW_N(arena, qg_doc, q->n_documents + 1);
    QG_NEED(out->docs, err);
    out->n_docs = q->n_documents;
    out->protocol = q->protocol;
    for (size_t i = 0; i < q->n_documents; i++) {
        QG_TRY(score_document(&out->docs[i], scratch, e, q->documents[i], q->task->window, err),
               err, "document %zu of '%s'", i + 1, q->task->text);
        n_scored += out->docs[i].n_scored;
        step(p);
    }
    if (n_scored == 0)
        return qg_fail(err, QG_EARG, "'%s' has no token to score", q->task->text);
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
        step(p);
    }
    QG_PASS(qg_gold_hash_prompts(hash, scratch, gold, err));
    gold->prompts_hash = qg_str_dup(arena, qg_str_from(hash));
    QG_NEED(gold->prompts_hash, err);
    return QG_OK;
}

qg_status qg_quality_measure(qg_measurement *out, qg_arena *arena, qg_engine *e,
                             const qg_quality *q, void (*on_progress)(void *user, double done),
                             void *user, qg_err *err)
{
    qg_engine_info info = qg_engine_describe(e);
    progress p = {on_progress, user, 0, q->n_documents + q->task->prompts.n};
    qg_arena *scratch = qg_arena_create();
    qg_status s = QG_OK;

    QG_NEED(scratch, err);
    if (q->task->prompts.n) {
        out->gold = QG_NEW(arena, qg_gold);
        if (out->gold) {
            *out->gold = (qg_gold){.tokenizer_hash = qg_tokenizer_hash(qg_engine_tokenizer(e)),
                                   .method = info.method,
                                   .backend = info.device,
                                   .protocol = q->gold_protocol};
            s = keep_prompts(out->gold, arena, scratch, e, q, &p, err);
        } else {
            s = qg_fail(err, QG_ENOMEM, "out of memory");
        }
    }
    if (s == QG_OK && q->task->text)
        s = score_documents(out, arena, scratch, e, q, &p, err);
    qg_arena_free(scratch);
    return s;
}
