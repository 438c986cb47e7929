/* `quantgate tokenize MODEL`: text to ids and, with --decode, ids to text. Reads the tokenizer's
 * files only, so it works whatever the weights are. */
#include "base/json.h"
#include "cli/input.h"
#include "cli/token_text.h"

typedef struct tokenize_options {
    qg_input_options input;
    bool decode, skip_special, json;
} tokenize_options;

static const qg_option options[] = {
    QG_INPUT_OPTIONS(tokenize_options, input),
    QG_FLAG("decode", tokenize_options, decode, "ids to text"),
    QG_FLAG("skip-special", tokenize_options, skip_special,
            "with --decode: leave special tokens out"),
    QG_FLAG("json", tokenize_options, json, "one JSON object an input, a line each"),
    {0},
};

static qg_status write_text(qg_cli *cli, qg_str text, qg_err *err)
{
    const tokenize_options *o = cli->options;
    qg_json_writer w;
    qg_buf b;

    qg_buf_init(&b, cli->run);
    if (o->json) {
        qg_json_write_begin(&w, &b);
        qg_json_write_object(&w);
        qg_json_put_str(&w, "text", text);
        qg_json_write_close(&w);
        QG_PASS(qg_json_write_end(&w, err));
    } else {
        qg_buf_str(&b, text);
    }
    qg_buf_char(&b, '\n');
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

static qg_status write_ids(qg_cli *cli, const qg_tokenizer *t, const qg_ids *ids, qg_err *err)
{
    const tokenize_options *o = cli->options;
    qg_json_writer w;
    qg_buf b;

    qg_buf_init(&b, cli->run);
    if (o->json) {
        qg_json_write_begin(&w, &b);
        qg_json_write_object(&w);
        qg_json_write_key(&w, "ids");
        qg_json_write_array(&w);
        for (size_t i = 0; i < ids->n; i++)
            qg_json_write_int(&w, ids->id[i]);
        qg_json_write_end_array(&w);
        qg_json_write_close(&w);
        QG_PASS(qg_json_write_end(&w, err));
        qg_buf_char(&b, '\n');
    } else {
        qg_buf_format(&b, "%7s  %-20s %s\n", "id", "text", "bytes");
        for (size_t i = 0; i < ids->n; i++) {
            qg_str bytes = qg_tokenizer_bytes(t, ids->id[i]);
            size_t from = b.len;
            qg_buf_format(&b, "%7d  ", ids->id[i]);
            qg_token_quote(&b, bytes);
            do
                qg_buf_char(&b, ' ');
            while (!b.failed && b.len - from < 30);
            qg_token_hex(&b, bytes);
            qg_buf_char(&b, '\n');
        }
        qg_buf_format(&b, "%zu tokens\n", ids->n);
    }
    QG_NEED(!b.failed, err);
    return qg_cli_write(qg_buf_view(&b), err);
}

static qg_status answer(qg_cli *cli, const qg_tokenizer *t, const qg_inputs *inputs, size_t i,
                        qg_err *err)
{
    const tokenize_options *o = cli->options;
    const qg_input *in = &inputs->at[i];
    qg_ids ids;
    qg_str text;

    if (!o->decode) {
        QG_PASS(qg_input_encode(&ids, cli->run, inputs, i, t, err));
        for (size_t k = 0; k < ids.n; k++)
            if (!qg_tokenizer_has(t, ids.id[k]))
                return qg_input_blame(
                    in, qg_fail(err, QG_EARG, "id %d stands for no token", ids.id[k]), err);
        return write_ids(cli, t, &ids, err);
    }
    if (in->is_text)
        return qg_input_blame(in, qg_fail(err, QG_EARG, "'--decode' wants ids, a text was given"),
                              err);
    qg_status s = qg_tokenizer_decode(&text, cli->run, t, in->ids.id, in->ids.n,
                                      o->skip_special ? QG_DECODE_SKIP_SPECIAL : 0, err);
    QG_PASS(qg_input_blame(in, s, err));
    return write_text(cli, text, err);
}

static qg_status tokenize(qg_cli *cli, qg_err *err)
{
    const tokenize_options *o = cli->options;
    const qg_tokenizer *t;
    qg_inputs inputs;

    QG_PASS(qg_inputs_read(&inputs, cli->run, &o->input, err));
    QG_PASS(qg_input_open_tokenizer(&t, cli->run, cli->args[0], err));
    for (size_t i = 0; i < inputs.n; i++) {
        qg_arena_mark here = qg_arena_here(cli->run);
        QG_PASS(answer(cli, t, &inputs, i, err));
        qg_arena_rewind(cli->run, here);
    }
    return QG_OK;
}

const qg_command qg_cmd_tokenize = {
    .name = "tokenize",
    .arguments = "MODEL",
    .summary = "text to token ids and back",
    .details = "Reads tokenizer.json only, whatever the weights are. Special tokens spelled in a "
               "text are\nalways matched; --no-special leaves out those that the post-processor "
               "adds.",
    .example = "quantgate tokenize golden/models/tiny-llama --text 'Hello, world'\n"
               "  quantgate tokenize golden/models/tiny-llama --decode --ids 1,5,7",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .options_size = sizeof(tokenize_options),
    .run = tokenize,
};
