/* What `quantgate bench` measures: a model folder, or one made in memory (quantize/synth.h). */
#ifndef QG_CLI_BENCH_MODEL_H
#define QG_CLI_BENCH_MODEL_H

#include "cli/cli.h"

/* As the user asked for it. */
typedef struct qg_bench_synth {
    const char *preset; /* NULL: a folder, and nothing else is given */
    const char *format;
    int64_t bits, group_size; /* bits 16: plain halves */
} qg_bench_synth;

typedef struct qg_bench_model {
    const char *name;                     /* the folder, or what was made */
    const struct qg_model_config *config; /* NULL: of a folder */
    const struct qg_checkpoint *weights;
} qg_bench_model;

/* Examines the folder, or makes the model; `folder` NULL: none was given. QG_EARG unless exactly
 * one of both is asked for. On `arena`. */
qg_status qg_bench_model_find(qg_bench_model *out, qg_arena *arena, const char *folder,
                              const qg_bench_synth *synth, const qg_engine_options *options,
                              qg_err *err);

/* An engine of it, which lives as long as its arena. */
qg_status qg_bench_model_open(qg_engine **out, qg_arena *arena, const qg_bench_model *model,
                              const qg_engine_options *options, qg_err *err);

#endif
