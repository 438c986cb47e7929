/* Measuring a plan: one worker process an arm, numbers into a qg_run.
 *
 * The worker of a quality case of another model than the suite's reference opens the reference too
 * and reads the text beside it, so that each case is complete whatever else is in the plan.
 *
 * A worker that crashes, hangs, talks nonsense or is killed costs its own case: that measurement is
 * failed with exit class 3, the reason, and the last lines of its log. What the worker refuses (a
 * broken checkpoint, a prompt that is too long) is failed with exit class 2. The others go on.
 *
 * Performance cases of one batch are measured in turns (turns.h), and with `against` the same cases
 * by another program beside them: its numbers go to run->against. Where the models of a batch would
 * not fit into the memory that is free, its cases are measured one by one, each beside the other
 * program's alone. Quality is measured by the other program too where `regression.allow` names a
 * metric of quality.
 */
#ifndef QG_MEASURE_MEASURE_H
#define QG_MEASURE_MEASURE_H

#include "record/record.h"
#include "suite/plan.h"

#include <signal.h>

typedef struct qg_measure_options {
    const char *program; /* what is started as "PROGRAM worker" */
    const char *tier;    /* highest kernel tier; NULL: the best */
    int64_t threads;     /* 0: what the suite says */
    int64_t seed;        /* < 0: what the suite says */
    int64_t timeout_ns;  /* longest silence of a worker */
    bool only_goldens;   /* of quality cases, and of those the prompts alone: bless */
    const char *against; /* another program, measured in turns with `program`; NULL: none */
    const volatile sig_atomic_t *stop; /* not 0: end soon; what is missing failed. NULL: never */
    /* Told before and during a case or a group of them; may be NULL. done is in [0, 1]. */
    void (*on_progress)(void *user, const char *label, double done);
    /* Whether the judgements of a group are all decided by its samples so far, a run of its own;
     * NULL: the first look is the last. */
    bool (*is_decided)(void *user, const qg_run *group);
    void *user;
} qg_measure_options;

#define QG_MEASURE_TIMEOUT_NS INT64_C(600000000000)

/* Fills machine, models and measurements (one a case, in order) of the run. Only running out of
 * memory is an error; everything else is in the measurements. */
qg_status qg_measure_plan(qg_run *run, qg_arena *arena, const qg_plan *plan,
                          const qg_measure_options *options, qg_err *err);

#endif
