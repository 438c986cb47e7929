/* Products of 8-bit weights and activations: odd shapes and tails, fused segments, bias, codes and
 * activations at the ends of their ranges, ties, rows that are not finite, the shapes of real
 * models.
 *
 * The truth quantizes x as i8_ref.c says and adds in int64 and double. Bound: the sum of codes is
 * exact, it and the product of the scales round once each, so does their product, and the sum with
 * the bias; below that, the denormal products of scales.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

typedef enum content {
    NORMAL,
    ZEROS,
    LARGEST,    /* codes and x at both ends of their ranges             */
    SATURATING, /* codes -128 and x at its largest, of one sign          */
    ONE_HOT,
    TIES,             /* x between two codes                             */
    DENORMAL_SCALES,  /* of weights                                      */
    DENORMAL_X,       /* which counts as zero                            */
    BARELY_QUANTIZED, /* x about the least that does not count as zero   */
    NOT_FINITE,       /* some rows hold an infinity or a NaN             */
    N_CONTENTS
} content;
static const char *const content_names[] = {
    "normal", "zeros",           "largest",    "saturating",         "one-hot",
    "ties",   "denormal scales", "denormal x", "barely quantized x", "not finite"};

typedef struct shape {
    int n[QGK_MAX_SEGMENTS], k, rows, bias;
} shape;

typedef struct args {
    const float *x;
    float *out;
    qgk_weight w;
} args;

/* Stands for NaN, which equals nothing. */
static const float not_a_number = -0x1p100f;

static void call(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    float *out = a->out + (size_t)row0 * (size_t)a->w.n;

    ctx->table->linear[QGK_FORMAT_W8A8].product(
        ctx, out, (const qgk_act *)(a->x + (size_t)row0 * (size_t)a->w.k), &a->w, n_rows, 1);
    for (size_t i = 0; i < (size_t)n_rows * (size_t)a->w.n; i++)
        if (isnan(out[i]))
            out[i] = not_a_number;
}

/* ---- contents ---- */

static void fill_x(float *x, const shape *s, content c)
{
    size_t k = (size_t)s->k, count = (size_t)s->rows * k;
    kc_content as = c == ZEROS        ? KC_ZEROS
                    : c == ONE_HOT    ? KC_ONE_HOT
                    : c == LARGEST    ? KC_LARGEST
                    : c == DENORMAL_X ? KC_DENORMAL
                                      : KC_NORMAL;

    kc_fill(x, count, as);
    for (size_t i = 0; i < count; i++) {
        if (c == SATURATING)
            x[i] = i / k % 2 ? -3.7f : 3.7f;
        else if (c == TIES) /* the first of a row makes the scale 1/4 */
            x[i] = i % k ? ((float)kc_random(254) - 126.5f) / 4 : 31.75f;
        else if (c == BARELY_QUANTIZED)
            x[i] = i % k ? x[i] * 0x1p-104f : i / k % 2 ? 0x1p-100f : 0x1.fffffep-101f;
    }
    if (c == NOT_FINITE)
        for (size_t r = 0; r < (size_t)s->rows; r += 1 + kc_random(3))
            x[r * k + kc_random((uint32_t)k)] = kc_random(3) == 0   ? NAN
                                                : kc_random(2) == 0 ? INFINITY
                                                                    : -INFINITY;
}

static int8_t random_code(content c)
{
    if (c == LARGEST)
        return kc_random(2) ? 127 : -128;
    return (int8_t)(c == ZEROS ? 0 : c == SATURATING ? -128 : (int)kc_random(256) - 128);
}

static float random_scale(content c)
{
    float sign = kc_random(8) ? 1 : -1;

    if (c == LARGEST)
        return sign * 65504;
    return sign * (float)(1 + kc_random(4095)) * (c == DENORMAL_SCALES ? 0x1p-149f : 0x1p-19f);
}

