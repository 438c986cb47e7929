/* Rows of a table: embedding, learned positions, and picking rows of activations. A block a row. */
#include "kernels/cuda.cuh"

enum { THREADS = 128 };

static __global__ void take_rows(__half *out, const __half *table, const int32_t *ids, int cols,
                                 bool adds)
{
    let_next_start();
    wait_for_others();
    const __half *from = table + (size_t)ids[blockIdx.x] * (size_t)cols;
    __half *to = out + (size_t)blockIdx.x * (size_t)cols;

    for (int i = (int)threadIdx.x; i < cols; i += THREADS)
        to[i] = adds ? to_half(__half2float(to[i]) + __half2float(from[i])) : from[i];
}

static void launch(qgk_ctx *ctx, void *out, const void *table, const int32_t *ids, int rows,
                   int cols, bool adds, const char *kernel)
{
    if (rows > 0)
        qgk_launch(ctx, kernel, take_rows, rows, THREADS, 0, (__half *)out, (const __half *)table,
                   ids, cols, adds);
}

static void embed(qgk_ctx *ctx, qgk_act *out, const qgk_half *table, const int32_t *ids, int rows,
                  int cols)
{
    launch(ctx, out, table, ids, rows, cols, false, "embed");
}

static void embed_add(qgk_ctx *ctx, qgk_act *x, const qgk_half *table, const int32_t *ids, int rows,
                      int cols)
{
    launch(ctx, x, table, ids, rows, cols, true, "embed_add");
}

static void gather(qgk_ctx *ctx, qgk_act *out, const qgk_act *x, const int32_t *index, int rows,
                   int cols)
{
    launch(ctx, out, x, index, rows, cols, false, "gather");
}

extern "C" void qgk_embed_cuda(qgk_table *t)
{
    t->embed = embed;
    t->embed_add = embed_add;
    t->gather = gather;
}
