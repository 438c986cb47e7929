/* The tier "portable": models of 8-bit products whose hidden states have the same bits on every
 * CPU and GPU.
 *
 * Rounding activations to 8 bits turns the last bit of a sum into a step, and the next layer makes
 * more of it: tiers that add in another order soon say something else. So nothing here depends on
 * an order. Sums of codes are exact already, in any tier; all else is the reference's, in double,
 * and each activation is then rounded to a float and to a half, which the error of a double, some
 * 2^-50, moves once in a million million times. The CUDA backend does the same on its halves
 * (portable_cuda.cu).
 *
 * Products of other formats, so of the head too, are the best tier's: logits are near, some 1e-6.
 */
#include "kernels/tiers.h"

static void to_halves(const qgk_ctx *ctx, qgk_act *x, size_t count)
{
    float *to = (float *)x;

#pragma omp parallel for num_threads(ctx->n_threads) if (count > 4096)
    for (size_t i = 0; i < count; i++)
        to[i] = qgk_float_from_half(qgk_half_from_float(to[i]));
}

static qgk_table reference(void)
{
    qgk_table t;

    qgk_table_init(&t, 0);
    return t;
}

static void embed_add(qgk_ctx *ctx, qgk_act *x, const qgk_half *table, const int32_t *ids, int rows,
                      int cols)
{
    reference().embed_add(ctx, x, table, ids, rows, cols);
    to_halves(ctx, x, (size_t)rows * (size_t)cols);
}

static void add(qgk_ctx *ctx, qgk_act *x, const qgk_act *y, size_t count)
{
    reference().add(ctx, x, y, count);
    to_halves(ctx, x, count);
}

static void rmsnorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, int rows,
                    int cols, float eps)
{
    reference().rmsnorm(ctx, out, x, w, rows, cols, eps);
    to_halves(ctx, out, (size_t)rows * (size_t)cols);
}

static void layernorm(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const float *w, const float *b,
                      int rows, int cols, float eps)
{
    reference().layernorm(ctx, out, x, w, b, rows, cols, eps);
    to_halves(ctx, out, (size_t)rows * (size_t)cols);
}

static void rope(qgk_ctx *ctx, qgk_act *x, int stride, const float *cos_sin, const int32_t *row_pos,
                 int rows, int heads, int head_dim)
{
    reference().rope(ctx, x, stride, cos_sin, row_pos, rows, heads, head_dim);
    for (int r = 0; r < rows; r++)
        to_halves(ctx, qgk_act_at(ctx->table, x, (size_t)r * (size_t)stride),
                  (size_t)heads * (size_t)head_dim);
}

static void attention(qgk_ctx *ctx, qgk_act *out, const qgk_act *q, int stride, const qgk_kv *kv,
                      const qgk_batch *batch, int n_heads, float scale, int window)
{
    reference().attention(ctx, out, q, stride, kv, batch, n_heads, scale, window);
    to_halves(ctx, out, (size_t)batch->n_rows * (size_t)n_heads * (size_t)kv->head_dim);
}

static void swiglu(qgk_ctx *ctx, qgk_act *out, const qgk_act *gate_up, int rows, int cols)
{
    reference().swiglu(ctx, out, gate_up, rows, cols);
    to_halves(ctx, out, (size_t)rows * (size_t)cols);
}

static void gelu(qgk_ctx *ctx, qgk_act *x, size_t count)
{
    reference().gelu(ctx, x, count);
    to_halves(ctx, x, count);
}

/* Logits stay as they are: nothing follows them. */
static void product(qgk_ctx *ctx, void *out, const qgk_act *x, const qgk_weight *w, int rows,
                    int f32_out)
{
    qgk_table best;

    qgk_table_init(&best, QGK_CPU_ALL);
    best.linear[w->format].product(ctx, out, x, w, rows, f32_out);
    if (!f32_out)
        to_halves(ctx, out, (size_t)rows * (size_t)w->n);
}

void qgk_portable_fused(qgk_table *t)
{
    qgk_table ref = reference();

    t->add_rmsnorm = ref.add_rmsnorm;
    t->add_layernorm = ref.add_layernorm;
    t->rope_append = ref.rope_append;
}

void qgk_portable(qgk_table *t)
{
    t->tier = "portable";
    t->embed_add = embed_add;
    t->add = add;
    t->rmsnorm = rmsnorm;
    t->layernorm = layernorm;
    t->rope = rope;
    qgk_portable_fused(t);
    t->attention = attention;
    t->swiglu = swiglu;
    t->gelu = gelu;
    for (int f = 0; f < QGK_N_FORMATS; f++)
        t->linear[f].product = product;
}
