/* Where a CUDA thread's pairs of elements stand in a row of heads: those at `low`, and those half a
 * head behind; [i] turns with angles[i], its cosine, and angles[head_dim / 2 + i], its sine.
 */
#ifndef QGK_ROPE_CUH
#define QGK_ROPE_CUH

#include "kernels/cuda.cuh"

typedef struct rope_pairs {
    __half *low;
    const float *angles;
} rope_pairs;

/* Of the i-th pair of row blockIdx.y, heads of head_dim elements, rows `stride` apart. */
static __device__ inline rope_pairs rope_at(__half *x, int stride, const float *cos_sin,
                                            const int32_t *row_pos, int head_dim, int i)
{
    int half_dim = head_dim / 2, head = i / half_dim, at = i - head * half_dim;
    const float *angles = cos_sin + (size_t)row_pos[blockIdx.y] * (size_t)head_dim + at;

    return {x + (size_t)blockIdx.y * (size_t)stride + head * head_dim + at, angles};
}

#endif
