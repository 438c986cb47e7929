/* Many judgements to one verdict and the exit code of the program.
 *
 *     0 every judgement passed, was skipped, or is a known failure     merge
 *     1 a regression or a violated budget                              the author acts
 *     2 suite, arguments or checkpoint are wrong                       the author acts
 *     3 the machine failed                                             CI may retry
 *     4 inconclusive under policy `fail`                               rerun with more samples
 *
 * Where several apply: 2, then 1, 3, 4, 0. Each judgement carries the code it asks for; skips,
 * known failures and what policy forgives ask for 0.
 */
#ifndef QG_JUDGE_VERDICT_H
#define QG_JUDGE_VERDICT_H

#include "record/record.h"

/* The one that wins. An exit code that is none counts as 3. */
int qg_exit_worst(int a, int b);

/* Sets run->verdict and run->exit_code from its judgements: error for 2 and 3, fail for 1,
 * inconclusive for 4; for 0 pass, or skip where there are judgements and all are skips. */
void qg_verdict_fold(qg_run *run);

#endif
