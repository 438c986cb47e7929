/* Products with half weights: odd shapes and tails, fused segments, bias, and the shapes of real
 * models.
 *
 * Bound: an output is a chain of at most k / 8 + 16 float32 operations (8 lanes, their tree, the
 * bias), each off by one unit of the sum of |x w|; below that, denormal products.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

enum { MAX_K = 14336 };

typedef struct shape {
    int n[QGK_MAX_SEGMENTS], k, rows, bias;
} shape;

typedef struct args {
    const float *x;
    float *out;
    qgk_weight w;
} args;

static void call(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    ctx->table->linear[QGK_FORMAT_F16].product(ctx, a->out + (size_t)row0 * (size_t)a->w.n,
                                               (const qgk_act *)(a->x + (size_t)row0 * a->w.k),
                                               &a->w, n_rows, 1);
}

/* The segment as the tier wants it: where it lies, or packed in strips. */
static const void *prepare(const qgk_half *rows, qgk_shape s)
{
    const qgk_linear *l = &kc_table()->linear[QGK_FORMAT_F16];
    if (l->in_place)
        return rows;
    void *packed = kc_output(l->packed_bytes(s));
    for (int row = 0, n; row < s.n; row += n) {
        n = s.n - row < 64 ? s.n - row : 64;
        qgk_canon strip = {.format = QGK_FORMAT_F16,
                           .n_rows = n,
                           .k = s.k,
                           .codes = (void *)(uintptr_t)(rows + (size_t)row * (size_t)s.k)};
        l->pack(packed, s, &strip, row);
    }
    return packed;
}

/* truth and bound of column n for all rows; w [k] */
static void column(double *truth, double *bound, const args *a, const qgk_half *w, int n, int rows)
{
    int k = a->w.k;
    double value[MAX_K];
    double bias = a->w.bias ? (double)a->w.bias[n] : 0;

    for (int i = 0; i < k; i++)
        value[i] = kc_half_value(w[i]);
    for (int r = 0; r < rows; r++) {
        const float *x = a->x + (size_t)r * (size_t)k;
        double sum = bias, size = fabs(bias);
        for (int i = 0; i < k; i++) {
            double product = (double)x[i] * value[i];
            sum += product;
            size += fabs(product);
        }
        truth[(size_t)r * (size_t)a->w.n + (size_t)n] = sum;
        bound[(size_t)r * (size_t)a->w.n + (size_t)n] =
            size * kc_units(k / 8.0 + 16) + (k + 1) * 0x1p-149;
    }
}

static void prove(const shape *s, kc_content content, const char *what, int last)
{
    int n = s->n[0] + s->n[1] + s->n[2], before = 0;
    float *x = kc_input((size_t)s->rows * (size_t)s->k * sizeof *x), *bias = NULL;
    args a = {.x = x, .w = {.format = QGK_FORMAT_F16, .n = n, .k = s->k}};
    size_t count = (size_t)s->rows * (size_t)n;
    double *truth = kc_doubles(count), *bound = kc_doubles(count);

    a.out = kc_output(count * sizeof(float));
    kc_fill(x, (size_t)s->rows * (size_t)s->k, content);
    if (s->bias) {
        a.w.bias = bias = kc_input((size_t)n * sizeof *bias);
        kc_fill(bias, (size_t)n, content);
    }
    for (int i = 0; i < QGK_MAX_SEGMENTS && s->n[i]; i++) {
        qgk_shape part = {.n = s->n[i], .k = s->k};
        size_t size = (size_t)part.n * (size_t)part.k;
        int at = s->bias ? n - before - part.n : before; /* segments may stand in any order */
        /* a tensor in a file may start at any even byte */
        qgk_half *w = (qgk_half *)kc_input((size + 1) * sizeof *w) + (s->k % 2);
        kc_fill_half(w, size, content);
        a.w.segment[a.w.n_segments++] =
            (qgk_segment){.n = part.n, .at = at, .data = prepare(w, part)};
#pragma omp parallel for
        for (int j = 0; j < part.n; j++)
            column(truth, bound, &a, w + (size_t)j * (size_t)s->k, at + j, s->rows);
        before += part.n;
    }
    kc_proof p = {.call = call,
                  .args = &a,
                  .rows = s->rows,
                  .cols = n,
                  .out = a.out,
                  .truth = truth,
                  .bound = bound,
                  .type = KC_EXACT};
    kc_prove(&p, what);
    if (last)
        kc_bench(&p, (double)n * s->k * 2 + (double)s->rows * (s->k + n) * 4,
                 2.0 * n * s->k * s->rows);
}

