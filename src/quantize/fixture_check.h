/* What tests of searches over blocks share: random blocks whose moments are those of explicit
 * inputs, written as plain loops, and a context to multiply with. All lies on the test's arena.
 */
#ifndef QG_QUANTIZE_FIXTURE_CHECK_H
#define QG_QUANTIZE_FIXTURE_CHECK_H

#include "checkpoint/fixture_check.h" /* arena, err, setup */
#include "kernels/qgk.h"
#include "quantize/block.h"

#include "base/random.h"

#include <limits.h>
#include <math.h>

enum { MADE_MAX_K = 256 };

/* About normal, deviation 1. */
static inline double made_normal(uint64_t *state)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += (double)(qg_random_next(state) >> 11) * 0x1p-53;
    return sum;
}

static inline void *made_array(size_t count, size_t size)
{
    void *p = qg_arena_array(arena, count, size);

    ck_assert_ptr_nonnull(p);
    return p;
}

/* Moments of the rows in m->sample, which are all that there is. */
static inline void made_measure(qg_moments *m)
{
    size_t k = (size_t)m->k;

    m->n = m->n_sample;
    memset(m->gram, 0, k * k * sizeof *m->gram);
    memset(m->abs_sum, 0, k * sizeof *m->abs_sum);
    memset(m->abs_max, 0, k * sizeof *m->abs_max);
    for (int t = 0; t < m->n_sample; t++) {
        const float *x = m->sample + (size_t)t * k;
        for (size_t i = 0; i < k; i++) {
            m->abs_sum[i] += fabs((double)x[i]);
            m->abs_max[i] = fmaxf(m->abs_max[i], fabsf(x[i]));
            for (size_t j = 0; j < k; j++)
                m->gram[i * k + j] += (double)x[i] * (double)x[j];
        }
    }
}

/* Inputs of sizes 1/4 .. 4 and weights of rows of different sizes. n [n_linears] outputs. */
static inline qg_block made_block(int k, int n_tokens, int n_linears, const int *n, uint64_t seed)
{
    qg_block b = {.k = k, .n_linears = n_linears};
    size_t columns = (size_t)k;
    double *size = made_array(columns, sizeof *size);
    qg_moments *m = made_array(1, sizeof *m);

    for (size_t j = 0; j < columns; j++)
        size[j] = exp2(made_normal(&seed));
    *m = (qg_moments){.k = k, .n_sample = n_tokens};
    m->sample = made_array((size_t)n_tokens, columns * sizeof(float));
    m->gram = made_array(columns, columns * sizeof(double));
    m->abs_sum = made_array(columns, sizeof(double));
    m->abs_max = made_array(columns, sizeof(float));
    for (size_t i = 0; i < (size_t)n_tokens * columns; i++)
        m->sample[i] = (float)(made_normal(&seed) * size[i % columns]);
    made_measure(m);
    b.moments = m;
    for (int l = 0; l < n_linears; l++) {
        b.linear[l].n = n[l];
        b.linear[l].w = made_array((size_t)n[l], columns * sizeof(float));
        for (size_t i = 0; i < (size_t)n[l] * columns; i++)
            b.linear[l].w[i] = (float)(made_normal(&seed) * ldexp(0.02, (int)(i / columns % 3)));
    }
    return b;
}

/* Every input of `step` twice over reads the same: 0 1 0 1 2 3 2 3 for a step of 2. */
static inline const int32_t *made_tie(int k, int step)
{
    int32_t *tie = made_array((size_t)k, sizeof *tie);

    for (int j = 0; j < k; j++)
        tie[j] = j / (2 * step) * step + j % step;
    return tie;
}

static inline qgk_ctx made_ctx(qgk_table *table, unsigned features, int n_threads)
{
    qgk_ctx ctx = {.table = table, .n_threads = n_threads};
    qgk_limits limits = {.n_threads = n_threads,
                         .max_rows = 512,
                         .max_seqs = 1,
                         .max_k = MADE_MAX_K,
                         .max_n = 1024,
                         .max_len = 16,
                         .n_heads = 1,
                         .head_dim = 16,
                         .formats = 1u << QGK_FORMAT_W8A8};

    qgk_table_init(table, features);
    ctx.scratch_bytes = table->scratch_bytes(&limits);
    char *scratch = made_array(ctx.scratch_bytes + 64, 1);
    ctx.scratch = scratch + (64 - (uintptr_t)scratch % 64) % 64;
    return ctx;
}

/* Output of a token: x [k] w [k], in double. */
static inline double made_dot(const float *x, const float *w, int k)
{
    double sum = 0;

    for (int j = 0; j < k; j++)
        sum += (double)x[j] * (double)w[j];
    return sum;
}

static inline void assert_close(double a, double b, double relative)
{
    ck_assert_msg(fabs(a - b) <= relative * fabs(b), "%.17g is not %.17g", a, b);
}

#endif
