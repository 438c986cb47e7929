/* Many looks at one judgement while samples come in: how much of alpha each may spend.
 *
 * To look at growing samples and stop at the first p <= alpha calls what is not there far more
 * often than alpha. Here every look has an alpha of its own, and their sum never exceeds the total;
 * so by Bonferroni's inequality the chance of a false call over all looks is at most the total, for
 * any statistic and any dependence between looks. (Group-sequential boundaries for normal
 * statistics would spend the same and use the dependence; order statistics, rank tests and
 * bootstraps here do not need it, and pay with slightly wider intervals.)
 *
 * How spending is spread, as the share of alpha spent when a share t of the planned samples is in:
 *
 *   equal           one n_looks-th each look, whatever t
 *   Pocock          log(1 + (e - 1) t): early looks nearly as strong as late ones
 *   O'Brien-Fleming 2 - 2 Phi(Phi^-1(1 - alpha / 2) / sqrt(t)) / alpha: next to nothing early,
 * nearly all at the end, so that the last look is almost as strong as a single one
 *
 * (The latter two: Lan and DeMets 1983.) Times of looks must be fixed by plan or by the clock,
 * never by what the samples say.
 */
#ifndef QG_STATS_SEQUENTIAL_H
#define QG_STATS_SEQUENTIAL_H

#include "base/err.h"

typedef enum qg_spending {
    QG_SPENDING_EQUAL,
    QG_SPENDING_POCOCK,
    QG_SPENDING_OBRIEN_FLEMING,
} qg_spending;

/* Alpha spent up to t. 0 < alpha < 0.5 and 0 <= t <= 1 asserted; of `equal`, t * alpha. */
double qg_spending_at(qg_spending kind, double alpha, double t);

/* What was spent. Plain data, one a judgement; the caller keeps it from look to look. */
typedef struct qg_alpha_ledger {
    qg_spending kind;
    double total;        /* alpha of the judgement       */
    double spent;        /* over all looks so far        */
    double last;         /* alpha of the last look       */
    double t;            /* of the last look             */
    int n_looks, looked; /* planned; done                */
} qg_alpha_ledger;

/* QG_EARG: total outside (0, 0.5), n_looks outside 1 to 1000. */
qg_status qg_alpha_ledger_open(qg_alpha_ledger *out, qg_spending kind, double total, int n_looks,
                               qg_err *err);
/* The alpha of the next look, at a share t of the planned samples; t must rise from look to look,
 * up to 1 (more counts as 1), else QG_EARG. The last planned look, or one at 1, gets all that is
 * left. After it QG_EREFUSED: nothing is left to spend. The alpha may be 0 for an O'Brien-Fleming
 * look that is too early: then nothing can be called, and the look need not be made. */
qg_status qg_alpha_ledger_look(double *alpha, qg_alpha_ledger *ledger, double t, qg_err *err);

/* A p-value of the last look made comparable with the total, as Holm's adjustment over judgements
 * wants it: p total / last, at most 1. Asserted: a look was made. */
double qg_alpha_ledger_adjust(const qg_alpha_ledger *ledger, double p);

#endif
