/* `quantgate bench --invariance`: whether answers depend on chance, or on the batch. */
#ifndef QG_CLI_BENCH_INVARIANCE_H
#define QG_CLI_BENCH_INVARIANCE_H

#include "cli/bench_model.h"
#include "measure/invariance.h"

typedef struct qg_bench_invariance {
    qg_bench_model model;
    qg_engine_options options; /* as the user gave them: sizes are added here */
    qg_invariance_task task;
    const char *beside; /* device of a reference; NULL: none */
    bool json;
} qg_bench_invariance;

/* Measures and prints. */
qg_status qg_bench_invariance_run(qg_cli *cli, const qg_bench_invariance *b, qg_err *err);

#endif
