/* Rotary position embedding (Su et al. 2021) in the "rotate half" order of Hugging Face
 * checkpoints: element i of a head turns with element i + head_dim / 2 by the angle of its
 * position.
 */
#include "kernels/tiers.h"

#include <assert.h>

/* x [rows][stride], cos_sin [max_len][head_dim], row_pos [rows] */
static void rope(qgk_ctx *ctx, qgk_act *x, int stride, const float *cos_sin, const int32_t *row_pos,
                 int rows, int heads, int head_dim)
{
    int half = head_dim / 2;

    (void)ctx;
    assert(rows >= 0 && heads > 0 && head_dim > 0 && head_dim % 2 == 0);
    assert(stride >= heads * head_dim);
    for (int r = 0; r < rows; r++) {
        const float *c = cos_sin + (size_t)row_pos[r] * (size_t)head_dim, *s = c + half;
        for (int h = 0; h < heads; h++) {
            float *head = (float *)x + (size_t)r * (size_t)stride + (size_t)h * (size_t)head_dim;
            for (int i = 0; i < half; i++) {
                double a = (double)head[i], b = (double)head[i + half];
                head[i] = (float)(a * (double)c[i] - b * (double)s[i]);
                head[i + half] = (float)(b * (double)c[i] + a * (double)s[i]);
            }
        }
    }
}

/* qkv [rows][stride]: of whatever tier the parts are */
static void rope_append(qgk_ctx *ctx, const qgk_kv *kv, qgk_act *qkv, int stride,
                        const float *cos_sin, const qgk_batch *batch, int n_heads)
{
    const qgk_table *t = ctx->table;
    size_t q = (size_t)(n_heads * kv->head_dim), k = (size_t)(kv->n_kv_heads * kv->head_dim);

    t->rope(ctx, qkv, stride, cos_sin, batch->row_pos, batch->n_rows, n_heads + kv->n_kv_heads,
            kv->head_dim);
    t->kv_append(ctx, kv, qgk_act_at(t, qkv, q), qgk_act_at(t, qkv, q + k), stride, batch);
}

void qgk_rope_ref(qgk_table *t)
{
    t->rope = rope;
    t->rope_append = rope_append;
}
