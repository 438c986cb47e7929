/* How a model was quantized: the recipe, and what it cost each linear. Plain data with JSON of its
 * own, `quantization_report.json` beside the weights that it tells of; a run's record holds the
 * same object for each of its models that was made so.
 *
 * Errors are relative root mean squares: sqrt(sum (w - w')^2 / sum w^2) of weights, and the same of
 * outputs over the tokens of the calibration text (int8: over 256 of them), by the Gram matrix of
 * the inputs. Where scales were moved into the layer before, both are taken of the weights and
 * inputs after that.
 */
#ifndef QG_RECORD_QUANTIZED_H
#define QG_RECORD_QUANTIZED_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "record/fields.h"

#define QG_QUANTIZED_FILE "quantization_report.json"

/* An input whose greatest magnitude stands out. */
typedef struct qg_outlier {
    int input;
    double ratio; /* to the median of all inputs' greatest magnitudes */
} qg_outlier;

typedef struct qg_quantized_linear {
    const char *name;       /* "model.layers.0.self_attn.q_proj" */
    const char *projection; /* "q" */
    int layer, n, k;
    double weight_error, weight_norm; /* norm: sqrt(sum w^2) */
    bool is_calibrated;               /* the following are known */
    double output_error;
    double clipped;       /* share of groups whose range was cut */
    bool is_scaled;       /* scales were moved into what makes its inputs, */
    double strength;      /* with this exponent of their magnitudes */
    double damp;          /* gptq: share of the mean diagonal that was added; else 0 */
    int n_dead;           /* inputs that never fired */
    qg_outlier *outliers; /* greatest first */
    size_t n_outliers;
    int64_t wall_ns; /* choosing its codes */
} qg_quantized_linear;

typedef struct qg_quantized {
    const char *method, *format, *activations; /* activations: "float", "int8" */
    int bits, group_size;                      /* 0: one scale an output */
    bool symmetric, act_order, static_groups;
    const char *source_hash;      /* SHA-256 of the plain model */
    const char *calibration_hash; /* of the windows' ids; NULL: none */
    int n_windows, window;        /* tokens of each */
    const char *tier;             /* kernels that ran the windows; NULL without */
    int n_threads;
    int64_t bytes_before, bytes_after; /* of all tensors */
    int64_t wall_ns, peak_rss;         /* of the process, bytes */
    double weight_error;               /* over all linears */
    qg_quantized_linear *linears;      /* [n_linears] layer by layer */
    size_t n_linears;
} qg_quantized;

qg_status qg_quantized_to_json(qg_buf *out, const qg_quantized *q, qg_err *err);
/* QG_EFORMAT where a key is missing or of another type; `name` is for messages. Everything is on
 * the arena. */
qg_status qg_quantized_from_json(qg_quantized **out, qg_arena *arena, qg_str text, const char *name,
                                 qg_err *err);

/* The same as a value within another document; NULL is null. Reading says the reader's `where` and
 * the linear in its errors, and keeps `where` as it was. */
void qg_quantized_write(qg_json_writer *w, const qg_quantized *q);
qg_status qg_quantized_read(qg_quantized **out, qg_fields_reader *r, const qg_json *object);

#endif
