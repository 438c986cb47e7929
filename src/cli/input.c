/* Inputs of the commands: see input.h. Everything is read and checked before a model is opened, and
 * the texts are encoded before the engine is, so that its KV cache is no larger than they need. */
#include "cli/input.h"

#include "base/file.h"
#include "base/json.h"
#include "cli/examine.h"

#include <limits.h>

enum {
    MAX_INPUTS = 1 << 20,
    MAX_SEQS = 32,      /* that run together */
    POOL_TOKENS = 8192, /* of the KV cache, unless one sequence alone may be longer */
    BLOCK_TOKENS = 16,
};

qg_status qg_input_blame(const qg_input *input, qg_status status, qg_err *err)
{
    if (status != QG_OK && input->file && !err->file[0])
        qg_err_at(err, input->file, input->line, 0);
    return status;
}

/* ---- from the command line ---- */

static qg_status parse_ids(qg_ids *out, qg_arena *arena, const char *list, qg_err *err)
{
    qg_str rest = qg_str_trim(qg_str_from(list)), word;
    int64_t id;

    out->n = 0;
    out->id = QG_NEW_N(arena, int32_t, rest.len / 2 + 1);
    QG_NEED(out->id, err);
    if (rest.len == 0)
        return QG_OK;
    if (rest.ptr[rest.len - 1] == ',')
        return qg_fail(err, QG_EARG, "'--ids %s': an id is missing after the last comma", list);
    while (qg_str_split(&rest, ',', &word)) {
        word = qg_str_trim(word);
        if (!qg_str_to_int(word, &id) || id < 0 || id > INT32_MAX)
            return qg_fail(err, QG_EARG,
                           "'--ids': '" QG_STR_PRI "' is no token id; write --ids 1,2,3",
                           QG_STR_ARG(word));
        out->id[out->n++] = (int32_t)id;
    }
    return QG_OK;
}

static qg_status read_text_file(qg_input *in, qg_arena *arena, const char *path, qg_err *err)
{
    *in = (qg_input){.is_text = true, .file = path};
    return qg_file_read(&in->text, arena, path, QG_CLI_TEXT_MAX, err);
}

static qg_status read_command_line(qg_inputs *out, qg_arena *arena, const qg_input_options *o,
                                   qg_err *err)
{
    size_t n = (size_t)(o->text.n + o->text_file.n + o->ids.n);

    out->at = QG_NEW_N(arena, qg_input, n);
    QG_NEED(out->at, err);
    for (int i = 0; i < o->text.n; i++)
        out->at[out->n++] = (qg_input){.is_text = true, .text = qg_str_from(o->text.at[i])};
    for (int i = 0; i < o->text_file.n; i++)
        QG_PASS(read_text_file(&out->at[out->n++], arena, o->text_file.at[i], err));
    for (int i = 0; i < o->ids.n; i++)
        QG_PASS(parse_ids(&out->at[out->n++].ids, arena, o->ids.at[i], err));
    return QG_OK;
}

/* ---- from a .jsonl file ---- */

static qg_status ids_of_json(qg_ids *out, qg_arena *arena, const qg_json *list, qg_err *err)
{
    size_t n = qg_json_len(list);
    int64_t id;

    out->n = n;
    out->id = QG_NEW_N(arena, int32_t, n);
    QG_NEED(out->id, err);
    for (size_t i = 0; i < n; i++) {
        if (!qg_json_int(qg_json_at(list, i), &id) || id < 0 || id > INT32_MAX)
            return qg_fail(err, QG_EARG, "entry %zu of 'ids' is no token id", i);
        out->id[i] = (int32_t)id;
    }
    return QG_OK;
}

static qg_status parse_object(qg_input *in, qg_arena *arena, const qg_json *object, qg_err *err)
{
    const qg_json *text = qg_json_get(object, "text"), *ids = qg_json_get(object, "ids");

    if (qg_json_type_of(object) != QG_JSON_OBJECT)
        return qg_fail(err, QG_EARG, "expected {\"text\": ...} or {\"ids\": [...]}, found %s",
                       qg_json_type_name(object));
    if (!text == !ids)
        return qg_fail(err, QG_EARG, "expected one of 'text' and 'ids', found %s",
                       text ? "both" : "neither");
    in->is_text = text != NULL;
    if (text && !qg_json_str(text, &in->text))
        return qg_fail(err, QG_EARG, "'text' is %s, a string was expected",
                       qg_json_type_name(text));
    if (text)
        return QG_OK;
    if (qg_json_type_of(ids) != QG_JSON_ARRAY)
        return qg_fail(err, QG_EARG, "'ids' is %s, an array was expected", qg_json_type_name(ids));
    return ids_of_json(&in->ids, arena, ids, err);
}

static qg_status parse_line(qg_input *in, qg_arena *arena, qg_str line, qg_err *err)
{
    const qg_json *object;
    size_t valid = qg_utf8_valid(line);

    if (valid < line.len)
        return qg_fail(err, QG_EARG, "the line is no valid UTF-8 at byte %zu", valid);
    if (qg_str_trim(line).len == 0)
        return qg_fail(err, QG_EARG, "the line is empty; write {\"text\": \"\"} for an empty text");
    QG_PASS(qg_json_parse(&object, arena, line, "this line", err));
    return parse_object(in, arena, object, err);
}

