/* `quantgate eval MODEL`: how well a model predicts a text, alone or beside a reference. The
 * numbers are those of a suite's quality cases (measure/documents.h), with the same protocol id for
 * the same file: several texts count as one file that holds them with a blank line between. */
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/progress.h"
#include "cli/examine.h"
#include "cli/input.h"
#include "measure/documents.h"
#include "measure/live_reference.h"
#include "record/value.h"

#include <stdio.h>

typedef struct eval_options {
    qg_cli_model model;
    qg_cli_list text, text_file;
    const char *reference, *reference_quantization, *reference_activations;
    int64_t window;
    bool json, per_document;
} eval_options;

static const eval_options defaults = {.window = 512};
static const qg_option options[] = {
    QG_LIST("text", eval_options, text, "TEXT", "a text; again for more of them"),
    QG_LIST("text-file", eval_options, text_file, "FILE",
            "a text in a file, - is stdin; blank lines separate documents"),
    QG_INT("window", eval_options, window, "N", 2, 1 << 20,
           "tokens read at once, of which the first is context only (512)"),
    QG_TEXT("reference", eval_options, reference, "REF",
            "model to compare with, token by token: KL divergence and more"),
    QG_TEXT("reference-quantization", eval_options, reference_quantization, "METHOD",
            "as --quantization, of the reference"),
    QG_TEXT("reference-activations", eval_options, reference_activations, "int8|float",
            "as --activations, of the reference"),
    QG_FLAG("json", eval_options, json, "one JSON object"),
    QG_FLAG("per-document", eval_options, per_document,
            "with --json: the sums of every document, for paired statistics"),
    {0},
};

typedef struct eval {
    qg_cli *cli;
    const eval_options *o;
    qg_str text;
    const char *name; /* of the text, for messages */
    qg_documents documents;
    qg_engine *engine;
    qg_reference reference; /* engine NULL: none */
    qg_measurement measured;
    qg_progress bar;
} eval;

/* ---- the text ---- */

static qg_status add_text(qg_buf *all, qg_str text)
{
    if (all->len)
        qg_buf_text(all, "\n\n");
    qg_buf_str(all, text);
    return all->failed ? QG_ENOMEM : QG_OK;
}

static qg_status read_text(eval *e, qg_err *err)
{
    const qg_cli_list *texts = &e->o->text, *files = &e->o->text_file;
    qg_arena *arena = e->cli->run;
    qg_buf all;

    qg_buf_init(&all, arena);
    e->name = files->n == 1 && !texts->n ? files->at[0] : files->n ? "the texts" : "--text";
    if (texts->n + files->n == 0)
        return qg_fail(err, QG_EARG, "no text; give --text or --text-file");
    for (int i = 0; i < texts->n; i++)
        if (add_text(&all, qg_str_from(texts->at[i])) != QG_OK)
            return qg_fail(err, QG_ENOMEM, "out of memory");
    for (int i = 0; i < files->n; i++) {
        qg_str text;
        QG_PASS(qg_file_read(&text, arena, files->at[i], QG_CLI_TEXT_MAX, err));
        if (add_text(&all, text) != QG_OK)
            return qg_fail(err, QG_ENOMEM, "out of memory");
    }
    e->text = qg_buf_view(&all);
    return QG_OK;
}

/* ---- opening and reading ---- */

/* Everything that can be refused before weights are loaded. */
static qg_status prepare(eval *e, const qg_tokenizer **tokenizer, qg_err *err)
{
    const eval_options *o = e->o;
    const char *folder = e->cli->args[0];
    char hash[QG_HASH_HEX];
    qg_texts texts;

    if (o->per_document && !o->json)
        return qg_fail(err, QG_EARG, "--per-document goes with --json");
    if (!o->reference && (o->reference_quantization || o->reference_activations))
        return qg_fail(err, QG_EARG, "there is no --reference that this could be about");
    QG_PASS(read_text(e, err));
    QG_PASS(qg_texts_documents_of(&texts, e->cli->run, e->text, e->name, err));
    QG_PASS(qg_hash_text(hash, e->text, err));
    QG_PASS(qg_input_open_tokenizer(tokenizer, e->cli->run, folder, err));
    QG_PASS(qg_documents_prepare(&e->documents, e->cli->run, texts, e->name, hash, o->window,
                                 *tokenizer, err));
    if (!o->reference)
        return QG_OK;
    e->reference = (qg_reference){.folder = o->reference,
                                  .quantization = o->reference_quantization,
                                  .activations = o->reference_activations,
                                  .dtype = o->model.dtype};
    return qg_reference_prepare(&e->reference, e->cli->run, *tokenizer, folder, err);
}

static qg_status check_length(const eval *e, const qg_engine *engine, qg_err *err)
{
    qg_engine_info info = qg_engine_describe(engine);

    if (e->documents.kv_tokens <= info.max_model_len)
        return QG_OK;
    return qg_fail(err, QG_EARG,
                   "'%s' takes %d tokens at once and a window has %lld; lower --window, or raise "
                   "--max-model-len as far as the model goes",
                   info.folder, info.max_model_len, (long long)e->documents.kv_tokens);
}

