/* Gram matrices added onto what was there, whose lower triangle must stay, and energies of rows.
 *
 * Bound: sums may be in float32 over at most 256 terms, each step of which rounds once (1 unit, or
 * half a denormal) relative to the sum of |products|; the doubles that these are added to round by
 * 2^-53 a term. The largest contents are those whose float32 sums stay finite: |x| <= 2^59. Whole
 * numbers whose sums of 256 terms just stay under 2^24 must come out exact, so that longer float32
 * sums are seen.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

enum {
    MOST_TERMS = 256,      /* of a float32 sum: qgk.h */
    WHOLE = KC_N_CONTENTS, /* one more content */
    N_CONTENTS
};

static const char *const content_names[] = {"normal",   "zeros",   "largest",
                                            "denormal", "one-hot", "whole numbers"};

typedef struct args {
    const float *x, *g;  /* [rows][k]; symmetric [k][k], of energies */
    const double *start; /* [k][k] what the Gram matrix is added to; NULL: what out holds */
    double *out;         /* [k][k] or [rows] */
    int rows, k;
} args;

/* Largest difference of a sum of n terms whose sizes add up to `size`. */
static double sum_bound(double size, int n)
{
    return size * (kc_units((n < MOST_TERMS ? n : MOST_TERMS) + 1) + n * 0x1p-53) + n * 0x1p-149;
}

/* x [count]: the largest contents times `scale`, whole numbers up to `most` */
static void fill(float *x, size_t count, int content, float scale, int most)
{
    kc_fill(x, count, content == WHOLE ? KC_ZEROS : (kc_content)content);
    for (size_t i = 0; i < count; i++)
        if (content == KC_LARGEST)
            x[i] *= scale;
        else if (content == WHOLE)
            x[i] = (float)(most - (int)kc_random(8));
}

/* Whole numbers have no bound but themselves. */
static const double *bound_of(int content, const double *bound)
{
    return content == WHOLE ? NULL : bound;
}

/* ---- Gram matrices ---- */

static void call_gram(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;

    (void)row0;
    (void)n_rows;
    if (a->start)
        memcpy(a->out, a->start, (size_t)a->k * (size_t)a->k * sizeof *a->out);
    ctx->table->gram(ctx, a->out, (const qgk_act *)a->x, a->rows, a->k);
}

/* Row i of truth and bound [k][k]. */
static void expect_gram(double *truth, double *bound, const args *a, int i)
{
    int k = a->k;

    for (int j = 0; j < k; j++)
        truth[j] = bound[j] = 0;
    for (int t = 0; t < a->rows; t++) {
        const float *x = a->x + (size_t)t * (size_t)k;
        double xi = (double)x[i];
        for (int j = i; j < k; j++) {
            double product = xi * (double)x[j];
            truth[j] += product;
            bound[j] += fabs(product);
        }
    }
    for (int j = 0; j < k; j++) {
        double start = a->start[(size_t)i * (size_t)k + (size_t)j];
        bound[j] = j < i ? 0 : sum_bound(bound[j], a->rows) + fabs(start) * a->rows * 0x1p-53;
        truth[j] += start;
    }
}

static void prove_gram(int rows, int k, int content)
{
    size_t count = (size_t)rows * (size_t)k, size = (size_t)k * (size_t)k;
    float *x = kc_input(count * 4), *noise = kc_input(size * 4);
    double *start = kc_input(size * sizeof *start);
    double *truth = kc_doubles(size), *bound = kc_doubles(size);
    args a = {x, NULL, start, kc_output(size * sizeof(double)), rows, k};

    fill(x, count, content, 0x1p43f, 255);
    kc_fill(noise, size, KC_NORMAL);
    for (size_t i = 0; i < size; i++)
        start[i] = rint((double)noise[i] * 100);
#pragma omp parallel for schedule(dynamic, 8)
    for (int i = 0; i < k; i++)
        expect_gram(truth + (size_t)i * (size_t)k, bound + (size_t)i * (size_t)k, &a, i);
    kc_proof p = {call_gram, &a, 1, (int)size, a.out, truth, bound_of(content, bound), KC_DOUBLE};
    kc_prove(&p, content_names[content]);
    a.start = NULL; /* no copying while the clock runs */
    if (content == KC_NORMAL)
        kc_bench(&p, 4.0 * (double)count + 8.0 * (double)size, (double)rows * k * (k + 1.0));
}

