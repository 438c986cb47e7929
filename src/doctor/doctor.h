/* Findings about a model folder before anything is loaded.
 *
 * The folder is examined in the order in which loading goes: config.json, quantization, the files
 * of the weights, every tensor against the family's formula, order of groups, scales and zero
 * points, the tokenizer against the embedding. Where loading stops at the first mistake, this goes
 * on: each tensor is looked at for itself. The judges are those of the engine, so that what passes
 * here loads and what loads passes. Read-only; bounded: of the weights only the small parts are
 * read (orders, scales, zero points).
 *
 * A finding has an id, the tensor where it is about one, what is wrong and what to do:
 *
 *     folder-missing config-unreadable family-unsupported weights-missing weights-unreadable
 *     weights-pickled tensor-missing tensor-shape tensor-dtype tensor-unknown tensor-overlap
 *     tensor-outside tensor-duplicate tensor-bytes dtype-fp8 method-mismatch method-mixed
 *     quantization-undeclared quantization-config quantization-unsupported gptq-zeros-v1-v2
 *     gptq-zeros-guessed group-size packed-width g-idx-* scale-* zero-* weight-* module-*
 *     head-missing head-untied scale-denormal float16-overflow weight-not-finite
 *     tokenizer-unreadable tokenizer-unsupported vocabulary-embedding special-id-range small-model
 */
#ifndef QG_DOCTOR_DOCTOR_H
#define QG_DOCTOR_DOCTOR_H

#include "base/finding.h"

typedef struct qg_doctor_options {
    const char *quantization, *activations; /* what the caller declares, or NULL */
    /* Before each load: leaves out what loading reads anyway, all numbers of dense tensors and the
     * tokenizer. */
    bool quick;
} qg_doctor_options;

/* Adds to `out`, which the caller began; places name the file or folder. An error only where the
 * examination itself failed (QG_ENOMEM). */
qg_status qg_doctor_examine(qg_findings *out, const char *folder, const qg_doctor_options *options,
                            qg_err *err);

#endif