static qg_status open_engines(eval *e, const qg_tokenizer *tokenizer, qg_err *err)
{
    const char *folder = e->cli->args[0];
    qg_engine_options o = qg_cli_engine_options(&e->o->model);
    const qg_reference *r = &e->reference;

    o.tokenizer = tokenizer;
    o.kv_tokens = e->documents.kv_tokens;
    QG_PASS(qg_cli_examine(folder, o.quantization, o.activations, err));
    if (r->folder)
        QG_PASS(qg_cli_examine(r->folder, r->quantization, r->activations, err));
    QG_PASS(qg_engine_open(&e->engine, e->cli->run, folder, &o, err));
    QG_PASS(check_length(e, e->engine, err));
    if (!r->folder)
        return QG_OK;
    QG_PASS(qg_reference_open(&e->reference, e->cli->run, &o, err));
    return check_length(e, r->engine, err);
}

static void show_progress(void *user, size_t n_documents, int64_t tokens, int64_t all_tokens)
{
    eval *e = user;

    snprintf(e->bar.label, sizeof e->bar.label, "%zu of %zu documents", n_documents,
             e->documents.n);
    qg_progress_update(&e->bar, (double)tokens / (double)all_tokens);
}

static qg_status measure(eval *e, qg_err *err)
{
    e->measured.id.id = e->cli->args[0];
    qg_progress_begin(&e->bar, stderr, "eval");
    qg_status s = qg_documents_measure(&e->measured, e->cli->run, e->engine, e->reference.engine,
                                       &e->documents, show_progress, e, err);
    qg_progress_end(&e->bar);
    return s;
}

/* ---- output ---- */

static qg_doc add_up(const qg_measurement *m)
{
    qg_doc sum = {0};

    for (size_t i = 0; i < m->n_docs; i++) {
        sum.n_scored += m->docs[i].n_scored;
        sum.sum_nll += m->docs[i].sum_nll;
        sum.sum_dnll += m->docs[i].sum_dnll;
        sum.hits += m->docs[i].hits;
    }
    return sum;
}

static qg_status value_of(double *out, const eval *e, qg_metric metric, qg_err *err)
{
    qg_value v;

    QG_PASS(qg_value_of(&v, e->cli->run, &e->measured, metric, err));
    *out = v.value;
    return QG_OK;
}

/* Perplexity of the reference: that of the model without its increase. */
static qg_status reference_ppl(double *out, const eval *e, qg_err *err)
{
    double ppl, increase;

    QG_PASS(value_of(&ppl, e, QG_METRIC_PPL, err));
    QG_PASS(value_of(&increase, e, QG_METRIC_PPL_INCREASE, err));
    *out = ppl / (1 + increase);
    return QG_OK;
}

/* What is told of a comparison, in this order. */
static const qg_metric compared[] = {QG_METRIC_PPL_INCREASE, QG_METRIC_KLD_MEAN, QG_METRIC_KLD_P99,
                                     QG_METRIC_KLD_MAX,      QG_METRIC_SAME_TOP, QG_METRIC_DP_RMS,
                                     QG_METRIC_DLOGPROB_P99};
enum { N_COMPARED = sizeof compared / sizeof *compared };

static void put_documents(qg_json_writer *w, const eval *e)
{
    qg_json_write_key(w, "docs");
    qg_json_write_array(w);
    for (size_t i = 0; i < e->measured.n_docs; i++) {
        const qg_doc *d = &e->measured.docs[i];
        qg_json_write_object(w);
        qg_json_put_int(w, "scored", d->n_scored);
        qg_json_put_real(w, "sum_nll", d->sum_nll);
        qg_json_put_real(w, "sum_dnll", d->sum_dnll);
        qg_json_put_real(w, "sum_kl", d->sum_kl);
        qg_json_put_real(w, "sum_dp2", d->sum_dp2);
        qg_json_put_int(w, "flips", d->flips);
        qg_json_put_int(w, "hits", d->hits);
        qg_json_write_close(w);
    }
    qg_json_write_end_array(w);
}

static qg_status write_json(qg_buf *out, const eval *e, qg_err *err)
{
    qg_doc sum = add_up(&e->measured);
    qg_json_writer w;
    double v;

    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "protocol", e->measured.protocol);
    qg_json_put_real(&w, "nll", sum.sum_nll);
    qg_json_put_int(&w, "scored", sum.n_scored);
    QG_PASS(value_of(&v, e, QG_METRIC_PPL, err));
    qg_json_put_real(&w, "ppl", v);
    for (int i = 0; e->reference.engine && i < N_COMPARED; i++) {
        QG_PASS(value_of(&v, e, compared[i], err));
        qg_json_put_real(&w, qg_metric_info_of(compared[i])->name, v);
    }
    if (e->reference.engine) {
        QG_PASS(reference_ppl(&v, e, err));
        qg_json_put_real(&w, "ppl_reference", v);
    }
    qg_json_put_int(&w, "hits", sum.hits);
    qg_json_put_int(&w, "documents", (int64_t)e->measured.n_docs);
    qg_json_put_text(&w, "model", e->cli->args[0]);
    qg_json_put_text(&w, "reference", e->o->reference);
    if (e->o->per_document)
        put_documents(&w, e);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(out, '\n');
    return QG_OK;
}