static qg_status read_jsonl(qg_inputs *out, qg_arena *arena, const char *path, qg_err *err)
{
    qg_str text, rest, line;
    size_t n = 0;

    QG_PASS(qg_file_read(&text, arena, path, QG_CLI_TEXT_MAX, err));
    if (text.len && text.ptr[text.len - 1] == '\n')
        text.len--;
    else if (text.len == 0)
        return qg_fail(err, QG_EARG, "'%s' is empty, at least one line was expected", path);
    for (rest = text; qg_str_split(&rest, '\n', &line);)
        n++;
    if (n > MAX_INPUTS)
        return qg_fail(err, QG_EARG, "'%s' has %zu lines, at most %d are taken", path, n,
                       MAX_INPUTS);
    out->is_jsonl = true;
    out->at = QG_NEW_N(arena, qg_input, n);
    QG_NEED(out->at, err);
    for (rest = text; qg_str_split(&rest, '\n', &line);) {
        qg_input *in = &out->at[out->n++];
        *in = (qg_input){.file = path, .line = (int)out->n};
        QG_PASS(qg_input_blame(in, parse_line(in, arena, line, err), err));
    }
    return QG_OK;
}

qg_status qg_inputs_read(qg_inputs *out, qg_arena *arena, const qg_input_options *o, qg_err *err)
{
    int n_kinds = !!o->text.n + !!o->text_file.n + !!o->ids.n + !!o->input;

    *out = (qg_inputs){.encode_flags = o->no_special ? QG_ENCODE_NO_SPECIAL : 0};
    if (n_kinds != 1)
        return qg_fail(err, QG_EARG, "%s; give one of --text, --text-file, --ids, --input",
                       n_kinds ? "more than one kind of input" : "no input");
    return o->input ? read_jsonl(out, arena, o->input, err) : read_command_line(out, arena, o, err);
}

/* ---- ids and their engine ---- */

qg_status qg_input_encode(qg_ids *out, qg_arena *arena, const qg_inputs *inputs, size_t i,
                          const qg_tokenizer *t, qg_err *err)
{
    const qg_input *in = &inputs->at[i];

    *out = in->ids;
    if (!in->is_text)
        return QG_OK;
    return qg_input_blame(
        in, qg_tokenizer_encode(out, arena, t, in->text, inputs->encode_flags, err), err);
}

qg_status qg_input_open_tokenizer(const qg_tokenizer **out, qg_arena *arena, const char *folder,
                                  qg_err *err)
{
    if (!qg_dir_exists(folder))
        return qg_fail(err, QG_ENOTFOUND, "there is no model folder '%s'", folder);
    return qg_tokenizer_open(out, arena, folder, err);
}

/* The tokens that all inputs together may come to. */
static qg_status encode_all(int64_t *n_tokens, qg_inputs *inputs, qg_arena *arena,
                            const qg_tokenizer *t, int64_t n_more, qg_err *err)
{
    *n_tokens = 0;
    for (size_t i = 0; i < inputs->n; i++) {
        QG_PASS(qg_input_encode(&inputs->at[i].ids, arena, inputs, i, t, err));
        *n_tokens += (int64_t)inputs->at[i].ids.n + n_more + BLOCK_TOKENS;
    }
    return QG_OK;
}

static qg_status check_ids(const qg_ids *ids, const qg_engine_info *info, qg_err *err)
{
    if (ids->n > (size_t)info->max_model_len)
        return qg_fail(err, QG_EARG,
                       "the input has %zu tokens, max_model_len is %d (--max-model-len raises it "
                       "as far as the model goes)",
                       ids->n, info->max_model_len);
    for (size_t i = 0; i < ids->n; i++)
        if (ids->id[i] < 0 || ids->id[i] >= info->vocab_size)
            return qg_fail(err, QG_EARG, "token id %d lies outside the vocabulary of %d",
                           ids->id[i], info->vocab_size);
    return QG_OK;
}

qg_status qg_inputs_open_engine(qg_engine **out, qg_inputs *inputs, qg_arena *arena,
                                const char *folder, const qg_cli_model *model, int64_t n_more,
                                qg_err *err)
{
    qg_engine_options o = qg_cli_engine_options(model);
    int64_t n_tokens, pool = o.max_model_len > POOL_TOKENS ? o.max_model_len : POOL_TOKENS;

    QG_PASS(qg_input_open_tokenizer(&o.tokenizer, arena, folder, err));
    QG_PASS(encode_all(&n_tokens, inputs, arena, o.tokenizer, n_more, err));
    o.max_seqs = inputs->n < MAX_SEQS ? (int)inputs->n : MAX_SEQS;
    o.block_tokens = BLOCK_TOKENS;
    o.kv_tokens = n_tokens < pool ? n_tokens : pool;
    QG_PASS(qg_cli_examine(folder, o.quantization, o.activations, err));
    QG_PASS(qg_engine_open(out, arena, folder, &o, err));
    qg_engine_info info = qg_engine_describe(*out);
    for (size_t i = 0; i < inputs->n; i++)
        QG_PASS(qg_input_blame(&inputs->at[i], check_ids(&inputs->at[i].ids, &info, err), err));
    return QG_OK;
}
