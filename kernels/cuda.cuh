/* What CUDA kernels share: their launch, sums over a warp and a block, halves sixteen bytes at a
 * time, and the matrix instructions by name.
 *
 * Kernels are static in their files; activations are halves.
 *
 * Launches overlap where the device can: the blocks of a kernel come up while the one before still
 * runs (programmatic dependent launch; CUDA C++ Programming Guide), and load what no kernel writes:
 * weights, and the tables of a batch, which come by copies, for which a stream waits. Every kernel
 * calls wait_for_others() before it reads what another one writes, and before it writes anything;
 * from then on all kernels before have ended. One that ends without having waited breaks the order
 * for those behind it.
 */
#ifndef QGK_CUDA_CUH
#define QGK_CUDA_CUH

#include <cuda_fp16.h>
#include <cuda_runtime.h>

extern "C" {
#include "kernels/tiers.h"
}

#include <cassert>
#include <cmath>

enum { QGK_WARP = 32 };

static inline cudaStream_t qgk_stream(const qgk_ctx *ctx)
{
    return (cudaStream_t)ctx->stream;
}

/* Blocks of the grid's third dimension that start together and see each other's shared memory. */
static inline cudaLaunchAttribute qgk_cluster_of(int blocks)
{
    cudaLaunchAttribute a = {};

    a.id = cudaLaunchAttributeClusterDimension;
    a.val.clusterDim.x = a.val.clusterDim.y = 1;
    a.val.clusterDim.z = (unsigned)blocks;
    return a;
}

/* As qgk_launch() does, `cluster` blocks of the grid's third dimension at a time: on Hopper, where
 * it is more than one. */
template <typename... Params, typename... Args>
static inline void qgk_launch_clusters(qgk_ctx *ctx, const char *name, void (*kernel)(Params...),
                                       dim3 grid, int cluster, dim3 block, size_t shared_bytes,
                                       Args... args)
{
    cudaLaunchConfig_t config = {};
    cudaLaunchAttribute attributes[2] = {};
    unsigned n = 0;

    if (ctx->capability >= 90) {
        attributes[n].id = cudaLaunchAttributeProgrammaticStreamSerialization;
        attributes[n++].val.programmaticStreamSerializationAllowed = 1;
    }
    if (cluster > 1)
        attributes[n++] = qgk_cluster_of(cluster);
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared_bytes;
    config.stream = qgk_stream(ctx);
    config.attrs = attributes;
    config.numAttrs = n;
    if (cudaLaunchKernelEx(&config, kernel, Params(args)...) != cudaSuccess && !ctx->failed)
        ctx->failed = name;
}

/* Starts a kernel on ctx->stream. The first that could not be started stays in ctx->failed, by
 * `name`. */
template <typename... Params, typename... Args>
static inline void qgk_launch(qgk_ctx *ctx, const char *name, void (*kernel)(Params...), dim3 grid,
                              dim3 block, size_t shared_bytes, Args... args)
{
    qgk_launch_clusters(ctx, name, kernel, grid, 1, block, shared_bytes, args...);
}

/* Until all kernels before have ended and what they wrote is seen here. */
static __device__ inline void wait_for_others()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/* Lets the blocks of the next kernel come up, once all blocks of this one have said so. */
static __device__ inline void let_next_start()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* Asks for bytes to come to the second cache, whole sixteens of them; one thread asks for all. */
static __device__ inline void prefetch(const void *p, size_t bytes)
{
#if __CUDA_ARCH__ >= 900
    if (bytes >= 16 && (size_t)p % 16 == 0)
        asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(p),
                     "r"((unsigned)bytes / 16 * 16)
                     : "memory");
#endif
}

template <typename T> static __host__ __device__ inline T qgk_ceil_div(T a, T b)
{
    return (a + b - 1) / b;
}

static __device__ inline int lane_id()
{
    return (int)threadIdx.x % QGK_WARP;
}

