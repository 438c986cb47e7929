/* The kernel harness (kcheck.h): tiers, buffers, random contents, the proof and the clock.
 *
 * Tiers run in order, each with one more feature; a slot whose pointer an earlier tier had is not
 * proved again. A run is reproduced by its seed, and a single case too, as each case's random
 * numbers start from the seed and its name. Everything stands on libc alone, so that kernels stay
 * a leaf; a fault can be planted on purpose, because a judge that cannot say no is none.
 */
#include "kernels/kcheck.h"

#include "kcheck_cases.h"

#include <assert.h>
#include <fnmatch.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef QG_SANITIZED
enum { CANARY = 0 }; /* the sanitizer's own zones are wider and see reads too */
#else
enum { CANARY = 64 };
#endif
enum {
    MAX_BUFFERS = 256,
    CANARY_BYTE = 0xa5,
    FLUSH_BYTES = 64 << 20, /* beyond every cache */
    MAX_SAMPLES = 31
};

/* Threads of a proof: as many as asked for, and others that must not matter. */
enum { AS_ASKED, ONE, THREE, N_CONTEXTS };

/* What a tier may use, and without which of it there is no such tier. */
static const struct {
    const char *name;
    unsigned features, needs;
} tiers[] = {
    {"ref", 0, 0},
    {"avx2", QGK_CPU_AVX2, QGK_CPU_AVX2},
    {"avx512", QGK_CPU_ALL, QGK_CPU_AVX512},
    {"portable", QGK_CPU_ALL | QGK_PORTABLE, 0},
    {"cuda", QGK_CPU_ALL, 0},
    {"portable-cuda", QGK_CPU_ALL | QGK_PORTABLE, 0},
};
enum { N_TIERS = sizeof tiers / sizeof *tiers };

const char *const kc_faults[] = {"value",   "nan",    "repeat", "rows",
                                 "threads", "canary", "input",  NULL};

typedef struct buffer {
    unsigned char *base;
    size_t bytes;
    int is_output;
    uint64_t hash; /* of an input, before the call */
} buffer;

typedef struct ratio { /* speed-ups of one slot and tier, for the geometric mean */
    char op[32];
    int tier, n;
    double log_sum;
} ratio;

static struct {
    kc_options options;
    kc_counts counts;
    qgk_table table[N_TIERS];
    int tier;
    char name[96];
    uint64_t random;
    buffer buffers[MAX_BUFFERS]; /* first those that stay while the tier does */
    int n_buffers, n_staying, case_failed, in_case;
    qgk_ctx contexts[N_CONTEXTS];
    ratio ratios[64];
    int n_ratios;
    unsigned char *flush;
} kc;

/* ---- random numbers and contents ---- */

