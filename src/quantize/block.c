/* Blocks, see block.h. Invariant: weights and moments are scaled together, so what a search says of
 * a block before and after it was scaled speaks of the same outputs.
 */
#include "quantize/block.h"

#include <assert.h>
#include <math.h>

qg_status qg_block_check(const qg_block *b, qg_err *err)
{
    const qg_moments *m = b->moments;

    assert(b->n_linears >= 1 && b->n_linears <= QGK_MAX_SEGMENTS && m->k == b->k && m->n > 0);
    for (int j = 0; j < b->k; j++)
        if (!isfinite(m->abs_sum[j]) || !isfinite(m->abs_max[j]))
            return qg_fail(err, QG_ENONFINITE,
                           "input %d is infinite or NaN for some token of the calibration", j);
    return QG_OK;
}

qg_status qg_block_tie(double *values, const qg_block *b, qg_block_join join, qg_arena *arena,
                       qg_err *err)
{
    qg_arena_mark mark = qg_arena_here(arena);

    if (!b->tie)
        return QG_OK;
    double *joined = QG_NEW_N(arena, double, (size_t)b->k);
    int *n = QG_NEW_N(arena, int, (size_t)b->k);
    QG_NEED(joined && n, err);
    for (int j = 0; j < b->k; j++) {
        int t = b->tie[j];
        assert(t >= 0 && t < b->k);
        joined[t] = join == QG_BLOCK_MAX ? fmax(joined[t], values[j]) : joined[t] + values[j];
        n[t]++;
    }
    for (int j = 0; j < b->k; j++) {
        int t = b->tie[j];
        values[j] = join == QG_BLOCK_MAX ? joined[t] : joined[t] / n[t];
    }
    qg_arena_rewind(arena, mark);
    return QG_OK;
}

static void scale_moments(qg_moments *m, const float *s, int n_threads)
{
    size_t k = (size_t)m->k;

#pragma omp parallel for num_threads(n_threads)
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            m->gram[i * k + j] /= (double)s[i] * (double)s[j];
    for (size_t j = 0; j < k; j++) {
        m->abs_sum[j] /= (double)s[j];
        m->abs_max[j] /= s[j];
    }
    for (size_t r = 0; r < (size_t)m->n_sample; r++)
        for (size_t j = 0; j < k; j++)
            m->sample[r * k + j] /= s[j];
}

void qg_block_scale(qg_block *b, const float *s, int n_threads)
{
    size_t k = (size_t)b->k;

    for (int l = 0; l < b->n_linears; l++) {
        float *w = b->linear[l].w;
#pragma omp parallel for num_threads(n_threads)
        for (int row = 0; row < b->linear[l].n; row++)
            for (size_t j = 0; j < k; j++)
                w[(size_t)row * k + j] *= s[j];
    }
    scale_moments(b->moments, s, n_threads);
}