static __device__ inline int warp_id()
{
    return (int)threadIdx.x / QGK_WARP;
}

static __device__ inline float warp_sum(float v)
{
    for (int step = QGK_WARP / 2; step > 0; step /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, step);
    return v;
}

static __device__ inline float warp_max(float v)
{
    for (int step = QGK_WARP / 2; step > 0; step /= 2)
        v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, step));
    return v;
}

/* The sum over a block of whole warps, the same in every thread and in every run. `room` is shared
 * memory of a float a warp; a block may call this again after a __syncthreads(). */
static __device__ inline float block_sum(float v, float *room)
{
    v = warp_sum(v);
    if (lane_id() == 0)
        room[warp_id()] = v;
    __syncthreads();
    float sum = 0;
    for (int w = 0; w < (int)blockDim.x / QGK_WARP; w++)
        sum += room[w];
    return sum;
}

static __device__ inline float block_max(float v, float *room)
{
    v = warp_max(v);
    if (lane_id() == 0)
        room[warp_id()] = v;
    __syncthreads();
    float most = room[0];
    for (int w = 1; w < (int)blockDim.x / QGK_WARP; w++)
        most = fmaxf(most, room[w]);
    return most;
}

/* Rounded to a half; what is too large becomes infinite, as everywhere. */
static __device__ inline __half to_half(float v)
{
    return __float2half_rn(v);
}

/* VEC neighbours, at once where they are eight and stand at a multiple of 16 bytes. */
template <int VEC> static __device__ inline void load_halves(__half out[VEC], const __half *p)
{
    if constexpr (VEC == 8) {
        *(uint4 *)out = *(const uint4 *)p;
    } else {
        for (int i = 0; i < VEC; i++)
            out[i] = p[i];
    }
}

template <int VEC> static __device__ inline void store_halves(__half *p, const __half in[VEC])
{
    if constexpr (VEC == 8) {
        *(uint4 *)p = *(const uint4 *)in;
    } else {
        for (int i = 0; i < VEC; i++)
            p[i] = in[i];
    }
}

/* D = A B + D of a warp: A [16][16] and B [16][8] halves, D [16][8] float32. With g = lane / 4 and
 * t = lane % 4: a0 = A[g][2t..], a1 = A[g + 8][2t..], a2 = A[g][2t + 8..], a3 = A[g + 8][2t + 8..];
 * b0 = B[2t..][g], b1 = B[2t + 8..][g]; d0, d1 = D[g][2t..], d2, d3 = D[g + 8][2t..]   (PTX ISA,
 * mma.m16n8k16). */
static __device__ inline void mma_f16(float d[4], const unsigned a[4], unsigned b0, unsigned b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* The same of 8-bit integers: A [16][32], B [32][8], D [16][8] int32; four neighbours of k where a
 * half has two, 16 where it has 8   (mma.m16n8k32). */
static __device__ inline void mma_i8(int d[4], const unsigned a[4], unsigned b0, unsigned b1)
{
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Sixteen bytes into shared memory, both at a multiple of that, while the thread goes on; zeros
 * where they are not `wanted`   (PTX ISA, cp.async). */
static __device__ inline void copy_async(void *shared, const void *from, bool wanted)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     (unsigned)__cvta_generic_to_shared(shared)),
                 "l"(from), "r"(wanted ? 16 : 0)
                 : "memory");
}

/* Closes a group of copies. */
static __device__ inline void copy_async_close()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Until all of a thread's groups but the last N have come; others see them after a barrier. */
template <int N> static __device__ inline void copy_async_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

/* A barrier of `threads` threads, whole warps, that name the same one of 1 .. 15. */
static __device__ inline void meet(int barrier, int threads)
{
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

/* Sixteen bytes that are read once: past the first cache. */
static __device__ inline uint4 load_stream(const void *p)
{
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(p));
    return v;
}

#endif
