/* `quantgate quantize MODEL -o DIR`: an FP16 folder to a quantized one, see quantize/quantize.h. */
#include "base/json.h"
#include "base/progress.h"
#include "base/units.h"
#include "cli/recipe.h"
#include "quantize/quantize.h"

#include <stdio.h>
#include <string.h>

typedef struct quantize_options {
    qg_cli_recipe recipe;
    const char *out, *method;
    int64_t threads;
    bool json;
} quantize_options;

static const quantize_options defaults = {.method = "rtn"};
static const qg_option options[] = {
    QG_TEXT("out", quantize_options, out, "DIR", "the folder to make; it must not exist"),
    QG_TEXT("method", quantize_options, method, "rtn",
            "how codes are chosen: rtn rounds to the nearest (rtn)"),
    QG_INT("threads", quantize_options, threads, "N", 0, 4096, "CPU threads, 0: all (0)"),
    QG_FLAG("json", quantize_options, json, "what was made as one JSON object"),
    {0},
};

typedef struct shower {
    qg_progress bar;
} shower;

static void show(void *user, const char *linear, double done)
{
    shower *s = user;

    snprintf(s->bar.label, sizeof s->bar.label, "%s", linear);
    qg_progress_update(&s->bar, done);
}

static qg_status write_result(const quantize_options *o, const qg_quantize_result *r, qg_buf *out,
                              qg_err *err)
{
    qg_json_writer w;
    char before[QG_UNIT_TEXT], after[QG_UNIT_TEXT];

    if (!o->json) {
        qg_buf_format(out, "%s: %s, %d bit", o->out, r->format, r->bits);
        if (r->group_size > 0)
            qg_buf_format(out, ", groups of %d", r->group_size);
        qg_buf_format(out, ", %d linears, relative error %.4f, %s of %s\n", r->n_linears,
                      r->relative_error,
                      qg_unit_print(after, QG_UNIT_BYTES, (double)r->bytes_after),
                      qg_unit_print(before, QG_UNIT_BYTES, (double)r->bytes_before));
        return QG_OK;
    }
    qg_json_write_begin(&w, out);
    qg_json_write_object(&w);
    qg_json_put_text(&w, "folder", o->out);
    qg_json_put_text(&w, "method", o->method);
    qg_json_put_text(&w, "format", r->format);
    qg_json_put_int(&w, "bits", r->bits);
    qg_json_put_int(&w, "group_size", r->group_size);
    qg_json_put_int(&w, "linears", r->n_linears);
    qg_json_put_int(&w, "bytes_before", r->bytes_before);
    qg_json_put_int(&w, "bytes_after", r->bytes_after);
    qg_json_put_real(&w, "relative_error", r->relative_error);
    qg_json_write_close(&w);
    QG_PASS(qg_json_write_end(&w, err));
    qg_buf_char(out, '\n');
    return QG_OK;
}

static qg_status quantize(qg_cli *cli, qg_err *err)
{
    const quantize_options *o = cli->options;
    qg_quantize_options q = {.n_threads = (int)o->threads, .on_progress = show};
    qg_quantize_result r;
    shower s;
    qg_buf out;
    bool given;

    if (!o->out)
        return qg_fail(err, QG_EARG, "give '--out DIR', the folder to make");
    if (strcmp(o->method, "rtn") != 0)
        return qg_fail(err, QG_EARG, "method '%s' is unknown: rtn is there", o->method);
    QG_PASS(qg_cli_recipe_read(&q.recipe, &given, &o->recipe, err));
    q.user = &s;
    qg_progress_begin(&s.bar, stderr, "quantizing");
    qg_status status = qg_quantize_folder(&r, cli->args[0], o->out, &q, err);
    qg_progress_end(&s.bar);
    QG_PASS(status);
    qg_buf_init(&out, cli->run);
    QG_PASS(write_result(o, &r, &out, err));
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}

const qg_command qg_cmd_quantize = {
    .name = "quantize",
    .arguments = "MODEL",
    .summary = "make a quantized checkpoint from an FP16 folder",
    .details = "The folder can be opened by this program, and by the readers of its format: vLLM, "
               "transformers,\nGPTQModel. Embedding, norms and head stay as they are.",
    .example = "quantgate quantize llama-fp16 --bits 4 --group-size 128 -o llama-gptq",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .shared = qg_cli_recipe_options,
    .defaults = &defaults,
    .options_size = sizeof(quantize_options),
    .run = quantize,
};
