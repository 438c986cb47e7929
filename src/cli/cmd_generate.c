/* `quantgate generate MODEL`: text out, greedy unless a temperature is asked for. All prompts run
 * as one batch. Of the folder's generation_config.json the end tokens are used and nothing else. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/input.h"
#include "engine/scheduler.h"

typedef struct generate_options {
    qg_cli_model model;
    qg_input_options input;
    double temperature, top_p, min_p, repetition_penalty;
    int64_t top_k, seed, max_tokens;
    qg_cli_list stop;
    bool greedy, ignore_eos, stream, json;
} generate_options;

static const generate_options defaults = {.top_p = 1, .repetition_penalty = 1, .max_tokens = 64};
static const qg_option options[] = {
    QG_LIST("prompt", generate_options, input.text, "TEXT", "a prompt; again for more of them"),
    QG_INPUT_OPTIONS(generate_options, input),
    QG_INT("max-tokens", generate_options, max_tokens, "N", 1, 1 << 24,
           "most new tokens of each prompt (64)"),
    QG_FLAG("greedy", generate_options, greedy, "always the likeliest token; the default"),
    QG_REAL("temperature", generate_options, temperature, "X", 0, 100,
            "sample; 0 is greedy, 1 the model's own distribution (0)"),
    QG_INT("top-k", generate_options, top_k, "N", 0, 1 << 24,
           "sample from the N likeliest, 0: all (0)"),
    QG_REAL("top-p", generate_options, top_p, "X", 0, 1,
            "sample from the likeliest that sum to X (1)"),
    QG_REAL("min-p", generate_options, min_p, "X", 0, 1,
            "sample from those at least X times as likely as the best (0)"),
    QG_REAL("repetition-penalty", generate_options, repetition_penalty, "X", 0.01, 100,
            "divide the logits of tokens already there, 1: off (1)"),
    QG_INT("seed", generate_options, seed, "N", 0, (double)((int64_t)1 << 53), "of sampling (0)"),
    QG_LIST("stop", generate_options, stop, "TEXT", "end before this text; again for more of them"),
    QG_FLAG("ignore-eos", generate_options, ignore_eos, "end tokens do not end the text"),
    QG_FLAG("stream", generate_options, stream, "print the text of one prompt as it comes"),
    QG_FLAG("json", generate_options, json, "one JSON object; with --input one a line of the file"),
    {0},
};

static qg_status check_options(const generate_options *o, const qg_inputs *inputs,
                               const qg_sampling *sampling, qg_err *err)
{
    if (o->greedy && o->temperature > 0)
        return qg_fail(err, QG_EARG, "'--greedy' and '--temperature %g' exclude each other",
                       o->temperature);
    if (o->stream && o->json)
        return qg_fail(err, QG_EARG, "'--stream' and '--json' exclude each other");
    if (o->stream && inputs->n > 1)
        return qg_fail(err, QG_EARG, "'--stream' takes one prompt, %zu were given", inputs->n);
    return qg_sampling_check(sampling, err);
}

/* ---- output ---- */

static void put_ids(qg_json_writer *w, const char *key, const qg_ids *ids)
{
    qg_json_write_key(w, key);
    qg_json_write_array(w);
    for (size_t i = 0; i < ids->n; i++)
        qg_json_write_int(w, ids->id[i]);
    qg_json_write_end_array(w);
}

