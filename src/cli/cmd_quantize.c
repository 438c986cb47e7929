/* `quantgate quantize MODEL -o DIR`: an FP16 folder to a quantized one, see quantize/quantize.h. */
#include "base/file.h"
#include "base/units.h"
#include "cli/recipe.h"
#include "report/quantized_page.h"
#include "suite/texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct quantize_options {
    qg_cli_recipe recipe;
    const char *out, *method, *calibration, *tier, *report;
    int64_t samples, window, threads;
    double damp, strength;
    bool natural_order, force, json;
} quantize_options;

static const quantize_options defaults = {.method = "rtn", .strength = -1};
static const qg_option options[] = {
    QG_TEXT("out", quantize_options, out, "DIR", "the folder to make; it must not exist"),
    QG_TEXT(
        "method", quantize_options, method, "rtn|int8|gptq|awq",
        "how codes are chosen: to the nearest; W8A8, with a text by SmoothQuant; GPTQ; AWQ (rtn)"),
    QG_TEXT("calibration", quantize_options, calibration, "FILE",
            "text to calibrate on, documents separated by blank lines"),
    QG_INT("samples", quantize_options, samples, "N", 0, 1000000,
           "windows of the text that are used (128)"),
    QG_INT("window", quantize_options, window, "N", 0, 1 << 20,
           "tokens of a window (512, or what the model can)"),
    QG_REAL("damp", quantize_options, damp, "D", 0, 1,
            "gptq: added to the diagonal, as a share of its mean (0.01)"),
    QG_FLAG("natural-order", quantize_options, natural_order,
            "gptq: inputs as they stand, not by falling activation (which needs no g_idx either)"),
    QG_REAL("strength", quantize_options, strength, "A", 0, 1,
            "int8: migration strength of SmoothQuant (searched)"),
    QG_TEXT("tier", quantize_options, tier, "NAME",
            "highest kernel tier that runs the text; ref: the same bytes on every CPU (auto)"),
    QG_INT("threads", quantize_options, threads, "N", 0, 4096, "CPU threads, 0: all (0)"),
    QG_FLAG("force", quantize_options, force, "replace the folder if it exists"),
    QG_TEXT("report", quantize_options, report, "FILE",
            "write a page with heat maps of errors by layer and projection (HTML)"),
    QG_FLAG("json", quantize_options, json, "what was made, linear by linear, as one JSON object"),
    {0},
};

/* ---- the table ---- */

static double error_of(const qg_quantized_linear *l)
{
    return l->is_calibrated ? l->output_error : l->weight_error;
}

static int by_error(const void *a, const void *b)
{
    double x = error_of(*(const qg_quantized_linear *const *)a);
    double y = error_of(*(const qg_quantized_linear *const *)b);
    return (x < y) - (x > y);
}

static void write_linear(qg_buf *out, const qg_quantized_linear *l)
{
    qg_buf_format(out, "%5d  %-5s %7.4f", l->layer, l->projection, l->weight_error);
    if (l->is_calibrated) {
        qg_buf_format(out, "  %7.4f  %6.1f %%", l->output_error, 100 * l->clipped);
        qg_buf_text(out, "  ");
        for (size_t i = 0; i < l->n_outliers; i++)
            qg_buf_format(out, "%s%d (%.0fx)", i ? ", " : "", l->outliers[i].input,
                          l->outliers[i].ratio);
    }
    qg_buf_char(out, '\n');
}

/* The linears that lose most. */
static qg_status write_worst(qg_buf *out, const qg_quantized *q, qg_arena *arena, qg_err *err)
{
    enum { N_WORST = 8 };
    const qg_quantized_linear **all = QG_NEW_N(arena, const qg_quantized_linear *, q->n_linears);

    QG_NEED(all, err);
    for (size_t i = 0; i < q->n_linears; i++)
        all[i] = &q->linears[i];
    qsort(all, q->n_linears, sizeof *all, by_error);
    qg_buf_format(out, "\nlayer  linear weights%s\n",
                  q->n_windows ? "  outputs   clipped  inputs that stand out" : "");
    for (size_t i = 0; i < q->n_linears && i < N_WORST; i++)
        write_linear(out, all[i]);
    if (q->n_linears > N_WORST)
        qg_buf_format(out, "...    %zu more, all in %s\n", q->n_linears - N_WORST,
                      QG_QUANTIZED_FILE);
    return QG_OK;
}