/* SplitMix64 (Steele, Lea and Flood 2014). */
static uint64_t random64(void)
{
    uint64_t z = kc.random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t kc_random(uint32_t below)
{
    return (uint32_t)(random64() % below);
}

/* The sum of four uniform numbers, scaled to variance 1. */
static float random_normal(void)
{
    uint64_t r = random64();
    double sum = (double)(r & 0xffff) + (double)(r >> 16 & 0xffff) + (double)(r >> 32 & 0xffff) +
                 (double)(r >> 48);
    return (float)((sum / 65535 - 2) * sqrt(3));
}

static int is_cuda_tier(int t)
{
    return strstr(tiers[t].name, "cuda") != NULL;
}

static int is_cuda(void)
{
    return is_cuda_tier(kc.tier);
}

/* Whether activations are halves. */
static int has_halves(void)
{
    return is_cuda() || (tiers[kc.tier].features & QGK_PORTABLE) != 0;
}

double kc_stored(double value)
{
    return has_halves() ? kc_half_value(qgk_half_from_float((float)value)) : (double)(float)value;
}

void kc_store(float *x, size_t count)
{
    for (size_t i = 0; has_halves() && i < count; i++)
        x[i] = (float)kc_stored((double)x[i]);
}

double kc_half_units(double n)
{
    return is_cuda() ? n * 0x1p-11 : 0;
}

void kc_fill(float *x, size_t count, kc_content content)
{
    for (size_t i = 0; i < count; i++) {
        float sign = random64() & 1 ? -1 : 1;
        switch (content) {
        case KC_LARGEST:
            x[i] = sign * 65504;
            break;
        case KC_DENORMAL:
            x[i] = sign * (has_halves() ? (float)(1 + kc_random(1023)) * 0x1p-24f
                                        : (float)(1 + kc_random(1 << 20)) * 0x1p-149f);
            break;
        case KC_ZEROS:
        case KC_ONE_HOT:
            x[i] = sign * 0.0f;
            break;
        default:
            x[i] = random_normal();
        }
    }
    if (content == KC_ONE_HOT && count > 0)
        x[random64() % count] = 1;
    kc_store(x, count);
}

void kc_fill_half(qgk_half *x, size_t count, kc_content content)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t r = random64();
        unsigned sign = (unsigned)(r & 0x8000u);
        switch (content) {
        case KC_LARGEST:
            x[i] = (qgk_half)(sign | 0x7bffu);
            break;
        case KC_DENORMAL:
            x[i] = (qgk_half)(sign | (1 + (r >> 16) % 1023));
            break;
        case KC_ZEROS:
            x[i] = (qgk_half)sign;
            break;
        default: /* one-hot inputs pick out single weights: these stay random. 2^-7 .. 1 */
            x[i] = (qgk_half)(sign | ((r >> 16 & 0x1fffu) % 0x1c00u + 0x2000u));
        }
    }
}

double kc_half_value(qgk_half h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31  ? (m ? (double)NAN : (double)INFINITY)
               : e == 0 ? ldexp(m, -24)
                        : ldexp(1024 + m, e - 25);
    return h & 0x8000 ? -v : v;
}

double kc_units(double n)
{
    return (kc.tier == 0 ? 1.001 : n) * 0x1p-24;
}

/* ---- cases and buffers ---- */

static uint64_t hash_of(const void *data, size_t bytes)
{
    uint64_t h = 0xcbf29ce484222325u, word;
    size_t i = 0;

    for (; i + 8 <= bytes; i += 8) {
        memcpy(&word, (const char *)data + i, 8);
        h = (h ^ word) * 0x100000001b3u;
        h ^= h >> 29;
    }
    for (; i < bytes; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
    return h;
}

static void print_rerun(void)
{
    printf("\n     rerun: kcheck --case '%s' --tier %s --seed %llu\n", kc.name, kc_table()->tier,
           (unsigned long long)kc.options.seed);
}

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;

    if (kc.options.fault) { /* it was found, as it should be */
        kc.case_failed = 1;
        return;
    }
    if (!kc.case_failed) {
        printf("FAIL %s %s: ", kc_table()->tier, kc.name);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        print_rerun();
    }
    kc.case_failed = 1;
}

#ifndef QG_SANITIZED /* which has a better handler */
/* A kernel that crashes leaves no way back, but the way to it. */
static void crashed(int signal_number)
{
    printf("FAIL %s %s: %s", kc_table()->tier, kc.name, strsignal(signal_number));
    print_rerun();
    fflush(stdout);
    _Exit(EXIT_FAILURE);
}
#endif

static void leave(void)
{
    if (kc.in_case) {
        if (kc.case_failed)
            kc.counts.failed++;
        else
            kc.counts.passed++;
    }
    while (kc.n_buffers > kc.n_staying)
        free(kc.buffers[--kc.n_buffers].base);
    kc.in_case = kc.case_failed = 0;
}

