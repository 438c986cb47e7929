/* Spending of alpha: see sequential.h. Invariant: the alphas of all looks add up to `spent`, which
 * never exceeds `total`. */
#include "stats/sequential.h"

#include "stats/distribution.h"
#include "stats/numbers.h"

#include <assert.h>
#include <math.h>

double qg_spending_at(qg_spending kind, double alpha, double t)
{
    static const double e_minus_1 = 1.71828182845904523536;

    assert(alpha > 0 && alpha < 0.5 && t >= 0 && t <= 1);
    if (t == 0 || t == 1)
        return t == 0 ? 0 : alpha;
    if (kind == QG_SPENDING_POCOCK)
        return alpha * log1p(e_minus_1 * t);
    if (kind == QG_SPENDING_OBRIEN_FLEMING)
        return 2 * qg_normal_cdf(qg_normal_quantile(alpha / 2) / sqrt(t));
    return alpha * t;
}

qg_status qg_alpha_ledger_open(qg_alpha_ledger *out, qg_spending kind, double total, int n_looks,
                               qg_err *err)
{
    QG_PASS(qg_alpha_check(total, err));
    if (n_looks < 1 || n_looks > 1000)
        return qg_fail(err, QG_EARG, "%d looks, 1 to 1000 can be planned", n_looks);
    *out = (qg_alpha_ledger){.kind = kind, .total = total, .n_looks = n_looks};
    return QG_OK;
}

qg_status qg_alpha_ledger_look(double *alpha, qg_alpha_ledger *ledger, double t, qg_err *err)
{
    double share = ledger->kind == QG_SPENDING_EQUAL
                       ? (double)(ledger->looked + 1) / ledger->n_looks
                       : fmin(t, 1);

    if (ledger->looked == ledger->n_looks || ledger->t >= 1)
        return qg_fail(err, QG_EREFUSED, "all of alpha was spent in %d looks", ledger->looked);
    if (!(t > ledger->t))
        return qg_fail(err, QG_EARG, "a look at %g of the samples after one at %g", t, ledger->t);
    if (ledger->looked + 1 == ledger->n_looks || t >= 1)
        share = 1;
    double spent = qg_spending_at(ledger->kind, ledger->total, share);
    *alpha = fmax(0, spent - ledger->spent);
    ledger->last = *alpha;
    ledger->spent = fmax(ledger->spent, spent);
    ledger->t = fmin(t, 1);
    ledger->looked++;
    return QG_OK;
}

double qg_alpha_ledger_adjust(const qg_alpha_ledger *ledger, double p)
{
    assert(ledger->looked > 0 && p >= 0 && p <= 1);
    return ledger->last > 0 ? fmin(1, p * (ledger->total / ledger->last)) : 1;
}
