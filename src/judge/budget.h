/* Budgets: the value of a metric, alone or relative to the reference, and its limit. */
#ifndef QG_JUDGE_BUDGET_H
#define QG_JUDGE_BUDGET_H

#include "judge/estimate.h"
#include "suite/expect.h"

/* The value of a metric in a case. `reference` is the same kind of case of the suite's reference
 * model in the same run, NULL where there is none: ratios (*_vs_fp16) divide by its value,
 * accuracy_drop compares with it. What a live reference measured is in the case itself; a record
 * from before there were any has ppl_increase from the sums of both cases, the same number
 * (perplexities of two protocols are refused).
 * QG_ENOTFOUND: not measured. QG_EREFUSED: not comparable. QG_ENONFINITE. QG_ENOMEM. */
qg_status qg_budget_value(qg_value *out, qg_arena *scratch, const qg_measurement *m,
                          const qg_measurement *reference, qg_metric metric, qg_err *err);

/* What is known of the value beside its budget: numbers and, of points, the verdict; the rest is
 * decided among all judgements (decide.h). Place and case are left to the caller. */
void qg_budget_judge(qg_judgement *out, const qg_expect *budget, const qg_estimate *estimate,
                     double alpha);

#endif
