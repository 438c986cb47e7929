/* What a user hands to `score`, `tokenize` and `generate`: texts or ids, from the command line or
 * from files, and the engine that is just large enough for them.
 *
 * One kind of input a command: --text (again and again), --text-file (again), --ids (again), or
 * --input FILE.jsonl with an object a line, {"text": "..."} or {"ids": [1, 2]}, other keys ignored.
 * "-" is standard input. Text is taken as it is, a line feed at its end included; ids are taken
 * verbatim. Errors name file and line.
 */
#ifndef QG_CLI_INPUT_H
#define QG_CLI_INPUT_H

#include "cli/cli.h"
#include "tokenizer/tokenizer.h"

typedef struct qg_input_options {
    qg_cli_list text, text_file, ids;
    const char *input;
    bool no_special;
} qg_input_options;

/* Rows of an option table; `field` is the qg_input_options in the command's struct `type`. */
#define QG_INPUT_OPTIONS(type, field)                                                              \
    QG_LIST("text", type, field.text, "TEXT", "a text; again for more of them"),                   \
        QG_LIST("text-file", type, field.text_file, "FILE",                                        \
                "a whole file as one text, - is stdin"),                                           \
        QG_LIST("ids", type, field.ids, "1,2,3", "token ids, taken verbatim"),                     \
        QG_TEXT("input", type, field.input, "FILE.jsonl",                                          \
                "a line each: {\"text\": ...} or {\"ids\": [...]}"),                               \
        QG_FLAG("no-special", type, field.no_special,                                              \
                "without the special tokens that the tokenizer adds to a text")

typedef struct qg_input {
    bool is_text;
    qg_str text;
    qg_ids ids;       /* as given, or of the text once encoded */
    const char *file; /* where it came from, NULL: the command line */
    int line;         /* of a .jsonl file, else 0 */
} qg_input;

typedef struct qg_inputs {
    qg_input *at;
    size_t n; /* at least 1 */
    bool is_jsonl;
    unsigned encode_flags;
} qg_inputs;

/* Everything lives on the arena. */
qg_status qg_inputs_read(qg_inputs *out, qg_arena *arena, const qg_input_options *options,
                         qg_err *err);

/* Ids of one input, on the arena. */
qg_status qg_input_encode(qg_ids *out, qg_arena *arena, const qg_inputs *inputs, size_t i,
                          const qg_tokenizer *t, qg_err *err);

/* "file:line" for an error about input i. Returns `status`. */
qg_status qg_input_blame(const qg_input *input, qg_status status, qg_err *err);

/* Opens the tokenizer of a folder; says first whether the folder is there. */
qg_status qg_input_open_tokenizer(const qg_tokenizer **out, qg_arena *arena, const char *folder,
                                  qg_err *err);

/* Encodes all inputs and opens an engine with sessions and KV cache for them and `n_more` tokens
 * each, as far as 32 sessions and 8192 tokens (or max_model_len) go. QG_EARG where an input is
 * longer than max_model_len or has an id outside the vocabulary. */
qg_status qg_inputs_open_engine(qg_engine **out, qg_inputs *inputs, qg_arena *arena,
                                const char *folder, const qg_cli_model *model, int64_t n_more,
                                qg_err *err);

#endif