/* One object with the completions of n inputs. */
static qg_status write_json(qg_cli *cli, const qg_input *inputs, const qg_completion *done,
                            size_t n, qg_err *err)
{
    qg_json_writer w;
    qg_buf b;

    qg_buf_init(&b, cli->run);
    qg_json_write_begin(&w, &b);
    qg_json_write_object(&w);
    qg_json_write_key(&w, "completions");
    qg_json_write_array(&w);
    for (size_t i = 0; i < n; i++) {
        qg_json_write_object(&w);
        put_ids(&w, "prompt_ids", &inputs[i].ids);
        put_ids(&w, "ids", &done[i].ids);
        qg_json_put_str(&w, "text", done[i].text);
        qg_json_put_text(&w, "finish_reason", done[i].finish);
        qg_json_write_close(&w);
    }
    qg_json_write_end_array(&w);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(&b, '\n');
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

static qg_status write_texts(qg_cli *cli, const qg_completion *done, size_t n, qg_err *err)
{
    qg_buf b;

    qg_buf_init(&b, cli->run);
    for (size_t i = 0; i < n; i++) {
        if (n > 1)
            qg_buf_format(&b, "%s==> %zu of %zu <==\n", i ? "\n" : "", i + 1, n);
        qg_buf_str(&b, done[i].text);
        qg_buf_char(&b, '\n');
    }
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

static qg_status print_piece(void *user, int request, qg_str piece, qg_err *err)
{
    (void)user;
    (void)request;
    QG_PASS(qg_cli_write(piece, err));
    return qg_cli_flush(err);
}

/* What a person wants to know besides the text. */
static void notice_speed(const qg_completion *done, size_t n, int64_t took_ns)
{
    size_t n_tokens = 0, n_stopped = 0;

    for (size_t i = 0; i < n; i++) {
        n_tokens += done[i].ids.n;
        n_stopped += done[i].finish[0] == 's';
    }
    qg_cli_notice("%zu tokens, %.1f tok/s; ended by stop: %zu, by length: %zu", n_tokens,
                  (double)n_tokens * 1e9 / (double)(took_ns > 0 ? took_ns : 1), n_stopped,
                  n - n_stopped);
}

/* ---- the command ---- */

static qg_status make_requests(qg_request **out, qg_cli *cli, const qg_inputs *inputs,
                               const qg_sampling *sampling, qg_err *err)
{
    const generate_options *o = cli->options;
    qg_request *requests = QG_NEW_N(cli->run, qg_request, inputs->n);
    qg_str *stop = QG_NEW_N(cli->run, qg_str, (size_t)o->stop.n);

    QG_NEED(requests && stop, err);
    for (int i = 0; i < o->stop.n; i++)
        stop[i] = qg_str_from(o->stop.at[i]);
    for (size_t i = 0; i < inputs->n; i++) {
        if (inputs->at[i].ids.n == 0)
            return qg_input_blame(
                &inputs->at[i],
                qg_fail(err, QG_EARG, "the prompt has no tokens, at least one is needed"), err);
        requests[i] = (qg_request){.prompt = inputs->at[i].ids,
                                   .max_tokens = (int)o->max_tokens,
                                   .sampling = *sampling,
                                   .ignore_end = o->ignore_eos,
                                   .stop = stop,
                                   .n_stop = o->stop.n};
    }
    *out = requests;
    return QG_OK;
}

static qg_status write_results(qg_cli *cli, const qg_inputs *inputs, const qg_completion *done,
                               qg_err *err)
{
    const generate_options *o = cli->options;

    if (o->stream)
        return qg_cli_write(QG_STR("\n"), err);
    if (!o->json)
        return write_texts(cli, done, inputs->n, err);
    if (!inputs->is_jsonl)
        return write_json(cli, inputs->at, done, inputs->n, err);
    for (size_t i = 0; i < inputs->n; i++)
        QG_PASS(write_json(cli, &inputs->at[i], &done[i], 1, err));
    return QG_OK;
}

static qg_status generate(qg_cli *cli, qg_err *err)
{
    const generate_options *o = cli->options;
    const qg_sampling sampling = {.temperature = o->temperature,
                                  .top_k = (int)o->top_k,
                                  .top_p = o->top_p,
                                  .min_p = o->min_p,
                                  .repetition_penalty = o->repetition_penalty,
                                  .seed = (uint64_t)o->seed};
    qg_inputs inputs;
    qg_engine *e;
    qg_request *requests = NULL;

    QG_PASS(qg_inputs_read(&inputs, cli->run, &o->input, err));
    QG_PASS(check_options(o, &inputs, &sampling, err));
    QG_PASS(
        qg_inputs_open_engine(&e, &inputs, cli->run, cli->args[0], &o->model, o->max_tokens, err));
    QG_PASS(make_requests(&requests, cli, &inputs, &sampling, err));
    qg_completion *done = QG_NEW_N(cli->run, qg_completion, inputs.n);
    QG_NEED(done, err);
    int64_t start_ns = qg_clock_ns();
    QG_PASS(qg_generate(done, cli->run, e, requests, (int)inputs.n, o->stream ? print_piece : NULL,
                        NULL, err));
    int64_t took_ns = qg_clock_ns() - start_ns;
    QG_PASS(write_results(cli, &inputs, done, err));
    if (!o->json)
        notice_speed(done, inputs.n, took_ns);
    return QG_OK;
}

const qg_command qg_cmd_generate = {
    .name = "generate",
    .arguments = "MODEL",
    .summary = "continue one prompt or many",
    .details = "Greedy unless --temperature is over 0. Several prompts run as one batch. A text "
               "ends at an end\ntoken of the model or before a --stop text (\"stop\"), else at "
               "--max-tokens or\n--max-model-len (\"length\").",
    .example = "quantgate generate golden/models/tiny-llama --prompt 'The capital of' "
               "--max-tokens 32 --stream",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .shared = qg_cli_model_options,
    .defaults = &defaults,
    .options_size = sizeof(generate_options),
    .run = generate,
};
