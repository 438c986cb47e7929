/* A finished layer on disk: a folder with model.safetensors (every tensor of the layer, under the
 * names that the plain folder has) and report.json (record/quantized.h, of its linears alone).
 */
#ifndef QG_QUANTIZE_LAYERFILE_H
#define QG_QUANTIZE_LAYERFILE_H

#include "quantize/choose.h"

typedef struct qg_layer_file {
    const qg_form *form;
    const qg_choice *choice;
    qg_calibration *calibration; /* holding the moments of the layer; NULL: no text */
    int n_threads;
    /* Told of each linear that is done, and the share of the layer; NULL: nobody */
    void (*on_linear)(void *user, const qg_quantized_linear *linear, double done);
    void *user;
} qg_layer_file;

/* Quantizes layer `index` into the folder `path`, which appears complete or not at all. */
qg_status qg_layer_file_write(const qg_layer_file *f, const qg_source *source, int index,
                              const char *path, qg_err *err);
/* Adds the linears of the layer at `path` to those of `report`, which has room. */
qg_status qg_layer_file_report(qg_quantized *report, qg_arena *arena, const char *path,
                               qg_err *err);
/* The relative error of the weights of all linears together. */
double qg_layer_file_error(const qg_quantized *report);

#endif
