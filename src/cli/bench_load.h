/* `quantgate bench --load`: one engine under requests that come and go. */
#ifndef QG_CLI_BENCH_LOAD_H
#define QG_CLI_BENCH_LOAD_H

#include "cli/bench_model.h"
#include "measure/load.h"

typedef struct qg_bench_load {
    qg_bench_model model;
    qg_engine_options options; /* as the user gave them: sizes are added here */
    qg_load load;
    int64_t kv_tokens; /* of the pool; 0: every user's longest request at once, 256 users at most */
    bool json;
} qg_bench_load;

/* Measures and prints. */
qg_status qg_bench_load_run(qg_cli *cli, const qg_bench_load *b, qg_err *err);

#endif