/* ---- energies ---- */

static void call_energy(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    ctx->table->gram_energy(ctx, a->out + row0, a->x + (size_t)row0 * (size_t)a->k, a->g, n_rows,
                            a->k);
}

/* truth and bound of one row d [k] */
static void expect_energy(double *truth, double *bound, const args *a, const float *d)
{
    double size = 0, sum_d = 0;

    *truth = 0;
    for (int i = 0; i < a->k; i++) {
        const float *g = a->g + (size_t)i * (size_t)a->k;
        double sum = 0, sum_size = 0, di = (double)d[i];
        for (int j = 0; j < a->k; j++) {
            double product = (double)g[j] * (double)d[j];
            sum += product;
            sum_size += fabs(product);
        }
        *truth += di * sum;
        size += fabs(di) * sum_size;
        sum_d += fabs(di);
    }
    /* a float32 sum of d g with its own half denormals meets each element of d */
    *bound = sum_bound(size, a->k) + size * a->k * 0x1p-53 + sum_d * a->k * 0x1p-149;
}

static void prove_energy(int n, int k, int content)
{
    size_t count = (size_t)n * (size_t)k, size = (size_t)k * (size_t)k, row = (size_t)k;
    float *d = kc_input(count * 4), *g = kc_input(size * 4);
    double *truth = kc_doubles((size_t)n), *bound = kc_doubles((size_t)n);
    args a = {d, g, NULL, kc_output((size_t)n * sizeof(double)), n, k};

    fill(d, count, content, 1, 255);
    fill(g, size, content, 0x1p80f, 127); /* of which twice as much may be summed */
    for (size_t i = 0; i < row; i++)
        for (size_t j = 0; j < i; j++)
            g[i * row + j] = g[j * row + i];
#pragma omp parallel for
    for (int r = 0; r < n; r++)
        expect_energy(truth + r, bound + r, &a, d + (size_t)r * row);
    kc_proof p = {call_energy, &a, n, 1, a.out, truth, bound_of(content, bound), KC_DOUBLE};
    kc_prove(&p, content_names[content]);
    if (content == KC_NORMAL)
        kc_bench(&p, 4.0 * (double)(count + size), 2.0 * (double)count * k);
}

void gram_kcheck(void)
{
    /* rows, k: around the ends of chunks, blocks, panels and strips */
    static const int shapes[][2] = {{1, 1},     {600, 1},  {5, 7},    {255, 31},
                                    {257, 33},  {256, 64}, {128, 65}, {1, 100},
                                    {600, 100}, {129, 23}, {3, 500},  {5, 576}};
    static const int models[][2] = {{512, 576}, {256, 1536}};
    /* n, k */
    static const int energies[][2] = {{1, 1},   {5, 7},     {1, 31},   {24, 33},  {25, 64},
                                      {3, 100}, {600, 100}, {31, 129}, {490, 65}, {7, 300}};
    static const int energy_models[][2] = {{256, 576}, {16, 1536}};

    if (kc_enter(KC_SLOT(gram_energy), "gram-energy_selftest"))
        prove_energy(5, 19, KC_NORMAL);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (kc_enter(KC_SLOT(gram), "gram_%dx%d", shapes[i][0], shapes[i][1]))
            for (int c = 0; c < N_CONTENTS; c++)
                prove_gram(shapes[i][0], shapes[i][1], c);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (kc_affords(0.5 * models[i][0] * models[i][1] * models[i][1]) &&
            kc_enter(KC_SLOT(gram), "gram_%dx%d", models[i][0], models[i][1]))
            prove_gram(models[i][0], models[i][1], KC_NORMAL);
    for (size_t i = 0; i < sizeof energies / sizeof *energies; i++)
        if (kc_enter(KC_SLOT(gram_energy), "gram-energy_%dx%d", energies[i][0], energies[i][1]))
            for (int c = 0; c < N_CONTENTS; c++)
                prove_energy(energies[i][0], energies[i][1], c);
    for (size_t i = 0; i < sizeof energy_models / sizeof *energy_models; i++)
        if (kc_affords((double)energy_models[i][0] * energy_models[i][1] * energy_models[i][1]) &&
            kc_enter(KC_SLOT(gram_energy), "gram-energy_%dx%d", energy_models[i][0],
                     energy_models[i][1]))
            prove_energy(energy_models[i][0], energy_models[i][1], KC_NORMAL);
}
