/* Products with codes of 4 and 8 bits in groups: odd shapes, tails and groups, zero points at the
 * ends of their range, orders of the input, fused segments, bias, and the shapes of real models.
 *
 * The truth is a sum in double over scale * (code - zero) of the canonical form, through the order.
 * Bound: code - zero is exact in float32, its product with the scale rounds once (never below a
 * denormal scale's own unit), and an output is a chain of at most a float32 operation for each 8
 * inputs of a group, 8 more for the lanes' tree and the bias: each is off by one unit of the sum of
 * |x w|; below that, denormal products. On CUDA products of many rows round scales and weights to
 * halves.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

enum { MAX_K = 14336 };

typedef enum orders { NO_ORDER, ONE_ORDER, ORDERS_APART } orders;
static const char *const order_names[] = {"", "_order", "_orders"};

typedef struct shape {
    int n[QGK_MAX_SEGMENTS], k, group, rows, bias;
    orders orders;
} shape;

typedef struct args {
    const float *x;
    float *out;
    qgk_weight w;
} args;

static void call(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    ctx->table->linear[a->w.format].product(ctx, a->out + (size_t)row0 * (size_t)a->w.n,
                                            (const qgk_act *)(a->x + (size_t)row0 * a->w.k), &a->w,
                                            n_rows, 1);
}

/* Zero points: both ends, the middle, and anything. */
static uint8_t random_zero(int bits)
{
    uint32_t choice = kc_random(4), all = 1u << bits;
    return (uint8_t)(choice == 0   ? 0
                     : choice == 1 ? all / 2
                     : choice == 2 ? all - 1
                                   : kc_random(all));
}

static float random_scale(kc_content content)
{
    float sign = kc_random(2) ? 1 : -1;

    switch (content) {
    case KC_ZEROS:
        return sign * 0.0f;
    case KC_LARGEST: /* where weights become halves, they fit */
        return sign * (kc_half_units(1) > 0 ? 256.0f : 65504.0f);
    case KC_DENORMAL: /* of a half, and of a float */
        return sign * (float)(1 + kc_random(1023)) * (kc_random(2) ? 0x1p-24f : 0x1p-149f);
    default:
        return sign * (float)(1 + kc_random(4095)) * 0x1p-15f;
    }
}

/* A strip that is the whole segment. */
static qgk_canon random_rows(qgk_format format, qgk_shape s, kc_content content)
{
    size_t count = (size_t)s.n * (size_t)s.k, n_groups = (size_t)s.n * (size_t)qgk_groups(s);
    uint8_t *codes = kc_input(count), *zeros = kc_input(n_groups);
    float *scales = kc_input(n_groups * sizeof *scales);
    uint32_t all = 1u << s.bits;

    for (size_t i = 0; i < count; i++)
        codes[i] = (uint8_t)(content == KC_LARGEST ? kc_random(2) * (all - 1) : kc_random(all));
    for (size_t i = 0; i < n_groups; i++) {
        scales[i] = random_scale(content);
        zeros[i] = random_zero(s.bits);
    }
    return (qgk_canon){format, s.n, s.k, s.group, codes, scales, zeros};
}

/* Packed by the tier, in strips. */
static const void *prepare(const qgk_canon *rows, qgk_shape s)
{
    const qgk_linear *l = &kc_table()->linear[rows->format];
    void *packed = kc_output(l->packed_bytes(s));

    for (int row = 0; row < s.n; row += 64) {
        size_t first = (size_t)row * (size_t)qgk_groups(s);
        qgk_canon strip = *rows;
        strip.n_rows = s.n - row < 64 ? s.n - row : 64;
        strip.codes = (uint8_t *)rows->codes + (size_t)row * (size_t)s.k;
        strip.scales += first;
        strip.zeros += first;
        l->pack(packed, s, &strip, row);
    }
    return packed;
}

