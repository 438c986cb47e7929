/* An FP16 folder in, a quantized folder out.
 *
 * Every linear of the layers is quantized, layer by layer; embedding, positions, head and what else
 * stands outside the layers are copied as they are stored, and so are biases and norms unless the
 * method moves scales into them. The new folder holds config.json with its `quantization_config`,
 * model.safetensors, the tokenizer's and generation's files of the old one, README.md with the
 * recipe, and quantization_report.json (record/quantized.h). It appears complete or not at all.
 *
 * Methods (quantize/choose.h): rtn rounds to the nearest; gptq, awq and int8 with a text calibrate.
 * gptq runs each layer on what the quantized layers before it make of the text; awq and int8 on
 * what the plain ones do.
 *
 * Finished layers are kept in FOLDER.partial until all are: the same call after a kill goes on with
 * the next layer, and gives the same bytes. Two processes that make the same folder wait for each
 * other. The same recipe and text give the same bytes for any number of threads on one kernel tier
 * of one LAPACK; with tier "ref" the windows run with arithmetic that is the same on every CPU.
 *
 * Memory: the mapped folder, the hidden states of the windows, one layer as float32 and as codes,
 * and, with a text, the Gram matrices of its four inputs (8 k^2 bytes each).
 *
 * Statuses: QG_EEXISTS (the folder exists), QG_EREFUSED (inside the input, or already quantized),
 * QG_EARG (the recipe, a text that is too short), QG_EFORMAT, QG_ENONFINITE, QG_ENOSUP as for
 * loading; QG_EDEVICE (gptq without LAPACK), QG_ESTOPPED, QG_ENOSPACE, QG_EIO.
 */
#ifndef QG_QUANTIZE_QUANTIZE_H
#define QG_QUANTIZE_QUANTIZE_H

#include "quantize/choose.h"
#include "record/quantized.h"

#include <signal.h>

enum { QG_QUANTIZE_WINDOWS = 128, QG_QUANTIZE_WINDOW = 512 };

typedef struct qg_quantize_options {
    qg_choice choice;
    const qg_str *documents; /* [n_documents] the calibration text, UTF-8 */
    size_t n_documents;      /* 0: none */
    int n_windows, window;   /* 0: 128 of 512 tokens */
    const char *tier;        /* highest kernel tier; NULL: the best of this CPU */
    int n_threads;           /* 0: all that this process may use */
    bool force;              /* replace the folder where it exists */
    /* Told what is going on ("layer 3 of 30, q") and how much is done, from 0 to 1; NULL: nobody */
    void (*on_progress)(void *user, const char *label, double done);
    /* Told what a user should know: fewer windows than asked for, work that goes on; NULL: nobody
     */
    void (*on_notice)(void *user, const char *text);
    void *user;
    const volatile sig_atomic_t *stop; /* not 0: no further layer, QG_ESTOPPED. NULL: never */
} qg_quantize_options;

/* *out, on the arena, is what the folder's report says. */
qg_status qg_quantize_folder(qg_quantized **out, qg_arena *arena, const char *model,
                             const char *folder, const qg_quantize_options *options, qg_err *err);

#endif
