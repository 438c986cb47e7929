/* The gate of SwiGLU, over the whole range of exp; ReLU, exactly; GELU.
 *
 * Bound of SwiGLU: exp is right within 2^-22 (4 units), a sum, a quotient and a product round once
 * each; where e^-gate overflows, what is lost is under 2^-120 of |gate up|. GELU: relative to |x|,
 * for 1 + erf cancels where x is negative, in PyTorch as well; the formula of erf is within 1.5e-7
 * (2.6 units), its evaluation within 5.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

typedef struct args {
    const float *gate_up;
    float *out;
    int cols;
} args;

static void call(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    ctx->table->swiglu(ctx, (qgk_act *)(a->out + (size_t)row0 * (size_t)a->cols),
                       (const qgk_act *)(a->gate_up + (size_t)row0 * 2 * (size_t)a->cols), n_rows,
                       a->cols);
}

static void prove(int rows, int cols, kc_content content, float spread, const char *what)
{
    size_t count = (size_t)rows * (size_t)cols;
    float *gate_up = kc_input(count * 8);
    double *truth = kc_doubles(count), *bound = kc_doubles(count);
    args a = {gate_up, kc_output(count * 4), cols};

    kc_fill(gate_up, 2 * count, content);
    for (size_t i = 0; i < 2 * count; i++)
        gate_up[i] *= spread;
    kc_store(gate_up, 2 * count);
    for (size_t i = 0; i < count; i++) {
        size_t at = i / (size_t)cols * 2 * (size_t)cols + i % (size_t)cols;
        double g = (double)gate_up[at], up = (double)gate_up[at + (size_t)cols];
        truth[i] = g / (1 + exp(-g)) * up;
        bound[i] =
            fabs(truth[i]) * kc_units(8) + fabs(g * up) * 0x1p-120 + 0x1p-148 * (1 + fabs(up));
    }
    kc_proof p = {call, &a, rows, cols, a.out, truth, bound, 0};
    kc_prove(&p, what);
    if (content == KC_NORMAL && spread == 1)
        kc_bench(&p, 12.0 * (double)count, 20.0 * (double)count);
}

static void call_relu(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols, count = (size_t)n_rows * (size_t)a->cols;
    memcpy(a->out + at, a->gate_up + at, count * sizeof(float));
    ctx->table->relu(ctx, (qgk_act *)(a->out + at), count);
}

static void call_gelu(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols, count = (size_t)n_rows * (size_t)a->cols;
    memcpy(a->out + at, a->gate_up + at, count * sizeof(float));
    ctx->table->gelu(ctx, (qgk_act *)(a->out + at), count);
}

static void prove_map(int rows, int cols, kc_content content, float spread, int is_gelu)
{
    size_t count = (size_t)rows * (size_t)cols;
    float *x = kc_input(count * 4);
    double *truth = kc_doubles(count), *bound = kc_doubles(count);
    args a = {x, kc_output(count * 4), cols};

    kc_fill(x, count, content);
    for (size_t i = 0; i < count; i++)
        x[i] *= spread;
    kc_store(x, count);
    for (size_t i = 0; i < count; i++) {
        double v = (double)x[i];
        truth[i] = is_gelu ? 0.5 * v * erfc(-v * sqrt(0.5)) : v < 0 ? 0 : v;
        bound[i] = is_gelu ? fabs(v) * kc_units(8) + 0x1p-148 : 0;
    }
    kc_proof p = {is_gelu ? call_gelu : call_relu, &a, rows, cols, a.out, truth, bound, 0};
    kc_prove(&p, spread == 1 ? "as filled" : "spread");
    if (content == KC_NORMAL && spread == 1)
        kc_bench(&p, 8.0 * (double)count, (is_gelu ? 30.0 : 1.0) * (double)count);
}

static void check_map(const char *name, size_t slot, int is_gelu)
{
    static const int shapes[][2] = {{1, 1},   {2, 7},     {3, 9},    {5, 64},
                                    {9, 100}, {1, 16384}, {1, 3072}, {256, 1024}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int rows = shapes[i][0], cols = shapes[i][1];
        if (!kc_enter(slot, "%s_%dx%d", name, rows, cols))
            continue;
        for (kc_content c = 0; c < KC_N_CONTENTS; c++)
            prove_map(rows, cols, c, 1, is_gelu);
        prove_map(rows, cols, KC_NORMAL, 4, is_gelu);
    }
}

void activation_kcheck(void)
{
    static const int shapes[][2] = {{1, 1},    {2, 7},      {3, 9},    {5, 64},  {1, 768},
                                    {1, 1536}, {256, 1536}, {1, 5632}, {9, 100}, {1, 11008}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int rows = shapes[i][0], cols = shapes[i][1];
        if (!kc_enter(KC_SLOT(swiglu), "swiglu_%dx%d", rows, cols))
            continue;
        prove(rows, cols, KC_ZEROS, 1, "zeros");
        prove(rows, cols, KC_LARGEST, 1, "largest");
        prove(rows, cols, KC_DENORMAL, 1, "denormal");
        prove(rows, cols, KC_ONE_HOT, 1, "one-hot");
        prove(rows, cols, KC_NORMAL, 30, "-100 .. 100");
        prove(rows, cols, KC_NORMAL, 1, "normal");
    }
    check_map("relu", KC_SLOT(relu), 0);
    check_map("gelu", KC_SLOT(gelu), 1);
}
