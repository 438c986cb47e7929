/* The stub of a model card, see readme.h. */
#include "quantize/readme.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/units.h"
#include "build_info.h"

static const char *title_of(const char *method)
{
    static const struct {
        const char *method, *title;
    } titles[] = {{"rtn", "rounding to nearest"},
                  {"int8", "INT8 (SmoothQuant)"},
                  {"gptq", "GPTQ"},
                  {"awq", "AWQ"}};

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (qg_str_is(qg_str_from(method), titles[i].method))
            return titles[i].title;
    return method;
}

/* A path's last part in a YAML string: quotes and backslashes escaped, control characters left out.
 */
static void write_quoted(qg_buf *out, qg_str name)
{
    qg_buf_char(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\')
            qg_buf_char(out, '\\');
        if ((unsigned char)name.ptr[i] >= ' ')
            qg_buf_char(out, name.ptr[i]);
    }
    qg_buf_char(out, '"');
}

static void write_recipe(qg_buf *out, const qg_quantized *q)
{
    char before[QG_UNIT_TEXT], after[QG_UNIT_TEXT];

    qg_buf_format(out, "| method | %s |\n", title_of(q->method));
    qg_buf_format(out, "| format | %s, %d bit, %s, ", q->format, q->bits,
                  q->symmetric ? "symmetric" : "with zero points");
    if (q->group_size)
        qg_buf_format(out, "groups of %d |\n", q->group_size);
    else
        qg_buf_text(out, "one scale an output |\n");
    qg_buf_format(out, "| activations | %s |\n",
                  qg_str_is(qg_str_from(q->activations), "int8") ? "8 bit, per token" : "float");
    if (q->n_windows)
        qg_buf_format(out, "| calibration | %d windows of %d tokens (SHA-256 of the ids %.12s) |\n",
                      q->n_windows, q->window, q->calibration_hash);
    qg_buf_format(out, "| weights | %s of %s |\n",
                  qg_unit_print(after, QG_UNIT_BYTES, (double)q->bytes_after),
                  qg_unit_print(before, QG_UNIT_BYTES, (double)q->bytes_before));
    qg_buf_format(out, "| error of weights | %.4f (relative root mean square) |\n",
                  q->weight_error);
    qg_buf_format(out, "| SHA-256 of the base model | %s |\n", q->source_hash);
    qg_buf_format(out, "| made by | quantgate %s (%s) |\n", QG_BUILD_VERSION, QG_BUILD_COMMIT);
}

void qg_readme_write(qg_buf *out, const char *model, const char *hash, const qg_quantized *q)
{
    qg_str name = qg_str_from(model);

    while (name.len > 1 && name.ptr[name.len - 1] == '/')
        name.len--;
    for (size_t i = name.len; i > 0; i--)
        if (name.ptr[i - 1] == '/') {
            name = qg_str_sub(name, i, name.len);
            break;
        }
    qg_buf_text(out, "---\nbase_model: ");
    write_quoted(out, name);
    qg_buf_format(out,
                  "\nbase_model_relation: quantized\nquantized_by: quantgate\n"
                  "library_name: transformers\ntags:\n- quantgate\n- %s\n"
                  "quantgate_checkpoint: " QG_HASH_PREFIX "%s\n---\n\n",
                  q->method, hash);
    qg_buf_format(out, "# A model quantized by %s\n\n", title_of(q->method));
    qg_buf_text(out, "Fill in what it is for, its licence, and how it was tested: "
                     "`quantgate run` against the base model.\n\n| | |\n|---|---|\n");
    write_recipe(out, q);
    qg_buf_text(out, "\nWhat each linear lost is in `" QG_QUANTIZED_FILE "`.\n");
}
