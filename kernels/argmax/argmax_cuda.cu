/* The index of the largest, a block a row. Ties go to the lower index whatever thread saw which, so
 * how the row is dealt out shows nowhere. */
#include "kernels/cuda.cuh"

enum { THREADS = 512, WARPS = THREADS / QGK_WARP };

typedef struct best {
    float value;
    int index, bad; /* bad: something is not finite */
} best;

static __device__ best better(best a, best b)
{
    bool second = b.value > a.value || (b.value == a.value && b.index < a.index);

    return {second ? b.value : a.value, second ? b.index : a.index, a.bad | b.bad};
}

static __device__ best warp_best(best v)
{
    for (int step = QGK_WARP / 2; step > 0; step /= 2) {
        best other = {__shfl_xor_sync(0xffffffffu, v.value, step),
                      __shfl_xor_sync(0xffffffffu, v.index, step),
                      __shfl_xor_sync(0xffffffffu, v.bad, step)};
        v = better(v, other);
    }
    return v;
}

static __global__ void argmax_kernel(int32_t *ids, const float *logits, int cols)
{
    __shared__ best room[WARPS];
    const float *row = logits + (size_t)blockIdx.x * (size_t)cols;
    best v = {-INFINITY, INT32_MAX, 0};

    let_next_start();
    wait_for_others();
    for (int i = (int)threadIdx.x; i < cols; i += THREADS) {
        best one = {row[i], i, !isfinite(row[i])};
        v = better(v, one);
    }
    v = warp_best(v);
    if (lane_id() == 0)
        room[warp_id()] = v;
    __syncthreads();
    if (warp_id() != 0)
        return;
    best none = {-INFINITY, INT32_MAX, 0};
    v = warp_best(lane_id() < WARPS ? room[lane_id()] : none);
    if (lane_id() == 0)
        ids[blockIdx.x] = v.bad ? -1 : v.index;
}

static void argmax(qgk_ctx *ctx, int32_t *ids, const float *logits, int rows, int cols)
{
    if (rows > 0)
        qgk_launch(ctx, "argmax", argmax_kernel, rows, THREADS, 0, ids, logits, cols);
}

extern "C" void qgk_argmax_cuda(qgk_table *t)
{
    t->argmax = argmax;
}
