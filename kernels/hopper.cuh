/* What Hopper alone has: matrix instructions of a group of four warps, and copies of whole pieces
 * into shared memory that a barrier there counts (PTX ISA: wgmma, cp.async.bulk, mbarrier). Only
 * machine code for sm_90a holds them; elsewhere a kernel that asks for them stops with an error.
 */
#ifndef QGK_HOPPER_CUH
#define QGK_HOPPER_CUH

#include "kernels/cuda.cuh"

enum {
    SWIZZLE_BYTES = 128, /* of a column of the second operand */
    SWIZZLE_ROWS = 8,    /* columns after which the pattern repeats */
    SWIZZLE_ALIGN = SWIZZLE_ROWS * SWIZZLE_BYTES,
};

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define QGK_ON_HOPPER 1
#else
#define QGK_ON_HOPPER 0
#endif

static __device__ inline unsigned shared_address(const void *p)
{
    return (unsigned)__cvta_generic_to_shared(p);
}

/* ---- barriers that count ---- */

static __device__ inline void barrier_open(uint64_t *b, int arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(arrivals)
                 : "memory");
}

/* After all barriers of a block are open, before its __syncthreads(). */
static __device__ inline void barriers_opened()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

static __device__ inline void barrier_arrive(uint64_t *b)
{
    asm volatile(
        "{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%0]; }" ::"r"(shared_address(b))
        : "memory");
}

/* An arrival that waits for `bytes` of copies besides. */
static __device__ inline void barrier_expect(uint64_t *b, int bytes)
{
#if __CUDA_ARCH__ >= 900
    asm volatile(
        "{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1; }" ::"r"(
            shared_address(b)),
        "r"(bytes)
        : "memory");
#endif
}

/* Until the phase of that parity is over: 0 for the first. */
static __device__ inline void barrier_wait(uint64_t *b, int parity)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("{ .reg .pred done;\n"
                 "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 "@!done bra again; }" ::"r"(shared_address(b)),
                 "r"(parity)
                 : "memory");
#endif
}

/* Bytes, a multiple of 16, into shared memory; `b` counts them. */
static __device__ inline void copy_bulk(void *shared, const void *from, int bytes, uint64_t *b)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1], %2, [%3];" ::"r"(shared_address(shared)),
                 "l"(from), "r"(bytes), "r"(shared_address(b))
                 : "memory");
#endif
}

/* ---- matrix instructions ---- */

/* The second operand in shared memory: [columns][64] halves, each row's pieces of 16 bytes at
 * piece ^ column % 8, from a multiple of SWIZZLE_ALIGN on (PTX ISA, matrix descriptor: 128-byte
 * swizzle, 1024 bytes from eight columns to the next). Add 2 for the next 16 of the 64. */
static __device__ inline uint64_t operand_at(const void *shared)
{
    return (uint64_t)(shared_address(shared) >> 4 & 0x3fff) | (uint64_t)1 << 16 |
           (uint64_t)(SWIZZLE_ALIGN >> 4) << 32 | (uint64_t)1 << 62;
}

/* Before the first instruction, and after registers that one reads were written. */
static __device__ inline void warpgroup_enter()
{
#if QGK_ON_HOPPER
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

static __device__ inline void warpgroup_close()
{
#if QGK_ON_HOPPER
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}

/* Until all groups of instructions but the last N are done. */
template <int N> static __device__ inline void warpgroup_wait()
{
#if QGK_ON_HOPPER
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
#endif
}

#define QGK_4(a, i)  "+f"(a[i]), "+f"(a[i + 1]), "+f"(a[i + 2]), "+f"(a[i + 3])
#define QGK_16(a, i) QGK_4(a, i), QGK_4(a, i + 4), QGK_4(a, i + 8), QGK_4(a, i + 12)

/* D += A B of four warps: A [64][16] halves in registers, each warp's 16 rows as mma_f16 has them;
 * B [16][128] in shared memory, operand_at(); D [64][128] float32, for each eight columns as
 * mma_f16 leaves them (wgmma.m64n128k16). It runs on behind: see warpgroup_wait(). */
static __device__ inline void warpgroup_mma(float d[64], const unsigned a[4], uint64_t b)
{
#if QGK_ON_HOPPER
    asm volatile("{ .reg .pred on; setp.ne.b32 on, 1, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
                 "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
                 "}, {%64, %65, %66, %67}, %68, on, 1, 1, 0; }"
                 : QGK_16(d, 0), QGK_16(d, 16), QGK_16(d, 32), QGK_16(d, 48)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
#else
    __trap();
#endif
}

#undef QGK_4
#undef QGK_16

#endif