static void one(shape s)
{
    if (!kc_affords((double)(s.n[0] + s.n[1] + s.n[2]) * s.k * s.rows) ||
        !kc_enter(KC_SLOT(linear[QGK_FORMAT_F16].product), "f16_%dx%d_r%d%s",
                  s.n[0] + s.n[1] + s.n[2], s.k, s.rows, s.bias ? "_bias" : ""))
        return;
    prove(&s, KC_NORMAL, "normal", 1);
}

static void all_contents(shape s)
{
    static const char *const names[] = {"normal", "zeros", "largest", "denormal", "one-hot"};

    if (!kc_enter(KC_SLOT(linear[QGK_FORMAT_F16].product), "f16_%dx%d_r%d_contents",
                  s.n[0] + s.n[1] + s.n[2], s.k, s.rows))
        return;
    for (kc_content c = 0; c < KC_N_CONTENTS; c++)
        prove(&s, c, names[c], 0);
}

void f16_kcheck(void)
{
    static const int ks[] = {1, 7, 8, 9, 31, 33, 64, 100};
    static const shape odd[] = {
        {{1}, 1025, 3, 1},      {{37}, 2059, 97, 0}, {{5, 1, 3}, 40, 4, 1}, {{33, 31}, 72, 50, 1},
        {{2, 3}, 3000, 195, 0}, {{70}, 1536, 7, 0},  {{9, 9, 9}, 17, 2, 0}, {{257}, 127, 130, 1},
    };
    static const shape models[] = {
        {{256, 128, 128}, 256, 1, 0},
        {{256}, 256, 1, 0},
        {{768, 768}, 256, 1, 0},
        {{256}, 768, 1, 0},
        {{2048}, 256, 1, 0},
        {{768, 768}, 256, 64, 0},
        {{576, 192, 192}, 576, 1, 0},
        {{576}, 576, 1, 0},
        {{1536, 1536}, 576, 1, 0},
        {{576}, 1536, 1, 0},
        {{49152}, 576, 1, 0},
        {{1536, 1536}, 576, 4, 0},
        {{576, 192, 192}, 576, 256, 0},
        {{1536, 1536}, 576, 256, 0},
        {{576}, 1536, 256, 0},
        {{2048, 256, 256}, 2048, 1, 0},
        {{5632, 5632}, 2048, 1, 0},
        {{2048}, 5632, 1, 0},
        {{2048}, 5632, 8, 0},
        {{2048, 256, 256}, 2048, 64, 0},
        {{2048}, 5632, 64, 0},
        {{4096, 4096, 4096}, 4096, 1, 0},
        {{11008, 11008}, 4096, 1, 0},
        {{4096}, 11008, 1, 0},
        {{2048}, 8192, 8, 1},
        {{4096, 1024, 1024}, 4096, 5, 0},
        {{14336}, 4096, 1, 0},
        {{4096}, 14336, 32, 0},
        {{4096}, 4096, 200, 0},
    };

    for (int n = 1; n <= 9; n += 1 + (n > 4))
        for (size_t k = 0; k < sizeof ks / sizeof *ks; k++)
            for (int rows = 1; rows <= 4; rows++)
                all_contents((shape){{n}, ks[k], rows, (n + rows) & 1});
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        all_contents(odd[i]);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        one(models[i]);
}
