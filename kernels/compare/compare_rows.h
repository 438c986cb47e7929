/* What a row of logits says of the token that came next, alone and beside another model's row: all
 * but the sums over the row, which each tier brings.
 *
 * With x the logits less their largest and S = sum e^x, log p = x - log S. For the reference (a)
 * and the row itself (b) KL(a || b) = sum p_a (log p_a - log p_b) = sum e^a (a - b) / S_a + log(S_b
 * / S_a), which is exactly 0 where both rows are the same. S_b is summed in the same order with and
 * without a reference, so that a log-probability has the same bits in both.
 */
#ifndef QGK_COMPARE_ROWS_H
#define QGK_COMPARE_ROWS_H

#include "kernels/fmath.h"
#include "kernels/qgk.h"

#include <assert.h>

typedef struct qgk_row_sums {
    double of, row, weighted; /* of e^a, of e^b, of e^a (a - b) */
} qgk_row_sums;

typedef struct qgk_compare_sums {
    /* The sum of e^(row - largest); row [cols]. */
    double (*alone)(const float *row, float largest, int cols);
    /* of [cols], row [cols] */
    qgk_row_sums (*pair)(const float *of, float of_largest, const float *row, float row_largest,
                         int cols);
} qgk_compare_sums;

/* The index of the largest of row [cols], which is finite. */
static inline int32_t qgk_compare_best(qgk_ctx *ctx, const float *row, int cols)
{
    int32_t best;

    ctx->table->argmax(ctx, &best, row, 1, cols);
    assert(best >= 0);
    return best;
}

static inline qgk_comparison qgk_compare_row(qgk_ctx *ctx, const qgk_compare_sums *sums,
                                             const float *row, const float *reference, int32_t next,
                                             int cols)
{
    qgk_comparison c = {.best = qgk_compare_best(ctx, row, cols)};
    float largest = row[c.best];
    qgk_row_sums s;

    assert(next >= 0 && next < cols);
    if (reference) {
        c.reference_best = qgk_compare_best(ctx, reference, cols);
        float of_largest = reference[c.reference_best];
        s = sums->pair(reference, of_largest, row, largest, cols);
        double kl = s.weighted / s.of + qgk_log(s.row / s.of);
        c.kl = kl > 0 ? kl : 0; /* rounding may leave it a hair below */
        c.reference_logprob = (double)reference[next] - (double)of_largest - qgk_log(s.of);
    } else {
        s.row = sums->alone(row, largest, cols);
    }
    c.logprob = (double)row[next] - (double)largest - qgk_log(s.row);
    return c;
}

/* out [rows], logits [rows][cols], reference [rows][cols] or NULL, next [rows] */
static inline void qgk_compare_rows(qgk_ctx *ctx, qgk_comparison *out, const float *logits,
                                    const float *reference, const int32_t *next, int rows, int cols,
                                    const qgk_compare_sums *sums)
{
    assert(rows >= 0 && cols > 0);
#pragma omp parallel for num_threads(ctx->n_threads) if (rows > 1)
    for (int r = 0; r < rows; r++) {
        size_t at = (size_t)r * (size_t)cols;
        out[r] = qgk_compare_row(ctx, sums, logits + at, reference ? reference + at : NULL, next[r],
                                 cols);
    }
}

#endif
