/* What a row of logits says of the token that came next, in double from end to end.
 */
#include "kernels/compare/compare_rows.h"
#include "kernels/tiers.h"

/* row [cols] */
static double sum_alone(const float *row, float largest, int cols)
{
    double sum = 0;

    for (int i = 0; i < cols; i++)
        sum += qgk_exp((double)row[i] - (double)largest);
    return sum;
}

/* of [cols], row [cols] */
static qgk_row_sums sum_pair(const float *of, float of_largest, const float *row, float row_largest,
                             int cols)
{
    qgk_row_sums s = {0, 0, 0};

    for (int i = 0; i < cols; i++) {
        double a = (double)of[i] - (double)of_largest, b = (double)row[i] - (double)row_largest;
        double e = qgk_exp(a);
        s.of += e;
        s.row += qgk_exp(b);
        s.weighted += e * (a - b);
    }
    return s;
}

static void compare(qgk_ctx *ctx, qgk_comparison *out, const float *logits, const float *reference,
                    const int32_t *next, int rows, int cols)
{
    static const qgk_compare_sums sums = {sum_alone, sum_pair};
    qgk_compare_rows(ctx, out, logits, reference, next, rows, cols, &sums);
}

void qgk_compare_ref(qgk_table *t)
{
    t->compare = compare;
}