static qg_status write_result(const quantize_options *o, const qg_quantized *q, qg_buf *out,
                              qg_arena *arena, qg_err *err)
{
    char before[QG_UNIT_TEXT], after[QG_UNIT_TEXT], peak[QG_UNIT_TEXT], wall[QG_UNIT_TEXT];

    if (o->json)
        return qg_quantized_to_json(out, q, err);
    qg_buf_format(out, "%s: %s as %s, %d bit", o->out, q->method, q->format, q->bits);
    if (q->group_size > 0)
        qg_buf_format(out, ", groups of %d", q->group_size);
    qg_buf_format(out, ", %zu linears, relative error %.4f\n", q->n_linears, q->weight_error);
    qg_buf_format(out, "%s of %s", qg_unit_print(after, QG_UNIT_BYTES, (double)q->bytes_after),
                  qg_unit_print(before, QG_UNIT_BYTES, (double)q->bytes_before));
    if (q->n_windows)
        qg_buf_format(out, ", %d windows of %d tokens, %s, peak memory %s", q->n_windows, q->window,
                      qg_unit_print(wall, QG_UNIT_DURATION, (double)q->wall_ns),
                      qg_unit_print(peak, QG_UNIT_BYTES, (double)q->peak_rss));
    qg_buf_char(out, '\n');
    return write_worst(out, q, arena, err);
}

/* ---- the page ---- */

static qg_status write_page(const char *path, const char *model, const qg_quantized *q,
                            qg_arena *arena, qg_err *err)
{
    const char *title = qg_arena_format(arena, "%s by %s", qg_path_base(model), q->method);
    qg_buf page;

    QG_NEED(title, err);
    qg_buf_init(&page, arena);
    QG_PASS(qg_quantized_html(&page, title, q, err));
    QG_NEED(!page.failed, err);
    return qg_file_write(path, qg_buf_view(&page), err);
}

/* ---- the command ---- */

static qg_status read_options(qg_quantize_options *q, const quantize_options *o, qg_arena *arena,
                              qg_err *err)
{
    qg_texts documents = {0};
    bool given;

    if (!o->out)
        return qg_fail(err, QG_EARG, "give '--out DIR', the folder to make");
    *q = (qg_quantize_options){.choice = {.method = o->method,
                                          .damp = o->damp,
                                          .natural_order = o->natural_order,
                                          .has_strength = o->strength >= 0,
                                          .strength = o->strength >= 0 ? o->strength : 0},
                               .n_windows = (int)o->samples,
                               .window = (int)o->window,
                               .tier = o->tier,
                               .n_threads = (int)o->threads,
                               .force = o->force};
    QG_PASS(qg_cli_recipe_read(&q->choice.recipe, &given, &o->recipe, err));
    if (o->calibration)
        QG_TRY(qg_texts_documents(&documents, arena, o->calibration, err), err,
               "reading the calibration text");
    q->documents = documents.at;
    q->n_documents = documents.n;
    return QG_OK;
}

static qg_status quantize(qg_cli *cli, qg_err *err)
{
    const quantize_options *o = cli->options;
    qg_quantize_options q;
    qg_quantized *made;
    qg_progress bar;
    qg_buf out;

    QG_PASS(read_options(&q, o, cli->run, err));
    qg_cli_watch_quantizing(&q, &bar);
    qg_progress_begin(&bar, stderr, "quantizing");
    qg_status status = qg_quantize_folder(&made, cli->run, cli->args[0], o->out, &q, err);
    qg_progress_end(&bar);
    QG_PASS(status);
    if (o->report)
        QG_PASS(write_page(o->report, cli->args[0], made, cli->run, err));
    qg_buf_init(&out, cli->run);
    QG_PASS(write_result(o, made, &out, cli->run, err));
    QG_NEED(!out.failed, err);
    return qg_cli_write(qg_buf_view(&out), err);
}

const qg_command qg_cmd_quantize = {
    .name = "quantize",
    .arguments = "MODEL",
    .summary = "make a quantized checkpoint from an FP16 folder",
    .details = "The folder can be opened by this program, and by the readers of its format: vLLM, "
               "transformers,\nGPTQModel, AutoAWQ. Embedding and head stay as they are. Finished "
               "layers wait in DIR.partial:\nthe same command goes on where a killed one ended.",
    .example = "quantgate quantize llama-fp16 --method gptq --calibration text.txt -o llama-gptq",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .shared = qg_cli_recipe_options,
    .defaults = &defaults,
    .options_size = sizeof(quantize_options),
    .run = quantize,
};