/* A strip that is the whole segment. */
static qgk_canon random_rows(qgk_shape s, content c)
{
    size_t count = (size_t)s.n * (size_t)s.k;
    int8_t *codes = kc_input(count);
    float *scales = kc_input((size_t)s.n * sizeof *scales);

    for (size_t i = 0; i < count; i++)
        codes[i] = random_code(c);
    for (int i = 0; i < s.n; i++)
        scales[i] = random_scale(c);
    return (qgk_canon){QGK_FORMAT_W8A8, s.n, s.k, s.k, codes, scales, NULL};
}

/* Packed by the tier, the last strip first. */
static const void *prepare(const qgk_canon *rows, qgk_shape s)
{
    const qgk_linear *l = &kc_table()->linear[QGK_FORMAT_W8A8];
    void *packed = kc_output(l->packed_bytes(s));

    for (int row = (s.n - 1) / 64 * 64; row >= 0; row -= 64) {
        qgk_canon strip = *rows;
        strip.n_rows = s.n - row < 64 ? s.n - row : 64;
        strip.codes = (int8_t *)rows->codes + (size_t)row * (size_t)s.k;
        strip.scales += row;
        l->pack(packed, s, &strip, row);
    }
    return packed;
}

/* ---- the truth ---- */

/* Codes [k] and, as the result, scale of a row. */
static float quantized(int32_t *codes, const float *x, int k)
{
    double largest = 0;

    for (int i = 0; i < k; i++)
        largest = isnan(x[i]) ? (double)NAN : fmax(fabs((double)x[i]), largest);
    for (int i = 0; i < k; i++)
        if (!isfinite(x[i]))
            return NAN;
    float inverse = 127 / (float)largest;
    for (int i = 0; i < k; i++)
        codes[i] = largest < 0x1p-100 ? 0 : (int32_t)nearbyint((double)(x[i] * inverse));
    return largest < 0x1p-100 ? 0 : (float)largest / 127;
}

/* truth and bound of row n of a segment for all rows of x, which are quantized */
static void column(double *truth, double *bound, const args *a, const qgk_canon *w, int at, int n,
                   const int32_t *x_code, const float *x_scale, int rows)
{
    const int8_t *codes = (const int8_t *)w->codes + (size_t)n * (size_t)w->k;
    double bias = a->w.bias ? (double)a->w.bias[at + n] : 0;

    for (int r = 0; r < rows; r++) {
        size_t to = (size_t)r * (size_t)a->w.n + (size_t)(at + n);
        int64_t sum = 0;
        if (isnan(x_scale[r])) {
            truth[to] = (double)not_a_number;
            bound[to] = 0;
            continue;
        }
        for (int i = 0; i < w->k; i++)
            sum += codes[i] * x_code[(size_t)r * (size_t)w->k + (size_t)i];
        double product = (double)sum * ((double)x_scale[r] * (double)w->scales[n]);
        truth[to] = product + bias;
        bound[to] = (3.001 * fabs(product) + 1.001 * fabs(product + bias)) * 0x1p-24 +
                    fabs((double)sum) * 0x1p-150 + 0x1p-149;
    }
}

