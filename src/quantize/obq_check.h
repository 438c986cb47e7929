/* What GPTQ must give, for its tests: Optimal Brain Quantization in its plain form with a fixed
 * order of inputs (Frantar et al. 2022, equations 2 and 3). The inverse is explicit, by Gauss and
 * Jordan, and every rounded input is eliminated from it: no Cholesky factor, no blocks. Scales are
 * those of rounding_check.h. Shares no code with what it judges.
 */
#ifndef QG_QUANTIZE_OBQ_CHECK_H
#define QG_QUANTIZE_OBQ_CHECK_H

#include "quantize/gptq_rounding.h"
#include "quantize/rounding_check.h"

#include <string.h>

enum { OBQ_MAX_K = 384 };

typedef struct obq {
    int k, group;
    bool in_order; /* groups and columns are in the order of the inputs */
    rounding grid;
    int order[OBQ_MAX_K];
    bool is_dead[OBQ_MAX_K];
    double mean[OBQ_MAX_K * OBQ_MAX_K]; /* [k][k] of x x^T, undamped */
    double inverse[OBQ_MAX_K * OBQ_MAX_K], eliminated[OBQ_MAX_K * OBQ_MAX_K];
} obq;

/* A positive definite matrix needs no pivoting. */
static inline void obq_invert(double *a, int k)
{
    for (int p = 0; p < k; p++) {
        double pivot = a[p * k + p];
        a[p * k + p] = 1;
        for (int j = 0; j < k; j++)
            a[p * k + j] /= pivot;
        for (int i = 0; i < k; i++) {
            double f = a[i * k + p];
            if (i == p)
                continue;
            a[i * k + p] = 0;
            for (int j = 0; j < k; j++)
                a[i * k + j] -= f * a[p * k + j];
        }
    }
}

static inline void obq_find_order(obq *o, bool by_size)
{
    bool taken[OBQ_MAX_K] = {0};

    for (int i = 0; i < o->k; i++) {
        int best = -1;
        for (int j = 0; j < o->k; j++)
            if (!taken[j] && (best < 0 || o->mean[j * o->k + j] > o->mean[best * o->k + best]))
                best = j;
        o->order[i] = by_size ? best : i;
        taken[best] = true;
    }
}

static inline void obq_make(obq *o, const qg_moments *m, const qg_gptq_options *options, int group,
                            rounding grid)
{
    int k = m->k, n_live = 0;
    double sum = 0;

    o->k = k;
    o->group = group;
    o->in_order = !options->static_groups && group < k;
    o->grid = grid;
    for (int i = 0; i < k * k; i++)
        o->inverse[i] = o->mean[i] = m->gram[i] / (double)m->n;
    obq_find_order(o, options->act_order);
    for (int i = 0; i < k; i++) {
        sum += o->mean[i * k + i];
        o->is_dead[i] = o->mean[i * k + i] == 0;
        n_live += !o->is_dead[i];
    }
    for (int i = 0; i < k; i++)
        o->inverse[i * k + i] += options->damp * sum / n_live + o->is_dead[i];
    obq_invert(o->inverse, k);
}

static inline void obq_fit(const obq *o, double *scale, int *zero, const double *w, int group)
{
    double members[OBQ_MAX_K];
    int codes[OBQ_MAX_K];

    for (int i = 0; i < o->group; i++) {
        int at = group * o->group + i;
        members[i] = w[o->in_order ? o->order[at] : at];
    }
    round_group(codes, &scale[group], &zero[group], members, o->group, o->grid);
}

/* The i-th input has moved: the weights to come make up for it, and it leaves the inverse. */
static inline void obq_eliminate(obq *o, int i, double *w, double moved)
{
    int k = o->k, c = o->order[i];
    const double *from = o->eliminated + (size_t)c * (size_t)k;

    for (int j = i + 1; j < k; j++)
        w[o->order[j]] -= moved / from[c] * from[o->order[j]];
    for (int a = i + 1; a < k; a++) {
        double *to = o->eliminated + (size_t)o->order[a] * (size_t)k, f = to[c] / from[c];
        for (int j = i + 1; j < k; j++)
            to[o->order[j]] -= f * from[o->order[j]];
    }
}

/* One row: codes [k] by canonical column, scale and zero [k / group]. Ends before a weight that
 * lies so near the middle of two codes that rounding errors may decide; returns how many came
 * before. */
static inline int obq_round(obq *o, int *codes, double *scale, int *zero, const float *row)
{
    double w[OBQ_MAX_K], last = ldexp(1, o->grid.bits) - 1;

    memcpy(o->eliminated, o->inverse, sizeof o->inverse);
    for (int i = 0; i < o->k; i++)
        w[i] = o->is_dead[i] ? 0 : (double)row[i];
    for (int g = 0; g < o->k / o->group && !o->in_order; g++)
        obq_fit(o, scale, zero, w, g);
    for (int i = 0; i < o->k; i++) {
        int c = o->order[i], column = o->in_order ? i : c, g = column / o->group;
        if (o->in_order && i % o->group == 0)
            obq_fit(o, scale, zero, w, g);
        double x = w[c] / scale[g];
        if (fabs(x - floor(x) - 0.5) < 1e-7)
            return i;
        codes[column] = (int)fmin(fmax(rint(x) + zero[g], 0), last);
        obq_eliminate(o, i, w, w[c] - scale[g] * (codes[column] - zero[g]));
    }
    return o->k;
}

/* Mean square of the change of one output by d [k], the change of its weights. */
static inline double obq_energy(const obq *o, const double *d)
{
    double sum = 0;

    for (int i = 0; i < o->k; i++)
        for (int j = 0; j < o->k; j++)
            sum += d[i] * o->mean[i * o->k + j] * d[j];
    return sum;
}

#endif