int kc_enter(size_t slot, const char *name, ...)
{
    void (*mine)(void), (*other)(void);
    va_list args;

    leave();
    va_start(args, name);
    vsnprintf(kc.name, sizeof kc.name, name, args);
    va_end(args);
    memcpy(&mine, (const char *)kc_table() + slot, sizeof mine);
    if (is_cuda() && !kc_cuda_is_new(slot))
        return 0;
    for (int t = 0; t < kc.tier; t++) { /* the CUDA tiers share what launches their kernels */
        memcpy(&other, (const char *)&kc.table[t] + slot, sizeof other);
        if (other == mine && !is_cuda_tier(t))
            return 0;
    }
    if (kc.options.only && fnmatch(kc.options.only, kc.name, 0) != 0)
        return 0;
    if (kc.options.list) {
        printf("%s %s\n", kc_table()->tier, kc.name);
        return 0;
    }
    kc.random = kc.options.seed ^ hash_of(kc.name, strlen(kc.name));
    for (int i = 0; i < N_CONTEXTS; i++) /* nothing may count on zeros */
        memset(kc.contexts[i].scratch, 0xff, kc.contexts[i].scratch_bytes);
    kc.in_case = 1;
    return 1;
}

int kc_affords(double multiplications)
{
    return kc.options.most <= 0 || multiplications <= kc.options.most;
}

const qgk_table *kc_table(void)
{
    return &kc.table[kc.tier];
}

static void *new_buffer(size_t bytes, int is_output)
{
    size_t all = (bytes + 2 * CANARY + 63) / 64 * 64;
    buffer *b = &kc.buffers[kc.n_buffers++];

    assert(kc.n_buffers <= MAX_BUFFERS);
    b->bytes = bytes;
    b->is_output = is_output;
    /* In a sanitizer build the block ends where the buffer ends, so the next byte is forbidden. */
    if (posix_memalign((void **)&b->base, 64, CANARY ? all : bytes + !bytes) != 0) {
        fprintf(stderr, "kcheck: no memory for %zu bytes\n", bytes);
        exit(EXIT_FAILURE);
    }
    memset(b->base, CANARY_BYTE, CANARY);
    memset(b->base + CANARY + bytes, CANARY_BYTE, CANARY);
    return b->base + CANARY;
}

void *kc_input(size_t bytes)
{
    return new_buffer(bytes, 0);
}

void *kc_output(size_t bytes)
{
    return new_buffer(bytes, 1);
}

double *kc_doubles(size_t count)
{
    return new_buffer(count * sizeof(double), 1);
}

/* ---- the proof ---- */

static void hash_inputs(void)
{
    for (int i = 0; i < kc.n_buffers; i++)
        if (!kc.buffers[i].is_output)
            kc.buffers[i].hash = hash_of(kc.buffers[i].base + CANARY, kc.buffers[i].bytes);
}

static void check_buffers(const char *what)
{
    for (int i = 0; i < kc.n_buffers; i++) {
        const buffer *b = &kc.buffers[i];
        for (int j = 0; j < CANARY; j++) {
            if (b->base[j] != CANARY_BYTE)
                fail("%s: wrote %d bytes before buffer %d", what, CANARY - j, i);
            if (b->base[CANARY + b->bytes + (size_t)j] != CANARY_BYTE)
                fail("%s: wrote %d bytes behind buffer %d", what, j + 1, i);
        }
        if (!b->is_output && hash_of(b->base + CANARY, b->bytes) != b->hash)
            fail("%s: changed its input, buffer %d", what, i);
    }
}

static size_t element_bytes(const kc_proof *p)
{
    return p->type == KC_DOUBLE ? sizeof(double) : 4;
}

static size_t out_bytes(const kc_proof *p)
{
    return (size_t)p->rows * (size_t)p->cols * element_bytes(p);
}

static double value_at(const kc_proof *p, size_t i)
{
    return p->type == KC_INT      ? ((const int32_t *)p->out)[i]
           : p->type == KC_DOUBLE ? ((const double *)p->out)[i]
                                  : (double)((const float *)p->out)[i];
}

static void put_value(const kc_proof *p, size_t i, double value)
{
    if (p->type == KC_INT)
        ((int32_t *)p->out)[i] = (int32_t)value;
    else if (p->type == KC_DOUBLE)
        ((double *)p->out)[i] = value;
    else
        ((float *)p->out)[i] = (float)value;
}

