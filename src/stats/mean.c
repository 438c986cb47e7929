/* Student's t: see mean.h. Sums run over distances from the first number, so that equal numbers
 * have no deviation at all. */
#include "stats/mean.h"

#include "stats/distribution.h"
#include "stats/numbers.h"

#include <math.h>

static qg_status moments_of(double *mean, double *deviation, const double *x, size_t n, qg_err *err)
{
    double rest = 0, squares = 0;

    QG_PASS(qg_numbers_check(x, n, 2, "number", err));
    for (size_t i = 0; i < n; i++)
        rest += x[i] - x[0];
    *mean = x[0] + rest / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *deviation = sqrt(squares / (double)(n - 1));
    if (!isfinite(*deviation))
        return qg_fail(err, QG_ENONFINITE, "numbers are too large to be squared");
    return QG_OK;
}

qg_status qg_mean_estimate(qg_mean *out, const double *x, size_t n, double alpha, qg_err *err)
{
    double mean, deviation;

    QG_PASS(qg_alpha_check(alpha, err));
    QG_PASS(moments_of(&mean, &deviation, x, n, err));
    double half = -qg_t_quantile(alpha, (double)(n - 1)) * deviation / sqrt((double)n);
    *out = (qg_mean){mean, deviation, {mean - half, mean + half}};
    return QG_OK;
}

qg_status qg_mean_test(qg_pvalues *out, const double *x, size_t n, double limit, qg_err *err)
{
    double mean, deviation;

    QG_PASS(qg_numbers_check(&limit, 1, 1, "limit", err));
    QG_PASS(moments_of(&mean, &deviation, x, n, err));
    if (mean == limit && deviation == 0) {
        *out = qg_pvalues_of(1, 1);
        return QG_OK;
    }
    double t = (mean - limit) / (deviation / sqrt((double)n));
    *out = qg_pvalues_of(qg_t_cdf(t, (double)(n - 1)), qg_t_cdf(-t, (double)(n - 1)));
    return QG_OK;
}