static void put_head(qg_buf *out, const char *word, const char *folder, const qg_engine *engine)
{
    qg_engine_info info = qg_engine_describe(engine);

    qg_buf_format(out, "%-10s %s: %s %s on %s, %s\n", word, folder, info.family, info.method,
                  info.device, info.tier);
}

/* The protocol, broken at its slashes. */
static void put_protocol(qg_buf *out, const char *protocol)
{
    enum { LEFT = 11, WIDTH = 79 };
    qg_str rest = qg_str_from(protocol), part;
    size_t column = LEFT;

    qg_buf_format(out, "%-*s", LEFT, "protocol");
    while (qg_str_split(&rest, '/', &part)) {
        if (column > LEFT && column + part.len + 1 > WIDTH) {
            qg_buf_format(out, "\n%*s", LEFT, "");
            column = LEFT;
        }
        qg_buf_format(out, QG_STR_PRI "%s", QG_STR_ARG(part), rest.ptr ? "/" : "\n");
        column += part.len + 1;
    }
}

static qg_status put_metric(qg_buf *out, const eval *e, qg_metric metric, qg_err *err)
{
    char text[QG_UNIT_TEXT];
    double v;

    QG_PASS(value_of(&v, e, metric, err));
    qg_buf_format(out, "  %-14s %s\n", qg_metric_info_of(metric)->name,
                  qg_metric_print(text, metric, v));
    return QG_OK;
}

static qg_status write_table(qg_buf *out, const eval *e, qg_err *err)
{
    qg_doc sum = add_up(&e->measured);
    char text[QG_UNIT_TEXT];
    double v;

    put_head(out, "model", e->cli->args[0], e->engine);
    if (e->reference.engine)
        put_head(out, "reference", e->o->reference, e->reference.engine);
    qg_buf_format(out, "%-10s %lld of %zu document%s in windows of %lld\n\n", "tokens",
                  (long long)sum.n_scored, e->measured.n_docs, e->measured.n_docs == 1 ? "" : "s",
                  (long long)e->documents.window);
    QG_PASS(put_metric(out, e, QG_METRIC_NLL, err));
    QG_PASS(put_metric(out, e, QG_METRIC_PPL, err));
    if (e->reference.engine) {
        QG_PASS(reference_ppl(&v, e, err));
        qg_buf_format(out, "  %-14s %s\n", "ppl_reference", qg_unit_print(text, QG_UNIT_PLAIN, v));
    }
    for (int i = 0; e->reference.engine && i < N_COMPARED; i++)
        QG_PASS(put_metric(out, e, compared[i], err));
    qg_buf_format(out, "  %-14s %s\n\n", "hits",
                  qg_unit_print(text, QG_UNIT_SHARE, (double)sum.hits / (double)sum.n_scored));
    put_protocol(out, e->measured.protocol);
    return QG_OK;
}

static qg_status run_eval(qg_cli *cli, qg_err *err)
{
    eval e = {.cli = cli, .o = cli->options};
    const qg_tokenizer *tokenizer;
    qg_buf out;

    QG_PASS(prepare(&e, &tokenizer, err));
    QG_PASS(open_engines(&e, tokenizer, err));
    QG_PASS(measure(&e, err));
    qg_buf_init(&out, cli->run);
    QG_PASS(e.o->json ? write_json(&out, &e, err) : write_table(&out, &e, err));
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}

const qg_command qg_cmd_eval = {
    .name = "eval",
    .arguments = "MODEL",
    .summary = "perplexity of a text, and KL divergence from a reference",
    .details =
        "Documents are separated by blank lines and cut into windows that do not overlap. With\n"
        "--reference both models read each token after the same ones: kld is KL(reference || "
        "model)\nin nats over the whole vocabulary, same_top the share of tokens with the same "
        "best\nprediction, dp_rms the root mean square of the change of the true token's "
        "probability,\ndlogprob_p99 the 99th percentile of that of its log-probability, hits the "
        "tokens that were the\nbest prediction. In JSON \"nll\" is the sum "
        "over \"scored\".",
    .example = "quantgate eval golden/models/tiny-llama --quantization int8 \\\n"
               "      --reference golden/models/tiny-llama --text-file suites/data/validation.txt",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .shared = qg_cli_model_options,
    .defaults = &defaults,
    .options_size = sizeof(eval_options),
    .run = run_eval,
};
