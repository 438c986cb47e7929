/* A finished layer on disk, see layerfile.h. */
#include "quantize/layerfile.h"

#include "base/clock.h"
#include "base/file.h"

#include <math.h>
#include <string.h>

enum { MAX_SPECS = QG_LAYER_LINEARS * (QGK_MAX_PARTS + 1) + 4, REPORT_MAX = 1 << 20 };

typedef struct writer {
    const qg_layer_file *file;
    qg_arena *arena;
    qg_float_layer layer;
    qg_chooser *chooser;
    qg_quantized_linear done[QG_LAYER_LINEARS];
    qg_safetensors_writer *out;
} writer;

/* ---- what will be written ---- */

static void add_vector(const qg_float_vector *v, qg_tensor_spec *specs, size_t *n)
{
    if (v->tensor)
        specs[(*n)++] = qg_tensor_spec_of(v->tensor);
}

static qg_status list_specs(writer *w, qg_tensor_spec *specs, size_t *n, qg_err *err)
{
    const qg_float_norm *norms[] = {&w->layer.attention_norm, &w->layer.mlp_norm};

    *n = 0;
    for (int i = 0; i < 2; i++) {
        add_vector(&norms[i]->weight, specs, n);
        add_vector(&norms[i]->bias, specs, n);
    }
    for (int i = 0; i < w->layer.n_linears; i++) {
        const qg_item *item = w->layer.linear[i].item;
        size_t n_parts;
        QG_PASS(qg_form_specs(w->file->form, specs + *n, &n_parts, w->arena, item->name, item->n,
                              item->k, err));
        *n += n_parts;
        add_vector(&w->layer.linear[i].bias, specs, n);
    }
    return QG_OK;
}

/* ---- writing ---- */

static qg_status write_vector(writer *w, const qg_float_vector *v, qg_err *err)
{
    if (!v->tensor)
        return QG_OK;
    void *bits = qg_arena_alloc(w->arena, v->tensor->n_bytes);
    QG_NEED(bits, err);
    for (int64_t i = 0; i < v->tensor->n_elements; i++)
        qgk_float_put(bits, v->tensor->dtype, (size_t)i, v->v[i]);
    return qg_safetensors_write_data(w->out, bits, v->tensor->n_bytes, err);
}

static qg_status write_linear(writer *w, int i, qg_err *err)
{
    const qg_item *item = w->layer.linear[i].item;
    const int32_t *order;
    qgk_canon rows;

    QG_PASS(qg_chooser_prepare(w->chooser, i, err));
    qg_arena_mark mark = qg_arena_here(w->arena);
    int64_t start_ns = qg_clock_ns();
    QG_PASS(qg_form_canon(w->file->form, &rows, w->arena, item->n, item->k, err));
    QG_PASS(qg_chooser_choose(w->chooser, i, &rows, &order, &w->done[i], err));
    w->done[i].wall_ns = qg_clock_ns() - start_ns;
    QG_PASS(qg_form_write(w->file->form, w->out, &rows, order, w->arena, err));
    qg_arena_rewind(w->arena, mark);
    return write_vector(w, &w->layer.linear[i].bias, err);
}

static qg_status write_tensors(writer *w, const char *path, qg_err *err)
{
    const qg_float_norm *norms[] = {&w->layer.attention_norm, &w->layer.mlp_norm};
    qg_tensor_spec *specs = QG_NEW_N(w->arena, qg_tensor_spec, MAX_SPECS);
    size_t n_specs;

    QG_NEED(specs, err);
    QG_PASS(list_specs(w, specs, &n_specs, err));
    QG_PASS(qg_safetensors_write_begin(&w->out, w->arena, path, specs, n_specs, err));
    for (int i = 0; i < 2; i++) {
        QG_PASS(write_vector(w, &norms[i]->weight, err));
        QG_PASS(write_vector(w, &norms[i]->bias, err));
    }
    for (int i = 0; i < w->layer.n_linears; i++) {
        QG_TRY(write_linear(w, i, err), err, "quantizing '%s'", w->layer.linear[i].item->name);
        if (w->file->on_linear)
            w->file->on_linear(w->file->user, &w->done[i], (double)(i + 1) / w->layer.n_linears);
    }
    return qg_safetensors_write_end(w->out, err);
}

static qg_status write_report(writer *w, const char *path, qg_err *err)
{
    qg_quantized report = {.method = "",
                           .format = "",
                           .activations = "",
                           .linears = w->done,
                           .n_linears = (size_t)w->layer.n_linears};
    qg_buf b;

    qg_buf_init(&b, w->arena);
    QG_PASS(qg_quantized_to_json(&b, &report, err));
    QG_NEED(!b.failed, err);
    return qg_file_write(path, qg_buf_view(&b), err);
}

static qg_status write_folder(writer *w, const qg_source *source, int index, const char *path,
                              qg_err *err)
{
    const qg_layer_file *f = w->file;
    qg_dir_out *out;

    QG_PASS(qg_float_layer_read(&w->layer, w->arena, source, index, f->n_threads, err));
    QG_PASS(qg_chooser_open(&w->chooser, w->arena, f->choice, f->form, &w->layer, f->calibration,
                            f->n_threads, err));
    QG_PASS(qg_dir_out_open(&out, w->arena, path, false, err));
    const char *tensors = qg_path_join(w->arena, qg_dir_out_path(out), "model.safetensors");
    const char *report = qg_path_join(w->arena, qg_dir_out_path(out), "report.json");
    QG_NEED(tensors && report, err);
    QG_PASS(write_tensors(w, tensors, err));
    QG_PASS(write_report(w, report, err));
    return qg_dir_out_commit(out, err);
}

qg_status qg_layer_file_write(const qg_layer_file *f, const qg_source *source, int index,
                              const char *path, qg_err *err)
{
    writer w = {.file = f, .arena = qg_arena_create()};

    QG_NEED(w.arena, err);
    qg_status s = write_folder(&w, source, index, path, err);
    qg_arena_free(w.arena);
    return s;
}

/* ---- reports ---- */

qg_status qg_layer_file_report(qg_quantized *report, qg_arena *arena, const char *path, qg_err *err)
{
    const char *file = qg_path_join(arena, path, "report.json");
    qg_quantized *of_layer;
    qg_str text;

    QG_NEED(file, err);
    QG_PASS(qg_file_read(&text, arena, file, REPORT_MAX, err));
    QG_PASS(qg_quantized_from_json(&of_layer, arena, text, file, err));
    if (of_layer->n_linears > QG_LAYER_LINEARS)
        return qg_fail(err, QG_EFORMAT, "'%s' has %zu linears", file, of_layer->n_linears);
    memcpy(report->linears + report->n_linears, of_layer->linears,
           of_layer->n_linears * sizeof *of_layer->linears);
    report->n_linears += of_layer->n_linears;
    return QG_OK;
}

double qg_layer_file_error(const qg_quantized *report)
{
    double of_error = 0, of_weights = 0;

    for (size_t i = 0; i < report->n_linears; i++) {
        const qg_quantized_linear *l = &report->linears[i];
        of_error += pow(l->weight_error * l->weight_norm, 2);
        of_weights += pow(l->weight_norm, 2);
    }
    return of_weights > 0 ? sqrt(of_error / of_weights) : 0;
}
