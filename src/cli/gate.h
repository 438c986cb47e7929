/* What `run` and `bless` share: options of measuring, and a plan measured with progress on the
 * terminal. */
#ifndef QG_CLI_GATE_H
#define QG_CLI_GATE_H

#include "cli/outcome.h"

typedef struct qg_gate_options {
    const char *only, *device, *tier, *shard, *times, *require;
    int64_t seed, threads, timeout_s;
    /* Not in the table below: of commands that compare. */
    const char *against; /* another program, measured in turns; NULL: none                  */
    qg_compared compared;
    bool judges; /* samples are taken until what is judged is decided               */
} qg_gate_options;
#define QG_GATE_DEFAULTS                                                                           \
    {                                                                                              \
        .seed = -1, .timeout_s = 600                                                               \
    }
/* A table to be used as `shared` where the options struct begins with qg_gate_options. */
extern const qg_option qg_gate_option_table[];

/* What a run on this machine would do. With n_shards, all cases, each with its shard. */
qg_status qg_gate_plan_shards(qg_plan *out, qg_cli *cli, const qg_suite *suite,
                              const qg_gate_options *o, int n_shards, qg_err *err);
qg_status qg_gate_plan(qg_plan *out, qg_cli *cli, const qg_suite *suite, const qg_gate_options *o,
                       qg_err *err);

/* Measures the plan into a new run. Leaves judging to the caller, but looks at verdicts on the way
 * where `judges` is set (looks: measure/turns.h). A signal (interrupt.h) ends measuring early: then
 * the run is partial, and what it lacks has failed. */
qg_status qg_gate_measure(qg_run **out, qg_cli *cli, qg_plan *plan, const qg_gate_options *o,
                          bool only_goldens, qg_err *err);

#endif
