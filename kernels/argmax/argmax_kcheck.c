/* The largest logit: ties, negative rows, NaN and infinities at every place. Exact.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <math.h>

typedef struct args {
    const float *logits;
    int32_t *ids;
    int cols;
} args;

static void call(qgk_ctx *ctx, const void *p, int row0, int n_rows)
{
    const args *a = p;
    ctx->table->argmax(ctx, a->ids + row0, a->logits + (size_t)row0 * (size_t)a->cols, n_rows,
                       a->cols);
}

/* From the right, so that the leftmost of equals stays. */
static int32_t expect(const float *row, int cols)
{
    int32_t best = cols - 1;
    for (int i = cols - 1; i >= 0; i--) {
        if (isnan(row[i]) || isinf(row[i]))
            return -1;
        if (row[i] >= row[best])
            best = i;
    }
    return best;
}

static void prove(int rows, int cols, int ties, const char *what)
{
    float *logits = kc_input((size_t)rows * (size_t)cols * 4);
    double *truth = kc_doubles((size_t)rows);
    args a = {logits, kc_output((size_t)rows * 4), cols};

    for (int r = 0; r < rows; r++) {
        static const float odd[] = {(float)NAN, (float)INFINITY, -(float)INFINITY};
        float *row = logits + (size_t)r * (size_t)cols;
        kc_fill(row, (size_t)cols, KC_NORMAL);
        for (int i = 0; i < cols; i++)
            row[i] = ties ? rintf(row[i]) - 9 : row[i];
        if (r % 4 == 3)
            row[kc_random((uint32_t)cols)] = odd[kc_random(3)];
        if (r % 8 == 5) /* all equal, the lowest floats */
            for (int i = 0; i < cols; i++)
                row[i] = -0x1.fffffep127f;
        truth[r] = expect(row, cols);
    }
    kc_proof p = {call, &a, rows, 1, a.ids, truth, NULL, KC_INT};
    kc_prove(&p, what);
    if (!ties)
        kc_bench(&p, 4.0 * rows * cols, (double)rows * cols);
}

void argmax_kcheck(void)
{
    static const int shapes[][2] = {{1, 1},  {9, 2},    {64, 7},    {64, 8},    {64, 9},   {64, 17},
                                    {8, 64}, {3, 2048}, {1, 32000}, {8, 49152}, {1, 49152}};

    if (kc_enter(KC_SLOT(argmax), "argmax_selftest"))
        prove(6, 13, 0, "normal");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int rows = shapes[i][0], cols = shapes[i][1];
        if (!kc_enter(KC_SLOT(argmax), "argmax_%dx%d", rows, cols))
            continue;
        prove(rows, cols, 1, "ties");
        prove(rows, cols, 0, "normal");
    }
}
