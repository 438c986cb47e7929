/* `quantgate quantize MODEL -o DIR`: an FP16 folder to a quantized one, see quantize/quantize.h. */
#include "base/json.h"
#include "base/progress.h"
#include "base/units.h"
#include "cli/cli.h"
#include "quantize/quantize.h"

#include <stdio.h>

typedef struct quantize_options {
    const char *out, *method, *format, *activations;
    int64_t bits, group_size, threads;
    bool sym, asym, act_order, json;
} quantize_options;

static const quantize_options defaults = {.method = "rtn"};
static const qg_option options[] = {
    QG_TEXT("out", quantize_options, out, "DIR", "the folder to make; it must not exist"),
    QG_TEXT("method", quantize_options, method, "rtn",
            "how codes are chosen: rtn rounds to the nearest (rtn)"),
    QG_TEXT(
        "format", quantize_options, format, "NAME",
        "how they are stored: gptq, gptq_v2, awq, compressed-tensors, bitsandbytes (4 bit: gptq, "
        "8 bit: compressed-tensors)"),
    QG_INT("bits", quantize_options, bits, "N", 4, 8, "of a weight: 4 or 8 (4)"),
    QG_INT("group-size", quantize_options, group_size, "N", -1, 1 << 20,
           "inputs that share a scale, -1: all (128; W8A8, bitsandbytes -1)"),
    QG_FLAG("sym", quantize_options, sym, "zero points in the middle (the default but for awq)"),
    QG_FLAG("asym", quantize_options, asym, "a zero point a group"),
    QG_FLAG("act-order", quantize_options, act_order,
            "groups in an order of their own, g_idx (gptq)"),
    QG_TEXT("activations", quantize_options, activations, "float|int8",
            "with 8 bit: int8 makes W8A8 (float)"),
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
    qg_quantize_options q = {.recipe = {.format = o->format,
                                        .bits = (int)o->bits,
                                        .group_size = (int)o->group_size,
                                        .symmetric = o->sym ? 1 : -(int)o->asym,
                                        .act_order = o->act_order,
                                        .activations = o->activations},
                             .n_threads = (int)o->threads,
                             .on_progress = show};
    qg_quantize_result r;
    shower s;
    qg_buf out;

    if (!o->out)
        return qg_fail(err, QG_EARG, "give '--out DIR', the folder to make");
    if (o->sym && o->asym)
        return qg_fail(err, QG_EARG, "'--sym' and '--asym' exclude each other");
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
    .defaults = &defaults,
    .options_size = sizeof(quantize_options),
    .run = quantize,
};
