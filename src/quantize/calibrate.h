/* Calibration: what the linears of each layer read while the model reads a text.
 *
 * The hidden states of all windows are kept ([n][window][hidden] floats) and go through one layer
 * at a time, so memory is that, one layer, and the moments of its four inputs. Which states a layer
 * sees is the caller's: those of the plain layers before it, or of the quantized ones.
 */
#ifndef QG_QUANTIZE_CALIBRATE_H
#define QG_QUANTIZE_CALIBRATE_H

#include "engine/layerwise.h"
#include "quantize/moments.h"
#include "quantize/source.h"
#include "quantize/windows.h"

enum { QG_MOMENTS_SAMPLE = 256 }; /* rows of an input that are kept */

typedef struct qg_calibration qg_calibration;

typedef struct qg_calibration_options {
    const char *tier;
    int n_threads;
    unsigned formats; /* of the layers that will be run, as in layerwise.h */
    bool only_sample; /* Gram matrices are of the sampled rows alone: far cheaper */
    void (*on_progress)(void *user, double done); /* of the pass at hand, 0 .. 1; NULL: nobody */
    void *user;
} qg_calibration_options;

/* States are those before layer 0. Source and windows outlive it. QG_EARG where an id has no row in
 * the embedding or a window is longer than the model can. */
qg_status qg_calibration_open(qg_calibration **out, qg_arena *arena, const qg_source *source,
                              const qg_windows *windows, const qg_calibration_options *options,
                              qg_err *err);

/* Runs all windows through plain layer `index` and takes the moments of its inputs; states are
 * those behind it then. */
qg_status qg_calibration_collect(qg_calibration *c, int index, qg_err *err);
/* Or one input after the other: begins with the plain layer, in which linears that have their codes
 * are put in their place, takes the moments of one input. States stay those before the layer. */
qg_status qg_calibration_begin(qg_calibration *c, int index, qg_err *err);
qg_status qg_calibration_put(qg_calibration *c, qg_item_kind kind, const float *w, qg_err *err);
qg_status qg_calibration_collect_one(qg_calibration *c, qg_input input, qg_err *err);
/* Of the last collection; valid until the next, and may be changed. */
qg_moments *qg_calibration_moments(qg_calibration *c, qg_input input);
/* Runs all windows through layer `index` of another checkpoint: states are those behind it. */
qg_status qg_calibration_advance(qg_calibration *c, int index, const qg_checkpoint *from,
                                 const qg_storage *storage, qg_err *err);

qgk_ctx *qg_calibration_ctx(qg_calibration *c);
const char *qg_calibration_tier(const qg_calibration *c);

#endif
