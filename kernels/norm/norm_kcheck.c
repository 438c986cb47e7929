/* Root mean square norm, residual addition and the two fused.
 *
 * Bounds: the sum of squares is a chain of at most cols / 32 + 8 operations whose error the root
 * halves; five more roundings follow. An addition rounds once.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

static const char *const content_names[] = {"normal", "zeros", "largest", "denormal", "one-hot"};

typedef struct args {
    const float *x, *y, *w;
    float *sum, *out; /* what the residual becomes; the norm */
    int cols;
    float eps;
} args;

static void call_rmsnorm(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols;
    ctx->table->rmsnorm(ctx, (qgk_act *)(a->out + at), (const qgk_act *)(a->x + at), a->w, n_rows,
                        a->cols, a->eps);
}

static void call_add(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols, count = (size_t)n_rows * (size_t)a->cols;
    memcpy(a->sum + at, a->x + at, count * sizeof(float));
    ctx->table->add(ctx, (qgk_act *)(a->sum + at), (const qgk_act *)(a->y + at), count);
}

static void call_add_rmsnorm(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols, count = (size_t)n_rows * (size_t)a->cols;
    memcpy(a->sum + at, a->x + at, count * sizeof(float));
    ctx->table->add_rmsnorm(ctx, (qgk_act *)(a->out + at), (qgk_act *)(a->sum + at),
                            (const qgk_act *)(a->y + at), a->w, n_rows, a->cols, a->eps);
}

/* What is normed: a sum is rounded to what activations hold, in every tier. y [cols] or NULL */
static double residual(const float *x, const float *y, int i)
{
    return y ? kc_stored((double)x[i] + (double)y[i]) : (double)x[i];
}

/* truth and bound of one row of the norm */
static void norm_row(double *truth, double *bound, const float *x, const float *y, const args *a)
{
    double sum = 0;

    for (int i = 0; i < a->cols; i++) {
        double v = residual(x, y, i);
        sum += v * v;
    }
    double root = sqrt(sum / a->cols + (double)a->eps);
    for (int i = 0; i < a->cols; i++) {
        double v = residual(x, y, i), w = (double)a->w[i];
        truth[i] = v / root * w;
        bound[i] = fabs(v / root * w) * kc_units(a->cols / 64.0 + 10) +
                   0x1p-148 * (1 + fabs(w)) * (1 + 1 / root);
    }
}

static args make(int rows, int cols, kc_content content)
{
    size_t count = (size_t)rows * (size_t)cols;
    float *x = kc_input(count * 4), *y = kc_input(count * 4), *w = kc_input((size_t)cols * 4);

    kc_fill(x, count, content);
    kc_fill(y, count, content);
    kc_fill(w, (size_t)cols, content);
    return (args){x, y, w, kc_output(count * 4), kc_output(count * 4), cols, 1e-5f};
}

static void prove_rmsnorm(int rows, int cols, kc_content content)
{
    args a = make(rows, cols, content);
    size_t count = (size_t)rows * (size_t)cols;
    double *truth = kc_doubles(count), *bound = kc_doubles(count);

    for (size_t at = 0; at < count; at += (size_t)cols)
        norm_row(truth + at, bound + at, a.x + at, NULL, &a);
    kc_proof p = {call_rmsnorm, &a, rows, cols, a.out, truth, bound, 0};
    kc_prove(&p, content_names[content]);
    if (content == KC_NORMAL)
        kc_bench(&p, 8.0 * (double)count, 4.0 * (double)count);
}

static void prove_add_rmsnorm(int rows, int cols, kc_content content)
{
    args a = make(rows, cols, content);
    size_t count = (size_t)rows * (size_t)cols;
    double *truth = kc_doubles(count), *bound = kc_doubles(count);

    for (size_t at = 0; at < count; at += (size_t)cols)
        norm_row(truth + at, bound + at, a.x + at, a.y + at, &a);
    kc_proof p = {call_add_rmsnorm, &a, rows, cols, a.out, truth, bound, 0};
    kc_prove(&p, content_names[content]);
    for (size_t i = 0; i < count; i++) {
        truth[i] = residual(a.x, a.y, (int)i);
        bound[i] = 0;
    }
    kc_proof of_sum = {call_add_rmsnorm, &a, rows, cols, a.sum, truth, bound, 0};
    kc_prove(&of_sum, content_names[content]);
    if (content == KC_NORMAL)
        kc_bench(&p, 16.0 * (double)count, 5.0 * (double)count);
}

static void prove_add(int rows, int cols, kc_content content)
{
    args a = make(rows, cols, content);
    size_t count = (size_t)rows * (size_t)cols;
    double *truth = kc_doubles(count);

    for (size_t i = 0; i < count; i++)
        truth[i] = residual(a.x, a.y, (int)i);
    kc_proof p = {call_add, &a, rows, cols, a.sum, truth, NULL, 0};
    kc_prove(&p, content_names[content]);
    if (content == KC_NORMAL)
        kc_bench(&p, 12.0 * (double)count, (double)count);
}

void norm_kcheck(void)
{
    static const int shapes[][2] = {{1, 1},     {3, 7},    {2, 8},    {5, 31},    {4, 33},
                                    {3, 63},    {1, 256},  {1, 576},  {256, 576}, {1, 2048},
                                    {64, 2048}, {1, 4096}, {2, 4096}, {7, 100}};

    if (kc_enter(KC_SLOT(rmsnorm), "rmsnorm_selftest"))
        prove_rmsnorm(5, 19, KC_NORMAL);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int rows = shapes[i][0], cols = shapes[i][1];
        if (kc_enter(KC_SLOT(rmsnorm), "rmsnorm_%dx%d", rows, cols))
            for (kc_content c = 0; c < KC_N_CONTENTS; c++)
                prove_rmsnorm(rows, cols, c);
        if (kc_enter(KC_SLOT(add), "add_%dx%d", rows, cols))
            for (kc_content c = 0; c < KC_N_CONTENTS; c++)
                prove_add(rows, cols, c);
        if (kc_enter(KC_SLOT(add_rmsnorm), "add-rmsnorm_%dx%d", rows, cols))
            for (kc_content c = 0; c < KC_N_CONTENTS; c++)
                prove_add_rmsnorm(rows, cols, c);
    }
}
