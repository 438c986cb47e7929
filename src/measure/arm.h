/* One arm: the worker process of a case, from this side of the pipe (the talk is in task.h). Only
 * what it says is kept; the engine never runs in this process. */
#ifndef QG_MEASURE_ARM_H
#define QG_MEASURE_ARM_H

#include "base/process.h"
#include "measure/measure.h"

enum { QG_ARM_TTFT, QG_ARM_TPOT, QG_ARM_ITL, QG_ARM_E2E, QG_ARM_THROUGHPUT, QG_ARM_SERIES };

typedef struct qg_arm {
    qg_process *process;
    qg_arena *arena;   /* of the run: what is kept         */
    qg_arena *scratch; /* of one answer, and of the process */
    const qg_case *c;
    const qg_plan *plan;
    const qg_measure_options *options;
    const char *program; /* that serves as the worker */
    qg_run *run;         /* whose case it is          */
    qg_measurement *m;
    const char *label; /* for progress              */
    const char *cpus;  /* that the worker runs on; NULL: any */
    size_t room;       /* runs that the series have room for */
    int64_t start_ns;
} qg_arm;

/* Sets the measurement to a case without numbers; skipped where the plan says so. */
void qg_arm_begin(qg_arm *a);
/* Starts the worker and loads the model. */
qg_status qg_arm_open(qg_arm *a, qg_err *err);
/* Quality, all of it. */
qg_status qg_arm_quality(qg_arm *a, qg_err *err);
/* Room for the samples of so many runs; those that are there stay. */
qg_status qg_arm_make_room(qg_arm *a, size_t n_runs, qg_err *err);
/* Measures run number `index`; below 0 to warm up, then only *e2e is set, else it is kept. */
qg_status qg_arm_sample(qg_arm *a, int64_t index, double *e2e, qg_err *err);
/* Takes over the worker's record: ledger, documents, golden, machine, model, pressure. */
qg_status qg_arm_finish(qg_arm *a, qg_err *err);
/* The case failed: its reason, exit class, the last lines of the worker's log; no half series. */
qg_status qg_arm_fail(qg_arm *a, const qg_err *why, qg_err *err);
/* Ends the worker. */
void qg_arm_end(qg_arm *a);

void qg_arm_tell(const qg_arm *a, double done);

#endif
