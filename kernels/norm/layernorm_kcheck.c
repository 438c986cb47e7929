/* LayerNorm, and the residual addition fused with it, in place and not.
 *
 * Bounds: sums are chains of at most cols / 32 + 8 operations. The mean is off by that many units
 * of the mean magnitude, which moves every element and, squared, the variance; the sum of squares
 * is off by its chain, which the root halves; six more roundings follow.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

static const char *const content_names[] = {"normal", "zeros", "largest", "denormal", "one-hot"};

typedef struct args {
    const float *x, *y, *w, *b;
    float *sum, *out; /* what the residual becomes; the norm */
    int cols;
    float eps;
} args;

static void call_layernorm(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols;
    ctx->table->layernorm(ctx, (qgk_act *)(a->out + at), (const qgk_act *)(a->x + at), a->w, a->b,
                          n_rows, a->cols, a->eps);
}

static void call_in_place(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols, count = (size_t)n_rows * (size_t)a->cols;
    memcpy(a->out + at, a->x + at, count * sizeof(float));
    ctx->table->layernorm(ctx, (qgk_act *)(a->out + at), (const qgk_act *)(a->out + at), a->w, a->b,
                          n_rows, a->cols, a->eps);
}

static void call_add_layernorm(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols, count = (size_t)n_rows * (size_t)a->cols;
    memcpy(a->sum + at, a->x + at, count * sizeof(float));
    ctx->table->add_layernorm(ctx, (qgk_act *)(a->out + at), (qgk_act *)(a->sum + at),
                              (const qgk_act *)(a->y + at), a->w, a->b, n_rows, a->cols, a->eps);
}

static void call_add_in_place(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols, count = (size_t)n_rows * (size_t)a->cols;
    memcpy(a->out + at, a->x + at, count * sizeof(float));
    ctx->table->add_layernorm(ctx, (qgk_act *)(a->out + at), (qgk_act *)(a->out + at),
                              (const qgk_act *)(a->y + at), a->w, a->b, n_rows, a->cols, a->eps);
}

/* What is normed: a sum is rounded to what activations hold, in every tier. y [cols] or NULL */
static double residual(const float *x, const float *y, int i)
{
    return y ? kc_stored((double)x[i] + (double)y[i]) : (double)x[i];
}

/* truth and bound of one row */
static void norm_row(double *truth, double *bound, const float *x, const float *y, const args *a)
{
    double sum = 0, magnitude = 0, squares = 0, chain = a->cols / 32.0 + 8;

    for (int i = 0; i < a->cols; i++) {
        sum += residual(x, y, i);
        magnitude += fabs(residual(x, y, i));
    }
    double mean = sum / a->cols, off = magnitude / a->cols * kc_units(chain + 2);
    for (int i = 0; i < a->cols; i++)
        squares += (residual(x, y, i) - mean) * (residual(x, y, i) - mean);
    double root = sqrt(squares / a->cols + (double)a->eps);
    for (int i = 0; i < a->cols; i++) {
        double v = (residual(x, y, i) - mean) / root, w = (double)a->w[i], b = (double)a->b[i];
        truth[i] = v * w + b;
        bound[i] = fabs(w) * off / root + fabs(v * w) * off * off / (2 * root * root) +
                   fabs(v * w) * kc_units(chain / 2 + 7) + fabs(truth[i]) * kc_units(1) +
                   0x1p-148 * (1 + fabs(w)) * (1 + 1 / root);
    }
}

static args make(int rows, int cols, kc_content content)
{
    size_t count = (size_t)rows * (size_t)cols;
    float *x = kc_input(count * 4), *y = kc_input(count * 4), *w = kc_input((size_t)cols * 4),
          *b = kc_input((size_t)cols * 4);

    kc_fill(x, count, content);
    kc_fill(y, count, content);
    kc_fill(w, (size_t)cols, content);
    kc_fill(b, (size_t)cols, content);
    return (args){x, y, w, b, kc_output(count * 4), kc_output(count * 4), cols, 1e-5f};
}

static void prove_layernorm(int rows, int cols, kc_content content)
{
    args a = make(rows, cols, content);
    size_t count = (size_t)rows * (size_t)cols;
    double *truth = kc_doubles(count), *bound = kc_doubles(count);

    for (size_t at = 0; at < count; at += (size_t)cols)
        norm_row(truth + at, bound + at, a.x + at, NULL, &a);
    kc_proof in_place = {call_in_place, &a, rows, cols, a.out, truth, bound, 0};
    kc_prove(&in_place, "in place");
    kc_proof p = {call_layernorm, &a, rows, cols, a.out, truth, bound, 0};
    kc_prove(&p, content_names[content]);
    if (content == KC_NORMAL)
        kc_bench(&p, 8.0 * (double)count, 8.0 * (double)count);
}

static void prove_add_layernorm(int rows, int cols, kc_content content)
{
    args a = make(rows, cols, content);
    size_t count = (size_t)rows * (size_t)cols;
    double *truth = kc_doubles(count), *bound = kc_doubles(count);

    for (size_t at = 0; at < count; at += (size_t)cols)
        norm_row(truth + at, bound + at, a.x + at, a.y + at, &a);
    kc_proof in_place = {call_add_in_place, &a, rows, cols, a.out, truth, bound, 0};
    kc_prove(&in_place, "in place");
    kc_proof p = {call_add_layernorm, &a, rows, cols, a.out, truth, bound, 0};
    kc_prove(&p, content_names[content]);
    for (size_t i = 0; i < count; i++) {
        truth[i] = residual(a.x, a.y, (int)i);
        bound[i] = 0;
    }
    kc_proof of_sum = {call_add_layernorm, &a, rows, cols, a.sum, truth, bound, 0};
    kc_prove(&of_sum, content_names[content]);
    if (content == KC_NORMAL)
        kc_bench(&p, 16.0 * (double)count, 9.0 * (double)count);
}

void layernorm_kcheck(void)
{
    static const int shapes[][2] = {{1, 1},   {3, 7},     {2, 8},    {5, 31},   {4, 33},  {3, 63},
                                    {1, 256}, {256, 512}, {1, 2048}, {64, 768}, {2, 4096}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int rows = shapes[i][0], cols = shapes[i][1];
        if (kc_enter(KC_SLOT(layernorm), "layernorm_%dx%d", rows, cols))
            for (kc_content c = 0; c < KC_N_CONTENTS; c++)
                prove_layernorm(rows, cols, c);
        if (kc_enter(KC_SLOT(add_layernorm), "add-layernorm_%dx%d", rows, cols))
            for (kc_content c = 0; c < KC_N_CONTENTS; c++)
                prove_add_layernorm(rows, cols, c);
    }
}