static void prove(const shape *s, content c, int last)
{
    int n = s->n[0] + s->n[1] + s->n[2];
    size_t n_x = (size_t)s->rows * (size_t)s->k, count = (size_t)s->rows * (size_t)n;
    float *x = kc_input(n_x * sizeof *x), *bias = NULL;
    float *x_scale = kc_input((size_t)s->rows * sizeof *x_scale);
    int32_t *x_code = kc_output(n_x * sizeof *x_code);
    double *truth = kc_doubles(count), *bound = kc_doubles(count);
    args a = {.x = x, .w = {.format = QGK_FORMAT_W8A8, .n = n, .k = s->k}};

    a.out = kc_output(count * sizeof(float));
    fill_x(x, s, c);
    kc_store(x, n_x);
    for (int r = 0; r < s->rows; r++)
        x_scale[r] =
            quantized(x_code + (size_t)r * (size_t)s->k, x + (size_t)r * (size_t)s->k, s->k);
    if (s->bias) {
        a.w.bias = bias = kc_input((size_t)n * sizeof *bias);
        kc_fill(bias, (size_t)n, KC_NORMAL);
    }
    for (int i = 0, at = 0; i < QGK_MAX_SEGMENTS && s->n[i]; at += s->n[i++]) {
        qgk_shape part = {s->n[i], s->k, s->k, 8};
        qgk_canon rows = random_rows(part, c);
        a.w.segment[a.w.n_segments++] =
            (qgk_segment){.n = part.n, .at = at, .data = prepare(&rows, part)};
#pragma omp parallel for
        for (int j = 0; j < part.n; j++)
            column(truth, bound, &a, &rows, at, j, x_code, x_scale, s->rows);
    }
    kc_proof p = {.call = call,
                  .args = &a,
                  .rows = s->rows,
                  .cols = n,
                  .out = a.out,
                  .truth = truth,
                  .bound = bound,
                  .type = KC_EXACT};
    kc_prove(&p, content_names[c]);
    if (last)
        kc_bench(&p, (double)n * (s->k + 4) + (double)s->rows * (s->k + n) * 4,
                 2.0 * n * s->k * s->rows);
}

/* ---- the shapes ---- */

static int enter(const shape *s, const char *what)
{
    return kc_enter(KC_SLOT(linear[QGK_FORMAT_W8A8].product), "i8_%dx%d_r%d%s%s",
                    s->n[0] + s->n[1] + s->n[2], s->k, s->rows, s->bias ? "_bias" : "", what);
}

static void all_contents(shape s)
{
    if (enter(&s, "_contents"))
        for (content c = 0; c < N_CONTENTS; c++)
            prove(&s, c, 0);
}

static const shape odd_shapes[] = {
    {{1}, 1025, 3, 1},       {{37}, 2059, 97, 0},    {{5, 1, 3}, 40, 4, 1}, {{33, 31}, 72, 50, 1},
    {{2, 3}, 3000, 95, 0},   {{70}, 1536, 7, 0},     {{9, 9, 9}, 17, 2, 0}, {{257}, 127, 130, 1},
    {{130, 66}, 384, 25, 1}, {{65, 64}, 4099, 9, 0}, {{16, 48}, 65, 6, 1},  {{3}, 1 << 14, 2, 0},
};

/* that decode, and of prompts */
static const shape model_shapes[] = {
    {{256, 128, 128}, 256, 1, 0},
    {{256}, 256, 1, 0},
    {{768, 768}, 256, 1, 0},
    {{256}, 768, 1, 0},
    {{768, 768}, 256, 64, 0},
    {{576, 192, 192}, 576, 1, 0},
    {{576}, 576, 1, 0},
    {{1536, 1536}, 576, 1, 0},
    {{576}, 1536, 1, 0},
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
    {{4096, 1024, 1024}, 4096, 16, 0},
    {{14336}, 4096, 1, 0},
    {{4096}, 14336, 32, 0},
    {{4096}, 4096, 200, 0},
};

void i8_kcheck(void)
{
    static const int ks[] = {1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 64, 100};

    for (int n = 1; n <= 9; n += 1 + (n > 4))
        for (size_t k = 0; k < sizeof ks / sizeof *ks; k++)
            for (int rows = 1; rows <= 7; rows += 1 + (rows > 3))
                all_contents((shape){{n}, ks[k], rows, (n + rows) & 1});
    for (size_t i = 0; i < sizeof odd_shapes / sizeof *odd_shapes; i++)
        all_contents(odd_shapes[i]);
    for (size_t i = 0; i < sizeof model_shapes / sizeof *model_shapes; i++) {
        const shape *s = &model_shapes[i];
        if (kc_affords((double)(s->n[0] + s->n[1] + s->n[2]) * s->k * s->rows) && enter(s, ""))
            prove(s, NORMAL, 1);
    }
}
