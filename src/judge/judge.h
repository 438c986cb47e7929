/* Judging: the numbers of a run against what its suite demands.
 *
 *     qg_expects expects[run->n_measurements] = the budgets of each case, in the run's order;
 *     qg_judge_run(run, arena, suite, expects, err);      fills judgements, verdict, exit_code
 *
 * Pure functions of the run and the suite; the only files read are goldens. A case that was
 * measured gets one judgement a budget; one that failed or was skipped gets one judgement, on the
 * case itself (QG_METRIC_NONE). Whatever cannot be judged (no golden, a golden that does not fit,
 * a metric that was not measured) is a judgement with verdict error, the reason and what to do.
 * An improvement never fails: where all of an interval lies beyond the allowance on the good side,
 * the notice says that the baseline is stale, and how to renew it.
 *
 * The parts: golden.h and budget.h (values), estimate.h and regression.h (what is known of them),
 * decide.h (verdicts), sentence.h, known.h (what is forgiven), verdict.h (the whole).
 */
#ifndef QG_JUDGE_JUDGE_H
#define QG_JUDGE_JUDGE_H

#include "base/err.h"
#include "record/baseline.h"
#include "record/noise.h"
#include "record/record.h"
#include "suite/suite.h"

typedef struct qg_judge_options {
    const qg_baseline *baseline; /* of the run's machine; NULL: none */
    const qg_noise *noise;       /* calibrated on it; NULL: none      */
    size_t family; /* judgements of the whole run, where this is a part of it; 0: it is no part */
} qg_judge_options;

/* Judgements of a case that chance can turn: what `family` counts. n_others: runs that a case of
 * performance is compared with (the baseline, its anchor, another program). */
size_t qg_judge_family(const qg_suite *suite, const qg_expects *expects, bool is_performance,
                       size_t n_others);

/* Replaces the judgements, notices of judging, verdict and exit code of the run; all of it lives on
 * the arena. expects has one entry a measurement. Fails only when out of memory. */
qg_status qg_judge_run(qg_run *run, qg_arena *arena, const qg_suite *suite,
                       const qg_expects *expects, const qg_judge_options *options, qg_err *err);

#endif