static int32_t *random_order(int k)
{
    int32_t *order = kc_input((size_t)k * sizeof *order);

    for (int i = 0; i < k; i++) { /* Fisher and Yates, inside out */
        int j = (int)kc_random((uint32_t)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    return order;
}

/* truth and bound of row n of a segment for all rows of x */
static void column(double *truth, double *bound, const args *a, const qgk_segment *part,
                   const qgk_canon *w, int n, int rows)
{
    int k = w->k, group = w->group, at = part->at + n;
    size_t first = (size_t)n * (size_t)(k / group);
    double value[MAX_K], bias = a->w.bias ? (double)a->w.bias[at] : 0;
    double steps = (double)(k / group) * ((group + 7) / 8);

    for (int i = 0; i < k; i++) {
        size_t g = first + (size_t)(i / group);
        int code = ((const uint8_t *)w->codes)[(size_t)n * (size_t)k + (size_t)i];
        value[part->order ? part->order[i] : i] = (double)w->scales[g] * (code - w->zeros[g]);
    }
    for (int r = 0; r < rows; r++) {
        const float *x = a->x + (size_t)r * (size_t)k;
        double sum = bias, size = fabs(bias);
        for (int i = 0; i < k; i++) {
            double product = (double)x[i] * value[i];
            sum += product;
            size += fabs(product);
        }
        truth[(size_t)r * (size_t)a->w.n + (size_t)at] = sum;
        bound[(size_t)r * (size_t)a->w.n + (size_t)at] =
            size * (kc_units(steps + 10) + kc_half_units(2)) + (k + 1) * 0x1p-149;
    }
}

static void prove(qgk_format format, const shape *s, kc_content content, const char *what, int last)
{
    int n = s->n[0] + s->n[1] + s->n[2], bits = format == QGK_FORMAT_W4A16 ? 4 : 8;
    float *x = kc_input((size_t)s->rows * (size_t)s->k * sizeof *x), *bias = NULL;
    args a = {.x = x, .w = {.format = format, .n = n, .k = s->k}};
    size_t count = (size_t)s->rows * (size_t)n;
    double *truth = kc_doubles(count), *bound = kc_doubles(count);
    const int32_t *order = NULL;

    a.out = kc_output(count * sizeof(float));
    /* with denormal scales, so that their products are none */
    kc_fill(x, (size_t)s->rows * (size_t)s->k, content == KC_DENORMAL ? KC_NORMAL : content);
    if (s->bias) {
        a.w.bias = bias = kc_input((size_t)n * sizeof *bias);
        kc_fill(bias, (size_t)n, content);
    }
    for (int i = 0, at = 0; i < QGK_MAX_SEGMENTS && s->n[i]; at += s->n[i++]) {
        qgk_shape part = {s->n[i], s->k, s->group, bits};
        qgk_canon rows = random_rows(format, part, content);
        if (s->orders == ORDERS_APART && i == 1)
            order = NULL;
        else if (s->orders == ORDERS_APART || (s->orders == ONE_ORDER && i == 0))
            order = random_order(s->k);
        qgk_segment *segment = &a.w.segment[a.w.n_segments++];
        *segment = (qgk_segment){part.n, at, prepare(&rows, part), part.group, order};
#pragma omp parallel for
        for (int j = 0; j < part.n; j++)
            column(truth, bound, &a, segment, &rows, j, s->rows);
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
        kc_bench(&p,
                 (double)n * (s->k * bits / 8.0 + 5.0 * s->k / s->group) +
                     (double)s->rows * (s->k + n) * 4,
                 2.0 * n * s->k * s->rows);
}

static int enter(qgk_format format, const shape *s, const char *what)
{
    return kc_enter(KC_SLOT(linear) + (size_t)format * sizeof(qgk_linear) +
                        offsetof(qgk_linear, product),
                    "%s_%dx%d_g%d_r%d%s%s%s", format == QGK_FORMAT_W4A16 ? "w4" : "w8",
                    s->n[0] + s->n[1] + s->n[2], s->k, s->group, s->rows, s->bias ? "_bias" : "",
                    order_names[s->orders], what);
}

static void all_contents(qgk_format format, shape s)
{
    static const char *const names[] = {"normal", "zeros", "largest", "denormal", "one-hot"};

    if (enter(format, &s, "_contents"))
        for (kc_content c = 0; c < KC_N_CONTENTS; c++)
            prove(format, &s, c, names[c], 0);
}

static const shape odd_shapes[] = {
    {{1}, 37, 37, 3, 1, NO_ORDER},
    {{7}, 1025, 1025, 2, 1, ONE_ORDER},
    {{37}, 2059, 29, 97, 0, NO_ORDER},
    {{5, 1, 3}, 40, 40, 4, 1, ORDERS_APART},
    {{33, 31}, 72, 24, 50, 1, NO_ORDER},
    {{2, 3}, 3008, 32, 195, 0, ORDERS_APART},
    {{70}, 1536, 64, 7, 0, ONE_ORDER},
    {{9, 9, 9}, 48, 16, 2, 0, ORDERS_APART},
    {{257}, 127, 1, 130, 1, NO_ORDER},
    {{66}, 240, 40, 13, 0, ONE_ORDER},
    {{130, 66}, 384, 128, 25, 1, ONE_ORDER},
    {{4, 4, 4}, 256, 256, 6, 0, ORDERS_APART},
    {{9}, 32, 32, 64, 1, NO_ORDER},
    {{33, 31}, 96, 32, 50, 1, ONE_ORDER},
    {{300, 20, 52}, 1184, 32, 101, 0, NO_ORDER},
    {{130, 66}, 896, 128, 129, 1, ONE_ORDER},
    {{70, 2}, 1600, 320, 33, 0, NO_ORDER},
    {{17}, 4160, 64, 192, 1, NO_ORDER},
    {{24, 3}, 960, 320, 90, 1, ONE_ORDER},
    {{20}, 1152, 96, 70, 0, NO_ORDER},
    {{9, 5, 1}, 1024, 512, 257, 1, NO_ORDER},
};

/* of rows that decode, and of prompts */
static const shape model_shapes[] = {
    {{256, 128, 128}, 256, 64, 1, 0, NO_ORDER},
    {{576, 192, 192}, 576, 64, 1, 0, NO_ORDER},
    {{576}, 576, 64, 1, 0, ONE_ORDER},
    {{576}, 576, 64, 1, 0, NO_ORDER},
    {{1536, 1536}, 576, 64, 1, 0, NO_ORDER},
    {{1536, 1536}, 576, 32, 1, 0, NO_ORDER},
    {{1536, 1536}, 576, 576, 1, 0, NO_ORDER},
    {{576}, 1536, 128, 1, 0, NO_ORDER},
    {{1536, 1536}, 576, 64, 4, 0, NO_ORDER},
    {{576, 192, 192}, 576, 64, 256, 0, NO_ORDER},
    {{1536, 1536}, 576, 64, 256, 0, NO_ORDER},
    {{1536, 1536}, 576, 64, 256, 0, ONE_ORDER},
    {{576}, 1536, 128, 256, 0, NO_ORDER},
    {{2048, 256, 256}, 2048, 128, 1, 0, NO_ORDER},
    {{5632, 5632}, 2048, 128, 1, 0, NO_ORDER},
    {{2048}, 5632, 128, 1, 0, NO_ORDER},
    {{2048}, 5632, 128, 8, 0, NO_ORDER},
    {{2048}, 5632, 128, 64, 0, NO_ORDER},
    {{4096, 4096, 4096}, 4096, 128, 1, 0, NO_ORDER},
    {{11008, 11008}, 4096, 128, 1, 0, NO_ORDER},
    {{4096}, 11008, 128, 1, 0, NO_ORDER},
    {{2048}, 8192, 128, 8, 1, NO_ORDER},
    {{4096, 1024, 1024}, 4096, 128, 16, 0, ONE_ORDER},
    {{14336}, 4096, 128, 1, 0, NO_ORDER},
    {{4096}, 4096, 128, 32, 0, NO_ORDER},
    {{2048, 256, 256}, 2048, 128, 128, 0, NO_ORDER},
    {{4096}, 4096, 128, 64, 0, NO_ORDER},
    {{4096, 4096, 4096}, 4096, 128, 128, 0, NO_ORDER},
    {{4096}, 4096, 128, 128, 0, NO_ORDER},
    {{11008, 11008}, 4096, 128, 128, 0, NO_ORDER},
    {{4096}, 11008, 128, 128, 0, NO_ORDER},
    {{11008, 11008}, 4096, 128, 64, 0, NO_ORDER},
    {{4096, 4096, 4096}, 4096, 128, 32, 0, NO_ORDER},
    {{11008, 11008}, 4096, 128, 32, 0, NO_ORDER},
    {{4096}, 11008, 128, 32, 0, NO_ORDER},
    {{4096}, 4096, 128, 200, 0, ONE_ORDER},
    {{4096}, 4096, 128, 256, 0, NO_ORDER},
    {{4096}, 4096, 128, 512, 0, NO_ORDER},
    {{11008, 11008}, 4096, 128, 512, 0, NO_ORDER},
};

static void prove_format(qgk_format format)
{
    static const int ks[][2] = {{1, 1},   {7, 7},   {8, 8},    {16, 16}, {31, 31},
                                {48, 16}, {48, 24}, {64, 32},  {80, 40}, {128, 64},
                                {96, 32}, {100, 5}, {256, 128}};

    static const int ns[] = {1, 6, 8, 9};

    for (size_t j = 0; j < sizeof ns / sizeof *ns; j++)
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
            for (int rows = 1; rows <= 4; rows++)
                all_contents(
                    format,
                    (shape){
                        {ns[j]}, ks[i][0], ks[i][1], rows, rows & 1, j % 3 ? NO_ORDER : ONE_ORDER});
    for (size_t i = 0; i < sizeof odd_shapes / sizeof *odd_shapes; i++)
        all_contents(format, odd_shapes[i]);
    for (size_t i = 0; i < sizeof model_shapes / sizeof *model_shapes; i++) {
        const shape *s = &model_shapes[i];
        if (kc_affords((double)(s->n[0] + s->n[1] + s->n[2]) * s->k * s->rows) &&
            enter(format, s, ""))
            prove(format, s, KC_NORMAL, "normal", 1);
    }
}

void grouped_kcheck(void)
{
    prove_format(QGK_FORMAT_W4A16);
    prove_format(QGK_FORMAT_W8A16);
}
