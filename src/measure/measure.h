/* Measuring a plan: one worker process a case, numbers into a qg_run.
 *
 * The worker of a quality case of another model than the suite's reference opens the reference too
 * and reads the text beside it, so that each case is complete whatever else is in the plan.
 *
 * A worker that crashes, hangs, talks nonsense or is killed costs its own case: that measurement is
 * failed with exit class 3, the reason, and the last lines of its log. What the worker refuses (a
 * broken checkpoint, a prompt that is too long) is failed with exit class 2. The others go on.
 *
 * Samples of a performance case: `warmup` that do not count, then `samples.min`, or as many as the
 * case's percentile budgets need for a 95 % upper bound (59 for p95), at most `samples.max`.
 */
#ifndef QG_MEASURE_MEASURE_H
#define QG_MEASURE_MEASURE_H

#include "record/record.h"
#include "suite/plan.h"

typedef struct qg_measure_options {
    const char *program; /* what is started as "PROGRAM worker" */
    const char *tier;    /* highest kernel tier; NULL: the best */
    int64_t threads;     /* 0: what the suite says */
    int64_t seed;        /* < 0: what the suite says */
    int64_t timeout_ns;  /* longest silence of a worker */
    bool only_goldens;   /* of quality cases, and of those the prompts alone: bless */
    /* Told before and during a case; may be NULL. done is in [0, 1]. */
    void (*on_progress)(void *user, const char *case_id, double done);
    void *user;
} qg_measure_options;

#define QG_MEASURE_TIMEOUT_NS INT64_C(600000000000)

/* Fills machine, models and measurements (one a case, in order) of the run. Only running out of
 * memory is an error; everything else is in the measurements. */
qg_status qg_measure_plan(qg_run *run, qg_arena *arena, const qg_plan *plan,
                          const qg_measure_options *options, qg_err *err);

/* Samples that a case takes. */
int64_t qg_measure_samples(const qg_case *c, const qg_suite_performance *p);

#endif
