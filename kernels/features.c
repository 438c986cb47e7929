/* What this CPU and its operating system allow, as one bit a tier, and the names of tiers.
 *
 * cpuid tells what the CPU can do; xgetbv (Intel SDM volume 1, 13.3) whether the system saves the
 * registers that go with it. Built for the oldest CPU: it runs before anyone knows.
 */
#include "kernels/qgk.h"

#include <limits.h>
#include <string.h>

#ifdef __AVX__
#error "features.c must be built for the oldest CPU"
#endif

#ifdef __x86_64__
#include <cpuid.h>

/* The registers that the system saves: bit 1 xmm, bit 2 upper ymm, bits 5 to 7 masks and zmm. Only
 * where cpuid says OSXSAVE. */
static unsigned saved_registers(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static unsigned ask_cpu(void)
{
    unsigned a, b, c, d, b7, c7, d7, features = QGK_CPU_AVX2;
    const unsigned avx_family = bit_FMA | bit_OSXSAVE | bit_AVX | bit_F16C;
    const unsigned avx512_family = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;

    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & avx_family) != avx_family)
        return 0;
    if ((saved_registers() & 6) != 6)
        return 0;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7) || !(b7 & bit_AVX2))
        return 0;
    if ((saved_registers() & 0xe6) == 0xe6 && (b7 & avx512_family) == avx512_family) {
        features |= QGK_CPU_AVX512;
        if (c7 & bit_AVX512VNNI)
            features |= QGK_CPU_AVX512_VNNI;
    }
    return features;
}
#else
static unsigned ask_cpu(void)
{
    return 0;
}
#endif

unsigned qgk_cpu_features(void)
{
    static _Atomic unsigned cached = UINT_MAX;
    unsigned features = cached;

    if (features == UINT_MAX)
        cached = features = ask_cpu();
    return features;
}

unsigned qgk_features_parse(const char *tier)
{
    static const struct {
        const char *name;
        unsigned features;
    } tiers[] = {
        {"ref", 0},
        {"avx2", QGK_CPU_AVX2},
        {"avx512", QGK_CPU_ALL},
        {"portable", QGK_CPU_ALL | QGK_PORTABLE},
        {"auto", QGK_CPU_ALL},
    };

    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++)
        if (strcmp(tier, tiers[i].name) == 0)
            return tiers[i].features;
    return UINT_MAX;
}