static void check_values(const kc_proof *p, const char *what)
{
    for (size_t i = 0; i < (size_t)p->rows * (size_t)p->cols; i++) {
        double got = value_at(p, i), truth = p->truth[i], bound = p->bound ? p->bound[i] : 0;
        if (has_halves() && p->type == KC_FLOAT) {
            bound += (fabs(truth) + bound) * 0x1p-11 + 0x1p-25;
            if (isinf(got) && fabs(truth) + bound >= 65504 && signbit(got) == signbit(truth))
                continue;
        }
        if ((isinf(truth) && got == truth) || (isnan(truth) && isnan(got)))
            continue;
        if (!(fabs(got - truth) <= bound)) {
            fail("%s, seed %llu: row %zu column %zu of %dx%d is %.9g, not %.9g; off by %.3g, "
                 "bound %.3g",
                 what, (unsigned long long)kc.options.seed, i / (size_t)p->cols,
                 i % (size_t)p->cols, p->rows, p->cols, got, p->truth[i], fabs(got - p->truth[i]),
                 bound);
            return;
        }
    }
}

/* Plants the fault called `kind` in the output, where it was asked for. */
static void plant(const kc_proof *p, const char *kind)
{
    size_t i = random64() % ((size_t)p->rows * (size_t)p->cols);
    int is_int = p->type == KC_INT;

    if (!kc.options.fault || strcmp(kc.options.fault, kind) != 0)
        return;
    if (strcmp(kind, "value") == 0)
        put_value(p, i,
                  p->truth[i] + 2 * (p->bound ? p->bound[i] : 0) + fabs(p->truth[i]) * 0x1p-20 +
                      (has_halves() ? (fabs(p->truth[i]) * 4 + 1) * 0x1p-11 : 0) +
                      (is_int ? 1 : 0x1p-148));
    else if (strcmp(kind, "nan") == 0)
        put_value(p, i, is_int ? 0x7fc00000 : (double)NAN);
    else if (strcmp(kind, "canary") == 0)
        ((unsigned char *)p->out)[out_bytes(p)]++;
    else if (strcmp(kind, "input") == 0) {
        for (int b = 0; b < kc.n_buffers; b++)
            if (!kc.buffers[b].is_output && kc.buffers[b].bytes > 0)
                kc.buffers[b].base[CANARY + random64() % kc.buffers[b].bytes] ^= 1;
    } else if (strcmp(kind, "rows") == 0 && is_cuda() && !is_int)
        put_value(p, i, (double)NAN); /* bits may differ there */
    else
        ((unsigned char *)p->out)[i * element_bytes(p)] ^= 1; /* the last bit */
}

static void poison(const kc_proof *p)
{
    memset(p->out, 0xff, out_bytes(p)); /* NaN, or -1 */
}

static void check_same(const kc_proof *p, const void *first, const char *what, const char *how)
{
    size_t count = (size_t)p->rows * (size_t)p->cols, size = element_bytes(p);

    for (size_t i = 0; i < count; i++)
        if (memcmp((const char *)p->out + size * i, (const char *)first + size * i, size) != 0) {
            fail("%s: row %zu column %zu has other bits %s", what, i / (size_t)p->cols,
                 i % (size_t)p->cols, how);
            return;
        }
}

static size_t scratch_size(int n_threads)
{
    qgk_limits limits = {.n_threads = n_threads,
                         .max_rows = 1024,
                         .max_seqs = 8,
                         .max_k = 1 << 14,
                         .max_n = 1 << 17,
                         .max_len = 1 << 12,
                         .n_heads = 64,
                         .head_dim = 256,
                         .formats = (1u << QGK_N_FORMATS) - 1};
    return kc_table()->scratch_bytes(&limits);
}

