/* Log-probabilities and the KL divergence of two rows, from the definitions: p = e^x / sum e^x, KL
 * = sum p_a (log p_a - log p_b), in long double. A row beside itself must give exactly 0.
 *
 * Bound: e^x is right within 2^-22 (4 units) and its argument, a difference from the largest,
 * rounds once, so the logarithm of a sum is off by 4 units and one of the mean |x|; the weighted
 * sum by 10 units of the mean |a - b| and two of the mean |a| + |b|. A unit is 2^-24; of the
 * references, which do all of it in double, 2^-53 for every column, as their sums are chains.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

enum { LOGPROB, REFERENCE_LOGPROB, KL, BEST, REFERENCE_BEST, N_COLUMNS };

typedef struct args {
    const float *logits, *reference;
    const int32_t *next;
    qgk_comparison *results;
    double *out; /* [rows][N_COLUMNS] */
    int cols;
} args;

static void call(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols;

    ctx->table->compare(ctx, a->results + row0, a->logits + at,
                        a->reference ? a->reference + at : NULL, a->next + row0, n_rows, a->cols);
    for (int r = row0; r < row0 + n_rows; r++) {
        double *out = a->out + (size_t)r * N_COLUMNS;
        out[LOGPROB] = a->results[r].logprob;
        out[REFERENCE_LOGPROB] = a->results[r].reference_logprob;
        out[KL] = a->results[r].kl;
        out[BEST] = a->results[r].best;
        out[REFERENCE_BEST] = a->results[r].reference_best;
    }
}

/* What is known of one row. */
typedef struct view {
    const float *x;
    int best;
    long double log_sum; /* of e^(x - largest)        */
    double mean;         /* of |x - largest|, under p */
} view;

static view look(const float *x, int cols)
{
    view v = {.x = x};
    long double sum = 0, weighted = 0;

    for (int i = 1; i < cols; i++)
        v.best = x[i] > x[v.best] ? i : v.best;
    for (int i = 0; i < cols; i++) {
        long double below = (long double)x[i] - (long double)x[v.best];
        sum += expl(below);
        weighted -= expl(below) * below;
    }
    v.log_sum = logl(sum);
    v.mean = (double)(weighted / sum);
    return v;
}

static long double logprob(const view *v, int i)
{
    return (long double)v->x[i] - (long double)v->x[v->best] - v->log_sum;
}

static double unit(int cols)
{
    return strcmp(kc_table()->tier, "ref") == 0 ? (8 + cols) * 0x1p-53 : 0x1p-24;
}

static void expect_one(const view *v, int next, int cols, double *logprob_truth, double *bound,
                       double *best)
{
    *logprob_truth = (double)logprob(v, next);
    *bound = (4 + v->mean) * unit(cols) + fabs(*logprob_truth) * 0x1p-52;
    *best = v->best;
}

static void expect(double *truth, double *bound, const float *row, const float *reference, int next,
                   int cols)
{
    view b = look(row, cols);

    memset(truth, 0, N_COLUMNS * sizeof *truth);
    memset(bound, 0, N_COLUMNS * sizeof *bound);
    expect_one(&b, next, cols, &truth[LOGPROB], &bound[LOGPROB], &truth[BEST]);
    if (!reference)
        return;
    view a = look(reference, cols);
    expect_one(&a, next, cols, &truth[REFERENCE_LOGPROB], &bound[REFERENCE_LOGPROB],
               &truth[REFERENCE_BEST]);
    if (memcmp(row, reference, (size_t)cols * sizeof *row) == 0)
        return;
    long double kl = 0, apart = 0, far = 0;
    for (int i = 0; i < cols; i++) {
        long double p = expl(logprob(&a, i)), difference = logprob(&a, i) - logprob(&b, i);
        kl += p * difference;
        apart += p * fabsl(difference - b.log_sum + a.log_sum);
        far += p * (fabsl(logprob(&a, i) + a.log_sum) + fabsl(logprob(&b, i) + b.log_sum));
    }
    truth[KL] = (double)kl;
    bound[KL] = (8 + a.mean + b.mean + 10 * (double)apart + 2 * (double)far) * unit(cols);
}

/* Logits of a spread, and those of the reference within `apart` of them; where `apart` is negative,
 * of their own. */
static void prove(int rows, int cols, kc_content content, float spread, float apart,
                  const char *what)
{
    size_t count = (size_t)rows * (size_t)cols, n_out = (size_t)rows * N_COLUMNS;
    float *logits = kc_input(count * 4), *reference = kc_input(count * 4);
    int32_t *next = kc_input((size_t)rows * 4);
    double *truth = kc_doubles(n_out), *bound = kc_doubles(n_out);
    args a = {logits,
              reference,
              next,
              kc_output((size_t)rows * sizeof(qgk_comparison)),
              kc_output(n_out * 8),
              cols};

    kc_fill(logits, count, content);
    kc_fill(reference, count, apart < 0 ? content : KC_NORMAL);
    for (size_t i = 0; i < count; i++) {
        logits[i] *= spread;
        reference[i] = apart < 0 ? reference[i] * spread : logits[i] + reference[i] * apart;
    }
    for (int r = 0; r < rows; r++)
        next[r] = (int32_t)kc_random((uint32_t)cols);
    for (int paired = 1; paired >= 0; paired--) {
        a.reference = paired ? reference : NULL;
        for (size_t r = 0; r < (size_t)rows; r++)
            expect(truth + r * N_COLUMNS, bound + r * N_COLUMNS, logits + r * (size_t)cols,
                   paired ? reference + r * (size_t)cols : NULL, next[r], cols);
        kc_proof p = {call, &a, rows, N_COLUMNS, a.out, truth, bound, KC_DOUBLE};
        kc_prove(&p, what);
        if (paired && content == KC_NORMAL && apart > 0)
            kc_bench(&p, 8.0 * (double)count, 40.0 * (double)count);
    }
}

void compare_kcheck(void)
{
    static const int shapes[][2] = {{1, 1},     {9, 2},      {5, 7},     {5, 8},
                                    {5, 9},     {6, 31},     {8, 64},    {3, 2048},
                                    {1, 32001}, {16, 49152}, {1, 128256}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int rows = shapes[i][0], cols = shapes[i][1];
        if (!kc_enter(KC_SLOT(compare), "compare_%dx%d", rows, cols))
            continue;
        prove(rows, cols, KC_ZEROS, 1, -1, "zeros");
        prove(rows, cols, KC_LARGEST, 1, -1, "largest half");
        prove(rows, cols, KC_LARGEST, 0x1p111f, -1, "near the largest float");
        prove(rows, cols, KC_DENORMAL, 1, -1, "denormal");
        prove(rows, cols, KC_ONE_HOT, 30, -1, "one-hot");
        prove(rows, cols, KC_NORMAL, 8, 0, "the same");
        prove(rows, cols, KC_NORMAL, 40, -1, "far apart");
        prove(rows, cols, KC_NORMAL, 4, 0.02f, "near each other");
    }
}
