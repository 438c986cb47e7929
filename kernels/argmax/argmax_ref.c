/* The index of the largest logit of each row, the lower one of equals; -1 where a row is not
 * finite.
 */
#include "kernels/tiers.h"

#include <assert.h>
#include <math.h>

/* ids [rows], logits [rows][cols] */
static void argmax(qgk_ctx *ctx, int32_t *ids, const float *logits, int rows, int cols)
{
    (void)ctx;
    assert(rows >= 0 && cols > 0);
    for (int r = 0; r < rows; r++) {
        const float *row = logits + (size_t)r * (size_t)cols;
        int32_t best = 0;
        for (int i = 0; i < cols && best >= 0; i++) {
            if (!isfinite(row[i]))
                best = -1;
            else if (row[i] > row[best])
                best = i;
        }
        ids[r] = best;
    }
}

void qgk_argmax_ref(qgk_table *t)
{
    t->argmax = argmax;
}