static qgk_ctx context(int n_threads)
{
    qgk_ctx ctx = {.table = kc_table(), .n_threads = n_threads};

    ctx.scratch_bytes = scratch_size(n_threads);
    ctx.scratch = new_buffer(ctx.scratch_bytes, 1);
    return ctx;
}

static void begin_tier(void)
{
    kc.contexts[AS_ASKED] = context(kc.options.n_threads);
    kc.contexts[ONE] = context(1);
    kc.contexts[THREE] = context(3);
    kc.n_staying = kc.n_buffers;
}

static void end_tier(void)
{
    kc.n_staying = 0;
    leave();
}

/* The rows in random portions, single ones among them. */
static void call_in_portions(const kc_proof *p, qgk_ctx *ctx)
{
    for (int row = 0; row < p->rows;) {
        int left = p->rows - row, n = random64() & 1 ? 1 : 1 + (int)kc_random((uint32_t)left);
        p->call(ctx, p->args, row, n);
        row += n;
    }
}

void kc_prove(const kc_proof *p, const char *what)
{
    int own = kc.n_buffers; /* what this proof adds is freed at its end */
    size_t bytes = out_bytes(p);

    if (kc.case_failed)
        return;
    hash_inputs();
    qgk_ctx *ctx = &kc.contexts[AS_ASKED];
    void *first = new_buffer(bytes, 1);
    poison(p);
    p->call(ctx, p->args, 0, p->rows);
    plant(p, "value");
    plant(p, "nan");
    check_values(p, what);
    memcpy(first, p->out, bytes);
    poison(p);
    p->call(ctx, p->args, 0, p->rows);
    plant(p, "repeat");
    check_same(p, first, what, "in a second call");
    poison(p);
    p->call(&kc.contexts[ONE], p->args, 0, p->rows);
    check_same(p, first, what, "on 1 thread");
    poison(p);
    p->call(&kc.contexts[THREE], p->args, 0, p->rows);
    plant(p, "threads");
    check_same(p, first, what, "on 3 threads");
    if (p->rows > 1) {
        poison(p);
        call_in_portions(p, ctx);
        plant(p, "rows");
        if (is_cuda())
            check_values(p, what);
        else
            check_same(p, first, what, "when rows are computed apart");
    }
    plant(p, "canary");
    plant(p, "input");
    check_buffers(what);
    while (kc.n_buffers > own)
        free(kc.buffers[--kc.n_buffers].base);
}

/* ---- the clock ---- */

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *sample, int n)
{
    qsort(sample, (size_t)n, sizeof *sample, by_value);
    return n % 2 ? sample[n / 2] : (sample[n / 2 - 1] + sample[n / 2]) / 2;
}

static void flush_caches(void)
{
    if (!kc.flush)
        kc.flush = malloc(FLUSH_BYTES);
    if (kc.flush)
        for (size_t i = 0; i < FLUSH_BYTES; i += 64)
            kc.flush[i]++;
}

typedef struct timing {
    double min_ns, median_ns, mad_ns;
} timing;

/* After a warm-up, up to MAX_SAMPLES calls within about budget_ns. */
static timing time_call(const kc_proof *p, const qgk_table *table, double budget_ns)
{
    double sample[MAX_SAMPLES];
    qgk_ctx ctx = context(kc.options.n_threads);
    int n = 0;

    ctx.table = table;
    if (is_cuda()) {
        timing r = {0};
        kc_device_ns = &r.median_ns;
        p->call(&ctx, p->args, 0, p->rows);
        kc_device_ns = NULL;
        r.min_ns = r.median_ns;
        free(kc.buffers[--kc.n_buffers].base);
        return r;
    }
    p->call(&ctx, p->args, 0, p->rows);
    for (double start = now_ns(); n < MAX_SAMPLES && (n < 3 || now_ns() - start < budget_ns); n++) {
        flush_caches();
        double t = now_ns();
        p->call(&ctx, p->args, 0, p->rows);
        sample[n] = now_ns() - t;
    }
    free(kc.buffers[--kc.n_buffers].base);
    timing r = {.median_ns = median(sample, n)};
    r.min_ns = sample[0]; /* sorted now */
    for (int i = 0; i < n; i++)
        sample[i] = fabs(sample[i] - r.median_ns);
    r.mad_ns = median(sample, n);
    return r;
}

