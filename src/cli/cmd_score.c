/* `quantgate score MODEL`: log-probabilities of given texts or ids, per position. How others check
 * us: the numbers are those of engine/score.h, one JSON object an input. Inputs run in groups, and
 * the memory of a group's answers is given back before the next. */
#include "base/json.h"
#include "cli/input.h"
#include "cli/token_text.h"
#include "engine/score.h"

#include <math.h>

enum { GROUP = 32, DEFAULT_TOP = 8, SHOWN_TOP = 3 };

typedef struct score_options {
    qg_cli_model model;
    qg_input_options input;
    int64_t top_k;
    bool json;
} score_options;

static const score_options defaults = {.top_k = DEFAULT_TOP};
static const qg_option options[] = {
    QG_INPUT_OPTIONS(score_options, input),
    QG_INT("top-k", score_options, top_k, "N", 0, 1 << 24, "candidates of each position (8)"),
    QG_FLAG("json", score_options, json, "one JSON object an input, a line each"),
    {0},
};

/* ---- JSON ---- */

static qg_status put_bytes(qg_json_writer *w, qg_arena *arena, qg_str bytes, qg_err *err)
{
    qg_buf hex;

    qg_buf_init(&hex, arena);
    qg_token_hex(&hex, bytes);
    QG_NEED(!hex.failed, err);
    qg_json_put_str(w, "bytes", qg_buf_view(&hex));
    return QG_OK;
}

static void put_top(qg_json_writer *w, const qg_next *next)
{
    qg_json_write_key(w, "top");
    qg_json_write_array(w);
    for (int i = 0; next && i < next->n_top; i++) {
        qg_json_write_object(w);
        qg_json_put_int(w, "id", next->top[i].id);
        qg_json_put_real(w, "logprob", next->top[i].logprob);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

static qg_status write_json(qg_cli *cli, const qg_tokenizer *t, const qg_score *s, qg_err *err)
{
    qg_json_writer w;
    qg_buf b;

    qg_buf_init(&b, cli->run);
    qg_json_write_begin(&w, &b);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "model", cli->args[0]);
    qg_json_write_key(&w, "tokens");
    qg_json_write_array(&w);
    for (int i = 0; i < s->n; i++) {
        qg_json_write_object(&w);
        qg_json_put_int(&w, "id", s->ids[i]);
        QG_PASS(put_bytes(&w, cli->run, qg_tokenizer_bytes(t, s->ids[i]), err));
        qg_json_write_key(&w, "logprob");
        if (i == 0)
            qg_json_write_null(&w);
        else
            qg_json_write_real(&w, s->logprob[i]);
        put_top(&w, s->next ? &s->next[i] : NULL);
        qg_json_write_close(&w);
    }
    qg_json_write_end_array(&w);
    qg_json_put_real(&w, "nll", s->nll);
    qg_json_put_int(&w, "scored", s->n_scored);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(&b, '\n');
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

/* ---- for people ---- */

static void show_token(qg_buf *b, const qg_tokenizer *t, int32_t id, qg_arena *arena)
{
    qg_buf quoted;

    qg_buf_init(&quoted, arena);
    qg_token_quote(&quoted, qg_tokenizer_bytes(t, id));
    b->failed |= quoted.failed;
    qg_buf_format(b, "%-18s", quoted.ptr ? quoted.ptr : "");
}

static void show_next(qg_buf *b, const qg_tokenizer *t, const qg_next *next)
{
    for (int k = 0; k < next->n_top && k < SHOWN_TOP; k++) {
        qg_buf_text(b, k ? ", " : "  ");
        qg_token_quote(b, qg_tokenizer_bytes(t, next->top[k].id));
        qg_buf_format(b, " %.3f", next->top[k].logprob);
    }
}

static qg_status write_table(qg_cli *cli, const qg_tokenizer *t, const qg_score *s, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, cli->run);
    qg_buf_format(&b, "%5s %7s  %-18s %9s%s\n", "pos", "id", "token", "logprob",
                  s->next ? "  likely next" : "");
    for (int i = 0; i < s->n; i++) {
        qg_buf_format(&b, "%5d %7d  ", i, s->ids[i]);
        show_token(&b, t, s->ids[i], cli->run);
        if (i)
            qg_buf_format(&b, " %9.4f", s->logprob[i]);
        else
            qg_buf_format(&b, " %9s", "-");
        if (s->next)
            show_next(&b, t, &s->next[i]);
        qg_buf_char(&b, '\n');
    }
    qg_buf_format(&b, "nll %.4f over %d tokens", s->nll, s->n_scored);
    if (s->n_scored)
        qg_buf_format(&b, ", perplexity %.4f", exp(s->nll / s->n_scored));
    qg_buf_char(&b, '\n');
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

/* ---- the command ---- */

/* Inputs first to first + n - 1. An empty one has nothing to score and is not fed. */
static qg_status score_group(qg_cli *cli, qg_engine *e, const qg_inputs *inputs, size_t first,
                             size_t n, qg_err *err)
{
    const score_options *o = cli->options;
    const qg_tokenizer *t = qg_engine_tokenizer(e);
    static const qg_score nothing;
    qg_ids seqs[GROUP];
    qg_score scores[GROUP];
    int n_seqs = 0, at = 0;

    for (size_t i = 0; i < n; i++)
        if (inputs->at[first + i].ids.n)
            seqs[n_seqs++] = inputs->at[first + i].ids;
    if (n_seqs)
        QG_PASS(qg_score_ids(scores, cli->run, e, seqs, n_seqs, (int)o->top_k, err));
    for (size_t i = 0; i < n; i++) {
        const qg_score *s = inputs->at[first + i].ids.n ? &scores[at++] : &nothing;
        QG_PASS(o->json ? write_json(cli, t, s, err) : write_table(cli, t, s, err));
    }
    return QG_OK;
}

static qg_status score(qg_cli *cli, qg_err *err)
{
    const score_options *o = cli->options;
    qg_inputs inputs;
    qg_engine *e;

    QG_PASS(qg_inputs_read(&inputs, cli->run, &o->input, err));
    QG_PASS(qg_inputs_open_engine(&e, &inputs, cli->run, cli->args[0], &o->model, 0, err));
    for (size_t i = 0; i < inputs.n; i += GROUP) {
        qg_arena_mark here = qg_arena_here(cli->run);
        QG_PASS(score_group(cli, e, &inputs, i, inputs.n - i < GROUP ? inputs.n - i : GROUP, err));
        qg_arena_rewind(cli->run, here);
    }
    return QG_OK;
}

const qg_command qg_cmd_score = {
    .name = "score",
    .arguments = "MODEL",
    .summary = "log-probabilities of given texts or token ids",
    .details = "Entry i of \"tokens\" belongs to position i: its logprob is that of token i given "
               "those\nbefore it (null for the first), its top is what may follow, best first. "
               "Logarithms\nare natural; nll is the negative sum of all logprobs.",
    .example = "quantgate score golden/models/tiny-llama --text 'The capital of' --json",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .shared = qg_cli_model_options,
    .defaults = &defaults,
    .options_size = sizeof(score_options),
    .run = score,
};
