/* Rotary position embedding: heads inside wider rows, odd half sizes, positions in any order.
 *
 * Bound: two products and a sum, each rounded once, of the size |a c| + |b s|.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

enum { MAX_LEN = 97 };

typedef struct args {
    const float *x, *cos_sin;
    const int32_t *pos;
    float *out;
    int stride, heads, dim;
} args;

static void call(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->stride;
    memcpy(a->out + at, a->x + at, (size_t)n_rows * (size_t)a->stride * sizeof(float));
    ctx->table->rope(ctx, (qgk_act *)(a->out + at), a->stride, a->cos_sin, a->pos + row0, n_rows,
                     a->heads, a->dim);
}

static void expect(double *truth, double *bound, const args *a, int row)
{
    const float *c = a->cos_sin + (size_t)a->pos[row] * (size_t)a->dim;

    for (int i = 0; i < a->stride; i++) {
        size_t at = (size_t)row * (size_t)a->stride + (size_t)i;
        int j = i % a->dim, half = a->dim / 2;
        truth[at] = (double)a->x[at];
        bound[at] = 0;
        if (i >= a->heads * a->dim) /* behind the heads nothing turns */
            continue;
        double self = (double)a->x[at];
        double other =
            j < half ? -(double)a->x[at + (size_t)half] : (double)a->x[at - (size_t)half];
        double cosine = (double)c[j % half], sine = (double)c[half + j % half];
        truth[at] = self * cosine + other * sine;
        bound[at] = (fabs(self * cosine) + fabs(other * sine)) * kc_units(2) + 0x1p-148;
    }
}

static void prove(int rows, int heads, int dim, int extra, kc_content content)
{
    int stride = heads * dim + extra;
    size_t count = (size_t)rows * (size_t)stride;
    float *x = kc_input(count * 4), *cos_sin = kc_input((size_t)MAX_LEN * (size_t)dim * 4);
    int32_t *pos = kc_input((size_t)rows * 4);
    double *truth = kc_doubles(count), *bound = kc_doubles(count);
    args a = {x, cos_sin, pos, kc_output(count * 4), stride, heads, dim};

    kc_fill(x, count, content);
    for (int i = 0; i < MAX_LEN * dim; i++) {
        double angle = i / dim * pow(10000, -2.0 * (i % (dim / 2)) / dim);
        cos_sin[i] = (float)(i % dim < dim / 2 ? cos(angle) : sin(angle));
    }
    for (int r = 0; r < rows; r++) {
        pos[r] = (int32_t)kc_random(MAX_LEN);
        expect(truth, bound, &a, r);
    }
    kc_proof p = {call, &a, rows, stride, a.out, truth, bound, 0};
    kc_prove(&p, content == KC_NORMAL ? "normal" : "other contents");
    if (content == KC_NORMAL)
        kc_bench(&p, 8.0 * (double)count, 3.0 * (double)count);
}

void rope_kcheck(void)
{
    static const int shapes[][4] = {
        {1, 1, 2, 0},  {3, 2, 6, 1},    {2, 3, 16, 5},     {4, 2, 20, 0},   {5, 1, 30, 3},
        {1, 4, 64, 0}, {1, 9, 64, 384}, {256, 9, 64, 384}, {1, 32, 128, 0}, {33, 32, 64, 512}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int *s = shapes[i];
        if (kc_enter(KC_SLOT(rope), "rope_%dx%dx%d+%d", s[0], s[1], s[2], s[3]))
            for (kc_content c = 0; c < KC_N_CONTENTS; c++)
                prove(s[0], s[1], s[2], s[3], c);
    }
}
