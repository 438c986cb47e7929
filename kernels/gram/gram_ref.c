/* Gram matrices of activations and what they say of changed weights: the truth, in double precision
 * and one fixed order. */
#include "kernels/tiers.h"

static void gram(qgk_ctx *ctx, double *out, const qgk_act *acts, int rows, int n_inputs)
{
    const float *x = (const float *)acts;
    size_t k = (size_t)n_inputs;

#pragma omp parallel for num_threads(ctx->n_threads) schedule(dynamic, 8)
    for (size_t i = 0; i < k; i++)
        for (size_t t = 0; t < (size_t)rows; t++) {
            double xi = (double)x[t * k + i];
            for (size_t j = i; j < k; j++)
                out[i * k + j] += xi * (double)x[t * k + j];
        }
}

static double energy_of_row(const float *d, const float *g, size_t k)
{
    double energy = 0;

    for (size_t i = 0; i < k; i++) {
        double sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += (double)g[i * k + j] * (double)d[j];
        energy += (double)d[i] * sum;
    }
    return energy;
}

static void gram_energy(qgk_ctx *ctx, double *out, const float *d, const float *g, int n, int k)
{
#pragma omp parallel for num_threads(ctx->n_threads)
    for (int row = 0; row < n; row++)
        out[row] = energy_of_row(d + (size_t)row * (size_t)k, g, (size_t)k);
}

void qgk_gram_ref(qgk_table *t)
{
    t->gram = gram;
    t->gram_energy = gram_energy;
}