static void count_ratio(double value)
{
    size_t length = strcspn(kc.name, "_");
    int i = 0;

    while (i < kc.n_ratios &&
           (kc.ratios[i].tier != kc.tier || strncmp(kc.ratios[i].op, kc.name, length) != 0 ||
            kc.ratios[i].op[length] != 0))
        i++;
    if (i == kc.n_ratios) {
        assert(kc.n_ratios < (int)(sizeof kc.ratios / sizeof *kc.ratios));
        kc.n_ratios++;
        kc.ratios[i].tier = kc.tier;
        snprintf(kc.ratios[i].op, sizeof kc.ratios[i].op, "%.*s", (int)length, kc.name);
    }
    kc.ratios[i].n++;
    kc.ratios[i].log_sum += log(value);
}

void kc_bench(const kc_proof *p, double bytes, double flops)
{
    if (!kc.options.bench || kc.case_failed)
        return;
    timing t = time_call(p, kc_table(), 3e8), ref = t;
    int tier = kc.tier;
    if (tier > 0 && !is_cuda()) {
        kc.tier = 0; /* its scratch */
        ref = time_call(p, &kc.table[0], 1e8);
        kc.tier = tier;
    }
    printf(kc.options.csv ? "%s,%s,%.0f,%.0f,%.0f,%.2f,%.2f,%.2f\n"
                          : "%-34s %-5s %12.0f %12.0f %9.0f %7.1f %8.1f %7.2fx\n",
           kc.name, kc_table()->tier, t.min_ns, t.median_ns, t.mad_ns, bytes / t.median_ns,
           flops / t.median_ns, ref.median_ns / t.median_ns);
    fflush(stdout);
    count_ratio(ref.median_ns / t.median_ns);
}

static void print_ratios(void)
{
    for (int i = 0; i < kc.n_ratios; i++)
        if (kc.ratios[i].tier > 0)
            printf("%-34s %-5s geometric mean of %d cases: %.2f times the reference\n",
                   kc.ratios[i].op, kc.table[kc.ratios[i].tier].tier, kc.ratios[i].n,
                   exp(kc.ratios[i].log_sum / kc.ratios[i].n));
}

kc_counts kc_run(const kc_options *options)
{
    memset(&kc, 0, sizeof kc);
    kc.options = *options;
#ifndef QG_SANITIZED
    signal(SIGSEGV, crashed);
    signal(SIGABRT, crashed); /* an assert of a kernel */
#endif
    if (options->bench)
        printf(options->csv
                   ? "case,tier,min_ns,median_ns,mad_ns,gb_s,gflop_s,ratio\n"
                   : "case                               tier        min ns    median ns    mad ns"
                     "    GB/s  GFLOP/s      ref\n");
    for (int t = 0; t < N_TIERS; t++) {
        kc.tier = t;
        qgk_table_init(&kc.table[t], tiers[t].features);
        int absent = (tiers[t].needs & ~qgk_cpu_features()) != 0;
        if (is_cuda()) /* a list needs no device */
            absent = !kc_cuda_slots(&kc.table[t], (tiers[t].features & QGK_PORTABLE) != 0) ||
                     (!options->list && !kc_cuda_open());
        if (options->tier && strcmp(options->tier, tiers[t].name) != 0)
            continue;
        if (absent) {
            if (!options->fault && !options->list)
                printf("skipped: tier %s, this machine lacks it\n", tiers[t].name);
            continue;
        }
        begin_tier();
#define X(name)                                                                                    \
    name();                                                                                        \
    leave();
        QGK_KCHECK_CASES(X)
#undef X
        end_tier();
    }
    if (!options->csv)
        print_ratios();
    free(kc.flush);
    return kc.counts;
}
