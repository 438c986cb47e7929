/* Gates too weak to see what they promise: what a suite demands, against what a machine was
 * calibrated to tell. Plain findings, each with the number of samples that mends it where one does.
 *
 *   error    an absolute budget below what the machine does; a margin between both that is smaller
 *            than the half of an interval from samples.max: such a row could never pass
 *   error    an allowance below the floor of the machine
 *   note     a budget of time on a machine that was never calibrated
 *
 * A half-width falls with the root of the samples, so the n that mends is the calibrated n times
 * (half-width / margin) squared.
 */
#ifndef QG_JUDGE_POWERCHECK_H
#define QG_JUDGE_POWERCHECK_H

#include "record/noise.h"
#include "suite/suite.h"

/* Adds to findings that were begun. noise NULL: not calibrated. The ids of cases are those of the
 * plan: MODEL/perf/bN. */
void qg_powercheck(qg_findings *findings, const qg_suite *suite, const qg_noise *noise,
                   qg_arena *scratch);

#endif
