/* Embedding and gather: exact copies, every bit pattern of a finite half among them. The sum with
 * what is there rounds once, in every tier.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

typedef struct args {
    const qgk_half *table;
    const float *x;
    const int32_t *ids;
    float *out;
    int cols;
} args;

static void call_embed(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    ctx->table->embed(ctx, (qgk_act *)(a->out + (size_t)row0 * (size_t)a->cols), a->table,
                      a->ids + row0, n_rows, a->cols);
}

static void call_embed_add(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    size_t at = (size_t)row0 * (size_t)a->cols, count = (size_t)n_rows * (size_t)a->cols;
    memcpy(a->out + at, a->x + at, count * sizeof(float));
    ctx->table->embed_add(ctx, (qgk_act *)(a->out + at), a->table, a->ids + row0, n_rows, a->cols);
}

static void call_gather(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    ctx->table->gather(ctx, (qgk_act *)(a->out + (size_t)row0 * (size_t)a->cols),
                       (const qgk_act *)a->x, a->ids + row0, n_rows, a->cols);
}

static int32_t *random_ids(int rows, int below)
{
    int32_t *ids = kc_input((size_t)rows * sizeof *ids);
    for (int r = 0; r < rows; r++)
        ids[r] = (int32_t)kc_random((uint32_t)below);
    ids[0] = below - 1;
    return ids;
}

static const qgk_half *random_table(int vocabulary, int cols)
{
    size_t size = (size_t)vocabulary * (size_t)cols;
    qgk_half *table = (qgk_half *)kc_input((size + 1) * 2) + cols % 2;

    for (size_t i = 0; i < size; i++) {
        table[i] = (qgk_half)kc_random(1 << 16);
        if ((table[i] & 0x7c00u) == 0x7c00u)
            table[i] ^= 0x4000u;
    }
    return table;
}

static double value_at(const args *a, size_t i)
{
    size_t cols = (size_t)a->cols;

    return kc_half_value(a->table[(size_t)a->ids[i / cols] * cols + i % cols]);
}

static void prove_embed(int rows, int cols, int vocabulary)
{
    size_t count = (size_t)rows * (size_t)cols;
    double *truth = kc_doubles(count);
    args a = {.table = random_table(vocabulary, cols),
              .ids = random_ids(rows, vocabulary),
              .out = kc_output(count * 4),
              .cols = cols};

    for (size_t i = 0; i < count; i++)
        truth[i] = value_at(&a, i);
    kc_proof p = {call_embed, &a, rows, cols, a.out, truth, NULL, 0};
    kc_prove(&p, "every half");
    kc_bench(&p, 6.0 * (double)count, 0);
}

static void prove_embed_add(int rows, int cols, int vocabulary)
{
    size_t count = (size_t)rows * (size_t)cols;
    double *truth = kc_doubles(count);
    float *x = kc_input(count * 4);
    args a = {.table = random_table(vocabulary, cols),
              .x = x,
              .ids = random_ids(rows, vocabulary),
              .out = kc_output(count * 4),
              .cols = cols};

    kc_fill(x, count, KC_NORMAL);
    for (size_t i = 0; i < count; i++)
        truth[i] = kc_stored((double)x[i] + value_at(&a, i));
    kc_proof p = {call_embed_add, &a, rows, cols, a.out, truth, NULL, 0};
    kc_prove(&p, "every half");
    kc_bench(&p, 10.0 * (double)count, (double)count);
}

static void prove_gather(int rows, int cols)
{
    size_t count = (size_t)rows * (size_t)cols;
    int n = 2 * rows + 1;
    float *x = kc_input((size_t)n * (size_t)cols * 4);
    double *truth = kc_doubles(count);

    kc_fill(x, (size_t)n * (size_t)cols, KC_NORMAL);
    args a = {.x = x, .ids = random_ids(rows, n), .out = kc_output(count * 4), .cols = cols};
    for (size_t i = 0; i < count; i++)
        truth[i] = (double)x[(size_t)a.ids[i / (size_t)cols] * (size_t)cols + i % (size_t)cols];
    kc_proof p = {call_gather, &a, rows, cols, a.out, truth, NULL, 0};
    kc_prove(&p, "normal");
}

void embed_kcheck(void)
{
    static const int shapes[][3] = {{1, 1, 1},       {3, 7, 5},     {4, 9, 70000},   {2, 16, 3},
                                    {64, 256, 2048}, {1, 576, 512}, {256, 576, 512}, {1, 4096, 8}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int *s = shapes[i];
        if (kc_enter(KC_SLOT(embed), "embed_%dx%d_v%d", s[0], s[1], s[2]))
            prove_embed(s[0], s[1], s[2]);
        if (kc_enter(KC_SLOT(embed_add), "embed-add_%dx%d_v%d", s[0], s[1], s[2]))
            prove_embed_add(s[0], s[1], s[2]);
        if (kc_enter(KC_SLOT(gather), "gather_%dx%d", s[0], s[1]))
            prove_gather(s[0], s[1]);
    }
}
