/* Rows by number: the embedding of token ids, the learned positions added to it, and the gather of
 * chosen rows.
 *
 * Copies are exact: a half becomes the float of the same value. The sum rounds once.
 */
#include "kernels/tiers.h"

#include <assert.h>

/* out [rows][cols], table [vocabulary][cols], ids [rows] */
static void embed(qgk_ctx *ctx, qgk_act *out, const qgk_half *table, const int32_t *ids, int rows,
                  int cols)
{
    (void)ctx;
    assert(rows >= 0 && cols > 0);
    for (int r = 0; r < rows; r++) {
        float *to = (float *)out + (size_t)r * (size_t)cols;
        const qgk_half *from = table + (size_t)ids[r] * (size_t)cols;
        for (int i = 0; i < cols; i++)
            to[i] = qgk_float_from_half(from[i]);
    }
}

/* x [rows][cols], table [.][cols], ids [rows] */
static void embed_add(qgk_ctx *ctx, qgk_act *x, const qgk_half *table, const int32_t *ids, int rows,
                      int cols)
{
    (void)ctx;
    assert(rows >= 0 && cols > 0);
    for (int r = 0; r < rows; r++) {
        float *to = (float *)x + (size_t)r * (size_t)cols;
        const qgk_half *from = table + (size_t)ids[r] * (size_t)cols;
        for (int i = 0; i < cols; i++)
            to[i] += qgk_float_from_half(from[i]);
    }
}

/* out [rows][cols], x [.][cols], index [rows] */
static void gather(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const int32_t *index, int rows,
                   int cols)
{
    (void)ctx;
    assert(rows >= 0 && cols > 0);
    for (int r = 0; r < rows; r++)
        memcpy((float *)out + (size_t)r * (size_t)cols,
               (const float *)x + (size_t)index[r] * (size_t)cols, (size_t)cols * sizeof(float));
}

void qgk_embed_ref(qgk_table *t)
{
    t->embed = embed;
    t->embed_add = embed_add;
    t->gather = gather;
}
